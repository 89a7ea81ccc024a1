//! Reverse-mode derivatives: `vjp`, `grad`, `value_and_grad`.
//!
//! A function is linearised: its values are computed where its arguments live, while the tangents of the same
//! equations are recorded apart, as a graph that is linear in its arguments. Walking that graph backwards with each
//! primitive's transpose gives the pullback of cotangents.

use crate::error::{Error, ErrorKind};
use crate::ir::{Graph, Operand, Type};
use crate::shape::Shape;
use crate::trace::{Closed, Tensor, at_line, line, record};
use crate::transform::function::{Arguments, Function, Passed, checked, faulty, rebuilt, tensors};
use crate::transform::jvp::jvp_graph;
use crate::transform::replay::Env;
use crate::transform::traced::{Fault, traced};
use crate::tree::{Tree, leaves};
use std::marker::PhantomData;

/// The linear part of a function at a point.
pub(crate) struct Linear {
    closed: Closed,
    /// For each result of the function whether the linear graph has a tangent for it.
    moves: Vec<bool>,
    n: usize,
}

/// Values of a graph's results at a point, and how they move with the inputs that `moves` marks.
pub(crate) fn linearize(graph: &Graph, primals: &[Tensor], moves: &[bool]) -> Result<(Vec<Tensor>, Linear), Error> {
    let types: Vec<Type> = primals.iter().zip(moves).filter(|(_, m)| **m).map(|(x, _)| x.ty()).collect();
    let n = types.len();
    let (closed, (values, moves)) = record(&types, |tangents| {
        let mut tangents = tangents.into_iter();
        let dx: Vec<Option<Tensor>> = moves.iter().map(|&m| if m { tangents.next() } else { None }).collect();
        let (y, dy) = jvp_graph(graph, primals, &dx);
        let moves: Vec<bool> = dy.iter().map(Option::is_some).collect();
        (dy.into_iter().flatten().collect(), (y, moves))
    })?;
    Ok((values, Linear { closed, moves, n }))
}

impl Linear {
    /// The cotangents of the inputs for those of the results; `None` is zero.
    pub(crate) fn pull(&self, cotangents: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let graph = &self.closed.graph;
        let mut fixed: Env<Tensor> = Env::new(graph);
        for (&v, t) in graph.inputs[self.n..].iter().zip(&self.closed.captures) {
            fixed.set(v, t.clone());
        }
        let mut sums: Vec<Option<Tensor>> = vec![None; graph.types.len()];
        let add = |sums: &mut Vec<Option<Tensor>>, v: crate::ir::Var, ct: Tensor| {
            let slot = &mut sums[v.index()];
            *slot = Some(match slot.take() {
                Some(sum) => sum + ct,
                None => ct,
            });
        };
        let moved = cotangents.iter().zip(&self.moves).filter(|(_, m)| **m).map(|(ct, _)| ct);
        for (&v, ct) in graph.outputs.iter().zip(moved) {
            if let Some(ct) = ct {
                add(&mut sums, v, ct.clone());
            }
        }
        for e in graph.eqns.iter().rev() {
            let Some(ct) = sums[e.output.index()].take() else { continue };
            if ct.error().is_some() {
                e.inputs.iter().filter(|&&v| fixed.find(v).is_none()).for_each(|&v| add(&mut sums, v, ct.clone()));
                continue;
            }
            let operands: Vec<Operand> = e
                .inputs
                .iter()
                .map(|&v| match fixed.find(v) {
                    Some(t) => Operand::Fixed(t.clone()),
                    None => Operand::Linear(graph.ty(v).clone()),
                })
                .collect();
            let back = at_line(e.at, || e.prim.transpose(&operands, &ct));
            for ((&v, ct), operand) in e.inputs.iter().zip(back).zip(&operands) {
                if let (Some(ct), Operand::Linear(_)) = (ct, operand) {
                    at_line(e.at, || add(&mut sums, v, ct));
                }
            }
        }
        graph.inputs[..self.n].iter().map(|v| sums[v.index()].take()).collect()
    }
}

/// The pullback of a function at a point: cotangents of the result to cotangents of the first argument.
pub struct Pullback<A1, R> {
    first: A1,
    output: R,
    linear: Result<Linear, Error>,
}

