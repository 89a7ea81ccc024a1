//! What happens to the data before the model sees them, and what that does to a density.

mod dequantise;
mod logit;
mod standardise;

use crate::data::error::{DataError, Fault};
use crate::data::random_rows::RandomRows;
use crate::data::table::{Column, Table};
use dequantise::Dequantise;
use logit::Logit;
use pullback::{DType, Key, Tensor};
use serde::{Deserialize, Serialize};
use standardise::Standardise;

/// One step of the preprocessing, as it is asked for. It acts on columns of numbers; categories pass unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// `y = (x - m) / s` with each column's mean and standard deviation.
    Standardise,
    /// `y = log(t / (1 - t))`, `t = alpha + (1 - 2 alpha) (x - low) / (high - low)`: an interval becomes the line.
    Logit {
        /// The interval's lower end.
        low: f64,
        /// The interval's upper end.
        high: f64,
        /// How far the ends are kept from 0 and 1; above 0 where a value may be an end.
        alpha: f64,
    },
    /// `y = x + bin u` with `u` uniform on \[0, 1), drawn anew each time: values on a grid get a density. The first step.
    Dequantise {
        /// The spacing of the values.
        bin: f64,
    },
}

/// Steps fitted to a table; part of the model and of every number that it reports.
///
/// With `y = f(x)` the density of the data is `log p(x) = log p(y) + log |dy/dx|`, in the data's own units.
/// A dequantised value has the density of `x + bin u`; the probability of the value itself is at least
/// `bin · exp E[log p(x + bin u)]` (Theis, van den Oord & Bethge 2016).
///
/// ```
/// use latents::data::{Column, Preprocess, Step, Table};
/// use pullback::Key;
/// let table = Table::new(vec![Column::number("x")], vec![1.0, 3.0])?;
/// let preprocess = Preprocess::fit(&table, &[Step::Standardise])?;
/// let (y, log_jacobian) = preprocess.forward(&table, Key::new(0))?;
/// assert_eq!(y.to_vec::<f64>()?, [-1.0, 1.0]);
/// assert_eq!(log_jacobian, [0.0, 0.0]); // the standard deviation is 1
/// assert_eq!(preprocess.inverse(&y)?, table);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Preprocess {
    columns: Vec<Column>,
    /// Whether the stages act on the column.
    acts: Vec<bool>,
    stages: Vec<Stage>,
}

/// A [`Preprocess`] as a file has it, whose parts may not fit together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    columns: Vec<Column>,
    acts: Vec<bool>,
    stages: Vec<Stage>,
}

impl TryFrom<Saved> for Preprocess {
    type Error = String;

    fn try_from(Saved { columns, acts, stages }: Saved) -> Result<Preprocess, String> {
        let fits = |stage: &Stage| match stage {
            Stage::Standardise(stage) => stage.width() == Some(columns.len()),
            Stage::Logit(_) | Stage::Dequantise(_) => true,
        };
        if acts.len() != columns.len() || !stages.iter().all(fits) {
            return Err(format!("the preprocessing does not fit its own {} columns", columns.len()));
        }
        Ok(Preprocess { columns, acts, stages })
    }
}

/// A fitted step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Standardise(Standardise),
    Logit(Logit),
    Dequantise(Dequantise),
}

impl Stage {
    fn fit(step: Step, values: &[f64], columns: &[Column], acts: &[bool]) -> Result<Stage, DataError> {
        Ok(match step {
            Step::Standardise => Stage::Standardise(Standardise::fit(values, columns, acts)?),
            Step::Logit { low, high, alpha } => Stage::Logit(Logit::new(low, high, alpha)?),
            Step::Dequantise { bin } => Stage::Dequantise(Dequantise::new(bin)?),
        })
    }

    /// `y` and `log |dy/dx|` of a value of column `j`; `u` is uniform on \[0, 1).
    fn forward(&self, j: usize, x: f64, u: f64) -> Result<(f64, f64), Fault> {
        match self {
            Stage::Standardise(stage) => Ok(stage.forward(j, x)),
            Stage::Logit(stage) => stage.forward(x),
            Stage::Dequantise(stage) => Ok((stage.forward(x, u)?, 0.0)),
        }
    }

    fn inverse(&self, j: usize, y: f64) -> f64 {
        match self {
            Stage::Standardise(stage) => stage.inverse(j, y),
            Stage::Logit(stage) => stage.inverse(y),
            Stage::Dequantise(stage) => stage.inverse(y),
        }
    }
}

impl Preprocess {
    /// Fits the steps, in that order, on every column of numbers.
    ///
    /// # Errors
    /// [`Fault::FewRows`] and [`Fault::Constant`] where a step needs a spread, [`Fault::Outside`], [`Fault::OffGrid`],
    /// [`Fault::Option`] for a step whose numbers make no sense or that comes at the wrong place.
    pub fn fit(table: &Table, steps: &[Step]) -> Result<Preprocess, DataError> {
        Preprocess::fit_where(table, steps, |_| true)
    }

