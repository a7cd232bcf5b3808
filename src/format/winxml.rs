//! Windows events as XML: what `wevtutil`, the event viewer and `Get-WinEvent … ToXml()` write.
//!
//! ```text
//! <Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>3</EventID>
//! <TimeCreated SystemTime='2026-03-28T23:10:04.5Z'/><Channel>…</Channel></System><EventData><Data Name='DestinationIp'>203.0.113.9</Data></EventData></Event>
//! ```
//! Source: <https://learn.microsoft.com/windows/win32/wes/eventschema-schema>.
//!
//! The names are those of the binary log ([`windows`]). Traps: UTF-16 with a byte order mark; one event a line,
//! or over many lines, in `<Events>` or not; values with entities; `RenderingInfo` repeats in words what `System` says.

use super::jsonwalk::Rename;
use super::roles::Role;
use super::sink::Sink;
use super::windows::{self, ROLES};
use super::{Fit, Format, Sample, sysmon};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Framing, Layout};

/// Windows events as XML.
pub struct WindowsXml;

/// Deeper nesting is rejected.
const DEPTH_LIMIT: usize = 32;
/// So many events of the head are looked at.
const SAMPLE_EVENTS: usize = 200;

impl Format for WindowsXml {
    fn name(&self) -> &'static str {
        "windows_xml"
    }

    fn describe(&self) -> &'static str {
        "Windows events as XML: wevtutil, event viewer, Get-WinEvent; one a line or over many"
    }

    fn fields(&self) -> Vec<Canon> {
        ROLES.canons()
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let text = sample.text.trim_ascii_start();
        let xml = text.starts_with(b"<Event") || text.starts_with(b"<?xml");
        let layout = Layout { framing: Framing::XmlEvents, arrays: Vec::new(), ..sample.layout("windows_xml") };
        let mut rest = next_event(text).filter(|_| xml)?;
        let mut events = Vec::new();
        while let Some(end) = memchr::memmem::find(rest, b"</Event>").filter(|_| events.len() < SAMPLE_EVENTS) {
            let (event, behind) = rest.split_at(end + "</Event>".len());
            events.push(event);
            let Some(next) = next_event(behind) else { break };
            rest = next;
        }
        if events.is_empty() {
            // The first event is longer than the head.
            let system = memchr::memmem::find(rest, b"<System>").is_some();
            return system.then_some(Fit { read: 1, of: 1, rank: 88, layout });
        }
        sample.fit_records(&events, self, layout, 88)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        read(record, &mut Sink::new(layout, want, out)).ok_or(Reject)?;
        Ok(Parsed::Event)
    }
}

/// Reads an event; `None` where it is none. Also for events inside of messages.
pub fn read<'b>(record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    Walker { bytes: record, at: 0, path: Vec::new(), open: Vec::new(), sink }.document()?;
    sysmon::finish(sink);
    Some(())
}

/// From the next event on that is not empty.
fn next_event(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        let starts = [&b"<Event "[..], b"<Event>"].into_iter().filter_map(|mark| memchr::memmem::find(text, mark));
        text = &text[starts.min()?..];
        match memchr::memchr(b'>', text) {
            Some(end) if text[..end].ends_with(b"/") => text = &text[end + 1..],
            _ => return Some(text),
        }
    }
}

/// A tag as it stands.
struct Tag<'b> {
    name: &'b [u8],
    attributes: &'b [u8],
    /// Whether it has no content (`<a/>`).
    empty: bool,
}

struct Walker<'w, 'f, 'b> {
    bytes: &'b [u8],
    at: usize,
    /// Dotted name of the element that is being read, as a JSON rendering of the event has it.
    path: Vec<u8>,
    /// Names of the open elements, with the lengths of the path before them.
    open: Vec<(&'b [u8], usize)>,
    sink: &'w mut Sink<'f, 'b>,
}

