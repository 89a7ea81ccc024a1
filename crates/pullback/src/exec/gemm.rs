//! Matrix products. The one file that names the GEMM crate.
//!
//! [`gemm`] computes `C = A B` or `C += A B` for strided `f32` and `f64` matrices. It takes one of six ways, chosen
//! from the shape and the strides alone. An element of C is one chain of multiply-adds that depends on them too; threads
//! share out elements, so the result is the same to the bit for any number of them.
//!
//! | way | when | how |
//! |---|---|---|
//! | dots | C has columns for half a vector at most, and not far more than K; rows of A are contiguous | own kernel, see [`kernels`](kernels) |
//! | narrow | C has few columns, rows of A are contiguous | own kernel |
//! | wide | K is small or A has few rows, C has a multiple of the vector length of columns | own kernel |
//! | turned | C has few columns, columns of A are contiguous | the transpose of C, in scratch memory |
//! | packed | otherwise | own kernel on [`panels`](panels) of B, packed or where it lies, and strips of a deep A whose columns are contiguous |
//! | direct | the machine has no vectors with multiply-add, or C has gaps | faer |
//!
//! [`Packed`] is a B that is packed once for many products with it. A [`Tail`] is done to some rows of C while they are
//! near.

use std::cell::Cell;
use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod across;
mod ahead;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod kernels;
mod packed;
mod panels;
mod stream;
mod tail;
mod tile;
mod transpose;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vector;
mod view;

use super::fetch::LINE;
use super::isa::Isa;
use super::pool::Pool;
use super::shared::Shared;
use crate::math::Real;
pub use packed::Packed;
use panels::Panels;
pub use tail::{Ending, Tail, With};
use tile::{Product, Tile};
use transpose::Transpose;
use view::Shape;
pub use view::{View, ViewMut};

/// Element types that [`gemm`] takes: `f32` and `f64`.
pub trait Gemm: sealed::Element {}
impl Gemm for f32 {}
impl Gemm for f64 {}

mod sealed {
    use super::{Cell, Real, Tile, Transpose};

    pub trait Element: Tile + Transpose + Real + faer::traits::ComplexField + Default {
        /// This thread's scratch memory, taken while in use and put back afterwards.
        fn scratch() -> &'static std::thread::LocalKey<Cell<Vec<Self>>>;
    }

    macro_rules! element {
        ($($t:ident)*) => {$(
            impl Element for $t {
                fn scratch() -> &'static std::thread::LocalKey<Cell<Vec<$t>>> {
                    thread_local! { static SCRATCH: Cell<Vec<$t>> = const { Cell::new(Vec::new()) } }
                    &SCRATCH
                }
            }
        )*};
    }
    element!(f32 f64);
}

/// Calls `f` with `len` elements of scratch memory of unspecified content, of which the first begins a line of the cache.
/// Memory is allocated only when a thread asks for more than ever before.
fn with_scratch<T: Gemm, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    if len == 0 {
        return f(&mut []);
    }
    let mut memory = T::scratch().take();
    let spare = LINE / size_of::<T>();
    if memory.len() < len + spare {
        memory.resize(len + spare, T::default());
    }
    let before = memory.as_ptr().align_offset(LINE).min(spare);
    let result = f(&mut memory[before..][..len]);
    T::scratch().set(memory);
    result
}

/// `C = A B`, or `C += A B` when `accumulate`; `C = 0` (or unchanged) when A has no columns.
///
/// The result does not depend on the number of threads, to the bit. It does on the machine's instruction set. Where the
/// rows of A and of C are contiguous (and there is a register tile), a row of C does not depend on how many rows there are,
/// either, so a caller may cut the rows as it likes.
///
/// A tail is applied to the result; C has contiguous rows then, and no gaps between them.
///
/// # Panics
/// When the shapes do not fit together.
pub fn gemm<T: Gemm>(pool: &Pool, c: ViewMut<'_, T>, a: View<'_, T>, b: View<'_, T>, ending: Ending<'_, T>) {
    gemm_on(Isa::best(), pool, c, a, b, ending);
}

