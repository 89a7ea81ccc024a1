//! `vmap`: a function of one example becomes a function of many.

use crate::error::{Error, ErrorKind};
use crate::ir::{Batched, Eqn, Fold, Graph, Type, Var};
use crate::lowering::Lowering;
use crate::random::{Key, Keys};
use crate::shape::{Dim, Shape};
use crate::trace::{Tensor, at_line, line};
use crate::transform::function::{Function, faulty, rebuilt};
use crate::transform::replay::{Env, Extents, apply_beside, first_fault};
use crate::transform::traced::traced_as;
use crate::tree::{Tree, leaves};
use std::collections::HashMap;
use std::marker::PhantomData;

/// The graph of one example on many: `n` examples along axis 0 of what is stacked.
pub(crate) fn batch_graph(graph: &Graph, args: Vec<Batched>, n: Dim) -> Vec<Tensor> {
    let whole = |y: Batched| match y {
        Batched::Folded(t) => t,
        y if y.tensor().error().is_some() => y.tensor().clone(),
        y => y.stacked(n),
    };
    walk(graph, args, n, Vec::new()).into_iter().map(whole).collect()
}

/// The graph of one example on many whose ragged axes are laid end to end; `fold` speaks of the graph's operands.
pub(crate) fn fold_graph(graph: &Graph, args: Vec<Batched>, fold: &Fold) -> Vec<Batched> {
    let known_as =
        graph.inputs.iter().zip(&fold.axes).find_map(|(&v, axis)| match graph.ty(v).shape.dims()[(*axis)?] {
            Dim::Rows(id) => Some(id),
            Dim::Known(_) => None,
        });
    let fold = Fold { rows: known_as.unwrap_or(fold.rows), axes: Vec::new(), ..fold.clone() };
    let n = fold.examples;
    walk(graph, args, n, vec![fold])
}

fn walk(graph: &Graph, args: Vec<Batched>, n: Dim, mut folds: Vec<Fold>) -> Vec<Batched> {
    let mut env: Env<Batched> = Env::new(graph);
    let mut extents = Extents::default();
    let traced = args.iter().map(Batched::tensor).find(|t| t.is_traced()).cloned();
    for (&v, arg) in graph.inputs.iter().zip(args) {
        if !matches!(arg, Batched::Folded(_)) {
            extents.learn(graph.ty(v), &one_example(&arg));
        }
        env.set(v, arg);
    }
    // What is shared by all examples is spread over them once, so that its cotangents are summed once.
    let mut spread: HashMap<Var, Tensor> = HashMap::new();
    for e in &graph.eqns {
        let mut inputs = env.all(&e.inputs);
        if matches!(e.prim.lower(), Lowering::Pointwise(_)) && inputs.iter().any(|b| matches!(b, Batched::Stacked(_))) {
            let beside = inputs.iter().find(|b| b.is_stacked()).map(|b| b.tensor().clone());
            for (b, v) in inputs.iter_mut().zip(&e.inputs) {
                if matches!(b, Batched::Shared(_)) {
                    let spread_here = || at_line(e.at, || b.stacked_beside(n, beside.as_ref()));
                    let once = spread.entry(*v).or_insert_with(spread_here);
                    *b = Batched::Stacked(once.clone());
                }
            }
        }
        let y = match ragged(graph, e, &folds) {
            Some(i) => match clash(graph, e, &folds, i) {
                Some(why) => Batched::Folded(refused(e, why)),
                None => {
                    let fold = Fold {
                        axes: e.inputs.iter().map(|&v| graph.ty(v).shape.axis_of(folds[i].rows)).collect(),
                        ..folds[i].clone()
                    };
                    at_line(e.at, || extents.prim(&e.prim).fold(&fold, &inputs))
                }
            },
            None if !inputs.iter().any(|b| matches!(b, Batched::Stacked(_))) => {
                let plain: Vec<Tensor> = inputs.iter().map(|b| b.tensor().clone()).collect();
                // A broadcast that is spelled out now could be huge; in the program it is read from its source.
                let repeats = matches!(e.prim.lower(), Lowering::Broadcast(_));
                Batched::Shared(apply_beside(e, &extents, &plain, traced.as_ref().filter(|_| repeats)))
            }
            None => match new_fold(graph, e, &inputs, n) {
                Some(fold) => {
                    let positions = fold.positions.clone();
                    folds.push(fold);
                    Batched::Folded(positions)
                }
                None => Batched::Stacked(at_line(e.at, || extents.prim(&e.prim).batch(&inputs, n))),
            },
        };
        // Rules ask for shapes, which a fault does not have: it goes past them.
        if y.tensor().error().is_some() {
            return vec![y; graph.outputs.len()];
        }
        if !matches!(y, Batched::Folded(_)) {
            extents.learn(graph.ty(e.output), &one_example(&y));
        }
        env.set(e.output, y);
    }
    env.all(&graph.outputs)
}

