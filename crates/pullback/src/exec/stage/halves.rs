//! Two threads that go through the waves of a stage by halves, without waiting for each other after every one.
//!
//! Where every fold is made of parts of a wave, what it takes in of one half of the rows waits for the blocks of that half alone,
//! and for what it has taken in of the same half of the waves before. So each thread has a half of every wave, and goes ahead: the
//! blocks of its half, its parts of the folds, the next wave. Where nothing is left of its own it takes a task of the other's:
//! cores are not as fast as each other for long, above all where somebody else's threads share them.

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

/// Places for what is kept of a half. A second one, for a wave that the other thread begins meanwhile, would take as much memory again.
const PLACES: usize = 1;

/// How many waves one half may be ahead of the last that both have been taken through.
const AHEAD: usize = 8;

/// The waves of a stage whose parts of folds lie side by side, until both halves have been taken through them.
pub(super) fn ahead(cut: Cut) -> usize {
    AHEAD.min(cut.waves)
}

/// The numbers of rows of each extent that are kept at once.
pub(super) fn kept(rows: Rows<'_>, cut: Cut) -> [usize; EXTENTS] {
    rows.times(HALVES * PLACES, &rows.in_pieces(cut.waves, HALVES)[1])
}

/// A half of a wave, and the place of what is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct At {
    half: usize,
    wave: usize,
    place: usize,
}

/// What a thread does at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    /// One of the blocks of a half.
    Block(At, usize),
    /// What one of the folds takes in of a half.
    Fold(At, usize),
}

/// How far a half is.
#[derive(Default)]
struct Half {
    /// The wave whose blocks are given out, and how many of them have been.
    wave: usize,
    blocks: usize,
    /// The wave that each place is for, and how many of its blocks are through.
    places: [Option<(usize, usize)>; PLACES],
    /// How many waves folds have taken in, to how many of them the next has been given out, and how many are through with it.
    taken: usize,
    given: usize,
    through: usize,
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

    /// A task for the thread of a half: of its own what has been kept the longest, of the other's what it is to keep itself.
    fn next(&mut self, own: usize) -> Option<Task> {
        let other = HALVES - 1 - own;
        let of_own = self.fold(own).or_else(|| self.block(own));
        of_own.or_else(|| self.block(other)).or_else(|| self.fold(other))
    }

    fn fold(&mut self, half: usize) -> Option<Task> {
        let h = &mut self.halves[half];
        let place = h.places.iter().position(|&place| place == Some((h.taken, self.blocks)))?;
        if h.given == self.folds {
            return None;
        }
        h.given += 1;
        Some(Task::Fold(At { half, wave: h.taken, place }, h.given - 1))
    }

    fn block(&mut self, half: usize) -> Option<Task> {
        let h = &mut self.halves[half];
        let (wave, block) = (h.wave, h.blocks);
        if wave == self.waves.min(self.joined + AHEAD) {
            return None;
        }
        let of = |place: &Option<(usize, usize)>| place.is_some_and(|(of, _)| of == wave);
        let place = h.places.iter().position(|place| if block == 0 { place.is_none() } else { of(place) })?;
        h.places[place].get_or_insert((wave, 0));
        (h.wave, h.blocks) = if block + 1 == self.blocks { (wave + 1, 0) } else { (wave, block + 1) };
        Some(Task::Block(At { half, wave, place }, block))
    }

