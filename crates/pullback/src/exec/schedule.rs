//! The order of steps: those that blocks of rows can go through come together, as stages.

use crate::exec::clock::Clock;
use crate::exec::extent::Count;
use crate::exec::group::Group;
use crate::exec::operand::Operand;
use crate::exec::stage::{EXTENTS, Stage};
use crate::exec::step::{ByRows, State, Step};
use crate::ir::{Graph, Var};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What runs at once.
#[derive(Clone, Debug)]
pub(crate) enum Run {
    /// One step on all rows.
    Step(Step),
    /// Steps of which none waits for another.
    Group(Group),
    /// Steps that blocks of rows go through.
    Stage(Box<Stage>),
}

impl Run {
    pub(crate) fn run(&mut self, state: &mut State<'_>, clock: Clock<'_>) {
        match self {
            Run::Step(step) => clock.time(0, || step.run(state)),
            Run::Group(group) => group.run(state, clock),
            Run::Stage(stage) => stage.run(state, clock),
        }
    }

    /// How many times its clock keeps.
    pub(crate) fn len(&self) -> usize {
        match self {
            Run::Step(_) => 1,
            Run::Group(group) => group.steps.len(),
            Run::Stage(stage) => stage.len(),
        }
    }

    /// What each of these is.
    pub(crate) fn titles(&self) -> Vec<String> {
        match self {
            Run::Step(step) => vec![step.to_string()],
            Run::Group(group) => group.steps.iter().map(Step::to_string).collect(),
            Run::Stage(stage) => stage.titles(),
        }
    }

    /// Its steps in order.
    pub(crate) fn steps(&self) -> Box<dyn Iterator<Item = &Step> + '_> {
        match self {
            Run::Step(step) => Box::new(std::iter::once(step)),
            Run::Group(group) => Box::new(group.steps.iter()),
            Run::Stage(stage) => Box::new(stage.steps()),
        }
    }

    pub(crate) fn steps_mut(&mut self) -> Box<dyn Iterator<Item = &mut Step> + '_> {
        match self {
            Run::Step(step) => Box::new(std::iter::once(step)),
            Run::Group(group) => Box::new(group.steps.iter_mut()),
            Run::Stage(stage) => Box::new(stage.steps_mut()),
        }
    }
}

/// Which steps each step waits for: those that write what it reads, and those that number the rows that it has.
fn needs(steps: &[Step], root: &dyn Fn(Var) -> Var, extents: usize) -> Vec<BTreeSet<usize>> {
    let writer: HashMap<Var, usize> = steps
        .iter()
        .enumerate()
        .flat_map(|(i, s)| s.writes().map(move |v| (v, i)))
        .map(|(v, i)| (root(v), i))
        .collect();
    let binder: HashMap<usize, usize> =
        steps.iter().enumerate().filter_map(|(i, s)| s.binds().map(|extent| (extent, i))).collect();
    let of = |i: usize| {
        let step: &Step = &steps[i];
        let read = step.reads().filter_map(|v| writer.get(&root(v)).copied());
        let bound = (0..extents).filter(|&e| step.has(e)).filter_map(|e| binder.get(&e).copied());
        read.chain(bound).filter(|&k| k != i).collect()
    };
    (0..steps.len()).map(of).collect()
}

/// A stage that further steps may join.
struct Open {
    extent: usize,
    /// The extent of ragged rows of these.
    ragged: Option<usize>,
    steps: Vec<Step>,
}

impl Open {
    /// Whether a step has no other ragged rows.
    fn takes(&self, step: &Step) -> bool {
        step.ragged().is_none() || self.ragged.is_none() || step.ragged() == self.ragged
    }

    /// Whether something that a step reads grows with the stage's rows.
    fn has(&self, step: &Step, size: &Count) -> bool {
        size.has(self.extent) || self.ragged.or(step.ragged()).is_some_and(|extent| size.has(extent))
    }
}

/// The steps in an order that respects what they read, as stages where that can be.
///
/// Whatever works on no rows runs as soon as it can, so that stages become long.
pub(crate) fn schedule(graph: &Graph, steps: Vec<Step>, root: &dyn Fn(Var) -> Var, extents: usize) -> Vec<Run> {
    let mut needs = needs(&steps, root, extents);
    let mut ready: BTreeSet<usize> = (0..steps.len()).filter(|&i| needs[i].is_empty()).collect();
    let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    needs.iter().enumerate().for_each(|(i, set)| set.iter().for_each(|&k| feeds[k].push(i)));
    let extent_of = |s: &Step| s.by_rows().map(|r| r.0).filter(|_| extents <= EXTENTS);
    let mut waiting: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    let mut runs: Vec<Run> = Vec::new();
    let mut open: Option<Open> = None;
    let mut folded: HashSet<Var> = HashSet::new();
    let mut written: HashSet<Var> = HashSet::new();
    while !ready.is_empty() {
        let candidates = || ready.iter().filter_map(|&i| Some((i, waiting[i].as_ref()?)));
        let joins = |s: &Step| {
            let Some(open) = &open else { return false };
            // A value under a shape without the rows is whole to its reader: not before all blocks are through.
            let whole = |o: &Operand| written.contains(&root(o.var)) && !open.has(s, &o.size);
            let early = |o: &Operand| folded.contains(&root(o.var)) || whole(o);
            extent_of(s) == Some(open.extent) && open.takes(s) && !s.reads.iter().any(early)
        };
        let next = candidates()
            .find(|(_, s)| joins(s))
            .or_else(|| candidates().find(|(_, s)| extent_of(s).is_none()))
            .or_else(|| candidates().next())
            .map(|(i, s)| (i, joins(s)));
        let Some((i, joins)) = next else { break };
        ready.remove(&i);
        let Some(step) = waiting[i].take() else { break };
        for &f in &feeds[i] {
            needs[f].remove(&i);
            if needs[f].is_empty() {
                ready.insert(f);
            }
        }
        if !joins {
            runs.extend(open.take().map(|o| whole(graph, o, root)));
            folded.clear();
            written.clear();
        }
        match (step.by_rows(), extent_of(&step)) {
            (Some((_, by_rows)), Some(extent)) => {
                let found = if by_rows == ByRows::Apart { &mut written } else { &mut folded };
                found.extend(step.writes().map(root));
                let open = open.get_or_insert(Open { extent, ragged: None, steps: Vec::new() });
                open.ragged = open.ragged.or(step.ragged());
                open.steps.push(step);
            }
            _ => runs.push(Run::Step(step)),
        }
    }
    runs.extend(open.map(|o| whole(graph, o, root)));
    assert!(waiting.iter().all(Option::is_none), "plan: every step follows what it reads");
    runs
}

/// The steps over the rows of an extent as a stage; one alone is none.
fn whole(graph: &Graph, Open { extent, mut steps, .. }: Open, root: &dyn Fn(Var) -> Var) -> Run {
    match steps.pop() {
        Some(step) if steps.is_empty() => Run::Step(step),
        last => Run::Stage(Box::new(Stage::new(graph, extent, steps.into_iter().chain(last).collect(), root))),
    }
}
