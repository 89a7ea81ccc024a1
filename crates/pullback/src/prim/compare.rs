//! The six comparisons; truth values out, no derivative.

use crate::array::DType;
use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::Tensor;

pointwise! {
    /// `a = b`.
    Eq, "eq", |_| PointOp::Eq, takes Any, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("eq", operands),
}

pointwise! {
    /// `a ≠ b`.
    Ne, "ne", |_| PointOp::Ne, takes Any, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("ne", operands),
}

pointwise! {
    /// `a < b`.
    Lt, "lt", |_| PointOp::Lt, takes Numbers, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("lt", operands),
}

pointwise! {
    /// `a ≤ b`.
    Le, "le", |_| PointOp::Le, takes Numbers, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("le", operands),
}

pointwise! {
    /// `a > b`.
    Gt, "gt", |_| PointOp::Gt, takes Numbers, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("gt", operands),
}

pointwise! {
    /// `a ≥ b`.
    Ge, "ge", |_| PointOp::Ge, takes Numbers, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("ge", operands),
}

impl Tensor {
    /// `a = b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn eq<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Eq, self, &other.into())
    }

    /// `a ≠ b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn ne<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Ne, self, &other.into())
    }

    /// `a < b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn lt<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Lt, self, &other.into())
    }

    /// `a ≤ b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn le<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Le, self, &other.into())
    }

    /// `a > b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn gt<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Gt, self, &other.into())
    }

    /// `a ≥ b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn ge<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Ge, self, &other.into())
    }
}
