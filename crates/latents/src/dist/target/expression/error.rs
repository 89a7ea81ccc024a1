//! What is wrong with an expression, and where.

use super::functions::FUNCTIONS;
use std::fmt;
use std::ops::Range;

/// A mistake in an expression or in the list of its variables.
///
/// It prints the text with the mistake underlined, and what to do:
/// ```text
/// there is no variable or constant `y`
///   x^2/2 + y
///           ^
///   help: the variables are x
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct ExpressionError {
    /// The whole text.
    pub text: String,
    /// Which bytes of it are wrong.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub fault: ExpressionFault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExpressionFault {
    /// A character that the language does not have.
    Character {
        /// It.
        found: char,
    },
    /// One thing where another must stand.
    Unexpected {
        /// What stands there.
        found: String,
        /// What can.
        wanted: &'static str,
    },
    /// Two values side by side.
    MissingOperator,
    /// A name that is neither a variable nor a constant.
    UnknownName {
        /// It.
        name: String,
        /// What was probably meant.
        meant: Option<String>,
        /// The names there are.
        known: String,
    },
    /// A function that there is not.
    UnknownFunction {
        /// Its name.
        name: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// A function without its arguments.
    NotCalled {
        /// The function.
        name: String,
    },
    /// A variable or constant with arguments.
    NotAFunction {
        /// Its name.
        name: String,
    },
    /// Too many or too few arguments.
    Arguments {
        /// The function.
        name: String,
        /// How many it was given.
        found: usize,
        /// How many it takes.
        wanted: usize,
    },
    /// A coordinate that a vector does not have, or of something that is no vector.
    Index {
        /// The variable.
        name: String,
        /// How many coordinates it has; none where it is a single number.
        length: Option<usize>,
    },
    /// Vectors of different lengths.
    Lengths {
        /// Of the one.
        left: usize,
        /// Of the other.
        right: usize,
    },
    /// A comparison where a number must stand, or the other way round.
    Sort {
        /// What stands there.
        found: &'static str,
        /// What must.
        wanted: &'static str,
    },
    /// Nested deeper than 100 levels.
    Deep,
    /// Longer than 20,000 bytes.
    Long {
        /// Its length in bytes.
        found: usize,
    },
    /// A name that cannot be a variable's.
    Name {
        /// It.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// A coordinate that the expression does not depend on.
    Unused {
        /// The coordinate, as it would be written.
        name: String,
    },
    /// More than 1,000 coordinates, or none.
    Dimension {
        /// How many.
        found: usize,
    },
}

impl ExpressionFault {
    /// What to do about it.
    pub fn help(&self) -> String {
        use ExpressionFault::*;
        let did = |meant: &Option<String>| meant.as_ref().map(|m| format!("did you mean `{m}`? "));
        match self {
            Character { found: '²' } => "write ^2".to_owned(),
            Character { found: '×' | '·' } => "write *".to_owned(),
            Character { found: '=' } => "compare with ==".to_owned(),
            Character { .. } => {
                "there are numbers, names, + - * / ^ ( ) [ ] , and the comparisons < <= > >= == !=".to_owned()
            }
            Unexpected { wanted, .. } => format!("write {wanted}"),
            MissingOperator => "write an operator between them, as in 2*x".to_owned(),
            UnknownName { meant, known, .. } => {
                format!("{}the variables are {known}; the constants pi and e", did(meant).unwrap_or_default())
            }
            UnknownFunction { meant, .. } => {
                let names: Vec<&str> = FUNCTIONS.iter().map(|row| row.name).collect();
                format!("{}the functions are {}", did(meant).unwrap_or_default(), names.join(" "))
            }
            NotCalled { name } => format!("give its arguments: {name}(…)"),
            NotAFunction { .. } => "write * to multiply, as in x*(1 + y)".to_owned(),
            Arguments { name, .. } if name == "where" => "where(condition, value if it holds, value if not)".to_owned(),
            Arguments { .. } => "separate arguments by commas".to_owned(),
            Index { length: Some(n), .. } => format!("count from 0 to {}", n.saturating_sub(1)),
            Index { name, .. } => format!("declare it as a vector, as in --vars {name}[3]"),
            Lengths { .. } => "pick coordinates with [i], or add each up with sum(…)".to_owned(),
            Sort { wanted: "a single number", .. } => "sum(…) makes one number of a vector".to_owned(),
            Sort { found: "a comparison", .. } => "where(comparison, a, b) makes a number of it".to_owned(),
            Sort { .. } => "compare two numbers, as in x > 0".to_owned(),
            Deep => format!("nest at most {} brackets, signs and powers", super::MAX_DEPTH),
            Long { .. } => "write a target of your own in Rust: see examples/own_target.rs".to_owned(),
            Name { .. } => "name variables by letters, digits and _, as in a,b or x[3]".to_owned(),
            Unused { .. } => {
                "nothing would hold it: the density could not be normalised; use it, or leave it out".to_owned()
            }
            Dimension { .. } => format!("declare from 1 to {} coordinates", super::MAX_DIM),
        }
    }
}

impl fmt::Display for ExpressionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ExpressionFault::*;
        match self {
            Character { found } => write!(f, "the character `{}` means nothing here", found.escape_debug()),
            Unexpected { found, .. } => write!(f, "{found} cannot stand here"),
            MissingOperator => f.write_str("there is no operator between these two values"),
            UnknownName { name, .. } => write!(f, "there is no variable or constant `{name}`"),
            UnknownFunction { name, .. } => write!(f, "there is no function `{name}`"),
            NotCalled { name } => write!(f, "`{name}` is a function"),
            NotAFunction { name } => write!(f, "`{name}` is no function"),
            Arguments { name, found, wanted } => {
                let s = if *wanted == 1 { "" } else { "s" };
                write!(f, "`{name}` takes {wanted} argument{s}, not {found}")
            }
            Index { name, length: Some(n) } => write!(f, "`{name}` has {n} coordinates"),
            Index { name, length: None } => write!(f, "`{name}` is a single number"),
            Lengths { left, right } => write!(f, "a vector of {left} numbers and one of {right}"),
            Sort { found, wanted } => write!(f, "{found} stands where {wanted} must"),
            Deep => f.write_str("the expression is nested too deeply"),
            Long { found } => write!(f, "{found} characters are more than {}", super::MAX_LENGTH),
            Name { name, why } => write!(f, "`{name}` cannot name a variable: {why}"),
            Unused { name } => write!(f, "the expression does not depend on `{name}`"),
            Dimension { found } => write!(f, "{found} coordinates"),
        }
    }
}

/// Letters shown on each side of a mistake in a long text.
const AROUND: usize = 50;

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One column a character; a line break or tab would tear the underlining from its place.
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        let column = |byte: usize| self.text.char_indices().take_while(|(at, _)| *at < byte).count();
        let (start, end) = (column(self.span.start), column(self.span.end));
        let length = self.text.chars().count();
        let first = start.saturating_sub(AROUND);
        let last = (end.min(start + AROUND) + AROUND).min(length);
        let text: String = self.text.chars().skip(first).take(last - first).map(shown).collect();
        let (before, after) = (if first > 0 { "…" } else { "" }, if last < length { "…" } else { "" });
        let indent = " ".repeat(start - first + before.chars().count());
        let carets = "^".repeat(end.saturating_sub(start).clamp(1, (last - start).max(1)));
        write!(f, "{}\n  {before}{text}{after}\n  {indent}{carets}\n  help: {}", self.fault, self.fault.help())
    }
}
