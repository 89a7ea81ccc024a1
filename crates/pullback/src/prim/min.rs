//! `min` of two tensors; where they are equal each takes half of the derivative, as in JAX.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{not_linear, pointwise};
use crate::shape::Shape;
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

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::binary(Min, |s| [Arg::floats(s.clone()).at(HARD), Arg::floats(s).at(HARD)]);
    for dtype in [DType::I32, DType::U32] {
        let arg = |s: Shape| Arg::new(dtype, s, 0.0, 9.0).at(&[f64::from(u32::MAX), f64::from(i32::MIN)]);
        cases.extend(Case::binary(Min, |s| [arg(s.clone()), arg(s)]));
    }
    cases
}
