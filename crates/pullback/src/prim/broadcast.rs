//! `broadcast`: a tensor repeated along new axes, or along axes of size 1.

use crate::array::{Array, offsets, strides};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind, bind_beside};
use std::sync::Arc;

/// The operand's axis `i` becomes the result's axis `axes[i]`; the other axes repeat it.
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// Of the result.
    pub shape: Shape,
    /// Where each axis of the operand goes.
    pub axes: Vec<usize>,
}

impl Primitive for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }
    fn parameters(&self) -> String {
        if self.axes.is_empty() { String::new() } else { format!("[axes={:?}]", self.axes) }
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let from = &inputs[0].shape;
        let distinct = self.axes.iter().enumerate().all(|(i, a)| !self.axes[..i].contains(a));
        let fits = distinct
            && from.rank() == self.axes.len()
            && from
                .dims()
                .iter()
                .zip(&self.axes)
                .all(|(&d, &a)| self.shape.dims().get(a).is_some_and(|&to| to == d || d == Dim::Known(1)));
        if !fits {
            return Err(ErrorKind::Shapes { left: from.clone(), right: self.shape.clone() });
        }
        Ok(Type::new(inputs[0].dtype, &self.shape))
    }
    fn eval(&self, inputs: &[&Array], sizes: &Sizes) -> Array {
        let shape = sizes.resolve(&self.shape);
        let mut step = vec![0; shape.len()];
        for ((&axis, &size), stride) in self.axes.iter().zip(inputs[0].shape()).zip(strides(inputs[0].shape())) {
            step[axis] = if size == 1 { 0 } else { stride };
        }
        let data = inputs[0].data().pick(offsets(&shape, &step));
        Array::new(shape, data)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| bind(self.clone(), &[d]))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let from = inputs[0].ty().shape;
        let kept: Vec<usize> = (0..from.rank())
            .filter(|&i| from.dims()[i] == self.shape.dims()[self.axes[i]])
            .map(|i| self.axes[i])
            .collect();
        let summed: Vec<usize> = (0..self.shape.rank()).filter(|a| !kept.contains(a)).collect();
        let sum = ct.reduce_sum(&summed);
        let mut sorted = kept.clone();
        sorted.sort_unstable();
        let place = |a: &usize| sorted.iter().position(|s| s == a).unwrap_or(0);
        let order: Vec<usize> = kept.iter().map(place).collect();
        vec![Some(sum.transpose(&order).reshape(from))]
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        let mut axes: Vec<usize> = self.axes.iter().map(|a| a + 1).collect();
        axes.insert(0, 0);
        bind(Broadcast { shape: self.shape.insert(0, n), axes }, &[inputs[0].tensor()])
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let shape = fold.map_shape(&self.shape);
        let mut axes = self.axes.clone();
        let mut x = inputs[0].clone();
        if let (Batched::Stacked(t), Some(at)) = (&inputs[0], self.shape.axis_of(fold.rows)) {
            // An axis of size 1 that stretches over the rows makes way for them.
            if let Some(i) = axes.iter().position(|&a| a == at) {
                x = Batched::Stacked(t.reshape(t.shape().without(&[i + 1])));
                axes.remove(i);
            }
            axes.insert(0, at);
        }
        Batched::Folded(bind(Broadcast { shape, axes }, &[&fold.lift(&x)]))
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        let shape = Shape(self.shape.dims().iter().map(|&d| map(d)).collect());
        Some(Arc::new(Broadcast { shape, axes: self.axes.clone() }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Broadcast(self.axes.clone())
    }
}

impl Tensor {
    /// This tensor repeated to that shape, aligned at the right.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Tensor {
        self.broadcast_beside(&shape.into(), &[])
    }

    /// [`Tensor::broadcast_to`] in the innermost function that others belong to, too ([`bind_beside`]).
    #[track_caller]
    pub(crate) fn broadcast_beside(&self, shape: &Shape, beside: &[&Tensor]) -> Tensor {
        let from = self.shape();
        if self.error().is_some() || from == *shape {
            return self.clone();
        }
        if from.rank() > shape.rank() {
            return Tensor::fault(ErrorKind::Shapes { left: from, right: shape.clone() }, "broadcast");
        }
        let axes = (shape.rank() - from.rank()..shape.rank()).collect();
        bind_beside(Arc::new(Broadcast { shape: shape.clone(), axes }), &[self], beside)
    }

    /// This tensor repeated to that shape; its axis `i` becomes axis `axes[i]`.
    #[track_caller]
    pub fn broadcast_axes(&self, shape: impl Into<Shape>, axes: Vec<usize>) -> Tensor {
        bind(Broadcast { shape: shape.into(), axes }, &[self])
    }

    /// With a new axis of size 1 before axis `at`.
    #[track_caller]
    pub fn unsqueeze(&self, at: usize) -> Tensor {
        let shape = self.shape();
        if self.error().is_some() {
            return self.clone();
        }
        if at > shape.rank() {
            return Tensor::fault(ErrorKind::Axis { axis: at, shape }, "unsqueeze");
        }
        self.reshape(shape.insert(at, Dim::Known(1)))
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |from: &[Dim], to: &[Dim], axes: &[usize]| {
        let prim = Broadcast { shape: Shape(to.into()), axes: axes.into() };
        Case::new(prim, [Arg::floats(Shape(from.into()))])
    };
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(&[], &[], &[]),
        of(&[], &[n(2), n(3)], &[]),
        of(&[n(3)], &[n(2), n(3)], &[1]),
        of(&[n(2)], &[n(2), n(3)], &[0]),
        of(&[n(2), n(3)], &[n(3), n(4), n(2)], &[2, 0]),
        of(&[n(1), n(3)], &[n(3), n(2), n(5)], &[1, 0]),
        of(&[n(1), n(1)], &[n(1), n(4)], &[0, 1]),
        of(&[], &[r], &[]),
        of(&[n(2)], &[r, n(2)], &[1]),
        of(&[n(2)], &[n(2), r], &[0]),
        of(&[n(1)], &[r], &[0]),
        of(&[n(1), n(2)], &[r, n(2)], &[0, 1]),
        of(&[n(2), n(1)], &[n(2), r], &[0, 1]),
        of(&[r], &[r, n(2)], &[0]),
        of(&[r, n(1)], &[n(3), r], &[1, 0]),
        of(&[n(3), r], &[r, n(2), n(3)], &[2, 0]),
    ]
}
