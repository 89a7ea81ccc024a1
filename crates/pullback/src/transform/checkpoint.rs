//! `checkpoint`: a function whose inner values are computed again when its derivative needs them.

use crate::array::Array;
use crate::case::{Arg, Case};
use crate::error::{Error, ErrorKind};
use crate::eval::eval;
use crate::ir::{Batched, Fold, Graph, MapDims, Operand, Primitive, Type};
use crate::lowering::Lowering;
use crate::prim::barrier::Barrier;
use crate::shape::{Dim, RowId, Sizes};
use crate::trace::{Tensor, bind, trace};
use crate::transform::function::{Function, Passed, rebuilt};
use crate::transform::jvp::jvp_graph;
use crate::transform::replay::replay;
use crate::transform::traced::traced;
use crate::transform::vjp::linearize;
use crate::transform::vmap::{batch_graph, fold_graph};
use crate::tree::Tree;
use std::marker::PhantomData;
use std::sync::Arc;

/// One result of a graph, by number.
#[derive(Clone, Debug)]
struct Call {
    graph: Arc<Graph>,
    output: usize,
}

/// One result of the derivative of a graph: operands are the graph's, then a tangent for each that is marked.
#[derive(Clone, Debug)]
struct CallTangent {
    graph: Arc<Graph>,
    output: usize,
    moves: Vec<bool>,
}

impl CallTangent {
    /// Its values and tangents as one graph, for rules that take it apart.
    fn spelled_out(&self) -> Result<Graph, Error> {
        let n = self.moves.len();
        let mut types = renamed(self.graph.inputs.iter().map(|&v| self.graph.ty(v)));
        let tangents: Vec<Type> = (0..n).filter(|&i| self.moves[i]).map(|i| types[i].clone()).collect();
        types.extend(tangents);
        let (closed, ()) = trace(&types, |args| {
            let (x, dx) = args.split_at(n);
            let mut dx = dx.iter().cloned();
            let dx: Vec<Option<Tensor>> = self.moves.iter().map(|&m| if m { dx.next() } else { None }).collect();
            let (y, dy) = jvp_graph(&self.graph, x, &dx);
            (vec![dy[self.output].clone().unwrap_or_else(|| y[self.output].zeros_like())], ())
        })?;
        inline_captures(closed.graph, &closed.captures)
    }
}

/// Types with symbolic extents of their own: those of a function around this one would draw into it what is done here.
fn renamed<'a>(types: impl Iterator<Item = &'a Type>) -> Vec<Type> {
    let mut names: Vec<(Dim, Dim)> = Vec::new();
    let mut rename = |d: Dim| match (d, names.iter().find(|(from, _)| *from == d)) {
        (Dim::Known(_), _) => d,
        (_, Some(&(_, to))) => to,
        (_, None) => {
            names.push((d, Dim::fresh_rows()));
            names[names.len() - 1].1
        }
    };
    types.map(|t| Type::new(t.dtype, t.shape.dims().iter().map(|&d| rename(d)).collect::<Vec<_>>())).collect()
}

/// A graph that stands alone: what it captured becomes constants.
fn inline_captures(graph: Graph, captures: &[Tensor]) -> Result<Graph, Error> {
    let mut graph = graph;
    let first = graph.inputs.len() - captures.len();
    let vars = graph.inputs.split_off(first);
    for (v, t) in vars.into_iter().zip(captures).rev() {
        let value = Arc::new(t.value()?.clone());
        let prim = Arc::new(crate::prim::constant::Constant { value });
        graph.eqns.insert(0, crate::ir::Eqn { prim, inputs: Vec::new(), output: v, at: crate::trace::line() });
    }
    Ok(graph)
}

fn infer(graph: &Graph, output: usize, inputs: &[&Type]) -> Result<Type, ErrorKind> {
    let mut rows: Vec<(RowId, Dim)> = Vec::new();
    for (&v, ty) in graph.inputs.iter().zip(inputs) {
        let takes = graph.ty(v);
        if takes.dtype != ty.dtype {
            return Err(ErrorKind::DTypes { left: takes.dtype, right: ty.dtype });
        }
        for (&d, &to) in graph.ty(v).shape.dims().iter().zip(ty.shape.dims()) {
            if let Dim::Rows(id) = d {
                rows.push((id, to));
            }
        }
    }
    let ty = graph.ty(graph.outputs[output]);
    let map = |d: Dim| rows.iter().find(|(id, _)| Dim::Rows(*id) == d).map_or(d, |&(_, to)| to);
    Ok(Type::new(ty.dtype, ty.shape.dims().iter().map(|&d| map(d)).collect::<Vec<_>>()))
}

