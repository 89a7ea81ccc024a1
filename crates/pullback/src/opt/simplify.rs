//! Local rewritings that the executor profits from.

use crate::array::{Array, Data};
use crate::ir::{Eqn, Graph, Primitive, Type, Var};
use crate::lowering::{DotAxes, Lowering, PointOp, ReduceOp};
use crate::opt::Renaming;
use crate::prim::{Broadcast, Dot, DotAdd, Reduce, Transpose};
use std::collections::HashMap;
use std::sync::Arc;

/// `x + 0`, `x · 1`, `x - 0`, `x / 1`, `--x` and copies become `x`; broadcasts of broadcasts become one; a product
/// followed by a transpose becomes the product of the operands swapped; a sum over a product's rows becomes part of
/// what it contracts; a sum of products becomes a product added to another; a sum over all elements of a product of two
/// tensors becomes their inner product, and the product itself is never written.
pub(crate) fn simplify(mut graph: Graph) -> Graph {
    let uses = graph.uses();
    let mut names = Renaming::default();
    let mut defined: HashMap<Var, Eqn> = HashMap::new();
    let mut eqns: Vec<Eqn> = Vec::with_capacity(graph.eqns.len());
    for mut e in std::mem::take(&mut graph.eqns) {
        names.apply(&mut e.inputs);
        let ty = graph.ty(e.output);
        if let Some(v) = same_as(&graph, &defined, &e).filter(|&v| graph.ty(v) == ty) {
            names.set(e.output, v);
            continue;
        }
        if let Some((prim, inputs)) = rewritten(&graph.types, &defined, &uses, &e) {
            e.prim = prim;
            e.inputs = inputs;
        }
        defined.insert(e.output, e.clone());
        eqns.push(e);
    }
    graph.eqns = eqns;
    names.apply(&mut graph.outputs);
    graph
}

/// The operand that an equation merely repeats.
fn same_as(graph: &Graph, defined: &HashMap<Var, Eqn>, e: &Eqn) -> Option<Var> {
    let is = |v: &Var, x: f64| uniform(defined, *v) == Some(x);
    match (e.prim.lower(), &e.inputs[..]) {
        (Lowering::Pointwise(PointOp::Add), [a, b]) if is(b, 0.0) => Some(*a),
        (Lowering::Pointwise(PointOp::Add), [a, b]) if is(a, 0.0) => Some(*b),
        (Lowering::Pointwise(PointOp::Sub), [a, b]) if is(b, 0.0) => Some(*a),
        (Lowering::Pointwise(PointOp::Mul), [a, b]) if is(b, 1.0) => Some(*a),
        (Lowering::Pointwise(PointOp::Mul), [a, b]) if is(a, 1.0) => Some(*b),
        (Lowering::Pointwise(PointOp::Div), [a, b]) if is(b, 1.0) => Some(*a),
        (Lowering::Pointwise(PointOp::Neg), [a]) => match defined.get(a) {
            Some(inner) if matches!(inner.prim.lower(), Lowering::Pointwise(PointOp::Neg)) => Some(inner.inputs[0]),
            _ => None,
        },
        (Lowering::Reshape, [a]) if graph.ty(*a) == graph.ty(e.output) => Some(*a),
        _ => None,
    }
}

/// The number that every element of a variable is.
fn uniform(defined: &HashMap<Var, Eqn>, v: Var) -> Option<f64> {
    let e = defined.get(&v)?;
    match e.prim.lower() {
        Lowering::Constant(value) => scalar(&value),
        Lowering::Broadcast(_) => uniform(defined, e.inputs[0]),
        _ => None,
    }
}

/// The number that a constant of one element is.
pub(crate) fn scalar(value: &Array) -> Option<f64> {
    match value.data() {
        Data::F32(v) if v.len() == 1 => Some(f64::from(v[0])),
        Data::F64(v) if v.len() == 1 => Some(v[0]),
        _ => None,
    }
}

type Rewriting = Option<(Arc<dyn Primitive>, Vec<Var>)>;

