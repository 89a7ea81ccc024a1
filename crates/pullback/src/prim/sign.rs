//! `sign`: -1, 0 or 1; its derivative is taken as 0.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// -1, 0 or 1; its derivative is taken as 0.
    Sign, "sign", |_| PointOp::Sign, takes Signed, gives |_s, d| d,
    jvp |_s, x, y, dx| None,
    transpose |_s, operands, ct| not_linear("sign", operands),
}

impl Tensor {
    /// -1, 0 or 1; its derivative is taken as 0. Element by element, of floats or i32.
    #[track_caller]
    pub fn sign(&self) -> Tensor {
        bind(Sign, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::unary(Sign, -2.0, -0.1, HARD);
    cases.push(Case::new(Sign, [Arg::new(DType::I32, [4], -9.0, 9.0).at(&[f64::from(i32::MIN)])]));
    cases
}
