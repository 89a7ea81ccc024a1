//! `scatter_add`: rows added by number; its transpose is `gather`.

use crate::array::{Array, Data};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp};
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
        let (x, ids) = (inputs[0].tensor(), inputs[1].tensor());
        let along = self.batch == 0 && self.size == Dim::Rows(fold.rows);
        if along && fold.axes == [None, None] {
            // Into an example's own rows: its numbers count from its first row.
            let (x, ids) = (inputs[0].stacked(fold.examples), inputs[1].stacked(fold.examples));
            let last = (&fold.counts - 1).broadcast_axes(ids.shape(), vec![0]);
            let first = fold.first_rows().broadcast_axes(ids.shape(), vec![0]);
            let ids = ids.maximum(0).minimum(&last) + first;
            return Batched::Folded(bind(ScatterAdd { batch: 0, size: fold.total }, &[&x, &ids]));
        }
        if self.batch == 0 && fold.axes == [Some(0), Some(0)] && ids.rank() == 1 {
            // From an example's rows: one row each, then sums by segments.
            let one = bind(ScatterAdd { batch: 1, size: self.size }, &[&x.unsqueeze(1), &ids.unsqueeze(1)]);
            return Batched::Stacked(one.segment(ReduceOp::Sum, &fold.ids, fold.examples));
        }
        let why = "a scatter along or across a ragged axis";
        Batched::Folded(Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, "scatter_add"))
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
