//! Operations whose steps are taken in turn on several vectors: see [`crate::math`]'s `abreast.rs`.

use crate::exec::lanes::{Run, Vectors, WIDTH};
use crate::math::{ABREAST, Real};

/// An operation on some numbers of up to three operands.
///
/// A trait, for its function is always inlined into vector code; a closure of so many steps is not.
pub(super) trait Steps {
    fn of<T: Real, const FMA: bool>(x: [[T; ABREAST]; 3]) -> [T; ABREAST];
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident($a:ident, $b:ident, $c:ident) $body:block)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Steps for $name {
            #[inline(always)]
            fn of<T: Real, const FMA: bool>([$a, $b, $c]: [[T; ABREAST]; 3]) -> [T; ABREAST] $body
        }
    )*};
}

steps! {
    Tanh(x, _b, _c) { T::tanh_of::<FMA, ABREAST>(x) }
    Sigmoid(x, _b, _c) { T::sigmoid_of::<FMA, ABREAST>(x) }
    LogSigmoid(x, _b, _c) { T::log_sigmoid_of::<FMA, ABREAST>(x) }
    Softplus(x, _b, _c) { T::softplus_of::<FMA, ABREAST>(x) }
    TanhSum(a, b, _c) { T::tanh_of::<FMA, ABREAST>(sums(a, b)) }
    SigmoidSum(a, b, _c) { T::sigmoid_of::<FMA, ABREAST>(sums(a, b)) }
    SoftplusSum(a, b, _c) { T::softplus_of::<FMA, ABREAST>(sums(a, b)) }
    /// `c (a + b) - softplus(a + b)`.
    Logistic(a, b, c) {
        let logits = sums(a, b);
        let (mut y, softplus) = (c, T::softplus_of::<FMA, ABREAST>(logits));
        for i in 0..ABREAST {
            y[i] = c[i] * logits[i] - softplus[i];
        }
        y
    }
}

#[inline(always)]
fn sums<T: Real>(mut a: [T; ABREAST], b: [T; ABREAST]) -> [T; ABREAST] {
    for i in 0..ABREAST {
        a[i] = a[i] + b[i];
    }
    a
}

/// `to = f(a, b, c)` over a whole number of vectors.
#[inline(always)]
pub(super) fn abreast<T: Real, const FMA: bool, F: Steps>(to: &mut [T], operands: [Run<'_, T>; 3]) {
    const SOME: usize = ABREAST * WIDTH;
    let whole = to.len() / SOME * SOME;
    let (some, last) = to.split_at_mut(whole);
    runs::<T, FMA, F, SOME>(some, operands);
    let [a, b, c] = operands;
    runs::<T, FMA, F, WIDTH>(last, [a.from(whole), b.from(whole), c.from(whole)]);
}

/// [`abreast`] for a whole number of runs of `N` numbers.
#[inline(always)]
fn runs<T: Real, const FMA: bool, F: Steps, const N: usize>(to: &mut [T], [a, b, c]: [Run<'_, T>; 3]) {
    let to = to.as_chunks_mut::<N>().0;
    let n = to.len();
    let [mut sa, mut sb, mut sc] = [[T::ZERO; N]; 3];
    let (a, b, c) = (Vectors::of(a, n, &mut sa), Vectors::of(b, n, &mut sb), Vectors::of(c, n, &mut sc));
    for (i, to) in to.iter_mut().enumerate() {
        // SAFETY: `i` is below the number of runs that are written.
        unsafe { run::<T, FMA, F, N>(to, a.there(i), b.there(i), c.there(i)) };
    }
}

/// One run: a function, of whose arguments it is known that they do not overlap. Numbers abreast lie a part of it apart.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "places of several arrays")]
fn run<T: Real, const FMA: bool, F: Steps, const N: usize>(to: &mut [T; N], a: &[T; N], b: &[T; N], c: &[T; N]) {
    let apart = N / ABREAST;
    for j in 0..apart {
        let mut x = [[T::ZERO; ABREAST]; 3];
        for v in 0..ABREAST {
            let at = v * apart + j;
            (x[0][v], x[1][v], x[2][v]) = (a[at], b[at], c[at]);
        }
        let y = F::of::<T, FMA>(x);
        for v in 0..ABREAST {
            to[v * apart + j] = y[v];
        }
    }
}
