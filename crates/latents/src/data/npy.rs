//! NPY, the format of one NumPy array (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).

use crate::data::element::{Dense, Element, Kind, RowFault, extents};
use crate::data::error::{DataError, Fault, short};
use crate::data::input::{Input, Packing, ReadSeek, Store};
use crate::data::reader::{Cells, Row, Source, numbered};
use std::io::{Read, SeekFrom};

/// A header longer than this is taken for a fault.
const MAX_HEADER: usize = 1 << 16;

/// Numbers held at once while an array in Fortran order is read.
const BLOCK: usize = 1 << 20;

/// What the header of an array says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub element: Element,
    pub shape: Vec<u64>,
    pub fortran: bool,
    /// Where the numbers start.
    pub start: u64,
}

impl Layout {
    /// Reads the header.
    pub fn read(reader: &mut dyn Read, packing: Packing) -> Result<Layout, Fault> {
        let mut start = [0u8; 8];
        if packing.fill(reader, &mut start)? < 8 || !start.starts_with(b"\x93NUMPY") {
            return Err(corrupt("it does not start with the magic bytes of NumPy and a version"));
        }
        let wide = match start[6] {
            1 => false,
            2 | 3 => true,
            other => return Err(corrupt(&format!("version {other} of the format is not known"))),
        };
        let mut length = [0u8; 4];
        let bytes = if wide { 4 } else { 2 };
        packing.fill(reader, &mut length[..bytes])?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER {
            return Err(corrupt(&format!("its header claims {length} bytes")));
        }
        let mut text = vec![0u8; length];
        if packing.fill(reader, &mut text)? < length {
            return Err(corrupt("the file ends within its header"));
        }
        let start = (8 + bytes + length) as u64;
        let text = String::from_utf8(text).map_err(|_| corrupt("its header is no text"))?;
        let (descr, fortran, shape) = Dict { rest: text.trim() }.parse()?;
        Ok(Layout { element: element(&descr)?, shape, fortran, start })
    }

    /// The numbers of rows and columns.
    pub fn extents(&self) -> Result<(u64, usize), Fault> {
        extents(&self.shape)
    }

    /// Where column `j` of the flattened rows lies in a file in Fortran order, counted in columns.
    fn fortran_column(&self, j: usize) -> u64 {
        let (mut rest, mut stride) = (j as u64, 1u64);
        // The strides of a C index, from the last axis on, against those of a Fortran index, from the first on.
        let mut index = Vec::new();
        for &extent in self.shape[1..].iter().rev() {
            index.push(rest % extent);
            rest /= extent;
        }
        let mut column = 0;
        for (&extent, i) in self.shape[1..].iter().zip(index.into_iter().rev()) {
            column += i * stride;
            stride *= extent;
        }
        column
    }
}

fn corrupt(what: &str) -> Fault {
    Fault::Corrupt { format: "NPY", what: what.to_owned() }
}

/// The element type of a `descr`.
fn element(descr: &str) -> Result<Element, Fault> {
    let (order, rest) = descr.split_at_checked(1).unwrap_or(("", ""));
    let (kind, size) = rest.split_at_checked(1).unwrap_or(("", ""));
    let kind = match kind {
        "b" => Some(Kind::Bool),
        "u" => Some(Kind::Unsigned),
        "i" => Some(Kind::Signed),
        "f" => Some(Kind::Float),
        _ => None,
    };
    let found = match (order, kind, size.parse()) {
        ("<" | "|" | "=", Some(kind), Ok(size)) => Element::new(kind, size, false),
        (">", Some(kind), Ok(size)) => Element::new(kind, size, true),
        _ => None,
    };
    found.ok_or_else(|| Fault::Unsupported {
        what: format!("an array of type `{}`; those of bool, whole numbers, f32 and f64 are read", short(descr)),
        help: "convert it with `.astype('float64')` and save it again".into(),
    })
}

/// The Python dictionary of a header.
struct Dict<'a> {
    rest: &'a str,
}

impl<'a> Dict<'a> {
    fn parse(mut self) -> Result<(String, bool, Vec<u64>), Fault> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.accept("}") {
            let key = self.string()?;
            self.expect(":")?;
            match key {
                "descr" if self.rest.starts_with(['\'', '"']) => descr = Some(self.string()?.to_owned()),
                "descr" => return element("structured").map(|_| (String::new(), false, Vec::new())),
                "fortran_order" if self.accept("True") => fortran = Some(true),
                "fortran_order" if self.accept("False") => fortran = Some(false),
                "shape" => shape = Some(self.tuple()?),
                other => return Err(corrupt(&format!("its header has a bad entry `{}`", short(other)))),
            }
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) if self.rest.is_empty() => Ok((descr, fortran, shape)),
            _ => Err(corrupt("its header lacks one of descr, fortran_order and shape, or goes on after them")),
        }
    }

    fn accept(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), Fault> {
        if self.accept(token) { Ok(()) } else { Err(corrupt(&format!("`{token}` is missing in its header"))) }
    }

    fn string(&mut self) -> Result<&'a str, Fault> {
        let fault = || corrupt("a name is missing in its header");
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(fault)?;
        let (text, rest) = self.rest[1..].split_once(quote).ok_or_else(fault)?;
        self.rest = rest.trim_start();
        Ok(text)
    }

    fn tuple(&mut self) -> Result<Vec<u64>, Fault> {
        let mut extents = Vec::new();
        self.expect("(")?;
        while !self.accept(")") {
            let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            let fault = |_| corrupt("its shape has an extent that is no number");
            extents.push(self.rest[..digits].parse().map_err(fault)?);
            self.rest = self.rest[digits..].trim_start();
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(extents)
    }
}

