//! The variables of an expression: names of coordinates.

use super::error::{ExpressionError, ExpressionFault};
use super::functions::{constant, function};
use super::lexer::{Word, words};
use std::ops::Range;

/// A name and the coordinates that it is of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Its first coordinate.
    pub(super) start: usize,
    /// The vector's length; none for a single number.
    pub(super) length: Option<usize>,
    span: Range<usize>,
}

/// All of them, in the order of the coordinates.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variables {
    text: String,
    all: Vec<Variable>,
}

impl Variables {
    /// What a coordinate is called: `a`, or `x[2]`.
    pub(super) fn name_of(&self, coordinate: usize) -> Option<String> {
        self.all.iter().find_map(|Variable { name, start, length, .. }| {
            let place = coordinate.checked_sub(*start).filter(|place| *place < length.unwrap_or(1))?;
            Some(length.map_or_else(|| name.clone(), |_| format!("{name}[{place}]")))
        })
    }

    /// Reads a list as `a,b,x[3]`.
    ///
    /// # Errors
    /// The first mistake.
    pub(super) fn parse(text: &str) -> Result<Variables, ExpressionError> {
        let refused = |span: &Range<usize>, fault| ExpressionError { text: text.to_owned(), span: span.clone(), fault };
        let mut all: Vec<Variable> = Vec::new();
        let mut start: usize = 0;
        let mut words = words(text)?.into_iter().peekable();
        while let Some(token) = words.next() {
            let Word::Name(name) = token.word else {
                let found = token.word.told();
                return Err(refused(
                    &token.span,
                    ExpressionFault::Unexpected { found, wanted: "the name of a variable" },
                ));
            };
            let why = match () {
                _ if constant(&name).is_some() => Some("it is a constant"),
                _ if function(&name).is_some() => Some("it is a function"),
                _ if all.iter().any(|v| v.name == name) => Some("it is there already"),
                _ => None,
            };
            if let Some(why) = why {
                return Err(refused(&token.span, ExpressionFault::Name { name, why }));
            }
            let mut length = None;
            let mut span = token.span;
            if words.next_if(|t| t.word == Word::Sign("[")).is_some() {
                let size = words.next();
                let close = words.next();
                match (size.map(|t| (t.word, t.span)), close.map(|t| t.word)) {
                    (Some((Word::Number(n), place)), Some(Word::Sign("]"))) => {
                        if n.fract() != 0.0 || n < 1.0 || n > super::MAX_DIM as f64 {
                            return Err(refused(&place, ExpressionFault::Dimension { found: n as usize }));
                        }
                        span.end = place.end + 1;
                        length = Some(n as usize);
                    }
                    _ => {
                        let fault = ExpressionFault::Name { name, why: "its length must be a number in [ ]" };
                        return Err(refused(&span, fault));
                    }
                }
            }
            all.push(Variable { name, start, length, span });
            start += length.unwrap_or(1);
            match words.next() {
                Some(t) if t.word == Word::Sign(",") => {}
                Some(t) if t.word == Word::End => break,
                Some(t) => {
                    let found = t.word.told();
                    return Err(refused(
                        &t.span,
                        ExpressionFault::Unexpected { found, wanted: "a comma between names" },
                    ));
                }
                None => break,
            }
        }
        if start > super::MAX_DIM {
            return Err(refused(&(0..text.len()), ExpressionFault::Dimension { found: start }));
        }
        Ok(Variables { text: text.to_owned(), all })
    }

    pub(super) fn find(&self, name: &str) -> Option<&Variable> {
        self.all.iter().find(|v| v.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|v| v.name.as_str())
    }

    /// How many coordinates.
    pub(super) fn dim(&self) -> usize {
        self.all.iter().map(|v| v.length.unwrap_or(1)).sum()
    }

    /// The fault of the first coordinate that is not read.
    pub(super) fn unread(&self, read: &[bool]) -> Option<ExpressionError> {
        let unread = |v: &&Variable| (v.start..v.start + v.length.unwrap_or(1)).any(|i| !read[i]);
        let v = self.all.iter().find(unread)?;
        let i = (v.start..).find(|&i| !read[i])? - v.start;
        let name = if v.length.is_some() { format!("{}[{i}]", v.name) } else { v.name.clone() };
        Some(ExpressionError { text: self.text.clone(), span: v.span.clone(), fault: ExpressionFault::Unused { name } })
    }
}
