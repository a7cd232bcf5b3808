//! Values → JSON text, by what their column stands for.
//!
//! Whole numbers, floats and booleans are JSON's own; decimals are strings, so that no digit is lost; times are RFC 3339, without
//! a zone where the file names none; what JSON has no number for (`NaN`) is a string.

use std::io::Write;

use serde_json::value::RawValue;

use super::clock;
use super::meta::{Adjusted, Element, Logical, Unit};

/// Longest decimal; writers use up to 32.
const DECIMAL_BYTES: usize = 64;
/// Most digits behind the point of a decimal.
const SCALE: i64 = 128;

/// Physical types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Bool,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    /// Of so many bytes.
    Fixed(usize),
}

impl Physical {
    /// The type of a number in the file; `None` for one that is not known.
    pub(super) fn of(kind: i64, length: i64) -> Option<Self> {
        Some(match kind {
            0 => Self::Bool,
            1 => Self::Int32,
            2 => Self::Int64,
            3 => Self::Int96,
            4 => Self::Float,
            5 => Self::Double,
            6 => Self::Bytes,
            7 => Self::Fixed(usize::try_from(length).ok().filter(|length| (1..=1 << 20).contains(length))?),
            _ => return None,
        })
    }

    /// Bytes of a plain value; `None` where they differ or are bits.
    pub(super) fn bytes(self) -> Option<usize> {
        match self {
            Self::Int32 | Self::Float => Some(4),
            Self::Int64 | Self::Double => Some(8),
            Self::Int96 => Some(12),
            Self::Fixed(bytes) => Some(bytes),
            Self::Bool | Self::Bytes => None,
        }
    }
}

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Render {
    Bool,
    Signed,
    Unsigned32,
    Unsigned64,
    Float,
    Double,
    Half,
    Decimal(usize),
    Date,
    Time(Unit, Adjusted),
    Timestamp(Unit, Adjusted),
    Int96,
    Text,
    Json,
    Uuid,
    Interval,
    Binary,
}

impl Render {
    /// What an element's values are written as.
    pub(super) fn of(physical: Physical, element: &Element) -> Self {
        use Physical::{Bytes, Double, Fixed, Float, Int32, Int64, Int96};
        let logical = element.logical.or_else(|| converted(element));
        match (physical, logical) {
            (Physical::Bool, _) => Self::Bool,
            (Float, _) => Self::Float,
            (Double, _) => Self::Double,
            (Int96, _) => Self::Int96,
            (Int32 | Int64 | Bytes | Fixed(_), Some(Logical::Decimal(scale))) => {
                Self::Decimal(scale.clamp(0, SCALE) as usize)
            }
            (Int32, Some(Logical::Date)) => Self::Date,
            (Int32 | Int64, Some(Logical::Time(unit, adjusted))) => Self::Time(unit, adjusted),
            (Int64, Some(Logical::Timestamp(unit, adjusted))) => Self::Timestamp(unit, adjusted),
            (Int32, Some(Logical::Unsigned)) => Self::Unsigned32,
            (Int64, Some(Logical::Unsigned)) => Self::Unsigned64,
            (Int32 | Int64, _) => Self::Signed,
            (Bytes, Some(Logical::Text)) => Self::Text,
            (Bytes, Some(Logical::Json)) => Self::Json,
            (Fixed(16), Some(Logical::Uuid)) => Self::Uuid,
            (Fixed(2), Some(Logical::Half)) => Self::Half,
            (Fixed(12), Some(Logical::Interval)) => Self::Interval,
            (Bytes | Fixed(_), _) => Self::Binary,
        }
    }

    pub(super) fn bool(value: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Writes a whole number.
    pub(super) fn int(self, value: i64, out: &mut Vec<u8>) {
        match self {
            Self::Unsigned32 => unsigned(u64::from(value as u32), out),
            Self::Unsigned64 => unsigned(value as u64, out),
            Self::Decimal(scale) => {
                let mut digits = Vec::with_capacity(20);
                unsigned(value.unsigned_abs(), &mut digits);
                decimal(&digits, value < 0, scale, out);
            }
            Self::Date => clock::day(value, out).unwrap_or_else(|| signed(value, out)),
            Self::Time(unit, adjusted) => {
                clock::time(value, unit, adjusted, out).unwrap_or_else(|| signed(value, out));
            }
            Self::Timestamp(unit, adjusted) => {
                clock::stamp(value, unit, adjusted, out).unwrap_or_else(|| signed(value, out));
            }
            _ => signed(value, out),
        }
    }

    /// Writes the bytes of a value that is no whole number.
    pub(super) fn bytes(self, value: &[u8], out: &mut Vec<u8>) {
        match (self, value) {
            (Self::Float, &[a, b, c, d]) => float(f64::from(f32::from_le_bytes([a, b, c, d])), true, out),
            (Self::Half, &[a, b]) => float(half(u16::from_le_bytes([a, b])), true, out),
            (Self::Double, _) => match value.first_chunk() {
                Some(bytes) => float(f64::from_le_bytes(*bytes), false, out),
                None => binary(value, out),
            },
            (Self::Int96, _) => clock::int96(value, out).unwrap_or_else(|| binary(value, out)),
            (Self::Decimal(scale), _) if value.len() <= DECIMAL_BYTES => big_decimal(value, scale, out),
            (Self::Text, _) => text(value, out),
            (Self::Json, _) => json(value, out),
            (Self::Uuid, _) => uuid(value, out),
            (Self::Interval, _) => interval(value, out),
            _ => binary(value, out),
        }
    }
}

/// What was written of a type before logical types.
fn converted(element: &Element) -> Option<Logical> {
    Some(match element.converted? {
        0 | 4 => Logical::Text,
        1 | 2 => Logical::Map,
        3 => Logical::List,
        5 => Logical::Decimal(element.scale),
        6 => Logical::Date,
        7 => Logical::Time(Unit::Millis, Adjusted::Utc),
        8 => Logical::Time(Unit::Micros, Adjusted::Utc),
        9 => Logical::Timestamp(Unit::Millis, Adjusted::Utc),
        10 => Logical::Timestamp(Unit::Micros, Adjusted::Utc),
        11..=14 => Logical::Unsigned,
        15..=18 => Logical::Signed,
        19 => Logical::Json,
        21 => Logical::Interval,
        _ => return None,
    })
}

fn signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(value.unsigned_abs(), out);
}

