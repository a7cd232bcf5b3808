//! Picks the dialect of a source from its first bytes.

use std::borrow::Cow;
use std::sync::Arc;

use super::roles::Role;
use super::{Clock, Fit, Format, jsonlines, lastlog, list, mixed, time, utmp};
use crate::model::chunk;
use crate::model::collection::Collection;
use crate::model::fields::{Fields, Want};
use crate::model::layout::{Encoding, Framing, Layout};
use crate::model::lines::{self, Lines};
use crate::model::source::SourceMeta;
use crate::model::time::{Instant, Stamp};

/// So many records tell the dialect; one long record at the start of a log must not.
const ENOUGH_RECORDS: usize = 8;
/// So many records are looked at.
const SAMPLE_RECORDS: usize = 200;
/// So many lines at the begin of a log show whether its records write their year.
const LOOKED_AT: usize = 64;
/// 1995-01-01: a file is not older than its kind of log. Archives write 1980 for a time that they do not know.
const EARLIEST_SECS: i64 = 788_918_400;
/// Arrays that are known to hold the events of an export.
const ARRAYS: &[&str] = &[
    "Records",
    "records",
    "value",
    "events",
    "Events",
    "logs",
    "items",
    "logEvents",
    "entries",
    "hits",
    "results",
    "Results",
];
/// That of the answer of a search: its hits lie in an object.
const HITS: &str = "hits.hits";
/// So many keys of such an answer are looked at.
const ANSWER_KEYS: usize = 16;
/// An object with more keys than this is an event, even if one of its keys looks like an array of events.
const WRAPPER_KEYS: usize = 4;

/// The start of a source, made ready to be judged.
pub struct Sample<'a> {
    /// The text (narrowed, where it is UTF-16), without a byte order mark.
    pub text: &'a [u8],
    /// Complete lines with content, at most `SAMPLE_RECORDS`.
    pub lines: Vec<&'a [u8]>,
    /// JSON events, where the text is made of such.
    pub events: Vec<&'a [u8]>,
    /// The last part of the source's name.
    pub name: &'a str,
    /// Encoding, zone, reference and, for JSON, framing: what a layout starts from.
    pub base: Layout,
}

impl Sample<'_> {
    /// Counts the lines that a format reads.
    pub fn fit(&self, format: &dyn Format, layout: Layout, rank: u8) -> Option<Fit> {
        self.fit_records(&self.lines, format, layout, rank)
    }

    /// Counts the records that a format reads; of the dates in the sample, its layout has those that it takes for times.
    pub fn fit_records(&self, records: &[&[u8]], format: &dyn Format, mut layout: Layout, rank: u8) -> Option<Fit> {
        layout.dates = layout.dates.is_some().then(Arc::default);
        let mut read = 0;
        for record in records {
            let mut out = Fields::default();
            read += usize::from(format.parse(&layout, record, Want::All, &mut out).is_ok());
        }
        (read > 0).then_some(Fit { read, of: records.len(), rank, layout })
    }

    /// A layout of this format that starts from the base.
    pub fn layout(&self, format: &'static str) -> Layout {
        Layout { format, ..self.base.clone() }
    }
}

/// Whether the start of a source holds enough records to tell its dialect, or cannot come to hold them: it is no text.
/// What begins with a long record must be read on.
pub fn suffices(head: &[u8]) -> bool {
    let Some((text, mut base)) = text_of(head, Layout::plain()) else { return true };
    if is_binary(&text) {
        return true;
    }
    let lines = complete_lines(&text, base.encoding, false);
    let records = json_events(&text, &lines, false, &mut base).map_or(lines.len(), |events| events.len());
    records >= ENOUGH_RECORDS
}

