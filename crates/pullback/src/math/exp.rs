//! The exponential function and `exp(x) - 1`.
//!
//! `x = n ln 2 + r` with `|r| <= ln 2 / 2` (two-part `ln 2`, Cody and Waite), then
//! `exp(r) - 1 = r + r^2 P(r)` with `P` a minimax polynomial for the relative error of
//! `exp(r) - 1`, and a scaling by `2^n`. The nearest integer comes from adding 1.5 times a power of
//! two, which leaves it in the low bits of the sum: conversions to integers would saturate, at
//! several instructions a lane.

use super::abreast::{Abreast, fma};
use super::poly::{fma_f32, fma_f64};

/// Nine significant bits (0.693359375), so that its products with `n` are exact.
const LN2_HI_F32: f32 = 0.693_359_4;
const LN2_LO_F32: f32 = -2.121_944_4e-4;
const ROUND_F32: f32 = 12_582_912.0;
/// As `ROUND_F32`, with the exponent bias: the low bits of the sum are then a biased exponent.
const ROUND_BIASED_F32: f32 = ROUND_F32 + 127.0;

const LN2_HI_F64: f64 = 6.931_471_803_691_238e-1;
const LN2_LO_F64: f64 = 1.908_214_929_270_587_7e-10;
const ROUND_F64: f64 = 6_755_399_441_055_744.0;
const ROUND_BIASED_F64: f64 = ROUND_F64 + 1023.0;

/// `n`, the integer that is nearest to `x per`, and `2^(n + bias - 127)`.
///
/// The power comes out of the very sum that rounds `n`; it is meaningful where its exponent is in the normal range.
#[inline(always)]
pub(super) fn nearest_f32<const FMA: bool, const N: usize>(
    x: Abreast<N>,
    per: f32,
    bias: f32,
) -> (Abreast<N>, Abreast<N>) {
    let sum = fma::<FMA, N>(x, per, ROUND_F32 + bias);
    (sum - (ROUND_F32 + bias), sum.bits(|b| b << 23))
}

/// `(n, 2^(n + bias - 127), exp(r) - 1)` for `x = n ln 2 + r`; the power as in [`nearest_f32`].
#[inline(always)]
fn reduce_abreast<const FMA: bool, const N: usize>(x: Abreast<N>, bias: f32) -> [Abreast<N>; 3] {
    let (n, scale) = nearest_f32::<FMA, N>(x, std::f32::consts::LOG2_E, bias);
    let r = fma::<FMA, N>(-n, LN2_HI_F32, x);
    let r = fma::<FMA, N>(-n, LN2_LO_F32, r);
    [n, scale, expm1_abreast::<FMA, N>(r)]
}

/// `exp(r) - 1` for `|r| <= ln 2 / 2`.
#[inline(always)]
fn expm1_abreast<const FMA: bool, const N: usize>(r: Abreast<N>) -> Abreast<N> {
    let p = poly!(fma::<FMA, N>, r;
        0.499_999_97, 0.166_665_42, 0.041_667_487, 0.008_366_616, 0.001_386_559_9);
    fma::<FMA, N>(r * r, p, r)
}

/// As [`reduce_abreast`], of one number.
#[inline(always)]
pub(super) fn reduce_f32<const FMA: bool>(x: f32, bias: f32) -> (f32, f32, f32) {
    let [Abreast([n]), Abreast([scale]), Abreast([q])] = reduce_abreast::<FMA, 1>(x.into(), bias);
    (n, scale, q)
}

/// `(n, 2^(n + bias - 1023), exp(r + tail) - 1)` for `x = n ln 2 + r`; `tail` is a correction far
/// below one.
#[inline(always)]
pub(super) fn reduce_f64<const FMA: bool>(x: f64, tail: f64, bias: f64) -> (f64, f64, f64) {
    let sum = fma_f64::<FMA>(x, std::f64::consts::LOG2_E, ROUND_F64 + bias);
    let n = sum - (ROUND_F64 + bias);
    let scale = f64::from_bits(sum.to_bits() << 52);
    let r = fma_f64::<FMA>(-n, LN2_HI_F64, x);
    let r = fma_f64::<FMA>(-n, LN2_LO_F64, r) + tail;
    let p = poly!(fma_f64::<FMA>, r;
        0.5, 0.166_666_666_666_666_77, 0.041_666_666_666_666_616, 0.008_333_333_333_321_443,
        0.001_388_888_888_891_841_9, 0.000_198_412_698_865_550_17, 2.480_158_724_971_064_7e-5,
        2.755_724_382_059_856_7e-6, 2.755_734_217_547_811e-7, 2.510_915_821_314_062e-8,
        2.089_275_822_947_774_8e-9);
    (n, scale, fma_f64::<FMA>(r * r, p, r))
}

