//! Reading a data set, chunk by chunk or whole.

use crate::data::columns::{positions, select};
use crate::data::csv::{Header, parse};
use crate::data::error::{DataError, Fault, short};
use crate::data::format::{open_folder, open_source};
use crate::data::input::{Input, name_of};
use crate::data::missing::{Missing, is_missing};
use crate::data::points::Ink;
use crate::data::table::{Column, ColumnKind, Table};
use csv::ByteRecord;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// More columns than this are refused: no allocation follows the word of a header alone.
pub(super) const MAX_COLUMNS: usize = 1 << 20;

/// More categories than this are refused: the column is no categorical one, but text.
const MAX_LEVELS: usize = 4096;

/// Rows in one chunk while a whole table is read.
const CHUNK: usize = 4096;

/// How a data set is to be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Whether the first line of a text file names the columns.
    pub header: Header,
    /// The columns, in order: names, numbers from 1, or ranges of either such as `2-5`; all of them for `None`.
    pub columns: Option<Vec<String>>,
    /// Columns to leave out, in the same form.
    pub without: Vec<String>,
    /// Columns whose values are names, in the same form.
    pub categorical: Vec<String>,
    /// What is done with a row that lacks a value.
    pub missing: Missing,
    /// A picture is read as that many points, drawn where it has ink, instead of as one row of pixels.
    pub points: Option<usize>,
    /// Which pixels of a picture of points have ink.
    pub ink: Ink,
    /// The power that the ink of a picture of points is raised to after it was stretched to the picture's own range:
    /// above 1, more of the points fall where there is most ink. The ink is taken as it is for `None`.
    pub contrast: Option<f64>,
    /// The seed of those points.
    pub seed: u64,
    /// The columns that a fitted model wants, with its categories.
    pub like: Option<Vec<Column>>,
}

/// A data set that is read in chunks.
pub trait Reader {
    /// The columns of every chunk.
    fn columns(&self) -> &[Column];

    /// The next rows, at most that many; `None` at the end.
    ///
    /// # Errors
    /// A fault of the file or of one of the rows, which it names.
    fn next(&mut self, most: usize) -> Result<Option<Table>, DataError>;

    /// The numbers, from 1, that the rows of the last chunk have in the data set: those that were dropped count too.
    fn numbers(&self) -> &[u64];

    /// How many rows were dropped so far for want of a value.
    fn dropped(&self) -> u64;
}

/// Opens a data set; `-` is standard input, a folder is its pictures. The format goes by the name, or else by the first
/// bytes.
///
/// Memory is needed for one chunk, with three exceptions: a picture is held whole; an NPY file in Fortran order that
/// comes compressed or from standard input is held whole; and a table whose categories are yet to be learnt
/// (`categorical` without `like`) is, for they are known after its last row only.
///
/// # Errors
/// Whatever the file's beginning says already: [`Fault::Read`], [`Fault::Empty`], [`Fault::Corrupt`],
/// [`Fault::UnknownColumn`], [`Fault::Mismatch`] and others.
pub fn open(path: &Path, options: &ReadOptions) -> Result<Box<dyn Reader>, DataError> {
    let name = name_of(path);
    let source = if path.is_dir() { open_folder(path, options) } else { open_source(Input::open(path)?, options) };
    tidy(source, &name, options)
}

/// As [`open`], of bytes in memory under a name that tells their format.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Box<dyn Reader>, DataError> {
    let input = Input::memory(name, bytes)?;
    tidy(open_source(input, options), name, options)
}

/// Reads a whole data set.
///
/// ```
/// use latents::data::{ReadOptions, read};
/// let path = std::env::temp_dir().join(format!("latents-doc-{}.csv", std::process::id()));
/// std::fs::write(&path, "name,height,weight\nAnn,1.7,60\nBob,1.8,\nCid,1.9,80\n")?;
/// let options = ReadOptions {
///     without: vec!["name".into()],
///     missing: latents::data::Missing::Drop,
///     ..ReadOptions::default()
/// };
/// let table = read(&path, &options)?;
/// assert_eq!(table.values(), [1.7, 60.0, 1.9, 80.0]);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`open`] and [`Reader::next`].
pub fn read(path: &Path, options: &ReadOptions) -> Result<Table, DataError> {
    whole(&mut *open(path, options)?)
}

