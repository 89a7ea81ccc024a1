//! The network from `z` to the distribution of an example's columns.

use crate::data::Column;
use crate::dist::{
    Bernoulli, Categorical, Component, DiagonalGaussian, DiscretizedLogistic, Mixed, NegativeBinomial, Part, Poisson,
    StudentT, columns_of, one_hot,
};
use crate::model::{Likelihood, ModelError, Scale};
use crate::nn::{Dense, Hidden, LOGVAR_BOUND, Recipe, bounded};
use pullback::{Key, Tensor, Tree};

/// Hidden layers, and a head for each group of columns that share a likelihood.
#[derive(Clone, Debug, Tree)]
pub struct Decoder {
    /// The hidden layers.
    pub hidden: Hidden,
    /// The heads.
    pub heads: Vec<Head>,
}

/// Some columns and what their distribution is made of.
#[derive(Clone, Debug, Tree)]
pub struct Head {
    /// Which columns, rising.
    pub columns: Vec<usize>,
    /// From the last hidden layer to their distribution.
    pub family: Family,
}

/// The layers and parameters of one likelihood.
#[derive(Clone, Debug, Tree)]
pub enum Family {
    /// See [`DiagonalGaussian`].
    Gaussian {
        /// Of the mean.
        mean: Dense,
        /// Of the standard deviation.
        log_scale: LogScale,
    },
    /// See [`StudentT`].
    StudentT {
        /// Of the mean.
        mean: Dense,
        /// Of the scale.
        log_scale: LogScale,
        /// `ν = 1 + log(1 + e^f)`, so that there is a mean; `[columns]`.
        freedom: Tensor,
    },
    /// See [`Bernoulli`].
    Bernoulli {
        /// Of the logits.
        logits: Dense,
    },
    /// See [`Categorical`].
    Categorical {
        /// Of the logits, column by column.
        logits: Dense,
        /// How many each column has.
        categories: usize,
    },
    /// See [`DiscretizedLogistic`].
    DiscretizedLogistic {
        /// Of the mean, in half ranges from the middle.
        mean: Dense,
        /// Of the scale, in half ranges.
        log_scale: LogScale,
        /// The least number.
        low: f64,
        /// The greatest number.
        high: f64,
    },
    /// See [`Poisson`].
    Poisson {
        /// Of the logarithm of the rate.
        log_rate: Dense,
    },
    /// See [`NegativeBinomial`].
    NegativeBinomial {
        /// Of the logarithm of the mean.
        log_mean: Dense,
        /// Of the gamma's shape.
        log_count: LogScale,
    },
}

/// The logarithm of a positive number of each column.
#[derive(Clone, Debug, Tree)]
pub enum LogScale {
    /// From the last hidden layer.
    Network(Dense),
    /// Learned; `[columns]`.
    Learned(Tensor),
    /// The same for all.
    Fixed(f64),
}

impl LogScale {
    #[track_caller]
    fn new(key: Key, scale: Scale, inputs: usize, columns: usize, recipe: &Recipe) -> LogScale {
        match scale {
            Scale::Network => LogScale::Network(recipe.dense(key, inputs, columns)),
            Scale::Learned => LogScale::Learned(Tensor::full(0.0, recipe.dtype, [columns])),
            Scale::Fixed(x) => LogScale::Fixed(x.ln()),
        }
    }

    /// The logarithms, within half of [`LOGVAR_BOUND`] unless fixed.
    ///
    /// # Shapes
    /// `h: [in]`, `like: [columns]`, result `[columns]`.
    #[track_caller]
    fn at(&self, h: &Tensor, like: &Tensor) -> Tensor {
        match self {
            LogScale::Network(layer) => bounded(&layer.at(h), LOGVAR_BOUND / 2.0),
            LogScale::Learned(value) => bounded(value, LOGVAR_BOUND / 2.0),
            LogScale::Fixed(value) => like.full_like(*value),
        }
    }
}