impl<A1: Tree, R: Tree> Pullback<A1, R> {
    /// The cotangent of the first argument for one of the result.
    #[track_caller]
    pub fn call(&self, cotangent: R) -> A1 {
        let linear = match &self.linear {
            Ok(linear) => linear,
            Err(e) => return faulty(&self.first, e),
        };
        let given = tensors(&cotangent);
        for (ct, y) in given.iter().zip(tensors(&self.output)) {
            if ct.error().is_none() && ct.ty() != y.ty() {
                let kind = ErrorKind::Shapes { left: ct.shape(), right: y.shape() };
                return faulty(&self.first, &Error::new(kind, "vjp", Some(line())));
            }
        }
        let back = linear.pull(&given.into_iter().map(Some).collect::<Vec<_>>());
        fill(&self.first, back)
    }
}

/// A tree of cotangents; those that are absent are zeros.
fn fill<A1: Tree>(first: &A1, cotangents: Vec<Option<Tensor>>) -> A1 {
    let whole: Vec<Tensor> =
        tensors(first).iter().zip(cotangents).map(|(x, ct)| ct.unwrap_or_else(|| x.zeros_like())).collect();
    rebuilt(first, &whole)
}

/// The value of `f` and its pullback `v ↦ vᵀ ∂f(x)` in the first argument.
///
/// ```
/// use pullback::{Tensor, vjp};
/// let (y, back) = vjp(|x: Tensor| x.exp(), Tensor::from([0.0f64, 1.0]));
/// let x_bar = back.call(Tensor::from([1.0f64, 0.0]));
/// assert_eq!(x_bar.to_vec::<f64>()?, [1.0, 0.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn vjp<F, A>(f: F, args: impl Passed<A>) -> (F::Output, Pullback<A::First, F::Output>)
where
    F: Function<A>,
    A: Arguments,
{
    let args = args.pass();
    let first = rebuilt(args.first(), &tensors(args.first()));
    match differentiate(&f, &args, "vjp") {
        Ok((output, _, linear)) => {
            let copy = rebuilt(&output, &tensors(&output));
            (copy, Pullback { first, output, linear: Ok(linear) })
        }
        Err(fault) => {
            let output = faulty(&fault.output, &fault.error);
            (output, Pullback { first, output: fault.output, linear: Err(fault.error) })
        }
    }
}

/// A function's result, its leaves, and how they move.
type Differentiated<R> = (R, Vec<Tensor>, Linear);

/// Traces and linearises `f` in the first argument.
#[track_caller]
fn differentiate<F, A>(f: &F, args: &A, name: &str) -> Result<Differentiated<F::Output>, Fault<F::Output>>
where
    F: Function<A>,
    A: Arguments,
{
    let at = line();
    let t = traced(f, args, name)?;
    for leaf in leaves(args.first()) {
        if !leaf.tensor.dtype().is_float() {
            let kind = ErrorKind::NotFloat { dtype: leaf.tensor.dtype(), leaf: leaf.name };
            return Err(Fault::new(&t.output, Error::new(kind, name, Some(at))));
        }
    }
    let wrt = leaves(args.first()).len();
    let moves: Vec<bool> = (0..t.inputs.len()).map(|i| i < wrt).collect();
    match linearize(&t.graph, &t.inputs, &moves) {
        Ok((values, linear)) => Ok((rebuilt(&t.output, &values), values, linear)),
        Err(e) => Err(Fault::new(&t.output, e)),
    }
}

/// A scalar function whose value and gradient are taken together; made by [`value_and_grad`].
pub struct ValueAndGrad<F, A> {
    f: F,
    args: PhantomData<fn(A)>,
}

/// The value of `f` and its gradient in the first argument, a tree of the same structure.
///
/// The first leaf of what `f` returns is the value and must be a scalar float; further leaves are auxiliary: they
/// come back with the value and are not differentiated.
///
/// ```
/// use pullback::{Tensor, value_and_grad};
/// let f = |w: Tensor, x: Tensor| { let y = (&w * &x).sum(); (&y * &y, y) };
/// let (w, x) = (Tensor::from([1.0f32, 2.0]), Tensor::from([3.0f32, 4.0]));
/// let ((value, aux), grad) = value_and_grad(f).call((w, x));
/// assert_eq!((value.item::<f32>()?, aux.item::<f32>()?), (121.0, 11.0));
/// assert_eq!(grad.to_vec::<f32>()?, [66.0, 88.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
pub fn value_and_grad<F: Function<A>, A: Arguments>(f: F) -> ValueAndGrad<F, A> {
    ValueAndGrad { f, args: PhantomData }
}

