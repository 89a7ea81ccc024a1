//! The hyperbolic tangent, `t / (t + 2)` with `t = exp(2 |x|) - 1`: near zero `t` keeps its
//! relative accuracy, and far out the quotient damps its error.

use super::exp::{reduce_f32, reduce_f64};
use super::poly::{fma_f32, fma_f64};

/// `tanh(x)`; at most 2.5 ulp.
#[inline(always)]
pub(super) fn tanh_f32<const FMA: bool>(x: f32) -> f32 {
    // Beyond 9.02 the result rounds to one.
    let a = x.abs();
    let a = if a > 10.0 { 10.0 } else { a };
    let (_, s, q) = reduce_f32::<FMA>(a + a, 127.0);
    let t = fma_f32::<FMA>(s, q, s - 1.0);
    (t / (t + 2.0)).copysign(x)
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
        exact_f32(tanh_f32::<true>, &special);
        exact_f32(tanh_f32::<false>, &special);
        rows_f64(tanh_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(tanh_f32::<true>, tanh_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
        sweep(tanh_f32::<false>, tanh_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
    }
}
