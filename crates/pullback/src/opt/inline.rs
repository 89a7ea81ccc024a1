//! Spells out calls of inner graphs.

use crate::ir::{Eqn, Graph, Var};
use crate::lowering::Lowering;
use crate::opt::Renaming;
use crate::transform::replay::Extents;
use std::collections::HashMap;

/// Every call replaced by the equations of what it calls. Calls of one graph on the same operands, which differ in
/// the result that they ask for, become equal equations and merge later.
pub(crate) fn inline(graph: Graph) -> Graph {
    if !graph.eqns.iter().any(|e| matches!(e.prim.lower(), Lowering::Call(..))) {
        return graph;
    }
    let mut out = Graph { types: graph.types.clone(), inputs: graph.inputs.clone(), ..Graph::default() };
    let mut names = Renaming::default();
    for e in &graph.eqns {
        let mut inputs = e.inputs.clone();
        names.apply(&mut inputs);
        match e.prim.lower() {
            Lowering::Call(inner, output) => {
                let result = splice(&mut out, &inline((*inner).clone()), &inputs, output);
                names.set(e.output, result);
            }
            _ => out.eqns.push(Eqn { inputs, ..e.clone() }),
        }
    }
    out.outputs = graph.outputs.clone();
    names.apply(&mut out.outputs);
    out
}

/// Appends the equations of `inner` on those operands; the variable of one of its results.
fn splice(out: &mut Graph, inner: &Graph, operands: &[Var], output: usize) -> Var {
    let mut extents = Extents::default();
    let mut env: HashMap<Var, Var> = HashMap::new();
    for (&v, &operand) in inner.inputs.iter().zip(operands) {
        extents.learn(inner.ty(v), &out.ty(operand).shape);
        env.insert(v, operand);
    }
    for e in &inner.eqns {
        let mut ty = inner.ty(e.output).clone();
        ty.shape.0.iter_mut().for_each(|d| *d = extents.map(*d));
        let v = out.var(ty);
        let inputs = e.inputs.iter().map(|i| env[i]).collect();
        out.eqns.push(Eqn { prim: extents.prim(&e.prim), inputs, output: v, at: e.at });
        env.insert(e.output, v);
    }
    env[&inner.outputs[output]]
}
