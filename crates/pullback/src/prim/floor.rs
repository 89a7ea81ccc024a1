//! `floor`: the greatest whole number not above `x`; its derivative is taken as 0.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The greatest whole number not above `x`; its derivative is taken as 0.
    Floor, "floor", |_| PointOp::Floor, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("floor", operands),
}

impl Tensor {
    /// The greatest whole number not above `x`; its derivative is taken as 0. Element by element, of floats.
    #[track_caller]
    pub fn floor(&self) -> Tensor {
        bind(Floor, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Floor, 0.1, 0.9, HARD)
}
