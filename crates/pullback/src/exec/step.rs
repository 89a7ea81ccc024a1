//! One step of a program, of whichever form.

mod by_rows;

use crate::array::{Array, DType};
use crate::exec::copying::{self, Copying};
use crate::exec::counting::{self, Counting};
use crate::exec::extent::{Count, RowTable};
use crate::exec::gemm::PARALLEL;
use crate::exec::isa::Isa;
use crate::exec::kernel::Kernel;
use crate::exec::memory::{Memory, Place};
use crate::exec::operand::{Block, Io, Operand, Target};
use crate::exec::pace::{LARGE, Threads};
use crate::exec::pool::{Pool, WORTH};
use crate::exec::prefix::{self, Prefix};
use crate::exec::product::{self, Product};
use crate::exec::random::{self, Random};
use crate::exec::reduce::{self, Reduction};
use crate::exec::row_numbers::{self, RowNumbers};
use crate::exec::scalar_loops::{self, ScalarLoop};
use crate::exec::threads;
use crate::ir::{Eqn, Graph, Primitive, Var};
use crate::lowering::Lowering;
use crate::shape::{Dim, Sizes};
pub(crate) use by_rows::ByRows;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A step: what it does, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub work: Work,
    pub reads: Vec<Operand>,
    pub writes: Vec<Target>,
    /// The extent of its first axis, where blocks of its rows can be worked on apart; of ragged rows that of their examples.
    rows: Option<(usize, ByRows)>,
    /// The extent of the second, where blocks of one row can be; of ragged rows their own.
    inner: Option<(usize, ByRows)>,
    /// The extent of ragged rows that it has.
    ragged: Option<usize>,
    /// The slot in which the right operand of a product lies packed for its blocks.
    packed: Option<usize>,
    /// Extents that its work needs the number of.
    speaks_of: Vec<usize>,
    /// Elementary operations that it takes about.
    operations: Count,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// A fused chain of elementwise operations, with sums of its lines.
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
    ScalarLoop(ScalarLoop),
    /// Numbers that count.
    Counting(Counting),
    /// Row numbers for counts, whose number is known only now; binds the extent that they introduce.
    Rows(RowNumbers),
    /// A primitive's own plain loops.
    Plain(Plain),
}

/// A primitive run by its own plain loops on copies of its operands.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    prim: Arc<dyn Primitive>,
    shapes: Vec<Vec<Count>>,
}

/// The state of a run.
pub(crate) struct State<'a> {
    pub memory: &'a mut Memory,
    /// The number of rows of each symbolic extent.
    pub rows: &'a mut [usize],
    /// Of each extent that is ragged rows the first of every example, and their number.
    pub starts: &'a mut [Vec<usize>],
    pub sizes: &'a mut Sizes,
    pub isa: Isa,
    /// Bytes of a core's second cache.
    pub second_cache: usize,
    /// On which what is not large runs.
    pub threads: Threads,
}

/// The packed right operand of a product.
#[derive(Clone, Debug)]
pub(crate) struct Weight {
    pub bytes: Count,
    /// The rows that are multiplied by it.
    pub rows: Count,
}

impl State<'_> {
    /// The threads for so much work.
    pub(crate) fn pool(&self, operations: impl FnOnce(&[usize]) -> usize) -> &'static Pool {
        match self.threads {
            Threads::One if operations(self.rows) < LARGE => threads::single(),
            _ => threads::global(),
        }
    }
}

/// The step for an equation that no kernel holds.
pub(crate) fn other(graph: &Graph, e: &Eqn, rows: &mut RowTable) -> Step {
    let work = work(graph, e, rows);
    let reads = e.inputs.iter().map(|&v| Operand::new(graph, v, rows)).collect();
    let writes = vec![Target::new(graph, e.output, rows)];
    let mut step = Step::new(graph, work, reads, writes, rows);
    e.prim.map_dims(&mut |d| {
        if let Dim::Rows(id) = d {
            step.speaks_of.push(rows.index(id));
        }
        d
    });
    step
}

