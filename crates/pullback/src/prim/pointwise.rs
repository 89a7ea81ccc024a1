//! The rules that all elementwise primitives share, and the macro that fills them in.

use crate::array::DType;
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, Operand, Type};
use crate::shape::Dim;
use crate::trace::Tensor;

/// Operands of an elementwise primitive: one shape, one element type.
pub(crate) fn infer_same(inputs: &[&Type]) -> Result<(), ErrorKind> {
    for t in &inputs[1..] {
        if t.dtype != inputs[0].dtype {
            return Err(ErrorKind::DTypes { left: inputs[0].dtype, right: t.dtype });
        }
        if t.shape != inputs[0].shape {
            return Err(ErrorKind::Shapes { left: inputs[0].shape.clone(), right: t.shape.clone() });
        }
    }
    Ok(())
}

/// Which element types an elementwise primitive takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Floats,
    Signed,
    Numbers,
    Any,
    Bools,
}

impl Takes {
    pub(crate) fn check(self, dtype: DType) -> Result<(), ErrorKind> {
        let (ok, needs) = match self {
            Takes::Floats => (dtype.is_float(), "f32 or f64"),
            Takes::Signed => (dtype.is_float() || dtype == DType::I32, "f32, f64 or i32"),
            Takes::Numbers => (dtype != DType::Bool, "a number"),
            Takes::Any => (true, ""),
            Takes::Bools => (dtype == DType::Bool, "bool"),
        };
        if ok { Ok(()) } else { Err(ErrorKind::WrongDType { found: dtype, needs }) }
    }
}

/// The operands stacked alike.
pub(crate) fn stacked(inputs: &[Batched], n: Dim) -> Vec<Tensor> {
    inputs.iter().map(|b| b.stacked(n)).collect()
}

/// The operands with their rows end to end.
pub(crate) fn folded(fold: &Fold, inputs: &[Batched]) -> Vec<Tensor> {
    inputs.iter().map(|b| fold.lift(b)).collect()
}

/// The answer of a primitive that is not linear to the question for its transpose.
pub(crate) fn not_linear(name: &str, inputs: &[Operand]) -> Vec<Option<Tensor>> {
    let why = ErrorKind::NoRule { transform: "transpose", why: "the operation is not linear in that operand" };
    inputs.iter().map(|o| o.fixed().is_none().then(|| Tensor::fault(why.clone(), name))).collect()
}

/// `a + b` where either may be an absent zero.
pub(crate) fn add_some(a: Option<Tensor>, b: Option<Tensor>) -> Option<Tensor> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

/// Declares the struct of a primitive, with parameters or without.
macro_rules! declare {
    ($(#[$doc:meta])* $struct:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $struct;
    };
    ($(#[$doc:meta])* $struct:ident { $($field:ident : $fty:ty),* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $struct {
            $(#[doc = "The parameter."] pub $field: $fty),*
        }
    };
}
pub(crate) use declare;

/// Writes the rules of an elementwise primitive: its struct, its name, the types it takes and gives, its tangent and,
/// if it is linear, its transpose.
macro_rules! pointwise {
    (
        $(#[$doc:meta])*
        $struct:ident $({ $($field:ident : $fty:ty),* })?, $name:literal, $op:expr, takes $takes:ident,
        gives |$gself:ident, $d:ident| $gives:expr,
        jvp |$jself:ident, $x:ident, $y:ident, $dx:ident| $jvp:expr,
        transpose |$tself:ident, $operands:ident, $ct:ident| $transpose:expr $(,)?
    ) => {
        $crate::prim::pointwise::declare!($(#[$doc])* $struct $({ $($field: $fty),* })?);

        impl $crate::ir::Primitive for $struct {
            fn name(&self) -> &'static str {
                $name
            }
            fn parameters(&self) -> String {
                let all: &[String] = &[$($(format!("[{}]", self.$field)),*)?];
                all.concat()
            }
            fn infer(&self, inputs: &[&$crate::ir::Type]) -> Result<$crate::ir::Type, $crate::error::ErrorKind> {
                $crate::prim::pointwise::infer_same(inputs)?;
                $crate::prim::pointwise::Takes::$takes.check(inputs[0].dtype)?;
                let ($gself, $d) = (self, inputs[0].dtype);
                let _ = ($gself, $d);
                Ok($crate::ir::Type::new($gives, &inputs[0].shape))
            }
            fn eval(&self, inputs: &[&$crate::array::Array], _: &$crate::shape::Sizes) -> $crate::array::Array {
                let op: fn(&Self) -> $crate::lowering::PointOp = $op;
                op(self).eval(inputs)
            }
            fn jvp(
                &self,
                $x: &[$crate::trace::Tensor],
                $y: &$crate::trace::Tensor,
                $dx: &[Option<$crate::trace::Tensor>],
            ) -> Option<$crate::trace::Tensor> {
                let $jself = self;
                let _ = ($jself, $x, $y, $dx);
                $jvp
            }
            fn transpose(
                &self,
                $operands: &[$crate::ir::Operand],
                $ct: &$crate::trace::Tensor,
            ) -> Vec<Option<$crate::trace::Tensor>> {
                let $tself = self;
                let _ = ($tself, $operands, $ct);
                $transpose
            }
            fn batch(&self, inputs: &[$crate::ir::Batched], n: $crate::shape::Dim) -> $crate::trace::Tensor {
                let t = $crate::prim::pointwise::stacked(inputs, n);
                $crate::trace::bind(self.clone(), &t.iter().collect::<Vec<_>>())
            }
            fn fold(&self, fold: &$crate::ir::Fold, inputs: &[$crate::ir::Batched]) -> $crate::ir::Batched {
                let t = $crate::prim::pointwise::folded(fold, inputs);
                $crate::ir::Batched::Folded($crate::trace::bind(self.clone(), &t.iter().collect::<Vec<_>>()))
            }
            fn map_dims(
                &self,
                _: $crate::ir::MapDims<'_>,
            ) -> Option<std::sync::Arc<dyn $crate::ir::Primitive>> {
                None
            }
            fn lower(&self) -> $crate::lowering::Lowering {
                let op: fn(&Self) -> $crate::lowering::PointOp = $op;
                $crate::lowering::Lowering::Pointwise(op(self))
            }
        }
    };
}
pub(crate) use pointwise;
