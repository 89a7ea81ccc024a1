//! How far the machine's cores are from each other: how long one takes to see what another has written.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The way to and fro of one measurement, and measurements, of which the least counts: the others were disturbed.
const ROUNDS: usize = 4_000;
const TIMES: usize = 5;

/// Nanoseconds from a store on one thread to its sight on another: half of the way to and fro. Some tens where cores
/// share a cache, some hundreds where they do not. Not a number where the process has one core only: what waits would
/// keep the other from running.
pub fn hand_over_ns() -> f64 {
    if std::thread::available_parallelism().map_or(1, usize::from) == 1 {
        return f64::NAN;
    }
    (0..TIMES).map(|_| once()).fold(f64::INFINITY, f64::min)
}

fn once() -> f64 {
    let ball = AtomicUsize::new(0);
    let wait = |until: usize| {
        while ball.load(Ordering::Acquire) != until {
            spin_loop();
        }
    };
    std::thread::scope(|s| {
        s.spawn(|| {
            for round in 0..ROUNDS {
                wait(2 * round + 1);
                ball.store(2 * round + 2, Ordering::Release);
            }
        });
        let start = Instant::now();
        for round in 0..ROUNDS {
            ball.store(2 * round + 1, Ordering::Release);
            wait(2 * round + 2);
        }
        start.elapsed().as_secs_f64() * 1e9 / (2 * ROUNDS) as f64
    })
}
