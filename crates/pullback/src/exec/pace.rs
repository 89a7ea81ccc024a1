//! Whether a short program is faster on one thread than on all, found out while it runs.
//!
//! Handing work over takes as long as cores need to see what others have written, and a core that something else keeps
//! busy helps nobody: a program of some hundred microseconds may be slower on two threads than on one. Results are the
//! same to the bit for every number of threads, so that the faster of the two is simply measured, now and then. What is
//! [`LARGE`] is shared out in any case.

use std::time::Duration;

/// Elementary operations of a step or a stage that all threads share, whatever was measured.
pub(super) const LARGE: usize = 4_000_000;

/// Calls from one measurement to the next.
const CYCLE: usize = 1024;

/// Calls in a row that are measured.
const MEASURED: usize = 16;

/// Calls before these, on the same threads: one that sleeps must wake up.
const WARM: usize = 4;

/// How long a call of a program that is watched takes at most: longer ones are worth sharing out.
const SHORT: Duration = Duration::from_millis(1);

/// On how many threads what is not [`LARGE`] runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Threads {
    All,
    One,
}

/// What was learnt of earlier calls.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Calls of this cycle; at its end the faster of the two is measured, then the other.
    calls: usize,
    /// Whether one thread was faster.
    alone: bool,
    /// Of the calls that are being measured.
    time: Duration,
    /// The mean time of a call, those of a cycle ago and of earlier ones less and less.
    all: Option<Duration>,
    one: Option<Duration>,
}

impl Pace {
    /// Whether the other of the two is being tried.
    fn tries(&self) -> bool {
        self.calls >= CYCLE - (MEASURED + WARM)
    }

    /// What the next call runs on.
    pub(super) fn threads(&self) -> Threads {
        if self.alone == self.tries() { Threads::All } else { Threads::One }
    }

    /// Whether it must know how long the next call takes.
    pub(super) fn measures(&self) -> bool {
        let left = CYCLE - self.calls;
        left <= 2 * (MEASURED + WARM) && (left - 1) % (MEASURED + WARM) < MEASURED
    }

    /// Notes a call, and how long it took where that is to be known.
    pub(super) fn took(&mut self, time: Option<Duration>) {
        self.time += time.unwrap_or_default();
        let (threads, tried) = (self.threads(), self.tries());
        self.calls += 1;
        if !(self.calls + MEASURED + WARM).is_multiple_of(CYCLE) && self.calls < CYCLE {
            return;
        }
        let time = std::mem::take(&mut self.time) / MEASURED as u32;
        if !tried && time > SHORT {
            *self = Pace::default();
            return;
        }
        let mean = if threads == Threads::All { &mut self.all } else { &mut self.one };
        *mean = Some(mean.map_or(time, |before| (before + time) / 2));
        if tried {
            self.calls = 0;
            self.alone = self.one < self.all;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_micros(170);
    const SLOW: Duration = Duration::from_micros(220);

    /// Calls that take so long on all threads and on one; how many were made on one.
    fn calls(pace: &mut Pace, n: usize, [all, one]: [Duration; 2]) -> usize {
        let mut alone = 0;
        for _ in 0..n {
            let threads = pace.threads();
            let time = if threads == Threads::All { all } else { one };
            pace.took(pace.measures().then_some(time));
            alone += usize::from(threads == Threads::One);
        }
        alone
    }

    #[test]
    fn the_faster_of_the_two_is_kept() {
        let mut pace = Pace::default();
        assert_eq!(calls(&mut pace, CYCLE, [FAST, SLOW]), MEASURED + WARM);
        assert_eq!(calls(&mut pace, CYCLE, [FAST, SLOW]), MEASURED + WARM);
        // Another program takes a core.
        calls(&mut pace, 3 * CYCLE, [2 * SLOW, SLOW]);
        assert_eq!(calls(&mut pace, CYCLE, [2 * SLOW, SLOW]), CYCLE - MEASURED - WARM);
        // The core is free again.
        calls(&mut pace, 5 * CYCLE, [FAST, SLOW]);
        assert_eq!(calls(&mut pace, CYCLE, [FAST, SLOW]), MEASURED + WARM);
    }

    #[test]
    fn as_many_calls_are_measured_as_the_mean_is_of() {
        let mut pace = Pace::default();
        let mut measured = [0; 2];
        for _ in 0..CYCLE {
            measured[pace.threads() as usize] += usize::from(pace.measures());
            pace.took(pace.measures().then_some(FAST));
        }
        assert_eq!(measured, [MEASURED; 2]);
        assert_eq!([pace.all, pace.one], [Some(FAST); 2]);
    }

    #[test]
    fn long_calls_are_not_tried_on_one_thread() {
        let mut pace = Pace::default();
        assert_eq!(calls(&mut pace, 3 * CYCLE, [2 * SHORT, FAST]), 0);
        // Nor those that have become long.
        let mut pace = Pace::default();
        calls(&mut pace, CYCLE, [SLOW, FAST]);
        calls(&mut pace, CYCLE, [2 * SHORT, 2 * SHORT]);
        assert_eq!(calls(&mut pace, 3 * CYCLE, [2 * SHORT, 2 * SHORT]), 0);
    }
}
