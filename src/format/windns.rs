//! The debug log of Windows' DNS server: a line for each packet that it took or sent.
//!
//! ```text
//! 3/28/2026 11:10:04 PM 0A1C PACKET  00000000D1B01120 UDP Rcv 10.0.0.5        5b47   Q [0001   D   NOERROR] A      (3)www(4)evil(7)example(0)
//! 28.03.2026 23:10:04 0A1C PACKET  00000000D1B01120 UDP Snd 203.0.113.53    5b48 R Q [8381   DR NXDOMAIN] TXT    (4)evil(7)example(0)
//! ```
//! Source: the key at the head of every such log; RFC 1035, section 4.1.2, of names as labels with their lengths;
//! <https://learn.microsoft.com/openspecs/windows_protocols/ms-dnsp/fc6275ba-b4d3-4e81-9417-03d004369075> (what is logged).
//!
//! Traps: a question stands there up to four times: received from the client, sent on, answered to the server and answered to the client.
//! Only what was received and is no answer (`Rcv`, no `R`) tells who asked, and only that is a question here; of the others the name is a
//! field without a meaning of its own. Stamps are local, in the order of day and month of the host, which a part of a log may
//! show by its stamps only together and by when it was written last; details of a packet, where they are
//! logged, are lines of their own, of which nothing is read.

use super::near::{self, Words};
use super::roles::Role;
use super::sink::{Sink, is_ip};
use super::time::{any, order_in};
use super::{Fit, Format, Sample};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Framing, Layout};

/// The name of the format.
const NAME: &str = "windows_dns";

/// The debug log of Windows' DNS server.
pub struct WindowsDns;

/// Stamp, thread and kind of record take no more than this.
const HEAD_BYTES: usize = 64;
/// What stands before the stamp at the head of a log.
const CREATED: &[u8] = b"DNS Server log file creation at ";
/// What stands between the head and the packet.
const MARK: &[u8] = b" PACKET  ";
/// What stands between the head and a message.
const EVENT: &[u8] = b" EVENT ";

impl Format for WindowsDns {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> &'static str {
        "Windows DNS server debug log"
    }

    fn fields(&self) -> Vec<Canon> {
        use Canon::{DestinationIp, DnsQuestion, DnsType, Message, NetworkTransport, SourceIp};
        let mut all = vec![DestinationIp, DnsQuestion, DnsType, Message, NetworkTransport, SourceIp];
        all.sort();
        all
    }

    /// Names are written label by label.
    fn hides(&self, _records: &[u8]) -> bool {
        true
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        // The key at the head of a log is no record.
        let dated = |line: &&[u8]| line.first().is_some_and(u8::is_ascii_digit);
        let lines: Vec<&[u8]> = sample.lines.iter().copied().filter(dated).collect();
        lines.iter().find(|line| Packet::of(line).is_some())?;
        // The key of a log that began late in a month shows the order of day and month for all of it.
        let created = sample.lines.iter().filter_map(|line| line.trim_ascii().strip_prefix(CREATED));
        let stamps = created.chain(lines.iter().filter_map(|line| Some(Packet::of(line)?.stamp)));
        let layout = Layout { framing: Framing::Lines, day_first: order_in(stamps), ..sample.layout(self.name()) };
        sample.fit_records(&lines, self, layout, 62)
    }

    fn may_begin(&self, first: u8) -> bool {
        first.is_ascii_digit()
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let mut sink = Sink::new(layout, want, out);
        if let Some((at, message)) = event(record) {
            sink.time(0, any(at, layout));
            sink.slice(b"message", Some(Role::Is(Canon::Message)), message, Kind::Str);
            return Ok(Parsed::Event);
        }
        let packet = Packet::of(record).ok_or(Reject)?;
        sink.time(0, any(packet.stamp, layout));
        packet.put(&mut sink);
        Ok(Parsed::Event)
    }
}

/// Stamp and message of what the server says of itself.
fn event(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = memchr::memmem::find(&line[..line.len().min(HEAD_BYTES)], EVENT)?;
    let stamp = &line[..memchr::memrchr(b' ', &line[..head])?];
    stamp.first().filter(|byte| byte.is_ascii_digit())?;
    Some((stamp, line[head + EVENT.len()..].trim_ascii()))
}

/// One packet.
struct Packet<'b> {
    stamp: &'b [u8],
    transport: &'b [u8],
    /// Whether the server received it.
    received: bool,
    remote: &'b [u8],
    id: &'b [u8],
    /// Whether it answers.
    answers: bool,
    /// The code of the answer.
    code: &'b [u8],
    kind: &'b [u8],
    labels: &'b [u8],
}

