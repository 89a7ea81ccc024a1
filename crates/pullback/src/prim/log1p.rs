//! `log1p`: `log(1 + x)`, exact near 0.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `log(1 + x)`, exact near 0.
    Log1p, "log1p", |_| PointOp::Log1p, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d / (&x[0] + 1.0)),
    transpose |_s, operands, ct| not_linear("log1p", operands),
}

impl Tensor {
    /// `log(1 + x)`, exact near 0. Element by element, of floats.
    #[track_caller]
    pub fn log1p(&self) -> Tensor {
        bind(Log1p, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Log1p, -0.6, 3.0, HARD)
}
