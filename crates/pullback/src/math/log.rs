//! The natural logarithm and `log(1 + x)`.
//!
//! `x = 2^k m` with `m` in `[sqrt(1/2), sqrt(2))`, then `log x = k ln 2 + log(1 + f)`, `f = m -
//! 1`. In f32 `log(1 + f) = f - f^2 / 2 + f^3 P(f)` with `P` minimax; in f64 the series in `s = f
//! / (2 + f)` of FreeBSD's `e_log.c`. `log1p` scales `x` and not `1 + x`: `f = 2^-k x + (2^-k -
//! 1)` has one rounding, so no correction term and no division are needed.

use super::abreast::{Abreast, fma};
use super::poly::{fma_f32, fma_f64};
use std::hint::select_unpredictable;

const LN2_HI_F32: f32 = 0.693_359_4;
const LN2_LO_F32: f32 = -2.121_944_4e-4;
const SQRT_HALF_F32: u32 = 0x3f35_04f3;
const ONE_F32: u32 = 0x3f80_0000;

const LN2_HI_F64: f64 = 6.931_471_803_691_238e-1;
const LN2_LO_F64: f64 = 1.908_214_929_270_587_7e-10;
const SQRT_HALF_F64: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE_F64: u64 = 0x3ff0_0000_0000_0000;

/// `k ln 2 + log(1 + f)` for `f` in `[-0.293, 0.415]`.
#[inline(always)]
fn compose_f32<const FMA: bool, const N: usize>(k: Abreast<N>, f: Abreast<N>) -> Abreast<N> {
    let p = poly!(fma::<FMA, N>, f;
        0.333_333_3, -0.250_008_2, 0.200_012_5, -0.166_234_24, 0.142_016_07, -0.131_594_91,
        0.127_604_35, -0.076_335_17);
    let s = f * f * fma::<FMA, N>(f, p, -0.5);
    fma::<FMA, N>(k, LN2_HI_F32, f + fma::<FMA, N>(k, LN2_LO_F32, s))
}

/// `k ln 2 + log(1 + f)` for `f` in `[-0.293, 0.415]`.
#[inline(always)]
pub(super) fn compose_f64<const FMA: bool>(k: f64, f: f64) -> f64 {
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * poly!(fma_f64::<FMA>, z;
        0.666_666_666_666_673_5, 0.399_999_999_994_094_2, 0.285_714_287_436_623_9,
        0.222_221_984_321_497_84, 0.181_835_721_616_180_5, 0.153_138_376_992_093_73,
        0.147_981_986_051_165_86);
    let low = half - fma_f64::<FMA>(s, half + r, k * LN2_LO_F64);
    fma_f64::<FMA>(k, LN2_HI_F64, f - low)
}

/// The biased exponent field, as bits, and `m - 1`, of positive normal numbers.
#[inline(always)]
fn split_f32<const N: usize>(x: Abreast<N>) -> (Abreast<N>, Abreast<N>) {
    let b = x.bits(|b| b.wrapping_add(ONE_F32 - SQRT_HALF_F32));
    let m = b.bits(|b| (b & 0x007f_ffff).wrapping_add(SQRT_HALF_F32));
    (b.bits(|b| b >> 23), m - 1.0)
}

/// The biased exponent field, and `m - 1`, of a positive normal number.
#[inline(always)]
fn split_f64(x: f64) -> (u64, f64) {
    let b = x.to_bits().wrapping_add(ONE_F64 - SQRT_HALF_F64);
    let m = f64::from_bits((b & 0x000f_ffff_ffff_ffff).wrapping_add(SQRT_HALF_F64));
    (b >> 52, m - 1.0)
}

/// The exponent less `shift` as a float, by placing it in the mantissa of `2^23`: vector units
/// without a conversion from integers have this one.
#[inline(always)]
fn exponent_f32<const N: usize>(e: Abreast<N>, shift: Abreast<N>) -> Abreast<N> {
    e.bits(|e| e | 0x4b00_0000) - (8_388_608.0 + 127.0 + shift)
}

/// As [`exponent_f32`], with `2^52`.
#[inline(always)]
fn exponent_f64(e: u64, shift: f64) -> f64 {
    f64::from_bits(e | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0 + shift)
}

/// `log(2^-shift x)` of positive normal numbers.
#[inline(always)]
pub(super) fn log_shifted_f32<const FMA: bool, const N: usize>(x: Abreast<N>, shift: Abreast<N>) -> Abreast<N> {
    let (e, f) = split_f32(x);
    compose_f32::<FMA, N>(exponent_f32(e, shift), f)
}

/// `log(x)`; at most 0.9 ulp.
#[inline(always)]
pub(super) fn log_f32<const FMA: bool>(x: f32) -> f32 {
    // From an `if` the compiler would make two copies of the reduction and choose between them.
    let tiny = x < f32::MIN_POSITIVE;
    let y = x * select_unpredictable(tiny, 8_388_608.0, 1.0);
    let shift = select_unpredictable(tiny, 23.0, 0.0);
    let Abreast([r]) = log_shifted_f32::<FMA, 1>(y.into(), shift.into());
    let r = if x > f32::MAX { x } else { r };
    let edge = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    if x > 0.0 { r } else { edge }
}

