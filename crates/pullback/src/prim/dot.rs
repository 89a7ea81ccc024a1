//! `dot`: products of tensors over contracted axes, with axes that go along.

use crate::array::{Array, Data, offsets, strides};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{DotAxes, Lowering, ReduceOp};
use crate::math::Real;
use crate::prim::batching::move_axis;
use crate::prim::pointwise::{Takes, add_some, not_linear};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `Σ left · right` over the contracted axes.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Which axes do what.
    pub axes: DotAxes,
}

impl Primitive for Dot {
    fn name(&self) -> &'static str {
        "dot"
    }
    fn parameters(&self) -> String {
        let DotAxes { contract, batch } = &self.axes;
        let batch = if batch.0.is_empty() { String::new() } else { format!(" batch={:?}×{:?}", batch.0, batch.1) };
        format!("[contract={:?}×{:?}{batch}]", contract.0, contract.1)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let (a, b) = (inputs[0], inputs[1]);
        if a.dtype != b.dtype {
            return Err(ErrorKind::DTypes { left: a.dtype, right: b.dtype });
        }
        Takes::Floats.check(a.dtype)?;
        let DotAxes { contract, batch } = &self.axes;
        for (axes, shape) in
            [(&contract.0, &a.shape), (&contract.1, &b.shape), (&batch.0, &a.shape), (&batch.1, &b.shape)]
        {
            if let Some(&axis) = axes.iter().find(|&&i| i >= shape.rank()) {
                return Err(ErrorKind::Axis { axis, shape: shape.clone() });
            }
        }
        let pairs = contract.0.iter().zip(&contract.1).chain(batch.0.iter().zip(&batch.1));
        for (&i, &j) in pairs {
            if a.shape.dims()[i] != b.shape.dims()[j] {
                return Err(ErrorKind::InnerSizes { left: a.shape.clone(), right: b.shape.clone() });
            }
        }
        Ok(Type::new(a.dtype, self.axes.shape(&a.shape, &b.shape)))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (a, b) = (inputs[0], inputs[1]);
        let (sa, sb) = (strides(a.shape()), strides(b.shape()));
        let along = |axes: &[usize], shape: &[usize], step: &[usize]| -> Vec<usize> {
            let (n, s): (Vec<usize>, Vec<usize>) = axes.iter().map(|&i| (shape[i], step[i])).unzip();
            offsets(&n, &s).collect()
        };
        let DotAxes { contract, batch } = &self.axes;
        let (free_a, free_b) = (self.axes.free(0, a.shape().len()), self.axes.free(1, b.shape().len()));
        let batches: Vec<(usize, usize)> =
            along(&batch.0, a.shape(), &sa).into_iter().zip(along(&batch.1, b.shape(), &sb)).collect();
        let inner: Vec<(usize, usize)> =
            along(&contract.0, a.shape(), &sa).into_iter().zip(along(&contract.1, b.shape(), &sb)).collect();
        let (rows, cols) = (along(&free_a, a.shape(), &sa), along(&free_b, b.shape(), &sb));
        fn product<T: Real>(
            (x, y): (&[T], &[T]),
            batches: &[(usize, usize)],
            rows: &[usize],
            cols: &[usize],
            inner: &[(usize, usize)],
        ) -> Vec<T> {
            let mut out = Vec::with_capacity(batches.len() * rows.len() * cols.len());
            for &(p, q) in batches {
                for &i in rows {
                    for &j in cols {
                        let zero = T::from_f64(0.0);
                        out.push(inner.iter().fold(zero, |s, &(k, l)| s + x[p + i + k] * y[q + j + l]));
                    }
                }
            }
            out
        }
        let data = match (a.data(), b.data()) {
            (Data::F32(x), Data::F32(y)) => Data::F32(product((x, y), &batches, &rows, &cols, &inner)),
            (Data::F64(x), Data::F64(y)) => Data::F64(product((x, y), &batches, &rows, &cols, &inner)),
            _ => unreachable!("dot: types were inferred"),
        };
        let pick = |axes: &[usize], a: &Array| axes.iter().map(|&i| a.shape()[i]).collect::<Vec<_>>();
        Array::new([pick(&batch.0, a), pick(&free_a, a), pick(&free_b, b)].concat(), data)
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        add_some(
            dx[0].as_ref().map(|d| bind(self.clone(), &[d, &x[1]])),
            dx[1].as_ref().map(|d| bind(self.clone(), &[&x[0], d])),
        )
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        match (&inputs[0], &inputs[1]) {
            (Operand::Linear(a), Operand::Fixed(b)) => vec![Some(cotangent(&self.axes, 0, a, b, ct)), None],
            (Operand::Fixed(a), Operand::Linear(b)) => vec![None, Some(cotangent(&self.axes, 1, b, a, ct))],
            _ => not_linear("dot", inputs),
        }
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        let (a, b) = (inputs[0].tensor(), inputs[1].tensor());
        let (left, right) = (inputs[0].is_stacked(), inputs[1].is_stacked());
        let up = |axes: &[usize], by: bool| axes.iter().map(|i| i + usize::from(by)).collect::<Vec<_>>();
        let DotAxes { contract, batch } = &self.axes;
        let mut axes = DotAxes {
            contract: (up(&contract.0, left), up(&contract.1, right)),
            batch: (up(&batch.0, left), up(&batch.1, right)),
        };
        if left && right {
            axes.batch.0.insert(0, 0);
            axes.batch.1.insert(0, 0);
        }
        let y = bind(Dot { axes: axes.clone() }, &[a, b]);
        // A free axis of one operand alone lands after the batch axes (and the left operand's) and must come first.
        let at = match (left, right) {
            (true, true) => 0,
            (true, false) => batch.0.len(),
            _ => batch.0.len() + axes.free(0, a.rank()).len(),
        };
        move_axis(&y, at, 0)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let DotAxes { contract, batch } = &self.axes;
        let at = |side: usize| fold.axes[side];
        let place = |axes: &[usize], side: usize| at(side).and_then(|i| axes.iter().position(|&a| a == i));
        let folded_both = at(0).is_some() && at(1).is_some();
        if folded_both && place(&batch.0, 0).is_none() && place(&contract.0, 0).is_none() {
            let why = "a product that pairs every row of a ragged axis with every other";
            return Batched::Folded(Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, "dot"));
        }
        if let Some(k) = place(&contract.0, 0).filter(|_| folded_both) {
            // The contraction over each example's own rows: a product for each row, summed by segments.
            let (i, j) = (contract.0[k], contract.1[k]);
            let drop = |axes: &[usize]| axes.iter().enumerate().filter(|&(n, _)| n != k).map(|(_, &a)| a).collect();
            let mut axes = DotAxes { contract: (drop(&contract.0), drop(&contract.1)), batch: batch.clone() };
            axes.batch.0.insert(0, i);
            axes.batch.1.insert(0, j);
            let y = bind(Dot { axes }, &[inputs[0].tensor(), inputs[1].tensor()]);
            return Batched::Stacked(y.segment(ReduceOp::Sum, &fold.ids, fold.examples));
        }
        let stacked = [inputs[0].is_stacked(), inputs[1].is_stacked()];
        if !stacked[0] && !stacked[1] {
            return Batched::Folded(bind(self.clone(), &[inputs[0].tensor(), inputs[1].tensor()]));
        }
        // One operand has rows, the other is the example's: its copy goes along with every row.
        let side = usize::from(stacked[1]);
        let row = at(1 - side).unwrap_or(0);
        let other = fold.lift(&inputs[side]);
        let up = |axes: &[usize], s: usize| axes.iter().map(|i| i + usize::from(s == side)).collect::<Vec<_>>();
        let mut axes =
            DotAxes { contract: (up(&contract.0, 0), up(&contract.1, 1)), batch: (up(&batch.0, 0), up(&batch.1, 1)) };
        let pair = if side == 0 { (0, row) } else { (row, 0) };
        axes.batch.0.insert(0, pair.0);
        axes.batch.1.insert(0, pair.1);
        let y = if side == 0 {
            bind(Dot { axes }, &[&other, inputs[1].tensor()])
        } else {
            bind(Dot { axes }, &[inputs[0].tensor(), &other])
        };
        let ranks =
            [inputs[0].tensor().rank() - usize::from(stacked[0]), inputs[1].tensor().rank() - usize::from(stacked[1])];
        let free = self.axes.free(1 - side, ranks[1 - side]).iter().position(|&i| i == row).unwrap_or(0);
        let before = if side == 0 { batch.0.len() + self.axes.free(0, ranks[0]).len() } else { batch.0.len() };
        Batched::Folded(move_axis(&y, 0, before + free))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Dot(self.axes.clone())
    }
}

