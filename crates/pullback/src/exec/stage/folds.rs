//! Folds over the rows of a stage, wave by wave.
//!
//! What one core has written and another reads is slow to pass between them, and slower still to be written again: a core
//! that is about to write must first take the line of the cache from all that have read it. So a fold that makes little
//! of much is made of parts of the rows, each by the thread that has those rows in its cache; how many parts follows from
//! the numbers of rows and the instruction set alone, and they are joined in their order. Parts of sums of products are
//! added to wave after wave, and joined after the last.

use super::cut::{Cut, Rows};
use super::{Shared, Stage};
use crate::exec::isa::Isa;
use crate::exec::lanes::Lane;
use crate::exec::operand::Block;
use crate::exec::pool::Pool;
use crate::exec::step::Step;
use crate::exec::threads;
use crate::lowering::{ReduceOp, max, min};
use std::ops::Range;

/// Elementary operations of folds for which a further part of a wave pays.
const PART_WORTH: usize = 200_000;

/// Most parts of a wave.
const MOST_PARTS: usize = 16;

/// How many times as many elements as all its parts make a fold reads of a wave, at the least, for it to be made of them.
const READ_FOR_MADE: usize = 8;

/// Elementary operations of all rows for which each part of a fold pays.
const PART_LEAST: usize = 16_384;

/// A fold of a stage.
#[derive(Clone, Copy)]
struct Fold<'a> {
    /// The number of its clock.
    i: usize,
    step: &'a Step,
    /// Of how many parts it is made.
    parts: usize,
}

/// What one thread does of a fold.
struct Unit<'a> {
    fold: Fold<'a>,
    /// The waves whose rows it takes in.
    waves: Range<usize>,
    /// Which part of each wave.
    part: usize,
    /// Where what it makes lies among the parts of the fold.
    slot: usize,
    /// Which of how many shares of what it makes.
    share: (usize, usize),
    /// The thread that is to do it, if none is late.
    owner: usize,
}

impl Stage {
    /// Of how many parts folds that make little are made: so many that two or four threads have as many each.
    pub(super) fn parts_of(&self, wave: &[usize]) -> usize {
        let folded: usize = self.folds.iter().map(|s| s.operations().get(wave)).sum();
        1 << (folded / PART_WORTH).clamp(1, MOST_PARTS.min(wave[self.extent])).ilog2()
    }

    /// How many elements a fold reads of the rows, and how many it makes.
    fn reads_and_makes(&self, step: &Step, rows: &[usize]) -> (usize, usize) {
        let reads = step.reads.iter().filter(|o| self.has(&o.size)).map(|o| o.size.get(rows)).sum();
        (reads, step.writes.iter().map(|t| t.size.get(rows)).sum())
    }

    /// Of how many parts a fold is made, of all rows.
    pub(super) fn made_of(&self, step: &Step, rows: &[usize], cut: Cut) -> usize {
        let (reads, makes) = self.reads_and_makes(step, rows);
        let worth = (step.operations().get(rows) / PART_LEAST).max(1);
        match cut.parts.min(1 << worth.ilog2()) {
            1 => 1,
            parts if reads >= READ_FOR_MADE * cut.waves * parts * makes => parts,
            // Two parts go through as much again as is made, in each wave and when they are joined.
            _ if reads >= (cut.waves + 1) * makes && !step.joins_waves() => 2,
            _ => 1,
        }
    }

