//! `sigmoid`: `1 / (1 + e^-x)`.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `1 / (1 + e^-x)`.
    Sigmoid, "sigmoid", |_| PointOp::Sigmoid, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * (y * (-&x[0]).sigmoid())),
    transpose |_s, operands, ct| not_linear("sigmoid", operands),
}

impl Tensor {
    /// `1 / (1 + e^-x)`. Element by element, of floats.
    #[track_caller]
    pub fn sigmoid(&self) -> Tensor {
        bind(Sigmoid, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Sigmoid, -4.0, 4.0, HARD)
}
