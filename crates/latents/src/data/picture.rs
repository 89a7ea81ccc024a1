//! Pictures as rows of pixels: PNG and JPEG, one or a folder of them.

use crate::data::error::{DataError, Fault};
use crate::data::input::Input;
use crate::data::reader::{Cells, MAX_COLUMNS, Row, Source, numbered};
use image::{ColorType, DynamicImage, ImageReader, Limits};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// What one picture may take in memory while it is decoded.
const MAX_BYTES: u64 = 1 << 27;

/// How a JPEG file starts.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// The longest side of a picture.
const MAX_SIDE: u32 = 1 << 16;

/// A decoded picture: rows from the top, channels side by side, values as stored (0 to 255, or 65535 in 16 bits).
pub(super) struct Picture {
    pub width: usize,
    pub height: usize,
    /// 1 for grey, 3 for red, green, blue. Transparency is left out.
    pub channels: usize,
    /// The value of full brightness.
    pub white: f64,
    pub values: Vec<f64>,
}

impl Picture {
    pub fn decode(bytes: Vec<u8>) -> Result<Picture, Fault> {
        if bytes.starts_with(&JPEG) && !has_jpeg_end(&bytes) {
            return Err(Fault::Corrupt { format: "JPEG", what: "it is cut short: its end marker is missing".into() });
        }
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(Fault::Read)?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_BYTES);
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        reader.limits(limits);
        let format = if reader.format() == Some(image::ImageFormat::Jpeg) { "JPEG" } else { "PNG" };
        let image = reader.decode().map_err(|cause| Fault::Corrupt { format, what: short_cause(&cause) })?;
        Ok(Picture::of(image))
    }

    fn of(image: DynamicImage) -> Picture {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let grey = matches!(image.color(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
        let deep = image.color().bytes_per_pixel() / image.color().channel_count() > 1;
        let wide = |values: Vec<u16>| values.into_iter().map(f64::from).collect();
        let narrow = |values: Vec<u8>| values.into_iter().map(f64::from).collect();
        let values = match (grey, deep) {
            (true, true) => wide(image.into_luma16().into_raw()),
            (true, false) => narrow(image.into_luma8().into_raw()),
            (false, true) => wide(image.into_rgb16().into_raw()),
            (false, false) => narrow(image.into_rgb8().into_raw()),
        };
        let white = if deep { 65535.0 } else { 255.0 };
        Picture { width, height, channels: if grey { 1 } else { 3 }, white, values }
    }

    fn size(&self) -> String {
        let kind = if self.channels == 1 { "grey" } else { "red, green, blue" };
        format!("{} x {} pixels, {kind}, {} bits", self.width, self.height, if self.white > 255.0 { 16 } else { 8 })
    }
}

/// Whether the end marker follows the start of the scan. The decoder would paint what is missing grey.
fn has_jpeg_end(bytes: &[u8]) -> bool {
    let mut at = JPEG.len() - 1;
    // Segments say their length, so that the markers of an embedded preview are passed over.
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xda {
            return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
        }
        // A marker may be preceded by any number of 0xff.
        at += if marker == 0xff { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
    }
    false
}

/// The library's message on one line.
fn short_cause(cause: &image::ImageError) -> String {
    cause.to_string().lines().collect::<Vec<_>>().join(" ")
}

/// Pictures of one size, each a row.
pub(super) struct Pictures {
    /// The pictures after the first.
    rest: std::vec::IntoIter<PathBuf>,
    names: Vec<String>,
    size: String,
    first: bool,
    values: Vec<f64>,
}

impl Pictures {
    /// One picture, one row.
    pub fn one(mut input: Input) -> Result<Pictures, DataError> {
        let picture = Picture::decode(input.rest()?)?;
        Pictures::new(picture, Vec::new())
    }

    /// The PNG and JPEG files of a folder, in the order of their names.
    pub fn folder(folder: &Path) -> Result<Pictures, DataError> {
        let entries =
            std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(Fault::Read)?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(|p| is_picture(p)).collect();
        paths.sort();
        if paths.is_empty() {
            let help = "a folder is read as its .png, .jpg and .jpeg files, one row each".into();
            return Err(Fault::Unsupported { what: "the folder holds no picture".into(), help }.into());
        }
        let first = load(&paths.remove(0))?;
        Pictures::new(first, paths)
    }

    fn new(first: Picture, rest: Vec<PathBuf>) -> Result<Pictures, DataError> {
        let found = first.values.len();
        if found > MAX_COLUMNS {
            return Err(Fault::TooWide { found: found as u128, most: MAX_COLUMNS }.into());
        }
        let size = first.size();
        Ok(Pictures { rest: rest.into_iter(), names: numbered(found), size, first: true, values: first.values })
    }
}

impl Source for Pictures {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_named(&self) -> bool {
        false
    }

    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        if !std::mem::take(&mut self.first) {
            let Some(path) = self.rest.next() else { return Ok(None) };
            let picture = load(&path)?;
            if picture.size() != self.size {
                let fault = Fault::PictureSize { found: picture.size(), wanted: self.size.clone() };
                return Err(DataError::from(fault).of(&path.display().to_string()));
            }
            self.values = picture.values;
        }
        Ok(Some(Row { line: None, cells: Cells::Numbers(&self.values) }))
    }
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    path.is_file() && ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn load(path: &Path) -> Result<Picture, DataError> {
    let decoded = std::fs::read(path).map_err(Fault::Read).and_then(Picture::decode);
    decoded.map_err(|fault| DataError::from(fault).of(&path.display().to_string()))
}
