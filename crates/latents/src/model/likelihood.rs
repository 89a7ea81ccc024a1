//! Which likelihood a model has, for each column.

use crate::data::{Column, ColumnKind};
use crate::model::spelling::{Spelled, spelled};
use crate::model::{ModelError, Scale};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What the columns are, given `z`.
///
/// In a configuration either a name, `"gaussian"`, or a table with its options, `{ name = "gaussian", scale = 0.1 }`.
///
/// ```
/// use latents::model::{Likelihood, Scale};
/// let by_name: Likelihood = serde_json::from_str(r#""gaussian""#)?;
/// assert_eq!(by_name, Likelihood::Gaussian { scale: Scale::Network });
/// let table: Likelihood = serde_json::from_str(r#"{ "name": "gaussian", "scale": 0.1 }"#)?;
/// assert_eq!(table, Likelihood::Gaussian { scale: Scale::Fixed(0.1) });
/// assert!(serde_json::from_str::<Likelihood>(r#""gausian""#).unwrap_err().to_string().contains("`gaussian`"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Likelihood {
    /// Real numbers with a mean from the network.
    Gaussian {
        /// The standard deviation.
        #[serde(default)]
        scale: Scale,
    },
    /// Real numbers with heavy tails; the degrees of freedom are learned for each column.
    StudentT {
        /// The scale.
        #[serde(default)]
        scale: Scale,
    },
    /// 0s and 1s.
    Bernoulli,
    /// Categories.
    Categorical,
    /// Whole numbers `low ≤ x ≤ high`.
    DiscretizedLogistic {
        /// The least.
        #[serde(default)]
        low: i32,
        /// The greatest.
        #[serde(default = "byte")]
        high: i32,
        /// The scale, of half the range.
        #[serde(default)]
        scale: Scale,
    },
    /// Counts.
    Poisson,
    /// Counts that vary more than Poisson's.
    NegativeBinomial {
        /// The shape `n` of the gamma that the rate has: variance `m + m²/n`.
        #[serde(default = "learned")]
        dispersion: Scale,
    },
    /// One likelihood for each column; a column that is not named takes that of its kind: Gaussian for numbers,
    /// categorical for categories.
    Mixed {
        /// By the column's name.
        #[serde(default)]
        columns: BTreeMap<String, Likelihood>,
    },
}

/// The greatest number of a byte.
fn byte() -> i32 {
    255
}

fn learned() -> Scale {
    Scale::Learned
}

impl Default for Likelihood {
    fn default() -> Likelihood {
        Likelihood::Gaussian { scale: Scale::default() }
    }
}

/// A likelihood as help and documentation list it.
pub struct LikelihoodRow {
    /// Its name in configurations and on the command line.
    pub name: &'static str,
    /// What the values are.
    pub about: &'static str,
    /// It, with its defaults.
    pub new: fn() -> Likelihood,
}

/// Every likelihood.
pub const LIKELIHOODS: &[LikelihoodRow] = &[
    LikelihoodRow {
        name: "gaussian",
        about: "real numbers; scale = network, learned or a number",
        new: || Likelihood::Gaussian { scale: Scale::default() },
    },
    LikelihoodRow {
        name: "student-t",
        about: "real numbers with heavy tails; scale as gaussian, degrees of freedom learned for each column",
        new: || Likelihood::StudentT { scale: Scale::default() },
    },
    LikelihoodRow { name: "bernoulli", about: "0 and 1", new: || Likelihood::Bernoulli },
    LikelihoodRow { name: "categorical", about: "columns of categories", new: || Likelihood::Categorical },
    LikelihoodRow {
        name: "discretized-logistic",
        about: "whole numbers from low to high, 0 to 255 if not given; scale as gaussian, in half ranges",
        new: || Likelihood::DiscretizedLogistic { low: 0, high: byte(), scale: Scale::default() },
    },
    LikelihoodRow { name: "poisson", about: "counts", new: || Likelihood::Poisson },
    LikelihoodRow {
        name: "negative-binomial",
        about: "counts that vary more than Poisson's; dispersion = learned, network or a number",
        new: || Likelihood::NegativeBinomial { dispersion: learned() },
    },
    LikelihoodRow {
        name: "mixed",
        about: "one likelihood for each column; a column not named takes that of its kind",
        new: || Likelihood::Mixed { columns: BTreeMap::new() },
    },
];

impl FromStr for Likelihood {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Likelihood, ModelError> {
        let row = LIKELIHOODS.iter().find(|row| row.name == text);
        row.map(|row| (row.new)()).ok_or_else(|| {
            let names = LIKELIHOODS.iter().map(|row| row.name).collect();
            ModelError::Unknown { what: "likelihood", name: text.into(), names }
        })
    }
}

impl Serialize for Likelihood {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Likelihood::serialize(self, serializer)
    }
}

impl Spelled for Likelihood {
    const EXPECTED: &'static str = "a likelihood's name, or a table with `name` and its options";
    fn of_table<'de, D: Deserializer<'de>>(table: D) -> Result<Likelihood, D::Error> {
        Likelihood::deserialize(table)
    }
}

impl<'de> Deserialize<'de> for Likelihood {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Likelihood, D::Error> {
        spelled(deserializer)
    }
}

