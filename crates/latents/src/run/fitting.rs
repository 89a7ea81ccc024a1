//! A fit as it goes: from a table and a configuration to a fitted model, by way of checkpoints.

use crate::data::{Binarise, Binariser, Column, DataError, Fault, Preprocess, Split, Table};
use crate::model::Density;
use crate::run::header::{Ending, Header, Source, VERSION};
use crate::run::prepared::{Prepared, check};
use crate::run::{ConfigError, FitConfig, FitError, Fitted};
use crate::train::{
    Checkpoint, Event, Examples, FitCheck, FitEnd, FitSettings, FitTask, Judge, Patience, Plan, Progress, Record, Stop,
    train,
};
use pullback::Key;
use std::sync::Arc;
use std::time::Duration;

/// What the seed is folded with for the pixels of the test rows.
const TEST: u32 = 0x7e57;

/// The task of a fit.
pub type Run = Progress<FitTask<Density>>;

/// A fit that can be trained, saved, and resumed.
pub struct Fitting {
    header: Header,
    split: Split,
    test: Table,
    train: Table,
    /// The binarisation that is still to be done to them.
    each_time: Binariser,
    task: FitTask<Density>,
    plan: Plan,
    run: Option<Run>,
}

/// How a call of [`Fitting::train`] ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trained {
    /// Whether it was asked to stop, and can go on.
    pub interrupted: bool,
    /// Steps made in this call.
    pub steps: u32,
    /// The time spent in them.
    pub time: Duration,
}

impl Fitting {
    /// A fit at its beginning, with the configured split of the table's rows.
    ///
    /// # Errors
    /// What is wrong with the configuration or the data.
    pub fn new(table: &Table, config: &FitConfig) -> Result<Fitting, FitError> {
        config.check()?;
        let split = Split::new(table.rows(), config.data.validation, config.data.test, config.seed)?;
        Fitting::of_split(table, config, split)
    }

    /// A fit at its beginning, with that split of the rows.
    ///
    /// # Errors
    /// As [`Fitting::new`].
    pub fn of_split(table: &Table, config: &FitConfig, split: Split) -> Result<Fitting, FitError> {
        config.check()?;
        refuse_binarised_density(config, table.columns())?;
        let in_file = |e: FitError| e.renumbered(|i| table.number(i));
        let binariser = Binariser::fit(table, config.data.binarise).map_err(|e| in_file(e.into()))?;
        let preprocess =
            preprocess_of(config, &table.select_rows(&split.train)).map_err(|e| in_file(of_table(e, &split.train)))?;
        let source = Source { path: String::new(), hash: table.hash(), rows: table.rows() };
        let header = Header {
            written_by: VERSION.to_owned(),
            config: config.clone(),
            columns: table.columns().to_vec(),
            preprocess,
            binariser,
            source,
            steps_per_epoch: 1,
            ended: None,
            figures: None,
        };
        let mut fitting = Fitting::assemble(table, header, split)?;
        fitting.run = Some(Progress::new(&fitting.task, Key::new(config.seed))?);
        Ok(fitting)
    }

    /// The fit of a checkpoint, to go on with the data it was begun with.
    ///
    /// # Errors
    /// [`FitError::OtherData`]; [`FitError::Ended`] where it broke down and would do so again; a checkpoint that does
    /// not fit.
    pub fn resume(table: &Table, checkpoint: Checkpoint) -> Result<Fitting, FitError> {
        let header = Header::of(&checkpoint)?;
        if let Some(Ending { why, broken: true, .. }) = &header.ended {
            return Err(FitError::Ended { why: why.clone() });
        }
        if header.source.hash != table.hash() {
            let say = |rows: usize, hash: &str| format!("{rows} rows (hash {hash})");
            return Err(FitError::OtherData {
                found: say(table.rows(), &table.hash()),
                wanted: say(header.source.rows, &header.source.hash),
            });
        }
        let data = &header.config.data;
        let split = Split::new(table.rows(), data.validation, data.test, header.config.seed)?;
        let mut fitting = Fitting::assemble(table, header, split)?;
        fitting.run = Some(Progress::take(&fitting.task, checkpoint)?);
        Ok(fitting)
    }

    fn assemble(table: &Table, header: Header, split: Split) -> Result<Fitting, FitError> {
        Fitting::of_parts(table, header, split).map_err(|e| e.renumbered(|i| table.number(i)))
    }

