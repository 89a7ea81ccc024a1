//! The slow plain interpreter: what every other way to run a graph is tested against.

use crate::array::Array;
use crate::error::Error;
use crate::ir::{Graph, Type, Var};
use crate::shape::{Dim, Sizes};

/// Runs a graph equation by equation with each primitive's own plain loops.
///
/// # Errors
/// Where the arguments are not those that the graph takes.
pub fn eval(graph: &Graph, args: &[&Array]) -> Result<Vec<Array>, Error> {
    let mut sizes = Sizes::default();
    let mut env: Vec<Option<Array>> = vec![None; graph.types.len()];
    bind_arguments(graph, args, &mut sizes)?;
    for (&v, &a) in graph.inputs.iter().zip(args) {
        env[v.index()] = Some(a.clone());
    }
    fn read(env: &[Option<Array>], v: Var) -> Result<&Array, Error> {
        env[v.index()].as_ref().ok_or_else(|| Error::invalid("eval", "a variable is read before it is set"))
    }
    for e in &graph.eqns {
        let inputs = e.inputs.iter().map(|&v| read(&env, v)).collect::<Result<Vec<_>, _>>()?;
        let y = e.prim.eval(&inputs, &sizes);
        bind_shape(graph.ty(e.output), y.shape(), &mut sizes).map_err(|why| Error::invalid(e.prim.name(), why))?;
        env[e.output.index()] = Some(y);
    }
    graph.outputs.iter().map(|&v| read(&env, v).cloned()).collect()
}

/// Checks the arguments against the graph's parameters and binds its symbolic extents.
pub(crate) fn bind_arguments(graph: &Graph, args: &[&Array], sizes: &mut Sizes) -> Result<(), Error> {
    if args.len() != graph.inputs.len() {
        let kind = crate::error::ErrorKind::Leaves { found: args.len(), needs: graph.inputs.len() };
        return Err(Error::new(kind, "call", None));
    }
    for (&v, a) in graph.inputs.iter().zip(args) {
        let ty = graph.ty(v);
        if ty.dtype != a.dtype() {
            return Err(Error::invalid("call", format!("an argument of type {} for {ty}", a.dtype())));
        }
        bind_shape(ty, a.shape(), sizes).map_err(|why| Error::invalid("call", why))?;
    }
    Ok(())
}

/// Binds the symbolic extents of `ty` to the sizes that a value has; says what does not fit.
pub(crate) fn bind_shape(ty: &Type, shape: &[usize], sizes: &mut Sizes) -> Result<(), String> {
    if ty.shape.rank() != shape.len() {
        return Err(format!("a value of shape {shape:?} for {ty}"));
    }
    for (&d, &n) in ty.shape.dims().iter().zip(shape) {
        let clash = match d {
            Dim::Known(m) => m != n,
            Dim::Rows(id) => sizes.bind(id, n).is_err(),
        };
        if clash {
            return Err(format!("a value of shape {shape:?} for {ty}"));
        }
    }
    Ok(())
}
