//! Ragged rows: `rows`, `repeat_rows`, `segment_sum/max/min/logsumexp`, `segment_logcumsumexp`.
//!
//! A ragged tensor has its segments end to end along axis 0; `ids`, ascending, says for each row which segment it is of.

use crate::array::{Array, DType, Data};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::{Takes, not_linear};
use crate::prim::scan::{log_add_exp, share, share_before};
use crate::shape::{Dim, RowId, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// For counts \[b\] the segment of each of their rows; for one count, which is a segment alone, `0, 1, …`: its rows'
/// places. The only primitive that brings a new symbolic extent into a graph.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The number of rows.
    pub rows: Dim,
}

/// `y[i, …] = x[ids[i], …]`.
#[derive(Clone, Debug)]
pub struct RepeatRows;

/// `y[k, …] = fold of x[i, …] over ids[i] = k`.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Which fold.
    pub op: ReduceOp,
    /// The number of segments.
    pub size: Dim,
}

/// Prefixes that begin anew with every segment: `y[i] = log Σ e^x[j]` over the `j ≤ i` of its segment.
#[derive(Clone, Debug)]
pub struct SegmentLogCumSumExp;

fn refuse(name: &str) -> Tensor {
    let why = "ragged rows inside ragged rows; map over the pairs at once";
    Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, name)
}

fn check_ids(x: &Type, ids: &Type, rows: Option<Dim>) -> Result<(), ErrorKind> {
    if ids.dtype != DType::I32 {
        return Err(ErrorKind::WrongDType { found: ids.dtype, needs: "i32 for the segments' numbers" });
    }
    if x.shape.rank() == 0 || ids.shape.rank() != 1 || rows.is_some_and(|r| Some(&r) != ids.shape.dims().first()) {
        return Err(ErrorKind::Shapes { left: x.shape.clone(), right: ids.shape.clone() });
    }
    Ok(())
}

impl Primitive for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        if inputs[0].dtype != DType::I32 {
            return Err(ErrorKind::WrongDType { found: inputs[0].dtype, needs: "i32 for the counts" });
        }
        if inputs[0].shape.rank() > 1 {
            let needs = "one count, or a vector of them".into();
            return Err(ErrorKind::WrongShape { found: inputs[0].shape.clone(), needs });
        }
        Ok(Type::new(DType::I32, vec![self.rows]))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let counts = inputs[0].get::<i32>();
        let ids: Vec<i32> = match inputs[0].shape() {
            [] => (0..counts[0].max(0)).collect(),
            _ => (0..).zip(counts).flat_map(|(i, &n)| std::iter::repeat_n(i, n.max(0) as usize)).collect(),
        };
        Array::new(vec![ids.len()], Data::I32(ids))
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, _: &[Option<Tensor>]) -> Option<Tensor> {
        None
    }
    fn transpose(&self, _: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        vec![None]
    }
    fn batch(&self, _: &[Batched], _: Dim) -> Tensor {
        refuse("rows")
    }
    fn fold(&self, fold: &Fold, _: &[Batched]) -> Batched {
        Batched::Folded(fold.positions.clone())
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        Some(Arc::new(Rows { rows: map(self.rows) }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Rows
    }
}

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

/// The ranges of equal numbers among ascending `ids`, with the number.
pub(crate) fn runs(ids: &[i32]) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = *ids.get(start)?;
        let end = start + ids[start..].iter().take_while(|&&i| i == first).count();
        let run = (first as usize, start..end);
        start = end;
        Some(run)
    })
}

