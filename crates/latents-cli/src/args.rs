//! The command line.

use crate::commands::Command;
use crate::settings::{Decay, Encoder, Gradient, Overrides, TRAINERS, Updates};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser};
use latents::dist::TARGETS;
use latents::estimator::ESTIMATORS;
use std::path::PathBuf;

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

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Manners")]
pub struct Manners {
    /// Print the results as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Say nothing but results, warnings and errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// Threads; the results do not depend on it [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
}

impl Manners {
    /// Sets the number of threads.
    pub fn apply(&self) {
        if let Some(threads) = self.threads {
            pullback::set_threads(threads as usize);
        }
    }

    /// A line of talk, on standard error.
    pub fn say(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }
}

const FUNNEL_HELP: &str = "\
Writes into the output folder: density-<step>.png (target and model side by side), kl.png, metrics.csv,
model.safetensors and report.html. Files of these names are replaced, density-*.png of an earlier run removed;
nothing else in the folder is touched. Results go to standard output, everything else to standard error.

Examples:
  latents funnel                                        fit the funnel in seconds
  latents funnel --estimator sumo                       by SUMO, 50,000 steps
  latents funnel --estimator sumo --lr 5e-5             at the classic rate
  latents funnel --target ring --seed 3 --json
  latents funnel --resume                               go on after Ctrl-C";

/// The options of `latents funnel`.
#[derive(Debug, Args)]
#[command(after_help = FUNNEL_HELP, allow_negative_numbers = true)]
pub struct FunnelArgs {
    /// The density to match.
    #[arg(long, value_name = "NAME", value_parser = targets(), help_heading = "Model")]
    pub target: Option<String>,
    /// The estimator of log p(x) that training minimises.
    #[arg(long, value_name = "NAME", value_parser = estimators(), help_heading = "Training")]
    pub estimator: Option<String>,
    /// How many numbers the latent z is [default: 8].
    #[arg(long, value_name = "N", value_parser = size(), help_heading = "Model")]
    pub latent_dim: Option<u32>,
    /// The hidden layer's size in both networks [default: 128].
    #[arg(long, value_name = "N", value_parser = size(), help_heading = "Model")]
    pub hidden_dim: Option<u32>,
    /// Examples in a step [default: 32].
    #[arg(long, value_name = "N", value_parser = size(), help_heading = "Training")]
    pub batch_size: Option<u32>,
    /// Importance samples for each example, with upper and iwae [default: 8].
    #[arg(long, value_name = "N", value_parser = size(), help_heading = "Training")]
    pub samples: Option<u32>,
    /// Importance samples that SUMO always draws, its m [default: 4].
    #[arg(long, value_name = "N", value_parser = size(), help_heading = "Training")]
    pub min_terms: Option<u32>,
    /// The most that SUMO draws beyond them, which biases it; 0 for no limit [default: 0].
    #[arg(long, value_name = "N", value_parser = limit(), help_heading = "Training")]
    pub cap: Option<u32>,
    /// Training steps [default: 20000; sumo: 50000].
    #[arg(long, value_name = "N", value_parser = steps(), help_heading = "Training")]
    pub steps: Option<u32>,
    /// The learning rate, the peak of its decay [default: 0.002; sumo: 0.001].
    #[arg(long, value_name = "RATE", value_parser = positive, allow_hyphen_values = true, help_heading = "Training")]
    pub lr: Option<f64>,
    /// How the learning rate goes on [default: cosine].
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Training")]
    pub decay: Option<Decay>,
    /// The greatest norm of a gradient; 0 for no limit [default: 1].
    #[arg(long, value_name = "NORM", value_parser = at_least_zero, allow_hyphen_values = true, help_heading = "Training")]
    pub clip: Option<f64>,
    /// The weight of the gap between the bounds in the decoder's loss [default: 0; sumo: 0.3].
    #[arg(long, value_name = "WEIGHT", value_parser = at_least_zero, allow_hyphen_values = true, help_heading = "Training")]
    pub gap_penalty: Option<f64>,
    /// What the encoder learns by [default: dreg].
    #[arg(long, value_name = "LOSS", value_enum, help_heading = "Training")]
    pub encoder_loss: Option<Encoder>,
    /// Which part of the decoder's gradient is used [default: path].
    #[arg(long, value_name = "PART", value_enum, help_heading = "Training")]
    pub gradient: Option<Gradient>,
    /// Whether both networks learn from the same samples [default: joint].
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Training")]
    pub updates: Option<Updates>,
    /// The seed of all random numbers [default: 0].
    #[arg(long, value_name = "SEED", help_heading = "Training")]
    pub seed: Option<u64>,
    /// Steps from check to check of the true divergence [default: a fortieth of the steps].
    #[arg(long, value_name = "N", value_parser = steps(), help_heading = "Evaluation")]
    pub check_every: Option<u32>,
    /// Examples in such a check [default: 2000].
    #[arg(long, value_name = "N", value_parser = examples(), help_heading = "Evaluation")]
    pub check_examples: Option<u32>,
    /// Examples in the evaluation at the end.
    #[arg(long, value_name = "N", value_parser = examples(), default_value_t = 10_000, help_heading = "Evaluation")]
    pub eval_examples: u32,
    /// Importance samples for each of them.
    #[arg(long, value_name = "N", value_parser = size(), default_value_t = 512, help_heading = "Evaluation")]
    pub eval_samples: u32,
    /// The folder to write to [default: runs/<target>].
    #[arg(long, value_name = "FOLDER", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Go on with an interrupted run: a checkpoint, its folder, or, without a value, that of --out.
    #[arg(long, value_name = "FILE", num_args = 0..=1, help_heading = "Output")]
    pub resume: Option<Option<PathBuf>>,
    /// Print the results as one JSON object, the last line on standard output.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Say nothing but results, warnings and errors.
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// Threads; the results do not depend on it [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
}

impl FunnelArgs {
    /// The settings that were asked for.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            target: self.target.clone(),
            estimator: self.estimator.clone(),
            latent_dim: self.latent_dim,
            hidden_dim: self.hidden_dim,
            batch_size: self.batch_size,
            samples: self.samples,
            min_terms: self.min_terms,
            cap: self.cap,
            steps: self.steps,
            lr: self.lr,
            decay: self.decay,
            clip: self.clip,
            gap_penalty: self.gap_penalty,
            encoder_loss: self.encoder_loss,
            gradient: self.gradient,
            updates: self.updates,
            seed: self.seed,
            check_every: self.check_every,
            check_examples: self.check_examples,
        }
    }
}

fn targets() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(TARGETS.iter().map(|row| PossibleValue::new(row.name).help(row.about)))
}

fn estimators() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(TRAINERS.iter().map(|trainer| {
        let row = ESTIMATORS.iter().find(|row| row.name == trainer.name);
        PossibleValue::new(trainer.name).help(row.map_or_else(String::new, |r| format!("{} ({})", r.about, r.kind)))
    }))
}

fn size() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=65_536)
}

fn limit() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(0..=1_000_000)
}

fn steps() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=1_000_000_000)
}

fn examples() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(2..=10_000_000)
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(|| "not a finite number".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    number(text).and_then(|x| if x > 0.0 { Ok(x) } else { Err("must be above 0".to_owned()) })
}

fn at_least_zero(text: &str) -> Result<f64, String> {
    number(text).and_then(|x| if x >= 0.0 { Ok(x) } else { Err("must be 0 or more".to_owned()) })
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
