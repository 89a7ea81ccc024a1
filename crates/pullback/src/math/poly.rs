//! Multiply-add and Horner's rule with the fused operation as a compile-time choice.

#[inline(always)]
pub(super) fn fma_f32<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
pub(super) fn fma_f64<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `poly!(fma, x; c0, c1, ...)` is `c0 + c1 x + ...`, as Horner's rule in `x^2` over pairs of
/// terms.
///
/// A macro and not a loop over an array: the loop around the lane body must see straight-line
/// code. Pairs, since the latency of a plain Horner chain and not the number of operations would
/// bound the throughput.
macro_rules! poly {
    (@ $fma:path, $x:ident, $s:ident; $a:expr $(,)?) => { $a };
    (@ $fma:path, $x:ident, $s:ident; $a:expr, $b:expr $(,)?) => { $fma($x, $b, $a) };
    (@ $fma:path, $x:ident, $s:ident; $a:expr, $b:expr, $($rest:expr),+ $(,)?) => {
        $fma($s, poly!(@ $fma, $x, $s; $($rest),+), $fma($x, $b, $a))
    };
    ($fma:path, $x:expr; $($c:expr),+ $(,)?) => {{
        let x = $x;
        let square = x * x;
        poly!(@ $fma, x, square; $($c),+)
    }};
}
