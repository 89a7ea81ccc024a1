//! Which format a file is in.

use crate::data::error::{DataError, Fault};
use crate::data::input::Input;
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

/// The source of a file in a format other than text.
pub(super) fn open_source(format: Format, _input: Input, _options: &ReadOptions) -> Result<Box<dyn Source>, DataError> {
    let format = match format {
        Format::Parquet => "parquet",
        _ => "arrow",
    };
    Err(Fault::NotBuilt { format }.into())
}

/// The source of a folder of pictures.
pub(super) fn open_folder(_path: &Path, _options: &ReadOptions) -> Result<Box<dyn Source>, DataError> {
    Err(Fault::UnknownFormat.into())
}