fn gemm_on<T: Gemm>(
    isa: Isa,
    pool: &Pool,
    c: ViewMut<'_, T>,
    a: View<'_, T>,
    b: View<'_, T>,
    Ending { accumulate, tail }: Ending<'_, T>,
) {
    let (m, k, n) = (c.shape.rows, a.shape.cols, c.shape.cols);
    assert!(
        a.shape.rows == m && b.shape.rows == k && b.shape.cols == n,
        "gemm: shapes do not fit: [{m}, {n}] = [{}, {k}] · [{}, {}]",
        a.shape.rows,
        b.shape.rows,
        b.shape.cols
    );
    assert!(tail.is_none() || c.is_whole(), "gemm: a tail goes over whole rows");
    if m == 0 || n == 0 {
        return;
    }
    // C = A B and Cᵀ = Bᵀ Aᵀ are the same problem. Take the one whose C has contiguous rows; for a column that may be
    // either, and the contiguous dimension of A decides.
    let turn = match (n, c.shape.row_stride) {
        (1, 1) => a.shape.col_stride != 1,
        (1, _) => false,
        _ => c.shape.col_stride != 1,
    };
    let (c, a, b) = if turn { (c.t(), b.t(), a.t()) } else { (c, a, b) };
    let out = c.data.as_mut_ptr();
    let task = Task { isa, accumulate, m: a.shape.rows, k, n: b.shape.cols, a, b, c: c.shape, out, tail: None };
    // Where rows of C come one after the other, each has its tail while it is near; elsewhere all have it at the end.
    let near = !turn && task.way() == Way::Wide && m > tail::ROWS;
    Task { tail: tail.filter(|_| near), ..task }.run(pool);
    if let Some(tail) = tail.filter(|_| !near) {
        tail.apply(isa, &mut c.data[..m * n], 0, n);
    }
}

/// Whether [`gemm_share`] can compute a product whose C has `m` rows, one after the other, and `n` columns, for every A
/// with these strides and at least `k` columns.
pub fn has_shares<T: Gemm>(isa: Isa, (m, k, n): (usize, usize, usize), a_strides: (usize, usize)) -> bool {
    // More columns of A never lead from panels to another way.
    n > 1 && Way::of::<T>(isa, (m, k, n), a_strides, 1) == Way::Packed
}

/// One of some shares of `C = A B`, or of `C += A B` when `accumulate`, on this thread: all shares together are [`gemm`],
/// to the bit. C has as many rows as A, one after the other. Which elements a share writes follows from the sizes of C and
/// the number of shares.
///
/// # Safety
/// While it runs, nobody else touches the elements of C but by other shares, of as many.
///
/// # Panics
/// When the shapes do not fit together, or the product has no shares.
pub unsafe fn gemm_share<T: Gemm>(
    isa: Isa,
    (share, of): (usize, usize),
    c: &Shared<'_, T>,
    a: View<'_, T>,
    b: View<'_, T>,
    accumulate: bool,
) {
    let (m, k, n) = (a.shape.rows, a.shape.cols, b.shape.cols);
    let fits = b.shape.rows == k && c.len() == m * n;
    assert!(fits, "gemm: {} elements for [{m}, {k}] · [{}, {n}]", c.len(), b.shape.rows);
    let strides = (a.shape.row_stride, a.shape.col_stride);
    assert!(share < of && has_shares::<T>(isa, (m, k, n), strides), "gemm: [{m}, {k}] · [{k}, {n}] has no shares");
    let shape = Shape { rows: m, cols: n, row_stride: n, col_stride: 1 };
    let task = Task { isa, accumulate, m, k, n, a, b, c: shape, out: c.start(), tail: None };
    let panels = Panels::new::<T>(isa, k, n);
    task.packed_part(panels, panels.shares(m, of), share);
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
    /// Applied to each block of whole rows of a wide product.
    tail: Option<With<'a, T>>,
}

