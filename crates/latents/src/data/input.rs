//! Bytes from a file, standard input or memory, decompressed where they are gzip.

use crate::data::error::{DataError, Fault};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

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
    File(BufReader<File>),
    /// What can only be read through once.
    Stream(Box<dyn BufRead>),
    /// As `Stream`, decompressed on the way.
    Gzip(Box<dyn BufRead>),
}

impl Input {
    /// The file of that path, `-` for standard input.
    pub fn open(path: &Path) -> Result<Input, DataError> {
        if path == Path::new("-") {
            return Input::stream(STANDARD_INPUT, Box::new(BufReader::new(io::stdin())));
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.is_file(), file)));
        let (plain, file) = opened.map_err(|cause| DataError::from(Fault::Read(cause)).of(&name))?;
        let mut reader = BufReader::new(file);
        if plain && !starts_gzip(&mut reader).map_err(|cause| DataError::from(Fault::Read(cause)).of(&name))? {
            return Ok(Input { name, bytes: Bytes::File(reader) });
        }
        Input::stream(&name, Box::new(reader))
    }

    /// Bytes in memory.
    pub fn memory(name: &str, bytes: Vec<u8>) -> Result<Input, DataError> {
        Input::stream(name, Box::new(Cursor::new(bytes)))
    }

    fn stream(name: &str, mut reader: Box<dyn BufRead>) -> Result<Input, DataError> {
        let name = name.to_owned();
        let gzip = starts_gzip(&mut reader).map_err(|cause| DataError::from(Fault::Read(cause)).of(&name))?;
        let bytes = if gzip {
            Bytes::Gzip(Box::new(BufReader::new(MultiGzDecoder::new(reader))))
        } else {
            Bytes::Stream(reader)
        };
        Ok(Input { name, bytes })
    }

    /// The next bytes, without taking them: at least one, unless nothing is left.
    pub fn peek(&mut self) -> Result<&[u8], Fault> {
        let gzip = self.is_gzip();
        let read = match &mut self.bytes {
            Bytes::File(reader) => reader.fill_buf(),
            Bytes::Stream(reader) | Bytes::Gzip(reader) => reader.fill_buf(),
        };
        read.map_err(|cause| read_fault(cause, gzip))
    }

    /// Whether the bytes are decompressed on the way.
    pub fn is_gzip(&self) -> bool {
        matches!(self.bytes, Bytes::Gzip(_))
    }

    /// Fills the buffer as far as the bytes go; how many there were.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(read_fault(cause, self.is_gzip())),
            }
        }
        Ok(filled)
    }

    /// All that is left.
    pub fn rest(&mut self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(|cause| read_fault(cause, self.is_gzip()))?;
        Ok(bytes)
    }

    /// The same with a position: the file itself where it is plain, else all its bytes in memory.
    pub fn seekable(mut self) -> Result<Box<dyn ReadSeek>, Fault> {
        match self.bytes {
            Bytes::File(reader) => Ok(Box::new(reader)),
            _ => Ok(Box::new(Cursor::new(self.rest()?))),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::File(reader) => reader.read(buffer),
            Bytes::Stream(reader) | Bytes::Gzip(reader) => reader.read(buffer),
        }
    }
}

/// What an error while reading means.
pub(super) fn read_fault(cause: io::Error, gzip: bool) -> Fault {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match cause.kind() {
        InvalidData | InvalidInput | UnexpectedEof if gzip => Fault::Gzip(cause.to_string()),
        _ => Fault::Read(cause),
    }
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
