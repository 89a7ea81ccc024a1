//! A fused chain of elementwise operations, with sums of its lines: a short program over tiles that stay in the nearest cache.

mod places;

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::fused::{self, Fused, Link};
use crate::exec::gemm::Tail;
use crate::exec::lanes::TILE;
use crate::exec::operand::{Operand, Target};
use crate::ir::{Graph, Var};
use crate::lowering::{Lowering, PointOp};
use crate::opt::fuse::{Role, role};
use crate::opt::simplify::scalar;
use crate::shape::Dim;
use places::allocate;
use std::collections::HashMap;
use std::fmt;

/// How an operand lies along one axis of the kernel's shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The same all along.
    Absent,
    /// Element by element.
    Present,
    /// By the row numbers at a variable.
    Indexed(Var),
}

/// An operand that comes from memory.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) operand: usize,
    pub(super) bools: bool,
    /// Along the merged axes.
    pub(super) kinds: Vec<Kind>,
    /// The operand of the row numbers.
    pub(super) ids: Option<usize>,
    /// For each merged axis the step in the operand.
    pub(super) strides: Vec<Count>,
    /// Every element in the kernel's own order: read in place.
    pub(super) whole: bool,
    /// The same for every row of the kernel.
    pub(super) same_rows: bool,
    /// One number, the same everywhere.
    pub(super) single: bool,
    /// The result that is written where it lies.
    pub(super) under: Option<usize>,
}

impl Load {
    /// Whether numbers follow each other along a line; elsewhere a line has one.
    #[inline]
    pub(super) fn runs(&self) -> bool {
        self.kinds.last() == Some(&Kind::Present)
    }

    /// Read where it lies, without being laid out first.
    pub(super) fn in_place(&self) -> bool {
        self.whole && !self.bools && !self.single
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Source {
    /// A register; those of operands come after those of values: laid out first, where a tile needs that.
    Register(usize),
    /// An operand that is read where it lies.
    Load(usize),
    /// An operand that is one number.
    Single(usize),
    /// A value that is a result, read where it was written; in its register while an operand lies there.
    Result(usize),
    Number(f64),
}

/// What an instruction does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Point(PointOp),
    Fused(Fused),
}

/// Small, for a program goes through very many of them, each once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    pub(super) op: Op,
    /// The places of its operands, and that of what it makes.
    pub(super) from: [u32; 4],
    pub(super) to: u32,
    /// The result that it makes.
    pub(super) store: Option<u16>,
    /// Whether that is made in its memory at once, or in a register first where an operand lies there; others are made in registers,
    /// and copied or summed.
    pub(super) direct: bool,
}

impl Instruction {
    /// The result that it makes, if it is made in its memory.
    pub(super) fn direct(&self) -> Option<usize> {
        self.store.filter(|_| self.direct).map(usize::from)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) bools: bool,
    /// Whether it is written where an operand lies.
    pub(super) over: bool,
    /// Whether its lines are summed, and the sums written, one for each.
    pub(super) summed: bool,
}

/// The most results of one kernel; more are cut into several kernels when the graph is planned.
pub(crate) const MOST_STORES: usize = 16;

/// The most operands of one kernel; with more it is cut.
pub(crate) const MOST_LOADS: usize = 32;

/// A compiled chain.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(super) lanes: DType,
    /// The merged axes; the last is the run.
    pub(super) axes: Vec<Count>,
    pub(super) loads: Vec<Load>,
    pub(super) instructions: Vec<Instruction>,
    /// What each reads, of fewer than four the first for the rest.
    pub(super) args: Vec<[Source; 4]>,
    /// In the order of the targets.
    pub(super) stores: Vec<Store>,
    pub(super) registers: usize,
    /// The numbers that it is written with.
    pub(super) numbers: Vec<f64>,
}

/// A chain with what it reads and writes.
pub(crate) struct Compiled {
    pub kernel: Kernel,
    pub reads: Vec<Operand>,
    pub writes: Vec<Target>,
}

