//! One step of a program, of whichever form.

use crate::array::Array;
use crate::exec::copying::{self, Copying};
use crate::exec::counting::{self, Counting};
use crate::exec::extent::{Count, RowTable};
use crate::exec::isa::Isa;
use crate::exec::kernel::Kernel;
use crate::exec::memory::{Memory, Place, typed};
use crate::exec::pool::Pool;
use crate::exec::prefix::{self, Prefix};
use crate::exec::product::{self, Product};
use crate::exec::random::{self, Random};
use crate::exec::reduce::{self, Reduction};
use crate::exec::scalar_loops::{self, ScalarLoop};
use crate::ir::{Eqn, Graph, Primitive, Var};
use crate::lowering::Lowering;
use crate::shape::{Dim, RowId, Sizes};
use std::fmt;
use std::sync::Arc;

/// A step.
#[derive(Clone, Debug)]
pub(crate) enum Run {
    /// A fused chain of elementwise operations.
    Kernel(Box<Kernel>),
    /// A matrix product.
    Product(Box<Product>),
    /// A fold.
    Reduction(Box<Reduction>),
    /// Prefixes.
    Prefix(Box<Prefix>),
    /// Elements moved.
    Copying(Box<Copying>),
    /// Random numbers.
    Random(Box<Random>),
    /// Elementwise, outside kernels.
    ScalarLoop(Box<ScalarLoop>),
    /// Numbers that count.
    Counting(Counting),
    /// Row numbers, whose number is known only now.
    Rows(RowNumbers),
    /// A primitive's own plain loops.
    Plain(Plain),
}

/// Row numbers for counts; binds the extent that they introduce.
#[derive(Clone, Debug)]
pub(crate) struct RowNumbers {
    counts: Var,
    place: Place,
    size: Count,
    /// One count, whose rows are numbered themselves.
    single: bool,
    output: Var,
    slot: usize,
    row: Option<(usize, RowId)>,
}

/// A primitive run by its own plain loops on copies of its operands.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    prim: Arc<dyn Primitive>,
    inputs: Vec<(Var, Place, Vec<Count>)>,
    output: Var,
    slot: usize,
}

/// The state of a run.
pub(crate) struct State<'a> {
    pub memory: &'a mut Memory,
    /// The number of rows of each symbolic extent.
    pub rows: &'a mut [usize],
    pub sizes: &'a mut Sizes,
    pub isa: Isa,
    pub pool: &'a Pool,
}

/// The step for an equation that no kernel holds.
pub(crate) fn other(graph: &Graph, e: &Eqn, rows: &mut RowTable) -> Run {
    let dims = |v: Var| graph.ty(v).shape.dims().to_vec();
    match e.prim.lower() {
        Lowering::Dot(axes) | Lowering::DotAdd(axes) => {
            if let Some(product) = product::compile(graph, e, &axes, rows) {
                return Run::Product(Box::new(product));
            }
        }
        Lowering::Rows => {
            let counts = e.inputs[0];
            let row = match dims(e.output)[..] {
                [Dim::Rows(id)] => Some((rows.index(id), id)),
                _ => None,
            };
            return Run::Rows(RowNumbers {
                counts,
                place: Place::Slot(0),
                size: rows.count(dims(counts)),
                single: dims(counts).is_empty(),
                output: e.output,
                slot: 0,
                row,
            });
        }
        Lowering::Reduce(op, axes) => {
            if let Some(r) = reduce::compile(graph, e, op, &axes, rows) {
                return Run::Reduction(Box::new(r));
            }
        }
        Lowering::Segment(op) => {
            if let Some(r) = reduce::segments(graph, e, op, rows) {
                return Run::Reduction(Box::new(r));
            }
        }
        Lowering::Scan(op, axis) => {
            if let Some(p) = prefix::compile(graph, e, op, axis, rows) {
                return Run::Prefix(Box::new(p));
            }
        }
        Lowering::Iota(axis) => return Run::Counting(counting::compile(graph, e, axis, rows)),
        Lowering::Random(op) => return Run::Random(Box::new(random::compile(graph, e, op, rows))),
        Lowering::Pointwise(op) => return Run::ScalarLoop(Box::new(scalar_loops::compile(graph, e, op, rows))),
        _ => {
            if let Some(c) = copying::compile(graph, e, rows) {
                return Run::Copying(Box::new(c));
            }
        }
    }
    let inputs = e.inputs.iter().map(|&v| (v, Place::Slot(0), dims(v).iter().map(|&d| rows.count([d])).collect()));
    Run::Plain(Plain { prim: e.prim.clone(), inputs: inputs.collect(), output: e.output, slot: 0 })
}

impl Run {
    /// The variables that it reads.
    pub(crate) fn reads(&self) -> Vec<Var> {
        match self {
            Run::Kernel(k) => k.reads().collect(),
            Run::Product(p) => p.reads(),
            Run::Reduction(r) => r.reads(),
            Run::Prefix(p) => p.reads(),
            Run::Copying(c) => c.reads(),
            Run::Random(r) => r.reads(),
            Run::ScalarLoop(s) => s.reads(),
            Run::Counting(_) => Vec::new(),
            Run::Rows(r) => vec![r.counts],
            Run::Plain(p) => p.inputs.iter().map(|i| i.0).collect(),
        }
    }

