//! The right operand of a product cut into panels, each packed so that a register tile reads it in order.
//!
//! A panel is a few vectors of columns wide, and at most [`DEPTH`] rows of B deep, so that it stays in the second cache
//! while rows of A pass by: all of them, or some, before the next panel where B was packed before, and across a group of
//! panels where it is packed now. For few rows of A a B whose rows are contiguous is read where it lies.
//! Where the columns of A are contiguous and many rows deep, A is packed too, as strips: such rows as make a tile.
//! Which columns share a panel depends on their number alone, and an element of C is one chain of multiply-adds over each
//! depth of K: neither rows nor threads change a bit of it.

use super::ahead::Ahead;
use super::stream;
use super::tile::{self, Product, ROWS, Tile};
use super::transpose::Transpose;
use super::view::View;
use crate::exec::isa::Isa;
use std::ops::Range;

/// Rows of B in a panel.
pub const DEPTH: usize = 512;

/// Rows and columns of a tile that is turned while it is packed.
const TILE: usize = 16;

/// Most lanes of a vector.
const MOST_LANES: usize = 16;

/// Elements of panels that stay in the second cache.
const GROUP: usize = 96 << 10;

/// About how many tiles of rows pass by panels at once.
const NEAR_TILES: usize = 8;

/// Vectors of B from which on it pays to pack A, where its columns are contiguous: so many products of each of its elements.
const STRIPS_PAY: usize = 8;

/// Rows of a panel from which on lines of A that is not packed crowd it out of the first cache.
const STRIPS_DEEP: usize = 192;

/// Most rows of A for which panels whose rows are contiguous anyway are not packed.
const FEW_ROWS: usize = 64;

/// Bytes between rows of B of which a multiple is half a page or more: such rows lie in the same few sets of a cache.
const CROWDED: usize = 2048;

/// Most elements of A that are packed at once.
const STRIPS: usize = 128 << 10;

/// Packing a vector of B takes about as long as multiplying it into so many rows.
const PACKING: usize = 8;

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

/// Some rows of a panel, all of one depth.
#[derive(Clone, Debug)]
pub struct Piece {
    rows: Range<usize>,
    panel: usize,
}

/// Copies, past the caches or not; past them, all is written only with [`stream::done`].
#[inline]
fn put<T: Tile>(to: &mut [T], from: &[T], past: bool) {
    match past {
        // SAFETY: `T` is `f32` or `f64`; `Packed::pack`, which alone packs past the caches, ends with `stream::done`.
        true => unsafe { stream::copy(to, from) },
        false => to.copy_from_slice(from),
    }
}

/// Where the squares of a tile begin.
fn squares<T: Transpose>(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(T::SQUARE).flat_map(move |row| (0..columns).step_by(T::SQUARE).map(move |column| (row, column)))
}

/// Rows that pass by panels at once, and those after them, in parts of nearly as many tiles: each part reads the panels
/// again, which a few rows left over would not be worth.
pub fn near(rows: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let Range { start, end } = *rows;
    let tiles = rows.len().div_ceil(ROWS);
    let parts = ((tiles + NEAR_TILES / 2) / NEAR_TILES).max(1);
    let at = move |part: usize| end.min(start + tiles * part / parts * ROWS);
    (0..parts).map(move |part| at(part)..at(part + 1))
}

impl Panels {
    /// For an instruction set that has a register tile. Only one that the machine has may pack and multiply.
    pub fn new<T>(isa: Isa, k: usize, n: usize) -> Panels {
        let lanes = isa.lanes(size_of::<T>());
        let vectors = n.div_ceil(lanes);
        Panels { isa, k, n, lanes, vectors, count: vectors.div_ceil(tile::vectors(isa)) }
    }

    /// Panels across.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Elements of B packed.
    pub fn len(&self) -> usize {
        self.k * self.vectors * self.lanes
    }

    /// The vectors of a panel: panels of nearly one width.
    fn across(&self, panel: usize) -> Range<usize> {
        self.vectors * panel / self.count..self.vectors * (panel + 1) / self.count
    }

    /// Elements of a row of a packed panel.
    fn width(&self, panel: usize) -> usize {
        self.across(panel).len() * self.lanes
    }

    /// The columns of B that some neighbouring panels hold.
    fn columns(&self, panels: &Range<usize>) -> Range<usize> {
        self.across(panels.start).start * self.lanes..self.n.min(self.across(panels.end - 1).end * self.lanes)
    }

