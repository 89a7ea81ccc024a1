//! `is_finite`: neither NaN nor infinite.

use crate::array::DType;
use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// Neither NaN nor infinite.
    IsFinite, "is_finite", |_| PointOp::IsFinite, takes Any, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("is_finite", operands),
}

impl Tensor {
    /// Neither NaN nor infinite, element by element.
    #[track_caller]
    pub fn is_finite(&self) -> Tensor {
        bind(IsFinite, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(IsFinite, -2.0, 2.0, HARD)
}
