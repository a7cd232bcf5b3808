//! What one record says of a session that its log tells of again and again: a firewall's, with its number.

use super::key;
use crate::model::fields::{Canon, Fields};
use crate::model::observation::Seen;
use crate::model::sessions::{LONG_SECS, SessionId};

/// FortiGate's number of the records of sessions that last; the digits before it tell the kind of log.
const LASTING: u64 = 20;
const KINDS: u64 = 1_000_000;

/// What a record says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It lasts, and moved so much so far.
    Lasts,
    /// It ended, and others may have told of it before: it took so many seconds, where that is known.
    Ended(Option<u64>),
}

/// What a record of a conversation says of a session; `None` where no other tells of it too.
pub fn told(format: &str, fields: &Fields<'_>, packed: &[u8]) -> Option<Told> {
    let is_edge = matches!(key::seen(packed), Some(Seen::Firewall | Seen::Flow));
    let has = |canon| fields.has(canon);
    if !is_edge || !has(Canon::SessionId) || !(has(Canon::SourceBytes) || has(Canon::DestinationBytes)) {
        return None;
    }
    // Check Point writes a session's record anew each time it is updated, and no record says that it ended.
    if [Some(format), fields.inside].contains(&Some("checkpoint")) {
        return Some(Told::Lasts);
    }
    let is_lasting = fields.number(Canon::EventCode).is_some_and(|code| code % KINDS == LASTING);
    if is_lasting && (format != "csv" || fields.inside.is_some() || is_of_fortigate(fields)) {
        return Some(Told::Lasts);
    }
    let secs = fields.number(Canon::EventDuration);
    secs.is_none_or(|secs| secs >= LONG_SECS).then_some(Told::Ended(secs))
}

/// Whether the number of a record is FortiGate's, of ten digits: other tables number their rows in a column of that name.
fn is_of_fortigate(fields: &Fields<'_>) -> bool {
    fields.get(Canon::EventCode).is_some_and(|code| code.len() == 10)
}

/// A digest of what names the session of a record: who wrote it, its number, and its two sides.
pub fn id(fields: &Fields<'_>) -> SessionId {
    let mut hash = blake3::Hasher::new();
    for canon in [Canon::HostName, Canon::SessionId, Canon::SourceIp, Canon::DestinationIp, Canon::DestinationPort] {
        hash.update(fields.get(canon).unwrap_or_default());
        hash.update(&[0]);
    }
    let mut first = [0; 8];
    hash.finalize_xof().fill(&mut first);
    SessionId::from_le_bytes(first)
}
