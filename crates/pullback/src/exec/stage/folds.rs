//! Folds over the rows of a stage, wave by wave or, where they are late, at the end.
//!
//! What one core has written and another reads is slow to pass between them, and slower still to be written again: a core
//! that is about to write must first take the line of the cache from all that have read it. So a fold that makes little
//! of much is made of parts of the rows, each by the thread that has those rows in its cache; how many parts follows from
//! the numbers of rows and the instruction set alone, and they are joined in their order. Parts of sums of products are
//! added to wave after wave, and joined after the last.
//!
//! What a fold reads of a row may be little beside what others do, as a sum over examples beside those over their samples:
//! it is kept of all rows, and the fold takes them in at once, after the last wave.

use super::cut::{Cut, Kept, Rows};
use super::{EXTENTS, Fold, Shared, Stage};
use crate::exec::extent::merged;
use crate::exec::isa::Isa;
use crate::exec::lanes::Lane;
use crate::exec::operand::{Block, Operand};
use crate::exec::pool::{Pool, WORTH};
use crate::exec::step::Step;
use crate::exec::threads;
use crate::ir::{Graph, Var};
use crate::lowering::{ReduceOp, max, min};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Elementary operations of folds for which a further part of a wave pays.
const PART_WORTH: usize = 200_000;

/// Most parts of a wave.
const MOST_PARTS: usize = 16;

/// How many times as many elements as all its parts make a fold reads of a wave, at the least, for it to be made of them.
const READ_FOR_MADE: usize = 8;

/// Elementary operations of all rows for which each part of a fold pays.
const PART_LEAST: usize = 16_384;

/// How many times as much as what a late fold reads of a row all folds together read of it, at the least.
const KEPT_FOR_LATE: usize = 16;

/// Most numbers that late folds read of a row.
const MOST_FOR_LATE: usize = 1024;

/// Ragged rows that an example is taken to have before it is known how many.
const RAGGED_ROWS: usize = 8;

/// A fold, and how it is made.
#[derive(Clone, Copy)]
struct Planned<'a> {
    /// The number of its clock.
    i: usize,
    fold: &'a Fold,
    /// Of how many parts it is made.
    parts: usize,
}

/// What one thread does of a fold.
struct Unit<'a> {
    planned: Planned<'a>,
    /// The waves whose rows it takes in.
    waves: Range<usize>,
    /// Which part of each wave.
    part: usize,
    /// Where what it makes lies among the parts of the fold.
    slot: usize,
    /// Which of how many shares of what it makes.
    share: (usize, usize),
    /// The thread that is to do it, unless another has nothing left to do.
    owner: usize,
}

impl Stage {
    /// Of how many parts folds that make little are made: so many that two or four threads have as many each.
    pub(super) fn parts_of(&self, wave: &[usize]) -> usize {
        let folded: usize = self.folds.iter().filter(|f| !f.late).map(|f| f.step.operations().get(wave)).sum();
        1 << (folded / PART_WORTH).clamp(1, MOST_PARTS.min(wave[self.extent])).ilog2()
    }

    /// Of how many parts a fold is made, of all rows.
    pub(super) fn made_of(&self, fold: &Fold, rows: &[usize], cut: Cut) -> usize {
        let (step, waves) = (&fold.step, fold.waves(cut));
        let worth = (step.operations().get(rows) / PART_LEAST).max(1);
        let parts = cut.parts.min(1 << worth.ilog2());
        if parts == 1 {
            return 1;
        }
        let (reads, makes) = (fold.reads(rows), fold.makes(rows));
        match parts {
            parts if reads >= READ_FOR_MADE * waves * parts * makes => parts,
            // Two parts go through as much again as is made, in each wave and when they are joined.
            _ if reads >= (waves + 1) * makes && !step.joins_waves() => 2,
            _ => 1,
        }
    }

