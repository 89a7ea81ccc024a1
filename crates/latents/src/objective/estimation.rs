//! Density estimation: the forward KL from data.

use crate::dist::Distribution;
use crate::estimator::{Sumo, dreg, dreg_encoder, elbo, iwae, stl};
use crate::model::LatentModel;
use crate::objective::{ConfigError, Update};
use crate::optim::{AdamState, held};
use pullback::{Key, Tensor, Tree, value_and_grad, vmap};

/// What stands for `log p(x)` of an example, which training raises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The ELBO by so many samples.
    Elbo {
        /// `k`.
        samples: usize,
    },
    /// The importance-weighted bound of so many samples.
    Iwae {
        /// `k`.
        samples: usize,
    },
    /// SUMO. Its expectation does not depend on the proposal, whose gradient is noise alone: the proposal is trained
    /// by the importance-weighted bound of so many samples along DReG.
    Sumo {
        /// The estimator.
        sumo: Sumo,
        /// `k` of the proposal's bound.
        proposal_samples: usize,
    },
}

/// How the bound is differentiated in the proposal's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncoderGradient {
    /// As it stands.
    #[default]
    Plain,
    /// Sticking the landing, for the ELBO only: it is biased for more than one weighted sample.
    Stl,
    /// Doubly reparameterised, for the importance-weighted bound.
    Dreg,
}

/// Fits a model to rows of data by raising a bound of `log p(x)`, or SUMO.
///
/// ```
/// use latents::model::Vae;
/// use latents::objective::{Bound, EncoderGradient, Estimation, Update};
/// use latents::optim::{Adam, Schedule};
/// use pullback::{DType, Key, Tensor};
/// let fit = Estimation {
///     bound: Bound::Iwae { samples: 5 },
///     encoder_gradient: EncoderGradient::Dreg,
///     update: Update { adam: Adam::new(Schedule::Constant(1e-3)), clip: None },
/// };
/// fit.check()?;
/// let state = fit.init(Vae::new(Key::new(0), 2, 3, &[8], DType::F32));
/// let rows = Tensor::from([[0.0f32, 1.0], [1.0, 0.5], [0.3, 0.3]]);
/// let (state, metrics) = fit.step(&state, Key::new(1), &rows);
/// assert_eq!(state.adam.step.item::<i32>()?, 1);
/// assert!(metrics.log_evidence.item::<f32>()?.is_finite());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Estimation {
    /// What is raised.
    pub bound: Bound,
    /// How it is differentiated in the proposal.
    pub encoder_gradient: EncoderGradient,
    /// How the model moves.
    pub update: Update,
}

/// What a step reports; scalars.
#[derive(Clone, Debug, Tree)]
pub struct EstimationMetrics {
    /// The mean over the rows of the bound, or of SUMO.
    pub log_evidence: Tensor,
    /// The norm of the gradient, before clipping; where it is not finite the update was left out.
    pub norm: Tensor,
}

/// A model and its optimiser's memory.
#[derive(Clone, Debug, Tree)]
pub struct EstimationState<M> {
    /// What is trained.
    pub model: M,
    /// The optimiser's memory.
    pub adam: AdamState<M>,
}

impl Estimation {
    /// Whether the configuration can be trained.
    ///
    /// # Errors
    /// [`ConfigError`] with the first field that is out of range, or [`ConfigError::EncoderGradient`] for a gradient
    /// that is not the bound's.
    pub fn check(&self) -> Result<(), ConfigError> {
        let samples = match self.bound {
            Bound::Elbo { samples } | Bound::Iwae { samples } => samples,
            Bound::Sumo { proposal_samples, sumo } => {
                sumo.check()?;
                proposal_samples
            }
        };
        if samples == 0 {
            return Err(ConfigError::Zero { name: "samples" });
        }
        let fits = match self.encoder_gradient {
            EncoderGradient::Plain => !matches!(self.bound, Bound::Sumo { .. }),
            EncoderGradient::Stl => matches!(self.bound, Bound::Elbo { .. }),
            EncoderGradient::Dreg => !matches!(self.bound, Bound::Elbo { .. }),
        };
        if !fits {
            return Err(ConfigError::EncoderGradient);
        }
        self.update.check()
    }

    /// The state of a model before the first step.
    #[track_caller]
    pub fn init<M: LatentModel>(&self, model: M) -> EstimationState<M> {
        EstimationState { adam: self.update.adam.init(&model), model }
    }

    /// One update by some rows.
    ///
    /// # Shapes
    /// `rows: [n, d]`; `n` may be symbolic.
    #[track_caller]
    pub fn step<M: LatentModel + Clone>(
        &self,
        state: &EstimationState<M>,
        key: Key,
        rows: &Tensor,
    ) -> (EstimationState<M>, EstimationMetrics) {
        let (log_evidence, gradient) = self.gradient(&state.model, key, rows);
        let (model, adam, norm) = self.update.apply(&state.model, &state.adam, &gradient);
        (EstimationState { model, adam }, EstimationMetrics { log_evidence, norm })
    }

    /// The mean over the rows of the bound, or of SUMO, and the gradient that an update descends.
    ///
    /// # Shapes
    /// `rows: [n, d]`; `n` may be symbolic.
    #[track_caller]
    pub fn gradient<M: LatentModel + Clone>(&self, model: &M, key: Key, rows: &Tensor) -> (Tensor, M) {
        let words = key.split_like(rows).into_tensor();
        let loss = |model: M| {
            let one = |words: Tensor, x: Tensor| self.example(Key::from_tensor(words), &x, &model);
            let (value, slope) = vmap(one).call((words.clone(), rows.clone()));
            (-slope.mean(), value.mean())
        };
        let ((_, log_evidence), gradient) = value_and_grad(loss).call(model.clone());
        (log_evidence, gradient)
    }

    /// One example's figure, and what is raised.
    fn example<M: LatentModel>(&self, key: Key, x: &Tensor, model: &M) -> (Tensor, Tensor) {
        let raised = match (self.bound, self.encoder_gradient) {
            // The mean of single-sample bounds, each along its path.
            (Bound::Elbo { samples }, EncoderGradient::Stl) => {
                vmap(|key: Key| stl(key.split_n(1), x, model)).call(key.split_n(samples)).mean()
            }
            (Bound::Elbo { samples }, _) => elbo(key.split_n(samples), x, model),
            (Bound::Iwae { samples }, EncoderGradient::Dreg) => dreg(key.split_n(samples), x, model),
            (Bound::Iwae { samples }, _) => iwae(key.split_n(samples), x, model),
            (Bound::Sumo { sumo, proposal_samples }, _) => {
                let (stop, samples, proposal) = key.split3();
                let count = sumo.count(stop);
                let q = held(&model.proposal(x));
                let one = |key: Key| {
                    let z = q.sample(key);
                    model.log_joint(x, &z) - q.log_prob(&z)
                };
                let value = sumo.of(&vmap(one).call(samples.split_rows(&count)), &count);
                let slope = &value + dreg_encoder(proposal.split_n(proposal_samples), x, model);
                return (value, slope);
            }
        };
        (raised.clone(), raised)
    }
}
