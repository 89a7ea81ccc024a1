//! The logarithm of the gamma function and its derivatives of every order; scalar f64 code, which
//! f32 callers round.
//!
//! `log_gamma`: Taylor series about 2 on `[1.4, 2.6]` (coefficients `(zeta(k) - 1) (-1)^k / k`),
//! recurrences into that interval, Stirling's series from 8 on, Euler's reflection below 0.
//! `digamma`: a fit of `psi(x) / (x - x0)` on `[1, 2]`, `x0` the positive root in two words, then
//! the same pattern. `polygamma`: `(-1)^(n+1) n! zeta(n + 1, x)` by Euler and Maclaurin's
//! summation of the Hurwitz zeta function. The elementary functions are this crate's own, so that
//! results do not depend on the platform's library.

use super::log::{log_f64, log1p_f64};
use super::trig::{cos_f64, sin_f64};
use std::f64::consts::PI;

/// `log(pi)`.
const LN_PI: f64 = 1.144_729_885_849_400_2;

/// `B_2k / (2k (2k - 1))`: Stirling's series.
const STIRLING: [f64; 10] = [
    0.08333333333333333,
    -0.002777777777777778,
    0.0007936507936507937,
    -0.0005952380952380953,
    0.0008417508417508417,
    -0.0019175269175269176,
    0.00641025641025641,
    -0.029550653594771242,
    0.17964437236883057,
    -1.3924322169059011,
];

/// `B_2k / 2k`: the asymptotic series of `digamma`.
const DIGAMMA: [f64; 8] = [
    0.08333333333333333,
    -0.008333333333333333,
    0.003968253968253968,
    -0.004166666666666667,
    0.007575757575757576,
    -0.021092796092796094,
    0.08333333333333333,
    -0.4432598039215686,
];

/// `B_2k / (2k)!`: the corrections of the Euler-Maclaurin sum.
const EULER_MACLAURIN: [f64; 10] = [
    0.08333333333333333,
    -0.001388888888888889,
    3.3068783068783064e-05,
    -8.267195767195768e-07,
    2.08767569878681e-08,
    -5.284190138687493e-10,
    1.338253653068468e-11,
    -3.3896802963225827e-13,
    8.586062056277845e-15,
    -2.174868698558062e-16,
];

/// `(zeta(k) - 1) (-1)^k / k` from `k = 2`.
const ABOUT_TWO: [f64; 34] = [
    0.3224670334241132,
    -0.0673523010531981,
    0.020580808427784546,
    -0.007385551028673986,
    0.0028905103307415234,
    -0.001192753911703261,
    0.0005096695247430425,
    -0.00022315475845357939,
    9.945751278180853e-05,
    -4.492623673813314e-05,
    2.050721277567069e-05,
    -9.439488275268397e-06,
    4.374866789907488e-06,
    -2.039215753801366e-06,
    9.55141213040742e-07,
    -4.492469198764566e-07,
    2.1207184805554665e-07,
    -1.0043224823968099e-07,
    4.7698101693639804e-08,
    -2.2711094608943164e-08,
    1.0838659214896955e-08,
    -5.183475041970047e-09,
    2.4836745438024785e-09,
    -1.1921401405860912e-09,
    5.731367241678862e-10,
    -2.7595228851242334e-10,
    1.330476437424449e-10,
    -6.4229645638381e-11,
    3.1044247747322276e-11,
    -1.5021384080754142e-11,
    7.275974480239079e-12,
    -3.527742476575915e-12,
    1.711991790559618e-12,
    -8.315385841420285e-13,
];

