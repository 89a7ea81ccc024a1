//! How much the second cache of a core holds.

use std::sync::OnceLock;

/// Bytes of the second cache of this machine's cores; 0 where it does not say.
pub(crate) fn second_cache() -> usize {
    // In a virtual machine the question takes as long as a thousand others.
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(ask)
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn ask() -> usize {
    use std::arch::x86_64::__cpuid;
    /// The leaf that says how many there are like it, and the one that tells of the second cache, on AMD's and on Intel's.
    const EXTENDED: u32 = 0x8000_0000;
    const SECOND_CACHE: u32 = 0x8000_0006;
    #[allow(unused_unsafe, reason = "some versions of the compiler call it safe")]
    // SAFETY: every x86-64 machine has the instruction; the leaf is one that it has.
    let kilobytes = unsafe {
        if __cpuid(EXTENDED).eax < SECOND_CACHE {
            return 0;
        }
        __cpuid(SECOND_CACHE).ecx >> 16
    };
    (kilobytes as usize) << 10
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn ask() -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    fn it_is_what_the_system_says() {
        let told = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index2/size");
        let Some(told) = told.ok().and_then(|t| t.trim().strip_suffix('K')?.parse::<usize>().ok()) else { return };
        assert_eq!(second_cache(), told << 10);
    }
}