/// Judges the decoded start of a source; `whole` says that it is all of it, so that no record is cut off at its end.
/// Never fails: what nothing reads is `text`.
///
/// A format wins if it reads more than half of the records of the sample; of several the most specific one does.
pub fn recognise(head: &[u8], whole: bool, meta: &SourceMeta, clock: &Clock) -> Layout {
    let layout = with_order(match judge(head, whole, meta, clock) {
        Judged::Known(layout) => *layout,
        Judged::Text(fits, base) => {
            let mut best: Option<Fit> = None;
            for fit in fits {
                let better = best.as_ref().is_none_or(|b| (fit.rank, fit.read * b.of) > (b.rank, b.read * fit.of));
                if better {
                    best = Some(fit);
                }
            }
            best.map_or(Layout { framing: Framing::Lines, arrays: Vec::new(), ..*base }, |fit| fit.layout)
        }
    });
    match meta.locator.date() {
        None => layout,
        Some(_) => {
            let first = first_time(&layout, head);
            time::by_name(layout, &meta.locator, first)
        }
    }
}

/// The time of the first record of a log of lines that has one, as far as the first few show it.
pub fn first_time(layout: &Layout, head: &[u8]) -> Option<Stamp> {
    let is_lines = matches!(layout.framing, Framing::Lines | Framing::Csv { .. } | Framing::Runs(_));
    if !is_lines || layout.encoding.is_wide() {
        return None;
    }
    // Nothing is known of its reference yet: any will do.
    let layout = Layout { reference: layout.reference.or_else(|| Instant::from_secs(EARLIEST_SECS)), ..layout.clone() };
    let (reader, mut fields) = (super::reader(&layout), Fields::default());
    let mut lines = head.split(|byte| *byte == b'\n').take(LOOKED_AT);
    lines.find_map(|line| {
        let is_read = reader.parse(line.trim_ascii_end(), Want::Columns, &mut fields).is_ok();
        fields.time.filter(|_| is_read)
    })
}

/// A layout with the order of day and month that the dates of the head show; where they do not and there are some, those of all records
/// are kept, which may.
fn with_order(mut layout: Layout) -> Layout {
    let seen = layout.dates.take().filter(|dates| layout.day_first.is_none() && !dates.is_empty());
    if let Some(seen) = seen {
        layout.day_first = time::order_shown(&seen);
        layout.dates = layout.day_first.is_none().then(Arc::default);
    }
    layout
}

/// The formats that read more than half of the start of a source of text, in the order of [`list`]; none where it is no text, or a
/// format is known by its bytes.
pub fn fits(head: &[u8], whole: bool, meta: &SourceMeta, clock: &Clock) -> Vec<Fit> {
    match judge(head, whole, meta, clock) {
        Judged::Known(_) => Vec::new(),
        Judged::Text(fits, _) => fits,
    }
}

/// What the start of a source is.
enum Judged {
    /// Known by its bytes, or no text.
    Known(Box<Layout>),
    /// Text, with the formats that read it and the layout of what none reads.
    Text(Vec<Fit>, Box<Layout>),
}

fn judge(head: &[u8], whole: bool, meta: &SourceMeta, clock: &Clock) -> Judged {
    let known = |layout| Judged::Known(Box::new(layout));
    let base = Layout {
        zone: clock.zone.clone(),
        zone_given: clock.zone_given,
        host: Collection::of(&meta.locator).and_then(|collection| collection.host).map(Arc::from),
        dates: Some(Arc::default()),
        reference: meta.mtime.filter(|&at| Some(at) >= Instant::from_secs(EARLIEST_SECS)),
        ..Layout::plain()
    };
    let of_logons = [utmp::layout, lastlog::layout];
    if let Some(layout) = of_logons.iter().find_map(|layout| layout(head, meta.locator.file_name(), &base)) {
        return known(layout);
    }
    let Some((text, mut base)) = text_of(head, base.clone()) else {
        return known(Layout { format: "evtx", framing: Framing::Evtx, ..base });
    };
    if is_binary(&text) {
        return known(Layout { encoding: Encoding::Bytes, ..base });
    }
    let lines = complete_lines(&text, base.encoding, whole);
    let events = json_events(&text, &lines, whole, &mut base);
    let name = meta.locator.file_name();
    let sample = Sample { name, text: &text, lines, events: events.unwrap_or_default(), base };
    let most = |fit: &Fit| fit.read * 2 > fit.of;
    let alone = list().filter(|format| format.name() != mixed::NAME);
    let mut fits: Vec<Fit> = alone.filter_map(|format| format.recognise(&sample)).filter(most).collect();
    if fits.is_empty() {
        fits.extend(mixed::Mixed.recognise(&sample).filter(most));
    }
    Judged::Text(fits, Box::new(sample.base))
}

