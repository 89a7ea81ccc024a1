//! How much the second cache of a core holds.

use std::sync::OnceLock;

/// Bytes of the second cache that a core has to itself, and to its second thread; 0 where several cores share one, or the machine does not
/// say. Of cores that are not alike, that of the first to be asked.
pub(crate) fn second_cache() -> usize {
    // The instruction leaves a virtual machine, which takes microseconds.
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(ask)
}

#[cfg(all(target_arch = "x86_64", not(target_env = "sgx"), not(miri)))]
fn ask() -> usize {
    use std::arch::x86_64::{__cpuid_count, CpuidResult};
    /// Where Intel's processors tell of their caches, one after the other, and where AMD's do in the same form.
    const LEAVES: [u32; 2] = [4, 0x8000_001d];
    #[allow(unused_unsafe, reason = "newer compilers call it safe")]
    // SAFETY: every x86-64 machine has the instruction, and answers to a leaf that it has not with something that means nothing.
    let cpuid = |leaf, of| unsafe { __cpuid_count(leaf, of) };
    let has = |leaf: u32| cpuid(leaf & 0x8000_0000, 0).eax >= leaf;
    let bits = |of: u32, first: u32, n: u32| (of >> first & ((1 << n) - 1)) as usize;
    let caches = LEAVES.into_iter().filter(|&leaf| has(leaf)).flat_map(|leaf| {
        // The kind of a cache is 0 after the last.
        (0..8).map(move |number| cpuid(leaf, number)).take_while(move |cache| bits(cache.eax, 0, 5) != 0)
    });
    let second = |cache: &CpuidResult| bits(cache.eax, 5, 3) == 2;
    caches.into_iter().find(second).map_or(0, |CpuidResult { eax, ebx, ecx, .. }| {
        let threads = bits(eax, 14, 12) + 1;
        let bytes = [bits(ebx, 0, 12), bits(ebx, 12, 10), bits(ebx, 22, 10), ecx as usize];
        if threads > 2 { 0 } else { bytes.iter().map(|n| n + 1).product() }
    })
}

#[cfg(not(all(target_arch = "x86_64", not(target_env = "sgx"), not(miri))))]
fn ask() -> usize {
    0
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux", not(miri)))]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_is_that_of_a_core_as_the_system_says() {
        let told = |core: usize| {
            let told = fs::read_to_string(format!("/sys/devices/system/cpu/cpu{core}/cache/index2/size")).ok()?;
            told.trim().strip_suffix('K')?.parse::<usize>().ok()
        };
        let told: Vec<usize> = (0..1024).map_while(told).collect();
        let found = second_cache();
        assert!(found == 0 || told.is_empty() || told.contains(&(found >> 10)), "{found}: {told:?}");
    }
}