fn work(graph: &Graph, e: &Eqn, rows: &mut RowTable) -> Work {
    match e.prim.lower() {
        Lowering::Dot(axes) if graph.ty(e.output).shape.rank() == 0 => {
            if let Some(r) = reduce::inner_product(graph, e, &axes, rows) {
                return Work::Reduction(Box::new(r));
            }
        }
        _ => {}
    }
    match e.prim.lower() {
        Lowering::Dot(axes) | Lowering::DotAdd(axes) => {
            if let Some(product) = product::compile(graph, e, &axes, rows) {
                return Work::Product(Box::new(product));
            }
        }
        Lowering::Rows => return Work::Rows(row_numbers::compile(graph, e, rows)),
        Lowering::Reduce(op, axes) => {
            if let Some(r) = reduce::compile(graph, e, op, &axes, rows) {
                return Work::Reduction(Box::new(r));
            }
        }
        Lowering::Segment(op) => {
            if let Some(r) = reduce::segments(graph, e, op, rows) {
                return Work::Reduction(Box::new(r));
            }
        }
        Lowering::Scan(op, axis) => {
            if let Some(p) = prefix::compile(graph, e, op, axis, rows) {
                return Work::Prefix(Box::new(p));
            }
        }
        Lowering::Iota(axis) => return Work::Counting(counting::compile(graph, e, axis, rows)),
        Lowering::Random(op) => return Work::Random(Box::new(random::compile(graph, e, op, rows))),
        Lowering::Pointwise(op) => return Work::ScalarLoop(scalar_loops::compile(graph, e, op)),
        _ => {
            if let Some(c) = copying::compile(graph, e, rows) {
                return Work::Copying(Box::new(c));
            }
        }
    }
    let mut shape = |v: &Var| graph.ty(*v).shape.dims().iter().map(|&d| rows.count([d])).collect();
    Work::Plain(Plain { prim: e.prim.clone(), shapes: e.inputs.iter().map(&mut shape).collect() })
}

impl Step {
    /// The step of some work.
    pub(crate) fn new(
        graph: &Graph,
        work: Work,
        reads: Vec<Operand>,
        writes: Vec<Target>,
        rows: &mut RowTable,
    ) -> Step {
        let all = reads.iter().map(|o| o.var).chain(writes.iter().map(|t| t.var));
        let shapes: Vec<&[Dim]> = all.map(|v| graph.ty(v).shape.dims()).collect();
        let operations = work.operations(&reads, &writes);
        let (packed, speaks_of) = (None, Vec::new());
        let mut step =
            Step { work, reads, writes, rows: None, inner: None, ragged: None, packed, speaks_of, operations };
        step.find_rows(&shapes, rows);
        step
    }