    /// Into what threads cut folds, those of each thread together, and where those of each thread end.
    ///
    /// A part is for the thread that has gone through its rows, as blocks go to threads in the order of the rows; a fold
    /// that is made at once is for one that has least to do.
    fn units<'a>(
        &self,
        folds: impl Iterator<Item = Planned<'a>> + Clone,
        rows: Rows<'_>,
        (numbers, cut): (&Range<usize>, Cut),
        (threads, isa): (usize, Isa),
    ) -> (Vec<Unit<'a>>, Vec<usize>) {
        let mut units: Vec<Unit<'a>> = Vec::with_capacity(MOST_PARTS.min(cut.parts) * self.folds.len());
        // One thread takes the first half of the rows into all folds before the second, as two would.
        let lists = threads.max(2);
        let mut loads = vec![0; lists];
        let operations = |planned: Planned<'_>| {
            let Fold { step, late, .. } = planned.fold;
            step.operations().get(rows.all) * if *late { 1 } else { numbers.len() } / planned.fold.waves(cut)
        };
        for planned in folds.clone().filter(|planned| planned.parts > 1) {
            let Planned { fold, parts, .. } = planned;
            let (step, numbers) = (&fold.step, if fold.late { &(0..1) } else { numbers });
            let first = units.len();
            let unit = |waves, part, slot, share| Unit { planned, waves, part, slot, share, owner: 0 };
            if step.joins_waves() {
                // Parts are joined wave by wave: each wave has its own.
                let each = numbers.clone().flat_map(|number| (0..parts).map(move |part| (number, part))).enumerate();
                units.extend(each.map(|(slot, (number, part))| unit(number..number + 1, part, slot, (0, 1))));
            } else {
                // A part goes through all waves, and is shared out where there are more threads than parts. Which elements a
                // share has must not change from wave to wave.
                let least = || rows.in_pieces(fold.waves(cut), parts)[0];
                let shares = threads / parts;
                let shares = if shares > 1 && step.folds_in_shares(&least(), isa) { shares } else { 1 };
                let each = (0..parts).flat_map(|part| (0..shares).map(move |share| (part, (share, shares))));
                units.extend(each.map(|(part, share)| unit(numbers.clone(), part, part, share)));
            }
            let count = units.len() - first;
            for (k, unit) in units[first..].iter_mut().enumerate() {
                unit.owner = k * lists / count;
                loads[unit.owner] += operations(planned) / count;
            }
        }
        for planned in folds.filter(|planned| planned.parts == 1) {
            let owner = (0..lists).min_by_key(|&list| loads[list]).unwrap_or(0);
            loads[owner] += operations(planned);
            units.push(Unit { planned, waves: 0..0, part: 0, slot: 0, share: (0, 1), owner });
        }
        units.sort_by_key(|unit| unit.owner);
        let end = |thread: usize| units.partition_point(|unit| unit.owner <= thread || thread + 1 == threads);
        let ends = (0..threads).map(end).collect();
        (units, ends)
    }

    /// Takes some waves of which this is kept, one after the other, into the folds, each of so many parts; where the others
    /// have been taken `through` all waves, into late ones alone, and the parts of products are joined.
    pub(super) fn fold(
        &self,
        shared: &Shared<'_>,
        numbers: Range<usize>,
        kept: Kept,
        (cut, made_of): (Cut, &[usize]),
        through: bool,
    ) {
        let Shared { memory, rows: all, isa, pool, clock } = *shared;
        let last = numbers.end == cut.waves;
        let numbers_of = |planned: &Planned<'_>| if planned.fold.late { 0..1 } else { numbers.clone() };
        let wave = |planned: &Planned<'_>, number: usize| all.wave(number, planned.fold.waves(cut));
        let here = |number: usize, first: usize, part: Option<usize>| Block {
            part,
            adds: number > 0,
            ..self.here(all, first, kept, 0)
        };
        let compute = |Planned { i, fold, .. }: Planned<'_>, rows: Range<usize>, block: Block, share, pool: &Pool| {
            let rows = &all.of(&rows);
            clock.time(i, || match share {
                (_, 1) => fold.step.compute(memory, rows, Some(block), isa, pool),
                _ => fold.step.compute_share(memory, rows, Some(block), share, isa),
            });
        };
        let whole = |planned: Planned<'_>, pool: &Pool| {
            for number in numbers_of(&planned) {
                let joins = number > 0 && planned.fold.step.joins_waves();
                let rows = wave(&planned, number);
                let block = here(number, rows.start, joins.then_some(0));
                compute(planned, rows, block, (0, 1), pool);
                if joins {
                    planned.fold.step.join_wave(memory, all.all, block, (0..1, false), (0, 1));
                }
            }
        };
        let (one, threads) = (threads::single(), pool.threads());
        let first: usize = self.segments.iter().map(|s| s.steps.len()).sum();
        let folds = (first..).zip(self.folds.iter().zip(made_of)).map(|(i, (fold, &parts))| Planned { i, fold, parts });
        let through_by_parts =
            folds.clone().filter(|m| through && !m.fold.late && m.parts > 1 && !m.fold.step.joins_waves());
        let folds = folds.filter(|planned| if planned.fold.late { last } else { !through });
        // One that threads share out is worked on by itself; others go to one thread each.
        let is_alone = |planned: &Planned<'_>| {
            let step = &planned.fold.step;
            let rows = || all.of(&wave(planned, numbers_of(planned).start));
            let pays = threads > 1 && planned.parts == 1 && step.operations().get(all.all) >= WORTH;
            pays && step.is_shared_out(&rows())
        };
        let (mut alone, mut others) = (Vec::new(), Vec::with_capacity(self.folds.len()));
        folds.for_each(|planned| if is_alone(&planned) { alone.push(planned) } else { others.push(planned) });
        let (units, ends) = self.units(others.iter().copied(), all, (&numbers, cut), (threads, isa));
        pool.run_dealt(&ends, &|k| {
            let Unit { planned, waves, part, slot, share, .. } = &units[k];
            if planned.parts == 1 {
                return whole(*planned, one);
            }
            for number in waves.clone() {
                let rows = all.piece(&wave(planned, number), *part, planned.parts);
                let block = here(number, rows.start, Some(*slot));
                compute(*planned, rows, block, *share, one);
            }
        });
        let now = |m: &Planned<'_>| m.parts > 1 && (last || m.fold.step.joins_waves());
        let done = || others.iter().copied().filter(now).chain(through_by_parts.clone());
        let elements: usize = done().map(|m| m.parts * m.fold.makes(all.all)).sum();
        let shares = pool.tasks(elements, threads);
        pool.run(shares, &|k| {
            done().for_each(|planned| {
                let (numbers, joins) = (numbers_of(&planned), planned.fold.step.joins_waves());
                let (parts, begins) =
                    if joins { (planned.parts * numbers.len(), numbers.start == 0) } else { (planned.parts, true) };
                let block = here(0, wave(&planned, numbers.start).start, None);
                planned.fold.step.join_wave(memory, all.all, block, (0..parts, begins), (k, shares));
            });
        });
        alone.into_iter().for_each(|planned| whole(planned, pool));
    }
}

