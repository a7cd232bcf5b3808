//! Who was logged on: `wtmp`, `btmp` and `utmp` of Linux.
//!
//! ```text
//! type 7, process 812, line "pts/0", id "ts/0", user "alice", host "192.0.2.10", …, time 1774739404.500000, address c000020a
//! ```
//! Source: utmp(5) and `struct utmp` of the GNU C library for machines with 32-bit stamps in it (x86, x86-64, most others): 384
//! bytes, numbers little-endian.
//!
//! Traps: `btmp` holds failed logons in the same form, so that only the name of the file tells (and rotated files keep it:
//! `btmp-20260328`); a logoff has no user, only the line; the host is cut at 256 bytes and may be a name or an address; what
//! somebody wrote into the file himself reads like anything else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::roles::Role;
use super::sink::{Sink, is_ip};
use super::{Fit, Format, Sample, lastlog};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Encoding, Framing, Layout};
use crate::model::time::{Instant, Stamp};

/// Bytes of a record.
pub const RECORD_BYTES: u16 = 384;
/// What the types 0 to 9 are called.
const TYPES: [&str; 10] = [
    "EMPTY",
    "RUN_LVL",
    "BOOT_TIME",
    "NEW_TIME",
    "OLD_TIME",
    "INIT_PROCESS",
    "LOGIN_PROCESS",
    "USER_PROCESS",
    "DEAD_PROCESS",
    "ACCOUNTING",
];
const USER_PROCESS: usize = 7;
/// The dataset of failed logons.
const FAILED: &str = "btmp";

/// Records of logons.
pub struct Utmp;

/// A record, part by part.
struct Entry<'b> {
    kind: usize,
    process: i32,
    line: &'b [u8],
    user: &'b [u8],
    host: &'b [u8],
    secs: i32,
    micros: i32,
    address: [u8; 16],
}

impl<'b> Entry<'b> {
    /// Takes a record apart; `None` where it is none: its line is printable, its time has
    /// microseconds, and what is kept free is empty.
    fn of(record: &'b [u8]) -> Option<Self> {
        if record.len() != usize::from(RECORD_BYTES) {
            return None;
        }
        let number = |at: usize| record.get(at..at + 4)?.first_chunk().map(|bytes| i32::from_le_bytes(*bytes));
        // Who knocks types what he likes: users and hosts may hold any byte.
        let any = |at: usize, length: usize| {
            let field = record.get(at..at + length)?;
            Some(&field[..field.iter().position(|&b| b == 0).unwrap_or(length)])
        };
        let text = |at: usize, length: usize| {
            let field = record.get(at..at + length)?;
            // Behind the end of a text programs may leave what was there before.
            let text = &field[..field.iter().position(|&b| b == 0).unwrap_or(length)];
            (!text.iter().any(|b| b.is_ascii_control())).then_some(text)
        };
        let kind = usize::from(*record.first()?);
        let entry = Self {
            kind,
            process: number(4)?,
            line: text(8, 32)?,
            user: any(44, 32)?,
            host: any(76, 256)?,
            secs: number(340)?,
            micros: number(344)?,
            address: *record.get(348..364)?.first_chunk()?,
        };
        let is_one = kind < TYPES.len()
            && record.get(1..4)? == [0; 3]
            && (0..1_000_000).contains(&entry.micros)
            && record.get(364..)?.iter().all(|&b| b == 0);
        is_one.then_some(entry)
    }

    /// The address of the other side, where there is one.
    fn address(&self) -> Option<IpAddr> {
        let [a, b, c, d, rest @ ..] = self.address;
        match (rest == [0; 12], [a, b, c, d]) {
            (true, [0, 0, 0, 0]) => None,
            (true, v4) => Some(Ipv4Addr::from(v4).into()),
            (false, _) => Some(Ipv6Addr::from(self.address).to_canonical()),
        }
    }
}

