//! Vectors of NEON: 128 bits.

use super::lanes;
use std::arch::aarch64::*;

macro_rules! helpers {
    ($($vector:ident: $zero:ident = $same:ident, $mul_add:ident = $plus_mul:ident;)*) => {$(
        #[inline(always)]
        unsafe fn $zero() -> $vector {
            // SAFETY: every AArch64 machine has the instruction.
            unsafe { $same(0.0) }
        }
        #[inline(always)]
        unsafe fn $mul_add(x: $vector, y: $vector, plus: $vector) -> $vector {
            // SAFETY: as above.
            unsafe { $plus_mul(plus, x, y) }
        }
    )*};
}
helpers! {
    float32x4_t: zero_f32 = vdupq_n_f32, mul_add_f32 = vfmaq_f32;
    float64x2_t: zero_f64 = vdupq_n_f64, mul_add_f64 = vfmaq_f64;
}

lanes! { float32x4_t, f32, 4 of 32, zero_f32, vld1q_f32, vst1q_f32, vaddq_f32, mul_add_f32,
    same(p) vdupq_n_f32(*p),
    begin(p, n) {
        let mut x = zero_f32();
        if n > 0 { x = vld1q_lane_f32::<0>(p, x); }
        if n > 1 { x = vld1q_lane_f32::<1>(p.add(1), x); }
        if n > 2 { x = vld1q_lane_f32::<2>(p.add(2), x); }
        x
    },
    fold(a, b) { _ => vpaddq_f32(a, b), }
}
lanes! { float64x2_t, f64, 2 of 32, zero_f64, vld1q_f64, vst1q_f64, vaddq_f64, mul_add_f64,
    same(p) vdupq_n_f64(*p),
    begin(p, n) if n > 0 { vld1q_lane_f64::<0>(p, zero_f64()) } else { zero_f64() },
    fold(a, b) { _ => vpaddq_f64(a, b), }
}
