//! `segment_sum`, `segment_max`, `segment_min`, `segment_logsumexp`: folds of the rows of each segment.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ReduceOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::not_linear;
use crate::prim::ragged::{check_ids, refuse, wrong_ids};
use crate::prim::scan::share;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y[k, …] = fold of x[i, …] over ids[i] = k`.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Which fold.
    pub op: ReduceOp,
    /// The number of segments.
    pub size: Dim,
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
                let winner = x.eq(y.repeat_rows(ids)).cast(x.dtype());
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

impl Tensor {
    #[track_caller]
    pub(crate) fn segment(&self, op: ReduceOp, ids: &Tensor, size: Dim) -> Tensor {
        let prim = Segment { op, size };
        match wrong_ids(ids, size) {
            Some(kind) if self.error().is_none() => Tensor::fault(kind, prim.name()),
            _ => bind(prim, &[self, ids]),
        }
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
}

/// What it is tested on.
pub(crate) fn cases(op: ReduceOp) -> Vec<Case> {
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    let of =
        |x: &[Dim], ids| Case::new(Segment { op, size: n(4) }, [Arg::floats(Shape(x.into())), Arg::segments(ids, 3)]);
    vec![
        of(&[n(5)], n(5)),
        of(&[n(5), n(2)], n(5)),
        of(&[n(5), r], n(5)),
        of(&[r, n(2)], r).refuses_fold(),
        Case::new(Segment { op, size: r }, [Arg::floats([0, 2]), Arg::segments(n(0), 1)]).refuses_fold(),
    ]
}
