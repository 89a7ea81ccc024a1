//! `softplus`: `log(1 + e^x)`, without overflow.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `log(1 + e^x)`, without overflow.
    Softplus, "softplus", |_| PointOp::Softplus, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * x[0].sigmoid()),
    transpose |_s, operands, ct| not_linear("softplus", operands),
}

impl Tensor {
    /// `log(1 + e^x)`, without overflow. Element by element, of floats.
    #[track_caller]
    pub fn softplus(&self) -> Tensor {
        bind(Softplus, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Softplus, -4.0, 4.0, HARD)
}
