//! Runs a kernel tile by tile.

use crate::array::DType;
use crate::exec::fetch::{LINE, fetch};
use crate::exec::few::Few;
use crate::exec::frame::Frame;
use crate::exec::fused::{self, Fused};
use crate::exec::kernel::{Instruction, Kernel, Kind, Load, MOST_LOADS, MOST_STORES, Op};
use crate::exec::lanes::{Lane, TILE, WIDTH, per_isa, point};
use crate::exec::lines::Lines;
use crate::exec::logistic;
use crate::exec::operand::Io;
use crate::exec::reduce::sum_lines;
use crate::exec::shared::Shared;

/// Elements of an operand from which on, outside of blocks, it comes from memory rather than from a near cache.
const FAR: usize = 16 << 10;

/// Where a result is written.
enum Out<'a, T> {
    Numbers(Shared<'a, T>),
    Bools(Shared<'a, bool>),
}

impl Kernel {
    /// Runs the chain over every element.
    pub(crate) fn run(&self, io: &Io<'_>) {
        match self.lanes {
            DType::F64 => self.run_lanes::<f64>(io),
            _ => self.run_lanes::<f32>(io),
        }
    }

    fn run_lanes<T: Lane>(&self, io: &Io<'_>) {
        let cols = self.axes[self.axes.len() - 1].get(io.rows);
        let lines: usize = self.axes[..self.axes.len() - 1].iter().map(|c| c.get(io.rows)).product();
        let total = lines * cols;
        if total == 0 {
            return;
        }
        let beside = self.axes.len().checked_sub(2).filter(|&axis| axis > 0).map(|axis| self.axes[axis].get(io.rows));
        let per = lines_of_tile(cols, beside);
        let far = total >= FAR && io.block.is_none();
        let mut work = Work { kernel: self, io, lines, cols, per, far, loads: Few::new(), outs: Few::new() };
        for load in &self.loads {
            let elsewhere = load.bools || load.under.is_some();
            work.loads.push(if elsewhere { &[] } else { io.read::<T>(load.operand) });
        }
        for (k, store) in self.stores.iter().enumerate() {
            let bools = store.bools;
            work.outs.push(if bools { Out::Bools(io.shared(k)) } else { Out::Numbers(io.shared(k)) });
        }
        // A whole run is cut, or whole lines are dealt out; either way no element is written twice.
        let tiles = if cols > TILE { lines * cols.div_ceil(TILE) } else { lines.div_ceil(per) };
        let (share, shares) = io.share;
        let (first, tiles) = (tiles * share / shares, tiles * (share + 1) / shares - tiles * share / shares);
        let tasks = io.pool.tasks(total * self.instructions.len(), tiles);
        io.pool.run(tasks, &|task| {
            T::frame(|frame| {
                work.begin(frame);
                let mut laid = Few::<Laid, MOST_LOADS>::new();
                self.loads.iter().for_each(|_| laid.push(None));
                let end = first + tiles * (task + 1) / tasks;
                for tile in first + tiles * task / tasks..end {
                    run_tile(io.isa, &work, tile, end, &mut laid, frame);
                }
            });
        });
    }
}

/// One call of a kernel.
struct Work<'a, T> {
    kernel: &'a Kernel,
    io: &'a Io<'a>,
    lines: usize,
    cols: usize,
    /// Lines of a tile.
    per: usize,
    /// Whether operands come from memory.
    far: bool,
    loads: Few<&'a [T], MOST_LOADS>,
    outs: Few<Out<'a, T>, MOST_STORES>,
}

