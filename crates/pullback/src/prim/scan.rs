//! `cumsum`, `logcumsumexp`, `recurrence`: prefixes along one axis.

use crate::array::{Array, Data, strides};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp, max};
use crate::math::Real;
use crate::prim::batching::move_axis;
use crate::prim::pointwise::{Takes, add_some, infer_same, not_linear};
use crate::shape::{Dim, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y_k = x_0 + … + x_k`, or from the other end.
#[derive(Clone, Debug)]
pub struct CumSum {
    /// Along which axis.
    pub axis: usize,
    /// From the last element to the first.
    pub reverse: bool,
}

/// `y_k = log(e^x_0 + … + e^x_k)` under a running maximum, so that small prefixes before a large element survive.
#[derive(Clone, Debug)]
pub struct LogCumSumExp {
    /// Along which axis.
    pub axis: usize,
}

/// `y_k = a_k y_(k-1) + x_k`, or from the other end: the linear map that prefixes' derivatives are made of.
#[derive(Clone, Debug)]
pub struct Recurrence {
    /// Along which axis.
    pub axis: usize,
    /// From the last element to the first.
    pub reverse: bool,
}

fn infer(inputs: &[&Type], axis: usize, takes: Takes) -> Result<Type, ErrorKind> {
    infer_same(inputs)?;
    takes.check(inputs[0].dtype)?;
    if axis >= inputs[0].shape.rank() {
        return Err(ErrorKind::Axis { axis, shape: inputs[0].shape.clone() });
    }
    Ok(inputs[0].clone())
}

/// Calls `step(previous, here)` with flat indices along every line of one axis, in order or from the end.
pub(crate) fn lines(shape: &[usize], axis: usize, reverse: bool, mut step: impl FnMut(Option<usize>, usize)) {
    let (n, stride) = (shape[axis], strides(shape)[axis]);
    let total: usize = shape.iter().product();
    for start in (0..total).filter(|i| i / stride % n == 0) {
        let mut before = None;
        for k in 0..n {
            let here = start + if reverse { n - 1 - k } else { k } * stride;
            step(before, here);
            before = Some(here);
        }
    }
}

/// `log(e^a + e^b)`; `-inf` where both are.
#[inline(always)]
pub(crate) fn log_add_exp<T: Real>(a: T, b: T) -> T {
    let top = max(a, b);
    let gap = a - b;
    if !top.is_finite() { top } else { top + (-gap.abs()).exp::<false>().log1p::<false>() }
}

impl Primitive for CumSum {
    fn name(&self) -> &'static str {
        "cumsum"
    }
    fn parameters(&self) -> String {
        format!("[axis={}{}]", self.axis, if self.reverse { " reverse" } else { "" })
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        infer(inputs, self.axis, Takes::Numbers)
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let mut data = inputs[0].data().clone();
        macro_rules! sum {
            ($v:ident, $add:expr) => {
                lines(inputs[0].shape(), self.axis, self.reverse, |before, here| {
                    if let Some(b) = before {
                        $v[here] = $add($v[b], $v[here]);
                    }
                })
            };
        }
        match &mut data {
            Data::F32(v) => sum!(v, |a: f32, b: f32| a + b),
            Data::F64(v) => sum!(v, |a: f64, b: f64| a + b),
            Data::I32(v) => sum!(v, |a: i32, b: i32| a.wrapping_add(b)),
            Data::U32(v) => sum!(v, |a: u32, b: u32| a.wrapping_add(b)),
            Data::Bool(_) => unreachable!("cumsum: types were inferred"),
        }
        Array::new(inputs[0].shape().to_vec(), data)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| bind(self.clone(), &[d]))
    }
    fn transpose(&self, _: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(bind(CumSum { reverse: !self.reverse, ..*self }, &[ct]))]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        bind(CumSum { axis: self.axis + 1, ..*self }, &[inputs[0].tensor()])
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let x = inputs[0].tensor();
        Batched::Folded(if fold.axes[0] == Some(self.axis) {
            let carry = fold.carry(x, self.axis, self.reverse);
            if x.dtype().is_float() {
                carry.cast(x.dtype()).recurrence(x, self.axis, self.reverse)
            } else {
                let whole = carry.cast(crate::array::DType::F64);
                whole.recurrence(&x.cast(crate::array::DType::F64), self.axis, self.reverse).cast(x.dtype())
            }
        } else {
            bind(self.clone(), &[x])
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::CumSum { reverse: self.reverse }, self.axis)
    }
}

impl Fold {
    /// True where a prefix goes on from the row before (or after) it, in the shape of `x`.
    pub(crate) fn carry(&self, x: &Tensor, axis: usize, reverse: bool) -> Tensor {
        let goes_on =
            if reverse { self.positions.lt(self.counts.repeat_rows(&self.ids) - 1) } else { self.positions.gt(0) };
        goes_on.broadcast_axes(x.shape(), vec![axis])
    }
}

impl Primitive for LogCumSumExp {
    fn name(&self) -> &'static str {
        "logcumsumexp"
    }
    fn parameters(&self) -> String {
        format!("[axis={}]", self.axis)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        infer(inputs, self.axis, Takes::Floats)
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let mut data = inputs[0].data().clone();
        macro_rules! scan {
            ($v:ident) => {
                lines(inputs[0].shape(), self.axis, false, |before, here| {
                    if let Some(b) = before {
                        $v[here] = log_add_exp($v[b], $v[here]);
                    }
                })
            };
        }
        match &mut data {
            Data::F32(v) => scan!(v),
            Data::F64(v) => scan!(v),
            _ => unreachable!("logcumsumexp: types were inferred"),
        }
        Array::new(inputs[0].shape().to_vec(), data)
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let (x, d) = (&x[0], dx[0].as_ref()?);
        let n = self.axis;
        Some(share_before(y, n).recurrence(&(share(x, y) * d), n, false))
    }
    fn transpose(&self, inputs: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        not_linear("logcumsumexp", inputs)
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        inputs[0].tensor().logcumsumexp(self.axis + 1)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let x = inputs[0].tensor();
        Batched::Folded(if fold.axes[0] == Some(self.axis) {
            let y = move_axis(x, self.axis, 0).segment_logcumsumexp(&fold.ids);
            move_axis(&y, 0, self.axis)
        } else {
            x.logcumsumexp(self.axis)
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::LogCumSumExp, self.axis)
    }
}

/// `e^(x - y)`, the share of the newest term in a prefix; 0 where the prefix is empty of weight.
pub(crate) fn share(x: &Tensor, y: &Tensor) -> Tensor {
    let finite = y.is_finite();
    finite.select(&(x - finite.select(y, 0.0)).exp(), 0.0)
}

/// `e^(y_(k-1) - y_k)`, the share of the terms before the newest. It never exceeds 1; at the first element, where
/// nothing came before, the bound keeps it finite and nothing reads it.
pub(crate) fn share_before(y: &Tensor, axis: usize) -> Tensor {
    let finite = y.is_finite();
    let gap = y.shift(axis, false) - finite.select(y, 0.0);
    finite.select(&gap.minimum(0.0).exp(), 0.0)
}

impl Primitive for Recurrence {
    fn name(&self) -> &'static str {
        "recurrence"
    }
    fn parameters(&self) -> String {
        format!("[axis={}{}]", self.axis, if self.reverse { " reverse" } else { "" })
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        infer(inputs, self.axis, Takes::Floats)
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let mut data = inputs[1].data().clone();
        macro_rules! scan {
            ($a:ident, $v:ident) => {
                lines(inputs[0].shape(), self.axis, self.reverse, |before, here| {
                    if let Some(b) = before {
                        $v[here] = $a[here] * $v[b] + $v[here];
                    }
                })
            };
        }
        match (inputs[0].data(), &mut data) {
            (Data::F32(a), Data::F32(v)) => scan!(a, v),
            (Data::F64(a), Data::F64(v)) => scan!(a, v),
            _ => unreachable!("recurrence: types were inferred"),
        }
        Array::new(inputs[0].shape().to_vec(), data)
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let along = |d: Tensor| x[0].recurrence(&d, self.axis, self.reverse);
        let through_a = dx[0].as_ref().map(|da| da * y.shift(self.axis, self.reverse));
        add_some(through_a, dx[1].clone()).map(along)
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        match (inputs[0].fixed(), inputs[1].fixed()) {
            (Some(a), None) => {
                // ȳ runs the other way, multiplied by the factor of the element that it came through.
                let a = a.shift(self.axis, !self.reverse);
                vec![None, Some(a.recurrence(ct, self.axis, !self.reverse))]
            }
            _ => not_linear("recurrence", inputs),
        }
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        inputs[0].stacked(n).recurrence(&inputs[1].stacked(n), self.axis + 1, self.reverse)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let (a, x) = (inputs[0].tensor(), inputs[1].tensor());
        Batched::Folded(if fold.axes[0] == Some(self.axis) {
            let a = fold.carry(a, self.axis, self.reverse).select(a, 0.0);
            a.recurrence(x, self.axis, self.reverse)
        } else {
            a.recurrence(x, self.axis, self.reverse)
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::Recurrence { reverse: self.reverse }, self.axis)
    }
}

impl Tensor {
    /// Sums of prefixes along an axis: `y_k = x_0 + … + x_k`.
    #[track_caller]
    pub fn cumsum(&self, axis: usize) -> Tensor {
        bind(CumSum { axis, reverse: false }, &[self])
    }

    /// `log Σ_(i ≤ k) e^(x_i)` along an axis, by a running maximum: small prefixes do not underflow.
    #[track_caller]
    pub fn logcumsumexp(&self, axis: usize) -> Tensor {
        bind(LogCumSumExp { axis }, &[self])
    }

    /// `y_k = a_k y_(k-1) + x_k` along an axis, with this tensor as `a`; `y` before the first element is 0.
    #[track_caller]
    pub fn recurrence(&self, x: &Tensor, axis: usize, reverse: bool) -> Tensor {
        bind(Recurrence { axis, reverse }, &[self, x])
    }

    /// Each element's predecessor along an axis (its successor, if `reverse`), 0 at the end where there is none.
    #[track_caller]
    pub fn shift(&self, axis: usize, reverse: bool) -> Tensor {
        bind(super::shift::Shift { axis, reverse }, &[self])
    }
}
