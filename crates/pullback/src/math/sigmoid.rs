//! The logistic function and `softplus(x) = log(1 + exp(x))`.
//!
//! Both start from `t = exp(-|x|)`, which cannot overflow: `sigmoid` is `1 / (1 + t)` or `t / (1 +
//! t)`, and `softplus(x) = max(x, 0) + log1p(t)`. Since `t <= 1`, f32 needs one polynomial,
//! `log1p(t) = t + t^2 P(t)`, and f64 only the exponents 0 and 1 of `1 + t`.

use super::abreast::{Abreast, fma};
use super::exp::{abs_decay_f64, decay_f32};
use super::log::compose_f64;

/// `1 / (1 + exp(-x))`; at most 2.3 ulp.
#[inline(always)]
pub(super) fn sigmoid_f32<const FMA: bool, const N: usize>(x: Abreast<N>) -> Abreast<N> {
    let t = decay_f32::<FMA, N>(x);
    t.where_of(x, |x| x < 0.0, 1.0) / (1.0 + t)
}

/// `1 / (1 + exp(-x))`; at most 1.7 ulp.
#[inline(always)]
pub(super) fn sigmoid_f64<const FMA: bool>(x: f64) -> f64 {
    let t = abs_decay_f64::<FMA>(x);
    let top = if x < 0.0 { t } else { 1.0 };
    top / (1.0 + t)
}

/// `log(1 + exp(x))`; at most 2.5 ulp.
#[inline(always)]
pub(super) fn softplus_f32<const FMA: bool, const N: usize>(x: Abreast<N>) -> Abreast<N> {
    let t = decay_f32::<FMA, N>(x);
    let p = poly!(fma::<FMA, N>, t;
        -0.499_999_3, 0.333_304_73, -0.249_582_3, 0.196_937_4, -0.153_510_02, 0.106_736_36,
        -0.057_600_25, 0.020_172_18, -0.003_311_608);
    x.map(|x| if x > 0.0 { x } else { 0.0 }) + fma::<FMA, N>(t * t, p, t)
}

/// `log(1 + exp(x))`; at most 1.5 ulp.
#[inline(always)]
pub(super) fn softplus_f64<const FMA: bool>(x: f64) -> f64 {
    let t = abs_decay_f64::<FMA>(x);
    let large = t > 0.414;
    let f = if large { 0.5 * t - 0.5 } else { t };
    let k = if large { 1.0 } else { 0.0 };
    let base = if x > 0.0 { x } else { 0.0 };
    base + compose_f64::<FMA>(k, f)
}

/// `log(sigmoid(x))`; at most 2.4 ulp.
#[inline(always)]
pub(super) fn log_sigmoid_f32<const FMA: bool, const N: usize>(x: Abreast<N>) -> Abreast<N> {
    -softplus_f32::<FMA, N>(-x)
}

