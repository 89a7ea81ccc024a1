//! Numbers as bytes, and rows of them.

use crate::data::error::{DataError, Fault};
use crate::data::input::Packing;
use crate::data::reader::MAX_COLUMNS;
use std::io::Read;

/// Whole numbers beyond this are not all f64s.
const EXACT: u64 = 1 << 53;

/// A type of number in a binary file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

/// A number's type, its size in bytes and their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    kind: Kind,
    size: usize,
    big_endian: bool,
}

impl Element {
    /// `None` where there is no such type.
    pub fn new(kind: Kind, size: usize, big_endian: bool) -> Option<Element> {
        let exists = match kind {
            Kind::Bool => size == 1,
            Kind::Unsigned | Kind::Signed => matches!(size, 1 | 2 | 4 | 8),
            Kind::Float => matches!(size, 4 | 8),
        };
        exists.then_some(Element { kind, size, big_endian })
    }

    /// Bytes in one number.
    pub fn size(self) -> usize {
        self.size
    }

    /// The number of those bytes, [`Element::size`] of them.
    pub fn decode(self, bytes: &[u8]) -> Result<f64, Fault> {
        let mut bits = 0u64;
        for (i, &byte) in bytes.iter().enumerate() {
            let place = if self.big_endian { self.size - 1 - i } else { i };
            bits |= u64::from(byte) << (8 * place);
        }
        let unused = 64 - 8 * self.size as u32;
        match self.kind {
            Kind::Float if self.size == 4 => Ok(f64::from(f32::from_bits(bits as u32))),
            Kind::Float => Ok(f64::from_bits(bits)),
            Kind::Bool => Ok(f64::from(u8::from(bits != 0))),
            Kind::Unsigned if bits > EXACT => Err(Fault::Inexact { value: bits.to_string() }),
            Kind::Unsigned => Ok(bits as f64),
            Kind::Signed => {
                let number = ((bits << unused) as i64) >> unused;
                if number.unsigned_abs() > EXACT {
                    Err(Fault::Inexact { value: number.to_string() })
                } else {
                    Ok(number as f64)
                }
            }
        }
    }
}

/// The number of rows and of columns of an array: its first axis, and all others flattened.
pub(super) fn extents(shape: &[u64]) -> Result<(u64, usize), Fault> {
    let (&rows, rest) = shape.split_first().ok_or_else(|| Fault::Unsupported {
        what: "a single number, not rows of them".into(),
        help: "save an array with a row for each example".into(),
    })?;
    let found = rest.iter().try_fold(1u128, |product, &n| product.checked_mul(u128::from(n))).unwrap_or(u128::MAX);
    match found {
        0 => Err(Fault::NoColumns),
        1..=MAX => Ok((rows, found as usize)),
        _ => Err(Fault::TooWide { found, most: MAX_COLUMNS }),
    }
}

const MAX: u128 = MAX_COLUMNS as u128;

/// Rows of numbers one after the other.
pub(super) struct Dense {
    reader: Box<dyn Read>,
    packing: Packing,
    format: &'static str,
    element: Element,
    rows: u64,
    at: u64,
    bytes: Vec<u8>,
    numbers: Vec<f64>,
}

impl Dense {
    pub fn new(
        reader: Box<dyn Read>,
        packing: Packing,
        format: &'static str,
        element: Element,
        (rows, width): (u64, usize),
    ) -> Dense {
        let (bytes, numbers) = (vec![0; width * element.size()], vec![0.0; width]);
        Dense { reader, packing, format, element, rows, at: 0, bytes, numbers }
    }

    /// The next row; `None` after the last. A whole number that f64 rounds is refused with the column's position.
    pub fn next_row(&mut self) -> Result<Option<&[f64]>, RowFault> {
        if self.at == self.rows {
            return match self.packing.fill(&mut *self.reader, &mut [0])? {
                0 => Ok(None),
                _ => {
                    let what = format!("there are bytes after the {} rows that its header announces", self.rows);
                    Err(Fault::Corrupt { format: self.format, what }.into())
                }
            };
        }
        if self.packing.fill(&mut *self.reader, &mut self.bytes)? < self.bytes.len() {
            return Err(Fault::Truncated { wanted: self.rows, found: self.at }.into());
        }
        for (j, (number, bytes)) in
            self.numbers.iter_mut().zip(self.bytes.chunks_exact(self.element.size())).enumerate()
        {
            *number = self.element.decode(bytes).map_err(|fault| RowFault { fault, column: Some(j) })?;
        }
        self.at += 1;
        Ok(Some(&self.numbers))
    }
}

/// A fault and the position of the column where it is.
pub(super) struct RowFault {
    pub fault: Fault,
    pub column: Option<usize>,
}

impl From<Fault> for RowFault {
    fn from(fault: Fault) -> RowFault {
        RowFault { fault, column: None }
    }
}

impl RowFault {
    /// The error, with the column's name; `offset` is the position of the array's first column.
    pub fn named(self, names: &[String], offset: usize) -> DataError {
        match self.column.and_then(|j| names.get(offset + j)) {
            Some(name) => self.fault.at(name),
            None => self.fault.into(),
        }
    }
}
