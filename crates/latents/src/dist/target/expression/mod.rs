//! A target written as an expression: its text is parsed, checked and compiled to traced operations.

mod error;
mod functions;
mod lexer;
mod parser;
mod program;
mod variables;

pub use error::{ExpressionError, ExpressionFault};
pub use functions::{FUNCTIONS, FunctionRow};

use crate::dist::target::Target;
use program::Program;
use pullback::{DType, Key, Tensor};
use variables::Variables;

/// How many brackets, signs and powers can stand inside one another.
pub const MAX_DEPTH: usize = 100;
/// How many bytes a text can have.
pub const MAX_LENGTH: usize = 20_000;
/// How many coordinates there can be.
pub const MAX_DIM: usize = 1000;

/// What the value of an expression is to the density `p*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// `-log p*`, up to a constant: low where the density is high.
    Energy,
    /// `log p*`, up to a constant: high where the density is high.
    LogDensity,
}

/// An unnormalised density given as text.
///
/// Variables are the coordinates of one example, in order: `a,b` are two, `x[3]` is a vector of three, used whole
/// (`sum(x^2)`) or by coordinate (`x[0]`). The language has numbers, `+ - * /`, `^` (which binds tighter than a sign
/// before it, and to the right), comparisons, the constants `pi` and `e`, and [`FUNCTIONS`].
///
/// Gradients are those of the traced operations. `where(c, a, b)` computes both branches: the one that is not taken
/// must stay inside its domain, or its gradient is NaN (`where(x > 0, log(max(x, 1e-9)), 0)`).
///
/// ```
/// use latents::dist::Target;
/// use latents::dist::target::{Expression, Sense};
/// use pullback::{Tensor, grad};
/// let well = Expression::new("x,y", "(x^2 - 1)^2 + y^2/2", Sense::Energy)?;
/// let at = Tensor::from([2.0f64, 1.0]);
/// assert_eq!(well.log_density(&at).item::<f64>()?, -9.5);
/// assert_eq!(grad(|x: Tensor| well.log_density(&x)).call(at).to_vec::<f64>()?, [-24.0, -1.0]);
///
/// let e = Expression::new("x,y", "x^2 + epx(y)", Sense::Energy).unwrap_err();
/// assert!(e.to_string().starts_with("there is no function `epx`\n  x^2 + epx(y)\n        ^^^\n  help: did you mean `exp`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expression {
    program: Program,
    dim: usize,
    sense: Sense,
    bounds: [(f64, f64); 2],
    axes: [String; 2],
}

impl Expression {
    /// The density of a text in those variables; a picture looks at ±5.
    ///
    /// # Errors
    /// The first mistake, in the variables or in the text.
    pub fn new(variables: &str, text: &str, sense: Sense) -> Result<Expression, ExpressionError> {
        let variables = Variables::parse(variables)?;
        let program = parser::parse(text, &variables)?;
        if let Some(unused) = variables.unread(&program.reads(variables.dim())) {
            return Err(unused);
        }
        let axes = [0, 1].map(|i| variables.name_of(i).unwrap_or_default());
        Ok(Expression { program, dim: variables.dim(), sense, bounds: [(-5.0, 5.0); 2], axes })
    }

    /// The same density with another view for pictures.
    pub fn with_bounds(self, bounds: [(f64, f64); 2]) -> Expression {
        Expression { bounds, ..self }
    }
}

impl Target for Expression {
    fn name(&self) -> &str {
        "expression"
    }
    fn dim(&self) -> usize {
        self.dim
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        let value = self.program.run(x);
        match self.sense {
            Sense::Energy => -value,
            Sense::LogDensity => value,
        }
    }
    fn log_normalizer(&self) -> Option<f64> {
        None
    }
    fn sample(&self, _: Key, _: DType) -> Option<Tensor> {
        None
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        self.bounds
    }
    fn axes(&self) -> [String; 2] {
        self.axes.clone()
    }
}

#[cfg(test)]
mod tests;
