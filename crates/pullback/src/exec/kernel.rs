//! A fused chain of elementwise operations: a short program over tiles that stay in the nearest cache.

use crate::array::{DType, Data, Element};
use crate::exec::extent::{Count, RowTable};
use crate::exec::lanes::{Isa, Run, per_isa, point};
use crate::exec::memory::{Memory, Place};
use crate::exec::pool::Pool;
use crate::exec::shared::Shared;
use crate::ir::{Graph, Var};
use crate::lowering::{Lowering, PointOp};
use crate::math::Real;
use crate::opt::fuse::{Role, role};
use crate::opt::simplify::scalar;
use crate::shape::Dim;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

/// Numbers in a register: 4 KB of f32, so that a chain's few live ones stay in the first cache.
const TILE: usize = 1024;

/// How an operand lies along one axis of the kernel's shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The same all along.
    Absent,
    /// Element by element.
    Present,
    /// By the row numbers at a variable.
    Indexed(Var),
}

/// An operand that comes from memory.
#[derive(Clone, Debug)]
struct Load {
    var: Var,
    place: Place,
    bools: bool,
    /// Along the merged axes.
    kinds: Vec<Kind>,
    ids: Option<(Var, Place)>,
    /// Elements of the operand.
    size: Count,
    /// For each merged axis the step in the operand.
    strides: Vec<Count>,
    /// Every element in the kernel's own order: read in place.
    whole: bool,
    /// The same for every row of the kernel.
    same_rows: bool,
}

impl Load {
    fn in_place(&self) -> bool {
        self.whole && !self.bools
    }
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Register(usize),
    Load(usize),
    Number(f64),
}

#[derive(Clone, Debug)]
struct Instruction {
    op: PointOp,
    register: usize,
    args: [Source; 3],
    /// The result whose memory is written instead of the register, where nothing reads it afterwards.
    direct: Option<usize>,
    /// The results that are copied out of registers once this is done.
    stores: std::ops::Range<usize>,
}

#[derive(Clone, Debug)]
struct Store {
    source: Source,
    var: Var,
    slot: usize,
    bools: bool,
}

/// A compiled chain.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    lanes: DType,
    /// The merged axes; the last is the run.
    axes: Vec<Count>,
    loads: Vec<Load>,
    instructions: Vec<Instruction>,
    stores: Vec<Store>,
    registers: usize,
}

/// Compiles a group of equations; `kept` says which variables something else reads.
pub(crate) fn compile(
    graph: &Graph,
    group: &[usize],
    defined: &HashMap<Var, usize>,
    rows: &mut RowTable,
    kept: &dyn Fn(Var) -> bool,
) -> Kernel {
    let shape = graph.ty(graph.eqns[group[0]].output).shape.dims().to_vec();
    let mut builder = Builder { graph, defined, shape: &shape, loads: Vec::new() };
    let inside: HashMap<Var, usize> = group.iter().enumerate().map(|(k, &i)| (graph.eqns[i].output, k)).collect();
    let mut args_of: Vec<(PointOp, Vec<Source>)> = Vec::new();
    for &i in group {
        let e = &graph.eqns[i];
        let (op, inputs) = match e.prim.lower() {
            Lowering::Pointwise(op) => (op, e.inputs.clone()),
            // A view that is spelled out: its own pattern, copied.
            _ => (PointOp::Cast(graph.ty(e.output).dtype), vec![e.output]),
        };
        let args = inputs.iter().map(|&v| match inside.get(&v) {
            Some(&k) if v != e.output => Source::Register(k),
            _ => builder.load(v),
        });
        let args = args.collect();
        args_of.push((op, args));
    }
    let (axes, loads) = merge(&shape, builder.loads, rows, graph);
    let lanes = group
        .iter()
        .flat_map(|&i| graph.eqns[i].inputs.iter().chain([&graph.eqns[i].output]))
        .map(|&v| graph.ty(v).dtype)
        .find(|d| d.is_float())
        .unwrap_or(DType::F32);
    allocate(graph, group, args_of, axes, loads, lanes, kept)
}

struct Builder<'a> {
    graph: &'a Graph,
    defined: &'a HashMap<Var, usize>,
    shape: &'a [Dim],
    loads: Vec<(Var, Vec<Kind>)>,
}

