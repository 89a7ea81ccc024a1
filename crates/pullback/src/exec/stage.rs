//! Steps that blocks of rows go through one after the other, each block on a thread of its own.
//!
//! The rows are cut into waves, a wave into blocks. What only a block's own steps read lies in buffers that are used
//! again for the next block, and so stays in the cache. What a fold over rows reads is kept for a wave: when its blocks
//! are through, the [`folds`] take in the wave (or a half of it when the blocks of that half are through: [`halves`]); what late folds read
//! is kept of all rows. Where one row is itself too long,
//! as one example with very many samples is, it is cut along its second axis.
//!
//! Examples may have rows of their own, of every one as many as it asks for: then a block is some examples with all their
//! rows, and one example's rows are what is cut where they are too many.
//!
//! A row comes out the same of every block. Folds take in waves, and the blocks of a long row, in their order, and which
//! they are follows from the numbers of rows and the instruction set alone: the result is the same to the bit for every
//! number of threads.

mod cut;
pub(crate) mod folds;
mod halves;

use crate::array::DType;
use crate::exec::clock::Clock;
use crate::exec::extent::{Count, greatest, merged};
use crate::exec::isa::Isa;
use crate::exec::memory::{Memory, Place};
use crate::exec::operand::{Block, InnerBlock, Operand, Target};
use crate::exec::pool::Pool;
use crate::exec::step::{ByRows, State, Step, Weight};
use crate::exec::threads;
use crate::ir::{Graph, Var};
use cut::{Cut, Kept, Rows, with};
use std::collections::HashSet;
use std::ops::Range;

/// A run of steps over the rows of one extent, none of which reads what another folds, or all rows of what another
/// writes.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// The extent's number.
    pub extent: usize,
    /// The extent that is ragged rows of these.
    pub ragged: Option<usize>,
    /// Each row by itself, in order.
    pub segments: Vec<Segment>,
    pub folds: Vec<Fold>,
    /// The extent of the second axis, along which a single row can be cut.
    pub inner: Option<usize>,
    /// The buffers that each lane has for a block.
    pub locals: Vec<Local>,
    /// The buffers for a wave: the slot, and how much each value takes.
    pub waves: Vec<(usize, Count, DType)>,
    /// The buffers for parts of folds: the fold, the slot, and how much a part takes.
    pub parts: Vec<(usize, usize, Count)>,
    /// The buffers of the program that its steps write, and how much.
    slots: Vec<(usize, Count)>,
    /// What blocks go through beside their rows.
    weights: Vec<Weight>,
    /// Elementary operations in all.
    operations: Vec<Count>,
    /// Bytes of all locals but those for parts of folds, and of those for parts of a row alone.
    bytes: [Bytes; 2],
    /// The blocks for which locals have room.
    room: Option<Room>,
}

/// What several buffers take: what they hold alike added up, and those that hold now one thing and now another.
#[derive(Clone, Debug, Default)]
struct Bytes {
    sums: Vec<Count>,
    others: Vec<Vec<Count>>,
}

impl Bytes {
    fn of<'a>(locals: impl Iterator<Item = &'a Local>) -> Bytes {
        let bytes = |l: &Local| l.sizes.iter().map(|c| c.times(&Count::known(l.dtype.size()))).collect();
        let (one, others): (Vec<Vec<Count>>, _) = locals.map(bytes).partition(|sizes: &Vec<Count>| sizes.len() == 1);
        Bytes { sums: merged(one.into_iter().flatten()), others }
    }

    fn get(&self, rows: &[usize]) -> usize {
        let most = |sizes: &Vec<Count>| sizes.iter().map(|c| c.get(rows)).max().unwrap_or(0);
        self.sums.iter().map(|c| c.get(rows)).sum::<usize>() + self.others.iter().map(most).sum::<usize>()
    }
}

/// Blocks that locals have room for: buffers only grow, so that for smaller ones nothing is to be done.
#[derive(Clone, Copy, Debug)]
struct Room {
    rows: [usize; EXTENTS],
    /// As [`Cut::inner`].
    inner: Option<usize>,
    /// Blocks of one row.
    inner_blocks: usize,
    /// Lanes for blocks, and for parts of rows.
    lanes: [usize; 2],
}

impl Room {
    fn holds(&self, other: &Room) -> bool {
        let all = |a: &[usize], b: &[usize]| a.iter().zip(b).all(|(a, b)| a >= b);
        self.inner == other.inner
            && self.inner_blocks >= other.inner_blocks
            && all(&self.lanes, &other.lanes)
            && all(&self.rows, &other.rows)
    }
}

