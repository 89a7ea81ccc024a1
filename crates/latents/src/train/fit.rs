//! Fitting a model to rows of data, as a task of the training loop.
//!
//! The rows of a step follow from the run's seed and the step's number alone: epoch by epoch in an order drawn for
//! the epoch, batch by batch. So a run that was stopped within an epoch goes on where it was.

use crate::evaluation::{Figure, LogDensity};
use crate::model::LatentModel;
use crate::objective::{Estimation, EstimationState};
use crate::train::examples::{Examples, epoch_order};
use crate::train::record::{Judge, Record};
use crate::train::run::{Stage, Task};
use pullback::{DType, Error, Key, Rows, Tensor, Tree, jit, leaves, map_leaves};
use std::fmt;
use std::sync::{Arc, Mutex};

type Step<M> = Box<dyn Fn(EstimationState<M>, Key, Tensor) -> Result<(EstimationState<M>, f64), Error> + Send + Sync>;
type Init<M> = Box<dyn Fn(Key) -> Result<M, Error> + Send + Sync>;

/// Rows that a validation works on at a time, counted with their importance samples.
const ROWS: usize = 2048;

/// What the validation rows say of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitCheck {
    /// Training steps made before it.
    pub step: u32,
    /// The mean of the negated objective since the check before, in the data's units; NaN for the first.
    pub loss: f64,
    /// The mean lower bound of `log p(x)` over the validation rows, in nats and the data's units.
    pub validation: f64,
    /// Its standard error over the rows.
    pub se: f64,
}

impl Record for FitCheck {
    type Verdict = FitEnd;
    const COLUMNS: usize = 4;

    fn to_row(self) -> Vec<f64> {
        vec![f64::from(self.step), self.loss, self.validation, self.se]
    }

    fn from_row(row: &[f64]) -> Option<FitCheck> {
        let &[step, loss, validation, se] = row else { return None };
        Some(FitCheck { step: step as u32, loss, validation, se })
    }

    fn step(&self) -> u32 {
        self.step
    }

    fn best(checks: &[FitCheck]) -> Option<&FitCheck> {
        let finite = checks.iter().filter(|c| c.validation.is_finite());
        finite.reduce(|best, c| if c.validation > best.validation { c } else { best })
    }

    fn deliver(checks: &[FitCheck]) -> Option<&FitCheck> {
        FitCheck::best(checks)
    }
}

/// Why a fit ends before its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitEnd {
    /// So many validations in a row found nothing better.
    Patience {
        /// How many.
        checks: usize,
    },
    /// The objective or its gradient was no finite number in the step before.
    Step {
        /// The steps made until then.
        step: u32,
    },
    /// The validation figure is no number.
    Validation {
        /// The steps made until then.
        step: u32,
    },
}

/// Early stopping: ends a run whose validation figure has found no better one for so many checks, or that is no number.
///
/// ```
/// use latents::train::{FitCheck, FitEnd, Judge, Patience};
/// let check = |step, validation| FitCheck { step, loss: 0.0, validation, se: 0.1 };
/// let run = [check(0, -9.0), check(10, -3.0), check(20, -3.5), check(30, -3.1)];
/// assert_eq!(Patience(2).checks(&run[..3]), None);
/// assert_eq!(Patience(2).checks(&run), Some(FitEnd::Patience { checks: 2 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(
    /// How many checks.
    pub usize,
);

impl Judge<FitCheck> for Patience {
    fn losses(&self, step: u32, lost: u32) -> Option<FitEnd> {
        (lost > 0).then_some(FitEnd::Step { step })
    }

    fn checks(&self, checks: &[FitCheck]) -> Option<FitEnd> {
        let last = checks.last()?;
        if last.validation.is_nan() {
            return Some(FitEnd::Validation { step: last.step });
        }
        let best = FitCheck::best(checks)?.step;
        let since = checks.iter().rev().take_while(|c| c.step > best).count();
        (since >= self.0.max(1)).then_some(FitEnd::Patience { checks: since })
    }
}

