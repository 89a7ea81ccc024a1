//! Where values lie: buffers of the program, of a wave, of a lane's block.
//!
//! A value lies in the smallest buffer that all who read it can reach.
//!
//! | read | lies in |
//! |---|---|
//! | by later runs, or by late folds of its own stage, or a result | a slot: all of it |
//! | by folds of its own stage too | a buffer of the wave |
//! | by steps of blocks of its own stage alone | a buffer of each lane, for a block |
//! | within one segment of parts of rows alone | a buffer of each lane, for a part of a row |
//!
//! A result that a chain makes element by element of an argument that nothing reads afterwards lies where the argument
//! did: parameters and the state of an optimiser are updated in place.
//!
//! A buffer is used again once nothing reads the value in it any more, the latest first: it is the one that caches still
//! hold.

use crate::array::{Array, DType};
use crate::exec::extent::{Count, RowTable};
use crate::exec::memory::{Memory, Place};
use crate::exec::operand::Operand;
use crate::exec::schedule::Run;
use crate::exec::stage::{Local, Stage};
use crate::exec::step::{ByRows, Step, Work};
use crate::ir::{Graph, Var};
use crate::lowering::Lowering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Who reads a value in its own stage.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Scope {
    /// Other runs do, too, or late folds.
    Program,
    Wave,
    /// Blocks; the last segment and step that read it.
    Block(usize, usize),
    /// Parts of rows, of one segment; the last step that reads it.
    Part(usize, usize),
}

/// Deals out the buffers of a program.
pub(crate) fn places(
    graph: &Graph,
    runs: &mut [Run],
    root: &dyn Fn(Var) -> Var,
    rows: &mut RowTable,
) -> (Memory, HashMap<Var, Place>) {
    let mut memory = Memory::default();
    let mut place: HashMap<Var, Place> = HashMap::new();
    for (i, &v) in graph.inputs.iter().enumerate() {
        place.insert(v, Place::Input(i));
    }
    for e in &graph.eqns {
        if let Lowering::Constant(value) = e.prim.lower() {
            let value: Arc<Array> = value;
            memory.constants.push(value);
            place.insert(e.output, Place::Constant(memory.constants.len() - 1));
        }
    }
    // The last run that reads each value.
    let mut last: HashMap<Var, usize> = HashMap::new();
    for (i, run) in runs.iter().enumerate() {
        run.steps().flat_map(|s| s.reads().chain(s.writes())).for_each(|v| {
            last.insert(root(v), i);
        });
    }
    let results: HashSet<Var> = graph.outputs.iter().map(|&v| root(v)).collect();
    let mut slots = Slots { root, results, last, sizes: HashMap::new(), free: Vec::new() };
    let mut waves: Vec<usize> = Vec::new();
    let mut locals: Vec<usize> = Vec::new();
    for (i, run) in runs.iter_mut().enumerate() {
        let within = match run {
            Run::Stage(stage) => {
                let scopes = scopes(stage, i, &slots);
                blocks(stage, &scopes, root, &mut memory, &mut place, &mut locals);
                kept(stage, &scopes, root, &mut memory, &mut place, &mut waves);
                parts(stage, &mut memory, &mut waves, &mut locals);
                packs(stage, &mut memory);
                scopes
            }
            Run::Step(_) | Run::Group(_) => HashMap::new(),
        };
        for step in run.steps() {
            let whole = |v: &Var| within.get(&root(*v)).is_none_or(|s| *s == Scope::Program);
            let in_place = matches!(run, Run::Step(_));
            for v in step.writes().filter(whole) {
                let size = rows.count(graph.ty(v).shape.dims().iter().copied());
                let slot = slots.take(&mut memory, &place, (step, in_place), i, v, (graph.ty(v).dtype, size));
                place.insert(v, Place::Slot(slot));
            }
        }
        slots.release(run, i, &place);
    }
    over_arguments(graph, runs, &slots, &mut place);
    (memory, place)
}

