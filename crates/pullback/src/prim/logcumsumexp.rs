//! `logcumsumexp`: `log Σ e^x` of prefixes along one axis, under a running maximum.

use crate::array::{Array, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{Lowering, ScanOp};
use crate::prim::batching::move_axis;
use crate::prim::pointwise::{Takes, not_linear};
use crate::prim::scan::{infer, lines, log_add_exp, share, share_before};
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::{Tensor, bind};
use std::sync::Arc;

/// `y_k = log(e^x_0 + … + e^x_k)` under a running maximum, so that small prefixes before a large element survive.
#[derive(Clone, Debug)]
pub struct LogCumSumExp {
    /// Along which axis.
    pub axis: usize,
}

impl Primitive for LogCumSumExp {
    fn name(&self) -> &'static str {
        "logcumsumexp"
    }
    fn parameters(&self) -> String {
        format!("[axis={}]", self.axis)
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        infer(inputs, self.axis, Takes::Floats)
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let mut data = inputs[0].data().clone();
        macro_rules! scan {
            ($v:ident) => {
                lines(inputs[0].shape(), self.axis, false, |before, here| {
                    if let Some(b) = before {
                        $v[here] = log_add_exp($v[b], $v[here]);
                    }
                })
            };
        }
        match &mut data {
            Data::F32(v) => scan!(v),
            Data::F64(v) => scan!(v),
            _ => unreachable!("logcumsumexp: types were inferred"),
        }
        Array::new(inputs[0].shape().to_vec(), data)
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let (x, d) = (&x[0], dx[0].as_ref()?);
        let n = self.axis;
        Some(share_before(y, &y.shift(n, false)).recurrence(&(share(x, y) * d), n, false))
    }
    fn transpose(&self, inputs: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        not_linear("logcumsumexp", inputs)
    }
    fn batch(&self, inputs: &[Batched], _: Dim) -> Tensor {
        inputs[0].tensor().logcumsumexp(self.axis + 1)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let x = inputs[0].tensor();
        Batched::Folded(if fold.axes[0] == Some(self.axis) {
            let y = move_axis(x, self.axis, 0).segment_logcumsumexp(&fold.ids);
            move_axis(&y, 0, self.axis)
        } else {
            x.logcumsumexp(self.axis)
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Scan(ScanOp::LogCumSumExp, self.axis)
    }
}

impl Tensor {
    /// `log Σ_(i ≤ k) e^(x_i)` along an axis, by a running maximum: small prefixes do not underflow.
    #[track_caller]
    pub fn logcumsumexp(&self, axis: usize) -> Tensor {
        bind(LogCumSumExp { axis }, &[self])
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |shape: &[Dim], axis| {
        let hard = [f64::NEG_INFINITY, -745.0, 1e4, -1e4, f64::INFINITY];
        Case::new(LogCumSumExp { axis }, [Arg::floats(Shape(shape.into())).at(&hard)])
    };
    let rows = Dim::fresh_rows();
    vec![of(&[4.into()], 0), of(&[rows, 2.into()], 0), of(&[2.into(), rows], 1), of(&[rows, 3.into()], 1)]
}
