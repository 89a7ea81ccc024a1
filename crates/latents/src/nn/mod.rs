//! Layers, written for one example: `[in]` to `[out]`; `vmap` makes them layers of many.

mod activation;
mod dense;
mod gaussian_net;
mod init;
mod mlp;
mod recipe;

pub use activation::Activation;
pub use dense::Dense;
pub use gaussian_net::{GaussianNet, LOGVAR_BOUND, bounded};
pub use init::Init;
pub use mlp::Mlp;
pub use recipe::{Hidden, Recipe};
