//! Runs a kernel tile by tile.

use crate::array::{DType, Data};
use crate::exec::isa::Isa;
use crate::exec::kernel::{Kernel, Kind, Load, MOST_STORES, Source};
use crate::exec::lanes::{Lane, Run, TILE, per_isa, point};
use crate::exec::memory::{Memory, typed};
use crate::exec::pool::Pool;
use crate::exec::shared::Shared;

/// Where a result is written.
enum Out<'a, T> {
    Numbers(Shared<'a, T>),
    Bools(Shared<'a, bool>),
}

impl Kernel {
    /// Runs the chain over every element.
    pub(crate) fn run(&self, memory: &mut Memory, rows: &[usize], isa: Isa, pool: &Pool) {
        match self.lanes {
            DType::F64 => self.run_lanes::<f64>(memory, rows, isa, pool),
            _ => self.run_lanes::<f32>(memory, rows, isa, pool),
        }
    }

    fn run_lanes<T: Lane>(&self, memory: &mut Memory, rows: &[usize], isa: Isa, pool: &Pool) {
        let cols = self.axes[self.axes.len() - 1].get(rows);
        let lines: usize = self.axes[..self.axes.len() - 1].iter().map(|c| c.get(rows)).product();
        let total = lines * cols;
        let mut taken: [Data; MOST_STORES] = std::array::from_fn(|_| Data::Bool(Vec::new()));
        for (store, data) in self.stores.iter().zip(&mut taken) {
            *data = memory.take(store.slot, total);
        }
        if total > 0 {
            let mut outs: [Option<Out<'_, T>>; MOST_STORES] = std::array::from_fn(|_| None);
            for ((store, data), out) in self.stores.iter().zip(&mut taken).zip(&mut outs) {
                *out = Some(if store.bools {
                    Out::Bools(Shared::new(&mut typed::<bool>(data)[..total]))
                } else {
                    Out::Numbers(Shared::new(&mut typed::<T>(data)[..total]))
                });
            }
            let work = Work { kernel: self, memory, rows, lines, cols, isa, outs: &outs };
            // A whole run is cut, or whole lines are dealt out; either way no element is written twice.
            let per = if cols >= TILE { 1 } else { TILE / cols };
            let tiles = if cols > TILE { lines * cols.div_ceil(TILE) } else { lines.div_ceil(per) };
            let tasks = pool.tasks(total * self.instructions.len(), tiles);
            pool.run(tasks, &|task| {
                T::registers(self.registers + self.loads.len() + 1, |registers| {
                    let range = tiles * task / tasks..tiles * (task + 1) / tasks;
                    for (k, tile) in range.enumerate() {
                        work.tile(tile, k == 0, registers);
                    }
                });
            });
        }
        for (store, data) in self.stores.iter().zip(taken) {
            memory.put(store.slot, data);
        }
    }
}

/// One call of a kernel.
struct Work<'a, T> {
    kernel: &'a Kernel,
    memory: &'a Memory,
    rows: &'a [usize],
    lines: usize,
    cols: usize,
    isa: Isa,
    outs: &'a [Option<Out<'a, T>>; MOST_STORES],
}

