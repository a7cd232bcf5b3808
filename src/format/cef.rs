//! Common Event Format, bare or in syslog: seven parts between bars, then pairs whose values may hold blanks.
//!
//! ```text
//! CEF:0|Palo Alto Networks|PAN-OS|10.2|end|TRAFFIC|3|rt=1774739404000 src=10.1.0.5 dst=203.0.113.9 dpt=443 act=allow in=4120 out=943718400
//! ```
//! Source: ArcSight, "Implementing Common Event Format", version 25 (2017); Palo Alto Networks, "Traffic CEF Fields";
//! Fortinet, "FortiOS Log Message Reference, traffic log support for CEF".
//!
//! `in` and `out` are relative to the way from source to destination, says the specification: `in` counts what the source
//! sent to the destination, `out` what came back. Products of [`CLIENT_VIEW`] write them as the client sees them: `in` is
//! what it received. Where `deviceDirection` is 1 (outbound) what went out went to the destination as well; of inbound
//! traffic (0) both readings are the same. So: the product's own way where it is known, else by direction, else as specified.
//!
//! Traps: `\|` and `\\` are escapes in the parts, `\=` and `\\` in values, `\n` and `\r` in `msg`; writers forget to escape `=` in URLs, so
//! that a key is what follows a blank; times are epoch milliseconds or text without a zone, which `dtz` may give.

use std::sync::LazyLock;

use super::roles::{Role, Roles, Table};
use super::sink::{APART, Sink};
use super::{Fit, Format, Sample, kv, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};

/// Common Event Format, one event a line.
pub struct Cef;

/// What the keys mean. `in` and `out` depend on others.
static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("src", Role::Addr(Canon::SourceIp)),
        ("c6a2", Role::Addr(Canon::SourceIp)),
        ("dst", Role::Addr(Canon::DestinationIp)),
        ("c6a3", Role::Addr(Canon::DestinationIp)),
        ("spt", Role::Is(Canon::SourcePort)),
        ("sourceTranslatedAddress", Role::Is(Canon::NatIp)),
        ("dpt", Role::Is(Canon::DestinationPort)),
        ("shost", Role::Is(Canon::SourceDomain)),
        ("dhost", Role::Is(Canon::DestinationDomain)),
        ("dvchost", Role::Is(Canon::HostName)),
        ("suser", Role::User),
        ("sntdom", Role::Is(Canon::UserDomain)),
        ("duser", Role::Is(Canon::TargetUserName)),
        ("act", Role::Action),
        ("outcome", Role::Outcome),
        ("proto", Role::Is(Canon::NetworkTransport)),
        ("app", Role::Is(Canon::NetworkProtocol)),
        ("request", Role::Url),
        ("requestMethod", Role::Is(Canon::HttpMethod)),
        ("requestClientApplication", Role::Is(Canon::UserAgent)),
        ("requestContext", Role::Is(Canon::HttpReferrer)),
        ("fname", Role::Is(Canon::FileName)),
        ("filePath", Role::Is(Canon::FilePath)),
        ("fileHash", Role::Is(Canon::FileHash)),
        ("FTNTFGTeventtime", Role::Time(3)),
        // They stand before `in` and `out`, which count the session from its start; not taken where its number is known.
        ("FTNTFGTsentdelta", Role::Is(Canon::SourceBytes)),
        ("FTNTFGTrcvddelta", Role::Is(Canon::DestinationBytes)),
        ("FTNTFGTduration", Role::Took(Unit::Seconds, Side::Before)),
        ("UNIFIutcTime", Role::Time(3)),
        ("msg", Role::Is(Canon::Message)),
    ]])
});

/// The seven parts before the pairs.
const PARTS: [(&[u8], Option<Role>); 7] = [
    (b"cef_version", None),
    (b"device_vendor", None),
    (b"device_product", Some(Role::Is(Canon::EventProvider))),
    (b"device_version", None),
    (b"signature_id", Some(Role::Is(Canon::EventCode))),
    (b"name", Some(Role::Is(Canon::RuleName))),
    (b"cef_severity", None),
];

/// Vendors whose `in` is what the client received, and `out` what it sent.
const CLIENT_VIEW: &[&str] = &["Palo Alto Networks", "Fortinet", "Check Point", "Zscaler", "Forcepoint", "Websense"];

/// What firewalls of Palo Alto call how long a session took.
const ELAPSED: &[u8] = b"Elapsed time in seconds";