/// Where a fit met a number that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    /// The tensor, by its name in the model, or `x` for the data.
    pub tensor: String,
    /// What of it: its value or its gradient.
    pub part: &'static str,
    /// The step, from 1.
    pub step: u32,
    /// The epoch, from 1.
    pub epoch: u32,
    /// The batch in the epoch, from 1.
    pub batch: u32,
    /// The batch's rows, by their number among the training rows.
    pub rows: Vec<usize>,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotFinite { tensor, part, step, epoch, batch, rows } = self;
        write!(f, "the {part} of `{tensor}` is no finite number at step {step} (epoch {epoch}, batch {batch}")?;
        match (rows.first(), rows.len()) {
            (Some(first), n) if n > 1 => write!(f, ", {n} rows, the first is training row {})", first + 1),
            (Some(first), _) => write!(f, ", training row {})", first + 1),
            (None, _) => f.write_str(")"),
        }
    }
}

/// An [`Estimation`] on training rows with its step compiled once, checked on validation rows.
///
/// ```
/// use latents::model::Vae;
/// use latents::objective::{Bound, EncoderGradient, Estimation, Update};
/// use latents::optim::{Adam, Schedule};
/// use latents::train::{FitSettings, FitTask, Patience, Plan, Progress, Stop, train};
/// use pullback::{DType, Key};
/// use std::sync::Arc;
/// let estimation = Estimation {
///     bound: Bound::Iwae { samples: 4 },
///     proposal: None,
///     encoder_gradient: EncoderGradient::Dreg,
///     update: Update { adam: Adam::new(Schedule::Constant(1e-2)), clip: None },
/// };
/// let rows = Arc::new(Key::new(3).normal([50, 2], DType::F32) * 2.0 + 1.0);
/// let settings = FitSettings { batch: 16, samples: 8, seed: 0 };
/// let model = |key| Ok(Vae::new(key, 2, 1, &[8], DType::F32));
/// let task = FitTask::new(estimation, model, rows.clone(), rows, settings);
/// assert_eq!(task.batches(), 4);
/// let plan = Plan { steps: 40, check_every: task.batches() };
/// let end = train(&task, Progress::new(&task, Key::new(0))?, plan, &Patience(5), &mut |_, _| true)?;
/// assert!(matches!(end.stop, Stop::Finished | Stop::Judged(_)));
/// let checks = end.progress.checks();
/// assert!(checks[checks.len() - 1].validation > checks[0].validation);
/// # Ok::<(), pullback::Error>(())
/// ```
pub struct FitTask<M> {
    estimation: Estimation,
    init: Init<M>,
    step: Step<M>,
    bound: LogDensity<M>,
    train: Arc<dyn Examples + Send + Sync>,
    validation: Arc<dyn Examples + Send + Sync>,
    settings: FitSettings,
    /// The epoch whose order was drawn last, and the order.
    order: Mutex<Option<(u32, Vec<usize>)>>,
}

/// What decides which rows a step sees and how a validation looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitSettings {
    /// Rows in a step.
    pub batch: usize,
    /// Importance samples for each validation row.
    pub samples: usize,
    /// Of the order and of what is random about the rows.
    pub seed: u64,
}

/// Purposes of the seed's keys, beside those of the run.
#[derive(Clone, Copy)]
enum Purpose {
    Order = 0x0f17_0001,
    Rows = 0x0f17_0002,
    Validation = 0x0f17_0003,
}

