//! `pow`: `a^b`.

use crate::case::{Arg, Case, HARD};
use crate::lowering::PointOp;
use crate::prim::operator::{Scalar, binary};
use crate::prim::pointwise::{add_some, not_linear, pointwise};
use crate::trace::Tensor;

/// `a^b · log a`, 0 where `a` is 0: the derivative in `b` exists there for `b > 0`.
fn slope_in_exponent(a: &Tensor, y: &Tensor) -> Tensor {
    let zero = a.eq(0.0);
    y * zero.select(a.ones_like(), a).log()
}

/// `b · a^(b-1)`, 0 where `b` is 0 even at `a = 0`.
fn slope_in_base(a: &Tensor, b: &Tensor) -> Tensor {
    let flat = b.eq(0.0);
    b * a.pow(flat.select(b.ones_like(), &(b - 1.0)))
}

pointwise! {
    /// `a^b`.
    Pow, "pow", |_| PointOp::Pow, takes Floats, gives |_s, d| d,
    jvp |_s, x, y, dx| add_some(
        dx[0].as_ref().map(|d| d * slope_in_base(&x[0], &x[1])),
        dx[1].as_ref().map(|d| d * slope_in_exponent(&x[0], y)),
    ),
    transpose |_s, operands, ct| not_linear("pow", operands),
}

impl Tensor {
    /// `self^exponent`, element by element; NaN for a negative base and a fractional exponent.
    #[track_caller]
    pub fn pow<'a>(&self, exponent: impl Into<Scalar<'a>>) -> Tensor {
        binary(Pow, self, &exponent.into())
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    Case::binary(Pow, |s| [Arg::floats(s.clone()).within(0.3, 2.0).at(HARD), Arg::floats(s).at(HARD)])
}
