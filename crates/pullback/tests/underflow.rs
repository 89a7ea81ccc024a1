//! What becomes of results too small for a normal number in a compiled function.
#![cfg(all(target_arch = "x86_64", not(miri)))]

use pullback::{DType, Rows, Tensor, jit, with_threads};

#[test]
fn what_underflows_is_zero_on_every_thread_and_gradual_again_afterwards() {
    let halves = jit(|Rows(x): Rows<Tensor>| &x * 0.5);
    // So much that threads share it out.
    let x = Tensor::full(f64::from(f32::MIN_POSITIVE), DType::F32, [1 << 22]);
    for threads in [1, 2, 5] {
        let got = with_threads(threads, || halves.call(Rows(x.clone()))).unwrap_or_else(|e| panic!("{e}"));
        let got = got.to_vec::<f32>().unwrap_or_else(|e| panic!("{e}"));
        assert!(got.iter().all(|&x| x == 0.0), "{threads} threads");
        assert!(std::hint::black_box(f32::MIN_POSITIVE) * std::hint::black_box(0.5) > 0.0);
    }
}
