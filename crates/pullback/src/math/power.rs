//! General powers. (`rsqrt` is a reciprocal and a square root, both hardware operations.)

/// `x^y` with the conventions of IEEE 754 (`pow(x, 0) = 1` for every `x`).
///
/// f32 operands come through f64 too: the result is then correctly rounded but for rare ties.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conventions() {
        assert_eq!(pow(f64::NAN, 0.0), 1.0);
        assert_eq!(pow(-2.0, 3.0), -8.0);
        assert!(pow(-2.0, 0.5).is_nan());
        assert_eq!(pow(0.0, -1.0), f64::INFINITY);
        // 50-digit mpmath.
        assert!((pow(1.1, 300.5) / 2744744288561.043 - 1.0).abs() < 1e-15);
    }
}
