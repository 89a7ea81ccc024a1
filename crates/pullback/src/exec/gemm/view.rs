//! Strided matrices in borrowed memory, the operands of [`gemm`](super::gemm).

use std::ops::Range;

/// A matrix in somebody else's memory: element `(i, j)` is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    pub(super) data: &'a [T],
    pub(super) shape: Shape,
}

/// A matrix in somebody else's memory, to be written; no two elements share a place.
#[derive(Debug)]
pub struct ViewMut<'a, T> {
    pub(super) data: &'a mut [T],
    pub(super) shape: Shape,
}

/// Where the elements of a matrix are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl Shape {
    fn new(what: &str, len: usize, rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Shape {
        let span = |n: usize, stride: usize| n.saturating_sub(1).checked_mul(stride);
        let last = span(rows, row_stride).zip(span(cols, col_stride)).and_then(|(r, c)| r.checked_add(c));
        assert!(
            rows == 0 || cols == 0 || last.is_some_and(|last| last < len),
            "{what}: a {rows} x {cols} matrix with strides {row_stride} and {col_stride} needs more than {len} elements"
        );
        Shape { rows, cols, row_stride, col_stride }
    }

    fn t(self) -> Shape {
        Shape { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride }
    }

    /// Whether no two elements share a place (sufficient: one stride steps over all of the other dimension).
    fn is_injective(self) -> bool {
        let Shape { rows, cols, row_stride, col_stride } = self;
        let steps_over = |n: usize, stride: usize, inner: usize, inner_stride: usize| {
            n <= 1 || ((inner <= 1 || inner_stride > 0) && stride > inner.saturating_sub(1) * inner_stride)
        };
        rows == 0
            || cols == 0
            || (steps_over(rows, row_stride, cols, col_stride) && (cols <= 1 || col_stride > 0))
            || (steps_over(cols, col_stride, rows, row_stride) && (rows <= 1 || row_stride > 0))
    }
}

impl<'a, T> View<'a, T> {
    /// # Panics
    /// When an element lies outside `data`.
    pub fn new(data: &'a [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        View { data, shape: Shape::new("View", data.len(), rows, cols, row_stride, col_stride) }
    }

    /// Rows one after the other.
    ///
    /// # Panics
    /// When an element lies outside `data`.
    #[cfg(test)]
    pub fn row_major(data: &'a [T], rows: usize, cols: usize) -> Self {
        View::new(data, rows, cols, cols, 1)
    }

    /// Some of its columns.
    pub(super) fn columns(self, columns: Range<usize>) -> Self {
        let shape = Shape { cols: columns.len(), ..self.shape };
        View { data: &self.data[columns.start * shape.col_stride..], shape }
    }

    /// The transpose, of the same memory.
    #[must_use]
    pub fn t(self) -> Self {
        View { shape: self.shape.t(), ..self }
    }
}

impl<'a, T> ViewMut<'a, T> {
    /// # Panics
    /// When an element lies outside `data` or two share a place.
    pub fn new(data: &'a mut [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        let shape = Shape::new("ViewMut", data.len(), rows, cols, row_stride, col_stride);
        assert!(shape.is_injective(), "ViewMut: elements of {shape:?} overlap");
        ViewMut { data, shape }
    }

    /// Rows one after the other.
    ///
    /// # Panics
    /// When an element lies outside `data`.
    pub fn row_major(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        ViewMut::new(data, rows, cols, cols, 1)
    }

    /// Whether rows come one after the other, without gaps.
    pub(super) fn is_whole(&self) -> bool {
        self.shape.col_stride == 1 && self.shape.row_stride == self.shape.cols
    }

    /// The transpose, of the same memory.
    #[must_use]
    pub fn t(self) -> Self {
        ViewMut { shape: self.shape.t(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "View: a 2 x 3 matrix with strides 3 and 1 needs more than 5 elements")]
    fn view_out_of_bounds() {
        View::row_major(&[0.0; 5], 2, 3);
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn overlapping_result() {
        ViewMut::new(&mut [0.0; 9], 3, 3, 1, 2);
    }
}