fn rewritten(types: &[Type], defined: &HashMap<Var, Eqn>, uses: &[u32], e: &Eqn) -> Rewriting {
    if let Lowering::Pointwise(PointOp::Add) = e.prim.lower() {
        let scalar = types[e.output.index()].shape.rank() == 0;
        return if scalar { None } else { sum_of_products(defined, uses, e) };
    }
    let inner = defined.get(e.inputs.first()?)?;
    let once = uses[inner.output.index()] == 1;
    match (e.prim.lower(), inner.prim.lower()) {
        (Lowering::Broadcast(outer), Lowering::Broadcast(axes)) => {
            let shape = types[e.output.index()].shape.clone();
            let axes = axes.iter().map(|&a| outer[a]).collect();
            let broadcast = Broadcast { shape, axes };
            broadcast.infer(&[&types[inner.inputs[0].index()]]).ok()?;
            Some((Arc::new(broadcast), inner.inputs.clone()))
        }
        (Lowering::Transpose(outer), Lowering::Transpose(order)) => {
            let order = outer.iter().map(|&o| order[o]).collect();
            Some((Arc::new(Transpose { order }), inner.inputs.clone()))
        }
        (Lowering::Transpose(order), Lowering::Dot(axes)) if once && axes.batch.0.is_empty() => {
            let left = axes.free(0, types[inner.inputs[0].index()].shape.rank()).len();
            let n = order.len();
            let swaps = order.iter().copied().eq((left..n).chain(0..left));
            let flipped = DotAxes { contract: (axes.contract.1, axes.contract.0), batch: Default::default() };
            swaps.then(|| {
                (Arc::new(Dot { axes: flipped }) as Arc<dyn Primitive>, vec![inner.inputs[1], inner.inputs[0]])
            })
        }
        (Lowering::Reduce(ReduceOp::Sum, summed), Lowering::Dot(axes)) if once => {
            contract_batch(&summed, &axes).map(|dot| (Arc::new(dot) as Arc<dyn Primitive>, inner.inputs.clone()))
        }
        (Lowering::Reduce(ReduceOp::Sum, summed), Lowering::Pointwise(PointOp::Mul)) if once => {
            let ty = &types[inner.output.index()];
            // What repeats values would have to be spelled out.
            let spelled_out = |v: &Var| {
                let repeats = |e: &Eqn| {
                    matches!(e.prim.lower(), Lowering::Broadcast(_) | Lowering::RepeatRows | Lowering::Constant(_))
                };
                !defined.get(v).is_some_and(repeats)
            };
            let all = !summed.is_empty() && summed.len() == ty.shape.rank();
            (all && ty.dtype.is_float() && inner.inputs.iter().all(spelled_out)).then(|| {
                let axes = DotAxes { contract: (summed.clone(), summed), batch: Default::default() };
                (Arc::new(Dot { axes }) as Arc<dyn Primitive>, inner.inputs.clone())
            })
        }
        (Lowering::Reduce(ReduceOp::Sum, outer), Lowering::Reduce(ReduceOp::Sum, axes)) if once => {
            let rank = types[inner.inputs[0].index()].shape.rank();
            let left: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).collect();
            let mut all: Vec<usize> = axes.iter().copied().chain(outer.iter().map(|&a| left[a])).collect();
            all.sort_unstable();
            Some((Arc::new(Reduce { op: ReduceOp::Sum, axes: all }), inner.inputs.clone()))
        }
        _ => None,
    }
}

/// A product added to what another product made, and nothing else reads, is added where that lies. Not so where both
/// are sums over their operands' rows, as a weight's gradients are: one would wait for all rows of the other, where both
/// can take in the same blocks of rows.
fn sum_of_products(defined: &HashMap<Var, Eqn>, uses: &[u32], e: &Eqn) -> Rewriting {
    let once = |v: &Var| defined.get(v).filter(|_| uses[v.index()] == 1);
    let [a, b] = &e.inputs[..] else { return None };
    for (product, sum) in [(b, a), (a, b)] {
        let summed = once(sum).map(|e| e.prim.lower());
        if let (Some(Eqn { prim, inputs, .. }), Some(Lowering::Dot(other) | Lowering::DotAdd(other))) =
            (once(product), summed)
            && let Lowering::Dot(axes) = prim.lower()
            && !(sums_rows(&axes) && sums_rows(&other))
        {
            return Some((Arc::new(DotAdd { axes }), vec![inputs[0], inputs[1], *sum]));
        }
    }
    None
}

/// Whether a product is a sum over both operands' rows.
fn sums_rows(axes: &DotAxes) -> bool {
    axes.contract.0.contains(&0) && axes.contract.1.contains(&0)
}

/// `Σ_b left[b]·right[b]` contracts `b`: the gradient of a mean over examples never spells out one for each.
fn contract_batch(summed: &[usize], axes: &DotAxes) -> Option<Dot> {
    let n = axes.batch.0.len();
    if summed.is_empty() || summed.iter().any(|&a| a >= n) {
        return None;
    }
    let mut new = DotAxes::default();
    for i in 0..n {
        let to = if summed.contains(&i) { &mut new.contract } else { &mut new.batch };
        to.0.push(axes.batch.0[i]);
        to.1.push(axes.batch.1[i]);
    }
    new.contract.0.extend(&axes.contract.0);
    new.contract.1.extend(&axes.contract.1);
    Some(Dot { axes: new })
}
