//! What the unit tests of this folder share.

/// The distance in units of the last place of `want`.
pub(super) fn ulps_f32(got: f32, want: f64) -> f64 {
    let near = want as f32;
    if got == near || (got.is_nan() && near.is_nan()) {
        return 0.0;
    }
    if !got.is_finite() || !near.is_finite() {
        return f64::INFINITY;
    }
    let exponent = (near.abs().max(f32::MIN_POSITIVE).to_bits() >> 23) as i32;
    (f64::from(got) - want).abs() / 2f64.powi(exponent - 150)
}

/// Whether `got` is within `1e-13` of `want` relatively, or within 4 subnormal steps.
pub(super) fn close_f64(got: f64, want: f64) -> bool {
    let same = got == want || (got.is_nan() && want.is_nan());
    same || (got - want).abs() <= 1e-13 * want.abs() || (got - want).abs() <= 4.0 * f64::from_bits(1)
}

/// Checks an f64 function against rows of `(x, f(x))`.
pub(super) fn rows_f64(f: impl Fn(f64) -> f64, rows: &[(f64, f64)]) {
    for &(x, want) in rows {
        let got = f(x);
        assert!(close_f64(got, want), "f({x:e}) = {got:e}, want {want:e}");
        if want == 0.0 {
            assert_eq!(got.is_sign_negative(), want.is_sign_negative(), "sign at {x:e}");
        }
    }
}

/// Checks an f32 function bit for bit (any NaN for NaN) at special arguments.
pub(super) fn exact_f32(f: impl Fn(f32) -> f32, rows: &[(f32, f32)]) {
    for &(x, want) in rows {
        let got = f(x);
        let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
        assert!(same, "f({x:e}) = {got:e}, want {want:e}");
    }
}

/// Sweeps every 4099th f32 of `[lo, hi]`, of all magnitudes and both signs, against an f64
/// function.
pub(super) fn sweep(f: impl Fn(f32) -> f32, reference: impl Fn(f64) -> f64, lo: f64, hi: f64, bound: f64) {
    for bits in (0..=u32::MAX).step_by(4099) {
        let x = f32::from_bits(bits);
        if f64::from(x) >= lo && f64::from(x) <= hi {
            let (got, want) = (f(x), reference(f64::from(x)));
            let error = ulps_f32(got, want);
            assert!(error <= bound, "f({x:e}) = {got:e}, want {want:e}: {error} ulp");
        }
    }
}
