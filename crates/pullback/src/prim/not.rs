//! `not`: the opposite, element by element; no derivative.

use crate::case::{Arg, Case};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::shape::Dim;
use crate::trace::{Tensor, bind};

pointwise! {
    /// The opposite.
    Not, "not", |_| PointOp::Not, takes Bools, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("not", operands),
}

impl Tensor {
    /// The opposite, element by element.
    #[track_caller]
    #[allow(clippy::should_implement_trait, reason = "`!tensor` would read as if it returned bool")]
    pub fn not(&self) -> Tensor {
        bind(Not, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(Not, [Arg::bools([5])]), Case::new(Not, [Arg::bools(vec![Dim::fresh_rows()])])]
}