fn run(graph: &Graph, output: usize, inputs: &[&Array]) -> Array {
    match eval(graph, inputs) {
        Ok(mut values) => values.swap_remove(output),
        Err(e) => unreachable!("checkpoint: the graph was traced on these types: {e}"),
    }
}

/// The graph over many examples, checkpointed too. `map` makes of the operands inside what the graph gives for all;
/// what it captures becomes operands.
fn mapped(inputs: &[Batched], map: impl Fn(Vec<Batched>) -> Batched) -> Batched {
    let types: Vec<Type> = inputs.iter().map(|b| b.tensor().ty()).collect();
    let traced = trace(&types, |args| {
        let args = args.into_iter().zip(inputs).map(|(t, b)| match b {
            Batched::Stacked(_) => Batched::Stacked(t),
            Batched::Folded(_) => Batched::Folded(t),
            Batched::Shared(_) => Batched::Shared(t),
        });
        let y = map(args.collect());
        (vec![y.tensor().clone()], matches!(y, Batched::Folded(_)))
    });
    match traced {
        Ok((closed, folded)) => {
            let operands: Vec<&Tensor> = inputs.iter().map(|b| b.tensor()).chain(&closed.captures).collect();
            let y = bind(Call { graph: Arc::new(closed.graph), output: 0 }, &operands);
            if folded { Batched::Folded(y) } else { Batched::Stacked(y) }
        }
        Err(e) => Batched::Folded(Tensor::from_error(e)),
    }
}

impl Primitive for Call {
    fn name(&self) -> &'static str {
        "checkpoint"
    }
    fn parameters(&self) -> String {
        format!("[result={} of {} equations]", self.output, self.graph.eqns.len())
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        infer(&self.graph, self.output, inputs)
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        run(&self.graph, self.output, inputs)
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        let moves = dx.iter().map(Option::is_some).collect();
        let operands: Vec<&Tensor> = x.iter().chain(dx.iter().flatten()).collect();
        Some(bind(CallTangent { graph: self.graph.clone(), output: self.output, moves }, &operands))
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let moves = vec![true; inputs.len()];
        pull(&self.graph, self.output, &moves, inputs, ct)
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        let all = |args| Batched::Stacked(batch_graph(&self.graph, args, n).swap_remove(self.output));
        mapped(inputs, all).tensor().clone()
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        mapped(inputs, |args| match fold_graph(&self.graph, args, fold).swap_remove(self.output) {
            Batched::Shared(t) => Batched::Stacked(Batched::Shared(t).stacked(fold.examples)),
            y => y,
        })
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::Call(self.graph.clone(), self.output)
    }
}

impl Primitive for CallTangent {
    fn name(&self) -> &'static str {
        "checkpoint_tangent"
    }
    fn parameters(&self) -> String {
        format!("[result={} of {} equations]", self.output, self.graph.eqns.len())
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        infer(&self.graph, self.output, &inputs[..self.moves.len()])
    }
    fn eval(&self, inputs: &[&Array], _: &Sizes) -> Array {
        match self.spelled_out() {
            Ok(graph) => run(&graph, 0, inputs),
            Err(e) => unreachable!("checkpoint: the graph was traced before: {e}"),
        }
    }
    fn jvp(&self, x: &[Tensor], _: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        match self.spelled_out() {
            Ok(graph) => jvp_graph(&graph, x, dx).1.swap_remove(0),
            Err(e) => Some(Tensor::from_error(e)),
        }
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let n = self.moves.len();
        let back = pull(&self.graph, self.output, &self.moves, &inputs[..n], ct);
        let mut all = vec![None; n];
        all.extend(back.into_iter().zip(&self.moves).filter(|(_, m)| **m).map(|(ct, _)| ct));
        all
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        let graph = match self.spelled_out() {
            Ok(graph) => graph,
            Err(e) => return Tensor::from_error(e),
        };
        batch_graph(&graph, inputs.to_vec(), n).swap_remove(0)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        match self.spelled_out() {
            Ok(graph) => fold_graph(&graph, inputs.to_vec(), fold).swap_remove(0),
            Err(e) => Batched::Folded(Tensor::from_error(e)),
        }
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        match self.spelled_out() {
            Ok(graph) => Lowering::Call(Arc::new(graph), 0),
            Err(_) => Lowering::Plain,
        }
    }
}