/// The canonical fields of an event.
pub fn canons() -> Vec<Canon> {
    let mut out = ROLES.canons();
    out.extend([Canon::SourceBytes, Canon::DestinationBytes, Canon::EventProvider, Canon::EventCode, Canon::RuleName]);
    out.sort();
    out
}

impl Format for Cef {
    fn name(&self) -> &'static str {
        "cef"
    }

    fn describe(&self) -> &'static str {
        "Common Event Format, one event a line (in syslog it is read as well)"
    }

    fn fields(&self) -> Vec<Canon> {
        canons()
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("cef") };
        sample.fit(self, layout, 60)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let text = kv::priority(record).map_or(record, |(_, rest)| rest);
        let marked = text.strip_prefix(b"CEF:");
        let mut sink = Sink::new(layout, want, out);
        read(marked.unwrap_or(text), &mut sink).ok_or(Reject)?;
        // Some syslog servers take the mark for the name of a program, and write what follows it.
        if marked.is_none() && !parts(text).is_some_and(|(parts, _)| is_severity(parts[6])) {
            return Err(Reject);
        }
        Ok(Parsed::Event)
    }
}

/// Reads what stands behind `CEF:`; `None` where the seven parts are not there.
pub fn read<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let (parts, rest) = parts(text)?;
    for ((name, role), part) in PARTS.into_iter().zip(parts) {
        put(name, role, part, b"|\\", sink);
    }
    extension(rest, parts[1], sink);
    Some(())
}

/// The seven parts and what follows them.
fn parts(text: &[u8]) -> Option<([&[u8]; 7], &[u8])> {
    let mut parts = [&text[..0]; 7];
    let mut rest = text;
    for (at, part) in parts.iter_mut().enumerate() {
        let bar = bar(rest);
        *part = rest[..bar].trim_ascii();
        rest = match rest.get(bar + 1..) {
            Some(behind) => behind,
            // The last bar may be missing where no pairs follow.
            None if at == 6 => b"",
            None => return None,
        };
    }
    let version = !parts[0].is_empty() && parts[0].iter().all(u8::is_ascii_digit);
    version.then_some((parts, rest))
}

/// Whether it is one of the severities of the specification.
fn is_severity(part: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"10", b"unknown", b"low", b"medium", b"high", b"very-high"];
    matches!(part, [b'0'..=b'9']) || WORDS.iter().any(|word| word.eq_ignore_ascii_case(part))
}

/// The first bar that is not escaped; the length where there is none.
fn bar(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(n) = text.get(at..).and_then(|rest| memchr::memchr2(b'|', b'\\', rest)) {
        at += n;
        if text[at] == b'|' {
            return at;
        }
        at += 2;
    }
    text.len()
}

/// The pairs.
fn extension<'b>(text: &'b [u8], vendor: &[u8], sink: &mut Sink<'_, 'b>) {
    let is_fortinet = vendor.starts_with(b"Fortinet");
    let mut kept = Kept::default();
    let mut rest = text.trim_ascii_start();
    while let Some(equals) = equals(rest) {
        let (key, value) = (&rest[..equals], &rest[equals + 1..]);
        let key = &key[key.len() - key.iter().rev().take_while(|&&b| is_key(b)).count()..];
        let end = next_key(value);
        let raw = value[..end].trim_ascii();
        rest = &value[end..];
        kept.see(key, raw);
        if matches!(key, b"in" | b"out") {
            continue;
        }
        let role = match key {
            b"externalId" if is_fortinet => Some(Role::Is(Canon::SessionId)),
            b"cat" if is_fortinet => Some(Role::Is(Canon::EventDataset)),
            b"FTNTFGTsentdelta" | b"FTNTFGTrcvddelta" if sink.out.has(Canon::SessionId) => None,
            key => ROLES.get(key),
        };
        // A path or an account that was not escaped may hold `\n` too; text in several lines stands in `msg`.
        put(key, role, raw, if key == b"msg" { b"=\\nr" } else { b"=\\" }, sink);
    }
    kept.put_bytes(vendor, sink);
    sink.imply_destination();
    kept.put_times(sink);
}

/// A value, and what it is called, where they stand in two pairs.
type Named<'b> = (Option<&'b [u8]>, Option<&'b [u8]>);

