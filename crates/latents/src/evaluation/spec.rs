//! Which estimator of `log p(x)`, and how much of it: `iwae:5000`.

use crate::estimator::{Kind, Sumo};
use std::fmt;
use std::str::FromStr;

/// An estimator with the number of samples for each row.
///
/// | text | figure of a row | kind |
/// |---|---|---|
/// | `elbo`, `elbo:100` | mean of `k` log-weights, 100 unless told | lower |
/// | `iwae`, `iwae:5000` | log of the mean of `k` weights, 5000 unless told | lower |
/// | `miwae:8x50` | mean of 8 such bounds of 50 weights each | lower |
/// | `ciwae:0.5x50` | half the ELBO and half the bound, by the same 50 weights | lower |
/// | `sumo`, `sumo:16` | mean of so many independent values of SUMO, 1 unless told | unbiased |
///
/// ```
/// use latents::evaluation::EstimatorSpec;
/// let spec: EstimatorSpec = "iwae:5000".parse()?;
/// assert_eq!((spec, spec.to_string()), (EstimatorSpec::Iwae { samples: 5000 }, "iwae:5000".into()));
/// let error = "iwea:5000".parse::<EstimatorSpec>().err().ok_or("a mistake")?;
/// assert!(error.to_string().contains("did you mean `iwae`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EstimatorSpec {
    /// The mean of so many log-weights.
    Elbo {
        /// `k`.
        samples: u32,
    },
    /// `L_k`.
    Iwae {
        /// `k`.
        samples: u32,
    },
    /// The mean of `groups` bounds `L_k`.
    Miwae {
        /// `M`.
        groups: u32,
        /// `k` of each.
        samples: u32,
    },
    /// `β ELBO + (1 - β) L_k`.
    Ciwae {
        /// `β`.
        beta: f64,
        /// `k`.
        samples: u32,
    },
    /// The mean of so many values of SUMO.
    Sumo {
        /// How many.
        copies: u32,
        /// The estimator.
        sumo: Sumo,
    },
}

/// A text that names no estimator.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// No such name.
    #[error("no estimator is called `{name}`{}; there are {}", meant(.name), names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// One that is known, and that data does not allow.
    #[error(
        "`upper` needs an exact draw from the posterior of each row, which a row of data does not come with; a row's \
             upper bound exists only where the row was drawn from the model"
    )]
    Upper,
    /// One for training.
    #[error(
        "`elbo-analytic` is for training, where its gradient varies less; its mean is that of `elbo`: write elbo:100"
    )]
    Analytic,
    /// A number that is none, or out of range.
    #[error("`{text}`: `{part}` is not {needs}; write {example}")]
    Number {
        /// The whole text.
        text: String,
        /// The part of it.
        part: String,
        /// What it should be.
        needs: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// Nothing at all.
    #[error("an estimator's name is empty; there are {}", names())]
    Empty,
}

/// The names that can be asked for.
const NAMES: [&str; 5] = ["elbo", "iwae", "miwae", "ciwae", "sumo"];

fn names() -> String {
    NAMES.join(", ")
}

fn meant(name: &str) -> String {
    let near = NAMES.iter().map(|n| (strsim::damerau_levenshtein(&name.to_lowercase(), n), *n)).min();
    near.filter(|&(d, _)| d <= 2).map_or_else(String::new, |(_, n)| format!("; did you mean `{n}`?"))
}

/// More than a row can be given: an i32 counts the samples of a program.
const MOST: u32 = 100_000_000;

fn count(text: &str, part: &str, example: &'static str) -> Result<u32, SpecError> {
    part.parse::<u32>().ok().filter(|n| (1..=MOST).contains(n)).ok_or_else(|| SpecError::Number {
        text: text.to_owned(),
        part: part.to_owned(),
        needs: "a whole number from 1 to 100000000",
        example,
    })
}

fn pair<'a>(text: &str, part: &'a str, example: &'static str) -> Result<(&'a str, &'a str), SpecError> {
    part.split_once('x').ok_or_else(|| SpecError::Number {
        text: text.to_owned(),
        part: part.to_owned(),
        needs: "two numbers with an `x` between them",
        example,
    })
}

impl FromStr for EstimatorSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<EstimatorSpec, SpecError> {
        let text = text.trim();
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let or = |default, example| number.map_or(Ok(default), |part| count(text, part, example));
        match name {
            "" => Err(SpecError::Empty),
            "elbo" => Ok(EstimatorSpec::Elbo { samples: or(100, "elbo:100")? }),
            "iwae" => Ok(EstimatorSpec::Iwae { samples: or(5000, "iwae:5000")? }),
            "miwae" => {
                let (m, k) = pair(text, number.unwrap_or("8x50"), "miwae:8x50")?;
                let (groups, samples) = (count(text, m, "miwae:8x50")?, count(text, k, "miwae:8x50")?);
                Ok(EstimatorSpec::Miwae { groups, samples })
            }
            "ciwae" => {
                let (beta, k) = pair(text, number.unwrap_or("0.5x50"), "ciwae:0.5x50")?;
                let samples = count(text, k, "ciwae:0.5x50")?;
                let beta = beta.parse::<f64>().ok().filter(|b| (0.0..=1.0).contains(b)).ok_or(SpecError::Number {
                    text: text.to_owned(),
                    part: beta.to_owned(),
                    needs: "a number from 0 to 1",
                    example: "ciwae:0.5x50",
                })?;
                Ok(EstimatorSpec::Ciwae { beta, samples })
            }
            "sumo" => Ok(EstimatorSpec::Sumo { copies: or(1, "sumo:16")?, sumo: Sumo::default() }),
            "upper" => Err(SpecError::Upper),
            "elbo-analytic" => Err(SpecError::Analytic),
            _ => Err(SpecError::Unknown { name: name.to_owned() }),
        }
    }
}

