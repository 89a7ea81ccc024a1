//! A density that the user writes out.

use crate::failure::Failure;
use latents::dist::Target;
use latents::dist::target::{Expression, ExpressionError, Sense};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the value of the expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// `-log p*`.
    Energy,
    /// `log p*`.
    LogDensity,
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
