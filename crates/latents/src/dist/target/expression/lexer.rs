//! The words of an expression.

use super::error::{ExpressionError, ExpressionFault};
use std::ops::Range;
use winnow::ascii::{digit0, digit1, multispace0};
use winnow::combinator::{alt, opt, preceded};
use winnow::prelude::*;
use winnow::stream::LocatingSlice;
use winnow::token::{any, one_of, take_while};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Number(f64),
    Name(String),
    /// An operator or bracket.
    Sign(&'static str),
    /// A character that the language does not have.
    Strange(char),
    End,
}

/// A word and its bytes in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) span: Range<usize>,
}

impl Word {
    /// How an error names it.
    pub(super) fn told(&self) -> String {
        match self {
            Word::Number(x) => format!("the number {x}"),
            Word::Name(name) => format!("`{name}`"),
            Word::Sign(sign) => format!("`{sign}`"),
            Word::Strange(c) => format!("`{}`", c.escape_debug()),
            Word::End => "the end".to_owned(),
        }
    }
}

/// The longer ones first.
const SIGNS: &[(&str, &str)] = &[
    ("**", "^"),
    ("<=", "<="),
    (">=", ">="),
    ("==", "=="),
    ("!=", "!="),
    ("<", "<"),
    (">", ">"),
    ("+", "+"),
    ("-", "-"),
    ("*", "*"),
    ("/", "/"),
    ("^", "^"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    (",", ","),
];

type Input<'a> = LocatingSlice<&'a str>;

fn number(input: &mut Input<'_>) -> ModalResult<Word> {
    let mantissa = alt(((digit1, opt(('.', digit0))).void(), ('.', digit1).void()));
    let exponent = opt((one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1));
    let text = (mantissa, exponent).take();
    text.try_map(|text: &str| text.parse().map(Word::Number)).parse_next(input)
}

fn name(input: &mut Input<'_>) -> ModalResult<Word> {
    let first = one_of(|c: char| c.is_alphabetic() || c == '_');
    let rest = take_while(0.., |c: char| c.is_alphabetic() || c.is_ascii_digit() || c == '_');
    (first, rest).take().map(|text: &str| Word::Name(text.to_owned())).parse_next(input)
}

fn sign(input: &mut Input<'_>) -> ModalResult<Word> {
    for &(text, meaning) in SIGNS {
        if let Some(word) = opt(text.value(Word::Sign(meaning))).parse_next(input)? {
            return Ok(word);
        }
    }
    any.map(Word::Strange).parse_next(input)
}

/// The words of a text, an [`Word::End`] after them.
///
/// # Errors
/// [`ExpressionFault::Long`], [`ExpressionFault::Character`].
pub(super) fn words(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let refused = |span, fault| ExpressionError { text: text.to_owned(), span, fault };
    if text.len() > super::MAX_LENGTH {
        return Err(refused(0..0, ExpressionFault::Long { found: text.len() }));
    }
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    let word = |input: &mut Input<'_>| {
        let (word, span) = alt((number, name, sign)).with_span().parse_next(input)?;
        Ok::<_, winnow::error::ErrMode<winnow::error::ContextError>>(Token { word, span })
    };
    while let Ok(token) = preceded(multispace0, word).parse_next(&mut input) {
        if let Word::Strange(found) = token.word {
            return Err(refused(token.span, ExpressionFault::Character { found }));
        }
        tokens.push(token);
    }
    let end = text.trim_end().len();
    tokens.push(Token { word: Word::End, span: end..end });
    Ok(tokens)
}