    /// As [`Fitting::assemble`]; the faults count the rows of the table.
    fn of_parts(table: &Table, mut header: Header, split: Split) -> Result<Fitting, FitError> {
        let Header { config, columns, preprocess, binariser, .. } = &header;
        config.model.check(columns)?;
        // Draws that are fixed belong to the rows of the whole table.
        let drawn;
        let (table, each_time) = match binariser.how() {
            Binarise::Fixed { .. } => {
                drawn = binariser.apply(table, 0, Key::new(0))?;
                (&drawn, Binariser::fit(&drawn, Binarise::None)?)
            }
            _ => (table, binariser.clone()),
        };
        check(table, preprocess, &each_time, &config.model.likelihood)?;
        let prepare = |part: &[usize]| {
            let prepared = Prepared::new(table.select_rows(part), preprocess, &each_time);
            prepared.map(Arc::new).map_err(|e| of_table(e.into(), part))
        };
        let rows = prepare(&split.train)?;
        // Without rows of its own the training rows decide when to stop.
        let validation = match split.validation.is_empty() {
            true => rows.clone(),
            false => prepare(&split.validation)?,
        };
        if !split.test.is_empty() {
            // What cannot be shown is found before training, in whichever part it is.
            prepare(&split.test)?;
        }
        let training = &config.training;
        let batches = u32::try_from(rows.len().div_ceil(training.batch)).unwrap_or(u32::MAX).max(1);
        let epochs = training.epochs(batches);
        let steps = batches.checked_mul(epochs).ok_or_else(|| ConfigError::Range {
            key: "training.epochs",
            value: epochs.to_string(),
            range: "fewer: a run has at most 4,294,967,295 steps",
        })?;
        let estimation = config.objective.estimation(training, steps)?;
        let settings =
            FitSettings { batch: training.batch, samples: config.evaluation.validation_samples, seed: config.seed };
        let (model, of) = (config.model.clone(), columns.clone());
        // `check` has found nothing: building cannot fail.
        let template = model.build(&of, Key::new(0))?;
        estimation.check_model(&template).map_err(ConfigError::from)?;
        let init = move |key| Ok(model.build(&of, key).unwrap_or_else(|_| template.clone()));
        let task = FitTask::new(estimation, init, rows, validation, settings);
        let (train, test) = (table.select_rows(&split.train), table.select_rows(&split.test));
        let plan = Plan { steps, check_every: batches.saturating_mul(training.validate_every(batches)) };
        header.steps_per_epoch = task.batches();
        Ok(Fitting { test, train, each_time, split, task, plan, run: None, header })
    }

    /// Says where the data came from.
    pub fn set_path(&mut self, path: impl Into<String>) {
        self.header.source.path = path.into();
    }

    /// The configuration, and what else the file says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The rows' parts.
    pub fn split(&self) -> &Split {
        &self.split
    }

    /// The training rows, black and white where that is fixed.
    pub fn train_rows(&self) -> &Table {
        &self.train
    }

    /// Steps in all and in an epoch.
    pub fn steps(&self) -> (u32, u32) {
        (self.plan.steps, self.task.batches())
    }

    /// The validations so far.
    pub fn checks(&self) -> &[FitCheck] {
        self.run.as_ref().map_or(&[], |run| run.checks())
    }

    /// Trains on, until it ends or `tell` returns `false`; `tell` hears of every step and validation.
    ///
    /// # Errors
    /// [`FitError::NotFinite`] with the tensor, the step and the batch; what is saved then is the last good state.
    pub fn train(&mut self, tell: &mut dyn FnMut(Event, &Run, &Header) -> bool) -> Result<Trained, FitError> {
        let Some(run) = self.run.take() else {
            return Ok(Trained { interrupted: false, steps: 0, time: Duration::ZERO });
        };
        let patience = self.header.config.training.patience;
        let judge = Judged((patience > 0).then_some(Patience(patience)));
        let header = &self.header;
        let outcome = train(&self.task, run, self.plan, &judge, &mut |event, run| tell(event, run, header))?;
        let (run, stop) = (outcome.progress, outcome.stop);
        let trained = Trained { interrupted: stop == Stop::Interrupted, steps: outcome.steps, time: outcome.trained };
        let best_step = FitCheck::best(run.checks()).map_or(0, |c| c.step);
        let end = |why: String, broken: bool| Some(Ending { why, broken, best_step });
        let broken = match stop {
            Stop::Interrupted => None,
            Stop::Finished => {
                self.header.ended = end(all_done(self.plan.steps / self.task.batches().max(1)), false);
                None
            }
            Stop::Judged(FitEnd::Patience { checks }) => {
                self.header.ended = end(format!("{checks} validations in a row found nothing better"), false);
                None
            }
            Stop::Judged(FitEnd::Step { step }) => {
                // The update was left out: the state is still that before the step.
                let lost = step.saturating_sub(1);
                Some(FitError::NotFinite(self.task.blame(run.state(), lost, run.step_key(lost))?))
            }
            Stop::Judged(FitEnd::Validation { step }) => Some(FitError::Validation { step }),
        };
        if let Some(e) = &broken {
            self.header.ended = end(e.to_string(), true);
        }
        self.run = Some(run);
        broken.map_or(Ok(trained), Err)
    }