/// The text of a head, narrow and without a byte order mark, and the layout with its encoding; `None` where it is an
/// EVTX file.
fn text_of(head: &[u8], base: Layout) -> Option<(Cow<'_, [u8]>, Layout)> {
    if head.starts_with(chunk::FILE_MAGIC) || chunk::shows_log(head) {
        return None;
    }
    let mut encoding = encoding(head);
    let marked = &head[lines::mark_bytes(head, encoding)..];
    let text = if encoding.is_wide() {
        let mut narrowed = Vec::new();
        lines::narrow(marked, encoding, &mut narrowed);
        Cow::Owned(narrowed)
    } else {
        Cow::Borrowed(marked)
    };
    let returns = || memchr::memchr(b'\r', &text).is_some() && memchr::memchr(b'\n', &text).is_none();
    if encoding == Encoding::Bytes && !is_binary(&text) && returns() {
        encoding = Encoding::Returns;
    }
    Some((text, Layout { encoding, ..base }))
}

/// UTF-16 by its byte order mark, or by NULs in every other byte.
fn encoding(head: &[u8]) -> Encoding {
    if head.starts_with(b"\xff\xfe") {
        return Encoding::Utf16Le;
    }
    if head.starts_with(b"\xfe\xff") {
        return Encoding::Utf16Be;
    }
    let units: Vec<_> = head.chunks_exact(2).take(256).collect();
    let share = |high: usize| {
        let ascii = units.iter().filter(|u| u[high] == 0 && (u[1 - high] >= b' ' || b"\t\r\n".contains(&u[1 - high])));
        units.len() >= 8 && ascii.count() * 10 >= units.len() * 9
    };
    match (share(1), share(0)) {
        (true, _) => Encoding::Utf16Le,
        (_, true) => Encoding::Utf16Be,
        _ => Encoding::Bytes,
    }
}

/// Whether so many control bytes are in it that it cannot be a log in text.
fn is_binary(text: &[u8]) -> bool {
    let head = &text[..text.len().min(4096)];
    let odd = head.iter().filter(|&&b| b < b' ' && !b"\t\r\n\x0c\x1b\x1d\x1e".contains(&b)).count();
    odd * 10 > head.len()
}

fn complete_lines(text: &[u8], encoding: Encoding, whole: bool) -> Vec<&[u8]> {
    // The text of UTF-16 is narrow by now.
    let encoding = if encoding.is_wide() { Encoding::Bytes } else { encoding };
    Lines::new(text, 1, encoding)
        .filter(|l| l.ended || whole)
        .map(|l| &text[l.start..l.end])
        .filter(|l| !l.is_empty())
        .take(SAMPLE_RECORDS)
        .collect()
}