    /// Into what threads cut folds, in order.
    fn units<'a>(
        &self,
        folds: impl Iterator<Item = Fold<'a>>,
        rows: Rows<'_>,
        (numbers, cut): (&Range<usize>, Cut),
        (threads, isa): (usize, Isa),
    ) -> Vec<Unit<'a>> {
        let mut units: Vec<Unit<'a>> = Vec::new();
        for fold in folds {
            let Fold { step, parts, .. } = fold;
            let first = units.len();
            let unit = |waves, part, slot, share| Unit { fold, waves, part, slot, share, owner: 0 };
            if parts > 1 && step.joins_waves() {
                // Parts are joined wave by wave: each wave has its own.
                let each = numbers.clone().flat_map(|number| (0..parts).map(move |part| (number, part))).enumerate();
                units.extend(each.map(|(slot, (number, part))| unit(number..number + 1, part, slot, (0, 1))));
            } else {
                // A part goes through all waves, and is shared out where there are more threads than parts. Which elements a
                // share has must not change from wave to wave.
                let least = || rows.in_pieces(cut.waves, parts)[0];
                let shares = (threads / parts).max(1);
                let in_shares = parts > 1 && shares > 1 && step.folds_in_shares(&least(), isa);
                let shares = if in_shares { shares } else { 1 };
                let each = (0..parts).flat_map(|part| (0..shares).map(move |share| (part, (share, shares))));
                units.extend(each.map(|(part, share)| unit(numbers.clone(), part, part, share)));
            }
            // As blocks go to threads: in the order of the rows.
            let count = units.len() - first;
            units[first..].iter_mut().enumerate().for_each(|(k, u)| u.owner = k * threads.max(2) / count);
        }
        units.sort_by_key(|unit| unit.owner);
        units
    }

    /// Takes some waves, one after the other, into the folds; `start` is the first row of those that are kept.
    pub(super) fn fold(&self, shared: &Shared<'_>, numbers: Range<usize>, start: usize, cut: Cut) {
        let Shared { memory, rows: all, isa, pool, clock } = *shared;
        let wave = |number: usize| all.piece(&all.whole(), number, cut.waves);
        let here = |number: usize, first: usize, part: Option<usize>| Block {
            extent: self.extent,
            first,
            wave: start,
            lane: 0,
            inner: None,
            ragged: all.ragged(first, start),
            part,
            adds: number > 0,
        };
        let compute = |Fold { i, step, .. }: Fold<'_>, rows: Range<usize>, block: Block, share, pool: &Pool| {
            let rows = &all.of(&rows);
            clock.time(i, || match share {
                (_, 1) => step.compute(memory, rows, Some(block), isa, pool),
                _ => step.compute_share(memory, rows, Some(block), share, isa),
            });
        };
        let whole = |fold: Fold<'_>, pool: &Pool| {
            for number in numbers.clone() {
                let joins = number > 0 && fold.step.joins_waves();
                let rows = wave(number);
                let block = here(number, rows.start, joins.then_some(0));
                compute(fold, rows, block, (0, 1), pool);
                if joins {
                    fold.step.join_wave(memory, all.all, block, (1, false), (0, 1));
                }
            }
        };
        let (one, threads) = (threads::single(), pool.threads());
        let first: usize = self.segments.iter().map(|s| s.steps.len()).sum();
        let folds =
            (first..).zip(&self.folds).map(|(i, step)| Fold { i, step, parts: self.made_of(step, all.all, cut) });
        // One that threads share out is worked on by itself; others go to one thread each.
        let rows = all.of(&wave(numbers.start));
        let alone = |f: &Fold<'_>| threads > 1 && f.parts == 1 && f.step.is_shared_out(&rows);
        let (alone, others): (Vec<Fold<'_>>, Vec<Fold<'_>>) = folds.partition(alone);
        let units = self.units(others.iter().copied(), all, (&numbers, cut), (threads, isa));
        pool.run(units.len(), &|k| {
            let Unit { fold, waves, part, slot, share, .. } = &units[k];
            if fold.parts == 1 {
                return whole(*fold, one);
            }
            for number in waves.clone() {
                let rows = all.piece(&wave(number), *part, fold.parts);
                let block = here(number, rows.start, Some(*slot));
                compute(*fold, rows, block, *share, one);
            }
        });
        let last = numbers.end == cut.waves;
        let done = || others.iter().filter(|f| f.parts > 1 && (last || f.step.joins_waves()));
        let elements: usize = done().map(|f| f.parts * self.reads_and_makes(f.step, all.all).1).sum();
        let shares = pool.tasks(elements, threads);
        pool.run(shares, &|k| {
            done().for_each(|Fold { step, parts, .. }| {
                let joins = step.joins_waves();
                let (parts, begins) = if joins { (parts * numbers.len(), numbers.start == 0) } else { (*parts, true) };
                step.join_wave(memory, all.all, here(0, start, None), (parts, begins), (k, shares));
            });
        });
        alone.into_iter().for_each(|fold| whole(fold, pool));
    }
}

/// Takes parts of a fold, in their order, into what is there; into nothing where the first part begins it.
pub(crate) fn take_in<'a, T: Lane>(op: ReduceOp, to: &mut [T], mut parts: impl Iterator<Item = &'a [T]>, begins: bool) {
    if begins && let Some(first) = parts.next() {
        to.copy_from_slice(first);
    }
    for part in parts {
        for (to, &x) in to.iter_mut().zip(part) {
            *to = match op {
                ReduceOp::Sum => *to + x,
                ReduceOp::Max => max(*to, x),
                ReduceOp::Min => min(*to, x),
                ReduceOp::LogSumExp => {
                    let top = max(*to, x);
                    let sum = (*to - top).exp::<false>() + (x - top).exp::<false>();
                    if top.is_finite() { top + sum.log::<false>() } else { top }
                }
            };
        }
    }
}
