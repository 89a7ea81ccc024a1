//! A file's rows on their way past a fitted model, chunk by chunk.

use crate::args::Manners;
use crate::failure::Failure;
use crate::inputs::{DataArgs, in_file, open_like};
use crate::interrupt;
use crate::progress::counted;
use indicatif::{ProgressBar, ProgressDrawTarget};
use latents::data::Table;
use latents::run::Fitted;
use pullback::Tensor;
use std::path::Path;

/// Importance samples worked on at a time.
pub const SAMPLES: usize = 8192;
/// Rows read at a time.
const ROWS: usize = 1024;

/// Some rows as the model sees them.
pub struct Chunk {
    /// How many rows came before them.
    pub first: u64,
    /// Their numbers in the file, from 1: those that were dropped for want of a value count too.
    pub numbers: Vec<u64>,
    /// The rows in the data's units.
    pub table: Table,
    /// What the model sees; `[n, d]`.
    pub x: Tensor,
    /// What each log density gains in the data's units.
    pub log_jacobian: Vec<f64>,
}

/// Hands out a file's rows until its end, and says how many there were.
///
/// # Errors
/// A file that cannot be read, has no rows or other columns than the model; the first failure of `take`; Ctrl-C.
pub fn each_chunk(
    fitted: &Fitted,
    data: &Path,
    read: &DataArgs,
    manners: &Manners,
    mut take: impl FnMut(Chunk) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    // On a terminal only: lines about chunks would say nothing.
    let target = if manners.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let told = ProgressBar::with_draw_target(None, target);
    let mut reader = open_like(data, fitted, read)?;
    let mut first = 0;
    let result = loop {
        if interrupt::asked() {
            break Err(Failure::Interrupted { saved: "interrupted; nothing was written".to_owned() });
        }
        let table = match reader.next(ROWS) {
            Ok(Some(table)) => table,
            Ok(None) => break Ok(()),
            Err(e) => break Err(e.into()),
        };
        told.set_message(counted(first, "row"));
        told.tick();
        let n = table.rows() as u64;
        let numbers = reader.numbers().to_vec();
        let done = fitted
            .view(&table, first)
            .map_err(|e| in_file(e.renumbered(|i| numbers[i - first as usize]), data))
            .and_then(|(x, log_jacobian)| take(Chunk { first, numbers, table, x, log_jacobian }));
        if done.is_err() {
            break done;
        }
        first += n;
    };
    told.finish_and_clear();
    result?;
    if reader.dropped() > 0 {
        let (rows, were) = (counted(reader.dropped(), "row"), if reader.dropped() == 1 { "was" } else { "were" });
        manners.say(format!("{rows} {were} dropped for want of a value"));
    }
    if first == 0 {
        let what = format!("{} has no rows", data.display());
        return Err(Failure::usage(what, "pass rows with the columns that the model was fitted to"));
    }
    Ok(first)
}

/// A figure with its error, which one row alone leaves open.
pub fn with_error(mean: f64, se: f64) -> String {
    if se.is_finite() { format!("{mean:.4} ± {se:.4}") } else { format!("{mean:.4} ± ?") }
}

/// A Pareto shape, where there is one; beyond any use a bound of it will do.
pub fn shape(k: Option<f64>) -> String {
    k.map_or_else(|| "-".to_owned(), |k| if k > 100.0 { "> 100".to_owned() } else { format!("{k:.2}") })
}

/// A number, or nothing, as JSON and tables have it.
pub fn known(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
