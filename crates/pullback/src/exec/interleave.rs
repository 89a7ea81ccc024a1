//! Operations of many steps, taken in turn on several vectors: see `abreast.rs` of [`crate::math`].

use crate::exec::lanes::{ALIKE, Run, WIDTH};
use crate::math::{ABREAST, Real};

/// Numbers that are taken in turn at once.
pub(super) const SOME: usize = ALIKE;

/// How many of so many numbers are: none of f64, whose functions take one number at a time.
#[inline(always)]
pub(super) fn in_turn<T>(n: usize) -> usize {
    if size_of::<T>() == size_of::<f32>() { n / SOME * SOME } else { 0 }
}

/// An operation on numbers of up to four operands, `A` of each at once.
///
/// A trait, for its function is always inlined into vector code; a closure of so many steps is not.
pub(super) trait Steps {
    /// The same by fewer steps, where there are such for some numbers.
    type Near: Steps;

    fn of<T: Real, const FMA: bool, const A: usize>(x: [[T; A]; 4]) -> [T; A];

    /// Whether these, the first operands of a run, are such numbers.
    #[inline(always)]
    fn near<T: Real, const N: usize>(_a: &[T; N]) -> bool {
        false
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident($a:ident, $b:ident, $c:ident, $d:ident) $body:block)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Steps for $name {
            type Near = Self;

            #[inline(always)]
            fn of<T: Real, const FMA: bool, const A: usize>([$a, $b, $c, $d]: [[T; A]; 4]) -> [T; A] $body
        }
    )*};
}

steps! {
    Tanh(x, _b, _c, _d) { T::tanh_of::<FMA, A>(x) }
    Sigmoid(x, _b, _c, _d) { T::sigmoid_of::<FMA, A>(x) }
    LogSigmoid(x, _b, _c, _d) { T::log_sigmoid_of::<FMA, A>(x) }
    NormalIcdf(x, _b, _c, _d) { T::normal_icdf_of::<FMA, A>(x) }
    ErfInvNear(x, _b, _c, _d) { T::erf_inv_near_of::<FMA, A>(x) }
    Softplus(x, _b, _c, _d) { T::softplus_of::<FMA, A>(x) }
    TanhSum(a, b, _c, _d) { T::tanh_of::<FMA, A>(sums(a, b)) }
    SigmoidSum(a, b, _c, _d) { T::sigmoid_of::<FMA, A>(sums(a, b)) }
    SoftplusSum(a, b, _c, _d) { T::softplus_of::<FMA, A>(sums(a, b)) }
    /// `c (a + b) - softplus(a + b)`.
    Logistic(a, b, c, _d) {
        let logits = sums(a, b);
        let (mut y, softplus) = (c, T::softplus_of::<FMA, A>(logits));
        for i in 0..A {
            y[i] = c[i] * logits[i] - softplus[i];
        }
        y
    }
    /// `a (b - sigmoid(c + d))`.
    LogisticSlope(a, b, c, d) {
        let mut y = T::sigmoid_of::<FMA, A>(sums(c, d));
        for i in 0..A {
            y[i] = a[i] * (b[i] - y[i]);
        }
        y
    }
}

/// Far numbers are few, so that most runs have none.
pub(super) struct ErfInv;

impl Steps for ErfInv {
    type Near = ErfInvNear;

    #[inline(always)]
    fn of<T: Real, const FMA: bool, const A: usize>([x, ..]: [[T; A]; 4]) -> [T; A] {
        T::erf_inv_of::<FMA, A>(x)
    }

    #[inline(always)]
    fn near<T: Real, const N: usize>(x: &[T; N]) -> bool {
        // No early end: it is vector code so.
        let mut near = true;
        for x in x {
            near &= x.abs() <= T::ERF_INV_NEAR;
        }
        near
    }
}

#[inline(always)]
fn sums<T: Real, const A: usize>(mut a: [T; A], b: [T; A]) -> [T; A] {
    for i in 0..A {
        a[i] = a[i] + b[i];
    }
    a
}

