//! Lines of the cache that are asked of memory before they are needed.

/// Bytes of a line of the cache.
pub(crate) const LINE: usize = 64;

/// Asks for the line of an address to come into the second cache; any address will do.
#[inline(always)]
pub(crate) fn fetch<T>(_at: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint, which may name any address; every x86-64 machine has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(_at.cast()) }
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above, of AArch64.
    unsafe {
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) _at, options(readonly, nostack, preserves_flags));
    }
}

/// Asks for the line of an address to come into the nearest cache; any address will do.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub(crate) fn fetch_near<T>(_at: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: as for `fetch`.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(_at.cast()) }
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as for `fetch`.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) _at, options(readonly, nostack, preserves_flags));
    }
}
