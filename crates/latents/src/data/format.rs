//! Which format a file is in.

use crate::data::csv::Csv;
use crate::data::error::{DataError, Fault};
use crate::data::idx::Idx;
use crate::data::input::Input;
use crate::data::npy::Npy;
use crate::data::npz::Npz;
use crate::data::picture::Pictures;
use crate::data::points::Points;
use crate::data::reader::{ReadOptions, Source};
use std::path::Path;

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Separated by tabs, or by what the first line shows.
    Text {
        tabs: bool,
    },
    Npy,
    Npz,
    Idx,
    Picture,
    Parquet,
    Arrow,
}

impl Format {
    /// By the name, or else by the first bytes.
    pub fn of(name: &str, start: &[u8]) -> Result<Format, DataError> {
        let lower = name.to_ascii_lowercase();
        let stem = lower.strip_suffix(".gz").unwrap_or(&lower);
        let extension = Path::new(stem).extension().and_then(|e| e.to_str()).unwrap_or("");
        Ok(match extension {
            "csv" | "txt" | "data" => Format::Text { tabs: false },
            "tsv" | "tab" => Format::Text { tabs: true },
            "npy" => Format::Npy,
            "npz" => Format::Npz,
            "idx" | "idx1" | "idx2" | "idx3" | "idx4" => Format::Idx,
            "png" | "jpg" | "jpeg" => Format::Picture,
            "parquet" | "pq" => Format::Parquet,
            "arrow" | "feather" | "ipc" => Format::Arrow,
            _ if stem.ends_with("ubyte") => Format::Idx,
            _ => Format::sniff(start).ok_or(Fault::UnknownFormat)?,
        })
    }

    fn sniff(start: &[u8]) -> Option<Format> {
        const MAGIC: &[(&[u8], Format)] = &[
            (b"\x93NUMPY", Format::Npy),
            (b"PK\x03\x04", Format::Npz),
            (b"\x89PNG\r\n\x1a\n", Format::Picture),
            (b"\xff\xd8\xff", Format::Picture),
            (b"PAR1", Format::Parquet),
            (b"ARROW1", Format::Arrow),
        ];
        if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Some(*format);
        }
        match start {
            [0, 0, 8 | 9 | 0x0b..=0x0e, 1..=8, ..] => Some(Format::Idx),
            _ if start.contains(&0) => None,
            _ => Some(Format::Text { tabs: false }),
        }
    }
}

/// The source of a file.
pub(super) fn open_source(mut input: Input, options: &ReadOptions) -> Result<Box<dyn Source>, DataError> {
    let start = input.peek()?;
    if start.is_empty() {
        return Err(Fault::Empty.into());
    }
    let start = start[..start.len().min(16)].to_vec();
    let format = Format::of(&input.name, &start)?;
    if options.points.is_some() && format != Format::Picture {
        return Err(Fault::Option("points are drawn from one picture, and this is none".into()).into());
    }
    Ok(match format {
        Format::Text { tabs } => Box::new(Csv::new(input, options.header, tabs)?),
        Format::Npy => Box::new(Npy::new(input)?),
        Format::Npz => Box::new(Npz::new(input)?),
        Format::Idx => Box::new(Idx::new(input)?),
        Format::Picture => match options.points {
            Some(count) => Box::new(Points::new(input, count, options)?),
            None => Box::new(Pictures::one(input)?),
        },
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(crate::data::parquet::open(input)?),
        #[cfg(feature = "arrow")]
        Format::Arrow => Box::new(crate::data::arrow::open(input)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(Fault::NotBuilt { format: "parquet" }.into()),
        #[cfg(not(feature = "arrow"))]
        Format::Arrow => return Err(Fault::NotBuilt { format: "arrow" }.into()),
    })
}

/// The source of a folder of pictures.
pub(super) fn open_folder(folder: &Path, options: &ReadOptions) -> Result<Box<dyn Source>, DataError> {
    if options.points.is_some() {
        return Err(Fault::Option("points are drawn from one picture, and this is a folder".into()).into());
    }
    Ok(Box::new(Pictures::folder(folder)?))
}
