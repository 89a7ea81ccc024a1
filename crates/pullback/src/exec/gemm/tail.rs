//! What becomes of a product's elements while they are near.

use super::Gemm;
use crate::exec::interleave;
use crate::exec::isa::Isa;
use crate::exec::lanes::per_isa;

/// Rows of a wide product that are multiplied before their tail: a few tiles of the kernels, which the first cache holds.
/// Of packed panels they are more, for all of them are read again each time.
pub const ROWS: usize = 24;

/// A function of an element `c` of the product and one, `x`, of another operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// `tanh(c + x)`.
    TanhSum,
    /// `c (1 - x²)`.
    TanhSlope,
}

/// A tail with its operand.
#[derive(Clone, Copy)]
pub struct With<'a, T> {
    pub tail: Tail,
    /// As many numbers as the product has, or one row of them for all.
    pub operand: &'a [T],
    /// Whether it is one row for all.
    pub repeats: bool,
}

/// What becomes of the sums of a product.
#[derive(Clone, Copy)]
pub struct Ending<'a, T> {
    /// Whether they are added to what is in C.
    pub accumulate: bool,
    /// What is done last.
    pub tail: Option<With<'a, T>>,
}

impl<T: Gemm> With<'_, T> {
    /// Applies it to some whole rows of `n` numbers, from one on.
    pub fn apply(&self, isa: Isa, rows: &mut [T], first: usize, n: usize) {
        let operand = if self.repeats { self.operand } else { &self.operand[first * n..][..rows.len()] };
        run_tail(isa, self.tail, rows, operand);
    }
}

#[inline(always)]
fn each<T: Gemm>(rows: &mut [T], operand: &[T], f: impl Fn(T, T) -> T) {
    for row in rows.chunks_mut(operand.len().max(1)) {
        let n = row.len();
        let operand = &operand[..n];
        for j in 0..n {
            row[j] = f(row[j], operand[j]);
        }
    }
}

#[inline(always)]
fn tail<T: Gemm, const FMA: bool>(tail: Tail, rows: &mut [T], operand: &[T]) {
    match tail {
        Tail::TanhSum => {
            for row in rows.chunks_mut(operand.len().max(1)) {
                interleave::onto::<T, FMA, interleave::TanhSum>(row, operand);
            }
        }
        Tail::TanhSlope => each(rows, operand, |c, x| c * (T::from_f64(1.0) - x * x)),
    }
}

per_isa! {
    /// The rows by the best instructions there are; an operand of one row is read again for each.
    fn run_tail<T: Gemm>(what: Tail, rows: &mut [T], operand: &[T]) = tail;
}