/// `log(x)`; at most 0.8 ulp.
#[inline(always)]
pub(super) fn log_f64<const FMA: bool>(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let y = x * select_unpredictable(tiny, 4_503_599_627_370_496.0, 1.0);
    let shift = select_unpredictable(tiny, 52.0, 0.0);
    let (e, f) = split_f64(y);
    let r = compose_f64::<FMA>(exponent_f64(e, shift), f);
    let r = if x > f64::MAX { x } else { r };
    let edge = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > 0.0 { r } else { edge }
}

/// `log(1 + x)`; at most 1.5 ulp.
#[inline(always)]
pub(super) fn log1p_f32<const FMA: bool>(x: f32) -> f32 {
    let u = 1.0 + x;
    let (e, Abreast([coarse])) = split_f32::<1>(u.into());
    let Abreast([scale]) = e.bits(|e| 254u32.wrapping_sub(e) << 23);
    let exact = fma_f32::<FMA>(x, scale, scale - 1.0);
    // Far out 1 + x is x, and the inverse scale would leave the normal range.
    let f = if u < 1e18 { exact } else { coarse };
    let Abreast([r]) = compose_f32::<FMA, 1>(exponent_f32(e, 0.0.into()), f.into());
    let r = if u > f32::MAX { x } else { r };
    let edge = if u == 0.0 { f32::INFINITY } else { f32::NAN };
    let r = if u > 0.0 { r } else { edge };
    r.copysign(x)
}

/// `log(1 + x)`; at most 0.8 ulp.
#[inline(always)]
pub(super) fn log1p_f64<const FMA: bool>(x: f64) -> f64 {
    let u = 1.0 + x;
    let (e, coarse) = split_f64(u);
    let scale = f64::from_bits(2046u64.wrapping_sub(e) << 52);
    let exact = fma_f64::<FMA>(x, scale, scale - 1.0);
    let f = if u < 1e36 { exact } else { coarse };
    let r = compose_f64::<FMA>(exponent_f64(e, 0.0), f);
    let r = if u > f64::MAX { x } else { r };
    let edge = if u == 0.0 { f64::INFINITY } else { f64::NAN };
    let r = if u > 0.0 { r } else { edge };
    r.copysign(x)
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::super::check::{exact_f32, rows_f64, sweep};
    use super::*;

    #[test]
    fn log() {
        // 50-digit mpmath.
        let rows = [
            (1e-300, -690.7755278982137),
            (1e-10, -23.025850929940457),
            (0.001, -6.907755278982137),
            (0.25, -1.3862943611198906),
            (0.5, -0.6931471805599453),
            (1.0, 0.0),
            (1.4616321449683622, 0.37955371883951794),
            (2.0, 0.6931471805599453),
            (3.5, 1.252762968495368),
            (10.0, 2.302585092994046),
            (171.5, 5.144583266605995),
            (100000.0, 11.512925464970229),
            (1000000000000000.0, 34.538776394910684),
        ];
        rows_f64(log_f64::<true>, &rows);
        rows_f64(log_f64::<false>, &rows);
        let special = [
            (0.0, f32::NEG_INFINITY),
            (-0.0, f32::NEG_INFINITY),
            (-1.0, f32::NAN),
            (1.0, 0.0),
            (f32::INFINITY, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NAN),
            (f32::NAN, f32::NAN),
        ];
        exact_f32(log_f32::<true>, &special);
        exact_f32(log_f32::<false>, &special);
        rows_f64(log_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        // The smallest subnormal number is 2^-1074.
        assert_eq!(log_f64::<true>(f64::from_bits(1)), -744.440_071_921_381_2);
        sweep(log_f32::<true>, log_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
        sweep(log_f32::<false>, log_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
    }

    #[test]
    fn log1p() {
        // 50-digit mpmath.
        let rows = [
            (1e-300, 1e-300),
            (1e-10, 9.999999999500001e-11),
            (0.001, 0.0009995003330835331),
            (0.25, 0.22314355131420976),
            (0.5, 0.4054651081081644),
            (1.0, 0.6931471805599453),
            (1.4616321449683622, 0.9008246035073657),
            (2.0, 1.0986122886681098),
            (3.5, 1.5040773967762742),
            (10.0, 2.3978952727983707),
            (171.5, 5.150397236471415),
            (100000.0, 11.51293546492023),
            (1000000000000000.0, 34.538776394910684),
        ];
        rows_f64(log1p_f64::<true>, &rows);
        rows_f64(log1p_f64::<false>, &rows);
        let special = [
            (0.0, 0.0),
            (-0.0, -0.0),
            (1e-45, 1e-45),
            (-1.0, f32::NEG_INFINITY),
            (-2.0, f32::NAN),
            (f32::INFINITY, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NAN),
            (f32::NAN, f32::NAN),
        ];
        exact_f32(log1p_f32::<true>, &special);
        exact_f32(log1p_f32::<false>, &special);
        rows_f64(log1p_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(log1p_f32::<true>, log1p_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
        sweep(log1p_f32::<false>, log1p_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
    }
}
