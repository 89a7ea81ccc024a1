//! How many threads compiled functions use: the pools of this process, and which of them a call takes.

use crate::exec::pool::Pool;
use std::cell::Cell;
use std::sync::{LazyLock, Mutex, PoisonError, RwLock};
use std::thread;

/// Environment variable that sets the size of the [`global`] pool.
pub const THREADS_VARIABLE: &str = "PULLBACK_THREADS";

thread_local! {
    /// The pool chosen by [`with_threads`] on this thread.
    static CHOSEN: Cell<Option<&'static Pool>> = const { Cell::new(None) };
}

/// Pools started so far, one for each number of threads. They live as long as the process; an idle one only sleeps.
static STARTED: Mutex<Vec<&'static Pool>> = Mutex::new(Vec::new());
static DEFAULT: RwLock<Option<&'static Pool>> = RwLock::new(None);

/// The process-wide pool with this many threads, started on first use.
fn of_size(threads: usize) -> &'static Pool {
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = started.iter().find(|pool| pool.threads() == threads.max(1)).copied();
    known.unwrap_or_else(|| {
        let pool: &'static Pool = Box::leak(Box::new(Pool::new(threads)));
        started.push(pool);
        pool
    })
}

/// The pool to use where none is passed: that of the enclosing [`with_threads`], else that of [`set_threads`], else one
/// of the size in the environment variable `PULLBACK_THREADS`, else one thread for each core this process may use.
pub fn global() -> &'static Pool {
    if let Some(pool) = CHOSEN.get() {
        return pool;
    }
    if let Some(pool) = *DEFAULT.read().unwrap_or_else(PoisonError::into_inner) {
        return pool;
    }
    let set = std::env::var(THREADS_VARIABLE).ok().and_then(|text| text.trim().parse().ok()).filter(|&n| n > 0);
    let threads = set.unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get()));
    DEFAULT.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| of_size(threads))
}

/// The pool of the calling thread alone.
pub(crate) fn single() -> &'static Pool {
    static SINGLE: LazyLock<Pool> = LazyLock::new(|| Pool::new(1));
    &SINGLE
}

/// How many threads compiled functions called on this thread use, at the most.
pub fn threads() -> usize {
    global().threads()
}

/// Sets how many threads compiled functions use from now on at the most (at least 1). Work already running is not affected.
pub fn set_threads(threads: usize) {
    let pool = of_size(threads);
    *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = Some(pool);
}

/// Calls `f`; compiled functions that it calls on this thread use that many threads at the most. Nests; a panic restores, too.
pub fn with_threads<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<&'static Pool>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHOSEN.set(self.0);
        }
    }
    let _restore = Restore(CHOSEN.replace(Some(of_size(threads))));
    f()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn chosen_size_is_restored() {
        set_threads(2);
        assert_eq!(global().threads(), 2);
        let inner =
            with_threads(3, || (global().threads(), with_threads(1, || global().threads()), global().threads()));
        assert_eq!(inner, (3, 1, 3));
        assert!(catch_unwind(|| with_threads(3, || panic!("out"))).is_err());
        assert_eq!(global().threads(), 2);
    }
}
