//! Elements of XML: known by their name, read by the names of their attributes and of the elements in them.
//!
//! What holds elements itself gives no value, so that how deep one lies says nothing.

use super::target::{Always, Target, canons, target};
use crate::format::roles::{Role, Roles};
use crate::format::sink::Sink;
use crate::format::winxml::{pairs, unescape};
use crate::model::fields::{Canon, Kind, Text};

/// Elements of a name.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    /// The tag that ends it.
    end: Vec<u8>,
    /// Names, and values of which each must have one.
    wanted: Vec<(&'static str, Vec<&'static str>)>,
    roles: Roles,
    own: Vec<&'static str>,
    always: Always,
}

impl Element {
    /// Elements as a definition says; `Err` with the reason where it cannot be.
    pub(super) fn new(
        name: &'static str,
        fields: &[(&'static str, &'static str)],
        wanted: Vec<(&'static str, Vec<&'static str>)>,
        always: Always,
    ) -> Result<Self, String> {
        if name.is_empty() || !name.bytes().all(is_of_name) {
            return Err(format!("name: {name:?} is no name of an element"));
        }
        let mut roles: Vec<(&'static str, Role)> = Vec::new();
        for (name, to) in fields {
            let Target::Field(Some(role), _) = target(to) else {
                return Err(format!("{to:?} is no canonical field, which {name:?} could be made into"));
            };
            roles.push((name, role));
        }
        let own = fields.iter().map(|(_, to)| *to).collect();
        let end = [b"</", name.as_bytes(), b">"].concat();
        Ok(Self { name, end, wanted, roles: Roles::new(&[&roles]), own, always })
    }

    /// Reads an element; `None`, and nothing read, where the text begins with none of these or none that is whole.
    pub(super) fn read<'b>(&self, text: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        let values = self.values(text)?;
        let has = |(name, wanted): &(&str, Vec<&str>)| {
            let is_one = |value: &[u8]| wanted.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(value));
            values.clone().any(|value| value.name == name.as_bytes() && is_one(value.text))
        };
        if !self.wanted.iter().all(has) {
            return None;
        }
        values.for_each(|value| self.give(value, sink));
        Some(self.always)
    }

    /// The values of an element that is whole.
    fn values<'b>(&self, text: &'b [u8]) -> Option<Values<'b>> {
        let (head, behind) = tag(text.trim_ascii_start())?;
        let (name, attributes) = split_name(head);
        if name != self.name.as_bytes() {
            return None;
        }
        if head.ends_with(b"/") {
            return Some(Values { attributes, rest: b"" });
        }
        let inner = &behind[..memchr::memmem::rfind(behind, &self.end)?];
        Some(Values { attributes, rest: inner })
    }

    fn give<'b>(&self, Value { name, text: raw, is_verbatim }: Value<'b>, sink: &mut Sink<'_, 'b>) {
        let role = self.roles.get(name);
        if !sink.asks(role) {
            return;
        }
        let value = if is_verbatim || memchr::memchr(b'&', raw).is_none() {
            Text::Slice(raw)
        } else {
            let from = sink.out.arena_len();
            unescape(raw, sink.out.arena_mut());
            sink.out.stored_since(from)
        };
        let kind = match raw {
            b"" | b"-" => Kind::Null,
            raw if raw.iter().all(u8::is_ascii_digit) => Kind::Number,
            _ => Kind::Str,
        };
        sink.text(Text::Slice(name), role, value, kind);
    }

    /// The canonical fields that it gives.
    pub(super) fn canons(&self) -> Vec<Canon> {
        let own = self.own.iter().flat_map(|name| canons(target(name)));
        own.chain(self.always.set.iter().flat_map(|constant| canons(constant.target))).copied().collect()
    }
}

/// A value with its name, as it stands.
struct Value<'b> {
    name: &'b [u8],
    text: &'b [u8],
    /// Whether it has no entities: text that is marked as such (`<![CDATA[`).
    is_verbatim: bool,
}

/// Names and values of the attributes of an element and of the elements in it that hold text alone. What stands in comments is none.
#[derive(Clone)]
struct Values<'b> {
    attributes: &'b [u8],
    rest: &'b [u8],
}

impl<'b> Iterator for Values<'b> {
    type Item = Value<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((name, value)) = pairs(self.attributes).next() {
            // A value lies behind its name, with a quote at its end.
            let used = value.as_ptr() as usize + value.len() + 1 - self.attributes.as_ptr() as usize;
            self.attributes = &self.attributes[used..];
            return Some(Value { name, text: value, is_verbatim: false });
        }
        loop {
            let at = memchr::memchr(b'<', self.rest)?;
            let from = &self.rest[at..];
            if let Some((_, behind)) = marked(from, COMMENT).or_else(|| marked(from, VERBATIM)) {
                self.rest = behind;
                continue;
            }
            let Some((head, behind)) = tag(from) else {
                self.rest = b"";
                return None;
            };
            self.rest = behind;
            let (name, attributes) = split_name(head);
            if name.is_empty() {
                continue;
            }
            let written = &head[..head.len() - attributes.len()];
            self.attributes = attributes;
            if head.ends_with(b"/") {
                return Some(Value { name, text: b"", is_verbatim: false });
            }
            let verbatim = marked(behind.trim_ascii_start(), VERBATIM);
            let end = memchr::memchr(b'<', behind).unwrap_or(behind.len());
            let (text, rest) = verbatim.unwrap_or((behind[..end].trim_ascii(), &behind[end..]));
            let is_leaf = rest.trim_ascii_start().strip_prefix(b"</").is_some_and(|close| close.starts_with(written));
            if is_leaf {
                self.rest = rest;
                return Some(Value { name, text, is_verbatim: verbatim.is_some() });
            }
        }
    }
}

/// What a comment begins and ends with.
const COMMENT: [&[u8]; 2] = [b"<!--", b"-->"];
/// What text without entities begins and ends with.
const VERBATIM: [&[u8]; 2] = [b"<![CDATA[", b"]]>"];

/// What stands between the marks that a text begins with, and what is behind it; what is never closed goes to the end.
fn marked<'b>(text: &'b [u8], [begin, end]: [&[u8]; 2]) -> Option<(&'b [u8], &'b [u8])> {
    let inner = text.strip_prefix(begin)?;
    match memchr::memmem::find(inner, end) {
        Some(at) => Some((&inner[..at], &inner[at + end.len()..])),
        None => Some((inner, b"")),
    }
}

/// What stands between the `<` that a text begins with and its `>`, and what is behind it. Quoted, a `>` ends no tag.
fn tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"<")?;
    let mut end = 0;
    loop {
        end += memchr::memchr3(b'>', b'"', b'\'', inner.get(end..)?)?;
        if inner[end] == b'>' {
            return Some((&inner[..end], &inner[end + 1..]));
        }
        end += memchr::memchr(inner[end], &inner[end + 1..])? + 2;
    }
}

/// The name in a tag, without its prefix, and the attributes behind it; no name where it opens no element.
fn split_name(tag: &[u8]) -> (&[u8], &[u8]) {
    let length = tag.iter().position(|byte| !is_of_name(*byte)).unwrap_or(tag.len());
    let (name, attributes) = tag.split_at(length);
    (memchr::memrchr(b':', name).map_or(name, |colon| &name[colon + 1..]), attributes)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte)
}