/// What becomes of the values of a chain.
#[derive(Clone, Copy)]
pub(crate) struct Uses<'a> {
    /// Whether something else reads a variable.
    pub kept: &'a dyn Fn(Var) -> bool,
    /// Of variables whose lines a sum alone reads, that sum.
    pub sums: &'a HashMap<Var, Var>,
}

/// Where variables come from.
#[derive(Clone, Copy)]
pub(crate) struct Origins<'a> {
    /// The equation that makes each.
    pub defined: &'a HashMap<Var, usize>,
    /// The variable in whose storage another lies.
    pub root: &'a dyn Fn(Var) -> Var,
}

/// Compiles a group of equations.
pub(crate) fn compile(
    graph: &Graph,
    group: &[usize],
    origins: Origins<'_>,
    rows: &mut RowTable,
    uses: Uses<'_>,
) -> Compiled {
    let shape = graph.ty(graph.eqns[group[0]].output).shape.dims().to_vec();
    let mut builder = Builder { graph, defined: origins.defined, shape: &shape, loads: Vec::new() };
    let inside: HashMap<Var, usize> = group.iter().enumerate().map(|(k, &i)| (graph.eqns[i].output, k)).collect();
    let mut chain: Vec<Link> = Vec::new();
    for &i in group {
        let e = &graph.eqns[i];
        let (op, inputs) = match e.prim.lower() {
            Lowering::Pointwise(op) => (op, e.inputs.clone()),
            // A view that is spelled out: its own pattern, copied.
            _ => (PointOp::Cast(graph.ty(e.output).dtype), vec![e.output]),
        };
        // Under another name, as behind a barrier, it is what the chain makes all the same.
        let args = inputs.iter().map(|&v| match inside.get(&(origins.root)(v)) {
            Some(&k) if v != e.output => Source::Register(k),
            _ => builder.load(v),
        });
        let args = args.collect();
        chain.push(Link { op: Op::Point(op), args, output: e.output });
    }
    let chain = fused::fuse(chain, uses.kept);
    let sums = chain.iter().any(|link| uses.sums.contains_key(&link.output));
    let (axes, loads, reads) = merge(&shape, builder.loads, sums, rows, graph);
    let line = line_axis(&shape).filter(|_| sums).map(|a| rows.count([shape[a]]));
    assert!(line.is_none() || line.as_ref() == axes.last(), "kernel: lines that are summed are its runs");
    let lanes = group
        .iter()
        .flat_map(|&i| graph.eqns[i].inputs.iter().chain([&graph.eqns[i].output]))
        .map(|&v| graph.ty(v).dtype)
        .find(|d| d.is_float())
        .unwrap_or(DType::F32);
    let (kernel, written) = allocate(graph, chain, loads, uses);
    let writes = written.into_iter().map(|v| Target::new(graph, v, rows)).collect();
    Compiled { kernel: Kernel { lanes, axes, ..kernel }, reads, writes }
}

struct Builder<'a> {
    graph: &'a Graph,
    defined: &'a HashMap<Var, usize>,
    shape: &'a [Dim],
    loads: Vec<(Var, Vec<Kind>)>,
}

impl Builder<'_> {
    /// The operand `v`, read through the views that lead to it.
    fn load(&mut self, v: Var) -> Source {
        let (mut v, mut axes) = (v, (0..self.shape.len()).map(Some).collect::<Vec<_>>());
        // For each axis of `v` the kernel's axis that it lies along.
        let mut indexed = None;
        while let Some(&d) = self.defined.get(&v) {
            let e = &self.graph.eqns[d];
            let view = role(self.graph, e) == Role::View;
            let inner = e.inputs.first().copied();
            match (e.prim.lower(), inner) {
                (Lowering::Constant(value), _) => match scalar(&value) {
                    Some(x) => return Source::Number(x),
                    None => break,
                },
                (Lowering::Broadcast(to), Some(x)) if view => {
                    let dims = self.graph.ty(x).shape.dims();
                    let out = self.graph.ty(v).shape.dims();
                    axes = to.iter().zip(dims).map(|(&a, &n)| axes[a].filter(|_| n == out[a])).collect();
                    v = x;
                }
                (Lowering::RepeatRows, Some(x)) if view && indexed.is_none() && axes[0].is_some() => {
                    indexed = axes[0].map(|a| (a, e.inputs[1]));
                    v = x;
                }
                _ => break,
            }
        }
        let mut kinds = vec![Kind::Absent; self.shape.len()];
        axes.iter().flatten().for_each(|&a| kinds[a] = Kind::Present);
        if let Some((a, ids)) = indexed
            && kinds[a] == Kind::Present
        {
            kinds[a] = Kind::Indexed(ids);
        }
        let at = self.loads.iter().position(|l| l.0 == v && l.1 == kinds).unwrap_or_else(|| {
            self.loads.push((v, kinds));
            self.loads.len() - 1
        });
        Source::Load(at)
    }
}

