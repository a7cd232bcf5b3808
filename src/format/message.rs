//! Messages of syslog and of the journal, by the program that says them, and the records of other logs that they hold.
//!
//! ```text
//! audispd: node=db1 type=EXECVE msg=audit(1774739404.500:4711): argc=1 a0="id"
//! kernel: audit: type=1309 audit(1774739404.500:4711): argc=1 a0="id"
//! squid: 1774739404.123    456 192.0.2.10 TCP_TUNNEL/200 512 CONNECT www.example.com:443 - HIER_DIRECT/203.0.113.9 -
//! nginx: 192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] "GET / HTTP/1.1" 200 13
//! nxlog: {"EventTime":"2026-03-28 23:10:04","Channel":"Security","EventID":4688}
//! ```
//! What a message holds has the fields of its own format, and the record says which that is ([`Fields::inside`]).
//!
//! Traps: the journal leaves time and serial number of an audit record to fields of its own; the kernel numbers what kind it is.

use memchr::memmem;

use super::mark::Mark;
use super::near::word;
use super::sink::{Sink, is_ip};
use super::{access, auditd, by_name, cef, declared, dns, edge, jsonlines, jsonwalk, kv, leef, squid, winxml};
use crate::model::fields::{Canon, Fields};
use crate::model::layout::{Framing, Layout};

/// Dialects of JSON that are told in messages.
pub const PRODUCTS: &[&str] =
    &["windows_json", "cloudtrail", "azure", "m365", "gcp", "zeek_json", "guardduty", "kubernetes", "okta", "github"];

const CEF: Mark = Mark::new(b"CEF:", 2);
const LEEF: Mark = Mark::new(b"LEEF:", 3);
const AUDIT: Mark = Mark::new(b"audit(", 5);
/// What stands between the time of a request and its first line.
const REQUEST: Mark = Mark::new(b"] \"", 0);

/// How far into a message a mark may stand.
const HEAD_BYTES: usize = 64;

fn head(text: &[u8]) -> &[u8] {
    &text[..text.len().min(HEAD_BYTES)]
}

/// Whether a message is a record of another log, which is to be parsed.
pub fn is_a_record(program: Option<&[u8]>, text: &[u8]) -> bool {
    text.starts_with(b"{")
        || text.starts_with(b"<Event")
        || CEF.is_in(head(text))
        || LEEF.is_in(head(text))
        || REQUEST.is_in(text)
        || audited(program, text).is_some()
        || program.is_some_and(squid::is_program)
}

/// The fields that stand in a message of a program. What a record in it says goes before what the record around it says.
pub fn said<'b>(program: Option<&[u8]>, message: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let text = message.trim_ascii_start();
    let around = sink.begin_inside();
    let inside = record(program, text, sink);
    sink.end_inside(around, inside);
    if inside.is_some() {
        // All of it is read.
    } else if program.is_some_and(|p| p.starts_with(b"sshd")) {
        ssh(text, sink);
    } else if let Some(server) = program.filter(|program| dns::is_server(program)) {
        dns::read(server, text, sink);
    } else if edge::read(program, text, sink) {
        // No pairs in it.
    } else if has_pairs(text) {
        kv::Pairs::new(text).for_each(|pair| kv::put(&pair, &kv::ROLES, sink));
    }
}

/// Reads the record that a message is, and gives its format.
fn record<'b>(program: Option<&[u8]>, text: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<&'static str> {
    if is_declared(program, text)
        && let Some(format) = declared::message(program, text, sink)
    {
        return Some(format);
    }
    if text.starts_with(b"{") {
        return json(text.trim_ascii_end(), sink);
    }
    if let Some(at) = CEF.find(head(text)) {
        let _ = cef::read(&text[at + CEF.len()..], sink);
        return Some("cef");
    }
    if let Some(at) = LEEF.find(head(text)) {
        let _ = leef::read(&text[at + LEEF.len()..], sink);
        return Some("leef");
    }
    if let Some(audited) = audited(program, text) {
        return audited.read(sink).map(|()| "auditd");
    }
    if text.starts_with(b"<Event") {
        return winxml::read(text.trim_ascii_end(), sink).map(|()| "windows_xml");
    }
    if program.is_some_and(squid::is_program) && squid::read(text, sink).is_some() {
        return Some("squid");
    }
    if REQUEST.is_in(text) && access::read(text, sink).is_some() {
        return Some("access");
    }
    kv::is_dated(text).then(|| {
        let _ = kv::read(text, sink);
        "kv"
    })
}