impl<M: LatentModel + Clone + Send + Sync + 'static> FitTask<M> {
    /// A task that begins at the model of a key.
    pub fn new(
        estimation: Estimation,
        init: impl Fn(Key) -> Result<M, Error> + Send + Sync + 'static,
        train: Arc<dyn Examples + Send + Sync>,
        validation: Arc<dyn Examples + Send + Sync>,
        settings: FitSettings,
    ) -> FitTask<M> {
        let traced = estimation.clone();
        let step = jit(move |state: EstimationState<M>, key: Key, Rows(rows): Rows<Tensor>| {
            let (state, metrics) = traced.step(&state, key, &rows);
            // One number tells of both: a gradient that is not finite makes it NaN.
            let told = metrics.log_evidence.cast(DType::F64);
            let lost = metrics.norm.cast(DType::F64) * 0.0;
            (state, told + lost)
        });
        let step = move |state: EstimationState<M>, key: Key, rows: Tensor| {
            let (state, told) = step.call((state, key, Rows(rows)))?;
            Ok((state, told.item::<f64>()?))
        };
        FitTask {
            estimation,
            init: Box::new(init),
            step: Box::new(step),
            bound: LogDensity::new(settings.samples, (ROWS / settings.samples.max(1)).max(1)),
            train,
            validation,
            settings,
            order: Mutex::new(None),
        }
    }

    /// Steps in an epoch.
    pub fn batches(&self) -> u32 {
        self.train.len().div_ceil(self.settings.batch.max(1)).max(1) as u32
    }

    /// The numbers of the training rows of a step.
    ///
    /// # Errors
    /// A fault of the generator's program.
    pub fn numbers(&self, step: u32) -> Result<Vec<usize>, Error> {
        let (epoch, batch) = (step / self.batches(), (step % self.batches()) as usize);
        let mut held = self.order.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let order = match held.take() {
            Some((of, order)) if of == epoch => order,
            _ => epoch_order(self.key(Purpose::Order).fold_in(epoch), self.train.len())?,
        };
        let size = self.settings.batch.max(1);
        let numbers = order[batch * size..((batch + 1) * size).min(order.len())].to_vec();
        *held = Some((epoch, order));
        Ok(numbers)
    }

    /// Names the tensor that is to blame for a step that was lost, from the state that it began and ended with.
    ///
    /// # Errors
    /// A fault of the program.
    pub fn blame(&self, state: &EstimationState<M>, step: u32, key: Key) -> Result<NotFinite, Error> {
        let rows = self.numbers(step)?;
        let (x, _) = self.train.rows(self.key(Purpose::Rows).fold_in(step), &rows)?;
        let (tensor, part) = if has_lost(&x)? {
            ("x".to_owned(), "value")
        } else if let Some(name) = first_lost(&state.model)? {
            (name, "value")
        } else {
            let gradient = self.estimation.gradient(&state.model, key, &x).1;
            match first_lost(&gradient)? {
                Some(name) => (name, "gradient"),
                None => ("log_evidence".to_owned(), "value"),
            }
        };
        let (epoch, batch) = (step / self.batches() + 1, step % self.batches() + 1);
        Ok(NotFinite { tensor, part, step: step + 1, epoch, batch, rows })
    }

    fn key(&self, purpose: Purpose) -> Key {
        Key::new(self.settings.seed).fold_in(purpose as u32)
    }
}

/// Whether some element is no finite number.
fn has_lost(t: &Tensor) -> Result<bool, Error> {
    Ok(t.cast(DType::F64).as_slice::<f64>()?.iter().any(|x| !x.is_finite()))
}

/// The name of the first leaf that has an element that is no finite number.
fn first_lost<T: Tree>(tree: &T) -> Result<Option<String>, Error> {
    for leaf in leaves(tree) {
        if has_lost(&leaf.tensor)? {
            return Ok(Some(leaf.name));
        }
    }
    Ok(None)
}

impl<M: LatentModel + Clone + Send + Sync + 'static> Task for FitTask<M> {
    type Weights = M;
    type State = EstimationState<M>;
    type Check = FitCheck;

    fn init(&self, key: Key) -> Result<EstimationState<M>, Error> {
        let model = (self.init)(key)?;
        // A fault of the model is found here, not in the first step.
        leaves(&model).iter().try_for_each(|leaf| leaf.tensor.value().map(|_| ()))?;
        Ok(self.estimation.init(model))
    }

    fn step(&self, state: EstimationState<M>, step: u32, key: Key) -> Result<(EstimationState<M>, f64), Error> {
        let numbers = self.numbers(step)?;
        let (rows, log_jacobian) = self.train.rows(self.key(Purpose::Rows).fold_in(step), &numbers)?;
        let (state, log_evidence) = (self.step)(state, key, rows)?;
        Ok((state, -(log_evidence + Figure::of(&log_jacobian).mean)))
    }

    fn weights(state: &EstimationState<M>) -> M {
        map_leaves(&state.model, |leaf| leaf.tensor)
    }

    fn with_weights(state: EstimationState<M>, model: M) -> EstimationState<M> {
        EstimationState { model, ..state }
    }

    fn check(&self, model: &M, key: Key, Stage { step, loss }: Stage) -> Result<FitCheck, Error> {
        let numbers: Vec<usize> = (0..self.validation.len()).collect();
        let (rows, log_jacobian) = self.validation.rows(self.key(Purpose::Validation), &numbers)?;
        let mut log_p = self.bound.at(model, key, &rows)?;
        log_p.iter_mut().zip(&log_jacobian).for_each(|(l, j)| *l += j);
        let Figure { mean, se } = Figure::of(&log_p);
        Ok(FitCheck { step, loss, validation: mean, se })
    }
}

#[cfg(test)]
mod tests;
