//! Shades of grey as black and white.

use crate::data::error::{DataError, Fault};
use crate::data::random_rows::RandomRows;
use crate::data::table::{Column, Table};
use pullback::Key;
use serde::{Deserialize, Serialize};

/// How shades become 0 and 1. The figures of papers differ by several nats between these: name yours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binarise {
    /// They do not.
    #[default]
    None,
    /// 1 above that fraction of white.
    Threshold(f64),
    /// 1 with the shade's probability, drawn anew under every key: one key an epoch (Salakhutdinov & Murray 2008;
    /// Burda et al. 2016).
    Stochastic,
    /// As `Stochastic`, drawn once from a seed (Larochelle & Murray 2011).
    Fixed {
        /// The seed.
        seed: u64,
    },
}

/// A way to binarise with the value that counts as white, learnt from the training data.
///
/// ```
/// use latents::data::{Binarise, Binariser, Column, Table};
/// use pullback::Key;
/// let shades = Table::new(vec![Column::number("p")], vec![0.0, 255.0, 100.0])?;
/// let binariser = Binariser::fit(&shades, Binarise::Threshold(0.5))?;
/// assert_eq!(binariser.apply(&shades, 0, Key::new(0))?.values(), [0.0, 1.0, 0.0]);
/// # Ok::<(), latents::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binariser {
    how: Binarise,
    white: f64,
}

impl Binariser {
    /// White is the largest value of the table, in whichever column of numbers.
    ///
    /// # Errors
    /// [`Fault::Outside`] for a value below 0, [`Fault::Constant`] where all are 0, [`Fault::Option`] for a threshold
    /// outside 0 to 1.
    pub fn fit(table: &Table, how: Binarise) -> Result<Binariser, DataError> {
        if let Binarise::Threshold(at) = how
            && !(0.0..1.0).contains(&at)
        {
            return Err(Fault::Option(format!("threshold {at}: it is a fraction of white, from 0 to below 1")).into());
        }
        if how == Binarise::None {
            return Ok(Binariser { how, white: 1.0 });
        }
        let numbers: Vec<usize> = (0..table.width()).filter(|&j| is_shade(&table.columns()[j])).collect();
        let white = numbers.iter().flat_map(|&j| table.column(j)).fold(0.0, f64::max);
        if white == 0.0 && table.rows() > 0 && !numbers.is_empty() {
            return Err(Fault::Constant { value: 0.0 }.into());
        }
        let binariser = Binariser { how, white };
        binariser.shades(table)?;
        Ok(binariser)
    }

    /// How it binarises.
    pub fn how(&self) -> Binarise {
        self.how
    }

    /// The rows in black and white; categories pass unchanged. `first` is the number of the first row in its data set:
    /// a row's draw depends on that and on the key, or on the seed of [`Binarise::Fixed`], and not on its chunk. Fixed
    /// draws belong to the rows of the whole data set: apply them before it is split.
    ///
    /// # Errors
    /// [`Fault::Outside`] for a value below 0 or above white.
    pub fn apply(&self, rows: &Table, first: u64, key: Key) -> Result<Table, DataError> {
        let key = match self.how {
            Binarise::None => return Ok(rows.clone()),
            Binarise::Threshold(at) => return self.cut(rows, |_, shade| shade > at),
            Binarise::Stochastic => key,
            Binarise::Fixed { seed } => Key::new(seed),
        };
        let drawn = RandomRows::new(key).and_then(|random| random.uniform(first, rows.rows(), rows.width()));
        let drawn = drawn.map_err(Fault::Tensor)?;
        self.cut(rows, |i, shade| drawn[i] < shade)
    }

    /// The table in which a shade is 1 where `is_white` says so of its position and value.
    fn cut(&self, rows: &Table, is_white: impl Fn(usize, f64) -> bool) -> Result<Table, DataError> {
        let shades = self.shades(rows)?;
        let shade_of = |i: usize| is_shade(&rows.columns()[i % rows.width()]);
        let value = |(i, &shade): (usize, &f64)| if shade_of(i) { f64::from(is_white(i, shade)) } else { shade };
        Table::new(rows.columns().to_vec(), shades.iter().enumerate().map(value).collect())
    }

