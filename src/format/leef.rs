//! Log Event Extended Format of QRadar, bare or in syslog: five parts between bars, then pairs.
//!
//! ```text
//! LEEF:2.0|Lancope|StealthWatch|1.0|41|^|src=10.0.1.8^dst=203.0.113.9^dstPort=443^srcBytes=943718400^dstBytes=4120
//! ```
//! Source: IBM, "Log Event Extended Format (LEEF)", versions 1.0 and 2.0: header, predefined event attributes.
//!
//! Traps: version 2 names what stands between pairs (a character, or `x5E` and `0x5E` for one), version 1 and a second version that
//! names nothing have tabs; syslog servers write a tab as `#011`. Values are not escaped, and hold `=`. `srcBytes` is what the
//! source sent. `devTime` is text without a zone or a count of milliseconds; `devTimeFormat` says how it is written, and is not needed for the
//! stamps that are read.

use std::sync::LazyLock;

use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::{Fit, Format, Sample, kv, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};

/// Log Event Extended Format, one event a line.
pub struct Leef;

/// What the keys mean.
static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("src", Role::Addr(Canon::SourceIp)),
        ("dst", Role::Addr(Canon::DestinationIp)),
        ("srcPort", Role::Is(Canon::SourcePort)),
        ("srcPostNAT", Role::Is(Canon::NatIp)),
        ("dstPort", Role::Is(Canon::DestinationPort)),
        ("proto", Role::Is(Canon::NetworkTransport)),
        ("srcBytes", Role::Is(Canon::SourceBytes)),
        ("dstBytes", Role::Is(Canon::DestinationBytes)),
        ("usrName", Role::User),
        ("domain", Role::Is(Canon::UserDomain)),
        ("identHostName", Role::Is(Canon::SourceDomain)),
        ("dstHost", Role::Is(Canon::DestinationDomain)),
        ("url", Role::Url),
        ("method", Role::Is(Canon::HttpMethod)),
        ("userAgent", Role::Is(Canon::UserAgent)),
        ("action", Role::Action),
        ("outcome", Role::Outcome),
        ("cat", Role::Is(Canon::RuleName)),
        ("duration", Role::Took(Unit::Seconds, Side::Before)),
        ("ElapsedTime", Role::Took(Unit::Seconds, Side::Before)),
        ("start", Role::Begun),
        ("end", Role::Ended),
        ("startTime", Role::Begun),
        ("endTime", Role::Ended),
        ("devTime", Role::Time(0)),
        ("msg", Role::Is(Canon::Message)),
    ]])
});

/// The parts of the header.
const PARTS: [(&[u8], Option<Role>); 5] = [
    (b"leef_version", None),
    (b"device_vendor", None),
    (b"device_product", Some(Role::Is(Canon::EventProvider))),
    (b"device_version", None),
    (b"event_id", Some(Role::Is(Canon::EventCode))),
];

/// How a syslog server writes a tab.
const ESCAPED_TAB: &[u8] = b"#011";

/// The canonical fields of an event.
pub fn canons() -> Vec<Canon> {
    let mut out = ROLES.canons();
    out.extend([Canon::EventProvider, Canon::EventCode, Canon::DestinationDomain]);
    out.sort();
    out.dedup();
    out
}

impl Format for Leef {
    fn name(&self) -> &'static str {
        "leef"
    }

    fn describe(&self) -> &'static str {
        "Log Event Extended Format, one event a line (in syslog it is read as well)"
    }

    fn fields(&self) -> Vec<Canon> {
        canons()
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("leef") };
        sample.fit(self, layout, 60)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let text = kv::priority(record).map_or(record, |(_, rest)| rest);
        let mut sink = Sink::new(layout, want, out);
        read(text.strip_prefix(b"LEEF:").ok_or(Reject)?, &mut sink).ok_or(Reject)?;
        Ok(Parsed::Event)
    }
}

