//! The command line.

use crate::commands::Command;
use crate::threads;
use clap::{Args, Parser};
use std::str::FromStr;

/// Latent-variable density models.
#[derive(Debug, Parser)]
#[command(name = "latents", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done (also where a run that broke down was stopped and its best state \
                          delivered), 1 the run failed, as on a full disk or by numbers that are none, 2 something else has \
                          to be passed: other options, another file, or data without the fault that is named, 130 \
                          interrupted (and saved).";

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Manners")]
pub struct Manners {
    /// Print the results as one JSON object on standard output; where there are none, the error.
    #[arg(long)]
    pub json: bool,
    /// Say nothing but results, warnings and errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// Threads, at most one for each core; the results do not depend on it [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub threads: Option<u32>,
}

/// A whole number from 0 on, as an option takes it.
///
/// # Errors
/// What is allowed.
pub fn whole<T: FromStr + Bounded>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("a whole number from 0 to {} is wanted", T::MOST))
}

/// A type of whole numbers from 0 on.
pub trait Bounded {
    /// The greatest.
    const MOST: u64;
}

impl Bounded for u32 {
    const MOST: u64 = u32::MAX as u64;
}

impl Bounded for u64 {
    const MOST: u64 = u64::MAX;
}

impl Manners {
    /// Sets the number of threads; warns where it is not the one that was asked for.
    pub fn apply(&self) {
        if let Some(said) = threads::choose(self.threads) {
            eprintln!("warning: {said}");
        }
    }

    /// A line of talk, on standard error.
    pub fn say(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
