//! The normal quantile function and the inverse error function.
//!
//! With `x = 2 p - 1`, `erf_inv(x) = x g(w)`, `w = -log(1 - x^2) = -log(4 p (1 - p))`. f32 fits
//! `g` by one polynomial in `w` below 7 and `g / s` by one in `1 / s`, `s = sqrt(w)`, above. f64
//! uses algorithm AS 241 (PPND16) of Wichura (1988), which is stated in `q = p - 1/2` and in the
//! tail probability `min(p, 1 - p)`: both are exact from either end, for `erf_inv` as well, since
//! `q = x / 2` and the tail is `(1 - |x|) / 2`.

use super::abreast::{Abreast, fma};
use super::log::{log_f64, log_shifted_f32};
use super::poly::fma_f64;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// No argument of [`erf_inv_f32`] up to this has a `w` of 7 or more.
pub(super) const NEAR_F32: f32 = 0.9995;

/// `unit * erf_inv(x) / x` from `2^shift (1 - x^2)`; infinite at 0, NaN below. Where no `w` is 7 or more, `FAR` may be false,
/// which spares the half of it.
///
/// The shift keeps the logarithm's argument a normal number. Folding `unit` into the coefficients,
/// which are constants once this is inlined, saves a rounding.
#[inline(always)]
fn ratio_f32<const FMA: bool, const FAR: bool, const N: usize>(
    complement: Abreast<N>,
    shift: f32,
    unit: f64,
) -> Abreast<N> {
    let w = -log_shifted_f32::<FMA, N>(complement, shift.into());
    let c = |coefficient: f64| (coefficient * unit) as f32;
    let near = poly!(fma::<FMA, N>, w - 2.0;
        c(1.377_215_15), c(0.249_768_019), c(-0.001_967_958_41), c(-0.001_692_047_46),
        c(0.000_215_774_402), c(7.535_368_24e-6), c(-4.808_100_58e-6), c(3.195_376_34e-7),
        c(5.639_555_67e-8), c(-1.094_980_91e-8), c(5.667_131_76e-10));
    if !FAR {
        return near;
    }
    let s = w.map(f32::sqrt);
    let far = poly!(fma::<FMA, N>, 1.0 / s - 0.1875;
        c(0.972_497_046), c(-0.200_797_826), c(-0.047_061_853_1), c(0.823_725_224),
        c(-1.305_930_73), c(1.940_370_2), c(-13.193_813_3), c(82.457_588_2), c(392.412_598),
        c(-1_630.771_61));
    let g = near.where_of(w, |w| w < 7.0, far * s);
    let edge = complement.map(|c| if c == 0.0 { f32::INFINITY } else { f32::NAN });
    g.where_of(complement, |c| c > 0.0, edge)
}

/// The inverse of `erf`; at most 2.6 ulp. Without `FAR` of numbers that are no greater than [`NEAR_F32`] alone.
#[inline(always)]
pub(super) fn erf_inv_f32<const FMA: bool, const FAR: bool, const N: usize>(x: Abreast<N>) -> Abreast<N> {
    let a = x.abs();
    x * ratio_f32::<FMA, FAR, N>((1.0 - a) * (1.0 + a), 0.0, 1.0)
}

/// The standard normal quantile of `p`; at most 3.9 ulp.
#[inline(always)]
pub(super) fn normal_icdf_f32<const FMA: bool, const N: usize>(p: Abreast<N>) -> Abreast<N> {
    // 4 * 2^23
    const LIFT: f32 = 33_554_432.0;
    let x = fma::<FMA, N>(2.0, p, -1.0);
    // The smaller of p and 1 - p is exact, so the tails keep their accuracy.
    let tail = p.zip(1.0 - p, |p, upper| if p < upper { p } else { upper });
    x * ratio_f32::<FMA, true, N>(LIFT * tail * (1.0 - tail), 23.0, SQRT_2)
}

