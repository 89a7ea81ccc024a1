//! The model of Burda, Grosse & Salakhutdinov (2016) as its user writes it, and what its arithmetic costs.

use latents::dist::Bernoulli;
use latents::model::{Conditional, Vae};
use latents::nn::{Activation, GaussianNet, Init, Mlp};
use latents::objective::{Bound, EncoderGradient, Estimation, EstimationState, Update};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Key, Rows, Tensor, Tree};

/// Logits of pixels.
#[derive(Clone, Tree)]
pub struct Pixels(Mlp);

impl Conditional for Pixels {
    type Distribution = Bernoulli;
    #[track_caller]
    fn at(&self, z: &Tensor) -> Bernoulli {
        Bernoulli { logits: self.0.at(z) }
    }
}

pub type Model = Vae<GaussianNet, Pixels>;
pub type State = EstimationState<Model>;

/// The sizes of a model with two hidden layers of tanh each way.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub pixels: usize,
    pub hidden: usize,
    pub latent: usize,
}

impl Sizes {
    /// The paper's one-layer model.
    pub const PAPER: Sizes = Sizes { pixels: 784, hidden: 200, latent: 50 };

    pub fn model(self) -> Model {
        let Sizes { pixels, hidden, latent } = self;
        let (encoder, decoder) = Key::new(0).split();
        let sizes = [latent, hidden, hidden, pixels];
        Vae {
            encoder: GaussianNet::new(encoder, pixels, &[hidden, hidden], latent, DType::F32),
            decoder: Pixels(Mlp::new(decoder, &sizes, Activation::Tanh, Init::GlorotUniform, DType::F32)),
            latent_dim: latent,
        }
    }

    /// Binary images; what they show does not matter to the arithmetic.
    pub fn images(self, n: usize) -> Tensor {
        Key::new(7).bernoulli(0.13, [n, self.pixels]).cast(DType::F32)
    }
}

pub fn update() -> Update {
    Update { adam: Adam::new(Schedule::Constant(1e-3)), clip: None }
}

pub fn state(model: Model) -> State {
    State { adam: update().adam.init(&model), model }
}

/// A step that raises a bound, the state before it in and that after it out.
pub fn by_bound(bound: Bound) -> impl Fn(State, Key, Rows<Tensor>) -> State {
    let fit = Estimation { bound, proposal: None, encoder_gradient: EncoderGradient::Plain, update: update() };
    move |state: State, key: Key, Rows(xs): Rows<Tensor>| fit.step(&state, key, &xs).0
}
