//! The divergences between a model and a target.

use crate::dist::Target;
use crate::estimator::{effective_sample_size, iwae_of, log_weights, sandwich};
use crate::evaluation::chunks::Chunked;
use crate::model::LatentModel;
use pullback::{DType, Error, Key, Keys, Tensor, vmap};
use std::sync::Arc;

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub se: f64,
}

impl Figure {
    /// The mean of some values and its standard error; NaN for fewer than two.
    ///
    /// ```
    /// use latents::evaluation::Figure;
    /// let f = Figure::of(&[1.0, 3.0]);
    /// assert_eq!((f.mean, f.se), (2.0, 1.0));
    /// ```
    pub fn of(values: &[f64]) -> Figure {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        Figure { mean, se: (squares / (n - 1.0) / n).sqrt() }
    }
}

/// `KL(model ‖ target)`, between two bounds, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReverseKl {
    /// By the lower bound of `log p(x)`.
    pub lower: Figure,
    /// By the upper bound of `log p(x)`.
    pub upper: Figure,
    /// `upper - lower`.
    pub gap: f64,
    /// The mean effective sample size, as a part of the samples.
    pub ess: f64,
    /// Examples drawn from the model.
    pub examples: usize,
    /// Whether the target's normaliser is known; if not, every figure is up to that constant.
    pub normalized: bool,
}

/// `KL(target ‖ model)` from above, in nats: `E log p*(x) - L_k(x)`, and `L_k` is at most `log p(x)` in expectation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForwardKl {
    /// The figure.
    pub upper: Figure,
    /// The mean effective sample size, as a part of the samples.
    pub ess: f64,
    /// Examples drawn from the target.
    pub examples: usize,
}

/// Both divergences of a model from a target by importance sampling, compiled once.
///
/// Reverse: `x` is drawn from the model with the `z` it came from, `L_k ≤ log p(x) ≤ U_{k+1}` in expectation: `k` samples of
/// the proposal, which the upper bound takes together with that `z`. The divergence lies between two figures. Each example has a key of its own: chunks and
/// threads change nothing.
///
/// ```
/// use latents::dist::target;
/// use latents::evaluation::Divergence;
/// use latents::model::Vae;
/// use pullback::{DType, Key};
/// let vae = Vae::new(Key::new(0), 2, 2, &[8], DType::F32);
/// let divergence = Divergence::new(target("gaussian").ok_or("no such target")?, DType::F32, 16, 8);
/// let reverse = divergence.reverse(&vae, Key::new(1), 20)?;
/// assert!(reverse.gap > 0.0 && reverse.upper.mean > reverse.lower.mean);
/// let forward = divergence.forward(&vae, Key::new(2), 20)?.ok_or("a sampler is known")?;
/// assert!(forward.upper.mean > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Divergence<M> {
    log_normalizer: Option<f64>,
    reverse: Chunked<M, Keys>,
    forward: Option<Chunked<M, Keys>>,
}

impl<M: LatentModel + 'static> Divergence<M> {
    /// With `samples` for each bound, `chunk` examples at a time.
    pub fn new(target: Arc<dyn Target>, dtype: DType, samples: usize, chunk: usize) -> Divergence<M> {
        let samples = samples.max(1);
        let log_normalizer = target.log_normalizer();
        let constant = log_normalizer.unwrap_or(0.0);
        let to = target.clone();
        let reverse = Chunked::new(chunk, move |model: M, keys: Keys| {
            let one = |key: Key| {
                let (ancestral, proposal) = key.split();
                let (z, x) = model.ancestral(ancestral);
                let bounds = sandwich(proposal.split_n(samples), &x, &z, &model);
                let matched = to.log_density(&x) - constant;
                (bounds.lower - &matched, bounds.upper - matched, bounds.ess)
            };
            vmap(one).call(keys)
        });
        let known = log_normalizer.is_some() && target.sample(Key::new(0), dtype).is_some();
        let forward = known.then(|| {
            Chunked::new(chunk, move |model: M, keys: Keys| {
                let one = |key: Key| {
                    let (draw, proposal) = key.split();
                    let x = target.sample(draw, dtype).unwrap_or_else(|| Tensor::full(f64::NAN, dtype, [target.dim()]));
                    let log_w = log_weights(proposal.split_n(samples), &x, &model);
                    let gain = target.log_density(&x) - constant - iwae_of(&log_w);
                    (gain, effective_sample_size(&log_w))
                };
                vmap(one).call(keys)
            })
        });
        Divergence { log_normalizer, reverse, forward }
    }

    /// How many programs the figures have been compiled to: at most one each.
    pub fn compiles(&self) -> u64 {
        self.reverse.compiles() + self.forward.as_ref().map_or(0, Chunked::compiles)
    }

    /// `KL(model ‖ target)` by so many fresh examples of the model.
    ///
    /// # Errors
    /// The first fault of the model or the target.
    pub fn reverse(&self, model: &M, key: Key, examples: usize) -> Result<ReverseKl, Error> {
        Ok(self.reverse_of(&self.reverse.columns(model, &key.split_n(examples))?))
    }

    /// [`Divergence::reverse`], or `None` where `stop`, asked before every chunk, says so.
    ///
    /// # Errors
    /// The first fault of the model or the target.
    pub fn reverse_unless(
        &self,
        model: &M,
        key: Key,
        examples: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<ReverseKl>, Error> {
        let columns = self.reverse.columns_unless(model, &key.split_n(examples), stop)?;
        Ok(columns.map(|columns| self.reverse_of(&columns)))
    }

    fn reverse_of(&self, columns: &[Vec<f64>]) -> ReverseKl {
        let column = |i: usize| columns.get(i).map_or(Figure::of(&[]), |values| Figure::of(values));
        let (lower, upper) = (column(0), column(1));
        ReverseKl {
            gap: upper.mean - lower.mean,
            ess: column(2).mean,
            lower,
            upper,
            examples: columns.first().map_or(0, Vec::len),
            normalized: self.log_normalizer.is_some(),
        }
    }

    /// `KL(target ‖ model)` from above by so many draws of the target; `None` where it has no sampler or normaliser.
    ///
    /// # Errors
    /// The first fault of the model or the target.
    pub fn forward(&self, model: &M, key: Key, examples: usize) -> Result<Option<ForwardKl>, Error> {
        self.forward_unless(model, key, examples, &|| false)
    }

    /// [`Divergence::forward`]; `None` as well where `stop`, asked before every chunk, says so.
    ///
    /// # Errors
    /// The first fault of the model or the target.
    pub fn forward_unless(
        &self,
        model: &M,
        key: Key,
        examples: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<ForwardKl>, Error> {
        let Some(forward) = &self.forward else { return Ok(None) };
        let columns = forward.columns_unless(model, &key.split_n(examples), stop)?;
        Ok(columns.map(|c| ForwardKl { upper: Figure::of(&c[0]), ess: Figure::of(&c[1]).mean, examples }))
    }
}
