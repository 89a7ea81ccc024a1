//! The training loop.
//!
//! A [`Task`] is a pair of pure functions, `init` and `step`, of state and key. The key of a step is the run's key
//! folded with the step's number, so that a run that was stopped and resumed goes through the same states, to the
//! bit, as one that was not.

use crate::train::checkpoint::{Checkpoint, CheckpointError, Fault};
use crate::train::record::{Judge, Record};
use pullback::{Key, Tensor, Tree, leaves, map_leaves};
use std::time::{Duration, Instant};

/// What is trained, and how.
pub trait Task {
    /// What is learned.
    type Weights: Tree;
    /// The weights and what the optimiser remembers.
    type State: Tree;
    /// What a look at the weights finds.
    type Check: Record;

    /// The state before the first step.
    ///
    /// # Errors
    /// A fault of the program.
    fn init(&self, key: Key) -> Result<Self::State, pullback::Error>;

    /// How many numbers the weights are, where it is known before they are made.
    fn weights_in_all(&self) -> Option<u64> {
        None
    }

    /// One step, the steps before it counted: the next state, and the loss of this one, a scalar.
    ///
    /// # Errors
    /// A fault of the program.
    fn step(&self, state: Self::State, step: u32, key: Key) -> Result<(Self::State, f64), pullback::Error>;

    /// The weights of a state.
    fn weights(state: &Self::State) -> Self::Weights;

    /// The state with other weights.
    fn with_weights(state: Self::State, weights: Self::Weights) -> Self::State;

    /// How good the weights are.
    ///
    /// # Errors
    /// A fault of the program.
    fn check(&self, weights: &Self::Weights, key: Key, at: Stage) -> Result<Self::Check, pullback::Error>;
}

/// Where in a run a check stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Training steps made before it.
    pub step: u32,
    /// The mean training loss since the check before; NaN for the first.
    pub loss: f64,
}

/// How long to train and how often to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Steps in all.
    pub steps: u32,
    /// Steps from check to check; there is one before the first step and one after the last.
    pub check_every: u32,
}

/// A run at some step: all that is needed to go on.
pub struct Progress<T: Task> {
    key: [u32; 2],
    step: u32,
    state: T::State,
    best: T::Weights,
    checks: Vec<T::Check>,
    losses: Losses,
}

/// The losses since the last check.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Losses {
    /// Their sum and number, of those that are finite.
    sum: f64,
    count: u32,
    /// How many of the last steps in a row had a loss that is not.
    lost: u32,
}

impl Losses {
    fn add(&mut self, loss: f64) {
        if loss.is_finite() {
            *self = Losses { sum: self.sum + loss, count: self.count + 1, lost: 0 };
        } else {
            self.lost += 1;
        }
    }

    /// The mean; the next ones count afresh.
    fn take(&mut self) -> f64 {
        let mean = self.sum / f64::from(self.count);
        *self = Losses { lost: self.lost, ..Losses::default() };
        mean
    }
}

/// The prefix of the best weights in a checkpoint.
const BEST: &str = "best";
/// How many weights more than a file has a model may have to be made and compared with it.
const SPARE: u64 = 1 << 16;

/// What a run tells as it goes.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A step was made.
    Step {
        /// Its loss.
        loss: f64,
    },
    /// The model was checked.
    Check,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop<V> {
    /// All steps are made.
    Finished,
    /// It was asked to stop.
    Interrupted,
    /// The checks or the losses ended it: training broke down, or gets no further.
    Judged(V),
}

/// What ends a run of a task by its checks.
pub type Verdict<T> = <<T as Task>::Check as Record>::Verdict;

/// A run that ended.
pub struct Outcome<T: Task> {
    /// Where it ended.
    pub progress: Progress<T>,
    /// Why.
    pub stop: Stop<Verdict<T>>,
    /// The time spent in steps.
    pub trained: Duration,
    /// The steps made in that time.
    pub steps: u32,
}

/// Copies of the tensors' handles.
fn copy<P: Tree>(tree: &P) -> P {
    map_leaves(tree, |leaf| leaf.tensor)
}

