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
mod erfc;
mod exp;
mod expm1;
mod log;
mod log1p;
mod log_gamma;
mod log_sigmoid;
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
mod dot_add;
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
mod segment_recurrence;
mod segment_shift;

// Values from nowhere.
pub(crate) mod constant;
pub(crate) mod fold_in;
mod iota;
pub(crate) mod random_bits;
mod size;

// Values as they are, but not to derivatives or passes.
pub(crate) mod barrier;
mod stop_gradient;

use crate::array::DType;
use crate::case::Row;
use crate::lowering::{RandomOp, ReduceOp};
pub(crate) use batching::move_axis;
pub(crate) use broadcast::Broadcast;
pub(crate) use concat::Concat;
pub(crate) use dot::Dot;
pub(crate) use dot_add::DotAdd;
pub(crate) use mul::Mul;
pub use operator::Scalar;
pub(crate) use reduce::Reduce;
pub(crate) use slice::Slice;
pub(crate) use sub::Sub;
pub(crate) use transpose::Transpose;

/// Every primitive of this folder by the name that graphs print, with what it is tested on.
pub const TABLE: &[Row] = &[
    ("abs", abs::cases),
    ("add", add::cases),
    ("and", and::cases),
    ("barrier", barrier::cases),
    ("broadcast", broadcast::cases),
    ("cast", cast::cases),
    ("concat", concat::cases),
    ("constant", constant::cases),
    ("cos", cos::cases),
    ("cumsum", cumsum::cases),
    ("div", div::cases),
    ("dot", dot::cases),
    ("dot_add", dot_add::cases),
    ("eq", eq::cases),
    ("erf", erf::cases),
    ("erf_inv", erf_inv::cases),
    ("erfc", erfc::cases),
    ("exp", exp::cases),
    ("expm1", expm1::cases),
    ("floor", floor::cases),
    ("fold_in", fold_in::cases),
    ("gather", gather::cases),
    ("ge", ge::cases),
    ("gt", gt::cases),
    ("iota", iota::cases),
    ("is_finite", is_finite::cases),
    ("le", le::cases),
    ("log", log::cases),
    ("log1p", log1p::cases),
    ("log_gamma", log_gamma::cases),
    ("log_sigmoid", log_sigmoid::cases),
    ("logcumsumexp", logcumsumexp::cases),
    ("logsumexp", || reduce::cases(ReduceOp::LogSumExp)),
    ("lt", lt::cases),
    ("max", max::cases),
    ("min", min::cases),
    ("mul", mul::cases),
    ("ne", ne::cases),
    ("neg", neg::cases),
    ("normal_icdf", normal_icdf::cases),
    ("not", not::cases),
    ("or", or::cases),
    ("pad", pad::cases),
    ("polygamma", polygamma::cases),
    ("pow", pow::cases),
    ("random_bits", || random_bits::cases(&[RandomOp::Bits])),
    ("random_unit", || random_bits::cases(&[RandomOp::Unit(DType::F32), RandomOp::Unit(DType::F64)])),
    ("recurrence", recurrence::cases),
    ("reduce_max", || reduce::cases(ReduceOp::Max)),
    ("reduce_min", || reduce::cases(ReduceOp::Min)),
    ("reduce_sum", || reduce::cases(ReduceOp::Sum)),
    ("repeat_rows", repeat_rows::cases),
    ("reshape", reshape::cases),
    ("reverse", reverse::cases),
    ("rows", rows::cases),
    ("rsqrt", rsqrt::cases),
    ("scatter_add", scatter_add::cases),
    ("segment_logcumsumexp", segment_logcumsumexp::cases),
    ("segment_recurrence", segment_recurrence::cases),
    ("segment_shift", segment_shift::cases),
    ("segment_logsumexp", || segment::cases(ReduceOp::LogSumExp)),
    ("segment_max", || segment::cases(ReduceOp::Max)),
    ("segment_min", || segment::cases(ReduceOp::Min)),
    ("segment_sum", || segment::cases(ReduceOp::Sum)),
    ("select", select::cases),
    ("shift", shift::cases),
    ("sigmoid", sigmoid::cases),
    ("sign", sign::cases),
    ("sin", sin::cases),
    ("size", size::cases),
    ("slice", slice::cases),
    ("softplus", softplus::cases),
    ("sqrt", sqrt::cases),
    ("stop_gradient", stop_gradient::cases),
    ("sub", sub::cases),
    ("tanh", tanh::cases),
    ("transpose", transpose::cases),
];