/// As [`read`], of bytes in memory under a name that tells their format.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Table, DataError> {
    whole(&mut *open_bytes(name, bytes, options)?)
}

/// All that a reader has; where rows were dropped, with the numbers of those that were not.
fn whole(reader: &mut dyn Reader) -> Result<Table, DataError> {
    let mut all: Option<Table> = None;
    let mut numbers = Vec::new();
    while let Some(chunk) = reader.next(CHUNK)? {
        numbers.extend_from_slice(reader.numbers());
        match &mut all {
            None => all = Some(chunk),
            Some(table) => table.append(chunk)?,
        }
    }
    let table = all.ok_or_else(|| DataError::from(Fault::NoRows { dropped: reader.dropped() }))?;
    let dropped = reader.dropped();
    Ok(if dropped > 0 { table.numbered(numbers, dropped) } else { table })
}

/// A format's rows, before any choice among them.
pub(super) trait Source {
    /// The columns' names.
    fn names(&self) -> &[String];

    /// Whether the file gives the names itself.
    fn is_named(&self) -> bool;

    /// Says once, before the first row, which columns will be looked at.
    fn choose(&mut self, _columns: &[usize]) -> Result<(), DataError> {
        Ok(())
    }

    /// The next row; `None` at the end.
    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError>;
}

/// One row of a source.
pub(super) struct Row<'a> {
    /// Its line in a text file.
    pub line: Option<u64>,
    /// Its cells.
    pub cells: Cells<'a>,
}

/// The cells of a row.
pub(super) enum Cells<'a> {
    Numbers(&'a [f64]),
    Text(&'a ByteRecord),
    #[cfg(any(feature = "arrow", feature = "parquet"))]
    Mixed(&'a [Value]),
}

/// A cell of a format that has several types.
#[cfg(any(feature = "arrow", feature = "parquet"))]
pub(super) enum Value {
    Missing,
    Number(f64),
    Text(String),
}

/// What a cell holds.
enum Held<'a> {
    Missing,
    Number(f64),
    Text(Cow<'a, str>),
}

impl<'a> Cells<'a> {
    fn number(&self, i: usize) -> Held<'a> {
        match self {
            Cells::Numbers(numbers) if numbers[i].is_nan() => Held::Missing,
            Cells::Numbers(numbers) => Held::Number(numbers[i]),
            Cells::Text(record) => match parse(&record[i]) {
                Some(x) if x.is_finite() => Held::Number(x),
                x => match (text(&record[i]), x) {
                    (shown, _) if is_missing(&shown) => Held::Missing,
                    (_, Some(x)) => Held::Number(x),
                    (shown, None) => Held::Text(shown),
                },
            },
            #[cfg(any(feature = "arrow", feature = "parquet"))]
            Cells::Mixed(values) => match &values[i] {
                Value::Number(x) if !x.is_nan() => Held::Number(*x),
                Value::Text(shown) => Held::Text(Cow::Borrowed(shown)),
                _ => Held::Missing,
            },
        }
    }

    fn level(&self, i: usize) -> Held<'a> {
        match self {
            Cells::Text(record) => match text(&record[i]) {
                shown if is_missing(&shown) => Held::Missing,
                shown => Held::Text(shown),
            },
            _ => match self.number(i) {
                Held::Number(x) => Held::Text(Cow::Owned(x.to_string())),
                other => other,
            },
        }
    }
}

