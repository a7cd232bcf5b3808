//! Check Point: Log Exporter in its syslog form and in its generic form, and what `fw log` prints.
//!
//! ```text
//! <134>1 2026-03-28T23:10:04Z gw1 CheckPoint 1234 - [src:"192.0.2.10"; dst:"203.0.113.9"; proto:"6"; s_port:"51234"; service:"443"; action:"Accept"]
//! time=1774739404|hostname=gw1|product=VPN-1 & FireWall-1|action=Accept|dst=203.0.113.9|proto=6|s_port=51234|service=443|src=192.0.2.10
//! 28Mar2026 23:10:04 accept 192.0.2.1 >eth1 rule: 5; src: 192.0.2.10; dst: 203.0.113.9; proto: tcp; product: VPN-1 & FireWall-1; service: 443; s_port: 51234;
//! ```
//! Source: <https://support.checkpoint.com/results/sk/sk122323>; Check Point, "CLI Reference Guide", `fw log`.
//!
//! Traps: fields stand in any order, though exporters put most of them in that of the alphabet; a value in quotes may hold what
//! stands between fields. Bytes are logged only where the rule tracks by accounting: `client_outbound_bytes` is what the gateway sent on to
//! the client, `client_inbound_bytes` what came from it; `bytes` is both ways together and stays raw. `service` is a name unless names are
//! switched off (`-p`). `fw log` prints local times.

use std::sync::LazyLock;

use super::roles::{Role, Roles, Table};
use super::sink::{Sink, Way};
use super::{Fit, Format, Sample, kv, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};
use crate::model::observation::Seen;

/// Logs of Check Point.
pub struct CheckPoint;

/// What the names mean.
static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("time", Role::Time(0)),
        ("loguid", Role::Is(Canon::SessionId)),
        ("start_time", Role::Begun),
        ("elapsed", Role::Took(Unit::Seconds, Side::Before)),
        ("duration", Role::Took(Unit::Seconds, Side::Before)),
        ("hostname", Role::Is(Canon::HostName)),
        ("action", Role::Action),
        ("src", Role::Addr(Canon::SourceIp)),
        ("dst", Role::Addr(Canon::DestinationIp)),
        ("s_port", Role::Is(Canon::SourcePort)),
        ("xlatesrc", Role::Is(Canon::NatIp)),
        ("service", Role::Is(Canon::DestinationPort)),
        ("proto", Role::Is(Canon::NetworkTransport)),
        ("client_inbound_bytes", Role::Is(Canon::SourceBytes)),
        ("client_outbound_bytes", Role::Is(Canon::DestinationBytes)),
        ("user", Role::User),
        ("administrator", Role::User),
        ("product", Role::Is(Canon::EventDataset)),
        ("rule_name", Role::Is(Canon::RuleName)),
    ]])
});

/// Words of its own that say what became of a connection.
static WAY: LazyLock<Way> = LazyLock::new(|| {
    let words = |all: &[&str]| all.iter().map(|word| (*word).into()).collect();
    Way {
        success: words(&["Encrypt", "Decrypt", "Log In", "Key Install"]),
        failure: words(&["Prevent", "Failed Log In"]),
        form: None,
        day_first: None,
    }
});

/// How `fw log` writes times.
const FORM: &str = "%d%b%Y %H:%M:%S";

impl Format for CheckPoint {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn describe(&self) -> &'static str {
        "Check Point (Log Exporter in syslog and generic form, fw log)"
    }

    fn fields(&self) -> Vec<Canon> {
        let mut out = ROLES.canons();
        out.push(Canon::NetworkProtocol);
        out.sort();
        out
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("checkpoint") };
        sample.fit(self, layout, 72)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let text = kv::priority(record).map_or(record, |(_, rest)| rest).trim_ascii();
        let mut sink = Sink::new(layout, want, out);
        sink.way = Some(&WAY);
        let read = exported(text, &mut sink).or_else(|| generic(text, &mut sink)).or_else(|| printed(text, &mut sink));
        read.ok_or(Reject)?;
        if sink.out.has(Canon::DestinationIp) {
            sink.out.observer = Some(Seen::Firewall);
        }
        Ok(Parsed::Event)
    }
}

