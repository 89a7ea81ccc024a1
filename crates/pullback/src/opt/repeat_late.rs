//! What is the same along an axis is computed once and repeated afterwards.
//!
//! A gradient of a sum repeats its cotangent along what was summed, and what follows, a factor, a sign, a sum over rows,
//! would be done to every copy.

use crate::ir::{Eqn, Graph, Primitive, Type, Var};
use crate::lowering::Lowering;
use crate::prim::{Broadcast, Reduce};
use crate::shape::Dim;
use std::collections::HashMap;
use std::sync::Arc;

/// How many copies there are at the least where what is done to them moves before the repetition: it may then need a step
/// of its own.
const COPIES: usize = 8;

/// Elementwise operations of broadcasts become broadcasts of elementwise operations, and folds of broadcasts, over axes
/// of the operand, broadcasts of folds.
pub(crate) fn repeat_late(mut graph: Graph) -> Graph {
    let mut defined: HashMap<Var, Eqn> = HashMap::new();
    let mut eqns: Vec<Eqn> = Vec::with_capacity(graph.eqns.len());
    for e in std::mem::take(&mut graph.eqns) {
        let moved = match e.prim.lower() {
            Lowering::Pointwise(_) => pointwise(&mut graph, &defined, &e),
            Lowering::Reduce(..) => fold(&mut graph, &defined, &e),
            _ => None,
        };
        for e in moved.unwrap_or_else(|| vec![e]) {
            defined.insert(e.output, e.clone());
            eqns.push(e);
        }
    }
    graph.eqns = eqns;
    graph
}

/// What a variable repeats, if each axis of that goes whole to one of its own, in their order: the operand and those axes.
fn repeated(types: &[Type], defined: &HashMap<Var, Eqn>, v: Var) -> Option<(Var, Vec<usize>)> {
    let e = defined.get(&v)?;
    let Lowering::Broadcast(to) = e.prim.lower() else { return None };
    let (x, all) = (e.inputs[0], types[v.index()].shape.dims());
    let in_order = to.windows(2).all(|w| w[0] < w[1]) && to.len() < all.len();
    let whole = types[x.index()].shape.dims().iter().zip(&to).all(|(d, &a)| *d == all[a]);
    (in_order && whole).then_some((x, to))
}

/// An elementwise operation of what is repeated alike, and of numbers.
fn pointwise(graph: &mut Graph, defined: &HashMap<Var, Eqn>, e: &Eqn) -> Option<Vec<Eqn>> {
    let inputs = e.inputs.iter().map(|&v| repeated(&graph.types, defined, v)).collect::<Option<Vec<_>>>()?;
    let to = inputs.iter().map(|(_, to)| to).max_by_key(|to| to.len())?.clone();
    let (x, _) = inputs.iter().find(|(_, other)| *other == to)?;
    let (few, all) = (graph.ty(*x).shape.clone(), graph.ty(e.output).shape.clone());
    let copies = (0..all.rank()).filter(|a| !to.contains(a)).map(|a| match all.dims()[a] {
        Dim::Known(n) => n,
        Dim::Rows(_) => COPIES,
    });
    if copies.product::<usize>() < COPIES || !inputs.iter().all(|(_, other)| other.is_empty() || *other == to) {
        return None;
    }
    let mut made = Vec::new();
    let mut operands = Vec::new();
    for (x, other) in &inputs {
        operands.push(if *other == to {
            *x
        } else {
            let output = graph.var(Type::new(graph.ty(*x).dtype, &few));
            let prim = Arc::new(Broadcast { shape: few.clone(), axes: Vec::new() });
            made.push(Eqn { prim, inputs: vec![*x], output, at: e.at });
            output
        });
    }
    let types: Vec<&Type> = operands.iter().map(|v| graph.ty(*v)).collect();
    let ty = e.prim.infer(&types).ok()?;
    let output = graph.var(ty);
    made.push(Eqn { prim: e.prim.clone(), inputs: operands, output, at: e.at });
    made.push(Eqn { prim: Arc::new(Broadcast { shape: all, axes: to }), inputs: vec![output], ..e.clone() });
    Some(made)
}

/// A fold of what is repeated, over axes along which it is not.
fn fold(graph: &mut Graph, defined: &HashMap<Var, Eqn>, e: &Eqn) -> Option<Vec<Eqn>> {
    let Lowering::Reduce(op, folded) = e.prim.lower() else { return None };
    let (x, to) = repeated(&graph.types, defined, e.inputs[0])?;
    if folded.is_empty() || !folded.iter().all(|a| to.contains(a)) {
        return None;
    }
    let fold = Reduce { op, axes: (0..to.len()).filter(|&i| folded.contains(&to[i])).collect() };
    let ty = fold.infer(&[graph.ty(x)]).ok()?;
    let kept = to.iter().filter(|a| !folded.contains(a)).map(|&a| a - folded.iter().filter(|&&f| f < a).count());
    let repeat = Broadcast { shape: graph.ty(e.output).shape.clone(), axes: kept.collect() };
    let output = graph.var(ty);
    let fold = Eqn { prim: Arc::new(fold), inputs: vec![x], output, at: e.at };
    Some(vec![fold, Eqn { prim: Arc::new(repeat), inputs: vec![output], ..e.clone() }])
}