/// `p 2^n` with one rounding even where the result is subnormal or overflows: the first factor
/// leaves a normal number, exactly.
#[inline(always)]
pub(super) fn scale_f32<const FMA: bool>(p: f32, n: f32) -> f32 {
    let half = fma_f32::<FMA>(n, 0.5, ROUND_BIASED_F32);
    let rest = n - (half - ROUND_BIASED_F32);
    p * f32::from_bits(half.to_bits() << 23) * f32::from_bits((rest + ROUND_BIASED_F32).to_bits() << 23)
}

/// `p 2^n`, as [`scale_f32`].
#[inline(always)]
pub(super) fn scale_f64<const FMA: bool>(p: f64, n: f64) -> f64 {
    let half = fma_f64::<FMA>(n, 0.5, ROUND_BIASED_F64);
    let rest = n - (half - ROUND_BIASED_F64);
    p * f64::from_bits(half.to_bits() << 52) * f64::from_bits((rest + ROUND_BIASED_F64).to_bits() << 52)
}

/// `exp(x)`; at most 1.0 ulp.
#[inline(always)]
pub(super) fn exp_f32<const FMA: bool>(x: f32) -> f32 {
    // Outside these bounds the result is zero or infinite anyway; a NaN fails both comparisons.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (n, _, q) = reduce_f32::<FMA>(x, 127.0);
    scale_f32::<FMA>(1.0 + q, n)
}

/// `exp(x)`; at most 1.0 ulp.
#[inline(always)]
pub(super) fn exp_f64<const FMA: bool>(x: f64) -> f64 {
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let (n, _, q) = reduce_f64::<FMA>(x, 0.0, 1023.0);
    scale_f64::<FMA>(1.0 + q, n)
}

/// `exp(x) - 1`; at most 1.6 ulp.
#[inline(always)]
pub(super) fn expm1_f32<const FMA: bool>(x: f32) -> f32 {
    let y = if x > 89.0 { 89.0 } else { x };
    let y = if y < -40.0 { -40.0 } else { y };
    // Half the scale: 2^128 itself is out of range although the result may not be.
    let (n, s, q) = reduce_f32::<FMA>(y, 126.0);
    let wide = fma_f32::<FMA>(s, q, s - 0.5) * 2.0;
    // Halving would cost subnormal arguments their last bit.
    let r = if n == 0.0 { q } else { wide };
    r.copysign(x)
}

/// `exp(x) - 1`; at most 1.7 ulp.
#[inline(always)]
pub(super) fn expm1_f64<const FMA: bool>(x: f64) -> f64 {
    let y = if x > 710.0 { 710.0 } else { x };
    let y = if y < -50.0 { -50.0 } else { y };
    let (n, s, q) = reduce_f64::<FMA>(y, 0.0, 1022.0);
    let wide = fma_f64::<FMA>(s, q, s - 0.5) * 2.0;
    let r = if n == 0.0 { q } else { wide };
    r.copysign(x)
}

/// `exp(-|x|)`.
///
/// One-sided, so a lifted scale `2^(n + 64)` is always normal, and one multiplication by a
/// constant takes the lift off again, with a single rounding even among the subnormal numbers.
#[inline(always)]
pub(super) fn decay_f32<const FMA: bool, const N: usize>(x: Abreast<N>) -> Abreast<N> {
    const LOWER: f32 = f32::from_bits((127 - 64) << 23);
    // The sign first: the other way around the compiler makes a comparison and a choice of what is one maximum.
    let [_, s, q] = reduce_abreast::<FMA, N>((-x.abs()).at_least(-104.0), 127.0 + 64.0);
    fma::<FMA, N>(s, q, s) * LOWER
}

/// `exp(-|x|)`, zero where that is below `2^-126.5`; at most 4.5 ulp, 1.5 where `|x|` is at most 20.
///
/// One part of `ln 2` is enough where its product is not rounded: as an f32 it is off by `1.9e-9`, and `n` is at most 127.
#[inline(always)]
pub(super) fn flushed_decay_f32<const FMA: bool, const N: usize>(x: Abreast<N>) -> Abreast<N> {
    // The power of what is farther out has no exponent left: it is zero.
    let x = (-x.abs()).at_least(-88.0);
    let (n, s) = nearest_f32::<FMA, N>(x, std::f32::consts::LOG2_E, 127.0);
    let r = if FMA { fma::<FMA, N>(-n, std::f32::consts::LN_2, x) } else { x - n * LN2_HI_F32 - n * LN2_LO_F32 };
    let q = expm1_abreast::<FMA, N>(r);
    fma::<FMA, N>(s, q, s)
}

