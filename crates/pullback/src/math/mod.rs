//! Elementary and special functions as branch-free lane bodies.
//!
//! Every body that an element-wise kernel runs is written as straight-line arithmetic with
//! selects, so that a plain loop over a slice, compiled inside a `#[target_feature]` function,
//! becomes vector code. The const parameter `FMA` says whether the surrounding function has a
//! hardware fused multiply-add: without one `mul_add` is a slow library call, so the body then
//! uses `a * b + c`. Both variants meet the error bounds that the functions state (in units of the
//! last place, ulp, the worst found in dense sweeps against correctly rounded or 50-digit values).
//!
//! `log_gamma`, `digamma`, `polygamma` and `pow` are ordinary scalar code.

#[macro_use]
mod poly;

mod abreast;
mod erf;
mod exp;
mod gamma;
mod log;
mod normal;
mod power;
mod sigmoid;
mod tanh;
pub mod threefry;
mod trig;

pub use abreast::ABREAST;
use abreast::Abreast;
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A floating-point element type with the functions that the executor knows.
///
/// The names shadow the inherent methods of `f32` and `f64`: on a concrete type write
/// `Real::exp::<true>(x)`; in generic code `x.exp::<true>()` works.
pub trait Real:
    Copy
    + PartialOrd
    + Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    const ZERO: Self;
    const ONE: Self;
    const INFINITY: Self;
    /// Largest `|x|` for which [`Real::sin`] and [`Real::cos`] keep their stated accuracy.
    const TRIG_LIMIT: Self;
    /// Largest `|x|` for which there is an [`Real::erf_inv_near_of`]; beyond lie 5 of 10,000 uniform numbers.
    const ERF_INV_NEAR: Self;

    fn from_f64(x: f64) -> Self;

    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    /// The greatest whole number not above `self`.
    fn floor(self) -> Self;
    /// Neither NaN nor infinite.
    fn is_finite(self) -> bool;
    /// `1 / sqrt(self)`.
    fn rsqrt(self) -> Self;

    /// `self · b + c`, rounded once where multiply-add is fused.
    fn fma<const FMA: bool>(self, b: Self, c: Self) -> Self;
    fn exp<const FMA: bool>(self) -> Self;
    /// `exp(self) - 1` without cancellation near zero.
    fn expm1<const FMA: bool>(self) -> Self;
    fn log<const FMA: bool>(self) -> Self;
    /// `log(1 + self)` without cancellation near zero.
    fn log1p<const FMA: bool>(self) -> Self;
    fn tanh<const FMA: bool>(self) -> Self;
    /// `1 / (1 + exp(-self))`.
    fn sigmoid<const FMA: bool>(self) -> Self;
    /// `log(sigmoid(self))`, equal to `-softplus(-self)`.
    fn log_sigmoid<const FMA: bool>(self) -> Self;
    /// `log(1 + exp(self))` without overflow or cancellation.
    fn softplus<const FMA: bool>(self) -> Self;
    /// Accurate for `|self| <= TRIG_LIMIT` only; beyond it see [`Real::sin_wide`].
    fn sin<const FMA: bool>(self) -> Self;
    /// Accurate for `|self| <= TRIG_LIMIT` only; beyond it see [`Real::cos_wide`].
    fn cos<const FMA: bool>(self) -> Self;
    /// The sine for every argument; branches, so it is no vector body.
    fn sin_wide<const FMA: bool>(self) -> Self;
    /// The cosine for every argument; branches, so it is no vector body.
    fn cos_wide<const FMA: bool>(self) -> Self;
    fn erf<const FMA: bool>(self) -> Self;
    /// `1 - erf(self)`, with full relative accuracy in the upper tail.
    fn erfc<const FMA: bool>(self) -> Self;
    /// The inverse of [`Real::erf`] on `[-1, 1]`.
    fn erf_inv<const FMA: bool>(self) -> Self;
    /// The quantile function of the standard normal distribution on `[0, 1]`.
    fn normal_icdf<const FMA: bool>(self) -> Self;

    // Of several numbers, whose steps are taken in turn: see `abreast.rs`. The results are the same to the bit.
    fn tanh_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];
    fn sigmoid_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];
    fn log_sigmoid_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];
    fn softplus_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];
    fn erf_inv_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];
    fn normal_icdf_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];
    /// [`Real::erf_inv`] of numbers of which each is at most [`Real::ERF_INV_NEAR`], by fewer steps.
    fn erf_inv_near_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];
    /// `exp(-|x|)`; of f32 zero where that is below `2^-126.5`.
    fn flushed_decay_of<const FMA: bool, const N: usize>(x: [Self; N]) -> [Self; N];

    /// `log |Gamma(self)|`.
    fn log_gamma(self) -> Self;
    /// The derivative of order `n + 1` of [`Real::log_gamma`].
    fn polygamma(self, n: u32) -> Self;
    fn pow(self, y: Self) -> Self;
}

