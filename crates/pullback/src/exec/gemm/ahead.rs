//! What is packed next of a right operand, asked of memory while tiles are multiplied.
//!
//! What sums over many rows read was written long before, and comes from the third cache or from memory. A core that packs
//! it has nothing else to do meanwhile; one that multiplies has.

use super::view::View;
use crate::exec::fetch::{LINE, fetch};
use std::ops::Range;

/// Most lines that are asked for at once, as many as were best on a Zen 3; what is beyond is not asked for.
const MOST: usize = 16;

/// A part of a matrix whose rows are contiguous, line by line, in the order of memory. Where its rows begin within a
/// line, the last line of a row may be left out.
pub struct Ahead<'a, T> {
    from: View<'a, T>,
    rows: Range<usize>,
    columns: Range<usize>,
    /// Where in its first row it is.
    column: usize,
    /// Lines for each time that it is asked.
    each: usize,
}

impl<'a, T> Ahead<'a, T> {
    /// Some columns of some rows, to be asked for in so many times if that is not too much at once.
    pub fn new(from: View<'a, T>, rows: Range<usize>, columns: Range<usize>, times: usize) -> Ahead<'a, T> {
        let lines = rows.len() * columns.len().div_ceil(Self::step());
        Ahead { from, rows, column: columns.start, columns, each: lines.div_ceil(times.max(1)).min(MOST) }
    }

    /// Elements of a line.
    fn step() -> usize {
        LINE / size_of::<T>()
    }

    /// The row and the column of the next line.
    fn next(&mut self) -> Option<(usize, usize)> {
        let at = (!self.rows.is_empty()).then_some((self.rows.start, self.column))?;
        self.column += Self::step();
        if self.column >= self.columns.end {
            self.column = self.columns.start;
            self.rows.start += 1;
        }
        Some(at)
    }

    /// Asks for the next lines.
    #[inline]
    pub fn ask(&mut self) {
        for _ in 0..self.each {
            let Some((row, column)) = self.next() else { return };
            fetch(self.from.data.as_ptr().wrapping_add(row * self.from.shape.row_stride + column));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_asked_for_once_and_not_too_many_at_once() {
        let data = [0.0f32; 4 * 100];
        let view = || View::new(&data, 4, 100, 100, 1);
        let all = |mut ahead: Ahead<'_, f32>| std::iter::from_fn(move || ahead.next()).collect::<Vec<_>>();
        assert_eq!(all(Ahead::new(view(), 1..3, 20..60, 1)), [(1, 20), (1, 36), (1, 52), (2, 20), (2, 36), (2, 52)]);
        assert_eq!(all(Ahead::new(view(), 2..2, 20..60, 1)), []);
        assert_eq!(Ahead::new(view(), 0..4, 0..100, 10).each, 3);
        assert_eq!(Ahead::new(view(), 0..4, 0..100, 0).each, MOST);
        let mut some = Ahead::new(view(), 0..4, 0..100, 10);
        some.ask();
        assert_eq!(some.next(), Some((0, 48)));
        (0..20).for_each(|_| some.ask());
        assert_eq!(some.next(), None);
    }
}