    fn depths(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let k = self.k;
        (0..k).step_by(DEPTH).map(move |first| first..k.min(first + DEPTH))
    }

    /// Where a panel begins among all.
    fn at(&self, depth: &Range<usize>, panel: usize) -> usize {
        (depth.start * self.vectors + depth.len() * self.across(panel).start) * self.lanes
    }

    /// One of some shares of packing B: such a part of the rows, or of the columns, as follow each other in memory.
    pub fn pieces(&self, rows_follow: bool, (share, of): (usize, usize)) -> impl Iterator<Item = Piece> + use<> {
        let part = |all: usize| all * share / of..all * (share + 1) / of;
        let whole = 0..self.k;
        let (rows, panels) = if rows_follow { (part(self.k), 0..self.count) } else { (whole, part(self.count)) };
        let depths = self.depths().map(move |d| d.start.max(rows.start)..d.end.min(rows.end));
        let depths = depths.filter(|rows| !rows.is_empty());
        depths.flat_map(move |rows| panels.clone().map(move |panel| Piece { rows: rows.clone(), panel }))
    }

    /// The elements of B packed that a piece is.
    pub fn elements(&self, piece: &Piece) -> Range<usize> {
        let width = self.width(piece.panel);
        let first = piece.rows.start / DEPTH * DEPTH;
        let at = self.at(&(first..self.k.min(first + DEPTH)), piece.panel) + (piece.rows.start - first) * width;
        at..at + piece.rows.len() * width
    }

    /// Packs a piece of B into its elements; past the caches, nobody reads them before [`stream::done`].
    pub fn pack<T: Tile + Transpose + Default>(&self, b: &View<'_, T>, piece: &Piece, to: &mut [T], past: bool) {
        self.pack_rows(b, &piece.rows, piece.panel, to, past);
    }

