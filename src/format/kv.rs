//! `key=value` logs: FortiGate, Sophos, logfmt and their kin; also the pairs inside syslog messages.
//!
//! ```text
//! date=2026-03-28 time=23:10:04 tz="+0000" devname="rv-fw01" logid="0000000013" type="traffic" srcip=192.0.2.10 dstip=203.0.113.9 action="close" sentbyte=40960 rcvdbyte=512
//! ```
//! Source: <https://docs.fortinet.com/document/fortigate/7.4.0/fortios-log-message-reference>, <https://brandur.org/logfmt>.
//!
//! Traps: `eventtime` is nanoseconds in newer and seconds in older firmware; `date` and `time` are local with the zone in
//! `tz`; values are quoted or not, and in exports of FortiAnalyzer whole pairs are (`"srcip=192.0.2.10",`); the separator may be a comma; sent bytes are those of the source. A long session is
//! logged every two minutes (`logid` 20) with the bytes since its start, and once more when it ends: its number (`sessionid`) ties
//! these records together. What moved since the last record are `sentdelta` and `rcvddelta`, which count where there is no number.

use std::sync::LazyLock;

use super::jsonlines::TIMES;
use super::near;
use super::roles::{Role, Roles, Table};
use super::sink::{APART, Sink};
use super::sketch::{Part, Sketch};
use super::{Fit, Format, Means, Sample, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;
use crate::model::time::Stamp;

/// `key=value` lines.
pub struct KeyValue;

/// What the keys mean.
pub static ROLES: Table = LazyLock::new(|| {
    use Canon::{
        DestinationBytes, DestinationDomain, DestinationIp, DestinationPort, DnsQuestion, EmailFrom, EmailTo,
        EventCode, EventDataset, FileHash, FileName, HostName, HttpMethod, HttpReferrer, HttpStatus, Message,
        NetworkProtocol, NetworkTransport, RuleName, SourceBytes, SourceDomain, SourceIp, SourcePort, UrlDomain,
        UserAgent,
    };
    Roles::new(&[
        &[
            ("eventtime", Role::Time(0)),
            ("t", Role::Time(4)),
            ("srcip", Role::Addr(SourceIp)),
            ("src", Role::Addr(SourceIp)),
            ("src_ip", Role::Addr(SourceIp)),
            ("SRC", Role::Addr(SourceIp)),
            ("rhost", Role::Addr(SourceIp)),
            ("remip", Role::Addr(SourceIp)),
            ("tunnelip", Role::Is(Canon::AssignedIp)),
            ("transip", Role::Is(Canon::NatIp)),
            ("client_ip", Role::Addr(SourceIp)),
            ("remote_addr", Role::Addr(SourceIp)),
            ("remoteAddr", Role::Addr(SourceIp)),
            ("remote_ip", Role::Addr(SourceIp)),
            ("clientip", Role::Addr(SourceIp)),
            ("ipAddress", Role::Addr(SourceIp)),
            ("ip_client", Role::Addr(SourceIp)),
            ("src_host", Role::Addr(SourceIp)),
            ("srcport", Role::Is(SourcePort)),
            ("src_port", Role::Is(SourcePort)),
            ("spt", Role::Is(SourcePort)),
            ("SPT", Role::Is(SourcePort)),
            ("srcname", Role::Is(SourceDomain)),
            ("dstip", Role::Addr(DestinationIp)),
            ("dst", Role::Addr(DestinationIp)),
            ("dst_ip", Role::Addr(DestinationIp)),
            ("DST", Role::Addr(DestinationIp)),
            ("dest_ip", Role::Addr(DestinationIp)),
            ("dest_port", Role::Is(DestinationPort)),
            ("dst_host", Role::Is(DestinationDomain)),
            ("dstport", Role::Is(DestinationPort)),
            ("dst_port", Role::Is(DestinationPort)),
            ("dpt", Role::Is(DestinationPort)),
            ("DPT", Role::Is(DestinationPort)),
            ("dstname", Role::Is(DestinationDomain)),
            ("sentbyte", Role::Is(SourceBytes)),
            ("sent_bytes", Role::Is(SourceBytes)),
            ("rcvdbyte", Role::Is(DestinationBytes)),
            // Of who asked: Forcepoint, Sophos.
            ("bytes_out", Role::Is(SourceBytes)),
            ("bytes_in", Role::Is(DestinationBytes)),
            ("bytes_sent", Role::Is(SourceBytes)),
            ("bytes_received", Role::Is(DestinationBytes)),
            ("sentdelta", Role::Is(SourceBytes)),
            ("rcvddelta", Role::Is(DestinationBytes)),
            ("recv_bytes", Role::Is(DestinationBytes)),
            ("proto", Role::Is(NetworkTransport)),
            ("protocol", Role::Is(NetworkTransport)),
            ("PROTO", Role::Is(NetworkTransport)),
            ("service", Role::Is(NetworkProtocol)),
            ("action", Role::Action),
            ("log_subtype", Role::Action),
            ("act", Role::Action),
            ("request_status", Role::Action),
            ("status", Role::Outcome),
            ("user", Role::User),
            ("srcuser", Role::User),
            ("user_name", Role::User),
            ("suser", Role::User),
            ("duser", Role::Is(Canon::TargetUserName)),
            ("devname", Role::Is(HostName)),
            ("device_name", Role::Is(HostName)),
            ("dvchost", Role::Is(HostName)),
            ("shost", Role::Is(SourceDomain)),
            ("dhost", Role::Is(DestinationDomain)),
            ("hostname", Role::Is(UrlDomain)),
            ("url", Role::Url),
            ("request", Role::Url),
            ("requestMethod", Role::Is(HttpMethod)),
            ("method", Role::Is(HttpMethod)),
            ("status_code", Role::Is(HttpStatus)),
            ("http_response", Role::Is(HttpStatus)),
            ("http_method", Role::Is(HttpMethod)),
            ("agent", Role::Is(UserAgent)),
            ("user_agent", Role::Is(UserAgent)),
            ("useragent", Role::Is(UserAgent)),
            ("userAgent", Role::Is(UserAgent)),
            ("user-agent", Role::Is(UserAgent)),
            ("http_user_agent", Role::Is(UserAgent)),
            ("ua", Role::Is(UserAgent)),
            ("requestClientApplication", Role::Is(UserAgent)),
            ("referralurl", Role::Is(HttpReferrer)),
            ("qname", Role::Is(DnsQuestion)),
            ("type", Role::Is(EventDataset)),
            ("logid", Role::Is(EventCode)),
            ("log_id", Role::Is(EventCode)),
            ("sessionid", Role::Is(Canon::SessionId)),
            ("attack", Role::Is(RuleName)),
            ("filename", Role::Is(FileName)),
            ("fname", Role::Is(FileName)),
            ("filehash", Role::Is(FileHash)),
            ("fileHash", Role::Is(FileHash)),
            ("from", Role::Is(EmailFrom)),
            ("sender", Role::Is(EmailFrom)),
            ("to", Role::Is(EmailTo)),
            ("recipient", Role::Is(EmailTo)),
            ("duration", Role::Took(Unit::Seconds, Side::Before)),
            ("msg", Role::Is(Message)),
        ],
        TIMES,
    ])
});

impl Format for KeyValue {
    fn name(&self) -> &'static str {
        "kv"
    }

    fn describe(&self) -> &'static str {
        "key=value lines: FortiGate, Sophos, logfmt"
    }

    fn fields(&self) -> Vec<Canon> {
        ROLES.canons()
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("kv") };
        sample.fit(self, layout, 30)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, agents, .. } = means;
        outline(record, layout, Sketch::new(layout, agents, out)).is_some()
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        read(record, &mut Sink::new(layout, want, out)).ok_or(Reject)?;
        Ok(Parsed::Event)
    }
}

