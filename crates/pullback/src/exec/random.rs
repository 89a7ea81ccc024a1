//! Random numbers and keys, many at a time.

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::interleave::SOME;
use crate::exec::isa::Isa;
use crate::exec::lanes::{WIDTH, per_isa};
use crate::exec::lines::Lines;
use crate::exec::operand::Io;
use crate::ir::{Eqn, Graph};
use crate::lowering::RandomOp;
use crate::math::ABREAST;
use crate::math::threefry::{threefry2x32, threefry2x32_of};
use crate::prim::random_bits::{unit_f32, unit_f64};
use std::cell::RefCell;
use std::fmt;

/// Draws of one form.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    op: RandomOp,
    /// How many draws from each key.
    each: Count,
}

pub(crate) fn compile(graph: &Graph, e: &Eqn, op: RandomOp, rows: &mut RowTable) -> Random {
    let lead = graph.ty(e.inputs[0]).shape.rank() - 1;
    let dims = graph.ty(e.output).shape.dims();
    Random { op, each: rows.count(dims[lead..].iter().copied()) }
}

/// Draws in a block: their keys and counters are laid out first, so that the cipher itself is one plain loop.
const BLOCK: usize = 256;

/// Up to how many draws nothing is laid out for.
const FEW: usize = 8;

/// Keys, or counters, word by word.
type Words = [[u32; BLOCK]; 2];

thread_local! {
    /// The keys and the counters of a block: too much to be cleared for every few draws.
    static WORDS: RefCell<[Words; 2]> = const { RefCell::new([[[0; BLOCK]; 2]; 2]) };
}

/// What is made of the cipher's two words.
trait Draw {
    fn of(words: [u32; 2]) -> Self;
}

impl Draw for u32 {
    #[inline(always)]
    fn of([a, b]: [u32; 2]) -> u32 {
        a ^ b
    }
}

impl Draw for [u32; 2] {
    #[inline(always)]
    fn of(words: [u32; 2]) -> [u32; 2] {
        words
    }
}

impl Draw for f32 {
    #[inline(always)]
    fn of(words: [u32; 2]) -> f32 {
        unit_f32(words)
    }
}

impl Draw for f64 {
    #[inline(always)]
    fn of(words: [u32; 2]) -> f64 {
        unit_f64(words)
    }
}

#[inline(always)]
fn cipher<T: Draw, const FMA: bool>(key: &Words, counter: &Words, to: &mut [T]) {
    let (some, last) = to.as_chunks_mut::<SOME>();
    let [k0, k1, c0, c1] = [&key[0], &key[1], &counter[0], &counter[1]];
    let done = some.len() * SOME;
    let words = k0.as_chunks().0.iter().zip(k1.as_chunks().0).zip(c0.as_chunks().0.iter().zip(c1.as_chunks().0));
    for (to, ((k0, k1), (c0, c1))) in some.iter_mut().zip(words) {
        in_turn(to, [k0, k1], [c0, c1]);
    }
    // Slices of one length, known to the compiler: no check remains inside the loop.
    let n = last.len();
    let (k0, k1, c0, c1) = (&k0[done..][..n], &k1[done..][..n], &c0[done..][..n], &c1[done..][..n]);
    for i in 0..n {
        last[i] = T::of(threefry2x32([k0[i], k1[i]], [c0[i], c1[i]]));
    }
}

/// The draws of some vectors, whose rounds are taken in turn.
#[inline(always)]
fn in_turn<T: Draw>(to: &mut [T; SOME], key: [&[u32; SOME]; 2], counter: [&[u32; SOME]; 2]) {
    for i in 0..WIDTH {
        let (mut k, mut c) = ([[0; ABREAST]; 2], [[0; ABREAST]; 2]);
        for word in 0..2 {
            for j in 0..ABREAST {
                k[word][j] = key[word][i + j * WIDTH];
                c[word][j] = counter[word][i + j * WIDTH];
            }
        }
        let [a, b] = threefry2x32_of(k, c);
        for j in 0..ABREAST {
            to[i + j * WIDTH] = T::of([a[j], b[j]]);
        }
    }
}

per_isa! {
    /// A draw for each pair of key and counter.
    fn run_cipher<T: Draw>(key: &Words, counter: &Words, to: &mut [T]) = cipher;
}

/// The draw at its own counter from each key.
fn numbered<T: Draw>(isa: Isa, keys: &[[u32; 2]], numbers: &[u32], to: &mut [T]) {
    if to.len() <= FEW {
        let draws = keys.iter().zip(numbers).map(|(&key, &number)| T::of(threefry2x32(key, [0, number])));
        return to.iter_mut().zip(draws).for_each(|(to, draw)| *to = draw);
    }
    WORDS.with_borrow_mut(|[key, counter]| {
        for ((keys, numbers), to) in keys.chunks(BLOCK).zip(numbers.chunks(BLOCK)).zip(to.chunks_mut(BLOCK)) {
            lay(keys, 1, key);
            counter[0][..numbers.len()].fill(0);
            counter[1][..numbers.len()].copy_from_slice(numbers);
            run_cipher(isa, key, counter, to);
        }
    });
}

