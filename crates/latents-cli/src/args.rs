//! The command line.

use crate::commands::funnel::FunnelArgs;
use crate::commands::match_energy::MatchArgs;
use clap::{Parser, Subcommand};

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
                          delivered), 1 the run failed, 2 wrong use, 130 interrupted (and saved).";

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fit a model to Neal's funnel, or to another density, by the reverse KL.
    Funnel(Box<FunnelArgs>),
    /// Fit a model to a density of your own, given as an expression, by the reverse KL.
    Match(Box<MatchArgs>),
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
