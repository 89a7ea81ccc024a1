//! A matrix packed once, to be the right operand of many products.

use super::panels::{self, Panels};
use super::stream;
use super::tail::Ending;
use super::tile::Product;
use super::view::{View, ViewMut};
use super::{Gemm, gemm_on};
use crate::exec::isa::Isa;
use crate::exec::pool::Pool;
use crate::exec::shared::Shared;
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

    /// Packs one of some shares of B, past the caches if several threads will read it.
    ///
    /// # Safety
    /// Until it returns, nobody else reads `to`, and others write to it only by other shares.
    pub unsafe fn pack<T: Gemm>(&self, b: &View<'_, T>, share: (usize, usize), to: &Shared<'_, T>, past: bool) {
        let rows_follow = b.shape.row_stride >= b.shape.col_stride;
        let Some(panels) = self.0 else { return };
        for piece in panels.pieces(rows_follow, share) {
            let elements = panels.elements(&piece);
            // SAFETY: pieces, of all shares, have different elements.
            panels.pack(b, &piece, unsafe { to.range(elements.start, elements.len()) }, past);
        }
        if past {
            // Once for all: it waits until every write has arrived.
            stream::done();
        }
    }

    /// `C = A B` or `C += A B` of a B that was packed, on this thread where there are panels; a row of C is the same in every
    /// block of rows.
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
            a: a.data.as_ptr(),
            a_row: a.shape.row_stride,
            a_col: a.shape.col_stride,
            w: std::ptr::null(),
            w_row: 0,
            c: c.data.as_mut_ptr(),
            c_row: c.shape.row_stride,
            accumulate,
        };
        let multiply = |rows: Range<usize>| {
            // SAFETY: `View` and `ViewMut` have checked the bounds, C has contiguous rows and is borrowed here alone,
            // and there are panels only where the instruction set has a kernel.
            unsafe { panels.multiply(&product, packed, rows, 0..panels.count()) };
        };
        let Some(tail) = tail else { return multiply(0..m) };
        for rows in panels::near(&(0..m)) {
            let (first, start) = (rows.start, product.c.wrapping_add(rows.start * n));
            let len = rows.len() * n;
            multiply(rows);
            // SAFETY: whole rows of a C without gaps.
            tail.apply(isa, unsafe { std::slice::from_raw_parts_mut(start, len) }, first, n);
        }
    }
}
