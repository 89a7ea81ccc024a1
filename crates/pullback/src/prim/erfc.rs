//! `erfc`: `1 - erf(x)`, exact in the upper tail.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// `1 - erf(x)`, with full relative accuracy in the upper tail.
    Erfc, "erfc", |_| PointOp::Erfc, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * ((&x[0] * &x[0]) * -1.0).exp() * -std::f64::consts::FRAC_2_SQRT_PI),
    transpose |_s, operands, ct| not_linear("erfc", operands),
}

impl Tensor {
    /// `1 - erf(x)`, with full relative accuracy in the upper tail. Element by element, of floats.
    #[track_caller]
    pub fn erfc(&self) -> Tensor {
        bind(Erfc, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Erfc, -2.0, 2.0, HARD)
}
