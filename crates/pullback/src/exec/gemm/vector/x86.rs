//! Vectors of x86-64: 512 and 256 bits.

use super::{Lanes, lanes};
use std::arch::x86_64::*;

/// A vector whose lower half is a vector too.
///
/// # Safety
/// As for [`Lanes`].
pub trait Halves: Lanes {
    type Half: Lanes<T = Self::T>;
    unsafe fn low(self) -> Self::Half;
}

impl Halves for __m512 {
    type Half = __m256;
    #[inline(always)]
    unsafe fn low(self) -> __m256 {
        // SAFETY: the contract of the trait.
        unsafe { _mm512_castps512_ps256(self) }
    }
}

impl Halves for __m512d {
    type Half = __m256d;
    #[inline(always)]
    unsafe fn low(self) -> __m256d {
        // SAFETY: the contract of the trait.
        unsafe { _mm512_castpd512_pd256(self) }
    }
}

lanes! { __m512, f32, 16 of 32, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps,
    same(p) _mm512_set1_ps(*p),
    begin(p, n) _mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, p),
    fold(a, b) {
        1 => _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)),
        2 => {
            let (a, b) = (_mm512_castps_pd(a), _mm512_castps_pd(b));
            let (low, high) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
            _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
        },
        _ => _mm512_add_ps(
            _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b),
            _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b),
        ),
    }
}
lanes! { __m512d, f64, 8 of 32, _mm512_setzero_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd,
    same(p) _mm512_set1_pd(*p),
    begin(p, n) _mm512_maskz_loadu_pd(((1u32 << n) - 1) as __mmask8, p),
    fold(a, b) {
        1 => _mm512_add_pd(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b)),
        _ => _mm512_add_pd(
            _mm512_shuffle_f64x2::<0b10_00_10_00>(a, b),
            _mm512_shuffle_f64x2::<0b11_01_11_01>(a, b),
        ),
    }
}
lanes! { __m256, f32, 8 of 16, _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps,
    same(p) _mm256_set1_ps(*p),
    begin(p, n) {
        let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), places))
    },
    fold(a, b) {
        1 => _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)),
        2 => {
            let (a, b) = (_mm256_castps_pd(a), _mm256_castps_pd(b));
            let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
            _mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high))
        },
        _ => _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b)),
    }
}
lanes! { __m256d, f64, 4 of 16, _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_fmadd_pd,
    same(p) _mm256_set1_pd(*p),
    begin(p, n) {
        let places = _mm256_setr_epi64x(0, 1, 2, 3);
        _mm256_maskload_pd(p, _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), places))
    },
    fold(a, b) {
        1 => _mm256_add_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b)),
        _ => _mm256_add_pd(_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b)),
    }
}
