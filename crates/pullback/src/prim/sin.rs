//! `sin`: the sine of an angle in radians.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The sine of an angle in radians.
    Sin, "sin", |_| PointOp::Sin, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * x[0].cos()),
    transpose |_s, operands, ct| not_linear("sin", operands),
}

impl Tensor {
    /// The sine of an angle in radians. Element by element, of floats.
    #[track_caller]
    pub fn sin(&self) -> Tensor {
        bind(Sin, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Sin, -4.0, 4.0, HARD)
}
