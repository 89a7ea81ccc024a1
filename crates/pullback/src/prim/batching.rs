//! How values under `vmap` are brought to one form.

use crate::ir::{Batched, Fold};
use crate::prim::Broadcast;
use crate::shape::{Dim, Shape};
use crate::trace::{Tensor, bind_beside};
use std::sync::Arc;

impl Batched {
    /// With examples along axis 0; what is shared is repeated.
    pub(crate) fn stacked(&self, n: Dim) -> Tensor {
        self.stacked_beside(n, None)
    }

    /// [`Batched::stacked`], where another operand is: beside one that is being traced nothing is spelled out.
    pub(crate) fn stacked_beside(&self, n: Dim, beside: Option<&Tensor>) -> Tensor {
        match self {
            Batched::Stacked(t) => t.clone(),
            Batched::Shared(t) | Batched::Folded(t) => {
                let shape = t.shape();
                let axes = (1..=shape.rank()).collect();
                bind_beside(Arc::new(Broadcast { shape: shape.insert(0, n), axes }), &[t], beside.as_slice())
            }
        }
    }

    /// Whether examples lie along axis 0.
    pub(crate) fn is_stacked(&self) -> bool {
        matches!(self, Batched::Stacked(_))
    }
}

impl Fold {
    /// A value for each row: what is stacked by example gets a leading axis of rows, each a copy of its example's.
    pub(crate) fn lift(&self, value: &Batched) -> Tensor {
        match value {
            Batched::Folded(t) | Batched::Shared(t) => t.clone(),
            Batched::Stacked(t) => t.repeat_rows(&self.ids),
        }
    }

    /// The extents of the function of one example in terms of all of them.
    pub(crate) fn map_dim(&self, d: Dim) -> Dim {
        if d == Dim::Rows(self.rows) { self.total } else { d }
    }

    /// A shape of the function of one example in terms of all of them.
    pub(crate) fn map_shape(&self, s: &Shape) -> Shape {
        Shape(s.dims().iter().map(|&d| self.map_dim(d)).collect())
    }
}

/// `t` with axis `from` moved to place `to`.
pub(crate) fn move_axis(t: &Tensor, from: usize, to: usize) -> Tensor {
    if from == to || t.error().is_some() {
        return t.clone();
    }
    let mut order: Vec<usize> = (0..t.rank()).filter(|&i| i != from).collect();
    order.insert(to, from);
    t.transpose(&order)
}
