//! `min` of two tensors; where they are equal each takes half of the derivative, as in JAX.

use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::Tensor;

pointwise! {
    /// The lesser of `a` and `b`; NaN where either is.
    Min, "min", |_| PointOp::Min, takes Numbers, gives |_s, d| d,
    jvp |_s, x, y, dx| super::max::tangent(x, y, dx),
    transpose |_s, operands, ct| not_linear("min", operands),
}

impl Tensor {
    /// The lesser, element by element; NaN where either is.
    #[track_caller]
    pub fn minimum<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Min, self, &other.into())
    }
}