/// So many draws from each key, counted from 0.
fn counted<T: Draw>(isa: Isa, keys: &[[u32; 2]], each: usize, to: &mut [T]) {
    if to.len() <= FEW {
        let draws = keys.iter().flat_map(|&key| (0..each as u32).map(move |i| T::of(threefry2x32(key, [0, i]))));
        return to.iter_mut().zip(draws).for_each(|(to, draw)| *to = draw);
    }
    let count = |first: u64, n: usize, counter: &mut Words| {
        for (i, at) in (first..).zip(0..n) {
            counter[0][at] = (i >> 32) as u32;
            counter[1][at] = i as u32;
        }
    };
    WORDS.with_borrow_mut(|[key, counter]| {
        if each > BLOCK {
            for (one, to) in keys.iter().zip(to.chunks_mut(each)) {
                lay(std::slice::from_ref(one), BLOCK, key);
                for (first, to) in (0..).step_by(BLOCK).zip(to.chunks_mut(BLOCK)) {
                    count(first, to.len(), counter);
                    run_cipher(isa, key, counter, to);
                }
            }
            return;
        }
        // The same counters for every block: it holds all draws of its keys.
        let per = keys.len().min(BLOCK / each);
        count(0, each, counter);
        let [high, low] = counter;
        high[..per * each].fill(0);
        let (once, again) = low[..per * each].split_at_mut(each);
        Lines { to: again, width: each, run: true }.lay(once, |_| 0, |i| i);
        for (keys, to) in keys.chunks(per.max(1)).zip(to.chunks_mut((per * each).max(1))) {
            lay(keys, each, key);
            run_cipher(isa, key, counter, to);
        }
    });
}

/// Lays out each key so many times.
fn lay(keys: &[[u32; 2]], times: usize, to: &mut Words) {
    for (word, to) in to.iter_mut().enumerate() {
        let to = &mut to[..keys.len() * times];
        Lines { to, width: times, run: false }.lay(keys, |k| k, |key| key[word]);
    }
}

impl Random {
    /// Whether rows have keys of their own.
    pub(crate) fn apart(&self, extent: usize) -> bool {
        !self.each.has(extent)
    }

    pub(crate) fn run(&self, io: &Io<'_>) {
        let (each, isa) = (self.each.get(io.rows), io.isa);
        let keys = io.read::<u32>(0).as_chunks().0;
        match self.op {
            RandomOp::FoldIn => numbered(isa, keys, io.read::<u32>(1), io.write::<u32>(0).as_chunks_mut::<2>().0),
            RandomOp::Unit(DType::F64) => counted(isa, keys, each, io.write::<f64>(0)),
            RandomOp::Unit(_) => counted(isa, keys, each, io.write::<f32>(0)),
            RandomOp::Bits => counted(isa, keys, each, io.write::<u32>(0)),
        }
    }
}

impl fmt::Display for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op {
            RandomOp::FoldIn => f.write_str("random keys"),
            _ => write!(f, "random {} a key", self.each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether draws are those that the cipher makes one by one.
    fn are_those_one_by_one<T: Draw + Copy + Default + PartialEq>(isa: Isa, keys: &[[u32; 2]]) {
        let one = |key, number| T::of(threefry2x32(key, [0, number]));
        for each in [1, 2, 3, 8, 63, 64, 65, 130, 256, 300] {
            for keys in [1, 2, 9, 150].map(|n| &keys[..n]) {
                let mut got = vec![T::default(); keys.len() * each];
                counted(isa, keys, each, &mut got);
                let want = keys.iter().flat_map(|&key| (0..each as u32).map(move |i| one(key, i)));
                assert!(got.iter().copied().eq(want), "{isa:?}: {each} of each of {} keys", keys.len());
            }
        }
        let numbers: Vec<u32> = (0..150).map(|k| k * k).collect();
        for n in [1, 9, 64, 150] {
            let (mut got, keys, numbers) = (vec![T::default(); n], &keys[..n], &numbers[..n]);
            numbered(isa, keys, numbers, &mut got);
            let want = keys.iter().zip(numbers).map(|(&key, &number)| one(key, number));
            assert!(got.iter().copied().eq(want), "{isa:?}: {n} numbers");
        }
    }

    #[test]
    fn draws_in_turn_are_those_one_by_one() {
        let keys: Vec<[u32; 2]> = (0..150).map(|k| threefry2x32([7, 8], [k, 1])).collect();
        for isa in Isa::all() {
            are_those_one_by_one::<[u32; 2]>(isa, &keys);
            are_those_one_by_one::<u32>(isa, &keys);
            are_those_one_by_one::<f32>(isa, &keys);
            are_those_one_by_one::<f64>(isa, &keys);
        }
    }
}
