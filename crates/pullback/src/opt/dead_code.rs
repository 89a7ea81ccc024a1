//! Drops what no result depends on.

use crate::ir::Graph;

/// Only equations that a result depends on stay. Those that name a symbolic extent keep it bound: they stay while
/// anything of that extent does.
pub(crate) fn dead_code(mut graph: Graph) -> Graph {
    let mut live = vec![false; graph.types.len()];
    graph.outputs.iter().for_each(|v| live[v.index()] = true);
    let mut keep = vec![false; graph.eqns.len()];
    for (e, keep) in graph.eqns.iter().zip(&mut keep).rev() {
        if live[e.output.index()] {
            *keep = true;
            e.inputs.iter().for_each(|v| live[v.index()] = true);
        }
    }
    // An extent may be read where no variable of the equation that binds it is.
    let bound_by = |graph: &Graph, i: usize| matches!(graph.eqns[i].prim.lower(), crate::lowering::Lowering::Rows);
    for i in (0..graph.eqns.len()).rev() {
        if !keep[i] && bound_by(&graph, i) {
            let dim = graph.ty(graph.eqns[i].output).shape.dims()[0];
            let mentioned = graph.eqns.iter().zip(&keep).any(|(e, &k)| {
                let mut found = graph.ty(e.output).shape.dims().contains(&dim);
                e.prim.map_dims(&mut |d| {
                    found |= d == dim;
                    d
                });
                k && found
            });
            if mentioned {
                let mut stack = vec![i];
                while let Some(i) = stack.pop() {
                    keep[i] = true;
                    let inputs = &graph.eqns[i].inputs;
                    stack.extend((0..i).filter(|&j| !keep[j] && inputs.contains(&graph.eqns[j].output)));
                }
            }
        }
    }
    let mut keep = keep.into_iter();
    graph.eqns.retain(|_| keep.next().unwrap_or(true));
    graph
}
