//! `gather`: rows taken by number; its transpose is `scatter_add`.

use crate::array::{Array, DType, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::prim::batching::move_axis;
use crate::prim::scatter_add::ScatterAdd;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[b…, i…, …] = x[b…, indices[b…, i…], …]`; an index outside the axis takes its nearest end,
/// and where the axis is empty the result is 0.
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
        // From no rows comes 0, as a ragged example without rows needs.
        if x.is_empty() {
            return Array::new(shape, Data::zeros(x.dtype(), flat.len()));
        }
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
        let n = self.batch;
        let (x, ids) = (inputs[0].tensor(), inputs[1].tensor());
        let per_row = |x: &Tensor, ids: &Tensor, place: usize| {
            Batched::Folded(move_axis(&bind(Gather { batch: n + 1 }, &[x, ids]), 0, place))
        };
        match (fold.axes[0], fold.axes[1]) {
            // From an example's own rows: its numbers count from its first row. From no rows comes 0.
            (Some(at), None) if at == n => {
                let global = fold.within_example(&inputs[1].stacked(fold.examples));
                let y = move_axis(&bind(self.clone(), &[x, &move_axis(&global, 0, n)]), n, 0);
                let some = fold.counts.gt(0).broadcast_axes(y.shape(), vec![0]);
                Batched::Stacked(some.select(&y, 0.0))
            }
            (Some(at), Some(b)) if at == n => Batched::Folded(bind(self.clone(), &[x, &fold.within_row(ids, b)])),
            // Where one side is the example's own, its copy goes along with every row.
            (Some(at), None) if inputs[1].is_stacked() => {
                let ids = fold.lift(&inputs[1]);
                let place = at - 1 + (ids.rank() - 1 - n);
                per_row(&move_axis(x, at, 0), &ids, place)
            }
            (None, Some(b)) if inputs[0].is_stacked() => per_row(&fold.lift(&inputs[0]), &move_axis(ids, b, 0), b),
            _ => Batched::Folded(bind(self.clone(), &[x, ids])),
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
    fn first_rows(&self) -> Tensor {
        self.counts.cumsum(0) - &self.counts
    }

    /// Numbers that count an example's rows, examples along axis 0, as numbers among all rows.
    pub(super) fn within_example(&self, ids: &Tensor) -> Tensor {
        let spread = |t: &Tensor| t.broadcast_axes(ids.shape(), vec![0]);
        // An example without rows names the one before the next one's first, which exists wherever any row does.
        (ids.minimum(spread(&(&self.counts - 1))).maximum(0) + spread(&self.first_rows())).minimum(self.last_row())
    }

    /// Numbers that count an example's rows, one or more for each row along `axis`, as numbers among all rows.
    pub(super) fn within_row(&self, ids: &Tensor, axis: usize) -> Tensor {
        let spread = |t: &Tensor| t.repeat_rows(&self.ids).broadcast_axes(ids.shape(), vec![axis]);
        ids.maximum(0).minimum(spread(&(&self.counts - 1))) + spread(&self.first_rows())
    }

    fn last_row(&self) -> Tensor {
        self.counts.sum() - 1
    }
}

impl Tensor {
    /// Rows of this tensor by number: `y[i…, …] = x[indices[i…], …]`; a number outside takes the nearest row.
    ///
    /// # Shapes
    /// `x: [n, …]`, `indices: i32 [k…]`, result `[k…, …]`.
    #[track_caller]
    pub fn take(&self, indices: &Tensor) -> Tensor {
        let none = |t: &Tensor, axes: usize| t.shape().dims().iter().take(axes).any(|&d| d == Dim::Known(0));
        if self.error().is_none() && none(self, 1) && !none(indices, usize::MAX) {
            return Tensor::fault(ErrorKind::Empty, "gather");
        }
        bind(Gather { batch: 0 }, &[self, indices])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |batch, x: &[Dim], ids: &[Dim], n| {
        let ids = Arg::indices(Shape(ids.into()), n).at(&[-5.0, 99.0]);
        Case::new(Gather { batch }, [Arg::floats(Shape(x.into())), ids])
    };
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(0, &[n(4)], &[], 4),
        of(0, &[n(4), n(2)], &[n(3)], 4),
        of(0, &[n(4), n(2)], &[n(2), n(3)], 4),
        of(1, &[n(2), n(4)], &[n(2)], 4),
        of(1, &[n(2), n(4), n(3)], &[n(2), n(5)], 4),
        of(2, &[n(2), n(3), n(4)], &[n(2), n(3), n(2)], 4),
        of(0, &[n(4)], &[r], 4),
        of(0, &[n(4), n(2)], &[r, n(2)], 4),
        of(0, &[n(4), n(2)], &[n(2), r], 4),
        of(0, &[r], &[], 2),
        of(0, &[r, n(2)], &[n(3)], 2),
        of(0, &[r, n(2)], &[n(2), n(2)], 2),
        of(0, &[n(4), r], &[n(3)], 4),
        of(1, &[r, n(4)], &[r], 4),
        of(1, &[r, n(4), n(2)], &[r, n(3)], 4),
        of(2, &[n(2), r, n(4)], &[n(2), r, n(3)], 4),
        of(1, &[n(2), n(4)], &[n(2), r], 4),
        of(1, &[n(2), n(4), r], &[n(2), n(3)], 4),
        of(0, &[r], &[r], 2),
        of(1, &[n(2), r], &[n(2), n(3)], 2),
    ]
}
