//! The whole scan by the plainest loops, one for each kind: the twin that the fast pass is held against.

use super::{address, agent, digest, name};
use crate::model::indicator::{Indicators, RawHit};

/// Appends the indicators of all kinds, in no order.
pub(super) fn scan(set: &Indicators, text: &[u8], out: &mut Vec<RawHit>) {
    names(set, text, out);
    if !(set.ipv6.is_empty() && set.ipv4.is_empty()) {
        address::scan_v6(set, text, 0, text.len(), out);
    }
    digests(set, text, out);
    if !set.agents.is_empty() {
        agent::plainly(set, text, out);
    }
}

/// Each run of name bytes that holds a dot.
fn names(set: &Indicators, text: &[u8], out: &mut Vec<RawHit>) {
    if set.names.is_empty() && set.ipv4.is_empty() {
        return;
    }
    let mut floor = 0;
    while let Some(dot) = memchr::memchr(b'.', &text[floor..]).map(|at| at + floor) {
        let (start, end) = name::run_around(text, dot, floor);
        floor = end;
        name::run(set, text, start, end, out);
    }
}

/// Looks at every 16th byte, half of the shortest digest; where two neighbours are hex digits the run around them is
/// measured.
fn digests(set: &Indicators, text: &[u8], out: &mut Vec<RawHit>) {
    const STRIDE: usize = 16;
    if set.digests.is_empty() {
        return;
    }
    let hex = |at: usize| text.get(at).is_some_and(u8::is_ascii_hexdigit);
    let mut at = 0;
    while at + STRIDE < text.len() {
        if !(hex(at) && hex(at + STRIDE)) {
            at += STRIDE;
            continue;
        }
        // The next mark that lies outside of the run.
        at = digest::around(set, text, at, 0, out).next_multiple_of(STRIDE);
    }
}