    /// Packs some rows, all of one depth, of a panel.
    fn pack_rows<T: Tile + Transpose + Default>(
        &self,
        b: &View<'_, T>,
        depth: &Range<usize>,
        panel: usize,
        to: &mut [T],
        past: bool,
    ) {
        let width = self.width(panel);
        let columns = self.columns(&(panel..panel + 1));
        let to = &mut to[..depth.len() * width];
        let (row, col) = (b.shape.row_stride, b.shape.col_stride);
        if col == 1 {
            let whole = columns.len() / self.lanes * self.lanes;
            for (line, p) in to.chunks_exact_mut(width).zip(depth.clone()) {
                let from = &b.data[p * row + columns.start..][..columns.len()];
                // A known length is copied without a call.
                match whole {
                    TILE => put(&mut line[..TILE], &from[..TILE], past),
                    _ => put(&mut line[..whole], &from[..whole], past),
                }
                if whole < width {
                    let mut last = [T::default(); MOST_LANES];
                    last[..columns.len() - whole].copy_from_slice(&from[whole..]);
                    put(&mut line[whole..], &last[..width - whole], past);
                }
            }
            return;
        }
        // Square tiles, so that what is read and what is written both go by whole lines of the cache.
        for (block, first) in to.chunks_mut(TILE * width).zip(depth.clone().step_by(TILE)) {
            let deep = block.len() / width;
            for (j, column) in columns.clone().enumerate().step_by(TILE) {
                let across = TILE.min(columns.end - column);
                let mut tile = [[T::default(); TILE]; TILE];
                if row == 1 && deep.is_multiple_of(T::SQUARE) && across.is_multiple_of(T::SQUARE) {
                    for (p, t) in squares::<T>(deep, across) {
                        let from = &b.data[first + p + (column + t) * col..][..(T::SQUARE - 1) * col + T::SQUARE];
                        let to = tile.as_mut_ptr().cast::<T>().wrapping_add(p * TILE + t);
                        // SAFETY: `from` holds a square of B, whose columns are contiguous, and the tile has room for it
                        // turned; the machine has the panels' instruction set.
                        unsafe { T::transpose(from.as_ptr(), col, to, TILE) };
                    }
                } else {
                    for (p, line) in tile.iter_mut().enumerate().take(deep) {
                        for (t, to) in line[..across].iter_mut().enumerate() {
                            *to = b.data[(first + p) * row + (column + t) * col];
                        }
                    }
                }
                // With zeros up to a whole vector, each line written once: past the caches a second time is slow.
                let room = TILE.min(width - j);
                for (line, from) in block.chunks_exact_mut(width).zip(&tile) {
                    // A known length is copied without a call.
                    match room {
                        TILE => put(&mut line[j..j + TILE], from, past),
                        _ => put(&mut line[j..j + room], &from[..room], past),
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
                let w = (packed[self.at(&depth, panel)..].as_ptr(), self.width(panel));
                // SAFETY: passed on; the panel lies within `packed`.
                unsafe { self.one(product, w, &depth, panel, rows.clone()) };
            }
        }
    }

    /// Into how many shares threads cut the rows and the panels of a product of `m` rows, if each packs the panels that
    /// it uses: the cut whose largest share is the least work, of rows rather than of panels.
    pub fn shares(&self, m: usize, threads: usize) -> (usize, usize) {
        let work = |across: usize| {
            let share = |k: usize| {
                self.across(self.count * k / across).start..self.across(self.count * (k + 1) / across - 1).end
            };
            let widest = (0..across).map(|k| share(k).len()).max().unwrap_or(0);
            widest * (m.div_ceil(threads / across).next_multiple_of(ROWS) + PACKING)
        };
        let fits = |across: &usize| threads.is_multiple_of(*across) && *across <= self.count;
        let across = (1..=threads).filter(fits).min_by_key(|&across| work(across)).unwrap_or(1);
        (threads / across, across)
    }

    /// Elements of the largest panel.
    fn panel_len(&self) -> usize {
        DEPTH.min(self.k) * self.vectors.div_ceil(self.count.max(1)) * self.lanes
    }

    /// How many neighbouring panels are packed at once where they are used once. Second caches of 512 KB, as cores with
    /// vectors of 256 bits have and some with NEON, hold half as many beside strips and what is asked of memory.
    fn group(&self, in_strips: bool) -> usize {
        let room = if in_strips && self.isa != Isa::Avx512 { GROUP / 2 } else { GROUP };
        (room / self.panel_len().max(1)).clamp(1, self.count.max(1))
    }

    /// The depths, with each the panels among some that are packed at once: nearly as many each time.
    fn groups(
        &self,
        panels: Range<usize>,
        in_strips: bool,
    ) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<> {
        let parts = panels.len().div_ceil(self.group(in_strips));
        let at = move |part: usize| panels.start + panels.len() * part / parts;
        self.depths().flat_map(move |depth| {
            let at = at.clone();
            (0..parts).map(move |part| (depth.clone(), at(part)..at(part + 1)))
        })
    }

    /// Elements of scratch memory that [`Panels::multiply_packing`] takes for some rows and panels.
    pub fn scratch_len<T>(
        &self,
        product: &Product<T>,
        b: &View<'_, T>,
        rows: &Range<usize>,
        panels: &Range<usize>,
    ) -> usize {
        let in_strips = self.in_strips(product, rows, panels);
        let strips = if in_strips { DEPTH.min(self.k) * rows.len() } else { 0 };
        let packed = if self.reads_in_place(b, rows.len()) { 0 } else { self.group_len(panels, in_strips) };
        packed + strips
    }

    /// Elements of the panels among some that are packed at once.
    fn group_len(&self, panels: &Range<usize>, in_strips: bool) -> usize {
        self.panel_len() * self.group(in_strips).min(panels.len())
    }

    /// Whether rows of A are packed as well: where they are not contiguous, a tile takes a few numbers of each line of
    /// memory that it reads, and lines crowd out the panel.
    fn in_strips<T>(&self, product: &Product<T>, rows: &Range<usize>, panels: &Range<usize>) -> bool {
        let vectors = self.across(panels.end - 1).end - self.across(panels.start).start;
        let deep = DEPTH.min(self.k);
        let fits = deep >= STRIPS_DEEP && deep * rows.len() <= STRIPS;
        fits && product.a_row == 1 && product.a_col > 1 && vectors >= STRIPS_PAY
    }

    /// Whether B is read where it lies: its rows are contiguous and whole vectors, or end with half of one where tiles may, and
    /// so few rows pass by that packing would take longer.
    fn reads_in_place<T>(&self, b: &View<'_, T>, rows: usize) -> bool {
        let step = if self.isa == Isa::Avx512 { self.lanes / 2 } else { self.lanes };
        // Rows so far apart would crowd each other out of the few places that a cache has for them.
        let apart = !(b.shape.row_stride * size_of::<T>()).is_multiple_of(CROWDED);
        rows <= FEW_ROWS && b.shape.col_stride == 1 && self.n.is_multiple_of(step) && apart
    }

    /// A panel of a B that is read where it lies, from its first number to its last.
    fn lying<'a, T>(&self, b: &View<'a, T>, depth: &Range<usize>, panel: usize) -> &'a [T] {
        let (row, columns) = (b.shape.row_stride, self.columns(&(panel..panel + 1)));
        &b.data[depth.start * row + columns.start..][..(depth.len() - 1) * row + columns.len()]
    }

