//! `gather`: rows taken by number; its transpose is `scatter_add`.

use crate::array::{Array, DType};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::prim::scatter_add::ScatterAdd;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[b…, i…, …] = x[b…, indices[b…, i…], …]`; an index outside the axis takes its nearest end.
#[derive(Clone, Debug)]
pub struct Gather {
    /// How many leading axes go along.
    pub batch: usize,
}

pub(super) fn check_indices(t: &Type) -> Result<(), ErrorKind> {
    if t.dtype == DType::I32 {
        Ok(())
    } else {
        Err(ErrorKind::WrongDType { found: t.dtype, needs: "i32 for the indices" })
    }
}

pub(super) fn same_lead(a: &Shape, b: &Shape, n: usize) -> Result<(), ErrorKind> {
    if a.rank() >= n && b.rank() >= n && a.dims()[..n] == b.dims()[..n] {
        Ok(())
    } else {
        Err(ErrorKind::Shapes { left: a.clone(), right: b.clone() })
    }
}

/// Calls `row(x row, y row)` for every index: the flat numbers of a row of the indexed tensor and of the long one.
pub(super) fn each_row(batch: usize, n: usize, indices: &[i32], mut row: impl FnMut(usize, usize)) {
    if batch == 0 || n == 0 {
        return;
    }
    let per = indices.len() / batch;
    for (i, &k) in indices.iter().enumerate() {
        let k = usize::try_from(k).unwrap_or(0).min(n - 1);
        row(i / per * n + k, i);
    }
}

impl Primitive for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn parameters(&self) -> String {
        if self.batch == 0 { String::new() } else { format!("[batch={}]", self.batch) }
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let (x, ids) = (inputs[0], inputs[1]);
        check_indices(ids)?;
        same_lead(&x.shape, &ids.shape, self.batch)?;
        if x.shape.rank() <= self.batch {
            return Err(ErrorKind::Axis { axis: self.batch, shape: x.shape.clone() });
        }
        if x.shape.dims()[self.batch] == Dim::Known(0) {
            return Err(ErrorKind::Empty);
        }
        let dims = ids.shape.dims().iter().chain(&x.shape.dims()[self.batch + 1..]);
        Ok(Type::new(x.dtype, Shape(dims.copied().collect())))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (x, ids) = (inputs[0], inputs[1]);
        let inner: usize = x.shape()[self.batch + 1..].iter().product();
        let mut flat = vec![0; ids.len() * inner];
        let lead = x.shape()[..self.batch].iter().product();
        each_row(lead, x.shape()[self.batch], ids.get::<i32>(), |from, to| {
            for j in 0..inner {
                flat[to * inner + j] = from * inner + j;
            }
        });
        let shape = [ids.shape(), &x.shape()[self.batch + 1..]].concat();
        Array::new(shape, x.data().pick(flat.into_iter()))
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| bind(self.clone(), &[d, &x[1]]))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let size = inputs[0].ty().shape.dims()[self.batch];
        let back = ScatterAdd { batch: self.batch, size };
        vec![inputs[1].fixed().map(|ids| bind(back, &[ct, ids])), None]
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        if self.batch == 0 && !inputs[0].is_stacked() {
            return bind(self.clone(), &[inputs[0].tensor(), inputs[1].tensor()]);
        }
        bind(Gather { batch: self.batch + 1 }, &[&inputs[0].stacked(n), &inputs[1].stacked(n)])
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let (x, ids) = (inputs[0].tensor(), inputs[1].tensor());
        let refuse = |why| Batched::Folded(Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, "gather"));
        match (fold.axes[0], fold.axes[1]) {
            (Some(0), None) if self.batch == 0 => {
                // From an example's own rows: its numbers count from its first row.
                let ids = inputs[1].stacked(fold.examples);
                let last = (&fold.counts - 1).broadcast_axes(ids.shape(), vec![0]);
                let first = fold.first_rows().broadcast_axes(ids.shape(), vec![0]);
                let within = ids.maximum(0).minimum(&last);
                Batched::Stacked(x.take(&(within + first)))
            }
            (None, Some(_)) if !inputs[0].is_stacked() && self.batch == 0 => {
                Batched::Folded(bind(self.clone(), &[x, ids]))
            }
            (None, Some(0)) if self.batch == 0 => {
                let x = fold.lift(&inputs[0]);
                let one = ids.unsqueeze(1);
                let y = bind(Gather { batch: 1 }, &[&x, &one]);
                let mut shape = y.shape();
                shape.0.remove(1);
                Batched::Folded(y.reshape(shape))
            }
            (Some(a), None) if a > self.batch && !inputs[1].is_stacked() => {
                Batched::Folded(bind(self.clone(), &[x, ids]))
            }
            (Some(a), Some(b)) if a == b && a < self.batch => Batched::Folded(bind(self.clone(), &[x, ids])),
            _ => refuse("a gather along or across a ragged axis"),
        }
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Plain
    }
}

impl Fold {
    /// For each example the number of its first row among all; i32\[examples\].
    pub(crate) fn first_rows(&self) -> Tensor {
        self.counts.cumsum(0) - &self.counts
    }
}

impl Tensor {
    /// Rows of this tensor by number: `y[i…, …] = x[indices[i…], …]`; a number outside takes the nearest row.
    ///
    /// # Shapes
    /// `x: [n, …]`, `indices: i32 [k…]`, result `[k…, …]`.
    #[track_caller]
    pub fn take(&self, indices: &Tensor) -> Tensor {
        bind(Gather { batch: 0 }, &[self, indices])
    }
}
