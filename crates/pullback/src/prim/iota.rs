//! `iota`: numbers that count along one axis.

use crate::array::{Array, DType, strides};
use crate::case::Case;
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, cast};
use crate::prim::pointwise::Takes;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `0, 1, 2, …` along one axis.
#[derive(Clone, Debug)]
pub struct Iota {
    /// Of the result.
    pub shape: Shape,
    /// The axis that is counted along.
    pub axis: usize,
    /// Of the numbers.
    pub dtype: DType,
}

impl Primitive for Iota {
    fn name(&self) -> &'static str {
        "iota"
    }
    fn parameters(&self) -> String {
        format!("[axis={}]", self.axis)
    }
    fn infer(&self, _: &[&Type]) -> Result<Type, ErrorKind> {
        Takes::Numbers.check(self.dtype)?;
        if self.axis >= self.shape.rank() {
            return Err(ErrorKind::Axis { axis: self.axis, shape: self.shape.clone() });
        }
        Ok(Type::new(self.dtype, &self.shape))
    }
    fn eval(&self, _: &[&Array], sizes: &Sizes) -> Array {
        let shape = sizes.resolve(&self.shape);
        let (n, s) = (shape[self.axis].max(1), strides(&shape)[self.axis].max(1));
        let count = (0..shape.iter().product::<usize>()).map(|i| (i / s % n) as u32).collect();
        Array::new(shape, cast(&crate::array::Data::U32(count), self.dtype))
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
        let shape = fold.map_shape(&self.shape);
        Batched::Folded(if self.shape.dims()[self.axis] == Dim::Rows(fold.rows) {
            fold.positions.cast(self.dtype).broadcast_axes(shape, vec![self.axis])
        } else {
            Tensor::iota(shape, self.axis, self.dtype)
        })
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        let shape = Shape(self.shape.dims().iter().map(|&d| map(d)).collect());
        Some(Arc::new(Iota { shape, ..self.clone() }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Iota(self.axis)
    }
}

impl Tensor {
    /// `0, 1, 2, …` along `axis` of that shape, the same along the others.
    #[track_caller]
    pub fn iota(shape: impl Into<Shape>, axis: usize, dtype: DType) -> Tensor {
        bind(Iota { shape: shape.into(), axis, dtype }, &[])
    }

    /// `0, 1, …, n - 1`.
    #[track_caller]
    pub fn arange(n: usize, dtype: DType) -> Tensor {
        Tensor::iota([n], 0, dtype)
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let rows = Dim::fresh_rows();
    let of = |shape: &[Dim], axis, dtype| Case::new(Iota { shape: Shape(shape.into()), axis, dtype }, []);
    vec![
        of(&[4.into()], 0, DType::U32),
        of(&[2.into(), 3.into()], 0, DType::F64),
        of(&[rows, 3.into()], 0, DType::I32),
        of(&[rows, 3.into()], 1, DType::F32),
        of(&[2.into(), rows], 1, DType::I32),
    ]
}
