//! From a graph to the steps that run it and the places where values lie.

use crate::array::Array;
use crate::exec::extent::{Count, RowTable};
use crate::exec::kernel::{self, Compiled, MOST_LOADS, MOST_STORES};
use crate::exec::memory::{Memory, Place};
use crate::exec::schedule::{Run, schedule};
use crate::exec::step::{ByRows, Step, Work, other};
use crate::ir::{Graph, Var};
use crate::lowering::Lowering;
use crate::opt::fuse::{self, Role, role};
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
    let (mut memory, place) = places(graph, &runs, &root, &mut rows);
    let place = |v: Var| place[&root(v)];
    runs.iter_mut().flat_map(Run::steps_mut).for_each(|step| step.settle(&place));
    parts(&mut runs, &mut memory);
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

/// Gives the sums over rows of each stage slots for their parts; stages run one after the other and share them.
fn parts(runs: &mut [Run], memory: &mut Memory) {
    let mut slots: Vec<usize> = Vec::new();
    for run in runs {
        let Run::Stage(stage) = run else { continue };
        let mut free = slots.clone();
        let sums = stage.steps.iter_mut().filter(|s| s.by_rows().is_some_and(|(_, by)| by == ByRows::Sum));
        for t in sums.flat_map(|s| &mut s.writes) {
            let found = free.iter().position(|&s| memory.dtype(s) == t.dtype);
            t.parts = Some(found.map(|k| free.remove(k)).unwrap_or_else(|| {
                slots.push(memory.add(t.dtype));
                slots[slots.len() - 1]
            }));
        }
    }
}

/// Deals out buffers: one is used again once nothing reads the value in it any more, the latest first: it is the one
/// that caches still hold.
fn places(
    graph: &Graph,
    runs: &[Run],
    root: &dyn Fn(Var) -> Var,
    rows: &mut RowTable,
) -> (Memory, HashMap<Var, Place>) {
    let steps: Vec<&Step> = runs.iter().flat_map(Run::steps).collect();
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
    for (i, step) in steps.iter().enumerate() {
        step.reads().chain(step.writes()).for_each(|v| {
            last.insert(root(v), i);
        });
    }
    let results: HashSet<Var> = graph.outputs.iter().map(|&v| root(v)).collect();
    let mut sizes: Vec<Count> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let mut handed_on: Vec<usize> = Vec::new();
        for v in step.writes() {
            let ty = graph.ty(v);
            let size = rows.count(ty.shape.dims().iter().copied());
            let reusable = |s: &usize| memory.dtype(*s) == ty.dtype && sizes[*s] == size;
            let mut ours = |v: Var| {
                let v = root(v);
                let mine = last.get(&v) == Some(&i) && !results.contains(&v);
                match place.get(&v) {
                    Some(Place::Slot(s)) if mine && reusable(s) => Some(*s),
                    _ => None,
                }
            };
            // Not where the step reads the same storage as an operand too.
            let once = |a: &Var| step.reads().filter(|&r| root(r) == root(*a)).count() == 1;
            let taken = step.in_place_of().filter(|a| !results.contains(&v) && once(a)).and_then(&mut ours);
            let found = if results.contains(&v) { None } else { free.iter().rposition(reusable) };
            let slot = match (taken, found) {
                (Some(slot), _) => {
                    handed_on.push(slot);
                    slot
                }
                (None, Some(k)) => free.remove(k),
                (None, None) => {
                    sizes.push(size);
                    memory.add(ty.dtype)
                }
            };
            place.insert(v, Place::Slot(slot));
        }
        let mut done: Vec<Var> = step.reads().chain(step.writes()).map(root).collect();
        done.sort_unstable();
        done.dedup();
        for v in done {
            if last.get(&v) == Some(&i)
                && !results.contains(&v)
                && let Some(Place::Slot(slot)) = place.get(&v)
                && (!handed_on.contains(slot) || step.writes().any(|w| w == v))
            {
                free.push(*slot);
            }
        }
    }
    (memory, place)
}
