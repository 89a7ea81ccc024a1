//! Register tiles for matrix products that are too small or too narrow for a general GEMM.
//!
//! Both kernels keep a tile of C in registers and walk down K, so an element of C is one chain of fused
//! multiply-adds (or a fixed number of interleaved chains) that depends on its row of A and its column of W alone:
//! how the rows are cut into blocks does not change a bit.
//!
//! * **Wide**: a row of W is a few vectors; each element of A is broadcast. W and C have contiguous rows.
//! * **Narrow**: W has fewer columns than a vector has lanes. `P` consecutive elements of a row of A are repeated over
//!   the vector (a load, not a shuffle), and W is packed so that lane `j * P + p` of group `g` holds
//!   `W[g * P + p][j]`. In the end each run of `P` lanes is summed pairwise.

#[cfg(target_arch = "x86_64")]
use super::across::{Across, AndHalf};
#[cfg(target_arch = "x86_64")]
use super::vector::Lanes;
use crate::exec::isa::Isa;
#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{float32x4_t, float64x2_t};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};
use std::ops::Range;

/// A product `C = A W` or `C += A W` for one of the kernels; strides count elements.
#[derive(Clone, Copy)]
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code, reason = "no kernel reads it"))]
pub struct Product<T> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of W and C.
    pub n: usize,
    /// Columns of A, rows of W.
    pub k: usize,
    /// How many elements of K share a vector (narrow).
    pub p: usize,
    pub a: *const T,
    pub a_row: usize,
    pub a_col: usize,
    /// Row-contiguous (wide) or packed by [`pack`] (narrow).
    pub w: *const T,
    /// Distance of the rows (wide) or packed groups (narrow) of W.
    pub w_row: usize,
    /// Row-contiguous.
    pub c: *mut T,
    pub c_row: usize,
    pub accumulate: bool,
}

// SAFETY: the pointers are only used inside the unsafe kernels, whose callers answer for them.
unsafe impl<T: Send + Sync> Sync for Product<T> {}

/// Packs a panel of W (`k` rows and `n <= lanes / p` columns, read by `at(row, column)`) for the narrow kernel, with
/// zeros where W has no element. Takes the first `k.div_ceil(p) * lanes` elements of `out`.
#[inline(always)]
pub fn pack<T: Copy>(
    out: &mut [T],
    zero: T,
    (lanes, p, k, n): (usize, usize, usize, usize),
    at: impl Fn(usize, usize) -> T,
) {
    let out = &mut out[..k.div_ceil(p) * lanes];
    if n * p < lanes || !k.is_multiple_of(p) {
        out.fill(zero);
    }
    match p {
        1 => pack_groups::<T, 1>(out, (lanes, k, n), at),
        2 => pack_groups::<T, 2>(out, (lanes, k, n), at),
        4 => pack_groups::<T, 4>(out, (lanes, k, n), at),
        8 => pack_groups::<T, 8>(out, (lanes, k, n), at),
        _ => pack_groups::<T, 16>(out, (lanes, k, n), at),
    }
}

#[inline(always)]
fn pack_groups<T: Copy, const P: usize>(
    out: &mut [T],
    (lanes, k, n): (usize, usize, usize),
    at: impl Fn(usize, usize) -> T,
) {
    for (first, group) in (0..k).step_by(P).zip(out.chunks_exact_mut(lanes)) {
        for (column, run) in group.as_chunks_mut::<P>().0.iter_mut().take(n).enumerate() {
            if first + P <= k {
                *run = std::array::from_fn(|p| at(first + p, column));
            } else {
                (first..k).zip(run).for_each(|(row, slot)| *slot = at(row, column));
            }
        }
    }
}

/// Rows of a wide tile.
pub const ROWS: usize = 6;

/// The rows of each wide tile that some rows are cut into.
pub fn tiles(rows: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let Range { mut start, end } = *rows;
    std::iter::from_fn(move || {
        let height = height(end - start);
        start += height;
        (height > 0).then_some(start - height..start)
    })
}

