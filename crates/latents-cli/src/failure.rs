//! Why a command ended without doing what it was asked to.

use crate::matching::quoted;
use crate::output::folder::CHECKPOINT;
use latents::model::ModelError;
use latents::plot::PlotError;
use latents::run::FitError;
use latents::train::{CheckpointError, Fault};
use serde_json::json;
use std::error::Error;
use std::fmt;
use std::path::Path;

/// What to do about a file in which something has changed.
const DAMAGED: &str = "a bit was lost in a copy or on the disk: fetch the file again from where it is whole";

/// Why, and what to do about it.
#[derive(Debug)]
pub enum Failure {
    /// It was asked for something that cannot be done; nothing was done.
    Usage {
        /// What is wrong, and where.
        what: String,
        /// What to do.
        help: String,
    },
    /// It could not be done.
    Run {
        /// What went wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// It was interrupted.
    Interrupted {
        /// What was saved, and how to go on.
        saved: String,
    },
}

impl Failure {
    /// Wrong use, or data that have to be others.
    pub fn usage(what: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure::Usage { what: what.into(), help: help.into() }
    }

    /// A failed run.
    pub fn run(what: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure::Run { what: what.into(), help: help.into() }
    }

    /// A checkpoint that cannot be resumed.
    pub fn resume(e: &CheckpointError, command: &str) -> Failure {
        let help = match &e.fault {
            Fault::Read(_) => {
                "pass the model.safetensors of an interrupted run, or the folder that holds it".to_owned()
            }
            Fault::Truncated { .. } => {
                "the copy was interrupted or the disk was full: fetch the file again, or start the \
                                        run anew without --resume"
                    .to_owned()
            }
            Fault::Damaged { .. } => format!("{DAMAGED}, or start the run anew without --resume"),
            Fault::NotSafetensors(_) | Fault::Foreign(_) => {
                format!("pass a model.safetensors that `latents {command}` wrote")
            }
            Fault::Kind { found, .. } if found.starts_with("latents ") => format!("go on with `{found} --resume`"),
            Fault::Newer { .. } => "update latents".to_owned(),
            _ => format!("pass a checkpoint that `latents {command}` wrote, or start the run anew without --resume"),
        };
        Failure::usage(format!("cannot resume: {e}"), help)
    }

    /// A file that could not be written during the run.
    pub fn write(path: &Path, e: &dyn fmt::Display) -> Failure {
        Failure::run(
            format!("cannot write {}: {e}", path.display()),
            "free some space, or choose another folder with --out",
        )
    }

    /// The same as one JSON object, in a line.
    pub fn json(&self) -> String {
        let (error, help) = match self {
            Failure::Usage { what, help } | Failure::Run { what, help } => (what, Some(help)),
            Failure::Interrupted { saved } => (saved, None),
        };
        refusal(error, help.map(String::as_str), self.code())
    }

    /// 2 for wrong use, 1 for a failed run, 130 for an interrupted one.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage { .. } => 2,
            Failure::Run { .. } => 1,
            Failure::Interrupted { .. } => 130,
        }
    }
}

/// Why a command gave no results, as one JSON object.
pub fn refusal(error: &str, help: Option<&str>, exit_code: u8) -> String {
    json!({ "error": error, "help": help, "exit_code": exit_code }).to_string()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage { what, help } | Failure::Run { what, help } => write!(f, "error: {what}\n  help: {help}"),
            Failure::Interrupted { saved } => f.write_str(saved),
        }
    }
}

impl From<pullback::Error> for Failure {
    fn from(e: pullback::Error) -> Failure {
        Failure::run(format!("the program of the model is faulty: {e}"), "this is a bug of latents: please report it")
    }
}

impl From<FitError> for Failure {
    fn from(e: FitError) -> Failure {
        let usage = e.is_usage();
        let e = match e {
            FitError::Data(e) => return e.into(),
            FitError::Plot(PlotError::Input(what)) => {
                return Failure::usage(format!("nothing can be drawn: {what}"), "choose another --what");
            }
            FitError::Plot(e) => return e.into(),
            e => e,
        };
        let help = match &e {
            FitError::Model(ModelError::Value { .. }) => "correct the value, or leave the row out".to_owned(),
            FitError::Config(_) | FitError::Model(_) => "see `latents fit --help` for the settings".to_owned(),
            FitError::NotFinite(_) | FitError::Validation { .. } => {
                "the last good state is saved; begin again with a lower training.rate, or look at those rows".to_owned()
            }
            FitError::Made(_) => "the fit has gone astray: fit again, with a lower training.rate".to_owned(),
            FitError::Checkpoint(e) => help_of(e),
            FitError::OtherData { .. } => "pass the data of the run, or fit a new model".to_owned(),
            FitError::Ended { .. } => "begin a new run with a lower training.rate".to_owned(),
            FitError::Write { .. } => "choose a folder that you may write to, and with space".to_owned(),
            _ => "this is a bug of latents: please report it".to_owned(),
        };
        if usage { Failure::usage(e.to_string(), help) } else { Failure::run(e.to_string(), help) }
    }
}

/// What to do about the file of a run that cannot be used.
fn help_of(e: &CheckpointError) -> String {
    match &e.fault {
        Fault::Write(_) => "free some space, or choose another folder".to_owned(),
        Fault::Truncated { .. } => {
            "the copy was interrupted or the disk was full: fetch the file again, or fit anew".to_owned()
        }
        Fault::Damaged { .. } => format!("{DAMAGED}, or fit anew"),
        Fault::Newer { .. } => "update latents".to_owned(),
        // A density that was matched has no data: what it can do is go on, be evaluated and be shown.
        Fault::Kind { found, .. } if found.starts_with("latents ") => {
            let folder = e.path.parent().filter(|p| e.path.ends_with(CHECKPOINT) && !p.as_os_str().is_empty());
            let path = quoted(folder.unwrap_or(&e.path));
            format!(
                "go on with it, or evaluate it again, by `{found} --resume {path}`; look at it by `latents show {path}`"
            )
        }
        _ => "pass the folder of a run that `latents fit` wrote".to_owned(),
    }
}

impl From<PlotError> for Failure {
    fn from(e: PlotError) -> Failure {
        let mut what = e.to_string();
        let mut cause = e.source();
        while let Some(e) = cause {
            what = format!("{what}: {e}");
            cause = e.source();
        }
        Failure::run(what, "free some space, or choose another folder with --out")
    }
}
