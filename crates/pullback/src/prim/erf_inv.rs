//! `erf_inv`: the inverse of the error function on (-1, 1); ±inf at the ends.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The inverse of the error function on (-1, 1); ±inf at the ends.
    ErfInv, "erf_inv", |_| PointOp::ErfInv, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * (y * y).exp() * (0.5 / std::f64::consts::FRAC_2_SQRT_PI * 2.0)),
    transpose |_s, operands, ct| not_linear("erf_inv", operands),
}

impl Tensor {
    /// The inverse of the error function on (-1, 1); ±inf at the ends. Element by element, of floats.
    #[track_caller]
    pub fn erf_inv(&self) -> Tensor {
        bind(ErfInv, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(ErfInv, -0.9, 0.9, HARD)
}