impl<T: Lane> Work<'_, T> {
    /// Runs one tile: some whole lines, or a part of a long one.
    fn tile(&self, tile: usize, first: bool, registers: &mut [Vec<T>]) {
        let (kernel, cols) = (self.kernel, self.cols);
        let (line, lines, col, width) = if cols > TILE {
            let parts = cols.div_ceil(TILE);
            let col = tile % parts * TILE;
            (tile / parts, 1, col, TILE.min(cols - col))
        } else {
            let per = TILE / cols;
            (tile * per, per.min(self.lines - tile * per), 0, cols)
        };
        let start = line * cols + col;
        let n = lines * width;
        for (l, load) in kernel.loads.iter().enumerate() {
            // What is the same for every line is laid out once, unless tiles are parts of lines.
            let once = load.same_rows && cols <= TILE;
            if load.in_place() || (once && !first) {
                continue;
            }
            let lines = if once { (TILE / cols).min(self.lines) } else { lines };
            let to = &mut registers[kernel.registers + l][..lines * width];
            if load.bools {
                let truth = |x: bool| if x { T::ONE } else { T::ZERO };
                self.fill(
                    load,
                    self.memory.read::<bool>(load.place, load.size.get(self.rows)),
                    to,
                    [line, col, width],
                    truth,
                );
            } else {
                let all = self.memory.read::<T>(load.place, load.size.get(self.rows));
                self.fill(load, all, to, [line, col, width], |x| x);
            }
        }
        run_program(self.isa, self, registers, start, n);
    }

    /// An operand of an instruction.
    fn argument<'r>(&'r self, source: Source, registers: &'r [Vec<T>], start: usize, n: usize) -> Run<'r, T> {
        match source {
            Source::Number(x) => Run::All(T::from_f64(x)),
            Source::Register(r) => Run::Each(&registers[r][..n]),
            Source::Load(l) => {
                let load = &self.kernel.loads[l];
                if load.in_place() {
                    Run::Each(&self.memory.read::<T>(load.place, load.size.get(self.rows))[start..start + n])
                } else {
                    Run::Each(&registers[self.kernel.registers + l][..n])
                }
            }
        }
    }

    /// Lays out an operand in the order of the kernel, from `line` and `col` on, `width` numbers of each line.
    fn fill<S: Copy>(&self, load: &Load, from: &[S], to: &mut [T], [line, col, width]: [usize; 3], f: impl Fn(S) -> T) {
        let last = load.kinds.len() - 1;
        let run = load.kinds[last] == Kind::Present;
        let ids = load.ids.map(|(_, place)| {
            let axis = load.kinds.iter().position(|k| matches!(k, Kind::Indexed(_))).unwrap_or(0);
            self.memory.read::<i32>(place, self.kernel.axes[axis].get(self.rows))
        });
        let steps: [usize; 8] = std::array::from_fn(|i| if i < last { load.strides[i].get(self.rows) } else { 0 });
        let sizes: [usize; 8] = std::array::from_fn(|i| if i < last { self.kernel.axes[i].get(self.rows) } else { 1 });
        let plain = last == 1 && ids.is_none();
        let by_number = if last == 1 { ids } else { None };
        for (k, to) in to.chunks_mut(width).enumerate() {
            let mut rest = line + k;
            let mut base = 0;
            if plain {
                base = rest * steps[0];
            } else if let Some(ids) = by_number {
                base = ids[rest] as usize * steps[0];
            } else {
                for axis in (0..last).rev() {
                    let at = if axis == 0 { rest } else { rest % sizes[axis] };
                    if axis > 0 {
                        rest /= sizes[axis].max(1);
                    }
                    base += steps[axis]
                        * match (load.kinds[axis], ids) {
                            (Kind::Indexed(_), Some(ids)) => ids[at] as usize,
                            _ => at,
                        };
                }
            }
            if run {
                let from = &from[base + col..base + col + width];
                // Lines of a few numbers: a call of memcpy would cost more than they do.
                if let (Ok(to), Ok(from)) = (<&mut [T; 8]>::try_from(&mut *to), <&[S; 8]>::try_from(from)) {
                    (0..8).for_each(|j| to[j] = f(from[j]));
                } else {
                    to.iter_mut().zip(from).for_each(|(to, &x)| *to = f(x));
                }
            } else {
                let x = f(from[base]);
                match <&mut [T; 8]>::try_from(&mut *to) {
                    Ok(to) => *to = [x; 8],
                    Err(_) => to.iter_mut().for_each(|to| *to = x),
                }
            }
        }
    }
}

/// The instructions of a kernel on one tile whose operands are laid out.
#[inline(always)]
fn program<T: Lane, const FMA: bool>(work: &Work<'_, T>, registers: &mut [Vec<T>], start: usize, n: usize) {
    for i in &work.kernel.instructions {
        let mut to = std::mem::take(&mut registers[i.register]);
        let args = i.args.map(|a| work.argument(a, registers, start, n));
        match i.direct.and_then(|s| work.outs[s].as_ref()) {
            Some(Out::Numbers(out)) => {
                // SAFETY: tiles do not overlap, and each is run by one task.
                let to = unsafe { out.range(start, n) };
                point::<T, FMA>(i.op, to, args);
            }
            _ => point::<T, FMA>(i.op, &mut to[..n], args),
        }
        registers[i.register] = to;
        for store in i.stores.clone() {
            let Source::Register(r) = work.kernel.stores[store].source else { continue };
            match &work.outs[store] {
                // SAFETY: as above.
                Some(Out::Numbers(out)) => unsafe { out.range(start, n) }.copy_from_slice(&registers[r][..n]),
                Some(Out::Bools(out)) => {
                    // SAFETY: as above.
                    let to = unsafe { out.range(start, n) };
                    to.iter_mut().zip(&registers[r][..n]).for_each(|(to, &x)| *to = x != T::ZERO);
                }
                None => {}
            }
        }
    }
}

per_isa! {
    /// A tile by the best instructions there are.
    fn run_program<T: Lane>(work: &Work<'_, T>, registers: &mut [Vec<T>], start: usize, n: usize) = program;
}
