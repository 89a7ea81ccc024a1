//! NPZ, several NumPy arrays in one zip archive: side by side as the columns of one table.

use crate::data::error::{DataError, Fault, short};
use crate::data::input::{Input, Packing, Store};
use crate::data::npy::{Layout, Rows};
use crate::data::reader::{Cells, MAX_COLUMNS, Row, Source};
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::io::{self, Read, SeekFrom};
use zip::{CompressionMethod, ZipArchive};

/// One array of the archive.
struct Member {
    name: String,
    start: u64,
    packed: u64,
    deflated: bool,
    crc: u32,
    /// Its columns in the table: the first, and how many.
    first: usize,
    width: usize,
    rows: u64,
    /// Open once it is known that one of its columns is wanted.
    open: Option<Rows>,
}

/// An archive of arrays: `a` of one axis is the column `a`, others are `a.1`, `a.2`, … flattened but for the first axis.
pub(super) struct Npz {
    store: Store,
    members: Vec<Member>,
    names: Vec<String>,
    numbers: Vec<f64>,
}

impl Npz {
    pub fn new(input: Input) -> Result<Npz, DataError> {
        let store = input.store()?;
        let mut archive = ZipArchive::new(store.open()?).map_err(|cause| corrupt(cause.to_string()))?;
        let (mut members, mut names) = (Vec::new(), Vec::new());
        for i in 0..archive.len() {
            let file = archive.by_index_raw(i).map_err(|cause| corrupt(cause.to_string()))?;
            let path = file.name().map_err(|cause| corrupt(cause.to_string()))?;
            let Some(name) = path.strip_suffix(".npy").map(str::to_owned) else { continue };
            let deflated = match file.compression() {
                _ if file.encrypted() => return Err(unsupported(&name, "encrypted")),
                CompressionMethod::Stored => false,
                CompressionMethod::DEFLATE => true,
                other => return Err(unsupported(&name, &format!("compressed by {other}"))),
            };
            let start = file.data_start().ok_or_else(|| corrupt(format!("`{}` has no place", short(&name))))?;
            let (packed, crc) = (file.compressed_size(), file.crc32());
            let mut reader = unpack(&store, start, packed, deflated, crc)?;
            let layout = Layout::read(&mut reader, Packing::Zip).map_err(|fault| in_array(fault, &name))?;
            let (rows, width) = layout.extents().map_err(|fault| in_array(fault, &name))?;
            let first = names.len();
            if first + width > MAX_COLUMNS {
                return Err(Fault::TooWide { found: (first + width) as u128, most: MAX_COLUMNS }.into());
            }
            match layout.shape.len() {
                1 => names.push(name.clone()),
                _ => names.extend((1..=width).map(|j| format!("{name}.{j}"))),
            }
            members.push(Member { name, start, packed, deflated, crc, first, width, rows, open: None });
        }
        if members.is_empty() {
            return Err(corrupt("it holds no array".into()).into());
        }
        let numbers = vec![0.0; names.len()];
        Ok(Npz { store, members, names, numbers })
    }
}

impl Source for Npz {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_named(&self) -> bool {
        true
    }

    fn choose(&mut self, columns: &[usize]) -> Result<(), DataError> {
        let mut first: Option<(String, u64)> = None;
        for member in &mut self.members {
            let mine = |j: &usize| (member.first..member.first + member.width).contains(j);
            let wanted: Vec<usize> = columns.iter().filter(|j| mine(j)).map(|j| j - member.first).collect();
            if wanted.is_empty() {
                continue;
            }
            match &first {
                Some((name, rows)) if *rows != member.rows => {
                    let what = format!("`{}` has {} rows and `{name}` {rows}", short(&member.name), member.rows);
                    let help = format!("choose one of them, as with `--columns {name}`");
                    return Err(Fault::Unsupported { what, help }.into());
                }
                _ => first = Some((member.name.clone(), member.rows)),
            }
            let mut reader = unpack(&self.store, member.start, member.packed, member.deflated, member.crc)?;
            let layout = Layout::read(&mut reader, Packing::Zip)?;
            let mut rows = Rows::stream(Box::new(reader), Packing::Zip, "NPZ", &layout)?;
            rows.choose(wanted);
            member.open = Some(rows);
        }
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        let mut ended = true;
        for member in &mut self.members {
            let Some(rows) = &mut member.open else { continue };
            if let Some(row) = rows.next_row().map_err(|fault| fault.named(&self.names, member.first))? {
                self.numbers[member.first..member.first + member.width].copy_from_slice(row);
                ended = false;
            }
        }
        Ok((!ended).then_some(Row { line: None, cells: Cells::Numbers(&self.numbers) }))
    }
}

fn corrupt(what: String) -> Fault {
    Fault::Corrupt { format: "NPZ", what }
}

fn unsupported(name: &str, how: &str) -> DataError {
    let what = format!("the array `{}` is {how}", short(name));
    Fault::Unsupported { what, help: "write the file with `numpy.savez` or `numpy.savez_compressed`".into() }.into()
}

/// A fault of one array.
fn in_array(fault: Fault, name: &str) -> Fault {
    match fault {
        Fault::Corrupt { what, .. } => corrupt(format!("array `{}`: {what}", short(name))),
        Fault::Unsupported { what, help } => Fault::Unsupported { what: format!("`{}` is {what}", short(name)), help },
        other => other,
    }
}

/// The bytes of a member.
fn unpack(store: &Store, start: u64, packed: u64, deflated: bool, crc: u32) -> Result<Checked, Fault> {
    let mut file = store.open()?;
    file.seek(SeekFrom::Start(start)).map_err(Fault::Read)?;
    let raw = file.take(packed);
    let reader: Box<dyn Read> = if deflated { Box::new(DeflateDecoder::new(raw)) } else { Box::new(raw) };
    Ok(Checked { reader, crc: Crc::new(), wanted: crc })
}

/// Bytes whose checksum is compared at their end.
struct Checked {
    reader: Box<dyn Read>,
    crc: Crc,
    wanted: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.crc.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.crc.sum() != self.wanted {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "cut short or changed: the checksum differs"));
        }
        Ok(n)
    }
}
