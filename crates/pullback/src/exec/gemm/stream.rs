//! Writing past the caches.
//!
//! A line of the cache that several cores have read must be taken from all of them before it is written again. A write
//! past the caches asks nobody, and who reads it next finds it in memory.

/// Copies numbers, past the caches where the machine can and `to` is made of whole steps of sixteen bytes.
///
/// # Safety
/// `T` has no padding. This thread calls [`done`] before anybody, itself too, reads or writes `to`.
#[inline]
pub unsafe fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    assert!(to.len() == from.len());
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{__m128, _mm_loadu_ps, _mm_stream_ps};
        const STEP: usize = size_of::<__m128>();
        let bytes = size_of_val(to);
        if to.as_ptr().addr().is_multiple_of(STEP) && bytes.is_multiple_of(STEP) {
            let (to, from) = (to.as_mut_ptr().cast::<__m128>(), from.as_ptr().cast::<__m128>());
            for i in 0..bytes / STEP {
                // SAFETY: both slices have so many bytes, and `to` is aligned; every x86-64 machine has the instructions.
                unsafe { _mm_stream_ps(to.add(i).cast(), _mm_loadu_ps(from.add(i).cast())) };
            }
            return;
        }
    }
    to.copy_from_slice(from);
}

/// Makes what this thread has written past the caches seen before anything that it writes afterwards.
pub fn done() {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every x86-64 machine has the instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_all_there_and_nothing_else_is_written() {
        let from: Vec<f32> = (0..100).map(|i| i as f32).collect();
        for (first, n) in (0..9).flat_map(|first| [0, 1, 4, 7, 16, 64].map(|n| (first, n))) {
            let mut to = vec![-1.0; 100];
            // SAFETY: numbers, and `done` follows.
            unsafe { copy(&mut to[first..first + n], &from[first..first + n]) };
            done();
            let right = |i: usize| if (first..first + n).contains(&i) { from[i] } else { -1.0 };
            assert!(to.iter().enumerate().all(|(i, &x)| x == right(i)), "{first} {n}");
        }
    }
}
