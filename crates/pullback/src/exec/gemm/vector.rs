//! Vectors of x86-64 and AArch64 under one name, for the register tiles.

use crate::exec::fetch::fetch_near;
#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::*;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A vector of `N` elements of type `T`.
///
/// # Safety
/// Every method needs the instruction set of the vector; pointers must allow the access (`P` elements for `repeat`).
pub trait Lanes: Copy {
    type T: Copy + std::ops::Add<Output = Self::T>;
    const N: usize;
    /// How many such vectors the machine has names for.
    const REGISTERS: usize;
    unsafe fn zero() -> Self;
    unsafe fn load(from: *const Self::T) -> Self;
    unsafe fn store(self, to: *mut Self::T);
    /// Stores it, or its sum with what is there.
    #[inline(always)]
    unsafe fn put(self, to: *mut Self::T, accumulate: bool) {
        // SAFETY: passed on.
        unsafe { if accumulate { Self::load(to).add(self).store(to) } else { self.store(to) } }
    }
    /// Begins to bring what lies there into the nearest cache.
    unsafe fn fetch(from: *const Self::T);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul_add(self, by: Self, plus: Self) -> Self;
    /// `P` (a power of two) consecutive elements, repeated over the vector.
    unsafe fn repeat<const P: usize>(from: *const Self::T) -> Self;
    /// Sums of neighbours: those of `self`, then those of `other`.
    unsafe fn pair_add(self, other: Self) -> Self;
}

/// A vector whose lower half is a vector too.
///
/// # Safety
/// As for [`Lanes`].
#[cfg(target_arch = "x86_64")]
pub trait Halves: Lanes {
    type Half: Lanes<T = Self::T>;
    unsafe fn low(self) -> Self::Half;
}

macro_rules! lanes {
    ($vector:ident, $t:ident, $n:literal of $registers:literal, $zero:ident, $load:ident, $store:ident, $add:ident, $mul_add:ident,
     repeat($from:ident) { $($p:literal => $repeat:expr,)* }, pair_add($a:ident, $b:ident) $pair_add:block) => {
        impl Lanes for $vector {
            type T = $t;
            const N: usize = $n;
            const REGISTERS: usize = $registers;
            // SAFETY (all): the contract of the trait.
            #[inline(always)]
            unsafe fn zero() -> Self { unsafe { $zero() } }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self { unsafe { $load(from) } }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) { unsafe { $store(to, self) } }
            #[inline(always)]
            unsafe fn fetch(from: *const $t) { fetch_near(from) }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self { unsafe { $add(self, other) } }
            #[inline(always)]
            unsafe fn mul_add(self, by: Self, plus: Self) -> Self { unsafe { $mul_add(self, by, plus) } }
            #[inline(always)]
            unsafe fn repeat<const P: usize>($from: *const $t) -> Self {
                unsafe { match P { $($p => $repeat,)* _ => unreachable!() } }
            }
            #[inline(always)]
            unsafe fn pair_add(self, other: Self) -> Self { let ($a, $b) = (self, other); unsafe { $pair_add } }
        }
    };
}

