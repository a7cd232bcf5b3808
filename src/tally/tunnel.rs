//! Records by which a gateway tells that a tunnel ended, with the bytes that went through it.

use crate::model::fields::{Canon, Fields};

/// Of which tunnel a gateway tells that it ended: it names nobody but who came through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// One whose bytes are those of the two sides.
    OfSides,
    /// One whose bytes are those that the gateway sent and received.
    OfGateway,
}

/// The tunnel that ended by the word of its gateway, where a record is one of that.
pub fn of(fields: &Fields<'_>) -> Option<Tunnel> {
    let action = fields.get(Canon::EventAction)?;
    if fields.has(Canon::DestinationIp) || fields.has(Canon::DestinationDomain) || fields.has(Canon::HttpMethod) {
        return None;
    }
    match action {
        b"tunnel-down" | b"ssl-tunnel-down" => Some(Tunnel::OfGateway),
        b"Session disconnected" => Some(Tunnel::OfSides),
        _ => None,
    }
}

/// Bytes through a tunnel to the gateway and back, where its log counts as the gateway does: what it sent went out. Where it sent
/// little and received much, that it counts so is not taken for granted: how much went out is not known then.
pub fn through((sent, received): (Option<u64>, Option<u64>)) -> (Option<u64>, Option<u64>) {
    let is_much = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes >= MANY_BYTES);
    (received, sent.filter(|_| is_much(sent) || !is_much(received)))
}

/// From so many bytes on it matters which way they went.
const MANY_BYTES: u64 = 1 << 20;
