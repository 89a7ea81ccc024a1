//! A small thread pool for work measured in microseconds.
//!
//! [`Pool::run`] hands task `i` of `n` to thread `i * threads / n`, of no more threads than tasks: every thread owns one
//! contiguous range and finds in its caches what it left there in an earlier call; [`Pool::run_dealt`] is told the ranges. The
//! calling thread is thread 0. A worker
//! that has nothing to do spins for [`SPIN`] and then parks, so that back-to-back calls cost well under a microsecond and an idle program costs
//! nothing. A thread that is through with its own range takes the last of what others have not begun of theirs, so that a
//! sleeping worker delays nobody, and a slow core, or one that the system has given to somebody else, by no more than the
//! task that it is at.
//!
//! What all tasks together compute must not depend on how many there are. Then the result is the same for every number of
//! threads, and `run` is free to fall back to a plain loop: it does so for one thread, for one task, inside a task of any
//! pool, and while another thread is using the same pool.

use crate::exec::underflow::Underflow;
use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long an idle worker spins before it parks: longer than a small program works on one thread between two parts that
/// several share.
pub const SPIN: Duration = Duration::from_micros(300);

/// Elementary vectorised operations that take several times as long as handing them over.
pub(crate) const WORTH: usize = 50_000;

/// How many times to look between two times of yielding, a few microseconds.
const POLLS: usize = 500;

/// A fixed set of threads that run numbered tasks; see the [module](self) page.
pub struct Pool {
    workers: Vec<Worker>,
    /// The ranges of the job that runs, one for each thread.
    ranges: Vec<Open>,
    /// Held while the workers have a job; also orders one caller's job after another's.
    busy: Mutex<()>,
}

struct Worker {
    slot: Arc<Slot>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

/// What nobody has begun of a thread's range of tasks. Two cache lines each, as a [`Slot`] has.
#[repr(align(128))]
#[derive(Default)]
struct Open {
    /// The first of them in the upper half, the end in the lower: both change at once.
    bounds: AtomicU64,
}

impl Open {
    fn set(&self, range: Range<u32>) {
        self.bounds.store(Self::pack(range), Ordering::Relaxed);
    }

    fn pack(Range { start, end }: Range<u32>) -> u64 {
        u64::from(start) << 32 | u64::from(end)
    }

    /// A task given out once, to whoever has seen the job, before which the range was set: the first, or the last, which
    /// the owner would come to last.
    fn claim(&self, last: bool) -> Option<usize> {
        let mut task = 0;
        let take = |bounds: u64| {
            let (start, end) = ((bounds >> 32) as u32, bounds as u32);
            task = if last { end.wrapping_sub(1) } else { start };
            let rest = if last { start..task } else { start.wrapping_add(1)..end };
            (start < end).then(|| Self::pack(rest))
        };
        self.bounds.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| task as usize)
    }
}

/// Where one worker finds its next job. Two cache lines each, so that neighbours (and the prefetcher) do not interfere.
#[repr(align(128))]
struct Slot {
    /// Null when idle. The caller stores a job; the worker exchanges it for [`TAKEN`] and runs tasks of it, or, if that one
    /// has not started when no task is left, the caller takes it back.
    job: AtomicPtr<Job<'static>>,
    parked: AtomicBool,
    stop: AtomicBool,
}

/// One call of [`Pool::run`], on the caller's stack.
struct Job<'a> {
    /// Called with the thread that runs it and the number of the task.
    task: &'a (dyn Fn(usize, usize) + Sync),
    /// One for each thread.
    ranges: &'a [Open],
    /// How the caller computes, and so all.
    underflow: Underflow,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

thread_local! {
    /// Whether this thread is running a task of some pool.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

impl Job<'_> {
    /// Runs tasks on a thread until none is left, its own first, or one panics; the first payload is kept.
    fn run_tasks(&self, thread: usize) {
        let outer = IN_TASK.replace(true);
        let _as_the_caller = self.underflow.enter();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let (others, own) = self.ranges.split_at(thread);
            for (i, range) in own.iter().chain(others).enumerate() {
                while let Some(task) = range.claim(i > 0) {
                    (self.task)(thread, task);
                }
            }
        }));
        IN_TASK.set(outer);
        if let Err(payload) = result {
            let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(payload);
        }
    }
}

