//! `add`: `a + b`.

use crate::lowering::PointOp;
use crate::prim::operator::operator;
use crate::prim::pointwise::{add_some, pointwise};

pointwise! {
    /// `a + b`.
    Add, "add", |_| PointOp::Add, takes Numbers, gives |_s, d| d,
    jvp |_s, x, y, dx| add_some(dx[0].clone(), dx[1].clone()),
    transpose |_s, operands, ct| operands.iter().map(|o| o.fixed().is_none().then(|| ct.clone())).collect(),
}

operator!(Add, add, Add);
