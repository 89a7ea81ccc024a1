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
lanes! { __m256d, f64, 4 of 16, _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_fmadd_pd,
    repeat(p) {
        1 => _mm256_set1_pd(*p),
        2 => _mm256_broadcast_pd(&_mm_loadu_pd(p)),
        4 => _mm256_loadu_pd(p),
    },
    pair_add(a, b) { _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_hadd_pd(a, b)) }
}