/// Lets results lie where arguments did that nothing reads afterwards, as the next state of a training loop where the
/// one before was.
fn over_arguments(graph: &Graph, runs: &mut [Run], slots: &Slots<'_>, place: &mut HashMap<Var, Place>) {
    let root = slots.root;
    for (i, run) in runs.iter_mut().enumerate() {
        let Run::Step(Step { work: Work::Kernel(kernel), reads, writes, .. }) = run else { continue };
        for (store, t) in writes.iter().enumerate() {
            let at = place[&root(t.var)];
            if !matches!(at, Place::Slot(_)) || !slots.results.contains(&root(t.var)) {
                continue;
            }
            let fits = |operand: usize| {
                let Operand { var, size, .. } = &reads[operand];
                let a = root(*var);
                matches!(place.get(&a), Some(Place::Input(_)))
                    && slots.last.get(&a) == Some(&i)
                    && !slots.results.contains(&a)
                    && reads.iter().filter(|o| root(o.var) == a).count() == 1
                    && (graph.ty(*var).dtype, size) == (t.dtype, &t.size)
            };
            if let Some(operand) = kernel.write_over(store, fits) {
                place.insert(root(reads[operand].var), at);
            }
        }
    }
}

/// The slots of a program while they are dealt out.
struct Slots<'a> {
    root: &'a dyn Fn(Var) -> Var,
    results: HashSet<Var>,
    /// The last run that reads each value.
    last: HashMap<Var, usize>,
    sizes: HashMap<usize, Count>,
    free: Vec<usize>,
}

impl Slots<'_> {
    /// A slot for a value that run `i` writes.
    fn take(
        &mut self,
        memory: &mut Memory,
        place: &HashMap<Var, Place>,
        (step, in_place): (&Step, bool),
        i: usize,
        v: Var,
        (dtype, size): (DType, Count),
    ) -> usize {
        let root = self.root;
        let fits = |s: &usize| memory.dtype(*s) == dtype && self.sizes.get(s) == Some(&size);
        let ours = |a: Var| {
            let a = root(a);
            // Not where the step reads the same storage as an operand too.
            let once = step.reads().filter(|&r| root(r) == a).count() == 1;
            let done = once && self.last.get(&a) == Some(&i) && !self.results.contains(&a);
            match place.get(&a) {
                Some(Place::Slot(s)) if done && fits(s) => Some(*s),
                _ => None,
            }
        };
        let fresh = self.results.contains(&root(v));
        if let Some(slot) = step.in_place_of().filter(|_| in_place && !fresh).and_then(ours) {
            return slot;
        }
        match self.free.iter().rposition(fits).filter(|_| !fresh) {
            Some(k) => self.free.remove(k),
            None => {
                let slot = memory.add(dtype);
                self.sizes.insert(slot, size);
                slot
            }
        }
    }

    /// Frees what nobody reads after run `i`.
    fn release(&mut self, run: &Run, i: usize, place: &HashMap<Var, Place>) {
        let root = self.root;
        let mut done: Vec<Var> = run.steps().flat_map(|s| s.reads().chain(s.writes())).map(root).collect();
        done.sort_unstable();
        done.dedup();
        // A slot that was written in place is still in use by the newer value.
        let held: HashSet<usize> = done
            .iter()
            .filter(|v| self.last.get(v) != Some(&i) || self.results.contains(v))
            .filter_map(|v| if let Some(Place::Slot(s)) = place.get(v) { Some(*s) } else { None })
            .collect();
        for v in done {
            if let Some(&Place::Slot(slot)) = place.get(&v)
                && !held.contains(&slot)
                && !self.free.contains(&slot)
            {
                self.free.push(slot);
            }
        }
    }
}

