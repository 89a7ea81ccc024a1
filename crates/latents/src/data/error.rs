//! What is wrong with a data set, where, and what to do about it.

use std::fmt;
use std::io;

/// A data set that cannot be used: the file, the place in it, and what is wrong.
///
/// The text says all of it, the remedy last:
///
/// ```
/// use latents::data::{ReadOptions, read_bytes};
/// let error = read_bytes("ages.csv", b"age,name\n31,Ann\nold,Bob\n".to_vec(), &ReadOptions {
///     columns: Some(vec!["age".into()]),
///     ..ReadOptions::default()
/// });
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "ages.csv: row 2 (line 3), column `age`: `old` is no number; help: leave the column out with `--without age`, \
///      or declare it categorical with `--categorical age`"
/// );
/// ```
#[derive(Debug)]
pub struct DataError {
    /// The file, `standard input`, or empty for a table in memory.
    pub origin: String,
    /// The row, from 1, a header not counted.
    pub row: Option<u64>,
    /// The line of a text file, from 1.
    pub line: Option<u64>,
    /// The column's name.
    pub column: Option<String>,
    /// What is wrong.
    pub fault: Box<Fault>,
}

/// What is wrong with a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// No row was left.
    #[error("no rows{}", if *dropped == 0 { String::new() } else { format!(": all {dropped} lack a value and were dropped") })]
    NoRows {
        /// How many rows were dropped for a missing value.
        dropped: u64,
    },
    /// Neither the name nor the first bytes say what it is.
    #[error("neither its name nor its first bytes tell the format")]
    UnknownFormat,
    /// A format that this build was made without.
    #[error("this program was built without {format}")]
    NotBuilt {
        /// The format, as the cargo feature is called.
        format: &'static str,
    },
    /// A gzip stream that does not decompress.
    #[error("the gzip stream is broken or cut short ({0})")]
    Gzip(String),
    /// The format's own rules are broken.
    #[error("not a valid {format} file: {what}")]
    Corrupt {
        /// The format.
        format: &'static str,
        /// Which rule.
        what: String,
    },
    /// The file ends before what its header announces.
    #[error("the file is cut short: its header announces {wanted} rows, and it ends after {found}")]
    Truncated {
        /// Rows that the header announces.
        wanted: u64,
        /// Whole rows that are there.
        found: u64,
    },
    /// A valid file that holds something this program does not read.
    #[error("{what}")]
    Unsupported {
        /// What it holds.
        what: String,
        /// What to do.
        help: String,
    },
    /// A row of another length than the first.
    #[error("{found} field{} where the first row has {wanted}", if *found == 1 { "" } else { "s" })]
    Ragged {
        /// Fields in this row.
        found: usize,
        /// Fields in the first row.
        wanted: usize,
    },
    /// Quotes that are not closed.
    #[error("the quote that opens in this line is not closed")]
    Unclosed,
    /// A record beyond the limit on its length.
    #[error("a row longer than {most} bytes")]
    LongRecord {
        /// The limit.
        most: usize,
    },
    /// More columns than any use is known for.
    #[error("{found} columns; at most {most} are read")]
    TooWide {
        /// How many there are.
        found: u128,
        /// The limit.
        most: usize,
    },
    /// A value that is not there.
    #[error("the value is missing")]
    Missing,
    /// Infinity, or a number too large for f64.
    #[error("`{value}` is not a finite number")]
    NotFinite {
        /// As it is written.
        value: String,
    },
    /// A whole number that f64 rounds.
    #[error("{value} is beyond 2^53, where f64 no longer holds every whole number")]
    Inexact {
        /// The number.
        value: String,
    },
    /// Text in a column of numbers.
    #[error("`{text}` is no number")]
    Text {
        /// The text.
        text: String,
    },
    /// A category that was not there when the model was fitted.
    #[error("`{text}` is none of the categories of the fitted column: {}", listed(known))]
    Level {
        /// The category.
        text: String,
        /// Those of the fitted column.
        known: Vec<String>,
    },
    /// More categories than a categorical column may have.
    #[error("more than {most} categories")]
    ManyLevels {
        /// The limit.
        most: usize,
    },
    /// A value that is no index of a category.
    #[error("{value} is no index of one of {levels} categories")]
    Index {
        /// The value.
        value: f64,
        /// How many categories there are.
        levels: usize,
    },
    /// A column that is not in the file.
    #[error("there is no column `{name}`; there are {}", listed(known))]
    UnknownColumn {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Two columns of one name, or one asked for twice.
    #[error("column `{name}` comes twice")]
    Duplicate {
        /// Its name.
        name: String,
    },
    /// No column is left.
    #[error("no column is left")]
    NoColumns,
    /// Other columns than those of the fitted model.
    #[error("the columns do not fit the model: it wants {} ({}), the data have {} ({})", wanted.len(), listed(wanted), found.len(), listed(found))]
    Mismatch {
        /// The model's.
        wanted: Vec<String>,
        /// The file's.
        found: Vec<String>,
    },
    /// A number of values that is no multiple of the number of columns.
    #[error("{values} values do not fill rows of {columns}")]
    Shape {
        /// How many values.
        values: usize,
        /// How many columns.
        columns: usize,
    },
    /// Too few rows for what was asked.
    #[error("{found} row{}, and {what} needs at least {needed}", if *found == 1 { "" } else { "s" })]
    FewRows {
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
        /// For what.
        what: &'static str,
    },
    /// A column whose values are all equal: it has no density.
    #[error("every value is {value}: a constant has no density")]
    Constant {
        /// The value.
        value: f64,
    },
    /// A value outside the interval of a step of the preprocessing.
    #[error("{value} lies outside {low} to {high}")]
    Outside {
        /// The value.
        value: f64,
        /// The interval's lower end.
        low: f64,
        /// The interval's upper end.
        high: f64,
    },
    /// A value that is infinite to a model, whose arithmetic has 32 bits.
    #[error("{value:e} is too far from the training data: to the model, whose arithmetic has 32 bits, it is infinite")]
    Overflow {
        /// The value.
        value: f64,
    },
    /// A value that is no multiple of the bin of a dequantisation.
    #[error("{value} is no multiple of the bin {bin}")]
    OffGrid {
        /// The value.
        value: f64,
        /// The bin.
        bin: f64,
    },
    /// An option whose value cannot be used.
    #[error("{0}")]
    Option(String),
    /// A picture of another size than the first of its folder.
    #[error("a picture of {found}, where the first of the folder has {wanted}")]
    PictureSize {
        /// This one's width, height and channels.
        found: String,
        /// The first one's.
        wanted: String,
    },
    /// A picture without a place where a point could fall.
    #[error("the picture has no {0} pixel, so no place where a point could fall")]
    NoInk(&'static str),
    /// A tensor that carries a fault of its own.
    #[error("{0}")]
    Tensor(pullback::Error),
}

impl Fault {
    /// What to do about it, where there is something to say; `column` is the column at fault.
    pub fn help(&self, column: Option<&str>) -> Option<String> {
        let column = column.map_or_else(|| "NAME".to_owned(), shell_word);
        Some(match self {
            Fault::Read(e) if e.kind() == io::ErrorKind::NotFound => "check its path".into(),
            Fault::Read(_) => "check that it is a file, or a folder of pictures, that you may read".into(),
            Fault::NotBuilt { format } => format!("build it with `--features {format}`, or convert the file to CSV"),
            Fault::UnknownFormat => {
                "name it .csv, .tsv, .npy, .npz, .idx, .png, .jpg, .parquet or .arrow, with .gz where compressed".into()
            }
            Fault::Gzip(_) | Fault::Truncated { .. } => "fetch or write the file again".into(),
            Fault::Corrupt { .. } => "check that it is such a file, and fetch or write it again".into(),
            Fault::Empty | Fault::NoRows { dropped: 0 } => "pass a file with rows of data".into(),
            Fault::NoRows { .. } => "leave the columns that lack values out with `--without`, or fill them in".into(),
            Fault::FewRows { .. } => {
                "pass more rows; a picture is one row, or as many points as one wants by `--points`".into()
            }
            Fault::NoColumns => "leave fewer columns out".into(),
            Fault::Ragged { .. } => "check the separators and quotes of this line and the one before".into(),
            Fault::Unclosed => "close it, or write a quote that is part of a value twice within quotes".into(),
            Fault::LongRecord { .. } => "a quote may be unclosed, or the file may not be text".into(),
            Fault::Missing => {
                format!("drop such rows with `--missing drop`, or leave the column out with `--without {column}`")
            }
            Fault::NotFinite { .. } | Fault::Inexact { .. } => {
                format!("correct the value, or leave the column out with `--without {column}`")
            }
            Fault::Text { text } if is_decimal_comma(text) => {
                "if the comma is a decimal sign, write a point; commas, tabs or semicolons then separate the columns"
                    .into()
            }
            Fault::Text { .. } => format!(
                "leave the column out with `--without {column}`, or declare it categorical with `--categorical {column}`"
            ),
            Fault::Level { .. } => "correct the value, or fit again with data that has it".into(),
            Fault::ManyLevels { .. } => format!("leave the column out with `--without {column}`"),
            Fault::UnknownColumn { name, known } => {
                format!(
                    "did you mean `{}`? a number from 1 to {} selects a column too",
                    nearest(name, known)?,
                    known.len()
                )
            }
            Fault::Duplicate { .. } => "give every column its own name, once".into(),
            Fault::Mismatch { .. } => "select the model's columns with `--columns`".into(),
            Fault::Constant { .. } => format!("leave the column out with `--without {column}`"),
            Fault::Outside { .. } => {
                "widen the interval, or give the step an alpha above 0 where the value is an end".into()
            }
            Fault::Overflow { .. } => "correct the value, or leave the row out".into(),
            Fault::OffGrid { .. } => "give the spacing of the values as bin, or do not dequantise".into(),
            Fault::Unsupported { help, .. } => help.clone(),
            Fault::PictureSize { .. } => "crop or scale the pictures to one size and kind".into(),
            _ => return None,
        })
    }

    /// At a column, of no file yet.
    pub(super) fn at(self, column: &str) -> DataError {
        DataError { column: Some(column.to_owned()), ..self.into() }
    }
}

impl From<Fault> for DataError {
    fn from(fault: Fault) -> DataError {
        DataError { origin: String::new(), row: None, line: None, column: None, fault: Box::new(fault) }
    }
}

impl DataError {
    /// Whether something else has to be passed: another file, another option, or this file with its content changed. If
    /// not, the machine or the program failed, and the same request may do later.
    pub fn is_usage(&self) -> bool {
        match &*self.fault {
            Fault::Read(cause) => is_of_the_name(cause),
            Fault::Tensor(_) => false,
            _ => true,
        }
    }

    /// The same, said of a file where it is said of none yet.
    pub(super) fn of(self, origin: &str) -> DataError {
        if self.origin.is_empty() { DataError { origin: origin.to_owned(), ..self } } else { self }
    }

    /// The same, said of a row counted from 1.
    pub(super) fn in_row(self, row: u64) -> DataError {
        DataError { row: Some(row), ..self }
    }

    /// The same, said of a line counted from 1.
    pub(super) fn on_line(self, line: Option<u64>) -> DataError {
        DataError { line, ..self }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.origin.is_empty() {
            write!(f, "{}: ", self.origin)?;
        }
        let mut place = Vec::new();
        match (self.row, self.line) {
            (Some(row), Some(line)) => place.push(format!("row {row} (line {line})")),
            (Some(row), None) => place.push(format!("row {row}")),
            (None, Some(line)) => place.push(format!("line {line}")),
            (None, None) => {}
        }
        place.extend(self.column.as_ref().map(|name| format!("column `{name}`")));
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        write!(f, "{}", self.fault)?;
        let Some(help) = self.fault.help(self.column.as_deref()) else { return Ok(()) };
        // Text at the top of a file is most likely its header.
        let header = matches!((&*self.fault, self.line), (Fault::Text { .. }, Some(1)));
        let first = if header { "if this line names the columns, pass `--header yes`; else " } else { "" };
        write!(f, "; help: {first}{help}")
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.fault {
            Fault::Read(cause) => Some(cause),
            Fault::Tensor(cause) => Some(cause),
            _ => None,
        }
    }
}

/// Whether a file cannot be opened for what was named, rather than for what the machine did.
pub(crate) fn is_of_the_name(cause: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    matches!(cause.kind(), NotFound | PermissionDenied | IsADirectory | NotADirectory)
}

/// The beginning of a text from a file, on one line.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 40;
    let clean: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() { format!("{clean}…") } else { clean }
}

/// The first names of a list.
fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", short(name))).collect();
    let rest = names.len().saturating_sub(MOST);
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}

/// Whether a text is a number with a decimal comma, or two of them at a semicolon whose commas were taken for separators.
fn is_decimal_comma(text: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().is_ok();
    let halves = |at: char| text.split_once(at).is_some_and(|(a, b)| number(a) && number(b));
    halves(',') || halves(';')
}

/// The name as an option takes it: in double quotes where a comma would part it, and in quotes where a shell would cut it.
fn shell_word(name: &str) -> String {
    if name.contains([',', '"']) {
        return format!("'\"{}\"'", short(&name.replace('"', "\"\"")));
    }
    let plain = |c: char| c.is_alphanumeric() || "._-[]/".contains(c);
    if !name.is_empty() && name.chars().all(plain) { name.to_owned() } else { format!("'{}'", short(name)) }
}

/// The known name that a mistyped one is closest to.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    known.iter().take(1000).map(String::as_str).min_by_key(|candidate| distance(name, candidate))
}

/// The Levenshtein distance, of at most the first 64 characters, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let letters = |s: &str| s.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (corner + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            corner = above;
        }
    }
    row[b.len()]
}