#[cfg(target_arch = "x86_64")]
impl Halves for __m512 {
    type Half = __m256;
    #[inline(always)]
    unsafe fn low(self) -> __m256 {
        // SAFETY: the contract of the trait.
        unsafe { _mm512_castps512_ps256(self) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Halves for __m512d {
    type Half = __m256d;
    #[inline(always)]
    unsafe fn low(self) -> __m256d {
        // SAFETY: the contract of the trait.
        unsafe { _mm512_castpd512_pd256(self) }
    }
}

#[cfg(target_arch = "x86_64")]
lanes! { __m512, f32, 16 of 32, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps,
    repeat(p) {
        1 => _mm512_set1_ps(*p),
        2 => _mm512_castpd_ps(_mm512_set1_pd(p.cast::<f64>().read_unaligned())),
        4 => _mm512_broadcast_f32x4(_mm_loadu_ps(p)),
        8 => _mm512_castpd_ps(_mm512_broadcast_f64x4(_mm256_castps_pd(_mm256_loadu_ps(p)))),
        16 => _mm512_loadu_ps(p),
    },
    pair_add(a, b) {
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        _mm512_add_ps(_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b))
    }
}
#[cfg(target_arch = "x86_64")]
lanes! { __m512d, f64, 8 of 32, _mm512_setzero_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd,
    repeat(p) {
        1 => _mm512_set1_pd(*p),
        2 => _mm512_castps_pd(_mm512_broadcast_f32x4(_mm_castpd_ps(_mm_loadu_pd(p)))),
        4 => _mm512_broadcast_f64x4(_mm256_loadu_pd(p)),
        8 => _mm512_loadu_pd(p),
    },
    pair_add(a, b) {
        let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
        let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
        _mm512_add_pd(_mm512_permutex2var_pd(a, even, b), _mm512_permutex2var_pd(a, odd, b))
    }
}
#[cfg(target_arch = "x86_64")]
lanes! { __m256, f32, 8 of 16, _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps,
    repeat(p) {
        1 => _mm256_set1_ps(*p),
        2 => _mm256_castpd_ps(_mm256_set1_pd(p.cast::<f64>().read_unaligned())),
        4 => _mm256_castpd_ps(_mm256_broadcast_pd(&_mm_castps_pd(_mm_loadu_ps(p)))),
        8 => _mm256_loadu_ps(p),
    },
    pair_add(a, b) {
        // Within 128-bit halves, so the middle quarters must change places.
        _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(_mm256_hadd_ps(a, b))))
    }
}
#[cfg(target_arch = "x86_64")]
lanes! { __m256d, f64, 4 of 16, _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_fmadd_pd,
    repeat(p) {
        1 => _mm256_set1_pd(*p),
        2 => _mm256_broadcast_pd(&_mm_loadu_pd(p)),
        4 => _mm256_loadu_pd(p),
    },
    pair_add(a, b) { _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_hadd_pd(a, b)) }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::*;

    macro_rules! helpers {
        ($($vector:ident: $zero:ident = $same:ident, $mul_add:ident = $plus_mul:ident;)*) => {$(
            #[inline(always)]
            pub unsafe fn $zero() -> $vector {
                // SAFETY: every AArch64 machine has the instruction.
                unsafe { $same(0.0) }
            }
            #[inline(always)]
            pub unsafe fn $mul_add(x: $vector, y: $vector, plus: $vector) -> $vector {
                // SAFETY: as above.
                unsafe { $plus_mul(plus, x, y) }
            }
        )*};
    }
    helpers! {
        float32x4_t: zero_f32 = vdupq_n_f32, mul_add_f32 = vfmaq_f32;
        float64x2_t: zero_f64 = vdupq_n_f64, mul_add_f64 = vfmaq_f64;
    }
}
#[cfg(target_arch = "aarch64")]
use neon::{mul_add_f32, mul_add_f64, zero_f32, zero_f64};
#[cfg(target_arch = "aarch64")]
lanes! { float32x4_t, f32, 4 of 32, zero_f32, vld1q_f32, vst1q_f32, vaddq_f32, mul_add_f32,
    repeat(p) {
        1 => vdupq_n_f32(*p),
        2 => { let two = vld1_f32(p); vcombine_f32(two, two) },
        4 => vld1q_f32(p),
    },
    pair_add(a, b) { vpaddq_f32(a, b) }
}
#[cfg(target_arch = "aarch64")]
lanes! { float64x2_t, f64, 2 of 32, zero_f64, vld1q_f64, vst1q_f64, vaddq_f64, mul_add_f64,
    repeat(p) {
        1 => vdupq_n_f64(*p),
        2 => vld1q_f64(p),
    },
    pair_add(a, b) { vpaddq_f64(a, b) }
}
