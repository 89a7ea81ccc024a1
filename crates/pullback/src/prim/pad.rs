//! `pad`: an axis lengthened by zeros; its transpose is `slice`.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::prim::slice::{known, resized};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

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
    /// `before` and `after` zeros added to one axis.
    #[track_caller]
    pub fn pad(&self, axis: usize, before: usize, after: usize) -> Tensor {
        if before == 0 && after == 0 { self.clone() } else { bind(Pad { axis, before, after }, &[self]) }
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of =
        |shape: &[Dim], axis, before, after| Case::new(Pad { axis, before, after }, [Arg::floats(Shape(shape.into()))]);
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(&[n(3)], 0, 1, 2),
        of(&[n(0)], 0, 1, 2),
        of(&[n(2), n(3), n(2)], 1, 0, 1),
        of(&[r, n(2)], 1, 1, 1),
        of(&[n(2), r], 0, 1, 0),
    ]
}
