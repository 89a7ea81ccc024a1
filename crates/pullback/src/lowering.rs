//! What the executor is told about a primitive: the few forms that computation takes.

use crate::array::{Array, DType, Data};
use crate::math::Real;
use crate::shape::{Dim, Shape};
use std::sync::Arc;

/// The form in which the executor may run a primitive.
#[derive(Clone, Debug)]
pub enum Lowering {
    /// Element by element over operands of one shape.
    Pointwise(PointOp),
    /// A value known when the graph was made.
    Constant(Arc<Array>),
    /// The operand's axis `i` becomes the result's axis `axes[i]`; the others repeat.
    Broadcast(Vec<usize>),
    /// Row `ids[i]` of operand 0 for each `i` of operand 1, along axis 0.
    RepeatRows,
    /// The same elements under another shape.
    Reshape,
    /// The result's axis `i` is the operand's axis `order[i]`.
    Transpose(Vec<usize>),
    /// A fold of some axes.
    Reduce(ReduceOp, Vec<usize>),
    /// A fold of each segment's rows; operand 1 holds ascending row numbers of the result.
    Segment(ReduceOp),
    /// A product of two tensors.
    Dot(DotAxes),
    /// A product of two tensors added to a third.
    DotAdd(DotAxes),
    /// A prefix operation along an axis.
    Scan(ScanOp, usize),
    /// Elements `start..end` of an axis.
    Slice {
        /// The axis that is cut.
        axis: usize,
        /// First index.
        start: usize,
    },
    /// Zeros before and after the elements of an axis.
    Pad {
        /// The axis that grows.
        axis: usize,
        /// Zeros before the first element.
        before: usize,
    },
    /// Operands end to end along an axis.
    Concat(usize),
    /// Numbers that count along one axis.
    Iota(usize),
    /// Random numbers from the key in operand 0.
    Random(RandomOp),
    /// Row numbers `0..n` for the count in operand 0, or for each row of many counts the number of its count.
    Rows,
    /// The size of an extent.
    Size(Dim),
    /// The operand, kept apart from the operand in optimisation.
    Barrier,
    /// The outputs of a graph, spelled out before optimisation.
    Call(Arc<crate::ir::Graph>, usize),
    /// The executor calls the primitive's own plain loops.
    Plain,
}

/// An operation on elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names are those of the functions")]
pub enum PointOp {
    Neg,
    Exp,
    Log,
    Log1p,
    Expm1,
    Tanh,
    Sigmoid,
    Softplus,
    Sqrt,
    Rsqrt,
    Sin,
    Cos,
    Abs,
    Sign,
    Floor,
    Erf,
    Erfc,
    ErfInv,
    LogSigmoid,
    NormalIcdf,
    LogGamma,
    Polygamma(u32),
    IsFinite,
    Not,
    Cast(DType),
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
    Select,
}

/// An associative fold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names are those of the functions")]
pub enum ReduceOp {
    Sum,
    Max,
    Min,
    LogSumExp,
}

/// A prefix operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names are those of the functions")]
pub enum ScanOp {
    CumSum { reverse: bool },
    LogCumSumExp,
    SegmentLogCumSumExp,
    SegmentRecurrence { reverse: bool },
    SegmentShift { reverse: bool },
    Recurrence { reverse: bool },
    Shift { reverse: bool },
}

/// What is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RandomOp {
    /// 32 random bits.
    Bits,
    /// A float in \[0, 1) of that type.
    Unit(DType),
    /// A key for each number in operand 1.
    FoldIn,
}

/// Which axes of a product's operands are contracted and which go along.
///
/// The result's axes are the batch axes, then the left operand's others, then the right one's.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct DotAxes {
    /// Contracted, left and right.
    pub contract: (Vec<usize>, Vec<usize>),
    /// Going along, left and right.
    pub batch: (Vec<usize>, Vec<usize>),
}

impl DotAxes {
    /// The axes of the left (`0`) or right (`1`) operand that are neither contracted nor going along.
    pub fn free(&self, side: usize, rank: usize) -> Vec<usize> {
        let (c, b) = match side {
            0 => (&self.contract.0, &self.batch.0),
            _ => (&self.contract.1, &self.batch.1),
        };
        (0..rank).filter(|i| !c.contains(i) && !b.contains(i)).collect()
    }

    /// The shape of the result.
    pub fn shape(&self, left: &Shape, right: &Shape) -> Shape {
        let mut dims: Vec<Dim> = self.batch.0.iter().map(|&i| left.dims()[i]).collect();
        dims.extend(self.free(0, left.rank()).iter().map(|&i| left.dims()[i]));
        dims.extend(self.free(1, right.rank()).iter().map(|&i| right.dims()[i]));
        Shape(dims)
    }
}

