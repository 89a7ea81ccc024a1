//! What can go wrong, with the values that made it so.

use crate::array::DType;
use crate::shape::Shape;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// A fault of a traced program: which operation, where in the caller's source, and why.
///
/// Operators do not return `Result`. The first fault travels with the tensors that depend on it and comes out where
/// a value is asked for: [`Tensor::to_vec`](crate::Tensor::to_vec), [`Jit::call`](crate::Jit::call), `try_call`.
///
/// ```
/// use pullback::{Tensor, ErrorKind};
/// let a = Tensor::from([[1.0f32, 2.0, 3.0]]);
/// let b = Tensor::from([[1.0f32], [2.0]]);
/// let e = a.dot(&b).to_vec::<f32>().unwrap_err();
/// assert!(matches!(e.kind(), ErrorKind::InnerSizes { .. }));
/// assert!(e.to_string().starts_with("dot: inner sizes differ: [1, 3] · [2, 1], at "));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    op: String,
    at: Option<&'static Location<'static>>,
}

/// The reason of an [`Error`]; each kind carries the values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Two shapes that do not broadcast.
    Shapes {
        /// Of the left operand.
        left: Shape,
        /// Of the right operand.
        right: Shape,
    },
    /// A matrix product whose contracted sizes differ.
    InnerSizes {
        /// Of the left operand.
        left: Shape,
        /// Of the right operand.
        right: Shape,
    },
    /// Two element types that do not mix.
    DTypes {
        /// Of the left operand.
        left: DType,
        /// Of the right operand.
        right: DType,
    },
    /// An element type that the operation does not take.
    WrongDType {
        /// What it got.
        found: DType,
        /// What it takes, in words.
        needs: &'static str,
    },
    /// A shape that the operation does not take.
    WrongShape {
        /// What it got.
        found: Shape,
        /// What it takes, in words.
        needs: String,
    },
    /// An axis that the shape does not have.
    Axis {
        /// The axis asked for.
        axis: usize,
        /// The shape that lacks it.
        shape: Shape,
    },
    /// A reshape that would change the number of elements.
    Reshape {
        /// The shape there is.
        from: Shape,
        /// The shape asked for.
        to: Shape,
    },
    /// A range that leaves the axis.
    Bounds {
        /// First index.
        start: usize,
        /// One past the last.
        end: usize,
        /// The axis it is cut from.
        size: usize,
    },
    /// A segment's number that no segment has, or that comes after a greater one.
    SegmentIds {
        /// The number.
        id: i32,
        /// Its place among the numbers.
        at: usize,
        /// How many segments there are, where that is known.
        segments: Option<usize>,
    },
    /// A range of whole numbers that holds none.
    EmptyRange {
        /// The least.
        low: i32,
        /// One past the greatest.
        high: i32,
    },
    /// `grad` of a function whose value is no scalar.
    NotScalar {
        /// The shape of its value.
        shape: Shape,
    },
    /// A derivative with respect to, or of, numbers that are not floats.
    NotFloat {
        /// Their type.
        dtype: DType,
        /// The leaf's name.
        leaf: String,
    },
    /// Arguments that `vmap` maps over axes of different sizes.
    MappedSizes {
        /// The first size seen.
        left: String,
        /// The one that differs.
        right: String,
    },
    /// `vmap` without any mapped argument.
    NothingMapped,
    /// An operation that a transform cannot take through.
    NoRule {
        /// The transform.
        transform: &'static str,
        /// Why, and what to do.
        why: &'static str,
    },
    /// A traced tensor used after its function returned.
    Escaped,
    /// A value asked of a tensor that is still being traced.
    NotConcrete,
    /// A tensor without elements where one is needed.
    Empty,
    /// A compiled function called with arguments of another structure.
    Leaves {
        /// How many it was given.
        found: usize,
        /// How many it takes.
        needs: usize,
    },
    /// Data whose length does not fit its shape.
    Length {
        /// How many elements there are.
        found: usize,
        /// The shape they should fill.
        shape: Shape,
    },
    /// A graph that breaks an invariant: a fault of a rule or of a pass, not of the caller.
    Invalid {
        /// The invariant.
        why: String,
    },
}