// SAFETY: `out` is the only field that is not `Sync` already. Through it, blocks that run on different threads write
// to disjoint elements of C.
unsafe impl<T: Send + Sync> Sync for Task<'_, T> {}

/// The way a product takes; see the [module](self) page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Narrow,
    Dots,
    Wide,
    Turned,
    Packed,
    Direct,
}

/// Fewest multiply-adds for which a second thread pays.
pub const PARALLEL: usize = 1_000_000;

/// Vectors across a block of few rows of a wide product, at the least: it has whole tiles.
const WIDE_VECTORS: usize = 4;

/// Up to how many multiply-adds nothing is packed.
const TINY: usize = 16 * 16 * 16;

/// Number of multiply-adds.
fn size((m, k, n): (usize, usize, usize)) -> usize {
    m.saturating_mul(n).saturating_mul(k)
}

impl Way {
    /// The way for such sizes and strides.
    fn of<T>(isa: Isa, (m, k, n): (usize, usize, usize), (a_row, a_col): (usize, usize), c_col: usize) -> Way {
        let lanes = isa.lanes(size_of::<T>());
        if isa == Isa::Base || k == 0 || (c_col != 1 && n > 1) {
            return Way::Direct;
        }
        let few = n < 2 * lanes;
        let rows_of_a = a_col == 1;
        // An element is one chain over K there, as in panels of one depth only.
        let tiny = size((m, k, n)) <= TINY && k <= panels::DEPTH;
        // A vector along K for each column, and about two more to sum its lanes, instead of one for each element of K and what
        // padding W and storing parts of vectors cost, as it was measured.
        let dots = rows_of_a && 2 * n <= lanes && k >= 4 && n * (k.div_ceil(lanes) + 2) < k + 9;
        if dots {
            Way::Dots
        } else if k == 1 || (few && (rows_of_a || n == lanes)) || (!few && tiny) {
            Way::Narrow
        } else if n.is_multiple_of(lanes) && (k <= 16 || (m <= 16 && k <= panels::DEPTH)) {
            Way::Wide
        } else if few && m >= 2 * n && a_row == 1 {
            Way::Turned
        } else {
            Way::Packed
        }
    }
}

