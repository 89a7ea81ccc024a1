//! Graph optimisation: listed passes, each from a graph to a graph of the same meaning.

mod common_subexpressions;
mod dead_code;
mod dependencies;
mod factor;
mod fold_constants;
pub(crate) mod fuse;
mod inline;
mod repeat_late;
mod side_by_side;
pub(crate) mod simplify;

use crate::ir::{Graph, Var};

/// A pass.
pub(crate) type Pass = fn(Graph) -> Graph;

/// The passes in the order in which they run.
pub(crate) const PASSES: &[(&str, Pass)] = &[
    ("inline", inline::inline),
    ("fold_constants", fold_constants::fold_constants),
    ("simplify", simplify::simplify),
    ("common_subexpressions", common_subexpressions::common_subexpressions),
    ("factor", factor::factor),
    ("repeat_late", repeat_late::repeat_late),
    ("dead_code", dead_code::dead_code),
    ("simplify", simplify::simplify),
    ("side_by_side", side_by_side::side_by_side),
    ("common_subexpressions", common_subexpressions::common_subexpressions),
    ("dead_code", dead_code::dead_code),
];

/// The graph after every pass.
pub(crate) fn optimize(graph: Graph) -> Graph {
    PASSES.iter().fold(graph, |g, (_, pass)| pass(g))
}

/// The graph's text after each pass, with the pass's name.
pub(crate) fn stages(graph: Graph) -> Vec<(&'static str, Graph)> {
    let mut list = vec![("traced", graph)];
    for (name, pass) in PASSES {
        let before = list[list.len() - 1].1.clone();
        list.push((name, pass(before)));
    }
    list
}

/// Which variable stands for which.
#[derive(Default)]
pub(crate) struct Renaming(std::collections::HashMap<Var, Var>);

impl Renaming {
    pub(crate) fn set(&mut self, from: Var, to: Var) {
        let to = self.get(to);
        self.0.insert(from, to);
    }

    pub(crate) fn get(&self, v: Var) -> Var {
        self.0.get(&v).copied().unwrap_or(v)
    }

    pub(crate) fn apply(&self, vs: &mut [Var]) {
        vs.iter_mut().for_each(|v| *v = self.get(*v));
    }
}