/// Folds, each with whether it is late: one over examples in whose blocks there are many samples for each. A wave has so few
/// examples that it would go through all that the fold makes for next to nothing. What is read of an example lacks an axis
/// that other things have, and is at most [`MOST_FOR_LATE`] numbers.
pub(super) fn with_late(
    graph: &Graph,
    extent: usize,
    (folds, apart): (Vec<Step>, &[Step]),
    ragged: Option<usize>,
    root: &dyn Fn(Var) -> Var,
) -> Vec<Fold> {
    let written: HashSet<Var> = apart.iter().flat_map(Step::writes).map(root).collect();
    let mut row = [1; EXTENTS];
    ragged.into_iter().for_each(|extent| row[extent] = RAGGED_ROWS);
    let kept = |step: &Step| -> HashMap<Var, usize> {
        let reads = step.reads.iter().filter(|o| written.contains(&root(o.var)));
        reads.map(|o| (root(o.var), o.size.get(&row))).collect()
    };
    let all: HashMap<Var, usize> = folds.iter().flat_map(kept).collect();
    let rank = |v: Var| graph.ty(root(v)).shape.rank();
    let most = all.keys().map(|&v| rank(v)).max();
    let late = |step: &Step| {
        let few = |o: &Operand| match ragged {
            Some(ragged) => !o.size.has(ragged),
            None => Some(rank(o.var)) < most,
        };
        let of_rows = |o: &&Operand| written.contains(&root(o.var)) || o.size.has(extent);
        let kept = kept(step).values().sum::<usize>();
        step.reads.iter().filter(of_rows).all(|o| few(o) && o.size.grows_at_most_with(extent))
            && (1..=MOST_FOR_LATE).contains(&kept)
            && KEPT_FOR_LATE * kept <= all.values().sum()
    };
    let of_rows = |o: &&Operand| o.size.has(extent) || ragged.is_some_and(|ragged| o.size.has(ragged));
    let fold = |step: Step| {
        let reads = merged(step.reads.iter().filter(of_rows).map(|o| o.size.clone()));
        let makes = merged(step.writes.iter().map(|t| t.size.clone()));
        Fold { late: late(&step), reads, makes, step }
    };
    folds.into_iter().map(fold).collect()
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