/// How many lines a tile has: such as are whole vectors, if so many fit; and of those such as `beside` is a multiple of, the
/// length of the axis before the last where there is one before that, if there is one not much smaller.
fn lines_of_tile(cols: usize, beside: Option<usize>) -> usize {
    /// In how many more parts than the fewest the axis is cut, at the most.
    const MORE: usize = 4;
    let most = (TILE / cols).max(1);
    let vectors = WIDTH >> cols.trailing_zeros().min(WIDTH.trailing_zeros());
    let per = if most < vectors { most } else { most / vectors * vectors };
    let Some(beside) = beside else { return per };
    let parts = beside.div_ceil(per).max(1);
    let mut lines = (parts..=parts + MORE).filter(|&parts| beside.is_multiple_of(parts)).map(|parts| beside / parts);
    lines.find(|n| n.is_multiple_of(vectors) && 2 * n > per).unwrap_or(per)
}

/// Where an operand that is not read element by element begins for a tile.
#[derive(Clone, Copy)]
enum Begins {
    /// At an element, from which on it needs no laying out.
    There(usize),
    /// At one from which on every line of the tile is the same.
    Alike(usize),
    /// Its lines lie elsewhere each.
    Apart,
}

/// What lies in the register of an operand: from which element on it was laid out, and how many numbers. That tells all
/// there is to know, for how lines lie is the same for every tile of a call.
type Laid = Option<[usize; 2]>;

/// A truth value as a number.
fn truth<T: Lane>(x: bool) -> T {
    if x { T::ONE } else { T::ZERO }
}

/// The part of the kernel's elements that a tile is.
#[derive(Clone, Copy)]
struct Tile {
    start: usize,
    n: usize,
}

impl Tile {
    /// How many elements are computed: whole vectors, of which the last is cut where it is stored.
    fn padded(self) -> usize {
        self.n.next_multiple_of(WIDTH)
    }

    fn is_whole(self) -> bool {
        self.n.is_multiple_of(WIDTH)
    }
}