/// NumPy's `maximum`: NaN wins.
#[inline(always)]
pub(crate) fn max<T: PartialOrd + Copy>(a: T, b: T) -> T {
    #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
    if a > b || a != a { a } else { b }
}

/// NumPy's `minimum`: NaN wins.
#[inline(always)]
pub(crate) fn min<T: PartialOrd + Copy>(a: T, b: T) -> T {
    #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
    if a < b || a != a { a } else { b }
}

impl PointOp {
    /// The operation on one float.
    #[inline(always)]
    pub(crate) fn unary<T: Real, const FMA: bool>(self, x: T) -> T {
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        match self {
            PointOp::Neg => -x,
            PointOp::Exp => x.exp::<FMA>(),
            PointOp::Log => x.log::<FMA>(),
            PointOp::Log1p => x.log1p::<FMA>(),
            PointOp::Expm1 => x.expm1::<FMA>(),
            PointOp::Tanh => x.tanh::<FMA>(),
            PointOp::Sigmoid => x.sigmoid::<FMA>(),
            PointOp::Softplus => x.softplus::<FMA>(),
            PointOp::Sqrt => x.sqrt(),
            PointOp::Rsqrt => x.rsqrt(),
            PointOp::Sin => x.sin_wide::<FMA>(),
            PointOp::Cos => x.cos_wide::<FMA>(),
            PointOp::Abs => x.abs(),
            PointOp::Sign => {
                if x > zero {
                    one
                } else if x < zero {
                    -one
                } else {
                    x
                }
            }
            PointOp::Floor => x.floor(),
            PointOp::Erf => x.erf::<FMA>(),
            PointOp::Erfc => x.erfc::<FMA>(),
            PointOp::LogSigmoid => x.log_sigmoid::<FMA>(),
            PointOp::ErfInv => x.erf_inv::<FMA>(),
            PointOp::NormalIcdf => x.normal_icdf::<FMA>(),
            PointOp::LogGamma => x.log_gamma(),
            PointOp::Polygamma(n) => x.polygamma(n),
            _ => unreachable!("no float function of one argument: {self:?}"),
        }
    }

    /// The operation on two floats.
    #[inline(always)]
    pub(crate) fn binary<T: Real>(self, a: T, b: T) -> T {
        match self {
            PointOp::Add => a + b,
            PointOp::Sub => a - b,
            PointOp::Mul => a * b,
            PointOp::Div => a / b,
            PointOp::Pow => a.pow(b),
            PointOp::Max => max(a, b),
            PointOp::Min => min(a, b),
            _ => unreachable!("no float function of two arguments: {self:?}"),
        }
    }

