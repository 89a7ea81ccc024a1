//! `rows`: the row numbers of a count, and with them a symbolic extent.

use crate::array::{Array, DType, Data};
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::prim::ragged::refuse;
use crate::shape::{Dim, RowId, Sizes};
use crate::trace::{Tensor, at_line, bind, line};
use std::sync::Arc;

/// For counts \[b\] the segment of each of their rows; for one count, which is a segment alone, `0, 1, …`: its rows'
/// places. The only primitive that brings a new symbolic extent into a graph.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The number of rows.
    pub rows: Dim,
}

impl Primitive for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }
    fn parameters(&self) -> String {
        String::new()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        if inputs[0].dtype != DType::I32 {
            return Err(ErrorKind::WrongDType { found: inputs[0].dtype, needs: "i32 for the counts" });
        }
        if inputs[0].shape.rank() > 1 {
            let needs = "one count, or a vector of them".into();
            return Err(ErrorKind::WrongShape { found: inputs[0].shape.clone(), needs });
        }
        Ok(Type::new(DType::I32, vec![self.rows]))
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        let counts = inputs[0].get::<i32>();
        let ids: Vec<i32> = match inputs[0].shape() {
            [] => (0..counts[0].max(0)).collect(),
            _ => (0..).zip(counts).flat_map(|(i, &n)| std::iter::repeat_n(i, n.max(0) as usize)).collect(),
        };
        Array::new(vec![ids.len()], Data::I32(ids))
    }
    fn jvp(&self, _: &[Tensor], _: &Tensor, _: &[Option<Tensor>]) -> Option<Tensor> {
        None
    }
    fn transpose(&self, _: &[Operand], _: &Tensor) -> Vec<Option<Tensor>> {
        vec![None]
    }
    fn batch(&self, _: &[Batched], _: Dim) -> Tensor {
        refuse("rows")
    }
    fn fold(&self, fold: &Fold, _: &[Batched]) -> Batched {
        Batched::Folded(fold.positions.clone())
    }
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        Some(Arc::new(Rows { rows: map(self.rows) }))
    }
    fn lower(&self) -> Lowering {
        Lowering::Rows
    }
}

impl Tensor {
    /// For a count `n` the row numbers `0 … n - 1`; for counts \[b\] the number of the segment of each of their rows.
    ///
    /// Counts below 0 count as 0. Where the counts are traced the number of rows is symbolic.
    #[track_caller]
    pub fn rows(&self) -> Tensor {
        if let Some(counts) = self.array() {
            let known = Rows { rows: Dim::Known(0) };
            return match known.infer(&[&self.ty()]) {
                Ok(_) => Tensor::from(known.eval(&[counts], &Sizes::default())),
                Err(kind) => Tensor::fault(kind, "rows"),
            };
        }
        // The same count asked twice names the same extent.
        let at = line();
        self.once(|count| at_line(at, || bind(Rows { rows: Dim::Rows(RowId::fresh()) }, &[count])))
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |arg: Arg| Case::new(Rows { rows: Dim::fresh_rows() }, [arg]).refuses_fold();
    let unmapped = |arg: Arg| Arg { mapped: false, ..arg };
    vec![
        of(unmapped(Arg::new(DType::I32, [], 0.0, 4.0)).at(&[-1.0])),
        of(unmapped(Arg::new(DType::I32, [3], 0.0, 4.0)).at(&[-1.0])),
    ]
}