    /// As [`Preprocess::fit`], on those columns of numbers only that `acts` chooses: counts and truth values with a
    /// likelihood of their own stay as they are.
    ///
    /// # Errors
    /// As [`Preprocess::fit`].
    pub fn fit_where(table: &Table, steps: &[Step], acts: impl Fn(&Column) -> bool) -> Result<Preprocess, DataError> {
        if steps.iter().skip(1).any(|step| matches!(step, Step::Dequantise { .. })) {
            return Err(
                Fault::Option("dequantisation comes first, and once: later values are on no grid".into()).into()
            );
        }
        let columns = table.columns().to_vec();
        let acts = columns.iter().map(|column| column.levels().is_none() && acts(column)).collect();
        let mut preprocess = Preprocess { columns, acts, stages: Vec::new() };
        let mut values = table.values().to_vec();
        // The noise only has to be of the right kind here; a fixed key makes the fit a function of the table.
        let noise = preprocess.noise(steps, 0, table.rows(), Key::new(0))?;
        for &step in steps {
            let stage = Stage::fit(step, &values, &preprocess.columns, &preprocess.acts)?;
            preprocess.apply(&stage, &mut values, &noise, |_, _| {})?;
            preprocess.stages.push(stage);
        }
        Ok(preprocess)
    }

    /// The columns that it was fitted to.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether the same row gives another `y` under another key.
    pub fn is_random(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage, Stage::Dequantise(_)))
    }

    /// The model's view `y` of the rows, f64, and `log |dy/dx|` of each.
    ///
    /// # Shapes
    /// `rows: n` of `d` columns; results `[n, d]` and `n` of them.
    ///
    /// # Errors
    /// [`Fault::Mismatch`], [`Fault::Outside`], [`Fault::OffGrid`].
    pub fn forward(&self, rows: &Table, key: Key) -> Result<(Tensor, Vec<f64>), DataError> {
        self.forward_from(rows, 0, key)
    }

    /// As [`Preprocess::forward`], of rows that start at number `first` of their data set: with one key the noise of a
    /// row is the same however the data set is cut into chunks.
    ///
    /// # Errors
    /// As [`Preprocess::forward`].
    pub fn forward_from(&self, rows: &Table, first: u64, key: Key) -> Result<(Tensor, Vec<f64>), DataError> {
        rows.expect_columns(&self.columns)?;
        let mut values = rows.values().to_vec();
        let mut log_jacobian = vec![0.0; rows.rows()];
        let noise = if self.is_random() { self.draw(first, rows.rows(), key)? } else { Vec::new() };
        for stage in &self.stages {
            self.apply(stage, &mut values, &noise, |row, term| log_jacobian[row] += term)
                .map_err(|error| DataError { row: error.row.map(|row| row + first), ..error })?;
        }
        Ok((Tensor::new(values, &[rows.rows(), self.columns.len()]), log_jacobian))
    }

    /// The rows with the noise that dequantisation adds under that key, in the data's own units: what the reported
    /// density is of. Where nothing is dequantised, the rows.
    ///
    /// # Errors
    /// As [`Preprocess::forward`].
    pub fn dequantised(&self, rows: &Table, key: Key) -> Result<Table, DataError> {
        let Some(stage @ Stage::Dequantise(_)) = self.stages.first() else { return Ok(rows.clone()) };
        let mut values = rows.values().to_vec();
        let noise = self.draw(0, rows.rows(), key)?;
        self.apply(stage, &mut values, &noise, |_, _| {})?;
        Table::new(self.columns.clone(), values)
    }

    /// The rows in the data's own units that the model sees as `y`.
    ///
    /// # Shapes
    /// `y: [n, d]`, of any float type.
    ///
    /// # Errors
    /// [`Fault::Tensor`], [`Fault::Shape`], and [`Fault::NotFinite`] or [`Fault::Index`] where a value is none of its
    /// column.
    pub fn inverse(&self, y: &Tensor) -> Result<Table, DataError> {
        let width = self.columns.len();
        let cast = y.cast(DType::F64);
        let mut values = cast.to_vec::<f64>().map_err(Fault::Tensor)?;
        if y.shape().known().is_none_or(|shape| shape.len() != 2 || shape[1] != width) {
            return Err(Fault::Shape { values: values.len(), columns: width }.into());
        }
        for (i, value) in values.iter_mut().enumerate().filter(|(i, _)| self.acts[i % width]) {
            *value = self.stages.iter().rev().fold(*value, |y, stage| stage.inverse(i % width, y));
        }
        Table::new(self.columns.clone(), values)
    }

    /// Applies one stage in place; `term` takes each row's part of the Jacobian.
    fn apply(
        &self,
        stage: &Stage,
        values: &mut [f64],
        noise: &[f64],
        mut term: impl FnMut(usize, f64),
    ) -> Result<(), DataError> {
        let width = self.columns.len();
        for (i, value) in values.iter_mut().enumerate() {
            let (row, j) = (i / width, i % width);
            if self.acts[j] {
                let u = noise.get(i).copied().unwrap_or(0.0);
                let made = stage.forward(j, *value, u);
                let (y, log) = made.map_err(|fault| fault.at(&self.columns[j].name).in_row(row as u64 + 1))?;
                *value = y;
                term(row, log);
            }
        }
        Ok(())
    }

    /// The noise of those rows, where a step wants any.
    fn noise(&self, steps: &[Step], first: u64, rows: usize, key: Key) -> Result<Vec<f64>, DataError> {
        let wanted = steps.iter().any(|step| matches!(step, Step::Dequantise { .. }));
        if wanted { self.draw(first, rows, key) } else { Ok(Vec::new()) }
    }

    fn draw(&self, first: u64, rows: usize, key: Key) -> Result<Vec<f64>, DataError> {
        let drawn = RandomRows::new(key).and_then(|random| random.uniform(first, rows, self.columns.len()));
        Ok(drawn.map_err(Fault::Tensor)?)
    }
}

#[cfg(test)]
mod tests;
