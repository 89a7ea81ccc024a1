//! Folds over the rows of a stage, wave by wave.
//!
//! What one core has written and another reads is slow to pass between them, and slower still to be written again: a core
//! that is about to write must first take the line of the cache from all that have read it. So a fold that makes little
//! of much is made of parts of the rows, each by the thread that has those rows in its cache; how many parts follows from
//! the numbers of rows and the instruction set alone, and they are joined in their order. Parts of sums of products are
//! added to wave after wave, and joined after the last.

use super::{Cut, Shared, Stage, with};
use crate::exec::lanes::Lane;
use crate::exec::operand::Block;
use crate::exec::pool::{self, Pool};
use crate::exec::step::Step;
use crate::lowering::{ReduceOp, max, min};
use std::ops::Range;

/// Elementary operations of folds for which a further part of a wave pays.
const PART_WORTH: usize = 200_000;

/// Most parts of a wave.
const MOST_PARTS: usize = 16;

/// How many times as many elements as all its parts make a fold reads of a wave, at the least, for it to be made of them.
const READ_FOR_MADE: usize = 8;

impl Stage {
    /// Of how many parts folds that make little are made: so many that two or four threads have as many each.
    pub(super) fn parts_of(&self, wave: &[usize]) -> usize {
        let folded: usize = self.folds.iter().map(|s| s.operations().get(wave)).sum();
        1 << (folded / PART_WORTH).clamp(1, MOST_PARTS.min(wave[self.extent])).ilog2()
    }

    /// How many elements a fold reads of the rows, and how many it makes.
    fn reads_and_makes(&self, step: &Step, rows: &[usize]) -> (usize, usize) {
        let reads = step.reads.iter().filter(|o| o.size.has(self.extent)).map(|o| o.size.get(rows)).sum();
        (reads, step.writes.iter().map(|t| t.size.get(rows)).sum())
    }

    /// Of how many parts a fold is made, of all rows.
    pub(super) fn made_of(&self, step: &Step, rows: &[usize], cut: Cut) -> usize {
        let (reads, makes) = self.reads_and_makes(step, rows);
        match cut.parts {
            1 => 1,
            parts if reads >= READ_FOR_MADE * cut.waves * parts * makes => parts,
            // Two parts go through as much again as is made, in each wave and when they are joined.
            _ if reads >= (cut.waves + 1) * makes && !step.joins_waves() => 2,
            _ => 1,
        }
    }

    /// Takes a wave into the folds.
    pub(super) fn fold(&self, shared: &Shared<'_>, wave: Range<usize>, number: usize, cut: Cut) {
        let Shared { memory, rows: all, isa, pool, clock } = *shared;
        let rows = &with(all, self.extent, wave.len());
        let first = wave.start;
        let here =
            Block { extent: self.extent, first, wave: first, lane: 0, inner: None, part: None, adds: number > 0 };
        let blocks: usize = self.segments.iter().map(|s| s.steps.len()).sum();
        let folds = || (blocks..).zip(&self.folds).map(|(i, s)| (i, s, self.made_of(s, all, cut)));
        let in_parts = || folds().filter(|f| f.2 > 1);
        let part = |(i, step, parts): (usize, &Step, usize), part: usize, pool: &Pool| {
            let at = |k: usize| wave.start + wave.len() * k / parts;
            let rows = &with(all, self.extent, at(part + 1) - at(part));
            let here = Some(Block { first: at(part), part: Some(part), ..here });
            clock.time(i, || step.compute(memory, rows, here, isa, pool));
        };
        let one = pool::single();
        if in_parts().next().is_some() && pool.threads() == 2 {
            // Each thread the parts of its own rows: of every fold the first half, then of every fold the second.
            let half = |k: usize| in_parts().flat_map(move |f| (f.2 * k / 2..f.2 * (k + 1) / 2).map(move |p| (f, p)));
            let all = || half(0).chain(half(1));
            pool.run(all().count(), &|i| all().skip(i).take(1).for_each(|(f, p)| part(f, p, one)));
        } else if in_parts().next().is_some() {
            let few = |f: &(usize, &Step, usize)| f.2 < cut.parts;
            pool.run(cut.parts, &|p| in_parts().filter(|f| !few(f)).for_each(|f| part(f, p, one)));
            in_parts().filter(few).for_each(|f| (0..f.2).for_each(|p| part(f, p, pool)));
        }
        let last = wave.end == all[self.extent];
        let done = || in_parts().filter(|(_, s, _)| last || s.joins_waves());
        let elements: usize = done().map(|(_, s, parts)| parts * self.reads_and_makes(s, rows).1).sum();
        let shares = pool.tasks(elements, pool.threads());
        pool.run(shares, &|k| {
            done().for_each(|(_, s, parts)| {
                let begins = number == 0 || !s.joins_waves();
                s.join_wave(memory, rows, here, (parts, begins), (k, shares));
            });
        });
        let whole = || folds().filter(|f| f.2 == 1);
        let work = |(i, step, _): (usize, &Step, usize), pool: &Pool| {
            let joins = number > 0 && step.joins_waves();
            let here = Block { part: joins.then_some(0), ..here };
            clock.time(i, || step.compute(memory, rows, Some(here), isa, pool));
            if joins {
                step.join_wave(memory, rows, here, (1, false), (0, 1));
            }
        };
        // One that threads share out is worked on by itself; others go to one thread each.
        whole().filter(|f| f.1.is_shared_out(rows)).for_each(|f| work(f, pool));
        let others = || whole().filter(|f| !f.1.is_shared_out(rows));
        pool.run(others().count(), &|k| others().skip(k).take(1).for_each(|f| work(f, one)));
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
