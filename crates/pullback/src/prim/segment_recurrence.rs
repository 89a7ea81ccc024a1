//! `segment_recurrence`: `y[i] = a[i] y[i-1] + x[i]` within each segment.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::{Takes, add_some, infer_same, not_linear};
use crate::prim::ragged::{check_ids, refuse, rows_in_segments};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[i] = a[i] y[i-1] + x[i]`, anew with every segment, or from the other end; the factor of its first row is not read.
#[derive(Clone, Debug)]
pub struct SegmentRecurrence {
    /// From the last row to the first.
    pub reverse: bool,
}

impl Primitive for SegmentRecurrence {
    fn name(&self) -> &'static str {
        "segment_recurrence"
    }
    fn parameters(&self) -> String {
        if self.reverse { "[reverse]".into() } else { String::new() }
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        infer_same(&inputs[..2])?;
        Takes::Floats.check(inputs[0].dtype)?;
        check_ids(inputs[0], inputs[2], inputs[0].shape.dims().first().copied())?;
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (a, ids) = (inputs[0], inputs[2].get::<i32>());
        let inner: usize = a.shape()[1..].iter().product();
        let mut data = inputs[1].data().clone();
        macro_rules! scan {
            ($a:ident, $v:ident) => {
                rows_in_segments(ids, self.reverse, |before, here| {
                    if let Some(b) = before {
                        for j in 0..inner {
                            $v[here * inner + j] += $a[here * inner + j] * $v[b * inner + j];
                        }
                    }
                })
            };
        }
        match (a.data(), &mut data) {
            (Data::F32(a), Data::F32(v)) => scan!(a, v),
            (Data::F64(a), Data::F64(v)) => scan!(a, v),
            _ => unreachable!("segment_recurrence: types were inferred"),
        }
        Array::new(a.shape().to_vec(), data)
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let (a, ids) = (&x[0], &x[2]);
        let through_a = dx[0].as_ref().map(|da| da * y.segment_shift(ids, self.reverse));
        add_some(through_a, dx[1].clone()).map(|d| a.segment_recurrence(&d, ids, self.reverse))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        match (inputs[0].fixed(), inputs[1].fixed(), inputs[2].fixed()) {
            (Some(a), None, Some(ids)) => {
                // ȳ runs the other way, multiplied by the factor of the row that it came through.
                let a = a.segment_shift(ids, !self.reverse);
                vec![None, Some(a.segment_recurrence(ct, ids, !self.reverse)), None]
            }
            _ => not_linear("segment_recurrence", inputs),
        }
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        match inputs {
            [a, x, Batched::Shared(ids)] => {
                let [a, x] = [a, x].map(|t| move_axis(&t.stacked(n), 0, 1));
                move_axis(&a.segment_recurrence(&x, ids, self.reverse), 1, 0)
            }
            _ => refuse("segment_recurrence"),
        }
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(match (inputs, &fold.axes[..]) {
            ([a, x, Batched::Shared(ids)], [Some(k), Some(l), None]) if *k > 0 && k == l => {
                a.tensor().segment_recurrence(x.tensor(), ids, self.reverse)
            }
            _ => refuse("segment_recurrence"),
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::SegmentRecurrence { reverse: self.reverse }, 0)
    }
}

impl Tensor {
    /// `y[i] = a[i] y[i-1] + x[i]` within each segment, with this tensor as `a`; `y` before its first row is 0.
    ///
    /// # Shapes
    /// `a, x: [n, …]`, `ids: i32 [n]` ascending, result `[n, …]`.
    #[track_caller]
    pub(crate) fn segment_recurrence(&self, x: &Tensor, ids: &Tensor, reverse: bool) -> Tensor {
        bind(SegmentRecurrence { reverse }, &[self, x, ids])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    let of = |x: &[Dim], ids, reverse| {
        let shape = Shape(x.into());
        let args = [Arg::floats(shape.clone()), Arg::floats(shape), Arg::segments(ids, 3)];
        Case::new(SegmentRecurrence { reverse }, args)
    };
    let both = |x: &[Dim], ids| [false, true].map(|reverse| of(x, ids, reverse));
    let mut cases = [both(&[n(6)], n(6)), both(&[n(5), n(2)], n(5)), both(&[n(5), r], n(5))].concat();
    cases.push(of(&[r, n(2)], r, false).refuses_fold());
    cases
}
