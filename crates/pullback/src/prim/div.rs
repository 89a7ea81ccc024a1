//! `div`: `a / b`; of integers towards zero.

use crate::array::DType;
use crate::case::{Arg, Case, HARD};
use crate::ir::Operand;
use crate::lowering::PointOp;
use crate::prim::operator::operator;
use crate::prim::pointwise::{add_some, not_linear, pointwise};
use crate::shape::Shape;

pointwise! {
    /// `a / b`; of integers towards zero.
    Div, "div", |_| PointOp::Div, takes Numbers, gives |_s, d| d,
    jvp |_s, x, y, dx| add_some(dx[0].as_ref().map(|d| d / &x[1]), dx[1].as_ref().map(|d| -(d * (y / &x[1])))),
    transpose |_s, operands, ct| match operands {
        [Operand::Linear(_), Operand::Fixed(b)] => vec![Some(ct / b), None],
        _ => not_linear("div", operands),
    },
}

operator!(Div, div, Div);

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Case::binary(Div, |s| [Arg::floats(s.clone()).at(HARD), Arg::floats(s).within(0.5, 2.0).at(HARD)]);
    for dtype in [DType::I32, DType::U32] {
        let arg = |s: Shape| Arg::new(dtype, s, 0.0, 9.0).at(&[-1.0, f64::from(u32::MAX), f64::from(i32::MIN)]);
        cases.extend(Case::binary(Div, |s| [arg(s.clone()), arg(s)]));
    }
    cases
}
