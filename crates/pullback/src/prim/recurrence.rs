//! `recurrence`: `y_k = a_k y_(k-1) + x_k` along one axis.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::{Takes, add_some, not_linear};
use crate::prim::scan::{infer, lines};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y_k = a_k y_(k-1) + x_k`, or from the other end: the linear map that prefixes' derivatives are made of.
#[derive(Clone, Debug)]
pub struct Recurrence {
    /// Along which axis.
    pub axis: usize,
    /// From the last element to the first.
    pub reverse: bool,
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
                        $v[here] += $a[here] * $v[b];
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
            let [a, x] = [a, x].map(|t| move_axis(t, self.axis, 0));
            move_axis(&a.segment_recurrence(&x, &fold.ids, self.reverse), 0, self.axis)
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
    /// `y_k = a_k y_(k-1) + x_k` along an axis, with this tensor as `a`; `y` before the first element is 0.
    #[track_caller]
    pub fn recurrence(&self, x: &Tensor, axis: usize, reverse: bool) -> Tensor {
        bind(Recurrence { axis, reverse }, &[self, x])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |shape: &[Dim], axis, reverse| {
        let shape = Shape(shape.into());
        Case::new(Recurrence { axis, reverse }, [Arg::floats(shape.clone()), Arg::floats(shape)])
    };
    let rows = Dim::fresh_rows();
    let both = |shape: &[Dim], axis| [of(shape, axis, false), of(shape, axis, true)];
    [both(&[4.into()], 0), both(&[rows, 2.into()], 0), both(&[2.into(), rows], 1), both(&[rows, 3.into()], 1)].concat()
}
