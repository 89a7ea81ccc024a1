//! Whether a figure can be trusted: tails of weights and increments, latent units in use, samples against data.

mod active_units;
mod classifier_test;
mod mmd;
mod pareto_k;
mod tail_index;
mod two_sample;

pub use active_units::{ACTIVE, ActiveUnits, UnitActivity};
pub use classifier_test::{ClassifierError, ClassifierTest, classifier_test};
pub use mmd::{MmdTest, mmd_test};
pub use pareto_k::{ParetoTail, RELIABLE, Tail, pareto_k};
pub use tail_index::tail_index;
pub use two_sample::SampleError;
