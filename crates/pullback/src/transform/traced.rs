//! A function traced on the types of its arguments.

use crate::error::Error;
use crate::ir::{Graph, Type};
use crate::trace::{Tensor, trace};
use crate::transform::function::{Function, faulty, rebuilt, tensors};
use crate::transform::replay::first_fault;
use crate::tree::Tree;

/// The graph of a function, what to run it on, and the structure of what it returns.
pub(crate) struct Traced<R> {
    pub graph: Graph,
    /// The arguments' leaves, then what the function captured.
    pub inputs: Vec<Tensor>,
    /// How many of the inputs are arguments.
    pub arguments: usize,
    /// A value of the result's structure; its leaves mean nothing.
    pub output: R,
}

/// A fault of a function, with a result whose leaves all carry it.
pub(crate) struct Fault<R> {
    pub error: Error,
    pub output: R,
}

impl<R: Tree> Fault<R> {
    pub(crate) fn new(template: &R, error: Error) -> Fault<R> {
        Fault { output: faulty(template, &error), error }
    }

    pub(crate) fn pair(self) -> (R, R) {
        (faulty(&self.output, &self.error), self.output)
    }
}

/// Traces `f` on arguments of the types of `args`.
#[track_caller]
pub(crate) fn traced<F, A>(f: &F, args: &A, name: &str) -> Result<Traced<F::Output>, Fault<F::Output>>
where
    F: Function<A>,
    A: Tree,
{
    let inputs = tensors(args);
    let types: Vec<Type> = inputs.iter().map(Tensor::ty).collect();
    traced_as(f, args, inputs, &types, name)
}

/// Traces `f` on arguments of those types, one for each leaf of `args`.
#[track_caller]
pub(crate) fn traced_as<F, A>(
    f: &F,
    args: &A,
    mut inputs: Vec<Tensor>,
    types: &[Type],
    name: &str,
) -> Result<Traced<F::Output>, Fault<F::Output>>
where
    F: Function<A>,
    A: Tree,
{
    if let Some(e) = first_fault(&inputs) {
        // The function still runs, on what carries the fault, to learn the structure of its result.
        let output = f.apply(rebuilt(args, &inputs));
        return Err(Fault::new(&output, e));
    }
    let mut output = None;
    let closed = trace(types, |leaves| {
        let result = f.apply(rebuilt(args, &leaves));
        let results = tensors(&result);
        output = Some(result);
        (results, ())
    });
    let output = output.unwrap_or_else(|| unreachable!("{name}: the function has run"));
    match closed {
        Ok((closed, ())) => {
            let arguments = inputs.len();
            inputs.extend(closed.captures);
            Ok(Traced { graph: closed.graph, inputs, arguments, output })
        }
        Err(e) => Err(Fault::new(&output, e)),
    }
}
