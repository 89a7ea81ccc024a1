//! Sums over lines of the log-probabilities of truth values by their logits.
//!
//! The log-probability of `c` by the logit `l` is `c l - softplus(l)`, and `softplus(l) = max(l, 0) + log(1 + t)` with
//! `t = exp(-|l|)`. A sum of logarithms is the logarithm of a product, so that a line takes one of them for many numbers:
//! `Σ log(1 + tᵢ) = log(1 + o)`, where `o` begins at 0 and each `t` makes of it `o + t (1 + o)`. Nothing cancels, for all are
//! positive, and where all are tiny `o` is their sum: it is as exact as the sum of the logarithms. No `t` is above 1, and
//! one `o` takes in so few that it stays far below the greatest number.

use crate::exec::interleave::{SOME, in_turn};
use crate::exec::lanes::{Run, WIDTH};
use crate::math::{ABREAST, Real};

/// The longest line: 64 numbers of it come together in one product.
const LONGEST: usize = 16 * SOME;

/// Whether lines of so many numbers can be summed so.
pub(super) fn takes(cols: usize) -> bool {
    cols.is_multiple_of(WIDTH) && cols <= LONGEST
}

/// `to[k] = Σ c (a + b) - softplus(a + b)` over line `k` of so many numbers.
#[inline(always)]
pub(super) fn sums<T: Real, const FMA: bool>(to: &mut [T], operands: [Run<'_, T>; 3], cols: usize) {
    debug_assert!(takes(cols));
    for (k, to) in to.iter_mut().enumerate() {
        let [a, b, c] = operands;
        *to = sum::<T, FMA>([a.skip(k * cols), b.skip(k * cols), c.skip(k * cols)], cols);
    }
}

#[inline(always)]
fn sum<T: Real, const FMA: bool>([a, b, c]: [Run<'_, T>; 3], cols: usize) -> T {
    let whole = in_turn::<T>(cols);
    let mut parts = Parts { linear: [T::ZERO; SOME], odds: [T::ZERO; SOME] };
    take_in::<T, FMA, SOME, ABREAST>(&mut parts.linear, &mut parts.odds, [a, b, c], whole / SOME);
    let [linear, odds] = [&mut parts.linear, &mut parts.odds].map(|all| &mut all.as_chunks_mut::<WIDTH>().0[0]);
    let rest = [a.skip(whole), b.skip(whole), c.skip(whole)];
    take_in::<T, FMA, WIDTH, 1>(linear, odds, rest, (cols - whole) / WIDTH);
    parts.joined::<FMA>()
}

/// What numbers of a line have made, those of one place of a run together.
struct Parts<T> {
    /// Sums of `c l - max(l, 0)`.
    linear: [T; SOME],
    /// Products of `1 + t`, less 1.
    odds: [T; SOME],
}

impl<T: Real> Parts<T> {
    #[inline(always)]
    fn joined<const FMA: bool>(&mut self) -> T {
        let Parts { linear, odds } = self;
        let mut n = SOME;
        while n > WIDTH {
            n /= 2;
            for j in 0..n {
                linear[j] = linear[j] + linear[j + n];
                odds[j] = odds[j] + odds[j + n] * (T::ONE + odds[j]);
            }
        }
        for j in 0..WIDTH {
            linear[j] = linear[j] - odds[j].log1p::<FMA>();
        }
        while n > 1 {
            n /= 2;
            for j in 0..n {
                linear[j] = linear[j] + linear[j + n];
            }
        }
        linear[0]
    }
}

/// So many runs of `N` numbers, `A` of each at once.
#[inline(always)]
fn take_in<T: Real, const FMA: bool, const N: usize, const A: usize>(
    linear: &mut [T; N],
    odds: &mut [T; N],
    [a, b, c]: [Run<'_, T>; 3],
    n: usize,
) {
    assert!([a, b, c].iter().all(|x| x.has(n * N)), "lanes: operands of so many numbers");
    for i in 0..n {
        // SAFETY: `i` is below the number of runs, and operands have as many.
        unsafe { one::<T, FMA, N, A>(linear, odds, a.there(i), b.there(i), c.there(i)) };
    }
}

/// One run; numbers that are computed at once lie an `A`th of it apart.
#[inline(always)]
fn one<T: Real, const FMA: bool, const N: usize, const A: usize>(
    linear: &mut [T; N],
    odds: &mut [T; N],
    a: &[T; N],
    b: &[T; N],
    c: &[T; N],
) {
    let apart = N / A;
    for j in 0..apart {
        let mut logits = [T::ZERO; A];
        for (v, logit) in logits.iter_mut().enumerate() {
            *logit = a[v * apart + j] + b[v * apart + j];
        }
        let t = T::flushed_decay_of::<FMA, A>(logits);
        for v in 0..A {
            let (at, l) = (v * apart + j, logits[v]);
            let above = if l > T::ZERO { l } else { T::ZERO };
            // The difference first: where `c` is 1 it is nothing, however large the logit.
            linear[at] = linear[at] + c[at].fma::<FMA>(l, -above);
            odds[at] = t[v].fma::<FMA>(T::ONE + odds[at], odds[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::lanes::ALIKE;

    /// The sum, and the sum of its terms' sizes.
    fn exact(logits: &[f64], c: &[f64]) -> (f64, f64) {
        let terms = logits.iter().zip(c).flat_map(|(l, c)| [c * l - l.max(0.0), -(-l.abs()).exp().ln_1p()]);
        terms.fold((0.0, 0.0), |(sum, sizes), t| (sum + t, sizes + t.abs()))
    }

    fn holds<T: Real + Into<f64>>(epsilon: f64) {
        for (cols, scale) in (WIDTH..=LONGEST).step_by(WIDTH).flat_map(|n| [(n, 0.01), (n, 3.0), (n, 30.0)]) {
            let draw = |by: f64, shift: f64| -> Vec<T> {
                (0..2 * cols).map(|i| T::from_f64((i as f64 * by).sin() * scale + shift)).collect()
            };
            for shift in [0.0, -18.0, 18.0] {
                let (a, b) = (draw(1.3, shift), draw(0.7, 0.0));
                let c: Vec<T> = (0..2 * cols).map(|i| T::from_f64(f64::from(i % 3 == 0))).collect();
                let mut to = [T::ZERO; 2];
                sums::<T, true>(&mut to, [Run::each(&a), Run::each(&b), Run::each(&c)], cols);
                for (k, &y) in to.iter().enumerate() {
                    let line = k * cols..(k + 1) * cols;
                    let logits: Vec<f64> = line.clone().map(|i| (a[i] + b[i]).into()).collect();
                    let (want, sizes) = exact(&logits, &c[line].iter().map(|&c| c.into()).collect::<Vec<_>>());
                    assert!(
                        (y.into() - want).abs() <= 40.0 * epsilon * sizes,
                        "{cols}, {scale}, {shift}: {y:?} {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_sum_is_as_exact_as_its_terms() {
        holds::<f32>(2f64.powi(-24));
        holds::<f64>(2f64.powi(-53));
    }

    #[test]
    fn what_is_certain_takes_nothing_from_the_rest() {
        for (certain, cols) in [30.0f32, 1e4, 1e6, 1e9].into_iter().flat_map(|l| [(l, 48), (l, 784)]) {
            let uncertain = |i: usize| i.is_multiple_of(cols / 16);
            let a: Vec<f32> = (0..cols).map(|i| if uncertain(i) { 0.7 + 0.002 * i as f32 } else { certain }).collect();
            let c: Vec<f32> = (0..cols).map(|i| if uncertain(i) { 0.0 } else { 1.0 }).collect();
            let mut to = [0.0];
            sums::<f32, true>(&mut to, [Run::each(&a), Run::all(&[0.0; ALIKE]), Run::each(&c)], cols);
            let logits: Vec<f64> = a.iter().map(|&a| a.into()).collect();
            let small: Vec<f64> = (0..cols).filter(|&i| uncertain(i)).map(|i| logits[i]).collect();
            let (want, sizes) = exact(&small, &vec![0.0; small.len()]);
            assert!((f64::from(to[0]) - want).abs() <= 1e-6 * sizes, "{certain}, {cols}: {} {want}", to[0]);
        }
    }

    #[test]
    fn no_product_is_too_great_and_what_is_not_a_number_shows() {
        let sum_of = |logit: f32, cols: usize| {
            let mut to = [0.0f32];
            sums::<f32, true>(
                &mut to,
                [Run::all(&[logit; ALIKE]), Run::all(&[0.0; ALIKE]), Run::all(&[0.0; ALIKE])],
                cols,
            );
            to[0]
        };
        for cols in (WIDTH..=LONGEST).step_by(WIDTH) {
            // Every factor is 2.
            let want = -(cols as f32) * 2f32.ln();
            assert!((sum_of(0.0, cols) / want - 1.0).abs() < 1e-6, "{cols}");
            assert_eq!(sum_of(-1e4, cols), 0.0);
            assert_eq!(sum_of(1e4, cols), -1e4 * cols as f32);
        }
        assert!(sum_of(f32::NAN, 784).is_nan());
        let mut a = [0.5f32; 784];
        a[500] = f32::NAN;
        let mut to = [0.0];
        sums::<f32, true>(&mut to, [Run::each(&a), Run::all(&[0.0; ALIKE]), Run::all(&[1.0; ALIKE])], 784);
        assert!(to[0].is_nan());
        assert!(takes(784) && takes(1024) && !takes(100) && !takes(1040));
    }
}
