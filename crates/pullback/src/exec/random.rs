//! Random numbers and keys, many at a time.

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::isa::Isa;
use crate::exec::lanes::per_isa;
use crate::exec::memory::{Memory, Place, typed};
use crate::ir::{Eqn, Graph, Var};
use crate::lowering::RandomOp;
use crate::math::threefry::threefry2x32;
use crate::prim::random_bits::{unit_f32, unit_f64};

/// Draws of one form.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    op: RandomOp,
    keys: (Var, Place),
    numbers: Option<(Var, Place)>,
    /// How many keys, and how many draws from each.
    count: Count,
    each: Count,
    output: Var,
    slot: usize,
}

pub(crate) fn compile(graph: &Graph, e: &Eqn, op: RandomOp, rows: &mut RowTable) -> Random {
    let lead = graph.ty(e.inputs[0]).shape.rank() - 1;
    let dims = graph.ty(e.output).shape.dims();
    Random {
        op,
        keys: (e.inputs[0], Place::Slot(0)),
        numbers: e.inputs.get(1).map(|&v| (v, Place::Slot(0))),
        count: rows.count(dims[..lead].iter().copied()),
        each: rows.count(dims[lead..].iter().copied()),
        output: e.output,
        slot: 0,
    }
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
    pub(crate) fn reads(&self) -> Vec<Var> {
        std::iter::once(self.keys.0).chain(self.numbers.map(|n| n.0)).collect()
    }

    pub(crate) fn output(&self) -> Var {
        self.output
    }

    pub(crate) fn settle(&mut self, place: &dyn Fn(Var) -> Place) {
        self.keys.1 = place(self.keys.0);
        self.numbers = self.numbers.map(|(v, _)| (v, place(v)));
        if let Place::Slot(s) = place(self.output) {
            self.slot = s;
        }
    }

    pub(crate) fn run(&self, memory: &mut Memory, rows: &[usize], isa: Isa) {
        let (count, each) = (self.count.get(rows), self.each.get(rows));
        let n = count * each;
        let mut out = memory.take(self.slot, n);
        let keys = memory.read::<u32>(self.keys.1, 2 * count);
        match (self.op, self.numbers) {
            (RandomOp::FoldIn, Some((_, place))) => {
                let numbers = memory.read::<u32>(place, count);
                let to = typed::<u32>(&mut out);
                blocks(isa, keys, 1, count, Some(numbers), |first, a, b| {
                    let to = &mut to[2 * first..2 * (first + a.len())];
                    to.chunks_exact_mut(2).zip(a.iter().zip(b)).for_each(|(to, (&a, &b))| {
                        to[0] = a;
                        to[1] = b;
                    });
                });
            }
            (RandomOp::Unit(DType::F64), _) => {
                let to = typed::<f64>(&mut out);
                spread(isa, keys, each, n, |first, a, b| {
                    for (to, (&a, &b)) in to[first..].iter_mut().zip(a.iter().zip(b)) {
                        *to = unit_f64([a, b]);
                    }
                });
            }
            (RandomOp::Unit(_), _) => {
                let to = typed::<f32>(&mut out);
                spread(isa, keys, each, n, |first, a, b| {
                    for (to, (&a, &b)) in to[first..].iter_mut().zip(a.iter().zip(b)) {
                        *to = unit_f32([a, b]);
                    }
                });
            }
            _ => {
                let to = typed::<u32>(&mut out);
                spread(isa, keys, each, n, |first, a, b| {
                    for (to, (&a, &b)) in to[first..].iter_mut().zip(a.iter().zip(b)) {
                        *to = a ^ b;
                    }
                });
            }
        }
        memory.put(self.slot, out);
    }
}

/// `each` draws from each key, counted from 0.
fn spread(isa: Isa, keys: &[u32], each: usize, n: usize, write: impl FnMut(usize, &[u32], &[u32])) {
    if each > 0 {
        blocks(isa, keys, each, n, None, write);
    }
}
