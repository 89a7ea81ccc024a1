//! A matrix packed once, to be the right operand of many products.

use super::panels::{Panels, Piece};
use super::tail::{self, Ending};
use super::tile::Product;
use super::view::{View, ViewMut};
use super::{Gemm, gemm_on};
use crate::exec::isa::Isa;
use crate::exec::pool::Pool;
use std::ops::Range;

/// How a right operand B is packed; where there is nothing to pack for, products read it as it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packed(Option<Panels>);

impl Packed {
    /// For `k` rows and `n` columns.
    pub fn new<T: Gemm>(isa: Isa, k: usize, n: usize) -> Packed {
        // Narrow products and short ones have kernels of their own.
        let lanes = isa.lanes(size_of::<T>());
        let worth = isa != Isa::Base && k > 0 && n >= 2 * lanes && (k > 16 || !n.is_multiple_of(lanes));
        Packed(worth.then(|| Panels::new::<T>(isa, k, n)))
    }

    /// Elements that it takes.
    pub fn len(&self) -> usize {
        self.0.map_or(0, |panels| panels.len())
    }

    /// One of some shares of packing B.
    pub fn pieces<T>(&self, b: &View<'_, T>, share: (usize, usize)) -> impl Iterator<Item = Piece> + use<T> {
        let rows_follow = b.shape.row_stride >= b.shape.col_stride;
        self.0.into_iter().flat_map(move |panels| panels.pieces(rows_follow, share))
    }

    /// The elements that a piece is.
    pub fn elements(&self, piece: &Piece) -> Range<usize> {
        self.0.map_or(0..0, |panels| panels.elements(piece))
    }

    /// Packs a piece of B into its elements, past the caches if several threads will read it.
    pub fn pack<T: Gemm>(&self, b: &View<'_, T>, piece: &Piece, to: &mut [T], past: bool) {
        if let Some(panels) = self.0 {
            panels.pack(b, piece, to, past);
        }
    }

    /// `C = A B` or `C += A B` of a B that was packed, on this thread where there are panels; a row of C is the same in every block of rows.
    pub fn gemm<T: Gemm>(
        &self,
        isa: Isa,
        pool: &Pool,
        c: ViewMut<'_, T>,
        a: View<'_, T>,
        (b, packed): (View<'_, T>, &[T]),
        ending: Ending<'_, T>,
    ) {
        let Some(panels) = self.0.filter(|_| c.shape.col_stride == 1) else {
            return gemm_on(isa, pool, c, a, b, ending);
        };
        let Ending { accumulate, tail } = ending;
        assert!(tail.is_none() || c.is_whole(), "gemm: a tail goes over whole rows");
        let (m, k, n) = (c.shape.rows, a.shape.cols, c.shape.cols);
        assert!(a.shape.rows == m && panels == Panels::new::<T>(isa, k, n), "gemm: B was packed for another product");
        if m == 0 || n == 0 {
            return;
        }
        let product = Product {
            m,
            n,
            k,
            p: 1,
            a: a.data.as_ptr(),
            a_row: a.shape.row_stride,
            a_col: a.shape.col_stride,
            w: std::ptr::null(),
            w_row: 0,
            c: c.data.as_mut_ptr(),
            c_row: c.shape.row_stride,
            accumulate,
        };
        let step = if tail.is_some() { tail::ROWS } else { m };
        for first in (0..m).step_by(step) {
            let rows = first..m.min(first + step);
            // SAFETY: `View` and `ViewMut` have checked the bounds, C has contiguous rows and is borrowed here alone,
            // and there are panels only where the instruction set has a kernel.
            unsafe { panels.multiply(&product, packed, rows.clone(), 0..panels.count()) };
            if let Some(tail) = &tail {
                let start = product.c.wrapping_add(first * n);
                // SAFETY: whole rows of a C without gaps.
                tail.apply(isa, unsafe { std::slice::from_raw_parts_mut(start, rows.len() * n) }, first, n);
            }
        }
    }
}