/// AS 241: the quantile from `q = p - 1/2` and `tail = min(p, 1 - p)`.
#[inline(always)]
fn quantile_f64<const FMA: bool>(q: f64, tail: f64) -> f64 {
    let v = fma_f64::<FMA>(-q, q, 0.180625);
    let near_top = q * poly!(fma_f64::<FMA>, v;
        3.387_132_872_796_366_5, 133.141_667_891_784_38, 1_971.590_950_306_551_3,
        13_731.693_765_509_46, 45_921.953_931_549_87, 67_265.770_927_008_7, 33_430.575_583_588_13,
        2_509.080_928_730_122_7);
    let near_bottom = poly!(fma_f64::<FMA>, v;
        1.0, 42.313_330_701_600_91, 687.187_007_492_057_9, 5_394.196_021_424_751,
        21_213.794_301_586_597, 39_307.895_800_092_71, 28_729.085_735_721_943,
        5_226.495_278_852_854);
    let r = (-log_f64::<FMA>(tail)).sqrt();
    let v = r - 1.6;
    let mid_top = poly!(fma_f64::<FMA>, v;
        1.423_437_110_749_683_5, 4.630_337_846_156_546, 5.769_497_221_460_691,
        3.647_848_324_763_204_5, 1.270_458_252_452_368_4, 0.241_780_725_177_450_6,
        0.022_723_844_989_269_184, 0.000_774_545_014_278_341_4);
    let mid_bottom = poly!(fma_f64::<FMA>, v;
        1.0, 2.053_191_626_637_759, 1.676_384_830_183_803_8, 0.689_767_334_985_1,
        0.148_103_976_427_480_08, 0.015_198_666_563_616_457, 0.000_547_593_808_499_534_5,
        1.050_750_071_644_416_9e-9);
    let v = r - 5.0;
    let far_top = poly!(fma_f64::<FMA>, v;
        6.657_904_643_501_103, 5.463_784_911_164_114, 1.784_826_539_917_291_3,
        0.296_560_571_828_504_87, 0.026_532_189_526_576_124, 0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5, 2.010_334_399_292_288_1e-7);
    let far_bottom = poly!(fma_f64::<FMA>, v;
        1.0, 0.599_832_206_555_888, 0.136_929_880_922_735_8, 0.014_875_361_290_850_615,
        0.000_786_869_131_145_613_3, 1.846_318_317_510_054_8e-5, 1.421_511_758_316_446e-7,
        2.044_263_103_389_939_7e-15);
    let mid = r <= 5.0;
    let top = if mid { mid_top } else { far_top }.copysign(q);
    let bottom = if mid { mid_bottom } else { far_bottom };
    let near = q.abs() <= 0.425;
    let top = if near { near_top } else { top };
    let bottom = if near { near_bottom } else { bottom };
    let z = top / bottom;
    // The far quotient is inf / inf here.
    if tail == 0.0 { f64::INFINITY.copysign(q) } else { z }
}

/// The inverse of `erf`; at most 4.5 ulp.
#[inline(always)]
pub(super) fn erf_inv_f64<const FMA: bool>(x: f64) -> f64 {
    quantile_f64::<FMA>(0.5 * x, 0.5 * (1.0 - x.abs())) * FRAC_1_SQRT_2
}

/// The standard normal quantile of `p`; at most 4.6 ulp.
#[inline(always)]
pub(super) fn normal_icdf_f64<const FMA: bool>(p: f64) -> f64 {
    let upper = 1.0 - p;
    let tail = if p < upper { p } else { upper };
    quantile_f64::<FMA>(p - 0.5, tail)
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::super::check::{exact_f32, rows_f64, sweep};
    use super::*;
    use crate::math::Real;

    #[test]
    fn erf_inv() {
        // 50-digit mpmath.
        let rows = [
            (1e-300, 8.86226925452758e-301),
            (-1e-09, -8.86226925452758e-10),
            (0.1, 0.08885599049425769),
            (0.5, 0.4769362762044699),
            (-0.85, -1.0179024648320276),
            (0.95, 1.3859038243496777),
            (0.999, 2.3267537655135246),
            (0.9999999999999, 5.261483331372676),
            (-0.9999999999999999, -5.8635847487551676),
        ];
        rows_f64(erf_inv_f64::<true>, &rows);
        rows_f64(erf_inv_f64::<false>, &rows);
        let special = [
            (0.0, 0.0),
            (-0.0, -0.0),
            (1.0, f32::INFINITY),
            (-1.0, f32::NEG_INFINITY),
            (1.5, f32::NAN),
            (-1.5, f32::NAN),
            (f32::INFINITY, f32::NAN),
            (f32::NAN, f32::NAN),
        ];
        exact_f32(<f32 as Real>::erf_inv::<true>, &special);
        exact_f32(<f32 as Real>::erf_inv::<false>, &special);
        rows_f64(erf_inv_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(<f32 as Real>::erf_inv::<true>, erf_inv_f64::<true>, -1.0, 1.0, 4.0);
        sweep(<f32 as Real>::erf_inv::<false>, erf_inv_f64::<false>, -1.0, 1.0, 4.0);
    }

    #[test]
    fn normal_icdf() {
        // 50-digit mpmath.
        let rows = [
            (1e-300, -37.0470962993612),
            (1e-16, -8.222082216130435),
            (1e-07, -5.1993375821928165),
            (0.001, -3.0902323061678136),
            (0.02425, -1.972961051311885),
            (0.25, -0.6744897501960817),
            (0.5, 0.0),
            (0.75, 0.6744897501960817),
            (0.97575, 1.972961051311885),
            (0.999, 3.090232306167813),
            (0.9999999, 5.199337582290661),
            (0.9999999999999999, 8.209536151601387),
        ];
        rows_f64(normal_icdf_f64::<true>, &rows);
        rows_f64(normal_icdf_f64::<false>, &rows);
        let special = [
            (0.0, f32::NEG_INFINITY),
            (1.0, f32::INFINITY),
            (0.5, 0.0),
            (-0.1, f32::NAN),
            (1.1, f32::NAN),
            (f32::INFINITY, f32::NAN),
            (f32::NAN, f32::NAN),
        ];
        exact_f32(<f32 as Real>::normal_icdf::<true>, &special);
        exact_f32(<f32 as Real>::normal_icdf::<false>, &special);
        rows_f64(normal_icdf_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(<f32 as Real>::normal_icdf::<true>, normal_icdf_f64::<true>, 0.0, 1.0, 4.0);
        sweep(<f32 as Real>::normal_icdf::<false>, normal_icdf_f64::<false>, 0.0, 1.0, 4.0);
    }
}