    /// Everything that is needed to go on, or to use the model.
    ///
    /// # Errors
    /// A tensor without a value.
    pub fn checkpoint(&self) -> Result<Checkpoint, FitError> {
        let run = self.run.as_ref();
        run.map_or_else(|| Ok(self.header.checkpoint()?), |run| checkpoint(&self.header, run))
    }

    /// The best model so far.
    pub fn fitted(&self) -> Result<Fitted, FitError> {
        let header = self.header.clone();
        let run = self.run.as_ref().ok_or(FitError::Ended { why: "it was never begun".to_owned() })?;
        Ok(Fitted::new(run.best().clone(), header, run.checks().to_vec()))
    }

    /// The best model, judged on the test rows and beside baselines; the figures go into the file.
    ///
    /// # Errors
    /// A fault of the model.
    pub fn judge(&mut self) -> Result<Fitted, FitError> {
        let fitted = self.fitted()?;
        if self.test.rows() > 0 {
            let key = || Key::new(self.header.config.seed).fold_in(TEST);
            let (train, test) =
                (self.each_time.apply(&self.train, 0, key().fold_in(0))?, self.each_time.apply(&self.test, 0, key())?);
            self.header.figures = Some(fitted.figures(&train, &test)?);
        }
        Ok(Fitted::new(fitted.into_model(), self.header.clone(), self.checks().to_vec()))
    }
}

/// A checkpoint of a run as it goes.
///
/// # Errors
/// A tensor without a value.
pub fn checkpoint(header: &Header, run: &Run) -> Result<Checkpoint, FitError> {
    let mut checkpoint = header.checkpoint()?;
    run.put(&mut checkpoint)?;
    Ok(checkpoint)
}

/// A fault of a part of a table's rows, said of the table's.
fn of_table(e: FitError, part: &[usize]) -> FitError {
    e.renumbered(|i| part.get(i).map_or(i, |&row| row) as u64 + 1)
}

/// Why a run that made all its steps ended.
fn all_done(epochs: u32) -> String {
    if epochs == 1 { "its one epoch is done".to_owned() } else { format!("all {epochs} epochs are done") }
}

/// Patience, where it is not without end; a number that is none ends a run in any case.
struct Judged(Option<Patience>);

impl Judge<FitCheck> for Judged {
    fn losses(&self, step: u32, lost: u32) -> Option<FitEnd> {
        Patience(1).losses(step, lost)
    }

    fn checks(&self, checks: &[FitCheck]) -> Option<FitEnd> {
        self.0.unwrap_or(Patience(usize::MAX)).checks(checks)
    }
}

/// Refuses a density of real numbers for columns that become 0 and 1.
fn refuse_binarised_density(config: &FitConfig, columns: &[Column]) -> Result<(), FitError> {
    if config.data.binarise == Binarise::None {
        return Ok(());
    }
    let each = config.model.likelihood.of_columns(columns)?;
    let dense =
        columns.iter().zip(&each).find(|(column, likelihood)| column.levels().is_none() && likelihood.is_continuous());
    match dense {
        None => Ok(()),
        Some((column, likelihood)) => {
            Err(ConfigError::Binarised { column: column.name.clone(), likelihood: likelihood.name() }.into())
        }
    }
}

/// The preprocessing, fitted to the training rows; it acts on the columns of real numbers.
fn preprocess_of(config: &FitConfig, train: &Table) -> Result<Preprocess, FitError> {
    let columns: &[Column] = train.columns();
    if train.rows() < 2 {
        let few = Fault::FewRows { found: train.rows(), needed: 2, what: "training" };
        return Err(DataError::from(few).into());
    }
    let each = config.model.likelihood.of_columns(columns)?;
    let real = |column: &Column| {
        let of = columns.iter().zip(&each).find(|(c, _)| c.name == column.name);
        of.is_some_and(|(_, likelihood)| likelihood.is_continuous())
    };
    Ok(Preprocess::fit_where(train, &config.steps(), real)?)
}
