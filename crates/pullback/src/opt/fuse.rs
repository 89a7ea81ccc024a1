//! Groups of elementwise equations that one kernel runs.
//!
//! A group's equations share one shape. An equation joins the group that alone reads it; groups of one shape then
//! merge where nothing between them would have to run in the middle. An equation that several groups read is computed by
//! each where that costs less than keeping it: where it is plain arithmetic on what lies in memory anyway. What merely
//! repeats values (a broadcast, rows repeated by segment) is read in place, never spelled out, unless something other
//! than a kernel asks for it.

use crate::array::DType;
use crate::ir::{Eqn, Graph, Var};
use crate::lowering::{Lowering, PointOp};
use crate::opt::dependencies::Dependencies;
use crate::shape::Dim;
use std::collections::{BTreeSet, HashMap};

/// What runs at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Elementwise equations over one shape, in order.
    Kernel(Vec<usize>),
    /// One equation.
    Eqn(usize),
}

/// Kernels longer than this gain nothing: their values leave the registers.
const LONGEST: usize = 96;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Runs element by element.
    Point,
    /// Repeats values.
    View,
    /// Shares its operand's storage, or needs none.
    Alias,
    /// Anything else.
    Other,
}

/// The part that an equation plays in fusion.
pub(crate) fn role(graph: &Graph, e: &Eqn) -> Role {
    let dtype = |v: &Var| graph.ty(*v).dtype;
    match e.prim.lower() {
        Lowering::Pointwise(op) => {
            let lanes = e.inputs.iter().chain([&e.output]).map(dtype).filter(|&d| d != DType::Bool);
            let lanes: Vec<DType> = lanes.collect();
            let one_float = lanes.iter().all(|d| d.is_float()) && lanes.windows(2).all(|w| w[0] == w[1]);
            if one_float && !matches!(op, PointOp::Polygamma(_) | PointOp::LogGamma | PointOp::Pow) {
                Role::Point
            } else {
                Role::Other
            }
        }
        Lowering::Broadcast(axes) if axes.windows(2).all(|w| w[0] < w[1]) && readable(dtype(&e.output)) => Role::View,
        // Not where rows are chosen from as many: a kernel of that shape that also makes them would read rows that it
        // has not made yet.
        Lowering::RepeatRows
            if readable(dtype(&e.output)) && graph.ty(e.inputs[0]).shape != graph.ty(e.output).shape =>
        {
            Role::View
        }
        Lowering::Reshape | Lowering::Barrier | Lowering::Constant(_) => Role::Alias,
        _ => Role::Other,
    }
}

/// Most kernels that compute the same equation each for itself.
const MOST_REPEATS: usize = 3;

/// Whether computing an equation again costs less than writing its value and reading it: a pass over numbers that are
/// in registers, against two over memory.
fn is_cheap(graph: &Graph, e: &Eqn) -> bool {
    use PointOp::*;
    let Lowering::Pointwise(op) = e.prim.lower() else { return false };
    let wide = graph.ty(e.output).shape.rank() > 0;
    wide && (op.is_comparison() || matches!(op, Neg | Abs | Not | And | Or | Add | Sub | Mul | Max | Min | Select))
}

fn readable(dtype: DType) -> bool {
    dtype.is_float() || dtype == DType::Bool
}

/// The float type of a kernel's lanes; `None` if it only has truth values.
fn lanes(graph: &Graph, eqns: &[usize]) -> Option<DType> {
    let all = eqns.iter().flat_map(|&i| graph.eqns[i].inputs.iter().chain([&graph.eqns[i].output]));
    all.map(|v| graph.ty(*v).dtype).find(|d| d.is_float())
}

