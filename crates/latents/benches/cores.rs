//! What it costs two threads to hand lines of the cache to each other, as one line of JSON: nanoseconds a line for 512 KiB
//! of each thread. `docs/performance.md` says what follows from it.

#[path = "common/cores.rs"]
mod cores;

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Lines of 64 bytes that each thread has.
const LINES: usize = 8192;
const ROUNDS: usize = 40;

/// A line.
#[repr(align(64))]
struct Line(AtomicU64);

fn write(lines: &[Line], x: u64) {
    lines.iter().for_each(|line| line.0.store(x, Ordering::Relaxed));
}

fn read(lines: &[Line]) {
    black_box(lines.iter().map(|line| line.0.load(Ordering::Relaxed)).fold(0, u64::wrapping_add));
}

/// Nanoseconds a line: to write lines that nobody else has, to read those that the other has written, to write those
/// again that the other has read.
fn lines() -> [f64; 3] {
    let halves: [Vec<Line>; 2] = [0, 1].map(|_| (0..LINES).map(|_| Line(AtomicU64::new(0))).collect());
    let arrived = AtomicUsize::new(0);
    let one = |me: usize| {
        let (own, other) = (&halves[me], &halves[1 - me]);
        let mut meetings = 0;
        let mut meet = || {
            meetings += 2;
            arrived.fetch_add(1, Ordering::SeqCst);
            while arrived.load(Ordering::SeqCst) < meetings {
                spin_loop();
            }
        };
        let mut times = [0.0; 3];
        for round in 0..ROUNDS as u64 {
            let steps: [&dyn Fn(); 3] = [&|| write(own, round), &|| read(other), &|| write(own, round)];
            write(own, round);
            for (time, step) in times.iter_mut().zip(steps) {
                meet();
                let start = Instant::now();
                step();
                *time += start.elapsed().as_secs_f64() * 1e9 / (LINES * ROUNDS) as f64;
            }
            meet();
        }
        times
    };
    std::thread::scope(|s| {
        s.spawn(|| one(1));
        one(0)
    })
}

fn main() {
    let before = cores::hand_over_ns();
    if before.is_nan() {
        return eprintln!("this process has one core: nothing to hand over");
    }
    let [own, other, shared] = lines();
    println!(
        "{{\"hand_over_ns\": [{before:.0}, {:.0}], \"write_own\": {own:.1}, \"read_the_others\": {other:.1}, \
         \"write_what_the_other_has_read\": {shared:.1}}}",
        cores::hand_over_ns(),
    );
}