/// A line of syslog with the fields in brackets.
fn exported<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let mut words = text.splitn(6, |byte| *byte == b' ');
    let [version, stamp, host, program, _, rest] = std::array::from_fn(|_| words.next().unwrap_or_default());
    if version != b"1" || program != b"CheckPoint" {
        return None;
    }
    let open = memchr::memchr(b'[', rest)?;
    sink.time(1, time::any(stamp, sink.layout));
    sink.slice(b"hostname", Some(Role::Is(Canon::HostName)), host, Kind::Str);
    let fields = &rest[open + 1..];
    colons(fields.strip_suffix(b"]").unwrap_or(fields), sink).then_some(())
}

/// Pairs with bars between them.
fn generic<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let first = text.strip_prefix(b"time=")?;
    let digits = first.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !matches!(digits, 10 | 13) || first.get(digits) != Some(&b'|') {
        return None;
    }
    let pairs = || text.split(|byte| *byte == b'|').filter_map(|pair| Some((pair, memchr::memchr(b'=', pair)?)));
    let named = |name: &[u8]| pairs().any(|(pair, at)| &pair[..at] == name);
    if !named(b"product") || !named(b"action") {
        return None;
    }
    pairs().for_each(|(pair, at)| put(&pair[..at], &pair[at + 1..], sink));
    Some(())
}

/// What `fw log` prints: time, action, the gateway and its interface, and then the fields.
fn printed<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let day = memchr::memchr(b' ', text).filter(|at| (8..=9).contains(at))?;
    let clock = text.get(day + 1..day + 9)?;
    let is_clock = |(at, byte): (usize, &u8)| if at == 2 || at == 5 { *byte == b':' } else { byte.is_ascii_digit() };
    if !clock.iter().enumerate().all(is_clock) || !text[0].is_ascii_digit() {
        return None;
    }
    let stamp = time::in_form(FORM, &text[..day + 9], sink.layout)?;
    let rest = text.get(day + 10..)?;
    let first = memchr::memmem::find(rest, b": ")?;
    let head = memchr::memrchr(b' ', &rest[..first]).map_or(0, |at| at + 1);
    sink.time(0, Some(stamp));
    for word in rest[..head].split(|byte| *byte == b' ') {
        if ACTIONS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word)) {
            sink.slice(b"action", Some(Role::Action), word, Kind::Str);
            break;
        }
    }
    colons(&rest[head..], sink).then_some(())
}

/// The actions of `fw log`.
const ACTIONS: [&str; 12] = [
    "accept",
    "drop",
    "reject",
    "encrypt",
    "decrypt",
    "vpnroute",
    "keyinst",
    "authorize",
    "deauthorize",
    "authcrypt",
    "ctl",
    "monitor",
];

/// Reads fields with a colon in them and semicolons between; false where there is none that a log of Check Point must have.
fn colons<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) -> bool {
    let (mut rest, mut is_told) = (text.trim_ascii(), false);
    while let Some(colon) = memchr::memchr2(b':', b';', rest) {
        let (name, behind) = (rest[..colon].trim_ascii(), &rest[colon + 1..]);
        if rest[colon] == b';' {
            rest = behind;
            continue;
        }
        let behind = behind.trim_ascii_start();
        let (value, end) = match behind.strip_prefix(b"\"") {
            Some(quoted) => {
                let length = closing(quoted);
                (&quoted[..length], 1 + length)
            }
            None => {
                let length = memchr::memchr(b';', behind).unwrap_or(behind.len());
                (behind[..length].trim_ascii(), length)
            }
        };
        is_told |= matches!(name, b"action" | b"src" | b"product");
        put(name, value, sink);
        rest = &behind[end..];
        rest = rest.get(memchr::memchr(b';', rest).map_or(rest.len(), |at| at + 1)..).unwrap_or_default();
    }
    is_told
}

