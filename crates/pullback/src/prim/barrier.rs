//! `barrier`: the operand, which optimisation takes for another value.

use crate::array::Array;
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The operand. What is computed from it is not taken for what was computed from the operand, so that a
/// rematerialised value is not kept from the first time.
#[derive(Clone, Debug)]
pub struct Barrier {
    /// Barriers of one region share a number.
    pub region: u64,
}

impl Barrier {
    /// A number that no other region bears.
    pub(crate) fn region() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

impl Primitive for Barrier {
    fn name(&self) -> &'static str {
        "barrier"
    }
    fn parameters(&self) -> String {
        format!("[region={}]", self.region)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        inputs[0].clone()
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        dx[0].clone()
    }
    fn transpose(&self, _: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(ct.clone())]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        bind(self.clone(), &[inputs[0].tensor()])
    }
    fn fold(&self, _: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(bind(self.clone(), &[inputs[0].tensor()]))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Barrier
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(Barrier { region: Barrier::region() }, [Arg::floats(vec![Dim::fresh_rows(), 2.into()])])]
}
