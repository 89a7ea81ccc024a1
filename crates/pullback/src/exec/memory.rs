//! Where a program's values lie while it runs.

use crate::array::{Array, DType, Data, Element, each_dtype};
use crate::exec::fetch::LINE;
use crate::exec::shared::Shared;
use std::sync::Arc;

/// Where a value lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// An argument of the call, by number.
    Input(usize),
    /// A value known since compilation, by number.
    Constant(usize),
    /// A buffer of the program, by number.
    Slot(usize),
    /// A buffer of the program that holds the rows of one wave of a stage, or parts of its folds, by number.
    Wave(usize),
    /// A buffer that each lane of a stage has for its block, by number.
    Local(usize),
    /// A buffer that each lane of a stage has for a part of its one row, by number.
    Inner(usize),
}

/// The arguments of a call and the buffers of a program. Buffers only grow: a later call with no more rows than an
/// earlier one allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) inputs: Vec<Arc<Array>>,
    pub(crate) constants: Vec<Arc<Array>>,
    slots: Vec<Slot>,
    /// The types of the buffers of a lane.
    locals: Vec<DType>,
    /// The buffers of each lane; stages run one after the other and share them.
    lanes: Vec<Vec<Slot>>,
}

/// A buffer, and where its elements begin: several threads write to parts of it at once, through that pointer alone.
///
/// They begin a line of the cache, for vectors that lie across two lines take twice as long to load, and longer to store.
/// What goes out as a result begins where its vector does, and so does what is written there from the next call on.
#[derive(Debug)]
struct Slot {
    data: Data,
    /// How many elements it has beyond those that are asked for, so that some element begins a line.
    spare: usize,
    /// Elements of `data` before the first.
    before: usize,
    start: *mut u8,
    len: usize,
}

// SAFETY: `start` points into `data`, which the slot owns; what crosses threads is the vector, of plain numbers.
unsafe impl Send for Slot {}
// SAFETY: elements are reached through a shared slot only by `Memory::read`, `Memory::write` and `Memory::shared`, whose
// callers keep what is written apart from what others read or write.
unsafe impl Sync for Slot {}

impl Slot {
    /// A buffer with nothing in it yet.
    fn new(dtype: DType) -> Slot {
        Slot { spare: LINE / dtype.size(), ..Slot::holding(Data::zeros(dtype, 0)) }
    }

    /// A buffer whose elements begin where those of `data` do.
    fn holding(data: Data) -> Slot {
        let mut slot = Slot { data, spare: 0, before: 0, start: std::ptr::null_mut(), len: 0 };
        slot.begin_after(0);
        slot
    }

    /// Lets its elements begin after so many of the vector's.
    fn begin_after(&mut self, before: usize) {
        each_dtype!(&mut self.data, v => {
            if before != self.before {
                let kept = self.len.min(v.len() - before);
                v.copy_within(self.before..self.before + kept, before);
            }
            (self.before, self.len) = (before, v.len() - before);
            self.start = v.as_mut_ptr().wrapping_add(before).cast();
        });
    }

    fn grow(&mut self, n: usize) {
        if self.len < n {
            self.data.resize(n + self.spare);
            self.begin_after(self.before_line());
        }
    }

    /// Elements of the vector before the first that begins a line, if it is to.
    fn before_line(&self) -> usize {
        let start = each_dtype!(&self.data, v => v.as_ptr().align_offset(LINE));
        start.min(self.spare)
    }

    /// The data alone.
    fn into_data(mut self, n: usize) -> Data {
        self.grow(n);
        self.len = n;
        self.begin_after(0);
        self.data.resize(n);
        self.data
    }

    /// The elements `at..at + n`, as a pointer to the first.
    #[inline]
    fn part<T: Element>(&self, at: usize, n: usize) -> *mut T {
        assert!(self.data.dtype() == T::DTYPE, "plan: a place holds the type of its value");
        assert!(at <= self.len && n <= self.len - at, "plan: elements {at}+{n} of {}", self.len);
        // SAFETY: inside the vector, as was just checked.
        unsafe { self.start.cast::<T>().add(at) }
    }
}