impl<'b> Walker<'_, '_, 'b> {
    /// Reads the whole event; `None` where it is none, or damaged.
    fn document(&mut self) -> Option<()> {
        let mut system = false;
        loop {
            self.at += memchr::memchr(b'<', self.bytes.get(self.at..)?)?;
            let rest = &self.bytes[self.at..];
            if rest.starts_with(b"<!--") {
                self.at += memchr::memmem::find(rest, b"-->")? + 3;
                continue;
            }
            if rest.starts_with(b"</") {
                self.close()?;
                if self.open.is_empty() {
                    break;
                }
                continue;
            }
            let tag = self.tag()?;
            self.enter(&tag)?;
            system |= self.path == b"Event.System";
            self.attributes(&tag);
            if tag.empty {
                self.leaf(&tag, Text::Slice(b""));
                self.leave();
            } else if let Some(value) = self.content()? {
                self.leaf(&tag, value);
                self.close()?;
            }
            if self.open.is_empty() {
                break;
            }
        }
        (system && self.bytes[self.at..].trim_ascii().is_empty()).then_some(())
    }

    /// The tag that starts here.
    fn tag(&mut self) -> Option<Tag<'b>> {
        let inner = &self.bytes[self.at + 1..];
        let mut end = 0;
        loop {
            end += memchr::memchr3(b'>', b'"', b'\'', inner.get(end..)?)?;
            if inner[end] == b'>' {
                break;
            }
            end += memchr::memchr(inner[end], &inner[end + 1..])? + 2;
        }
        self.at += end + 2;
        let text = &inner[..end];
        let (text, empty) = text.strip_suffix(b"/").map_or((text, false), |text| (text, true));
        let length = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        let (name, attributes) = text.split_at(length);
        let named =
            !name.is_empty() && name.iter().all(|b| !b.is_ascii() || b.is_ascii_alphanumeric() || b"_-.:".contains(b));
        named.then_some(Tag { name, attributes, empty })
    }

    fn enter(&mut self, tag: &Tag<'b>) -> Option<()> {
        if self.open.len() >= DEPTH_LIMIT || (self.open.is_empty() && tag.name != b"Event") {
            return None;
        }
        self.open.push((tag.name, self.path.len()));
        if !self.path.is_empty() {
            self.path.push(b'.');
        }
        let local = memchr::memchr(b':', tag.name).map_or(tag.name, |n| &tag.name[n + 1..]);
        self.path.extend_from_slice(local);
        Some(())
    }

    fn leave(&mut self) {
        if let Some((_, back)) = self.open.pop() {
            self.path.truncate(back);
        }
    }

    /// Reads the end tag that starts here; it must be that of the innermost open element.
    fn close(&mut self) -> Option<()> {
        let inner = self.bytes.get(self.at..)?.strip_prefix(b"</")?;
        let end = memchr::memchr(b'>', inner)?;
        if self.open.last()?.0 != inner[..end].trim_ascii_end() {
            return None;
        }
        self.at += end + 3;
        self.leave();
        Some(())
    }

    /// The text of an element, up to its end tag; `Some(None)` where it holds elements.
    fn content(&mut self) -> Option<Option<Text<'b>>> {
        let rest = self.bytes.get(self.at..)?;
        let end = memchr::memchr(b'<', rest)?;
        if rest[end..].starts_with(b"</") && memchr::memchr(b'&', &rest[..end]).is_none() {
            self.at += end;
            return Some(Some(Text::Slice(&rest[..end])));
        }
        let (back, from) = (self.at, self.sink.out.arena_len());
        loop {
            let rest = self.bytes.get(self.at..)?;
            let end = memchr::memchr(b'<', rest)?;
            unescape(&rest[..end], self.sink.out.arena_mut());
            self.at += end;
            let mark = &rest[end..];
            if let Some(raw) = mark.strip_prefix(b"<![CDATA[") {
                let close = memchr::memmem::find(raw, b"]]>")?;
                self.sink.out.arena_mut().extend_from_slice(&raw[..close]);
                self.at += close + 12;
            } else if mark.starts_with(b"<!--") {
                self.at += memchr::memmem::find(mark, b"-->")? + 3;
            } else if mark.starts_with(b"</") {
                return Some(Some(self.sink.out.stored_since(from)));
            } else {
                self.at = back + memchr::memchr(b'<', &self.bytes[back..])?;
                return Some(None);
            }
        }
    }

    /// The attributes of what the system part holds; those of other elements say nothing.
    fn attributes(&mut self, tag: &Tag<'b>) {
        if self.open.len() != 3 || !self.path.starts_with(b"Event.System.") {
            return;
        }
        let back = self.path.len();
        for (key, value) in pairs(tag.attributes) {
            self.path.extend_from_slice(b".#attributes.");
            self.path.extend_from_slice(key);
            let value = self.plain(value);
            self.field(value);
            self.path.truncate(back);
        }
    }

    /// An element without elements in it.
    fn leaf(&mut self, tag: &Tag<'b>, value: Text<'b>) {
        let named = pairs(tag.attributes).find(|pair| pair.0 == b"Name").map(|pair| pair.1);
        match named {
            Some(name) if self.path == b"Event.EventData.Data" => {
                let back = self.path.len();
                self.path.truncate("Event.EventData.".len());
                unescape(name, &mut self.path);
                self.field(value);
                self.path.truncate(back.min("Event.EventData.".len()));
                self.path.extend_from_slice(b"Data");
            }
            // It says all in its attributes.
            _ if tag.empty && self.path.starts_with(b"Event.System.") => {}
            _ => self.field(value),
        }
    }

    /// Gives the value under the name that the path stands for.
    fn field(&mut self, value: Text<'b>) {
        let path = &self.path[..];
        let name = match windows::rename(path) {
            Rename::Keep => {
                path.strip_prefix(b"Event.RenderingInfo.").filter(|name| *name == b"Message").unwrap_or(path)
            }
            Rename::Part(from, to) => &path[from..to],
            Rename::Named(name) => name.as_bytes(),
            Rename::Drop => return,
        };
        let role = ROLES.get(name).filter(|role| *role != Role::Embedded);
        if role.is_none() && !self.sink.all {
            return;
        }
        // An element without text is there, and its value is an empty one.
        let value_of = self.sink.out.bytes(value);
        let is_number = !value_of.is_empty() && value_of.iter().all(u8::is_ascii_digit);
        let kind = if is_number { Kind::Number } else { Kind::Str };
        let name = if self.sink.all { self.sink.out.store(name) } else { Text::Slice(b"") };
        self.sink.text(name, role, value, kind);
    }

    fn plain(&mut self, raw: &'b [u8]) -> Text<'b> {
        if memchr::memchr(b'&', raw).is_none() {
            return Text::Slice(raw);
        }
        let from = self.sink.out.arena_len();
        unescape(raw, self.sink.out.arena_mut());
        self.sink.out.stored_since(from)
    }
}

/// The attributes of a tag, values as they stand between their quotes.
pub(super) fn pairs(mut text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let equals = memchr::memchr(b'=', text)?;
        let key = text[..equals].trim_ascii();
        let rest = text[equals + 1..].trim_ascii_start();
        let quote = rest.first().filter(|q| matches!(q, b'"' | b'\''))?;
        let end = memchr::memchr(*quote, &rest[1..])?;
        text = &rest[end + 2..];
        Some((key, &rest[1..=end]))
    })
}

/// Appends text without its entities. What is none stays as it is.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let end = memchr::memchr(b';', &rest[..rest.len().min(12)]);
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[end + 1..];
            }
            None => {
                out.push(b'&');
                rest = &rest[1..];
            }
        }
    }
    out.extend_from_slice(rest);
}

fn entity(name: &[u8]) -> Option<char> {
    Some(match name {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" => '"',
        b"apos" => '\'',
        _ => {
            let number = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}