/// Whether a message is a line of pairs that begins with its own date, as firewalls write it behind a header of syslog, or with its
/// own stamp (`ts=2026-03-28T23:10:04Z`).
pub fn is_dated(text: &[u8]) -> bool {
    text.starts_with(b"date=") || text.starts_with(b"device=") || is_stamped(text)
}

fn is_stamped(text: &[u8]) -> bool {
    let stamp = [&b"ts="[..], b"time=", b"timestamp="].into_iter().find_map(|key| text.strip_prefix(key));
    let stamp = stamp.map(|stamp| stamp.strip_prefix(b"\"").unwrap_or(stamp));
    stamp.is_some_and(|stamp| matches!(stamp, [b'1'..=b'2', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..]))
}

/// Reads a line of pairs; `None` where it is none, and what pairs there are is read then too.
pub fn read<'b>(record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let layout = sink.layout;
    let each = |pair: &Pair<'b>| {
        put(pair, &ROLES, sink);
        Some(())
    };
    let stamp = walk(record, layout, each)?;
    sink.time(APART, stamp);
    Some(())
}

/// Adds a line of pairs to an outline; `None` where it is to be parsed.
pub fn sketch<'b>(record: &'b [u8], layout: &Layout, sketch: &mut Sketch<'_, 'b>) -> Option<()> {
    let stamp = walk(record, layout, |pair| part(pair, sketch))?;
    sketch.time(APART, stamp);
    Some(())
}

