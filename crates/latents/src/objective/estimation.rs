//! Density estimation: the forward KL from data.

use crate::dist::Distribution;
use crate::estimator::{analytic_elbo_by, log_weights};
use crate::model::LatentModel;
use crate::objective::{Bound, EncoderGradient, EstimationError, Update};
use crate::optim::{AdamState, held};
use pullback::{Key, Tensor, Tree, value_and_grad, vmap};

/// Fits a model to rows of data by raising a bound of `log p(x)`, or SUMO.
///
/// The model's parameters and the proposal's may raise different bounds: `θ` by IWAE of `M·K` samples and `φ` by MIWAE
/// of `M` groups of `K` is PIWAE (Rainforth et al. 2018, section 5).
///
/// ```
/// use latents::model::Vae;
/// use latents::objective::{Bound, EncoderGradient, Estimation, Update};
/// use latents::optim::{Adam, Schedule};
/// use pullback::{DType, Key, Tensor};
/// let fit = Estimation {
///     bound: Bound::Iwae { samples: 6 },
///     proposal: Some(Bound::Miwae { groups: 3, samples: 2 }),
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
    /// What the model's parameters raise.
    pub bound: Bound,
    /// What the proposal's parameters raise; `None` for the same.
    pub proposal: Option<Bound>,
    /// How that is differentiated in the proposal.
    pub encoder_gradient: EncoderGradient,
    /// How both move.
    pub update: Update,
}

/// What a step reports; scalars.
#[derive(Clone, Debug, Tree)]
pub struct EstimationMetrics {
    /// The mean over the rows of the bound that the model raises, or of SUMO.
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
    /// What the proposal's parameters raise.
    pub fn proposal_bound(&self) -> Bound {
        self.proposal.unwrap_or(self.bound)
    }

    /// Whether the configuration can be trained.
    ///
    /// # Errors
    /// [`EstimationError`] with the first thing that is wrong; a gradient that is not the bound's says why.
    pub fn check(&self) -> Result<(), EstimationError> {
        self.bound.check()?;
        self.proposal_bound().check()?;
        self.encoder_gradient.check(&self.proposal_bound())?;
        Ok(self.update.check()?)
    }

    /// Whether that model can be trained so.
    ///
    /// # Errors
    /// As [`Estimation::check`], and [`EstimationError::NoClosedForm`] for an analytic ELBO that the model does not have.
    pub fn check_model<M: LatentModel>(&self, model: &M) -> Result<(), EstimationError> {
        let analytic = |bound: Bound| matches!(bound, Bound::AnalyticElbo { .. });
        if analytic(self.bound) || analytic(self.proposal_bound()) {
            model.closed_form()?;
        }
        self.check()
    }

    /// The state of a model before the first step.
    #[track_caller]
    pub fn init<M: LatentModel>(&self, model: M) -> EstimationState<M> {
        EstimationState { adam: self.update.adam.init(&model), model }
    }

    /// One update by some rows.
    ///
    /// Of a model that [`Estimation::check_model`] refuses for its divergence the figures are not numbers, and nothing
    /// moves.
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

    /// One example's figure, and what is raised: its gradient is that of the model's bound in the model, and of the
    /// proposal's bound in the proposal.
    ///
    /// # Shapes
    /// `x: [d]`; results `[]`.
    #[track_caller]
    pub fn example<M: LatentModel>(&self, key: Key, x: &Tensor, model: &M) -> (Tensor, Tensor) {
        let of_proposal = self.proposal_bound();
        if of_proposal == self.bound && self.encoder_gradient == EncoderGradient::Plain {
            let value = plain(&self.bound, key, x, model);
            return (value.clone(), value);
        }
        let q = model.proposal(x);
        let (model_alone, q_alone) = (Side { model, q: &held(&q) }, Side { model: &held(model), q: &q });
        let draws = |key: Key, n: usize| vmap(|key: Key| q.sample(key)).call(key.split_n(n));
        let samples = of_proposal.samples().unwrap_or(1);
        let (value, z) = match self.bound {
            Bound::Sumo(sumo) => {
                let (stop, each, rest) = key.split3();
                let count = sumo.count(stop);
                let log_w = vmap(|key: Key| model_alone.log_weight(x, &model_alone.q.sample(key)));
                (sumo.of(&log_w.call(each.split_rows(&count)), &count), draws(rest, samples))
            }
            // As many samples for both: the same ones.
            bound if bound.samples() == Some(samples) => {
                let z = draws(key, samples);
                (model_alone.bound(&bound, x, &z.stop_gradient()), z)
            }
            bound => {
                let (here, rest) = key.split();
                let z = draws(here, bound.samples().unwrap_or(1)).stop_gradient();
                (model_alone.bound(&bound, x, &z), draws(rest, samples))
            }
        };
        let slope = match self.encoder_gradient {
            EncoderGradient::Plain => q_alone.bound(&of_proposal, x, &z),
            EncoderGradient::Stl | EncoderGradient::Dreg => {
                let along_path = Side { model: q_alone.model, q: model_alone.q };
                let log_w = along_path.log_weights(x, &z);
                (of_proposal.path_shares(&log_w.stop_gradient()) * log_w).sum()
            }
        };
        let slope = &value + slope;
        (value, slope)
    }
}

/// A bound that model and proposal raise together, as it stands.
#[track_caller]
fn plain<M: LatentModel>(bound: &Bound, key: Key, x: &Tensor, model: &M) -> Tensor {
    let keys = key.split_n(bound.samples().unwrap_or(1));
    match (bound, model.closed_form()) {
        (Bound::AnalyticElbo { .. }, Ok(parts)) => analytic_elbo_by(parts, keys, x, model),
        // Of a model that has none no number is the value, nor the gradient: no update follows from it.
        (Bound::AnalyticElbo { .. }, Err(_)) => bound.of(&log_weights(keys, x, model)) * f64::NAN,
        _ => bound.of(&log_weights(keys, x, model)),
    }
}

/// A model and a proposal, of which one may be held constant.
struct Side<'a, M: LatentModel> {
    model: &'a M,
    q: &'a M::Proposal,
}

impl<M: LatentModel> Side<'_, M> {
    /// `log p(x, z) - log q(z|x)`.
    #[track_caller]
    fn log_weight(&self, x: &Tensor, z: &Tensor) -> Tensor {
        self.model.log_joint(x, z) - self.q.log_prob(z)
    }

    /// Of many `z`.
    ///
    /// # Shapes
    /// `z: [k, latent]`, result `[k]`.
    #[track_caller]
    fn log_weights(&self, x: &Tensor, z: &Tensor) -> Tensor {
        vmap(|z: Tensor| self.log_weight(x, &z)).call(z.clone())
    }

    /// A bound by given samples.
    ///
    /// # Shapes
    /// `z: [k, latent]`, result `[]`.
    #[track_caller]
    fn bound(&self, bound: &Bound, x: &Tensor, z: &Tensor) -> Tensor {
        let Bound::AnalyticElbo { .. } = bound else { return bound.of(&self.log_weights(x, z)) };
        let Ok(parts) = self.model.closed_form() else { return bound.of(&self.log_weights(x, z)) * f64::NAN };
        vmap(|z: Tensor| parts.log_conditional(x, &z)).call(z.clone()).mean() - parts.divergence(self.q)
    }
}
