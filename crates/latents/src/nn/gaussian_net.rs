//! A network whose value is a Gaussian.

use crate::dist::DiagonalGaussian;
use crate::nn::{Activation, Dense, Init, Recipe};
use pullback::{DType, Key, Tensor, Tree};

/// The bound of log-variances that Neal's funnel is fitted with: its own reach `2·4·1.35 ≈ 11`, where tanh must not
/// saturate yet. Bounds of 8 and 10 cost four times the reverse KL.
pub const LOGVAR_BOUND: f64 = 20.0;

/// `c tanh(v / c)`: the identity near 0, never beyond `±c`, smooth everywhere.
///
/// ```
/// use latents::nn::bounded;
/// use pullback::Tensor;
/// let v = bounded(&Tensor::from([0.1f64, 1e6]), 20.0).to_vec::<f64>()?;
/// assert!((v[0] - 0.1).abs() < 1e-5);
/// assert_eq!(v[1], 20.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn bounded(v: &Tensor, c: f64) -> Tensor {
    (v / c).tanh() * c
}

/// Hidden layers with two heads: a Gaussian's mean and log-variance as a function of `x`.
///
/// `N(mean(h), diag exp c·tanh(logvar(h) / c))` with `h` the last hidden layer. The bound `c` keeps the variances
/// within `e^±c`, so that no step of an optimiser makes a density infinite.
///
/// ```
/// use latents::nn::GaussianNet;
/// use pullback::{DType, Key, Tensor, leaves};
/// let net = GaussianNet::new(Key::new(1), 2, &[16], 3, DType::F32);
/// let q = net.at(&Tensor::from([0.5f32, -1.0]));
/// assert_eq!(q.mean.shape().known(), Some(vec![3]));
/// let names: Vec<_> = leaves(&net).into_iter().map(|l| l.name).collect();
/// assert_eq!(names, ["hidden.0.w", "hidden.0.b", "mean.w", "mean.b", "logvar.w", "logvar.b"]);
/// ```
#[derive(Clone, Debug, Tree)]
pub struct GaussianNet {
    /// The hidden layers, the activation after each.
    pub hidden: Vec<Dense>,
    /// The head of the mean.
    pub mean: Dense,
    /// The head of the log-variance.
    pub logvar: Dense,
    /// After each hidden layer.
    pub activation: Activation,
    /// `c`; `None` leaves the log-variance as it is.
    pub bound: Option<f64>,
}

impl GaussianNet {
    /// A network from `inputs` to a Gaussian over `outputs` numbers: tanh, [`Init::FanIn`], bound [`LOGVAR_BOUND`].
    #[track_caller]
    pub fn new(key: Key, inputs: usize, hidden: &[usize], outputs: usize, dtype: DType) -> GaussianNet {
        let recipe = Recipe { activation: Activation::Tanh, init: Init::FanIn, dtype };
        recipe.gaussian_net(key, inputs, hidden, outputs)
    }

    /// The Gaussian at `x`.
    ///
    /// # Shapes
    /// `x: [in]`; mean and log-variance `[out]`.
    #[track_caller]
    pub fn at(&self, x: &Tensor) -> DiagonalGaussian {
        self.heads_at(&self.hidden_at(x))
    }

    /// The last hidden layer.
    ///
    /// # Shapes
    /// `x: [in]`, result `[width]`.
    #[track_caller]
    pub(crate) fn hidden_at(&self, x: &Tensor) -> Tensor {
        self.hidden.iter().fold(x.clone(), |h, layer| self.activation.at(&layer.at(&h)))
    }

    /// The Gaussian of the last hidden layer.
    ///
    /// # Shapes
    /// `h: [width]`; mean and log-variance `[out]`.
    #[track_caller]
    pub(crate) fn heads_at(&self, h: &Tensor) -> DiagonalGaussian {
        let logvar = self.logvar.at(h);
        let logvar = self.bound.map_or_else(|| logvar.clone(), |c| bounded(&logvar, c));
        DiagonalGaussian { mean: self.mean.at(h), logvar }
    }

    /// The type of its weights.
    pub fn dtype(&self) -> DType {
        self.mean.w.dtype()
    }
}