impl<T: Task> Progress<T> {
    /// The beginning of the run of a key.
    ///
    /// # Errors
    /// A fault of [`Task::init`].
    pub fn new(task: &T, key: Key) -> Result<Progress<T>, pullback::Error> {
        let (init, run) = key.split();
        let state = task.init(init)?;
        let best = T::weights(&state);
        let key = run.into_tensor().to_vec::<u32>()?;
        let key = [key[0], key[1]];
        Ok(Progress { key, step: 0, state, best, checks: Vec::new(), losses: Losses::default() })
    }

    /// Steps made.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// The state now.
    pub fn state(&self) -> &T::State {
        &self.state
    }

    /// The checks made.
    pub fn checks(&self) -> &[T::Check] {
        &self.checks
    }

    /// The weights of the best check.
    pub fn best(&self) -> &T::Weights {
        &self.best
    }

    /// Goes back to the weights that are best where the run was judged or they are clearly better than the last; says
    /// which check they are of. What the optimiser remembers stays.
    pub fn deliver(mut self, stop: Stop<Verdict<T>>) -> (Progress<T>, Option<T::Check>) {
        let chosen = T::Check::deliver(&self.checks).filter(|c| c.step() == self.step).copied();
        if chosen.is_some() && !matches!(stop, Stop::Judged(_)) {
            return (self, chosen);
        }
        let best = T::Check::best(&self.checks).copied();
        self.state = T::with_weights(self.state, copy(&self.best));
        (self, best)
    }

    /// Adds everything to a checkpoint: the state under its leaves' own names, the best weights under `best.`, and
    /// under `run.` the key, the step, the checks and the losses since the last.
    ///
    /// # Errors
    /// [`Fault::Value`].
    pub fn put(&self, checkpoint: &mut Checkpoint) -> Result<(), CheckpointError> {
        checkpoint.put("", &self.state)?;
        checkpoint.put(BEST, &self.best)?;
        checkpoint.put("run.key", &Tensor::from(self.key))?;
        checkpoint.put("run.step", &Tensor::scalar(self.step))?;
        let rows: Vec<f64> = self.checks.iter().flat_map(|c| c.to_row()).collect();
        checkpoint.put("run.checks", &Tensor::new(rows, &[self.checks.len(), T::Check::COLUMNS]))?;
        let Losses { sum, count, lost } = self.losses;
        checkpoint.put("run.loss", &Tensor::scalar(sum))?;
        checkpoint.put("run.losses", &Tensor::from([count, lost]))
    }

    /// The run that was [`put`](Progress::put) into a checkpoint; nothing may be left in it then.
    ///
    /// # Errors
    /// [`Fault::Missing`], [`Fault::Misshapen`], [`Fault::Extra`], [`Fault::Size`]: a checkpoint of another model;
    /// [`Fault::Range`]: values that no run has.
    pub fn take(task: &T, mut checkpoint: Checkpoint) -> Result<Progress<T>, CheckpointError> {
        // A model far larger than the file is not made to be compared with it.
        if let Some(wanted) = task.weights_in_all() {
            let found = checkpoint.numbers(BEST);
            if wanted > found.saturating_add(SPARE) {
                return Err(checkpoint.error(Fault::Size { found, wanted }));
            }
        }
        let template = Progress::new(task, Key::new(0))
            .map_err(|cause| checkpoint.error(Fault::Value { name: "state".to_owned(), cause }))?;
        let state = checkpoint.take("", &template.state)?;
        let best = checkpoint.take(BEST, &template.best)?;
        let key: Tensor = checkpoint.take("run.key", &Tensor::from([0u32; 2]))?;
        let step: Tensor = checkpoint.take("run.step", &Tensor::scalar(0u32))?;
        let sum = checkpoint.take("run.loss", &Tensor::scalar(0.0f64))?;
        let losses = checkpoint.take("run.losses", &Tensor::from([0u32; 2]))?;
        let table = checkpoint.take_tensor("run.checks")?;
        let value = |e: pullback::Error| checkpoint.error(Fault::Value { name: "run".to_owned(), cause: e });
        let rows = table.as_slice::<f64>().map_err(value)?.chunks(T::Check::COLUMNS);
        let checks = rows.map(T::Check::from_row).collect::<Option<Vec<_>>>();
        let checks = checks.ok_or_else(|| {
            let found = format!("{:?}", table.shape().known().unwrap_or_default());
            let wanted = format!("rows of {} numbers", T::Check::COLUMNS);
            checkpoint.error(Fault::Misshapen { name: "run.checks".to_owned(), found, wanted })
        })?;
        let pair = |t: &Tensor| t.to_vec::<u32>().map(|v| [v[0], v[1]]).map_err(value);
        let [count, lost] = pair(&losses)?;
        let progress = Progress {
            key: pair(&key)?,
            step: step.item().map_err(value)?,
            state,
            best,
            checks,
            losses: Losses { sum: sum.item().map_err(value)?, count, lost },
        };
        progress.check().map_err(|fault| checkpoint.error(fault))?;
        checkpoint.finish()?;
        Ok(progress)
    }

