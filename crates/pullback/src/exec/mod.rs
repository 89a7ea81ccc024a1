//! Running optimised graphs: buffers planned once, fused kernels, matrix products, a pool of threads.

mod clock;
mod copying;
mod counting;
mod extent;
mod fetch;
mod few;
mod frame;
mod fused;
mod gemm;
mod group;
mod interleave;
mod isa;
mod kernel;
mod lanes;
mod lines;
mod logistic;
mod memory;
mod operand;
mod pace;
mod placement;
mod plan;
mod pool;
mod prefix;
mod product;
mod ragged;
mod random;
mod reduce;
mod results;
mod row_numbers;
mod scalar_loops;
mod schedule;
mod second_cache;
mod shared;
mod stage;
mod step;
pub(crate) mod threads;
mod tiles;
mod underflow;

use crate::array::Array;
use crate::error::{Error, ErrorKind};
pub(crate) use crate::exec::clock::Clock;
use crate::exec::isa::Isa;
use crate::exec::pace::Pace;
use crate::exec::plan::{Plan, plan};
use crate::exec::results::Results;
use crate::exec::schedule::Run;
use crate::exec::second_cache::second_cache;
use crate::exec::step::State;
use crate::exec::underflow::Underflow;
use crate::ir::{Eqn, Graph, Type};
use crate::opt::optimize;
use crate::prim::Broadcast;
use crate::prim::constant::Constant;
use crate::shape::{Dim, Shape, Sizes};
use crate::trace::Tensor;
use std::sync::Arc;
use std::time::Instant;

/// A compiled graph.
pub(crate) struct Program {
    graph: Graph,
    plan: Plan,
    rows: Vec<usize>,
    starts: Vec<Vec<usize>>,
    sizes: Sizes,
    results: Results,
    pace: Pace,
    /// Bytes of a core's second cache.
    second_cache: usize,
}

/// A graph whose last inputs, the constants, are equations of it.
pub(crate) fn closed(mut graph: Graph, constants: &[Tensor]) -> Result<Graph, Error> {
    let first = graph.inputs.len() - constants.len();
    let vars = graph.inputs.split_off(first);
    let mut eqns = Vec::with_capacity(vars.len() + graph.eqns.len());
    for (output, t) in vars.into_iter().zip(constants) {
        let value = t.value()?;
        let at = crate::trace::line();
        let (dtype, shape) = value.ty();
        // One number many times over is one number, read in place.
        let (value, repeated) = match value.data().uniform() {
            Some(number) if value.len() > 1 => (Array::new(Vec::new(), number), true),
            _ => (value.clone(), false),
        };
        let prim = Arc::new(Constant { value: Arc::new(value) });
        if repeated {
            let number = graph.var(Type { dtype, shape: Shape::scalar() });
            eqns.push(Eqn { prim, inputs: Vec::new(), output: number, at });
            let prim = Arc::new(Broadcast { shape, axes: Vec::new() });
            eqns.push(Eqn { prim, inputs: vec![number], output, at });
        } else {
            eqns.push(Eqn { prim, inputs: Vec::new(), output, at });
        }
    }
    eqns.append(&mut graph.eqns);
    graph.eqns = eqns;
    Ok(graph)
}

impl Program {
    /// Optimises and plans a graph that takes nothing but its arguments.
    pub(crate) fn compile(graph: Graph) -> Program {
        let graph = optimize(graph);
        let plan = plan(&graph);
        let rows = plan.rows.lengths();
        let starts = vec![Vec::new(); rows.len()];
        let (sizes, results, pace) = (Sizes::default(), Results::default(), Pace::default());
        Program { graph, plan, rows, starts, sizes, results, pace, second_cache: second_cache() }
    }

    /// Bytes that the program's buffers hold.
    pub(crate) fn bytes(&self) -> usize {
        self.plan.memory.bytes()
    }

    /// The results for some arguments.
    pub(crate) fn run(&mut self, inputs: Vec<Arc<Array>>) -> Result<Vec<Tensor>, Error> {
        self.run_timed(inputs, Clock::OFF)
    }

    /// What each step does, in order; of a stage each one of its own.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.plan.runs.iter().flat_map(Run::titles).collect()
    }

    /// As [`Program::run`]; the clock learns how long each step took.
    pub(crate) fn run_timed(&mut self, inputs: Vec<Arc<Array>>, clock: Clock<'_>) -> Result<Vec<Tensor>, Error> {
        self.bind(&inputs)?;
        let Plan { runs, memory, outputs, .. } = &mut self.plan;
        memory.inputs = inputs;
        self.results.lend(outputs, memory, &self.rows);
        let start = self.pace.measures().then(Instant::now);
        let mut state = State {
            memory,
            rows: &mut self.rows,
            starts: &mut self.starts,
            sizes: &mut self.sizes,
            isa: Isa::best(),
            second_cache: self.second_cache,
            threads: self.pace.threads(),
        };
        let _flushed = Underflow::Flushed.enter();
        let mut first = 0;
        for run in runs.iter_mut() {
            run.run(&mut state, clock.from(first));
            first += run.len();
        }
        self.pace.took(start.map(|start| start.elapsed()));
        let results = self.results.collect(outputs, memory, &self.rows);
        self.results.keep(memory.inputs.drain(..));
        Ok(results)
    }

    /// Binds the numbers of rows to the arguments' sizes, checking every type.
    fn bind(&mut self, inputs: &[Arc<Array>]) -> Result<(), Error> {
        if inputs.len() != self.graph.inputs.len() {
            let kind = ErrorKind::Leaves { found: inputs.len(), needs: self.graph.inputs.len() };
            return Err(Error::new(kind, "jit", None));
        }
        self.sizes = Sizes::default();
        for (&v, a) in self.graph.inputs.iter().zip(inputs) {
            let ty = self.graph.ty(v);
            let fits = ty.dtype == a.dtype() && ty.shape.rank() == a.shape().len();
            let bound = fits
                && ty.shape.dims().iter().zip(a.shape()).all(|(&d, &n)| match d {
                    Dim::Known(m) => m == n,
                    Dim::Rows(id) => {
                        self.rows[self.plan.rows.index(id)] = n;
                        self.sizes.bind(id, n).is_ok()
                    }
                });
            if !bound {
                return Err(Error::invalid("jit", format!("a value of type {}{:?} for {ty}", a.dtype(), a.shape())));
            }
        }
        Ok(())
    }
}
