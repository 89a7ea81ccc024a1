//! From text to a program of a stack machine: precedence climbing, which checks what each value is on its way.

use super::error::{ExpressionError, ExpressionFault};
use super::functions::{FUNCTIONS, Meaning, constant, function, meant};
use super::lexer::{Token, Word, words};
use super::program::{Instruction, Program};
use super::variables::Variables;
use pullback::Tensor;
use std::ops::Range;

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
struct Value {
    /// Whether it is a comparison.
    truth: bool,
    /// The vector's length; none for a single number.
    length: Option<usize>,
    /// Where it is written.
    span: Range<usize>,
}

type Parsed<T> = Result<T, (Range<usize>, ExpressionFault)>;

/// The program of an expression of those variables.
///
/// # Errors
/// The first mistake.
pub(super) fn parse(text: &str, variables: &Variables) -> Result<Program, ExpressionError> {
    let tokens = words(text)?;
    let mut parser = Parser { tokens, at: 0, depth: 0, variables, code: Vec::new() };
    parser.whole().map_err(|(span, fault)| ExpressionError { text: text.to_owned(), span, fault })?;
    Ok(Program(parser.code))
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    variables: &'a Variables,
    code: Vec<Instruction>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Parsed<()> {
        let value = self.comparison()?;
        match &self.peek().word {
            Word::End => {}
            Word::Number(_) | Word::Name(_) | Word::Sign("(") => {
                return Err((self.peek().span.clone(), ExpressionFault::MissingOperator));
            }
            _ => return self.unexpected("an operator, or nothing more"),
        }
        let value = number(value)?;
        match value.length {
            None => Ok(()),
            Some(_) => Err((value.span, ExpressionFault::Sort { found: "a vector", wanted: "a single number" })),
        }
    }

    /// The next word; the list ends with [`Word::End`], which is never passed.
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// Whether one of those signs comes next; it is passed then.
    fn passes(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        match self.peek().word {
            Word::Sign(sign) if signs.contains(&sign) => {
                self.at += 1;
                Some(sign)
            }
            _ => None,
        }
    }

    fn expects(&mut self, sign: &'static str, wanted: &'static str) -> Parsed<Range<usize>> {
        let span = self.peek().span.clone();
        match self.passes(&[sign]) {
            Some(_) => Ok(span),
            None if matches!(self.peek().word, Word::Number(_) | Word::Name(_)) => {
                Err((span, ExpressionFault::MissingOperator))
            }
            None => self.unexpected(wanted),
        }
    }

    fn unexpected<T>(&self, wanted: &'static str) -> Parsed<T> {
        let Token { word, span } = self.peek();
        Err((span.clone(), ExpressionFault::Unexpected { found: word.told(), wanted }))
    }

    /// One level further in.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= super::MAX_DEPTH {
            return Err((self.peek().span.clone(), ExpressionFault::Deep));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn comparison(&mut self) -> Parsed<Value> {
        let left = self.sum()?;
        let Some(sign) = self.passes(&["<", "<=", ">", ">=", "==", "!="]) else { return Ok(left) };
        let right = self.sum()?;
        let compare: fn(&Tensor, &Tensor) -> Tensor = match sign {
            "<" => |a, b| a.lt(b),
            "<=" => |a, b| a.le(b),
            ">" => |a, b| a.gt(b),
            ">=" => |a, b| a.ge(b),
            "==" => |a, b| a.eq(b),
            _ => |a, b| a.ne(b),
        };
        Ok(Value { truth: true, ..self.pair(left, right, compare)? })
    }

    fn sum(&mut self) -> Parsed<Value> {
        let mut left = self.product()?;
        while let Some(sign) = self.passes(&["+", "-"]) {
            let right = self.product()?;
            left = self.pair(left, right, if sign == "+" { |a, b| a + b } else { |a, b| a - b })?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed<Value> {
        let mut left = self.signed()?;
        while let Some(sign) = self.passes(&["*", "/"]) {
            let right = self.signed()?;
            left = self.pair(left, right, if sign == "*" { |a, b| a * b } else { |a, b| a / b })?;
        }
        Ok(left)
    }

    /// `-x^2` is `-(x^2)`.
    fn signed(&mut self) -> Parsed<Value> {
        let start = self.peek().span.start;
        match self.passes(&["-", "+"]) {
            None => self.power(),
            Some(sign) => {
                let value = number(self.deeper(Self::signed)?)?;
                if sign == "-" {
                    self.code.push(Instruction::Each(|x| -x));
                }
                Ok(Value { span: start..value.span.end, ..value })
            }
        }
    }

    /// `a^b^c` is `a^(b^c)`; an exponent may have a sign.
    fn power(&mut self) -> Parsed<Value> {
        let base = self.atom()?;
        if self.passes(&["^"]).is_none() {
            return Ok(base);
        }
        let exponent = self.deeper(Self::signed)?;
        self.pair(base, exponent, |a, b| a.pow(b))
    }

    fn atom(&mut self) -> Parsed<Value> {
        let Token { word, span } = self.peek().clone();
        match word {
            Word::Number(x) => {
                self.at += 1;
                self.code.push(Instruction::Number(x));
                Ok(Value { truth: false, length: None, span })
            }
            Word::Name(name) => {
                self.at += 1;
                self.named(&name, span)
            }
            Word::Sign("(") => {
                self.at += 1;
                let value = self.deeper(Self::comparison)?;
                let end = self.expects(")", "an operator or the closing bracket")?.end;
                Ok(Value { span: span.start..end, ..value })
            }
            _ => self.unexpected("a number, a name or a bracket here"),
        }
    }

    fn named(&mut self, name: &str, span: Range<usize>) -> Parsed<Value> {
        let called = self.peek().word == Word::Sign("(");
        if let Some(variable) = self.variables.find(name) {
            if called {
                return Err((span, ExpressionFault::NotAFunction { name: name.to_owned() }));
            }
            let (start, length) = (variable.start, variable.length);
            if self.peek().word == Word::Sign("[") {
                return self.indexed(name, span, start, length);
            }
            self.code.push(match length {
                None => Instruction::Coordinate(start),
                Some(n) => Instruction::Coordinates(start, n),
            });
            return Ok(Value { truth: false, length, span });
        }
        if let Some(x) = constant(name) {
            if called {
                return Err((span, ExpressionFault::NotAFunction { name: name.to_owned() }));
            }
            self.code.push(Instruction::Number(x));
            return Ok(Value { truth: false, length: None, span });
        }
        let row = function(name);
        match (row, called) {
            (Some(row), true) => self.call(row.name, row.meaning, span),
            (Some(row), false) => Err((span, ExpressionFault::NotCalled { name: row.name.to_owned() })),
            (None, true) => {
                let meant = meant(name, FUNCTIONS.iter().map(|row| row.name)).map(str::to_owned);
                Err((span, ExpressionFault::UnknownFunction { name: name.to_owned(), meant }))
            }
            (None, false) => {
                let meant = meant(name, self.variables.names()).map(str::to_owned);
                let known = self.variables.names().collect::<Vec<_>>().join(", ");
                Err((span, ExpressionFault::UnknownName { name: name.to_owned(), meant, known }))
            }
        }
    }

    fn indexed(&mut self, name: &str, span: Range<usize>, start: usize, length: Option<usize>) -> Parsed<Value> {
        self.at += 1;
        let Token { word, span: place } = self.next();
        let Word::Number(i) = word else {
            let found = word.told();
            return Err((place, ExpressionFault::Unexpected { found, wanted: "a whole number: which coordinate" }));
        };
        if !length.is_some_and(|n| i.fract() == 0.0 && i < n as f64) {
            return Err((place, ExpressionFault::Index { name: name.to_owned(), length }));
        }
        let end = self.expects("]", "the closing bracket")?.end;
        self.code.push(Instruction::Coordinate(start + i as usize));
        Ok(Value { truth: false, length: None, span: span.start..end })
    }

    fn call(&mut self, name: &'static str, meaning: Meaning, span: Range<usize>) -> Parsed<Value> {
        self.at += 1;
        let mut arguments = Vec::new();
        if self.peek().word != Word::Sign(")") {
            loop {
                arguments.push(self.deeper(Self::comparison)?);
                if self.passes(&[","]).is_none() {
                    break;
                }
            }
        }
        let end = self.expects(")", "a comma or the closing bracket")?.end;
        let whole = span.start..end;
        let (found, wanted) = (arguments.len(), meaning.arity());
        if found != wanted {
            return Err((whole, ExpressionFault::Arguments { name: name.to_owned(), found, wanted }));
        }
        let mut arguments = arguments.into_iter();
        // The number of arguments was checked: none is missing.
        let mut argument = || arguments.next().unwrap_or(Value { truth: false, length: None, span: whole.clone() });
        let value = match meaning {
            Meaning::Each(f) => {
                let value = number(argument())?;
                self.code.push(Instruction::Each(f));
                value
            }
            Meaning::Pair(f) => {
                let (a, b) = (argument(), argument());
                self.pair(a, b, f)?
            }
            Meaning::Sum => {
                number(argument())?;
                self.code.push(Instruction::Sum);
                Value { truth: false, length: None, span: whole.clone() }
            }
            Meaning::Where => {
                let (c, a, b) = (argument(), number(argument())?, number(argument())?);
                if !c.truth {
                    return Err((c.span, ExpressionFault::Sort { found: "a number", wanted: "a comparison" }));
                }
                let length = common(common(c.length, a.length, &b.span)?, b.length, &b.span)?;
                self.code.push(Instruction::Where);
                Value { truth: false, length, span: whole.clone() }
            }
        };
        Ok(Value { span: whole, ..value })
    }

    /// Two numbers, or a vector and a number, made one.
    fn pair(&mut self, left: Value, right: Value, f: fn(&Tensor, &Tensor) -> Tensor) -> Parsed<Value> {
        let (left, right) = (number(left)?, number(right)?);
        let span = left.span.start..right.span.end;
        let length = common(left.length, right.length, &span)?;
        self.code.push(Instruction::Pair(f));
        Ok(Value { truth: false, length, span })
    }
}

/// The value, which must not be a comparison.
fn number(value: Value) -> Parsed<Value> {
    if value.truth {
        return Err((value.span, ExpressionFault::Sort { found: "a comparison", wanted: "a number" }));
    }
    Ok(value)
}

/// The length of what is made of two values.
fn common(left: Option<usize>, right: Option<usize>, span: &Range<usize>) -> Parsed<Option<usize>> {
    match (left, right) {
        (Some(left), Some(right)) if left != right => Err((span.clone(), ExpressionFault::Lengths { left, right })),
        (Some(n), _) | (_, Some(n)) => Ok(Some(n)),
        (None, None) => Ok(None),
    }
}