    /// Whether the values are such as a run can have.
    fn check(&self) -> Result<(), Fault> {
        let refused = |name: &str, why: String| Err(Fault::Range { name: name.to_owned(), why });
        for leaf in leaves(&self.best).into_iter().chain(leaves(&self.state)) {
            let finite = leaf.tensor.is_finite().to_vec::<bool>();
            if finite.is_ok_and(|all| all.contains(&false)) {
                return refused(&leaf.name, "not finite everywhere".to_owned());
            }
        }
        let steps: Vec<u32> = self.checks.iter().map(|c| c.step()).collect();
        if let Some(pair) = steps.windows(2).find(|pair| pair[0] >= pair[1]) {
            return refused("run.checks", format!("not in order: step {} comes before {}", pair[0], pair[1]));
        }
        match steps.last() {
            Some(&last) if last > self.step => {
                refused("run.checks", format!("of step {last}, and the run is at {}", self.step))
            }
            None if self.step > 0 => refused("run.checks", "empty after the first step".to_owned()),
            _ if !self.losses.sum.is_finite() => refused("run.loss", format!("{}", self.losses.sum)),
            _ => Ok(()),
        }
    }

    /// A key of this run for another purpose than its steps.
    fn side_key(&self, purpose: u32) -> Key {
        Key::from_words(self.key).split().1.fold_in(purpose)
    }

    /// The key of a step.
    pub fn step_key(&self, step: u32) -> Key {
        Key::from_words(self.key).split().0.fold_in(step)
    }

    fn look(&mut self, task: &T) -> Result<(), pullback::Error> {
        // Always the same random numbers: checks differ by the weights alone.
        let weights = T::weights(&self.state);
        let at = Stage { step: self.step, loss: self.losses.take() };
        self.checks.push(task.check(&weights, self.side_key(0), at)?);
        if T::Check::best(&self.checks).is_some_and(|best| best.step() == self.step) {
            self.best = weights;
        }
        Ok(())
    }
}

/// Trains until all steps are made, `tell` asks to stop, or the judge ends it.
///
/// `tell` hears of every step and every check, with the run as it is then; where it returns `false` the run stops
/// before the next step.
///
/// # Errors
/// A fault of the task's program.
pub fn train<T: Task>(
    task: &T,
    mut progress: Progress<T>,
    plan: Plan,
    judge: &dyn Judge<T::Check>,
    tell: &mut dyn FnMut(Event, &Progress<T>) -> bool,
) -> Result<Outcome<T>, pullback::Error> {
    let (mut trained, first) = (Duration::ZERO, progress.step);
    let mut go_on = true;
    let stop = loop {
        let due = progress.step.is_multiple_of(plan.check_every.max(1)) || progress.step >= plan.steps;
        if due {
            if progress.checks.last().is_none_or(|c| c.step() != progress.step) {
                progress.look(task)?;
                go_on &= tell(Event::Check, &progress);
            }
            if let Some(verdict) = judge.checks(&progress.checks) {
                break Stop::Judged(verdict);
            }
        }
        if progress.step >= plan.steps {
            break Stop::Finished;
        }
        if !go_on {
            break Stop::Interrupted;
        }
        let begin = Instant::now();
        let key = progress.step_key(progress.step);
        let (state, loss) = task.step(progress.state, progress.step, key)?;
        trained += begin.elapsed();
        progress.state = state;
        progress.step += 1;
        progress.losses.add(loss);
        if let Some(verdict) = judge.losses(progress.step, progress.losses.lost) {
            break Stop::Judged(verdict);
        }
        go_on = tell(Event::Step { loss }, &progress);
    };
    let steps = progress.step - first;
    Ok(Outcome { progress, stop, trained, steps })
}

#[cfg(test)]
mod tests;