/// Whether the start of a source holds such records and nothing else: at least one says who or when.
fn is_log(head: &[u8]) -> bool {
    let records = head.chunks_exact(usize::from(RECORD_BYTES));
    let (mut any, mut said) = (false, false);
    for record in records {
        let Some(entry) = Entry::of(record) else { return false };
        any = true;
        said |= entry.kind != 0 && entry.secs > 0;
    }
    any && said
}

/// The layout of a source whose start holds such records; `None` for any other. `name` is the last part of the source's.
pub fn layout(head: &[u8], name: &str, base: &Layout) -> Option<Layout> {
    if !is_log(head) {
        return None;
    }
    let dataset = if name.starts_with(FAILED) { FAILED } else { "wtmp" };
    let framing = Framing::Fixed { length: RECORD_BYTES };
    Some(Layout { format: "utmp", encoding: Encoding::Bytes, framing, dataset: Some(dataset.into()), ..base.clone() })
}

impl Format for Utmp {
    fn name(&self) -> &'static str {
        "utmp"
    }

    fn describe(&self) -> &'static str {
        "wtmp, btmp, utmp and lastlog of Linux: who logged on, from where, and who tried"
    }

    fn fields(&self) -> Vec<Canon> {
        use Canon::{EventAction, EventDataset, EventOutcome, SourceDomain, SourceIp, UserDomain, UserName};
        let mut all = vec![EventAction, EventDataset, EventOutcome, SourceDomain, SourceIp, UserDomain, UserName];
        all.sort();
        all
    }

    fn hides(&self, _records: &[u8]) -> bool {
        true
    }

    /// Never: the bytes are no text, which samples are made of. See [`layout`].
    fn recognise(&self, _: &Sample<'_>) -> Option<Fit> {
        None
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let mut sink = Sink::new(layout, want, out);
        if layout.framing == (Framing::Fixed { length: lastlog::RECORD_BYTES }) {
            return lastlog::read(record, &mut sink).map(|()| Parsed::Event);
        }
        let entry = Entry::of(record).ok_or(Reject)?;
        let at = Instant::from_micros(i64::from(entry.secs) * 1_000_000 + i64::from(entry.micros));
        sink.time(0, at.filter(|_| entry.secs > 0).map(Stamp::certain));
        sink.slice(b"type", Some(Role::Is(Canon::EventAction)), TYPES[entry.kind].as_bytes(), Kind::Str);
        if let Some(dataset) = &layout.dataset {
            let dataset = sink.out.store(dataset.as_bytes());
            sink.canon(Canon::EventDataset, dataset);
        }
        // What the system calls itself, and terminals that wait for somebody, are no accounts.
        let is_account = entry.kind > 5 && entry.user != b"LOGIN";
        sink.slice(b"user", is_account.then_some(Role::User), entry.user, Kind::Str);
        sink.slice(b"line", None, entry.line, Kind::Str);
        if sink.all {
            let process = sink.out.store(entry.process.to_string().as_bytes());
            sink.text(Text::Slice(b"pid"), None, process, Kind::Number);
        }
        from(&entry, &mut sink);
        let failed = layout.dataset.as_deref() == Some(FAILED);
        if failed || entry.kind == USER_PROCESS {
            sink.outcome(!failed);
        }
        Ok(Parsed::Event)
    }
}

/// Where somebody came from.
fn from<'b>(entry: &Entry<'b>, sink: &mut Sink<'_, 'b>) {
    // The kernel's release stands in the host of a boot.
    let is_logon = entry.kind > 5;
    let role = match entry.host {
        host if !is_logon || host.starts_with(b":") => None,
        host if is_ip(host) => Some(Role::Is(Canon::SourceIp)),
        _ => Some(Role::Is(Canon::SourceDomain)),
    };
    sink.slice(b"host", role, entry.host, Kind::Str);
    if let Some(address) = entry.address().filter(|_| is_logon && !is_ip(entry.host)) {
        let address = sink.out.store(address.to_string().as_bytes());
        sink.text(Text::Slice(b"addr"), Some(Role::Is(Canon::SourceIp)), address, Kind::Str);
    }
}