impl<T: Lane> Work<'_, T> {
    /// The first line of a tile and the number of its lines, its first column and the number of its columns: some whole
    /// lines, or a part of a long one.
    fn part(&self, tile: usize) -> [usize; 4] {
        if self.cols > TILE {
            let parts = self.cols.div_ceil(TILE);
            let col = tile % parts * TILE;
            [tile / parts, 1, col, TILE.min(self.cols - col)]
        } else {
            [tile * self.per, self.per.min(self.lines - tile * self.per), 0, self.cols]
        }
    }

    /// The places that are the same for every tile.
    fn begin(&self, frame: &mut Frame<T>) {
        let kernel = self.kernel;
        frame.begin(kernel.place_of_number(kernel.numbers.len()));
        for (k, &x) in kernel.numbers.iter().enumerate() {
            frame.set_alike(kernel.place_of_number(k), T::from_f64(x));
        }
        for (l, load) in kernel.loads.iter().enumerate().filter(|(_, load)| load.single) {
            let x = if load.bools { truth(self.io.read::<bool>(load.operand)[0]) } else { self.loads[l][0] };
            frame.set_alike(kernel.place_of_load(l), x);
        }
    }

    /// The elements of a tile.
    fn elements(&self, tile: usize) -> Tile {
        let [line, lines, col, width] = self.part(tile);
        Tile { start: line * self.cols + col, n: lines * width }
    }

    /// Asks memory for a share of what a tile reads. A tile of f32 is a page, and processors do not read ahead beyond the
    /// end of one.
    fn ask(&self, tile: Tile, (share, of): (usize, usize)) {
        let step = LINE / size_of::<T>();
        let lines = tile.n.div_ceil(step);
        for (l, load) in self.kernel.loads.iter().enumerate().filter(|(_, load)| load.in_place()) {
            let from = match load.under.map(|s| &self.outs[s]) {
                Some(Out::Numbers(out)) => out.start().cast_const(),
                _ => self.loads[l].as_ptr(),
            };
            (lines * share / of..lines * (share + 1) / of)
                .for_each(|line| fetch(from.wrapping_add(tile.start + line * step)));
        }
    }

    /// Where a line of an operand begins.
    #[inline(always)]
    fn start(&self, load: &Load, line: usize) -> usize {
        let io = self.io;
        let (mut rest, mut start) = (line, 0);
        // Spelled out: iterators over so few axes are not inlined here.
        for axis in (0..load.kinds.len() - 1).rev() {
            let mut at = rest;
            if axis > 0 {
                let size = self.kernel.axes[axis].get(io.rows).max(1);
                (rest, at) = (rest / size, rest % size);
            }
            let at = match load.kinds[axis] {
                Kind::Absent => continue,
                Kind::Present => at,
                Kind::Indexed(_) => self.numbers(load).map_or(at, |(ids, base)| ids[at] as usize - base),
            };
            start += at * load.strides[axis].get(io.rows);
        }
        start
    }

    /// Where some lines of an operand begin, from a column on.
    #[inline(always)]
    fn begins(&self, load: &Load, tile: Tile, [line, lines, col]: [usize; 3]) -> Begins {
        let last = load.kinds.len() - 1;
        let start = || self.start(load, line) + if load.runs() { col } else { 0 };
        if lines == 1 {
            let lies = !load.bools && (tile.is_whole() || !load.runs());
            return if lies { Begins::There(start()) } else { Begins::Apart };
        }
        if last < 2 || matches!(load.kinds[last - 1], Kind::Indexed(_)) {
            return Begins::Apart;
        }
        let (count, step) = (self.kernel.axes[last - 1].get(self.io.rows), load.strides[last - 1].get(self.io.rows));
        match step {
            _ if line % count + lines > count => Begins::Apart,
            0 => Begins::Alike(start()),
            _ if step == self.cols && load.runs() && tile.is_whole() && !load.bools => Begins::There(start()),
            _ => Begins::Apart,
        }
    }

    /// The elements of a tile of an operand that is read where it lies.
    #[inline(always)]
    fn each(&self, load: usize, tile: Tile) -> &[T] {
        match self.kernel.loads[load].under.map(|s| &self.outs[s]) {
            // SAFETY: this task alone has the tile, and the result is written there after the last reading.
            Some(Out::Numbers(out)) => unsafe { out.read(tile.start, tile.n) },
            _ => &self.loads[load][tile.start..][..tile.n],
        }
    }

    /// Where a result of a tile is written at once: whole vectors, which no operand lies under.
    #[inline(always)]
    fn direct(&self, store: usize, tile: Tile) -> Option<&Shared<'_, T>> {
        match &self.outs[store] {
            Out::Numbers(out) if tile.is_whole() && !self.kernel.stores[store].over => Some(out),
            _ => None,
        }
    }

    /// Where the sums of lines are written, if that is what a result is.
    #[inline(always)]
    fn sums(&self, store: usize) -> Option<&Shared<'_, T>> {
        match &self.outs[store] {
            Out::Numbers(out) if self.kernel.stores[store].summed => Some(out),
            _ => None,
        }
    }

    /// The same of what an instruction makes, if such sums have a way of their own.
    #[inline(always)]
    fn logistic_sums(&self, i: &Instruction) -> Option<&Shared<'_, T>> {
        let fits = i.op == Op::Fused(Fused::Logistic) && !i.direct && logistic::takes(self.cols);
        if fits { self.sums(usize::from(i.store?)) } else { None }
    }

    /// The row numbers by which an operand is read, and that of its first row.
    #[inline(always)]
    fn numbers(&self, load: &Load) -> Option<(&[i32], usize)> {
        load.ids.map(|ids| (self.io.read::<i32>(ids), self.io.numbered_from(&self.io.reads[load.operand].size)))
    }

    /// Lays out an operand in the order of the kernel, from `line` and `col` on, `width` numbers of each line.
    #[inline(always)]
    fn fill<S: Copy>(&self, load: &Load, from: &[S], to: &mut [T], [line, col, width]: [usize; 3], f: impl Fn(S) -> T) {
        let io = self.io;
        let run = load.runs();
        let ids = self.numbers(load);
        let col = if run { col } else { 0 };
        if load.kinds.len() == 2 {
            // Lines one after the other, or by number.
            let step = load.strides[0].get(io.rows);
            let to = Lines { to, width, run };
            return match ids {
                // Whole lines of a table that has no others, or a number for each line.
                Some((ids, base)) if col == 0 && step == if run { width } else { 1 } => {
                    to.lay_rows(from, (&ids[line..], base), f);
                }
                Some((ids, base)) => {
                    let ids = &ids[line..];
                    to.lay(&from[col.min(from.len())..], |k| (ids[k] as usize - base) * step, f);
                }
                None => to.lay_evenly(&from[(line * step + col).min(from.len())..], step, f),
            };
        }
        let start = |line: usize| self.start(load, line);
        let evenly = |axis: usize| (!matches!(load.kinds[axis], Kind::Indexed(_))).then_some(axis);
        let Some(beside) = load.kinds.len().checked_sub(2).and_then(evenly) else {
            return Lines { to, width, run }.lay(from, |k| start(line + k) + col, f);
        };
        // Lines along the axis before the last are evenly spaced.
        let [count, step] = [&self.kernel.axes, &load.strides].map(|of| of[beside].get(io.rows));
        let (mut line, mut rest) = (line, to);
        while !rest.is_empty() {
            let n = (count - line % count).min(rest.len() / width);
            let (to, after) = rest.split_at_mut(n * width);
            let from = &from[(start(line) + col).min(from.len())..];
            Lines { to, width, run }.lay_evenly(from, step, &f);
            (line, rest) = (line + n, after);
        }
    }
}

