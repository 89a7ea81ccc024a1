//! `or`: either true, element by element; no derivative.

use crate::case::{Arg, Case};
use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::Tensor;

pointwise! {
    /// Either or both.
    Or, "or", |_| PointOp::Or, takes Bools, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("or", operands),
}

impl Tensor {
    /// Either true, element by element.
    #[track_caller]
    pub fn or<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Or, self, &other.into())
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::binary(Or, |s| [Arg::bools(s.clone()), Arg::bools(s)])
}
