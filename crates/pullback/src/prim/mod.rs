//! The primitives, one a file with all its rules, listed in [`TABLE`].

// What files below share.
mod batching;
pub(crate) mod operator;
mod pointwise;
mod ragged;
pub(crate) mod scan;

// Arithmetic, element by element.
mod abs;
mod add;
mod cast;
mod div;
mod floor;
mod max;
mod min;
mod mul;
mod neg;
mod pow;
mod sign;
mod sub;

// Functions, element by element.
mod cos;
mod erf;
mod erf_inv;
mod exp;
mod expm1;
mod log;
mod log1p;
mod log_gamma;
mod normal_icdf;
mod polygamma;
mod rsqrt;
mod sigmoid;
mod sin;
mod softplus;
mod sqrt;
mod tanh;

// Truth values.
mod and;
mod eq;
mod ge;
mod gt;
mod is_finite;
mod le;
mod lt;
mod ne;
mod not;
mod or;
mod select;

// Products, folds and prefixes.
mod cumsum;
mod dot;
mod logcumsumexp;
mod recurrence;
mod reduce;

// Shapes.
mod broadcast;
mod concat;
mod pad;
mod reshape;
mod reverse;
mod shift;
mod slice;
mod transpose;

// Rows by number, and ragged rows.
mod gather;
mod repeat_rows;
mod rows;
mod scatter_add;
pub(crate) mod segment;
mod segment_logcumsumexp;

// Values from nowhere.
pub(crate) mod constant;
pub(crate) mod fold_in;
mod iota;
pub(crate) mod random_bits;
mod size;

// Values as they are, but not to derivatives or passes.
pub(crate) mod barrier;
mod stop_gradient;

pub(crate) use batching::move_axis;
pub use operator::Scalar;