/// The outline of a line; `None` where it is to be parsed.
fn outline<'b>(record: &'b [u8], layout: &Layout, mut sketch: Sketch<'_, 'b>) -> Option<()> {
    self::sketch(record, layout, &mut sketch)?;
    sketch.finish()
}

/// Gives each pair of a line to `each`, and then the time that `date`, `time` and `tz` make. `None` where `each` gives up, and
/// where the line is not one of pairs: it must begin with one, and be made of them.
fn walk<'b>(record: &'b [u8], layout: &Layout, mut each: impl FnMut(&Pair<'b>) -> Option<()>) -> Option<Option<Stamp>> {
    let mut found = Pairs::new(priority(record).map_or(record, |p| p.1));
    let (mut count, mut date, mut clock, mut zone) = (0, None, None, None);
    for pair in &mut found {
        if count == 0 && pair.at != 0 {
            return None;
        }
        count += 1;
        match pair.key {
            b"date" => date = Some(pair.value),
            b"time" => clock = Some(pair.value),
            b"tz" | b"timezone" => zone = Some(pair.value),
            _ => {}
        }
        each(&pair)?;
    }
    if count < 3 || found.loose > count {
        return None;
    }
    let apart = date.zip(clock);
    Some(apart.and_then(|(date, clock)| time::date_and_time(date, clock, zone.and_then(time::offset), layout)))
}

/// Adds a pair to an outline.
pub fn part<'b>(pair: &Pair<'b>, sketch: &mut Sketch<'_, 'b>) -> Option<()> {
    let part = Part::of(ROLES.get(pair.key));
    if pair.escaped && part != Part::Skip {
        return None;
    }
    if matches!(
        part,
        Part::Skip
            | Part::Agent
            | Part::Time(_)
            | Part::Date
            | Part::Clock
            | Part::Zone
            | Part::Session
            | Part::Took(..)
    ) {
        return sketch.value(part, pair.value);
    }
    // Which of the two counts of bytes is meant follows from the whole record.
    if is_delta(pair.key) {
        return None;
    }
    // Which pairs a line has is told by its keys.
    sketch.out.part(pair.key);
    let unset = part == Part::Number && matches!(pair.value, b"" | b"-");
    sketch.value(if unset { Part::Word } else { part }, pair.value)
}

