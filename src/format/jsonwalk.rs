//! Reads one JSON object into fields: dotted names, one field per array element, containers as compact JSON.

use super::near;
use super::roles::{Role, Roles};
use super::sink::Sink;
use crate::model::fields::{Carried, Fields, Kind, Reject, Text, Want};
use crate::model::layout::Layout;

/// Deeper nesting is rejected.
const DEPTH_LIMIT: usize = 128;
/// Containers below this depth are kept as text only where the log wrote them compactly.
const COMPACT_DEPTH: usize = 6;

/// What a dialect makes of a dotted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rename {
    /// As it is.
    Keep,
    /// This part of it.
    Part(usize, usize),
    /// This name.
    Named(&'static str),
    /// No field of the event (an XML name space).
    Drop,
}

/// Reads the object in `record` into `sink`.
///
/// # Errors
/// Where the record is not one JSON object.
pub fn flatten<'b>(
    record: &'b [u8],
    roles: &Roles,
    rename: Option<fn(&[u8]) -> Rename>,
    sink: &mut Sink<'_, 'b>,
) -> Result<(), Reject> {
    let path = sink.out.lend();
    let mut walker = Walker { bytes: record, at: 0, roles, rename, sink, path, blanks: 0, pair: None, leaves: None };
    let read = walker.whole();
    let path = walker.path;
    sink.out.give_back(path);
    read?;
    sink.settle();
    Ok(())
}

/// A value of a record that holds no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Where it begins, behind its quote.
    pub start: usize,
    /// Where it ends, before its quote.
    pub end: usize,
    /// Whether it is a string.
    pub is_string: bool,
    /// Whether it is an object or list without any value, which is a field as well.
    pub is_empty: bool,
    /// Its name; `None` where it is no field of the event.
    pub name: Option<Box<[u8]>>,
    /// What its name means.
    pub role: Option<Role>,
}

/// What names of a dialect mean, what it makes of them, and the layout.
pub type Names<'a> = (&'a Roles, Option<fn(&[u8]) -> Rename>, &'a Layout);

/// Adds the values of a record in their order.
///
/// # Errors
/// Where the record is not one JSON object.
pub fn leaves(record: &[u8], (roles, rename, layout): Names<'_>, out: &mut Vec<Leaf>) -> Result<(), Reject> {
    let mut fields = Fields::default();
    let sink = &mut Sink::new(layout, Want::All, &mut fields);
    let path = Vec::new();
    Walker { bytes: record, at: 0, roles, rename, sink, path, blanks: 0, pair: None, leaves: Some(out) }.whole()
}

/// Reads JSON that is itself a value of the record (a string with an object in it): names and values are copied.
///
/// # Errors
/// Where the text is not one JSON object; nothing is added then.
pub fn flatten_copy(
    text: &[u8],
    roles: &Roles,
    rename: Option<fn(&[u8]) -> Rename>,
    sink: &mut Sink<'_, '_>,
) -> Result<(), Reject> {
    let mut inner = Fields::default();
    flatten(text, roles, rename, &mut Sink::new(sink.layout, sink.want, &mut inner))?;
    for field in inner.iter() {
        let name = sink.out.store(inner.bytes(field.name));
        let value = sink.out.store(inner.bytes(field.value));
        sink.out.push_text(field.canon, name, value, field.kind);
    }
    for carried in inner.take_carried() {
        let text = sink.out.store(inner.bytes(carried.text));
        sink.out.carry(Carried { text, ..carried });
    }
    sink.take_marks(&inner);
    sink.time(1, inner.time);
    Ok(())
}

struct Walker<'r, 'f, 'b> {
    bytes: &'b [u8],
    at: usize,
    roles: &'r Roles,
    rename: Option<fn(&[u8]) -> Rename>,
    sink: &'r mut Sink<'f, 'b>,
    /// Dotted name of the object that is being read.
    path: Vec<u8>,
    /// Blanks seen outside of strings: tells whether a container is compact.
    blanks: usize,
    /// The name of the pair that is being read.
    pair: Option<&'b [u8]>,
    /// Where the values lie, where that is asked for.
    leaves: Option<&'r mut Vec<Leaf>>,
}

