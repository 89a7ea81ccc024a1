//! `sub`: `a - b`.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
use crate::lowering::PointOp;
use crate::prim::operator::operator;
use crate::prim::pointwise::{add_some, pointwise};
use crate::shape::Shape;

pointwise! {
    /// `a - b`.
    Sub, "sub", |_| PointOp::Sub, takes Numbers, gives |_s, d| d,
    jvp |_s, x, y, dx| add_some(dx[0].clone(), dx[1].as_ref().map(|d| -d)),
    transpose |_s, operands, ct| vec![operands[0].fixed().is_none().then(|| ct.clone()), operands[1].fixed().is_none().then(|| -ct)],
}

operator!(Sub, sub, Sub);

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::binary(Sub, |s| [Arg::floats(s.clone()).at(HARD), Arg::floats(s).at(HARD)]);
    for dtype in [DType::I32, DType::U32] {
        let arg = |s: Shape| Arg::new(dtype, s, 0.0, 9.0).at(&[f64::from(u32::MAX), f64::from(i32::MIN)]);
        cases.extend(Case::binary(Sub, |s| [arg(s.clone()), arg(s)]));
    }
    cases
}
