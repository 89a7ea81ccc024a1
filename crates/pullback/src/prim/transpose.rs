//! `transpose`: axes in another order.

use crate::array::{Array, offsets, strides};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// The result's axis `i` is the operand's axis `order[i]`.
#[derive(Clone, Debug)]
pub struct Transpose {
    /// A permutation of the axes.
    pub order: Vec<usize>,
}

impl Primitive for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }
    fn parameters(&self) -> String {
        format!("[order={:?}]", self.order)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let shape = &inputs[0].shape;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if sorted != (0..shape.rank()).collect::<Vec<_>>() {
            let needs = format!("an order of all its axes, not {:?}", self.order);
            return Err(ErrorKind::WrongShape { found: shape.clone(), needs });
        }
        Ok(Type::new(inputs[0].dtype, Shape(self.order.iter().map(|&i| shape.dims()[i]).collect())))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (shape, step) = (inputs[0].shape(), strides(inputs[0].shape()));
        let shape: Vec<usize> = self.order.iter().map(|&i| shape[i]).collect();
        let step: Vec<usize> = self.order.iter().map(|&i| step[i]).collect();
        let data = inputs[0].data().pick(offsets(&shape, &step));
        Array::new(shape, data)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| d.transpose(&self.order))
    }
    fn transpose(&self, _: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let mut inverse = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(i, &o)| inverse[o] = i);
        vec![Some(ct.transpose(&inverse))]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        let order: Vec<usize> = std::iter::once(0).chain(self.order.iter().map(|o| o + 1)).collect();
        inputs[0].tensor().transpose(&order)
    }
    fn fold(&self, _: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(inputs[0].tensor().transpose(&self.order))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Transpose(self.order.clone())
    }
}

impl Tensor {
    /// Axes in another order: the result's axis `i` is this tensor's axis `order[i]`.
    #[track_caller]
    pub fn transpose(&self, order: &[usize]) -> Tensor {
        if self.error().is_some() || order.iter().enumerate().all(|(i, &o)| i == o) && order.len() == self.rank() {
            return self.clone();
        }
        bind(Transpose { order: order.to_vec() }, &[self])
    }

    /// The last two axes swapped.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        let shape = self.shape();
        let n = shape.rank();
        if self.error().is_none() && n < 2 {
            return Tensor::fault(ErrorKind::Axis { axis: 1, shape }, "transpose");
        }
        let mut order: Vec<usize> = (0..n).collect();
        if n >= 2 {
            order.swap(n - 1, n - 2);
        }
        self.transpose(&order)
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |shape: &[Dim], order: &[usize]| {
        Case::new(Transpose { order: order.into() }, [Arg::floats(Shape(shape.into()))])
    };
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(&[n(2), n(3)], &[1, 0]),
        of(&[n(2), n(3), n(4)], &[2, 0, 1]),
        of(&[r, n(2)], &[1, 0]),
        of(&[n(2), r, n(3)], &[1, 2, 0]),
    ]
}
