//! `cumsum`: sums of prefixes along one axis.

use crate::array::{Array, DType, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::Takes;
use crate::prim::scan::{infer, lines};
use crate::shape::{Dim, Shape, Sizes};
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
        if fold.axes[0] != Some(self.axis) {
            return Batched::Folded(bind(self.clone(), &[x]));
        }
        if x.dtype().is_float() {
            let rows = move_axis(x, self.axis, 0);
            let sums = rows.ones_like().segment_recurrence(&rows, &fold.ids, self.reverse);
            return Batched::Folded(move_axis(&sums, 0, self.axis));
        }
        // Of whole numbers, which wrap: less what the examples before (or after) add up to.
        let rows = move_axis(x, self.axis, 0);
        let all = bind(CumSum { axis: 0, ..*self }, &[&rows]);
        let sums = rows.segment(ReduceOp::Sum, &fold.ids, fold.examples);
        let before = bind(CumSum { axis: 0, ..*self }, &[&sums]) - &sums;
        Batched::Folded(move_axis(&(all - before.repeat_rows(&fold.ids)), 0, self.axis))
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

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |shape: &[Dim], axis, reverse, dtype| {
        Case::new(CumSum { axis, reverse }, [Arg::new(dtype, Shape(shape.into()), 0.0, 5.0)])
    };
    let rows = Dim::fresh_rows();
    let mut cases = Vec::new();
    for dtype in [DType::F64, DType::I32, DType::U32] {
        for reverse in [false, true] {
            cases.push(of(&[4.into()], 0, reverse, dtype));
            cases.push(of(&[rows, 2.into()], 0, reverse, dtype));
            cases.push(of(&[2.into(), rows], 1, reverse, dtype));
            cases.push(of(&[rows, 3.into()], 1, reverse, dtype));
        }
    }
    cases
}