impl ErrorKind {
    /// What to do about it, in an imperative.
    pub fn help(&self) -> &'static str {
        use ErrorKind::*;
        match self {
            Shapes { .. } => "reshape or broadcast one of them; sizes align at the right and only 1 stretches",
            InnerSizes { .. } => "transpose the second argument, or check which axis is contracted",
            DTypes { .. } => "convert one of them with .cast(DType::…)",
            WrongDType { .. } => "convert it with .cast(DType::…)",
            WrongShape { .. } => "reshape the argument",
            Axis { .. } => "count axes from 0, outermost first",
            Reshape { .. } => "give a shape with as many elements",
            Bounds { .. } => "cut inside the axis",
            SegmentIds { .. } => "number the segments from 0, ascending, below their count",
            EmptyRange { .. } => "the upper end is left out: give one above the greatest number wanted",
            NotScalar { .. } => "reduce the value with .sum() or .mean(), or use vjp",
            NotFloat { .. } => "keep integers and keys out of the first argument; close over them or pass them later",
            MappedSizes { .. } => "map axes of one size, or wrap what is not mapped in Shared(…)",
            NothingMapped => "leave at least one argument outside Shared(…)",
            NoRule { .. } => "see docs/transforms.md, \"sharp edges\"",
            Escaped => "return the tensor from the function instead of keeping it in an outer variable",
            NotConcrete => "return the tensor from the transformed function and read it outside",
            Empty => "give at least one element",
            Leaves { .. } => "pass the same tree that the function was compiled for",
            Length { .. } => "give one element for each place",
            Invalid { .. } => "this is a fault of pullback: please report the graph",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ErrorKind::*;
        match self {
            Shapes { left, right } => {
                let (left, right) = left.pair(right);
                write!(f, "shapes do not broadcast: {left} and {right}")
            }
            InnerSizes { left, right } => {
                let (left, right) = left.pair(right);
                write!(f, "inner sizes differ: {left} · {right}")
            }
            DTypes { left, right } => write!(f, "element types do not mix: {left} and {right}"),
            WrongDType { found, needs } => write!(f, "element type {found}; needs {needs}"),
            WrongShape { found, needs } => write!(f, "shape {found}; needs {needs}"),
            Axis { axis, shape } => write!(f, "no axis {axis} in {shape}"),
            Reshape { from, to } => {
                let (from, to) = from.pair(to);
                write!(f, "sizes differ: {from} to {to}")
            }
            Bounds { start, end, size } => write!(f, "{start}..{end} leaves an axis of {size}"),
            SegmentIds { id, at, segments } => {
                write!(f, "row {at} is of segment {id}, ")?;
                match segments {
                    Some(n) if *id < 0 || *id as usize >= *n => write!(f, "and there are {n}"),
                    _ if *id < 0 => write!(f, "and numbers begin at 0"),
                    _ => write!(f, "after a row of a later one"),
                }
            }
            EmptyRange { low, high } => write!(f, "no whole number i with {low} ≤ i < {high}"),
            NotScalar { shape } => write!(f, "the function's value has shape {shape}, not that of a scalar"),
            NotFloat { dtype, leaf } => write!(f, "no derivative with respect to `{leaf}` of type {dtype}"),
            MappedSizes { left, right } => write!(f, "mapped axes differ in size: {left} and {right}"),
            NothingMapped => write!(f, "no argument is mapped"),
            NoRule { transform, why } => write!(f, "{transform} does not go through: {why}"),
            Escaped => write!(f, "the tensor belongs to a function that has returned"),
            NotConcrete => write!(f, "the tensor has no value while its function is traced"),
            Empty => write!(f, "no elements"),
            Leaves { found, needs } => write!(f, "{found} tensors given, {needs} needed"),
            Length { found, shape } => write!(f, "{found} elements for shape {shape}"),
            Invalid { why } => write!(f, "{why}"),
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, op: impl Into<String>, at: Option<&'static Location<'static>>) -> Error {
        Error(Arc::new(Inner { kind, op: op.into(), at }))
    }

    /// A fault found by a pass rather than at a line.
    pub(crate) fn invalid(op: impl Into<String>, why: impl Into<String>) -> Error {
        Error::new(ErrorKind::Invalid { why: why.into() }, op, None)
    }

    /// Why.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The operation, by the name that graphs print.
    pub fn op(&self) -> &str {
        &self.0.op
    }

    /// The caller's line.
    pub fn at(&self) -> Option<&'static Location<'static>> {
        self.0.at
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.op, self.0.kind)?;
        if let Some(at) = self.0.at {
            write!(f, ", at {}:{}", at.file(), at.line())?;
        }
        write!(f, "; help: {}", self.0.kind.help())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