/// A fold over the rows.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    pub step: Step,
    /// How many elements it reads of the rows, and how many it makes, those that grow alike together.
    reads: Vec<Count>,
    makes: Vec<Count>,
    /// Whether it takes in all rows at once, after the last wave: what it reads of a row is little, and kept of all.
    pub late: bool,
}

impl Fold {
    /// In how many parts it takes in the rows, one after the other.
    fn waves(&self, cut: Cut) -> usize {
        if self.late { 1 } else { cut.waves }
    }

    fn reads(&self, rows: &[usize]) -> usize {
        self.reads.iter().map(|c| c.get(rows)).sum()
    }

    fn makes(&self, rows: &[usize]) -> usize {
        self.makes.iter().map(|c| c.get(rows)).sum()
    }
}

/// Steps one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Whether blocks of the second axis can go through them.
    pub inner: bool,
    pub steps: Vec<Step>,
}

/// A buffer of a lane.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    /// Its number among those of the program.
    pub number: usize,
    pub dtype: DType,
    /// What it holds, one after the other.
    pub sizes: Vec<Count>,
    /// Of a part of a row, where rows are cut.
    pub inner: bool,
    /// For the parts that the blocks of a row make of a fold: as many times over as there are blocks.
    pub parts: bool,
}

/// Elements of packed weights for which several threads pay.
const ELEMENTS_WORTH: usize = 32_768;

/// Most extents of a program whose stages are cut.
pub(crate) const EXTENTS: usize = 24;

/// What blocks share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    memory: &'a Memory,
    rows: Rows<'a>,
    isa: Isa,
    pool: &'a Pool,
    clock: Clock<'a>,
}

