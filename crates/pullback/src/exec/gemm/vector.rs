//! Vectors of x86-64 and AArch64 under one name, for the register tiles.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub use x86::Halves;

/// A vector of `N` elements of type `T`.
///
/// # Safety
/// Every method needs the instruction set of the vector; pointers must allow the access.
pub trait Lanes: Copy {
    type T: Copy + std::ops::Add<Output = Self::T>;
    const N: usize;
    /// How many such vectors the machine has names for.
    const REGISTERS: usize;
    unsafe fn zero() -> Self;
    unsafe fn load(from: *const Self::T) -> Self;
    unsafe fn store(self, to: *mut Self::T);
    /// Stores it, or its sum with what is there.
    #[inline(always)]
    unsafe fn put(self, to: *mut Self::T, accumulate: bool) {
        // SAFETY: passed on.
        unsafe { if accumulate { Self::load(to).add(self).store(to) } else { self.store(to) } }
    }
    /// Begins to bring what lies there into the nearest cache.
    unsafe fn fetch(from: *const Self::T);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul_add(self, by: Self, plus: Self) -> Self;
    /// One element in every place.
    unsafe fn same(from: *const Self::T) -> Self;
    /// The first `n` places, fewer than a vector has; zero in the others.
    unsafe fn begin(from: *const Self::T, n: usize) -> Self;
    /// Sums of lanes of `self` and of `other`, half as many of each number of which both hold some parts. `OF` is of how many
    /// numbers: 1, then what two of those make, and so on; with as many as lanes each lane is the sum of one number, in
    /// their order.
    unsafe fn fold<const OF: usize>(self, other: Self) -> Self;
}

macro_rules! lanes {
    ($vector:ident, $t:ident, $n:literal of $registers:literal, $zero:ident, $load:ident, $store:ident, $add:ident, $mul_add:ident,
     same($from:ident) $same:expr, begin($begins:ident, $count:ident) $begin:expr, fold($a:ident, $b:ident) { $($of:pat => $fold:expr,)* }) => {
        impl $crate::exec::gemm::vector::Lanes for $vector {
            type T = $t;
            const N: usize = $n;
            const REGISTERS: usize = $registers;
            // SAFETY (all): the contract of the trait.
            #[inline(always)]
            unsafe fn zero() -> Self {
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn fetch(from: *const $t) {
                $crate::exec::fetch::fetch_near(from)
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, by: Self, plus: Self) -> Self {
                unsafe { $mul_add(self, by, plus) }
            }
            #[inline(always)]
            unsafe fn same($from: *const $t) -> Self {
                unsafe { $same }
            }
            #[inline(always)]
            unsafe fn begin($begins: *const $t, $count: usize) -> Self {
                unsafe { $begin }
            }
            #[inline(always)]
            unsafe fn fold<const OF: usize>(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                unsafe { match OF { $($of => $fold,)* } }
            }
        }
    };
}
use lanes;
