//! Optimisers: pure functions of parameters, gradients and state, all of them trees.

mod adam;
mod clip;
mod leafwise;
mod schedule;
mod sgd;

pub use adam::{Adam, AdamState};
pub use clip::{clip_by_global_norm, global_norm};
pub use schedule::Schedule;
pub use sgd::{Sgd, SgdState};

pub(crate) use leafwise::{held, zip, zip3};
