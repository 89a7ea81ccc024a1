//! The error function and its complement.
//!
//! Near zero `erf(x) = x + x P(x^2)`. Elsewhere f32 uses `erf(x) = 1 - exp(-t - t Q(t))`, `t =
//! |x|`, with `Q` fitted to `-log erfc(t)`; f64 uses `erfc(x) = exp(-x^2) R(t) / (1 + 2 x)` with
//! `t = (x - 4) / (x + 4)`, the form of Shepherd and Laframboise (1981), and `x^2` in two words so
//! that the upper tail keeps its relative accuracy down to the subnormal numbers. The polynomials
//! are minimax fits against 60-digit values.

use super::exp::{decay_f64, reduce_f32};
use super::poly::{fma_f32, fma_f64};

/// `erf(x)` for `|x| < 1`.
#[inline(always)]
fn near_f64<const FMA: bool>(x: f64) -> f64 {
    let p = poly!(fma_f64::<FMA>, x * x;
        0.128_379_167_095_512_56, -0.376_126_389_031_834_6, 0.112_837_916_709_426_87,
        -0.026_866_170_642_938_503, 0.005_223_977_605_005_668, -0.000_854_832_588_547_024_7,
        0.000_120_552_924_650_514_77, -1.492_469_378_213_942_6e-5, 1.644_693_006_727_964_6e-6,
        -1.620_493_474_793_841_6e-7, 1.370_559_254_249_446_1e-8, -7.770_302_813_316_224e-10);
    fma_f64::<FMA>(x, p, x)
}

/// `erfc(a)` for `a >= 1/2`.
#[inline(always)]
fn tail_f64<const FMA: bool>(a: f64) -> f64 {
    // erfc(27.23) is below the smallest subnormal.
    let a = if a > 28.0 { 28.0 } else { a };
    let square = a * a;
    let lost = if FMA {
        a.mul_add(a, -square)
    } else {
        let top = f64::from_bits(a.to_bits() & !0x07ff_ffff);
        let rest = a - top;
        ((top * top - square) + 2.0 * top * rest) + rest * rest
    };
    let t = (a - 4.0) / (a + 4.0);
    let p = poly!(fma_f64::<FMA>, t;
        1.232_995_118_625_552_6, -0.139_621_116_840_562_5, 0.015_379_652_102_613_058,
        0.068_097_054_254_690_69, -0.101_039_066_036_013, 0.093_732_834_998_436_33,
        -0.066_330_365_818_096_9, 0.037_167_515_535_663_88, -0.016_197_733_991_729_427,
        0.005_031_969_999_414_524, -0.000_757_773_743_112_808_8, -0.000_199_256_849_177_307_5,
        0.000_150_623_688_969_955_75, -2.439_849_657_310_900_3e-5, -1.122_789_437_073_920_6e-5,
        5.707_534_909_997_003e-6, 3.049_915_634_669_568_6e-7, -8.210_113_533_088_78e-7,
        6.120_144_554_566_721e-8, 1.044_671_013_717_778_1e-7, -8.699_089_992_864_392e-9,
        -1.006_869_108_029_943_3e-8, -9.165_710_413_486_964e-10);
    decay_f64::<FMA>(square, lost, p / fma_f64::<FMA>(2.0, a, 1.0))
}

/// `erf(x)`; at most 1.2 ulp.
#[inline(always)]
pub(super) fn erf_f32<const FMA: bool>(x: f32) -> f32 {
    let near = poly!(fma_f32::<FMA>, x * x;
        0.128_379_17, -0.376_126_32, 0.112_836_76, -0.026_858_533, 0.005_199_148_3, -0.000_812_32,
        8.293_099_4e-5);
    let near = fma_f32::<FMA>(x, near, x);
    // erf(4) rounds to one.
    let t = x.abs();
    let t = if t > 4.0 { 4.0 } else { t };
    let p = poly!(fma_f32::<FMA>, t;
        0.128_637_82, 0.635_195_1, 0.106_163_86, -0.023_698_691, 0.003_612_321_8,
        -0.000_315_365_1, 1.048_744_1e-5);
    let (_, s, q) = reduce_f32::<FMA>(-fma_f32::<FMA>(t, p, t), 127.0);
    let far = 1.0 - fma_f32::<FMA>(s, q, s);
    if t < 0.92 { near } else { far.copysign(x) }
}