    /// The values of the columns of numbers as fractions of white.
    fn shades(&self, rows: &Table) -> Result<Vec<f64>, DataError> {
        let mut values = rows.values().to_vec();
        for (i, value) in values.iter_mut().enumerate() {
            let column = &rows.columns()[i % rows.width()];
            if !is_shade(column) {
                continue;
            }
            if !(0.0..=self.white).contains(value) {
                let fault = Fault::Outside { value: *value, low: 0.0, high: self.white };
                return Err(fault.at(&column.name).in_row((i / rows.width()) as u64 + 1));
            }
            *value /= self.white;
        }
        Ok(values)
    }
}

fn is_shade(column: &Column) -> bool {
    column.levels().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shades(n: usize) -> Table {
        let values = (0..n).flat_map(|i| [(i % 5) as f64 * 4.0, 1.0]).collect();
        Table::new(vec![Column::number("p"), Column::categories("digit", vec!["0".into(), "1".into()])], values)
            .unwrap()
    }

    #[test]
    fn a_shade_is_white_as_often_as_it_is_bright() {
        let binariser = Binariser::fit(&shades(5), Binarise::Stochastic).unwrap();
        let n = 5000;
        let drawn = binariser.apply(&shades(n), 0, Key::new(1)).unwrap();
        for shade in 0..5 {
            let ones = drawn.column(0).skip(shade).step_by(5).sum::<f64>() / (n / 5) as f64;
            let p = shade as f64 / 4.0;
            assert!((ones - p).abs() <= 3.0 * (p * (1.0 - p) / (n / 5) as f64).sqrt(), "{shade}: {ones}");
        }
        assert!(drawn.column(1).all(|label| label == 1.0));
        let again = binariser.apply(&shades(n), 0, Key::new(2)).unwrap();
        assert_ne!(drawn, again);
    }

    #[test]
    fn fixed_draws_belong_to_the_row_and_the_seed() {
        let fixed = Binariser::fit(&shades(5), Binarise::Fixed { seed: 7 }).unwrap();
        let whole = fixed.apply(&shades(700), 0, Key::new(0)).unwrap();
        let tail = shades(700).select_rows(&(300..700).collect::<Vec<_>>());
        assert_eq!(fixed.apply(&tail, 300, Key::new(5)).unwrap(), whole.select_rows(&(300..700).collect::<Vec<_>>()));
        let stochastic = Binariser::fit(&shades(5), Binarise::Stochastic).unwrap();
        assert_eq!(stochastic.apply(&shades(700), 0, Key::new(7)).unwrap(), whole);
    }

    #[test]
    fn what_is_no_shade_is_refused() {
        let column = || vec![Column::number("p")];
        let table = |values| Table::new(column(), values).unwrap();
        assert!(matches!(
            *Binariser::fit(&table(vec![-1.0, 1.0]), Binarise::Stochastic).unwrap_err().fault,
            Fault::Outside { .. }
        ));
        assert!(matches!(
            *Binariser::fit(&table(vec![0.0]), Binarise::Stochastic).unwrap_err().fault,
            Fault::Constant { .. }
        ));
        assert!(Binariser::fit(&table(vec![1.0]), Binarise::Threshold(1.0)).unwrap_err().is_usage());
        let fitted = Binariser::fit(&table(vec![16.0]), Binarise::Threshold(0.5)).unwrap();
        assert!(fitted.apply(&table(vec![17.0]), 0, Key::new(0)).is_err());
        let none = Binariser::fit(&table(vec![-3.0]), Binarise::None).unwrap();
        assert_eq!(none.apply(&table(vec![-3.0]), 0, Key::new(0)).unwrap().values(), [-3.0]);
    }
}
