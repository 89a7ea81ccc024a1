//! `size`: the size of an extent as a number, also where it is symbolic.

use crate::array::{Array, DType};
use crate::case::Case;
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// The size of an extent.
#[derive(Clone, Debug)]
pub struct Size {
    /// The extent.
    pub dim: Dim,
    /// Of the number.
    pub dtype: DType,
}

impl Primitive for Size {
    fn name(&self) -> &'static str {
        "size"
    }
    fn parameters(&self) -> String {
        format!("[{}]", self.dim)
    }
    fn infer(&self, _: &[&Type]) -> Result<Type, ErrorKind> {
        Ok(Type::new(self.dtype, Shape::scalar()))
    }
    fn eval(&self, _: &[&Array], sizes: &Sizes) -> Array {
        let n = sizes.resolve(&Shape(vec![self.dim]))[0];
        Array::number(self.dtype, n as f64)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, _: &[Option<Tensor>]) -> Option<Tensor> {
        None
    }
    fn transpose(&self, _: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        Vec::new()
    }
    fn batch(&self, _: &[Batched], n: Dim) -> Tensor {
        Batched::Shared(bind(self.clone(), &[])).stacked(n)
    }
    fn fold(&self, fold: &Fold, _: &[Batched]) -> Batched {
        if self.dim == Dim::Rows(fold.rows) {
            Batched::Stacked(fold.counts.cast(self.dtype))
        } else {
            Batched::Shared(bind(self.clone(), &[]))
        }
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        Some(Arc::new(Size { dim: map(self.dim), dtype: self.dtype }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Size(self.dim)
    }
}

impl Tensor {
    /// The size of one axis as a scalar of this tensor's element type; also where it is symbolic.
    #[track_caller]
    pub fn size(&self, axis: usize) -> Tensor {
        let shape = self.shape();
        match shape.dims().get(axis) {
            _ if self.error().is_some() => self.clone(),
            None => Tensor::fault(ErrorKind::Axis { axis, shape }, "size"),
            Some(&dim) => bind(Size { dim, dtype: self.dtype() }, &[]),
        }
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |dim, dtype| Case::new(Size { dim, dtype }, []);
    vec![of(Dim::Known(3), DType::F64), of(Dim::fresh_rows(), DType::F64), of(Dim::fresh_rows(), DType::I32)]
}
