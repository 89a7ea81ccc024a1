//! Function transformations: each walks the graph of a traced function and asks the primitives for their rules.

pub(crate) mod checkpoint;
pub(crate) mod function;
pub(crate) mod jvp;
pub(crate) mod replay;
pub(crate) mod traced;
pub(crate) mod vjp;
pub(crate) mod vmap;

use crate::case::Row;

/// The primitives that transforms define, with what they are tested on; see [`crate::prim::TABLE`].
pub(crate) const TABLE: &[Row] =
    &[("checkpoint", checkpoint::cases), ("checkpoint_tangent", checkpoint::tangent_cases)];