    /// The variables that it writes.
    pub(crate) fn writes(&self) -> Vec<Var> {
        match self {
            Run::Kernel(k) => k.writes().collect(),
            Run::Product(p) => vec![p.output()],
            Run::Reduction(r) => vec![r.output()],
            Run::Prefix(p) => vec![p.output()],
            Run::Copying(c) => vec![c.output()],
            Run::Random(r) => vec![r.output()],
            Run::ScalarLoop(s) => vec![s.output()],
            Run::Counting(c) => vec![c.output()],
            Run::Rows(r) => vec![r.output],
            Run::Plain(p) => vec![p.output],
        }
    }

    /// A variable in whose storage the result may be written, if this is the last to read it.
    pub(crate) fn in_place_of(&self) -> Option<Var> {
        match self {
            Run::Product(p) => p.addend(),
            _ => None,
        }
    }

    /// Learns where its variables lie.
    pub(crate) fn settle(&mut self, place: &dyn Fn(Var) -> Place) {
        let slot = |v: Var| if let Place::Slot(s) = place(v) { s } else { 0 };
        match self {
            Run::Kernel(k) => k.settle(place),
            Run::Product(p) => p.settle(place),
            Run::Reduction(r) => r.settle(place),
            Run::Prefix(p) => p.settle(place),
            Run::Copying(c) => c.settle(place),
            Run::Random(r) => r.settle(place),
            Run::ScalarLoop(s) => s.settle(place),
            Run::Counting(c) => c.settle(place),
            Run::Rows(r) => {
                r.place = place(r.counts);
                r.slot = slot(r.output);
            }
            Run::Plain(p) => {
                p.inputs.iter_mut().for_each(|i| i.1 = place(i.0));
                p.slot = slot(p.output);
            }
        }
    }

    /// Runs it.
    pub(crate) fn run(&self, state: &mut State<'_>) {
        match self {
            Run::Kernel(k) => k.run(state.memory, state.rows, state.isa, state.pool),
            Run::Product(p) => p.run(state.memory, state.rows, state.pool),
            Run::Reduction(r) => r.run(state.memory, state.rows, state.isa, state.pool),
            Run::Prefix(p) => p.run(state.memory, state.rows, state.isa),
            Run::Copying(c) => c.run(state.memory, state.rows),
            Run::Random(r) => r.run(state.memory, state.rows, state.isa),
            Run::ScalarLoop(s) => s.run(state.memory, state.rows),
            Run::Counting(c) => c.run(state.memory, state.rows),
            Run::Rows(r) => r.run(state),
            Run::Plain(p) => p.run(state),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Run::Kernel(k) => k.fmt(f),
            Run::Product(p) => p.fmt(f),
            Run::Reduction(r) => r.fmt(f),
            Run::Prefix(_) => f.write_str("prefix"),
            Run::Copying(_) => f.write_str("copy"),
            Run::Random(_) => f.write_str("random"),
            Run::ScalarLoop(_) => f.write_str("scalar loop"),
            Run::Counting(_) => f.write_str("count"),
            Run::Rows(_) => f.write_str("rows"),
            Run::Plain(p) => write!(f, "plain {}", p.prim.name()),
        }
    }
}

impl RowNumbers {
    fn run(&self, state: &mut State<'_>) {
        let counts = state.memory.read::<i32>(self.place, self.size.get(state.rows));
        let n: usize = counts.iter().map(|&c| c.max(0) as usize).sum();
        let mut data = state.memory.take(self.slot, n);
        let counts = state.memory.read::<i32>(self.place, self.size.get(state.rows));
        let ids = &mut typed::<i32>(&mut data)[..n];
        if self.single {
            (0..).zip(ids).for_each(|(i, id)| *id = i);
        } else {
            let mut rest = ids;
            for (i, &c) in (0..).zip(counts) {
                let (own, others) = rest.split_at_mut(c.max(0) as usize);
                own.fill(i);
                rest = others;
            }
        }
        state.memory.put(self.slot, data);
        if let Some((row, id)) = self.row {
            state.rows[row] = n;
            // Bound at most once a run: the extent is this equation's.
            let _ = state.sizes.bind(id, n);
        }
    }
}

impl Plain {
    fn run(&self, state: &mut State<'_>) {
        let arrays: Vec<Array> = self
            .inputs
            .iter()
            .map(|(_, place, shape)| {
                let shape: Vec<usize> = shape.iter().map(|c| c.get(state.rows)).collect();
                let n: usize = shape.iter().product();
                Array::new(shape, state.memory.data(*place).first(n))
            })
            .collect();
        let y = self.prim.eval(&arrays.iter().collect::<Vec<_>>(), state.sizes);
        state.memory.put(self.slot, y.into_data());
    }
}
