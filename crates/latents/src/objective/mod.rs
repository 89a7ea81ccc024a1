//! Losses and their training steps: matching an unnormalised density, and fitting data.
//!
//! An objective is a value that says what is trained and how; `init` makes a state and `step` is a pure function of
//! state and key, made for [`jit`](pullback::jit).
//!
//! # What makes matching train
//! Neal's funnel in two dimensions, latent 8, hidden 128, batch 32, 50,000 steps at 1e-3 with cosine decay; reverse KL
//! in nats by the upper side of a 512-sample sandwich on 10,000 examples (standard errors 0.0003 to 0.001), with the
//! effective sample size. The first table is a prototype's (three seeds where three figures stand), the second this
//! crate's.
//!
//! | SUMO, m = 4, no cap | reverse KL | ESS |
//! |---|---|---|
//! | no gap penalty, gradients clipped at 1 or 10 | diverges by 10,000 steps | – |
//! | no gap penalty, not clipped, rate 5e-5, plain gradient | .034 .033 .060 | .25 to .32, falling |
//! | gap penalty 1, clipped at 1, plain gradient, encoder by SUMO² | .0078 .0071 .0043 | .96 |
//! | … encoder by the upper bound | .0069 .0054 .0034 | .96 |
//! | gap penalty 1, path gradient, encoder by SUMO² | .0034 .0030 .0040 | .976 |
//! | gap penalty 0.3, path gradient, encoder by DReG, apart | .0010 .0006 .0004 | .996 |
//! | **… both networks from the same samples: the default** | .0007 .0004 .0003 | .996 |
//! | … at a constant rate of 5e-5 | .0084 .0099 .0115 | .74 to .77 |
//!
//! | this crate | steps | reverse KL | ESS |
//! |---|---|---|---|
//! | [`Matching::upper`] | 10,000 | .0013 .0013 .0012 | .99 |
//! | [`Matching::sumo`] | 50,000 | .0008 .0004 .0004 | .996 |
//! | … at a constant rate of 5e-5 | 50,000 | .0090 | .74 |
//! | [`Matching::classic_sumo`] | 20,000 | .29 | .36 |
//! | [`Matching::iwae`], a lower bound minimised | 10,000 | between .02 and 4.6 | .009 |
//!
//! [`Matching::upper`] with 10,000 steps on the other targets: Gaussian .0001, banana .0061, Neal's ten dimensions .010,
//! ring between .005 and .02, mixture .74 (it leaves out some of the eight parts, as the reverse KL lets it).
//!
//! Clipping makes SUMO diverge where there is no gap penalty because it shrinks the rare large gradients that punish
//! a proposal that misses posterior mass; anything that does so (a shorter memory of Adam's squares) has the same
//! effect. Bounding log-variances at 8 or 10 instead of [`LOGVAR_BOUND`](crate::nn::LOGVAR_BOUND) costs a factor of 4.

mod bound;
mod encoder_gradient;
mod estimation;
mod estimation_error;
mod matching;
mod memory;
mod presets;
mod update;
mod warning;

pub use bound::Bound;
pub use encoder_gradient::EncoderGradient;
pub use estimation::{Estimation, EstimationMetrics, EstimationState};
pub use estimation_error::EstimationError;
pub use matching::{DecoderLoss, EncoderLoss, Matching, Metrics, State};
pub use memory::LARGEST_ARRAY;
pub use update::{Update, UpdateError};
pub use warning::{ConfigError, Warning};
