//! Latent-variable models on [`pullback`]: pictures, files, training.

pub mod atomic;
pub mod plot;
pub mod train;
