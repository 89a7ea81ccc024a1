//! Text in columns: comma, tab or semicolon separated.

use crate::data::error::{DataError, Fault};
use crate::data::input::{Input, Packing};
use crate::data::missing::is_missing;
use crate::data::reader::{Cells, MAX_COLUMNS, Row, Source, numbered};
use csv::{ByteRecord, ReaderBuilder};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// A row longer than this is taken for a fault: an unclosed quote would otherwise read the whole file as one field.
const MAX_RECORD: usize = 64 << 20;

/// Whether the first line of a text file names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    /// It does where none of its cells is a number.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is the first row.
    No,
}

/// A text file, row by row.
pub(super) struct Csv {
    reader: csv::Reader<Guarded>,
    packing: Packing,
    /// Bytes that the reader may still take before the record counts as endless.
    allowance: Rc<Cell<usize>>,
    /// Whether the input has ended within quotes.
    unclosed: Rc<Cell<bool>>,
    names: Vec<String>,
    named: bool,
    record: ByteRecord,
    /// Whether `record` holds the first row, read while looking for a header.
    waiting: bool,
}

impl Csv {
    pub fn new(mut input: Input, header: Header, tabs: bool) -> Result<Csv, DataError> {
        let delimiter = if tabs { b'\t' } else { delimiter(input.peek()?) };
        let packing = input.packing();
        let allowance = Rc::new(Cell::new(MAX_RECORD));
        let unclosed = Rc::new(Cell::new(false));
        let guarded =
            Guarded { input, allowance: allowance.clone(), delimiter, place: Place::Start, unclosed: unclosed.clone() };
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(guarded);
        let record = ByteRecord::new();
        let names = Vec::new();
        let mut csv = Csv { reader, packing, allowance, unclosed, names, named: false, record, waiting: false };
        if !csv.advance()? {
            return Err(Fault::Empty.into());
        }
        if csv.record.len() > MAX_COLUMNS {
            return Err(Fault::TooWide { found: csv.record.len() as u128, most: MAX_COLUMNS }.into());
        }
        csv.named = match header {
            Header::Yes => true,
            Header::No => false,
            Header::Auto => !csv.record.iter().any(is_number),
        };
        csv.waiting = !csv.named;
        csv.names = numbered(csv.record.len());
        if csv.named {
            for (name, cell) in csv.names.iter_mut().zip(&csv.record) {
                let given = String::from_utf8_lossy(cell);
                if !given.trim().is_empty() {
                    *name = given.trim().to_owned();
                }
            }
        }
        Ok(csv)
    }

    /// Reads the next record; false at the end.
    fn advance(&mut self) -> Result<bool, DataError> {
        self.allowance.set(MAX_RECORD);
        let line = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let fault = match error.into_kind() {
                csv::ErrorKind::Io(cause) if is_endless(&cause) => Fault::LongRecord { most: MAX_RECORD },
                csv::ErrorKind::Io(cause) => self.packing.fault(cause),
                other => Fault::Corrupt { format: "CSV", what: format!("{other:?}") },
            };
            DataError::from(fault).on_line(Some(line))
        })?;
        // The quote that is not closed opens the last field, which holds all that followed.
        if let (true, true, Some(line)) = (more, self.unclosed.get(), self.line()) {
            let before = self.record.iter().take(self.record.len().saturating_sub(1));
            let lines = before.flatten().filter(|&&byte| byte == b'\n').count() as u64;
            return Err(DataError::from(Fault::Unclosed).on_line(Some(line + lines)));
        }
        Ok(more)
    }

    fn line(&self) -> Option<u64> {
        self.record.position().map(csv::Position::line)
    }
}

impl Source for Csv {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_named(&self) -> bool {
        self.named
    }

    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        if !std::mem::take(&mut self.waiting) && !self.advance()? {
            return Ok(None);
        }
        let (found, wanted) = (self.record.len(), self.names.len());
        if found != wanted {
            return Err(DataError::from(Fault::Ragged { found, wanted }).on_line(self.line()));
        }
        Ok(Some(Row { line: self.line(), cells: Cells::Text(&self.record) }))
    }
}

/// Input that ends in an error after a number of bytes, which each record sets anew, and tells whether it ended within
/// quotes.
struct Guarded {
    input: Input,
    allowance: Rc<Cell<usize>>,
    delimiter: u8,
    place: Place,
    unclosed: Rc<Cell<bool>>,
}

/// Where in a field the input is, as the reader's rules have it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Bare,
    Quoted,
    /// After a quote within quotes, which ends them or stands for itself.
    Quote,
}

impl Place {
    fn after(self, byte: u8, delimiter: u8) -> Place {
        match (self, byte) {
            (Place::Start | Place::Quote, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) => Place::Quoted,
            (_, byte) if byte == delimiter || byte == b'\n' || byte == b'\r' => Place::Start,
            _ => Place::Bare,
        }
    }
}

/// What [`Guarded`] reports.
#[derive(Debug, thiserror::Error)]
#[error("the record has no end")]
struct Endless;

fn is_endless(cause: &io::Error) -> bool {
    cause.get_ref().is_some_and(|inner| inner.is::<Endless>())
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance.get() == 0 {
            return Err(io::Error::other(Endless));
        }
        let n = self.input.read(buffer)?;
        self.allowance.set(self.allowance.get().saturating_sub(n));
        let taken = &buffer[..n];
        // Without a quote the last byte decides.
        let tail = match taken.iter().position(|&byte| byte == b'"') {
            None if self.place != Place::Quoted => taken.len().saturating_sub(1),
            _ => 0,
        };
        self.place = taken[tail..].iter().fold(self.place, |place, &byte| place.after(byte, self.delimiter));
        self.unclosed.set(n == 0 && !buffer.is_empty() && self.place == Place::Quoted);
        Ok(n)
    }
}

/// A cell's number.
pub(super) fn parse(cell: &[u8]) -> Option<f64> {
    std::str::from_utf8(cell).ok()?.trim().parse().ok()
}

/// Whether a cell is a number, and not merely missing.
fn is_number(cell: &[u8]) -> bool {
    parse(cell).is_some() && !std::str::from_utf8(cell).is_ok_and(|text| is_missing(text.trim()))
}

/// The separator that the first line has most of, outside quotes.
fn delimiter(start: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b'\t', 0), (b';', 0)];
    let mut quoted = false;
    for &byte in start {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some((_, n)) = counts.iter_mut().find(|(d, _)| *d == byte) {
                    *n += 1;
                }
            }
        }
    }
    // The first of equals: a line without any separator is one comma-separated column.
    counts.iter().rev().max_by_key(|(_, n)| *n).map_or(b',', |(d, _)| *d)
}