/// How far each value that a stage's blocks write must reach.
fn scopes(stage: &Stage, run: usize, slots: &Slots<'_>) -> HashMap<Var, Scope> {
    let root = slots.root;
    let mut readers: HashMap<Var, Vec<(usize, usize)>> = HashMap::new();
    for (j, segment) in stage.segments.iter().enumerate() {
        for (k, step) in segment.steps.iter().enumerate() {
            step.reads().for_each(|v| readers.entry(root(v)).or_default().push((j, k)));
        }
    }
    let read = |late: bool| stage.folds.iter().filter(move |f| f.late == late).flat_map(|f| f.step.reads()).map(root);
    let (folded, late): (HashSet<Var>, HashSet<Var>) = (read(false).collect(), read(true).collect());
    let mut found = HashMap::new();
    for (j, segment) in stage.segments.iter().enumerate() {
        for (k, step) in segment.steps.iter().enumerate() {
            for t in &step.writes {
                let v = root(t.var);
                let read = readers.get(&v).map_or(&[][..], |r| r);
                let last = read.iter().copied().max().unwrap_or((j, k)).max((j, k));
                let whole = slots.results.contains(&v) || slots.last.get(&v) != Some(&run) || late.contains(&v);
                let scope = if whole {
                    Scope::Program
                } else if folded.contains(&v) {
                    Scope::Wave
                } else if segment.inner && !step.folds_inner() && last.0 == j {
                    Scope::Part(j, last.1)
                } else {
                    Scope::Block(last.0, last.1)
                };
                found.insert(v, scope);
            }
        }
    }
    stage.folds.iter().flat_map(|f| f.step.writes()).for_each(|v| {
        found.insert(root(v), Scope::Program);
    });
    found
}

/// Buffers of lanes for what only blocks read.
fn blocks(
    stage: &mut Stage,
    scopes: &HashMap<Var, Scope>,
    root: &dyn Fn(Var) -> Var,
    memory: &mut Memory,
    place: &mut HashMap<Var, Place>,
    numbers: &mut Vec<usize>,
) {
    let mut unused: Vec<usize> = numbers.clone();
    let mut locals: Vec<Local> = Vec::new();
    // By their place in `locals`.
    let mut free: Vec<usize> = Vec::new();
    let mut held: Vec<(Scope, usize, Var)> = Vec::new();
    for (j, segment) in stage.segments.iter().enumerate() {
        for (k, step) in segment.steps.iter().enumerate() {
            for t in &step.writes {
                let scope = scopes[&root(t.var)];
                let inner = match scope {
                    Scope::Block(..) => false,
                    Scope::Part(..) => true,
                    Scope::Program | Scope::Wave => continue,
                };
                let usable = |l: &Local| l.dtype == t.dtype && l.inner == inner;
                let exact = |&&at: &&usize| usable(&locals[at]) && locals[at].sizes.contains(&t.size);
                let found =
                    free.iter().rev().find(exact).or_else(|| free.iter().rev().find(|&&at| usable(&locals[at])));
                // An addend that nobody reads afterwards.
                let addend =
                    step.in_place_of().map(root).filter(|a| step.reads().filter(|&r| root(r) == *a).count() == 1);
                let ends = |scope: Scope| scope == Scope::Block(j, k) || scope == Scope::Part(j, k);
                let over = held.iter().position(|&(scope, at, v)| {
                    addend == Some(v) && ends(scope) && usable(&locals[at]) && locals[at].sizes.contains(&t.size)
                });
                if let Some(at) = over.map(|over| held.remove(over).1) {
                    let number = locals[at].number;
                    place.insert(root(t.var), if inner { Place::Inner(number) } else { Place::Local(number) });
                    held.push((scope, at, root(t.var)));
                    continue;
                }
                let at = found.copied().unwrap_or_else(|| {
                    let number = local(&mut unused, numbers, memory, t.dtype);
                    locals.push(Local { number, dtype: t.dtype, sizes: Vec::new(), inner, parts: false });
                    locals.len() - 1
                });
                free.retain(|&f| f != at);
                if !locals[at].sizes.contains(&t.size) {
                    locals[at].sizes.push(t.size.clone());
                }
                let number = locals[at].number;
                place.insert(root(t.var), if inner { Place::Inner(number) } else { Place::Local(number) });
                held.push((scope, at, root(t.var)));
            }
            // Parts of a row pass through a segment again and again: what is the row's stays until the last has.
            let end = k + 1 == segment.steps.len();
            held.retain(|&(scope, at, _)| {
                let done = match scope {
                    Scope::Block(segment_of, _) if segment.inner => end && segment_of <= j,
                    Scope::Block(segment_of, step_of) => (segment_of, step_of) <= (j, k),
                    Scope::Part(segment_of, step_of) => (segment_of, step_of) <= (j, k),
                    Scope::Program | Scope::Wave => true,
                };
                if done {
                    free.push(at);
                }
                !done
            });
        }
    }
    stage.locals = locals;
}

