//! Steps that blocks of rows go through one after the other, each block on a thread of its own.
//!
//! The rows are cut into waves, a wave into blocks. What only a block's own steps read lies in buffers that are used
//! again for the next block, and so stays in the cache. What a fold over rows reads is kept for a wave: when its blocks
//! are through, the [`folds`] take in the wave. Where one row is itself too long, as one example with very many samples is,
//! it is cut along its second axis.
//!
//! A row comes out the same of every block. Folds take in waves, and the blocks of a long row, in their order, and which
//! they are follows from the numbers of rows and the instruction set alone: the result is the same to the bit for every
//! number of threads.

pub(crate) mod folds;

use crate::array::DType;
use crate::exec::clock::Clock;
use crate::exec::extent::{Count, merged};
use crate::exec::isa::Isa;
use crate::exec::memory::Memory;
use crate::exec::operand::{Block, InnerBlock, Operand};
use crate::exec::pool::{Pool, WORTH};
use crate::exec::step::{ByRows, State, Step};
use crate::exec::threads;
use crate::ir::Var;
use std::collections::HashSet;
use std::ops::Range;

/// A run of steps over the rows of one extent, none of which reads what another folds, or all rows of what another
/// writes.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// The extent's number.
    pub extent: usize,
    /// Each row by itself, in order.
    pub segments: Vec<Segment>,
    /// Folds over the rows.
    pub folds: Vec<Step>,
    /// The extent of the second axis, along which a single row can be cut.
    pub inner: Option<usize>,
    /// The buffers that each lane has for a block.
    pub locals: Vec<Local>,
    /// The buffers for a wave: the slot, and how much each value takes.
    pub waves: Vec<(usize, Count, DType)>,
    /// The buffers for parts of folds: the fold, the slot, and how much a part takes.
    pub parts: Vec<(usize, usize, Count)>,
    /// Elementary operations in all.
    operations: Vec<Count>,
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

/// Elementary operations for which a further wave pays, which goes through the folds once more.
const WAVE_WORTH: usize = 2_000_000;

/// Elements of packed weights for which several threads pay.
const ELEMENTS_WORTH: usize = 32_768;

/// Bytes of a block's own buffers: they and the weights share the second cache.
const BLOCK_BYTES: usize = 512 << 10;

/// Bytes of what is kept for the folds of a wave: the second caches of two cores with vectors of 512 bits hold it.
const WAVE_BYTES: usize = 2 << 20;

/// With vectors of 256 bits second caches are smaller. A wave lies in the third anyway, and is to be so many times what
/// folds make, all of which each wave goes through.
const WAVE_FOR_MADE: usize = 4;

/// Most bytes of what is kept for the folds of a wave; so much where rows are long.
const LONG_WAVE_BYTES: usize = 16 << 20;

/// How many blocks there are to be for each thread, if need be of several waves.
const BLOCKS_A_THREAD: usize = 2;

/// Most extents of a program whose stages are cut.
pub(crate) const EXTENTS: usize = 16;

/// How the rows are cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    waves: usize,
    /// Waves whose blocks run at once, so that there are enough for all threads; so many are kept.
    together: usize,
    /// Of each wave.
    blocks: usize,
    /// Blocks of the second axis of each row.
    inner: Option<usize>,
    /// Parts of each wave that small folds are made of.
    parts: usize,
}

impl Cut {
    /// All rows at once.
    const WHOLE: Cut = Cut { waves: 1, together: 1, blocks: 1, inner: None, parts: 1 };

    /// Whether all rows go through every step at once.
    fn is_whole(self) -> bool {
        self.waves * self.blocks * self.parts == 1 && self.inner.is_none()
    }
}

/// What blocks share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    memory: &'a Memory,
    rows: &'a [usize],
    isa: Isa,
    pool: &'a Pool,
    clock: Clock<'a>,
}