/// What of the pairs others say how to read.
#[derive(Default)]
struct Kept<'b> {
    /// `in`.
    received: Option<&'b [u8]>,
    /// `out`.
    sent: Option<&'b [u8]>,
    /// Whether the traffic went out.
    outbound: bool,
    /// Receipt, begin and end.
    times: [Option<&'b [u8]>; 3],
    /// A date and a time of day that stand apart.
    apart: (Option<&'b [u8]>, Option<&'b [u8]>),
    /// Offset from UTC in seconds.
    zone: Option<i64>,
    /// Numbers of the vendor's own, each with what it is called.
    numbers: [Named<'b>; 3],
}

impl<'b> Kept<'b> {
    fn see(&mut self, key: &[u8], raw: &'b [u8]) {
        match key {
            b"in" => self.received = Some(raw),
            b"out" => self.sent = Some(raw),
            b"deviceDirection" => self.outbound = matches!(raw, b"1" | b"outbound"),
            b"rt" => self.times[0] = Some(raw),
            b"start" => self.times[1] = Some(raw),
            b"end" => self.times[2] = Some(raw),
            b"FTNTFGTdate" | b"date" => self.apart.0 = Some(raw),
            b"FTNTFGTtime" | b"time" => self.apart.1 = Some(raw),
            b"dtz" | b"FTNTFGTtz" | b"tz" => self.zone = time::offset(raw),
            [b'c', b'n', at @ b'1'..=b'3'] => self.numbers[usize::from(at - b'1')].0 = Some(raw),
            [b'c', b'n', at @ b'1'..=b'3', b'L', b'a', b'b', b'e', b'l'] => {
                self.numbers[usize::from(at - b'1')].1 = Some(raw);
            }
            _ => {}
        }
    }

    /// The bytes of each way, by the view of who writes them.
    fn put_bytes(&self, vendor: &[u8], sink: &mut Sink<'_, 'b>) {
        let of_client = CLIENT_VIEW.iter().any(|known| vendor.starts_with(known.as_bytes()));
        let turned = of_client || self.outbound;
        for (name, value, is_back) in [(&b"in"[..], self.received, turned), (b"out", self.sent, !turned)] {
            let Some(value) = value else { continue };
            let kind = if value.is_empty() { Kind::Null } else { Kind::Number };
            let canon = if is_back { Canon::DestinationBytes } else { Canon::SourceBytes };
            sink.slice(name, Some(Role::Is(canon)), value, kind);
        }
    }

    /// When it happened, and how long it took.
    fn put_times(&self, sink: &mut Sink<'_, 'b>) {
        for (value, label) in self.numbers {
            let (Some(value), Some(ELAPSED)) = (value, label) else { continue };
            sink.out.lasted.took(value, Unit::Seconds, Side::Before);
        }
        for (rank, raw) in (0u8..).zip(self.times) {
            let stamp = raw.and_then(|raw| time::any(raw, sink.layout));
            let stamp = stamp.map(|stamp| self.zone.map_or(stamp, |zone| time::at_offset(stamp, zone, sink.layout)));
            match (rank, stamp) {
                (1, Some(stamp)) => sink.out.lasted.begun(stamp.at),
                (2, Some(stamp)) => sink.out.lasted.ended(stamp.at),
                _ => {}
            }
            sink.time(rank, stamp);
        }
        if let (Some(date), Some(clock)) = self.apart {
            sink.time(APART, time::date_and_time(date, clock, self.zone, sink.layout));
        }
    }
}

/// Adds a value, without its escapes: a backslash before one of these bytes.
fn put<'b>(name: &'b [u8], role: Option<Role>, raw: &'b [u8], escapes: &[u8], sink: &mut Sink<'_, 'b>) {
    if role.is_none() && !sink.all {
        return;
    }
    let kind = match raw {
        b"" => Kind::Null,
        _ if raw.iter().all(u8::is_ascii_digit) => Kind::Number,
        _ => Kind::Str,
    };
    if memchr::memchr(b'\\', raw).is_none() {
        return sink.slice(name, role, raw, kind);
    }
    let from = sink.out.arena_len();
    let arena = sink.out.arena_mut();
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let escaped = raw.get(at + 1).filter(|b| byte == b'\\' && escapes.contains(b));
        arena.push(match escaped {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(&other) => other,
            None => byte,
        });
        at += 1 + usize::from(escaped.is_some());
    }
    let value = sink.out.stored_since(from);
    sink.text(Text::Slice(name), role, value, kind);
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-[]".contains(&byte)
}