/// Buffers of a wave for what folds read.
fn kept(
    stage: &mut Stage,
    scopes: &HashMap<Var, Scope>,
    root: &dyn Fn(Var) -> Var,
    memory: &mut Memory,
    place: &mut HashMap<Var, Place>,
    slots: &mut Vec<usize>,
) {
    let mut unused = slots.clone();
    for segment in &stage.segments {
        for t in segment.steps.iter().flat_map(|s| &s.writes).filter(|t| scopes[&root(t.var)] == Scope::Wave) {
            let slot = from(&mut unused, slots, memory, t.dtype);
            place.insert(root(t.var), Place::Wave(slot));
            stage.waves.push((slot, t.size.clone(), t.dtype));
        }
    }
}

/// A slot of a type that the stage does not use yet; a new one where there is none.
fn from(unused: &mut Vec<usize>, slots: &mut Vec<usize>, memory: &mut Memory, dtype: DType) -> usize {
    match unused.iter().position(|&s| memory.dtype(s) == dtype) {
        Some(at) => unused.remove(at),
        None => {
            slots.push(memory.add(dtype));
            slots[slots.len() - 1]
        }
    }
}

/// A buffer of lanes of a type that the stage does not use yet; a new one where there is none.
fn local(unused: &mut Vec<usize>, numbers: &mut Vec<usize>, memory: &mut Memory, dtype: DType) -> usize {
    match unused.iter().position(|&n| memory.local_dtype(n) == dtype) {
        Some(at) => unused.remove(at),
        None => {
            numbers.push(memory.add_local(dtype));
            numbers[numbers.len() - 1]
        }
    }
}

/// Buffers for the parts of folds.
fn parts(stage: &mut Stage, memory: &mut Memory, slots: &mut Vec<usize>, numbers: &mut Vec<usize>) {
    let used: HashSet<usize> = stage.waves.iter().map(|(slot, ..)| *slot).collect();
    let mut unused: Vec<usize> = slots.iter().copied().filter(|s| !used.contains(s)).collect();
    for (i, fold) in stage.folds.iter_mut().enumerate() {
        for t in &mut fold.step.writes {
            let slot = from(&mut unused, slots, memory, t.dtype);
            t.parts = Some(Place::Wave(slot));
            stage.parts.push((i, slot, t.size.clone()));
        }
    }
    let used: HashSet<usize> = stage.locals.iter().map(|l| l.number).collect();
    let mut unused: Vec<usize> = numbers.iter().copied().filter(|n| !used.contains(n)).collect();
    let inner = stage.segments.iter_mut().flat_map(|s| &mut s.steps).filter(|s| s.folds_inner());
    for t in inner.flat_map(|s| &mut s.writes) {
        let number = local(&mut unused, numbers, memory, t.dtype);
        t.parts = Some(Place::Local(number));
        let sizes = vec![t.size.clone()];
        stage.locals.push(Local { number, dtype: t.dtype, sizes, inner: false, parts: true });
    }
}

/// Slots for weights that are packed once for all blocks.
fn packs(stage: &mut Stage, memory: &mut Memory) {
    let extents: Vec<usize> = [stage.extent].into_iter().chain(stage.inner).chain(stage.ragged).collect();
    for step in stage.segments.iter_mut().flat_map(|s| &mut s.steps) {
        let apart = step.by_rows().is_some_and(|(_, by)| by == ByRows::Apart);
        if let Some(dtype) = step.packs(&extents).filter(|_| apart) {
            step.pack_into(memory.add(dtype));
        }
    }
}
