//! A density that the user writes out.

use crate::failure::Failure;
use latents::dist::Target;
use latents::dist::target::{Expression, ExpressionError, Sense};
use latents::evaluation::{HeavyTail, Lost, Support};
use pullback::Tensor;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Coordinates of a point that are told.
const SHOWN: usize = 6;

/// What the value of the expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// `-log p*`.
    Energy,
    /// `log p*`.
    LogDensity,
}

/// What is wrong with a density whose integral is infinite.
pub struct Endless {
    /// Whether its log density rises without bound: then there is nothing to match.
    pub rises: bool,
    /// What is wrong, and where.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// A density as a checkpoint keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The expression.
    pub text: String,
    /// What its value is.
    pub meaning: Meaning,
    /// The list of its variables.
    pub variables: String,
    /// Where a picture looks: least and greatest of the first coordinate and of the second.
    pub view: [f64; 4],
}

impl Written {
    /// The density.
    ///
    /// # Errors
    /// The first mistake in the text.
    pub fn target(&self) -> Result<Arc<dyn Target>, ExpressionError> {
        let sense = match self.meaning {
            Meaning::Energy => Sense::Energy,
            Meaning::LogDensity => Sense::LogDensity,
        };
        let [x0, x1, y0, y1] = self.view;
        let expression = Expression::new(&self.variables, &self.text, sense)?;
        Ok(Arc::new(expression.with_bounds([(x0, x1), (y0, y1)])))
    }

    /// What the density is, in an equation.
    pub fn equation(&self) -> String {
        let Written { text, meaning, variables, .. } = self;
        match meaning {
            Meaning::Energy => format!("log p*({variables}) = -({text}) + constant"),
            Meaning::LogDensity => format!("log p*({variables}) = {text} + constant"),
        }
    }

    /// What to do about a density that is not finite everywhere.
    pub const REMEDY: &str = "write an expression that is finite, as is its slope, for all real values of the variables: \
                              keep what stands inside log, sqrt and below / in its domain, as in log(max(x, 1e-9)), also \
                              in the branch of where(…) that is not taken.";

    /// At how many points the density is not finite, in words; none where it is finite at all.
    ///
    /// # Errors
    /// A fault of the program.
    pub fn lost(&self, target: &dyn Target, points: &Tensor) -> Result<Option<String>, Failure> {
        let Support { tried, lost, first } = Support::of(target, points)?;
        let Some(Lost { point, value }) = first else { return Ok(None) };
        // What the user wrote down may be the energy.
        let value = if self.meaning == Meaning::Energy { -value } else { value };
        let is =
            if value.is_finite() { "has a slope that is no finite number".to_owned() } else { format!("is {value}") };
        let (text, at) = (&self.text, self.place(&point, |x| format!("{x:.4}")));
        Ok(Some(format!("`{text}` is not finite at {lost} of {tried} points that the model draws: it {is} at {at}")))
    }

    /// A point, in words.
    fn place(&self, point: &[f64], number: impl Fn(f64) -> String) -> String {
        let shown: Vec<String> = point.iter().take(SHOWN).map(|&x| number(x)).collect();
        let more = if point.len() > SHOWN { ", …" } else { "" };
        format!("({}) = ({}{more})", self.variables, shown.join(", "))
    }

    /// Whether the density can be normalised, as far as one sees along the axes and through these points.
    ///
    /// # Errors
    /// A fault of the program.
    pub fn endless(&self, target: &dyn Target, points: &Tensor) -> Result<Option<Endless>, Failure> {
        let Some(HeavyTail { rises, points: [near, far] }) = HeavyTail::find(target, points)? else { return Ok(None) };
        let number = |x: f64| format!("{x:.3e}");
        let [near, far] =
            [near, far].map(|(point, value)| format!("{} near {}", number(value), self.place(&point, number)));
        let (text, how) = (&self.text, if rises { "rises without bound" } else { "hardly falls" });
        let what = format!(
            "`{text}` is no density: its log density {how} far out, from {near} to {far}, and the integral is infinite"
        );
        let sign = match self.meaning {
            Meaning::Energy => "--energy is low where the density is high: is --log-density meant?",
            Meaning::LogDensity => "--log-density is high where the density is high: is --energy meant?",
        };
        let hold = "add a term that makes the density fall in that direction, as -x^2/200 does in the log density";
        let help = if rises { format!("{sign} Else {hold}") } else { hold.to_owned() };
        Ok(Some(Endless { rises, what, help }))
    }

    /// Names and values, for people.
    pub fn rows(&self) -> Vec<(String, String)> {
        let [x0, x1, y0, y1] = self.view;
        vec![("density".to_owned(), self.equation()), ("view".to_owned(), format!("{x0},{x1},{y0},{y1}"))]
    }
}

impl From<ExpressionError> for Failure {
    fn from(e: ExpressionError) -> Failure {
        let text = e.to_string();
        let (what, help) = text.split_once("\n  help: ").unwrap_or((&text, ""));
        Failure::usage(what, help)
    }
}