impl Slot {
    /// Body of a worker thread.
    fn work(&self, thread: usize) {
        while let Some(job) = self.next_job() {
            // SAFETY: `Pool::run` stored a pointer to a job on its stack. This thread has claimed it, so `run` does not
            // return (or unwind) before the slot is null again: the job and all it borrows outlive this reference,
            // whose last use comes before the store below. The job is `Sync` (a `Sync` closure, atomics, a mutex).
            // The exchange in `claim` makes its initialisation visible.
            unsafe { &*job }.run_tasks(thread);
            self.job.store(ptr::null_mut(), Ordering::Release);
        }
    }

    /// Waits for a job and claims it: spins, then parks. `None` when the pool is dropped.
    fn next_job(&self) -> Option<*const Job<'static>> {
        let poll = || {
            let job = self.job.load(Ordering::SeqCst);
            if let Some(job) = Some(job).filter(|job| !job.is_null()).and_then(|job| self.claim(job, TAKEN)) {
                return Some(Some(job.cast_const()));
            }
            self.stop.load(Ordering::SeqCst).then_some(None)
        };
        spin(poll).unwrap_or_else(|| {
            // The store of `parked` and the load in `poll` on this side, and the store of `job` and the load of
            // `parked` in `wake`, are sequentially consistent: one of the two sides sees the other.
            self.parked.store(true, Ordering::SeqCst);
            let job = loop {
                match poll() {
                    Some(job) => break job,
                    None => thread::park(),
                }
            };
            self.parked.store(false, Ordering::Relaxed);
            job
        })
    }

    /// Takes `job` out of the slot, unless the other side was faster.
    fn claim(&self, job: *mut Job<'static>, instead: *mut Job<'static>) -> Option<*mut Job<'static>> {
        self.job.compare_exchange(job, instead, Ordering::Acquire, Ordering::Relaxed).ok()
    }

    /// Unparks the worker if it sleeps, after `job` or `stop` was stored.
    fn wake(&self, thread: &Thread) {
        if self.parked.load(Ordering::SeqCst) {
            thread.unpark();
        }
    }
}

/// In a [`Slot`]: its worker is running the job.
const TAKEN: *mut Job<'static> = ptr::without_provenance_mut(1);

/// Polls for up to [`SPIN`], letting other threads have the core now and then: where there are fewer cores than threads,
/// the one that is waited for may need it.
fn spin<R>(poll: impl Fn() -> Option<R>) -> Option<R> {
    let start = Instant::now();
    loop {
        for _ in 0..POLLS {
            if let Some(found) = poll() {
                return Some(found);
            }
            std::hint::spin_loop();
        }
        if start.elapsed() > SPIN {
            return None;
        }
        thread::yield_now();
    }
}

/// Returns once something is so that another thread is about to bring about.
pub(crate) fn wait_until(is_so: impl Fn() -> bool) {
    let poll = || is_so().then_some(());
    if spin(poll).is_none() {
        while !is_so() {
            thread::yield_now();
        }
    }
}

impl Pool {
    /// Starts `threads - 1` workers (at least none); the thread that calls [`run`](Self::run) is the remaining one.
    ///
    /// # Panics
    /// When the system refuses a thread.
    pub fn new(threads: usize) -> Pool {
        let start = |thread: usize| {
            let slot = Arc::new(Slot {
                job: AtomicPtr::new(ptr::null_mut()),
                parked: AtomicBool::new(false),
                stop: AtomicBool::new(false),
            });
            let own = Arc::clone(&slot);
            let handle = thread::Builder::new()
                .name(format!("pullback-{thread}"))
                .spawn(move || own.work(thread))
                .unwrap_or_else(|error| panic!("could not start worker thread {thread}: {error}"));
            Worker { slot, thread: handle.thread().clone(), handle: Some(handle) }
        };
        let ranges = (0..threads.max(1)).map(|_| Open::default()).collect();
        Pool { workers: (1..threads.max(1)).map(start).collect(), ranges, busy: Mutex::new(()) }
    }

    /// Number of threads, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task(i)` once for every `i` in `0..n_tasks` and returns when all calls have.
    ///
    /// # Panics
    /// With the first panic of a task, once no task runs any more. Tasks that follow it may not run.
    pub fn run(&self, n_tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        self.run_on(n_tasks, &|_, i| task(i));
    }

