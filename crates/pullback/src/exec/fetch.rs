//! Lines of the cache that are asked of memory before they are needed.

/// Bytes of a line of the cache.
pub(crate) const LINE: usize = 64;

macro_rules! fetch {
    ($(#[$attribute:meta])* $name:ident, $hint:ident, $instruction:literal) => {
        $(#[$attribute])*
        #[inline(always)]
        pub(crate) fn $name<T>(_at: *const T) {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            // SAFETY: a hint, which may name any address; every x86-64 machine has the instruction.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::$hint }>(_at.cast());
            }
            #[cfg(all(target_arch = "aarch64", not(miri)))]
            // SAFETY: as above, of AArch64.
            unsafe {
                std::arch::asm!(concat!("prfm ", $instruction, ", [{}]"), in(reg) _at, options(readonly, nostack, preserves_flags));
            }
        }
    };
}

fetch! {
    /// Asks for the line of an address to come into the second cache; any address will do.
    fetch, _MM_HINT_T1, "pldl2keep"
}
fetch! {
    /// Asks for the line of an address to come into the nearest cache; any address will do.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fetch_near, _MM_HINT_T0, "pldl1keep"
}
