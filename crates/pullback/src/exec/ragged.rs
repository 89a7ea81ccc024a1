//! Ragged rows: to which axis of examples they belong, so that blocks of whole examples can go through both.
//!
//! Row numbers say for each row which example it is of. Where the examples are as many as a program knows, their axis is
//! told from others of the same length by what meets it: axes that an equation walks together are one axis. It gets a name
//! of its own, as if their number were not known.

use crate::exec::extent::RowTable;
use crate::ir::{Eqn, Graph, Var};
use crate::lowering::{DotAxes, Lowering};
use crate::shape::{Dim, RowId};
use std::collections::HashMap;

/// The rows of some examples, end to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ragged {
    /// The extent of the rows.
    pub rows: usize,
    /// The extent of the examples.
    pub examples: usize,
    /// For each row its example's number.
    pub ids: Var,
}

/// The graph with a name for every axis of examples that have rows, and the extents that these are.
pub(crate) fn named(graph: &Graph, table: &mut RowTable) -> Graph {
    let mut graph = graph.clone();
    let rows: Vec<(Var, RowId, Var)> = graph.eqns.iter().filter_map(|e| numbered(&graph, e)).collect();
    if rows.is_empty() {
        return graph;
    }
    let mut axes = Axes::of(&graph, &rows);
    let mut names: HashMap<usize, Dim> = HashMap::new();
    for &(counts, _, _) in &rows {
        let dim = graph.ty(counts).shape.dims()[0];
        if let Dim::Known(n @ 2..) = dim {
            names.entry(axes.find(axes.node(counts, 0))).or_insert_with(|| table.named(n));
        }
    }
    for v in (0..graph.types.len() as u32).map(Var) {
        for axis in 0..graph.ty(v).shape.rank() {
            if let Some(&name) = names.get(&axes.find(axes.node(v, axis))) {
                graph.types[v.index()].shape.0[axis] = name;
            }
        }
    }
    for (counts, rows, ids) in rows {
        if let Dim::Rows(examples) = graph.ty(counts).shape.dims()[0] {
            let ragged = Ragged { rows: table.index(rows), examples: table.index(examples), ids };
            table.ragged.push(ragged);
        }
    }
    graph
}

/// The counts, the rows' extent and the row numbers of an equation that numbers the rows of several examples.
fn numbered(graph: &Graph, e: &Eqn) -> Option<(Var, RowId, Var)> {
    let counts = *e.inputs.first()?;
    match (e.prim.lower(), graph.ty(e.output).shape.dims()) {
        (Lowering::Rows, &[Dim::Rows(id)]) if graph.ty(counts).shape.rank() == 1 => Some((counts, id, e.output)),
        _ => None,
    }
}

/// The axes of all variables, in classes of those that are walked together.
struct Axes {
    /// The number of each variable's first axis.
    first: Vec<usize>,
    parent: Vec<usize>,
}

impl Axes {
    fn of(graph: &Graph, numbers: &[(Var, RowId, Var)]) -> Axes {
        let mut first = Vec::with_capacity(graph.types.len());
        let mut n = 0;
        for ty in &graph.types {
            first.push(n);
            n += ty.shape.rank();
        }
        let mut axes = Axes { first, parent: (0..n).collect() };
        let counts: HashMap<Var, Var> = numbers.iter().map(|&(counts, _, ids)| (ids, counts)).collect();
        graph.eqns.iter().for_each(|e| axes.meet(graph, e, &counts));
        axes
    }

    fn node(&self, v: Var, axis: usize) -> usize {
        self.first[v.index()] + axis
    }

    fn find(&mut self, node: usize) -> usize {
        let mut root = node;
        while self.parent[root] != root {
            root = self.parent[root];
        }
        let mut at = node;
        while self.parent[at] != root {
            at = std::mem::replace(&mut self.parent[at], root);
        }
        root
    }

    /// Two axes are one.
    fn join(&mut self, graph: &Graph, (v, i): (Var, usize), (w, j): (Var, usize)) {
        if graph.ty(v).shape.dims()[i] == graph.ty(w).shape.dims()[j] {
            let (a, b) = (self.find(self.node(v, i)), self.find(self.node(w, j)));
            self.parent[a] = b;
        }
    }