/// `psi(x) / (x - x0)` in powers of `x - 3/2`.
const NEAR_ROOT: [f64; 23] = [
    0.9510558760318328,
    -0.4236274212814606,
    0.24054248424080235,
    -0.14840492305388434,
    0.09498872445128104,
    -0.06192213327526972,
    0.040760834018554716,
    -0.026975796666747893,
    0.017907246234355953,
    -0.011908219977986596,
    0.007927055884184655,
    -0.005279938716257585,
    0.0035177485269727612,
    -0.002345484048007107,
    0.0015658335121241068,
    -0.0010365087400809143,
    0.0006798753242711781,
    -0.00048580364668893,
    0.00035506715685673353,
    -0.00014504872342252352,
    4.663414516768948e-05,
    -0.00017804597058187243,
    0.00015360947919806095,
];

/// Horner's rule over a table.
fn horner(x: f64, table: &[f64]) -> f64 {
    table.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

fn ln(x: f64) -> f64 {
    log_f64::<false>(x)
}

/// `log_gamma(2 + z)` for `|z| <= 0.6`.
fn about_two(z: f64) -> f64 {
    const ONE_MINUS_EULER: f64 = 0.422_784_335_098_467_13;
    z * (ONE_MINUS_EULER + z * horner(z, &ABOUT_TWO))
}

/// `log |Gamma(x)|`: infinite at the poles 0, -1, -2, ... and at both infinities.
///
/// Within 4 ulp for `x > 0`; below, and close to a zero, within 5e-16 of `max(1, |log_gamma(x)|)`.
pub(super) fn log_gamma(x: f64) -> f64 {
    if x <= 0.0 {
        let d = x - x.round();
        if d == 0.0 || x == f64::NEG_INFINITY {
            return f64::INFINITY;
        }
        let sine = sin_f64::<false>(PI * d).abs();
        return LN_PI - ln(sine) - ln(-x) - log_gamma(-x);
    }
    if x < 0.6 {
        about_two(x) - ln(x * (1.0 + x))
    } else if x < 1.4 {
        about_two(x - 1.0) - log1p_f64::<false>(x - 1.0)
    } else if x < 8.0 {
        let (mut y, mut product) = (x, 1.0);
        while y > 2.6 {
            y -= 1.0;
            product *= y;
        }
        ln(product) + about_two(y - 2.0)
    } else {
        // log(2 pi) / 2 - 1/2
        const OFFSET: f64 = 0.418_938_533_204_672_7;
        let inverse = 1.0 / x;
        let series = inverse * horner(inverse * inverse, &STIRLING);
        (x - 0.5) * (ln(x) - 1.0) + (OFFSET + series)
    }
}

/// The derivative of `log_gamma`: NaN at the negative integers, `-1 / x` at the two zeros.
///
/// Within 2e-15 of `max(1, |digamma(x)|)`, and relatively accurate at the positive root.
pub(super) fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return -1.0 / x;
    }
    if x < 0.0 {
        let d = x - x.round();
        if d == 0.0 {
            return f64::NAN;
        }
        let angle = PI * d;
        return digamma(1.0 - x) - PI * cos_f64::<false>(angle) / sin_f64::<false>(angle);
    }
    if x < 1.0 {
        return digamma(x + 1.0) - 1.0 / x;
    }
    if x < 10.0 {
        let (mut y, mut sum) = (x, 0.0);
        while y > 2.0 {
            y -= 1.0;
            sum += 1.0 / y;
        }
        let distance = (y - 1.461_632_144_968_362_2) - 9.549_995_429_965_697e-17;
        return sum + distance * horner(y - 1.5, &NEAR_ROOT);
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    ln(x) - (0.5 * inverse + square * horner(square, &DIGAMMA))
}

/// `x^s zeta(s, x)` for `s >= 2`, `x > 0`: at least one, and free of overflow.
fn scaled_zeta(s: u32, x: f64) -> f64 {
    let order = f64::from(s);
    let (mut y, mut sum) = (x, 0.0);
    while y < order + 10.0 {
        let term = (x / y).powf(order);
        sum += term;
        if term < 1e-18 * sum {
            return sum;
        }
        y += 1.0;
    }
    // What is left of the sum from y on, over (x / y)^s.
    let inverse = 1.0 / y;
    let mut rest = y / (order - 1.0) + 0.5;
    let mut factor = order * inverse;
    for (k, coefficient) in EULER_MACLAURIN.iter().enumerate() {
        rest += coefficient * factor;
        let j = order + 2.0 * k as f64;
        factor *= (j + 1.0) * inverse * ((j + 2.0) * inverse);
    }
    sum + (x / y).powf(order) * rest
}

