//! `exp`: `e^x`.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `e^x`.
    Exp, "exp", |_| PointOp::Exp, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * y),
    transpose |_s, operands, ct| not_linear("exp", operands),
}

impl Tensor {
    /// `e^x`. Element by element, of floats.
    #[track_caller]
    pub fn exp(&self) -> Tensor {
        bind(Exp, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Exp, -3.0, 3.0, HARD)
}
