//! The hyperbolic tangent.
//!
//! For f32 by the addition theorem: `|x| = n ln 2 / 2 + r` with `|r| <= ln 2 / 4`, `h = tanh(r)` by a polynomial, and
//! `tanh(n ln 2 / 2) = (s - 1) / (s + 1)` with `s = 2^n`, so that
//! `tanh |x| = (s - 1 + h (s + 1)) / (s + 1 + h (s - 1))`. Since `|h| < 1` the quotient is at most one, rounded as well.
//!
//! For f64 `t / (t + 2)` with `t = exp(2 |x|) - 1`: near zero `t` keeps its relative accuracy, and far out the quotient
//! damps its error.

use super::abreast::{Abreast, fma};
use super::exp::{nearest_f32, reduce_f64};
use super::poly::fma_f64;

/// `tanh(x)`; at most 2.6 ulp.
#[inline(always)]
pub(super) fn tanh_f32<const FMA: bool, const N: usize>(x: Abreast<N>) -> Abreast<N> {
    use std::f32::consts::{LN_2, LOG2_E};
    // From 8.5 on the result is one: there `s - 1` and `s + 1` are the same number.
    let a = x.abs().at_most(10.0);
    let (n, s) = nearest_f32::<FMA, N>(a, 2.0 * LOG2_E, 127.0);
    // One part of `ln 2` is enough: the farther out, the less does an error of `r` matter.
    let r = fma::<FMA, N>(-n, LN_2 / 2.0, a);
    let square = r * r;
    let p = fma::<FMA, N>(square, 0.131_104_52, -0.333_312_7);
    let h = fma::<FMA, N>(r * square, p, r);
    let (less, more) = (s - 1.0, s + 1.0);
    let quotient = fma::<FMA, N>(h, more, less) / fma::<FMA, N>(h, less, more);
    quotient.zip(x, |q, x| f32::from_bits(q.to_bits() | (x.to_bits() & (1 << 31))))
}

/// `tanh(x)`; at most 1.9 ulp.
#[inline(always)]
pub(super) fn tanh_f64<const FMA: bool>(x: f64) -> f64 {
    // Beyond 19.07 the result rounds to one.
    let a = x.abs();
    let a = if a > 20.0 { 20.0 } else { a };
    let (_, s, q) = reduce_f64::<FMA>(a + a, 0.0, 1023.0);
    let t = fma_f64::<FMA>(s, q, s - 1.0);
    (t / (t + 2.0)).copysign(x)
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::super::check::{exact_f32, rows_f64, sweep};
    use super::*;
    use crate::math::Real;

    #[test]
    fn tanh() {
        // 50-digit mpmath.
        let rows = [
            (-800.0, -1.0),
            (-100.0, -1.0),
            (-40.0, -1.0),
            (-20.0, -1.0),
            (-5.5, -0.9999665971563038),
            (-1.0, -0.7615941559557649),
            (-0.001, -0.0009999996666668),
            (-1e-08, -1e-08),
            (0.0, 0.0),
            (1e-08, 1e-08),
            (0.001, 0.0009999996666668),
            (0.5, 0.46211715726000974),
            (1.0, 0.7615941559557649),
            (5.5, 0.9999665971563038),
            (20.0, 1.0),
            (40.0, 1.0),
            (100.0, 1.0),
            (700.0, 1.0),
        ];
        rows_f64(tanh_f64::<true>, &rows);
        rows_f64(tanh_f64::<false>, &rows);
        let special = [
            (0.0, 0.0),
            (-0.0, -0.0),
            (1e-45, 1e-45),
            (f32::INFINITY, 1.0),
            (f32::NEG_INFINITY, -1.0),
            (f32::NAN, f32::NAN),
        ];
        exact_f32(<f32 as Real>::tanh::<true>, &special);
        exact_f32(<f32 as Real>::tanh::<false>, &special);
        rows_f64(tanh_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(<f32 as Real>::tanh::<true>, tanh_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 2.6);
        sweep(<f32 as Real>::tanh::<false>, tanh_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 2.6);
        for x in (0..=f32::INFINITY.to_bits()).step_by(1021).map(f32::from_bits) {
            for (y, z) in [
                (<f32 as Real>::tanh::<true>(x), <f32 as Real>::tanh::<true>(-x)),
                (<f32 as Real>::tanh::<false>(x), <f32 as Real>::tanh::<false>(-x)),
            ] {
                assert!(y <= 1.0 && z.to_bits() == (-y).to_bits() && (x < 8.5 || y == 1.0), "at {x:e}: {y:e}, {z:e}");
            }
        }
    }
}
