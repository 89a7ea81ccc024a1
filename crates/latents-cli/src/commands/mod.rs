//! The commands, one a file, each with its own options.
//!
//! A new command is a module with a `clap` type `Args` and a function `run`, its `mod` line here, and its row in the
//! table below.

pub mod check;
pub mod compare;
pub mod completions;
pub mod cv;
pub mod encode;
pub mod eval;
pub mod fit;
pub mod funnel;
pub mod match_energy;
pub mod plot;
pub mod reconstruct;
pub mod resume;
pub mod sample;
pub mod score;
pub mod show;

use crate::failure::Failure;
use clap::Subcommand;
use std::time::Instant;

macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident = $module:ident),* $(,)?) => {
        /// What there is to do.
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $($(#[$attribute])* $name(Box<$module::Args>),)*
        }

        impl Command {
            /// Does it.
            ///
            /// # Errors
            /// [`Failure`].
            pub fn run(&self, started: Instant) -> Result<(), Failure> {
                match self {
                    $(Command::$name(args) => $module::run(args, started),)*
                }
            }
        }
    };
}

commands! {
    /// Fit a model to a file of data.
    Fit = fit,
    /// Go on with a fit that was interrupted.
    Resume = resume,
    /// Show what a run is: data, figures and the whole configuration.
    Show = show,
    /// Estimate the log density of rows, by several estimators.
    Eval = eval,
    /// Print the log density of each row.
    Score = score,
    /// Hold models against each other on the same rows.
    Compare = compare,
    /// Say whether a fitted model can be trusted.
    Check = check,
    /// Draw rows from a fitted model, in the data's columns and units.
    Sample = sample,
    /// Send rows through the latent numbers and back.
    Reconstruct = reconstruct,
    /// Print the mean and variance of each row's latent numbers.
    Encode = encode,
    /// Draw pictures of a run.
    Plot = plot,
    /// Fit and test on folds of the data.
    Cv = cv,
    /// Fit a model to Neal's funnel, or to another density, by the reverse KL.
    Funnel = funnel,
    /// Fit a model to a density of your own, given as an expression, by the reverse KL.
    Match = match_energy,
    /// Print the completions of a shell, for its start-up file.
    Completions = completions,
}
