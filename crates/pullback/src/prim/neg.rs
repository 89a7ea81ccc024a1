//! `neg`: `-x`.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
use crate::lowering::PointOp;
use crate::prim::pointwise::pointwise;
use crate::trace::{Tensor, bind};

pointwise! {
    /// `-x`.
    Neg, "neg", |_| PointOp::Neg, takes Signed, gives |_s, d| d,
    jvp |_s, x, y, dx| dx[0].as_ref().map(|d| -d),
    transpose |_s, operands, ct| vec![Some(-ct)],
}

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        bind(Neg, &[self])
    }
}

impl std::ops::Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        bind(Neg, &[&self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::unary(Neg, -2.0, 2.0, HARD);
    cases.push(Case::new(Neg, [Arg::new(DType::I32, [4], -9.0, 9.0).at(&[f64::from(i32::MIN)])]));
    cases
}
