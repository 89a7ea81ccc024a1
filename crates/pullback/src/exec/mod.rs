//! Running optimised graphs.

use crate::array::Array;
use crate::error::Error;
use crate::eval::eval;
use crate::ir::{Eqn, Graph};
use crate::prim::constant::Constant;
use crate::trace::Tensor;
use std::sync::Arc;

/// A compiled graph.
pub(crate) struct Program {
    graph: Graph,
}

impl Program {
    /// Optimises and plans a graph whose last inputs are those constants.
    pub(crate) fn compile(mut graph: Graph, constants: &[Tensor]) -> Result<Program, Error> {
        let first = graph.inputs.len() - constants.len();
        let vars = graph.inputs.split_off(first);
        let mut eqns = Vec::new();
        for (output, t) in vars.into_iter().zip(constants) {
            let prim = Arc::new(Constant { value: Arc::new(t.value()?.clone()) });
            eqns.push(Eqn { prim, inputs: Vec::new(), output, at: crate::trace::line() });
        }
        eqns.append(&mut graph.eqns);
        graph.eqns = eqns;
        Ok(Program { graph })
    }

    pub(crate) fn into_graph(self) -> Graph {
        self.graph
    }

    pub(crate) fn run(&mut self, inputs: Vec<Arc<Array>>) -> Result<Vec<Tensor>, Error> {
        let args: Vec<&Array> = inputs.iter().map(|a| &**a).collect();
        Ok(eval(&self.graph, &args)?.into_iter().map(Tensor::from).collect())
    }
}
