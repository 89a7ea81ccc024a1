//! Bytes from a file, standard input or memory, decompressed where they are gzip.

use crate::data::error::{DataError, Fault};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of standard input in messages.
const STANDARD_INPUT: &str = "standard input";

/// Something with a position that can be set.
pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// The bytes of one data set.
pub(super) struct Input {
    /// What it is called in messages.
    pub name: String,
    bytes: Bytes,
}

enum Bytes {
    /// A plain file, which can be opened again and read anywhere.
    File(BufReader<File>, PathBuf),
    /// What can only be read through once.
    Stream(Box<dyn BufRead>),
    /// As `Stream`, decompressed on the way.
    Gzip(Box<dyn BufRead>),
}

/// Bytes that can be read anywhere, by several readers at once.
pub(super) enum Store {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

impl Store {
    /// A reader from the start.
    pub fn open(&self) -> Result<Box<dyn ReadSeek>, Fault> {
        match self {
            Store::File(path) => Ok(Box::new(BufReader::new(File::open(path).map_err(Fault::Read)?))),
            Store::Memory(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> Result<u64, Fault> {
        match self {
            Store::File(path) => Ok(std::fs::metadata(path).map_err(Fault::Read)?.len()),
            Store::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }
}

/// What the bytes of a reader are packed in, which decides what an error while reading means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zip,
}

impl Packing {
    /// The fault behind an error while reading.
    pub fn fault(self, cause: io::Error) -> Fault {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match (cause.kind(), self) {
            (InvalidData | InvalidInput | UnexpectedEof, Packing::Gzip) => Fault::Gzip(cause.to_string()),
            (InvalidData | InvalidInput | UnexpectedEof, Packing::Zip) => {
                Fault::Corrupt { format: "NPZ", what: cause.to_string() }
            }
            _ => Fault::Read(cause),
        }
    }

    /// Fills the buffer as far as the bytes go; how many there were.
    pub fn fill(self, reader: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(self.fault(cause)),
            }
        }
        Ok(filled)
    }
}

impl Input {
    /// The file of that path, `-` for standard input.
    pub fn open(path: &Path) -> Result<Input, DataError> {
        let name = name_of(path);
        if path == Path::new("-") {
            return Input::stream(&name, Box::new(BufReader::new(io::stdin())));
        }
        let fault = |cause| DataError::from(Fault::Read(cause)).of(&name);
        let file = File::open(path).map_err(fault)?;
        let plain = file.metadata().map_err(fault)?.is_file();
        let mut reader = BufReader::new(file);
        if plain && !starts_gzip(&mut reader).map_err(fault)? {
            return Ok(Input { name, bytes: Bytes::File(reader, path.to_owned()) });
        }
        Input::stream(&name, Box::new(reader))
    }

    /// Bytes in memory.
    pub fn memory(name: &str, bytes: Vec<u8>) -> Result<Input, DataError> {
        Input::stream(name, Box::new(Cursor::new(bytes)))
    }

    fn stream(name: &str, mut reader: Box<dyn BufRead>) -> Result<Input, DataError> {
        let gzip = starts_gzip(&mut reader).map_err(|cause| DataError::from(Fault::Read(cause)).of(name))?;
        let bytes = if gzip {
            Bytes::Gzip(Box::new(BufReader::new(MultiGzDecoder::new(reader))))
        } else {
            Bytes::Stream(reader)
        };
        Ok(Input { name: name.to_owned(), bytes })
    }

    /// The next bytes, without taking them: at least one, unless nothing is left.
    pub fn peek(&mut self) -> Result<&[u8], Fault> {
        let packing = self.packing();
        let read = match &mut self.bytes {
            Bytes::File(reader, _) => reader.fill_buf(),
            Bytes::Stream(reader) | Bytes::Gzip(reader) => reader.fill_buf(),
        };
        read.map_err(|cause| packing.fault(cause))
    }

    /// What the bytes are packed in.
    pub fn packing(&self) -> Packing {
        if matches!(self.bytes, Bytes::Gzip(_)) { Packing::Gzip } else { Packing::Plain }
    }

    /// Whether nothing has to be held in memory for reading anywhere.
    pub fn is_file(&self) -> bool {
        matches!(self.bytes, Bytes::File(..))
    }

    /// All that is left.
    pub fn rest(&mut self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(|cause| self.packing().fault(cause))?;
        Ok(bytes)
    }

    /// The same for reading anywhere, from the start of a plain file or else from here: in memory where it must be.
    pub fn store(mut self) -> Result<Store, Fault> {
        match self.bytes {
            Bytes::File(_, path) => Ok(Store::File(path)),
            _ => Ok(Store::Memory(self.rest()?.into())),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::File(reader, _) => reader.read(buffer),
            Bytes::Stream(reader) | Bytes::Gzip(reader) => reader.read(buffer),
        }
    }
}

/// What a path is called in messages.
pub(super) fn name_of(path: &Path) -> String {
    if path == Path::new("-") { STANDARD_INPUT.to_owned() } else { path.display().to_string() }
}

/// Whether the next bytes are those of a gzip stream.
fn starts_gzip(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match reader.fill_buf() {
            Ok(bytes) => return Ok(bytes.starts_with(&[0x1f, 0x8b])),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}
