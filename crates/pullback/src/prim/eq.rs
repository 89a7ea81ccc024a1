//! `eq`: `a = b`, element by element; no derivative.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
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

impl Tensor {
    /// `a = b`. Element by element, broadcasting; bool.
    #[track_caller]
    pub fn eq<'a>(&self, other: impl Into<Scalar<'a>>) -> Tensor {
        binary(Eq, self, &other.into())
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::binary(Eq, |s| [Arg::floats(s.clone()).at(HARD), Arg::floats(s).at(HARD)]);
    for dtype in [DType::I32, DType::U32, DType::Bool] {
        cases.extend(Case::binary(Eq, |s| [Arg::new(dtype, s.clone(), 0.0, 1.0), Arg::new(dtype, s, 0.0, 1.0)]));
    }
    cases
}
