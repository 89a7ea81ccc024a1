//! The network from `z` to the distribution of an example's columns.

use crate::dist::{Bernoulli, Component, DiagonalGaussian, Mixed, Part, columns_of};
use crate::model::{Column, ColumnKind, Likelihood, ModelError, Scale};
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
    /// See [`Likelihood::Gaussian`].
    Gaussian {
        /// Of the mean.
        mean: Dense,
        /// Of half the log-variance.
        log_scale: LogScale,
    },
    /// See [`Likelihood::Bernoulli`].
    Bernoulli {
        /// Of the logits.
        logits: Dense,
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
        Ok(match likelihood {
            Likelihood::Gaussian { scale } => Family::Gaussian {
                mean: recipe.dense(first, inputs, n),
                log_scale: LogScale::new(second, *scale, inputs, n, recipe),
            },
            Likelihood::Bernoulli => Family::Bernoulli { logits: recipe.dense(first, inputs, n) },
            Likelihood::Mixed { .. } => {
                return Err(ModelError::MixedWithin {
                    column: columns.first().map_or_else(String::new, |c| c.name.clone()),
                });
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
            Family::Bernoulli { logits } => Component::Bernoulli(Bernoulli { logits: logits.at(h) }),
        }
    }

    /// How many numbers the encoder takes for so many columns.
    fn feature_count(&self, columns: usize) -> usize {
        match self {
            Family::Gaussian { .. } | Family::Bernoulli { .. } => columns,
        }
    }

    /// Those columns as the encoder takes them.
    #[track_caller]
    fn features(&self, x: &Tensor) -> Tensor {
        match self {
            Family::Gaussian { .. } | Family::Bernoulli { .. } => x.clone(),
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
            match groups.iter_mut().find(|(l, members)| *l == likelihood && alike(&columns[members[0]], &columns[i])) {
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

/// Whether columns of one likelihood can share a head: as many categories.
fn alike(a: &Column, b: &Column) -> bool {
    let categories = |c: &Column| match &c.kind {
        ColumnKind::Number => None,
        ColumnKind::Categories(names) => Some(names.len()),
    };
    categories(a) == categories(b)
}