/// `n! zeta(n + 1, x)` for `n >= 1`, `x > 0`.
fn factorial_zeta(n: u32, x: f64) -> f64 {
    let zeta = scaled_zeta(n + 1, x);
    if n <= 170 {
        // One factor j / x at a time: n! and x^n overflow on their own long before the quotient.
        (1..=n).fold(zeta / x, |product, j| product * (f64::from(j) / x))
    } else {
        let n = f64::from(n);
        (log_gamma(n + 1.0) - (n + 1.0) * ln(x) + ln(zeta)).exp()
    }
}

/// The `n`-th derivative of `digamma`; infinite at the poles for `n >= 1`.
///
/// Relative error at most 3e-15 up to order 30 and 1e-13 up to order 170; beyond that `n!` itself
/// is out of range, and the value comes through logarithms with an error of about `1e-16 n log n`.
pub(super) fn polygamma(n: u32, x: f64) -> f64 {
    if n == 0 {
        return digamma(x);
    }
    let sign = if n % 2 == 1 { 1.0 } else { -1.0 };
    if x.is_nan() || x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return sign * 0.0;
    }
    if x > 0.0 {
        return sign * factorial_zeta(n, x);
    }
    let d = x - x.round();
    if d == 0.0 {
        return sign * f64::INFINITY;
    }
    // The sum over all integers has period one; take from it the part that zeta(n + 1, x) leaves
    // out.
    let (up, down) = if d > 0.0 { (d, 1.0 - d) } else { (1.0 + d, -d) };
    let left = factorial_zeta(n, down) - factorial_zeta(n, 1.0 - x);
    sign * (factorial_zeta(n, up) + sign * left)
}

#[cfg(test)]
#[allow(clippy::approx_constant, reason = "a function table meets them by nature")]
mod tests {
    use super::*;

    // Near a zero of the function only the absolute error can be small.
    fn near(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-13 * want.abs().max(1e-2)
    }

    #[test]
    fn log_gamma_rows() {
        // 50-digit mpmath.
        let rows = [
            (1e-300, 690.7755278982137),
            (1e-10, 23.025850929882736),
            (0.001, 6.907178885383853),
            (0.25, 1.2880225246980774),
            (0.5, 0.5723649429247001),
            (1.0, 0.0),
            (1.4616321449683622, -0.12148629053584961),
            (2.0, 0.0),
            (3.5, 1.2009736023470743),
            (10.0, 12.801827480081469),
            (171.5, 709.1431630309282),
            (100000.0, 1051287.7089736569),
            (1000000000000000.0, 3.3538776394910668e+16),
            (-0.5, 1.2655121234846454),
            (-1.5, 0.860047015376481),
            (-10.25, -14.20399790093109),
            (-1e-10, 23.025850929998178),
            (-100.5, -364.90096830942736),
            (1.00001, -5.7720744027504825e-06),
            (1.99999, -4.227811104241674e-06),
        ];
        for (x, want) in rows {
            assert!(near(log_gamma(x), want), "log_gamma({x}) = {}", log_gamma(x));
        }
        for pole in [0.0, -0.0, -1.0, -7.0, f64::NEG_INFINITY, f64::INFINITY] {
            assert_eq!(log_gamma(pole), f64::INFINITY);
        }
        assert!(log_gamma(f64::NAN).is_nan());
        // An integer argument has an exact value: log 22!.
        assert!(near(log_gamma(23.0), 1.124_000_727_777_607_7e21f64.ln()));
    }

