//! From a graph to the steps that run it and the places where values lie.

use crate::array::Array;
use crate::exec::extent::{Count, RowTable};
use crate::exec::kernel::{self, Kernel, MOST_STORES};
use crate::exec::memory::{Memory, Place, empty};
use crate::exec::step::{Run, other};
use crate::ir::{Graph, Var};
use crate::lowering::Lowering;
use crate::opt::fuse::{Role, Step, role, steps};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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
    /// The slots of results: their data leaves with every run.
    pub leaving: Vec<usize>,
}

/// Plans an optimised graph.
pub(crate) fn plan(graph: &Graph) -> Plan {
    let defined = graph.definitions();
    let mut rows = RowTable::default();
    for &v in &graph.inputs {
        rows.count(graph.ty(v).shape.dims().iter().copied());
    }
    let root = roots(graph);
    let order = steps(graph);

    // What each step reads decides what must be kept; only then are the kernels final.
    let everything = |_: Var| true;
    let mut needed: HashSet<Var> = graph.outputs.iter().map(|&v| root(v)).collect();
    let mut runs: Vec<Run> = Vec::new();
    for step in &order {
        match step {
            Step::Kernel(group) => {
                let k = kernel::compile(graph, group, &defined, &mut rows, &everything);
                needed.extend(k.reads().map(&root));
            }
            Step::Eqn(i) => {
                let run = other(graph, &graph.eqns[*i], &mut rows);
                needed.extend(run.reads().into_iter().map(&root));
            }
        }
    }
    for step in &order {
        match step {
            Step::Kernel(group) => cut(graph, group, &defined, &mut rows, &needed, &mut runs),
            Step::Eqn(i) => runs.push(other(graph, &graph.eqns[*i], &mut rows)),
        }
    }
    let (memory, place) = places(graph, &runs, &root, &mut rows);
    let place = |v: Var| place[&root(v)];
    runs.iter_mut().for_each(|run| run.settle(&place));
    let outputs: Vec<Output> = graph
        .outputs
        .iter()
        .map(|&v| Output {
            place: place(v),
            shape: graph.ty(v).shape.dims().iter().map(|&d| rows.count([d])).collect(),
        })
        .collect();
    let mut leaving: Vec<usize> =
        outputs.iter().filter_map(|o| if let Place::Slot(s) = o.place { Some(s) } else { None }).collect();
    leaving.sort_unstable();
    leaving.dedup();
    Plan { rows, runs, memory, outputs, leaving }
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

/// Compiles a group, in halves where it has more results than a kernel may.
fn cut(
    graph: &Graph,
    group: &[usize],
    defined: &HashMap<Var, usize>,
    rows: &mut RowTable,
    needed: &HashSet<Var>,
    runs: &mut Vec<Run>,
) {
    let kernel: Kernel = kernel::compile(graph, group, defined, rows, &|v| needed.contains(&v));
    if kernel.writes().count() <= MOST_STORES || group.len() < 2 {
        runs.push(Run::Kernel(Box::new(kernel)));
        return;
    }
    let (first, second) = group.split_at(group.len() / 2);
    let read: HashSet<Var> = second.iter().flat_map(|&i| graph.eqns[i].inputs.iter().copied()).collect();
    let more: HashSet<Var> = needed.union(&read).copied().collect();
    cut(graph, first, defined, rows, &more, runs);
    cut(graph, second, defined, rows, &more, runs);
}

/// Deals out buffers: one is used again once nothing reads the value in it any more, the latest first: it is the one
/// that caches still hold.
fn places(
    graph: &Graph,
    runs: &[Run],
    root: &dyn Fn(Var) -> Var,
    rows: &mut RowTable,
) -> (Memory, HashMap<Var, Place>) {
    let mut memory = Memory::default();
    let mut place: HashMap<Var, Place> = HashMap::new();
    for (i, &v) in graph.inputs.iter().enumerate() {
        place.insert(v, Place::Input(i));
    }
    for e in &graph.eqns {
        if let Lowering::Constant(value) = e.prim.lower() {
            let value: Arc<Array> = value;
            memory.constants.push(value);
            place.insert(e.output, Place::Constant(memory.constants.len() - 1));
        }
    }
    let mut last: HashMap<Var, usize> = HashMap::new();
    for (i, run) in runs.iter().enumerate() {
        run.reads().into_iter().chain(run.writes()).for_each(|v| {
            last.insert(root(v), i);
        });
    }
    let results: HashSet<Var> = graph.outputs.iter().map(|&v| root(v)).collect();
    let mut sizes: Vec<Count> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let mut handed_on: Vec<usize> = Vec::new();
        for v in run.writes() {
            let ty = graph.ty(v);
            let size = rows.count(ty.shape.dims().iter().copied());
            let reusable = |s: &usize| memory.slots[*s].dtype() == ty.dtype && sizes[*s] == size;
            let mut ours = |v: Var| {
                let v = root(v);
                let mine = last.get(&v) == Some(&i) && !results.contains(&v);
                match place.get(&v) {
                    Some(Place::Slot(s)) if mine && reusable(s) => Some(*s),
                    _ => None,
                }
            };
            // Not where the step reads the same storage as an operand too.
            let once = |a: &Var| run.reads().into_iter().filter(|&r| root(r) == root(*a)).count() == 1;
            let taken = run.in_place_of().filter(|a| !results.contains(&v) && once(a)).and_then(&mut ours);
            let found = if results.contains(&v) { None } else { free.iter().rposition(reusable) };
            let slot = match (taken, found) {
                (Some(slot), _) => {
                    handed_on.push(slot);
                    slot
                }
                (None, Some(k)) => free.remove(k),
                (None, None) => {
                    memory.slots.push(empty(ty.dtype));
                    sizes.push(size);
                    memory.slots.len() - 1
                }
            };
            place.insert(v, Place::Slot(slot));
        }
        let mut done: Vec<Var> = run.reads().into_iter().chain(run.writes()).map(root).collect();
        done.sort_unstable();
        done.dedup();
        for v in done {
            if last.get(&v) == Some(&i)
                && !results.contains(&v)
                && let Some(Place::Slot(slot)) = place.get(&v)
                && (!handed_on.contains(slot) || run.writes().contains(&v))
            {
                free.push(*slot);
            }
        }
    }
    (memory, place)
}
