//! `erf`: the error function `2/sqrt(pi) ∫_0^x e^(-t^2) dt`.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The error function `2/sqrt(pi) ∫_0^x e^(-t^2) dt`.
    Erf, "erf", |_| PointOp::Erf, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * ((&x[0] * &x[0]) * -1.0).exp() * std::f64::consts::FRAC_2_SQRT_PI),
    transpose |_s, operands, ct| not_linear("erf", operands),
}

impl Tensor {
    /// The error function `2/sqrt(pi) ∫_0^x e^(-t^2) dt`. Element by element, of floats.
    #[track_caller]
    pub fn erf(&self) -> Tensor {
        bind(Erf, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(Erf, -2.0, 2.0, HARD)
}
