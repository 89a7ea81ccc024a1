//! `gather` and `scatter_add`: rows taken by number, and added back; each the other's transpose.

use crate::array::{Array, DType, Data};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp};
use crate::prim::pointwise::Takes;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[b…, i…, …] = x[b…, indices[b…, i…], …]`; an index outside the axis takes its nearest end.
#[derive(Clone, Debug)]
pub struct Gather {
    /// How many leading axes go along.
    pub batch: usize,
}

/// `y[b…, k, …] = Σ_(i: indices[b…, i…] = k) x[b…, i…, …]`, in order of `i`; an index outside takes the nearest end.
#[derive(Clone, Debug)]
pub struct ScatterAdd {
    /// How many leading axes go along.
    pub batch: usize,
    /// Of the axis that is indexed.
    pub size: Dim,
}

fn check_indices(t: &Type) -> Result<(), ErrorKind> {
    if t.dtype == DType::I32 {
        Ok(())
    } else {
        Err(ErrorKind::WrongDType { found: t.dtype, needs: "i32 for the indices" })
    }
}

fn same_lead(a: &Shape, b: &Shape, n: usize) -> Result<(), ErrorKind> {
    if a.rank() >= n && b.rank() >= n && a.dims()[..n] == b.dims()[..n] {
        Ok(())
    } else {
        Err(ErrorKind::Shapes { left: a.clone(), right: b.clone() })
    }
}

/// Calls `row(x row, y row)` for every index: the flat numbers of a row of the indexed tensor and of the long one.
fn each_row(batch: usize, n: usize, indices: &[i32], mut row: impl FnMut(usize, usize)) {
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
    /// Rows of this tensor by number: `y[i…, …] = x[indices[i…], …]`; a number outside takes the nearest row.
    ///
    /// # Shapes
    /// `x: [n, …]`, `indices: i32 [k…]`, result `[k…, …]`.
    #[track_caller]
    pub fn take(&self, indices: &Tensor) -> Tensor {
        bind(Gather { batch: 0 }, &[self, indices])
    }

    /// Rows added by number: `y[k, …] = Σ_(i: indices[i] = k) x[i, …]`, in order of `i`.
    ///
    /// # Shapes
    /// `x: [m…, …]`, `indices: i32 [m…]`, result `[size, …]`.
    #[track_caller]
    pub fn scatter_add(&self, indices: &Tensor, size: impl Into<Dim>) -> Tensor {
        bind(ScatterAdd { batch: 0, size: size.into() }, &[self, indices])
    }
}