    /// As [`run`](Self::run), of `task(thread, i)`: no two tasks run on a thread at the same time. The caller is thread 0,
    /// and the number is below that of tasks.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_on(&self, n_tasks: usize, task: &(dyn Fn(usize, usize) + Sync)) {
        let threads = self.threads().min(n_tasks);
        // The tasks of one thread: those `i` with `i * threads / n_tasks == thread`.
        self.deal(
            n_tasks,
            &|thread| if thread < threads { (thread * n_tasks).div_ceil(threads) } else { n_tasks },
            task,
        );
    }

    /// As [`run`](Self::run), where thread `k` begins with the tasks from the end before `ends[k]` on.
    ///
    /// # Panics
    /// As [`run`](Self::run), and where an end comes before the one before it, or there are more ends than threads.
    pub fn run_dealt(&self, ends: &[usize], task: &(dyn Fn(usize) + Sync)) {
        assert!(ends.is_sorted() && ends.len() <= self.threads(), "pool: tasks dealt by {ends:?}");
        let n_tasks = ends.last().copied().unwrap_or(0);
        let first = |thread: usize| if thread == 0 { 0 } else { ends.get(thread - 1).copied().unwrap_or(n_tasks) };
        self.deal(n_tasks, &first, &|_, i| task(i));
    }

    /// Calls `task(thread, i)` once for every `i` in `0..n_tasks`. A thread has the tasks from its first to that of the next, and
    /// is called where there are some.
    fn deal(&self, n_tasks: usize, first: &dyn Fn(usize) -> usize, task: &(dyn Fn(usize, usize) + Sync)) {
        let alone = || (0..n_tasks).for_each(|i| task(0, i));
        if n_tasks <= 1 || self.threads() == 1 || IN_TASK.get() || u32::try_from(n_tasks).is_err() {
            return alone();
        }
        let busy = match self.busy.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return alone(),
        };
        for (thread, range) in self.ranges.iter().enumerate() {
            range.set(first(thread) as u32..first(thread + 1) as u32);
        }
        let job = Job { task, ranges: &self.ranges, underflow: Underflow::here(), panic: Mutex::new(None) };
        let pointer = (&raw const job).cast_mut().cast::<Job<'static>>();
        let called = || {
            (1..).zip(&self.workers).filter(|&(thread, _)| first(thread) < first(thread + 1)).map(|(_, worker)| worker)
        };
        // Nothing between here and the last wait can unwind: `run_tasks` catches what the tasks throw.
        for worker in called() {
            worker.slot.job.store(pointer, Ordering::SeqCst);
            worker.slot.wake(&worker.thread);
        }
        job.run_tasks(0);
        for worker in called() {
            // One that has not started need not be waited for. If a task of this thread panicked, there is something left.
            if worker.slot.claim(pointer, ptr::null_mut()).is_some() {
                job.run_tasks(0);
                continue;
            }
            wait_until(|| worker.slot.job.load(Ordering::Acquire).is_null());
        }
        drop(busy);
        if let Some(payload) = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(payload);
        }
    }
}