    /// Packs columns of a depth of A, which are contiguous, in the order in which tiles read them.
    ///
    /// # Safety
    /// The pointer and strides of `product` describe a readable A, whose `a_row` is 1.
    unsafe fn pack_strips<T: Copy>(product: &Product<T>, depth: &Range<usize>, rows: &Range<usize>, to: &mut [T]) {
        let mut strips = to;
        for tile in near(rows).flat_map(|rows| tile::tiles(&rows)) {
            let (strip, rest) = strips.split_at_mut(depth.len() * tile.len());
            for (p, line) in depth.clone().zip(strip.chunks_exact_mut(tile.len())) {
                // SAFETY: rows of A at a depth that it has.
                let from =
                    unsafe { std::slice::from_raw_parts(product.a.add(p * product.a_col + tile.start), tile.len()) };
                // A known length is copied without a call.
                match tile.len() {
                    ROWS => line[..ROWS].copy_from_slice(&from[..ROWS]),
                    _ => line.copy_from_slice(from),
                }
            }
            strips = rest;
        }
    }

    /// As [`Panels::multiply`], panels packed just before they are used.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn multiply_packing<T: Tile + Transpose + Default>(
        &self,
        product: &Product<T>,
        b: &View<'_, T>,
        scratch: &mut [T],
        rows: Range<usize>,
        panels: Range<usize>,
    ) {
        if rows.is_empty() {
            return;
        }
        let in_strips = self.in_strips(product, &rows, &panels);
        let in_place = self.reads_in_place(b, rows.len());
        let packed = if in_place { 0 } else { self.group_len(&panels, in_strips) };
        let (scratch, strips) = scratch.split_at_mut(packed);
        let mut groups = self.groups(panels.clone(), in_strips).peekable();
        while let Some((depth, group)) = groups.next() {
            if in_strips && group.start == panels.start {
                // SAFETY: passed on.
                unsafe { Self::pack_strips(product, &depth, &rows, strips) };
            }
            let at = |panel: usize| self.at(&depth, panel) - self.at(&depth, group.start);
            if !in_place {
                group.clone().for_each(|panel| self.pack_rows(b, &depth, panel, &mut scratch[at(panel)..], false));
            }
            // Only tiles of strips are multiplied one by one.
            let mut ahead =
                groups.peek().filter(|_| in_strips && b.shape.col_stride == 1).map(|(deeper, following)| {
                    let times = rows.len().div_ceil(ROWS) * group.len();
                    Ahead::new(*b, deeper.clone(), self.columns(following), times)
                });
            // Some rows across all panels, so that what is near of them in C is used whole.
            for near in near(&rows) {
                for panel in group.clone() {
                    let w = match in_place {
                        true => (self.lying(b, &depth, panel).as_ptr(), b.shape.row_stride),
                        false => (scratch[at(panel)..].as_ptr(), self.width(panel)),
                    };
                    if !in_strips {
                        // SAFETY: passed on; the panel lies within B, or `pack_rows` has filled it.
                        unsafe { self.one(product, w, &depth, panel, near.clone()) };
                        continue;
                    }
                    for tile in tile::tiles(&near) {
                        if let Some(ahead) = &mut ahead {
                            ahead.ask();
                        }
                        // A tile reads its strip as an A of so many rows that begins there.
                        let strip = strips[(tile.start - rows.start) * depth.len()..].as_ptr();
                        let (a_col, skipped) = (tile.len(), tile.start + depth.start * tile.len());
                        let product = Product { a: strip.wrapping_sub(skipped), a_col, ..*product };
                        // SAFETY: as above; `pack_strips` has filled the strip.
                        unsafe { self.one(&product, w, &depth, panel, tile) };
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`Panels::multiply`]; `w` is where the panel begins, and how far its rows are apart.
    unsafe fn one<T: Tile>(
        &self,
        product: &Product<T>,
        (w, w_row): (*const T, usize),
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
            w_row,
            c: product.c.wrapping_add(first),
            accumulate: product.accumulate || depth.start > 0,
            ..*product
        };
        // SAFETY: passed on.
        unsafe { T::panel(self.isa, &part, across.len(), rows) };
    }
}

#[cfg(test)]
mod tests;
