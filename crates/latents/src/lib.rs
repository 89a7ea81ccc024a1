//! Latent-variable density models on [`pullback`]: `p(x) = ∫ p(x|z) p(z) dz`, with honest figures of `log p(x)`.
//!
//! Everything is written for one example and one sample; `vmap` does the rest. From the bottom up: [`data`] rows out of
//! files, [`nn`] layers, [`dist`] distributions and targets, [`optim`] optimisers, [`model`] what a latent-variable model
//! is, [`estimator`] figures of `log p(x)` that say what they are, [`objective`] losses with their training steps,
//! [`evaluation`] figures that owe nothing to the training estimator, [`train`] the loop, its watch and checkpoints,
//! [`plot`] pictures, [`run`] a fit from a table and a configuration to a folder.

pub mod atomic;
mod cholesky;
pub mod data;
pub mod diagnostics;
pub mod dist;
pub mod estimator;
pub mod evaluation;
pub mod model;
pub mod nn;
pub mod objective;
pub mod optim;
pub mod plot;
pub mod run;
pub mod train;

pub use run::fit;

/// The page on data, whose examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/data.md")]
struct DataDoc;

/// The page on estimators, whose examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/estimators.md")]
struct EstimatorsDoc;

/// The page on densities of one's own, whose example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/match.md")]
struct MatchDoc;

/// The page on fitting a file of data, whose example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/fit.md")]
struct FitDoc;

/// The page on figures and their errors, whose example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/evaluation.md")]
struct EvaluationDoc;

/// The front page, whose example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadmeDoc;