    /// Joins the axes that an equation walks together; some row numbers are of counts.
    fn meet(&mut self, graph: &Graph, e: &Eqn, counts: &HashMap<Var, Var>) {
        let rank = |v: Var| graph.ty(v).shape.rank();
        let (out, inputs) = (e.output, &e.inputs);
        let mut same = |v: Var, skipped: Option<usize>| {
            let axes = (0..rank(v).min(rank(out))).filter(|&i| Some(i) != skipped);
            axes.for_each(|i| self.join(graph, (v, i), (out, i)));
        };
        match e.prim.lower() {
            Lowering::Pointwise(_) | Lowering::Barrier | Lowering::Scan(..) => {
                inputs.iter().for_each(|&v| same(v, None))
            }
            Lowering::Slice { axis, .. } | Lowering::Pad { axis, .. } => same(inputs[0], Some(axis)),
            Lowering::Concat(axis) => inputs.iter().for_each(|&v| same(v, Some(axis))),
            Lowering::Broadcast(axes) => {
                axes.iter().enumerate().for_each(|(i, &a)| self.join(graph, (inputs[0], i), (out, a)));
            }
            Lowering::Transpose(order) => {
                order.iter().enumerate().for_each(|(i, &o)| self.join(graph, (inputs[0], o), (out, i)));
            }
            Lowering::Reshape => {
                // Axes before any that is split or merged are as they were.
                let (from, to) = (graph.ty(inputs[0]).shape.dims(), graph.ty(out).shape.dims());
                let kept = from.iter().zip(to).take_while(|(a, b)| a == b).count();
                (0..kept).for_each(|i| self.join(graph, (inputs[0], i), (out, i)));
            }
            Lowering::Reduce(_, axes) => {
                let kept = (0..rank(inputs[0])).filter(|i| !axes.contains(i)).enumerate();
                kept.for_each(|(to, from)| self.join(graph, (inputs[0], from), (out, to)));
            }
            Lowering::Random(_) => {
                let lead = rank(inputs[0]) - 1;
                (0..lead).for_each(|i| self.join(graph, (inputs[0], i), (out, i)));
                inputs[1..].iter().for_each(|&v| (0..lead).for_each(|i| self.join(graph, (v, i), (out, i))));
            }
            Lowering::RepeatRows => self.by_number(graph, (inputs[0], out), inputs[1], counts),
            Lowering::Segment(_) => self.by_number(graph, (out, inputs[0]), inputs[1], counts),
            Lowering::Dot(axes) | Lowering::DotAdd(axes) => self.product(graph, e, &axes),
            Lowering::Rows | Lowering::Iota(_) | Lowering::Size(_) | Lowering::Constant(_) => {}
            Lowering::Call(..) | Lowering::Plain => {}
        }
    }

    /// A table and its rows by number; where the numbers are of counts, the table has their axis.
    fn by_number(&mut self, graph: &Graph, (table, rows): (Var, Var), ids: Var, counts: &HashMap<Var, Var>) {
        self.join(graph, (ids, 0), (rows, 0));
        (1..graph.ty(table).shape.rank()).for_each(|i| self.join(graph, (table, i), (rows, i)));
        if let Some(&counts) = counts.get(&ids) {
            self.join(graph, (counts, 0), (table, 0));
        }
    }

    fn product(&mut self, graph: &Graph, e: &Eqn, axes: &DotAxes) {
        let [left, right] = [e.inputs[0], e.inputs[1]];
        let rank = |v: Var| graph.ty(v).shape.rank();
        let pairs = axes.contract.0.iter().zip(&axes.contract.1);
        pairs.for_each(|(&i, &j)| self.join(graph, (left, i), (right, j)));
        let batch = axes.batch.0.iter().zip(&axes.batch.1);
        batch.for_each(|(&i, &j)| self.join(graph, (left, i), (right, j)));
        let free = [axes.free(0, rank(left)), axes.free(1, rank(right))];
        let made = axes.batch.0.iter().map(|&i| (left, i));
        let made = made.chain(free[0].iter().map(|&i| (left, i))).chain(free[1].iter().map(|&i| (right, i)));
        made.enumerate().for_each(|(to, from)| self.join(graph, from, (e.output, to)));
        if let Some(&addend) = e.inputs.get(2) {
            (0..rank(e.output)).for_each(|i| self.join(graph, (addend, i), (e.output, i)));
        }
    }
}
