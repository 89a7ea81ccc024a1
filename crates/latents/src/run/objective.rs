//! What training raises and how it goes on, as configured.

use crate::objective::{Bound, EncoderGradient, Estimation, Update};
use crate::optim::{Adam, Schedule};
use crate::run::ConfigError;
use serde::{Deserialize, Serialize};

/// Which bound of `log p(x)` training raises, and how the encoder learns. Bounds are spelled as [`Bound`] says:
/// `"iwae:8"`, `"elbo-analytic:1"`, `"miwae:8:8"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// What the model's parameters raise.
    #[serde(with = "spelled")]
    pub bound: Bound,
    /// What the encoder's parameters raise; where not given the same, or `iwae:8` beside SUMO.
    #[serde(with = "spelled::option", skip_serializing_if = "Option::is_none")]
    pub encoder: Option<Bound>,
    /// How that is differentiated in the encoder; where not given, the best that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient: Option<EncoderGradient>,
}

impl Default for ObjectiveConfig {
    fn default() -> ObjectiveConfig {
        ObjectiveConfig { bound: Bound::Iwae { samples: 8 }, encoder: None, gradient: None }
    }
}

/// Bounds as the texts that spell them.
mod spelled {
    use crate::objective::Bound;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bound: &Bound, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(bound)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bound, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }

    pub mod option {
        use super::*;

        pub fn serialize<S: Serializer>(bound: &Option<Bound>, serializer: S) -> Result<S::Ok, S::Error> {
            match bound {
                Some(bound) => super::serialize(bound, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bound>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}

/// For how long and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Times that training goes through the rows, at most; where not given, as many as make 10,000 steps, at least 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Rows in a step.
    pub batch: usize,
    /// The greatest learning rate.
    pub rate: f64,
    /// How the learning rate goes on.
    pub schedule: ScheduleName,
    /// Steps over which the rate rises first.
    pub warmup: u32,
    /// The greatest norm of a gradient; 0 for no limit.
    pub clip: f64,
    /// Validations without a better one after which training stops; 0 for never.
    pub patience: usize,
    /// Epochs from validation to validation; where not given, as many as make 50 steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_every: Option<u32>,
    /// Adam's ε.
    pub epsilon: f64,
}

impl Default for TrainingConfig {
    fn default() -> TrainingConfig {
        TrainingConfig {
            epochs: None,
            batch: 128,
            rate: 1e-3,
            schedule: ScheduleName::Cosine,
            warmup: 0,
            clip: 10.0,
            patience: 20,
            validate_every: None,
            epsilon: 1e-8,
        }
    }
}

impl TrainingConfig {
    /// How often training goes through the rows, where that takes so many steps each time.
    pub fn epochs(&self, batches: u32) -> u32 {
        self.epochs.unwrap_or_else(|| 10_000u32.div_ceil(batches.max(1)).max(50))
    }

    /// Epochs from validation to validation.
    pub fn validate_every(&self, batches: u32) -> u32 {
        self.validate_every.unwrap_or_else(|| 50u32.div_ceil(batches.max(1))).max(1)
    }
}

/// How the learning rate goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleName {
    /// It falls to 0 along half a cosine.
    Cosine,
    /// It stays.
    Constant,
    /// The eight stages of Burda et al. (2016), over the epochs that there are instead of their 3280.
    Stages,
}

/// Epochs of the schedule of Burda et al. (2016), `1 + 3 + … + 3^7`.
pub const STAGES_EPOCHS: u32 = 3280;

impl ObjectiveConfig {
    /// The objective with its optimiser, for a run of so many steps.
    ///
    /// # Errors
    /// [`ConfigError`] for numbers out of range, or a gradient that is not the bound's.
    pub fn estimation(&self, training: &TrainingConfig, steps: u32) -> Result<Estimation, ConfigError> {
        for (key, bound) in [("objective.bound", Some(self.bound)), ("objective.encoder", self.encoder)] {
            if let Some(bound) = bound {
                bound.check().map_err(|cause| ConfigError::Bound { key, bound, cause })?;
            }
        }
        let schedule = match training.schedule {
            ScheduleName::Constant => Schedule::Constant(training.rate),
            ScheduleName::Cosine => Schedule::Cosine { peak: training.rate, steps },
            ScheduleName::Stages => {
                Schedule::Stages { base: 0.1 * training.rate, epoch: (steps / STAGES_EPOCHS).max(1) }
            }
        };
        let rate = match training.warmup {
            0 => schedule,
            steps => Schedule::WarmUp { steps, then: Box::new(schedule) },
        };
        let encoder = match self.bound {
            // Its expectation does not depend on the encoder, which needs a bound of its own.
            Bound::Sumo(_) => Some(self.encoder.unwrap_or(Bound::Iwae { samples: 8 })),
            _ => self.encoder,
        };
        let best = match encoder.unwrap_or(self.bound) {
            Bound::Elbo { .. } => EncoderGradient::Stl,
            Bound::AnalyticElbo { .. } | Bound::Sumo(_) => EncoderGradient::Plain,
            Bound::Iwae { .. } | Bound::Miwae { .. } | Bound::Ciwae { .. } => EncoderGradient::Dreg,
        };
        let clip = (training.clip > 0.0).then_some(training.clip);
        let adam = Adam { epsilon: training.epsilon, ..Adam::new(rate) };
        let estimation = Estimation {
            bound: self.bound,
            proposal: encoder,
            encoder_gradient: self.gradient.unwrap_or(best),
            update: Update { adam, clip },
        };
        estimation.check()?;
        Ok(estimation)
    }
}
