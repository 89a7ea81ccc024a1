//! Matrix products. The one file that names the GEMM crate.
//!
//! [`gemm`] computes `C = A B` or `C += A B` for strided `f32` and `f64` matrices. It takes one of four ways, chosen from the shape and
//! the strides alone; so is the partition into blocks. Threads only take blocks, so the result is the same to the bit
//! for any number of them.
//!
//! | way | when | how |
//! |---|---|---|
//! | narrow | C has few columns, rows of A are contiguous | own kernel, see [`tile`](super::tile) |
//! | wide | K is small, C has a multiple of the vector length of columns | own kernel |
//! | turned | C has few columns, columns of A are contiguous | faer computes the transpose of C into scratch memory |
//! | direct | otherwise | faer |

use std::cell::Cell;
use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::pool::Pool;
use super::tile::{self, Isa, Product, Tile};
use super::view::Shape;
pub use super::view::{View, ViewMut};

/// Element types that [`gemm`] takes: `f32` and `f64`.
pub trait Gemm: sealed::Element {}
impl Gemm for f32 {}
impl Gemm for f64 {}

mod sealed {
    use super::{Cell, Tile};

    pub trait Element:
        Tile + faer::traits::ComplexField + std::ops::Add<Output = Self> + Default + Send + Sync + 'static
    {
        const ONE: Self;
        /// This thread's scratch memory, taken while in use and put back afterwards.
        fn scratch() -> &'static std::thread::LocalKey<Cell<Vec<Self>>>;
    }

    macro_rules! element {
        ($($t:ident)*) => {$(
            impl Element for $t {
                const ONE: $t = 1.0;
                fn scratch() -> &'static std::thread::LocalKey<Cell<Vec<$t>>> {
                    thread_local! { static SCRATCH: Cell<Vec<$t>> = const { Cell::new(Vec::new()) } }
                    &SCRATCH
                }
            }
        )*};
    }
    element!(f32 f64);
}

/// Calls `f` with `len` elements of scratch memory of unspecified content. Memory is allocated only when a thread asks
/// for more than ever before.
fn with_scratch<T: Gemm, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    let mut memory = T::scratch().take();
    if memory.len() < len {
        memory.resize(len, T::default());
    }
    let result = f(&mut memory[..len]);
    T::scratch().set(memory);
    result
}

/// `C = A B`, or `C += A B` when `accumulate`; `C = 0` (or unchanged) when A has no columns.
///
/// The result does not depend on the number of threads, to the bit. It does on the machine's instruction set.
///
/// # Panics
/// When the shapes do not fit together.
pub fn gemm<T: Gemm>(pool: &Pool, c: ViewMut<'_, T>, a: View<'_, T>, b: View<'_, T>, accumulate: bool) {
    gemm_on(Isa::best(), pool, c, a, b, accumulate);
}

fn gemm_on<T: Gemm>(isa: Isa, pool: &Pool, c: ViewMut<'_, T>, a: View<'_, T>, b: View<'_, T>, accumulate: bool) {
    let (m, k, n) = (c.shape.rows, a.shape.cols, c.shape.cols);
    assert!(
        a.shape.rows == m && b.shape.rows == k && b.shape.cols == n,
        "gemm: shapes do not fit: [{m}, {n}] = [{}, {k}] · [{}, {}]",
        a.shape.rows,
        b.shape.rows,
        b.shape.cols
    );
    if m == 0 || n == 0 {
        return;
    }
    // C = A B and Cᵀ = Bᵀ Aᵀ are the same problem. Take the one whose C has contiguous rows; a vector has both.
    let rows_contiguous = c.shape.col_stride == 1 || n == 1;
    let cols_contiguous = c.shape.row_stride == 1 || m == 1;
    let turn = if rows_contiguous && cols_contiguous {
        if n == 1 { a.shape.col_stride != 1 } else { b.shape.row_stride == 1 && b.shape.col_stride != 1 }
    } else {
        !rows_contiguous
    };
    let (c, a, b) = if turn { (c.t(), b.t(), a.t()) } else { (c, a, b) };
    let task =
        Task { isa, accumulate, m: a.shape.rows, k, n: b.shape.cols, a, b, c: c.shape, out: c.data.as_mut_ptr() };
    task.run(pool);
}

/// One product: the operands, and C as a pointer, so that several threads can write to their blocks of it.
struct Task<'a, T> {
    isa: Isa,
    accumulate: bool,
    m: usize,
    k: usize,
    n: usize,
    a: View<'a, T>,
    b: View<'a, T>,
    c: Shape,
    out: *mut T,
}