/// The shape of one example's part.
fn one_example(b: &Batched) -> Shape {
    match b {
        Batched::Stacked(t) => Shape(t.shape().dims().iter().skip(1).copied().collect()),
        Batched::Shared(t) | Batched::Folded(t) => t.shape(),
    }
}

/// Which ragged extent an equation speaks of, in its types or in its parameters.
fn ragged(graph: &Graph, e: &Eqn, folds: &[Fold]) -> Option<usize> {
    folds.iter().position(|fold| mentions(graph, e, fold))
}

fn mentions(graph: &Graph, e: &Eqn, fold: &Fold) -> bool {
    let mut found = e.inputs.iter().chain([&e.output]).any(|&v| graph.ty(v).shape.mentions(fold.rows));
    e.prim.map_dims(&mut |d| {
        found |= d == Dim::Rows(fold.rows);
        d
    });
    found
}

/// Why an equation cannot be folded, for reasons that are the same for every primitive.
fn clash(graph: &Graph, e: &Eqn, folds: &[Fold], i: usize) -> Option<&'static str> {
    let twice = |ty: &Type| ty.shape.dims().iter().filter(|&&d| d == Dim::Rows(folds[i].rows)).count() > 1;
    if e.inputs.iter().chain([&e.output]).any(|&v| twice(graph.ty(v))) {
        return Some("an operation that pairs every row of a ragged axis with every other");
    }
    if folds.iter().enumerate().any(|(j, fold)| j != i && mentions(graph, e, fold)) {
        return Some("an operation on two ragged axes at once");
    }
    let own = graph.ty(e.output).shape.mentions(folds[i].rows);
    (matches!(e.prim.lower(), Lowering::Rows) && !own)
        .then_some("ragged rows inside ragged rows; map over the pairs at once")
}

fn refused(e: &Eqn, why: &'static str) -> Tensor {
    at_line(e.at, || Tensor::fault(ErrorKind::NoRule { transform: "vmap", why }, e.prim.name()))
}

/// The fold that an equation begins: rows asked for by a count that differs from example to example.
fn new_fold(graph: &Graph, e: &Eqn, inputs: &[Batched], examples: Dim) -> Option<Fold> {
    let rows = match (e.prim.lower(), graph.ty(e.output).shape.dims()) {
        (Lowering::Rows, &[Dim::Rows(rows)]) => rows,
        _ => return None,
    };
    let [Batched::Stacked(counts)] = inputs else { return None };
    if counts.rank() != 1 {
        return None;
    }
    at_line(e.at, || {
        let counts = counts.maximum(0);
        let ids = counts.rows();
        let total = ids.shape().dims().first().copied().unwrap_or(Dim::Known(0));
        let first = counts.cumsum(0) - &counts;
        let positions = Tensor::iota(vec![total], 0, crate::array::DType::I32) - first.repeat_rows(&ids);
        Some(Fold { rows, total, examples, ids, counts, positions, axes: Vec::new() })
    })
}

/// An argument of [`Vmap::call`]: many `A`s along an axis, or one for all.
///
/// A tree by itself is mapped along axis 0 of each leaf; [`Along`] names another axis; [`Shared`] is not mapped;
/// [`Keys`](crate::Keys) are many [`Key`](crate::Key)s.
pub trait Mapped<A> {
    /// A tree whose leaves are the stacks, and the axis they are mapped along.
    fn parts(self) -> (A, Option<usize>);
}

/// An argument that is the same for every example.
pub struct Shared<T>(pub T);

/// An argument whose leaves are mapped along that axis.
pub struct Along<T>(pub usize, pub T);

impl<T: Tree> Mapped<T> for T {
    fn parts(self) -> (T, Option<usize>) {
        (self, Some(0))
    }
}

impl<T: Tree> Mapped<T> for Shared<T> {
    fn parts(self) -> (T, Option<usize>) {
        (self.0, None)
    }
}

impl<T: Tree> Mapped<T> for Along<T> {
    fn parts(self) -> (T, Option<usize>) {
        (self.1, Some(self.0))
    }
}

impl Mapped<Key> for Keys {
    fn parts(self) -> (Key, Option<usize>) {
        (Key::from_tensor(self.into_tensor()), Some(0))
    }
}

/// All arguments of [`Vmap::call`]: one, or a tuple of them.
pub trait MappedArgs<A> {
    /// The arguments' trees, and for each leaf the axis that it is mapped along.
    fn parts(self) -> (A, Vec<Option<usize>>);
}

fn axes<A: Tree>(tree: &A, axis: Option<usize>) -> Vec<Option<usize>> {
    leaves(tree).iter().map(|_| axis).collect()
}

impl<A: Tree, M: Mapped<A>> MappedArgs<(A,)> for M {
    fn parts(self) -> ((A,), Vec<Option<usize>>) {
        let (tree, axis) = Mapped::parts(self);
        let axes = axes(&tree, axis);
        ((tree,), axes)
    }
}

