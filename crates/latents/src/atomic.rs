//! Files that are either complete or absent.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `bytes` to `path` so that a reader sees the old file or the whole new one, never a part.
///
/// The bytes go to a uniquely named temporary file in the same folder, are flushed to the disk, and
/// the temporary is then renamed over `path`; it is removed when any step fails.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] when `path` has no file name, otherwise the error of the failing
/// file operation (for example a missing folder or a full disk).
///
/// ```
/// # use latents::atomic::write_atomically;
/// let path = std::env::temp_dir().join(format!("atomic-doc-{}.txt", std::process::id()));
/// write_atomically(&path, b"complete")?;
/// assert_eq!(std::fs::read(&path)?, b"complete");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// A file that is written piece by piece, and takes its place only when it is whole.
///
/// Dropped before [`AtomicFile::commit`], it leaves nothing behind.
///
/// ```
/// # use latents::atomic::AtomicFile;
/// use std::io::Write;
/// let path = std::env::temp_dir().join(format!("atomic-file-doc-{}.txt", std::process::id()));
/// let mut file = AtomicFile::create(&path)?;
/// writeln!(file, "one")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"one\n");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    /// `None` once it was closed.
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
}

impl AtomicFile {
    /// An empty file beside `path`, which is to take its place.
    ///
    /// # Errors
    ///
    /// As [`write_atomically`].
    pub fn create(path: impl AsRef<Path>) -> io::Result<AtomicFile> {
        let path = path.as_ref().to_owned();
        let (file, temporary) = create_beside(&path)?;
        Ok(AtomicFile { file: Some(BufWriter::new(file)), temporary, path })
    }

    /// Flushes it to the disk and puts it in its place.
    ///
    /// # Errors
    ///
    /// As [`write_atomically`]; the file is gone then.
    pub fn commit(mut self) -> io::Result<()> {
        let closed = self.file.take().ok_or(io::ErrorKind::NotFound)?;
        // The handle is closed before the rename, which some platforms refuse otherwise.
        closed.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.temporary = PathBuf::new();
        sync_folder(folder_of(&self.path));
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().ok_or(io::ErrorKind::NotFound)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().ok_or(io::ErrorKind::NotFound)?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.as_mut().ok_or(io::ErrorKind::NotFound)?.seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            drop(self.file.take());
            // The first error is the one worth reporting; the temporary may already be gone.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Creates a new, empty temporary file in the folder of `path`.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{} has no file name", path.display())))?;
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.{count}.tmp", std::process::id()));
        let temporary = folder_of(path).join(hidden);
        let opened = OpenOptions::new().write(true).create_new(true).open(&temporary);
        match opened {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes the temporary files that writers of [`AtomicFile`]s left in a folder when they were killed. One whose process
/// may still be there stays; so do all where the system does not tell which processes there are.
pub fn sweep(folder: &Path) {
    let processes = Path::new("/proc");
    if !processes.join(std::process::id().to_string()).exists() {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let left = name.to_str().and_then(writer).is_some_and(|process| !processes.join(process).exists());
        if left {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The process that a temporary file's name tells of: `.name.PROCESS.COUNT.tmp`.
fn writer(name: &str) -> Option<&str> {
    let (rest, count) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let (_, process) = rest.rsplit_once('.')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (number(process) && number(count)).then_some(process)
}

/// The folder holding `path`, `.` for a bare file name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the rename itself durable where the platform allows opening a folder.
fn sync_folder(folder: &Path) {
    if let Ok(handle) = File::open(folder) {
        // Some file systems refuse to sync a folder; the file's own bytes are safe already.
        let _ = handle.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fresh folder that is removed with its contents at the end of the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("atomic-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("scratch folder");
            Self(folder)
        }

        fn names(&self) -> Vec<OsString> {
            let entries = fs::read_dir(&self.0).expect("scratch folder");
            entries.map(|e| e.expect("entry").file_name()).collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn writes_and_replaces() {
        let scratch = Scratch::new("replace");
        let path = scratch.0.join("file.bin");
        write_atomically(&path, b"first").expect("write");
        write_atomically(&path, b"second, longer").expect("replace");
        assert_eq!(fs::read(&path).expect("read"), b"second, longer");
        assert_eq!(scratch.names(), ["file.bin"]);
    }

    #[test]
    fn failure_leaves_no_temporary() {
        let scratch = Scratch::new("failure");
        let occupied = scratch.0.join("folder");
        fs::create_dir_all(occupied.join("inner")).expect("folder");
        assert!(write_atomically(&occupied, b"x").is_err());
        assert_eq!(scratch.names(), ["folder"]);
    }

    #[test]
    fn a_file_that_is_not_committed_leaves_nothing() {
        let scratch = Scratch::new("dropped");
        let mut file = AtomicFile::create(scratch.0.join("file.bin")).expect("create");
        file.write_all(b"part").expect("write");
        assert_eq!(scratch.names().len(), 1);
        drop(file);
        assert!(scratch.names().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_killed_writers_left_is_swept_away_and_nothing_else() {
        let scratch = Scratch::new("sweep");
        // No process has a number beyond 2^22.
        let (dead, own) = (".m.bin.99999999.0.tmp", format!(".m.bin.{}.0.tmp", std::process::id()));
        for name in [dead, &own, ".m.bin.7.x.tmp", ".notes.tmp", "m.99999999.0.tmp"] {
            fs::write(scratch.0.join(name), b"part").expect("write");
        }
        sweep(&scratch.0);
        assert!(!scratch.0.join(dead).exists());
        assert_eq!(scratch.names().len(), 4);
    }

    #[test]
    fn missing_folder_is_reported() {
        let scratch = Scratch::new("missing");
        let error = write_atomically(scratch.0.join("no/such/file"), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn path_without_name_is_invalid() {
        let error = write_atomically("..", b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn readers_never_see_a_part() {
        let scratch = Scratch::new("readers");
        let path = scratch.0.join("file.bin");
        let old = vec![b'a'; 100_000];
        let new = vec![b'b'; 70_000];
        write_atomically(&path, &old).expect("write");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..20 {
                    let bytes = if round % 2 == 0 { &new } else { &old };
                    write_atomically(&path, bytes).expect("write");
                }
            });
            for _ in 0..50 {
                let seen = fs::read(&path).expect("read");
                assert!(seen == old || seen == new);
            }
        });
    }
}
