//! `polygamma`: the derivatives of `log Γ` from the second on; of order 0, `digamma`.

use crate::case::{Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The derivative of order `n + 1` of `log Γ`.
    Polygamma { n: u32 }, "polygamma", |s| PointOp::Polygamma(s.n), takes Floats, gives |_s, d| d,
    jvp |s, x, y, dx| dx[0].as_ref().map(|d| d * x[0].polygamma(s.n + 1)),
    transpose |_s, operands, ct| not_linear("polygamma", operands),
}

impl Tensor {
    /// The derivative of `log Γ`.
    #[track_caller]
    pub fn digamma(&self) -> Tensor {
        self.polygamma(0)
    }

    /// The derivative of order `n + 1` of `log Γ`.
    #[track_caller]
    pub fn polygamma(&self, n: u32) -> Tensor {
        bind(Polygamma { n }, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    (0..3).flat_map(|n| Case::unary(Polygamma { n }, 0.5, 4.0, HARD)).collect()
}
