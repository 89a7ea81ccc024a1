//! `stop_gradient`: the operand, held constant in derivatives.

use crate::array::Array;
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// The operand; its tangent is zero.
#[derive(Clone, Debug)]
pub struct StopGradient;

impl Primitive for StopGradient {
    fn name(&self) -> &'static str {
        "stop_gradient"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        inputs[0].clone()
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, _: &[Option<Tensor>]) -> Option<Tensor> {
        None
    }
    fn transpose(&self, inputs: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        super::pointwise::not_linear("stop_gradient", inputs)
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        inputs[0].tensor().stop_gradient()
    }
    fn fold(&self, _: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(inputs[0].tensor().stop_gradient())
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Reshape
    }
}

impl Tensor {
    /// This tensor, held constant in derivatives.
    #[track_caller]
    pub fn stop_gradient(&self) -> Tensor {
        bind(StopGradient, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(StopGradient, [Arg::floats(vec![Dim::fresh_rows(), 2.into()]).fixed()])]
}