    /// The variables that it reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = Var> + '_ {
        self.reads.iter().map(|o| o.var)
    }

    /// The variables that it writes.
    pub(crate) fn writes(&self) -> impl Iterator<Item = Var> + '_ {
        self.writes.iter().map(|t| t.var)
    }

    /// A variable in whose storage the result may be written, if this is the last to read it.
    pub(crate) fn in_place_of(&self) -> Option<Var> {
        match &self.work {
            Work::Product(p) if p.adds() => self.reads.get(2).map(|addend| addend.var),
            _ => None,
        }
    }

    /// Learns where its variables lie.
    pub(crate) fn settle(&mut self, place: &dyn Fn(Var) -> Place) {
        self.reads.iter_mut().for_each(|o| o.place = place(o.var));
        self.writes.iter_mut().for_each(|t| t.place = place(t.var));
    }

    /// The type of the right operand of a product, where that is the same for all rows of some extents.
    pub(crate) fn packs(&self, extents: &[usize]) -> Option<DType> {
        let fixed = !extents.iter().any(|&e| self.reads.get(1).is_none_or(|right| right.size.has(e)));
        match &self.work {
            Work::Product(p) if fixed => p.packs(),
            _ => None,
        }
    }

    /// Learns where its right operand will be packed.
    pub(crate) fn pack_into(&mut self, slot: usize) {
        self.packed = Some(slot);
    }

    /// Makes room for its right operand packed; the elements that it takes.
    pub(crate) fn reserve_packed(&self, memory: &mut Memory, rows: &[usize], isa: Isa) -> usize {
        let (Work::Product(p), Some(slot)) = (&self.work, self.packed) else { return 0 };
        let elements = p.packed_len(rows, isa);
        memory.reserve(slot, elements);
        elements
    }

    /// Packs one of some shares of its right operand, if it is to be.
    pub(crate) fn pack(&self, memory: &Memory, rows: &[usize], isa: Isa, share: (usize, usize)) {
        if let (Work::Product(p), Some(slot)) = (&self.work, self.packed) {
            p.pack(&self.io(memory, rows, None, isa, threads::single()), share, slot);
        }
    }

    /// Its right operand, if it is to be packed.
    pub(crate) fn weight(&self) -> Option<Weight> {
        match &self.work {
            Work::Product(p) if self.packed.is_some() => Some(Weight { bytes: p.right_bytes(), rows: p.rows() }),
            _ => None,
        }
    }

    /// Elementary operations that it takes about.
    pub(crate) fn operations(&self) -> &Count {
        &self.operations
    }

    /// Whether anything in it has rows of an extent.
    pub(crate) fn has(&self, extent: usize) -> bool {
        let reads = self.reads.iter().any(|o| o.size.has(extent));
        reads || self.writes.iter().any(|t| t.size.has(extent)) || self.speaks_of.contains(&extent)
    }

    /// The extent that it gives a number of rows.
    pub(crate) fn binds(&self) -> Option<usize> {
        match &self.work {
            Work::Rows(numbers) => numbers.binds(),
            _ => None,
        }
    }

    /// Makes room for what it writes.
    pub(crate) fn reserve(&self, memory: &mut Memory, rows: &[usize]) {
        for t in &self.writes {
            if let Place::Slot(slot) = t.place {
                memory.reserve(slot, t.size.get(rows));
            }
        }
    }

    fn io<'a>(
        &'a self,
        memory: &'a Memory,
        rows: &'a [usize],
        block: Option<Block>,
        isa: Isa,
        pool: &'a Pool,
    ) -> Io<'a> {
        let (reads, writes) = (&*self.reads, &*self.writes);
        Io { memory, reads, writes, rows, block, packed: self.packed, share: (0, 1), isa, pool }
    }

    /// Runs it on all its rows.
    pub(crate) fn run(&self, state: &mut State<'_>) {
        match &self.work {
            Work::Rows(numbers) => numbers.run(&self.reads[0], &self.writes[0], state),
            Work::Plain(plain) => {
                let value = plain.eval(self, state);
                if let Place::Slot(slot) = self.writes[0].place {
                    state.memory.put(slot, value);
                }
            }
            _ => {
                self.reserve(state.memory, state.rows);
                let pool = state.pool(|rows| self.operations().get(rows));
                self.compute(state.memory, state.rows, None, state.isa, pool);
            }
        }
    }

    /// Computes a block of its rows, or all, into memory that is there.
    pub(crate) fn compute(&self, memory: &Memory, rows: &[usize], block: Option<Block>, isa: Isa, pool: &Pool) {
        let io = self.io(memory, rows, block, isa, pool);
        match &self.work {
            Work::Kernel(k) => k.run(&io),
            Work::Product(p) => p.run(&io),
            Work::Reduction(r) => r.run(&io),
            Work::Prefix(p) => p.run(&io),
            Work::Copying(c) => c.run(&io),
            Work::Random(r) => r.run(&io),
            Work::ScalarLoop(s) => s.run(&io),
            Work::Counting(c) => c.run(&io),
            Work::Rows(_) | Work::Plain(_) => unreachable!("step: its memory is not known before it runs"),
        }
    }

    /// Whether it computes into memory that can be there before.
    pub(crate) fn computes(&self) -> bool {
        !matches!(self.work, Work::Rows(_) | Work::Plain(_))
    }

    /// Whether [`Step::compute`] shares it out over threads.
    pub(crate) fn is_shared_out(&self, rows: &[usize]) -> bool {
        match &self.work {
            Work::Kernel(k) => k.operations().get(rows) >= WORTH,
            Work::Product(p) => p.operations().get(rows) >= PARALLEL,
            Work::Reduction(r) => r.is_shared_out(rows),
            _ => false,
        }
    }

    /// Whether it can be computed in shares.
    pub(crate) fn has_shares(&self) -> bool {
        matches!(self.work, Work::Kernel(_))
    }

    /// Computes one of some shares of it, on this thread, of a block of its rows or of all.
    pub(crate) fn compute_share(
        &self,
        memory: &Memory,
        rows: &[usize],
        block: Option<Block>,
        share: (usize, usize),
        isa: Isa,
    ) {
        let io = Io { share, ..self.io(memory, rows, block, isa, threads::single()) };
        match &self.work {
            Work::Kernel(k) => k.run(&io),
            Work::Product(p) => p.run(&io),
            _ => unreachable!("step: only chains and products have shares"),
        }
    }

    /// Whether a fold over so many rows, and over more, can be computed in shares.
    pub(crate) fn folds_in_shares(&self, rows: &[usize], isa: Isa) -> bool {
        matches!(&self.work, Work::Product(p) if p.folds_in_shares(rows, isa))
    }

    /// Whether blocks of one row make parts of what it writes.
    pub(crate) fn folds_inner(&self) -> bool {
        self.inner.is_some_and(|(_, by)| by != ByRows::Apart)
    }

    /// Whether what it makes of a later wave is a part that is taken in by itself; a product adds to what is there.
    pub(crate) fn joins_waves(&self) -> bool {
        !matches!(self.work, Work::Product(_))
    }

    /// Takes the parts that the blocks of one row have made into what it writes, which they begin.
    pub(crate) fn join_blocks(&self, memory: &Memory, rows: &[usize], block: Block, count: usize) {
        self.join(self.inner, memory, rows, block, (0..count, true), (0, 1));
    }

    /// Takes the parts of some numbers, of which the first may begin it, into what it writes; of each one of some shares.
    pub(crate) fn join_wave(
        &self,
        memory: &Memory,
        rows: &[usize],
        block: Block,
        parts: (Range<usize>, bool),
        share: (usize, usize),
    ) {
        self.join(self.rows, memory, rows, block, parts, share);
    }

    fn join(
        &self,
        by: Option<(usize, ByRows)>,
        memory: &Memory,
        rows: &[usize],
        block: Block,
        parts: (Range<usize>, bool),
        share: (usize, usize),
    ) {
        let Some((_, ByRows::Fold(op))) = by else { return };
        let no = Isa::Base;
        for (k, t) in self.writes.iter().enumerate() {
            let io = self.io(memory, rows, Some(Block { part: None, ..block }), no, threads::single());
            match t.dtype {
                DType::F64 => io.join::<f64>(k, op, parts.clone(), share),
                _ => io.join::<f32>(k, op, parts.clone(), share),
            }
        }
    }
}

