//! Data as the command line names it.

use crate::failure::Failure;
use crate::progress::{counted, thousands};
use latents::data::{ColumnKind, DataError, Fault, Header, Missing, ReadOptions, Reader, Table, open, read};
use latents::run::{FitError, Fitted};
use std::path::{Path, PathBuf};

/// How a data file is read.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// The columns to model, by name or number from 1, with ranges: age,3-5; a name with a comma in double quotes.
    #[arg(long, value_name = "COLUMNS", value_parser = columns)]
    pub columns: Vec<Columns>,
    /// Columns to leave out.
    #[arg(long, value_name = "COLUMNS", value_parser = columns)]
    pub without: Vec<Columns>,
    /// Columns whose values are names.
    #[arg(long, value_name = "COLUMNS", value_parser = columns)]
    pub categorical: Vec<Columns>,
    /// Whether the first line names the columns [default: auto].
    #[arg(long, value_name = "WHETHER")]
    pub header: Option<Whether>,
    /// What to do with a row that lacks a value [default: refuse].
    #[arg(long, value_name = "WHAT")]
    pub missing: Option<WhenMissing>,
    /// Read a picture as points, drawn where it is dark, instead of as one row of its pixels.
    #[arg(long = "as", value_name = "FORM")]
    pub form: Option<Form>,
    /// How many points [default: 100000]; it says --as points too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub points: Option<u32>,
    /// Stretch the ink of such a picture to its own range and raise it to this power.
    #[arg(long, value_name = "POWER")]
    pub contrast: Option<f64>,
}

/// What a picture is read as.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Form {
    /// Points of the plane.
    Points,
}

/// How many points a picture is read as, where nothing says it.
const POINTS: usize = 100_000;

/// Whether the first line names the columns.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Whether {
    /// Where none of its fields is a number.
    Auto,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What to do with a row that lacks a value.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum WhenMissing {
    /// Refuse the file and name the row.
    Refuse,
    /// Leave the row out.
    Drop,
}

/// The columns of one option. A name of its own, for clap takes a list in an option for a list of values.
type Columns = Vec<String>;

/// A list with commas between its items; in double quotes a comma is part of a name, and two quotes are one.
fn columns(text: &str) -> Result<Columns, String> {
    let (mut items, mut quoted) = (vec![String::new()], false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let item = items.len() - 1;
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => items[item].push('"'),
            '"' if quoted || items[item].trim().is_empty() => quoted = !quoted,
            ',' if !quoted => items.push(String::new()),
            c => items[item].push(c),
        }
    }
    if quoted { Err("the quote is not closed".to_owned()) } else { Ok(items) }
}

impl DataArgs {
    /// Puts what was asked for into the options.
    pub fn apply(&self, options: &mut ReadOptions) {
        if !self.columns.is_empty() {
            options.columns = Some(self.columns.concat());
        }
        if !self.without.is_empty() {
            options.without = self.without.concat();
        }
        if !self.categorical.is_empty() {
            options.categorical = self.categorical.concat();
        }
        if let Some(header) = self.header {
            options.header = match header {
                Whether::Auto => Header::Auto,
                Whether::Yes => Header::Yes,
                Whether::No => Header::No,
            };
        }
        if let Some(missing) = self.missing {
            options.missing = match missing {
                WhenMissing::Refuse => Missing::Refuse,
                WhenMissing::Drop => Missing::Drop,
            };
        }
        if let Some(Form::Points) = self.form {
            options.points.get_or_insert(POINTS);
        }
        if let Some(points) = self.points {
            options.points = Some(points as usize);
        }
        if self.contrast.is_some() {
            options.contrast = self.contrast;
        }
    }
}

/// A file's rows, with the columns of a fitted model.
///
/// # Errors
/// A file that cannot be read, or has other columns.
pub fn read_like(path: &Path, fitted: &Fitted, given: &DataArgs) -> Result<Table, Failure> {
    match read(path, &options_of_fit(fitted, given)) {
        Err(e) if is_unselected(&e, path) => Ok(read(path, &options_like(fitted, given))?),
        result => Ok(result?),
    }
}

/// As [`read_like`], chunk by chunk.
///
/// # Errors
/// A file that cannot be read, or has other columns.
pub fn open_like(path: &Path, fitted: &Fitted, given: &DataArgs) -> Result<Box<dyn Reader>, Failure> {
    match open(path, &options_of_fit(fitted, given)) {
        Err(e) if is_unselected(&e, path) => Ok(open(path, &options_like(fitted, given))?),
        result => Ok(result?),
    }
}

