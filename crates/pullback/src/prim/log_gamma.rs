//! `log_gamma`: `log |Γ(x)|`.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `log |Γ(x)|`.
    LogGamma, "log_gamma", |_| PointOp::LogGamma, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * x[0].digamma()),
    transpose |_s, operands, ct| not_linear("log_gamma", operands),
}

impl Tensor {
    /// `log |Γ(x)|`. Element by element, of floats.
    #[track_caller]
    pub fn log_gamma(&self) -> Tensor {
        bind(LogGamma, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(LogGamma, 0.4, 5.0, HARD)
}
