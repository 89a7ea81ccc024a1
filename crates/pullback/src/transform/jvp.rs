//! Forward-mode derivatives: `jvp`.

use crate::error::{Error, ErrorKind};
use crate::ir::Graph;
use crate::trace::{Tensor, at_line, line};
use crate::transform::function::{Arguments, Function, Passed, rebuilt, tensors};
use crate::transform::replay::{Env, Extents, apply};
use crate::transform::traced::{Fault, traced};
use crate::tree::Tree;

/// Values and tangents of a graph's results; a tangent that is absent is zero.
pub(crate) fn jvp_graph(
    graph: &Graph,
    primals: &[Tensor],
    tangents: &[Option<Tensor>],
) -> (Vec<Tensor>, Vec<Option<Tensor>>) {
    let mut env: Env<(Tensor, Option<Tensor>)> = Env::new(graph);
    let mut extents = Extents::default();
    for ((&v, x), dx) in graph.inputs.iter().zip(primals).zip(tangents) {
        extents.learn(graph.ty(v), &x.shape());
        env.set(v, (x.clone(), dx.clone()));
    }
    for e in &graph.eqns {
        let (x, dx): (Vec<Tensor>, Vec<Option<Tensor>>) = env.all(&e.inputs).into_iter().unzip();
        let y = apply(e, &extents, &x);
        extents.learn(graph.ty(e.output), &y.shape());
        if y.error().is_some() {
            let n = graph.outputs.len();
            return (vec![y.clone(); n], vec![Some(y); n]);
        }
        let moves = dx.iter().any(Option::is_some) && graph.ty(e.output).dtype.is_float();
        let dy = if moves { at_line(e.at, || extents.prim(&e.prim).jvp(&x, &y, &dx)) } else { None };
        env.set(e.output, (y, dy));
    }
    env.all(&graph.outputs).into_iter().unzip()
}

/// A function whose derivative along a direction is taken with its value; made by [`jvp`].
pub struct Jvp<F, A> {
    f: F,
    args: std::marker::PhantomData<fn(A)>,
}

/// The value of `f` and its derivative along a tangent of the first argument: `(f(x), ∂f(x)·ẋ)`.
///
/// ```
/// use pullback::{Tensor, jvp};
/// let x = Tensor::scalar(3.0f64);
/// let (y, dy) = jvp(|x: Tensor| &x * &x).call(x, Tensor::scalar(1.0f64));
/// assert_eq!((y.item::<f64>()?, dy.item::<f64>()?), (9.0, 6.0));
/// # Ok::<(), pullback::Error>(())
/// ```
pub fn jvp<F: Function<A>, A: Arguments>(f: F) -> Jvp<F, A> {
    Jvp { f, args: std::marker::PhantomData }
}

impl<F: Function<A>, A: Arguments> Jvp<F, A> {
    /// Value and derivative at the arguments along the tangent; integers and keys have none, and theirs is not read.
    #[track_caller]
    pub fn call(&self, args: impl Passed<A>, tangent: A::First) -> (F::Output, F::Output) {
        let (args, at) = (args.pass(), line());
        let t = match traced(&self.f, &args, "jvp") {
            Ok(t) => t,
            Err(fault) => return fault.pair(),
        };
        let first = tensors(args.first());
        let moves = tensors(&tangent).into_iter().zip(&first).map(|(d, x)| x.dtype().is_float().then_some(d));
        let mut tangents: Vec<Option<Tensor>> = moves.collect();
        for (d, x) in tangents.iter().zip(&first) {
            if let Some(d) = d.as_ref().filter(|d| d.error().is_none() && x.error().is_none() && d.ty() != x.ty()) {
                let kind = match d.dtype() == x.dtype() {
                    true => ErrorKind::Shapes { left: x.shape(), right: d.shape() },
                    false => ErrorKind::DTypes { left: x.dtype(), right: d.dtype() },
                };
                return Fault::new(&t.output, Error::new(kind, "jvp", Some(at))).pair();
            }
        }
        tangents.resize(t.inputs.len(), None);
        let (y, dy) = jvp_graph(&t.graph, &t.inputs, &tangents);
        let dy: Vec<Tensor> = dy.into_iter().zip(&y).map(|(d, y)| d.unwrap_or_else(|| y.zeros_like())).collect();
        (rebuilt(&t.output, &y), rebuilt(&t.output, &dy))
    }
}

/// The Hessian of a scalar function times a vector, `∂²f(x)·v`, without the Hessian; the vector has the shape of the
/// first argument.
///
/// ```
/// use pullback::{Tensor, hessian_vector_product};
/// let f = |x: Tensor| (&x * &x * &x).sum();
/// let x = Tensor::from([1.0f64, 2.0]);
/// let hv = hessian_vector_product(f, x, Tensor::from([1.0f64, 1.0]));
/// assert_eq!(hv.to_vec::<f64>()?, [6.0, 12.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn hessian_vector_product<F, A1>(f: F, x: A1, vector: A1) -> A1
where
    F: Fn(A1) -> Tensor,
    A1: Tree,
{
    let gradient = crate::transform::vjp::grad(f);
    jvp(move |x: A1| gradient.call(x)).call(x, vector).1
}
