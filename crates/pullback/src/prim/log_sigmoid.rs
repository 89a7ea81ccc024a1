//! `log_sigmoid`: `log(1 / (1 + e^-x))`, without overflow.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `log(1 / (1 + e^-x))`, without overflow.
    LogSigmoid, "log_sigmoid", |_| PointOp::LogSigmoid, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * (-&x[0]).sigmoid()),
    transpose |_s, operands, ct| not_linear("log_sigmoid", operands),
}

impl Tensor {
    /// `log(1 / (1 + e^-x))`, without overflow. Element by element, of floats.
    #[track_caller]
    pub fn log_sigmoid(&self) -> Tensor {
        bind(LogSigmoid, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(LogSigmoid, -4.0, 4.0, HARD)
}