    #[test]
    fn digamma_rows() {
        // 50-digit mpmath.
        let rows = [
            (1e-300, -9.999999999999999e+299),
            (1e-10, -10000000000.577215),
            (0.001, -1000.5755719318103),
            (0.25, -4.2274535333762655),
            (0.5, -1.9635100260214235),
            (1.0, -0.5772156649015329),
            (1.4616321449683622, -9.241265521729427e-17),
            (2.0, 0.42278433509846713),
            (3.5, 1.103156640645243),
            (10.0, 2.251752589066721),
            (171.5, 5.141664981433999),
            (100000.0, 11.512920464961896),
            (1000000000000000.0, 34.538776394910684),
            (-0.5, 0.03648997397857652),
            (-1.5, 0.7031566406452432),
            (-10.25, 5.516858419886273),
            (-1e-10, 9999999999.422785),
            (-100.5, 4.6151246013380645),
        ];
        for (x, want) in rows {
            assert!(near(digamma(x), want), "digamma({x}) = {}", digamma(x));
        }
        // The root in double precision: even the residue is right.
        assert!((digamma(1.4616321449683622) / -9.241265521729427e-17 - 1.0).abs() < 0.1);
        assert_eq!(digamma(0.0), f64::NEG_INFINITY);
        assert_eq!(digamma(f64::INFINITY), f64::INFINITY);
        assert!(digamma(-3.0).is_nan() && digamma(f64::NAN).is_nan());
    }

    #[test]
    fn polygamma_rows() {
        // 50-digit mpmath.
        let rows = [
            (1, 0.1, 101.43329915079275),
            (1, 1.0, 1.6449340668482264),
            (1, 2.5, 0.49035775610023485),
            (1, 30.0, 0.033895060357739946),
            (1, 10000.0, 0.00010000500016666666),
            (1, -0.3, 13.945160267805722),
            (1, -7.6, 10.788265451054698),
            (2, 0.1, -2001.8614573783436),
            (2, 1.0, -2.4041138063191885),
            (2, 2.5, -0.2362040516417274),
            (2, 30.0, -0.0011487652037286),
            (2, 10000.0, -1.000100005e-08),
            (2, -0.3, 67.63908119988317),
            (2, -7.6, -22.291481096904285),
            (3, 0.1, 60004.51287679026),
            (3, 1.0, 6.493939402266829),
            (3, 2.5, 0.22390584881725206),
            (3, 30.0, 7.78600366473613e-05),
            (3, 10000.0, 2.00030002e-12),
            (3, -0.3, 766.6198904191685),
            (3, -7.6, 283.5985650319999),
            (7, 0.1, 504000002365.19116),
            (7, 1.0, 5060.54987523764),
            (7, 2.5, 3.565236352523131),
            (7, 30.0, 3.693311077871013e-08),
            (7, 10000.0, 7.202520335999994e-26),
            (7, -0.3, 76905059.63376132),
            (7, -7.6, 7990964.664279807),
            (20, 0.1, -2.432902008176637e+39),
            (20, 1.0, -2.4329031685078615e+18),
            (20, 2.5, -10709198259.124132),
            (20, 30.0, -4.786085204571764e-13),
            (20, 10000.0, -1.2176678808502237e-63),
            (20, -0.3, 2.3258315617066463e+29),
            (20, -7.6, -5.530669673009725e+26),
            (170, 1.0, -7.257415615307999e+306),
            (170, 2.5, -6.501903386474073e+238),
            (170, 30.0, -1.8821151408239853e+54),
        ];
        for (n, x, want) in rows {
            let got = polygamma(n, x);
            assert!(near(got / want, 1.0), "polygamma({n}, {x}) = {got:e}, want {want:e}");
        }
        assert_eq!(polygamma(0, 3.5), digamma(3.5));
        assert_eq!(polygamma(1, -2.0), f64::INFINITY);
        assert_eq!(polygamma(2, 0.0), f64::NEG_INFINITY);
        assert_eq!(polygamma(1, f64::INFINITY), 0.0);
        assert!(polygamma(3, f64::NAN).is_nan());
    }
}