/// A text cell without the blanks around it.
fn text(cell: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(cell) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// The names of columns that have none: `x1`, `x2`, …
pub(super) fn numbered(n: usize) -> Vec<String> {
    (1..=n).map(|i| format!("x{i}")).collect()
}

/// The reader of a source, with every error said of that file.
fn tidy(
    source: Result<Box<dyn Source>, DataError>,
    origin: &str,
    options: &ReadOptions,
) -> Result<Box<dyn Reader>, DataError> {
    let made = source.and_then(|source| Tidy::new(source, origin, options));
    let tidy = made.map_err(|error| error.of(origin))?;
    if options.like.is_none() && tidy.picks.iter().any(|pick| pick.levels.is_some()) {
        tidy.learn()
    } else {
        Ok(Box::new(tidy))
    }
}

/// A source with its columns chosen and its cells made numbers.
struct Tidy {
    source: Box<dyn Source>,
    origin: String,
    missing: Missing,
    columns: Vec<Column>,
    picks: Vec<Pick>,
    learning: bool,
    /// Rows taken from the source, kept or not.
    taken: u64,
    /// The numbers of those that were kept since the last chunk.
    numbers: Vec<u64>,
    dropped: u64,
    ended: bool,
}

/// Where one column comes from.
struct Pick {
    source: usize,
    /// The index of each category; `None` for a column of numbers.
    levels: Option<HashMap<String, usize>>,
}

impl Tidy {
    fn new(mut source: Box<dyn Source>, origin: &str, options: &ReadOptions) -> Result<Tidy, DataError> {
        let names = source.names();
        let (columns, positions) = match &options.like {
            Some(like) => (like.clone(), fitted(source.as_ref(), like, options)?),
            None => {
                let chosen = select(names, options.columns.as_deref(), &options.without)?;
                let categorical = positions(names, &options.categorical)?;
                let column = |&i: &usize| {
                    let name = names[i].clone();
                    if categorical.contains(&i) { Column::categories(name, Vec::new()) } else { Column::number(name) }
                };
                (chosen.iter().map(column).collect::<Vec<_>>(), chosen)
            }
        };
        // An empty table refuses columns that no table can have.
        Table::new(columns.clone(), Vec::new())?;
        source.choose(&positions)?;
        let index = |levels: &[String]| levels.iter().cloned().enumerate().map(|(i, level)| (level, i)).collect();
        let picks = positions.into_iter().zip(&columns);
        let picks = picks.map(|(source, column)| Pick { source, levels: column.levels().map(index) }).collect();
        let (origin, learning) = (origin.to_owned(), options.like.is_none());
        let missing = options.missing;
        let (taken, numbers) = (0, Vec::new());
        Ok(Tidy { source, origin, missing, columns, picks, learning, taken, numbers, dropped: 0, ended: false })
    }

    /// Reads everything, so that the categories are known; they are sorted.
    fn learn(mut self) -> Result<Box<dyn Reader>, DataError> {
        let width = self.columns.len();
        let mut values = Vec::new();
        while self.fill(CHUNK, &mut values)? > 0 {}
        for (j, (column, pick)) in self.columns.iter_mut().zip(&self.picks).enumerate() {
            let Some(found) = &pick.levels else { continue };
            // A name whose every row was dropped is none of the data's.
            let mut used = vec![false; found.len()];
            values.iter().skip(j).step_by(width).for_each(|&value| used[value as usize] = true);
            let mut levels: Vec<String> =
                found.iter().filter(|(_, i)| used[**i]).map(|(level, _)| level.clone()).collect();
            sort_levels(&mut levels);
            let mut place = vec![0.0; found.len()];
            for (new, level) in levels.iter().enumerate() {
                place[found[level]] = new as f64;
            }
            values.iter_mut().skip(j).step_by(width).for_each(|value| *value = place[*value as usize]);
            column.kind = ColumnKind::Categories(levels);
        }
        let table = Table::of_checked(self.columns, values);
        Ok(Box::new(InMemory { table, numbers: self.numbers, chunk: 0..0, dropped: self.dropped }))
    }

    /// Appends at most that many rows; how many.
    fn fill(&mut self, most: usize, values: &mut Vec<f64>) -> Result<usize, DataError> {
        let mut rows = 0;
        while rows < most && !self.ended {
            let number = self.taken + 1;
            let located = |error: DataError| error.of(&self.origin).in_row(number);
            let Some(row) = self.source.next_row().map_err(located)? else {
                self.ended = true;
                break;
            };
            self.taken = number;
            let start = values.len();
            let mut whole = true;
            for (pick, column) in self.picks.iter_mut().zip(&self.columns) {
                match pick.value(&row.cells, self.learning) {
                    Ok(Some(value)) => values.push(value),
                    Ok(None) if self.missing == Missing::Drop => {
                        whole = false;
                        break;
                    }
                    other => {
                        let fault = other.err().unwrap_or(Fault::Missing);
                        return Err(fault.at(&column.name).in_row(number).on_line(row.line).of(&self.origin));
                    }
                }
            }
            if whole {
                rows += 1;
                self.numbers.push(number);
            } else {
                values.truncate(start);
                self.dropped += 1;
            }
        }
        if self.ended && self.taken == self.dropped {
            return Err(DataError::from(Fault::NoRows { dropped: self.dropped }).of(&self.origin));
        }
        Ok(rows)
    }
}

impl Reader for Tidy {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next(&mut self, most: usize) -> Result<Option<Table>, DataError> {
        let mut values = Vec::new();
        self.numbers.clear();
        let rows = self.fill(most.max(1), &mut values)?;
        Ok((rows > 0).then(|| Table::of_checked(self.columns.clone(), values)))
    }

    fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Pick {
    /// The cell as a number; `None` where it is missing.
    fn value(&mut self, cells: &Cells<'_>, learning: bool) -> Result<Option<f64>, Fault> {
        let Some(levels) = &mut self.levels else {
            return match cells.number(self.source) {
                Held::Number(x) if x.is_finite() => Ok(Some(x)),
                Held::Number(x) => Err(Fault::NotFinite { value: x.to_string() }),
                Held::Text(text) => Err(Fault::Text { text: short(&text) }),
                Held::Missing => Ok(None),
            };
        };
        let Held::Text(level) = cells.level(self.source) else { return Ok(None) };
        if let Some(&i) = levels.get(level.as_ref()) {
            return Ok(Some(i as f64));
        }
        if !learning {
            let mut known: Vec<String> = levels.keys().cloned().collect();
            sort_levels(&mut known);
            return Err(Fault::Level { text: short(&level), known });
        }
        if levels.len() == MAX_LEVELS {
            return Err(Fault::ManyLevels { most: MAX_LEVELS });
        }
        let new = levels.len();
        levels.insert(level.into_owned(), new);
        Ok(Some(new as f64))
    }
}

/// A table that is handed out in chunks.
struct InMemory {
    table: Table,
    numbers: Vec<u64>,
    /// The rows that were handed out last.
    chunk: Range<usize>,
    dropped: u64,
}

impl Reader for InMemory {
    fn columns(&self) -> &[Column] {
        self.table.columns()
    }

    fn next(&mut self, most: usize) -> Result<Option<Table>, DataError> {
        let end = self.chunk.end.saturating_add(most.max(1)).min(self.table.rows());
        self.chunk = self.chunk.end..end;
        let rows: Vec<usize> = self.chunk.clone().collect();
        Ok((!rows.is_empty()).then(|| self.table.select_rows(&rows)))
    }

    fn numbers(&self) -> &[u64] {
        &self.numbers[self.chunk.clone()]
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Where a fitted model's columns are: by name; by position where one side has no names of its own or
/// the columns are chosen explicitly.
fn fitted(source: &dyn Source, like: &[Column], options: &ReadOptions) -> Result<Vec<usize>, DataError> {
    let names = source.names();
    // What is to be left out need not be there at all: the model says what is wanted.
    let without: Vec<String> =
        options.without.iter().filter(|item| positions(names, std::slice::from_ref(item)).is_ok()).cloned().collect();
    let chosen = select(names, options.columns.as_deref(), &without)?;
    let by_name: HashMap<&str, usize> = chosen.iter().map(|&i| (names[i].as_str(), i)).collect();
    let found: Option<Vec<usize>> = like.iter().map(|column| by_name.get(column.name.as_str()).copied()).collect();
    let nameless = like.iter().zip(numbered(like.len())).all(|(column, number)| column.name == number);
    match found {
        Some(found) if source.is_named() || chosen.len() == like.len() => Ok(found),
        _ if (!source.is_named() || nameless || options.columns.is_some()) && chosen.len() == like.len() => Ok(chosen),
        _ => {
            let wanted = like.iter().map(|column| column.name.clone()).collect();
            let found = chosen.iter().map(|&i| names[i].clone()).collect();
            Err(Fault::Mismatch { wanted, found }.into())
        }
    }
}

/// By number where all of them are numbers, else by letter.
fn sort_levels(levels: &mut [String]) {
    let numbers: Option<Vec<f64>> = levels.iter().map(|level| level.parse().ok()).collect();
    match numbers {
        Some(_) => levels.sort_by(|a, b| {
            let number = |s: &String| s.parse::<f64>().unwrap_or(f64::NAN);
            number(a).total_cmp(&number(b)).then_with(|| a.cmp(b))
        }),
        None => levels.sort(),
    }
}
