//! A fitted model: scores, samples, encodings, in the data's columns and units.

use crate::data::{Binarise, Column, DataError, Fault, Table};
use crate::evaluation::{
    Baseline, BaselineError, BernoulliBaseline, Chunked, EstimatorSpec, Evaluator, Evidence, GaussianBaseline,
    IndependentBaseline, KdeBaseline, RowEstimate, Summary,
};
use crate::model::{Density, LatentModel, Likelihood};
use crate::run::header::{Figure, Figures, Header};
use crate::run::prepared::{check, view};
use crate::run::{FitError, Folder};
use crate::train::{Checkpoint, Fault as CheckpointFault, FitCheck, Record};
use pullback::{DType, Key, Keys, Tensor, vmap};
use std::path::Path;

/// A fitted model with all that makes its numbers ones of the data.
///
/// See [`fit`](crate::run::fit).
pub struct Fitted {
    model: Density,
    header: Header,
    checks: Vec<FitCheck>,
}

/// What some rows are to a model: their log densities in nats and the data's units.
#[derive(Clone, Debug)]
pub struct Scores {
    /// Row by row; the log-Jacobian of the preprocessing is in them.
    pub rows: Vec<RowEstimate>,
    /// Their mean, with its error.
    pub evidence: Evidence,
}

/// Importance samples that are drawn at a time.
const CHUNK: usize = 8192;
/// Rows that are drawn, encoded or reconstructed at a time.
const ROWS: usize = 1024;
/// Products of rows and columns beyond which a kernel density estimate would take minutes.
const KDE_MOST: usize = 20_000_000_000;

/// A baseline, or why there is none.
type Tried = Result<Box<dyn Baseline>, BaselineError>;

/// The name of the validations in the file of a run.
const CHECKS: &str = "run.checks";

/// Purposes of keys.
#[derive(Clone, Copy)]
enum Purpose {
    View = 1,
    Draw = 2,
    Reconstruct = 3,
}

impl Fitted {
    pub(crate) fn new(model: Density, header: Header, checks: Vec<FitCheck>) -> Fitted {
        Fitted { model, header, checks }
    }

    /// The model of a run's folder, or of its `model.safetensors`.
    ///
    /// # Errors
    /// A file that is none of a fit, is damaged, or was written by a later version.
    pub fn load(path: impl AsRef<Path>) -> Result<Fitted, FitError> {
        Fitted::of_checkpoint(Checkpoint::load(&Folder::model_of(path.as_ref()))?)
    }

    /// The model of a checkpoint.
    ///
    /// # Errors
    /// As [`Fitted::load`].
    pub fn of_checkpoint(mut checkpoint: Checkpoint) -> Result<Fitted, FitError> {
        let header = Header::of(&checkpoint)?;
        let template = header.config.model.build(&header.columns, Key::new(0));
        let template = template.map_err(|e| checkpoint.error(CheckpointFault::Config(e.to_string())))?;
        let model = checkpoint.take("best", &template)?;
        let checks = checkpoint.take_tensor(CHECKS)?;
        let rows = checks
            .as_slice::<f64>()
            .map_err(|cause| checkpoint.error(CheckpointFault::Value { name: CHECKS.to_owned(), cause }))?;
        let checks = rows.chunks_exact(FitCheck::COLUMNS).filter_map(FitCheck::from_row).collect();
        Ok(Fitted { model, header, checks })
    }