impl<T: Gemm> Task<'_, T> {
    /// Whether this is work enough for several threads.
    fn pays(&self) -> bool {
        size((self.m, self.k, self.n)) >= PARALLEL
    }

    fn lanes(&self) -> usize {
        self.isa.lanes(size_of::<T>())
    }

    fn way(&self) -> Way {
        let a_strides = (self.a.shape.row_stride, self.a.shape.col_stride);
        Way::of::<T>(self.isa, (self.m, self.k, self.n), a_strides, self.c.col_stride)
    }

    fn run(&self, pool: &Pool) {
        match self.way() {
            Way::Narrow => self.narrow(pool),
            Way::Dots => self.dots(pool),
            Way::Wide => self.wide(pool),
            Way::Turned => self.turned(pool),
            Way::Packed => self.packed(pool),
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
        let len = if in_place { 0 } else { self.n.div_ceil(lanes) * panel };
        with_scratch(len, |packed: &mut [T]| {
            if !in_place {
                if !self.n.is_multiple_of(lanes) {
                    packed.fill(T::default());
                }
                for (i, cols) in panels() {
                    // SAFETY: where products are narrow there is a register tile.
                    unsafe { transpose::lay_out(&self.b.columns(cols), &mut packed[i * panel..], lanes) };
                }
            }
            let packed = &*packed;
            self.blocks(pool, (32, self.n), |rows, _| {
                for (i, cols) in panels() {
                    let (w, w_row) = match in_place {
                        true => (self.b.data.as_ptr(), self.b.shape.row_stride),
                        false => (packed[i * panel..].as_ptr(), lanes),
                    };
                    // SAFETY: `way` has seen to contiguous rows of C; `View` and `ViewMut` have checked the bounds, and
                    // blocks have different rows. `isa` comes from `Isa::all`.
                    unsafe { T::narrow(self.isa, &self.product(w, w_row, cols), rows.clone()) };
                }
            });
        });
    }

    fn dots(&self, pool: &Pool) {
        // Every tile loads the columns anew: those that do not begin lines of the cache are copied to where they do.
        let (start, Shape { row_stride, col_stride, .. }, line) =
            (self.b.data.as_ptr(), self.b.shape, LINE / size_of::<T>());
        let in_lines = start.align_offset(LINE) == 0 && (self.n == 1 || col_stride.is_multiple_of(line));
        let in_place = row_stride == 1 && in_lines;
        let apart = self.k.next_multiple_of(line);
        with_scratch(if in_place { 0 } else { apart * self.n }, |packed: &mut [T]| {
            if !in_place {
                // SAFETY: where products are dots there is a register tile.
                unsafe { transpose::lay_out(&self.b.t(), packed, apart) };
            }
            let (w, w_row) = if in_place { (self.b.data, col_stride) } else { (&*packed, apart) };
            self.blocks(pool, (32, self.n), |rows, cols| {
                let product = self.product(w.as_ptr(), w_row, cols);
                // SAFETY: `way` has seen to contiguous rows of A and C and to few columns, of which a block has all; bounds,
                // blocks and `isa` as in `narrow`.
                unsafe { T::dots(self.isa, &product, rows) };
            });
        });
    }

    fn wide(&self, pool: &Pool) {
        let in_place = self.b.shape.col_stride == 1;
        with_scratch(if in_place { 0 } else { self.k * self.n }, |packed: &mut [T]| {
            if !in_place {
                // SAFETY: where products are wide there is a register tile.
                unsafe { transpose::lay_out(&self.b, packed, self.n) };
            }
            let packed = &*packed;
            let vectors = WIDE_VECTORS.next_multiple_of(tile::vectors(self.isa));
            let block = if self.m > tail::ROWS { (tail::ROWS, self.n) } else { (self.m, vectors * self.lanes()) };
            self.blocks(pool, block, |rows, cols| {
                let (w, w_row) = if in_place { (self.b.data, self.b.shape.row_stride) } else { (packed, self.n) };
                let product = self.product(w.as_ptr().wrapping_add(cols.start), w_row, cols);
                let (first, count) = (rows.start, rows.len());
                // SAFETY: `way` has seen to contiguous rows of C and whole vectors of columns (of which blocks have
                // whole ones, too); W has contiguous rows; bounds, blocks and `isa` as in `narrow`.
                unsafe { T::wide(self.isa, &product, rows) };
                if let Some(tail) = &self.tail {
                    let start = self.out.wrapping_add(first * self.n);
                    // SAFETY: whole rows of a C without gaps, which this block alone writes to.
                    tail.apply(
                        self.isa,
                        unsafe { std::slice::from_raw_parts_mut(start, count * self.n) },
                        first,
                        self.n,
                    );
                }
            });
        });
    }

    fn turned(&self, pool: &Pool) {
        with_scratch(self.m * self.n, |scratch: &mut [T]| {
            let shape = Shape { rows: self.n, cols: self.m, row_stride: self.m, col_stride: 1 };
            let turned = Task {
                accumulate: false,
                tail: None,
                m: self.n,
                n: self.m,
                a: self.b.t(),
                b: self.a.t(),
                c: shape,
                out: scratch.as_mut_ptr(),
                ..*self
            };
            turned.run(pool);
            match (self.n, self.c.row_stride) {
                (2, 2) => return self.take_turned::<2>(scratch),
                (4, 4) => return self.take_turned::<4>(scratch),
                (8, 8) => return self.take_turned::<8>(scratch),
                _ => {}
            }
            for row in 0..self.m {
                let to = self.out.wrapping_add(row * self.c.row_stride);
                for (j, &x) in scratch[row..].iter().step_by(self.m).enumerate() {
                    // SAFETY: an element of C, whose rows are contiguous, and which this call alone writes to.
                    let to = unsafe { &mut *to.add(j) };
                    *to = if self.accumulate { *to + x } else { x };
                }
            }
        });
    }

    /// Takes a product that was computed turned into C, whose rows are `N` numbers, one after the other.
    fn take_turned<const N: usize>(&self, turned: &[T]) {
        assert!(self.n == N && self.c.row_stride == N && self.c.col_stride == 1, "gemm: rows of C have gaps");
        // SAFETY: `ViewMut` has checked the bounds of `m` rows of `N` numbers, which follow each other, as was just checked, and this
        // call alone writes there.
        let rows = unsafe { std::slice::from_raw_parts_mut(self.out.cast::<[T; N]>(), self.m) };
        let columns: [&[T]; N] = std::array::from_fn(|j| &turned[j * self.m..][..self.m]);
        for (i, row) in rows.iter_mut().enumerate() {
            for j in 0..N {
                row[j] = if self.accumulate { row[j] + columns[j][i] } else { columns[j][i] };
            }
        }
    }

    fn packed(&self, pool: &Pool) {
        let panels = Panels::new::<T>(self.isa, self.k, self.n);
        let shares = if self.pays() { panels.shares(self.m, pool.threads()) } else { (1, 1) };
        pool.run(shares.0 * shares.1, &|i| self.packed_part(panels, shares, i));
    }

    /// Part `i` of a product that is cut `down` times along the rows of C and `across` times along its panels.
    fn packed_part(&self, panels: Panels, (down, across): (usize, usize), i: usize) {
        let part = |all: usize, of: usize, k: usize| all * k / of..all * (k + 1) / of;
        let (rows, cols) = (part(self.m, down, i / across), part(panels.count(), across, i % across));
        let product = self.product(std::ptr::null(), 0, 0..self.n);
        with_scratch(panels.scratch_len(&product, &self.b, &rows, &cols), |scratch: &mut [T]| {
            // SAFETY: `way` has seen to contiguous rows of C; the bounds are checked, by `View` and `ViewMut` or by
            // `gemm_share`, and the parts have different rows or columns. `isa` comes from `Isa::all` and is not `Base`.
            unsafe { panels.multiply_packing(&product, &self.b, scratch, rows, cols) };
        });
    }

    fn direct(&self, pool: &Pool) {
        let rows = if self.pays() { self.m.div_ceil(8).next_multiple_of(4) } else { self.m };
        self.blocks(pool, (rows, self.n), |rows, cols| {
            let Shape { row_stride, col_stride, .. } = self.c;
            let start = self.out.wrapping_add(rows.start * row_stride + cols.start * col_stride);
            // SAFETY: `ViewMut` has checked the bounds and that elements do not overlap; blocks are disjoint.
            let c = unsafe {
                let (row_stride, col_stride) = (row_stride as isize, col_stride as isize);
                MatMut::from_raw_parts_mut(start, rows.len(), cols.len(), row_stride, col_stride)
            };
            let beta = if self.accumulate { Accum::Add } else { Accum::Replace };
            let (a, b) = (matrix(&self.a, rows, 0..self.k), matrix(&self.b, 0..self.k, cols));
            matmul(c, beta, a, b, T::ONE, Par::Seq);
        });
    }
}

/// Part of a matrix, for faer.
fn matrix<'a, T>(view: &View<'a, T>, rows: Range<usize>, cols: Range<usize>) -> MatRef<'a, T> {
    let Shape { row_stride, col_stride, .. } = view.shape;
    // SAFETY: `View` has checked the bounds.
    let whole = unsafe {
        let (start, row_stride, col_stride) = (view.data.as_ptr(), row_stride as isize, col_stride as isize);
        MatRef::from_raw_parts(start, view.shape.rows, view.shape.cols, row_stride, col_stride)
    };
    whole.submatrix(rows.start, cols.start, rows.len(), cols.len())
}

#[cfg(test)]
mod tests;