/// Whether a byte may stand in a number or a literal.
static BARE: [bool; 256] = {
    let mut bare = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let ascii = byte as u8;
        bare[byte] = ascii.is_ascii_alphanumeric() || matches!(ascii, b'+' | b'-' | b'.');
        byte += 1;
    }
    bare
};

/// The number or literal that a text begins with, and what it is.
#[inline]
pub fn bare(text: &[u8]) -> Option<(&[u8], Kind)> {
    let length = text.iter().position(|&b| !BARE[usize::from(b)]).unwrap_or(text.len());
    let value = &text[..length];
    let kind = match value {
        [b'-' | b'0'..=b'9', ..] => Kind::Number,
        b"true" | b"false" => Kind::Bool,
        b"null" => Kind::Null,
        _ => return None,
    };
    Some((value, kind))
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
struct Raw<'b> {
    bytes: &'b [u8],
    escaped: bool,
}

impl<'b> Walker<'_, '_, 'b> {
    /// Reads the one object that the text is.
    fn whole(&mut self) -> Result<(), Reject> {
        self.blank();
        if self.peek() != Some(b'{') {
            return Err(Reject);
        }
        self.object(1)?;
        self.blank();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Reject) }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
            self.blanks += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Result<(), Reject> {
        if self.peek() != Some(byte) {
            return Err(Reject);
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Reject> {
        if depth > DEPTH_LIMIT {
            return Err(Reject);
        }
        self.eat(b'{')?;
        // A name is of the pair in which it stands.
        self.pair = None;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.blank();
            let key = self.string()?;
            self.blank();
            self.eat(b':')?;
            self.blank();
            let nested = matches!(self.peek(), Some(b'{' | b'['));
            if self.path.is_empty() && !key.escaped && !nested && self.rename.is_none() {
                self.leaf(Some(key.bytes))?;
            } else {
                let back = self.path.len();
                if back > 0 {
                    self.path.push(b'.');
                }
                if key.escaped {
                    unescape(key.bytes, &mut self.path)
                } else {
                    self.path.extend_from_slice(key.bytes)
                }
                self.value(depth)?;
                self.path.truncate(back);
            }
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Reject),
            }
        }
    }

    /// Reads a value whose name is the path.
    fn value(&mut self, depth: usize) -> Result<(), Reject> {
        let (start, blanks) = (self.at, self.blanks);
        match self.peek() {
            Some(b'{') if self.roles.get(&self.path) == Some(Role::Embedded) => {
                // An object of the same dialect: its names are those of a record.
                let path = std::mem::take(&mut self.path);
                let read = self.object(depth + 1);
                self.path = path;
                read
            }
            Some(b'{') => {
                self.object(depth + 1)?;
                self.container(start, blanks, depth);
                Ok(())
            }
            Some(b'[') => self.array(start, depth),
            _ => self.leaf(None),
        }
    }

    fn array(&mut self, start: usize, depth: usize) -> Result<(), Reject> {
        if depth > DEPTH_LIMIT {
            return Err(Reject);
        }
        self.at += 1;
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.container(start, self.blanks, depth);
            return Ok(());
        }
        loop {
            self.blank();
            self.value(depth + 1)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Reject),
            }
        }
    }

    /// Keeps a container as a field of its own.
    fn container(&mut self, start: usize, blanks: usize, depth: usize) {
        // Where a dialect renames, containers are wrappers without a name of their own.
        if self.rename.is_some() || !self.sink.all && self.roles.get(&self.path) != Some(Role::Line) {
            return;
        }
        let raw = &self.bytes[start..self.at];
        if let Some(leaves) = &mut self.leaves
            && raw.iter().all(|byte| matches!(byte, b'{' | b'}' | b'[' | b']') || byte.is_ascii_whitespace())
        {
            let name = Some(self.path.as_slice().into());
            leaves.push(Leaf { start, end: start, is_string: false, is_empty: true, name, role: None });
        }
        let value = match () {
            () if blanks == self.blanks => Text::Slice(raw),
            () if depth <= COMPACT_DEPTH => {
                let from = self.sink.out.arena_len();
                compact(raw, self.sink.out.arena_mut());
                self.sink.out.stored_since(from)
            }
            () => return,
        };
        if let Some((name, role)) = self.name(None) {
            // An object is no value of a column: what is in it is, under names of its own.
            let is_whole = |role: &Role| match role {
                Role::Is(canon) => !canon.is_column(),
                role => *role == Role::Line,
            };
            self.sink.text(name, role.filter(is_whole), value, Kind::Json);
        }
    }

    /// The name of a field and what it means: of a top-level key, or of the path.
    fn name(&mut self, key: Option<&'b [u8]>) -> Option<(Text<'b>, Option<Role>)> {
        if let Some(key) = key {
            return Some((Text::Slice(key), self.roles.get(key)));
        }
        let shown: &[u8] = match self.rename.map_or(Rename::Keep, |rename| rename(&self.path)) {
            Rename::Keep => &self.path,
            Rename::Part(from, to) => self.path.get(from..to).unwrap_or(&self.path),
            Rename::Named(name) => {
                return Some((Text::Slice(name.as_bytes()), self.roles.get(name.as_bytes())));
            }
            Rename::Drop => return None,
        };
        let role = self.roles.get(shown);
        let name = if self.sink.all { self.sink.out.store(shown) } else { Text::Slice(b"") };
        Some((name, role))
    }

    fn leaf(&mut self, key: Option<&'b [u8]>) -> Result<(), Reject> {
        let (raw, kind) = match self.peek() {
            Some(b'"') => (self.string()?, Kind::Str),
            _ => self.bare()?,
        };
        let named = self.name(key);
        if let Some(leaves) = &mut self.leaves {
            let end = self.at - usize::from(kind == Kind::Str);
            let name = named.map(|(name, _)| self.sink.out.bytes(name).into());
            let role = named.and_then(|named| named.1);
            let (start, is_string) = (end - raw.bytes.len(), kind == Kind::Str);
            leaves.push(Leaf { start, end, is_string, is_empty: false, name, role });
        }
        let Some((name, role)) = named else { return Ok(()) };
        let role = match role {
            Some(Role::PairName) => {
                self.pair = Some(raw.bytes);
                None
            }
            Some(Role::PairValue) => self.paired(),
            role => role,
        };
        if role.is_none() && !self.sink.all {
            return Ok(());
        }
        let value = if raw.escaped {
            let from = self.sink.out.arena_len();
            unescape(raw.bytes, self.sink.out.arena_mut());
            self.sink.out.stored_since(from)
        } else {
            Text::Slice(raw.bytes)
        };
        if role == Some(Role::Embedded) {
            let text = self.sink.out.bytes(value).to_vec();
            let _ = flatten_copy(&text, self.roles, self.rename, self.sink);
        }
        self.sink.text(name, role.filter(|r| *r != Role::Embedded), value, kind);
        Ok(())
    }

    /// What the value at the path means by the name of its pair, under that of their list.
    fn paired(&mut self) -> Option<Role> {
        let (pair, end) = (self.pair.take()?, self.path.len());
        let list = memchr::memrchr(b'.', &self.path)? + 1;
        self.path.extend_from_within(..list);
        self.path.extend_from_slice(pair);
        let role = self.roles.get(&self.path[end..]);
        self.path.truncate(end);
        role
    }

    /// A number or a literal.
    fn bare(&mut self) -> Result<(Raw<'b>, Kind), Reject> {
        let (bytes, kind) = bare(&self.bytes[self.at..]).ok_or(Reject)?;
        self.at += bytes.len();
        Ok((Raw { bytes, escaped: false }, kind))
    }

    fn string(&mut self) -> Result<Raw<'b>, Reject> {
        self.eat(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).ok_or(Reject)?;
            let at = self.at + near::either(b'"', b'\\', rest).ok_or(Reject)?;
            if self.bytes[at] == b'"' {
                self.at = at + 1;
                return Ok(Raw { bytes: &self.bytes[start..at], escaped });
            }
            escaped = true;
            self.at = at + 2;
        }
    }
}