impl Builder<'_> {
    /// The operand `v`, read through the views that lead to it.
    fn load(&mut self, v: Var) -> Source {
        let (mut v, mut axes) = (v, (0..self.shape.len()).map(Some).collect::<Vec<_>>());
        // For each axis of `v` the kernel's axis that it lies along.
        let mut indexed = None;
        while let Some(&d) = self.defined.get(&v) {
            let e = &self.graph.eqns[d];
            let view = role(self.graph, e) == Role::View;
            let inner = e.inputs.first().copied();
            match (e.prim.lower(), inner) {
                (Lowering::Constant(value), _) => match scalar(&value) {
                    Some(x) => return Source::Number(x),
                    None => break,
                },
                (Lowering::Broadcast(to), Some(x)) if view => {
                    let dims = self.graph.ty(x).shape.dims();
                    let out = self.graph.ty(v).shape.dims();
                    axes = to.iter().zip(dims).map(|(&a, &n)| axes[a].filter(|_| n == out[a])).collect();
                    v = x;
                }
                (Lowering::RepeatRows, Some(x)) if view && indexed.is_none() && axes[0].is_some() => {
                    indexed = axes[0].map(|a| (a, e.inputs[1]));
                    v = x;
                }
                _ => break,
            }
        }
        let mut kinds = vec![Kind::Absent; self.shape.len()];
        axes.iter().flatten().for_each(|&a| kinds[a] = Kind::Present);
        if let Some((a, ids)) = indexed
            && kinds[a] == Kind::Present
        {
            kinds[a] = Kind::Indexed(ids);
        }
        let at = self.loads.iter().position(|l| l.0 == v && l.1 == kinds).unwrap_or_else(|| {
            self.loads.push((v, kinds));
            self.loads.len() - 1
        });
        Source::Load(at)
    }
}

/// Joins neighbouring axes along which every operand lies alike, and drops axes of size 1.
fn merge(shape: &[Dim], loads: Vec<(Var, Vec<Kind>)>, rows: &mut RowTable, graph: &Graph) -> (Vec<Count>, Vec<Load>) {
    let mut axes: Vec<Vec<usize>> = Vec::new();
    for (i, &d) in shape.iter().enumerate() {
        if d == Dim::Known(1) {
            continue;
        }
        let alike = |a: usize, b: usize| loads.iter().all(|(_, k)| k[a] == k[b] && !matches!(k[a], Kind::Indexed(_)));
        match axes.last_mut() {
            Some(last) if alike(last[0], i) => last.push(i),
            _ => axes.push(vec![i]),
        }
    }
    // The run itself is read in order: an axis of row numbers is never the run.
    let indexed_last = |axes: &[Vec<usize>]| {
        axes.last().is_none_or(|a| loads.iter().any(|(_, k)| matches!(k[a[0]], Kind::Indexed(_))))
    };
    if indexed_last(&axes) {
        axes.push(Vec::new());
    }
    let counts: Vec<Count> = axes.iter().map(|group| rows.count(group.iter().map(|&i| shape[i]))).collect();
    let loads = loads
        .into_iter()
        .map(|(v, kinds)| {
            let merged: Vec<Kind> = axes.iter().map(|g| g.first().map_or(Kind::Absent, |&i| kinds[i])).collect();
            let mut strides = vec![Count::known(0); merged.len()];
            let mut step = Count::known(1);
            for i in (0..merged.len()).rev() {
                if merged[i] != Kind::Absent {
                    strides[i] = step.clone();
                    step = step.times(&counts[i]);
                }
            }
            let last = merged.len() - 1;
            let whole = merged.iter().zip(&counts).all(|(k, n)| *k == Kind::Present || n.is_one());
            Load {
                var: v,
                place: Place::Slot(0),
                bools: graph.ty(v).dtype == DType::Bool,
                ids: merged
                    .iter()
                    .find_map(|k| if let Kind::Indexed(ids) = k { Some((*ids, Place::Slot(0))) } else { None }),
                size: rows.count(graph.ty(v).shape.dims().iter().copied()),
                same_rows: merged[..last].iter().all(|k| *k == Kind::Absent),
                kinds: merged,
                strides,
                whole,
            }
        })
        .collect();
    (counts, loads)
}

