//! `cast`: conversion of element types, the only place where they change.

use crate::array::DType;
use crate::lowering::PointOp;
use crate::prim::pointwise::pointwise;
use crate::trace::{Tensor, bind};

pointwise! {
    /// Conversion to another element type.
    Cast { to: DType }, "cast", |s| PointOp::Cast(s.to), takes Any, gives |s, _d| s.to,
    jvp |s, x, y, dx| dx[0].as_ref().filter(|_| s.to.is_float()).map(|d| d.cast(s.to)),
    transpose |_s, operands, ct| vec![Some(ct.cast(operands[0].ty().dtype))],
}

impl Tensor {
    /// The same numbers in another element type: towards zero, saturating; truth values are 0 and 1.
    #[track_caller]
    pub fn cast(&self, to: DType) -> Tensor {
        if self.error().is_none() && self.dtype() == to { self.clone() } else { bind(Cast { to }, &[self]) }
    }
}
