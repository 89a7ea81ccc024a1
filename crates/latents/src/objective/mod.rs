//! Losses and their training steps: matching an unnormalised density, and fitting data.
//!
//! An objective is a value that says what is trained and how; `init` makes a state and `step` is a pure function of
//! state and key, made for [`jit`](pullback::jit).

mod estimation;
mod matching;
mod presets;
mod update;
mod warning;

pub use estimation::{Bound, EncoderGradient, Estimation, EstimationMetrics, EstimationState};
pub use matching::{DecoderLoss, EncoderLoss, Matching, Metrics, State};
pub use update::Update;
pub use warning::{ConfigError, Warning};