/// The events of a JSON text: one a line, or inside documents. Says in `base` how they are framed. `None` where the
/// text is no JSON.
fn json_events<'a>(text: &'a [u8], lines: &[&'a [u8]], whole: bool, base: &mut Layout) -> Option<Vec<&'a [u8]>> {
    let first = text.trim_ascii_start();
    let is_object =
        |t: &[u8]| t.first() == Some(&b'{') && value_end(t, 0).is_some_and(|e| t[e..].trim_ascii().is_empty());
    let objects: Vec<&[u8]> = lines.iter().copied().filter(|l| is_object(l.trim_ascii())).collect();
    let wrapper = lines.first().is_none_or(|l| {
        let line = l.trim_ascii();
        wrapper_array(line).is_some() && !is_event(line, lines.len() > 1)
    });
    if objects.len() * 2 > lines.len() && !wrapper {
        return Some(objects);
    }
    let array = match first.first()? {
        b'{' => wrapper_array(first),
        b'[' if first[1..].trim_ascii_start().starts_with(b"{") => None,
        _ => return None,
    };
    let events = documents(first, array.map(|a| a.0), array.map_or(0, |a| a.1));
    if events.is_empty() && (whole || !plausible(first)) {
        return None;
    }
    base.framing = Framing::JsonDocuments;
    base.arrays = array.iter().map(|a| Arc::from(a.0)).collect();
    Some(events)
}

/// An object that has not ended within the head, but begins like one.
fn plausible(text: &[u8]) -> bool {
    let inner = text[1..].trim_ascii_start();
    inner.starts_with(b"\"") || inner.starts_with(b"{")
}

/// Where the first hit starts in the answer of a search (`{"took":3,…,"hits":{"total":…,"hits":[{…`), by what the answer says of itself or,
/// where no more than the hits was kept, by what a hit does. It may go on behind the end of the text.
///
/// SOURCE: <https://www.elastic.co/docs/solutions/search/the-search-api>.
fn first_hit(text: &[u8]) -> Option<usize> {
    let of_answer = |key: &[u8]| matches!(key, b"took" | b"_shards" | b"timed_out");
    let (outer, seen) = member(text, 0, b"hits")?;
    let (inner, _) = member(text, outer, b"hits")?;
    let first = skip(text, inner + 1);
    let is_list = text.get(inner) == Some(&b'[') && text.get(first) == Some(&b'{');
    let is_hit = || member(text, first, b"_index").is_some() || member(text, first, b"_source").is_some();
    (is_list && (seen.into_iter().any(of_answer) || is_hit())).then_some(first)
}

/// Where the value of a key of the object at `at` starts, and the keys before it. Not among the first few: `None`.
fn member<'a>(text: &'a [u8], at: usize, wanted: &[u8]) -> Option<(usize, Vec<&'a [u8]>)> {
    let mut at = skip(text, (text.get(at) == Some(&b'{')).then_some(at + 1)?);
    let mut keys = Vec::new();
    while text.get(at) == Some(&b'"') && keys.len() < ANSWER_KEYS {
        let end = value_end(text, at)?;
        let key = &text[at + 1..end - 1];
        let colon = skip(text, end);
        let value = skip(text, (text.get(colon) == Some(&b':')).then_some(colon + 1)?);
        if key == wanted {
            return Some((value, keys));
        }
        keys.push(key);
        at = skip(text, value_end(text, value)?);
        at = skip(text, (text.get(at) == Some(&b',')).then_some(at + 1)?);
    }
    None
}

/// The array of events of a wrapper object: its name and where its first element starts. The object may go on behind
/// the end of the text.
fn wrapper_array(text: &[u8]) -> Option<(&'static str, usize)> {
    if let Some(first) = first_hit(text) {
        return Some((HITS, first));
    }
    let mut at = 1;
    let mut found = None;
    for keys in 0.. {
        at = skip(text, at);
        if text.get(at) != Some(&b'"') {
            break;
        }
        if keys >= WRAPPER_KEYS {
            return found.filter(|f: &(&str, usize)| f.0.eq_ignore_ascii_case("records"));
        }
        let key_end = value_end(text, at)?;
        let key = &text[at + 1..key_end - 1];
        at = skip(text, key_end);
        if text.get(at) != Some(&b':') {
            break;
        }
        at = skip(text, at + 1);
        if found.is_none()
            && text.get(at) == Some(&b'[')
            && text.get(skip(text, at + 1)) == Some(&b'{')
            && let Some(name) = ARRAYS.iter().find(|a| a.as_bytes() == key)
        {
            found = Some((*name, skip(text, at + 1)));
        }
        match value_end(text, at) {
            Some(end) => at = skip(text, end),
            None => break,
        }
        if text.get(at) == Some(&b',') {
            at += 1;
        }
    }
    found
}

/// Whether an object with an array of events is one event itself: it has fields of one beside the array. Where it is the
/// only line, a time says nothing: exports state when they were made.
fn is_event(object: &[u8], several: bool) -> bool {
    let mut at = skip(object, 1);
    while object.get(at) == Some(&b'"') {
        let Some(end) = value_end(object, at) else { return false };
        let role = jsonlines::ROLES.get(&object[at + 1..end - 1]);
        let colon = skip(object, end);
        at = skip(object, colon + 1);
        let scalar = !matches!(object.get(at), Some(b'{' | b'['));
        if scalar
            && role
                .is_some_and(|role| several || !matches!(role, Role::Time(_) | Role::Date | Role::Clock | Role::Zone))
        {
            return true;
        }
        let Some(end) = value_end(object, at) else { return false };
        at = skip(object, end);
        if object.get(at) == Some(&b',') {
            at = skip(object, at + 1);
        }
    }
    false
}

