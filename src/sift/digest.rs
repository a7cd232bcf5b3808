//! Digests: runs of hex digits of exactly the right length.

use crate::model::indicator::{Indicators, RawHit, hash_digest};

/// Half of the shortest digest: a run of 32 digits covers two neighbouring marks of this stride.
const STRIDE: usize = 16;

/// Looks at every 16th byte; where two neighbours are hex digits the run around them is measured.
pub(super) fn scan(set: &Indicators, text: &[u8], out: &mut Vec<RawHit>) {
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
        let end = at + text[at..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let start = at - text[..at].iter().rev().take_while(|b| b.is_ascii_hexdigit()).count();
        if matches!(end - start, 32 | 40 | 56 | 64 | 96 | 128) {
            let run = &text[start..end];
            for indicator in set.digests.get(hash_digest(run)) {
                if set.list[indicator as usize].value.as_bytes().eq_ignore_ascii_case(run) {
                    out.push(RawHit { start, end, indicator, how: super::name::EXACT });
                }
            }
        }
        // The next mark that lies outside of the run.
        at = (end / STRIDE + 1) * STRIDE - if end.is_multiple_of(STRIDE) { STRIDE } else { 0 };
    }
}