/// `to = f(a, b, c, d)` over a whole number of vectors.
#[inline(always)]
pub(super) fn run<T: Real, const FMA: bool, F: Steps>(to: &mut [T], operands: [Run<'_, T>; 4]) {
    debug_assert!(to.len().is_multiple_of(WIDTH));
    let whole = in_turn::<T>(to.len());
    let (some, last) = to.split_at_mut(whole);
    runs::<T, FMA, F, SOME, ABREAST>(some, operands);
    runs::<T, FMA, F, WIDTH, 1>(last, operands.map(|operand| operand.skip(whole)));
}

/// `to = f(to, b)`.
#[inline(always)]
pub(super) fn onto<T: Real, const FMA: bool, F: Steps>(to: &mut [T], b: &[T]) {
    let (whole, b) = (in_turn::<T>(to.len()), &b[..to.len()]);
    let ((some, last), (b, b_last)) = (to.split_at_mut(whole), b.split_at(whole));
    for (to, b) in some.as_chunks_mut::<SOME>().0.iter_mut().zip(b.as_chunks::<SOME>().0) {
        let a = *to;
        one::<T, FMA, F, SOME, ABREAST>(to, &a, b, b, b);
    }
    for (to, &b) in last.iter_mut().zip(b_last) {
        let [y] = F::of::<T, FMA, 1>([[*to], [b], [b], [b]]);
        *to = y;
    }
}

/// A whole number of runs of `N` numbers, `A` of each at once.
#[inline(always)]
fn runs<T: Real, const FMA: bool, F: Steps, const N: usize, const A: usize>(
    to: &mut [T],
    [a, b, c, d]: [Run<'_, T>; 4],
) {
    let to = to.as_chunks_mut::<N>().0;
    assert!([a, b, c, d].iter().all(|x| x.has(to.len() * N)), "lanes: operands of so many numbers");
    for (i, to) in to.iter_mut().enumerate() {
        // SAFETY: `i` is below the number of runs that are written, and operands have as many.
        let (a, b, c, d) = unsafe { (a.there(i), b.there(i), c.there(i), d.there(i)) };
        match F::near(a) {
            true => one::<T, FMA, F::Near, N, A>(to, a, b, c, d),
            false => one::<T, FMA, F, N, A>(to, a, b, c, d),
        }
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
    d: &[T; N],
) {
    let apart = N / A;
    for j in 0..apart {
        let mut x = [[T::ZERO; A]; 4];
        for v in 0..A {
            let at = v * apart + j;
            (x[0][v], x[1][v], x[2][v], x[3][v]) = (a[at], b[at], c[at], d[at]);
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
            let x = [draw(1.0), draw(1.3), draw(0.7), draw(0.9)];
            for alike in 0..16 {
                let one = |i: usize| T::from_f64(0.25 * i as f64 - 0.4);
                let alike_at = std::array::from_fn::<_, 4, _>(|i| [one(i); ALIKE]);
                let run = |i: usize| if alike >> i & 1 == 0 { Run::each(&x[i][..]) } else { Run::all(&alike_at[i]) };
                let at = |i: usize, j: usize| if alike >> i & 1 == 0 { x[i][j] } else { one(i) };
                let holds = |what: &str, to: &[T], want: &dyn Fn(usize) -> T| {
                    for (j, &y) in to.iter().enumerate() {
                        assert!(same(y.into(), want(j).into()), "{what}, {n} numbers, alike {alike:b}, at {j}: {y:?}");
                    }
                };
                for op in [
                    PointOp::Tanh,
                    PointOp::Sigmoid,
                    PointOp::LogSigmoid,
                    PointOp::Softplus,
                    PointOp::ErfInv,
                    PointOp::NormalIcdf,
                ] {
                    let mut to = vec![T::from_f64(77.0); n];
                    point::<T, false>(op, &mut to, [run(0), run(1), run(2)]);
                    holds(&format!("{op:?}"), &to, &|j| op.unary::<T, false>(at(0, j)));
                }
                for op in [Fused::TanhSum, Fused::SigmoidSum, Fused::SoftplusSum, Fused::Logistic, Fused::LogisticSlope]
                {
                    let mut to = vec![T::from_f64(77.0); n];
                    fused::run::<T, false>(op, &mut to, [run(0), run(1), run(2), run(3)]);
                    holds(&format!("{op:?}"), &to, &|j| {
                        let sum = at(0, j) + at(1, j);
                        match op {
                            Fused::TanhSum => sum.tanh::<false>(),
                            Fused::SigmoidSum => sum.sigmoid::<false>(),
                            Fused::SoftplusSum => sum.softplus::<false>(),
                            Fused::LogisticSlope => at(0, j) * (at(1, j) - (at(2, j) + at(3, j)).sigmoid::<false>()),
                            _ => at(2, j) * sum - sum.softplus::<false>(),
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn onto_what_is_there_is_one_by_one() {
        for n in (0..=208).step_by(13) {
            let b: Vec<f32> = (0..n).map(|i| (i as f32 * 1.3).sin() * 3.0).collect();
            let before: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).cos() * 3.0).collect();
            let mut to = before.clone();
            onto::<f32, false, TanhSum>(&mut to, &b);
            let want = before.iter().zip(&b).map(|(a, b)| Real::tanh::<false>(a + b));
            assert!(to.iter().zip(want).all(|(y, want)| y.to_bits() == want.to_bits()), "{n} numbers: {to:?}");
        }
    }

    #[test]
    fn fewer_steps_make_the_same_numbers() {
        let mut runs = [0; 2];
        for far in [0.0, 0.9995, 0.9996, 1.0, 2.0, f32::NAN] {
            for at in (0..144).step_by(5) {
                let mut x: Vec<f32> = (0..144).map(|i| (i as f32 * 1.7).sin() * 0.9994).collect();
                x[at] = far;
                let mut to = vec![0.0; 144];
                run::<f32, true, ErfInv>(&mut to, [Run::each(&x); 4]);
                for (y, x) in to.iter().zip(&x) {
                    assert!(same((*y).into(), Real::erf_inv::<true>(*x).into()), "{x}: {y}");
                }
                let near = ErfInv::near::<f32, 144>(x.as_slice().try_into().unwrap());
                assert_eq!(near, far <= 0.9995, "{far}");
                runs[usize::from(near)] += 1;
            }
        }
        assert!(runs.iter().all(|&n| n > 0));
    }

    #[test]
    fn in_turn_is_one_by_one() {
        all::<f32>();
        all::<f64>();
    }
}