fn skip(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// Complete objects in the text, from `from` on (inside an array) or at its top.
fn documents<'a>(text: &'a [u8], array: Option<&str>, from: usize) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    let mut at = if array.is_some() || text.first() != Some(&b'[') { from } else { 1 };
    while out.len() < SAMPLE_RECORDS {
        at = skip(text, at);
        match text.get(at) {
            Some(b',' | 0x1e) => at += 1,
            Some(b'{') => match value_end(text, at) {
                Some(end) => {
                    out.push(&text[at..end]);
                    at = end;
                }
                None => break,
            },
            _ => break,
        }
    }
    out
}

/// One past the JSON value that starts at `at`, judged by brackets and quotes only.
fn value_end(text: &[u8], at: usize) -> Option<usize> {
    let mut open: Vec<u8> = Vec::new();
    let mut i = at;
    loop {
        match *text.get(i)? {
            b'"' => {
                i += 1;
                loop {
                    i += memchr::memchr3(b'"', b'\\', b'\n', text.get(i..)?)?;
                    match text[i] {
                        b'"' => break,
                        b'\\' => i += 2,
                        _ => return None,
                    }
                }
            }
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            close @ (b'}' | b']') => {
                let expected = open.pop()?;
                if expected != close {
                    return None;
                }
            }
            b',' | b':' if open.is_empty() => return None,
            byte if open.is_empty() && !byte.is_ascii_whitespace() => {
                let rest = text[i..].iter().position(|b| b",]} \t\r\n".contains(b))?;
                return Some(i + rest);
            }
            _ => {}
        }
        i += 1;
        if open.is_empty() {
            return Some(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_told_from_events_with_lists() {
        let name = |t: &str| wrapper_array(t.as_bytes()).map(|a| a.0);
        assert_eq!(name(r#"{"Records":[{"a":1}"#), Some("Records"));
        assert_eq!(name(r#"{ "count": 2, "value": [ {"#), Some("value"));
        assert_eq!(name(r#"{"records":[]}"#), None);
        assert_eq!(name(r#"{"kind":"a","id":{"t":1},"etag":"x","actor":{},"ip":"1","events":[{"n":1}]}"#), None);
        assert_eq!(name(r#"{"a":{"Records":[{"#), None);
        assert_eq!(name(r#"{"took":3,"_shards":{"a":1},"hits":{"total":{},"hits":[{"_id":"#), Some("hits.hits"));
        assert_eq!(name(r#"{"a":3,"hits":{"hits":[{"_id":"#), None);
        assert_eq!(name(r#"{"hits":{"total":2,"hits":[{"_index":"a","_id":"#), Some("hits.hits"));
        assert_eq!(name(r#"{"hits":{"hits":[{"_id":"1","_source":{"a":"#), Some("hits.hits"));
        assert_eq!(name(r#"{"took":3,"hits":{"hits":[]}}"#), None);
    }

    #[test]
    fn a_line_with_fields_of_its_own_is_an_event() {
        let paging = br#"{"count":2,"@odata.context":"x","value":[{"a":1}]}"#;
        let event = br#"{"account":"1","client_ip":"192.0.2.1","items":[{"file":"a"}]}"#;
        let made = br#"{"timestamp":"2026-03-28T00:00:00Z","events":[{"a":1}]}"#;
        assert!(!is_event(paging, true));
        assert!(is_event(event, true) && is_event(event, false));
        assert!(is_event(made, true) && !is_event(made, false));
    }

    #[test]
    fn ends_of_values_are_found_by_brackets_and_quotes() {
        assert_eq!(value_end(br#"{"a":"}\""} x"#, 0), Some(11));
        assert_eq!(value_end(br#"{"a":[}"#, 0), None);
        assert_eq!(value_end(b"12, 3", 0), Some(2));
    }
}
