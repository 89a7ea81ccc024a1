//! `max` of two tensors; where they are equal each takes half of the derivative, as in JAX.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{add_some, not_linear, pointwise};
use crate::shape::Shape;
use crate::trace::Tensor;

/// 1 where `winner` is the result, 1/2 where both are, 0 elsewhere.
pub(super) fn share(winner: &Tensor, other: &Tensor, result: &Tensor) -> Tensor {
    let wins = winner.eq(result).cast(result.dtype());
    let tie = winner.eq(other).cast(result.dtype());
    wins * (1.0 - tie * 0.5)
}

pub(super) fn tangent(x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
    add_some(dx[0].as_ref().map(|d| d * share(&x[0], &x[1], y)), dx[1].as_ref().map(|d| d * share(&x[1], &x[0], y)))
}

pointwise! {
    /// The greater of `a` and `b`; NaN where either is.
    Max, "max", |_| PointOp::Max, takes Numbers, gives |_s, d| d,
    jvp |_s, x, y, dx| tangent(x, y, dx),
    transpose |_s, operands, ct| not_linear("max", operands),
}

impl Tensor {
    /// The greater, element by element; NaN where either is.
    #[track_caller]
    pub fn maximum<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Max, self, &other.into())
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::binary(Max, |s| [Arg::floats(s.clone()).at(HARD), Arg::floats(s).at(HARD)]);
    for dtype in [DType::I32, DType::U32] {
        let arg = |s: Shape| Arg::new(dtype, s, 0.0, 9.0).at(&[f64::from(u32::MAX), f64::from(i32::MIN)]);
        cases.extend(Case::binary(Max, |s| [arg(s.clone()), arg(s)]));
    }
    cases
}
