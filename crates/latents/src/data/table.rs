//! Rows of numbers with named columns.

use crate::data::error::{DataError, Fault};
use pullback::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// What the numbers of a column are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Themselves.
    Number,
    /// Indices of these names.
    Categories(Vec<String>),
}

/// A column's name and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name; `x1`, `x2`, … where the file gives none.
    pub name: String,
    /// What its numbers are.
    pub kind: ColumnKind,
}

impl Column {
    /// A column of numbers.
    pub fn number(name: impl Into<String>) -> Column {
        Column { name: name.into(), kind: ColumnKind::Number }
    }

    /// A column of categories, whose values are indices of `levels`.
    pub fn categories(name: impl Into<String>, levels: Vec<String>) -> Column {
        Column { name: name.into(), kind: ColumnKind::Categories(levels) }
    }

    /// The names of the categories; none for a column of numbers.
    pub fn levels(&self) -> Option<&[String]> {
        match &self.kind {
            ColumnKind::Number => None,
            ColumnKind::Categories(levels) => Some(levels),
        }
    }
}

/// Rows of finite numbers with named columns.
///
/// ```
/// use latents::data::{Column, Table};
/// let columns = vec![Column::number("height"), Column::categories("colour", vec!["blue".into(), "red".into()])];
/// let table = Table::new(columns, vec![1.5, 0.0, 2.5, 1.0])?;
/// assert_eq!(table.rows(), 2);
/// assert_eq!(table.row(1), [2.5, 1.0]);
/// assert_eq!(table.text(1, 1), "red");
/// # Ok::<(), latents::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
    values: Vec<f64>,
    /// The rows' numbers in their file, where some of it were dropped.
    numbers: Option<Vec<u64>>,
    /// How many were.
    dropped: u64,
}

impl Table {
    /// The table of those values, row by row.
    ///
    /// # Shapes
    /// `values: n · d` of them for `d` columns.
    ///
    /// # Errors
    /// [`Fault::NoColumns`], [`Fault::Duplicate`], [`Fault::Shape`], [`Fault::NotFinite`], [`Fault::Index`].
    pub fn new(columns: Vec<Column>, values: Vec<f64>) -> Result<Table, DataError> {
        if columns.is_empty() {
            return Err(Fault::NoColumns.into());
        }
        let mut names = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !names.insert(column.name.as_str())) {
            return Err(Fault::Duplicate { name: twice.name.clone() }.into());
        }
        if !values.len().is_multiple_of(columns.len()) {
            return Err(Fault::Shape { values: values.len(), columns: columns.len() }.into());
        }
        for (i, row) in values.chunks_exact(columns.len()).enumerate() {
            for (&value, column) in row.iter().zip(&columns) {
                check(value, column).map_err(|fault| fault.at(&column.name).in_row(i as u64 + 1))?;
            }
        }
        let rows = values.len() / columns.len();
        Ok(Table { columns, rows, values, numbers: None, dropped: 0 })
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// One row.
    ///
    /// # Panics
    /// Where there is no such row, as indexing a slice does.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.width()..(i + 1) * self.width()]
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The values of one column.
    pub fn column(&self, j: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.values.iter().skip(j).step_by(self.width()).copied()
    }

    /// A cell as a file would have it: the shortest number that reads back the same, or the category's name.
    pub fn text(&self, i: usize, j: usize) -> String {
        let value = self.row(i)[j];
        match self.columns[j].levels() {
            None => value.to_string(),
            Some(levels) => levels[value as usize].clone(),
        }
    }

    /// The numbers, from 1, that the rows have in the file that they were read from, where rows of it were dropped.
    pub fn numbers(&self) -> Option<&[u64]> {
        self.numbers.as_deref()
    }

    /// How many rows of that file were dropped for want of a value.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The number, from 1, of the row at a place from 0: that in its file, where rows of it were dropped.
    pub fn number(&self, i: usize) -> u64 {
        self.numbers.as_ref().and_then(|numbers| numbers.get(i).copied()).unwrap_or(i as u64 + 1)
    }

