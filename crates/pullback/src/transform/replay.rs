//! A graph applied to other tensors: the walk that every transform is a variation of.

use crate::error::Error;
use crate::ir::{Eqn, Graph, Primitive, Type, Var};
use crate::shape::{Dim, RowId, Shape};
use crate::trace::{Tensor, at_line, bind_beside, names_rows};
use std::sync::Arc;

/// What stands for each symbolic extent of a graph where it is replayed.
#[derive(Default)]
pub(crate) struct Extents(Vec<(RowId, Dim)>);

impl Extents {
    /// Learns from a value what the extents of its type stand for.
    pub(crate) fn learn(&mut self, ty: &Type, shape: &Shape) {
        for (&d, &to) in ty.shape.dims().iter().zip(shape.dims()) {
            if let Dim::Rows(id) = d
                && !self.0.iter().any(|(r, _)| *r == id)
            {
                self.0.push((id, to));
            }
        }
    }

    /// What stands for an extent.
    pub(crate) fn map(&self, d: Dim) -> Dim {
        match d {
            Dim::Rows(id) => self.0.iter().find(|(r, _)| *r == id).map_or(d, |&(_, to)| to),
            Dim::Known(_) => d,
        }
    }

    /// A primitive with its extents replaced.
    pub(crate) fn prim(&self, prim: &Arc<dyn Primitive>) -> Arc<dyn Primitive> {
        if self.0.is_empty() || !names_rows(&**prim) {
            return prim.clone();
        }
        prim.map_dims(&mut |d| self.map(d)).unwrap_or_else(|| prim.clone())
    }
}

/// Values of a graph's variables during a walk.
pub(crate) struct Env<T>(Vec<Option<T>>);

impl<T: Clone> Env<T> {
    pub(crate) fn new(graph: &Graph) -> Env<T> {
        Env(vec![None; graph.types.len()])
    }

    pub(crate) fn set(&mut self, v: Var, value: T) {
        self.0[v.index()] = Some(value);
    }

    pub(crate) fn find(&self, v: Var) -> Option<&T> {
        self.0[v.index()].as_ref()
    }

    /// The value of a variable; equations are in order, which `verify` holds.
    pub(crate) fn get(&self, v: Var) -> T {
        self.0[v.index()].clone().expect("verify: a variable is set before it is read")
    }

    pub(crate) fn all(&self, vs: &[Var]) -> Vec<T> {
        vs.iter().map(|&v| self.get(v)).collect()
    }
}

/// The graph's equations on those arguments, recorded or evaluated wherever the arguments live.
pub(crate) fn replay(graph: &Graph, args: &[Tensor]) -> Vec<Tensor> {
    let mut env = Env::new(graph);
    let mut extents = Extents::default();
    for (&v, t) in graph.inputs.iter().zip(args) {
        extents.learn(graph.ty(v), &t.shape());
        env.set(v, t.clone());
    }
    for e in &graph.eqns {
        let y = apply(e, &extents, &env.all(&e.inputs));
        if y.error().is_some() {
            return vec![y; graph.outputs.len()];
        }
        extents.learn(graph.ty(e.output), &y.shape());
        env.set(e.output, y);
    }
    env.all(&graph.outputs)
}

/// One equation on other tensors, at its own line.
pub(crate) fn apply(e: &Eqn, extents: &Extents, inputs: &[Tensor]) -> Tensor {
    apply_beside(e, extents, inputs, None)
}

/// [`apply`] in the function that another tensor belongs to, too.
pub(crate) fn apply_beside(e: &Eqn, extents: &Extents, inputs: &[Tensor], beside: Option<&Tensor>) -> Tensor {
    at_line(e.at, || bind_beside(extents.prim(&e.prim), &inputs.iter().collect::<Vec<_>>(), beside.as_slice()))
}

/// The first fault among some tensors.
pub(crate) fn first_fault<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Option<Error> {
    tensors.into_iter().find_map(|t| t.error().cloned())
}
