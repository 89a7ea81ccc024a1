//! From a graph to the steps that run it and the places where values lie.

use crate::exec::extent::{Count, RowTable};
use crate::exec::kernel::{self, Compiled, MOST_LOADS, MOST_STORES};
use crate::exec::memory::{Memory, Place};
use crate::exec::placement::places;
use crate::exec::schedule::{Run, schedule};
use crate::exec::step::{Step, Work, other};
use crate::ir::{Graph, Var};
use crate::opt::fuse::{self, Role, role};
use std::collections::{HashMap, HashSet};

/// A result of the program.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub place: Place,
    pub shape: Vec<Count>,
}

/// Everything that a run needs but the arguments.
#[derive(Debug)]
pub(crate) struct Plan {
    pub rows: RowTable,
    pub runs: Vec<Run>,
    pub memory: Memory,
    pub outputs: Vec<Output>,
}

/// Plans an optimised graph.
pub(crate) fn plan(graph: &Graph) -> Plan {
    let defined = graph.definitions();
    let mut rows = RowTable::of(graph);
    for &v in &graph.inputs {
        rows.count(graph.ty(v).shape.dims().iter().copied());
    }
    let root = roots(graph);
    let order = fuse::steps(graph);

    // What each step reads decides what must be kept; only then are the kernels final.
    let everything = |_: Var| true;
    let mut needed: HashSet<Var> = graph.outputs.iter().map(|&v| root(v)).collect();
    for step in &order {
        match step {
            fuse::Step::Kernel(group) => {
                let k = kernel::compile(graph, group, &defined, &mut rows, &everything);
                needed.extend(k.reads.iter().map(|o| root(o.var)));
            }
            fuse::Step::Eqn(i) => needed.extend(graph.eqns[*i].inputs.iter().map(|&v| root(v))),
        }
    }
    let mut steps: Vec<Step> = Vec::new();
    for step in &order {
        match step {
            fuse::Step::Kernel(group) => cut(graph, group, &defined, &mut rows, &needed, &mut steps),
            fuse::Step::Eqn(i) => steps.push(other(graph, &graph.eqns[*i], &mut rows)),
        }
    }
    let mut runs = schedule(steps, &root, rows.len());
    let (memory, place) = places(graph, &mut runs, &root, &mut rows);
    let place = |v: Var| place[&root(v)];
    runs.iter_mut().flat_map(Run::steps_mut).for_each(|step| step.settle(&place));
    let outputs: Vec<Output> = graph
        .outputs
        .iter()
        .map(|&v| Output {
            place: place(v),
            shape: graph.ty(v).shape.dims().iter().map(|&d| rows.count([d])).collect(),
        })
        .collect();
    Plan { rows, runs, memory, outputs }
}

/// The variable in whose storage each variable lies.
fn roots(graph: &Graph) -> impl Fn(Var) -> Var + use<> {
    let mut root: Vec<Var> = (0..graph.types.len() as u32).map(Var).collect();
    for e in &graph.eqns {
        if role(graph, e) == Role::Alias
            && let Some(v) = e.inputs.first()
        {
            root[e.output.index()] = root[v.index()];
        }
    }
    move |v| root[v.index()]
}

/// Compiles a group, in halves where it has more operands or results than a kernel may.
fn cut(
    graph: &Graph,
    group: &[usize],
    defined: &HashMap<Var, usize>,
    rows: &mut RowTable,
    needed: &HashSet<Var>,
    steps: &mut Vec<Step>,
) {
    let Compiled { kernel, reads, writes } = kernel::compile(graph, group, defined, rows, &|v| needed.contains(&v));
    if (kernel.loads() <= MOST_LOADS && writes.len() <= MOST_STORES) || group.len() < 2 {
        steps.push(Step::new(graph, Work::Kernel(Box::new(kernel)), reads, writes, rows));
        return;
    }
    let (first, second) = group.split_at(group.len() / 2);
    let read: HashSet<Var> = second.iter().flat_map(|&i| graph.eqns[i].inputs.iter().copied()).collect();
    let more: HashSet<Var> = needed.union(&read).copied().collect();
    cut(graph, first, defined, rows, &more, steps);
    cut(graph, second, defined, rows, &more, steps);
}