/// `erf(x)`; at most 0.9 ulp.
#[inline(always)]
pub(super) fn erf_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let near = near_f64::<FMA>(x);
    let far = (1.0 - tail_f64::<FMA>(a)).copysign(x);
    if a < 1.0 { near } else { far }
}

/// `1 - erf(x)`; in f64 arithmetic; at most 0.5 ulp.
#[inline(always)]
pub(super) fn erfc_f32<const FMA: bool>(x: f32) -> f32 {
    erfc_f64::<FMA>(f64::from(x)) as f32
}

/// `1 - erf(x)`; at most 2.9 ulp.
#[inline(always)]
pub(super) fn erfc_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let near = 1.0 - near_f64::<FMA>(x);
    let tail = tail_f64::<FMA>(a);
    let far = if x < 0.0 { 2.0 - tail } else { tail };
    if a < 0.5 { near } else { far }
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::super::check::{exact_f32, rows_f64, sweep};
    use super::*;

    #[test]
    fn erf() {
        // 50-digit mpmath.
        let rows = [
            (-800.0, -1.0),
            (-100.0, -1.0),
            (-40.0, -1.0),
            (-20.0, -1.0),
            (-5.5, -0.9999999999999927),
            (-1.0, -0.8427007929497149),
            (-0.001, -0.0011283787909692365),
            (-1e-08, -1.1283791670955126e-08),
            (0.0, 0.0),
            (1e-08, 1.1283791670955126e-08),
            (0.001, 0.0011283787909692365),
            (0.5, 0.5204998778130465),
            (1.0, 0.8427007929497149),
            (5.5, 0.9999999999999927),
            (20.0, 1.0),
            (40.0, 1.0),
            (100.0, 1.0),
            (700.0, 1.0),
        ];
        rows_f64(erf_f64::<true>, &rows);
        rows_f64(erf_f64::<false>, &rows);
        let special = [(0.0, 0.0), (-0.0, -0.0), (f32::INFINITY, 1.0), (f32::NEG_INFINITY, -1.0), (f32::NAN, f32::NAN)];
        exact_f32(erf_f32::<true>, &special);
        exact_f32(erf_f32::<false>, &special);
        rows_f64(erf_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        assert_eq!(erf_f32::<true>(1e-45), 1e-45);
        sweep(erf_f32::<true>, erf_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
        sweep(erf_f32::<false>, erf_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 2.0);
    }

    #[test]
    fn erfc() {
        // 50-digit mpmath.
        let rows = [
            (-800.0, 2.0),
            (-100.0, 2.0),
            (-40.0, 2.0),
            (-20.0, 2.0),
            (-5.5, 1.9999999999999927),
            (-1.0, 1.8427007929497148),
            (-0.001, 1.0011283787909693),
            (-1e-08, 1.0000000112837917),
            (0.0, 1.0),
            (1e-08, 0.9999999887162083),
            (0.001, 0.9988716212090307),
            (0.5, 0.4795001221869535),
            (1.0, 0.15729920705028513),
            (5.5, 7.357847917974398e-15),
            (20.0, 5.395865611607901e-176),
            (40.0, 0.0),
            (100.0, 0.0),
            (700.0, 0.0),
            (26.5, 2.2109076642637343e-307),
            (27.2, 1e-323),
        ];
        rows_f64(erfc_f64::<true>, &rows);
        rows_f64(erfc_f64::<false>, &rows);
        let special = [(0.0, 1.0), (f32::INFINITY, 0.0), (f32::NEG_INFINITY, 2.0), (f32::NAN, f32::NAN)];
        exact_f32(erfc_f32::<true>, &special);
        exact_f32(erfc_f32::<false>, &special);
        rows_f64(erfc_f64::<true>, &special.map(|(x, y)| (f64::from(x), f64::from(y))));
        sweep(erfc_f32::<true>, erfc_f64::<true>, f64::NEG_INFINITY, f64::INFINITY, 1.0);
        sweep(erfc_f32::<false>, erfc_f64::<false>, f64::NEG_INFINITY, f64::INFINITY, 1.0);
    }
}
