//! Independent groups of coordinates, each with its own kind of distribution.

use crate::dist::{
    Bernoulli, Categorical, DiagonalGaussian, DiscretizedLogistic, Distribution, NegativeBinomial, Poisson, StudentT,
};
use pullback::{Key, Tensor, Tree};

/// A distribution of some coordinates of an example, of any kind that a likelihood can have.
#[derive(Clone, Debug, Tree)]
pub enum Component {
    /// Real numbers.
    Gaussian(DiagonalGaussian),
    /// Real numbers with heavy tails.
    StudentT(StudentT),
    /// 0s and 1s.
    Bernoulli(Bernoulli),
    /// Numbers of categories.
    Categorical(Categorical),
    /// Whole numbers within a range.
    DiscretizedLogistic(DiscretizedLogistic),
    /// Counts.
    Poisson(Poisson),
    /// Counts that vary more.
    NegativeBinomial(NegativeBinomial),
}

/// The same expression of whichever distribution it is.
macro_rules! each {
    ($component:expr, $p:ident => $value:expr) => {
        match $component {
            Component::Gaussian($p) => $value,
            Component::StudentT($p) => $value,
            Component::Bernoulli($p) => $value,
            Component::Categorical($p) => $value,
            Component::DiscretizedLogistic($p) => $value,
            Component::Poisson($p) => $value,
            Component::NegativeBinomial($p) => $value,
        }
    };
}

impl Component {
    /// One number a coordinate that stands for the distribution: the mean; of categories the likeliest, of a
    /// discretized logistic the place of its middle within the range.
    ///
    /// # Shapes
    /// Result `[d]`.
    #[track_caller]
    pub fn centre(&self) -> Tensor {
        match self {
            Component::Gaussian(p) => p.mean.clone(),
            Component::StudentT(p) => p.mean.clone(),
            Component::Bernoulli(p) => p.logits.sigmoid(),
            Component::Categorical(p) => p.mode(),
            Component::DiscretizedLogistic(p) => p.mean.clamp(p.low, p.high),
            Component::Poisson(p) => p.log_rate.exp(),
            Component::NegativeBinomial(p) => p.log_mean.exp(),
        }
    }
}

impl Distribution for Component {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        each!(self, p => p.sample(key))
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        each!(self, p => p.log_prob(x))
    }
}

/// Some coordinates with their distribution.
#[derive(Clone, Debug, Tree)]
pub struct Part {
    /// Which coordinates, rising.
    pub columns: Vec<usize>,
    /// Of those coordinates, in that order.
    pub distribution: Component,
}

/// Independent parts that together are all coordinates: `log p(x) = Σ log p_j(x of part j)`.
///
/// ```
/// use latents::dist::{Bernoulli, Component, DiagonalGaussian, Distribution, Mixed, Part};
/// use pullback::Tensor;
/// let (bit, number) = (
///     Bernoulli { logits: Tensor::from([0.0f64]) },
///     DiagonalGaussian { mean: Tensor::from([1.0f64, 2.0]), logvar: Tensor::from([0.0f64, 0.0]) },
/// );
/// let p = Mixed {
///     parts: vec![
///         Part { columns: vec![1], distribution: Component::Bernoulli(bit) },
///         Part { columns: vec![0, 2], distribution: Component::Gaussian(number) },
///     ],
/// };
/// let at = p.log_prob(&Tensor::from([1.0f64, 1.0, 2.0])).item::<f64>()?;
/// assert!((at - (0.5f64.ln() - (2.0 * std::f64::consts::PI).ln())).abs() < 1e-12);
/// assert_eq!(p.centre().to_vec::<f64>()?, [1.0, 0.5, 2.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Mixed {
    /// The parts; each coordinate is in one.
    pub parts: Vec<Part>,
}

impl Mixed {
    /// One number a coordinate: see [`Component::centre`].
    ///
    /// # Shapes
    /// Result `[d]`.
    #[track_caller]
    pub fn centre(&self) -> Tensor {
        self.joined(|part| part.distribution.centre())
    }

    /// The parts' coordinates put in their places.
    #[track_caller]
    fn joined(&self, mut of: impl FnMut(&Part) -> Tensor) -> Tensor {
        if let [part] = &self.parts[..] {
            return of(part);
        }
        // Each run of neighbouring columns is one piece; pieces are then laid in the order of their first column.
        let mut pieces = Vec::new();
        for part in &self.parts {
            let values = of(part);
            let mut start = 0;
            for run in runs(&part.columns) {
                pieces.push((run.0, values.slice(0, start, start + run.1 - run.0)));
                start += run.1 - run.0;
            }
        }
        pieces.sort_by_key(|(first, _)| *first);
        Tensor::concat(&pieces.iter().map(|(_, piece)| piece).collect::<Vec<_>>(), 0)
    }
}

impl Distribution for Mixed {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        let mut rest = Some(key);
        self.joined(|part| {
            let (here, next) = rest.take().unwrap_or_else(|| Key::new(0)).split();
            rest = Some(next);
            part.distribution.sample(here)
        })
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        let terms: Vec<Tensor> =
            self.parts.iter().map(|part| part.distribution.log_prob(&columns_of(x, &part.columns))).collect();
        match &terms[..] {
            [one] => one.clone(),
            all => Tensor::stack(&all.iter().collect::<Vec<_>>(), 0).sum(),
        }
    }
}

/// Some coordinates of an example, in the order given.
///
/// # Shapes
/// `x: [d]`, result `[columns]`.
#[track_caller]
pub(crate) fn columns_of(x: &Tensor, columns: &[usize]) -> Tensor {
    let whole = x.shape().dims().first().and_then(|d| d.known());
    let runs = runs(columns);
    match (&runs[..], whole) {
        ([(0, end)], Some(n)) if *end == n => x.clone(),
        _ => {
            let pieces: Vec<Tensor> = runs.iter().map(|&(start, end)| x.slice(0, start, end)).collect();
            Tensor::concat(&pieces.iter().collect::<Vec<_>>(), 0)
        }
    }
}

/// Neighbouring numbers as ranges `start..end`.
fn runs(columns: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &c in columns {
        match runs.last_mut() {
            Some(run) if run.1 == c => run.1 = c + 1,
            _ => runs.push((c, c + 1)),
        }
    }
    runs
}