impl Pool {
    /// Into how many tasks to cut work of so many elementary operations that has so many parts: as many as there are
    /// threads where that outweighs handing it over.
    pub(crate) fn tasks(&self, operations: usize, parts: usize) -> usize {
        if operations < WORTH { 1 } else { self.threads().min(parts).max(1) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.slot.stop.store(true, Ordering::SeqCst);
            worker.slot.wake(&worker.thread);
        }
        for handle in self.workers.iter_mut().filter_map(|worker| worker.handle.take()) {
            // A worker catches what its tasks throw, so there is no panic to pass on.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    fn counts(pool: &Pool, n: usize) -> Vec<usize> {
        let seen: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
        pool.run(n, &|i| {
            seen[i].fetch_add(1, Ordering::Relaxed);
        });
        seen.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 5] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for n in [0, 1, 2, 3, 7, 64, 1000] {
                assert_eq!(counts(&pool, n), vec![1; n], "{threads} threads, {n} tasks");
            }
        }
    }

    #[test]
    fn an_owner_takes_the_first_task_and_others_the_last() {
        let open = Open::default();
        assert_eq!(open.claim(false), None);
        open.set(3..7);
        let claims = [false, true, false, true, true, false].map(|last| open.claim(last));
        assert_eq!(claims, [Some(3), Some(6), Some(4), Some(5), None, None]);
    }

    #[test]
    fn task_goes_to_its_thread() {
        let pool = Pool::new(3);
        for n in [3, 6, 7] {
            let threads = Mutex::new(vec![None; n]);
            // All three meet in the first tasks of their ranges.
            let meet = Barrier::new(3);
            pool.run_on(n, &|thread, i| {
                if [0, 1, 2].map(|t: usize| (t * n).div_ceil(3)).contains(&i) {
                    meet.wait();
                    threads.lock().unwrap()[i] = Some(thread);
                    let name = thread::current().name().map(str::to_owned);
                    assert!(thread == 0 || name == Some(format!("pullback-{thread}")), "{name:?} says it is {thread}");
                }
            });
            for (i, thread) in threads.into_inner().unwrap().into_iter().enumerate() {
                assert!(thread.is_none_or(|t| t == i * 3 / n), "task {i} of {n} ran on {thread:?}");
            }
        }
    }

    #[test]
    fn tasks_are_dealt_as_said() {
        let pool = Pool::new(3);
        for ends in [[2, 2, 5], [0, 3, 3], [4, 5, 9], [0, 0, 2], [7, 7, 7], [0, 0, 0]] {
            let seen: Vec<AtomicUsize> = (0..ends[2]).map(|_| AtomicUsize::new(0)).collect();
            pool.run_dealt(&ends, &|i| {
                seen[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{ends:?}: {seen:?}");
        }
        // Who has no tasks is not called.
        pool.run_dealt(&[0, 0, 2], &|i| {
            assert!(i > 1 || thread::current().name() != Some("pullback-1"), "task {i}");
        });
        // All three meet in the first tasks of their ranges, of which the second thread has most.
        let meet = Barrier::new(3);
        let threads = Mutex::new([const { None }; 6]);
        pool.run_dealt(&[1, 5, 6], &|i| {
            if [0, 1, 5].contains(&i) {
                meet.wait();
                threads.lock().unwrap()[i] = thread::current().name().map(str::to_owned);
            }
        });
        let threads = threads.into_inner().unwrap();
        let named = |i: usize| threads[i].as_deref();
        assert_eq!([named(1), named(5)], [Some("pullback-1"), Some("pullback-2")]);
        assert!(named(0).is_none_or(|name| !name.starts_with("pullback-")), "{threads:?}");
    }

    #[test]
    #[should_panic(expected = "pool: tasks dealt by [1, 2, 5]")]
    fn tasks_are_not_dealt_to_threads_that_there_are_not() {
        Pool::new(2).run_dealt(&[1, 2, 5], &|_| {});
    }

    #[test]
    fn tasks_of_a_slow_thread_are_taken_over() {
        let pool = Pool::new(2);
        let done = AtomicUsize::new(0);
        let waited = Mutex::new(false);
        // The first is through only after all others, its own thread's among them.
        pool.run(8, &|i| {
            if i == 0 {
                let start = Instant::now();
                while done.load(Ordering::SeqCst) < 7 && start.elapsed() < Duration::from_secs(20) {
                    thread::yield_now();
                }
                *waited.lock().unwrap() = done.load(Ordering::SeqCst) == 7;
            } else {
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        assert!(waited.into_inner().unwrap());
        assert_eq!(done.into_inner(), 7);
    }

    #[test]
    fn wakes_after_parking() {
        let pool = Pool::new(2);
        for _ in 0..20 {
            thread::sleep(4 * SPIN);
            assert_eq!(counts(&pool, 2), [1, 1]);
        }
    }

    #[test]
    fn panic_propagates_and_the_pool_survives() {
        let pool = Pool::new(3);
        for bad in 0..3 {
            let done = AtomicUsize::new(0);
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.run(3, &|i| {
                    assert!(i != bad, "task {i} is bad");
                    thread::sleep(Duration::from_millis(2));
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }));
            let payload = result.expect_err("the panic must reach the caller");
            assert_eq!(*payload.downcast::<String>().expect("a formatted message"), format!("task {bad} is bad"));
            assert_eq!(done.into_inner(), 2, "run returned before the other tasks were done");
            assert_eq!(counts(&pool, 9), [1; 9]);
        }
    }

    #[test]
    fn nested_and_concurrent_runs() {
        let pool = Pool::new(2);
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        pool.run(4, &|_| {
                            pool.run(3, &|_| {
                                total.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * 200 * 4 * 3);
    }
}