/// The cotangent of operand `side`: the result's times the other operand, over the other's free axes.
fn cotangent(axes: &DotAxes, side: usize, ty: &Type, other: &Tensor, ct: &Tensor) -> Tensor {
    let (contract, batch) = match side {
        0 => (&axes.contract, &axes.batch),
        _ => (&DotAxes::flip(&axes.contract), &DotAxes::flip(&axes.batch)),
    };
    let free = axes.free(side, ty.shape.rank());
    let free_other = axes.free(1 - side, other.rank());
    let n = batch.0.len();
    // In the cotangent: batch axes, then the left operand's free axes, then the right one's.
    let other_in_ct: Vec<usize> = match side {
        0 => (n + free.len()..n + free.len() + free_other.len()).collect(),
        _ => (n..n + free_other.len()).collect(),
    };
    let back = DotAxes { contract: (other_in_ct, free_other), batch: ((0..n).collect(), batch.1.clone()) };
    let y = bind(Dot { axes: back.clone() }, &[ct, other]);
    // What comes out: batch axes, this operand's free axes, then the other's contracted axes in its own order.
    let rest = back.free(1, other.rank());
    let mut source = batch.0.clone();
    source.extend(&free);
    source.extend(rest.iter().map(|r| contract.0[contract.1.iter().position(|c| c == r).unwrap_or(0)]));
    let mut order = vec![0; source.len()];
    source.iter().enumerate().for_each(|(i, &axis)| order[axis] = i);
    y.transpose(&order)
}

