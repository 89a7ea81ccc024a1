//! `cast`: conversion of element types, the only place where they change.

use crate::array::DType;
use crate::case::{Arg, Case};
use crate::lowering::PointOp;
use crate::prim::pointwise::pointwise;
use crate::shape::Dim;
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

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let dtypes = [DType::F32, DType::F64, DType::I32, DType::U32, DType::Bool];
    let of = |from: DType, to| {
        // Whole numbers: differences would see the rounding of others.
        let hard = [2.0, -3.0, 1e10, f64::INFINITY, f64::NAN];
        let arg = Arg::new(from, vec![Dim::fresh_rows(), 3.into()], 0.0, 3.0);
        let arg = if from.is_float() { arg.at(&hard) } else { arg };
        Case::new(Cast { to }, [if from == DType::F64 && to == DType::F64 { arg } else { arg.fixed() }])
    };
    dtypes.iter().flat_map(|&from| dtypes.map(|to| of(from, to))).collect()
}
