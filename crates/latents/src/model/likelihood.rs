//! Which likelihood a model has, for each column.

use crate::model::{Column, ColumnKind, ModelError};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Where a scale (or another positive number of each column) comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// Of the network: it differs from example to example.
    #[default]
    Network,
    /// One learned number for each column.
    Learned,
    /// This number.
    Fixed(f64),
}

impl Serialize for Scale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scale::Network => serializer.serialize_str("network"),
            Scale::Learned => serializer.serialize_str("learned"),
            Scale::Fixed(x) => serializer.serialize_f64(*x),
        }
    }
}

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scale, D::Error> {
        struct Of;
        impl Visitor<'_> for Of {
            type Value = Scale;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`network`, `learned` or a number above 0")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scale, E> {
                match text {
                    "network" => Ok(Scale::Network),
                    "learned" => Ok(Scale::Learned),
                    _ => text
                        .parse()
                        .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
                        .and_then(|x| self.visit_f64(x)),
                }
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Scale, E> {
                let fits = x.is_finite() && x > 0.0;
                if fits { Ok(Scale::Fixed(x)) } else { Err(E::invalid_value(de::Unexpected::Float(x), &self)) }
            }
            fn visit_i64<E: de::Error>(self, x: i64) -> Result<Scale, E> {
                self.visit_f64(x as f64)
            }
            fn visit_u64<E: de::Error>(self, x: u64) -> Result<Scale, E> {
                self.visit_f64(x as f64)
            }
        }
        deserializer.deserialize_any(Of)
    }
}

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
    /// 0s and 1s.
    Bernoulli,
    /// One likelihood for each column; a column that is not named takes that of its kind: Gaussian for numbers.
    Mixed {
        /// By the column's name.
        #[serde(default)]
        columns: BTreeMap<String, Likelihood>,
    },
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
    LikelihoodRow { name: "bernoulli", about: "0 and 1, or numbers between them", new: || Likelihood::Bernoulli },
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
        row.map(|row| (row.new)()).ok_or_else(|| ModelError::UnknownLikelihood { name: text.into() })
    }
}

impl Serialize for Likelihood {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Likelihood::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Likelihood {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Likelihood, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Likelihood;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a likelihood's name, or a table with `name` and its options")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Likelihood, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Likelihood, A::Error> {
                Likelihood::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Of)
    }
}

impl Likelihood {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Likelihood::Gaussian { .. } => "gaussian",
            Likelihood::Bernoulli => "bernoulli",
            Likelihood::Mixed { .. } => "mixed",
        }
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

    fn suits(&self, column: &Column) -> Result<(), ModelError> {
        let needs = match (self, &column.kind) {
            (Likelihood::Mixed { .. }, _) => return Err(ModelError::MixedWithin { column: column.name.clone() }),
            (_, ColumnKind::Categories(_)) => {
                "numbers, and the column is categorical: choose `categorical`, or `mixed`"
            }
            _ => return Ok(()),
        };
        Err(ModelError::Kind { likelihood: self.name(), column: column.name.clone(), needs })
    }
}

/// What an unnamed column of a mixed likelihood takes.
fn of_kind(kind: &ColumnKind) -> Likelihood {
    match kind {
        ColumnKind::Number | ColumnKind::Categories(_) => Likelihood::default(),
    }
}
