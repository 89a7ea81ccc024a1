//! Register tiles: the products that they compute, and for each instruction set the [`kernels`](super::kernels) that do.

#[cfg(target_arch = "x86_64")]
use super::across::{Across, AndHalf};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::kernels;
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
    pub a: *const T,
    pub a_row: usize,
    pub a_col: usize,
    /// Its rows are contiguous, or its columns (dots).
    pub w: *const T,
    /// Distance of those.
    pub w_row: usize,
    /// Row-contiguous.
    pub c: *mut T,
    pub c_row: usize,
    pub accumulate: bool,
}

// SAFETY: the pointers are only used inside the unsafe kernels, whose callers answer for them.
unsafe impl<T: Send + Sync> Sync for Product<T> {}

/// Rows of a wide tile.
pub const ROWS: usize = 6;

/// Vectors across a wide tile. Sixteen registers hold six rows of two, thirty-two six of four; of four of NEON the compiler
/// spills some.
pub const fn vectors(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 4,
        Isa::Neon => 3,
        Isa::Avx2 | Isa::Base => 2,
    }
}

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
pub fn height(left: usize) -> usize {
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
    /// As for `wide`, but any `n` of up to `vectors` times the lanes; W has whole vectors, or with 512 bits half of the last where C has
    /// no more.
    unsafe fn panel(isa: Isa, product: &Product<Self>, vectors: usize, rows: Range<usize>);

    /// `C[rows] = A[rows] W` for up to as many columns as a vector has lanes.
    ///
    /// # Safety
    /// As for `wide`, but any `n` of that many; W has whole vectors.
    unsafe fn narrow(isa: Isa, product: &Product<Self>, rows: Range<usize>);

    /// `C[rows] = A[rows] W` for up to half as many columns as a vector has lanes, where rows of A and columns of W are
    /// contiguous.
    ///
    /// # Safety
    /// As for `wide`, but any `n` of that many; `a_col` is 1.
    unsafe fn dots(isa: Isa, product: &Product<Self>, rows: Range<usize>);
}

#[cfg(target_arch = "x86_64")]
macro_rules! tile {
    ($t:ident, $v512:ident, $v256:ident) => {
        impl Tile for $t {
            unsafe fn wide(isa: Isa, s: &Product<$t>, rows: Range<usize>) {
                #[target_feature(enable = "avx512f,avx2,fma")]
                unsafe fn avx512(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::wide::<$v512, { vectors(Isa::Avx512) }>(s, rows) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::wide::<$v256, { vectors(Isa::Avx2) }>(s, rows) }
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
                unsafe fn avx512(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::narrow::<$v512>(s, rows) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::narrow::<$v256>(s, rows) }
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

            unsafe fn dots(isa: Isa, s: &Product<$t>, rows: Range<usize>) {
                #[target_feature(enable = "avx512f,avx2,fma")]
                unsafe fn avx512(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::dots::<$v512>(s, rows) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(s: &Product<$t>, rows: Range<usize>) {
                    // SAFETY: passed on.
                    unsafe { kernels::dots::<$v256>(s, rows) }
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
        }
    };
}

#[cfg(target_arch = "aarch64")]
macro_rules! tile {
    ($t:ident, $v128:ident) => {
        impl Tile for $t {
            unsafe fn wide(_: Isa, s: &Product<$t>, rows: Range<usize>) {
                // SAFETY: passed on; every AArch64 machine has the vectors.
                unsafe { kernels::wide::<$v128, { vectors(Isa::Neon) }>(s, rows) }
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
                unsafe { kernels::narrow::<$v128>(s, rows) }
            }

            unsafe fn dots(_: Isa, s: &Product<$t>, rows: Range<usize>) {
                // SAFETY: as above.
                unsafe { kernels::dots::<$v128>(s, rows) }
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
            unsafe fn dots(_: Isa, _: &Product<$t>, _: Range<usize>) {
                unreachable!("no kernel")
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
tile!(f32, __m512, __m256);
#[cfg(target_arch = "x86_64")]
tile!(f64, __m512d, __m256d);
#[cfg(target_arch = "aarch64")]
tile!(f32, float32x4_t);
#[cfg(target_arch = "aarch64")]
tile!(f64, float64x2_t);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
tile!(f32);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
tile!(f64);