/// Reads what stands behind `LEEF:`; `None` where the header is not there.
pub fn read<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let mut rest = text;
    let mut parts = [&text[..0]; PARTS.len()];
    for part in &mut parts {
        let bar = memchr::memchr(b'|', rest)?;
        (*part, rest) = (rest[..bar].trim_ascii(), &rest[bar + 1..]);
    }
    let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    if parts[0].is_empty() || !parts[0].iter().all(digits) {
        return None;
    }
    for ((name, role), part) in PARTS.into_iter().zip(parts) {
        sink.slice(name, role, part, kind(part));
    }
    let (between, rest) = if parts[0].starts_with(b"2") { between(rest) } else { (b'\t', rest) };
    match between {
        b'\t' if memchr::memchr(b'\t', rest).is_none() => pairs(rest, ESCAPED_TAB, sink),
        between => pairs(rest, &[between], sink),
    }
    sink.imply_destination();
    Some(())
}

/// What stands between the pairs of the second version, and the pairs: a tab where the header does not say.
fn between(rest: &[u8]) -> (u8, &[u8]) {
    let Some(bar) = memchr::memchr(b'|', rest) else { return (b'\t', rest) };
    let pairs = &rest[bar + 1..];
    let hex = |code: &[u8]| {
        let text = std::str::from_utf8(code).ok().filter(|_| code.iter().all(u8::is_ascii_hexdigit))?;
        u8::try_from(u16::from_str_radix(text, 16).ok()?).ok()
    };
    match &rest[..bar] {
        b"" => (b'\t', pairs),
        [one] => (*one, pairs),
        [b'x', code @ ..] | [b'0', b'x', code @ ..] if code.len() <= 4 => {
            hex(code).map_or((b'\t', rest), |byte| (byte, pairs))
        }
        // The first pair, which holds a bar.
        _ => (b'\t', rest),
    }
}

fn pairs<'b>(text: &'b [u8], between: &[u8], sink: &mut Sink<'_, 'b>) {
    let mut rest = text.trim_ascii_end();
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, between).unwrap_or(rest.len());
        let pair = &rest[..end];
        rest = rest.get(end + between.len()..).unwrap_or_default();
        let Some(equals) = memchr::memchr(b'=', pair) else { continue };
        let (key, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        match ROLES.get(key) {
            Some(Role::Time(rank)) => {
                sink.slice(key, None, value, kind(value));
                sink.time(rank, time::any(value, sink.layout));
            }
            role => sink.slice(key, role, value, kind(value)),
        }
    }
}

fn kind(value: &[u8]) -> Kind {
    match value {
        b"" => Kind::Null,
        _ if value.iter().all(u8::is_ascii_digit) => Kind::Number,
        _ => Kind::Str,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(Option<u64>, Option<u64>, String, String)> {
        let mut out = Fields::default();
        Leef.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut out).ok()?;
        let user = out.text(Canon::UserName).unwrap_or_default().to_owned();
        let time = out.time.map(|stamp| stamp.at.to_string()).unwrap_or_default();
        Some((out.number(Canon::SourceBytes), out.number(Canon::DestinationBytes), user, time))
    }

    #[test]
    fn pairs_stand_between_what_the_header_says() {
        let all = |time: &str| Some((Some(7), Some(9), "a=b c".to_owned(), time.to_owned()));
        let pairs = ["devTime=1774739404000", "src=10.0.0.5", "srcBytes=7", "dstBytes=9", "usrName=a=b c"];
        let at = "2026-03-28T23:10:04Z";
        assert_eq!(told(&format!("LEEF:1.0|V|P|1|id|{}", pairs.join("\t"))), all(at));
        assert_eq!(told(&format!("<13>LEEF:1.0|V|P|1|id|{}", pairs.join("#011"))), all(at));
        assert_eq!(told(&format!("LEEF:2.0|V|P|1|id|{}", pairs.join("\t"))), all(at), "a header without the part");
        for (word, between) in [("^", "^"), ("x7C", "|"), ("0x5e", "^"), ("x005E", "^"), ("", "\t")] {
            assert_eq!(told(&format!("LEEF:2.0|V|P|1|id|{word}|{}", pairs.join(between))), all(at), "{word}");
        }
        assert_eq!(
            told("LEEF:1.0|V|P|1|id|devTime=Mar 28 2026 23:10:04\tsrc=10.0.0.5").map(|told| told.3),
            Some(at.into())
        );
        assert!(told("LEEF:1.0|V|P|1|id|").is_some(), "no pairs");
        for bad in ["LEEF:1.0|V|P|1", "LEEF:", "LEEF:x|V|P|1|id|a=b", "1.0|V|P|1|id|a=b"] {
            assert_eq!(told(bad), None, "{bad}");
        }
    }
}
