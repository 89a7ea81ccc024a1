//! Operations of many steps, taken in turn on several vectors: see `abreast.rs` of [`crate::math`].

use crate::exec::lanes::{Run, Vectors, WIDTH};
use crate::math::{ABREAST, Real};

/// An operation on numbers of up to three operands, `A` of each at once.
///
/// A trait, for its function is always inlined into vector code; a closure of so many steps is not.
pub(super) trait Steps {
    fn of<T: Real, const FMA: bool, const A: usize>(x: [[T; A]; 3]) -> [T; A];
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident($a:ident, $b:ident, $c:ident) $body:block)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Steps for $name {
            #[inline(always)]
            fn of<T: Real, const FMA: bool, const A: usize>([$a, $b, $c]: [[T; A]; 3]) -> [T; A] $body
        }
    )*};
}

steps! {
    Tanh(x, _b, _c) { T::tanh_of::<FMA, A>(x) }
    Sigmoid(x, _b, _c) { T::sigmoid_of::<FMA, A>(x) }
    LogSigmoid(x, _b, _c) { T::log_sigmoid_of::<FMA, A>(x) }
    Softplus(x, _b, _c) { T::softplus_of::<FMA, A>(x) }
    TanhSum(a, b, _c) { T::tanh_of::<FMA, A>(sums(a, b)) }
    SigmoidSum(a, b, _c) { T::sigmoid_of::<FMA, A>(sums(a, b)) }
    SoftplusSum(a, b, _c) { T::softplus_of::<FMA, A>(sums(a, b)) }
    /// `c (a + b) - softplus(a + b)`.
    Logistic(a, b, c) {
        let logits = sums(a, b);
        let (mut y, softplus) = (c, T::softplus_of::<FMA, A>(logits));
        for i in 0..A {
            y[i] = c[i] * logits[i] - softplus[i];
        }
        y
    }
}

#[inline(always)]
fn sums<T: Real, const A: usize>(mut a: [T; A], b: [T; A]) -> [T; A] {
    for i in 0..A {
        a[i] = a[i] + b[i];
    }
    a
}

/// `to = f(a, b, c)` over a whole number of vectors.
#[inline(always)]
pub(super) fn run<T: Real, const FMA: bool, F: Steps>(to: &mut [T], operands: [Run<'_, T>; 3]) {
    debug_assert!(to.len().is_multiple_of(WIDTH));
    const SOME: usize = ABREAST * WIDTH;
    // The functions of f64 take one number at a time.
    let whole = if size_of::<T>() == size_of::<f32>() { to.len() / SOME * SOME } else { 0 };
    let (some, last) = to.split_at_mut(whole);
    runs::<T, FMA, F, SOME, ABREAST>(some, operands);
    runs::<T, FMA, F, WIDTH, 1>(last, operands.map(|operand| operand.skip(whole)));
}

/// A whole number of runs of `N` numbers, `A` of each at once.
#[inline(always)]
fn runs<T: Real, const FMA: bool, F: Steps, const N: usize, const A: usize>(to: &mut [T], [a, b, c]: [Run<'_, T>; 3]) {
    let to = to.as_chunks_mut::<N>().0;
    let n = to.len();
    let [mut sa, mut sb, mut sc] = [[T::ZERO; N]; 3];
    let (a, b, c) = (Vectors::of(a, n, &mut sa), Vectors::of(b, n, &mut sb), Vectors::of(c, n, &mut sc));
    for (i, to) in to.iter_mut().enumerate() {
        // SAFETY: `i` is below the number of runs that are written.
        unsafe { one::<T, FMA, F, N, A>(to, a.there(i), b.there(i), c.there(i)) };
    }
}

/// One run: a function, of whose arguments it is known that they do not overlap. Numbers that are computed at once lie an
/// `A`th of it apart.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "places of several arrays")]
fn one<T: Real, const FMA: bool, F: Steps, const N: usize, const A: usize>(
    to: &mut [T; N],
    a: &[T; N],
    b: &[T; N],
    c: &[T; N],
) {
    let apart = N / A;
    for j in 0..apart {
        let mut x = [[T::ZERO; A]; 3];
        for v in 0..A {
            let at = v * apart + j;
            (x[0][v], x[1][v], x[2][v]) = (a[at], b[at], c[at]);
        }
        let y = F::of::<T, FMA, A>(x);
        for v in 0..A {
            to[v * apart + j] = y[v];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::fused::{self, Fused};
    use crate::exec::lanes::point;
    use crate::lowering::PointOp;

    fn same(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    fn all<T: Real + Into<f64>>() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, 1e-44, -1e-44, 9.0, -200.0, 200.0];
        for n in (0..=208).step_by(WIDTH) {
            let draw = |by: f64| -> Vec<T> {
                let number = |i: usize| match i % 7 {
                    3 => odd[(i as f64 * by) as usize % 10],
                    _ => (i as f64 * by * 1.7).sin() * 12.0,
                };
                (0..n).map(|i| T::from_f64(number(i))).collect()
            };
            let x = [draw(1.0), draw(1.3), draw(0.7)];
            for alike in 0..8 {
                let one = |i: usize| T::from_f64(0.25 * i as f64 - 0.4);
                let run = |i: usize| if alike >> i & 1 == 0 { Run::Each(&x[i][..]) } else { Run::All(one(i)) };
                let at = |i: usize, j: usize| if alike >> i & 1 == 0 { x[i][j] } else { one(i) };
                let holds = |what: &str, to: &[T], want: &dyn Fn(usize) -> T| {
                    for (j, &y) in to.iter().enumerate() {
                        assert!(same(y.into(), want(j).into()), "{what}, {n} numbers, alike {alike:b}, at {j}: {y:?}");
                    }
                };
                for op in [PointOp::Tanh, PointOp::Sigmoid, PointOp::LogSigmoid, PointOp::Softplus] {
                    let mut to = vec![T::from_f64(77.0); n];
                    point::<T, false>(op, &mut to, [run(0), run(1), run(2)]);
                    holds(&format!("{op:?}"), &to, &|j| op.unary::<T, false>(at(0, j)));
                }
                for op in [Fused::TanhSum, Fused::SigmoidSum, Fused::SoftplusSum, Fused::Logistic] {
                    let mut to = vec![T::from_f64(77.0); n];
                    fused::run::<T, false>(op, &mut to, [run(0), run(1), run(2), Run::All(T::ZERO)]);
                    holds(&format!("{op:?}"), &to, &|j| {
                        let sum = at(0, j) + at(1, j);
                        match op {
                            Fused::TanhSum => sum.tanh::<false>(),
                            Fused::SigmoidSum => sum.sigmoid::<false>(),
                            Fused::SoftplusSum => sum.softplus::<false>(),
                            _ => at(2, j) * sum - sum.softplus::<false>(),
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn in_turn_is_one_by_one() {
        all::<f32>();
        all::<f64>();
    }
}
