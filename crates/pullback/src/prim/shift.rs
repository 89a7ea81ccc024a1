//! `shift`: every element moved one place along an axis, a zero moved in.

use crate::array::{Array, DType, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::Takes;
use crate::prim::scan::lines;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y_k = x_(k-1)`, `y_0 = 0`; or `y_k = x_(k+1)` from the other end. Works along symbolic axes too.
#[derive(Clone, Debug)]
pub struct Shift {
    /// Along which axis.
    pub axis: usize,
    /// Towards the first element.
    pub reverse: bool,
}

impl Primitive for Shift {
    fn name(&self) -> &'static str {
        "shift"
    }
    fn parameters(&self) -> String {
        format!("[axis={}{}]", self.axis, if self.reverse { " reverse" } else { "" })
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        Takes::Numbers.check(inputs[0].dtype)?;
        if self.axis >= inputs[0].shape.rank() {
            return Err(ErrorKind::Axis { axis: self.axis, shape: inputs[0].shape.clone() });
        }
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let mut data = Data::zeros(inputs[0].dtype(), inputs[0].len());
        macro_rules! shift {
            ($x:ident, $y:ident) => {
                lines(inputs[0].shape(), self.axis, self.reverse, |before, here| {
                    if let Some(b) = before {
                        $y[here] = $x[b];
                    }
                })
            };
        }
        match (inputs[0].data(), &mut data) {
            (Data::F32(x), Data::F32(y)) => shift!(x, y),
            (Data::F64(x), Data::F64(y)) => shift!(x, y),
            (Data::I32(x), Data::I32(y)) => shift!(x, y),
            (Data::U32(x), Data::U32(y)) => shift!(x, y),
            _ => unreachable!("shift: types were inferred"),
        }
        Array::new(inputs[0].shape().to_vec(), data)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| d.shift(self.axis, self.reverse))
    }
    fn transpose(&self, _: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(ct.shift(self.axis, !self.reverse))]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        inputs[0].tensor().shift(self.axis + 1, self.reverse)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let x = inputs[0].tensor();
        Batched::Folded(if fold.axes[0] == Some(self.axis) {
            let y = move_axis(x, self.axis, 0).segment_shift(&fold.ids, self.reverse);
            move_axis(&y, 0, self.axis)
        } else {
            x.shift(self.axis, self.reverse)
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::Shift { reverse: self.reverse }, self.axis)
    }
}

impl Tensor {
    /// Each element's predecessor along an axis (its successor, if `reverse`), 0 at the end where there is none.
    #[track_caller]
    pub fn shift(&self, axis: usize, reverse: bool) -> Tensor {
        bind(Shift { axis, reverse }, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |shape: &[Dim], axis, dtype| {
        [false, true]
            .map(|reverse| Case::new(Shift { axis, reverse }, [Arg::new(dtype, Shape(shape.into()), 1.0, 5.0)]))
    };
    let rows = Dim::fresh_rows();
    [
        of(&[4.into()], 0, DType::F64),
        of(&[rows, 2.into()], 0, DType::I32),
        of(&[2.into(), rows], 1, DType::F64),
        of(&[rows, 3.into()], 1, DType::U32),
    ]
    .concat()
}