    /// The rows at those places, in that order, as a table of its own: its rows count from 1.
    pub fn select_rows(&self, rows: &[usize]) -> Table {
        let values = rows.iter().flat_map(|&i| self.row(i)).copied().collect();
        Table { columns: self.columns.clone(), rows: rows.len(), values, numbers: None, dropped: 0 }
    }

    /// These rows and then those of another table, counted anew.
    ///
    /// # Errors
    /// [`Fault::Mismatch`] where the columns differ.
    pub fn append(&mut self, mut other: Table) -> Result<(), DataError> {
        self.expect_columns(&other.columns)?;
        self.rows += other.rows;
        self.values.append(&mut other.values);
        (self.numbers, self.dropped) = (None, 0);
        Ok(())
    }

    /// Refuses other columns than these.
    pub(super) fn expect_columns(&self, columns: &[Column]) -> Result<(), DataError> {
        if self.columns == columns {
            return Ok(());
        }
        let names = |columns: &[Column]| columns.iter().map(|column| column.name.clone()).collect();
        Err(Fault::Mismatch { wanted: names(columns), found: names(&self.columns) }.into())
    }

    /// The values as a tensor.
    ///
    /// # Shapes
    /// Result `[n, d]`.
    pub fn to_tensor(&self, dtype: DType) -> Tensor {
        Tensor::new(self.values.clone(), &[self.rows, self.width()]).cast(dtype)
    }

    /// A table whose parts the caller has checked.
    pub(super) fn of_checked(columns: Vec<Column>, values: Vec<f64>) -> Table {
        let rows = values.len() / columns.len();
        Table { columns, rows, values, numbers: None, dropped: 0 }
    }

    /// The same rows, with the numbers that they have in their file, of which so many were dropped.
    pub(super) fn numbered(self, numbers: Vec<u64>, dropped: u64) -> Table {
        Table { numbers: Some(numbers), dropped, ..self }
    }
}

/// Refuses a value that the column cannot hold.
fn check(value: f64, column: &Column) -> Result<(), Fault> {
    if !value.is_finite() {
        return Err(Fault::NotFinite { value: value.to_string() });
    }
    match column.levels() {
        Some(levels) if value.fract() != 0.0 || value < 0.0 || value >= levels.len() as f64 => {
            Err(Fault::Index { value, levels: levels.len() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_holds_only_what_its_columns_can() {
        let two = || vec![Column::number("a"), Column::categories("b", vec!["u".into(), "v".into()])];
        let fault = |columns, values| *Table::new(columns, values).unwrap_err().fault;
        assert!(matches!(fault(vec![], vec![]), Fault::NoColumns));
        assert!(matches!(fault(two(), vec![1.0]), Fault::Shape { values: 1, columns: 2 }));
        assert!(matches!(fault(two(), vec![f64::NAN, 0.0]), Fault::NotFinite { .. }));
        assert!(matches!(fault(two(), vec![0.0, 2.0]), Fault::Index { levels: 2, .. }));
        assert!(matches!(fault(two(), vec![0.0, 0.5]), Fault::Index { .. }));
        assert!(matches!(fault(vec![Column::number("a"), Column::number("a")], vec![]), Fault::Duplicate { .. }));
        let placed = Table::new(two(), vec![0.0, 1.0, 0.0, -1.0]).unwrap_err();
        assert_eq!((placed.row, placed.column.as_deref()), (Some(2), Some("b")));
    }

    #[test]
    fn rows_are_selected_appended_and_made_a_tensor() {
        let mut table = Table::new(vec![Column::number("a"), Column::number("b")], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(table.select_rows(&[1, 0, 1]).values(), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(table.column(1).collect::<Vec<_>>(), [2.0, 4.0]);
        let t = table.to_tensor(DType::F32);
        assert_eq!(t.shape().known(), Some(vec![2, 2]));
        assert_eq!(t.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        table.append(table.clone()).unwrap();
        assert_eq!(table.rows(), 4);
        let other = Table::new(vec![Column::number("a")], vec![1.0]).unwrap();
        assert!(matches!(*table.append(other).unwrap_err().fault, Fault::Mismatch { .. }));
    }
}
