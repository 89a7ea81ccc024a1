//! Tables cut into blocks of rows, so that tasks of a [`Pool`] can write to disjoint blocks of several tables at once.

use std::marker::PhantomData;
use std::ops::Range;

use super::pool::Pool;

impl Pool {
    /// Cuts rows `0..n_rows` of one or several tables into blocks of `block` rows (the last may be shorter) and calls
    /// `f(rows, parts)` once for each block, with that block's rows of every table.
    ///
    /// ```ignore
    /// let tables = (Rows::new(&mut hidden, 128), Rows::new(&mut loss, 1));
    /// pool.for_rows(n, 64, tables, |rows, (hidden, loss)| { … });
    /// ```
    ///
    /// # Panics
    /// When `block` is zero, a table has fewer rows, or a call of `f` panics.
    pub fn for_rows<S: Split>(&self, n_rows: usize, block: usize, tables: S, f: impl Fn(Range<usize>, S::Part) + Sync) {
        assert!(block > 0, "for_rows: a block needs at least one row");
        assert!(tables.holds(n_rows), "for_rows: a table has fewer than {n_rows} rows");
        self.run(n_rows.div_ceil(block), &|i| {
            let rows = i * block..n_rows.min((i + 1) * block);
            // SAFETY: every table holds `n_rows` rows (asserted above), and `run` passes each `i` once, so the parts
            // are disjoint. `tables` came by value and is used for nothing else.
            f(rows.clone(), unsafe { tables.part(rows) });
        });
    }
}

/// Something that holds rows and can hand out disjoint ranges of them; see [`Pool::for_rows`].
///
/// # Safety
/// `part` must be sound to call, and its results to use, on several threads at once under its contract.
pub unsafe trait Split: Sync {
    /// The rows of one block.
    type Part;
    /// Whether there are at least `n_rows` rows.
    fn holds(&self, n_rows: usize) -> bool;
    /// The given rows.
    ///
    /// # Safety
    /// The rows must exist, and over the life of `self` no row may be handed out twice.
    unsafe fn part(&self, rows: Range<usize>) -> Self::Part;
}

/// A mutable slice read as rows of `width` elements.
pub struct Rows<'a, T> {
    data: *mut T,
    width: usize,
    rows: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: a shared `Rows` gives access to elements only through `Split::part`, whose contract makes the parts disjoint.
// Using disjoint `&mut [T]` on several threads needs `T: Send`, as for `slice::chunks_mut`.
unsafe impl<T: Send> Sync for Rows<'_, T> {}

impl<'a, T> Rows<'a, T> {
    /// Rows of `width` elements; an incomplete last row is out of reach.
    pub fn new(data: &'a mut [T], width: usize) -> Self {
        let rows = data.len().checked_div(width).unwrap_or(usize::MAX);
        Rows { data: data.as_mut_ptr(), width, rows, life: PhantomData }
    }
}

// SAFETY: disjoint row ranges are disjoint slices of the slice that `new` borrowed for `'a`.
unsafe impl<'a, T: Send> Split for Rows<'a, T> {
    type Part = &'a mut [T];

    fn holds(&self, n_rows: usize) -> bool {
        n_rows <= self.rows
    }

    unsafe fn part(&self, rows: Range<usize>) -> &'a mut [T] {
        let len = rows.len() * self.width;
        // SAFETY: the caller says that the rows are inside the slice and handed out once; it is borrowed for `'a`.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(rows.start * self.width), len) }
    }
}

/// Several tables of one element type, their number known only at run time.
pub struct Tables<'p, 'a, T>(&'p [Rows<'a, T>]);

impl<'p, 'a, T> Tables<'p, 'a, T> {
    /// Takes the tables for `'p`.
    pub fn new(tables: &'p mut [Rows<'a, T>]) -> Self {
        Tables(tables)
    }
}

// SAFETY: a block reaches its own rows of each table, and `new` keeps others away from the tables for `'p`.
unsafe impl<'p, 'a, T: Send> Split for Tables<'p, 'a, T> {
    type Part = Block<'p, 'a, T>;

    fn holds(&self, n_rows: usize) -> bool {
        self.0.iter().all(|table| table.holds(n_rows))
    }

    unsafe fn part(&self, rows: Range<usize>) -> Block<'p, 'a, T> {
        Block { tables: self.0, rows }
    }
}

/// One block of rows of several tables.
pub struct Block<'p, 'a, T> {
    tables: &'p [Rows<'a, T>],
    rows: Range<usize>,
}

impl<T: Send> Block<'_, '_, T> {
    /// This block's rows of table `index`.
    pub fn get(&mut self, index: usize) -> &mut [T] {
        // SAFETY: this block owns its rows of every table, and `&mut self` lets one slice live at a time.
        unsafe { self.tables[index].part(self.rows.clone()) }
    }

    /// This block's rows of every table, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let rows = &self.rows;
        // SAFETY: this block owns its rows of every table, and each table is visited once while `self` is borrowed.
        self.tables.iter().map(|table| unsafe { table.part(rows.clone()) })
    }
}

macro_rules! split_tuple {
    ($($name:ident $field:tt),+) => {
        // SAFETY: each part is a tuple of parts of its fields, which are separate.
        unsafe impl<$($name: Split),+> Split for ($($name,)+) {
            type Part = ($($name::Part,)+);

            fn holds(&self, n_rows: usize) -> bool {
                $(self.$field.holds(n_rows))&&+
            }

            unsafe fn part(&self, rows: Range<usize>) -> Self::Part {
                // SAFETY: the same contract, field by field.
                unsafe { ($(self.$field.part(rows.clone()),)+) }
            }
        }
    };
}
split_tuple!(A 0, B 1);
split_tuple!(A 0, B 1, C 2);
split_tuple!(A 0, B 1, C 2, D 3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_disjoint_and_complete() {
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads);
            let (mut wide, mut thin) = (vec![0; 3 * 11], vec![0u8; 11]);
            let tables = (Rows::new(&mut wide, 3), Rows::new(&mut thin, 1));
            pool.for_rows(11, 4, tables, |rows, (wide, thin)| {
                wide.chunks_mut(3).zip(rows.clone()).for_each(|(row, r)| row.fill(r));
                thin.iter_mut().zip(rows).for_each(|(v, r)| *v = r as u8);
            });
            assert!(wide.iter().enumerate().all(|(i, &v)| v == i / 3));
            assert!(thin.iter().enumerate().all(|(i, &v)| v == i as u8));
        }
    }

    #[test]
    fn tables_known_at_run_time() {
        let (mut x, mut y) = (vec![5; 3 * 11], vec![5; 25]);
        let mut tables = [Rows::new(&mut x, 3), Rows::new(&mut y, 2)];
        Pool::new(2).for_rows(11, 2, Tables::new(&mut tables), |rows, mut block| {
            block.iter_mut().for_each(|part| part.fill(7));
            block.get(1).fill(rows.start);
        });
        assert!(x.iter().all(|&v| v == 7));
        assert!(y[..22].iter().enumerate().all(|(i, &v)| v == i / 4 * 2));
        assert_eq!(y[22..], [5, 5, 5]);
    }

    #[test]
    fn rows_of_no_width() {
        let mut empty = [0.0; 0];
        Pool::new(2).for_rows(9, 2, Rows::new(&mut empty, 0), |_, part| assert!(part.is_empty()));
    }

    #[test]
    #[should_panic(expected = "fewer than 12 rows")]
    fn too_few_rows() {
        let mut short = [0; 11];
        Pool::new(1).for_rows(12, 4, Rows::new(&mut short, 1), |_, _| ());
    }
}
