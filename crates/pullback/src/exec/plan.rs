//! From a graph to the steps that run it and the places where values lie.

use crate::array::Array;
use crate::exec::extent::{Count, RowTable};
use crate::exec::group::grouped;
use crate::exec::kernel::{self, Compiled, MOST_LOADS, MOST_STORES, Origins, Uses, line_axis};
use crate::exec::memory::{Memory, Place};
use crate::exec::placement::places;
use crate::exec::ragged::named;
use crate::exec::reduce;
use crate::exec::schedule::{Run, schedule};
use crate::exec::step::{Step, Work, other};
use crate::ir::{Graph, Var};
use crate::lowering::Lowering;
use crate::opt::fuse::{self, Role, role};
use std::collections::{HashMap, HashSet};

/// A result of the program.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub place: Place,
    pub shape: Vec<Count>,
    /// The earlier result that lies in the same place.
    pub again: Option<usize>,
    /// The argument that it is written over.
    pub over: Option<usize>,
}

impl Output {
    /// Whether an array has its shape.
    pub(crate) fn fits(&self, array: &Array, rows: &[usize]) -> bool {
        array.shape().iter().copied().eq(self.shape.iter().map(|c| c.get(rows)))
    }
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
    let graph = &named(graph, &mut rows);
    for &v in &graph.inputs {
        rows.count(graph.ty(v).shape.dims().iter().copied());
    }
    let root = roots(graph);
    let origins = Origins { defined: &defined, root: &root };
    let mut groups = Groups::of(graph, true, origins, &mut rows);
    // Of kernels that will be cut each value has one writer.
    if repeat(groups.kernels()) {
        let uses = Uses { kept: &|v| groups.needed.contains(&v), sums: &groups.sums };
        if !groups.kernels().all(|group| fits(&kernel::compile(graph, group, origins, &mut rows, uses))) {
            groups = Groups::of(graph, false, origins, &mut rows);
        }
    }
    let uses = Uses { kept: &|v| groups.needed.contains(&v), sums: &groups.sums };
    let mut steps: Vec<Step> = Vec::new();
    for step in &groups.order {
        match step {
            fuse::Step::Kernel(group) => cut(graph, group, origins, &mut rows, uses, &mut steps),
            fuse::Step::Eqn(i) => steps.push(other(graph, &graph.eqns[*i], &mut rows)),
        }
    }
    let steps = with_tails(graph, steps, &root, &mut rows);
    let mut runs = schedule(graph, steps, &root, rows.len());
    let (memory, place) = places(graph, &mut runs, &root, &mut rows);
    let place_of = |v: Var| place[&root(v)];
    runs.iter_mut().flat_map(Run::steps_mut).for_each(|step| step.settle(&place_of));
    for run in &mut runs {
        if let Run::Stage(stage) = run {
            stage.settle();
        }
    }
    let mut outputs: Vec<Output> = Vec::with_capacity(graph.outputs.len());
    for &v in &graph.outputs {
        let place = place_of(v);
        let again = outputs.iter().position(|o| o.place == place);
        let shape = graph.ty(v).shape.dims().iter().map(|&d| rows.count([d])).collect();
        let over = graph.inputs.iter().position(|&a| place_of(a) == place).filter(|_| matches!(place, Place::Slot(_)));
        outputs.push(Output { place, shape, again, over });
    }
    Plan { rows, runs: grouped(runs), memory, outputs }
}

/// Products that take in the one operation that alone reads them, and do it while their rows are near.
fn with_tails(graph: &Graph, steps: Vec<Step>, root: &dyn Fn(Var) -> Var, rows: &mut RowTable) -> Vec<Step> {
    let mut readers: HashMap<Var, usize> = HashMap::new();
    let read = steps.iter().flat_map(Step::reads).chain(graph.outputs.iter().copied());
    read.for_each(|v| *readers.entry(root(v)).or_default() += 1);
    let mut products: HashMap<Var, usize> = HashMap::new();
    let mut all: Vec<Option<Step>> = Vec::with_capacity(steps.len());
    for step in steps {
        let found = match &step.work {
            Work::Kernel(kernel) => step.reads.iter().enumerate().find_map(|(k, operand)| {
                let at = *products.get(&root(operand.var)).filter(|_| readers[&root(operand.var)] == 1)?;
                let Work::Product(product) = &all[at].as_ref()?.work else { return None };
                let (tail, other, repeats) = kernel.tail(k, product.columns()?)?;
                Some((at, product.ending_with(tail, repeats), other))
            }),
            _ => None,
        };
        if let Work::Product(_) = step.work {
            products.extend(step.writes().map(|v| (root(v), all.len())));
        }
        let step = match found {
            Some((at, product, other)) => {
                let mut reads = all[at].take().map(|s| s.reads).unwrap_or_default();
                reads.push(step.reads[other].clone());
                Step::new(graph, Work::Product(Box::new(product)), reads, step.writes, rows)
            }
            None => step,
        };
        all.push(Some(step));
    }
    all.into_iter().flatten().collect()
}

/// What runs at once.
struct Groups {
    order: Vec<fuse::Step>,
    /// The variables that something reads from memory: what must be kept.
    needed: HashSet<Var>,
    /// Of values whose lines a sum alone reads, that sum.
    sums: HashMap<Var, Var>,
}