macro_rules! mapped {
    ($($m:ident $a:ident $i:tt),+) => {
        impl<$($a: Tree, $m: Mapped<$a>),+> MappedArgs<($($a,)+)> for ($($m,)+) {
            fn parts(self) -> (($($a,)+), Vec<Option<usize>>) {
                let parts = ($(self.$i.parts(),)+);
                let mut list = Vec::new();
                $(list.extend(axes(&parts.$i.0, parts.$i.1));)+
                (($(parts.$i.0,)+), list)
            }
        }
    };
}
mapped!(M1 A1 0, M2 A2 1);
mapped!(M1 A1 0, M2 A2 1, M3 A3 2);
mapped!(M1 A1 0, M2 A2 1, M3 A3 2, M4 A4 3);
mapped!(M1 A1 0, M2 A2 1, M3 A3 2, M4 A4 3, M5 A5 4);
mapped!(M1 A1 0, M2 A2 1, M3 A3 2, M4 A4 3, M5 A5 4, M6 A6 5);

/// A function of one example, mapped over many; made by [`vmap`].
pub struct Vmap<F, A> {
    f: F,
    args: PhantomData<fn(A)>,
}

/// Maps a function of one example over many: `vmap(f)(x)_i = f(x_i)`. Results have the examples along axis 0.
///
/// What does not depend on a mapped argument is computed once. Where `f` itself makes rows by a count that differs
/// from example to example ([`Tensor::rows`], [`Key::split_rows`](crate::Key::split_rows)), the rows of all examples
/// are laid end to end, and what belongs to the example is repeated only where the two meet.
///
/// ```
/// use pullback::{Shared, Tensor, vmap};
/// let scale = |x: Tensor, w: Tensor| (&x * &w).sum();
/// let xs = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
/// let y = vmap(scale).call((xs, Shared(Tensor::from([10.0f32, 1.0]))));
/// assert_eq!(y.to_vec::<f32>()?, [12.0, 34.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
pub fn vmap<F: Function<A>, A: Tree>(f: F) -> Vmap<F, A> {
    Vmap { f, args: PhantomData }
}

impl<F: Function<A>, A: Tree> Vmap<F, A> {
    /// The function on every example; a fault travels with the result.
    #[track_caller]
    pub fn call(&self, args: impl MappedArgs<A>) -> F::Output {
        let at = line();
        let (tree, axes) = args.parts();
        let mut n: Option<(Dim, String)> = None;
        let mut fault: Option<Error> = None;
        let mut inputs = Vec::new();
        let mut types = Vec::new();
        for (leaf, axis) in leaves(&tree).into_iter().zip(&axes) {
            let mut t = leaf.tensor;
            let mut ty = t.ty();
            if let Some(axis) = *axis {
                match ty.shape.dims().get(axis).copied() {
                    _ if t.error().is_some() => fault = fault.or(t.error().cloned()),
                    None => {
                        let kind = ErrorKind::Axis { axis, shape: ty.shape.clone() };
                        fault = fault.or(Some(Error::new(kind, format!("vmap: `{}`", leaf.name), Some(at))));
                    }
                    Some(d) => {
                        let here = format!("{d} of `{}` {}", leaf.name, ty.shape);
                        match &n {
                            Some((m, there)) if *m != d => {
                                let kind = ErrorKind::MappedSizes { left: there.clone(), right: here };
                                fault = fault.or(Some(Error::new(kind, "vmap", Some(at))));
                            }
                            Some(_) => {}
                            None => n = Some((d, here)),
                        }
                        t = at_line(at, || crate::prim::move_axis(&t, axis, 0));
                        ty.shape = ty.shape.without(&[axis]);
                    }
                }
            }
            inputs.push(t);
            types.push(ty);
        }
        let (n, fault) = match (n, fault) {
            (Some((n, _)), fault) => (n, fault),
            (None, fault) => {
                (Dim::Known(0), Some(fault.unwrap_or_else(|| Error::new(ErrorKind::NothingMapped, "vmap", Some(at)))))
            }
        };
        if let Some(e) = fault {
            let faulty_args: Vec<Tensor> = inputs.iter().map(|_| Tensor::from_error(e.clone())).collect();
            let output = self.f.apply(rebuilt(&tree, &faulty_args));
            return faulty(&output, &e);
        }
        let t = match traced_as(&self.f, &tree, inputs, &types, "vmap") {
            Ok(t) => t,
            Err(fault) => return fault.output,
        };
        let args = t.inputs.iter().enumerate().map(|(i, x)| match axes.get(i) {
            Some(Some(_)) if i < t.arguments => Batched::Stacked(x.clone()),
            _ => Batched::Shared(x.clone()),
        });
        let outputs = batch_graph(&t.graph, args.collect(), n);
        match first_fault(&outputs) {
            Some(e) => faulty(&t.output, &e),
            None => rebuilt(&t.output, &outputs),
        }
    }

    /// As [`Vmap::call`], with the first fault as an error.
    ///
    /// # Errors
    /// Whatever went wrong while `f` was traced or mapped.
    #[track_caller]
    pub fn try_call(&self, args: impl MappedArgs<A>) -> Result<F::Output, Error> {
        crate::transform::function::checked(self.call(args))
    }
}
