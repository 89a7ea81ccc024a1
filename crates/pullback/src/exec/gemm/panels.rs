//! The right operand of a product cut into panels, each packed so that a register tile reads it in order.
//!
//! A panel is a few vectors of columns wide, and at most [`DEPTH`] rows of B deep, so that it stays in the second cache
//! while all rows of A pass by. Which columns share a panel depends on their number alone, and an element of C is one
//! chain of multiply-adds over each depth of K: neither rows nor threads change a bit of it.

use super::tile::{Product, Tile};
use super::view::View;
use crate::exec::isa::Isa;
use std::ops::Range;

/// Rows of B in a panel.
pub const DEPTH: usize = 512;

/// Rows and columns of a tile that is turned while it is packed.
const TILE: usize = 16;

/// How B (`k` rows, `n` columns) is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panels {
    isa: Isa,
    k: usize,
    n: usize,
    lanes: usize,
    /// Vectors across all columns.
    vectors: usize,
    count: usize,
}

impl Panels {
    /// For an instruction set that has a register tile.
    pub fn new<T>(isa: Isa, k: usize, n: usize) -> Panels {
        let lanes = isa.lanes(size_of::<T>());
        let vectors = n.div_ceil(lanes);
        // Sixteen registers hold six rows of two vectors, thirty-two six of four.
        let most = if isa == Isa::Avx512 { 4 } else { 2 };
        Panels { isa, k, n, lanes, vectors, count: vectors.div_ceil(most) }
    }

    /// Panels across.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Elements of B packed.
    pub fn len(&self) -> usize {
        self.k * self.vectors * self.lanes
    }

    /// Elements of the largest panel.
    pub fn panel_len(&self) -> usize {
        DEPTH.min(self.k) * self.vectors.div_ceil(self.count.max(1)) * self.lanes
    }

    /// The vectors of a panel: panels of nearly one width.
    fn across(&self, panel: usize) -> Range<usize> {
        self.vectors * panel / self.count..self.vectors * (panel + 1) / self.count
    }

    fn depths(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let k = self.k;
        (0..k).step_by(DEPTH).map(move |first| first..k.min(first + DEPTH))
    }

    /// Where a panel begins among all.
    fn at(&self, depth: &Range<usize>, panel: usize) -> usize {
        (depth.start * self.vectors + depth.len() * self.across(panel).start) * self.lanes
    }

    /// Panels of all depths; packed they lie one after the other.
    pub fn pieces(&self) -> usize {
        self.k.div_ceil(DEPTH) * self.count
    }

    /// The depth and the number across of a piece.
    fn piece(&self, piece: usize) -> (Range<usize>, usize) {
        let first = piece / self.count * DEPTH;
        (first..self.k.min(first + DEPTH), piece % self.count)
    }

    /// The elements of B packed that some pieces are.
    pub fn elements(&self, pieces: &Range<usize>) -> Range<usize> {
        let at = |piece: usize| match piece {
            _ if piece < self.pieces() => {
                let (depth, panel) = self.piece(piece);
                self.at(&depth, panel)
            }
            _ => self.len(),
        };
        at(pieces.start)..at(pieces.end)
    }

    /// Packs some pieces of B into their elements.
    pub fn pack<T: Tile + Default>(&self, b: &View<'_, T>, pieces: Range<usize>, packed: &mut [T]) {
        let start = self.elements(&pieces).start;
        for piece in pieces {
            let (depth, panel) = self.piece(piece);
            self.pack_one(b, &depth, panel, &mut packed[self.at(&depth, panel) - start..]);
        }
    }

    fn pack_one<T: Tile + Default>(&self, b: &View<'_, T>, depth: &Range<usize>, panel: usize, to: &mut [T]) {
        let across = self.across(panel);
        let width = across.len() * self.lanes;
        let columns = across.start * self.lanes..self.n.min(across.end * self.lanes);
        let to = &mut to[..depth.len() * width];
        let (row, col) = (b.shape.row_stride, b.shape.col_stride);
        if col == 1 {
            for (line, p) in to.chunks_exact_mut(width).zip(depth.clone()) {
                let (line, rest) = line.split_at_mut(columns.len());
                line.copy_from_slice(&b.data[p * row + columns.start..][..columns.len()]);
                rest.fill(T::default());
            }
            return;
        }
        if columns.len() < width {
            to.fill(T::default());
        }
        // Square tiles, so that what is read and what is written both go by whole lines of the cache.
        for (block, first) in to.chunks_mut(TILE * width).zip(depth.clone().step_by(TILE)) {
            let deep = block.len() / width;
            for (j, column) in columns.clone().enumerate().step_by(TILE) {
                let across = TILE.min(columns.end - column);
                if row == 1 && deep == TILE && across == TILE {
                    let mut tile = [[T::default(); TILE]; TILE];
                    for (t, line) in tile.iter_mut().enumerate() {
                        line.copy_from_slice(&b.data[first + (column + t) * col..][..TILE]);
                    }
                    for (p, line) in block.chunks_exact_mut(width).enumerate() {
                        line[j..j + TILE].iter_mut().zip(&tile).for_each(|(to, from)| *to = from[p]);
                    }
                    continue;
                }
                for (p, line) in block.chunks_exact_mut(width).enumerate() {
                    for (t, to) in line[j..j + across].iter_mut().enumerate() {
                        *to = b.data[(first + p) * row + (column + t) * col];
                    }
                }
            }
        }
    }

    /// Columns of the panels `panels` of `rows` of a product whose B lies in `packed`.
    ///
    /// # Safety
    /// The pointers and strides of `product` describe readable A and a C with contiguous rows, of which nobody else
    /// uses those rows and columns; the machine has the instruction set.
    pub unsafe fn multiply<T: Tile>(
        &self,
        product: &Product<T>,
        packed: &[T],
        rows: Range<usize>,
        panels: Range<usize>,
    ) {
        assert!(packed.len() >= self.len());
        for depth in self.depths() {
            for panel in panels.clone() {
                // SAFETY: passed on; the panel lies within `packed`.
                unsafe { self.one(product, packed[self.at(&depth, panel)..].as_ptr(), &depth, panel, rows.clone()) };
            }
        }
    }

    /// As [`Panels::multiply`] of all rows, each panel packed just before it is used.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn multiply_packing<T: Tile + Default>(
        &self,
        product: &Product<T>,
        b: &View<'_, T>,
        scratch: &mut [T],
        panels: Range<usize>,
    ) {
        for depth in self.depths() {
            for panel in panels.clone() {
                self.pack_one(b, &depth, panel, scratch);
                // SAFETY: passed on; `pack_one` has filled the panel.
                unsafe { self.one(product, scratch.as_ptr(), &depth, panel, 0..product.m) };
            }
        }
    }

    /// # Safety
    /// As [`Panels::multiply`]; `w` is where the panel is packed.
    unsafe fn one<T: Tile>(
        &self,
        product: &Product<T>,
        w: *const T,
        depth: &Range<usize>,
        panel: usize,
        rows: Range<usize>,
    ) {
        let across = self.across(panel);
        let first = across.start * self.lanes;
        let part = Product {
            n: self.n.min(across.end * self.lanes) - first,
            k: depth.len(),
            a: product.a.wrapping_add(depth.start * product.a_col),
            w,
            w_row: across.len() * self.lanes,
            c: product.c.wrapping_add(first),
            accumulate: product.accumulate || depth.start > 0,
            ..*product
        };
        // SAFETY: passed on.
        unsafe { T::panel(self.isa, &part, across.len(), rows) };
    }
}