/// The steps of a graph in an order that respects what they read; `repeats` says whether kernels may compute the same
/// equation each for itself.
pub(crate) fn steps(graph: &Graph, repeats: bool) -> Vec<Step> {
    let n = graph.eqns.len();
    let roles: Vec<Role> = graph.eqns.iter().map(|e| role(graph, e)).collect();
    let defined = graph.definitions();
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); n];
    for (i, e) in graph.eqns.iter().enumerate() {
        for v in &e.inputs {
            if let Some(&d) = defined.get(v) {
                readers[d].push(i);
            }
        }
    }
    let mut is_result = vec![false; n];
    graph.outputs.iter().filter_map(|v| defined.get(v)).for_each(|&d| is_result[d] = true);
    // What lies in memory whatever kernels do: arguments, results, and what others than kernels write or read.
    let lies_there: Vec<bool> = (0..n)
        .map(|i| roles[i] != Role::Point || is_result[i] || readers[i].iter().any(|&r| roles[r] == Role::Other))
        .collect();
    let there = |v: &Var| defined.get(v).is_none_or(|&d| lies_there[d]);

    // From the last equation to the first, each joins the group that alone reads it.
    let mut group: Vec<Option<usize>> = vec![None; n];
    let mut members: Vec<Vec<usize>> = Vec::new();
    // Recomputed by each kernel that reads it, and kept by none.
    let mut repeated: Vec<Vec<usize>> = vec![Vec::new(); n];
    for i in (0..n).rev() {
        let stands_alone = match roles[i] {
            Role::Point => false,
            // A view is spelled out only for those that cannot read it in place.
            Role::View => {
                let in_place = |&r: &usize| matches!(roles[r], Role::Point | Role::View);
                if !is_result[i] && readers[i].iter().all(in_place) {
                    continue;
                }
                true
            }
            _ => continue,
        };
        // Read instead of the value: an operand of its shape. One that must be laid out first costs more.
        let whole = |v: &Var| defined.get(v).is_none_or(|&d| matches!(roles[d], Role::Point | Role::Other));
        let instead = graph.eqns[i].inputs.iter().all(there) && graph.eqns[i].inputs.iter().any(whole);
        let inside = !lies_there[i] && readers[i].iter().all(|&r| roles[r] == Role::Point);
        if repeats && inside && instead && is_cheap(graph, &graph.eqns[i]) {
            let mut into: Vec<usize> = Vec::new();
            for &r in &readers[i] {
                into.extend(group[r].iter().chain(&repeated[r]));
            }
            into.sort_unstable();
            into.dedup();
            let fits = |&g: &usize| members[g].len() < LONGEST && compatible(graph, &members[g], &[i]);
            if (2..=MOST_REPEATS).contains(&into.len()) && into.iter().all(fits) {
                into.iter().for_each(|&g| members[g].push(i));
                repeated[i] = into;
                continue;
            }
        }
        let mut joins = readers[i].iter().map(|&r| if roles[r] == Role::Point { group[r] } else { None });
        let first = joins.next().flatten();
        let one = first.filter(|_| !stands_alone && !is_result[i] && joins.all(|g| g == first));
        let one = one.filter(|&g| members[g].len() < LONGEST && compatible(graph, &members[g], &[i]));
        let g = one.unwrap_or_else(|| {
            members.push(Vec::new());
            members.len() - 1
        });
        group[i] = Some(g);
        members[g].push(i);
    }

    let mut nodes: Vec<Vec<usize>> = members;
    nodes.iter_mut().for_each(|m| m.sort_unstable());
    let kernels = nodes.len();
    nodes.extend((0..n).filter(|&i| roles[i] == Role::Other).map(|i| vec![i]));
    let mut node_of: Vec<Option<usize>> = vec![None; n];
    let alone = |i: &&usize| repeated[**i].is_empty();
    nodes.iter().enumerate().for_each(|(k, m)| m.iter().filter(alone).for_each(|&i| node_of[i] = Some(k)));

    // What each node reads, through views, aliases and repeated equations that no node spells out.
    let mut sources: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); n];
    let brought: HashMap<Dim, usize> = (0..n)
        .filter(|&i| matches!(graph.eqns[i].prim.lower(), Lowering::Rows))
        .filter_map(|i| Some((*graph.ty(graph.eqns[i].output).shape.dims().first()?, i)))
        .collect();
    for (i, e) in graph.eqns.iter().enumerate() {
        // What speaks of rows waits until their number is known.
        let mut dims = graph.ty(e.output).shape.dims().to_vec();
        e.prim.map_dims(&mut |d| {
            dims.push(d);
            d
        });
        let known_by = dims.iter().filter_map(|d| brought.get(d)).filter(|&&d| d != i);
        sources[i].extend(known_by.filter_map(|&d| node_of[d]));
        for &d in e.inputs.iter().filter_map(|v| defined.get(v)) {
            match node_of[d] {
                Some(k) => {
                    sources[i].insert(k);
                }
                None => {
                    let through = sources[d].clone();
                    sources[i].extend(through);
                }
            }
        }
    }
    let needs: Vec<BTreeSet<usize>> = nodes
        .iter()
        .enumerate()
        .map(|(k, m)| m.iter().flat_map(|&i| sources[i].iter().copied()).filter(|&d| d != k).collect())
        .collect();
    let needs = merge(graph, &mut nodes, needs, kernels);
    order(&nodes, &needs, kernels)
}

