//! `segment_logcumsumexp`: `log Σ e^x` of prefixes that begin anew with every segment.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::{Takes, not_linear};
use crate::prim::ragged::{check_ids, refuse};
use crate::prim::scan::{log_add_exp, share, share_before};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// Prefixes that begin anew with every segment: `y[i] = log Σ e^x[j]` over the `j ≤ i` of its segment.
#[derive(Clone, Debug)]
pub struct SegmentLogCumSumExp;

impl Primitive for SegmentLogCumSumExp {
    fn name(&self) -> &'static str {
        "segment_logcumsumexp"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        Takes::Floats.check(inputs[0].dtype)?;
        check_ids(inputs[0], inputs[1], inputs[0].shape.dims().first().copied())?;
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (x, ids) = (inputs[0], inputs[1].get::<i32>());
        let inner: usize = x.shape()[1..].iter().product();
        let mut data = x.data().clone();
        macro_rules! scan {
            ($v:ident) => {
                for i in (1..ids.len()).filter(|&i| ids[i] == ids[i - 1]) {
                    for j in i * inner..(i + 1) * inner {
                        $v[j] = log_add_exp($v[j - inner], $v[j]);
                    }
                }
            };
        }
        match &mut data {
            Data::F32(v) => scan!(v),
            Data::F64(v) => scan!(v),
            _ => unreachable!("segment_logcumsumexp: types were inferred"),
        }
        Array::new(x.shape().to_vec(), data)
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let (x, ids, d) = (&x[0], &x[1], dx[0].as_ref()?);
        let before = share_before(y, &y.segment_shift(ids, false));
        Some(before.segment_recurrence(&(share(x, y) * d), ids, false))
    }
    fn transpose(&self, inputs: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        not_linear("segment_logcumsumexp", inputs)
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        match inputs {
            [Batched::Stacked(x), Batched::Shared(ids)] => {
                move_axis(&move_axis(x, 0, 1).segment_logcumsumexp(ids), 1, 0)
            }
            _ => refuse("segment_logcumsumexp"),
        }
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(match (inputs, &fold.axes[..]) {
            ([x, Batched::Shared(ids)], [Some(a), None]) if *a > 0 => x.tensor().segment_logcumsumexp(ids),
            _ => refuse("segment_logcumsumexp"),
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::SegmentLogCumSumExp, 0)
    }
}

impl Tensor {
    /// Prefixes within each segment: `y[i] = log Σ e^x[j]` over the `j ≤ i` of its segment.
    ///
    /// # Shapes
    /// `x: [n, …]`, `ids: i32 [n]` ascending, result `[n, …]`.
    #[track_caller]
    pub fn segment_logcumsumexp(&self, ids: &Tensor) -> Tensor {
        bind(SegmentLogCumSumExp, &[self, ids])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    let of = |x: &[Dim], ids| {
        let x = Arg::floats(Shape(x.into())).at(&[f64::NEG_INFINITY, -745.0, 1e4, -1e4]);
        Case::new(SegmentLogCumSumExp, [x, Arg::segments(ids, 3)])
    };
    vec![of(&[n(5)], n(5)), of(&[n(5), n(2)], n(5)), of(&[n(5), r], n(5)), of(&[r, n(2)], r).refuses_fold()]
}
