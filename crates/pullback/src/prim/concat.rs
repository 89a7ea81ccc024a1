//! `concat`: tensors laid end to end along one axis.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// The operands laid end to end along one axis.
#[derive(Clone, Debug)]
pub struct Concat {
    /// The axis along which they lie.
    pub axis: usize,
}

impl Primitive for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }
    fn parameters(&self) -> String {
        format!("[axis={}]", self.axis)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let first = inputs[0];
        let axis = self.axis;
        let mut total = 0;
        for t in inputs {
            if t.dtype != first.dtype {
                return Err(ErrorKind::DTypes { left: first.dtype, right: t.dtype });
            }
            let Some(&dim) = t.shape.dims().get(axis) else {
                return Err(ErrorKind::Axis { axis, shape: t.shape.clone() });
            };
            if t.shape.without(&[axis]) != first.shape.without(&[axis]) {
                return Err(ErrorKind::Shapes { left: first.shape.clone(), right: t.shape.clone() });
            }
            total += dim.known().ok_or_else(|| ErrorKind::WrongShape {
                found: t.shape.clone(),
                needs: format!("a known size on axis {axis}"),
            })?;
        }
        let mut shape = first.shape.clone();
        shape.0[axis] = Dim::Known(total);
        Ok(Type::new(first.dtype, shape))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = inputs.iter().map(|a| a.shape()[self.axis]).sum();
        let outer: usize = shape[..self.axis].iter().product();
        macro_rules! join {
            ($v:ident) => {{
                let mut out = Vec::with_capacity(shape.iter().product());
                for i in 0..outer {
                    for a in inputs {
                        let Data::$v(v) = a.data() else { unreachable!("concat: one element type") };
                        let run = v.len() / outer;
                        out.extend_from_slice(&v[i * run..(i + 1) * run]);
                    }
                }
                Data::$v(out)
            }};
        }
        let data = match inputs[0].data() {
            Data::F32(_) => join!(F32),
            Data::F64(_) => join!(F64),
            Data::I32(_) => join!(I32),
            Data::U32(_) => join!(U32),
            Data::Bool(_) => join!(Bool),
        };
        Array::new(shape, data)
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let d: Vec<Tensor> = x.iter().zip(dx).map(|(x, d)| d.clone().unwrap_or_else(|| x.zeros_like())).collect();
        Some(bind(self.clone(), &d.iter().collect::<Vec<_>>()))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let mut start = 0;
        let part = |o: &Operand| {
            let end = start + o.ty().shape.dims()[self.axis].known().unwrap_or(0);
            let part = o.fixed().is_none().then(|| ct.slice(self.axis, start, end));
            start = end;
            part
        };
        inputs.iter().map(part).collect()
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        let t = super::pointwise::stacked(inputs, n);
        bind(Concat { axis: self.axis + 1 }, &t.iter().collect::<Vec<_>>())
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let t = super::pointwise::folded(fold, inputs);
        Batched::Folded(bind(self.clone(), &t.iter().collect::<Vec<_>>()))
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Concat(self.axis)
    }
}

impl Tensor {
    /// The tensors laid end to end along one axis.
    #[track_caller]
    pub fn concat(parts: &[&Tensor], axis: usize) -> Tensor {
        match parts {
            [] => Tensor::fault(ErrorKind::Empty, "concat"),
            [one] => (*one).clone(),
            _ => bind(Concat { axis }, parts),
        }
    }

    /// The tensors stacked along a new axis.
    #[track_caller]
    pub fn stack(parts: &[&Tensor], axis: usize) -> Tensor {
        let parts: Vec<Tensor> = parts.iter().map(|t| t.unsqueeze(axis)).collect();
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis)
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |axis, shapes: &[&[Dim]]| Case {
        prim: Arc::new(Concat { axis }),
        inputs: shapes.iter().map(|&s| Arg::floats(Shape(s.into()))).collect(),
        folds: true,
    };
    let (r, n) = (Dim::fresh_rows(), Dim::Known);
    vec![
        of(0, &[&[n(2)], &[n(3)]]),
        of(1, &[&[n(2), n(1)], &[n(2), n(3)], &[n(2), n(0)]]),
        of(1, &[&[r, n(1)], &[r, n(2)]]),
        of(0, &[&[n(1), r], &[n(2), r]]),
    ]
}