/// The first `=` behind a key.
fn equals(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'=', text).find(|&at| at > 0 && is_key(text[at - 1]))
}

/// Where the key of the next pair starts: behind a blank and before a `=`. No byte is looked at more than twice.
fn next_key(value: &[u8]) -> usize {
    for at in memchr::memchr_iter(b'=', value) {
        let key = value[..at].iter().rev().take_while(|&&b| is_key(b)).count();
        if key > 0 && key < at && value[at - key - 1] == b' ' {
            return at - key;
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Named values, and the time.
    type Told = (Vec<(String, String)>, Option<String>);

    fn read_all(text: &str) -> Option<Told> {
        let mut out = Fields::default();
        Cef.parse(&Layout::plain(), text.as_bytes(), Want::All, &mut out).ok()?;
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let time = out.time.map(|stamp| format!("{} {}", stamp.at, stamp.assumed.word().unwrap_or("-")));
        Some((out.named().map(|(n, v, _)| (text(n), text(v))).collect(), time))
    }

    #[test]
    fn escapes_and_blanks_are_part_of_values() {
        let line = r"CEF:0|a\|b|c\\|1|9|two words|3|msg=x \= y \\ z\nw request=http://e.example/?a=1&b=c d cs1=  last suser=RV\nora";
        let (got, _) = read_all(line).unwrap();
        for (name, value) in [
            ("device_vendor", "a|b"),
            ("device_product", r"c\"),
            ("signature_id", "9"),
            ("name", "two words"),
            ("msg", "x = y \\ z\nw"),
            ("request", "http://e.example/?a=1&b=c d"),
            ("cs1", "last"),
            ("suser", r"RV\nora"),
        ] {
            assert!(got.iter().any(|(n, v)| (&**n, &**v) == (name, value)), "{name}={value} in {got:?}");
        }
        assert!(read_all("0|a|b|c|d|e|5|x=y").is_some(), "the mark was taken off");
        assert!(read_all("CEF:0|a|b|c|d|e|5").is_some() && read_all("CEF: 0|a|b|c|d|e|5|").is_some());
        for bad in ["CEF:0|a|b|c|d|e", "CEF:x|a|b|c|d|e|5|", "CEF:", r"CEF:0|a|b|c|d|e\|5", "0|a|b|c|d|e|f|"] {
            assert_eq!(read_all(bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_go_the_way_that_the_product_means() {
        let bytes = |vendor: &str, direction: &str| {
            let line = format!("CEF:0|{vendor}|P|1|1|n|3|in=7 out=900 src=10.1.0.5{direction}");
            let mut out = Fields::default();
            Cef.parse(&Layout::plain(), line.as_bytes(), Want::Columns, &mut out).unwrap();
            (out.number(Canon::SourceBytes), out.number(Canon::DestinationBytes))
        };
        assert_eq!(bytes("V", ""), (Some(7), Some(900)), "as specified");
        assert_eq!(bytes("V", " deviceDirection=0"), (Some(7), Some(900)));
        assert_eq!(bytes("V", " deviceDirection=1"), (Some(900), Some(7)));
        assert_eq!(bytes("Palo Alto Networks", ""), (Some(900), Some(7)));
        assert_eq!(bytes("Fortinet", " deviceDirection=0"), (Some(900), Some(7)));
    }

    #[test]
    fn times_are_numbers_or_text() {
        let time = |pairs: &str| read_all(&format!("CEF:0|V|P|1|1|n|3|{pairs}")).unwrap().1.unwrap_or_default();
        assert_eq!(time("end=1 start=1774739404500"), "2026-03-28T23:10:04.5Z -");
        assert_eq!(time("start=1774739400000 rt=1774739404000"), "2026-03-28T23:10:04Z -");
        assert_eq!(time("rt=Mar 28 2026 23:10:04.250 src=10.1.0.5"), "2026-03-28T23:10:04.25Z zone");
        assert_eq!(time("dtz=+02:00 rt=Mar 28 2026 23:10:04"), "2026-03-28T21:10:04Z -");
        assert_eq!(time("rt=Mar 28 2026 23:10:04 UTC dtz=+02:00"), "2026-03-28T23:10:04Z -");
        assert_eq!(time("rt=Mar 28 23:10:04"), "", "no year, nothing to tell it from");
    }
}
