//! Where the time of a run goes, step by step, where somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Nanoseconds that each of some steps took, on all threads together; nothing where nobody asks.
#[derive(Clone, Copy)]
pub(crate) struct Clock<'a>(Option<&'a [AtomicU64]>);

impl<'a> Clock<'a> {
    /// Times nothing.
    pub(crate) const OFF: Clock<'static> = Clock(None);

    /// Adds to those numbers.
    pub(crate) fn new(nanoseconds: &'a [AtomicU64]) -> Clock<'a> {
        Clock(Some(nanoseconds))
    }

    /// That for the steps from one on.
    pub(crate) fn from(self, first: usize) -> Clock<'a> {
        Clock(self.0.map(|all| &all[first..]))
    }

    /// Does a step's work.
    #[inline]
    pub(crate) fn time(self, step: usize, work: impl FnOnce()) {
        let Some(all) = self.0 else { return work() };
        let start = Instant::now();
        work();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        all[step].fetch_add(nanoseconds, Ordering::Relaxed);
    }
}
