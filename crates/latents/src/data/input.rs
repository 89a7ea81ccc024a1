//! Bytes from a file, standard input or memory, decompressed where they are gzip.

use crate::data::error::{DataError, Fault};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of standard input in messages.
const STANDARD_INPUT: &str = "standard input";

/// Bytes read in advance, to tell a format and a separator.
const HEAD: usize = 1 << 13;

/// Something with a position that can be set.
pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// The bytes of one data set.
pub(super) struct Input {
    /// What it is called in messages.
    pub name: String,
    /// Where it lies, if it is a plain file, which can be opened again and read anywhere.
    path: Option<PathBuf>,
    packing: Packing,
    reader: Box<dyn Read>,
    /// The first bytes, read to tell what they are.
    head: Vec<u8>,
    /// How many of them were taken.
    taken: usize,
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
            return Input::new(&name, None, Box::new(io::stdin()));
        }
        let fault = |cause| DataError::from(Fault::Read(cause)).of(&name);
        let file = File::open(path).map_err(fault)?;
        let plain = file.metadata().map_err(fault)?.is_file();
        Input::new(&name, plain.then(|| path.to_owned()), Box::new(BufReader::new(file)))
    }

    /// Bytes in memory.
    pub fn memory(name: &str, bytes: Vec<u8>) -> Result<Input, DataError> {
        Input::new(name, None, Box::new(Cursor::new(bytes)))
    }

    fn new(name: &str, path: Option<PathBuf>, reader: Box<dyn Read>) -> Result<Input, DataError> {
        let of =
            |path, packing, reader| Input { name: name.to_owned(), path, packing, reader, head: Vec::new(), taken: 0 };
        let mut plain = of(path, Packing::Plain, reader);
        let gzip = plain.peek().map_err(|fault| DataError::from(fault).of(name))?.starts_with(&[0x1f, 0x8b]);
        Ok(if gzip { of(None, Packing::Gzip, Box::new(MultiGzDecoder::new(plain))) } else { plain })
    }

    /// The first bytes, without taking them: all of a small file.
    pub fn peek(&mut self) -> Result<&[u8], Fault> {
        if self.head.is_empty() {
            let mut head = vec![0; HEAD];
            let n = self.packing.fill(&mut *self.reader, &mut head)?;
            head.truncate(n);
            self.head = head;
        }
        Ok(&self.head[self.taken..])
    }

    /// What the bytes are packed in.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Whether nothing has to be held in memory for reading anywhere.
    pub fn is_file(&self) -> bool {
        self.path.is_some()
    }

    /// All that is left.
    pub fn rest(&mut self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(|cause| self.packing.fault(cause))?;
        Ok(bytes)
    }

    /// The same for reading anywhere, from the start of a plain file or else from here: in memory where it must be.
    pub fn store(mut self) -> Result<Store, Fault> {
        match self.path.take() {
            Some(path) => Ok(Store::File(path)),
            None => Ok(Store::Memory(self.rest()?.into())),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.head[self.taken..];
        if left.is_empty() {
            return self.reader.read(buffer);
        }
        let n = left.len().min(buffer.len());
        buffer[..n].copy_from_slice(&left[..n]);
        self.taken += n;
        Ok(n)
    }
}

/// What a path is called in messages.
pub(super) fn name_of(path: &Path) -> String {
    if path == Path::new("-") { STANDARD_INPUT.to_owned() } else { path.display().to_string() }
}