/// The instructions of a kernel on one tile whose operands have their places; what the next one reads is asked of memory
/// meanwhile.
#[inline(always)]
fn program<T: Lane, const FMA: bool>(work: &Work<'_, T>, frame: &Frame<T>, tile: Tile, next: Option<Tile>) {
    let Tile { start, n, .. } = tile;
    let (instructions, padded) = (&work.kernel.instructions, tile.padded());
    for (number, &i) in instructions.iter().enumerate() {
        if let Some(next) = next {
            work.ask(next, (number, instructions.len()));
        }
        let [a, b, c, d] = i.from.map(|place| place as usize);
        // SAFETY: a register has as many numbers as the vectors of a tile. What lies in memory has those of the tile, which are
        // whole vectors then: an operand, which none writes, or a result, which this task wrote and none writes again.
        let args =
            unsafe { [frame.read(a, padded), frame.read(b, padded), frame.read(c, padded), frame.read(d, padded)] };
        if let Some(out) = work.logistic_sums(&i) {
            // SAFETY: a tile is of whole lines, each with a sum of its own; tiles do not overlap, and each is run by one task.
            let to = unsafe { out.range(start / work.cols, n / work.cols) };
            logistic::sums::<T, FMA>(to, [args[0], args[1], args[2]], work.cols);
            continue;
        }
        // SAFETY: as above; no operand is in the register that is written, and where one lies in the memory of a result, a
        // register is written.
        let to = unsafe { frame.write(i.to as usize, padded) };
        match i.op {
            Op::Point(op) => point::<T, FMA>(op, to, [args[0], args[1], args[2]]),
            Op::Fused(op) => fused::run::<T, FMA>(op, to, args),
        }
        let Some(store) = i.store.map(usize::from) else { continue };
        if i.direct && work.direct(store, tile).is_some() {
            continue;
        }
        let from = &to[..n];
        if let Some(out) = work.sums(store) {
            // SAFETY: as above.
            let to = unsafe { out.range(start / work.cols, n / work.cols) };
            sum_lines(work.io.isa, from, work.cols, to);
            continue;
        }
        match &work.outs[store] {
            // SAFETY: as above.
            Out::Numbers(out) => unsafe { out.range(start, n) }.copy_from_slice(from),
            Out::Bools(out) => {
                // SAFETY: as above.
                let to = unsafe { out.range(start, n) };
                to.iter_mut().zip(from).for_each(|(to, &x)| *to = x != T::ZERO);
            }
        }
    }
}

