//! `abs`: the absolute value; its derivative at 0 is taken as 0.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::{not_linear, pointwise};
use crate::trace::{Tensor, bind};

pointwise! {
    /// The absolute value; its derivative at 0 is taken as 0.
    Abs, "abs", |_| PointOp::Abs, takes Signed, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| d * x[0].sign()),
    transpose |_s, operands, ct| not_linear("abs", operands),
}

impl Tensor {
    /// The absolute value; its derivative at 0 is taken as 0. Element by element, of floats or i32.
    #[track_caller]
    pub fn abs(&self) -> Tensor {
        bind(Abs, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::unary(Abs, 0.1, 2.0, HARD);
    cases.push(Case::new(Abs, [Arg::new(DType::I32, [4], -9.0, 9.0).at(&[f64::from(i32::MIN)])]));
    cases
}
