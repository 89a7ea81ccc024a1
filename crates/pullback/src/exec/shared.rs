//! A slice that several threads write to, each its own part.

use std::marker::PhantomData;

/// A slice lent to many tasks at once; each asks for ranges that no other asks for.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    lent: PhantomData<&'a mut [T]>,
}

// SAFETY: the only access is `range` and `read`, whose callers promise that no two threads hold ranges that overlap, unless
// both only read; what is sent between threads is then like distinct `&mut [T]`, which `T: Send` allows.
unsafe impl<T: Send + Sync> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Lends a slice.
    pub(crate) fn new(slice: &'a mut [T]) -> Shared<'a, T> {
        Shared { start: slice.as_mut_ptr(), len: slice.len(), lent: PhantomData }
    }

    /// Lends elements that lie one after the other.
    ///
    /// # Safety
    /// There are so many at `start` for as long as this lives, and they are reached only through what lends them too.
    pub(crate) unsafe fn from_raw(start: *mut T, len: usize) -> Shared<'a, T> {
        Shared { start, len, lent: PhantomData }
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> *mut T {
        self.start
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// No other range that overlaps this one is alive.
    ///
    /// # Panics
    /// Where the range leaves the slice.
    #[allow(clippy::mut_from_ref, reason = "that is its purpose; the caller keeps the parts apart")]
    pub(crate) unsafe fn range(&self, at: usize, n: usize) -> &mut [T] {
        assert!(at <= self.len && n <= self.len - at, "shared: {at}+{n} of {}", self.len);
        // SAFETY: inside the slice that was lent for 'a, and by the caller's promise not aliased.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), n) }
    }

    /// A part of the slice, to be read.
    ///
    /// # Safety
    /// While it lives, nobody writes to it.
    ///
    /// # Panics
    /// Where the range leaves the slice.
    pub(crate) unsafe fn read(&self, at: usize, n: usize) -> &[T] {
        assert!(at <= self.len && n <= self.len - at, "shared: {at}+{n} of {}", self.len);
        // SAFETY: inside the slice that was lent for 'a, and by the caller's promise not written to.
        unsafe { std::slice::from_raw_parts(self.start.add(at), n) }
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;

    #[test]
    fn threads_write_their_own_parts() {
        let mut v = vec![0usize; 1000];
        let shared = Shared::new(&mut v);
        std::thread::scope(|s| {
            for k in 0..4 {
                let shared = &shared;
                // SAFETY: the four ranges are disjoint.
                s.spawn(move || unsafe { shared.range(k * 250, 250) }.fill(k));
            }
        });
        assert!(v.iter().enumerate().all(|(i, &x)| x == i / 250));
    }
}
