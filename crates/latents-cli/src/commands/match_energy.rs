//! `latents match`: fits a model to a density that the user writes out, or to a named one, by the reverse KL.

use crate::failure::Failure;
use crate::matching::{self, Job, Meaning, Options, Written};
use clap::ArgGroup;
use latents::dist::target::FUNCTIONS;
use std::time::Instant;

/// What follows the options in the help: paragraphs of one line each, which are wrapped to the terminal.
fn help() -> String {
    let functions: Vec<&str> = FUNCTIONS.iter().map(|row| row.name).collect();
    format!(
        "\
The density is p*(x) = e^-E(x) with --energy E, or p*(x) = e^L(x) with --log-density L; neither need be normalised, but \
its integral must be finite. Variables are real numbers, each from -∞ to ∞.

Expressions have numbers, + - * / ^, comparisons < <= > >= == !=, the constants pi and e, and the functions {}. -x^2 is \
-(x^2). where(c, a, b) computes both branches: keep the one that is not taken inside its domain. With --vars x[3], x is \
a vector: x[0] is its first number, sum(x^2) adds up all.

Writes the same files as `latents funnel`, by default into runs/expression or runs/<target>. The reverse KL of a density \
without a known normaliser Z is up to log Z; since it is at least 0, log Z has a lower bound.

Examples:
  latents match --energy '(x^2 - 1)^2 + y^2/2' --vars x,y
  latents match --log-density '-sum(x^2)/2' --vars 'x[5]'
  latents match --energy 'v^2/18 + x^2/(2*exp(v)) + v/2' --vars x,v
  latents match --target banana
  latents match --resume runs/expression",
        functions.join(" ")
    )
}

/// The options of `latents match`.
#[derive(Debug, clap::Args)]
#[command(after_help = help(), allow_negative_numbers = true)]
#[command(group(ArgGroup::new("density").args(["energy", "log_density", "target", "resume"]).required(true).multiple(true)))]
pub struct Args {
    /// The energy E of the density e^-E: MINUS its log density, low where the density is high.
    #[arg(long, value_name = "EXPR", requires = "vars", allow_hyphen_values = true, help_heading = "Density")]
    #[arg(conflicts_with_all = ["log_density", "target"])]
    pub energy: Option<String>,
    /// The log density itself, up to a constant: high where the density is high.
    #[arg(long, value_name = "EXPR", requires = "vars", allow_hyphen_values = true, help_heading = "Density")]
    #[arg(conflicts_with = "target")]
    pub log_density: Option<String>,
    /// The variables of the expression, in order: a,b or x[3].
    #[arg(long, value_name = "NAMES", help_heading = "Density")]
    pub vars: Option<String>,
    /// Where the pictures look: least and greatest of the first variable and of the second [default: -5,5,-5,5].
    #[arg(long, value_name = "X0,X1,Y0,Y1", value_parser = view, allow_hyphen_values = true, help_heading = "Density")]
    pub view: Option<[f64; 4]>,
    /// Those of every command that matches a density.
    #[command(flatten)]
    pub options: Options,
}

fn view(text: &str) -> Result<[f64; 4], String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x0, x1, y0, y1]) if x0 < x1 && y0 < y1 && [x0, x1, y0, y1].iter().all(|x| x.abs() <= 1e9) => {
            Ok([x0, x1, y0, y1])
        }
        _ => {
            Err("needs four numbers, as in -5,5,-5,5, the first below the second, the third below the fourth"
                .to_owned())
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    let given = [(&args.energy, Meaning::Energy), (&args.log_density, Meaning::LogDensity)];
    let written = given.into_iter().find_map(|(text, meaning)| {
        let (text, variables) = (text.clone()?, args.vars.clone()?);
        Some(Written { text, meaning, variables, view: args.view.unwrap_or([-5.0, 5.0, -5.0, 5.0]) })
    });
    if let (None, Some(_)) = (&written, args.view.map(|_| "--view").or(args.vars.as_ref().map(|_| "--vars"))) {
        let help = "give them with --energy or --log-density; a named target and a checkpoint have their own";
        return Err(Failure::usage("--vars and --view belong to an expression", help));
    }
    matching::run(&Job { command: "match", default: None, written, options: &args.options, started })
}
