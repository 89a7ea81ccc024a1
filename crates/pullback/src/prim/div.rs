//! `div`: `a / b`; of integers towards zero.

use crate::ir::Operand;
use crate::lowering::PointOp;
use crate::prim::operator::operator;
use crate::prim::pointwise::{add_some, not_linear, pointwise};

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
