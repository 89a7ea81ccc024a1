//! `tanh`: the hyperbolic tangent.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The hyperbolic tangent.
    Tanh, "tanh", |_| PointOp::Tanh, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * (1.0 - y * y)),
    transpose |_s, operands, ct| not_linear("tanh", operands),
}

impl Tensor {
    /// The hyperbolic tangent. Element by element, of floats.
    #[track_caller]
    pub fn tanh(&self) -> Tensor {
        bind(Tanh, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Tanh, -2.0, 2.0, HARD)
}
