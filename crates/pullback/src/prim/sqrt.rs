//! `sqrt`: the square root; NaN below 0.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The square root; NaN below 0.
    Sqrt, "sqrt", |_| PointOp::Sqrt, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * 0.5 / y),
    transpose |_s, operands, ct| not_linear("sqrt", operands),
}

impl Tensor {
    /// The square root; NaN below 0. Element by element, of floats.
    #[track_caller]
    pub fn sqrt(&self) -> Tensor {
        bind(Sqrt, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Sqrt, 0.3, 4.0, HARD)
}
