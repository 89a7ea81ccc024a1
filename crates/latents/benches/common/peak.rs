//! The machine's limit: floating-point operations a second by a loop of independent multiply-adds.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::time::Instant;

/// Multiply-adds that do not wait for each other: two a cycle times a latency of four or five.
const CHAINS: usize = 12;
const TURNS: usize = 20_000;

#[cfg(target_arch = "x86_64")]
macro_rules! chains {
    ($name:ident, $features:literal, $set:ident, $mul_add:ident) => {
        #[target_feature(enable = $features)]
        fn $name() {
            let mut sums = [$set(1.0); CHAINS];
            let (by, plus) = (std::hint::black_box($set(0.999)), std::hint::black_box($set(1e-3)));
            for _ in 0..TURNS {
                for sum in &mut sums {
                    *sum = $mul_add(*sum, by, plus);
                }
            }
            std::hint::black_box(sums);
        }
    };
}
#[cfg(target_arch = "x86_64")]
chains!(wide, "avx512f,avx2,fma", _mm512_set1_ps, _mm512_fmadd_ps);
#[cfg(target_arch = "x86_64")]
chains!(narrow, "avx2,fma", _mm256_set1_ps, _mm256_fmadd_ps);

/// Operations of one call, and the call.
fn loops() -> Option<(f64, fn())> {
    let count = |lanes: usize| 2.0 * (lanes * CHAINS * TURNS) as f64;
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
            // SAFETY: the features are there.
            return Some((count(16), || unsafe { wide() }));
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the features are there.
            return Some((count(8), || unsafe { narrow() }));
        }
    }
    let _ = count;
    None
}

/// The best of several short runs on so many threads at once; NaN where there is no loop for the machine.
pub fn peak_gflops(threads: usize) -> f64 {
    let Some((operations, call)) = loops() else { return f64::NAN };
    let one = || {
        let rate = |_| {
            let start = Instant::now();
            for _ in 0..10 {
                call();
            }
            10e-9 * operations / start.elapsed().as_secs_f64()
        };
        (0..20).map(rate).fold(0.0, f64::max)
    };
    std::thread::scope(|s| {
        let running: Vec<_> = (0..threads).map(|_| s.spawn(one)).collect();
        running.into_iter().map(|t| t.join().unwrap_or(f64::NAN)).sum()
    })
}
