//! What the operations on ragged rows share.
//!
//! A ragged tensor has its segments end to end along axis 0; `ids`, ascending, says for each row which segment it is of.

use crate::array::DType;
use crate::error::ErrorKind;
use crate::ir::Type;
use crate::shape::Dim;
use crate::trace::Tensor;

pub(super) fn refuse(name: &str) -> Tensor {
    let why = "ragged rows inside ragged rows; map over the pairs at once";
    Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, name)
}

/// The fault of numbers that are there to be read: one out of range, or not ascending.
///
/// Numbers that a program computes are not seen here: they come from [`Tensor::rows`], which counts right.
pub(super) fn wrong_ids(ids: &Tensor, segments: Dim) -> Option<ErrorKind> {
    let segments = segments.known();
    let ids = ids.as_slice::<i32>().ok()?;
    let mut least = 0;
    for (at, &id) in ids.iter().enumerate() {
        if id < least || segments.is_some_and(|n| id as usize >= n) {
            return Some(ErrorKind::SegmentIds { id, at, segments });
        }
        least = id;
    }
    None
}

pub(super) fn check_ids(x: &Type, ids: &Type, rows: Option<Dim>) -> Result<(), ErrorKind> {
    if ids.dtype != DType::I32 {
        return Err(ErrorKind::WrongDType { found: ids.dtype, needs: "i32 for the segments' numbers" });
    }
    if x.shape.rank() == 0 || ids.shape.rank() != 1 || rows.is_some_and(|r| Some(&r) != ids.shape.dims().first()) {
        return Err(ErrorKind::Shapes { left: x.shape.clone(), right: ids.shape.clone() });
    }
    Ok(())
}

/// Calls `step(previous, here)` with the numbers of every segment's rows, in order or from the end.
pub(super) fn rows_in_segments(ids: &[i32], reverse: bool, mut step: impl FnMut(Option<usize>, usize)) {
    let mut before: Option<usize> = None;
    let mut next = |here: usize| {
        step(before.filter(|&b| ids[b] == ids[here]), here);
        before = Some(here);
    };
    if reverse { (0..ids.len()).rev().for_each(&mut next) } else { (0..ids.len()).for_each(next) }
}
