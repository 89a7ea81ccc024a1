//! `and`, `or`, `not` of truth values.

use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// Both.
    And, "and", |_| PointOp::And, takes Bools, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("and", operands),
}

pointwise! {
    /// Either or both.
    Or, "or", |_| PointOp::Or, takes Bools, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("or", operands),
}

pointwise! {
    /// The opposite.
    Not, "not", |_| PointOp::Not, takes Bools, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("not", operands),
}

impl Tensor {
    /// Both true, element by element.
    #[track_caller]
    pub fn and<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(And, self, &other.into())
    }

    /// Either true, element by element.
    #[track_caller]
    pub fn or<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Or, self, &other.into())
    }

    /// The opposite, element by element.
    #[track_caller]
    #[allow(clippy::should_implement_trait, reason = "`!tensor` would read as if it returned bool")]
    pub fn not(&self) -> Tensor {
        bind(Not, &[self])
    }
}
