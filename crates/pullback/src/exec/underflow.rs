//! Results too small for a normal number are zero while a compiled function runs.
//!
//! Importance weights and what is multiplied by them pass through every size down to nothing. A processor that computes
//! subnormal numbers by microcode, as Intel's do, takes some 150 cycles for one: a training step of five times its
//! length. What is lost lies below `1.2e-38` (`f64`: `2.2e-308`), where a number has fewer digits anyway.

/// How a thread computes what underflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Underflow {
    /// As IEEE 754 has it: to a subnormal number.
    Gradual,
    /// To zero, where the processor can.
    Flushed,
}

/// Gives a thread back what it had before.
#[derive(Debug)]
#[must_use]
pub(crate) struct Restore {
    before: Underflow,
}

impl Drop for Restore {
    fn drop(&mut self) {
        if Underflow::here() != self.before {
            self.before.set();
        }
    }
}

impl Underflow {
    /// Makes this thread compute so until the guard is dropped.
    pub(crate) fn enter(self) -> Restore {
        let before = Underflow::here();
        if before != self {
            self.set();
        }
        Restore { before }
    }

    /// How this thread computes.
    pub(crate) fn here() -> Underflow {
        if control::word() & control::FLUSH == 0 { Underflow::Gradual } else { Underflow::Flushed }
    }

    fn set(self) {
        let rest = control::word() & !control::FLUSH;
        control::set(rest | if self == Underflow::Flushed { control::FLUSH } else { 0 });
    }
}

/// The control word of the vector unit, MXCSR.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod control {
    use std::arch::asm;

    /// Results that underflow are zero.
    pub(super) const FLUSH: u32 = 1 << 15;

    pub(super) fn word() -> u32 {
        let mut word = 0;
        // SAFETY: stores the four bytes of the control word, which every x86-64 processor has.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
        word
    }

    pub(super) fn set(word: u32) {
        // SAFETY: loads a word that `word` gave, but for `FLUSH`: no reserved bit, no exception that was masked. Rust's
        // model has no such mode: the compiler supposes that underflow is gradual. It never branches on that; what it may do is
        // compute a constant itself, or move an operation across this line, and so give a subnormal result where this
        // processor would have given zero, or the other way round. No memory is reached by, and no `unsafe` here rests on,
        // which of the two a number is. XLA, PyTorch and others live with the same.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack)) };
    }
}

/// Other processors lose little by subnormal numbers.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod control {
    pub(super) const FLUSH: u32 = 1;

    pub(super) fn word() -> u32 {
        0
    }

    pub(super) fn set(_: u32) {}
}

#[cfg(all(test, target_arch = "x86_64", not(miri)))]
mod tests {
    use super::*;
    use std::hint::black_box;

    fn halved() -> f32 {
        black_box(f32::MIN_POSITIVE) * black_box(0.5)
    }

    #[test]
    fn what_underflows_is_zero_until_the_guard_is_dropped() {
        assert!(halved() > 0.0);
        {
            let _flushed = Underflow::Flushed.enter();
            assert_eq!(halved(), 0.0);
            {
                let _gradual = Underflow::Gradual.enter();
                assert!(halved() > 0.0);
            }
            assert_eq!(halved(), 0.0);
        }
        assert!(halved() > 0.0);
    }

    #[test]
    fn a_panic_restores_it() {
        let result = std::panic::catch_unwind(|| {
            let _flushed = Underflow::Flushed.enter();
            panic!("out");
        });
        assert!(result.is_err());
        assert!(halved() > 0.0);
    }
}