    /// The comparison.
    #[inline(always)]
    pub(crate) fn compare<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            PointOp::Eq => a == b,
            PointOp::Ne => a != b,
            PointOp::Lt => a < b,
            PointOp::Le => a <= b,
            PointOp::Gt => a > b,
            PointOp::Ge => a >= b,
            _ => unreachable!("no comparison: {self:?}"),
        }
    }

    /// Whether it compares its operands.
    pub(crate) fn is_comparison(self) -> bool {
        use PointOp::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }

    /// The operation on arrays of one shape, by plain loops.
    pub(crate) fn eval(self, inputs: &[&Array]) -> Array {
        use Data::*;
        let shape = inputs[0].shape().to_vec();
        let data = match (self, inputs) {
            (PointOp::Cast(to), [x]) => cast(x.data(), to),
            (PointOp::Select, [c, a, b]) => {
                let c = c.get::<bool>();
                fn pick<T: Copy>(c: &[bool], a: &[T], b: &[T]) -> Vec<T> {
                    c.iter().zip(a.iter().zip(b)).map(|(&c, (&a, &b))| if c { a } else { b }).collect()
                }
                match (a.data(), b.data()) {
                    (F32(a), F32(b)) => F32(pick(c, a, b)),
                    (F64(a), F64(b)) => F64(pick(c, a, b)),
                    (I32(a), I32(b)) => I32(pick(c, a, b)),
                    (U32(a), U32(b)) => U32(pick(c, a, b)),
                    (Bool(a), Bool(b)) => Bool(pick(c, a, b)),
                    _ => unreachable!("select: types were inferred"),
                }
            }
            (PointOp::IsFinite, [x]) => match x.data() {
                F32(v) => Bool(v.iter().map(|x| x.is_finite()).collect()),
                F64(v) => Bool(v.iter().map(|x| x.is_finite()).collect()),
                _ => Bool(vec![true; x.len()]),
            },
            (PointOp::Not, [x]) => Bool(x.get::<bool>().iter().map(|x| !x).collect()),
            (op, [x]) => match x.data() {
                F32(v) => F32(v.iter().map(|&x| op.unary::<f32, false>(x)).collect()),
                F64(v) => F64(v.iter().map(|&x| op.unary::<f64, false>(x)).collect()),
                I32(v) => I32(v.iter().map(|&x| op.integer(x, 0)).collect()),
                _ => unreachable!("{op:?}: types were inferred"),
            },
            (op, [a, b]) if op.is_comparison() => {
                fn zip<T: Copy>(a: &[T], b: &[T], f: impl Fn(T, T) -> bool) -> Data {
                    Bool(a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect())
                }
                match (a.data(), b.data()) {
                    (F32(a), F32(b)) => zip(a, b, |a, b| op.compare(a, b)),
                    (F64(a), F64(b)) => zip(a, b, |a, b| op.compare(a, b)),
                    (I32(a), I32(b)) => zip(a, b, |a, b| op.compare(a, b)),
                    (U32(a), U32(b)) => zip(a, b, |a, b| op.compare(a, b)),
                    (Bool(a), Bool(b)) => zip(a, b, |a, b| op.compare(a, b)),
                    _ => unreachable!("comparison: types were inferred"),
                }
            }
            (op, [a, b]) => {
                fn zip<T: Copy>(a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> Vec<T> {
                    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
                }
                match (a.data(), b.data()) {
                    (F32(a), F32(b)) => F32(zip(a, b, |a, b| op.binary(a, b))),
                    (F64(a), F64(b)) => F64(zip(a, b, |a, b| op.binary(a, b))),
                    (I32(a), I32(b)) => I32(zip(a, b, |a, b| op.integer(a, b))),
                    (U32(a), U32(b)) => U32(zip(a, b, |a, b| op.natural(a, b))),
                    (Bool(a), Bool(b)) => Bool(zip(a, b, |a, b| if op == PointOp::And { a & b } else { a | b })),
                    _ => unreachable!("{op:?}: types were inferred"),
                }
            }
            _ => unreachable!("{self:?}: the number of operands was inferred"),
        };
        Array::new(shape, data)
    }

    /// The operation on signed integers; it wraps, and division by zero gives -1 as in XLA.
    #[inline(always)]
    pub(crate) fn integer(self, a: i32, b: i32) -> i32 {
        match self {
            PointOp::Neg => a.wrapping_neg(),
            PointOp::Abs => a.wrapping_abs(),
            PointOp::Sign => a.signum(),
            PointOp::Add => a.wrapping_add(b),
            PointOp::Sub => a.wrapping_sub(b),
            PointOp::Mul => a.wrapping_mul(b),
            PointOp::Div if b == 0 => -1,
            PointOp::Div => a.wrapping_div(b),
            PointOp::Max => a.max(b),
            PointOp::Min => a.min(b),
            _ => unreachable!("no integer function: {self:?}"),
        }
    }

    /// The operation on unsigned integers; it wraps, and division by zero gives the greatest number as in XLA.
    #[inline(always)]
    pub(crate) fn natural(self, a: u32, b: u32) -> u32 {
        match self {
            PointOp::Add => a.wrapping_add(b),
            PointOp::Sub => a.wrapping_sub(b),
            PointOp::Mul => a.wrapping_mul(b),
            PointOp::Div => a.checked_div(b).unwrap_or(u32::MAX),
            PointOp::Max => a.max(b),
            PointOp::Min => a.min(b),
            _ => unreachable!("no function of naturals: {self:?}"),
        }
    }
}

/// Conversion as Rust's `as`: towards zero, saturating; truth values are 0 and 1.
pub(crate) fn cast(data: &Data, to: DType) -> Data {
    macro_rules! to {
        ($v:expr, $x:ident => $f:expr) => {
            match to {
                DType::F32 => Data::F32($v.iter().map(|&$x| $f as f32).collect()),
                DType::F64 => Data::F64($v.iter().map(|&$x| $f as f64).collect()),
                DType::I32 => Data::I32($v.iter().map(|&$x| $f as i32).collect()),
                DType::U32 => Data::U32($v.iter().map(|&$x| $f as u32).collect()),
                DType::Bool => Data::Bool($v.iter().map(|&$x| $f as f64 != 0.0).collect()),
            }
        };
    }
    match data {
        Data::F32(v) => to!(v, x => x),
        Data::F64(v) => to!(v, x => x),
        Data::I32(v) => to!(v, x => x),
        Data::U32(v) => to!(v, x => x),
        Data::Bool(v) => to!(v, x => x as u8),
    }
}
