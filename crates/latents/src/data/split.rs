//! Which rows a model is fitted to, stopped by, and tested on.

use crate::data::error::{DataError, Fault};
use pullback::Key;

/// Row numbers of three disjoint parts, each ascending.
///
/// ```
/// use latents::data::Split;
/// let split = Split::new(100, 0.1, 0.2, 0)?;
/// assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (70, 10, 20));
/// # Ok::<(), latents::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// What the model is fitted to.
    pub train: Vec<usize>,
    /// What decides when to stop.
    pub validation: Vec<usize>,
    /// What the reported figure is of.
    pub test: Vec<usize>,
}

impl Split {
    /// A random split with those fractions of the rows for validation and test, and the rest for training. A fraction
    /// above 0 gives at least one row.
    ///
    /// # Errors
    /// [`Fault::Option`] for fractions that are negative or leave nothing, [`Fault::FewRows`].
    pub fn new(rows: usize, validation: f64, test: f64, seed: u64) -> Result<Split, DataError> {
        let valid = |f: f64| (0.0..1.0).contains(&f);
        if !valid(validation) || !valid(test) || validation + test >= 1.0 {
            let text = format!(
                "validation = {validation} and test = {test} must be fractions from 0 on that leave something to train on"
            );
            return Err(Fault::Option(text).into());
        }
        let needed = 1 + usize::from(validation > 0.0) + usize::from(test > 0.0);
        if rows < needed {
            return Err(Fault::FewRows { found: rows, needed, what: "the split" }.into());
        }
        let of = |fraction: f64| if fraction == 0.0 { 0 } else { ((rows as f64 * fraction).round() as usize).max(1) };
        let test = of(test).min(rows - needed + 1);
        let validation = of(validation).min(rows - test - 1);
        let order = shuffled(rows, seed)?;
        Ok(Split {
            test: sorted(&order[..test]),
            validation: sorted(&order[test..test + validation]),
            train: sorted(&order[test + validation..]),
        })
    }

    /// `k` splits of which each row is tested in exactly one; a fraction `validation` of the others decides when to
    /// stop.
    ///
    /// # Errors
    /// As [`Split::new`], and [`Fault::Option`] for fewer than two folds.
    pub fn folds(rows: usize, k: usize, validation: f64, seed: u64) -> Result<Vec<Split>, DataError> {
        if k < 2 {
            return Err(Fault::Option(format!("{k} folds: it takes at least 2")).into());
        }
        if rows < k.max(3) {
            return Err(Fault::FewRows { found: rows, needed: k.max(3), what: "the folds" }.into());
        }
        let order = shuffled(rows, seed)?;
        let bound = |fold: usize| fold * (rows / k) + fold.min(rows % k);
        let split = |fold: usize| {
            let (start, end) = (bound(fold), bound(fold + 1));
            let others: Vec<usize> = order[..start].iter().chain(&order[end..]).copied().collect();
            // The others are in random order already, but one that all folds share: each has its own inner split.
            let inner = Split::new(others.len(), validation, 0.0, seed.wrapping_add(fold as u64 + 1))?;
            let of = |part: &[usize]| sorted(&part.iter().map(|&i| others[i]).collect::<Vec<_>>());
            Ok(Split { test: sorted(&order[start..end]), validation: of(&inner.validation), train: of(&inner.train) })
        };
        (0..k).map(split).collect()
    }
}

/// The rows in random order.
fn shuffled(rows: usize, seed: u64) -> Result<Vec<usize>, DataError> {
    let bits = Key::new(seed).bits([rows]);
    let bits = bits.as_slice::<u32>().map_err(Fault::Tensor)?;
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|&i| (bits[i], i));
    Ok(order)
}

fn sorted(rows: &[usize]) -> Vec<usize> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn covers(split: &Split, rows: usize) {
        let all: BTreeSet<usize> =
            [&split.train, &split.validation, &split.test].into_iter().flatten().copied().collect();
        assert_eq!(split.train.len() + split.validation.len() + split.test.len(), rows);
        assert_eq!(all, (0..rows).collect());
    }

    #[test]
    fn the_parts_are_disjoint_and_cover_the_rows() {
        for (rows, validation, test) in [(272, 0.1, 0.2), (3, 0.4, 0.5), (10, 0.0, 0.0), (2, 0.0, 0.01), (7, 0.9, 0.05)]
        {
            let split = Split::new(rows, validation, test, 3).unwrap();
            covers(&split, rows);
            assert!(!split.train.is_empty());
            assert_eq!(split.validation.is_empty(), validation == 0.0);
            assert_eq!(split.test.is_empty(), test == 0.0);
            assert_eq!(split, Split::new(rows, validation, test, 3).unwrap());
        }
        assert_ne!(Split::new(50, 0.1, 0.1, 0).unwrap(), Split::new(50, 0.1, 0.1, 1).unwrap());
    }

    #[test]
    fn every_row_is_tested_in_one_fold() {
        let folds = Split::folds(23, 5, 0.1, 1).unwrap();
        folds.iter().for_each(|split| covers(split, 23));
        let mut tested: Vec<usize> = folds.iter().flat_map(|split| split.test.clone()).collect();
        tested.sort_unstable();
        assert_eq!(tested, (0..23).collect::<Vec<_>>());
    }

    #[test]
    fn impossible_splits_are_refused() {
        for (validation, test) in [(-0.1, 0.1), (0.5, 0.5), (f64::NAN, 0.1), (0.1, 1.0)] {
            assert!(Split::new(10, validation, test, 0).unwrap_err().is_usage());
        }
        assert!(matches!(*Split::new(1, 0.1, 0.1, 0).unwrap_err().fault, Fault::FewRows { found: 1, needed: 3, .. }));
        assert!(matches!(*Split::folds(4, 5, 0.1, 0).unwrap_err().fault, Fault::FewRows { .. }));
        assert!(Split::folds(4, 1, 0.1, 0).unwrap_err().is_usage());
    }
}
