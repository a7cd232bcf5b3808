//! JSON that is harmless where it is shown: what could steer a terminal or reorder text is written as `\u` escapes. The
//! values are the same after parsing.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::safe::is_steering;

/// Writes a value on one line.
///
/// # Errors
/// What `out` gives.
pub fn line<T: Serialize + ?Sized>(out: impl Write, value: &T) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Harmless(CompactFormatter)))?;
    Ok(())
}

/// Writes a value indented.
///
/// # Errors
/// What `out` gives.
pub fn pretty<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Harmless(PrettyFormatter::new())))?;
    Ok(())
}

/// Writes strings with escapes, and leaves the rest to another formatter.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        // Only DEL steers among the ASCII characters that `serde_json` leaves as they are.
        if !fragment.is_ascii() || fragment.contains('\u{7f}') {
            for (at, c) in fragment.char_indices().filter(|(_, c)| is_steering(*c)) {
                out.write_all(&fragment.as_bytes()[plain..at])?;
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
                plain = at + c.len_utf8();
            }
        }
        out.write_all(&fragment.as_bytes()[plain..])
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_and_the_values_stay() {
        let hostile = "a\x1b[2J\u{9b}31m\u{202e}x\u{2066}\u{200f}\u{feff}\u{2028}\u{7f}\u{e0041} é 漢 \"q\" \\ end";
        let value = serde_json::json!({ hostile: [hostile, 1, { "plain": "text" }], "empty": [], "none": {} });
        for indented in [false, true] {
            let mut made = Vec::new();
            if indented { pretty(&mut made, &value) } else { line(&mut made, &value) }.unwrap();
            let text = String::from_utf8(made).unwrap();
            assert!(!text.chars().any(|c| c != '\n' && is_steering(c)), "{text:?}");
            assert!(text.contains("\\u202e") && text.contains("\\udb40\\udc41") && text.contains("é 漢"), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
            let same = if indented { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            assert_eq!(serde_json::from_str::<serde_json::Value>(&same.unwrap()).unwrap(), value);
        }
        let plain = serde_json::json!({ "a": [1, "é"], "b": {} });
        let mut made = Vec::new();
        pretty(&mut made, &plain).unwrap();
        assert_eq!(String::from_utf8(made).unwrap(), serde_json::to_string_pretty(&plain).unwrap());
    }
}
