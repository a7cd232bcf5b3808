//! Where something stands: locators and places.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::series;

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

    /// The names that it is made of, without what tells containers from folders and without escapes.
    pub fn names(&self) -> Vec<String> {
        let name = |part: &str| String::from_utf8_lossy(&decode(part.strip_suffix('!').unwrap_or(part))).into_owned();
        self.0.split('/').map(name).collect()
    }

    /// The log that this file is a part of: the locator without what rotation and compression add to a name, so that
    /// `x.log`, `x.log.1.gz` and `x-20260301.log` of one folder are one log, and so are the pieces that a service delivers of one.
    pub fn log(&self) -> String {
        let name = self.unpacked_name();
        let folder = self.folder();
        if let Some(series) = series::of(folder, name) {
            return series;
        }
        let name = unrotated(name);
        let (stem, kind) = name.rsplit_once('.').map_or((name, ""), |(stem, _)| (stem, &name[stem.len()..]));
        format!("{folder}{}{kind}", undated(stem))
    }

    /// The folder or container that it lies in, with what sets its own name off.
    pub fn folder(&self) -> &str {
        &self.0[..self.0.len() - self.file_name().len()]
    }

    /// Its last segment without what compression adds to a name.
    fn unpacked_name(&self) -> &str {
        let name = self.file_name();
        name.rsplit_once('.').filter(|(_, end)| PACKED.contains(end)).map_or(name, |(name, _)| name)
    }

    /// The year, the month and, where it has one, the day of the date that the name of the file ends with, before or behind its kind.
    pub fn date(&self) -> Option<DateOfName> {
        let name = self.unpacked_name();
        let of = |name| date_at_end(name).map(|(_, date)| date);
        of(name).or_else(|| of(name.rsplit_once('.')?.0))
    }

    /// Whether it is one of the pieces in which a service delivers a log: no two of them have the same records.
    pub fn is_piece(&self) -> bool {
        series::of(self.folder(), self.unpacked_name()).is_some()
    }

    /// The place of the file in its rotation: 0 without a number, which is the youngest one.
    pub fn rotation(&self) -> u32 {
        let end = self.unpacked_name().rsplit_once('.').map_or("", |(_, end)| end);
        let is_number = (1..=3).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_digit());
        if is_number { end.parse().unwrap_or(0) } else { 0 }
    }
}

/// The year, the month and, where it has one, the day of a date in a name.
pub type DateOfName = (i64, i64, Option<i64>);

/// Ends of the names of compressed files.
const PACKED: &[&str] = &["gz", "bz2", "xz", "zst", "lz4"];

/// A name without the number or the date behind its kind: `x.log.2`, `messages-20260301`, `x.log.old`. What is left
/// must not end in a number too: `10.2.0.5` names a host and not a rotation.
fn unrotated(name: &str) -> &str {
    let number = |end: &str| end.len() <= 3 && !end.is_empty() && end.bytes().all(|b| b.is_ascii_digit());
    match name.rsplit_once('.') {
        Some((rest, end)) if end == "old" || number(end) && !rest.rsplit('.').next().is_some_and(number) => rest,
        _ => undated(name),
    }
}

/// A name without the date at its end, with what sets it off: `-20260301`, `.2026-03-01`, `_20260301-13`, `-2026-03`.
fn undated(name: &str) -> &str {
    date_at_end(name).map_or(name, |(begin, _)| &name[..begin])
}

