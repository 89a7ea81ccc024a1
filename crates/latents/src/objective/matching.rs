//! Density matching: the reverse KL to a log density.

use crate::dist::{Distribution, Target};
use crate::estimator::{Sumo, dreg_encoder, effective_sample_size, iwae_of, log_weights, upper_bound_of};
use crate::model::{Conditional, LatentModel, Vae};
use crate::nn::GaussianNet;
use crate::objective::{ConfigError, Update, Warning};
use crate::optim::{AdamState, held};
use pullback::{DType, Key, Keys, Tensor, Tree, grad, map_leaves, value_and_grad, vmap};
use std::sync::Arc;

/// What stands for `log p(x)` in the decoder's loss, which minimises it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DecoderLoss {
    /// The upper bound by the ancestral `z` and so many samples of the proposal.
    Upper {
        /// `k` of `U_{k+1}`.
        samples: usize,
    },
    /// SUMO; each example draws its own number of samples.
    Sumo(Sumo),
    /// The importance-weighted bound: a lower bound, which it is a mistake to minimise.
    Iwae {
        /// `k` of `L_k`.
        samples: usize,
    },
}

/// What trains the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncoderLoss {
    /// Raises `L_k` along the doubly reparameterised gradient (Tucker et al. 2019).
    Dreg,
    /// Lowers the upper bound, which no encoder takes below `log p(x)`.
    UpperBound,
    /// Lowers `SUMO²`, SUMO's variance up to what the encoder cannot change (Luo et al. 2020, section 3.3).
    SumoSquared,
    /// Raises `log q(z|x)` of the ancestral `z`: the forward KL from the posterior.
    MaximumLikelihood,
}

/// Fits a model to an unnormalised log density by the reverse KL, `E_{x~p}[log p(x) - log p*(x)]`.
///
/// One example's loss: draw `z ~ p(z)`, `x ~ p(x|z)` (reparameterised in the decoder), and an estimate of `log p(x)`
/// by samples of `q(z|x)`; the loss is `estimate - log p*(x) + gap_penalty · (U - L)`. With
/// [`Matching::path_gradient`] the decoder's parameters inside the densities are held constant and its gradient runs
/// through `x` alone: what is left out, `E_{x~p} ∇ log p(x)` at fixed `x`, is zero in expectation and nothing but
/// noise (sticking the landing, for the model). For an exact `log p` and a model equal to its target every gradient
/// is then exactly zero.
///
/// ```
/// use latents::dist::target;
/// use latents::objective::Matching;
/// use pullback::{Key, jit};
/// let funnel = target("funnel").ok_or("no such target")?;
/// let matching = Matching { hidden: vec![8], batch_size: 4, ..Matching::sumo(funnel, 100) };
/// matching.check()?;
/// let mut state = matching.init(Key::new(0));
/// let step = jit(|state, key: Key| matching.step(&state, key));
/// for i in 0..3 {
///     let (next, metrics) = step.call((state, Key::new(1).fold_in(i)))?;
///     assert!(metrics.loss.item::<f32>()?.is_finite());
///     state = next;
/// }
/// assert_eq!(step.compiles(), 1, "whatever numbers of samples were drawn");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Matching {
    /// `log p*`.
    pub target: Arc<dyn Target>,
    /// How many numbers `z` is.
    pub latent_dim: usize,
    /// The hidden layers of both networks.
    pub hidden: Vec<usize>,
    /// Examples in a step.
    pub batch_size: usize,
    /// Of the parameters and of all arithmetic.
    pub dtype: DType,
    /// What the decoder minimises.
    pub decoder_loss: DecoderLoss,
    /// What the encoder minimises.
    pub encoder_loss: EncoderLoss,
    /// Whether the decoder's gradient runs through `x` alone.
    pub path_gradient: bool,
    /// The weight of the sandwich's gap in the decoder's loss.
    pub gap_penalty: f64,
    /// Whether both networks learn from the same samples; else the encoder draws its own, after the decoder's update.
    pub joint: bool,
    /// How the decoder moves.
    pub decoder_update: Update,
    /// How the encoder moves.
    pub encoder_update: Update,
}

/// What a step reports: means over the batch, scalars of the model's type.
#[derive(Clone, Debug, Tree)]
pub struct Metrics {
    /// The decoder's loss: the estimate of the reverse KL (up to the target's normaliser), with the penalty.
    pub loss: Tensor,
    /// The training estimator of `log p(x)`.
    pub log_evidence: Tensor,
    /// `U - L` by the step's own samples.
    pub gap: Tensor,
    /// The effective sample size as a part of the samples.
    pub ess: Tensor,
    /// Samples of the proposal drawn for an example.
    pub samples: Tensor,
    /// The norm of the decoder's gradient, before clipping; where it is not finite the update was left out.
    pub decoder_norm: Tensor,
    /// The norm of the encoder's gradient.
    pub encoder_norm: Tensor,
}

