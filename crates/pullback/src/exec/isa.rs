//! The instruction sets that the executor has code for.

/// An instruction set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Isa {
    /// 512-bit vectors with fused multiply-add.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 128-bit vectors with fused multiply-add, which every AArch64 machine has; used by those that are little-endian.
    Neon,
    /// Whatever the target guarantees.
    Base,
}

impl Isa {
    /// All that this machine runs, best first.
    pub(crate) fn all() -> impl Iterator<Item = Isa> {
        [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Base].into_iter().filter(|isa| isa.runs_here())
    }

    /// The best that this machine runs.
    pub(crate) fn best() -> Isa {
        Isa::all().next().unwrap_or(Isa::Base)
    }

    #[cfg(target_arch = "x86_64")]
    fn runs_here(self) -> bool {
        let avx2 =
            || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("bmi2");
        match self {
            Isa::Avx512 => {
                avx2()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512cd")
            }
            Isa::Avx2 => avx2(),
            Isa::Neon => false,
            Isa::Base => true,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn runs_here(self) -> bool {
        let neon = cfg!(all(target_arch = "aarch64", target_endian = "little", not(miri)));
        self == Isa::Base || (self == Isa::Neon && neon)
    }

    /// Elements of `size` bytes in a vector; 1 without one.
    pub(crate) fn lanes(self, size: usize) -> usize {
        match self {
            Isa::Avx512 => 64 / size,
            Isa::Avx2 => 32 / size,
            Isa::Neon => 16 / size,
            Isa::Base => 1,
        }
    }
}
