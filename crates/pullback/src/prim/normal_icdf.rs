//! `normal_icdf`: the standard normal quantile on (0, 1); ∓inf at the ends.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

const SQRT_TAU: f64 = 2.506_628_274_631_000_5;

pointwise! {
    /// The standard normal quantile on (0, 1); ∓inf at the ends.
    NormalIcdf, "normal_icdf", |_| PointOp::NormalIcdf, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * (y * y * 0.5).exp() * SQRT_TAU),
    transpose |_s, operands, ct| not_linear("normal_icdf", operands),
}

impl Tensor {
    /// The standard normal quantile on (0, 1); ∓inf at the ends. Element by element, of floats.
    #[track_caller]
    pub fn normal_icdf(&self) -> Tensor {
        bind(NormalIcdf, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::unary(NormalIcdf, 0.05, 0.95, HARD)
}
