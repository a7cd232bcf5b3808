//! Where something stands: locators and places.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of a source: root name, relative path, and archive members joined by `!/`.
///
/// Bytes that are not UTF-8, control characters, `%` and a literal `!/` inside a name are percent-encoded, so that a
/// locator is one line of text and can be split again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locator(Arc<str>);

impl Locator {
    /// The locator of a root argument of this name.
    pub fn root(name: &[u8]) -> Self {
        Self(encode(name).into())
    }

    /// Reads back what [`Locator::as_str`] gave.
    pub fn from_encoded(text: &str) -> Self {
        Self(text.into())
    }

    /// A file under this folder; `relative` uses `/`.
    #[must_use]
    pub fn join(&self, relative: &[u8]) -> Self {
        Self(format!("{}/{}", self.0, encode(relative)).into())
    }

    /// A member inside this container.
    #[must_use]
    pub fn member(&self, name: &[u8]) -> Self {
        Self(format!("{}!/{}", self.0, encode(name)).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment of the path: what a file name would be.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Percent-encodes what would make a locator ambiguous or unprintable.
fn encode(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let mut last = '\0';
        for c in chunk.valid().chars() {
            let splits = last == '!' && c == '/';
            if splits {
                out.pop();
                out.push_str("%21/");
            } else if c == '%' || c.is_control() {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes).bytes().for_each(|b| push_escape(&mut out, b));
            } else {
                out.push(c);
            }
            last = c;
        }
        chunk.invalid().iter().for_each(|&b| push_escape(&mut out, b));
    }
    out
}

fn push_escape(out: &mut String, byte: u8) {
    use fmt::Write;
    write!(out, "%{byte:02X}").expect("writing to a String cannot fail");
}

/// Undoes the percent-encoding of one path segment sequence: the bytes of the name as stored.
pub fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Where a record stands inside its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Byte offset in the decoded stream.
    pub offset: u64,
    /// Length in bytes, without the record's terminator.
    pub length: u64,
    /// Physical line where the record starts, from 1; `None` for binary formats.
    pub line: Option<u64>,
    /// Index of the record in its source, from 0; `None` in bytes that no format split.
    pub record: Option<u64>,
    /// The log's own record number (EVTX `EventRecordID`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_record_id: Option<u64>,
}

/// SHA-256 of the stored bytes of one record; lower-case hex in text and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordDigest(pub [u8; 32]);

impl fmt::Display for RecordDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        out.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl Serialize for RecordDigest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordDigest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        let wrong = || de::Error::custom(format!("not a SHA-256 in hex: {text:?}"));
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_mistaken_are_encoded_and_come_back() {
        for name in [&b"a!/b"[..], b"100%.log", b"caf\xe9.log", b"x\ny", "ü/ok.log".as_bytes(), b"!!/"] {
            let locator = Locator::root(b"evidence").join(name);
            assert!(!locator.as_str().contains("!/"), "{locator} looks like a member");
            assert!(!locator.as_str().contains('\n'));
            assert_eq!(decode(locator.as_str().strip_prefix("evidence/").unwrap()), name);
        }
    }

    #[test]
    fn members_are_joined_by_an_exclamation_mark() {
        let locator = Locator::root(b"e").join(b"dc01.zip").member(b"logs/access.log.2.gz");
        assert_eq!(locator.as_str(), "e/dc01.zip!/logs/access.log.2.gz");
        assert_eq!(locator.file_name(), "access.log.2.gz");
    }
}
