//! What firewalls and mail servers write into syslog without a form of their own.
//!
//! ```text
//! kernel: [UFW BLOCK] IN=eth0 OUT= MAC=… SRC=198.51.100.7 DST=192.0.2.10 LEN=60 PROTO=TCP SPT=51234 DPT=22
//! filterlog[92]: 5,,,1000000103,em0,match,pass,out,4,0x0,,64,0,0,none,6,tcp,60,192.0.2.10,203.0.113.9,51234,443,0,S,1,,64240,,mss
//! %ASA-6-302014: Teardown TCP connection 7 for outside:203.0.113.9/443 to inside:192.0.2.10/51234 duration 0:00:30 bytes 4096
//! postfix/smtp[7]: 4B1: to=<a@b.example>, relay=mx.b.example[203.0.113.9]:25, dsn=2.0.0, status=sent (250 ok)
//! ```
//! Source: <https://docs.netgate.com/pfsense/en/latest/monitoring/logs/raw-filter-format.html>,
//! <https://www.cisco.com/c/en/us/td/docs/security/asa/syslog/asa-syslog.html>, <https://www.postfix.org/qmgr.8.html>.
//!
//! Traps: packet logs tell of packets, never of the bytes of a conversation; an ASA counts both ways together, where its own format does
//! not read that; a mail's size stands in another record than its recipient. So the last two are named here ([`DATASETS`]) and not read as
//! traffic.

use super::mark::Mark;
use super::sink::{Sink, is_ip};
use crate::model::fields::Canon;
use crate::model::outline::Outline;

/// The fields that it can give.
pub const CANONS: [Canon; 6] = [
    Canon::EventAction,
    Canon::EventDataset,
    Canon::SourceIp,
    Canon::SourcePort,
    Canon::DestinationIp,
    Canon::DestinationPort,
];

/// Names given to messages: of packets, of an ASA's connections, of mail that was sent.
const DATASETS: [&[u8]; 4] = [b"netfilter", b"pfsense.filterlog", b"cisco.asa", b"mail.sent"];
const SOURCE: Mark = Mark::new(b" SRC=", 2);
const DESTINATION: Mark = Mark::new(b" DST=", 1);
const WAY_IN: Mark = Mark::new(b"IN=", 2);
const PERMITTED: Mark = Mark::new(b" permitted ", 1);
const SENT: Mark = Mark::new(b"status=sent", 6);
const SENT_BY_SENDMAIL: Mark = Mark::new(b"stat=Sent", 4);

/// Adds the kind of a message to an outline, of which the pairs follow. `None` where it is to be parsed.
pub fn outline(program: Option<&[u8]>, text: &[u8], out: &mut Outline<'_>) -> Option<()> {
    let [netfilter, _, _, mail] = DATASETS;
    match program? {
        b"kernel" if SOURCE.is_in(text) && DESTINATION.is_in(text) => {
            out.part(netfilter);
            out.part(prefix(text));
        }
        b"filterlog" => return None,
        program if is_cisco(program) => return None,
        program if has_sent(program, text) => out.part(mail),
        _ => {}
    }
    Some(())
}

/// Whether a message tells of a packet that the Linux kernel saw.
pub fn is_packet(program: Option<&[u8]>, text: &[u8]) -> bool {
    program == Some(b"kernel") && SOURCE.is_in(text) && DESTINATION.is_in(text)
}

/// Names the kind of a message and reads its packet. True where nothing is left to read in it.
pub fn read<'b>(program: Option<&[u8]>, text: &'b [u8], sink: &mut Sink<'_, 'b>) -> bool {
    let [netfilter, pfsense, asa, mail] = DATASETS;
    match program {
        program if is_packet(program, text) => {
            sink.canon_slice(Canon::EventDataset, netfilter);
            sink.canon_slice(Canon::EventAction, prefix(text));
        }
        Some(b"filterlog") => {
            sink.canon_slice(Canon::EventDataset, pfsense);
            packet(text, sink);
            return true;
        }
        Some(program) if is_cisco(program) => connection(asa, text, sink),
        None => {
            // `host : %ASA-6-302014: Teardown …`
            let text = text.strip_prefix(b":").unwrap_or(text).trim_ascii_start();
            if is_cisco(text)
                && let Some(end) = memchr::memmem::find(text, b": ")
            {
                connection(asa, &text[end + 2..], sink);
            }
        }
        Some(program) if has_sent(program, text) => sink.canon_slice(Canon::EventDataset, mail),
        _ => {}
    }
    false
}

/// Whether a mail server says that a mail went to another one.
fn has_sent(program: &[u8], text: &[u8]) -> bool {
    match program {
        b"sendmail" | b"sm-mta" => SENT_BY_SENDMAIL.is_in(text),
        _ => program.starts_with(b"postfix/smtp") && program != b"postfix/smtpd" && SENT.is_in(text),
    }
}

fn is_cisco(text: &[u8]) -> bool {
    text.starts_with(b"%ASA-") || text.starts_with(b"%FTD-")
}

/// What stands before the pairs of a packet that netfilter logs: the prefix that its rule gives, without the time since
/// the start of the kernel.
fn prefix(text: &[u8]) -> &[u8] {
    let end = WAY_IN.find(text).unwrap_or(0);
    let text = text[..end].trim_ascii();
    let clock = |inner: &[u8]| inner.trim_ascii().iter().all(|b| b.is_ascii_digit() || *b == b'.');
    match text.strip_prefix(b"[").and_then(|rest| Some((rest, memchr::memchr(b']', rest)?))) {
        Some((rest, close)) if clock(&rest[..close]) => rest[close + 1..].trim_ascii(),
        _ => text,
    }
}

/// A packet as pfSense logs it: cells between commas, whose order depends on the version of IP.
fn packet<'b>(text: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let cell = |at: usize| text.split(|&b| b == b',').nth(at).unwrap_or_default();
    let ends = match cell(8) {
        b"4" => 18,
        b"6" => 15,
        _ => return,
    };
    if !(is_ip(cell(ends)) && is_ip(cell(ends + 1))) {
        return;
    }
    sink.canon_slice(Canon::EventAction, cell(6));
    sink.canon_slice(Canon::SourceIp, cell(ends));
    sink.canon_slice(Canon::DestinationIp, cell(ends + 1));
    for (at, canon) in [(2, Canon::SourcePort), (3, Canon::DestinationPort)] {
        let port = cell(ends + at);
        if !port.is_empty() && port.iter().all(u8::is_ascii_digit) {
            sink.canon_slice(canon, port);
        }
    }
}

/// A connection that an ASA tells of: it was let through.
fn connection<'b>(asa: &'b [u8], text: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let first = text.split(|&b| b == b' ').next().unwrap_or_default();
    if matches!(first, b"Built" | b"Teardown") || first == b"access-list" && PERMITTED.is_in(text) {
        sink.canon_slice(Canon::EventDataset, asa);
    }
}