impl Work {
    /// Elementary operations that it takes about.
    fn operations(&self, reads: &[Operand], writes: &[Target]) -> Count {
        match self {
            Work::Kernel(k) => k.operations(),
            Work::Product(p) => p.operations(),
            Work::Random(_) => writes[0].size.times(&Count::known(16)),
            Work::Reduction(r) => reads[0].size.times(&Count::known(r.operations())),
            _ => writes[0].size.times(&Count::known(4)),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.work {
            Work::Kernel(k) => k.fmt(f),
            Work::Product(p) => p.fmt(f),
            Work::Reduction(r) => r.fmt(f),
            Work::Prefix(_) => f.write_str("prefix"),
            Work::Copying(c) => c.fmt(f),
            Work::Random(r) => r.fmt(f),
            Work::ScalarLoop(_) => f.write_str("scalar loop"),
            Work::Counting(_) => f.write_str("count"),
            Work::Rows(_) => f.write_str("rows"),
            Work::Plain(p) => write!(f, "plain {}", p.prim.name()),
        }
    }
}

impl Plain {
    fn eval(&self, step: &Step, state: &State<'_>) -> crate::array::Data {
        let arrays: Vec<Array> = step
            .reads
            .iter()
            .zip(&self.shapes)
            .map(|(operand, shape)| {
                let shape: Vec<usize> = shape.iter().map(|c| c.get(state.rows)).collect();
                let n: usize = shape.iter().product();
                Array::new(shape, state.memory.first(operand.place, n))
            })
            .collect();
        self.prim.eval(&arrays.iter().collect::<Vec<_>>(), state.sizes).into_data()
    }
}
