//! `reshape`: the same elements under another shape.

use crate::array::Array;
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// The same elements, in row-major order, under another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// Of the result.
    pub shape: Shape,
}

/// The symbolic extents in order, and the product of the known ones before each of them and after the last.
fn structure(shape: &Shape) -> (Vec<Dim>, Vec<usize>) {
    let (mut rows, mut known) = (Vec::new(), vec![1]);
    for &d in shape.dims() {
        match d {
            Dim::Known(n) => *known.last_mut().unwrap_or(&mut 1) *= n,
            Dim::Rows(_) => {
                rows.push(d);
                known.push(1);
            }
        }
    }
    (rows, known)
}

impl Primitive for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let (a, b) = (structure(&inputs[0].shape), structure(&self.shape));
        let product = |k: &[usize]| k.iter().product::<usize>();
        if a.0 != b.0 || product(&a.1) != product(&b.1) {
            return Err(ErrorKind::Reshape { from: inputs[0].shape.clone(), to: self.shape.clone() });
        }
        Ok(Type::new(inputs[0].dtype, &self.shape))
    }
    fn eval(&self, inputs: &[&Array], sizes: &Sizes) -> Array {
        inputs[0].reshaped(sizes.resolve(&self.shape))
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| bind(self.clone(), &[d]))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(ct.reshape(inputs[0].ty().shape))]
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        inputs[0].tensor().reshape(self.shape.insert(0, n))
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let from = inputs[0].tensor();
        let before = |s: &Shape, axis: Option<usize>| structure(&Shape(s.dims()[..axis.unwrap_or(0)].to_vec()));
        let to = self.shape.axis_of(fold.rows);
        if before(&from.shape(), fold.axes[0]) != before(&self.shape, to) {
            let why = "a reshape that moves elements across a ragged axis";
            return Batched::Folded(Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, "reshape"));
        }
        Batched::Folded(from.reshape(fold.map_shape(&self.shape)))
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        Some(Arc::new(Reshape { shape: Shape(self.shape.dims().iter().map(|&d| map(d)).collect()) }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Reshape
    }
}

impl Tensor {
    /// The same elements, in row-major order, under another shape. A symbolic extent stays one.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        if self.error().is_some() || self.shape() == shape {
            return self.clone();
        }
        bind(Reshape { shape }, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of =
        |from: &[Dim], to: &[Dim]| Case::new(Reshape { shape: Shape(to.into()) }, [Arg::floats(Shape(from.into()))]);
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(&[], &[n(1), n(1)]),
        of(&[n(6)], &[n(2), n(3)]),
        of(&[n(0), n(3)], &[n(2), n(0)]),
        of(&[r, n(6)], &[r, n(2), n(3)]),
        of(&[r], &[n(1), r, n(1)]),
        of(&[n(2), n(3), r], &[n(6), r]),
        // The rows of one example would lie among those of another.
        of(&[r, n(2)], &[n(2), r]).refuses_fold(),
    ]
}
