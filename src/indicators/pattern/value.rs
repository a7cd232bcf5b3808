//! Constants of patterns and how they compare with what was observed.

use std::cmp::Ordering;

use icu_normalizer::ComposingNormalizerBorrowed;
use ipnet::IpNet;
use serde_json::Value;

use super::Fault;

/// An instant in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i128);

impl Moment {
    /// Reads `YYYY-MM-DDThh:mm:ss[.fraction]Z` and nothing else; digits beyond nanoseconds are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_suffix('Z')?;
        let (whole, fraction) = body.split_at_checked(19)?;
        let shape = |at: usize, byte: u8| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        };
        if !whole.bytes().enumerate().all(|(at, byte)| shape(at, byte)) {
            return None;
        }
        let digits = fraction.strip_prefix('.').unwrap_or("");
        if fraction.len() == 1 || digits.len() + 1 < fraction.len() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let nanos = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
        let nanos = nanos.fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        // The 61st second of a minute is the first of the next.
        let (head, leap) = match whole.strip_suffix(":60") {
            Some(minute) => (format!("{minute}:59Z"), 1),
            None => (format!("{whole}Z"), 0),
        };
        let stamp: jiff::Timestamp = head.parse().ok()?;
        Some(Self((i128::from(stamp.as_second()) + leap) * 1_000_000_000 + nanos))
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Int(i128),
    Float(f64),
    Bool(bool),
    Bytes(Vec<u8>),
    Time(Moment),
}

impl Constant {
    /// Whether both may stand in one set.
    pub(super) fn same_type(&self, other: &Self) -> bool {
        let number = |c: &Self| matches!(c, Self::Int(_) | Self::Float(_));
        std::mem::discriminant(self) == std::mem::discriminant(other) || number(self) && number(other)
    }
}

/// What was observed at the end of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Observed<'o> {
    /// As it stands.
    Plain(&'o Value),
    /// The bytes that a property with the suffix `_hex` or `_bin` writes down.
    Bytes(Vec<u8>),
}

impl<'o> Observed<'o> {
    /// A value with the meaning that the suffix of its property gives it.
    pub(super) fn of(property: &str, value: &'o Value) -> Self {
        let bytes = match value.as_str() {
            Some(text) if property.ends_with("_hex") => hex(text),
            Some(text) if property.ends_with("_bin") => base64(text),
            _ => None,
        };
        bytes.map_or(Self::Plain(value), Self::Bytes)
    }

    /// The text that LIKE and MATCHES look at, in normal form C; bytes are read as code points.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Plain(value) => value.as_str().map(normal),
            Self::Bytes(bytes) => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        }
    }

    /// The network or address it is.
    pub(super) fn network(&self) -> Option<IpNet> {
        match self {
            Self::Plain(value) => value.as_str().and_then(network),
            Self::Bytes(_) => None,
        }
    }

    /// How it compares with a constant; nothing where types do not allow it. Fails on a text that is held against a
    /// timestamp and is none.
    pub(super) fn compare(&self, constant: &Constant) -> Result<Option<Ordering>, Fault> {
        let Self::Plain(value) = self else {
            let Self::Bytes(bytes) = self else { return Ok(None) };
            return Ok(match constant {
                Constant::Bytes(other) => Some(bytes.cmp(other)),
                Constant::Text(text) => code_points(text).map(|other| bytes.cmp(&other)),
                _ => None,
            });
        };
        Ok(match (value, constant) {
            (Value::String(text), Constant::Text(other)) => Some(text.as_str().cmp(other)),
            (Value::String(text), Constant::Bytes(other)) => code_points(text).map(|bytes| bytes.cmp(other)),
            (Value::String(text), Constant::Time(other)) => {
                Some(Moment::parse(text).ok_or(Fault::NotATime)?.cmp(other))
            }
            (Value::Bool(flag), Constant::Bool(other)) => Some(flag.cmp(other)),
            (Value::Number(number), Constant::Int(other)) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Some(i128::from(int).cmp(other)),
                (None, Some(int)) => Some(i128::from(int).cmp(other)),
                (None, None) => number.as_f64().and_then(|float| float.partial_cmp(&(*other as f64))),
            },
            (Value::Number(number), Constant::Float(other)) => number.as_f64().and_then(|n| n.partial_cmp(other)),
            _ => None,
        })
    }
}

/// A text in normal form C.
pub(super) fn normal(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// The bytes whose values the code points of a text are; nothing where one is above 255.
fn code_points(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// An address or network, host bits dropped.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    net.ok().map(|net| net.trunc())
}

/// Pairs of hex digits as bytes.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pair = |pair: &[u8; 2]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    if rest.is_empty() { pairs.iter().map(pair).collect() } else { None }
}

/// Base64 with padding as bytes.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let sextet = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut made = Vec::with_capacity(groups.len() * 3);
    for (at, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || padding > 0 && at + 1 < groups.len() {
            return None;
        }
        let mut bits = 0u32;
        for byte in &group[..4 - padding] {
            bits = bits << 6 | u32::from(sextet(*byte)?);
        }
        let bytes = (bits << (6 * padding)).to_be_bytes();
        made.extend_from_slice(&bytes[1..4 - padding]);
    }
    Some(made)
}
