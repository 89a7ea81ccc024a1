//! Columns of a row of a register tile: some vectors, or some and a half.

#[cfg(target_arch = "x86_64")]
use super::vector::Halves;
use super::vector::Lanes;

/// So many columns of a row, in the registers of some vectors.
///
/// # Safety
/// As for [`Lanes`].
pub trait Across: Copy {
    type T: Copy + std::ops::Add<Output = Self::T>;
    /// A number in every place.
    type Same: Copy;
    const COLUMNS: usize;
    /// Columns of whole vectors.
    const WHOLE: usize;
    unsafe fn zero() -> Self;
    unsafe fn load(from: *const Self::T) -> Self;
    unsafe fn same(from: *const Self::T) -> Self::Same;
    unsafe fn mul_add(self, by: Self::Same, plus: Self) -> Self;
    /// Stores it, or what it makes with what is there.
    unsafe fn put(self, to: *mut Self::T, accumulate: bool);
    /// Begins to bring what lies there into the nearest cache.
    unsafe fn fetch(from: *const Self::T);
}

impl<L: Lanes, const V: usize> Across for [L; V] {
    type T = L::T;
    type Same = L;
    const COLUMNS: usize = V * L::N;
    const WHOLE: usize = V * L::N;

    // SAFETY (all): the contract of the trait.
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { [L::zero(); V] }
    }

    #[inline(always)]
    unsafe fn load(from: *const L::T) -> Self {
        unsafe {
            let mut all = [L::zero(); V];
            for (v, x) in all.iter_mut().enumerate() {
                *x = L::load(from.add(v * L::N));
            }
            all
        }
    }

    #[inline(always)]
    unsafe fn same(from: *const L::T) -> L {
        unsafe { L::same(from) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: L, mut plus: Self) -> Self {
        for (plus, x) in plus.iter_mut().zip(self) {
            unsafe { *plus = by.mul_add(x, *plus) };
        }
        plus
    }

    #[inline(always)]
    unsafe fn put(self, to: *mut L::T, accumulate: bool) {
        for (v, x) in self.into_iter().enumerate() {
            unsafe { x.put(to.add(v * L::N), accumulate) };
        }
    }

    #[inline(always)]
    unsafe fn fetch(from: *const L::T) {
        (0..V).for_each(|v| unsafe { L::fetch(from.wrapping_add(v * L::N)) });
    }
}

/// Some vectors and half of another: 200 columns are twelve vectors of sixteen and a half.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct AndHalf<L: Halves, const V: usize>([L; V], L::Half);

#[cfg(target_arch = "x86_64")]
impl<L: Halves, const V: usize> Across for AndHalf<L, V> {
    type T = L::T;
    type Same = L;
    const COLUMNS: usize = V * L::N + L::N / 2;
    const WHOLE: usize = (V + 1) * L::N;

    // SAFETY (all): the contract of the trait.
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { AndHalf(<[L; V]>::zero(), L::Half::zero()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const L::T) -> Self {
        unsafe { AndHalf(<[L; V]>::load(from), L::Half::load(from.add(V * L::N))) }
    }

    #[inline(always)]
    unsafe fn same(from: *const L::T) -> L {
        unsafe { L::same(from) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: L, plus: Self) -> Self {
        unsafe { AndHalf(self.0.mul_add(by, plus.0), by.low().mul_add(self.1, plus.1)) }
    }

    #[inline(always)]
    unsafe fn put(self, to: *mut L::T, accumulate: bool) {
        unsafe {
            self.0.put(to, accumulate);
            self.1.put(to.add(V * L::N), accumulate);
        }
    }

    #[inline(always)]
    unsafe fn fetch(from: *const L::T) {
        unsafe {
            <[L; V]>::fetch(from);
            L::fetch(from.wrapping_add(V * L::N));
        }
    }
}