/// Where the date at the end of a name begins, with what sets it off, and its year, month and day.
fn date_at_end(name: &str) -> Option<(usize, DateOfName)> {
    let begin = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    let digits: String = name[begin.len()..].chars().filter(char::is_ascii_digit).collect();
    let number = |part: std::ops::Range<usize>| digits.get(part).and_then(|text| text.parse::<i64>().ok());
    // IIS writes years of two digits: `u_ex260301.log`.
    let is_short = begin.ends_with("ex") && digits.len() == 6;
    let year = if is_short { 0..2 } else { 0..4 };
    let month = year.end..year.end + 2;
    let day = month.end..month.end + 2;
    // `-2026-03`: of a whole month.
    let mut parts = name[begin.len()..].split(['-', '_', '.']).map(str::len).skip_while(|length| *length == 0);
    let is_of_month = digits.len() == 6 && parts.by_ref().eq([4, 2]);
    let year = number(year).map(|of| if is_short { 2000 + of } else { of });
    let year = year.filter(|of| is_short || (1990..2100).contains(of))?;
    let month = number(month).filter(|month| (1..=12).contains(month))?;
    let day = number(day).filter(|day| (1..=31).contains(day));
    let is_dated = matches!(digits.len(), 6 | 8 | 10 | 12 | 14) && (is_of_month || day.is_some()) && !begin.is_empty();
    is_dated.then_some((begin.len(), (year, month, day.filter(|_| !is_of_month))))
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

/// Where a record stands inside its source. Written out, one that was recovered or is in doubt says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Written")]
pub struct Place {
    /// Byte offset in the decoded stream.
    pub offset: u64,
    /// Length in bytes, without the record's terminator.
    pub length: u64,
    /// Physical line where the record starts, from 1; `None` for binary formats.
    pub line: Option<u64>,
    /// Index of the record in its source, from 0; `None` in bytes that no format split, and for records of an event log
    /// that were recovered.
    pub record: Option<u64>,
    /// The number that the record bears in its log (`EventRecordID` of its `System`), by which tools search. Where the record
    /// states none, that of its frame, which exports give anew.
    #[serde(default)]
    pub event_record_id: Option<u64>,
    /// Whether any byte of it stands where a checksum does not hold, or beside what was lost: it may be scrambled, or half of
    /// a record.
    #[serde(default)]
    pub in_doubt: bool,
}

/// A [`Place`] as it is written.
#[derive(Serialize)]
struct Written {
    offset: u64,
    length: u64,
    line: Option<u64>,
    record: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_record_id: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    recovered: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_doubt: bool,
}

impl From<Place> for Written {
    fn from(place: Place) -> Self {
        let Place { offset, length, line, record, event_record_id, in_doubt } = place;
        Self { offset, length, line, record, event_record_id, recovered: place.is_recovered(), in_doubt }
    }
}

impl Place {
    /// Whether the record was read from the free space of an event log, or from a chunk of one whose header is lost: it is
    /// one that was, and nothing tells whether the log held it still.
    pub fn is_recovered(&self) -> bool {
        self.event_record_id.is_some() && self.record.is_none()
    }

    /// The range of its bytes in a block that begins at `base`.
    pub fn in_block(&self, base: u64) -> Range<usize> {
        let start = usize::try_from(self.offset.saturating_sub(base)).unwrap_or(usize::MAX);
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        start..start.saturating_add(length)
    }
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
    fn parts_of_one_log_have_one_name_and_logs_of_two_hosts_have_two() {
        let log = |name: &str| Locator::from_encoded(name).log();
        for part in [
            "e/x.log",
            "e/x.log.1",
            "e/x.log.12.gz",
            "e/x-20260301.log",
            "e/x.log-20260301.gz",
            "e/x.log.old",
            "e/x-2026-03.log",
        ] {
            assert_eq!(log(part), "e/x.log", "{part}");
        }
        assert_eq!(log("e/messages-2026-03-01.xz"), log("e/messages.2"));
        assert_eq!(log("e/a.zip!/x.log.1"), log("e/a.zip!/x.log"));
        assert_eq!(log("e/u_ex260301.log"), log("e/u_ex260228.log.gz"));
        for (one, other) in [
            ("e/a/x.log", "e/b/x.log"),
            ("e/fw1.log", "e/fw2.log"),
            ("e/10.2.0.5", "e/10.2.0.6"),
            ("e/10.2.0.5.log", "e/10.2.0.6.log.gz"),
            ("e/a.zip!/x.log", "e/b.zip!/x.log"),
            ("e/host-12345678.log", "e/host-12345679.log"),
            ("e/host-260301.log", "e/host-260302.log"),
            ("e/host-202603.log", "e/host-202604.log"),
            ("e/host-2026-13.log", "e/host-2026-14.log"),
            ("e/20260301.log", "e/20260302.log"),
        ] {
            assert_ne!(log(one), log(other));
        }
    }

    #[test]
    fn members_are_joined_by_an_exclamation_mark() {
        let locator = Locator::root(b"e").join(b"dc01.zip").member(b"logs/access.log.2.gz");
        assert_eq!(locator.as_str(), "e/dc01.zip!/logs/access.log.2.gz");
        assert_eq!(locator.file_name(), "access.log.2.gz");
    }
}
