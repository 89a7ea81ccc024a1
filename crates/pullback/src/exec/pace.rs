//! Whether a short program is faster on one thread than on all, found out while it runs.
//!
//! Handing work over takes as long as cores need to see what others have written, and a core that something else keeps
//! busy helps nobody: a program of some hundred microseconds may be slower on two threads than on one. Results are the
//! same to the bit for every number of threads, so that the faster of the two is simply measured, now and then.

use std::time::{Duration, Instant};

/// Calls from one measurement to the next.
const CYCLE: usize = 1024;

/// Calls in a row that are measured.
const MEASURED: usize = 16;

/// Calls before these: a sleeping thread must wake up.
const WARM: usize = 4;

/// How long a call of a program that is watched takes at most: longer ones are worth sharing out.
const SHORT: Duration = Duration::from_millis(1);

/// How many times the elements of what was measured a call's arguments may have, for one thread to do it alone.
const LIKE: usize = 2;

/// On how many threads a program is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Threads {
    All,
    One,
}

/// What was learnt of earlier calls.
#[derive(Debug, Default)]
pub(super) struct Pace {
    calls: usize,
    /// Whether one thread alone was faster.
    alone: bool,
    /// Of the calls that are being measured.
    time: Duration,
    /// Mean times of both, of calls a cycle ago and of earlier ones less and less.
    all: Option<Duration>,
    one: Option<Duration>,
    /// The elements of the largest arguments that one thread was measured with.
    measured: usize,
}

/// A call under way.
pub(super) struct Call {
    pub(super) threads: Threads,
    elements: usize,
    start: Option<Instant>,
}

impl Pace {
    /// Begins a call with so many elements of arguments.
    pub(super) fn begin(&mut self, elements: usize) -> Call {
        let place = self.calls % CYCLE;
        // The faster first: where it is not short nothing else is tried.
        let trial = place >= CYCLE - MEASURED - WARM;
        let alone = self.alone != trial;
        let like = trial || elements <= LIKE * self.measured;
        let threads = if alone && like { Threads::One } else { Threads::All };
        let window = (CYCLE - place - 1) % (MEASURED + WARM);
        let measures = place >= CYCLE - 2 * (MEASURED + WARM) && window < MEASURED;
        Call { threads, elements, start: measures.then(Instant::now) }
    }

    /// Ends it.
    pub(super) fn end(&mut self, call: &Call) {
        self.calls += 1;
        let Some(start) = call.start else { return };
        self.time += start.elapsed();
        if call.threads == Threads::One {
            self.measured = self.measured.max(call.elements);
        }
        if !(self.calls + MEASURED + WARM).is_multiple_of(CYCLE) && !self.calls.is_multiple_of(CYCLE) {
            return;
        }
        let time = std::mem::take(&mut self.time) / MEASURED as u32;
        self.learn(call.threads, time);
    }

    fn learn(&mut self, threads: Threads, time: Duration) {
        let mean = if threads == Threads::All { &mut self.all } else { &mut self.one };
        *mean = Some(mean.map_or(time, |before| (before + time) / 2));
        let trial = self.calls.is_multiple_of(CYCLE);
        if !trial && time > SHORT {
            // No trial: the next cycle begins, on all threads.
            *self = Pace::default();
        } else if let (true, Some(all), Some(one)) = (trial, self.all, self.one) {
            self.alone = one < all;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    const FAST: Duration = Duration::from_micros(2);
    const SLOW: Duration = Duration::from_micros(200);

    /// Calls that take so long on all threads and on one, in microseconds; on how many each was made.
    fn calls(pace: &mut Pace, n: usize, elements: usize, [all, one]: [Duration; 2]) -> Vec<Threads> {
        let mut made = Vec::new();
        for _ in 0..n {
            let call = pace.begin(elements);
            if call.start.is_some() {
                sleep(if call.threads == Threads::All { all } else { one });
            }
            made.push(call.threads);
            pace.end(&call);
        }
        made
    }

    fn alone(made: &[Threads]) -> usize {
        made.iter().filter(|&&t| t == Threads::One).count()
    }

    #[test]
    fn the_faster_of_the_two_is_kept() {
        let mut pace = Pace::default();
        assert_eq!(alone(&calls(&mut pace, CYCLE, 10, [FAST, SLOW])), MEASURED + WARM);
        assert_eq!(alone(&calls(&mut pace, CYCLE, 10, [FAST, SLOW])), MEASURED + WARM);
        calls(&mut pace, 3 * CYCLE, 10, [SLOW, FAST]);
        assert_eq!(alone(&calls(&mut pace, CYCLE, 10, [SLOW, FAST])), CYCLE - MEASURED - WARM);
        // A core is free again.
        calls(&mut pace, 3 * CYCLE, 10, [FAST, SLOW]);
        assert_eq!(alone(&calls(&mut pace, CYCLE, 10, [FAST, SLOW])), MEASURED + WARM);
    }

    #[test]
    fn larger_calls_are_shared_out_all_the_same() {
        let mut pace = Pace::default();
        calls(&mut pace, CYCLE, 10, [SLOW, FAST]);
        assert_eq!(alone(&calls(&mut pace, 100, 20, [SLOW, FAST])), 100);
        assert_eq!(alone(&calls(&mut pace, 100, 21, [SLOW, FAST])), 0);
    }

    #[test]
    fn long_calls_are_not_tried_on_one_thread() {
        let mut pace = Pace::default();
        assert_eq!(alone(&calls(&mut pace, 3 * CYCLE, 10, [2 * SHORT, FAST])), 0);
    }
}
