//! Merges equations that compute the same.

use crate::ir::{Eqn, Graph, Var};
use crate::opt::Renaming;
use std::collections::HashMap;

/// An equation that was kept, and its primitive with all parameters as text, once asked for.
struct Kept {
    at: usize,
    text: Option<String>,
}

/// Of equations with the same primitive, parameters and operands the first is kept.
pub(crate) fn common_subexpressions(mut graph: Graph) -> Graph {
    let text = |e: &Eqn| format!("{:?}", e.prim);
    // By operands first: few equations share all of theirs, and only these are written out to be compared.
    let mut seen: HashMap<Vec<Var>, Vec<Kept>> = HashMap::with_capacity(graph.eqns.len());
    let mut names = Renaming::default();
    let mut kept: Vec<Eqn> = Vec::with_capacity(graph.eqns.len());
    for mut e in graph.eqns {
        names.apply(&mut e.inputs);
        let alike = seen.entry(e.inputs.clone()).or_default();
        let mut mine = None;
        let same = alike.iter_mut().find_map(|Kept { at, text: theirs }| {
            let first = &kept[*at];
            let same = first.prim.name() == e.prim.name()
                && theirs.get_or_insert_with(|| text(first)) == mine.get_or_insert_with(|| text(&e));
            same.then_some(first.output)
        });
        match same {
            Some(first) => names.set(e.output, first),
            None => {
                alike.push(Kept { at: kept.len(), text: mine });
                kept.push(e);
            }
        }
    }
    graph.eqns = kept;
    names.apply(&mut graph.outputs);
    graph
}
