//! User agents: whole tokens between quotes, tabs and line ends.

use super::kernel::{BLOCK, Lanes};
use super::pass::Scan;
use crate::model::hit::MatchKind;
use crate::model::indicator::{Indicators, RawHit, hash_name};

/// Reports the agent that `start..end` is.
#[inline]
pub(super) fn token(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    let token = text.get(start..end).unwrap_or_default();
    let token = token.strip_suffix(b"\r").unwrap_or(token);
    if set.agent_filter.may_hold(token) {
        known(set, start, token, out);
    }
}

#[inline(never)]
fn known(set: &Indicators, start: usize, token: &[u8], out: &mut Vec<RawHit>) {
    for indicator in set.agents.get(hash_name(token)) {
        if set.list[indicator as usize].value.as_bytes() == token {
            out.push(RawHit { start, end: start + token.len(), indicator, how: MatchKind::Exact });
        }
    }
}

/// Where the token begins that the scan is in.
#[derive(Default)]
pub(super) struct Quotes {
    start: usize,
}

impl Quotes {
    /// All tokens that end in these blocks.
    #[inline(always)]
    pub(super) fn chunk<L: Lanes>(&mut self, lanes: L, blocks: &[[u8; BLOCK]], scan: &mut Scan<'_, '_>) {
        for (number, block) in blocks.iter().enumerate() {
            let block = lanes.load(block);
            let mut ends = lanes.equal(block, b'"') | lanes.equal(block, b'\t') | lanes.equal(block, b'\n');
            while ends != 0 {
                let end = scan.base + number * BLOCK + ends.trailing_zeros() as usize;
                token(scan.set, scan.text, self.start, end, scan.out);
                self.start = end + 1;
                ends &= ends - 1;
            }
        }
    }

    /// The token that the text ends in.
    pub(super) fn finish(self, scan: &mut Scan<'_, '_>) {
        token(scan.set, scan.text, self.start, scan.text.len(), scan.out);
    }
}
