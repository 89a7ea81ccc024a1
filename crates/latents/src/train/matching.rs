//! Density matching as a task of the training loop.

use crate::evaluation::Divergence;
use crate::model::Vae;
use crate::objective::{Matching, State};
use crate::train::run::{Stage, Task};
use crate::train::watch::Check;
use pullback::{Error, Key, jit};

type Step = Box<dyn Fn(State, Key) -> Result<(State, f64), Error>>;

/// A [`Matching`] with its step compiled, and checks by the sandwich of the reverse KL.
///
/// ```
/// use latents::dist::target;
/// use latents::objective::Matching;
/// use latents::train::{Limits, MatchingTask, Plan, Progress, Stop, Watch, train};
/// use pullback::Key;
/// let matching = Matching::upper(target("gaussian").ok_or("no such target")?, 20);
/// let matching = Matching { hidden: vec![8], latent_dim: 2, ..matching };
/// let task = MatchingTask::new(matching, 50, 16);
/// let plan = Plan { steps: 20, check_every: 10 };
/// let run = Progress::new(&task, Key::new(0))?;
/// let end = train(&task, run, plan, &Watch::new(Limits::default()), &mut |_, _| true)?;
/// assert_eq!(end.stop, Stop::Finished);
/// assert_eq!(end.progress.checks().len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MatchingTask {
    matching: Matching,
    step: Step,
    divergence: Divergence<Vae>,
    examples: usize,
}

/// Rows that a check works on at a time: few enough to stay in a core's cache, enough to keep the threads busy.
const ROWS: usize = 2048;

impl MatchingTask {
    /// Checks take so many examples of the model, with so many importance samples each.
    pub fn new(matching: Matching, examples: usize, samples: usize) -> MatchingTask {
        let chunk = (ROWS / samples.max(1)).max(1);
        let divergence = Divergence::new(matching.target.clone(), matching.dtype, samples, chunk);
        let traced = matching.clone();
        let step = jit(move |state: State, key: Key| {
            let (state, metrics) = traced.step(&state, key);
            (state, metrics.loss.cast(pullback::DType::F64))
        });
        let step = Box::new(move |state: State, key: Key| {
            let (state, loss) = step.call((state, key))?;
            Ok((state, loss.item::<f64>()?))
        });
        MatchingTask { matching, step, divergence, examples }
    }
}

impl Task for MatchingTask {
    type Weights = Vae;
    type State = State;
    type Check = Check;

    fn init(&self, key: Key) -> Result<State, Error> {
        let matching = &self.matching;
        jit(|key: Key| matching.init(key)).call(key)
    }

    fn step(&self, state: State, _: u32, key: Key) -> Result<(State, f64), Error> {
        (self.step)(state, key)
    }

    fn weights(state: &State) -> Vae {
        state.model.clone()
    }

    fn with_weights(state: State, model: Vae) -> State {
        State { model, ..state }
    }

    fn check(&self, model: &Vae, key: Key, Stage { step, loss }: Stage) -> Result<Check, Error> {
        let found = self.divergence.reverse(model, key, self.examples)?;
        let (lower, upper) = (found.lower.mean, found.upper);
        Ok(Check { step, loss, lower, upper: upper.mean, se: upper.se, ess: found.ess })
    }
}
