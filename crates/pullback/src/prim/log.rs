//! `log`: the natural logarithm; `log 0 = -inf`, NaN below.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The natural logarithm; `log 0 = -inf`, NaN below.
    Log, "log", |_| PointOp::Log, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d / &x[0]),
    transpose |_s, operands, ct| not_linear("log", operands),
}

impl Tensor {
    /// The natural logarithm; `log 0 = -inf`, NaN below. Element by element, of floats.
    #[track_caller]
    pub fn log(&self) -> Tensor {
        bind(Log, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Log, 0.2, 4.0, HARD)
}