/// Cotangents of a graph's inputs, everything inside it computed again from operands behind a barrier.
fn pull(graph: &Graph, output: usize, moves: &[bool], inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
    let region = Barrier::region();
    let again: Vec<Tensor> = inputs
        .iter()
        .map(|o| match o {
            Operand::Fixed(t) => bind(Barrier { region }, &[t]),
            // Linear in it: its value is not read by the derivative.
            Operand::Linear(ty) => Tensor::full(0.0, ty.dtype, &ty.shape),
        })
        .collect();
    let (values, linear) = match linearize(graph, &again, moves) {
        Ok(parts) => parts,
        Err(e) => return inputs.iter().map(|_| Some(Tensor::from_error(e.clone()))).collect(),
    };
    let mut cotangents = vec![None; values.len()];
    cotangents[output] = Some(ct.clone());
    let mut back = linear.pull(&cotangents).into_iter();
    moves.iter().map(|&m| if m { back.next().flatten() } else { None }).collect()
}

/// A function whose inner values are not kept for its derivative; made by [`checkpoint`].
pub struct Checkpoint<F, A> {
    f: F,
    args: PhantomData<fn(A)>,
}

/// The same function, whose derivative computes inner values again from its arguments instead of keeping them:
/// memory for time.
///
/// ```
/// use pullback::{Tensor, checkpoint, grad};
/// let f = checkpoint(|x: Tensor| x.sin().sin().sin());
/// let g = grad(move |x: Tensor| f.call(x)).call(Tensor::scalar(1.0f64));
/// assert!((g.item::<f64>()? - 1f64.cos() * 1f64.sin().cos() * 1f64.sin().sin().cos()).abs() < 1e-15);
/// # Ok::<(), pullback::Error>(())
/// ```
pub fn checkpoint<F: Function<A>, A: Tree>(f: F) -> Checkpoint<F, A> {
    Checkpoint { f, args: PhantomData }
}

impl<F: Function<A>, A: Tree> Checkpoint<F, A> {
    /// The function's value; a fault travels with it.
    #[track_caller]
    pub fn call(&self, args: impl Passed<A>) -> F::Output {
        let args = args.pass();
        let t = match traced(&self.f, &args, "checkpoint") {
            Ok(t) => t,
            Err(fault) => return fault.output,
        };
        if t.inputs.iter().all(|x| !x.is_traced()) {
            return rebuilt(&t.output, &replay(&t.graph, &t.inputs));
        }
        let graph = Arc::new(t.graph);
        let operands: Vec<&Tensor> = t.inputs.iter().collect();
        let call = |output| bind(Call { graph: graph.clone(), output }, &operands);
        let values: Vec<Tensor> = (0..graph.outputs.len()).map(call).collect();
        rebuilt(&t.output, &values)
    }
}

/// A graph for tests: `x, w ↦ tanh(x w), Σ exp(x)` over rows of `x`.
fn example(rows: Dim) -> (Graph, [Arg; 2]) {
    let args = [Arg::floats(vec![rows, 3.into()]), Arg::floats([3, 2])];
    let types = [args[0].ty.clone(), args[1].ty.clone()];
    let graph = trace(&types, |t| (vec![t[0].dot(&t[1]).tanh(), t[0].exp().reduce_sum(&[1])], ()));
    (graph.map(|(closed, ())| closed.graph).unwrap_or_default(), args)
}

/// What `checkpoint` is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let of = |rows, output| {
        let (graph, args) = example(rows);
        Case::new(Call { graph: Arc::new(graph), output }, args)
    };
    vec![of(Dim::Known(2), 0), of(Dim::Known(2), 1), of(Dim::fresh_rows(), 0), of(Dim::fresh_rows(), 1)]
}

/// What `checkpoint_tangent` is tested on.
pub(crate) fn tangent_cases() -> Vec<Case> {
    let of = |rows, output| {
        let (graph, [x, w]) = example(rows);
        let prim = CallTangent { graph: Arc::new(graph), output, moves: vec![true, false] };
        Case::new(prim, [x.clone(), w, x])
    };
    vec![of(Dim::Known(2), 0), of(Dim::Known(2), 1), of(Dim::fresh_rows(), 0), of(Dim::fresh_rows(), 1)]
}
