//! `reverse`: an axis from its end to its start.

use crate::array::{Array, offsets, strides};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::prim::batching::move_axis;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// The elements of one axis in the opposite order.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// The axis that is turned.
    pub axis: usize,
}

impl Primitive for Reverse {
    fn name(&self) -> &'static str {
        "reverse"
    }
    fn parameters(&self) -> String {
        format!("[axis={}]", self.axis)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        if self.axis >= inputs[0].shape.rank() {
            return Err(ErrorKind::Axis { axis: self.axis, shape: inputs[0].shape.clone() });
        }
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let shape = inputs[0].shape();
        let step = strides(shape);
        let (n, s) = (shape[self.axis], step[self.axis]);
        let turned = offsets(shape, &step).map(|i| {
            let k = i / s % n;
            i - k * s + (n - 1 - k) * s
        });
        Array::new(shape.to_vec(), inputs[0].data().pick(turned))
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| d.reverse(self.axis))
    }
    fn transpose(&self, _: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(ct.reverse(self.axis))]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        inputs[0].tensor().reverse(self.axis + 1)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let x = inputs[0].tensor();
        if fold.axes[0] != Some(self.axis) {
            return Batched::Folded(x.reverse(self.axis));
        }
        let last = fold.counts.repeat_rows(&fold.ids) - 1;
        let row = Tensor::iota(vec![fold.total], 0, crate::array::DType::I32);
        let mirrored = row + last - &fold.positions * 2;
        let turned = move_axis(x, self.axis, 0).take(&mirrored);
        Batched::Folded(move_axis(&turned, 0, self.axis))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Plain
    }
}

impl Tensor {
    /// The elements of one axis in the opposite order.
    #[track_caller]
    pub fn reverse(&self, axis: usize) -> Tensor {
        bind(Reverse { axis }, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |shape: &[Dim], axis| Case::new(Reverse { axis }, [Arg::floats(Shape(shape.into()))]);
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![of(&[n(4)], 0), of(&[n(2), n(3)], 1), of(&[r, n(2)], 0), of(&[r, n(2)], 1), of(&[n(2), r], 1)]
}
