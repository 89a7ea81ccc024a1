//! `cos`: the cosine of an angle in radians.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The cosine of an angle in radians.
    Cos, "cos", |_| PointOp::Cos, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| -(d * x[0].sin())),
    transpose |_s, operands, ct| not_linear("cos", operands),
}

impl Tensor {
    /// The cosine of an angle in radians. Element by element, of floats.
    #[track_caller]
    pub fn cos(&self) -> Tensor {
        bind(Cos, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Cos, -4.0, 4.0, HARD)
}