/// `log(sigmoid(x))`; at most 1.5 ulp.
#[inline(always)]
pub(super) fn log_sigmoid_f64<const FMA: bool>(x: f64) -> f64 {
    -softplus_f64::<FMA>(-x)
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::super::check::{exact_f32, rows_f64, sweep};
    use super::*;
    use crate::math::Real;

    #[test]
    fn sigmoid() {
        // 50-digit mpmath.
        let rows = [
            (-800.0, 0.0),
            (-100.0, 3.720075976020836e-44),
            (-40.0, 4.248354255291589e-18),
            (-20.0, 2.0611536181902037e-09),
            (-5.5, 0.004070137715896128),
            (-1.0, 0.2689414213699951),
            (-0.001, 0.4997500000208333),
            (-1e-08, 0.4999999975),
            (0.0, 0.5),
            (1e-08, 0.5000000025),
            (0.001, 0.5002499999791666),
            (0.5, 0.6224593312018546),
            (1.0, 0.7310585786300049),
            (5.5, 0.9959298622841039),
            (20.0, 0.9999999979388464),
            (40.0, 1.0),
            (100.0, 1.0),
            (700.0, 1.0),
        ];
        rows_f64(sigmoid_f64::<true>, &rows);
        rows_f64(sigmoid_f64::<false>, &rows);
        let special = [(0.0, 0.5), (f32::INFINITY, 1.0), (f32::NEG_INFINITY, 0.0), (f32::NAN, f32::NAN)];
        exact_f32(<f32 as Real>::sigmoid::<true>, &special);
        exact_f32(<f32 as Real>::sigmoid::<false>, &special);
        rows_f64(sigmoid_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        assert!((sigmoid_f64::<true>(-700.0) / 9.859_676_543_759_77e-305 - 1.0).abs() < 1e-13);
        sweep(<f32 as Real>::sigmoid::<true>, sigmoid_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
        sweep(<f32 as Real>::sigmoid::<false>, sigmoid_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
    }

    #[test]
    fn softplus() {
        // 50-digit mpmath.
        let rows = [
            (-800.0, 0.0),
            (-100.0, 3.720075976020836e-44),
            (-40.0, 4.248354255291589e-18),
            (-20.0, 2.061153620314381e-09),
            (-5.5, 0.0040784432705707205),
            (-1.0, 0.3132616875182228),
            (-0.001, 0.6926473055599401),
            (-1e-08, 0.6931471755599453),
            (0.0, 0.6931471805599453),
            (1e-08, 0.6931471855599454),
            (0.001, 0.6936473055599401),
            (0.5, 0.9740769841801067),
            (1.0, 1.3132616875182228),
            (5.5, 5.504078443270571),
            (20.0, 20.000000002061153),
            (40.0, 40.0),
            (100.0, 100.0),
            (700.0, 700.0),
        ];
        rows_f64(softplus_f64::<true>, &rows);
        rows_f64(softplus_f64::<false>, &rows);
        let special = [(f32::INFINITY, f32::INFINITY), (f32::NEG_INFINITY, 0.0), (f32::NAN, f32::NAN)];
        exact_f32(<f32 as Real>::softplus::<true>, &special);
        exact_f32(<f32 as Real>::softplus::<false>, &special);
        rows_f64(softplus_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        assert_eq!(<f32 as Real>::softplus::<true>(-100.0), 3.8e-44);
        sweep(<f32 as Real>::softplus::<true>, softplus_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
        sweep(<f32 as Real>::softplus::<false>, softplus_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
    }

    #[test]
    fn log_sigmoid() {
        // 50-digit mpmath.
        let rows = [
            (-800.0, -800.0),
            (-100.0, -100.0),
            (-40.0, -40.0),
            (-20.0, -20.000000002061153),
            (-5.5, -5.504078443270571),
            (-1.0, -1.3132616875182228),
            (-0.001, -0.6936473055599401),
            (-1e-08, -0.6931471855599454),
            (0.0, -0.6931471805599453),
            (1e-08, -0.6931471755599453),
            (0.001, -0.6926473055599401),
            (0.5, -0.4740769841801067),
            (1.0, -0.3132616875182228),
            (5.5, -0.0040784432705707205),
            (20.0, -2.061153620314381e-09),
            (40.0, -4.248354255291589e-18),
            (100.0, -3.720075976020836e-44),
            (700.0, -9.85967654375977e-305),
        ];
        rows_f64(log_sigmoid_f64::<true>, &rows);
        rows_f64(log_sigmoid_f64::<false>, &rows);
        let special = [(f32::INFINITY, -0.0), (f32::NEG_INFINITY, f32::NEG_INFINITY), (f32::NAN, f32::NAN)];
        exact_f32(<f32 as Real>::log_sigmoid::<true>, &special);
        exact_f32(<f32 as Real>::log_sigmoid::<false>, &special);
        rows_f64(log_sigmoid_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(<f32 as Real>::log_sigmoid::<true>, log_sigmoid_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
        sweep(<f32 as Real>::log_sigmoid::<false>, log_sigmoid_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 3.0);
    }
}
