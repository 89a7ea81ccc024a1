//! What the prefix operations share: lines of an axis, `log(e^a + e^b)`, and the shares of a prefix.

use crate::array::strides;
use crate::error::ErrorKind;
use crate::ir::Type;
use crate::lowering::max;
use crate::math::Real;
use crate::prim::pointwise::{Takes, infer_same};
use crate::trace::Tensor;

pub(super) fn infer(inputs: &[&Type], axis: usize, takes: Takes) -> Result<Type, ErrorKind> {
    infer_same(inputs)?;
    takes.check(inputs[0].dtype)?;
    if axis >= inputs[0].shape.rank() {
        return Err(ErrorKind::Axis { axis, shape: inputs[0].shape.clone() });
    }
    Ok(inputs[0].clone())
}

/// Calls `step(previous, here)` with flat indices along every line of one axis, in order or from the end.
pub(crate) fn lines(shape: &[usize], axis: usize, reverse: bool, mut step: impl FnMut(Option<usize>, usize)) {
    let (n, stride) = (shape[axis], strides(shape)[axis]);
    let total: usize = shape.iter().product();
    for start in (0..total).filter(|i| i / stride % n == 0) {
        let mut before = None;
        for k in 0..n {
            let here = start + if reverse { n - 1 - k } else { k } * stride;
            step(before, here);
            before = Some(here);
        }
    }
}

/// `log(e^a + e^b)`; `-inf` where both are.
#[inline(always)]
pub(crate) fn log_add_exp<T: Real>(a: T, b: T) -> T {
    let top = max(a, b);
    let gap = a - b;
    if !top.is_finite() { top } else { top + (-gap.abs()).exp::<false>().log1p::<false>() }
}

/// `e^(x - y)`, the share of the newest term in a prefix; 0 where the prefix is empty of weight.
pub(crate) fn share(x: &Tensor, y: &Tensor) -> Tensor {
    let finite = y.is_finite();
    finite.select((x - finite.select(y, 0.0)).exp(), 0.0)
}

/// `e^(y_(k-1) - y_k)`, the share of the terms before the newest, of `y` and `y` shifted. It never exceeds 1; at the first
/// element, where nothing came before, the bound keeps it finite and nothing reads it.
pub(crate) fn share_before(y: &Tensor, before: &Tensor) -> Tensor {
    let finite = y.is_finite();
    let gap = before - finite.select(y, 0.0);
    finite.select(gap.minimum(0.0).exp(), 0.0)
}