/// Where the closing quote stands; the end where there is none.
fn closing(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at = (at + 2).min(text.len());
    }
    text.len()
}

fn put<'b>(name: &'b [u8], value: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let kind = match value {
        b"" => Kind::Null,
        _ if is_number => Kind::Number,
        _ => Kind::Str,
    };
    let role = match ROLES.get(name) {
        Some(Role::Is(Canon::DestinationPort)) if !is_number => Some(Role::Is(Canon::NetworkProtocol)),
        role => role,
    };
    sink.slice(name, role, value, kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time, source, bytes out, destination port, outcome.
    type Told = (String, String, Option<u64>, Option<u64>, String);

    fn told(line: &str) -> Option<Told> {
        let mut out = Fields::default();
        CheckPoint.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut out).ok()?;
        let text = |canon| out.text(canon).unwrap_or_default().to_owned();
        let time = out.time.map(|stamp| stamp.at.to_string()).unwrap_or_default();
        let (bytes, port) = (out.number(Canon::SourceBytes), out.number(Canon::DestinationPort));
        Some((time, text(Canon::SourceIp), bytes, port, text(Canon::EventOutcome)))
    }

    #[test]
    fn fields_are_read_in_any_order() {
        let of = |bytes, port, outcome: &str| {
            Some(("2026-03-28T23:10:04Z".to_owned(), "192.0.2.10".to_owned(), bytes, port, outcome.to_owned()))
        };
        let head = "<134>1 2026-03-28T23:10:04Z gw1 CheckPoint 1234 - ";
        let mut fields = [
            "action:\"Accept\"",
            "src:\"192.0.2.10\"",
            "dst:\"203.0.113.9\"",
            "service:\"443\"",
            "msg:\"a; src:\\\"198.51.100.1\\\"; b\"",
            "client_inbound_bytes:\"700\"",
        ];
        for _ in 0..fields.len() {
            fields.rotate_left(1);
            let line = format!("{head}[{}]", fields.join("; "));
            assert_eq!(told(&line), of(Some(700), Some(443), "success"), "{line}");
        }
        let mut pairs = ["product=VPN-1 & FireWall-1", "action=Drop", "src=192.0.2.10", "service=22", "dst=192.0.2.80"];
        for _ in 0..pairs.len() {
            pairs.rotate_left(1);
            let line = format!("time=1774739404|hostname=gw1|{}", pairs.join("|"));
            assert_eq!(told(&line), of(None, Some(22), "failure"), "{line}");
        }
        let mut printed = [
            "rule: 5",
            "src: 192.0.2.10",
            "dst: 203.0.113.9",
            "proto: tcp",
            "service: 443",
            "product: VPN-1 & FireWall-1",
            "client_inbound_bytes: 9",
        ];
        for _ in 0..printed.len() {
            printed.rotate_left(1);
            for head in ["accept 192.0.2.1 >eth1 ", "  5 N/A 1 accept 192.0.2.1 > eth1 LogId: <max_null>; "] {
                let line = format!("28Mar2026 23:10:04 {head}{}; ", printed.join("; "));
                assert_eq!(told(&line), of(Some(9), Some(443), "success"), "{line}");
            }
        }
    }

    #[test]
    fn other_lines_are_none_of_check_point() {
        for none in [
            "",
            "<134>1 2026-03-28T23:10:04Z gw1 sshd 1234 - [src:\"192.0.2.10\"]",
            "<134>1 2026-03-28T23:10:04Z gw1 CheckPoint 1234 - started",
            "time=1774739404|a=b|c=d",
            "28Mar2026 23:10:04",
            "28Mar2026 23:10:04 hello there: x",
            "28Xyz2026 23:10:04 accept src: 192.0.2.10;",
        ] {
            assert_eq!(told(none), None, "{none}");
        }
    }
}
