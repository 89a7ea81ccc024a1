//! `rsqrt`: `1 / sqrt(x)`.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `1 / sqrt(x)`.
    Rsqrt, "rsqrt", |_| PointOp::Rsqrt, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * (y / &x[0] * -0.5)),
    transpose |_s, operands, ct| not_linear("rsqrt", operands),
}

impl Tensor {
    /// `1 / sqrt(x)`. Element by element, of floats.
    #[track_caller]
    pub fn rsqrt(&self) -> Tensor {
        bind(Rsqrt, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Rsqrt, 0.3, 3.0, HARD)
}
