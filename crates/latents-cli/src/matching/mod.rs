//! Matching a density: what the commands `funnel` and `match` have in common.

mod options;
mod resume;
mod session;
mod show;
mod written;

pub use options::Options;
pub use resume::quoted;
pub use session::run;
pub use show::shown;
pub use written::{Meaning, Written};

use crate::failure::Failure;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a command asks for.
pub struct Job<'a> {
    /// The command's name.
    pub command: &'static str,
    /// The target where none is named.
    pub default: Option<&'static str>,
    /// The density, where it is written out.
    pub written: Option<Written>,
    /// The options.
    pub options: &'a Options,
    /// When the program began.
    pub started: Instant,
}

impl Job<'_> {
    /// What a checkpoint of this command is of: the command.
    pub fn kind(&self) -> String {
        format!("latents {}", self.command)
    }

    /// Settings that cannot be used.
    fn unusable(&self, what: String) -> Failure {
        Failure::usage(what, format!("see {} --help", self.kind()))
    }

    /// Where a run goes that names no folder.
    fn default_folder(&self, target: Option<&str>) -> PathBuf {
        Path::new("runs").join(target.or(self.default).unwrap_or(self.command))
    }
}

/// What a checkpoint says besides its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    settings: Settings,
    /// Why the run was stopped for good before its last step.
    stopped: Option<String>,
    /// The density, where it is written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<Written>,
}
