//! `random_bits`, `random_unit`: threefry-2x32 in JAX's partitionable form.

use crate::array::{Array, DType, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, RandomOp};
use crate::math::threefry::threefry2x32;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// Random bits, or floats in \[0, 1), of one shape for each key.
#[derive(Clone, Debug)]
pub struct RandomBits {
    /// For one key.
    pub shape: Shape,
    /// What is drawn.
    pub op: RandomOp,
}

/// The leading axes of keys `[…, 2]`.
pub(super) fn lead(keys: &Type) -> Result<Shape, ErrorKind> {
    if keys.dtype != DType::U32 {
        return Err(ErrorKind::WrongDType { found: keys.dtype, needs: "u32 for a key" });
    }
    match keys.shape.dims() {
        [lead @ .., Dim::Known(2)] => Ok(Shape(lead.to_vec())),
        _ => Err(ErrorKind::WrongShape { found: keys.shape.clone(), needs: "a last axis of 2 for a key".into() }),
    }
}

/// Both words for one element, by its number within what the key draws.
#[inline(always)]
pub(crate) fn words(key: [u32; 2], i: u64) -> [u32; 2] {
    threefry2x32(key, [(i >> 32) as u32, i as u32])
}

/// A float in \[0, 1) from 23 random bits, as JAX makes it.
#[inline(always)]
pub(crate) fn unit_f32([a, b]: [u32; 2]) -> f32 {
    f32::from_bits((a ^ b) >> 9 | 0x3f80_0000) - 1.0
}

/// A float in \[0, 1) from 52 random bits, as JAX makes it.
#[inline(always)]
pub(crate) fn unit_f64([a, b]: [u32; 2]) -> f64 {
    f64::from_bits((u64::from(a) << 32 | u64::from(b)) >> 12 | 0x3ff0_0000_0000_0000) - 1.0
}

impl Primitive for RandomBits {
    fn name(&self) -> &'static str {
        if self.op == RandomOp::Bits { "random_bits" } else { "random_unit" }
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let mut shape = lead(inputs[0])?;
        shape.0.extend(self.shape.dims());
        let dtype = match self.op {
            RandomOp::Unit(dtype) => dtype,
            _ => DType::U32,
        };
        Ok(Type { dtype, shape })
    }
    fn eval(&self, inputs: &[&Array], sizes: &Sizes) -> Array {
        let keys = inputs[0].get::<u32>();
        let shape = sizes.resolve(&self.shape);
        let n: usize = shape.iter().product();
        let draws = keys.chunks_exact(2).flat_map(|k| (0..n as u64).map(|i| words([k[0], k[1]], i)));
        let data = match self.op {
            RandomOp::Unit(DType::F64) => Data::F64(draws.map(unit_f64).collect()),
            RandomOp::Unit(_) => Data::F32(draws.map(unit_f32).collect()),
            _ => Data::U32(draws.map(|[a, b]| a ^ b).collect()),
        };
        let lead = &inputs[0].shape()[..inputs[0].shape().len() - 1];
        Array::new([lead, &shape].concat(), data)
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, _: &[Option<Tensor>]) -> Option<Tensor> {
        None
    }
    fn transpose(&self, _: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        vec![None]
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        bind(self.clone(), &[inputs[0].tensor()])
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        if self.shape.mentions(fold.rows) {
            let why = "one key drawing over a ragged axis; split the key over the rows and draw from each";
            return Batched::Folded(Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, self.name()));
        }
        Batched::Folded(bind(self.clone(), &[inputs[0].tensor()]))
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        let shape = Shape(self.shape.dims().iter().map(|&d| map(d)).collect());
        Some(Arc::new(RandomBits { shape, op: self.op }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Random(self.op)
    }
}

/// What it is tested on.
pub(crate) fn cases(ops: &[RandomOp]) -> Vec<Case> {
    let of = |lead: &[Dim], shape: &[Dim], op| {
        let prim = RandomBits { shape: Shape(shape.into()), op };
        Case::new(prim, [Arg::keys(Shape(lead.into()))])
    };
    let rows = Dim::fresh_rows();
    let mut cases = Vec::new();
    for &op in ops {
        cases.push(of(&[], &[], op));
        cases.push(of(&[2.into()], &[3.into(), 2.into()], op));
        cases.push(of(&[rows], &[2.into()], op));
        // One key for all rows of an example: which bits are whose would depend on the other examples.
        cases.push(of(&[], &[rows, 2.into()], op).refuses_fold());
    }
    cases
}