impl<'b> Packet<'b> {
    fn of(line: &'b [u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let head = memchr::memmem::find(&line[..line.len().min(HEAD_BYTES)], MARK)?;
        // The thread stands behind the stamp.
        let stamp = &line[..memchr::memrchr(b' ', &line[..head])?];
        let (before, behind) = near::around(b'[', &line[head + MARK.len()..])?;
        let (flags, question) = near::around(b']', behind)?;
        let mut words = Words(before);
        let (_packet, transport, way) = (words.next()?, words.next()?, words.next()?);
        let (remote, id) = (words.next().filter(|remote| is_ip(remote))?, words.next()?);
        let received = match way {
            b"Rcv" => true,
            b"Snd" => false,
            _ => return None,
        };
        let answers = words.next() == Some(b"R");
        let mut question = Words(question);
        let (kind, labels) = (question.next()?, question.next()?);
        let code = Words(flags).last()?;
        Some(Self { stamp, transport, received, remote, id, answers, code, kind, labels })
    }

    fn put(&self, sink: &mut Sink<'_, 'b>) {
        let asks = self.received && !self.answers;
        let is = |canon| Some(Role::Is(canon));
        let way: &[u8] = if self.received { b"Rcv" } else { b"Snd" };
        let remote = if self.received { Canon::SourceIp } else { Canon::DestinationIp };
        for (name, role, value) in [
            (&b"protocol"[..], is(Canon::NetworkTransport), self.transport),
            (b"direction", None, way),
            (b"remote_ip", Some(Role::Addr(remote)), self.remote),
            (b"xid", None, self.id),
            (b"record_type", is(Canon::DnsType).filter(|_| asks), self.kind),
            (b"response_code", None, self.code),
        ] {
            sink.slice(name, role, value, Kind::Str);
        }
        let name = self.name();
        let question = sink.out.store(&name);
        sink.text(Text::Slice(b"query"), is(Canon::DnsQuestion).filter(|_| asks), question, Kind::Str);
    }

    /// The name with dots between its labels.
    fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(self.labels.len());
        let mut rest = self.labels;
        while let Some((length, behind)) = label_length(rest) {
            if length == 0 {
                break;
            }
            let label = &behind[..length.min(behind.len())];
            if !name.is_empty() {
                name.push(b'.');
            }
            name.extend_from_slice(label);
            rest = &behind[label.len()..];
        }
        name
    }
}

/// `(12)`: a length, and what stands behind it.
fn label_length(text: &[u8]) -> Option<(usize, &[u8])> {
    let (digits, behind) = near::around(b')', text.strip_prefix(b"(")?)?;
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((length, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, String)> {
        let mut out = Fields::default();
        WindowsDns.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut out).unwrap();
        let text = |canon| out.get(canon).map(|value| String::from_utf8_lossy(value).into_owned());
        let told = Canon::ALL.iter().filter_map(|canon| Some((canon.name().to_owned(), text(*canon)?)));
        told.filter(|(name, _)| name.starts_with("dns") || name.ends_with(".ip")).collect()
    }

    #[test]
    fn only_what_a_client_asks_is_a_question() {
        let line = |way: &str| {
            format!(
                "28.03.2026 23:10:04 0A1C PACKET  00000000D1B01120 UDP {way} Q [0001   D   NOERROR] A      (3)www(4)evil(7)example(0)"
            )
        };
        let told = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect::<Vec<_>>();
        let mut asked = read(&line("Rcv 10.0.0.5        5b47  "));
        asked.sort();
        assert_eq!(
            asked,
            told(&[("dns.question.name", "www.evil.example"), ("dns.question.type", "A"), ("source.ip", "10.0.0.5")])
        );
        assert_eq!(read(&line("Snd 203.0.113.53    5b47  ")), told(&[("destination.ip", "203.0.113.53")]));
        assert_eq!(read(&line("Rcv 203.0.113.53    5b47 R")), told(&[("source.ip", "203.0.113.53")]));
    }

    #[test]
    fn what_is_cut_or_wrong_is_no_packet() {
        let line = b"3/28/2026 10:00:01 AM 0A1C PACKET  00000000D1B01120 UDP Rcv 10.0.0.5        0001   Q [0001   D   NOERROR] A      (3)www(0)";
        for end in 0..line.len() - 7 {
            assert!(Packet::of(&line[..end]).is_none_or(|packet| packet.name().len() <= 3), "{end}");
        }
        for labels in ["(999)a", "(3", "(x)a(0)", "()", "(4294967296000000000000)a", "(1)a(1)b"] {
            let text = [&line[..line.len() - 9], labels.as_bytes()].concat();
            let _ = Packet::of(&text).map(|packet| packet.name());
        }
    }
}