/// What makes `ν` about 10 in the beginning.
const FREEDOM: f64 = 9.0;

impl Family {
    #[track_caller]
    fn new(
        key: Key,
        likelihood: &Likelihood,
        inputs: usize,
        columns: &[&Column],
        recipe: &Recipe,
    ) -> Result<Family, ModelError> {
        let ([first, second], n) = (key.split_array(), columns.len());
        let scaled = |scale: Scale| LogScale::new(second, scale, inputs, n, recipe);
        Ok(match likelihood {
            Likelihood::Gaussian { scale } => {
                Family::Gaussian { mean: recipe.dense(first, inputs, n), log_scale: scaled(*scale) }
            }
            Likelihood::StudentT { scale } => Family::StudentT {
                mean: recipe.dense(first, inputs, n),
                log_scale: scaled(*scale),
                freedom: Tensor::full(FREEDOM, recipe.dtype, [n]),
            },
            Likelihood::Bernoulli => Family::Bernoulli { logits: recipe.dense(first, inputs, n) },
            Likelihood::Categorical => {
                let categories = columns.first().and_then(|c| categories(c)).unwrap_or(0);
                Family::Categorical { logits: recipe.dense(first, inputs, n * categories), categories }
            }
            Likelihood::DiscretizedLogistic { low, high, scale } => Family::DiscretizedLogistic {
                mean: recipe.dense(first, inputs, n),
                log_scale: scaled(*scale),
                low: f64::from(*low),
                high: f64::from(*high),
            },
            Likelihood::Poisson => Family::Poisson { log_rate: recipe.dense(first, inputs, n) },
            Likelihood::NegativeBinomial { dispersion } => {
                Family::NegativeBinomial { log_mean: recipe.dense(first, inputs, n), log_count: scaled(*dispersion) }
            }
            Likelihood::Mixed { .. } => {
                let column = columns.first().map_or_else(String::new, |c| c.name.clone());
                return Err(ModelError::MixedWithin { column });
            }
        })
    }

    /// The distribution at the last hidden layer.
    #[track_caller]
    fn at(&self, h: &Tensor) -> Component {
        match self {
            Family::Gaussian { mean, log_scale } => {
                let mean = mean.at(h);
                let logvar = log_scale.at(h, &mean) * 2.0;
                Component::Gaussian(DiagonalGaussian { mean, logvar })
            }
            Family::StudentT { mean, log_scale, freedom } => {
                let mean = mean.at(h);
                let log_scale = log_scale.at(h, &mean);
                Component::StudentT(StudentT { mean, log_scale, freedom: freedom.softplus() + 1.0 })
            }
            Family::Bernoulli { logits } => Component::Bernoulli(Bernoulli { logits: logits.at(h) }),
            Family::Categorical { logits, categories } => {
                let logits = logits.at(h);
                let columns = logits.shape().dims().first().and_then(|d| d.known()).unwrap_or(0) / (*categories).max(1);
                Component::Categorical(Categorical { logits: logits.reshape([columns, *categories]) })
            }
            Family::DiscretizedLogistic { mean, log_scale, low, high } => {
                let (middle, half) = ((high + low) / 2.0, (high - low) / 2.0);
                let mean = mean.at(h);
                let log_scale = log_scale.at(h, &mean) + half.ln();
                let mean = mean * half + middle;
                Component::DiscretizedLogistic(DiscretizedLogistic { mean, log_scale, low: *low, high: *high })
            }
            Family::Poisson { log_rate } => {
                Component::Poisson(Poisson { log_rate: bounded(&log_rate.at(h), LOGVAR_BOUND) })
            }
            Family::NegativeBinomial { log_mean, log_count } => {
                let log_mean = bounded(&log_mean.at(h), LOGVAR_BOUND);
                let log_count = log_count.at(h, &log_mean);
                Component::NegativeBinomial(NegativeBinomial { log_mean, log_count })
            }
        }
    }