impl DotAxes {
    fn flip(pair: &(Vec<usize>, Vec<usize>)) -> (Vec<usize>, Vec<usize>) {
        (pair.1.clone(), pair.0.clone())
    }
}

impl Tensor {
    /// The product over the last axis of this tensor and the first (of a vector) or last but one axis of the other.
    ///
    /// # Shapes
    /// `[k]·[k] -> []`, `[k]·[k, n] -> [n]`, `[…, m, k]·[k, n] -> […, m, n]`, and with the same leading axes on both
    /// sides `[…, m, k]·[…, k, n] -> […, m, n]`.
    ///
    /// # Errors
    /// [`ErrorKind::InnerSizes`] where the contracted sizes differ.
    #[track_caller]
    pub fn dot(&self, other: &Tensor) -> Tensor {
        if let Some(bad) = [self, other].into_iter().find(|t| t.error().is_some()) {
            return bad.clone();
        }
        let (m, n) = (self.rank(), other.rank());
        if m == 0 || n == 0 {
            return Tensor::fault(ErrorKind::InnerSizes { left: self.shape(), right: other.shape() }, "dot");
        }
        let lead = n.saturating_sub(2);
        if lead > 0 && m < lead + 1 {
            return Tensor::fault(ErrorKind::InnerSizes { left: self.shape(), right: other.shape() }, "dot");
        }
        let along: Vec<usize> = (0..lead).collect();
        let axes = DotAxes { contract: (vec![m - 1], vec![n.saturating_sub(2)]), batch: (along.clone(), along) };
        self.dot_general(other, axes)
    }

    /// The product over any pairs of axes; see [`DotAxes`] for the order of the result's axes.
    #[track_caller]
    pub fn dot_general(&self, other: &Tensor, axes: DotAxes) -> Tensor {
        bind(Dot { axes }, &[self, other])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    type Axes<'a> = (&'a [usize], &'a [usize]);
    let of = |a: &[Dim], b: &[Dim], contract: Axes<'_>, batch: Axes<'_>| {
        let pair = |(left, right): Axes<'_>| (left.to_vec(), right.to_vec());
        let axes = DotAxes { contract: pair(contract), batch: pair(batch) };
        Case::new(Dot { axes }, [Arg::floats(Shape(a.into())), Arg::floats(Shape(b.into()))])
    };
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    let none: Axes<'_> = (&[], &[]);
    vec![
        of(&[n(3)], &[n(3)], (&[0], &[0]), none),
        of(&[n(2)], &[n(3)], none, none),
        of(&[n(2), n(3)], &[n(3), n(4)], (&[1], &[0]), none),
        of(&[n(3), n(2)], &[n(4), n(3)], (&[0], &[1]), none),
        of(&[n(2), n(3), n(4)], &[n(4), n(3), n(5)], (&[1, 2], &[1, 0]), none),
        of(&[n(2), n(3), n(4)], &[n(4), n(5), n(2)], (&[2], &[0]), (&[0], &[2])),
        of(&[n(3), n(2), n(4)], &[n(2), n(3), n(5)], none, (&[0, 1], &[1, 0])),
        of(&[r, n(3)], &[n(3), n(4)], (&[1], &[0]), none),
        of(&[n(3), r], &[n(3), n(4)], (&[0], &[0]), none),
        of(&[n(2), n(3)], &[n(3), r], (&[1], &[0]), none),
        of(&[n(2), n(3)], &[r, n(3)], (&[1], &[1]), none),
        of(&[r, n(3)], &[r, n(4)], (&[0], &[0]), none),
        of(&[n(3), r], &[r, n(4)], (&[1], &[0]), none),
        of(&[n(2), r, n(3)], &[r, n(3), n(4)], (&[1, 2], &[0, 1]), none),
        of(&[r, n(3)], &[r, n(3)], (&[1], &[1]), (&[0], &[0])),
        of(&[n(3), r], &[n(3), n(4), r], (&[0], &[0]), (&[1], &[2])),
        of(&[n(2), r, n(3)], &[n(2), n(3), n(4)], (&[2], &[1]), (&[0], &[0])),
        of(&[n(2), n(4), n(3)], &[n(2), n(3), r], (&[2], &[1]), (&[0], &[0])),
        of(&[n(2), r, n(3)], &[n(3), r, n(2)], (&[2], &[0]), (&[0, 1], &[2, 1])),
        of(&[n(2), r, n(3)], &[n(2), n(4), r], (&[1], &[2]), (&[0], &[0])),
        of(&[r, n(2)], &[r, n(3)], none, none).refuses_fold(),
    ]
}
