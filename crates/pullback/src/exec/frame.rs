//! Where the numbers of a chain lie while its tiles go through it: registers, operands, results, numbers it is written with.
//!
//! Each place has a number, and an instruction names those of its operands: where they are was decided for the tile. Chains of
//! many operations on few numbers are run too often for decisions in each.

use crate::exec::lanes::{ALIKE, Lane, Run, TILE};
use std::slice;

/// Numbers of a register beyond a tile, so that near registers do not lie whole pages apart, where a load waits for every
/// store to the same place in its page: an odd number of lines of the cache, of two of f64.
const SPARE: usize = 144;

const _: () = assert!(size_of::<Register<f32>>() / 64 % 2 == 1 && ALIKE <= TILE);

/// A tile of numbers, from the boundary of a vector on.
#[repr(C, align(64))]
struct Register<T>([T; TILE + SPARE]);

/// Where numbers lie: one for each of a tile, or the first of [`ALIKE`] that stand for all.
#[derive(Clone, Copy)]
struct Spot<T> {
    at: *mut T,
    mask: usize,
}

/// The registers of a thread, and the places of a chain: each in the register of its number, or told to be elsewhere.
pub(crate) struct Frame<T> {
    registers: Vec<Register<T>>,
    spots: Vec<Spot<T>>,
}

impl<T: Lane> Frame<T> {
    pub(super) const fn new() -> Frame<T> {
        Frame { registers: Vec::new(), spots: Vec::new() }
    }

    /// So many places, each in its register.
    pub(super) fn begin(&mut self, places: usize) {
        while self.registers.len() < places {
            self.registers.push(Register([T::ZERO; TILE + SPARE]));
        }
        let first = self.registers.as_mut_ptr();
        self.spots.clear();
        // SAFETY: there are so many registers.
        self.spots.extend((0..places).map(|place| Spot { at: unsafe { first.add(place) }.cast(), mask: usize::MAX }));
    }

    /// The register of a place.
    #[inline(always)]
    fn register(&mut self, place: usize) -> *mut T {
        assert!(place < self.registers.len(), "frame: no register {place}");
        // SAFETY: it is one of the registers, as was just checked.
        unsafe { self.registers.as_mut_ptr().add(place) }.cast()
    }

    /// A place that is the same number everywhere.
    #[inline(always)]
    pub(super) fn set_alike(&mut self, place: usize, x: T) {
        let at = self.register(place);
        self.spots[place] = Spot { at, mask: 0 };
        // SAFETY: a register has more numbers, and nobody else has it.
        unsafe { at.cast::<[T; ALIKE]>().write([x; ALIKE]) };
    }

    /// A place in its register, whose first `n` numbers are to be laid out now.
    #[inline(always)]
    pub(super) fn lay_out(&mut self, place: usize, n: usize) -> &mut [T] {
        assert!(n <= TILE, "frame: {n} numbers in a register");
        self.set_in_register(place);
        // SAFETY: a register has so many numbers; the frame, which alone has it, is borrowed.
        unsafe { slice::from_raw_parts_mut(self.spots[place].at, n) }
    }

    /// A place in its register.
    #[inline(always)]
    pub(super) fn set_in_register(&mut self, place: usize) {
        self.spots[place] = Spot { at: self.register(place), mask: usize::MAX };
    }

    /// A place in memory.
    #[inline(always)]
    pub(super) fn set_in_memory(&mut self, place: usize, at: *mut T) {
        self.spots[place] = Spot { at, mask: usize::MAX };
    }

    /// The first `n` numbers of a place, or those that stand for all.
    ///
    /// # Safety
    /// There are so many, and nobody writes to them meanwhile.
    #[inline(always)]
    pub(super) unsafe fn read(&self, place: usize, n: usize) -> Run<'_, T> {
        let Spot { at, mask } = self.spots[place];
        // SAFETY: passed on; where one number is the same everywhere, `ALIKE` of it were written.
        unsafe { Run::from_raw(at, n, mask) }
    }

    /// The first `n` numbers of a place, to be written.
    ///
    /// # Safety
    /// There are so many, not the same everywhere, and nobody else reads or writes them meanwhile.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "places lie apart; the caller keeps to those")]
    pub(super) unsafe fn write(&self, place: usize, n: usize) -> &mut [T] {
        // SAFETY: passed on.
        unsafe { slice::from_raw_parts_mut(self.spots[place].at, n) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::lanes::point;
    use crate::lowering::PointOp;

    #[test]
    fn a_place_is_where_it_was_told_to_be() {
        let mut frame = Frame::<f32>::new();
        let memory: Vec<f32> = (0..32).map(|i| i as f32).collect();
        // More places than before: the registers move.
        for places in [3, 5, 4] {
            frame.begin(places);
            frame.lay_out(0, 32).fill(1.5);
            frame.set_alike(1, 2.5);
            frame.set_in_memory(2, memory.as_ptr().cast_mut());
            let sum = |frame: &Frame<f32>, to: usize, from: [usize; 2]| {
                // SAFETY: every place has 32 numbers or is the same everywhere, and the result has a register of its own.
                let ([a, b], to) = unsafe { (from.map(|place| frame.read(place, 32)), frame.write(to, 32)) };
                point::<f32, false>(PointOp::Add, to, [a, b, b]);
                to.to_vec()
            };
            if places > 3 {
                let want: Vec<f32> = memory.iter().map(|x| x + 1.5).collect();
                assert_eq!(sum(&frame, 3, [0, 2]), want);
                assert_eq!(sum(&frame, 0, [1, 3]), want.iter().map(|x| x + 2.5).collect::<Vec<_>>());
                // Back in its own register, which the memory is not.
                frame.set_in_register(2);
                assert_eq!(sum(&frame, 2, [1, 1]), [5.0; 32]);
                assert_eq!(sum(&frame, 0, [1, 2]), [7.5; 32]);
                assert_eq!(memory[31], 31.0);
            }
            assert!((0..places).all(|place| frame.spots[place].at.align_offset(64) == 0 || place == 2));
        }
    }

    #[test]
    #[should_panic(expected = "frame: no register 3")]
    fn there_are_as_many_registers_as_places() {
        let mut frame = Frame::<f64>::new();
        frame.begin(3);
        frame.set_alike(3, 1.0);
    }
}
