//! Two threads that go through the waves of a stage by halves, without waiting for each other after every one.
//!
//! Where every fold that is not late is made of parts of both halves of a wave, what it takes in of one half of the rows waits
//! for the blocks of that half alone, and for what it has taken in of the same half of the waves before. So each thread has a
//! half of every wave, and goes ahead: the blocks of its half, its parts of the folds, the next wave. Where nothing is left of
//! its own it takes a task of the other's: cores are not as fast as each other for long, above all where somebody else's
//! threads share them.

use super::cut::{Cut, Rows};
use super::{EXTENTS, Shared, Stage};
use crate::exec::operand::Block;
use crate::exec::pool::wait_until;
use crate::exec::threads;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Into how many a wave is cut, each a thread's.
pub(super) const HALVES: usize = 2;

/// How many waves one half may be ahead of the last that both have been taken through.
const AHEAD: usize = 8;

/// The waves of a stage whose parts of folds lie side by side, until both halves have been taken through them.
pub(super) fn ahead(cut: Cut) -> usize {
    AHEAD.min(cut.waves)
}

/// The numbers of rows of each extent that are kept at once.
pub(super) fn kept(rows: Rows<'_>, cut: Cut) -> [usize; EXTENTS] {
    rows.times(HALVES, &rows.in_pieces(cut.waves, HALVES)[1])
}

/// What a thread does at once: of which half, of which wave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    /// One of its blocks.
    Block { half: usize, wave: usize, number: usize },
    /// What one of the folds takes in of it.
    Fold { half: usize, wave: usize, number: usize },
}

/// How far a half is.
#[derive(Default)]
struct Half {
    /// The wave that it is at, which alone is kept of it.
    wave: usize,
    /// Of the blocks of that wave, how many have been given out and how many are through.
    blocks: [usize; 2],
    /// The same of the folds.
    folds: [usize; 2],
}

/// Who does what.
struct Turns {
    waves: usize,
    /// Blocks of a half of a wave.
    blocks: usize,
    folds: usize,
    halves: [Half; HALVES],
    /// How many waves both halves have been taken through.
    joined: usize,
    /// Whether a task panicked, so that others may wait for it in vain.
    failed: bool,
}

impl Turns {
    fn new(waves: usize, blocks: usize, folds: usize) -> Turns {
        Turns { waves, blocks, folds, halves: Default::default(), joined: 0, failed: false }
    }

    fn is_over(&self) -> bool {
        self.failed || self.joined == self.waves
    }

    /// A task for the thread of a half: of its own, or else of the other. Either thread could do all of them, which is what one does where
    /// the other does not come.
    fn next(&mut self, own: usize) -> Option<Task> {
        if self.failed {
            return None;
        }
        [own, HALVES - 1 - own].into_iter().find_map(|half| self.of(half))
    }

    fn of(&mut self, half: usize) -> Option<Task> {
        let at = &mut self.halves[half];
        let wave = at.wave;
        if wave == self.waves.min(self.joined + AHEAD) {
            None
        } else if at.blocks[0] < self.blocks {
            at.blocks[0] += 1;
            Some(Task::Block { half, wave, number: at.blocks[0] - 1 })
        } else if at.blocks[1] == self.blocks && at.folds[0] < self.folds {
            at.folds[0] += 1;
            Some(Task::Fold { half, wave, number: at.folds[0] - 1 })
        } else {
            None
        }
    }

    /// Learns that a task is through; the waves that both halves have been taken through now.
    fn done(&mut self, task: Task) -> Range<usize> {
        match task {
            Task::Block { half, .. } => self.halves[half].blocks[1] += 1,
            Task::Fold { half, .. } => {
                let h = &mut self.halves[half];
                h.folds[1] += 1;
                if h.folds[1] == self.folds {
                    *h = Half { wave: h.wave + 1, ..Half::default() };
                }
            }
        }
        let before = self.joined;
        self.joined = self.halves.iter().map(|h| h.wave).min().unwrap_or(0);
        before..self.joined
    }
}

