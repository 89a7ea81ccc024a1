//! `and`: both true, element by element; no derivative.

use crate::case::{Arg, Case};
use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::Tensor;

pointwise! {
    /// Both.
    And, "and", |_| PointOp::And, takes Bools, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("and", operands),
}

impl Tensor {
    /// Both true, element by element.
    #[track_caller]
    pub fn and<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(And, self, &other.into())
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::binary(And, |s| [Arg::bools(s.clone()), Arg::bools(s)])
}