    /// How many numbers the encoder takes for so many columns.
    fn feature_count(&self, columns: usize) -> usize {
        match self {
            Family::Categorical { categories, .. } => columns * categories,
            _ => columns,
        }
    }

    /// Those columns as the encoder takes them: categories one-hot, a range as -1 to 1, counts as `log(1 + x)`.
    #[track_caller]
    fn features(&self, x: &Tensor) -> Tensor {
        match self {
            Family::Gaussian { .. } | Family::StudentT { .. } | Family::Bernoulli { .. } => x.clone(),
            Family::Categorical { categories, .. } => {
                let columns = x.shape().dims().first().and_then(|d| d.known()).unwrap_or(0);
                let like = Tensor::full(0.0, x.dtype(), [columns, *categories]);
                one_hot(x, &like).cast(x.dtype()).reshape([columns * categories])
            }
            Family::DiscretizedLogistic { low, high, .. } => (x - (high + low) / 2.0) * (2.0 / (high - low)),
            Family::Poisson { .. } | Family::NegativeBinomial { .. } => x.log1p(),
        }
    }
}

impl Decoder {
    /// A fresh decoder from `inputs` latent numbers to those columns; columns of one likelihood share a head.
    ///
    /// # Errors
    /// As [`Likelihood::of_columns`].
    #[track_caller]
    pub(crate) fn new(
        key: Key,
        likelihood: &Likelihood,
        inputs: usize,
        hidden: &[usize],
        columns: &[Column],
        recipe: &Recipe,
    ) -> Result<Decoder, ModelError> {
        let mut groups: Vec<(Likelihood, Vec<usize>)> = Vec::new();
        for (i, likelihood) in likelihood.of_columns(columns)?.into_iter().enumerate() {
            // Columns with as many categories, or none, can share a head.
            let alike = |members: &[usize]| categories(&columns[members[0]]) == categories(&columns[i]);
            match groups.iter_mut().find(|(l, members)| *l == likelihood && alike(members)) {
                Some((_, members)) => members.push(i),
                None => groups.push((likelihood, vec![i])),
            }
        }
        let (of_hidden, mut key) = key.split();
        let hidden = recipe.hidden(of_hidden, inputs, hidden);
        let mut heads = Vec::new();
        for (likelihood, members) in groups {
            let (here, rest) = key.split();
            let those: Vec<&Column> = members.iter().map(|&i| &columns[i]).collect();
            let family = Family::new(here, &likelihood, hidden.width, &those, recipe)?;
            heads.push(Head { columns: members, family });
            key = rest;
        }
        Ok(Decoder { hidden, heads })
    }

    /// `p(x|z)`.
    ///
    /// # Shapes
    /// `z: [latent]`; of the distribution `[d]`.
    #[track_caller]
    pub fn at(&self, z: &Tensor) -> Mixed {
        let h = self.hidden.at(z);
        let part = |head: &Head| Part { columns: head.columns.clone(), distribution: head.family.at(&h) };
        Mixed { parts: self.heads.iter().map(part).collect() }
    }

    /// An example as the encoder takes it: each head's columns in numbers of a size that a network takes.
    ///
    /// # Shapes
    /// `x: [d]`, result `[features]`.
    #[track_caller]
    pub fn features(&self, x: &Tensor) -> Tensor {
        let parts: Vec<Tensor> =
            self.heads.iter().map(|head| head.family.features(&columns_of(x, &head.columns))).collect();
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)
    }

    /// How many numbers [`Decoder::features`] has.
    pub fn feature_count(&self) -> usize {
        self.heads.iter().map(|head| head.family.feature_count(head.columns.len())).sum()
    }
}

/// How many categories a column has; `None` for a column of numbers.
fn categories(column: &Column) -> Option<usize> {
    column.levels().map(<[String]>::len)
}
