//! `select`: one of two values, element by element.

use crate::array::{Array, DType};
use crate::case::{Arg, Case, HARD};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, PointOp};
use crate::prim::operator::{Scalar, broadcast_together};
use crate::prim::pointwise::{folded, infer_same, stacked};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `a` where the condition holds, else `b`.
#[derive(Clone, Debug)]
pub struct Select;

impl Primitive for Select {
    fn name(&self) -> &'static str {
        "select"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        if inputs[0].dtype != DType::Bool {
            return Err(ErrorKind::WrongDType { found: inputs[0].dtype, needs: "bool for the condition" });
        }
        infer_same(&inputs[1..])?;
        if inputs[0].shape != inputs[1].shape {
            return Err(ErrorKind::Shapes { left: inputs[0].shape.clone(), right: inputs[1].shape.clone() });
        }
        Ok(inputs[1].clone())
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        PointOp::Select.eval(&[inputs[0], inputs[1], inputs[2]]).reshaped(inputs[0].shape().to_vec())
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        if dx[1].is_none() && dx[2].is_none() {
            return None;
        }
        let zeros = y.zeros_like();
        Some(x[0].select(dx[1].as_ref().unwrap_or(&zeros), dx[2].as_ref().unwrap_or(&zeros)))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let Some(c) = inputs[0].fixed() else {
            return super::pointwise::not_linear("select", inputs);
        };
        let zeros = ct.zeros_like();
        let part = |o: &Operand, t: Tensor| o.fixed().is_none().then_some(t);
        vec![None, part(&inputs[1], c.select(ct, &zeros)), part(&inputs[2], c.select(&zeros, ct))]
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        bind(Select, &stacked(inputs, n).iter().collect::<Vec<_>>())
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        Batched::Folded(bind(Select, &folded(fold, inputs).iter().collect::<Vec<_>>()))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Pointwise(PointOp::Select)
    }
}

impl Tensor {
    /// `a` where this (bool) holds, else `b`; the three broadcast together.
    ///
    /// The derivative of the branch that is not taken is dropped, but it is computed: keep its argument inside its
    /// domain (`x.gt(0.0).select(&x, &one).log()`, not `x.gt(0.0).select(&x.log(), &zero)`), or NaN times 0 remains.
    #[track_caller]
    pub fn select<'a, 'b>(&self, a: impl Into<Scalar<'a>>, b: impl Into<Scalar<'b>>) -> Tensor {
        let (a, b) = (a.into(), b.into());
        let (a, b) = match (&a, &b) {
            (Scalar::Number(_), Scalar::Number(_)) => {
                return Tensor::fault(
                    ErrorKind::WrongShape { found: self.shape(), needs: "a tensor in one of the branches".into() },
                    "select",
                );
            }
            (Scalar::Number(_), _) => {
                let b = b.tensor(self);
                (a.tensor(&b), b)
            }
            _ => {
                let a = a.tensor(self);
                let b = b.tensor(&a);
                (a, b)
            }
        };
        match broadcast_together("select", &[self, &a, &b]) {
            Ok(t) => bind(Select, &[&t[0], &t[1], &t[2]]),
            Err(t) => t,
        }
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let rows = Shape(vec![Dim::fresh_rows(), 2.into()]);
    let of = |s: &Shape, dtype| {
        let branch = || Arg::new(dtype, s.clone(), -2.0, 2.0).at(if dtype == DType::F64 { HARD } else { &[] });
        Case::new(Select, [Arg::bools(s.clone()), branch(), branch()])
    };
    let shapes = [Shape::scalar(), Shape::of(&[5]), rows];
    let dtypes = [DType::F64, DType::I32, DType::U32, DType::Bool];
    shapes.iter().flat_map(|s| dtypes.map(|dtype| of(s, dtype))).collect()
}