/// The rows of one array.
pub(super) enum Rows {
    C(Dense),
    Fortran(Box<Fortran>),
}

impl Rows {
    /// Of a reader that stands at the numbers.
    pub fn stream(
        mut reader: Box<dyn Read>,
        packing: Packing,
        format: &'static str,
        layout: &Layout,
    ) -> Result<Rows, Fault> {
        let (rows, width) = layout.extents()?;
        if !layout.fortran || width == 1 {
            return Ok(Rows::C(Dense::new(reader, packing, format, layout.element, (rows, width))));
        }
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|cause| packing.fault(cause))?;
        Rows::fortran(&Store::Memory(bytes.into()), Layout { start: 0, ..layout.clone() })
    }

    /// Of an array in Fortran order that can be read anywhere.
    fn fortran(store: &Store, layout: Layout) -> Result<Rows, Fault> {
        let (rows, width) = layout.extents()?;
        let size = layout.element.size() as u128;
        let (wanted, found) =
            (u128::from(rows) * width as u128 * size, u128::from(store.len()?.saturating_sub(layout.start)));
        if found < wanted {
            let before_last = u128::from(rows) * (width as u128 - 1) * size;
            return Err(Fault::Truncated { wanted: rows, found: (found.saturating_sub(before_last) / size) as u64 });
        }
        if found > wanted {
            return Err(corrupt(&format!("there are bytes after the {rows} rows that its header announces")));
        }
        let chosen = (0..width).collect();
        let file = store.open()?;
        Ok(Rows::Fortran(Box::new(Fortran { file, layout, rows, width, chosen, at: 0, first: 0, block: Vec::new() })))
    }

    /// Says which columns will be looked at.
    pub fn choose(&mut self, columns: Vec<usize>) {
        if let Rows::Fortran(rows) = self {
            rows.chosen = columns;
        }
    }

    /// The next row; `None` after the last.
    pub fn next_row(&mut self) -> Result<Option<&[f64]>, RowFault> {
        match self {
            Rows::C(rows) => rows.next_row(),
            Rows::Fortran(rows) => rows.next_row(),
        }
    }
}

/// An array in Fortran order, of which a block of rows is held at a time.
pub(super) struct Fortran {
    file: Box<dyn ReadSeek>,
    layout: Layout,
    rows: u64,
    width: usize,
    chosen: Vec<usize>,
    at: u64,
    /// The first row of the block.
    first: u64,
    block: Vec<f64>,
}

impl Fortran {
    fn next_row(&mut self) -> Result<Option<&[f64]>, RowFault> {
        if self.at == self.rows {
            return Ok(None);
        }
        if (self.at - self.first) as usize * self.width == self.block.len() {
            self.advance()?;
        }
        let start = (self.at - self.first) as usize * self.width;
        self.at += 1;
        Ok(Some(&self.block[start..start + self.width]))
    }

    /// Reads the block that starts at the next row.
    fn advance(&mut self) -> Result<(), RowFault> {
        let rows = (self.rows - self.at).min((BLOCK / self.width).max(1) as u64) as usize;
        let (element, size) = (self.layout.element, self.layout.element.size());
        self.first = self.at;
        self.block.clear();
        self.block.resize(rows * self.width, 0.0);
        let mut bytes = vec![0u8; rows * size];
        for &j in &self.chosen {
            let number = self.layout.fortran_column(j) * self.rows + self.first;
            let place = SeekFrom::Start(self.layout.start + number * size as u64);
            self.file.seek(place).map_err(Fault::Read)?;
            self.file.read_exact(&mut bytes).map_err(Fault::Read)?;
            for (i, bytes) in bytes.chunks_exact(size).enumerate() {
                let decoded = element.decode(bytes);
                self.block[i * self.width + j] = decoded.map_err(|fault| RowFault { fault, column: Some(j) })?;
            }
        }
        Ok(())
    }
}

/// An NPY file: its first axis are the rows, all others one row's columns.
pub(super) struct Npy {
    rows: Rows,
    names: Vec<String>,
}

impl Npy {
    pub fn new(mut input: Input) -> Result<Npy, DataError> {
        let packing = input.packing();
        let layout = Layout::read(&mut input, packing)?;
        let (_, width) = layout.extents()?;
        let rows = if layout.fortran && width > 1 && input.is_file() {
            Rows::fortran(&input.store()?, layout)?
        } else {
            Rows::stream(Box::new(input), packing, "NPY", &layout)?
        };
        Ok(Npy { rows, names: numbered(width) })
    }
}

impl Source for Npy {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_named(&self) -> bool {
        false
    }

    fn choose(&mut self, columns: &[usize]) -> Result<(), DataError> {
        self.rows.choose(columns.to_vec());
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        let row = self.rows.next_row().map_err(|fault| fault.named(&self.names, 0))?;
        Ok(row.map(|numbers| Row { line: None, cells: Cells::Numbers(numbers) }))
    }
}