/// Rows of the next tile: the last ones in two tiles of about equal height, for a low tile waits for its own additions.
#[inline(always)]
fn height(left: usize) -> usize {
    match left {
        7..12 => left.div_ceil(2),
        _ => left.min(ROWS),
    }
}

/// The kernels for one element type.
pub trait Tile: Copy {
    /// `C[rows] = A[rows] W`, any number of columns that is a multiple of the lanes.
    ///
    /// # Safety
    /// The machine has `isa`, which is not `Base`; the pointers and strides of `product` describe readable A and W
    /// and a C of which nobody else uses `rows`; `n` is a multiple of the lanes.
    unsafe fn wide(isa: Isa, product: &Product<Self>, rows: Range<usize>);

    /// `C[rows] = A[rows] W` for a panel `vectors` wide, of whose columns C has `n`.
    ///
    /// # Safety
    /// As for `wide`, but any `n` of up to `vectors` times the lanes; W has whole vectors.
    unsafe fn panel(isa: Isa, product: &Product<Self>, vectors: usize, rows: Range<usize>);

    /// `C[rows] = A[rows] W` for a packed panel of `1 ..= lanes / p` columns.
    ///
    /// # Safety
    /// As for `wide`; W is packed by [`pack`]; `p` is a power of two up to the lanes; `a_col` is 1 unless `p` is 1.
    unsafe fn narrow(isa: Isa, product: &Product<Self>, rows: Range<usize>);
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod kernels {
    use super::{Product, ROWS, height};
    use crate::exec::gemm::across::Across;
    use crate::exec::gemm::vector::Lanes;
    use std::mem::MaybeUninit;
    use std::ops::Range;

    /// Steps down K at once.
    const STEPS: usize = 4;

    /// Most columns of a tile.
    const MOST_COLUMNS: usize = 64;

    /// `R` rows of C, as many columns as a row has, from row `row` and column `column` on.
    #[inline(always)]
    unsafe fn wide_tile<A: Across, const R: usize>(s: &Product<A::T>, row: usize, column: usize) {
        let (a, w) = (s.a.wrapping_add(row * s.a_row), s.w.wrapping_add(column));
        // SAFETY: the tile lies inside A, W and C (contract of `Tile::wide`).
        unsafe {
            if s.accumulate {
                // C is then there when the sums are, and the next tile does not wait for either.
                (0..R).for_each(|r| A::fetch(s.c.add((row + r) * s.c_row + column)));
            }
            // Where distances are known, what is left of a step but its additions is mostly loads.
            let acc = match (s.a_row, s.a_col) {
                (row, 1) if R == ROWS && s.w_row == A::WHOLE => sums::<A, R>((a, row, 1), (w, A::WHOLE), s.k),
                (1, col) if R == ROWS && s.w_row == A::WHOLE => sums::<A, R>((a, 1, col), (w, A::WHOLE), s.k),
                (row, col) => sums::<A, R>((a, row, col), (w, s.w_row), s.k),
            };
            for (r, row_acc) in acc.into_iter().enumerate() {
                row_acc.put(s.c.add((row + r) * s.c_row + column), s.accumulate);
            }
        }
    }

    /// The tile itself, of `k` steps.
    #[inline(always)]
    unsafe fn sums<A: Across, const R: usize>(
        (a, a_row, a_col): (*const A::T, usize, usize),
        (w, w_row): (*const A::T, usize),
        k: usize,
    ) -> [A; R] {
        // SAFETY: passed on.
        unsafe {
            let mut acc = [A::zero(); R];
            let (mut a, mut w) = (a, w);
            for _ in 0..k / STEPS {
                for p in 0..STEPS {
                    step(&mut acc, a.wrapping_add(p * a_col), a_row, w.wrapping_add(p * w_row));
                }
                (a, w) = (a.wrapping_add(STEPS * a_col), w.wrapping_add(STEPS * w_row));
            }
            for _ in 0..k % STEPS {
                step(&mut acc, a, a_row, w);
                (a, w) = (a.wrapping_add(a_col), w.wrapping_add(w_row));
            }
            acc
        }
    }

    /// One step down K.
    #[inline(always)]
    unsafe fn step<A: Across, const R: usize>(acc: &mut [A; R], a: *const A::T, a_row: usize, w: *const A::T) {
        // SAFETY: passed on.
        unsafe {
            let wide = A::load(w);
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = wide.mul_add(A::same(a.add(r * a_row)), *acc);
            }
        }
    }

