//! `repeat_rows`: to each row of a ragged tensor its segment's row; its transpose sums segments.

use crate::array::Array;
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp};
use crate::prim::batching::move_axis;
use crate::prim::ragged::{check_ids, refuse, wrong_ids};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[i, …] = x[ids[i], …]`.
#[derive(Clone, Debug)]
pub struct RepeatRows;

impl Primitive for RepeatRows {
    fn name(&self) -> &'static str {
        "repeat_rows"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        check_ids(inputs[0], inputs[1], None)?;
        let mut shape = inputs[0].shape.clone();
        shape.0[0] = inputs[1].shape.dims()[0];
        Ok(Type::new(inputs[0].dtype, shape))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (x, ids) = (inputs[0], inputs[1].get::<i32>());
        let inner: usize = x.shape()[1..].iter().product();
        let flat = ids.iter().flat_map(|&k| (0..inner).map(move |j| k as usize * inner + j));
        let shape = [&[ids.len()], &x.shape()[1..]].concat();
        Array::new(shape, x.data().pick(flat))
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| d.repeat_rows(&x[1]))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let size = inputs[0].ty().shape.dims()[0];
        vec![inputs[1].fixed().map(|ids| ct.segment(ReduceOp::Sum, ids, size)), None]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        match inputs {
            [Batched::Stacked(x), Batched::Shared(ids)] => move_axis(&move_axis(x, 0, 1).repeat_rows(ids), 1, 0),
            _ => refuse("repeat_rows"),
        }
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(match (inputs, &fold.axes[..]) {
            ([x, Batched::Shared(ids)], [Some(a), None]) if *a > 0 => x.tensor().repeat_rows(ids),
            _ => refuse("repeat_rows"),
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::RepeatRows
    }
}

impl Tensor {
    /// `y[i, …] = x[ids[i], …]` for ascending `ids`; its transpose sums segments.
    ///
    /// # Shapes
    /// `x: [b, …]`, `ids: i32 [n]`, result `[n, …]`.
    #[track_caller]
    pub fn repeat_rows(&self, ids: &Tensor) -> Tensor {
        let wrong = self.shape().dims().first().and_then(|&segments| wrong_ids(ids, segments));
        match wrong {
            Some(kind) if self.error().is_none() => Tensor::fault(kind, "repeat_rows"),
            _ => bind(RepeatRows, &[self, ids]),
        }
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    let of =
        |x: &[Dim], ids, segments| Case::new(RepeatRows, [Arg::floats(Shape(x.into())), Arg::segments(ids, segments)]);
    vec![
        of(&[n(3)], n(5), 3),
        of(&[n(3), n(2)], n(5), 3),
        of(&[n(3), r], n(5), 3),
        of(&[n(3), n(2)], r, 3).refuses_fold(),
    ]
}