/// One example's part of the loss and of what is reported.
#[derive(Tree)]
struct Terms {
    loss: Tensor,
    log_evidence: Tensor,
    gap: Tensor,
    ess: Tensor,
    samples: Tensor,
}

/// A model and its optimisers' memory.
#[derive(Clone, Debug, Tree)]
pub struct State<E = GaussianNet, D = GaussianNet> {
    /// What is trained.
    pub model: Vae<E, D>,
    /// The memory of the decoder's optimiser.
    pub decoder_adam: AdamState<D>,
    /// The memory of the encoder's optimiser.
    pub encoder_adam: AdamState<E>,
}

impl Matching {
    /// Whether the configuration can be trained.
    ///
    /// # Errors
    /// [`ConfigError`] with the first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let min_terms = if let DecoderLoss::Sumo(sumo) = &self.decoder_loss { sumo.min_terms as usize } else { 1 };
        let samples = match self.decoder_loss {
            DecoderLoss::Upper { samples } | DecoderLoss::Iwae { samples } => samples,
            DecoderLoss::Sumo(_) => 1,
        };
        let sizes = [
            ("latent_dim", self.latent_dim),
            ("batch_size", self.batch_size),
            ("samples", samples),
            ("min_terms", min_terms),
            ("the target's dimension", self.target.dim()),
        ];
        let hidden = self.hidden.iter().map(|&n| ("a hidden layer's size", n));
        if let Some((name, _)) = sizes.into_iter().chain(hidden).find(|(_, n)| *n == 0) {
            return Err(ConfigError::Zero { name });
        }
        if !self.gap_penalty.is_finite() || self.gap_penalty < 0.0 {
            return Err(ConfigError::Range { name: "gap_penalty", value: self.gap_penalty, range: "0 or more" });
        }
        if let DecoderLoss::Sumo(sumo) = &self.decoder_loss {
            sumo.check()?;
        } else if self.encoder_loss == EncoderLoss::SumoSquared {
            return Err(ConfigError::SumoSquaredAlone);
        }
        self.decoder_update.check()?;
        Ok(self.encoder_update.check()?)
    }

    /// What the configuration promises less than it seems to.
    pub fn warnings(&self) -> Vec<Warning> {
        match &self.decoder_loss {
            DecoderLoss::Upper { .. } => Vec::new(),
            DecoderLoss::Iwae { .. } => vec![Warning::LowerBoundMinimised],
            DecoderLoss::Sumo(sumo) => {
                let capped = sumo.cap.map(|cap| Warning::Capped { terms: sumo.min_terms.saturating_add(cap) });
                let alone = self.gap_penalty == 0.0;
                let clipped = alone && self.decoder_update.clip.is_some();
                let free = [(alone, Warning::NoGapPenalty), (clipped, Warning::ClippedHeavyTail)];
                capped.into_iter().chain(free.into_iter().filter_map(|(holds, w)| holds.then_some(w))).collect()
            }
        }
    }

    /// A fresh model, of the sizes of the configuration, before the first step.
    #[track_caller]
    pub fn init(&self, key: Key) -> State {
        self.init_with(Vae::new(key, self.target.dim(), self.latent_dim, &self.hidden, self.dtype))
    }

    /// The state of a given model before the first step.
    #[track_caller]
    pub fn init_with<E: Conditional, D: Conditional>(&self, model: Vae<E, D>) -> State<E, D> {
        let decoder_adam = self.decoder_update.adam.init(&model.decoder);
        let encoder_adam = self.encoder_update.adam.init(&model.encoder);
        State { model, decoder_adam, encoder_adam }
    }

    /// One update of the decoder and one of the encoder.
    #[track_caller]
    pub fn step<E, D>(&self, state: &State<E, D>, key: Key) -> (State<E, D>, Metrics)
    where
        E: Conditional + Clone,
        D: Conditional + Clone,
    {
        let (first, second) = key.split();
        let model = &state.model;
        // The words of the examples' keys: a joint step draws the same samples in both losses.
        let words = first.split_n(self.batch_size).into_tensor();
        let loss = |decoder: D| self.decoder_terms(&words, &Vae { decoder, ..model.clone() });
        let (terms, gradient) = value_and_grad(loss).call(model.decoder.clone());
        let (decoder, decoder_adam, decoder_norm) =
            self.decoder_update.apply(&model.decoder, &state.decoder_adam, &gradient);

        let (words, fixed) = if self.joint {
            (words.clone(), &model.decoder)
        } else {
            (second.split_n(self.batch_size).into_tensor(), &decoder)
        };
        let loss = |encoder: E| self.encoder_loss(&words, &Vae { encoder, decoder: fixed.clone(), ..*model });
        let gradient = grad(loss).call(model.encoder.clone());
        let (encoder, encoder_adam, encoder_norm) =
            self.encoder_update.apply(&model.encoder, &state.encoder_adam, &gradient);

        let Terms { loss, log_evidence, gap, ess, samples } = terms;
        let model = Vae { encoder, decoder, latent_dim: model.latent_dim };
        let metrics = Metrics { loss, log_evidence, gap, ess, samples, decoder_norm, encoder_norm };
        (State { model, decoder_adam, encoder_adam }, metrics)
    }

    /// The means over the batch of what [`Matching::example`] gives.
    fn decoder_terms<E: Conditional, D: Conditional>(&self, words: &Tensor, model: &Vae<E, D>) -> Terms {
        let terms = vmap(|words: Tensor| self.example(Key::from_tensor(words), model)).call(words.clone());
        map_leaves(&terms, |leaf| leaf.tensor.mean())
    }

    /// One example's loss for the decoder of `model`.
    fn example<E: Conditional, D: Conditional>(&self, key: Key, model: &Vae<E, D>) -> Terms {
        let (ancestral, stop, samples) = key.split3();
        let (z, x) = model.ancestral(ancestral);
        let fixed;
        let scored = if self.path_gradient {
            fixed = held(model);
            &fixed
        } else {
            model
        };
        let draws = self.draws(stop, samples);
        let log_w = log_weights(draws.keys, &x, scored);
        let (lower, upper) = (iwae_of(&log_w), upper_bound_of(&log_w, &scored.log_weight_of(&x, &z)));
        let log_evidence = match &draws.sumo {
            Some((sumo, count)) => sumo.of(&log_w, count),
            None if matches!(self.decoder_loss, DecoderLoss::Iwae { .. }) => lower.clone(),
            None => upper.clone(),
        };
        let gap = &upper - &lower;
        let matched = &log_evidence - self.target.log_density(&x);
        let loss = if self.gap_penalty > 0.0 { matched + &gap * self.gap_penalty } else { matched };
        Terms { loss, log_evidence, gap, ess: effective_sample_size(&log_w), samples: log_w.size(0) }
    }

    /// The encoder's loss, the mean over the batch.
    fn encoder_loss<E: Conditional, D: Conditional>(&self, words: &Tensor, model: &Vae<E, D>) -> Tensor {
        vmap(|words: Tensor| self.encoder_example(Key::from_tensor(words), model)).call(words.clone()).mean()
    }

    /// One example's loss for the encoder of `model`; the keys are split as in [`Matching::example`].
    fn encoder_example<E: Conditional, D: Conditional>(&self, key: Key, model: &Vae<E, D>) -> Tensor {
        let (ancestral, stop, samples) = key.split3();
        let (z, x) = model.ancestral(ancestral);
        if self.encoder_loss == EncoderLoss::MaximumLikelihood {
            return -model.proposal(&x).log_prob(&z);
        }
        let draws = self.draws(stop, samples);
        if self.encoder_loss == EncoderLoss::Dreg {
            return -dreg_encoder(draws.keys, &x, model);
        }
        let log_w = log_weights(draws.keys, &x, model);
        match (&draws.sumo, self.encoder_loss) {
            (Some((sumo, count)), EncoderLoss::SumoSquared) => sumo.of(&log_w, count).square(),
            _ => upper_bound_of(&log_w, &model.log_weight_of(&x, &z)),
        }
    }

    /// The keys of one example's samples: a fixed number, or SUMO's own.
    fn draws(&self, stop: Key, samples: Key) -> Draws {
        match self.decoder_loss {
            DecoderLoss::Upper { samples: k } | DecoderLoss::Iwae { samples: k } => {
                Draws { keys: samples.split_n(k), sumo: None }
            }
            DecoderLoss::Sumo(sumo) => {
                let count = sumo.count(stop);
                Draws { keys: samples.split_rows(&count), sumo: Some((sumo, count)) }
            }
        }
    }
}

/// One example's samples.
struct Draws {
    keys: Keys,
    sumo: Option<(Sumo, Tensor)>,
}
