//! Rows of a table as a model sees them.

use crate::data::{Binarise, Binariser, DataError, Fault, Preprocess, Table};
use crate::model::Likelihood;
use crate::run::FitError;
use crate::train::Examples;
use pullback::{DType, Error, Key, Tensor};

/// A table with its preprocessing and binarisation: what is fixed is done once, what is random at every use.
pub struct Prepared {
    view: View,
    width: usize,
    rows: usize,
}

enum View {
    /// The model's values and the log-Jacobians.
    Fixed(Vec<f32>, Vec<f64>),
    /// Drawn anew at every use.
    Random(Box<(Table, Preprocess, Binariser)>),
}

/// What a table's rows, of which the first is number `first` of its data set, are to the model, and the log-Jacobians.
///
/// # Errors
/// A value that the preprocessing does not take; the faults count the rows of the table.
pub(crate) fn view(
    table: &Table,
    preprocess: &Preprocess,
    binariser: &Binariser,
    first: u64,
    key: Key,
) -> Result<(Tensor, Vec<f64>), DataError> {
    let (pixels, noise) = key.split();
    let binary = match binariser.how() {
        Binarise::None => None,
        _ => Some(binariser.apply(table, first, pixels)?),
    };
    let (y, log_jacobian) = preprocess
        .forward_from(binary.as_ref().unwrap_or(table), first, noise)
        .map_err(|e| DataError { row: e.row.map(|row| row - first), ..e })?;
    let y = y.cast(DType::F32);
    let seen = y.as_slice::<f32>().map_err(Fault::Tensor)?;
    if let Some(i) = seen.iter().position(|x| !x.is_finite()) {
        let (row, column) = (i / table.width(), i % table.width());
        let fault = DataError::from(Fault::Overflow { value: table.row(row)[column] });
        let name = table.columns()[column].name.clone();
        return Err(DataError { row: Some(row as u64 + 1), column: Some(name), ..fault });
    }
    Ok((y, log_jacobian))
}

/// Whether every row can be shown to a model of that likelihood; the faults count the rows of the table.
///
/// # Errors
/// A value that the preprocessing or the likelihood does not take.
pub(crate) fn check(
    table: &Table,
    preprocess: &Preprocess,
    binariser: &Binariser,
    likelihood: &Likelihood,
) -> Result<(), FitError> {
    let binary = match binariser.how() {
        Binarise::None => None,
        _ => Some(binariser.apply(table, 0, Key::new(0))?),
    };
    let table = binary.as_ref().unwrap_or(table);
    likelihood.check(table.columns(), table.values())?;
    preprocess.forward(table, Key::new(0))?;
    Ok(())
}

impl Prepared {
    /// A view of the rows of a table.
    ///
    /// # Errors
    /// A value that the preprocessing does not take.
    pub fn new(table: Table, preprocess: &Preprocess, binariser: &Binariser) -> Result<Prepared, DataError> {
        let (width, rows) = (table.width(), table.rows());
        // Also where the view is random: what cannot be shown is found before training.
        let (y, log_jacobian) = view(&table, preprocess, binariser, 0, Key::new(0))?;
        let view = if preprocess.is_random() || binariser.how() == Binarise::Stochastic {
            View::Random(Box::new((table, preprocess.clone(), binariser.clone())))
        } else {
            View::Fixed(y.to_vec::<f32>().map_err(Fault::Tensor)?, log_jacobian)
        };
        Ok(Prepared { view, width, rows })
    }
}

impl Examples for Prepared {
    fn len(&self) -> usize {
        self.rows
    }

    fn rows(&self, key: Key, numbers: &[usize]) -> Result<(Tensor, Vec<f64>), Error> {
        let width = self.width;
        match &self.view {
            View::Fixed(values, log_jacobian) => {
                let rows = numbers.iter().flat_map(|&i| &values[i * width..(i + 1) * width]).copied().collect();
                let terms = numbers.iter().map(|&i| log_jacobian[i]).collect();
                Ok((Tensor::new(rows, &[numbers.len(), width]), terms))
            }
            View::Random(of) => {
                let (table, preprocess, binariser) = &**of;
                // A draw that falls outside of the preprocessing's interval shows as NaN, which training reports with
                // its batch.
                view(&table.select_rows(numbers), preprocess, binariser, 0, key).or_else(|_| {
                    let lost = vec![f32::NAN; numbers.len() * width];
                    Ok((Tensor::new(lost, &[numbers.len(), width]), vec![0.0; numbers.len()]))
                })
            }
        }
    }
}
