//! Sine and cosine.
//!
//! `x = n pi/2 + r`, `|r| <= pi/4` up to rounding, then the sine or cosine polynomial by the
//! quadrant. f32 reduces in f64, where two parts of `pi/2` (FreeBSD's `k_rem_pio2f`) leave an
//! error far below an f32 ulp. f64 takes three parts of 33, 33 and 53 bits, keeps the rounding
//! errors in a second word, and uses the kernels of FreeBSD's `k_sin.c` and `k_cos.c`. The
//! products `n * part` are exact up to [`LIMIT_F32`] and [`LIMIT_F64`]; the wide variants hand
//! larger arguments to the standard library, since the table-driven reduction they need is no lane
//! body.

use super::poly::{fma_f32, fma_f64};
use std::f64::consts::FRAC_2_PI;

pub(super) const LIMIT_F32: f32 = 1e8;
pub(super) const LIMIT_F64: f64 = 1e6;

const ROUND: f64 = 6_755_399_441_055_744.0;

/// The quadrant (in the low bits) and the remainder.
#[inline(always)]
fn reduce_f32<const FMA: bool>(x: f32) -> (u32, f32) {
    let x = f64::from(x);
    let t = fma_f64::<FMA>(x, FRAC_2_PI, ROUND);
    let n = t - ROUND;
    let r = fma_f64::<FMA>(-n, 1.570_796_310_901_641_8, x);
    let r = fma_f64::<FMA>(-n, 1.589_325_477_352_819_7e-8, r);
    (t.to_bits() as u32, r as f32)
}

/// The sine of `r + quadrant * pi/2`.
#[inline(always)]
fn quadrant_f32<const FMA: bool>(quadrant: u32, r: f32) -> f32 {
    let z = r * r;
    let s = poly!(fma_f32::<FMA>, z;
        -0.166_666_67, 0.008_333_372, -0.000_198_499_49, 2.801_236_9e-6);
    let s = fma_f32::<FMA>(r * z, s, r);
    let c = poly!(fma_f32::<FMA>, z; 0.041_666_646, -0.001_388_731_3, 2.443_303_9e-5);
    let c = fma_f32::<FMA>(z * z, c, fma_f32::<FMA>(z, -0.5, 1.0));
    let v = if quadrant & 1 == 0 { s } else { c };
    f32::from_bits(v.to_bits() ^ ((quadrant & 2) << 30))
}

/// The quadrant (in the low bits) and the remainder in two words.
#[inline(always)]
fn reduce_f64<const FMA: bool>(x: f64) -> (u64, f64, f64) {
    let t = fma_f64::<FMA>(x, FRAC_2_PI, ROUND);
    let n = t - ROUND;
    let a = fma_f64::<FMA>(-n, 1.570_796_326_734_125_6, x);
    let second = n * 6.077_100_506_303_966e-11;
    let b = a - second;
    let lost = (a - b) - second;
    let third = fma_f64::<FMA>(n, 2.022_266_248_795_950_6e-21, -lost);
    let hi = b - third;
    (t.to_bits(), hi, (b - hi) - third)
}

/// The sine of `hi + lo + quadrant * pi/2`.
#[inline(always)]
fn quadrant_f64<const FMA: bool>(quadrant: u64, hi: f64, lo: f64) -> f64 {
    let z = hi * hi;
    let v = z * hi;
    let p = poly!(fma_f64::<FMA>, z;
        0.008_333_333_333_322_49, -0.000_198_412_698_298_579_5, 2.755_731_370_707_006_8e-6,
        -2.505_076_025_340_686_3e-8, 1.589_690_995_211_55e-10);
    let s = z * fma_f64::<FMA>(-v, p, 0.5 * lo) - lo;
    let s = hi - fma_f64::<FMA>(v, 1.666_666_666_666_663_2e-1, s);
    let p = poly!(fma_f64::<FMA>, z;
        0.041_666_666_666_666_6, -0.001_388_888_888_887_411, 2.480_158_728_947_673e-5,
        -2.755_731_435_139_066_3e-7, 2.087_572_321_298_175e-9, -1.135_964_755_778_819_5e-11);
    let half = 0.5 * z;
    let w = 1.0 - half;
    let c = w + (((1.0 - w) - half) + fma_f64::<FMA>(z * z, p, -(hi * lo)));
    let v = if quadrant & 1 == 0 { s } else { c };
    f64::from_bits(v.to_bits() ^ ((quadrant & 2) << 62))
}

/// `sin(x)` for `|x| <= LIMIT_F32`; at most 1.6 ulp.
#[inline(always)]
pub(super) fn sin_f32<const FMA: bool>(x: f32) -> f32 {
    let (quadrant, r) = reduce_f32::<FMA>(x);
    let s = quadrant_f32::<FMA>(quadrant, r);
    // The polynomial would lose the sign of a negative zero.
    if x == 0.0 { x } else { s }
}

/// `cos(x)` for `|x| <= LIMIT_F32`; at most 1.6 ulp.
#[inline(always)]
pub(super) fn cos_f32<const FMA: bool>(x: f32) -> f32 {
    let (quadrant, r) = reduce_f32::<FMA>(x);
    quadrant_f32::<FMA>(quadrant.wrapping_add(1), r)
}