impl Primitive for Segment {
    fn name(&self) -> &'static str {
        match self.op {
            ReduceOp::Sum => "segment_sum",
            ReduceOp::Max => "segment_max",
            ReduceOp::Min => "segment_min",
            ReduceOp::LogSumExp => "segment_logsumexp",
        }
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let (x, ids) = (inputs[0], inputs[1]);
        self.op.takes(x.dtype)?;
        check_ids(x, ids, x.shape.dims().first().copied())?;
        let mut shape = x.shape.clone();
        shape.0[0] = self.size;
        Ok(Type::new(x.dtype, shape))
    }
    fn eval(&self, inputs: &[&Array], sizes: &Sizes) -> Array {
        let (x, ids) = (inputs[0], inputs[1].get::<i32>());
        let n = sizes.resolve(&Shape(vec![self.size]))[0];
        let inner: usize = x.shape()[1..].iter().product();
        macro_rules! fold {
            ($v:ident, $x:ident, $f:ident) => {{
                let mut out = vec![self.op.$f(&[]); n * inner];
                let mut group = Vec::new();
                for (k, run) in runs(ids) {
                    for j in 0..inner {
                        group.clear();
                        group.extend(run.clone().map(|i| $x[i * inner + j]));
                        out[k * inner + j] = self.op.$f(&group);
                    }
                }
                Data::$v(out)
            }};
        }
        let data = match x.data() {
            Data::F32(x) => fold!(F32, x, floats),
            Data::F64(x) => fold!(F64, x, floats),
            Data::I32(x) => fold!(I32, x, integers),
            Data::U32(x) => fold!(U32, x, naturals),
            Data::Bool(_) => unreachable!("segment: types were inferred"),
        };
        Array::new([&[n], &x.shape()[1..]].concat(), data)
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let (x, ids, d) = (&x[0], &x[1], dx[0].as_ref()?);
        let sum = |t: &Tensor| t.segment(ReduceOp::Sum, ids, self.size);
        Some(match self.op {
            ReduceOp::Sum => sum(d),
            ReduceOp::LogSumExp => sum(&(d * share(x, &y.repeat_rows(ids)))),
            ReduceOp::Max | ReduceOp::Min => {
                let winner = x.eq(&y.repeat_rows(ids)).cast(x.dtype());
                sum(&(d * &winner)) / sum(&winner).maximum(1.0)
            }
        })
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        match inputs[1].fixed() {
            Some(ids) if self.op == ReduceOp::Sum => vec![Some(ct.repeat_rows(ids)), None],
            _ => not_linear(self.name(), inputs),
        }
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        match inputs {
            [Batched::Stacked(x), Batched::Shared(ids)] => {
                move_axis(&move_axis(x, 0, 1).segment(self.op, ids, self.size), 1, 0)
            }
            _ => refuse(self.name()),
        }
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(match (inputs, &fold.axes[..]) {
            ([x, Batched::Shared(ids)], [Some(a), None]) if *a > 0 => x.tensor().segment(self.op, ids, self.size),
            _ => refuse(self.name()),
        })
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        Some(Arc::new(Segment { op: self.op, size: map(self.size) }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Segment(self.op)
    }
}

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
        let goes_on = (ids + 1).eq(&(ids + 1).shift(0, false));
        let goes_on = goes_on.broadcast_axes(y.shape(), vec![0]);
        let before = goes_on.select(&share_before(y, 0), 0.0);
        Some(before.recurrence(&(share(x, y) * d), 0, false))
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
    /// For a count `n` the row numbers `0 … n - 1`; for counts \[b\] the number of the segment of each of their rows.
    ///
    /// Counts below 0 count as 0. Where the counts are traced the number of rows is symbolic.
    #[track_caller]
    pub fn rows(&self) -> Tensor {
        if let Some(counts) = self.array() {
            let known = Rows { rows: Dim::Known(0) };
            return match known.infer(&[&self.ty()]) {
                Ok(_) => Tensor::from(known.eval(&[counts], &Sizes::default())),
                Err(kind) => Tensor::fault(kind, "rows"),
            };
        }
        // The same count asked twice names the same extent.
        self.once(|count| bind(Rows { rows: Dim::Rows(RowId::fresh()) }, &[count]))
    }

    /// `y[i, …] = x[ids[i], …]` for ascending `ids`; its transpose sums segments.
    ///
    /// # Shapes
    /// `x: [b, …]`, `ids: i32 [n]`, result `[n, …]`.
    #[track_caller]
    pub fn repeat_rows(&self, ids: &Tensor) -> Tensor {
        bind(RepeatRows, &[self, ids])
    }

    #[track_caller]
    pub(crate) fn segment(&self, op: ReduceOp, ids: &Tensor, size: Dim) -> Tensor {
        bind(Segment { op, size }, &[self, ids])
    }

    /// The sum of each segment's rows; 0 for an empty one.
    ///
    /// # Shapes
    /// `x: [n, …]`, `ids: i32 [n]` ascending, result `[size, …]`.
    #[track_caller]
    pub fn segment_sum(&self, ids: &Tensor, size: impl Into<Dim>) -> Tensor {
        self.segment(ReduceOp::Sum, ids, size.into())
    }

    /// The greatest of each segment's rows; `-inf` for an empty one. Shapes as [`Tensor::segment_sum`].
    #[track_caller]
    pub fn segment_max(&self, ids: &Tensor, size: impl Into<Dim>) -> Tensor {
        self.segment(ReduceOp::Max, ids, size.into())
    }

    /// `log Σ e^x` over each segment's rows; `-inf` for an empty one. Shapes as [`Tensor::segment_sum`].
    #[track_caller]
    pub fn segment_logsumexp(&self, ids: &Tensor, size: impl Into<Dim>) -> Tensor {
        self.segment(ReduceOp::LogSumExp, ids, size.into())
    }

    /// Prefixes within each segment: `y[i] = log Σ e^x[j]` over the `j ≤ i` of its segment.
    ///
    /// # Shapes
    /// `x: [n, …]`, `ids: i32 [n]` ascending, result `[n, …]`.
    #[track_caller]
    pub fn segment_logcumsumexp(&self, ids: &Tensor) -> Tensor {
        bind(SegmentLogCumSumExp, &[self, ids])
    }
}
