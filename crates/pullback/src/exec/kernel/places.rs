//! Where the values of a chain lie: registers are dealt out, and instructions are told the places of their operands.

use super::{Instruction, Kernel, Load, Source, Store, Uses};
use crate::array::DType;
use crate::exec::fused::Link;
use crate::ir::{Graph, Var};

/// Gives each value a register for as long as it is read; the chain, and the variables that it writes.
pub(super) fn allocate(graph: &Graph, chain: Vec<Link>, loads: Vec<Load>, uses: Uses<'_>) -> (Kernel, Vec<Var>) {
    let n = chain.len();
    let mut last_read: Vec<usize> = (0..n).collect();
    for (k, link) in chain.iter().enumerate() {
        for a in &link.args {
            if let Source::Register(j) = a {
                last_read[*j] = k;
            }
        }
    }
    let mut free: Vec<usize> = Vec::new();
    let mut registers = 0;
    let mut number: Vec<Option<usize>> = vec![None; n];
    let mut at = vec![Source::Register(0); n];
    let mut instructions: Vec<Instruction> = Vec::with_capacity(n);
    let mut all_args: Vec<[Source; 4]> = Vec::with_capacity(n);
    let mut made: Vec<Option<usize>> = Vec::with_capacity(n);
    let mut stores: Vec<Store> = Vec::new();
    let mut written: Vec<Var> = Vec::new();
    for (k, Link { op, args, output }) in chain.into_iter().enumerate() {
        // Where there are fewer than four, the first stands for the rest.
        let arg = |n: usize| match args[if n < args.len() { n } else { 0 }] {
            Source::Register(j) => at[j],
            other => other,
        };
        all_args.push(std::array::from_fn(arg));
        let bools = graph.ty(output).dtype == DType::Bool;
        let first = stores.len();
        if let Some(&sum) = uses.sums.get(&output) {
            stores.push(Store { bools: false, over: false, summed: true });
            written.push(sum);
        } else if (uses.kept)(output) {
            stores.push(Store { bools, over: false, summed: false });
            written.push(output);
        }
        let direct = stores[first..].iter().any(|store| !store.bools && !store.summed).then_some(first);
        let register = direct.is_none().then(|| {
            free.pop().unwrap_or_else(|| {
                registers += 1;
                registers - 1
            })
        });
        (number[k], at[k]) = (register, direct.map_or(Source::Register(register.unwrap_or(0)), Source::Result));
        let store = (first < stores.len()).then_some(first as u16);
        instructions.push(Instruction { op, from: [0; 4], to: 0, store, direct: direct.is_some() });
        made.push(register);
        let mut released: Vec<usize> = Vec::new();
        for a in &args {
            if let Source::Register(j) = a
                && last_read[*j] == k
                && !released.contains(j)
            {
                released.push(*j);
            }
        }
        free.extend(released.iter().filter_map(|&j| number[j]));
        if last_read[k] == k {
            free.extend(register);
        }
    }
    for arg in all_args.iter_mut().flatten() {
        if let Source::Load(l) = *arg {
            *arg = match &loads[l] {
                load if load.single => Source::Single(l),
                load if load.in_place() => *arg,
                _ => Source::Register(registers + l),
            };
        }
    }
    let (axes, numbers) = (Vec::new(), Vec::new());
    let mut kernel =
        Kernel { lanes: DType::F32, axes, loads, instructions, args: all_args, stores, registers, numbers };
    kernel.place(&made);
    (kernel, written)
}

impl Kernel {
    /// Tells every instruction the places of its operands. The first places are registers, then come those of operands from
    /// memory, of results, and of numbers.
    fn place(&mut self, made: &[Option<usize>]) {
        let (loads, results) = (self.registers, self.registers + self.loads.len());
        let numbers = results + self.stores.len();
        let numbered = |place: usize| u32::try_from(place).expect("kernel: fewer places than 2^32");
        for (i, (args, made)) in self.instructions.iter_mut().zip(self.args.iter().zip(made)) {
            for (from, &arg) in i.from.iter_mut().zip(args) {
                *from = numbered(match arg {
                    Source::Register(r) => r,
                    Source::Load(l) | Source::Single(l) => loads + l,
                    Source::Result(s) => results + s,
                    Source::Number(x) => {
                        let at = self.numbers.iter().position(|n| n.to_bits() == x.to_bits()).unwrap_or_else(|| {
                            self.numbers.push(x);
                            self.numbers.len() - 1
                        });
                        numbers + at
                    }
                });
            }
            i.to = numbered(i.direct().map_or(made.unwrap_or(0), |result| results + result));
            // That is the ground of the `unsafe` blocks that run it.
            assert!(!i.from.contains(&i.to), "kernel: a place is read while it is written");
        }
    }

    /// The place of an operand.
    #[inline(always)]
    pub(in crate::exec) fn place_of_load(&self, load: usize) -> usize {
        self.registers + load
    }

    /// The place of a result.
    #[inline(always)]
    pub(in crate::exec) fn place_of_result(&self, store: usize) -> usize {
        self.registers + self.loads.len() + store
    }

    /// The place of a number.
    #[inline(always)]
    pub(in crate::exec) fn place_of_number(&self, number: usize) -> usize {
        self.registers + self.loads.len() + self.stores.len() + number
    }
}
