//! Squares of a matrix turned in registers, for operands that are packed across their rows.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::vector::Lanes;
use super::view::{Shape, View};
#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::*;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// An element type of which squares are turned.
pub trait Transpose: Copy {
    /// Rows and columns of a square.
    const SQUARE: usize;

    /// `to[j][i] = from[i][j]` of a square whose rows are `from_row` apart, `to_row` in the result.
    ///
    /// # Safety
    /// The machine has a register tile; all elements of both squares may be read and written, and they do not overlap.
    unsafe fn transpose(from: *const Self, from_row: usize, to: *mut Self, to_row: usize);
}

/// `to[i][j] = from[i][j]`, where the rows of `to` are contiguous and `to_row` apart.
///
/// # Safety
/// The machine has a register tile.
pub unsafe fn lay_out<T: Transpose>(from: &View<'_, T>, to: &mut [T], to_row: usize) {
    let (Shape { rows, cols, row_stride, col_stride }, from) = (from.shape, from.data);
    let side = T::SQUARE;
    let squares = if row_stride == 1 && cols.is_multiple_of(side) { rows / side } else { 0 };
    for row in (0..squares).map(|i| i * side) {
        for col in (0..cols).step_by(side) {
            let (from, to) = (&from[row + col * col_stride..], &mut to[row * to_row + col..]);
            assert!(from.len() > (side - 1) * (col_stride + 1) && to.len() > (side - 1) * (to_row + 1));
            // SAFETY: passed on; the last elements of both squares are there.
            unsafe { T::transpose(from.as_ptr(), col_stride, to.as_mut_ptr(), to_row) };
        }
    }
    let first = squares * side;
    match rows - first {
        2 if row_stride == 1 => short::<T, 2>(&from[first..], col_stride, &mut to[first * to_row..], to_row, cols),
        4 if row_stride == 1 => short::<T, 4>(&from[first..], col_stride, &mut to[first * to_row..], to_row, cols),
        _ => {
            for row in first..rows {
                let (from, to) = (&from[row * row_stride..], &mut to[row * to_row..][..cols]);
                match col_stride {
                    1 => to.copy_from_slice(&from[..cols]),
                    _ => to.iter_mut().enumerate().for_each(|(col, to)| *to = from[col * col_stride]),
                }
            }
        }
    }
}

/// `to[j][i] = from[i][j]` of `n` short rows.
fn short<T: Copy, const K: usize>(from: &[T], from_row: usize, to: &mut [T], to_row: usize, n: usize) {
    let mut rows = to.chunks_mut(to_row);
    let mut to: [&mut [T]; K] =
        std::array::from_fn(|_| &mut rows.next().expect("gemm: a row lies within its matrix")[..n]);
    for i in 0..n {
        let row: &[T; K] = from[i * from_row..].first_chunk().expect("gemm: a row lies within its matrix");
        for (to, &x) in to.iter_mut().zip(row) {
            to[i] = x;
        }
    }
}

/// The vectors that hold a row of a square: on x86-64 those of 256 bits, which every machine with a register tile has there.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! transpose {
    ($t:ident, $vector:ident, $features:literal, interleave($x:ident, $y:ident) $interleave:block) => {
        impl Transpose for $t {
            const SQUARE: usize = <$vector>::N;

            unsafe fn transpose(from: *const $t, from_row: usize, to: *mut $t, to_row: usize) {
                /// The elements of both in turn: those of their first halves, those of their second halves.
                #[target_feature(enable = $features)]
                fn interleave($x: $vector, $y: $vector) -> ($vector, $vector) $interleave

                #[target_feature(enable = $features)]
                unsafe fn turn(from: *const $t, from_row: usize, to: *mut $t, to_row: usize) {
                    const N: usize = <$vector>::N;
                    // SAFETY: passed on.
                    unsafe {
                        let mut rows = [<$vector>::zero(); N];
                        for (i, row) in rows.iter_mut().enumerate() {
                            *row = <$vector>::load(from.add(i * from_row));
                        }
                        // Each time the highest bit of an element's row becomes the lowest of its column, and the highest
                        // of that one the lowest of its row.
                        for _ in 0..N.ilog2() {
                            let before = rows;
                            for i in 0..N / 2 {
                                (rows[2 * i], rows[2 * i + 1]) = interleave(before[i], before[i + N / 2]);
                            }
                        }
                        for (i, row) in rows.into_iter().enumerate() {
                            row.store(to.add(i * to_row));
                        }
                    }
                }
                // SAFETY: passed on.
                unsafe { turn(from, from_row, to, to_row) }
            }
        }
    };
}

// Within 128-bit halves, so the middle quarters must change places.
#[cfg(target_arch = "x86_64")]
transpose!(f32, __m256, "avx2,fma", interleave(x, y) {
    let (low, high) = (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
    (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
});
#[cfg(target_arch = "x86_64")]
transpose!(f64, __m256d, "avx2,fma", interleave(x, y) {
    let (low, high) = (_mm256_unpacklo_pd(x, y), _mm256_unpackhi_pd(x, y));
    (_mm256_permute2f128_pd::<0x20>(low, high), _mm256_permute2f128_pd::<0x31>(low, high))
});
#[cfg(target_arch = "aarch64")]
transpose!(f32, float32x4_t, "neon", interleave(x, y) { (vzip1q_f32(x, y), vzip2q_f32(x, y)) });
#[cfg(target_arch = "aarch64")]
transpose!(f64, float64x2_t, "neon", interleave(x, y) { (vzip1q_f64(x, y), vzip2q_f64(x, y)) });

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
macro_rules! transpose {
    ($($t:ident)*) => {$(
        impl Transpose for $t {
            const SQUARE: usize = 1;
            unsafe fn transpose(_: *const $t, _: usize, _: *mut $t, _: usize) {
                unreachable!("no panels")
            }
        }
    )*};
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
transpose!(f32 f64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::isa::Isa;

    fn check<T: Transpose + PartialEq + std::fmt::Debug>(number: impl Fn(usize) -> T) {
        let n = T::SQUARE;
        let (from_row, to_row) = (n + 3, n + 1);
        let from: Vec<T> = (0..n * from_row).map(&number).collect();
        let mut to: Vec<T> = (0..n * to_row).map(|_| number(0)).collect();
        // SAFETY: the machine has a register tile, and both have `n` rows.
        unsafe { T::transpose(from.as_ptr(), from_row, to.as_mut_ptr(), to_row) };
        for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
            assert_eq!(to[j * to_row + i], from[i * from_row + j], "{i} {j}");
        }
        assert!((0..n).all(|j| to[j * to_row + n] == number(0)), "written beside the square");
    }

    #[test]
    fn a_square_is_turned_and_nothing_else_is_written() {
        if Isa::best() != Isa::Base {
            check(|i| i as f32);
            check(|i| i as f64);
        }
    }
}
