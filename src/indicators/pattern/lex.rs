//! Text of a STIX pattern → tokens.
//!
//! SOURCE: STIX 2.1, section 9 (Patterning); STIX 2.0, part 5. Keywords are upper case, `true` and `false` lower case.

use super::Fault;
use super::value::{Moment, base64, hex};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword; names of object types may hold hyphens.
    Word(String),
    /// A quoted text, escapes undone.
    Text(String),
    /// A whole number.
    Int(i128),
    /// A number with a point.
    Float(f64),
    /// `h'..'` and `b'..'`.
    Bytes(Vec<u8>),
    /// `t'..'`.
    Time(Moment),
    /// An operator or a bracket.
    Mark(&'static str),
}

/// Marks, longer ones before their beginnings.
const MARKS: &[&str] = &["==", "!=", "<>", "<=", ">=", "=", "<", ">", "[", "]", "(", ")", ",", ":", ".", "*"];

/// All tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut made = Vec::new();
    let mut rest = blank(text)?;
    while !rest.is_empty() {
        let (token, after) = token(rest)?;
        made.push(token);
        rest = blank(after)?;
    }
    Ok(made)
}

/// The text behind white space and comments.
fn blank(text: &str) -> Result<&str, Fault> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        rest = if let Some(body) = rest.strip_prefix("/*") {
            body.split_once("*/").ok_or(Fault::Syntax("comment without an end"))?.1
        } else if let Some(body) = rest.strip_prefix("//") {
            body.find(['\r', '\n']).map_or("", |end| &body[end..])
        } else {
            return Ok(rest);
        };
    }
}

fn token(text: &str) -> Result<(Token, &str), Fault> {
    if text.starts_with('\'') {
        let (made, rest) = quoted(text)?;
        return Ok((Token::Text(made), rest));
    }
    if let Some((number, rest)) = number(text)? {
        return Ok((number, rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')).unwrap_or(text.len());
    if end > 0 && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let (word, rest) = text.split_at(end);
        return match word {
            "h" | "b" | "t" if rest.starts_with('\'') => typed(word, rest),
            _ => Ok((Token::Word(word.to_owned()), rest)),
        };
    }
    let mark = MARKS.iter().find(|mark| text.starts_with(**mark)).ok_or(Fault::Syntax("character of no token"))?;
    Ok((Token::Mark(mark), &text[mark.len()..]))
}

/// A quoted text: `\'` and `\\` are the only escapes.
fn quoted(text: &str) -> Result<(String, &str), Fault> {
    let mut made = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((made, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, c @ ('\'' | '\\'))) => made.push(c),
                _ => return Err(Fault::Syntax("escape other than \\' and \\\\")),
            },
            c => made.push(c),
        }
    }
    Err(Fault::Syntax("text without a closing quote"))
}

/// A constant whose letter tells its type.
fn typed<'t>(letter: &str, text: &'t str) -> Result<(Token, &'t str), Fault> {
    let (body, rest) = quoted(text)?;
    let token = match letter {
        "h" => hex(&body).map(Token::Bytes).ok_or(Fault::Syntax("not pairs of hex digits"))?,
        "b" => base64(&body).map(Token::Bytes).ok_or(Fault::Syntax("not Base64"))?,
        _ => Moment::parse(&body).map(Token::Time).ok_or(Fault::Syntax("not a timestamp"))?,
    };
    Ok((token, rest))
}

/// A number with or without sign and point; nothing where none stands there.
fn number(text: &str) -> Result<Option<(Token, &str)>, Fault> {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with(['+', '-']));
    let whole = digits(sign);
    let point = sign + whole;
    let fraction = if text[point..].starts_with('.') { digits(point + 1) } else { 0 };
    if fraction > 0 {
        let (number, rest) = text.split_at(point + 1 + fraction);
        let number = number.parse().map_err(|_| Fault::Syntax("not a number"))?;
        return Ok(Some((Token::Float(number), rest)));
    }
    if whole == 0 {
        return if sign == 1 { Err(Fault::Syntax("sign without a number")) } else { Ok(None) };
    }
    if whole > 1 && text[sign..].starts_with('0') {
        return Err(Fault::Syntax("whole number with a leading zero"));
    }
    let (number, rest) = text.split_at(point);
    let number = number.parse().map_err(|_| Fault::Syntax("number too large"))?;
    Ok(Some((Token::Int(number), rest)))
}
