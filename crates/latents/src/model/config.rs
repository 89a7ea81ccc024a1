//! What a model is built from.

use crate::data::Column;
use crate::model::{Decoder, Density, Likelihood, ModelError, Posterior, PosteriorNet, Prior, PriorLaw};
use crate::nn::{Activation, Init, Recipe};
use pullback::{DType, Key};
use serde::{Deserialize, Serialize};

/// A model's shape: the sizes of its layers and which likelihood, prior and posterior it has.
///
/// The two-layer model of Burda et al. (2016) is `latent = [100, 50]`, `hidden = [200, 200]`, `between = [100, 100]`.
///
/// ```
/// use latents::estimator::iwae;
/// use latents::data::Column;
/// use latents::model::ModelConfig;
/// use pullback::{Key, Tensor};
/// let config: ModelConfig = serde_json::from_str(r#"{ "latent": [3, 2], "hidden": [16], "likelihood": "bernoulli" }"#)?;
/// let columns: Vec<Column> = (0..4).map(|i| Column::number(format!("pixel{i}"))).collect();
/// let model = config.build(&columns, Key::new(0))?;
/// let x = Tensor::from([0.0f32, 1.0, 1.0, 0.0]);
/// assert!(iwae(Key::new(1).split_n(50), &x, &model).item::<f32>()? < 0.0);
/// let (mean, variance) = model.encode(&x);
/// assert_eq!((mean.shape().known(), variance.shape().known()), (Some(vec![5]), Some(vec![5])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// How many numbers each stochastic layer is, the one next to the data first.
    pub latent: Vec<usize>,
    /// The hidden layers between the data and the first stochastic layer, from the data on.
    pub hidden: Vec<usize>,
    /// The hidden layers between two stochastic layers, from the data on; where not given, half of `hidden` each.
    pub between: Option<Vec<usize>>,
    /// After each hidden layer.
    pub activation: Activation,
    /// How weights begin.
    pub init: Init,
    /// What the columns are, given `z`.
    pub likelihood: Likelihood,
    /// Of the last stochastic layer.
    pub prior: Prior,
    /// The covariance of the proposal's layers.
    pub posterior: Posterior,
}

impl Default for ModelConfig {
    /// Eight latent numbers, two hidden layers of 128 with tanh, a Gaussian whose scale the network gives.
    fn default() -> ModelConfig {
        ModelConfig {
            latent: vec![8],
            hidden: vec![128, 128],
            between: None,
            activation: Activation::Tanh,
            init: Init::GlorotUniform,
            likelihood: Likelihood::default(),
            prior: Prior::default(),
            posterior: Posterior::default(),
        }
    }
}

impl ModelConfig {
    /// Whether a model of those columns can be built.
    ///
    /// # Errors
    /// [`ModelError`] with the first thing that is wrong.
    pub fn check(&self, columns: &[Column]) -> Result<(), ModelError> {
        if columns.is_empty() {
            return Err(ModelError::NoColumns);
        }
        if self.latent.is_empty() {
            return Err(ModelError::NoLatent);
        }
        let sizes = [
            ("a stochastic layer", &self.latent[..]),
            ("a hidden layer", &self.hidden),
            ("a hidden layer between stochastic layers", self.between.as_deref().unwrap_or_default()),
        ];
        if let Some((name, _)) = sizes.into_iter().find(|(_, sizes)| sizes.contains(&0)) {
            return Err(ModelError::Zero { name });
        }
        if self.prior == (Prior::Mixture { components: 0 }) {
            return Err(ModelError::Zero { name: "the prior's mixture" });
        }
        self.likelihood.of_columns(columns).map(|_| ())
    }

    /// A fresh model of those columns, in f32.
    ///
    /// # Errors
    /// As [`ModelConfig::check`].
    pub fn build(&self, columns: &[Column], key: Key) -> Result<Density, ModelError> {
        self.build_in(columns, DType::F32, key)
    }

    /// A fresh model of those columns in that element type.
    ///
    /// # Errors
    /// As [`ModelConfig::check`].
    pub fn build_in(&self, columns: &[Column], dtype: DType, key: Key) -> Result<Density, ModelError> {
        self.check(columns)?;
        let recipe = Recipe { activation: self.activation, init: self.init, dtype };
        let halves = || self.hidden.iter().map(|n| n.div_ceil(2)).collect();
        let between: Vec<usize> = self.between.clone().unwrap_or_else(halves);
        let backward = |sizes: &[usize]| sizes.iter().rev().copied().collect::<Vec<_>>();
        let [of_decoder, of_prior, of_encoder, mut key] = key.split_array();

        let decoder =
            Decoder::new(of_decoder, &self.likelihood, self.latent[0], &backward(&self.hidden), columns, &recipe)?;
        let features = decoder.feature_count();
        let first = PosteriorNet::new(of_encoder, self.posterior, features, &self.hidden, self.latent[0], &recipe);
        let mut encoder = vec![first];
        let mut conditionals = Vec::new();
        for pair in self.latent.windows(2) {
            let (up, down, rest) = key.split3();
            encoder.push(PosteriorNet::new(up, self.posterior, pair[0], &between, pair[1], &recipe));
            conditionals.push(recipe.gaussian_net(down, pair[1], &backward(&between), pair[0]));
            key = rest;
        }
        let last = self.latent[self.latent.len() - 1];
        let prior = PriorLaw::new(of_prior, self.prior, last, &recipe);
        Ok(Density { encoder, decoder, between: conditionals, prior, latent: self.latent.clone() })
    }
}
