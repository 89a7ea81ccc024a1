//! Random numbers and keys, many at a time.

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::isa::Isa;
use crate::exec::lanes::per_isa;
use crate::exec::operand::Io;
use crate::ir::{Eqn, Graph};
use crate::lowering::RandomOp;
use crate::math::threefry::threefry2x32;
use crate::prim::random_bits::{unit_f32, unit_f64};

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

#[inline(always)]
fn cipher<const FMA: bool>(key: [&[u32]; 2], ctr: [&[u32]; 2], to: [&mut [u32]; 2]) {
    let [a, b] = to;
    let n = a.len();
    // Slices of one length, known to the compiler: no check remains inside the loop.
    let (b, k0, k1, c0, c1) = (&mut b[..n], &key[0][..n], &key[1][..n], &ctr[0][..n], &ctr[1][..n]);
    for i in 0..n {
        let [x, y] = threefry2x32([k0[i], k1[i]], [c0[i], c1[i]]);
        a[i] = x;
        b[i] = y;
    }
}

per_isa! {
    /// Both words for each pair of key and counter.
    fn run_cipher(key: [&[u32]; 2], ctr: [&[u32]; 2], to: [&mut [u32]; 2]) = cipher;
}

/// Calls `write(first, words, words)` for each block of draws: `each` from every key, or one with its own counter.
fn blocks(
    isa: Isa,
    keys: &[u32],
    each: usize,
    total: usize,
    counters: Option<&[u32]>,
    mut write: impl FnMut(usize, &[u32], &[u32]),
) {
    let mut key = [[0u32; BLOCK]; 2];
    let mut ctr = [[0u32; BLOCK]; 2];
    let mut words = [[0u32; BLOCK]; 2];
    let (mut k, mut i) = (0, 0);
    let mut first = 0;
    while first < total {
        let n = BLOCK.min(total - first);
        if each == 1 {
            for (j, pair) in keys[2 * first..2 * (first + n)].chunks_exact(2).enumerate() {
                key[0][j] = pair[0];
                key[1][j] = pair[1];
            }
            match counters {
                Some(c) => ctr[1][..n].copy_from_slice(&c[first..first + n]),
                None => ctr[1][..n].fill(0),
            }
        } else {
            let mut j = 0;
            while j < n {
                let run = (each - i).min(n - j);
                key[0][j..j + run].fill(keys[2 * k]);
                key[1][j..j + run].fill(keys[2 * k + 1]);
                for (c, at) in (i as u64..).zip(j..j + run) {
                    ctr[0][at] = (c >> 32) as u32;
                    ctr[1][at] = c as u32;
                }
                j += run;
                i += run;
                if i == each {
                    i = 0;
                    k += 1;
                }
            }
        }
        let [a, b] = &mut words;
        run_cipher(isa, [&key[0], &key[1]], [&ctr[0], &ctr[1]], [&mut a[..n], &mut b[..n]]);
        write(first, &words[0][..n], &words[1][..n]);
        first += n;
    }
}

impl Random {
    /// Whether rows have keys of their own.
    pub(crate) fn apart(&self, extent: usize) -> bool {
        !self.each.has(extent)
    }

    pub(crate) fn run(&self, io: &Io<'_>) {
        let (each, isa) = (self.each.get(io.rows), io.isa);
        let keys = io.read::<u32>(0);
        let n = keys.len() / 2 * each;
        match self.op {
            RandomOp::FoldIn => {
                let (numbers, to) = (io.read::<u32>(1), io.write::<u32>(0));
                blocks(isa, keys, 1, numbers.len(), Some(numbers), |first, a, b| {
                    let to = &mut to[2 * first..2 * (first + a.len())];
                    to.chunks_exact_mut(2).zip(a.iter().zip(b)).for_each(|(to, (&a, &b))| {
                        to[0] = a;
                        to[1] = b;
                    });
                });
            }
            RandomOp::Unit(DType::F64) => {
                let to = io.write::<f64>(0);
                spread(isa, keys, each, n, |first, a, b| {
                    for (to, (&a, &b)) in to[first..].iter_mut().zip(a.iter().zip(b)) {
                        *to = unit_f64([a, b]);
                    }
                });
            }
            RandomOp::Unit(_) => {
                let to = io.write::<f32>(0);
                spread(isa, keys, each, n, |first, a, b| {
                    for (to, (&a, &b)) in to[first..].iter_mut().zip(a.iter().zip(b)) {
                        *to = unit_f32([a, b]);
                    }
                });
            }
            _ => {
                let to = io.write::<u32>(0);
                spread(isa, keys, each, n, |first, a, b| {
                    for (to, (&a, &b)) in to[first..].iter_mut().zip(a.iter().zip(b)) {
                        *to = a ^ b;
                    }
                });
            }
        }
    }
}

/// `each` draws from each key, counted from 0.
fn spread(isa: Isa, keys: &[u32], each: usize, n: usize, write: impl FnMut(usize, &[u32], &[u32])) {
    if each > 0 {
        blocks(isa, keys, each, n, None, write);
    }
}