impl Stage {
    /// The stage of some steps in order; `root` is the variable in whose storage another lies.
    pub(crate) fn new(graph: &Graph, extent: usize, steps: Vec<Step>, root: &dyn Fn(Var) -> Var) -> Stage {
        let operations = merged(steps.iter().map(|s| s.operations().clone()));
        let (apart, folds): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|s| s.by_rows().is_some_and(|(_, by)| by == ByRows::Apart));
        // The second axis that most steps have.
        let seconds = || apart.iter().filter_map(|s| s.inner()).map(|(extent, _)| extent);
        let inner = seconds().max_by_key(|&e| (seconds().filter(|&other| other == e).count(), usize::MAX - e));
        let ragged = apart.iter().chain(&folds).find_map(Step::ragged);
        let folds = folds::with_late(graph, extent, (folds, &apart), ragged, root);
        let segments = segments(apart, inner, root);
        Stage {
            extent,
            ragged,
            segments,
            folds,
            inner,
            locals: Vec::new(),
            waves: Vec::new(),
            parts: Vec::new(),
            slots: Vec::new(),
            weights: Vec::new(),
            operations,
            bytes: Default::default(),
            room: None,
        }
    }

    /// Learns where everything lies, once that is settled.
    pub(crate) fn settle(&mut self) {
        let slot = |t: &Target| if let Place::Slot(slot) = t.place { Some((slot, t.size.clone())) } else { None };
        self.slots = self.steps().flat_map(|s| &s.writes).filter_map(slot).collect();
        self.weights = self.steps().filter_map(Step::weight).collect();
        for local in &mut self.locals {
            local.sizes = greatest(local.sizes.drain(..));
        }
        let buffers = || self.locals.iter().filter(|l| !l.parts);
        self.bytes = [Bytes::of(buffers()), Bytes::of(buffers().filter(|l| l.inner))];
    }

    /// All its steps, those of blocks first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.segments.iter().flat_map(|s| &s.steps).chain(self.folds.iter().map(|f| &f.step))
    }

    pub(crate) fn steps_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        self.segments.iter_mut().flat_map(|s| &mut s.steps).chain(self.folds.iter_mut().map(|f| &mut f.step))
    }

    /// How many times its clock keeps: one of each step, and that of packing weights.
    pub(crate) fn len(&self) -> usize {
        self.steps().count() + 1
    }

    /// What each of these is.
    pub(crate) fn titles(&self) -> Vec<String> {
        let blocks = self.segments.iter().flat_map(|s| &s.steps).enumerate();
        let blocks = blocks.map(|(i, s)| format!("stage {}{s}", if i == 0 { "begins: " } else { "" }));
        let folds = self.folds.iter().map(|f| format!("stage {}{}", if f.late { "late: " } else { "" }, f.step));
        blocks.chain(folds).chain(["stage ends: packed weights".to_string()]).collect()
    }

    /// Elementary operations in all.
    fn operations(&self, rows: &[usize]) -> usize {
        self.operations.iter().map(|c| c.get(rows)).sum()
    }

    /// Makes room for what blocks write; each fold is made of so many parts.
    fn reserve(&mut self, state: &mut State<'_>, cut: Cut, made_of: &[usize], lanes: usize, halves: bool) {
        let (memory, rows) = (&mut *state.memory, Rows::new(self, state.rows, state.starts).for_cut(cut));
        self.slots.iter().for_each(|(slot, size)| memory.reserve(*slot, size.get(rows.all)));
        let together = if halves { halves::kept(rows, cut) } else { rows.most_together(cut.waves, cut.together) };
        let joined_at_once = if halves { halves::ahead(cut) } else { cut.together };
        for (slot, size, _) in &self.waves {
            memory.reserve(*slot, size.get(&together));
        }
        for (fold, slot, size) in &self.parts {
            let (fold, parts) = (&self.folds[*fold], made_of[*fold]);
            let joins = fold.step.joins_waves();
            if parts > 1 || (fold.waves(cut) > 1 && joins) {
                let times = if joins && !fold.late { joined_at_once } else { 1 };
                memory.reserve(*slot, parts * times * size.get(rows.all));
            }
        }
        let [_, block] = rows.in_pieces(cut.waves, cut.blocks);
        let long = self.inner.zip(cut.inner);
        let inner_blocks = cut.inner_blocks(long.map_or(0, |(extent, _)| block[extent]));
        // One block at a time is one lane's; only parts of its rows are several lanes'.
        let lanes = [lanes.min(cut.blocks * cut.together), lanes];
        let room = Room { rows: block, inner: long.map(|(_, most)| most), inner_blocks, lanes };
        if self.room.is_some_and(|there| there.holds(&room)) {
            return;
        }
        for local in &self.locals {
            let n = match long {
                Some((extent, most)) if local.inner => with(&block, extent, block[extent].min(most)),
                _ => block,
            };
            let times = if local.parts { inner_blocks } else { 1 };
            let most = local.sizes.iter().map(|c| c.get(&n)).max().unwrap_or(0);
            memory.reserve_local(lanes[usize::from(local.inner)], local.number, times * most);
        }
        self.room = Some(room);
    }

    /// Runs its steps.
    pub(crate) fn run(&mut self, state: &mut State<'_>, clock: Clock<'_>) {
        let isa = state.isa;
        let pool = state.pool(|rows| self.operations(rows));
        let lanes = pool.threads();
        // Without vectors of our own a product's rows may depend on how many there are: so many blocks on every machine.
        let rows = Rows::new(self, state.rows, state.starts);
        let cut = self.cut(rows, if isa == Isa::Base { 8 } else { lanes }, isa, state.second_cache);
        let made_of: Vec<usize> = self.folds.iter().map(|fold| self.made_of(fold, state.rows, cut)).collect();
        let halves = lanes == halves::HALVES && self.goes_by_halves(cut, &made_of);
        self.reserve(state, cut, &made_of, if cut.is_whole() { 1 } else { lanes }, halves);
        if cut.is_whole() {
            let steps = self.steps().enumerate();
            return steps.for_each(|(i, s)| clock.time(i, || s.compute(state.memory, state.rows, None, isa, pool)));
        }
        if cut.packs {
            clock.time(self.len() - 1, || self.pack(state, pool));
        }
        let rows = Rows::new(self, state.rows, state.starts).for_cut(cut);
        let shared = Shared { memory: state.memory, rows, isa, pool, clock };
        if halves {
            return self.run_by_halves(&shared, cut, &made_of);
        }
        let wave = |number: usize| rows.wave(number, cut.waves);
        for first in (0..cut.waves).step_by(cut.together) {
            let numbers = first..cut.waves.min(first + cut.together);
            let kept = rows.kept_from(wave(first).start, 0, &[0; EXTENTS]);
            let blocks = numbers.len() * cut.blocks;
            let block = |shared: &Shared<'_>, lanes: Range<usize>, block: usize| {
                let wave = wave(first + block / cut.blocks);
                self.block(shared, rows.piece(&wave, block % cut.blocks, cut.blocks), kept, lanes, cut);
            };
            // Of long rows each thread takes as many as every other; they share the rest, row by row.
            let apart = match cut.inner {
                Some(_) => blocks / lanes * lanes,
                None if blocks == 1 => 0,
                None => blocks,
            };
            let alone = Shared { pool: threads::single(), ..shared };
            pool.run_on(apart, &|lane, number| block(&alone, lane..lane + 1, number));
            (apart..blocks).for_each(|number| block(&shared, 0..lanes, number));
            self.fold(&shared, numbers, kept, (cut, &made_of), false);
        }
    }

    /// Packs the weights that all blocks use.
    fn pack(&self, state: &mut State<'_>, pool: &Pool) {
        let elements: usize = self.steps().map(|s| s.reserve_packed(state.memory, state.rows, state.isa)).sum();
        let (memory, rows, isa) = (&*state.memory, &*state.rows, state.isa);
        // Of each operand a part to every thread: the one that moves those weights after a step of training.
        let shares = if elements < ELEMENTS_WORTH { 1 } else { pool.threads() };
        pool.run(shares, &|share| self.steps().for_each(|s| s.pack(memory, rows, isa, (share, shares))));
    }

    /// The block that begins with a row, of a wave of which this is kept, in the buffers of a lane.
    fn here(&self, rows: Rows<'_>, first: usize, kept: Kept, lane: usize) -> Block {
        let (extent, ragged) = (self.extent, rows.ragged(first, kept));
        Block { extent, first, wave: kept.own, lane, inner: None, ragged, packed: false, part: None, adds: false }
    }

    /// Takes the steps of a wave of which this is kept on a block; `lanes` are those whose buffers may be used, the block's own first.
    fn block(&self, shared: &Shared<'_>, block: Range<usize>, kept: Kept, lanes: Range<usize>, cut: Cut) {
        let Shared { memory, rows: all, isa, pool, clock } = *shared;
        if block.is_empty() {
            return;
        }
        let rows = &all.of(&block);
        let here = Block { packed: cut.packs, ..self.here(all, block.start, kept, lanes.start) };
        let mut first = 0;
        for segment in &self.segments {
            let clock = clock.from(first);
            first += segment.steps.len();
            let Some(extent) = self.inner.filter(|_| segment.inner && cut.inner.is_some()) else {
                let steps = segment.steps.iter().enumerate();
                steps.for_each(|(i, s)| clock.time(i, || s.compute(memory, rows, Some(here), isa, pool)));
                continue;
            };
            let long = rows[extent];
            let blocks = cut.inner_blocks(long);
            let call = |lane: usize, number: usize, pool: &Pool| {
                let (first, end) = (long * number / blocks, long * (number + 1) / blocks);
                let part = &with(rows, extent, end - first);
                let inner = Some(InnerBlock { extent, first, all: long, lane });
                let here = Block { inner, part: Some(number), ..here };
                let steps = segment.steps.iter().enumerate();
                steps.for_each(|(i, s)| clock.time(i, || s.compute(memory, part, Some(here), isa, pool)));
            };
            match lanes.len().min(blocks) {
                1 => (0..blocks).for_each(|number| call(lanes.start, number, pool)),
                _ => pool.run_on(blocks, &|thread, number| call(lanes.start + thread, number, threads::single())),
            }
            for step in segment.steps.iter().filter(|s| s.folds_inner()) {
                step.join_blocks(memory, rows, here, blocks);
            }
        }
    }
}