/// `p exp(-(a + tail))` for `a >= 0` and a `p` within `[1e-3, 1e3]`; as [`decay_f32`].
#[inline(always)]
pub(super) fn decay_f64<const FMA: bool>(a: f64, tail: f64, p: f64) -> f64 {
    const LOWER: f64 = f64::from_bits((1023 - 512) << 52);
    let a = if a > 790.0 { 790.0 } else { a };
    let (_, s, q) = reduce_f64::<FMA>(-a, -tail, 1023.0 + 512.0);
    fma_f64::<FMA>(p, q, p) * s * LOWER
}

/// `exp(-|x|)`.
#[inline(always)]
pub(super) fn abs_decay_f64<const FMA: bool>(x: f64) -> f64 {
    decay_f64::<FMA>(x.abs(), 0.0, 1.0)
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::super::check::{exact_f32, rows_f64, sweep};
    use super::*;
    use crate::math::Real;

    #[test]
    fn exp() {
        // 50-digit mpmath.
        let rows = [
            (-745.1, 5e-324),
            (-740.0, 4.2e-322),
            (-700.0, 9.85967654375977e-305),
            (-100.0, 3.720075976020836e-44),
            (-1.0, 0.36787944117144233),
            (-1e-08, 0.9999999900000001),
            (0.0, 1.0),
            (0.5, 1.6487212707001282),
            (1.0, 2.718281828459045),
            (20.0, 485165195.4097903),
            (700.0, 1.0142320547350045e+304),
            (709.7, 1.6549840276802644e+308),
        ];
        rows_f64(exp_f64::<true>, &rows);
        rows_f64(exp_f64::<false>, &rows);
        let special = [(0.0, 1.0), (f32::INFINITY, f32::INFINITY), (f32::NEG_INFINITY, 0.0), (f32::NAN, f32::NAN)];
        exact_f32(exp_f32::<true>, &special);
        exact_f32(exp_f32::<false>, &special);
        rows_f64(exp_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        assert_eq!(exp_f64::<true>(710.0), f64::INFINITY);
        assert_eq!(exp_f64::<true>(-745.2), 0.0);
        assert_eq!(exp_f32::<true>(88.73), f32::INFINITY);
        sweep(exp_f32::<true>, exp_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
        sweep(exp_f32::<false>, exp_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
    }

    #[test]
    fn flushed_decay() {
        fn decay<const FMA: bool>(x: f32) -> f32 {
            let [y] = f32::flushed_decay_of::<FMA, 1>([x]);
            y
        }
        let exact = |x: f64| {
            let y = abs_decay_f64::<true>(x);
            if y < f64::from(f32::MIN_POSITIVE) { 0.0 } else { y }
        };
        let special = [(0.0, 1.0), (f32::INFINITY, 0.0), (f32::NEG_INFINITY, 0.0), (f32::NAN, f32::NAN), (90.0, 0.0)];
        exact_f32(decay::<true>, &special);
        exact_f32(decay::<false>, &special);
        for (lo, hi, bound) in [(-20.0, 20.0, 1.5), (-87.3, -20.0, 4.5), (20.0, 87.3, 4.5), (87.7, f64::INFINITY, 0.0)]
        {
            sweep(decay::<true>, exact, lo, hi, bound);
            sweep(decay::<false>, exact, lo, hi, bound);
        }
    }

    #[test]
    fn expm1() {
        // 50-digit mpmath.
        let rows = [
            (-800.0, -1.0),
            (-100.0, -1.0),
            (-40.0, -1.0),
            (-20.0, -0.9999999979388464),
            (-5.5, -0.995913228561536),
            (-1.0, -0.6321205588285577),
            (-0.001, -0.0009995001666250085),
            (-1e-08, -9.999999950000001e-09),
            (0.0, 0.0),
            (1e-08, 1.0000000050000001e-08),
            (0.001, 0.0010005001667083417),
            (0.5, 0.6487212707001282),
            (1.0, 1.7182818284590453),
            (5.5, 243.69193226422038),
            (20.0, 485165194.4097903),
            (40.0, 2.3538526683702e+17),
            (100.0, 2.6881171418161356e+43),
            (700.0, 1.0142320547350045e+304),
        ];
        rows_f64(expm1_f64::<true>, &rows);
        rows_f64(expm1_f64::<false>, &rows);
        let special = [
            (0.0, 0.0),
            (-0.0, -0.0),
            (1e-45, 1e-45),
            (f32::INFINITY, f32::INFINITY),
            (f32::NEG_INFINITY, -1.0),
            (f32::NAN, f32::NAN),
        ];
        exact_f32(expm1_f32::<true>, &special);
        exact_f32(expm1_f32::<false>, &special);
        rows_f64(expm1_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(expm1_f32::<true>, expm1_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
        sweep(expm1_f32::<false>, expm1_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
    }
}
