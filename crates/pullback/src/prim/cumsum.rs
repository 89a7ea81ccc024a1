//! `cumsum`: sums of prefixes along one axis.

use crate::array::{Array, Data};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp};
use crate::prim::pointwise::Takes;
use crate::prim::scan::{infer, lines};
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

impl Tensor {
    /// Sums of prefixes along an axis: `y_k = x_0 + … + x_k`.
    #[track_caller]
    pub fn cumsum(&self, axis: usize) -> Tensor {
        bind(CumSum { axis, reverse: false }, &[self])
    }
}