/// Writes the digits of a number.
pub(super) fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    let (mut digits, mut at) = ([0; 20], 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn float(value: f64, is_short: bool, out: &mut Vec<u8>) {
    let written = match value {
        _ if value.is_nan() => write!(out, "\"NaN\""),
        _ if value.is_infinite() => write!(out, "\"{}Infinity\"", if value < 0.0 { "-" } else { "" }),
        _ if is_short => write!(out, "{:?}", value as f32),
        _ => write!(out, "{value:?}"),
    };
    written.expect("memory takes all");
}

fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Digits with a point before the last `scale` of them.
fn decimal(digits: &[u8], is_negative: bool, scale: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    if is_negative {
        out.push(b'-');
    }
    let whole = digits.len().saturating_sub(scale);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(&digits[whole..]);
    }
    out.push(b'"');
}

/// A decimal of any length: the highest byte first, two's complement.
fn big_decimal(value: &[u8], scale: usize, out: &mut Vec<u8>) {
    let is_negative = value.first().is_some_and(|&byte| byte >= 0x80);
    let mut size = value.to_vec();
    if is_negative {
        let mut carry = true;
        for byte in size.iter_mut().rev() {
            let (sum, over) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, over);
        }
    }
    let mut digits = Vec::new();
    while size.iter().any(|&byte| byte != 0) {
        let mut rest = 0u32;
        for byte in &mut size {
            let part = rest << 8 | u32::from(*byte);
            *byte = (part / 10) as u8;
            rest = part % 10;
        }
        digits.push(b'0' + rest as u8);
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    digits.reverse();
    decimal(&digits, is_negative, scale, out);
}

/// Text as a JSON string; what is not UTF-8 is shown as U+FFFD.
fn text(value: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(value) {
        Ok(_) => escaped(value, out),
        Err(_) => escaped(String::from_utf8_lossy(value).as_bytes(), out),
    }
}

fn escaped(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = value;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => write!(out, "\\u{byte:04x}").expect("memory takes all"),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// JSON as it stands, on one line, where it is sound; else a string.
fn json(value: &[u8], out: &mut Vec<u8>) {
    match serde_json::from_slice::<&RawValue>(value) {
        // Line breaks of sound JSON stand between its tokens.
        Ok(raw) => out.extend(raw.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })),
        Err(_) => text(value, out),
    }
}

/// Bytes of no stated sense: text where they are text (old writers state nothing of strings), else base64.
fn binary(value: &[u8], out: &mut Vec<u8>) {
    let is_shown = |text: &str| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    if std::str::from_utf8(value).is_ok_and(is_shown) {
        return escaped(value, out);
    }
    escaped(data_encoding::BASE64.encode(value).as_bytes(), out);
}

fn uuid(value: &[u8], out: &mut Vec<u8>) {
    let hex = data_encoding::HEXLOWER.encode(value);
    out.push(b'"');
    for (at, byte) in hex.bytes().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Months, days and milliseconds as a duration of ISO 8601.
fn interval(value: &[u8], out: &mut Vec<u8>) {
    let number = |at: usize| value.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
    let (months, days, millis) = (number(0), number(4), number(8));
    write!(out, "\"P{months}M{days}DT{}.{:03}S\"", millis / 1000, millis % 1000).expect("memory takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (bytes, scale, expected) in [
            (&[0x00][..], 2, "\"0.00\""),
            (&[0xff], 2, "\"-0.01\""),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0, 0], 0, "\"-2361183241434822606848\""),
            (&[0x30, 0x39], 3, "\"12.345\""),
        ] {
            assert_eq!(said(|out| Render::Decimal(scale).bytes(bytes, out)), expected);
        }
        assert_eq!(said(|out| Render::Decimal(4).int(i64::MIN, out)), "\"-922337203685477.5808\"");
    }

    #[test]
    fn what_states_no_sense_is_text_where_it_is_text() {
        assert_eq!(said(|out| Render::Binary.bytes(b"a\"\n", out)), r#""a\"\n""#);
        assert_eq!(said(|out| Render::Binary.bytes(&[0, 1], out)), "\"AAE=\"");
        assert_eq!(said(|out| Render::Json.bytes(b"{\"a\":\n1}", out)), "{\"a\": 1}");
        assert_eq!(said(|out| Render::Json.bytes(b"{\"a\":", out)), r#""{\"a\":""#);
    }
}
