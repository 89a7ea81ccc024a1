//! Figures that owe nothing to the training estimator: the sandwich of the reverse KL, the forward KL, the density.

mod chunks;
mod divergence;
mod log_density;

pub use divergence::{Divergence, Figure, ForwardKl, ReverseKl};
pub use log_density::{LogDensity, samples};