    /// Writes `model.safetensors` into a folder: enough to score and sample, not to go on training.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), FitError> {
        let folder = Folder::create(folder.as_ref())?;
        let mut checkpoint = self.header.checkpoint()?;
        checkpoint.put("best", &self.model)?;
        let rows: Vec<f64> = self.checks.iter().flat_map(|c| c.to_row()).collect();
        checkpoint.put(CHECKS, &Tensor::new(rows, &[self.checks.len(), FitCheck::COLUMNS]))?;
        Ok(checkpoint.save(&folder.model())?)
    }

    /// The model itself, of the preprocessed rows.
    pub fn model(&self) -> &Density {
        &self.model
    }

    /// The model alone.
    pub fn into_model(self) -> Density {
        self.model
    }

    /// The validations of its training.
    pub fn checks(&self) -> &[FitCheck] {
        &self.checks
    }

    /// The columns that it is of.
    pub fn columns(&self) -> &[Column] {
        &self.header.columns
    }

    /// What its log densities are of: they can be held against those of another model where this is the same. How
    /// values become bits, whether they are dequantised, and the columns, in order of their names, whose values have a
    /// density and not a probability.
    pub fn measure(&self) -> (Binarise, bool, Vec<&str>) {
        let Header { config, preprocess, binariser, columns, .. } = &self.header;
        let each = config.model.likelihood.of_columns(columns).unwrap_or_default();
        let mut dense: Vec<&str> =
            columns.iter().zip(&each).filter(|(_, l)| l.is_continuous()).map(|(c, _)| c.name.as_str()).collect();
        dense.sort_unstable();
        (binariser.how(), preprocess.is_random(), dense)
    }

    /// What the file of the run says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the model sees of rows, of which the first is number `first` of its data set, and what each log density
    /// gains in the data's units. What is random about it follows from the run's seed and the row's number.
    ///
    /// # Shapes
    /// `n` rows; results `[n, d]` and `n`.
    ///
    /// # Errors
    /// Other columns than the model's; a value that the preprocessing or the likelihood does not take, with the row's
    /// number in the data set.
    pub fn view(&self, table: &Table, first: u64) -> Result<(Tensor, Vec<f64>), FitError> {
        let Header { preprocess, binariser, config, .. } = &self.header;
        // The same draws for every model, so that models are compared on the same pixels.
        let key = Key::new(0).fold_in(Purpose::View as u32);
        check(table, preprocess, binariser, &config.model.likelihood)
            .and_then(|()| Ok(view(table, preprocess, binariser, first, key)?))
            .map_err(|e| e.renumbered(|i| first + table.number(i)))
    }

    /// The log density of each row, by the configured estimator.
    ///
    /// # Errors
    /// As [`Fitted::score_by`].
    pub fn score(&self, table: &Table) -> Result<Scores, FitError> {
        self.score_by(table, &self.header.config.evaluation.spec()?)
    }

    /// The log density of each row, by that estimator.
    ///
    /// # Errors
    /// Other columns than the model's; a value that the preprocessing does not take.
    pub fn score_by(&self, table: &Table, spec: &EstimatorSpec) -> Result<Scores, FitError> {
        self.scores(self.view(table, 0)?, spec)
    }

    /// The log density of some rows of a table, by the configured estimator. What is random about the view of a row
    /// follows from its number in the whole table, as in training, and not from its place among `rows`.
    ///
    /// # Errors
    /// As [`Fitted::score_by`].
    pub fn score_rows(&self, table: &Table, rows: &[usize]) -> Result<Scores, FitError> {
        let (x, log_jacobian) = self.view(table, 0)?;
        let numbers: Vec<i32> = rows.iter().map(|&i| i32::try_from(i).unwrap_or(i32::MAX)).collect();
        let log_jacobian = rows.iter().map(|&i| log_jacobian[i]).collect();
        self.scores((x.take(&Tensor::from(numbers)), log_jacobian), &self.header.config.evaluation.spec()?)
    }

    fn scores(&self, (x, log_jacobian): (Tensor, Vec<f64>), spec: &EstimatorSpec) -> Result<Scores, FitError> {
        let mut rows = Evaluator::new(CHUNK).rows(&self.model, spec, self.header.config.seed, 0, &x)?;
        let mut summary = Summary::new(*spec);
        for (row, shift) in rows.iter_mut().zip(log_jacobian) {
            summary.push(row, shift);
            row.value += shift;
        }
        Ok(Scores { rows, evidence: summary.finish() })
    }

    /// Rows drawn from the model; the same for the same seed.
    ///
    /// # Errors
    /// A draw that is no value of its column, of a model that was fitted badly.
    pub fn sample(&self, n: usize, seed: u64) -> Result<Table, FitError> {
        let draw = |model: Density, keys: Keys| vmap(|key: Key| model.ancestral(key).1).call(keys);
        let keys = Key::new(seed).fold_in(Purpose::Draw as u32).split_n(n);
        self.in_columns(&self.by_rows(draw, keys, n, self.columns().len())?)
    }

    /// The centre of `p(x|z)` at a draw of `z` from each row's posterior.
    ///
    /// # Errors
    /// As [`Fitted::score`].
    pub fn reconstruct(&self, table: &Table, seed: u64) -> Result<Table, FitError> {
        let (x, _) = self.view(table, 0)?;
        let keys = Key::new(seed).fold_in(Purpose::Reconstruct as u32).split_n(table.rows());
        let one = |model: Density, (keys, x): (Keys, Tensor)| {
            vmap(|key: Key, x: Tensor| model.reconstruct(&x, key)).call((keys, x))
        };
        let y = self.by_rows(one, (keys, x), table.rows(), self.columns().len())?;
        self.in_columns(&y)
    }

    /// What the model made, in the data's columns and units.
    fn in_columns(&self, y: &Tensor) -> Result<Table, FitError> {
        self.header.preprocess.inverse(y).map_err(FitError::Made)
    }

    /// The mean and the variance of each row's approximate posterior `q(z|x)`: columns `mean1 …`, `variance1 …`.
    ///
    /// # Errors
    /// As [`Fitted::score`].
    pub fn encode(&self, table: &Table) -> Result<Table, FitError> {
        let (x, _) = self.view(table, 0)?;
        let one = |model: Density, x: Tensor| {
            let (mean, variance) = vmap(|x: Tensor| model.encode(&x)).call(x);
            Tensor::concat(&[&mean, &variance], 1)
        };
        let width: usize = self.header.config.model.latent.iter().sum();
        let y = self.by_rows(one, x, table.rows(), 2 * width)?;
        let named = |what: &'static str| (1..=width).map(move |i| Column::number(format!("{what}{i}")));
        let columns = named("mean").chain(named("variance")).collect();
        Table::new(columns, y.to_vec::<f64>()?).map_err(FitError::Made)
    }

    /// The test rows, already binary where they are to be, by the model and by densities without latent variables that
    /// are fitted to the training rows.
    ///
    /// # Errors
    /// As [`Fitted::score`].
    pub(crate) fn figures(&self, train: &Table, test: &Table) -> Result<Figures, FitError> {
        let (spec, preprocess, key) =
            (self.header.config.evaluation.spec()?, &self.header.preprocess, || self.key(Purpose::View));
        let evidence = self.scores(f32_rows(preprocess.forward(test, key())?), &spec)?.evidence;
        // The same noise for all: baselines are of the very values that the model's figure is of.
        let (train, test) = (preprocess.dequantised(train, key())?, preprocess.dequantised(test, key())?);
        let (baselines, missing) = self.baselines(&train, &test);
        Ok(Figures {
            rows: test.rows(),
            estimator: spec.to_string(),
            kind: evidence.kind.to_string(),
            samples: evidence.samples as usize,
            model: figure("model", evidence.mean, evidence.standard_error),
            baselines,
            missing,
        })
    }

    /// The figures of the baselines that there are, and why the others are not there.
    fn baselines(&self, train: &Table, test: &Table) -> (Vec<Figure>, Vec<String>) {
        let (columns, d, values) = (self.columns(), self.columns().len(), train.values());
        let likelihood = &self.header.config.model.likelihood;
        let each = likelihood.of_columns(columns).unwrap_or_default();
        let tried: Vec<(&str, Tried)> = if each.iter().all(|l| *l == Likelihood::Bernoulli) {
            vec![("bernoulli", BernoulliBaseline::fit(values, d).map(|b| Box::new(b) as _))]
        } else if each.iter().all(Likelihood::is_continuous) {
            let products = train.rows().saturating_mul(test.rows()).saturating_mul(d);
            let kde = || if products > KDE_MOST { Err(BaselineError::Slow) } else { KdeBaseline::fit(values, d) };
            vec![
                ("gaussian", GaussianBaseline::fit(values, d).map(|b| Box::new(b) as _)),
                ("kde", kde().map(|b| Box::new(b) as _)),
            ]
        } else {
            let fitted = IndependentBaseline::fit(values, columns, likelihood);
            vec![("independent columns", fitted.map(|b| Box::new(b) as _))]
        };
        let of = |b: &dyn Baseline| {
            let held_out = b.held_out(test.values(), d);
            figure(b.name(), held_out.mean, held_out.se)
        };
        let mut figures = (Vec::new(), Vec::new());
        for (name, fitted) in tried {
            match fitted {
                Ok(baseline) => figures.0.push(of(baseline.as_ref())),
                Err(why) => figures.1.push(format!("{name}: {why}")),
            }
        }
        figures
    }

    /// `f(model, rows)`, compiled once and run on some rows at a time; f64 `[n, width]`.
    fn by_rows<R, F>(&self, f: F, rows: R, n: usize, width: usize) -> Result<Tensor, FitError>
    where
        R: pullback::Tree + 'static,
        F: Fn(Density, R) -> Tensor + Send + Sync + 'static,
    {
        let columns = Chunked::new(ROWS, f).columns(&self.model, &rows)?;
        let values = columns.into_iter().next().unwrap_or_default();
        if values.len() != n * width {
            return Err(DataError::from(Fault::Shape { values: values.len(), columns: width }).into());
        }
        Ok(Tensor::new(values, &[n, width]))
    }

    fn key(&self, purpose: Purpose) -> Key {
        Key::new(self.header.config.seed).fold_in(0x5c0_0000 + purpose as u32)
    }
}

fn f32_rows((y, log_jacobian): (Tensor, Vec<f64>)) -> (Tensor, Vec<f64>) {
    (y.cast(DType::F32), log_jacobian)
}

fn figure(name: &str, log_density: f64, standard_error: f64) -> Figure {
    Figure { name: name.to_owned(), log_density, standard_error }
}
