//! `slice`: a part of an axis; its transpose is `pad`.

use crate::array::{Array, strides};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// Elements `start..end` of one axis.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The axis that is cut.
    pub axis: usize,
    /// First index.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// The known size of an axis that is to be cut or lengthened.
pub(super) fn known(shape: &Shape, axis: usize) -> Result<usize, ErrorKind> {
    match shape.dims().get(axis) {
        None => Err(ErrorKind::Axis { axis, shape: shape.clone() }),
        Some(Dim::Known(n)) => Ok(*n),
        Some(Dim::Rows(_)) => Err(ErrorKind::WrongShape {
            found: shape.clone(),
            needs: format!("a known size on axis {axis}; rows can be mapped, summed and gathered, not cut"),
        }),
    }
}

pub(super) fn resized(ty: &Type, axis: usize, n: usize) -> Type {
    let mut shape = ty.shape.clone();
    shape.0[axis] = Dim::Known(n);
    Type { dtype: ty.dtype, shape }
}

impl Primitive for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }
    fn parameters(&self) -> String {
        format!("[axis={} {}..{}]", self.axis, self.start, self.end)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let size = known(&inputs[0].shape, self.axis)?;
        if self.start > self.end || self.end > size {
            return Err(ErrorKind::Bounds { start: self.start, end: self.end, size });
        }
        Ok(resized(inputs[0], self.axis, self.end - self.start))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let mut shape = inputs[0].shape().to_vec();
        let step = strides(&shape);
        shape[self.axis] = self.end - self.start;
        let first = self.start * step[self.axis];
        let data = inputs[0].data().pick(crate::array::offsets(&shape, &step).map(|i| i + first));
        Array::new(shape, data)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| bind(self.clone(), &[d]))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let size = known(&inputs[0].ty().shape, self.axis).unwrap_or(self.end);
        vec![Some(ct.pad(self.axis, self.start, size - self.end))]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        bind(Slice { axis: self.axis + 1, ..self.clone() }, &[inputs[0].tensor()])
    }
    fn fold(&self, _: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(bind(self.clone(), &[inputs[0].tensor()]))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Slice { axis: self.axis, start: self.start }
    }
}

impl Tensor {
    /// Elements `start..end` of one axis.
    #[track_caller]
    pub fn slice(&self, axis: usize, start: usize, end: usize) -> Tensor {
        bind(Slice { axis, start, end }, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of =
        |shape: &[Dim], axis, start, end| Case::new(Slice { axis, start, end }, [Arg::floats(Shape(shape.into()))]);
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(&[n(4)], 0, 1, 3),
        of(&[n(4)], 0, 2, 2),
        of(&[n(2), n(3), n(2)], 1, 1, 3),
        of(&[r, n(4)], 1, 0, 2),
        of(&[n(3), r], 0, 1, 3),
    ]
}
