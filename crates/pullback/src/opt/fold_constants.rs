//! Evaluates what depends on constants alone.

use crate::array::Array;
use crate::ir::{Eqn, Graph, Var};
use crate::lowering::Lowering;
use crate::prim::constant::Constant;
use crate::shape::Sizes;
use std::collections::HashMap;
use std::sync::Arc;

/// Up to this many elements a result becomes a constant; beyond it the equation is cheaper than its value.
const LIMIT: usize = 4096;

/// Equations whose operands are all constants become constants. A broadcast stays: kernels read it from its source.
pub(crate) fn fold_constants(mut graph: Graph) -> Graph {
    let mut known: HashMap<Var, Arc<Array>> = HashMap::new();
    for e in &mut graph.eqns {
        match e.prim.lower() {
            Lowering::Constant(value) => {
                known.insert(e.output, value);
                continue;
            }
            Lowering::Broadcast(_) | Lowering::Barrier | Lowering::Rows => continue,
            _ => {}
        }
        let ty = &graph.types[e.output.index()];
        let small = ty.shape.known().is_some_and(|s| s.iter().product::<usize>() <= LIMIT);
        let operands: Option<Vec<&Array>> = e.inputs.iter().map(|v| known.get(v).map(|a| &**a)).collect();
        if let Some(operands) = operands
            && small
            && !crate::trace::names_rows(&*e.prim)
        {
            let value = Arc::new(e.prim.eval(&operands, &Sizes::default()));
            known.insert(e.output, value.clone());
            *e = Eqn { prim: Arc::new(Constant { value }), inputs: Vec::new(), ..e.clone() };
        }
    }
    graph
}