impl Likelihood {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Likelihood::Gaussian { .. } => "gaussian",
            Likelihood::StudentT { .. } => "student-t",
            Likelihood::Bernoulli => "bernoulli",
            Likelihood::Categorical => "categorical",
            Likelihood::DiscretizedLogistic { .. } => "discretized-logistic",
            Likelihood::Poisson => "poisson",
            Likelihood::NegativeBinomial { .. } => "negative-binomial",
            Likelihood::Mixed { .. } => "mixed",
        }
    }

    /// Whether its values are real numbers, which have a density, where others have a probability.
    pub fn is_continuous(&self) -> bool {
        matches!(self, Likelihood::Gaussian { .. } | Likelihood::StudentT { .. })
    }

    /// The likelihood of each column; none of them is `mixed`.
    ///
    /// # Errors
    /// [`ModelError`] for a name that no column has, a mixed likelihood within one, or a likelihood that the column's
    /// kind does not allow.
    pub fn of_columns(&self, columns: &[Column]) -> Result<Vec<Likelihood>, ModelError> {
        let each = match self {
            Likelihood::Mixed { columns: named } => {
                if let Some(name) = named.keys().find(|name| columns.iter().all(|c| c.name != **name)) {
                    return Err(ModelError::UnknownColumn {
                        name: name.clone(),
                        columns: columns.iter().map(|c| c.name.clone()).collect(),
                    });
                }
                columns.iter().map(|c| named.get(&c.name).cloned().unwrap_or_else(|| of_kind(&c.kind))).collect()
            }
            one => vec![one.clone(); columns.len()],
        };
        for (column, likelihood) in columns.iter().zip(&each) {
            likelihood.suits(column)?;
        }
        Ok(each)
    }

    /// Whether a column of that kind can have it.
    fn suits(&self, column: &Column) -> Result<(), ModelError> {
        let needs = match (self, &column.kind) {
            (Likelihood::Mixed { .. }, _) => return Err(ModelError::MixedWithin { column: column.name.clone() }),
            (Likelihood::DiscretizedLogistic { low, high, .. }, _) if low >= high => {
                return Err(ModelError::Bins { column: column.name.clone(), low: *low, high: *high });
            }
            (Likelihood::Categorical, ColumnKind::Categories(names)) if !names.is_empty() => return Ok(()),
            (Likelihood::Categorical, _) => "categories: declare the column categorical, or choose `mixed`",
            (_, ColumnKind::Categories(_)) => "numbers, and the column is categorical: choose `categorical` or `mixed`",
            _ => return self.fixed_scale(),
        };
        Err(ModelError::Kind { likelihood: self.name(), column: column.name.clone(), needs })
    }

    /// A scale that is given must be one.
    fn fixed_scale(&self) -> Result<(), ModelError> {
        let scale = match self {
            Likelihood::Gaussian { scale }
            | Likelihood::StudentT { scale }
            | Likelihood::DiscretizedLogistic { scale, .. } => ("scale", scale),
            Likelihood::NegativeBinomial { dispersion } => ("dispersion", dispersion),
            _ => return Ok(()),
        };
        match scale {
            (name, Scale::Fixed(value)) if !(value.is_finite() && *value > 0.0) => {
                Err(ModelError::Range { name, value: *value, range: "finite and above 0" })
            }
            _ => Ok(()),
        }
    }

    /// Whether it gives every value of some rows a probability.
    ///
    /// # Shapes
    /// `values`: the rows end to end, each as long as `columns`.
    ///
    /// # Errors
    /// [`ModelError::Value`] with the first value that it does not, counting rows from 0; as
    /// [`Likelihood::of_columns`] otherwise.
    ///
    /// ```
    /// use latents::data::Column;
    /// use latents::model::Likelihood;
    /// let columns = [Column::number("visits")];
    /// Likelihood::Poisson.check(&columns, &[0.0, 3.0, 12.0])?;
    /// let refused = Likelihood::Poisson.check(&columns, &[0.0, 2.5]).unwrap_err().to_string();
    /// assert_eq!(refused, "row 2, column `visits`: 2.5 is no value of the likelihood `poisson`, which needs whole numbers from 0 on");
    /// # Ok::<(), latents::model::ModelError>(())
    /// ```
    pub fn check(&self, columns: &[Column], values: &[f64]) -> Result<(), ModelError> {
        let each = self.of_columns(columns)?;
        for (row, values) in values.chunks(columns.len().max(1)).enumerate() {
            for ((likelihood, column), &value) in each.iter().zip(columns).zip(values) {
                if !likelihood.takes(column, value) {
                    let (column, likelihood, needs) = (column.name.clone(), likelihood.name(), likelihood.needs());
                    return Err(ModelError::Value { row, column, value, likelihood, needs });
                }
            }
        }
        Ok(())
    }

    fn takes(&self, column: &Column, value: f64) -> bool {
        let whole = value.is_finite() && value.fract() == 0.0;
        match (self, &column.kind) {
            (Likelihood::Bernoulli, _) => value == 0.0 || value == 1.0,
            (Likelihood::Categorical, ColumnKind::Categories(names)) => {
                whole && value >= 0.0 && value < names.len() as f64
            }
            (Likelihood::DiscretizedLogistic { low, high, .. }, _) => {
                whole && f64::from(*low) <= value && value <= f64::from(*high)
            }
            (Likelihood::Poisson | Likelihood::NegativeBinomial { .. }, _) => whole && value >= 0.0,
            _ => value.is_finite(),
        }
    }

    /// What its values are, in words.
    fn needs(&self) -> String {
        match self {
            Likelihood::Bernoulli => "0 or 1: choose a binarisation, or another likelihood".into(),
            Likelihood::Categorical => "the number of one of the column's categories".into(),
            Likelihood::DiscretizedLogistic { low, high, .. } => format!("whole numbers from {low} to {high}"),
            Likelihood::Poisson | Likelihood::NegativeBinomial { .. } => "whole numbers from 0 on".into(),
            _ => "finite numbers".into(),
        }
    }
}

/// What an unnamed column of a mixed likelihood takes.
fn of_kind(kind: &ColumnKind) -> Likelihood {
    match kind {
        ColumnKind::Number => Likelihood::default(),
        ColumnKind::Categories(_) => Likelihood::Categorical,
    }
}
