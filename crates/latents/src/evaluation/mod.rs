//! Figures that owe nothing to the training estimator: the sandwich of the reverse KL, the forward KL, the density.

mod accumulate;
mod allocate;
pub mod baseline;
mod chunks;
mod compare;
mod divergence;
mod estimate;
mod evidence;
mod heavy_tail;
mod log_density;
mod median_of_means;
mod sampled;
mod sampler;
mod spec;
mod summary;
mod support;
mod verdict;

pub use allocate::{AllocateError, Allocated, Interval, Target, allocate};
pub use baseline::{Baseline, BaselineError, BernoulliBaseline, GaussianBaseline, IndependentBaseline, KdeBaseline};
pub(crate) use chunks::Chunked;
pub use compare::{CompareError, PairedDifference, paired_difference};
pub use divergence::{Divergence, Figure, ForwardKl, ReverseKl};
pub use estimate::{Evaluator, RowEstimate};
pub use evidence::{EvidenceError, linear_gaussian, log_evidence};
pub use heavy_tail::HeavyTail;
pub use log_density::{LogDensity, samples};
pub use median_of_means::{MedianOfMeans, median_of_means};
pub use sampled::Sampled;
pub use spec::{EstimatorSpec, SpecError};
pub use summary::{Distrust, Evidence, Summary, bits_per_dimension};
pub use support::{Lost, Support};
pub use verdict::{Diagnostics, Grade, Verdict};