impl<F: Function<A>, A: Arguments> ValueAndGrad<F, A> {
    /// What the function returns, and the gradient; a fault travels with both.
    #[track_caller]
    pub fn call(&self, args: impl Passed<A>) -> (F::Output, A::First) {
        let args = args.pass();
        let at = line();
        let fault = |fault: Fault<F::Output>| (fault.output, faulty(args.first(), &fault.error));
        let (output, values, linear) = match differentiate(&self.f, &args, "grad") {
            Ok(parts) => parts,
            Err(e) => return fault(e),
        };
        let Some(value) = values.first() else {
            let kind = ErrorKind::Leaves { found: 0, needs: 1 };
            return fault(Fault::new(&output, Error::new(kind, "grad", Some(at))));
        };
        if value.shape() != Shape::scalar() {
            let kind = ErrorKind::NotScalar { shape: value.shape() };
            return fault(Fault::new(&output, Error::new(kind, "grad", Some(at))));
        }
        if !value.dtype().is_float() {
            let kind = ErrorKind::NotFloat { dtype: value.dtype(), leaf: "the function's value".into() };
            return fault(Fault::new(&output, Error::new(kind, "grad", Some(at))));
        }
        let mut cotangents = vec![None; values.len()];
        cotangents[0] = Some(value.ones_like());
        let gradient = fill(args.first(), linear.pull(&cotangents));
        (output, gradient)
    }

    /// As [`ValueAndGrad::call`], with the first fault as an error.
    ///
    /// # Errors
    /// Whatever went wrong while `f` was traced or differentiated.
    #[track_caller]
    pub fn try_call(&self, args: impl Passed<A>) -> Result<(F::Output, A::First), Error> {
        let (output, gradient) = self.call(args);
        Ok((checked(output)?, checked(gradient)?))
    }
}

/// A scalar function's gradient; made by [`grad`].
pub struct Grad<F, A>(ValueAndGrad<F, A>);

/// The gradient of a scalar function in its first argument: a function again.
///
/// ```
/// use pullback::{Tensor, grad};
/// let square = |x: Tensor| &x * &x;
/// let first = grad(square);
/// assert_eq!(first.call(Tensor::scalar(3.0f64)).item::<f64>()?, 6.0);
/// let second = grad(move |x: Tensor| first.call(x));
/// assert_eq!(second.call(Tensor::scalar(3.0f64)).item::<f64>()?, 2.0);
///
/// let e = grad(|x: Tensor| &x * 2.0).try_call(Tensor::from([1.0f32, 2.0])).unwrap_err();
/// assert!(e.to_string().contains("shape [2], not that of a scalar"));
/// # Ok::<(), pullback::Error>(())
/// ```
pub fn grad<F: Function<A>, A: Arguments>(f: F) -> Grad<F, A> {
    Grad(value_and_grad(f))
}

impl<F: Function<A>, A: Arguments> Grad<F, A> {
    /// The gradient; a fault travels with it.
    #[track_caller]
    pub fn call(&self, args: impl Passed<A>) -> A::First {
        self.0.call(args).1
    }

    /// The gradient.
    ///
    /// # Errors
    /// Whatever went wrong while `f` was traced or differentiated.
    #[track_caller]
    pub fn try_call(&self, args: impl Passed<A>) -> Result<A::First, Error> {
        checked(self.0.call(args).1)
    }
}

/// The matrix of second derivatives of a scalar function of one tensor.
///
/// # Shapes
/// `x: s`, result `s ++ s`; sizes must be known.
///
/// ```
/// use pullback::{Tensor, hessian};
/// let h = hessian(|x: Tensor| (&x * &x * &x).sum(), Tensor::from([1.0f64, 2.0]));
/// assert_eq!(h.to_vec::<f64>()?, [6.0, 0.0, 0.0, 12.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn hessian<F: Fn(Tensor) -> Tensor>(f: F, x: Tensor) -> Tensor {
    let shape = x.shape();
    let Some(sizes) = shape.known() else {
        return Tensor::fault(ErrorKind::WrongShape { found: shape, needs: "known sizes".into() }, "hessian");
    };
    let n: usize = sizes.iter().product();
    let gradient = grad(f);
    let along = |direction: Tensor| {
        let direction = direction.reshape(x.shape());
        crate::transform::jvp::jvp(|x: Tensor| gradient.call(x)).call(x.clone(), direction).1
    };
    let index = |axis| Tensor::iota([n, n], axis, crate::array::DType::I32);
    let identity = index(0).eq(index(1)).cast(x.dtype());
    let rows = crate::transform::vmap::vmap(along).call(identity);
    rows.reshape(Shape([sizes.clone(), sizes].concat().into_iter().map(Into::into).collect()))
}
