//! The invariants of a graph that stands alone. Every pass keeps them; tests check after each.
//!
//! 1. Every variable has a type, and is defined once: as a parameter, or by one equation.
//! 2. An equation reads only what is defined before it.
//! 3. The type of what an equation defines is the one that its primitive infers.
//! 4. A symbolic extent is bound before it is used, in a type or among a primitive's parameters: by the type of a
//!    parameter of the graph, or by an equation that makes rows of a count.
//! 5. Every result is defined.
//!
//! Nothing else is asked: parameters and equations may go unused, a variable may be returned twice or be a parameter.

use crate::error::{Error, ErrorKind};
use crate::ir::{Graph, Type, Var};
use crate::lowering::Lowering;
use crate::shape::{Dim, RowId};
use std::collections::HashSet;

/// Checks the invariants of a graph: variables defined once and before their use, types as inferred, symbolic extents
/// bound.
///
/// # Errors
/// [`ErrorKind::Invalid`] with the invariant and the equations around the one that breaks it.
pub fn verify(graph: &Graph) -> Result<(), Error> {
    let mut seen = Seen::default();
    for &v in &graph.inputs {
        seen.define(graph, v).map_err(|why| Error::invalid("verify", format!("parameter: {why}")))?;
        seen.extents.extend(rows_of(graph.ty(v)));
    }
    for (i, e) in graph.eqns.iter().enumerate() {
        let fault = |why: String| {
            let why = format!("{why}\n{}", around(graph, i));
            Error::new(ErrorKind::Invalid { why }, e.prim.name(), Some(e.at))
        };
        if let Some(v) = e.inputs.iter().find(|v| !seen.defined.contains(v)) {
            return Err(fault(format!("variable {} is read before it is defined", v.0)));
        }
        seen.define(graph, e.output).map_err(fault)?;
        let types: Vec<&Type> = e.inputs.iter().map(|&v| graph.ty(v)).collect();
        let inferred = e.prim.infer(&types).map_err(|kind| fault(format!("no type: {kind}")))?;
        let stated = graph.ty(e.output);
        if inferred != *stated {
            return Err(fault(format!("the result is stated as {stated} and inferred as {inferred}")));
        }
        let mut used: Vec<RowId> = Vec::new();
        if matches!(e.prim.lower(), Lowering::Rows) {
            seen.extents.extend(rows_of(stated));
        } else {
            e.prim.map_dims(&mut |d| {
                used.extend(rows(d));
                d
            });
            used.extend(rows_of(stated));
        }
        if used.iter().any(|id| !seen.extents.contains(id)) {
            return Err(fault("a symbolic extent is used before it is bound".into()));
        }
    }
    match graph.outputs.iter().find(|v| !seen.defined.contains(v)) {
        Some(v) => Err(Error::invalid("verify", format!("result: variable {} is not defined", v.0))),
        None => Ok(()),
    }
}

#[derive(Default)]
struct Seen {
    defined: HashSet<Var>,
    extents: HashSet<RowId>,
}

impl Seen {
    fn define(&mut self, graph: &Graph, v: Var) -> Result<(), String> {
        if v.index() >= graph.types.len() {
            return Err(format!("variable {} has no type", v.0));
        }
        if self.defined.insert(v) { Ok(()) } else { Err(format!("variable {} is defined twice", v.0)) }
    }
}

fn rows(d: Dim) -> Option<RowId> {
    if let Dim::Rows(id) = d { Some(id) } else { None }
}

fn rows_of(ty: &Type) -> impl Iterator<Item = RowId> + '_ {
    ty.shape.dims().iter().filter_map(|&d| rows(d))
}

/// The printed equations around number `i`, which is marked; variables by their numbers, for a broken graph may lack
/// the types that a pretty print needs.
fn around(graph: &Graph, i: usize) -> String {
    let line = |k: usize| {
        let e = &graph.eqns[k];
        let inputs: Vec<String> = e.inputs.iter().map(|v| format!(" %{}", v.0)).collect();
        let ty = graph.types.get(e.output.index()).map_or_else(|| "?".into(), Type::to_string);
        let mark = if k == i { ">" } else { " " };
        format!("{mark} %{}:{ty} = {}{}{}", e.output.0, e.prim.name(), e.prim.parameters(), inputs.concat())
    };
    (i.saturating_sub(3)..graph.eqns.len().min(i + 3)).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::DType;
    use crate::trace::{Tensor, trace};

    fn graph() -> Graph {
        let row = Dim::fresh_rows();
        let types = [Type::new(DType::F32, vec![row, 3.into()]), Type::new(DType::F32, [3, 2])];
        let build = |t: Vec<Tensor>| (vec![(t[0].dot(&t[1]).tanh() * 2.0).reduce_mean(&[0])], ());
        let (closed, ()) = trace(&types, build).unwrap();
        closed.graph
    }

    fn breaks(change: impl Fn(&mut Graph), part: &str) {
        let mut broken = graph();
        change(&mut broken);
        let e = verify(&broken).unwrap_err().to_string();
        assert!(e.contains(part), "{e}");
    }

    #[test]
    fn each_invariant_is_checked() {
        verify(&graph()).unwrap();
        breaks(|g| g.inputs.push(g.inputs[0]), "defined twice");
        breaks(|g| g.eqns[2].output = g.eqns[1].output, "defined twice");
        breaks(|g| g.eqns.swap(0, 1), "> %3:f32[rows, 2] = tanh %2");
        breaks(|g| g.eqns[0].output = Var(99), "variable 99 has no type");
        breaks(
            |g| g.types[g.eqns[1].output.index()].dtype = DType::F64,
            "stated as f64[rows, 2] and inferred as f32[rows, 2]",
        );
        breaks(|g| g.eqns[0].inputs.reverse(), "no type: inner sizes differ");
        breaks(|g| g.outputs.push(Var(98)), "variable 98 is not defined");
        let unbound = |g: &mut Graph| {
            let first = g.inputs.remove(0);
            g.eqns.retain(|e| !e.inputs.contains(&first));
            let read: Vec<Var> = g.eqns.iter().flat_map(|e| e.inputs.clone()).collect();
            g.eqns.retain(|e| e.inputs.is_empty() && !read.is_empty());
            g.outputs.clear();
        };
        breaks(unbound, "symbolic extent is used before it is bound");
    }
}
