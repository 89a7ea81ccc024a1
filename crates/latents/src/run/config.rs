//! The configuration of a fit: what a file and `key=value` overrides say, with defaults for the rest.

use crate::data::{Binarise, ReadOptions, Step};
use crate::evaluation::EstimatorSpec;
use crate::model::{Likelihood, ModelConfig};
use crate::objective::LARGEST_ARRAY;
use crate::run::{ConfigError, ObjectiveConfig, TrainingConfig};
use serde::{Deserialize, Serialize};

/// All that decides the course of a fit. In TOML:
///
/// ```
/// use latents::run::FitConfig;
/// let config = FitConfig::from_toml(r#"
/// seed = 3
/// [model]
/// latent = [2]
/// hidden = [64]
/// likelihood = "bernoulli"
/// [objective]
/// bound = "iwae:5"
/// [training]
/// epochs = 20
/// "#)?;
/// assert_eq!((config.seed, config.training.epochs), (3, Some(20)));
/// let wrong = FitConfig::from_toml("[model]\nlatnt = [2]");
/// assert!(wrong.unwrap_err().to_string().contains("did you mean `latent`"));
/// # Ok::<(), latents::run::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// Of all random numbers.
    pub seed: u64,
    /// Which data, and what is done to them first.
    pub data: DataConfig,
    /// The model.
    pub model: ModelConfig,
    /// What training raises.
    pub objective: ObjectiveConfig,
    /// For how long and how fast.
    pub training: TrainingConfig,
    /// How the fitted model is judged.
    pub evaluation: EvaluationConfig,
}

/// Which rows a fit sees, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// How the file is read: `columns`, `without`, `categorical`, `header`, `missing`, `points`.
    pub read: ReadOptions,
    /// What is done to the values, in order; where not given, what the likelihood wants.
    pub preprocess: Option<Vec<Step>>,
    /// How pixels become 0 and 1.
    pub binarise: Binarise,
    /// The part of the rows that decides when to stop.
    pub validation: f64,
    /// The part of the rows that the reported figure is of.
    pub test: f64,
}

impl Default for DataConfig {
    fn default() -> DataConfig {
        DataConfig {
            read: ReadOptions::default(),
            preprocess: None,
            binarise: Binarise::default(),
            validation: 0.1,
            test: 0.1,
        }
    }
}

/// Most importance samples for a validation row.
const MOST_SAMPLES: usize = 1_000_000;

/// The widest layer.
const WIDEST: usize = 65_536;

impl FitConfig {
    /// Whether its numbers are in range and its parts fit together, as far as that does not depend on the data.
    ///
    /// # Errors
    /// [`ConfigError`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let TrainingConfig { epochs, batch, rate, clip, epsilon, .. } = self.training;
        let ranges = [
            ("training.epochs", epochs.unwrap_or(1).to_string(), epochs != Some(0), "at least 1"),
            ("training.batch", batch.to_string(), batch > 0, "at least 1"),
            ("training.rate", rate.to_string(), rate.is_finite() && rate > 0.0, "finite and above 0"),
            ("training.clip", clip.to_string(), clip.is_finite() && clip >= 0.0, "finite, and 0 (no limit) or more"),
            ("training.epsilon", epsilon.to_string(), epsilon.is_finite() && epsilon > 0.0, "finite and above 0"),
            (
                "evaluation.validation_samples",
                self.evaluation.validation_samples.to_string(),
                (1..=MOST_SAMPLES).contains(&self.evaluation.validation_samples),
                "from 1 to 1,000,000",
            ),
        ];
        if let Some((key, value, _, range)) = ranges.into_iter().find(|(_, _, holds, _)| !holds) {
            return Err(ConfigError::Range { key, value, range });
        }
        let model = &self.model;
        let widths = model.latent.iter().chain(&model.hidden).chain(model.between.iter().flatten());
        if let Some(width) = widths.clone().find(|&&n| n > WIDEST) {
            let (key, value) = ("model.hidden and model.latent", width.to_string());
            return Err(ConfigError::Range { key, value, range: "sizes of at most 65,536" });
        }
        self.evaluation.spec()?;
        let estimation = self.objective.estimation(&self.training, 1)?;
        // An allocation that fails ends the process: sizes beyond every use are refused before.
        let samples = estimation.bound.samples().unwrap_or(1) as u64;
        let widest = widths.copied().max().unwrap_or(1) as u64;
        let bytes = (batch as u64).saturating_mul(samples).saturating_mul(widest).saturating_mul(4);
        if bytes > LARGEST_ARRAY {
            let value = format!("{batch} with {samples} samples and layers of {widest}");
            let range = "smaller: an array of a step is at most 8 GiB";
            return Err(ConfigError::Range { key: "training.batch", value, range });
        }
        Ok(())
    }

    /// What is done to the values before the model sees them: as configured, else standardised for a likelihood of
    /// real numbers and nothing for one of counts, categories or bits.
    pub fn steps(&self) -> Vec<Step> {
        let real = match &self.model.likelihood {
            Likelihood::Mixed { .. } => true,
            one => one.is_continuous(),
        };
        self.data.preprocess.clone().unwrap_or_else(|| if real { vec![Step::Standardise] } else { Vec::new() })
    }
}

/// How the fitted model is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// The estimator of the test figure, as an [`EstimatorSpec`] is written.
    pub estimator: String,
    /// Importance samples for each validation row.
    pub validation_samples: usize,
}

impl Default for EvaluationConfig {
    fn default() -> EvaluationConfig {
        EvaluationConfig { estimator: "iwae:1000".to_owned(), validation_samples: 32 }
    }
}

impl EvaluationConfig {
    /// The estimator of the test figure.
    ///
    /// # Errors
    /// [`ConfigError::Estimator`].
    pub fn spec(&self) -> Result<EstimatorSpec, ConfigError> {
        Ok(self.estimator.parse()?)
    }
}
