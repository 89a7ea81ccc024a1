//! `constant`: a value known when the graph was made.

use crate::array::{Array, Data};
use crate::case::Case;
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::Tensor;
use std::fmt;
use std::sync::Arc;

/// A value known when the graph was made.
#[derive(Clone)]
pub struct Constant {
    /// The value.
    pub value: Arc<Array>,
}

impl fmt::Debug for Constant {
    /// Small values are spelled out, so that equal ones are known as equal; large ones go by their address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.len() <= 64 {
            write!(f, "Constant {{ {}{:?} {} }}", self.value.dtype(), self.value.shape(), self.value)
        } else {
            write!(f, "Constant {{ at {:p} }}", Arc::as_ptr(&self.value))
        }
    }
}

impl Primitive for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }
    fn parameters(&self) -> String {
        if self.value.len() <= 8 { format!("[{}]", self.value) } else { "[…]".into() }
    }
    fn infer(&self, _: &[&Type]) -> Result<Type, ErrorKind> {
        let (dtype, shape) = self.value.ty();
        Ok(Type { dtype, shape })
    }
    fn eval(&self, _: &[&Array], _: &Sizes) -> Array {
        (*self.value).clone()
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, _: &[Option<Tensor>]) -> Option<Tensor> {
        None
    }
    fn transpose(&self, _: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        Vec::new()
    }
    fn batch(&self, _: &[Batched], n: Dim) -> Tensor {
        Batched::Shared(Tensor::from(self.value.clone())).stacked(n)
    }
    fn fold(&self, _: &Fold, _: &[Batched]) -> Batched {
        Batched::Shared(Tensor::from(self.value.clone()))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Constant(self.value.clone())
    }
}

impl Tensor {
    /// A tensor filled with one number, in the element type of this one.
    #[track_caller]
    pub fn full_like(&self, x: f64) -> Tensor {
        self.filled(self.shape(), x)
    }

    /// Zeros of this type and shape.
    #[track_caller]
    pub fn zeros_like(&self) -> Tensor {
        self.full_like(0.0)
    }

    /// Ones of this type and shape.
    #[track_caller]
    pub fn ones_like(&self) -> Tensor {
        self.full_like(1.0)
    }

    #[track_caller]
    fn filled(&self, shape: Shape, x: f64) -> Tensor {
        if self.error().is_some() {
            return self.clone();
        }
        super::operator::number(x, self.dtype()).broadcast_to(shape)
    }

    /// A tensor of that type and shape filled with one number.
    #[track_caller]
    pub fn full(x: f64, dtype: crate::array::DType, shape: impl Into<Shape>) -> Tensor {
        super::operator::number(x, dtype).broadcast_to(shape)
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |shape: &[usize], data| Case::new(Constant { value: Arc::new(Array::new(shape.into(), data)) }, []);
    vec![
        of(&[], Data::F64(vec![2.5])),
        of(&[3], Data::I32(vec![1, 2, 3])),
        of(&[2, 1], Data::Bool(vec![true, false])),
        of(&[0, 2], Data::F32(Vec::new())),
    ]
}
