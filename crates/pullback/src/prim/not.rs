//! `not`: the opposite, element by element; no derivative.

use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
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