/// One tile of those that come before `end`.
#[inline(always)]
fn one_tile<T: Lane, const FMA: bool>(
    work: &Work<'_, T>,
    tile: usize,
    end: usize,
    laid: &mut [Laid],
    frame: &mut Frame<T>,
) {
    let (kernel, cols) = (work.kernel, work.cols);
    let next = (work.far && tile + 1 < end).then(|| work.elements(tile + 1));
    let [line, lines, col, width] = work.part(tile);
    let tile = work.elements(tile);
    for (l, load) in kernel.loads.iter().enumerate().filter(|(_, load)| !load.single) {
        let place = kernel.place_of_load(l);
        if load.in_place() && tile.is_whole() {
            frame.set_in_memory(place, work.each(l, tile).as_ptr().cast_mut());
            continue;
        }
        // What is the same for every line is laid out once, unless tiles are parts of lines.
        let once = load.same_rows && cols <= TILE && !load.in_place();
        let begins = if load.in_place() { Begins::Apart } else { work.begins(load, tile, [line, lines, col]) };
        if let Begins::There(start) = begins {
            match load.runs() {
                true => frame.set_in_memory(place, work.loads[l][start..][..tile.n].as_ptr().cast_mut()),
                false => {
                    frame.set_alike(place, work.loads[l][start]);
                    laid[l] = None;
                }
            }
            continue;
        }
        let lines = if once { work.per.min(work.lines) } else { lines };
        let n = lines * width;
        let from = match begins {
            _ if once => Some([0, n]),
            Begins::Alike(start) => Some([start, n]),
            _ => None,
        };
        let to = frame.lay_out(place, n.next_multiple_of(WIDTH));
        if from.is_some() && laid[l] == from {
            continue;
        }
        laid[l] = from;
        let (to, rest) = to.split_at_mut(n);
        // What is computed of the rest is not read, but zeros are computed with as fast as anything.
        rest.fill(T::ZERO);
        if load.bools {
            work.fill(load, work.io.read::<bool>(load.operand), to, [line, col, width], truth);
        } else if load.in_place() {
            to.copy_from_slice(work.each(l, tile));
        } else {
            work.fill(load, work.loads[l], to, [line, col, width], |x| x);
        }
    }
    for (s, _) in kernel.stores.iter().enumerate().filter(|(_, store)| !store.bools && !store.summed) {
        let place = kernel.place_of_result(s);
        match work.direct(s, tile) {
            // SAFETY: tiles do not overlap, and each is run by one task.
            Some(out) => frame.set_in_memory(place, unsafe { out.range(tile.start, tile.n) }.as_mut_ptr()),
            None => frame.set_in_register(place),
        }
    }
    program::<T, FMA>(work, frame, tile, next);
}

per_isa! {
    /// A tile by the best instructions there are.
    fn run_tile<T: Lane>(
        work: &Work<'_, T>,
        tile: usize,
        end: usize,
        laid: &mut [Laid],
        frame: &mut Frame<T>,
    ) = one_tile;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_whole_vectors_and_parts_of_the_axis_beside() {
        let lines = [(1, 1024), (50, 16), (100, 8), (784, 1), (1024, 1), (2000, 1), (32, 32), (600, 1), (7, 144)];
        assert!(lines.iter().all(|&(cols, n)| lines_of_tile(cols, None) == n));
        // Of 100 lines of 32 four tiles of 25, of 7 or of a prime number none.
        let beside = [(32, 100, 25), (32, 7, 32), (32, 97, 32), (50, 50, 16), (32, 0, 32), (16, 48, 48), (16, 200, 50)];
        assert!(beside.iter().all(|&(cols, all, n)| lines_of_tile(cols, Some(all)) == n));
    }
}