impl Stage {
    /// The stage of some steps in order; `root` is the variable in whose storage another lies.
    pub(crate) fn new(extent: usize, steps: Vec<Step>, root: &dyn Fn(Var) -> Var) -> Stage {
        let operations = merged(steps.iter().map(Step::operations));
        let (apart, folds): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|s| s.by_rows().is_some_and(|(_, by)| by == ByRows::Apart));
        // The second axis that most steps have.
        let seconds = || apart.iter().filter_map(|s| s.inner()).map(|(extent, _)| extent);
        let inner = seconds().max_by_key(|&e| (seconds().filter(|&other| other == e).count(), usize::MAX - e));
        let segments = segments(apart, inner, root);
        Stage { extent, segments, folds, inner, locals: Vec::new(), waves: Vec::new(), parts: Vec::new(), operations }
    }

    /// All its steps, those of blocks first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.segments.iter().flat_map(|s| &s.steps).chain(&self.folds)
    }

    pub(crate) fn steps_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        self.segments.iter_mut().flat_map(|s| &mut s.steps).chain(&mut self.folds)
    }

    /// How many times its clock keeps: one of each step, and that of packing weights.
    pub(crate) fn len(&self) -> usize {
        self.steps().count() + 1
    }

    /// What each of these is.
    pub(crate) fn titles(&self) -> Vec<String> {
        let steps = self.steps().enumerate().map(|(i, s)| format!("stage {}{s}", if i == 0 { "begins: " } else { "" }));
        steps.chain(["stage ends: packed weights".to_string()]).collect()
    }

    /// Elementary operations in all.
    fn operations(&self, rows: &[usize]) -> usize {
        self.operations.iter().map(|c| c.get(rows)).sum()
    }

    /// Bytes that a wave may keep.
    fn wave_bytes(&self, rows: &[usize], isa: Isa) -> usize {
        if isa != Isa::Avx2 {
            return WAVE_BYTES;
        }
        let made: usize = self.folds.iter().flat_map(|s| &s.writes).map(|t| t.size.get(rows) * t.dtype.size()).sum();
        (WAVE_FOR_MADE * made).clamp(WAVE_BYTES, LONG_WAVE_BYTES)
    }

    /// Into what its rows are cut.
    fn cut(&self, rows: &[usize], threads: usize, isa: Isa) -> Cut {
        let all = rows[self.extent];
        let operations = self.operations(rows);
        let pays = operations / WORTH;
        let mut one = with(rows, self.extent, 1);
        let bytes = |rows: &[usize], inner: bool| -> usize {
            let of = |l: &Local| l.sizes.iter().map(|c| c.get(rows)).max().unwrap_or(0) * l.dtype.size();
            self.locals.iter().filter(|l| !l.parts && (l.inner || !inner)).map(of).sum()
        };
        let row = bytes(&one, false).max(1);
        let kept: usize = self.waves.iter().map(|(_, c, dtype)| c.get(&one) * dtype.size()).sum();
        if all == 0 || pays == 0 {
            return Cut::WHOLE;
        }
        if let Some(inner) = self.inner.filter(|_| row > 2 * BLOCK_BYTES) {
            let long = one[inner].max(1);
            one[inner] = 1;
            let blocks = long.div_ceil((BLOCK_BYTES / bytes(&one, true).max(1)).max(1));
            // What folds read of a long row is much; yet a fold of few rows goes through all that it makes.
            let rows = if self.waves.is_empty() { all } else { (LONG_WAVE_BYTES / kept.max(1)).clamp(1, all) };
            let waves = all.div_ceil(rows);
            let rows = all.div_ceil(waves);
            return Cut { waves, blocks: rows, inner: Some(blocks.next_multiple_of(4).min(long)), ..Cut::WHOLE };
        }
        let in_block = (BLOCK_BYTES / (row + kept)).clamp(1, all);
        // Whole blocks, as many for each of two or four threads; not fewer waves than there is work for.
        // A wave of one row would be one thread's.
        let long = (LONG_WAVE_BYTES / kept.max(1)).clamp(1, 4);
        let in_wave = (self.wave_bytes(rows, isa) / kept.max(1)).max(long) / in_block;
        let in_wave = in_block * if in_wave >= 4 { in_wave / 4 * 4 } else { in_wave.min(2) };
        let waves = if self.waves.is_empty() { 1 } else { all.div_ceil(in_wave).min(operations / WAVE_WORTH).max(1) };
        let wave = with(rows, self.extent, all.div_ceil(waves));
        let in_wave = wave[self.extent];
        // The same rows come out of every block, so that their number, and that of waves at once, may follow that of
        // threads.
        let blocks = in_wave.div_ceil(in_block);
        let together = waves.div_ceil(waves.div_ceil((BLOCKS_A_THREAD * threads / blocks).max(1)));
        let blocks = blocks.max((pays / waves).min(threads / together)).next_multiple_of(threads.div_ceil(together));
        Cut { waves, together, blocks: blocks.min(in_wave), inner: None, parts: self.parts_of(&wave) }
    }

    /// Makes room for what blocks write.
    fn reserve(&self, state: &mut State<'_>, cut: Cut, lanes: usize) {
        let (memory, rows) = (&mut *state.memory, &*state.rows);
        self.steps().for_each(|s| s.reserve(memory, rows));
        let in_wave = rows[self.extent].div_ceil(cut.waves);
        let wave = with(rows, self.extent, in_wave);
        let together = with(rows, self.extent, (in_wave * cut.together).min(rows[self.extent]));
        for (slot, size, _) in &self.waves {
            memory.reserve(*slot, size.get(&together));
        }
        for (fold, slot, size) in &self.parts {
            let parts = self.made_of(&self.folds[*fold], rows, cut);
            let joins = self.folds[*fold].joins_waves();
            if parts > 1 || (cut.waves > 1 && joins) {
                memory.reserve(*slot, parts * if joins { cut.together } else { 1 } * size.get(&wave));
            }
        }
        let block = with(rows, self.extent, in_wave.div_ceil(cut.blocks));
        for local in &self.locals {
            let n = match (self.inner, cut.inner) {
                (Some(extent), Some(blocks)) if local.inner => with(&block, extent, block[extent].div_ceil(blocks)),
                _ => block,
            };
            let times = if local.parts { cut.inner.unwrap_or(0) } else { 1 };
            let most = local.sizes.iter().map(|c| c.get(&n)).max().unwrap_or(0);
            // One block at a time is one lane's; only parts of its rows are several lanes'.
            let lanes = if local.inner { lanes } else { lanes.min(cut.blocks * cut.together) };
            memory.reserve_local(lanes, local.number, times * most);
        }
    }

    /// Runs its steps.
    pub(crate) fn run(&self, state: &mut State<'_>, clock: Clock<'_>) {
        let isa = state.isa;
        let pool = state.pool(|rows| self.operations(rows));
        let lanes = pool.threads();
        // Without vectors of our own a product's rows may depend on how many there are: so many blocks on every machine.
        let cut = self.cut(state.rows, if isa == Isa::Base { 8 } else { lanes }, isa);
        self.reserve(state, cut, if cut.is_whole() { 1 } else { lanes });
        if cut.is_whole() {
            let steps = self.steps().enumerate();
            return steps.for_each(|(i, s)| clock.time(i, || s.compute(state.memory, state.rows, None, isa, pool)));
        }
        clock.time(self.len() - 1, || self.pack(state, pool));
        let shared = Shared { memory: state.memory, rows: state.rows, isa, pool, clock };
        let n = shared.rows[self.extent];
        let wave = |number: usize| n * number / cut.waves..n * (number + 1) / cut.waves;
        for first in (0..cut.waves).step_by(cut.together) {
            let numbers = first..cut.waves.min(first + cut.together);
            let start = wave(first).start;
            let blocks = numbers.len() * cut.blocks;
            let block = |shared: &Shared<'_>, lanes: Range<usize>, block: usize| {
                let Range { start: from, end } = wave(first + block / cut.blocks);
                let at = |k: usize| from + (end - from) * k / cut.blocks;
                self.block(shared, at(block % cut.blocks)..at(block % cut.blocks + 1), start, lanes, cut);
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
            self.fold(&shared, numbers, start, cut);
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

    /// Takes a wave's step on a block; `lanes` are those whose buffers may be used, the block's own first.
    fn block(&self, shared: &Shared<'_>, block: Range<usize>, wave: usize, lanes: Range<usize>, cut: Cut) {
        let Shared { memory, rows: all, isa, pool, clock } = *shared;
        let rows = &with(all, self.extent, block.len());
        let here = Block {
            extent: self.extent,
            first: block.start,
            wave,
            lane: lanes.start,
            inner: None,
            part: None,
            adds: false,
        };
        let mut first = 0;
        for segment in &self.segments {
            let clock = clock.from(first);
            first += segment.steps.len();
            let (Some(extent), Some(blocks)) = (self.inner.filter(|_| segment.inner), cut.inner) else {
                let steps = segment.steps.iter().enumerate();
                steps.for_each(|(i, s)| clock.time(i, || s.compute(memory, rows, Some(here), isa, pool)));
                continue;
            };
            let long = rows[extent];
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

/// The numbers of rows with another one for an extent.
fn with(rows: &[usize], extent: usize, n: usize) -> [usize; EXTENTS] {
    let mut all = [0; EXTENTS];
    all[..rows.len()].copy_from_slice(rows);
    all[extent] = n;
    all
}
