//! Fitting a model to a table of data, from a configuration to a folder that holds everything.
//!
//! [`fit`] is all of it in one call; [`Fitting`] is the same step by step, with checkpoints; [`Fitted`] scores, samples
//! and encodes in the data's columns and units.

mod config;
mod error;
mod fitted;
mod fitting;
mod folder;
mod header;
mod objective;
mod overrides;
mod pictures;
mod prepared;
mod report;

pub use config::{DataConfig, EvaluationConfig, FitConfig};
pub use error::{ConfigError, FitError};
pub use fitted::{Fitted, Scores};
pub use fitting::{Fitting, Run, Trained, checkpoint};
pub use folder::Folder;
pub use header::{Ending, Figure, Figures, Header, Source, VERSION};
pub use objective::{ObjectiveConfig, STAGES_EPOCHS, ScheduleName, TrainingConfig};
pub use overrides::{SHORT_KEYS, nearest};
pub use pictures::Drawn;
pub use prepared::Prepared;
pub use report::{curves, metrics_csv, report};

use crate::data::Table;

/// Fits a model to a table: splits its rows, trains with early stopping, and judges the best model on the test rows.
///
/// ```
/// use latents::data::{ReadOptions, read_bytes};
/// use latents::run::FitConfig;
///
/// let text: String = (0..300).map(|i| format!("{},{}\n", (i % 17) as f64 * 0.1, (i % 5) as f64)).collect();
/// let table = read_bytes("rows.csv", text.into_bytes(), &ReadOptions::default())?;
/// let config = FitConfig::resolve("", &["latent=2", "hidden=16", "epochs=3", "evaluation.estimator=iwae:50"])?;
///
/// let fitted = latents::fit(&table, &config)?;
/// let scores = fitted.score(&table)?;
/// println!("{:.2} ± {:.2} nats per row", scores.evidence.mean, scores.evidence.standard_error);
/// let drawn = fitted.sample(5, 1)?;
/// assert_eq!((scores.rows.len(), drawn.rows(), drawn.width()), (300, 5, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What is wrong with the configuration or the data; a number that is none, met in training.
pub fn fit(table: &Table, config: &FitConfig) -> Result<Fitted, FitError> {
    let mut fitting = Fitting::new(table, config)?;
    fitting.train(&mut |_, _, _| true)?;
    fitting.judge()
}