/// Whether a file lacks a column that the fit selected or left out: it may be one of the model's columns alone.
fn is_unselected(e: &DataError, path: &Path) -> bool {
    matches!(*e.fault, Fault::UnknownColumn { .. } | Fault::Mismatch { .. }) && path != Path::new("-")
}

/// How a file of the same kind as the fitted one is read: with its selection of columns.
fn options_of_fit(fitted: &Fitted, given: &DataArgs) -> ReadOptions {
    let fit = &fitted.header().config.data.read;
    let (columns, without) = (fit.columns.clone(), fit.without.clone());
    let mut options = ReadOptions { columns, without, ..options_like(fitted, given) };
    given.apply(&mut options);
    options
}

/// How a file is read for a fitted model.
fn options_like(fitted: &Fitted, given: &DataArgs) -> ReadOptions {
    let fit = &fitted.header().config.data.read;
    let mut options = ReadOptions {
        header: fit.header,
        missing: fit.missing,
        points: fit.points,
        ink: fit.ink,
        seed: fit.seed,
        contrast: fit.contrast,
        like: Some(fitted.columns().to_vec()),
        ..ReadOptions::default()
    };
    given.apply(&mut options);
    options
}

/// A fitted model of a run's folder.
///
/// # Errors
/// A folder without a model, or with one that cannot be used.
pub fn load(path: &Path) -> Result<Fitted, Failure> {
    Ok(Fitted::load(path)?)
}

/// The data of a run, where it may be left open.
#[derive(Debug, clap::Args)]
pub struct RunData {
    /// The rows [default: those that the run was fitted to, where they were then].
    #[arg(value_name = "DATA")]
    place: Option<PathBuf>,
    /// The same.
    #[arg(long, value_name = "DATA", conflicts_with = "place")]
    data: Option<PathBuf>,
}

impl RunData {
    /// Where they are: where it is said, or else where they were when the run was fitted to them.
    ///
    /// # Errors
    /// Data that came from no file, or whose file is gone.
    pub fn of(&self, run: &Path, fitted_to: &str) -> Result<PathBuf, Failure> {
        let why = match self.place.as_ref().or(self.data.as_ref()) {
            Some(given) => return Ok(given.clone()),
            None if matches!(fitted_to, "" | "-") => "came from no file".to_owned(),
            None if !Path::new(fitted_to).exists() => format!("are no longer at {fitted_to}"),
            None => return Ok(PathBuf::from(fitted_to)),
        };
        Err(Failure::usage(format!("the data of {} {why}", run.display()), "pass them after the run, or with --data"))
    }
}

/// A fault of rows, said of the file that they are of.
pub fn in_file(mut e: FitError, data: &Path) -> Failure {
    if let FitError::Data(e) = &mut e
        && e.origin.is_empty()
    {
        e.origin = data.display().to_string();
    }
    e.into()
}

/// What a table is, in a line.
pub fn described(table: &Table) -> String {
    let columns = table.columns();
    let categorical = columns.iter().filter(|c| matches!(c.kind, ColumnKind::Categories(_))).count();
    let kinds = match (columns.len() - categorical, categorical) {
        (_, 0) => String::new(),
        (0, _) => ", categorical".to_owned(),
        (numbers, names) => format!(", {numbers} of numbers and {names} categorical"),
    };
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let listed = match &names[..] {
        [first, .., last] if names.len() > 8 => format!("{first} … {last}"),
        all => all.join(", "),
    };
    let (rows, columns) = (counted(table.rows() as u64, "row"), counted(columns.len() as u64, "column"));
    let dropped = match table.dropped() {
        0 => String::new(),
        n => format!(" ({} more dropped for want of a value)", thousands(n)),
    };
    format!("{rows}{dropped}, {columns}{kinds}: {listed}")
}

impl From<DataError> for Failure {
    fn from(e: DataError) -> Failure {
        // Its text ends with its remedy.
        let text = e.to_string();
        let (what, help) = text.split_once("; help: ").unwrap_or((&text, "see `latents fit --help` on data"));
        if e.is_usage() { Failure::usage(what, help) } else { Failure::run(what, help) }
    }
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn a_comma_in_double_quotes_is_part_of_a_name() {
        for (text, items) in [
            ("age,3-5", &["age", "3-5"][..]),
            (r#""1,5""#, &["1,5"]),
            (r#"a,"b, ""c""",d"#, &["a", r#"b, "c""#, "d"]),
            (r#"5",6"#, &[r#"5""#, "6"]),
        ] {
            assert_eq!(
                columns(text).as_deref(),
                Ok(&items.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
        assert!(columns(r#"a,"b"#).is_err());
    }
}