/// Gives each value a register for as long as it is read.
fn allocate(
    graph: &Graph,
    group: &[usize],
    args_of: Vec<(PointOp, Vec<Source>)>,
    axes: Vec<Count>,
    loads: Vec<Load>,
    lanes: DType,
    kept: &dyn Fn(Var) -> bool,
) -> Kernel {
    let n = args_of.len();
    let mut last_read: Vec<usize> = (0..n).collect();
    for (k, (_, args)) in args_of.iter().enumerate() {
        for a in args {
            if let Source::Register(j) = a {
                last_read[*j] = k;
            }
        }
    }
    let mut free: Vec<usize> = Vec::new();
    let mut registers = 0;
    let mut at = vec![0; n];
    let mut instructions = Vec::new();
    let mut stores: Vec<Store> = Vec::new();
    for (k, (op, args)) in args_of.into_iter().enumerate() {
        let mut resolved = [Source::Number(0.0); 3];
        for (to, a) in resolved.iter_mut().zip(&args) {
            *to = if let Source::Register(j) = a { Source::Register(at[*j]) } else { *a };
        }
        at[k] = free.pop().unwrap_or_else(|| {
            registers += 1;
            registers - 1
        });
        let output = graph.eqns[group[k]].output;
        let bools = graph.ty(output).dtype == DType::Bool;
        let first = stores.len();
        let mut direct = None;
        if kept(output) {
            direct = (last_read[k] == k && !bools).then_some(first);
            stores.push(Store { source: Source::Register(at[k]), var: output, slot: 0, bools });
        }
        let copied = if direct.is_some() { 0..0 } else { first..stores.len() };
        instructions.push(Instruction { op, register: at[k], args: resolved, direct, stores: copied });
        let mut released: Vec<usize> = Vec::new();
        for a in &args {
            if let Source::Register(j) = a
                && last_read[*j] == k
                && !released.contains(j)
            {
                released.push(*j);
            }
        }
        free.extend(released.iter().map(|&j| at[j]));
        if last_read[k] == k {
            free.push(at[k]);
        }
    }
    Kernel { lanes, axes, loads, instructions, stores, registers }
}

thread_local! {
    static F32: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static F64: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// A float with registers of its own.
pub(crate) trait Lane: Real + Element {
    /// Lends the thread's registers, at least `n` of them.
    fn registers<R>(n: usize, f: impl FnOnce(&mut [Vec<Self>]) -> R) -> R;
}

macro_rules! lane {
    ($t:ty, $store:ident) => {
        impl Lane for $t {
            fn registers<R>(n: usize, f: impl FnOnce(&mut [Vec<$t>]) -> R) -> R {
                $store.with_borrow_mut(|r| {
                    while r.len() < n {
                        r.push(vec![0.0; TILE]);
                    }
                    f(r)
                })
            }
        }
    };
}
lane!(f32, F32);
lane!(f64, F64);

/// Where a result is written.
enum Out<'a, T> {
    Numbers(Shared<'a, T>),
    Bools(Shared<'a, bool>),
}

/// The most results of one kernel; more are cut into several kernels when the graph is planned.
pub(crate) const MOST_STORES: usize = 16;

impl Kernel {
    /// Every variable that it reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = Var> + '_ {
        self.loads.iter().flat_map(|l| [Some(l.var), l.ids.map(|i| i.0)]).flatten()
    }

    /// Every variable that it writes.
    pub(crate) fn writes(&self) -> impl Iterator<Item = Var> + '_ {
        self.stores.iter().map(|s| s.var)
    }

    /// Learns where its variables lie.
    pub(crate) fn settle(&mut self, place: &dyn Fn(Var) -> Place) {
        for load in &mut self.loads {
            load.place = place(load.var);
            load.ids = load.ids.map(|(v, _)| (v, place(v)));
        }
        for store in &mut self.stores {
            if let Place::Slot(slot) = place(store.var) {
                store.slot = slot;
            }
        }
    }

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
                    Out::Bools(Shared::new(&mut crate::exec::memory::typed::<bool>(data)[..total]))
                } else {
                    Out::Numbers(Shared::new(&mut crate::exec::memory::typed::<T>(data)[..total]))
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

per_isa! {
    /// One operation on a run, by the best instructions there are.
    fn run_point<T: Real>(op: PointOp, to: &mut [T], args: [Run<'_, T>; 3]) = point;
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel [")?;
        for (i, axis) in self.axes.iter().enumerate() {
            write!(f, "{}{axis}", if i > 0 { ", " } else { "" })?;
        }
        write!(f, "]")?;
        self.instructions.iter().try_for_each(|i| write!(f, " {:?}", i.op))
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
        for i in &kernel.instructions {
            let mut to = std::mem::take(&mut registers[i.register]);
            let args = i.args.map(|a| self.argument(a, registers, start, n));
            match i.direct.and_then(|s| self.outs[s].as_ref()) {
                Some(Out::Numbers(out)) => {
                    // SAFETY: tiles do not overlap, and each is run by one task.
                    let to = unsafe { out.range(start, n) };
                    run_point(self.isa, i.op, to, args);
                }
                _ => run_point(self.isa, i.op, &mut to[..n], args),
            }
            registers[i.register] = to;
            for store in i.stores.clone() {
                let Source::Register(r) = kernel.stores[store].source else { continue };
                match &self.outs[store] {
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
        for (k, to) in to.chunks_mut(width).enumerate() {
            let mut rest = line + k;
            let mut base = 0;
            if plain {
                base = rest * steps[0];
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