/// The axis that lines lie along: the last that is not of one element.
pub(crate) fn line_axis(shape: &[Dim]) -> Option<usize> {
    shape.iter().rposition(|&d| d != Dim::Known(1))
}

/// Joins neighbouring axes along which every operand lies alike, but for that of lines where lines of it are summed, and drops
/// axes of size 1.
fn merge(
    shape: &[Dim],
    loads: Vec<(Var, Vec<Kind>)>,
    sums: bool,
    rows: &mut RowTable,
    graph: &Graph,
) -> (Vec<Count>, Vec<Load>, Vec<Operand>) {
    let mut axes: Vec<Vec<usize>> = Vec::new();
    let line = line_axis(shape).filter(|_| sums);
    for (i, &d) in shape.iter().enumerate() {
        if d == Dim::Known(1) {
            continue;
        }
        let alike = |a: usize, b: usize| loads.iter().all(|(_, k)| k[a] == k[b] && !matches!(k[a], Kind::Indexed(_)));
        match axes.last_mut() {
            Some(last) if alike(last[0], i) && Some(i) != line => last.push(i),
            _ => axes.push(vec![i]),
        }
    }
    // The run itself is read in order: an axis of row numbers is never the run.
    let indexed_last = |axes: &[Vec<usize>]| {
        axes.last().is_none_or(|a| loads.iter().any(|(_, k)| matches!(k[a[0]], Kind::Indexed(_))))
    };
    if indexed_last(&axes) {
        axes.push(Vec::new());
    }
    let counts: Vec<Count> = axes.iter().map(|group| rows.count(group.iter().map(|&i| shape[i]))).collect();
    let mut reads: Vec<Operand> = Vec::new();
    let mut operand = |v: Var, rows: &mut RowTable| {
        reads.iter().position(|o| o.var == v).unwrap_or_else(|| {
            reads.push(Operand::new(graph, v, rows));
            reads.len() - 1
        })
    };
    let loads = loads
        .into_iter()
        .map(|(v, kinds)| {
            let merged: Vec<Kind> = axes.iter().map(|g| g.first().map_or(Kind::Absent, |&i| kinds[i])).collect();
            let mut strides = vec![Count::known(0); merged.len()];
            let mut step = Count::known(1);
            for i in (0..merged.len()).rev() {
                if merged[i] != Kind::Absent {
                    strides[i] = step.clone();
                    step = step.times(&counts[i]);
                }
            }
            let last = merged.len() - 1;
            let whole = merged.iter().zip(&counts).all(|(k, n)| *k == Kind::Present || n.is_one());
            Load {
                operand: operand(v, rows),
                bools: graph.ty(v).dtype == DType::Bool,
                ids: merged
                    .iter()
                    .find_map(|k| if let Kind::Indexed(ids) = k { Some(*ids) } else { None })
                    .map(|ids| operand(ids, rows)),
                same_rows: merged[..last].iter().all(|k| *k == Kind::Absent),
                single: merged.iter().all(|k| *k == Kind::Absent),
                kinds: merged,
                strides,
                whole,
                under: None,
            }
        })
        .collect();
    (counts, loads, reads)
}

