//! `mul`: `a · b`, element by element.

use crate::ir::Operand;
use crate::lowering::PointOp;
use crate::prim::operator::operator;
use crate::prim::pointwise::{add_some, not_linear, pointwise};

pointwise! {
    /// `a · b`, element by element.
    Mul, "mul", |_| PointOp::Mul, takes Numbers, gives |_s, d| d,
    jvp |_s, x, y, dx| add_some(dx[0].as_ref().map(|d| d * &x[1]), dx[1].as_ref().map(|d| &x[0] * d)),
    transpose |_s, operands, ct| match operands {
        [Operand::Linear(_), Operand::Fixed(b)] => vec![Some(ct * b), None],
        [Operand::Fixed(a), Operand::Linear(_)] => vec![None, Some(a * ct)],
        _ => not_linear("mul", operands),
    },
}

operator!(Mul, mul, Mul);
