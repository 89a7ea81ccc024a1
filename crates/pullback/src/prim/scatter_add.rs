//! `scatter_add`: rows added by number; its transpose is `gather`.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp};
use crate::prim::batching::move_axis;
use crate::prim::gather::{Gather, check_indices, each_row, same_lead};
use crate::prim::pointwise::Takes;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[b…, k, …] = Σ_(i: indices[b…, i…] = k) x[b…, i…, …]`, in order of `i`; an index outside takes the nearest end.
#[derive(Clone, Debug)]
pub struct ScatterAdd {
    /// How many leading axes go along.
    pub batch: usize,
    /// Of the axis that is indexed.
    pub size: Dim,
}

impl Primitive for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }
    fn parameters(&self) -> String {
        if self.batch == 0 { String::new() } else { format!("[batch={}]", self.batch) }
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let (x, ids) = (inputs[0], inputs[1]);
        check_indices(ids)?;
        Takes::Floats.check(x.dtype)?;
        same_lead(&x.shape, &ids.shape, ids.shape.rank())?;
        let mut dims = ids.shape.dims()[..self.batch].to_vec();
        dims.push(self.size);
        dims.extend(&x.shape.dims()[ids.shape.rank()..]);
        Ok(Type::new(x.dtype, Shape(dims)))
    }
    fn eval(&self, inputs: &[&Array], sizes: &Sizes) -> Array {
        let (x, ids) = (inputs[0], inputs[1]);
        let n = sizes.resolve(&Shape(vec![self.size]))[0];
        let rest = &x.shape()[ids.shape().len()..];
        let inner: usize = rest.iter().product();
        let lead: usize = ids.shape()[..self.batch].iter().product();
        let shape = [&ids.shape()[..self.batch], &[n], rest].concat();
        let mut out = Data::zeros(x.dtype(), shape.iter().product());
        macro_rules! add {
            ($x:ident, $y:ident) => {
                each_row(lead, n, ids.get::<i32>(), |to, from| {
                    for j in 0..inner {
                        $y[to * inner + j] += $x[from * inner + j];
                    }
                })
            };
        }
        match (x.data(), &mut out) {
            (Data::F32(x), Data::F32(y)) => add!(x, y),
            (Data::F64(x), Data::F64(y)) => add!(x, y),
            _ => unreachable!("scatter_add: types were inferred"),
        }
        Array::new(shape, out)
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| bind(self.clone(), &[d, &x[1]]))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        vec![inputs[1].fixed().map(|ids| bind(Gather { batch: self.batch }, &[ct, ids])), None]
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        let up = ScatterAdd { batch: self.batch + 1, size: self.size };
        bind(up, &[&inputs[0].stacked(n), &inputs[1].stacked(n)])
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let n = self.batch;
        let (x, ids) = (inputs[0].tensor(), inputs[1].tensor());
        let into_rows = self.size == Dim::Rows(fold.rows);
        let all = ScatterAdd { batch: n, size: fold.map_dim(self.size) };
        let per_row = |x: &Tensor, ids: &Tensor| bind(ScatterAdd { batch: n + 1, size: self.size }, &[x, ids]);
        match (fold.axes[0], fold.axes[1]) {
            // Into an example's own rows: its numbers count from its first row. An example without rows adds nothing.
            (None, None) if into_rows => {
                let x = inputs[0].stacked(fold.examples);
                let x = fold.counts.gt(0).broadcast_axes(x.shape(), vec![0]).select(&x, 0.0);
                let ids = fold.within_example(&inputs[1].stacked(fold.examples));
                Batched::Folded(bind(all, &[&move_axis(&x, 0, n), &move_axis(&ids, 0, n)]))
            }
            (_, Some(b)) if into_rows => Batched::Folded(bind(all, &[x, &fold.within_row(ids, b)])),
            // From an example's rows: one each, then sums by segments.
            (Some(at), Some(b)) if b >= n => {
                let one = per_row(&move_axis(x, at, 0), &move_axis(ids, b, 0));
                Batched::Stacked(one.segment(ReduceOp::Sum, &fold.ids, fold.examples))
            }
            // The example's numbers go along with every row.
            (Some(at), None) if inputs[1].is_stacked() => {
                let ids = fold.lift(&inputs[1]);
                let place = n + 1 + at - (ids.rank() - 1);
                Batched::Folded(move_axis(&per_row(&move_axis(x, at, 0), &ids), 0, place))
            }
            _ => Batched::Folded(bind(all, &[x, ids])),
        }
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        Some(Arc::new(ScatterAdd { batch: self.batch, size: map(self.size) }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Plain
    }
}

impl Tensor {
    /// Rows added by number: `y[k, …] = Σ_(i: indices[i] = k) x[i, …]`, in order of `i`.
    ///
    /// # Shapes
    /// `x: [m…, …]`, `indices: i32 [m…]`, result `[size, …]`.
    #[track_caller]
    pub fn scatter_add(&self, indices: &Tensor, size: impl Into<Dim>) -> Tensor {
        bind(ScatterAdd { batch: 0, size: size.into() }, &[self, indices])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |batch, x: &[Dim], ids: &[Dim], size: Dim, n| {
        let ids = Arg::indices(Shape(ids.into()), n).at(&[-5.0, 99.0]);
        Case::new(ScatterAdd { batch, size }, [Arg::floats(Shape(x.into())), ids])
    };
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(0, &[], &[], n(4), 4),
        of(0, &[n(3), n(2)], &[n(3)], n(4), 4),
        of(0, &[n(2), n(3), n(2)], &[n(2), n(3)], n(4), 4),
        of(1, &[n(2)], &[n(2)], n(4), 4),
        of(1, &[n(2), n(5), n(3)], &[n(2), n(5)], n(4), 4),
        of(0, &[r], &[r], n(4), 4),
        of(0, &[r, n(2), n(3)], &[r, n(2)], n(4), 4),
        of(0, &[n(2), r, n(3)], &[n(2), r], n(4), 4),
        of(0, &[], &[], r, 2),
        of(0, &[n(3), n(2)], &[n(3)], r, 2),
        of(0, &[n(3), r], &[n(3)], n(4), 4),
        of(1, &[r], &[r], n(4), 4),
        of(1, &[r, n(3), n(2)], &[r, n(3)], n(4), 4),
        of(1, &[n(2), r], &[n(2), r], n(4), 4),
        of(0, &[r], &[r], r, 2),
        of(1, &[n(2), n(3)], &[n(2), n(3)], r, 2),
    ]
}
