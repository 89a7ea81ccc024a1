//! The output folder, and the names of the files in it.

use crate::failure::Failure;
use latents::run::FitError;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder that can be written to.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// The checkpoint's name.
pub const CHECKPOINT: &str = "model.safetensors";

/// Makes a folder where it is missing, and makes sure that a file can be made in it.
///
/// # Errors
/// [`Failure::Usage`] where it cannot; the folders that were made on the way are gone again.
pub fn writable(path: &Path) -> Result<latents::run::Folder, Failure> {
    latents::run::Folder::create(path).map_err(|e| {
        let why = match e {
            FitError::Write { cause, .. } => cause.to_string(),
            e => e.to_string(),
        };
        let what = format!("cannot write to the folder {}: {why}", path.display());
        Failure::usage(what, "choose a folder that you may write to with --out")
    })
}

impl Folder {
    /// Makes the folder where it is missing, and makes sure that a file can be made in it.
    ///
    /// # Errors
    /// As [`writable`]; a folder in the place of a file.
    pub fn open(path: &Path) -> Result<Folder, Failure> {
        let folder = Folder(path.to_owned());
        let own = [folder.checkpoint(), folder.metrics(), folder.curve(), folder.report()];
        let pictures = folder.densities().into_iter().map(|(_, picture)| picture);
        if let Some(taken) = own.into_iter().chain(pictures).find(|file| file.is_dir()) {
            let what = format!("cannot write {}: it is a folder", taken.display());
            return Err(Failure::usage(what, "remove it, or choose another folder with --out"));
        }
        writable(path)?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join(CHECKPOINT)
    }

    /// The figures of every check.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.csv")
    }

    /// The curve of the loss and of the divergence.
    pub fn curve(&self) -> PathBuf {
        self.0.join("kl.png")
    }

    /// Everything in one file.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// The target and the model after some of `steps` steps.
    pub fn density(&self, step: u32, steps: u32) -> PathBuf {
        let digits = steps.to_string().len().max(6);
        self.0.join(format!("density-{step:0digits$}.png"))
    }

    /// The pictures of densities that are there, by their steps.
    pub fn densities(&self) -> Vec<(u32, PathBuf)> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut found: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let digits = name.to_str()?.strip_prefix("density-")?.strip_suffix(".png")?;
                let own = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
                Some((own.then(|| digits.parse().ok())??, entry.path()))
            })
            .collect();
        found.sort();
        found
    }

    /// Removes what an earlier run drew and reported: it would pass for this one's.
    ///
    /// # Errors
    /// Where one cannot be removed.
    pub fn clear(&self) -> Result<(), Failure> {
        let pictures = self.densities().into_iter().map(|(_, path)| path);
        for path in pictures.chain([self.curve(), self.report()]).filter(|path| path.exists()) {
            fs::remove_file(&path).map_err(|e| {
                let what = format!("cannot remove {}, of an earlier run: {e}", path.display());
                Failure::usage(what, "choose another folder with --out")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_pictures_are_removed() {
        let scratch = tempfile::tempdir().expect("folder");
        let folder = Folder::open(&scratch.path().join("a/b")).expect("made");
        let all = [
            "kl.png",
            "report.html",
            "density-000010.png",
            "density-1000000.png",
            "density-7.png",
            "density-map.png",
            "notes.txt",
        ];
        for name in all {
            fs::write(folder.path().join(name), b"x").expect("written");
        }
        assert_eq!(folder.densities().iter().map(|(step, _)| *step).collect::<Vec<_>>(), [10, 1_000_000]);
        folder.clear().expect("removed");
        let mut left: Vec<_> = fs::read_dir(folder.path()).expect("there").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, ["density-7.png", "density-map.png", "notes.txt"]);
    }

    #[test]
    fn nothing_is_left_of_a_folder_that_cannot_be() {
        let scratch = tempfile::tempdir().expect("folder");
        fs::write(scratch.path().join("file"), b"x").expect("written");
        assert!(Folder::open(&scratch.path().join("file/out")).is_err());
        assert!(Folder::open(&scratch.path().join("file")).is_err());
        assert_eq!(fs::read_dir(scratch.path()).expect("there").count(), 1);
    }
}