/// `sin(x)` for `|x| <= LIMIT_F64`; at most 0.7 ulp.
#[inline(always)]
pub(super) fn sin_f64<const FMA: bool>(x: f64) -> f64 {
    let (quadrant, hi, lo) = reduce_f64::<FMA>(x);
    quadrant_f64::<FMA>(quadrant, hi, lo)
}

/// `cos(x)` for `|x| <= LIMIT_F64`; at most 0.7 ulp.
#[inline(always)]
pub(super) fn cos_f64<const FMA: bool>(x: f64) -> f64 {
    let (quadrant, hi, lo) = reduce_f64::<FMA>(x);
    quadrant_f64::<FMA>(quadrant.wrapping_add(1), hi, lo)
}

/// `sin(x)` for every `x`.
#[inline(always)]
pub(super) fn sin_wide_f32<const FMA: bool>(x: f32) -> f32 {
    if x.abs() > LIMIT_F32 { x.sin() } else { sin_f32::<FMA>(x) }
}

/// `cos(x)` for every `x`.
#[inline(always)]
pub(super) fn cos_wide_f32<const FMA: bool>(x: f32) -> f32 {
    if x.abs() > LIMIT_F32 { x.cos() } else { cos_f32::<FMA>(x) }
}

/// `sin(x)` for every `x`.
#[inline(always)]
pub(super) fn sin_wide_f64<const FMA: bool>(x: f64) -> f64 {
    if x.abs() > LIMIT_F64 { x.sin() } else { sin_f64::<FMA>(x) }
}

/// `cos(x)` for every `x`.
#[inline(always)]
pub(super) fn cos_wide_f64<const FMA: bool>(x: f64) -> f64 {
    if x.abs() > LIMIT_F64 { x.cos() } else { cos_f64::<FMA>(x) }
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::super::check::{exact_f32, rows_f64, sweep};
    use super::*;

    #[test]
    fn sin() {
        // 50-digit mpmath.
        let rows = [
            (1e-08, 1e-08),
            (0.5, 0.479425538604203),
            (1.0, 0.8414709848078965),
            (3.0, 0.1411200080598672),
            (10.0, -0.5440211108893698),
            (100.0, -0.5063656411097588),
            (-12345.678, 0.7040813137533816),
            (999999.0, -0.9773520315382229),
            (1.5707963267948966, 1.0),
            (355.0, -3.014435335948845e-05),
            (1e-300, 1e-300),
        ];
        rows_f64(sin_f64::<true>, &rows);
        rows_f64(sin_f64::<false>, &rows);
        let special =
            [(0.0, 0.0), (-0.0, -0.0), (f32::INFINITY, f32::NAN), (f32::NEG_INFINITY, f32::NAN), (f32::NAN, f32::NAN)];
        exact_f32(sin_f32::<true>, &special);
        exact_f32(sin_f32::<false>, &special);
        rows_f64(sin_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        assert_eq!(sin_wide_f64::<true>(1e300), 1e300f64.sin());
        assert_eq!(sin_wide_f32::<true>(1e30), 1e30f32.sin());
        assert_eq!(sin_wide_f64::<true>(2.0), sin_f64::<true>(2.0));
        assert_eq!(sin_wide_f32::<true>(2.0), sin_f32::<true>(2.0));
        sweep(sin_f32::<true>, sin_f64::<true>, -1e6, 1e6, 2.0);
        sweep(sin_f32::<false>, sin_f64::<false>, -1e6, 1e6, 2.0);
    }

    #[test]
    fn cos() {
        // 50-digit mpmath.
        let rows = [
            (1e-08, 1.0),
            (0.5, 0.8775825618903728),
            (1.0, 0.5403023058681398),
            (3.0, -0.9899924966004454),
            (10.0, -0.8390715290764524),
            (100.0, 0.8623188722876839),
            (-12345.678, 0.7101193587160628),
            (999999.0, 0.21161995758460128),
            (1.5707963267948966, 6.123233995736766e-17),
            (355.0, -0.999999999545659),
            (1e-300, 1.0),
        ];
        rows_f64(cos_f64::<true>, &rows);
        rows_f64(cos_f64::<false>, &rows);
        let special = [(0.0, 1.0), (f32::INFINITY, f32::NAN), (f32::NEG_INFINITY, f32::NAN), (f32::NAN, f32::NAN)];
        exact_f32(cos_f32::<true>, &special);
        exact_f32(cos_f32::<false>, &special);
        rows_f64(cos_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        assert_eq!(cos_wide_f64::<true>(1e300), 1e300f64.cos());
        assert_eq!(cos_wide_f32::<true>(1e30), 1e30f32.cos());
        assert_eq!(cos_wide_f64::<true>(2.0), cos_f64::<true>(2.0));
        assert_eq!(cos_wide_f32::<true>(2.0), cos_f32::<true>(2.0));
        sweep(cos_f32::<true>, cos_f64::<true>, -1e6, 1e6, 2.0);
        sweep(cos_f32::<false>, cos_f64::<false>, -1e6, 1e6, 2.0);
    }
}