// SAFETY: `out` is the only field that is not `Sync` already. Through it, blocks that run on different threads write
// to disjoint elements of C.
unsafe impl<T: Send + Sync> Sync for Task<'_, T> {}

/// The way a product takes; see the [module](self) page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Narrow,
    Wide,
    Turned,
    Direct,
}

/// Fewest multiply-adds for which a second thread pays.
const PARALLEL: usize = 131_072;

impl<T: Gemm> Task<'_, T> {
    /// Whether this is work enough for several threads.
    fn pays(&self) -> bool {
        self.m.saturating_mul(self.n).saturating_mul(self.k) >= PARALLEL
    }

    fn lanes(&self) -> usize {
        self.isa.lanes(size_of::<T>())
    }

    /// The way for this shape and these strides.
    fn way(&self) -> Way {
        let lanes = self.lanes();
        if self.isa == Isa::Plain || self.k == 0 || (self.c.col_stride != 1 && self.n > 1) {
            return Way::Direct;
        }
        let rows_of_a = self.a.shape.col_stride == 1 || self.k == 1;
        if self.n < 2 * lanes && (rows_of_a || self.n == lanes) {
            Way::Narrow
        } else if self.n.is_multiple_of(lanes) && (self.k <= 16 || self.m <= 16) {
            Way::Wide
        } else if self.n < 2 * lanes && self.m >= 2 * self.n {
            Way::Turned
        } else {
            Way::Direct
        }
    }

    fn run(&self, pool: &Pool) {
        match self.way() {
            Way::Narrow => self.narrow(pool),
            Way::Wide => self.wide(pool),
            Way::Turned => self.turned(pool),
            Way::Direct => self.direct(pool),
        }
    }

    /// Cuts C into blocks of `rows` by `cols` and runs them, on the pool where that pays. The last column of blocks
    /// takes what is left over when that is less than half a block, so it may be wider.
    fn blocks(&self, pool: &Pool, (rows, cols): (usize, usize), block: impl Fn(Range<usize>, Range<usize>) + Sync) {
        let across = ((self.n + cols / 2) / cols).max(1);
        let call = |i: usize| {
            let (row, col) = (i / across * rows, i % across * cols);
            let end = if i % across + 1 == across { self.n } else { col + cols };
            block(row..self.m.min(row + rows), col..end);
        };
        let n_blocks = self.m.div_ceil(rows) * across;
        if self.pays() { pool.run(n_blocks, &call) } else { (0..n_blocks).for_each(call) }
    }

    /// Columns `cols` of this product for the own kernels; W as the kernel wants it.
    fn product(&self, w: *const T, w_row: usize, cols: Range<usize>) -> Product<T> {
        Product {
            m: self.m,
            n: cols.len(),
            k: self.k,
            a: self.a.data.as_ptr(),
            a_row: self.a.shape.row_stride,
            a_col: self.a.shape.col_stride,
            w,
            w_row,
            c: self.out.wrapping_add(cols.start),
            c_row: self.c.row_stride,
            accumulate: self.accumulate,
        }
    }

    fn narrow(&self, pool: &Pool) {
        let lanes = self.lanes();
        let in_place = self.n == lanes && self.b.shape.col_stride == 1;
        // Panels of W, `lanes` columns each, one after the other.
        let panel = self.k * lanes;
        let panels = || (0..self.n).step_by(lanes).map(|start| start..self.n.min(start + lanes)).enumerate();
        with_scratch(if in_place { 0 } else { self.n.div_ceil(lanes) * panel }, |packed: &mut [T]| {
            if !in_place {
                for (i, cols) in panels() {
                    let Shape { row_stride, col_stride, .. } = self.b.shape;
                    let b = self.b.data.as_ptr().wrapping_add(cols.start * col_stride);
                    // SAFETY: `pack` asks for rows below `k` and columns below `cols.len()`, elements of B.
                    let at = |row, col| unsafe { *b.add(row * row_stride + col * col_stride) };
                    tile::pack(&mut packed[i * panel..], T::default(), (lanes, self.k, cols.len()), at);
                }
            }
            let packed = &*packed;
            self.blocks(pool, (32, self.n), |rows, _| {
                for (i, cols) in panels() {
                    let product = if in_place {
                        self.product(self.b.data.as_ptr(), self.b.shape.row_stride, cols)
                    } else {
                        self.product(packed[i * panel..].as_ptr(), lanes, cols)
                    };
                    // SAFETY: `way` has seen to contiguous rows of C, and of A or a full panel; `View` and `ViewMut`
                    // have checked the bounds, and blocks have different rows. `isa` comes from `Isa::all`.
                    unsafe { T::narrow(self.isa, &product, rows.clone()) };
                }
            });
        });
    }

    fn wide(&self, pool: &Pool) {
        let in_place = self.b.shape.col_stride == 1;
        with_scratch(if in_place { 0 } else { self.k * self.n }, |packed: &mut [T]| {
            for (row, packed) in packed.chunks_exact_mut(self.n).enumerate() {
                let b = self.b.data[row * self.b.shape.row_stride..].iter().step_by(self.b.shape.col_stride);
                packed.iter_mut().zip(b).for_each(|(slot, &x)| *slot = x);
            }
            let packed = &*packed;
            let block = if self.m > 24 { (24, self.n) } else { (self.m, 4 * self.lanes()) };
            self.blocks(pool, block, |rows, cols| {
                let (w, w_row) = if in_place { (self.b.data, self.b.shape.row_stride) } else { (packed, self.n) };
                let product = self.product(w.as_ptr().wrapping_add(cols.start), w_row, cols);
                // SAFETY: `way` has seen to contiguous rows of C and whole vectors of columns (of which blocks have
                // whole ones, too); W has contiguous rows; bounds, blocks and `isa` as in `narrow`.
                unsafe { T::wide(self.isa, &product, rows) };
            });
        });
    }

    fn turned(&self, pool: &Pool) {
        // A block of rows of C is a block of columns of its transpose; each block keeps its part of that together.
        let height = if self.pays() { 64 } else { self.m };
        with_scratch(self.m * self.n, |scratch: &mut [T]| {
            pool.for_chunks(scratch, height * self.n, |i, part| {
                let rows = i * height..self.m.min((i + 1) * height);
                let turned = MatMut::from_column_major_slice_mut(part, rows.len(), self.n);
                self.multiply(turned, rows.clone(), 0..self.n, false);
                for (r, row) in rows.clone().enumerate() {
                    let to = self.out.wrapping_add(row * self.c.row_stride);
                    for (j, &x) in part[r..].iter().step_by(rows.len()).enumerate() {
                        // SAFETY: an element of C, whose rows are contiguous; blocks have different rows.
                        let to = unsafe { &mut *to.add(j) };
                        *to = if self.accumulate { *to + x } else { x };
                    }
                }
            });
        });
    }

    fn direct(&self, pool: &Pool) {
        self.blocks(pool, self.direct_block(), |rows, cols| {
            let (row, col) = (rows.start * self.c.row_stride, cols.start * self.c.col_stride);
            let (row_stride, col_stride) = (self.c.row_stride as isize, self.c.col_stride as isize);
            // SAFETY: `ViewMut` has checked the bounds and that elements do not overlap; blocks are disjoint.
            let c = unsafe {
                let start = self.out.add(row + col);
                MatMut::from_raw_parts_mut(start, rows.len(), cols.len(), row_stride, col_stride)
            };
            self.multiply(c, rows, cols, self.accumulate);
        });
    }

    /// Rows and columns of a block for faer: a few blocks at least, each large enough to make up for packing its
    /// operands once more. faer works on 96 columns at a time.
    fn direct_block(&self) -> (usize, usize) {
        if !self.pays() {
            return (self.m, self.n);
        }
        let cols = match self.n {
            384.. => 192,
            128.. if self.m < 64 => (self.n / 2).next_multiple_of(32),
            _ => self.n,
        };
        let down = |rows: usize| match self.m.div_ceil(rows) {
            1 => 1,
            down => down.next_multiple_of(2),
        };
        let down = if down(256) * (self.n / cols) >= 8 { down(256) } else { down(128) };
        (self.m.div_ceil(down).next_multiple_of(4), cols)
    }

    fn multiply(&self, c: MatMut<'_, T>, rows: Range<usize>, cols: Range<usize>, accumulate: bool) {
        let beta = if accumulate { Accum::Add } else { Accum::Replace };
        let a = matrix(&self.a).submatrix(rows.start, 0, rows.len(), self.k);
        let b = matrix(&self.b).submatrix(0, cols.start, self.k, cols.len());
        matmul(c, beta, a, b, T::ONE, Par::Seq);
    }
}

fn matrix<'a, T>(view: &View<'a, T>) -> MatRef<'a, T> {
    let Shape { rows, cols, row_stride, col_stride } = view.shape;
    // SAFETY: `View` has checked the bounds.
    unsafe { MatRef::from_raw_parts(view.data.as_ptr(), rows, cols, row_stride as isize, col_stride as isize) }
}

#[cfg(test)]
mod tests;