/// Adds a pair to the fields.
pub fn put<'b>(pair: &Pair<'b>, roles: &Roles, sink: &mut Sink<'_, 'b>) {
    let role = roles.get(pair.key);
    if role.is_none() && !sink.all {
        return;
    }
    let value = if pair.escaped {
        let from = sink.out.arena_len();
        match role {
            Some(Role::User) => unquote(pair.value, sink.out.arena_mut()),
            Some(Role::Is(canon)) if NAMES.contains(&canon) => unquote(pair.value, sink.out.arena_mut()),
            _ => super::jsonwalk::unescape(pair.value, sink.out.arena_mut()),
        }
        sink.out.stored_since(from)
    } else {
        Text::Slice(pair.value)
    };
    let kind = match pair.value {
        // FortiGate: `dst_host="N/A"`, `group="N/A"`.
        b"" | b"N/A" => Kind::Null,
        v if v.iter().all(u8::is_ascii_digit) => Kind::Number,
        _ => Kind::Str,
    };
    let mut role = role;
    if let (true, Kind::Number, Some(Role::Is(canon))) = (is_delta(pair.key), kind, role) {
        if sink.out.has(Canon::SessionId) && sink.out.has(canon) {
            // All records of the session are known by its number: what it moved since its start says more.
            role = None;
        } else {
            sink.out.supersede(canon);
        }
    }
    sink.text(Text::Slice(pair.key), role, value, kind);
}

/// Names in which a backslash sets parts off (`DOMAIN\tom`, `C:\new`), so that one before a letter is no escape: FortiGate and its like
/// escape quotes alone.
const NAMES: &[Canon] = &[
    Canon::UserName,
    Canon::UserDomain,
    Canon::TargetUserName,
    Canon::ProcessExecutable,
    Canon::ProcessCommandLine,
    Canon::FilePath,
    Canon::FileName,
];

/// A quoted name without what escapes quotes and backslashes.
fn unquote(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(n) = near::one(b'\\', &raw[at..]) {
        out.extend_from_slice(&raw[at..at + n]);
        at += n;
        let is_escaped = matches!(raw.get(at + 1), Some(b'"' | b'\\'));
        out.push(raw[at + usize::from(is_escaped)]);
        at += 1 + usize::from(is_escaped);
    }
    out.extend_from_slice(&raw[at..]);
}

/// Whether a pair tells what moved since the last record of the session.
fn is_delta(key: &[u8]) -> bool {
    matches!(key, b"sentdelta" | b"rcvddelta")
}

/// The number and the rest of a line that begins with `<PRI>`.
pub fn priority(record: &[u8]) -> Option<(u32, &[u8])> {
    let inner = record.strip_prefix(b"<")?;
    let end = memchr::memchr(b'>', &inner[..inner.len().min(4)])?;
    let number = std::str::from_utf8(&inner[..end]).ok()?.parse().ok()?;
    (number <= 191).then_some((number, &inner[end + 1..]))
}

/// One pair.
pub struct Pair<'b> {
    /// The key.
    pub key: &'b [u8],
    /// The value, without its quotes.
    pub value: &'b [u8],
    /// Whether the value stood between quotes.
    pub quoted: bool,
    /// Whether the value holds backslash escapes.
    pub escaped: bool,
    /// Where the key starts.
    pub at: usize,
}

/// The pairs of a text; words that are no pair are counted and passed over.
pub struct Pairs<'b> {
    text: &'b [u8],
    at: usize,
    /// Words that were no pairs.
    pub loose: usize,
}

impl<'b> Pairs<'b> {
    /// Pairs of `text`.
    pub fn new(text: &'b [u8]) -> Self {
        Self { text, at: 0, loose: 0 }
    }
}

#[inline]
fn is_key(byte: u8) -> bool {
    KEY[usize::from(byte)]
}

/// Whether a byte may stand in a key.
static KEY: [bool; 256] = {
    let mut key = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let ascii = byte as u8;
        key[byte] = ascii.is_ascii_alphanumeric() || matches!(ascii, b'_' | b'.' | b'-' | b'@' | b'/');
        byte += 1;
    }
    key
};

impl<'b> Iterator for Pairs<'b> {
    type Item = Pair<'b>;