/// The turns of both threads; a thread that has none waits for a change.
struct Table {
    turns: Mutex<Turns>,
    changes: AtomicUsize,
}

impl Table {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }
}

/// Tells the other thread of a panic, when it is dropped by one.
struct Watch<'a>(&'a Table);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.turns().failed = true;
            self.0.tell();
        }
    }
}

impl Stage {
    /// Whether two threads go through it by halves: where folds wait for no row of the other half.
    ///
    /// Blocks and parts of folds are even in number, so that the halves of both end at the same row, that of [`HALVES`] pieces. That is
    /// why a fold of one half may run beside blocks and folds of the other: what they touch lies in the other half of what is kept, or in
    /// other parts.
    pub(super) fn goes_by_halves(&self, cut: Cut, made_of: &[usize]) -> bool {
        let mut now = self.folds.iter().zip(made_of).filter(|(fold, _)| !fold.late).peekable();
        let halves = |n: usize| n.is_multiple_of(HALVES);
        now.peek().is_some() && cut.inner.is_none() && halves(cut.blocks) && now.all(|(_, &parts)| halves(parts))
    }

    /// Runs its steps by two threads, folds of so many parts.
    pub(super) fn run_by_halves(&self, shared: &Shared<'_>, cut: Cut, made_of: &[usize]) {
        let Shared { memory, rows, isa, pool, clock } = *shared;
        let alone = Shared { pool: threads::single(), ..*shared };
        let first: usize = self.segments.iter().map(|s| s.steps.len()).sum();
        let folds = (first..).zip(self.folds.iter().zip(made_of));
        let folds: Vec<_> =
            folds.filter(|(_, (fold, _))| !fold.late).map(|(i, (fold, &parts))| (i, fold, parts)).collect();
        let most = rows.in_pieces(cut.waves, HALVES)[1];
        let blocks = cut.blocks / HALVES;
        let ahead = ahead(cut);
        // The first slot of a wave's parts: parts of sums of products go through all waves, others are joined wave by wave.
        let first_slot = |joins: bool, wave: usize, parts: usize| if joins { wave % ahead * parts } else { 0 };
        let compute = |lane: usize, task: Task| {
            let (Task::Block { half, wave, .. } | Task::Fold { half, wave, .. }) = task;
            let (number_of_wave, wave) = (wave, rows.wave(wave, cut.waves));
            let kept = rows.kept_from(rows.at(&wave, half, HALVES), half, &most);
            match task {
                Task::Block { number, .. } => {
                    let block = rows.piece(&wave, half * blocks + number, cut.blocks);
                    self.block(&alone, block, kept, lane..lane + 1, cut);
                }
                Task::Fold { number, .. } => {
                    let (i, fold, parts) = folds[number];
                    let slots_from = first_slot(fold.step.joins_waves(), number_of_wave, parts);
                    for part in half * parts / HALVES..(half + 1) * parts / HALVES {
                        let piece = rows.piece(&wave, part, parts);
                        let here = self.here(rows, piece.start, kept, lane);
                        let block = Block { part: Some(slots_from + part), adds: number_of_wave > 0, ..here };
                        let rows = &rows.of(&piece);
                        clock.time(i, || fold.step.compute(memory, rows, Some(block), isa, threads::single()));
                    }
                }
            }
        };
        let from_the_first = rows.kept_from(0, 0, &most);
        let join = |wave: usize| {
            for (_, fold, parts) in folds.iter().filter(|(_, fold, _)| fold.step.joins_waves()) {
                let slots_from = first_slot(true, wave, *parts);
                let block = self.here(rows, 0, from_the_first, 0);
                let slots = slots_from..slots_from + parts;
                fold.step.join_wave(memory, rows.all, block, (slots, wave == 0), (0, 1));
            }
        };
        let table =
            Table { turns: Mutex::new(Turns::new(cut.waves, blocks, folds.len())), changes: AtomicUsize::new(0) };
        pool.run_on(HALVES, &|lane, half| {
            let _watch = Watch(&table);
            loop {
                let seen = table.changes.load(Ordering::Acquire);
                let mut turns = table.turns();
                match turns.next(half) {
                    Some(task) => {
                        drop(turns);
                        compute(lane, task);
                        // Waves are joined in their order: nobody else is told of one before.
                        let mut turns = table.turns();
                        turns.done(task).for_each(&join);
                        drop(turns);
                        table.tell();
                    }
                    None if turns.is_over() => return,
                    None => {
                        drop(turns);
                        wait_until(|| table.changes.load(Ordering::Acquire) != seen);
                    }
                }
            }
        });
        self.fold(shared, 0..cut.waves, from_the_first, (cut, made_of), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out tasks to threads of which the second takes so many times as long, and checks what each waits for.
    fn play(waves: usize, blocks: usize, folds: usize, speed: usize) -> [usize; HALVES] {
        let mut turns = Turns::new(waves, blocks, folds);
        let (mut through, mut taken) = ([[0; 64]; HALVES], [[0; 64]; HALVES]);
        let (mut joined, mut done) = (0, [0; HALVES]);
        let mut running: [Option<(Task, usize)>; HALVES] = [None; HALVES];
        while !turns.is_over() {
            for (own, running) in running.iter_mut().enumerate() {
                if running.is_none()
                    && let Some(task) = turns.next(own)
                {
                    let (Task::Block { half, wave, .. } | Task::Fold { half, wave, .. }) = task;
                    assert!(wave == 0 || taken[half][wave - 1] == folds, "one wave after the other is kept");
                    assert!(wave < joined + AHEAD, "{wave} with {joined} joined");
                    let is_fold = matches!(task, Task::Fold { .. });
                    assert!(!is_fold || through[half][wave] == blocks, "all blocks before folds");
                    *running = Some((task, if own == 0 { 1 } else { speed }));
                }
            }
            assert!(running.iter().any(Option::is_some), "somebody has something to do");
            for (running, done) in running.iter_mut().zip(&mut done) {
                let Some((task, left)) = *running else { continue };
                *running = (left > 1).then_some((task, left - 1));
                if left > 1 {
                    continue;
                }
                *done += 1;
                match task {
                    Task::Block { half, wave, .. } => through[half][wave] += 1,
                    Task::Fold { half, wave, .. } => taken[half][wave] += 1,
                }
                let now = turns.done(task);
                assert_eq!(now.start, joined, "waves are joined in their order");
                assert!(now.clone().all(|w| taken.iter().all(|half| half[w] == folds)), "of both halves");
                joined = now.end;
            }
        }
        assert_eq!((joined, done.iter().sum::<usize>()), (waves, HALVES * waves * (blocks + folds)));
        done
    }

    #[test]
    fn nobody_begins_a_task_or_waits_after_a_panic() {
        let table = Table { turns: Mutex::new(Turns::new(3, 2, 1)), changes: AtomicUsize::new(0) };
        assert!(table.turns().next(1).is_some());
        let result = std::panic::catch_unwind(|| {
            let _watch = Watch(&table);
            std::panic::resume_unwind(Box::new("a task"));
        });
        assert!(result.is_err() && table.changes.load(Ordering::Acquire) == 1);
        let mut turns = table.turns();
        assert!(turns.next(0).is_none() && turns.next(1).is_none() && turns.is_over());
    }

    #[test]
    fn every_task_is_done_once_and_waits_for_what_it_needs() {
        for (waves, blocks, folds) in [(1, 1, 1), (1, 5, 3), (2, 1, 4), (5, 1, 5), (25, 2, 6), (40, 4, 2)] {
            for speed in [1, 2, 3, 50] {
                let [first, second] = play(waves, blocks, folds, speed);
                assert!(first + 1 >= second, "the slower one did {second}, the other {first}");
            }
        }
    }
}
