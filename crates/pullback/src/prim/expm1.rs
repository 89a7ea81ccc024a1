//! `expm1`: `e^x - 1`, exact near 0.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `e^x - 1`, exact near 0.
    Expm1, "expm1", |_| PointOp::Expm1, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * (y + 1.0)),
    transpose |_s, operands, ct| not_linear("expm1", operands),
}

impl Tensor {
    /// `e^x - 1`, exact near 0. Element by element, of floats.
    #[track_caller]
    pub fn expm1(&self) -> Tensor {
        bind(Expm1, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Expm1, -2.0, 2.0, HARD)
}
