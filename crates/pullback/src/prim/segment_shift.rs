//! `segment_shift`: every row moved one place within its segment, a zero moved in.

use crate::array::{Array, DType, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::Takes;
use crate::prim::ragged::{check_ids, refuse, rows_in_segments};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[i] = x[i-1]` where both rows are of one segment, 0 elsewhere; or `x[i+1]` from the other end.
#[derive(Clone, Debug)]
pub struct SegmentShift {
    /// Towards the first row.
    pub reverse: bool,
}

impl Primitive for SegmentShift {
    fn name(&self) -> &'static str {
        "segment_shift"
    }
    fn parameters(&self) -> String {
        if self.reverse { "[reverse]".into() } else { String::new() }
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        Takes::Numbers.check(inputs[0].dtype)?;
        check_ids(inputs[0], inputs[1], inputs[0].shape.dims().first().copied())?;
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (x, ids) = (inputs[0], inputs[1].get::<i32>());
        let inner: usize = x.shape()[1..].iter().product();
        let mut data = Data::zeros(x.dtype(), x.len());
        macro_rules! shift {
            ($x:ident, $y:ident) => {
                rows_in_segments(ids, self.reverse, |before, here| {
                    if let Some(b) = before {
                        $y[here * inner..][..inner].copy_from_slice(&$x[b * inner..][..inner]);
                    }
                })
            };
        }
        match (x.data(), &mut data) {
            (Data::F32(x), Data::F32(y)) => shift!(x, y),
            (Data::F64(x), Data::F64(y)) => shift!(x, y),
            (Data::I32(x), Data::I32(y)) => shift!(x, y),
            (Data::U32(x), Data::U32(y)) => shift!(x, y),
            _ => unreachable!("segment_shift: types were inferred"),
        }
        Array::new(x.shape().to_vec(), data)
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| d.segment_shift(&x[1], self.reverse))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        vec![inputs[1].fixed().map(|ids| ct.segment_shift(ids, !self.reverse)), None]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        match inputs {
            [Batched::Stacked(x), Batched::Shared(ids)] => {
                move_axis(&move_axis(x, 0, 1).segment_shift(ids, self.reverse), 1, 0)
            }
            _ => refuse("segment_shift"),
        }
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(match (inputs, &fold.axes[..]) {
            ([x, Batched::Shared(ids)], [Some(a), None]) if *a > 0 => x.tensor().segment_shift(ids, self.reverse),
            _ => refuse("segment_shift"),
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::SegmentShift { reverse: self.reverse }, 0)
    }
}

impl Tensor {
    /// Each row's predecessor in its segment (its successor, if `reverse`), 0 at the end where there is none.
    ///
    /// # Shapes
    /// `x: [n, …]`, `ids: i32 [n]` ascending, result `[n, …]`.
    #[track_caller]
    pub(crate) fn segment_shift(&self, ids: &Tensor, reverse: bool) -> Tensor {
        bind(SegmentShift { reverse }, &[self, ids])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    let of = |dtype, x: &[Dim], ids, reverse| {
        Case::new(SegmentShift { reverse }, [Arg::new(dtype, Shape(x.into()), 1.0, 5.0), Arg::segments(ids, 3)])
    };
    let both = |dtype, x: &[Dim], ids| [false, true].map(|reverse| of(dtype, x, ids, reverse));
    let mut cases = [
        both(DType::F64, &[n(6)], n(6)),
        both(DType::F64, &[n(5), n(2)], n(5)),
        both(DType::I32, &[n(5)], n(5)),
        both(DType::F64, &[n(5), r], n(5)),
    ]
    .concat();
    cases.push(of(DType::U32, &[r, n(2)], r, false).refuses_fold());
    cases
}
