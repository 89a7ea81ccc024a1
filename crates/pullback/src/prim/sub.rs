//! `sub`: `a - b`.

use crate::lowering::PointOp;
use crate::prim::operator::operator;
use crate::prim::pointwise::{add_some, pointwise};

pointwise! {
    /// `a - b`.
    Sub, "sub", |_| PointOp::Sub, takes Numbers, gives |_s, d| d,
    jvp |_s, x, y, dx| add_some(dx[0].clone(), dx[1].as_ref().map(|d| -d)),
    transpose |_s, operands, ct| vec![operands[0].fixed().is_none().then(|| ct.clone()), operands[1].fixed().is_none().then(|| -ct)],
}

operator!(Sub, sub, Sub);