/// Whether one kernel can hold both.
fn compatible(graph: &Graph, a: &[usize], b: &[usize]) -> bool {
    let shape = |m: &[usize]| &graph.ty(graph.eqns[m[0]].output).shape;
    if a.len() + b.len() > LONGEST || shape(a) != shape(b) {
        return false;
    }
    match (lanes(graph, a), lanes(graph, b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// Which nodes are over rows or wait for something that is, and for which such a thing waits.
fn around_rows(graph: &Graph, nodes: &[Vec<usize>], needs: &[BTreeSet<usize>]) -> [Vec<bool>; 2] {
    let over_rows = |&i: &usize| {
        let e = &graph.eqns[i];
        let dims = e.inputs.iter().chain([&e.output]).flat_map(|v| graph.ty(*v).shape.dims());
        dims.into_iter().any(|d| matches!(d, Dim::Rows(_)))
    };
    let rows: Vec<bool> = nodes.iter().map(|node| node.iter().any(over_rows)).collect();
    let (mut before, mut after) = (rows.clone(), vec![false; nodes.len()]);
    // Nodes are not in order: until nothing changes.
    let mut changes = true;
    while changes {
        changes = false;
        for (k, set) in needs.iter().enumerate() {
            for &earlier in set {
                let (reached, reaches) = (before[k] || before[earlier], after[earlier] || after[k] || rows[k]);
                changes |= (reached, reaches) != (before[k], after[earlier]);
                (before[k], after[earlier]) = (reached, reaches);
            }
        }
    }
    [before, after]
}

/// Joins kernels of one shape where no third node lies between them. What rows wait for and what waits for rows stay two:
/// else the rows would have to be gone through twice. The result is what each node needs then.
fn merge(graph: &Graph, nodes: &mut [Vec<usize>], needs: Vec<BTreeSet<usize>>, kernels: usize) -> Vec<BTreeSet<usize>> {
    let [mut before, mut after] = around_rows(graph, nodes, &needs);
    let mut needs = Dependencies::of(needs);
    let mut by_shape: HashMap<String, Vec<usize>> = HashMap::new();
    for (k, node) in nodes.iter().enumerate().take(kernels) {
        let shape = format!("{:?}", graph.ty(graph.eqns[node[0]].output).shape);
        by_shape.entry(shape).or_default().push(k);
    }
    let mut groups: Vec<Vec<usize>> = by_shape.into_values().filter(|g| g.len() > 1).collect();
    groups.sort();
    for group in groups {
        let mut group: Vec<usize> = group;
        group.sort_by_key(|&k| nodes[k][0]);
        for i in 0..group.len() {
            let a = group[i];
            if nodes[a].is_empty() {
                continue;
            }
            for &b in &group[i + 1..] {
                if nodes[b].is_empty() || !compatible(graph, &nodes[a], &nodes[b]) {
                    continue;
                }
                let holds_up = |a: usize, b: usize| after[a] && !before[a] && before[b];
                if holds_up(a, b) || holds_up(b, a) {
                    continue;
                }
                if needs.between(a, b) || needs.between(b, a) {
                    continue;
                }
                (before[a], after[a]) = (before[a] || before[b], after[a] || after[b]);
                let moved = std::mem::take(&mut nodes[b]);
                nodes[a].extend(moved);
                nodes[a].sort_unstable();
                nodes[a].dedup();
                needs.join(a, b);
            }
        }
    }
    needs.into_direct()
}

/// The nodes so that each comes after what it reads, otherwise in the order of their equations.
fn order(nodes: &[Vec<usize>], needs: &[BTreeSet<usize>], kernels: usize) -> Vec<Step> {
    let mut waiting: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    needs.iter().enumerate().for_each(|(k, set)| set.iter().for_each(|&d| feeds[d].push(k)));
    let mut ready: BTreeSet<(usize, usize)> = (0..nodes.len())
        .filter(|&k| !nodes[k].is_empty() && waiting[k] == 0)
        .map(|k| (nodes[k][nodes[k].len() - 1], k))
        .collect();
    let mut steps = Vec::new();
    while let Some((_, k)) = ready.pop_first() {
        steps.push(if k < kernels { Step::Kernel(nodes[k].clone()) } else { Step::Eqn(nodes[k][0]) });
        for &f in &feeds[k] {
            waiting[f] -= 1;
            if waiting[f] == 0 {
                ready.insert((nodes[f][nodes[f].len() - 1], f));
            }
        }
    }
    steps
}
