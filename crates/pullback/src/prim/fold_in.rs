//! `fold_in`: a key for each pair of a key and a number, as `jax.random.fold_in`.

use crate::array::{Array, DType, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, RandomOp};
use crate::math::threefry::threefry2x32;
use crate::prim::random_bits::lead;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// A key for each pair of a key and a number.
#[derive(Clone, Debug)]
pub struct FoldIn;

impl Primitive for FoldIn {
    fn name(&self) -> &'static str {
        "fold_in"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let lead = lead(inputs[0])?;
        if inputs[1].dtype != DType::U32 {
            return Err(ErrorKind::WrongDType { found: inputs[1].dtype, needs: "u32 to fold in" });
        }
        if inputs[1].shape != lead {
            return Err(ErrorKind::Shapes { left: inputs[0].shape.clone(), right: inputs[1].shape.clone() });
        }
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let (keys, data) = (inputs[0].get::<u32>(), inputs[1].get::<u32>());
        let out = keys.chunks_exact(2).zip(data).flat_map(|(k, &d)| threefry2x32([k[0], k[1]], [0, d])).collect();
        Array::new(inputs[0].shape().to_vec(), Data::U32(out))
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, _: &[Option<Tensor>]) -> Option<Tensor> {
        None
    }
    fn transpose(&self, _: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        vec![None, None]
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        bind(FoldIn, &[&inputs[0].stacked(n), &inputs[1].stacked(n)])
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(bind(FoldIn, &[&fold.lift(&inputs[0]), &fold.lift(&inputs[1])]))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Random(RandomOp::FoldIn)
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |lead: &[Dim]| {
        let number = Arg::new(DType::U32, Shape(lead.into()), 0.0, f64::from(u32::MAX));
        Case::new(FoldIn, [Arg::keys(Shape(lead.into())), number])
    };
    vec![of(&[]), of(&[3.into()]), of(&[Dim::fresh_rows()]), of(&[2.into(), Dim::fresh_rows()])]
}