    fn next(&mut self) -> Option<Pair<'b>> {
        loop {
            let blanks = self.text[self.at..].iter().take_while(|b| matches!(b, b' ' | b'\t' | b',' | b';')).count();
            self.at += blanks;
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return None;
            }
            let key = rest.iter().take_while(|&&b| is_key(b)).count();
            let key = key + number_bytes(&rest[key..]);
            let at = self.at;
            if let Some((pair, length)) = quoted(rest) {
                self.at += length;
                return Some(Pair { at, ..pair });
            }
            if key == 0 || rest.get(key) != Some(&b'=') {
                let word = key + rest[key..].iter().take_while(|&&b| b != b' ' && b != b'\t').count();
                self.loose += 1;
                self.at += word.max(1);
                continue;
            }
            let value = &rest[key + 1..];
            let quote = value.first().copied().filter(|q| matches!(q, b'"' | b'\''));
            if let Some((end, escaped)) = quote.and_then(|q| closing(&value[1..], q)) {
                self.at += key + 1 + end + 2;
                return Some(Pair { key: &rest[..key], value: &value[1..=end], quoted: true, escaped, at });
            }
            let end = if is_agent(&rest[..key]) { agent_end(value) } else { word_end(value) };
            self.at += key + 1 + end;
            let bare = &value[..end];
            let bare = bare.strip_suffix(b",").or(bare.strip_suffix(b";")).unwrap_or(bare);
            return Some(Pair { key: &rest[..key], value: bare, quoted: false, escaped: false, at });
        }
    }
}

/// The pair that a text begins with where it stands in quotes as a whole (`"srcip=192.0.2.10"`, with quotes in it written twice), and its
/// length.
fn quoted(text: &[u8]) -> Option<(Pair<'_>, usize)> {
    let inner = text.strip_prefix(b"\"")?;
    let key = inner.iter().take_while(|&&b| is_key(b)).count();
    if key == 0 || inner.get(key) != Some(&b'=') {
        return None;
    }
    let mut end = key;
    loop {
        end += memchr::memchr(b'"', inner.get(end..)?)?;
        match inner.get(end + 1) {
            Some(b'"') => end += 2,
            None | Some(b',') => break,
            Some(_) => return None,
        }
    }
    let value = &inner[key + 1..end];
    let bare = value.strip_prefix(b"\"\"").and_then(|value| value.strip_suffix(b"\"\""));
    let pair = Pair { key: &inner[..key], value: bare.unwrap_or(value), quoted: true, escaped: false, at: 0 };
    Some((pair, end + 2))
}

/// Bytes of the number of a key that is one of several: `a1[0]=`.
fn number_bytes(rest: &[u8]) -> usize {
    if rest.first() != Some(&b'[') {
        return 0;
    }
    let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    if digits > 0 && rest[digits + 1..].starts_with(b"]=") { digits + 2 } else { 0 }
}

fn word_end(value: &[u8]) -> usize {
    near::either(b' ', b'\t', value).unwrap_or(value.len())
}

/// Keys of user agents, which have blanks even where nothing quotes them.
fn is_agent(key: &[u8]) -> bool {
    matches!(key, b"ua" | b"agent" | b"user_agent" | b"useragent" | b"userAgent" | b"user-agent" | b"http_user_agent")
}

/// Where a bare user agent ends: before the next pair, or with the text.
fn agent_end(value: &[u8]) -> usize {
    let mut end = word_end(value);
    while let Some(blank) = value[end..].iter().position(|b| !matches!(b, b' ' | b'\t')) {
        let word = &value[end + blank..];
        let key = word.iter().take_while(|&&b| is_key(b)).count();
        if key > 0 && word.get(key) == Some(&b'=') {
            return end;
        }
        end += blank + word_end(word).max(1);
    }
    end
}