macro_rules! real {
    (@of f32, $several:path, $x:expr) => {
        $several(Abreast($x)).0
    };
    (@of f64, $one:path, $x:expr) => {{
        let mut y = $x;
        for y in &mut y {
            *y = $one(*y);
        }
        y
    }};
    ($t:ident, $limit:expr, $near:expr, [$(($more:ident, $many:path)),+ $(,)?], [$(($single:ident, $of:ident, $several:path)),+ $(,)?], $(($name:ident, $body:path)),+ $(,)?) => {
        impl Real for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const INFINITY: $t = $t::INFINITY;
            const TRIG_LIMIT: $t = $limit;
            const ERF_INV_NEAR: $t = $near;

            #[inline(always)]
            fn from_f64(x: f64) -> $t {
                x as $t
            }

            #[inline(always)]
            fn abs(self) -> $t {
                $t::abs(self)
            }

            #[inline(always)]
            fn sqrt(self) -> $t {
                $t::sqrt(self)
            }

            #[inline(always)]
            fn floor(self) -> $t {
                $t::floor(self)
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }

            #[inline(always)]
            fn rsqrt(self) -> $t {
                1.0 / $t::sqrt(self)
            }

            $(
                #[inline(always)]
                fn $name<const FMA: bool>(self) -> $t {
                    $body(self)
                }
            )+

            $(
                #[inline(always)]
                fn $more<const FMA: bool, const N: usize>(x: [$t; N]) -> [$t; N] {
                    real!(@of $t, $many, x)
                }
            )+

            $(
                #[inline(always)]
                fn $of<const FMA: bool, const N: usize>(x: [$t; N]) -> [$t; N] {
                    real!(@of $t, $several, x)
                }

                #[inline(always)]
                fn $single<const FMA: bool>(self) -> $t {
                    let [y] = $t::$of::<FMA, 1>([self]);
                    y
                }
            )+

            #[inline(always)]
            fn fma<const FMA: bool>(self, b: $t, c: $t) -> $t {
                if FMA { self.mul_add(b, c) } else { self * b + c }
            }

            fn log_gamma(self) -> $t {
                gamma::log_gamma(f64::from(self)) as $t
            }

            fn polygamma(self, n: u32) -> $t {
                gamma::polygamma(n, f64::from(self)) as $t
            }

            #[inline]
            fn pow(self, y: $t) -> $t {
                power::pow(f64::from(self), f64::from(y)) as $t
            }
        }
    };
}

real!(
    f32,
    trig::LIMIT_F32,
    normal::NEAR_F32,
    [(flushed_decay_of, exp::flushed_decay_f32::<FMA, N>), (erf_inv_near_of, normal::erf_inv_f32::<FMA, false, N>)],
    [
        (tanh, tanh_of, tanh::tanh_f32::<FMA, N>),
        (sigmoid, sigmoid_of, sigmoid::sigmoid_f32::<FMA, N>),
        (log_sigmoid, log_sigmoid_of, sigmoid::log_sigmoid_f32::<FMA, N>),
        (softplus, softplus_of, sigmoid::softplus_f32::<FMA, N>),
        (erf_inv, erf_inv_of, normal::erf_inv_f32::<FMA, true, N>),
        (normal_icdf, normal_icdf_of, normal::normal_icdf_f32::<FMA, N>),
    ],
    (exp, exp::exp_f32::<FMA>),
    (expm1, exp::expm1_f32::<FMA>),
    (log, log::log_f32::<FMA>),
    (log1p, log::log1p_f32::<FMA>),
    (sin, trig::sin_f32::<FMA>),
    (cos, trig::cos_f32::<FMA>),
    (sin_wide, trig::sin_wide_f32::<FMA>),
    (cos_wide, trig::cos_wide_f32::<FMA>),
    (erf, erf::erf_f32::<FMA>),
    (erfc, erf::erfc_f32::<FMA>),
);

real!(
    f64,
    trig::LIMIT_F64,
    1.0,
    [(flushed_decay_of, exp::abs_decay_f64::<FMA>), (erf_inv_near_of, normal::erf_inv_f64::<FMA>)],
    [
        (tanh, tanh_of, tanh::tanh_f64::<FMA>),
        (sigmoid, sigmoid_of, sigmoid::sigmoid_f64::<FMA>),
        (log_sigmoid, log_sigmoid_of, sigmoid::log_sigmoid_f64::<FMA>),
        (softplus, softplus_of, sigmoid::softplus_f64::<FMA>),
        (erf_inv, erf_inv_of, normal::erf_inv_f64::<FMA>),
        (normal_icdf, normal_icdf_of, normal::normal_icdf_f64::<FMA>),
    ],
    (exp, exp::exp_f64::<FMA>),
    (expm1, exp::expm1_f64::<FMA>),
    (log, log::log_f64::<FMA>),
    (log1p, log::log1p_f64::<FMA>),
    (sin, trig::sin_f64::<FMA>),
    (cos, trig::cos_f64::<FMA>),
    (sin_wide, trig::sin_wide_f64::<FMA>),
    (cos_wide, trig::cos_wide_f64::<FMA>),
    (erf, erf::erf_f64::<FMA>),
    (erfc, erf::erfc_f64::<FMA>),
);

#[cfg(test)]
mod check;
