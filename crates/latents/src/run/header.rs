//! What the file of a run says besides its tensors.

use crate::data::{Binariser, Column, Preprocess};
use crate::run::FitConfig;
use crate::train::{Checkpoint, CheckpointError, Fault};
use serde::{Deserialize, Serialize};

/// What a checkpoint of a fit is of.
pub const KIND: &str = "latents fit";

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the file of a run says besides its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the program that wrote it.
    pub written_by: String,
    /// The configuration.
    pub config: FitConfig,
    /// The columns that the model is of.
    pub columns: Vec<Column>,
    /// What the model sees of them.
    pub preprocess: Preprocess,
    /// How its pixels become 0 and 1.
    pub binariser: Binariser,
    /// What it was fitted to.
    pub source: Source,
    /// Training steps in an epoch.
    pub steps_per_epoch: u32,
    /// Why training ended; none while it goes on.
    pub ended: Option<Ending>,
    /// The figures of the test rows, once they are known.
    pub figures: Option<Figures>,
}

/// What a model was fitted to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Where it was read from; empty for a table in memory.
    pub path: String,
    /// Of its values and columns.
    pub hash: String,
    /// How many rows it has.
    pub rows: usize,
}

/// Why training ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// In words.
    pub why: String,
    /// Whether it broke down, and the last good state was kept.
    pub broken: bool,
    /// The step whose weights are the model's.
    pub best_step: u32,
}

/// A figure of some rows: nats per row in the data's own units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The model, or the baseline.
    pub name: String,
    /// The mean of `log p(x)`; NaN where it is no finite number.
    #[serde(deserialize_with = "or_nan")]
    pub log_density: f64,
    /// Its standard error over the rows; NaN where one row leaves it open.
    #[serde(deserialize_with = "or_nan")]
    pub standard_error: f64,
}

/// JSON has no NaN: it is written as null.
fn or_nan<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

/// What the test rows say of the model, beside baselines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// How many rows.
    pub rows: usize,
    /// The estimator of `log p(x)`, with its samples.
    pub estimator: String,
    /// What it is to `log p(x)`.
    pub kind: String,
    /// Importance samples for each row.
    pub samples: usize,
    /// The model's.
    pub model: Figure,
    /// The same rows by models without latent variables.
    pub baselines: Vec<Figure>,
    /// Why there is no figure of a baseline, one line each.
    #[serde(default)]
    pub missing: Vec<String>,
}

impl Header {
    /// The header of a checkpoint.
    ///
    /// # Errors
    /// [`Fault::Kind`] and [`Fault::Config`] for a file of another program or a configuration that does not fit.
    pub fn of(checkpoint: &Checkpoint) -> Result<Header, CheckpointError> {
        checkpoint.expect_kind(KIND)?;
        Header::deserialize(checkpoint.config()).map_err(|e| checkpoint.error(Fault::Config(e.to_string())))
    }

    /// An empty checkpoint with this header.
    ///
    /// # Errors
    /// [`Fault::Config`].
    pub fn checkpoint(&self) -> Result<Checkpoint, CheckpointError> {
        let none = Checkpoint::new(KIND, serde_json::Value::Null);
        let config = serde_json::to_value(self).map_err(|e| none.error(Fault::Config(e.to_string())))?;
        Ok(Checkpoint::new(KIND, config))
    }
}

#[cfg(test)]
mod tests {
    use super::Figure;

    #[test]
    fn the_error_of_one_row_comes_back_as_unknown() {
        let one = Figure { name: "model".to_owned(), log_density: -1.5, standard_error: f64::NAN };
        let json = serde_json::to_string(&one).expect("json");
        let back: Figure = serde_json::from_str(&json).expect("a figure");
        assert!(back.log_density == -1.5 && back.standard_error.is_nan());
    }
}