impl Kernel {
    /// Whether every row is computed from the same row of its operands, or from what is the same for all: whether each
    /// table that is read by number may be, given its size and the numbers.
    pub(crate) fn apart(&self, reads: &[Operand], may: impl Fn(&Count, Var) -> bool) -> bool {
        self.loads.iter().all(|l| l.ids.is_none_or(|ids| may(&reads[l.operand].size, reads[ids].var)))
    }

    /// Where it is one operation that a product of so many columns, its operand of that number, can end with: that
    /// operation, the number of the other operand, and whether that is one row for all.
    pub(crate) fn tail(&self, product: usize, columns: &Count) -> Option<(Tail, usize, bool)> {
        let ([instruction], [[a, b, ..]]) = (&self.instructions[..], &self.args[..]) else { return None };
        let ([store], [_, _]) = (&self.stores[..], &self.loads[..]) else { return None };
        let (a, b) = (*a, *b);
        let (tail, turned) = match instruction.op {
            Op::Fused(Fused::TanhSum) => (Tail::TanhSum, Some((b, a))),
            Op::Fused(Fused::TanhSlope) => (Tail::TanhSlope, None),
            _ => return None,
        };
        [(a, b)].into_iter().chain(turned).filter(|_| !store.bools && !store.summed).find_map(|(c, x)| {
            let Source::Load(c) = c else { return None };
            let other = match x {
                Source::Load(l) => &self.loads[l],
                Source::Register(r) => &self.loads[r.checked_sub(self.registers)?],
                _ => return None,
            };
            let row =
                other.same_rows && other.kinds.last() == Some(&Kind::Present) && self.axes.last() == Some(columns);
            let fits = self.loads[c].operand == product && other.operand != product && (other.in_place() || row);
            (fits && !other.bools).then_some((tail, other.operand, !other.in_place()))
        })
    }

    /// The loads that a result may be written over, each the only one of its operand: element by element its equals, and
    /// read for the last time before that result is there.
    fn overwritten(&self, store: usize) -> impl Iterator<Item = usize> {
        let made = self.instructions.iter().position(|i| i.direct() == Some(store));
        let once = |operand: usize| {
            let of = |l: &&Load| l.operand == operand || l.ids == Some(operand);
            self.loads.iter().filter(of).count() == 1
        };
        made.into_iter().flat_map(move |made| {
            self.loads.iter().enumerate().filter_map(move |(l, load)| {
                let later = self.args.iter().skip(made + 1).any(|args| args.contains(&Source::Load(l)));
                (load.in_place() && load.under.is_none() && once(load.operand) && !later).then_some(l)
            })
        })
    }

    /// Writes a result over an operand that fits, if there is one; the operand's number.
    pub(crate) fn write_over(&mut self, store: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let load = self.overwritten(store).find(|&l| fits(self.loads[l].operand))?;
        self.loads[load].under = Some(store);
        self.stores[store].over = true;
        Some(self.loads[load].operand)
    }

    /// Whether its lines are so many numbers, and its tiles whole lines.
    pub(crate) fn has_lines_of(&self, n: usize) -> bool {
        (2..=TILE).contains(&n) && self.axes.last() == Some(&Count::known(n))
    }

    /// How many operands it lays out or reads.
    pub(crate) fn loads(&self) -> usize {
        self.loads.len()
    }

    /// Elementary operations.
    pub(crate) fn operations(&self) -> Count {
        let sums = self.stores.iter().filter(|s| s.summed).count();
        let each = Count::known(self.instructions.len() + sums);
        self.axes.iter().fold(each, |n, axis| n.times(axis))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel [")?;
        for (i, axis) in self.axes.iter().enumerate() {
            write!(f, "{}{axis}", if i > 0 { ", " } else { "" })?;
        }
        write!(f, "]")?;
        self.instructions.iter().try_for_each(|i| match i.op {
            Op::Point(op) => write!(f, " {op:?}"),
            Op::Fused(op) => write!(f, " {op:?}"),
        })?;
        self.stores.iter().filter(|s| s.summed).try_for_each(|_| f.write_str(" Sum"))
    }
}
