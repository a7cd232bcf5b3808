//! When each account logged on last: `lastlog` of Linux.
//!
//! ```text
//! time 1774739404, line "pts/0", host "192.0.2.10"
//! ```
//! Source: lastlog(5), lastlog(8) and `struct lastlog` of the GNU C library for machines with 32-bit stamps in it (x86, x86-64, most
//! others): 292 bytes, numbers little-endian.
//!
//! Traps: the account is not named: the number of a record in its file, from 0, is its user id, which `/etc/passwd` of the host tells the name of.
//! Accounts that never logged on have records of zeros, so that a file may be zeros for as far as is looked at; its name tells
//! it then. A logon overwrites the one before, and who is in the file may have been put there by hand.

use super::roles::Role;
use super::sink::{Sink, is_ip};
use crate::model::fields::{Canon, Kind, Reject};
use crate::model::layout::{Encoding, Framing, Layout};
use crate::model::time::{Instant, Stamp};

/// Bytes of a record.
pub const RECORD_BYTES: u16 = 292;
/// How the names of these files begin, and their dataset.
const NAME: &str = "lastlog";

/// The last logon of an account.
struct Entry<'b> {
    secs: i32,
    line: &'b [u8],
    host: &'b [u8],
}

impl<'b> Entry<'b> {
    /// Takes a record apart; `None` where it is none: its line and its host are printable, and only who logged on has them.
    fn of(record: &'b [u8]) -> Option<Self> {
        if record.len() != usize::from(RECORD_BYTES) {
            return None;
        }
        let text = |field: &'b [u8]| {
            let text = &field[..field.iter().position(|&b| b == 0).unwrap_or(field.len())];
            (!text.iter().any(u8::is_ascii_control)).then_some(text)
        };
        let (secs, texts) = record.split_first_chunk()?;
        let (line, host) = texts.split_at(32);
        let entry = Self { secs: i32::from_le_bytes(*secs), line: text(line)?, host: text(host)? };
        (entry.secs > 0 || entry.secs == 0 && texts.iter().all(|b| *b == 0)).then_some(entry)
    }
}

/// The layout of a source of this name whose start holds such records; `None` for any other.
pub fn layout(head: &[u8], name: &str, base: &Layout) -> Option<Layout> {
    let mut records = head.chunks_exact(usize::from(RECORD_BYTES)).peekable();
    if !name.starts_with(NAME) || records.peek().is_none() || !records.all(|record| Entry::of(record).is_some()) {
        return None;
    }
    let framing = Framing::Fixed { length: RECORD_BYTES };
    Some(Layout { format: "utmp", encoding: Encoding::Bytes, framing, dataset: Some(NAME.into()), ..base.clone() })
}

/// Reads a record.
///
/// # Errors
/// Where it is none.
pub fn read<'b>(record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Result<(), Reject> {
    let entry = Entry::of(record).ok_or(Reject)?;
    let at = Instant::from_micros(i64::from(entry.secs) * 1_000_000);
    sink.time(0, at.filter(|_| entry.secs > 0).map(Stamp::certain));
    sink.canon_slice(Canon::EventDataset, NAME.as_bytes());
    if entry.secs == 0 {
        return Ok(());
    }
    sink.canon_slice(Canon::EventAction, b"last logon");
    sink.slice(b"line", None, entry.line, Kind::Str);
    let role = if is_ip(entry.host) { Canon::SourceIp } else { Canon::SourceDomain };
    sink.slice(b"host", Some(Role::Is(role)), entry.host, Kind::Str);
    sink.outcome(true);
    Ok(())
}
