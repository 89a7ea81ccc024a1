//! The commands, one a file, each with its own options.
//!
//! A new command is a module with a `clap` type `Args` and a function `run`, its `mod` line here, and its row in the
//! table below.

pub mod completions;
pub mod funnel;
pub mod match_energy;

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
    /// Fit a model to Neal's funnel, or to another density, by the reverse KL.
    Funnel = funnel,
    /// Fit a model to a density of your own, given as an expression, by the reverse KL.
    Match = match_energy,
    /// Print the completions of a shell, for its start-up file.
    Completions = completions,
}