/// The steps in an order that respects what they read, so that those of whole rows come early and those of parts of
/// rows together.
fn segments(steps: Vec<Step>, inner: Option<usize>, root: &dyn Fn(Var) -> Var) -> Vec<Segment> {
    let cut = |s: &Step| inner.is_some() && s.inner().map(|(extent, _)| extent) == inner;
    let mut unwritten: HashSet<Var> = steps.iter().flat_map(Step::writes).map(root).collect();
    let mut waiting = steps;
    let mut segments: Vec<Segment> = Vec::new();
    while !waiting.is_empty() {
        let ready = |s: &Step| !s.reads().any(|v| unwritten.contains(&root(v)));
        let here = segments.last().is_some_and(|s| s.inner);
        // What blocks of a row fold is there only after the last of them.
        let folded = |v: Var| {
            let steps = segments.last().filter(|_| here).map_or(&[][..], |s| &s.steps);
            steps.iter().filter(|s| s.folds_inner()).flat_map(Step::writes).any(|w| root(w) == root(v))
        };
        // Nor is a value whole, to those who read it under a shape without the second axis.
        let whole = |o: &Operand| {
            let steps = segments.last().filter(|_| here).map_or(&[][..], |s| &s.steps);
            let written = || steps.iter().flat_map(Step::writes).any(|w| root(w) == root(o.var));
            !inner.is_some_and(|e| o.size.has(e)) && written()
        };
        let joins = |s: &Step| ready(s) && cut(s) == here && !s.reads().any(folded) && !s.reads.iter().any(whole);
        let found = waiting.iter().position(joins).map(|at| (at, !segments.is_empty()));
        let whole = || waiting.iter().position(|s| ready(s) && !cut(s));
        let next = found.or_else(|| whole().or_else(|| waiting.iter().position(ready)).map(|at| (at, false)));
        let Some((at, joins)) = next else { break };
        let step = waiting.remove(at);
        step.writes().for_each(|v| {
            unwritten.remove(&root(v));
        });
        match segments.last_mut().filter(|_| joins) {
            Some(segment) => segment.steps.push(step),
            None => segments.push(Segment { inner: cut(&step), steps: vec![step] }),
        }
    }
    segments
}
