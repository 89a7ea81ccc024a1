//! `reduce_sum`, `reduce_max`, `reduce_min`, `logsumexp`: folds over some axes.

use crate::array::{Array, DType, Data, offsets, strides};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp, max, min};
use crate::math::Real;
use crate::prim::batching::move_axis;
use crate::prim::pointwise::Takes;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// A fold over some axes, which leave the shape.
#[derive(Clone, Debug)]
pub struct Reduce {
    /// Which fold.
    pub op: ReduceOp,
    /// Ascending.
    pub axes: Vec<usize>,
}

impl ReduceOp {
    pub(crate) fn takes(self, dtype: DType) -> Result<(), ErrorKind> {
        match self {
            ReduceOp::LogSumExp => Takes::Floats.check(dtype),
            _ => Takes::Numbers.check(dtype),
        }
    }

    /// The fold of some floats, in order.
    pub(crate) fn floats<T: Real>(self, x: &[T]) -> T {
        let zero = T::from_f64(0.0);
        let extreme = |start: f64, f: fn(T, T) -> T| x.iter().fold(T::from_f64(start), |a, &b| f(a, b));
        match self {
            ReduceOp::Sum => x.iter().fold(zero, |a, &b| a + b),
            ReduceOp::Max => extreme(f64::NEG_INFINITY, max),
            ReduceOp::Min => extreme(f64::INFINITY, min),
            ReduceOp::LogSumExp => {
                let top = extreme(f64::NEG_INFINITY, max);
                // An infinite maximum is the answer; subtracting it would make NaN of the terms.
                if !top.is_finite() {
                    return top;
                }
                let sum = x.iter().fold(zero, |a, &b| a + (b - top).exp::<false>());
                top + sum.log::<false>()
            }
        }
    }

    /// The fold of some signed integers; sums wrap.
    pub(crate) fn integers(self, x: &[i32]) -> i32 {
        match self {
            ReduceOp::Max => x.iter().copied().max().unwrap_or(i32::MIN),
            ReduceOp::Min => x.iter().copied().min().unwrap_or(i32::MAX),
            _ => x.iter().fold(0, |a, &b| a.wrapping_add(b)),
        }
    }

    /// The fold of some unsigned integers; sums wrap.
    pub(crate) fn naturals(self, x: &[u32]) -> u32 {
        match self {
            ReduceOp::Max => x.iter().copied().max().unwrap_or(0),
            ReduceOp::Min => x.iter().copied().min().unwrap_or(u32::MAX),
            _ => x.iter().fold(0, |a, &b| a.wrapping_add(b)),
        }
    }
}

impl Primitive for Reduce {
    fn name(&self) -> &'static str {
        match self.op {
            ReduceOp::Sum => "reduce_sum",
            ReduceOp::Max => "reduce_max",
            ReduceOp::Min => "reduce_min",
            ReduceOp::LogSumExp => "logsumexp",
        }
    }
    fn parameters(&self) -> String {
        format!("[axes={:?}]", self.axes)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        self.op.takes(inputs[0].dtype)?;
        let shape = &inputs[0].shape;
        if let Some(&axis) = self.axes.iter().find(|&&a| a >= shape.rank()) {
            return Err(ErrorKind::Axis { axis, shape: shape.clone() });
        }
        Ok(Type::new(inputs[0].dtype, shape.without(&self.axes)))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (shape, step) = (inputs[0].shape(), strides(inputs[0].shape()));
        let pick = |keep: bool| -> (Vec<usize>, Vec<usize>) {
            (0..shape.len()).filter(|i| self.axes.contains(i) != keep).map(|i| (shape[i], step[i])).unzip()
        };
        let ((outer, outer_step), (inner, inner_step)) = (pick(true), pick(false));
        let inner: Vec<usize> = offsets(&inner, &inner_step).collect();
        macro_rules! fold {
            ($v:ident, $x:ident, $f:ident) => {{
                let mut group = Vec::with_capacity(inner.len());
                let each = |at: usize| {
                    group.clear();
                    group.extend(inner.iter().map(|i| $x[at + i]));
                    self.op.$f(&group)
                };
                Data::$v(offsets(&outer, &outer_step).map(each).collect())
            }};
        }
        let data = match inputs[0].data() {
            Data::F32(x) => fold!(F32, x, floats),
            Data::F64(x) => fold!(F64, x, floats),
            Data::I32(x) => fold!(I32, x, integers),
            Data::U32(x) => fold!(U32, x, naturals),
            Data::Bool(_) => unreachable!("reduce: types were inferred"),
        };
        Array::new(outer, data)
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let (x, d) = (&x[0], dx[0].as_ref()?);
        let spread = |t: &Tensor| t.broadcast_axes(x.shape(), kept(x.rank(), &self.axes));
        Some(match self.op {
            ReduceOp::Sum => d.reduce_sum(&self.axes),
            ReduceOp::LogSumExp => {
                let finite = y.is_finite();
                let weights = (x - spread(&finite.select(y, 0.0))).exp();
                let weights = spread(&finite).select(&weights, 0.0);
                (d * weights).reduce_sum(&self.axes)
            }
            ReduceOp::Max | ReduceOp::Min => {
                let winner = x.eq(spread(y)).cast(x.dtype());
                let ties = winner.reduce_sum(&self.axes);
                // None wins where there are no elements.
                (d * winner).reduce_sum(&self.axes) / ties.maximum(1.0)
            }
        })
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        if self.op != ReduceOp::Sum {
            return super::pointwise::not_linear(self.name(), inputs);
        }
        let shape = inputs[0].ty().shape;
        let axes = kept(shape.rank(), &self.axes);
        vec![Some(ct.broadcast_axes(shape, axes))]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        let axes = self.axes.iter().map(|a| a + 1).collect();
        bind(Reduce { op: self.op, axes }, &[inputs[0].tensor()])
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let x = inputs[0].tensor();
        let Some(at) = fold.axes[0].filter(|at| self.axes.contains(at)) else {
            return Batched::Folded(bind(self.clone(), &[x]));
        };
        let rest: Vec<usize> = self.axes.iter().copied().filter(|&a| a != at).collect();
        let x = x.reduce(self.op, &rest);
        let at = at - rest.iter().filter(|&&a| a < at).count();
        Batched::Stacked(move_axis(&x, at, 0).segment(self.op, &fold.ids, fold.examples))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Reduce(self.op, self.axes.clone())
    }
}