/// JSON of a product, or of none.
fn json(text: &[u8], sink: &mut Sink<'_, '_>) -> Option<&'static str> {
    for format in PRODUCTS.iter().filter_map(|name| by_name(name)) {
        let layout = format.layout(Layout { framing: Framing::Lines, ..sink.layout.clone() });
        if !format.shows(&layout, text) {
            continue;
        }
        let mut inner = Fields::default();
        if format.parse(&layout, text, sink.want, &mut inner).is_ok() {
            sink.take_in(&inner);
            return Some(format.name());
        }
    }
    jsonwalk::flatten_copy(text, &jsonlines::ROLES, None, sink).ok().map(|()| "json")
}

/// An audit record in a message.
struct Audited<'b> {
    text: &'b [u8],
    /// Whether time and serial number were left out.
    is_bare: bool,
}

impl<'b> Audited<'b> {
    fn read(self, sink: &mut Sink<'_, 'b>) -> Option<()> {
        if self.is_bare { auditd::read_bare(self.text, sink) } else { auditd::read(self.text, sink) }
    }
}

/// The audit record that a message of a program is.
fn audited<'b>(program: Option<&[u8]>, text: &'b [u8]) -> Option<Audited<'b>> {
    if text.starts_with(b"type=") || text.starts_with(b"node=") {
        return AUDIT.is_in(text).then_some(Audited { text, is_bare: false });
    }
    match program? {
        b"kernel" => {
            let at = memmem::find(head(text), b"audit: type=")?;
            AUDIT.is_in(text).then_some(Audited { text: &text[at + b"audit: ".len()..], is_bare: false })
        }
        b"audit" => auditd::is_bare(text).then_some(Audited { text, is_bare: true }),
        _ => None,
    }
}

/// Whether a message is worth looking for pairs.
pub fn has_pairs(text: &[u8]) -> bool {
    memchr::memchr_iter(b'=', text).take(3).count() == 3
}

/// Whether a definition may read a message: it describes the program, and the message is no packet of the kernel's.
pub fn is_declared(program: Option<&[u8]>, text: &[u8]) -> bool {
    declared::is_spoken(program) && !edge::is_packet(program, text)
}

/// So many words of a message of OpenSSH are looked at.
const WORDS: usize = 24;

/// What OpenSSH says of a logon.
fn ssh<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let is_blank: fn(&u8) -> bool = |byte| *byte == b' ';
    let is_word: fn(&&'b [u8]) -> bool = |word| !word.is_empty();
    let mut words = text.split(is_blank).filter(is_word).take(WORDS);
    let Some(first) = words.next() else { return };
    match first {
        b"Accepted" => sink.outcome(true),
        b"Failed" | b"Invalid" => sink.outcome(false),
        _ => {}
    }
    if matches!(first, b"Accepted" | b"Failed" | b"Invalid" | b"Disconnected") {
        sink.canon_slice(Canon::EventAction, first);
    }
    let name = matches!(first, b"Accepted" | b"Failed" | b"Invalid").then(|| ssh_name(text)).flatten();
    if let Some((name, behind)) = name {
        sink.canon_slice(Canon::UserName, name);
        words = behind.split(is_blank).filter(is_word).take(WORDS);
    }
    let mut last = first;
    for word in words {
        let named = matches!(last, b"for" | b"user") && !matches!(word, b"invalid" | b"user" | b"from");
        match () {
            () if named && sink.out.get(Canon::UserName).is_none() => sink.canon_slice(Canon::UserName, word),
            () if is_ip(word) && sink.out.get(Canon::SourceIp).is_none() => sink.canon_slice(Canon::SourceIp, word),
            () if last == b"port" && word.iter().all(u8::is_ascii_digit) => sink.canon_slice(Canon::SourcePort, word),
            () => {}
        }
        last = word;
    }
}

/// The name in `for [invalid user ]NAME from ADDRESS port NUMBER`, which whoever logs on may write blanks into: it reaches to
/// the last ` from ` with an address behind it. With what stands behind it; `None` where it is one word, read as any other.
fn ssh_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let begin = [&b" for invalid user "[..], b" for ", b"Invalid user "]
        .into_iter()
        .find_map(|mark| memmem::find(text, mark).map(|at| at + mark.len()))?;
    let end = memmem::rfind_iter(text, FROM).find(|at| *at >= begin && is_ip(word(&text[at + FROM.len()..]).0))?;
    let name = &text[begin..end];
    name.contains(&b' ').then_some((name, &text[end..]))
}

const FROM: &[u8] = b" from ";
