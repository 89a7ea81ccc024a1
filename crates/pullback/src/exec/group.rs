//! Steps of which none waits for another, as those of an optimiser: the threads share them out all at once.

use crate::exec::clock::Clock;
use crate::exec::extent::{Count, merged};
use crate::exec::memory::Place;
use crate::exec::pool::WORTH;
use crate::exec::schedule::Run;
use crate::exec::step::{State, Step};
use crate::exec::threads;

/// Elementary operations of a chain of which each thread takes a share.
const SHARE_WORTH: usize = 32_768;

/// Steps in any order.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub steps: Vec<Step>,
    /// Elementary operations of each, and of all together.
    operations: Vec<Count>,
    all: Vec<Count>,
}

/// How a step of a group runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By itself, on all threads.
    Alone,
    /// Each thread a share of it.
    Shares,
    /// On one thread.
    Whole,
}

/// Puts neighbouring steps together of which none writes where another reads or writes; they know their places.
pub(crate) fn grouped(runs: Vec<Run>) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::with_capacity(runs.len());
    let mut open: Vec<Step> = Vec::new();
    for run in runs {
        match run {
            Run::Step(step) if step.computes() => {
                if open.iter().any(|other| conflict(other, &step)) {
                    all.extend(closed(&mut open));
                }
                open.push(step);
            }
            other => {
                all.extend(closed(&mut open));
                all.push(other);
            }
        }
    }
    all.extend(closed(&mut open));
    all
}

/// What was put together: a group where that can be worth sharing out.
fn closed(open: &mut Vec<Step>) -> Vec<Run> {
    let steps = std::mem::take(open);
    let operations: Vec<Count> = steps.iter().map(|s| s.operations().clone()).collect();
    let all = merged(operations.iter().cloned());
    let small = all.iter().all(Count::is_known) && all.iter().map(|c| c.get(&[])).sum::<usize>() < WORTH;
    if small || steps.len() < 2 {
        return steps.into_iter().map(Run::Step).collect();
    }
    vec![Run::Group(Group { steps, operations, all })]
}

/// Whether one of two steps writes where the other reads or writes.
fn conflict(a: &Step, b: &Step) -> bool {
    let touches = |s: &Step, place: Place| {
        s.writes.iter().map(|t| t.place).chain(s.reads.iter().map(|o| o.place)).any(|p| p == place)
    };
    a.writes.iter().any(|t| touches(b, t.place)) || b.writes.iter().any(|t| touches(a, t.place))
}

impl Group {
    /// How each step runs, with its elementary operations.
    fn ways<'a>(&'a self, rows: &'a [usize]) -> impl Iterator<Item = (usize, &'a Step, Way, usize)> {
        self.steps.iter().zip(&self.operations).enumerate().map(|(i, (step, count))| {
            let operations = count.get(rows);
            let way = match operations {
                SHARE_WORTH.. if step.has_shares() => Way::Shares,
                _ if step.is_shared_out(rows) => Way::Alone,
                _ => Way::Whole,
            };
            (i, step, way, operations)
        })
    }

    /// Runs them.
    pub(crate) fn run(&self, state: &mut State<'_>, clock: Clock<'_>) {
        let operations: usize = self.all.iter().map(|c| c.get(state.rows)).sum();
        let pool = state.pool(|_| operations);
        let threads = pool.threads();
        if operations < WORTH || threads == 1 {
            return self.steps.iter().enumerate().for_each(|(i, s)| clock.time(i, || s.run(state)));
        }
        self.steps.iter().for_each(|s| s.reserve(state.memory, state.rows));
        let (memory, rows, isa) = (&*state.memory, &*state.rows, state.isa);
        for (i, step, ..) in self.ways(rows).filter(|w| w.2 == Way::Alone) {
            clock.time(i, || step.compute(memory, rows, None, isa, pool));
        }
        let whole = || self.ways(rows).filter(|w| w.2 == Way::Whole);
        let all = whole().map(|w| w.3).sum::<usize>().max(1);
        pool.run(threads, &|thread| {
            for (i, step, ..) in self.ways(rows).filter(|w| w.2 == Way::Shares) {
                clock.time(i, || step.compute_share(memory, rows, None, (thread, threads), isa));
            }
            // Those whose operations begin within this thread's part of all.
            let mut before = 0;
            for (i, step, _, operations) in whole() {
                if (before * threads / all).min(threads - 1) == thread {
                    clock.time(i, || step.compute(memory, rows, None, isa, threads::single()));
                }
                before += operations;
            }
        });
    }
}
