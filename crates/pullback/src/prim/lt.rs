//! `lt`: `a < b`, element by element; no derivative.

use crate::array::DType;
use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::Tensor;

pointwise! {
    /// `a < b`.
    Lt, "lt", |_| PointOp::Lt, takes Numbers, gives |_s, _d| DType::Bool,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("lt", operands),
}

impl Tensor {
    /// `a < b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn lt<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Lt, self, &other.into())
    }
}