/// Where the closing quote stands, and whether there are escapes before it.
fn closing(bytes: &[u8], quote: u8) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (0, false);
    loop {
        at += memchr::memchr2(quote, b'\\', bytes.get(at..)?)?;
        if bytes[at] == quote {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_pairs_that_begins_with_its_own_stamp_is_known() {
        for text in [
            "date=2026-03-28 time=23:10:04",
            "device=\"SFW\"",
            "ts=2026-03-28T23:10:04Z",
            "time=\"2026-03-28T23:10:04Z\"",
        ] {
            assert!(is_dated(text.as_bytes()), "{text}");
        }
        for text in ["time=23:10:04", "ts=1774739404.5", "time=\"\"", "dated=2026-03-28", "SRC=10.0.0.5 ts=2026-03-28"]
        {
            assert!(!is_dated(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_backslash_in_a_name_stands_for_itself() {
        for (quoted, name) in
            [(r"HC\tom", r"HC\tom"), (r"HC\\tom", r"HC\tom"), (r#"C:\new \"x\""#, r#"C:\new "x""#), ("HC\\", "HC\\")]
        {
            let mut out = Vec::new();
            unquote(quoted.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), name, "{quoted}");
        }
    }

    #[test]
    fn pairs_are_told_from_words() {
        let text = br#"a=1 b="x \" y", loose c='z' d= e="open"#;
        let mut pairs = Pairs::new(text);
        let read: Vec<_> =
            pairs.by_ref().map(|p| (String::from_utf8_lossy(p.key), String::from_utf8_lossy(p.value))).collect();
        let want = [("a", "1"), ("b", "x \\\" y"), ("c", "z"), ("d", ""), ("e", "\"open")];
        assert_eq!(read.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(), want);
        assert_eq!(pairs.loose, 1);
    }

    #[test]
    fn pairs_may_stand_in_quotes_as_a_whole() {
        let text = br#""date=2026-03-28","devname=""fw, 1""","url=/a?b=c","msg=a ""b"" c","x="#;
        let mut pairs = Pairs::new(text);
        let read: Vec<_> =
            pairs.by_ref().map(|p| (String::from_utf8_lossy(p.key), String::from_utf8_lossy(p.value))).collect();
        let want = [("date", "2026-03-28"), ("devname", "fw, 1"), ("url", "/a?b=c"), ("msg", "a \"\"b\"\" c")];
        assert_eq!(read.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(), want);
        assert_eq!(pairs.loose, 1);
    }

    #[test]
    fn a_bare_user_agent_reaches_to_the_next_pair() {
        let text = b"a=1 ua=EvilBot/1.0 (x; y) z/2  b=2 agent=c d e, user_agent= f=3";
        let read: Vec<_> = Pairs::new(text).map(|p| String::from_utf8_lossy(p.value)).collect();
        assert_eq!(read, ["1", "EvilBot/1.0 (x; y) z/2", "2", "c d e", "", "3"]);
    }

    #[test]
    fn fortigate_time_and_direction() {
        let line = br#"<189>date=2026-03-28 time=23:10:04 tz="+0100" logid="13" srcip=192.0.2.10 dstip=203.0.113.9 action="deny" sentbyte=9 rcvdbyte=1"#;
        let mut out = Fields::default();
        KeyValue.parse(&Layout::plain(), line, Want::Columns, &mut out).unwrap();
        assert_eq!(out.time.unwrap().at.to_string(), "2026-03-28T22:10:04Z");
        assert_eq!(out.number(Canon::SourceBytes), Some(9));
        assert_eq!(out.number(Canon::DestinationBytes), Some(1));
        assert_eq!(out.text(Canon::EventOutcome), Some("failure"));
    }

    #[test]
    fn what_fortigate_has_no_value_for_is_no_value() {
        let line = br#"date=2026-03-28 time=23:10:04 action="tunnel-up" remip=198.51.100.7 user="alice" dst_host="N/A" group="N/A""#;
        let mut out = Fields::default();
        KeyValue.parse(&Layout::plain(), line, Want::All, &mut out).unwrap();
        assert_eq!((out.text(Canon::UserName), out.text(Canon::DestinationDomain)), (Some("alice"), None));
    }
}