    /// Learns that a task is through; the waves that both halves have been taken through now.
    fn done(&mut self, task: Task) -> Range<usize> {
        match task {
            Task::Block(At { half, place, .. }, _) => {
                self.halves[half].places[place].iter_mut().for_each(|(_, through)| *through += 1);
            }
            Task::Fold(At { half, place, .. }, _) => {
                let h = &mut self.halves[half];
                h.through += 1;
                if h.through == self.folds {
                    h.places[place] = None;
                    (h.taken, h.given, h.through) = (h.taken + 1, 0, 0);
                }
            }
        }
        let before = self.joined;
        self.joined = self.halves.iter().map(|h| h.taken).min().unwrap_or(0);
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
        // Which part of a fold a slot has: parts of sums of products go through all waves, others are joined wave by wave.
        let slot = |joins: bool, wave: usize, parts: usize| if joins { wave % ahead * parts } else { 0 };
        let compute = |lane: usize, task: Task| {
            let (Task::Block(at, _) | Task::Fold(at, _)) = task;
            let wave = rows.wave(at.wave, cut.waves);
            let start = rows.at(&wave, at.half, HALVES);
            let kept = rows.kept_from(start, at.half * PLACES + at.place, &most);
            match task {
                Task::Block(_, number) => {
                    let block = rows.piece(&wave, at.half * blocks + number, cut.blocks);
                    self.block(&alone, block, kept, lane..lane + 1, cut);
                }
                Task::Fold(_, number) => {
                    let (i, fold, parts) = folds[number];
                    let first = slot(fold.step.joins_waves(), at.wave, parts);
                    for part in at.half * parts / HALVES..(at.half + 1) * parts / HALVES {
                        let piece = rows.piece(&wave, part, parts);
                        let block = Block {
                            extent: self.extent,
                            first: piece.start,
                            wave: kept.own,
                            lane,
                            inner: None,
                            ragged: rows.ragged(piece.start, kept),
                            part: Some(first + part),
                            adds: at.wave > 0,
                        };
                        let rows = &rows.of(&piece);
                        clock.time(i, || fold.step.compute(memory, rows, Some(block), isa, threads::single()));
                    }
                }
            }
        };
        let all = rows.kept_from(0, 0, &most);
        let join = |wave: usize| {
            for (_, fold, parts) in folds.iter().filter(|(_, fold, _)| fold.step.joins_waves()) {
                let first = slot(true, wave, *parts);
                let block = Block {
                    extent: self.extent,
                    first: 0,
                    wave: 0,
                    lane: 0,
                    inner: None,
                    ragged: rows.ragged(0, all),
                    part: None,
                    adds: false,
                };
                fold.step.join_wave(memory, rows.all, block, (first..first + parts, wave == 0), (0, 1));
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
        self.fold(shared, 0..cut.waves, all, (cut, made_of), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out tasks to threads of which the first takes so many turns for each of the second's, and checks what each waits for.
    fn play(waves: usize, blocks: usize, folds: usize, speed: usize) -> [usize; HALVES] {
        let mut turns = Turns::new(waves, blocks, folds);
        let (mut through, mut kept) = ([[0; 64]; HALVES], [[None; PLACES]; HALVES]);
        let (mut taken, mut joined, mut done) = ([[0; 64]; HALVES], 0, [0; HALVES]);
        let mut running: [Option<(Task, usize)>; HALVES] = [None; HALVES];
        while !turns.is_over() {
            for (own, running) in running.iter_mut().enumerate() {
                if running.is_none()
                    && let Some(task) = turns.next(own)
                {
                    match task {
                        Task::Block(At { half, wave, place }, _) => {
                            let held = kept[half][place].get_or_insert(wave);
                            assert_eq!(*held, wave, "a place of one wave");
                            assert!(wave < joined + AHEAD, "{wave} with {joined} joined");
                        }
                        Task::Fold(At { half, wave, place }, _) => {
                            assert_eq!(
                                (through[half][wave], kept[half][place]),
                                (blocks, Some(wave)),
                                "all blocks before folds"
                            );
                            assert!(wave == 0 || taken[half][wave - 1] == folds, "one wave after the other");
                        }
                    }
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
                    Task::Block(At { half, wave, .. }, _) => through[half][wave] += 1,
                    Task::Fold(At { half, wave, place }, _) => {
                        taken[half][wave] += 1;
                        if taken[half][wave] == folds {
                            kept[half][place] = None;
                        }
                    }
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
    fn every_task_is_done_once_and_waits_for_what_it_needs() {
        for (waves, blocks, folds) in [(1, 1, 1), (1, 5, 3), (2, 1, 4), (5, 1, 5), (25, 2, 6), (40, 4, 2)] {
            for speed in [1, 2, 3, 50] {
                let [first, second] = play(waves, blocks, folds, speed);
                assert!(first + 1 >= second, "the slower one did {second}, the other {first}");
            }
        }
    }
}