impl fmt::Display for EstimatorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EstimatorSpec::Elbo { samples } => write!(f, "elbo:{samples}"),
            EstimatorSpec::Iwae { samples } => write!(f, "iwae:{samples}"),
            EstimatorSpec::Miwae { groups, samples } => write!(f, "miwae:{groups}x{samples}"),
            EstimatorSpec::Ciwae { beta, samples } => write!(f, "ciwae:{beta}x{samples}"),
            EstimatorSpec::Sumo { copies: 1, .. } => write!(f, "sumo"),
            EstimatorSpec::Sumo { copies, .. } => write!(f, "sumo:{copies}"),
        }
    }
}

impl EstimatorSpec {
    /// The specs of a list with commas between them.
    ///
    /// # Errors
    /// [`SpecError`] for the first that is none.
    pub fn list(text: &str) -> Result<Vec<EstimatorSpec>, SpecError> {
        text.split(',').map(str::parse).collect()
    }

    /// The name by itself.
    pub fn name(&self) -> &'static str {
        NAMES[self.ordinal() as usize]
    }

    /// What its expectation is to `log p(x)`.
    pub fn kind(&self) -> Kind {
        match self {
            EstimatorSpec::Sumo { sumo: Sumo { cap: None, .. }, .. } => Kind::Unbiased,
            _ => Kind::Lower,
        }
    }

    /// Whether a row's figure is the logarithm of one mean of weights, whose error by the delta method needs a variance of
    /// theirs. A mean of several logarithms has its error from those.
    pub(crate) fn averages_weights(&self) -> bool {
        matches!(self, EstimatorSpec::Iwae { .. } | EstimatorSpec::Ciwae { .. })
    }

    /// Its place in the list of names, by which it has random numbers of its own.
    pub(crate) fn ordinal(&self) -> u32 {
        match self {
            EstimatorSpec::Elbo { .. } => 0,
            EstimatorSpec::Iwae { .. } => 1,
            EstimatorSpec::Miwae { .. } => 2,
            EstimatorSpec::Ciwae { .. } => 3,
            EstimatorSpec::Sumo { .. } => 4,
        }
    }

    /// How many independent units a row's figure is made of: weights, groups of them, or values of SUMO.
    pub(crate) fn units(&self) -> u32 {
        match *self {
            EstimatorSpec::Elbo { samples }
            | EstimatorSpec::Iwae { samples }
            | EstimatorSpec::Ciwae { samples, .. } => samples,
            EstimatorSpec::Miwae { groups, .. } => groups,
            EstimatorSpec::Sumo { copies, .. } => copies,
        }
    }

    /// Samples of one unit, in the mean.
    pub(crate) fn unit_cost(&self) -> f64 {
        match *self {
            EstimatorSpec::Elbo { .. } | EstimatorSpec::Iwae { .. } | EstimatorSpec::Ciwae { .. } => 1.0,
            EstimatorSpec::Miwae { samples, .. } => f64::from(samples),
            EstimatorSpec::Sumo { sumo, .. } => f64::from(sumo.min_terms) + sumo.tail.mean(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::ESTIMATORS;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["elbo:100", "iwae:5000", "miwae:8x50", "ciwae:0.25x10", "sumo", "sumo:16"] {
            assert_eq!(text.parse::<EstimatorSpec>().unwrap().to_string(), text);
        }
        let list = EstimatorSpec::list("iwae, elbo,sumo").unwrap();
        assert_eq!(list.iter().map(EstimatorSpec::name).collect::<Vec<_>>(), ["iwae", "elbo", "sumo"]);
    }

    #[test]
    fn mistakes_say_what_is_meant() {
        let error = |text: &str| text.parse::<EstimatorSpec>().unwrap_err().to_string();
        assert!(error("smuo").contains("did you mean `sumo`?"), "{}", error("smuo"));
        assert!(!error("likelihood").contains("did you mean"));
        for text in ["iwae:0", "iwae:-3", "iwae:many", "iwae:", "miwae:8", "miwae:0x5", "ciwae:2x5", "elbo:1e3"] {
            assert!(error(text).contains("write "), "{}", error(text));
        }
        assert!(error("upper").contains("posterior"));
        assert_eq!(EstimatorSpec::list("iwae,,elbo"), Err(SpecError::Empty));
    }

    #[test]
    fn every_name_of_the_table_is_answered() {
        for row in ESTIMATORS {
            match row.name.parse::<EstimatorSpec>() {
                Ok(spec) => assert_eq!((spec.name(), spec.kind()), (row.name, row.kind)),
                Err(SpecError::Upper) => assert_eq!(row.name, "upper"),
                Err(SpecError::Analytic) => assert_eq!(row.name, "elbo-analytic"),
                Err(e) => panic!("{}: {e}", row.name),
            }
        }
    }
}