impl Memory {
    /// A new buffer; its number.
    pub(crate) fn add(&mut self, dtype: DType) -> usize {
        self.slots.push(Slot::new(dtype));
        self.slots.len() - 1
    }

    /// The type of a buffer's elements.
    pub(crate) fn dtype(&self, slot: usize) -> DType {
        self.slots[slot].data.dtype()
    }

    /// The buffer at a place that is one; for a lane's, in that lane.
    #[inline]
    fn slot(&self, place: Place, lane: usize) -> Option<&Slot> {
        match place {
            Place::Input(_) | Place::Constant(_) => None,
            Place::Slot(i) | Place::Wave(i) => Some(&self.slots[i]),
            Place::Local(i) | Place::Inner(i) => Some(&self.lanes[lane][i]),
        }
    }

    /// The elements `at..at + n` at a place.
    ///
    /// # Safety
    /// While the slice lives, nobody writes to those elements.
    #[inline]
    pub(crate) unsafe fn read<T: Element>(&self, place: Place, lane: usize, at: usize, n: usize) -> &[T] {
        let held = |a: &'_ Arc<Array>| -> *const T {
            let all = T::slice(a.data()).expect("plan: a place holds the type of its value");
            all[at..at + n].as_ptr()
        };
        let start = match place {
            Place::Input(i) => held(&self.inputs[i]),
            Place::Constant(i) => held(&self.constants[i]),
            Place::Slot(i) | Place::Wave(i) => self.slots[i].part::<T>(at, n).cast_const(),
            Place::Local(i) | Place::Inner(i) => self.lanes[lane][i].part::<T>(at, n).cast_const(),
        };
        // SAFETY: `n` elements that live as long as the memory, and are not written to by the caller's promise.
        unsafe { std::slice::from_raw_parts(start, n) }
    }

    /// The elements `at..at + n` of a buffer, to be written.
    ///
    /// # Safety
    /// While the slice lives, nobody else reads or writes those elements.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "that is its purpose; the caller keeps the parts apart")]
    pub(crate) unsafe fn write<T: Element>(&self, place: Place, lane: usize, at: usize, n: usize) -> &mut [T] {
        let slot = self.slot(place, lane).expect("plan: what is written is a buffer of the program");
        // SAFETY: `n` elements inside the slot's vector, not aliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(slot.part(at, n), n) }
    }

    /// The elements `at..at + n` of a buffer, of which several threads write their own.
    ///
    /// # Safety
    /// Nobody else reads or writes those elements while it lives, but through others like it.
    #[inline]
    pub(crate) unsafe fn shared<T: Element>(&self, place: Place, lane: usize, at: usize, n: usize) -> Shared<'_, T> {
        let slot = self.slot(place, lane).expect("plan: what is written is a buffer of the program");
        // SAFETY: `n` elements inside the slot's vector, which others reach only in the same way.
        unsafe { Shared::from_raw(slot.part(at, n), n) }
    }

    /// Makes room for `n` elements in a slot.
    #[inline]
    pub(crate) fn reserve(&mut self, slot: usize, n: usize) {
        self.slots[slot].grow(n);
    }

    /// A new buffer of every lane; its number.
    pub(crate) fn add_local(&mut self, dtype: DType) -> usize {
        self.locals.push(dtype);
        self.locals.len() - 1
    }

    /// The type of a lanes' buffer's elements.
    pub(crate) fn local_dtype(&self, local: usize) -> DType {
        self.locals[local]
    }

    /// Makes room in a buffer of each of so many lanes.
    pub(crate) fn reserve_local(&mut self, lanes: usize, local: usize, n: usize) {
        let all = &self.locals;
        let lane = || all.iter().map(|&dtype| Slot::new(dtype)).collect();
        if self.lanes.len() < lanes {
            self.lanes.resize_with(lanes, lane);
        }
        self.lanes[..lanes].iter_mut().for_each(|lane| lane[local].grow(n));
    }

    /// A copy of the first `n` elements at a place.
    pub(crate) fn first(&self, place: Place, n: usize) -> Data {
        match place {
            Place::Input(i) => self.inputs[i].data().first(n),
            Place::Constant(i) => self.constants[i].data().first(n),
            _ => {
                let slot = self.slot(place, 0).expect("plan: a place of the program");
                slot.data.part(slot.before, n)
            }
        }
    }

    /// Whether a slot has given its data away.
    pub(crate) fn is_empty(&self, slot: usize) -> bool {
        self.slots[slot].data.is_empty()
    }

    /// Takes the first `n` elements out of a slot, which is empty then.
    pub(crate) fn take(&mut self, slot: usize, n: usize) -> Data {
        let empty = Slot::holding(Data::zeros(self.dtype(slot), 0));
        std::mem::replace(&mut self.slots[slot], empty).into_data(n)
    }

    /// Gives a slot the data that it holds from now on.
    pub(crate) fn put(&mut self, slot: usize, data: Data) {
        self.slots[slot] = Slot::holding(data);
    }

    /// Bytes that the buffers hold.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.iter().chain(self.lanes.iter().flatten()).map(|s| s.data.capacity_bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_a_line_keeps_what_it_holds_and_gives_it_away_whole() {
        fn check<T: Element + PartialEq + std::fmt::Debug>(number: impl Fn(usize) -> T) {
            let mut memory = Memory::default();
            let (slot, local) = (memory.add(T::DTYPE), memory.add_local(T::DTYPE));
            let wanted = |n: usize| (0..n).map(&number).collect::<Vec<T>>();
            for (before, n) in [(0, 1), (1, 7), (7, 1000), (1000, 100_000)] {
                memory.reserve(slot, n);
                memory.reserve_local(2, local, n);
                for (place, lane) in [(Place::Slot(slot), 0), (Place::Local(local), 0), (Place::Local(local), 1)] {
                    // SAFETY: nobody else holds a part of the memory.
                    let all = unsafe { memory.write::<T>(place, lane, 0, n) };
                    assert!(all.as_ptr().addr().is_multiple_of(LINE), "{place:?} of {n}");
                    assert!(all[..before] == wanted(before), "{place:?}: what was there when it grew to {n}");
                    all.clone_from_slice(&wanted(n));
                }
                let first = memory.first(Place::Slot(slot), n);
                assert_eq!(T::slice(&first).expect("the type of the buffer"), wanted(n));
            }
            let data = memory.take(slot, 100_000);
            assert_eq!(T::slice(&data).expect("the type of the buffer"), wanted(100_000));
            assert!(memory.is_empty(slot));
            memory.put(slot, data);
            // SAFETY: as above.
            assert_eq!(unsafe { memory.read::<T>(Place::Slot(slot), 0, 0, 100_000) }, wanted(100_000));
            // What was given is kept as it lies when there is to be more, and fewer or more may be taken.
            memory.reserve(slot, 100_001);
            // SAFETY: as above.
            assert_eq!(unsafe { memory.read::<T>(Place::Slot(slot), 0, 0, 100_000) }, wanted(100_000));
            assert_eq!(T::slice(&memory.take(slot, 10)).expect("the type of the buffer"), wanted(10));
            assert_eq!(memory.take(slot, 3).len(), 3);
            let other = memory.add(T::DTYPE);
            memory.reserve(other, 5);
            // SAFETY: as above.
            unsafe { memory.write::<T>(Place::Slot(other), 0, 0, 5) }.clone_from_slice(&wanted(5));
            assert_eq!(T::slice(&memory.take(other, 900)).expect("the type of the buffer")[..5], wanted(5));
        }
        check(|i| i as f32);
        check(|i| i as f64);
        check(|i| i as u32);
        check(|i| i % 3 == 0);
    }
}