impl Groups {
    fn of(graph: &Graph, repeats: bool, origins: Origins<'_>, rows: &mut RowTable) -> Groups {
        let root = origins.root;
        let mut order = fuse::steps(graph, repeats);
        let sums = sums_of_lines(graph, &order, origins, rows);
        let taken: HashSet<Var> = sums.values().copied().collect();
        order.retain(|s| !matches!(s, fuse::Step::Eqn(i) if taken.contains(&graph.eqns[*i].output)));
        let mut needed: HashSet<Var> = graph.outputs.iter().map(|&v| root(v)).collect();
        for step in &order {
            match step {
                fuse::Step::Kernel(group) => {
                    let uses = Uses { kept: &|_| true, sums: &HashMap::new() };
                    let k = kernel::compile(graph, group, origins, rows, uses);
                    needed.extend(k.reads.iter().map(|o| root(o.var)));
                }
                fuse::Step::Eqn(i) => needed.extend(graph.eqns[*i].inputs.iter().map(|&v| root(v))),
            }
        }
        Groups { order, needed, sums }
    }

    fn kernels(&self) -> impl Iterator<Item = &Vec<usize>> {
        self.order.iter().filter_map(|s| if let fuse::Step::Kernel(group) = s { Some(group) } else { None })
    }
}

/// Sums of the lines of what a kernel makes and nothing else reads: a kernel takes them while they are near.
fn sums_of_lines(graph: &Graph, order: &[fuse::Step], origins: Origins<'_>, rows: &mut RowTable) -> HashMap<Var, Var> {
    let root = origins.root;
    let mut readers: HashMap<Var, usize> = HashMap::new();
    let read = graph.eqns.iter().filter(|e| role(graph, e) != Role::Alias).flat_map(|e| &e.inputs);
    read.chain(&graph.outputs).for_each(|&v| *readers.entry(root(v)).or_default() += 1);
    let mut makers: HashMap<Var, &[usize]> = HashMap::new();
    let mut sums = HashMap::new();
    for step in order {
        match step {
            fuse::Step::Kernel(group) => makers.extend(group.iter().map(|&i| (graph.eqns[i].output, &group[..]))),
            fuse::Step::Eqn(i) => {
                let e = &graph.eqns[*i];
                let Lowering::Reduce(op, axes) = e.prim.lower() else { continue };
                let v = root(e.inputs[0]);
                let (Some(group), Some(1)) = (makers.get(&v), readers.get(&v)) else { continue };
                let line = reduce::compile(graph, e, op, &axes, rows).and_then(|r| r.sums_lines_of());
                let alone = HashMap::from([(v, e.output)]);
                let uses = Uses { kept: &|_| true, sums: &alone };
                // The sums grow with what the lines do: under another shape a block would have others than these.
                let dims = graph.ty(v).shape.dims();
                let others = (0..dims.len()).filter(|&a| Some(a) != line_axis(dims)).map(|a| dims[a]);
                let alike = rows.count(others) == rows.count(graph.ty(e.output).shape.dims().iter().copied());
                let whole = |n| kernel::compile(graph, group, origins, rows, uses).kernel.has_lines_of(n);
                if alike && line.is_some_and(whole) {
                    sums.extend(alone);
                }
            }
        }
    }
    sums
}

/// Whether a chain has no more operands and results than a kernel may.
fn fits(k: &Compiled) -> bool {
    k.kernel.loads() <= MOST_LOADS && k.writes.len() <= MOST_STORES
}

/// Whether some equation is in several groups.
fn repeat<'a>(groups: impl Iterator<Item = &'a Vec<usize>>) -> bool {
    let mut seen = HashSet::new();
    !groups.flatten().all(|i| seen.insert(*i))
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
    origins: Origins<'_>,
    rows: &mut RowTable,
    uses: Uses<'_>,
    steps: &mut Vec<Step>,
) {
    let chain = kernel::compile(graph, group, origins, rows, uses);
    if fits(&chain) || group.len() < 2 {
        let Compiled { kernel, reads, writes } = chain;
        steps.push(Step::new(graph, Work::Kernel(Box::new(kernel)), reads, writes, rows));
        return;
    }
    let (first, second) = group.split_at(group.len() / 2);
    let read: HashSet<Var> = second.iter().flat_map(|&i| &graph.eqns[i].inputs).map(|&v| (origins.root)(v)).collect();
    let kept = |v: Var| (uses.kept)(v) || read.contains(&v);
    cut(graph, first, origins, rows, Uses { kept: &kept, ..uses }, steps);
    cut(graph, second, origins, rows, uses, steps);
}

#[cfg(test)]
mod tests {
    use super::MOST_LOADS;
    use crate::prim::barrier::Barrier;
    use crate::trace::bind;
    use crate::{Tensor, jit};

    #[test]
    fn a_chain_that_is_cut_keeps_what_its_second_half_reads_under_another_name() {
        let f = jit(|(x, others): (Tensor, Vec<Tensor>)| {
            let sine = x.sin();
            let again = bind(Barrier { region: 0 }, &[&sine]);
            others.iter().fold(sine, |sum, other| (sum + other).tanh()) * again
        });
        let others: Vec<f64> = (0..MOST_LOADS + 8).map(|k| 0.01 * k as f64).collect();
        let tensors = others.iter().map(|&x| Tensor::from([x, -x])).collect::<Vec<_>>();
        let got = f.call((Tensor::from([0.5f64, 1.5]), tensors)).unwrap().to_vec::<f64>().unwrap();
        for (got, (x, sign)) in got.into_iter().zip([(0.5f64, 1.0), (1.5, -1.0)]) {
            let sum = others.iter().fold(x.sin(), |sum, other| (sum + sign * other).tanh());
            assert!((got - sum * x.sin()).abs() < 1e-14);
        }
    }
}
