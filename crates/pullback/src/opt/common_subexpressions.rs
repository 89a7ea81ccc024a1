//! Merges equations that compute the same.

use crate::ir::{Eqn, Graph, Var};
use crate::opt::Renaming;
use std::collections::HashMap;

/// Of equations with the same primitive, parameters and operands the first is kept.
pub(crate) fn common_subexpressions(mut graph: Graph) -> Graph {
    let mut seen: HashMap<(String, Vec<Var>), Var> = HashMap::new();
    let mut names = Renaming::default();
    let mut kept: Vec<Eqn> = Vec::with_capacity(graph.eqns.len());
    for mut e in graph.eqns {
        names.apply(&mut e.inputs);
        let key = (format!("{:?}", e.prim), e.inputs.clone());
        match seen.get(&key) {
            Some(&v) => names.set(e.output, v),
            None => {
                seen.insert(key, e.output);
                kept.push(e);
            }
        }
    }
    graph.eqns = kept;
    names.apply(&mut graph.outputs);
    graph
}