/// Appends the text of a JSON string without its escapes. An escape that is none stays as it is; a lone surrogate
/// becomes U+FFFD.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(n) = near::one(b'\\', &raw[at..]) {
        out.extend_from_slice(&raw[at..at + n]);
        at += n;
        let simple = match raw.get(at + 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(&b @ (b'"' | b'\\' | b'/')) => b,
            Some(b'u') => {
                let (c, used) = unicode(&raw[at..]);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += used;
                continue;
            }
            _ => {
                out.push(b'\\');
                at += 1;
                continue;
            }
        };
        out.push(simple);
        at += 2;
    }
    out.extend_from_slice(&raw[at..]);
}

/// The character of `\uXXXX` (or of two that are a pair) and how many bytes it takes.
fn unicode(raw: &[u8]) -> (char, usize) {
    let unit = |from: usize| {
        let hex = raw.get(from..from + 6).filter(|h| h.starts_with(b"\\u"))?;
        u16::from_str_radix(std::str::from_utf8(&hex[2..]).ok()?, 16).ok()
    };
    let Some(high) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 2.min(raw.len())) };
    if let Some(low) = unit(6)
        && let Some(Ok(c)) = char::decode_utf16([high, low]).next()
        && u32::from(c) > 0xffff
    {
        return (c, 12);
    }
    (char::from_u32(u32::from(high)).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

/// Appends JSON without the blanks outside of its strings.
fn compact(raw: &[u8], out: &mut Vec<u8>) {
    let (mut quoted, mut escaped) = (false, false);
    for &byte in raw {
        if quoted || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            out.push(byte);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Canon;

    fn read(text: &str) -> Option<Vec<String>> {
        let layout = Layout::plain();
        let mut out = Fields::default();
        let mut sink = Sink::new(&layout, Want::All, &mut out);
        flatten(text.as_bytes(), &Roles::new(&[]), None, &mut sink).ok()?;
        let show = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Some(out.named().map(|(n, v, _)| format!("{}={}", show(n), show(v))).collect())
    }

    #[test]
    fn nested_values_get_dotted_names_and_containers_are_kept() {
        let read = read(r#"{"a":1, "b": {"c" : [ "x", null, {"d":true}], "e.f":"\u00e9\n\ud83d\ude00\q"}}"#).unwrap();
        let want = [
            "a=1",
            "b.c=x",
            "b.c=null",
            "b.c.d=true",
            "b.c={\"d\":true}",
            "b.e.f=é\n😀\\q",
            "b={\"c\":[\"x\",null,{\"d\":true}],\"e.f\":\"\\u00e9\\n\\ud83d\\ude00\\q\"}",
        ];
        assert_eq!(read, want);
    }

    #[test]
    fn the_value_of_a_pair_means_what_its_name_does() {
        let roles = [
            ("list.name", Role::PairName),
            ("list.value", Role::PairValue),
            ("list.owner", Role::Is(Canon::Container)),
            ("list.title", Role::Is(Canon::FileName)),
        ];
        let read = |text: &str| {
            let (layout, mut out) = (Layout::plain(), Fields::default());
            let roles = Roles::new(&[&roles]);
            flatten(text.as_bytes(), &roles, None, &mut Sink::new(&layout, Want::All, &mut out)).unwrap();
            [Canon::Container, Canon::FileName].map(|canon| out.text(canon).map(str::to_owned))
        };
        let owner = Some("hr@hc.example".to_owned());
        assert_eq!(
            read(r#"{"list":[{"name":"title","value":"a"},{"name":"owner","value":"hr@hc.example"}]}"#),
            [owner.clone(), Some("a".to_owned())]
        );
        // What no name stands before, or another one, means nothing.
        assert_eq!(read(r#"{"list":[{"value":"hr@hc.example","name":"owner"}]}"#), [None, None]);
        assert_eq!(read(r#"{"list":[{"name":"owner"},{"value":"hr@hc.example"}]}"#), [None, None]);
        assert_eq!(
            read(r#"{"list":[{"name":"x","value":"y"},{"name":"owner","value":"hr@hc.example"}]}"#),
            [owner, None]
        );
    }

    #[test]
    fn what_is_no_object_is_rejected() {
        for bad in [
            "",
            "[]",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1}x"#,
            r#"{"a":"x}"#,
            r#"{"a":nul}"#,
            r#"{"a":1,}"#,
            r#"{"a":"\"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let deep = format!("{}{}", r#"{"a":"#.repeat(10_000), "1");
        assert_eq!(read(&deep), None);
    }
}
