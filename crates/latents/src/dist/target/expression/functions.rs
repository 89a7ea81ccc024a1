//! The functions and constants of the language, one row each.

use pullback::Tensor;
use strsim::damerau_levenshtein;

/// What a function does to its arguments.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// A number for each number.
    Each(fn(&Tensor) -> Tensor),
    /// A number for each pair of numbers.
    Pair(fn(&Tensor, &Tensor) -> Tensor),
    /// The sum of a vector's numbers.
    Sum,
    /// `where(condition, a, b)`.
    Where,
}

impl Meaning {
    /// How many arguments.
    pub(super) fn arity(self) -> usize {
        match self {
            Meaning::Each(_) | Meaning::Sum => 1,
            Meaning::Pair(_) => 2,
            Meaning::Where => 3,
        }
    }
}

/// A function of the language.
pub struct FunctionRow {
    /// Its name.
    pub name: &'static str,
    /// What it is, for the help.
    pub about: &'static str,
    pub(super) meaning: Meaning,
}

macro_rules! each {
    ($name:literal, $about:literal, $f:expr) => {
        FunctionRow { name: $name, about: $about, meaning: Meaning::Each($f) }
    };
}

/// Every function of the language.
pub const FUNCTIONS: &[FunctionRow] = &[
    each!("exp", "e^x", Tensor::exp),
    each!("log", "the natural logarithm", Tensor::log),
    each!("log1p", "log(1 + x), exact near 0", Tensor::log1p),
    each!("expm1", "e^x - 1, exact near 0", Tensor::expm1),
    each!("tanh", "the hyperbolic tangent", Tensor::tanh),
    each!("sigmoid", "1 / (1 + e^-x)", Tensor::sigmoid),
    each!("softplus", "log(1 + e^x)", Tensor::softplus),
    each!("sqrt", "the square root", Tensor::sqrt),
    each!("sin", "the sine", Tensor::sin),
    each!("cos", "the cosine", Tensor::cos),
    each!("abs", "the absolute value", Tensor::abs),
    each!("erf", "the error function", Tensor::erf),
    each!("lgamma", "log Γ(x)", Tensor::log_gamma),
    FunctionRow { name: "min", about: "the lesser of two", meaning: Meaning::Pair(|a, b| a.minimum(b)) },
    FunctionRow { name: "max", about: "the greater of two", meaning: Meaning::Pair(|a, b| a.maximum(b)) },
    FunctionRow { name: "logaddexp", about: "log(e^a + e^b), without overflow", meaning: Meaning::Pair(logaddexp) },
    FunctionRow { name: "sum", about: "the sum of a vector's numbers", meaning: Meaning::Sum },
    FunctionRow { name: "where", about: "where(c, a, b): a where c holds, else b", meaning: Meaning::Where },
];

/// The constants.
pub(super) const CONSTANTS: &[(&str, f64)] = &[("pi", std::f64::consts::PI), ("e", std::f64::consts::E)];

/// Names that other languages have, and what they are called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("ln", "log"),
    ("gammaln", "lgamma"),
    ("loggamma", "lgamma"),
    ("logistic", "sigmoid"),
    ("expit", "sigmoid"),
    ("fabs", "abs"),
    ("minimum", "min"),
    ("maximum", "max"),
    ("ifelse", "where"),
    ("select", "where"),
    ("logsumexp", "logaddexp"),
    ("pow", "^"),
    ("power", "^"),
    ("square", "^2"),
];

fn logaddexp(a: &Tensor, b: &Tensor) -> Tensor {
    a.maximum(b) + (-(a - b).abs()).exp().log1p()
}

pub(super) fn function(name: &str) -> Option<&'static FunctionRow> {
    FUNCTIONS.iter().find(|row| row.name == name)
}

pub(super) fn constant(name: &str) -> Option<f64> {
    CONSTANTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// The known name that was probably meant: one of another language, or the nearest in spelling.
pub(super) fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, here)| *here);
    let near = |(distance, known): (usize, &'a str)| (distance <= 1 + name.len() / 4).then_some(known);
    elsewhere.or_else(|| {
        let all = known.map(|k| (damerau_levenshtein(&name.to_lowercase(), &k.to_lowercase()), k));
        // A name of one letter is a slip of another only in its case.
        all.filter(|(d, k)| *d < k.len().max(name.len())).min_by_key(|(d, _)| *d).and_then(near)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let names = || FUNCTIONS.iter().map(|row| row.name).chain(["x", "velocity"]);
        for (name, wanted) in [
            ("epx", Some("exp")),
            ("ln", Some("log")),
            ("softpuls", Some("softplus")),
            ("X", Some("x")),
            ("velocty", Some("velocity")),
            ("q", None),
            ("banana", None),
        ] {
            assert_eq!(meant(name, names()), wanted, "{name}");
        }
    }
}
