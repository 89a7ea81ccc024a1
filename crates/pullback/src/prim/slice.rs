//! `slice` and `pad`: a part of an axis, and an axis lengthened by zeros; each the other's transpose.

use crate::array::{Array, Data, strides};
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

/// `before` and `after` zeros added to one axis.
#[derive(Clone, Debug)]
pub struct Pad {
    /// The axis that grows.
    pub axis: usize,
    /// Zeros before the first element.
    pub before: usize,
    /// Zeros after the last.
    pub after: usize,
}

/// The known size of an axis that is to be cut or lengthened.
fn known(shape: &Shape, axis: usize) -> Result<usize, ErrorKind> {
    match shape.dims().get(axis) {
        None => Err(ErrorKind::Axis { axis, shape: shape.clone() }),
        Some(Dim::Known(n)) => Ok(*n),
        Some(Dim::Rows(_)) => Err(ErrorKind::WrongShape {
            found: shape.clone(),
            needs: format!("a known size on axis {axis}; rows can be mapped, summed and gathered, not cut"),
        }),
    }
}

fn resized(ty: &Type, axis: usize, n: usize) -> Type {
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

impl Primitive for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }
    fn parameters(&self) -> String {
        format!("[axis={} {}+{}]", self.axis, self.before, self.after)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let size = known(&inputs[0].shape, self.axis)?;
        Ok(resized(inputs[0], self.axis, self.before + size + self.after))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let from = inputs[0].shape();
        let mut shape = from.to_vec();
        shape[self.axis] += self.before + self.after;
        let mut out = Data::zeros(inputs[0].dtype(), shape.iter().product());
        let inner: usize = from[self.axis + 1..].iter().product();
        let (run, stride) = (from[self.axis] * inner, shape[self.axis] * inner);
        fn copy<T: Copy>(from: &[T], to: &mut [T], run: usize, stride: usize, first: usize) {
            if run > 0 {
                from.chunks(run).enumerate().for_each(|(i, part)| {
                    let at = i * stride + first;
                    to[at..at + run].copy_from_slice(part);
                });
            }
        }
        let first = self.before * inner;
        match (inputs[0].data(), &mut out) {
            (Data::F32(a), Data::F32(b)) => copy(a, b, run, stride, first),
            (Data::F64(a), Data::F64(b)) => copy(a, b, run, stride, first),
            (Data::I32(a), Data::I32(b)) => copy(a, b, run, stride, first),
            (Data::U32(a), Data::U32(b)) => copy(a, b, run, stride, first),
            (Data::Bool(a), Data::Bool(b)) => copy(a, b, run, stride, first),
            _ => unreachable!("pad: one element type"),
        }
        Array::new(shape, out)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].as_ref().map(|d| bind(self.clone(), &[d]))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let size = known(&inputs[0].ty().shape, self.axis).unwrap_or(0);
        vec![Some(ct.slice(self.axis, self.before, self.before + size))]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        bind(Pad { axis: self.axis + 1, ..self.clone() }, &[inputs[0].tensor()])
    }
    fn fold(&self, _: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(bind(self.clone(), &[inputs[0].tensor()]))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Pad { axis: self.axis, before: self.before }
    }
}

impl Tensor {
    /// Elements `start..end` of one axis.
    #[track_caller]
    pub fn slice(&self, axis: usize, start: usize, end: usize) -> Tensor {
        bind(Slice { axis, start, end }, &[self])
    }

    /// `before` and `after` zeros added to one axis.
    #[track_caller]
    pub fn pad(&self, axis: usize, before: usize, after: usize) -> Tensor {
        if before == 0 && after == 0 { self.clone() } else { bind(Pad { axis, before, after }, &[self]) }
    }
}
