//! The folder of a run, and the names of the files in it.

use crate::atomic::sweep;
use crate::run::FitError;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

/// The model's file name.
const MODEL: &str = "model.safetensors";

impl Folder {
    /// Makes the folder where it is missing, and makes sure that a file can be made in it.
    ///
    /// # Errors
    /// [`FitError::Write`]; the folders that were made on the way are gone again.
    pub fn create(path: &Path) -> Result<Folder, FitError> {
        let refused = |cause: std::io::Error| FitError::Write { path: path.to_owned(), cause };
        if path.is_file() {
            return Err(refused(std::io::Error::other("it is a file, not a folder")));
        }
        let missing: Vec<PathBuf> =
            path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).map(Path::to_owned).collect();
        let probe = path.join(format!(".latents-{}.tmp", std::process::id()));
        let made =
            fs::create_dir_all(path).and_then(|()| fs::write(&probe, b"")).and_then(|()| fs::remove_file(&probe));
        made.map_err(|cause| {
            for folder in &missing {
                // Only empty ones go; one that was never made is no matter.
                let _ = fs::remove_dir(folder);
            }
            refused(cause)
        })?;
        sweep(path);
        Ok(Folder(path.to_owned()))
    }

    /// The model's file of what may be a run's folder or that file itself.
    pub fn model_of(path: &Path) -> PathBuf {
        if path.is_dir() { path.join(MODEL) } else { path.to_owned() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Weights, what the optimiser remembers, keys, and the header.
    pub fn model(&self) -> PathBuf {
        self.0.join(MODEL)
    }

    /// A line for every validation.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.csv")
    }

    /// Everything for people, in one file.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// Removes the report and the pictures of an older run, which a new one would not all replace.
    ///
    /// # Errors
    /// [`FitError::Write`].
    pub fn clear(&self) -> Result<(), FitError> {
        let pictures = ["curves", "density", "samples", "latent", "pairs", "pictures"].map(|name| self.picture(name));
        for path in pictures.into_iter().chain([self.report()]).filter(|p| p.is_file()) {
            fs::remove_file(&path).map_err(|cause| FitError::Write { path, cause })?;
        }
        Ok(())
    }

    /// A picture.
    pub fn picture(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.png"))
    }
}