    /// A tile of which C has the first columns only.
    #[inline(always)]
    unsafe fn edge_tile<A: Across, const R: usize>(s: &Product<A::T>, row: usize) {
        const { assert!(A::COLUMNS <= MOST_COLUMNS) };
        // SAFETY: passed on; the tile is computed beside C, where there is room for it, and what C has of it is copied.
        unsafe {
            let mut tile = [const { MaybeUninit::<[A::T; MOST_COLUMNS]>::uninit() }; R];
            let sums = tile.as_mut_ptr().cast::<A::T>();
            let a = s.a.wrapping_add(row * s.a_row);
            wide_tile::<A, R>(&Product { a, c: sums, c_row: MOST_COLUMNS, accumulate: false, ..*s }, 0, 0);
            for r in 0..R {
                let (from, to) = (sums.add(r * MOST_COLUMNS), s.c.add((row + r) * s.c_row));
                for j in 0..s.n {
                    let (to, x) = (&mut *to.add(j), *from.add(j));
                    *to = if s.accumulate { *to + x } else { x };
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn wide_panel<A: Across>(s: &Product<A::T>, rows: Range<usize>, column: usize) {
        let mut row = rows.start;
        while row < rows.end {
            let height = height(rows.end - row);
            // SAFETY: passed on.
            unsafe {
                match height {
                    1 => wide_tile::<A, 1>(s, row, column),
                    2 => wide_tile::<A, 2>(s, row, column),
                    3 => wide_tile::<A, 3>(s, row, column),
                    4 => wide_tile::<A, 4>(s, row, column),
                    5 => wide_tile::<A, 5>(s, row, column),
                    _ => wide_tile::<A, ROWS>(s, row, column),
                }
            }
            row += height;
        }
    }

    #[inline(always)]
    unsafe fn edge_panel<A: Across>(s: &Product<A::T>, rows: Range<usize>) {
        let mut row = rows.start;
        while row < rows.end {
            let height = height(rows.end - row);
            // SAFETY: passed on.
            unsafe {
                match height {
                    1 => edge_tile::<A, 1>(s, row),
                    2 => edge_tile::<A, 2>(s, row),
                    3 => edge_tile::<A, 3>(s, row),
                    4 => edge_tile::<A, 4>(s, row),
                    5 => edge_tile::<A, 5>(s, row),
                    _ => edge_tile::<A, ROWS>(s, row),
                }
            }
            row += height;
        }
    }

    #[inline(always)]
    pub unsafe fn panel<A: Across>(s: &Product<A::T>, rows: Range<usize>) {
        // SAFETY: passed on.
        unsafe { if s.n == A::COLUMNS { wide_panel::<A>(s, rows, 0) } else { edge_panel::<A>(s, rows) } }
    }

    #[inline(always)]
    pub unsafe fn wide<L: Lanes, const V: usize>(s: &Product<L::T>, rows: Range<usize>) {
        let mut column = 0;
        // SAFETY: passed on; `n` is a multiple of the lanes.
        unsafe {
            while column + V * L::N <= s.n {
                wide_panel::<[L; V]>(s, rows.clone(), column);
                column += V * L::N;
            }
            while column < s.n {
                wide_panel::<[L; 1]>(s, rows.clone(), column);
                column += L::N;
            }
        }
    }

    /// Computes `R` rows from `first` on, and stores the `rows` among them.
    #[inline(always)]
    unsafe fn narrow_tile<L: Lanes, const P: usize, const R: usize>(
        s: &Product<L::T>,
        first: usize,
        rows: Range<usize>,
    ) {
        // SAFETY: the rows are in A and C, W is packed (contract of `Tile::narrow`).
        unsafe {
            let mut acc = [L::zero(); R];
            let a = s.a.add(first * s.a_row);
            let groups = s.k / P;
            for g in 0..groups {
                let (a, w) = (a.add(g * P * s.a_col), L::load(s.w.add(g * s.w_row)));
                for (r, acc) in acc.iter_mut().enumerate() {
                    *acc = L::repeat::<P>(a.add(r * s.a_row)).mul_add(w, *acc);
                }
            }
            if s.k % P > 0 {
                let (mut rest, w) = (L::zero(), L::load(s.w.add(groups * s.w_row)));
                let rest = (&raw mut rest).cast::<L::T>();
                for (r, acc) in acc.iter_mut().enumerate() {
                    // The lanes beyond K stay zero, and so does W there.
                    a.add(r * s.a_row + groups * P).copy_to_nonoverlapping(rest, s.k % P);
                    *acc = L::repeat::<P>(rest).mul_add(w, *acc);
                }
            }
            let (mut left, mut p) = (R, P);
            while p > 1 {
                for i in 0..left.div_ceil(2) {
                    acc[i] = acc[2 * i].pair_add(acc[(2 * i + 1).min(left - 1)]);
                }
                (left, p) = (left.div_ceil(2), p / 2);
            }
            // Now the rows follow each other in `acc`, with `L::N / P` columns each.
            let columns = L::N / P;
            if s.n == columns && s.c_row == columns && rows.len() == R && R >= P {
                let c = s.c.add(first * columns);
                for (v, &x) in acc.iter().enumerate().take(R / P) {
                    x.put(c.add(v * L::N), s.accumulate);
                }
                return;
            }
            let sums = acc.as_ptr().cast::<L::T>();
            for row in rows {
                let (from, to) = (sums.add((row - first) * columns), s.c.add(row * s.c_row));
                if s.n == L::N {
                    L::load(from).put(to, s.accumulate);
                    continue;
                }
                for j in 0..s.n {
                    let (to, x) = (&mut *to.add(j), *from.add(j));
                    *to = if s.accumulate { *to + x } else { x };
                }
            }
        }
    }

    /// Tiles of `R` rows; the last one starts earlier, computes some rows again and stores only the new ones.
    #[inline(always)]
    unsafe fn narrow_rows<L: Lanes, const P: usize, const R: usize>(s: &Product<L::T>, rows: Range<usize>) {
        let mut row = rows.start;
        while row < rows.end {
            let end = rows.end.min(row + R);
            // SAFETY: passed on; `first + R <= m`.
            unsafe { narrow_tile::<L, P, R>(s, row.min(s.m - R), row..end) };
            row = end;
        }
    }

    #[inline(always)]
    pub unsafe fn narrow<L: Lanes, const P: usize>(s: &Product<L::T>, rows: Range<usize>) {
        // SAFETY: passed on.
        unsafe {
            match s.m {
                16.. if L::REGISTERS > 16 => narrow_rows::<L, P, 16>(s, rows),
                8.. => narrow_rows::<L, P, 8>(s, rows),
                4.. => narrow_rows::<L, P, 4>(s, rows),
                _ => narrow_rows::<L, P, 1>(s, rows),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! tile {
    ($t:ident, $v512:ident [$($p512:literal)*], $v256:ident [$($p256:literal)*]) => {
        impl Tile for $t {
            unsafe fn wide(isa: Isa, s: &Product<$t>, rows: Range<usize>) {
                #[target_feature(enable = "avx512f,avx2,fma")]
                unsafe fn avx512(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::wide::<$v512, 4>(s, rows) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::wide::<$v256, 2>(s, rows) }
                }
                // SAFETY: passed on; the machine has `isa`.
                unsafe {
                    match isa {
                        Isa::Avx512 => avx512(s, rows),
                        Isa::Avx2 => avx2(s, rows),
                        Isa::Neon | Isa::Base => unreachable!("no kernel"),
                    }
                }
            }

            unsafe fn panel(isa: Isa, s: &Product<$t>, vectors: usize, rows: Range<usize>) {
                #[target_feature(enable = "avx512f,avx2,fma")]
                unsafe fn avx512<A: Across<T = $t>>(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::panel::<A>(s, rows) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2<A: Across<T = $t>>(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::panel::<A>(s, rows) }
                }
                // Half a vector is half the work where vectors of 512 bits are computed with in halves.
                let half = s.n + <$v512 as Lanes>::N / 2 <= vectors * <$v512 as Lanes>::N;
                // SAFETY: passed on; the machine has `isa`.
                unsafe {
                    match (isa, vectors) {
                        (Isa::Avx512, 1) if half => avx512::<AndHalf<$v512, 0>>(s, rows),
                        (Isa::Avx512, 2) if half => avx512::<AndHalf<$v512, 1>>(s, rows),
                        (Isa::Avx512, 3) if half => avx512::<AndHalf<$v512, 2>>(s, rows),
                        (Isa::Avx512, 4) if half => avx512::<AndHalf<$v512, 3>>(s, rows),
                        (Isa::Avx512, 1) => avx512::<[$v512; 1]>(s, rows),
                        (Isa::Avx512, 2) => avx512::<[$v512; 2]>(s, rows),
                        (Isa::Avx512, 3) => avx512::<[$v512; 3]>(s, rows),
                        (Isa::Avx512, 4) => avx512::<[$v512; 4]>(s, rows),
                        (Isa::Avx2, 1) => avx2::<[$v256; 1]>(s, rows),
                        (Isa::Avx2, 2) => avx2::<[$v256; 2]>(s, rows),
                        _ => unreachable!("no kernel"),
                    }
                }
            }

            unsafe fn narrow(isa: Isa, s: &Product<$t>, rows: Range<usize>) {
                #[target_feature(enable = "avx512f,avx2,fma")]
                unsafe fn avx512<const P: usize>(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::narrow::<$v512, P>(s, rows) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2<const P: usize>(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::narrow::<$v256, P>(s, rows) }
                }
                // SAFETY: passed on; the machine has `isa`.
                unsafe {
                    match (isa, s.p) {
                        $((Isa::Avx512, $p512) => avx512::<$p512>(s, rows),)*
                        $((Isa::Avx2, $p256) => avx2::<$p256>(s, rows),)*
                        _ => unreachable!("no kernel"),
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "aarch64")]
macro_rules! tile {
    ($t:ident, $v128:ident [$($p128:literal)*]) => {
        impl Tile for $t {
            unsafe fn wide(_: Isa, s: &Product<$t>, rows: Range<usize>) {
                // SAFETY: passed on; every AArch64 machine has the vectors.
                unsafe { kernels::wide::<$v128, 3>(s, rows) }
            }

            unsafe fn panel(_: Isa, s: &Product<$t>, vectors: usize, rows: Range<usize>) {
                // SAFETY: as above.
                unsafe {
                    match vectors {
                        1 => kernels::panel::<[$v128; 1]>(s, rows),
                        2 => kernels::panel::<[$v128; 2]>(s, rows),
                        3 => kernels::panel::<[$v128; 3]>(s, rows),
                        _ => unreachable!("no kernel"),
                    }
                }
            }

            unsafe fn narrow(_: Isa, s: &Product<$t>, rows: Range<usize>) {
                // SAFETY: as above.
                unsafe {
                    match s.p {
                        $($p128 => kernels::narrow::<$v128, $p128>(s, rows),)*
                        _ => unreachable!("no kernel"),
                    }
                }
            }
        }
    };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
macro_rules! tile {
    ($t:ident) => {
        impl Tile for $t {
            unsafe fn wide(_: Isa, _: &Product<$t>, _: Range<usize>) {
                unreachable!("no kernel")
            }
            unsafe fn panel(_: Isa, _: &Product<$t>, _: usize, _: Range<usize>) {
                unreachable!("no kernel")
            }
            unsafe fn narrow(_: Isa, _: &Product<$t>, _: Range<usize>) {
                unreachable!("no kernel")
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
tile!(f32, __m512 [1 2 4 8 16], __m256 [1 2 4 8]);
#[cfg(target_arch = "x86_64")]
tile!(f64, __m512d [1 2 4 8], __m256d [1 2 4]);
#[cfg(target_arch = "aarch64")]
tile!(f32, float32x4_t [1 2 4]);
#[cfg(target_arch = "aarch64")]
tile!(f64, float64x2_t [1 2]);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
tile!(f32);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
tile!(f64);