/// The axes that stay.
fn kept(rank: usize, axes: &[usize]) -> Vec<usize> {
    (0..rank).filter(|i| !axes.contains(i)).collect()
}

impl Tensor {
    #[track_caller]
    pub(crate) fn reduce(&self, op: ReduceOp, axes: &[usize]) -> Tensor {
        if axes.is_empty() {
            return self.clone();
        }
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        axes.dedup();
        bind(Reduce { op, axes }, &[self])
    }

    /// The sum over some axes, which leave the shape.
    #[track_caller]
    pub fn reduce_sum(&self, axes: &[usize]) -> Tensor {
        self.reduce(ReduceOp::Sum, axes)
    }

    /// The greatest element over some axes, which leave the shape; ties share the derivative.
    #[track_caller]
    pub fn reduce_max(&self, axes: &[usize]) -> Tensor {
        self.reduce(ReduceOp::Max, axes)
    }

    /// The least element over some axes, which leave the shape; ties share the derivative.
    #[track_caller]
    pub fn reduce_min(&self, axes: &[usize]) -> Tensor {
        self.reduce(ReduceOp::Min, axes)
    }

    /// `log Σ e^x` along an axis, which leaves the shape; no term overflows, and `-inf` everywhere gives `-inf`.
    #[track_caller]
    pub fn logsumexp(&self, axis: usize) -> Tensor {
        self.reduce(ReduceOp::LogSumExp, &[axis])
    }

    /// The sum of all elements.
    #[track_caller]
    pub fn sum(&self) -> Tensor {
        self.reduce_sum(&(0..self.rank()).collect::<Vec<_>>())
    }
}

/// What it is tested on.
pub(crate) fn cases(op: ReduceOp) -> Vec<Case> {
    let hard = [f64::NEG_INFINITY, -745.0, 1e4, f64::INFINITY];
    let of = |shape: &[Dim], axes: &[usize], dtype| {
        let arg = Arg::new(dtype, Shape(shape.into()), -2.0, 2.0);
        Case::new(Reduce { op, axes: axes.into() }, [if dtype == DType::F64 { arg.at(&hard) } else { arg }])
    };
    let rows = Dim::fresh_rows();
    let mut cases = Vec::new();
    for dtype in [DType::F64, DType::I32, DType::U32] {
        if op.takes(dtype).is_ok() {
            cases.push(of(&[5.into()], &[0], dtype));
            cases.push(of(&[2.into(), 3.into(), 2.into()], &[0, 2], dtype));
            cases.push(of(&[rows, 3.into()], &[0], dtype));
            cases.push(of(&[rows, 3.into()], &[1], dtype));
            cases.push(of(&[3.into(), rows], &[1], dtype));
            cases.push(of(&[2.into(), rows, 3.into()], &[0, 1], dtype));
        }
    }
    cases
}
