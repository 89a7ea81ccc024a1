//! A few values on the stack.

use std::mem::{MaybeUninit, needs_drop};
use std::ops::{Deref, DerefMut};
use std::slice;

/// At most `N` values one after the other. Making one writes nothing, however great `N` is.
pub(super) struct Few<T, const N: usize> {
    all: [MaybeUninit<T>; N],
    len: usize,
}

impl<T, const N: usize> Few<T, N> {
    /// None yet.
    #[inline(always)]
    pub(super) fn new() -> Few<T, N> {
        const { assert!(!needs_drop::<T>(), "nobody would drop them") };
        Few { all: [const { MaybeUninit::uninit() }; N], len: 0 }
    }

    /// One more.
    ///
    /// # Panics
    /// Where there are `N`.
    #[inline(always)]
    pub(super) fn push(&mut self, value: T) {
        self.all[self.len].write(value);
        self.len += 1;
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: so many were pushed.
        unsafe { slice::from_raw_parts(self.all.as_ptr().cast(), self.len) }
    }
}

impl<T, const N: usize> DerefMut for Few<T, N> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many were pushed.
        unsafe { slice::from_raw_parts_mut(self.all.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn there_are_as_many_as_were_pushed() {
        let mut few = Few::<_, 3>::new();
        assert!(few.is_empty());
        for (k, word) in ["a", "b", "c"].into_iter().enumerate() {
            few.push(word);
            assert_eq!(few.len(), k + 1);
        }
        few[1] = "z";
        assert_eq!(*few, ["a", "z", "c"]);
    }

    #[test]
    #[should_panic(expected = "index out of bounds")]
    fn there_are_no_more_than_fit() {
        let mut few = Few::<u8, 1>::new();
        few.push(1);
        few.push(2);
    }
}
