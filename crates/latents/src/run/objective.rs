//! What training raises, as configured.

use crate::estimator::Sumo;
use crate::objective::{Bound, EncoderGradient, Estimation, Update};
use crate::optim::{Adam, Schedule};
use crate::run::ConfigError;
use serde::{Deserialize, Serialize};

/// Which bound of `log p(x)` training raises, and how the encoder learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// The bound, or SUMO.
    pub bound: BoundName,
    /// Importance samples for each row; with SUMO the number that is always drawn.
    pub samples: usize,
    /// How the bound is differentiated in the encoder; where not given, the best that the bound takes.
    pub gradient: Option<GradientName>,
}

impl Default for ObjectiveConfig {
    fn default() -> ObjectiveConfig {
        ObjectiveConfig { bound: BoundName::Iwae, samples: 8, gradient: None }
    }
}

/// The name of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundName {
    /// The evidence lower bound.
    Elbo,
    /// The importance-weighted bound.
    Iwae,
    /// SUMO.
    Sumo,
}

/// The name of a way to differentiate a bound in the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GradientName {
    /// As the bound stands.
    Plain,
    /// Sticking the landing.
    Stl,
    /// Doubly reparameterised.
    Dreg,
}

impl GradientName {
    fn gradient(self) -> EncoderGradient {
        match self {
            GradientName::Plain => EncoderGradient::Plain,
            GradientName::Stl => EncoderGradient::Stl,
            GradientName::Dreg => EncoderGradient::Dreg,
        }
    }
}

/// For how long and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Times that training goes through the rows, at most.
    pub epochs: u32,
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
    /// Epochs from validation to validation.
    pub validate_every: u32,
    /// Adam's ε.
    pub epsilon: f64,
}

impl Default for TrainingConfig {
    fn default() -> TrainingConfig {
        TrainingConfig {
            epochs: 200,
            batch: 128,
            rate: 1e-3,
            schedule: ScheduleName::Cosine,
            warmup: 0,
            clip: 10.0,
            patience: 20,
            validate_every: 1,
            epsilon: 1e-8,
        }
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
        let samples = self.samples;
        let (bound, best) = match self.bound {
            BoundName::Elbo => (Bound::Elbo { samples }, EncoderGradient::Stl),
            BoundName::Iwae => (Bound::Iwae { samples }, EncoderGradient::Dreg),
            BoundName::Sumo => {
                let sumo = Sumo { min_terms: u32::try_from(samples).unwrap_or(u32::MAX), ..Sumo::default() };
                (Bound::Sumo { sumo, proposal_samples: samples.max(2) }, EncoderGradient::Dreg)
            }
        };
        let clip = (training.clip > 0.0).then_some(training.clip);
        let adam = Adam { epsilon: training.epsilon, ..Adam::new(rate) };
        let estimation = Estimation {
            bound,
            encoder_gradient: self.gradient.map_or(best, GradientName::gradient),
            update: Update { adam, clip },
        };
        estimation.check()?;
        Ok(estimation)
    }
}
