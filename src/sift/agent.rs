//! User agents: whole tokens between quotes, tabs and line ends, and cells between blanks in which `+` stands for a
//! blank. A part of a longer user agent is none. What a field says as a whole is judged by [`named`].

use super::escape::{self, Spelling};
use super::pass::Scan;
use crate::model::fields::{Canon, Fields};
use crate::model::hit::MatchKind;
use crate::model::indicator::{Indicators, RawHit, hash_agent};
use crate::model::lanes::{BLOCK, Lanes};

/// Reports the agent that `start..end` is, which stands between two ends of tokens.
#[inline]
pub(super) fn token(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    let token = text.get(start..end).unwrap_or_default();
    let token = token.strip_suffix(b"\r").unwrap_or(token);
    if set.agent_filter.may_hold(token) && !is_quoted_inside(text, start, end) {
        known(
            set,
            token,
            |agent| agent == token,
            |indicator| {
                out.push(RawHit { start, end: start + token.len(), indicator, how: MatchKind::Exact });
            },
        );
    }
    if token.first().is_some_and(|b| b.eq_ignore_ascii_case(&b'u')) {
        header(set, text, start, start + token.len(), out);
    }
}

/// True if one of the quotes around a token is escaped or doubled: it is a part of a longer value.
fn is_quoted_inside(text: &[u8], start: usize, end: usize) -> bool {
    text[..start].ends_with(b"\\\"") || text[..start].ends_with(b"\"\"") || text[end..].starts_with(b"\"\"")
}

/// Reports the agent that stands in a line `User-Agent: …` of a request.
#[inline(never)]
fn header(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    const NAME: &[u8] = b"user-agent:";
    let line = &text[start..end];
    let Some((name, value)) = line.split_at_checked(NAME.len()) else { return };
    if name.eq_ignore_ascii_case(NAME) {
        let agent = value.trim_ascii();
        let from = end - value.trim_ascii_start().len();
        known(
            set,
            agent,
            |listed| listed == agent,
            |indicator| {
                out.push(RawHit { start: from, end: from + agent.len(), indicator, how: MatchKind::Exact });
            },
        );
    }
}

/// Whether [`named`] may give anything for a record of this user agent.
#[inline]
pub fn may_be_listed(set: &Indicators, agent: &[u8]) -> bool {
    set.agent_filter.may_hold(agent)
}

/// Calls `met` with each indicator of a user agent that `is` the given one, which may have `+` for blanks.
#[inline(never)]
fn known(set: &Indicators, agent: &[u8], is: impl Fn(&[u8]) -> bool, mut met: impl FnMut(u32)) {
    if set.agent_filter.may_hold(agent) {
        set.agents
            .get(hash_agent(agent))
            .filter(|indicator| set.get(*indicator).is_some_and(|entry| is(entry.value.as_bytes())))
            .for_each(&mut met);
    }
}

/// True if `cell` is `agent` where `+` and blank are one: it has only one of them, for what wrote it told them not
/// apart.
fn with_plus(cell: &[u8], agent: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    let one = !(cell.contains(&b'+') && cell.contains(&b' '));
    one && cell.len() == agent.len() && cell.iter().zip(agent).all(|(have, want)| folded(have) == folded(want))
}

/// Looks at the cell between blanks around the `+` at `at`, not before `floor`; gives its end. Only an agent with
/// blanks is met: one without may be a part of a longer one.
pub(super) fn cell(set: &Indicators, text: &[u8], at: usize, floor: usize, out: &mut Vec<RawHit>) -> usize {
    let inner = |b: &&u8| !matches!(**b, b' ' | b'"' | b'\t' | b'\r' | b'\n');
    let start = at - text[floor..at].iter().rev().take_while(inner).count();
    let end = at + text[at..].iter().take_while(inner).count();
    let cell = &text[start..end];
    let is = |agent: &[u8]| agent.contains(&b' ') && with_plus(cell, agent);
    known(set, cell, is, |indicator| out.push(RawHit { start, end, indicator, how: MatchKind::Exact }));
    end
}

/// Looks at the token around the backslash at `at`, not before `floor`, once its escapes are undone; gives its end. In
/// JSON that is itself a string the quotes around a value have a backslash too.
pub(super) fn escaped(set: &Indicators, text: &[u8], at: usize, floor: usize, out: &mut Vec<RawHit>) -> usize {
    let inner = |b: &&u8| !is_end(**b);
    let start = at - text[floor..at].iter().rev().take_while(inner).count();
    let end = at + text[at..].iter().take_while(inner).count();
    let nested = is_nested(text, start, end);
    let bare = text[start..end].iter().rev().take_while(|b| **b == b'\\').count();
    let to = if nested { end - bare } else { end };
    if (SHORTEST..=LONGEST).contains(&(to - start)) && (nested || !is_quoted_inside(text, start, end)) {
        let mut buffer = [0; LONGEST];
        let agent = undone(&text[start..to], Spelling::Json, &mut buffer);
        let hit = |indicator| out.push(RawHit { start, end: to, indicator, how: MatchKind::Exact });
        known(set, agent, |listed| agent == listed, hit);
    }
    end
}

/// What `written` says once its escapes are undone, in a buffer of the caller; no more than fits.
fn undone<'b>(written: &[u8], spelling: Spelling, buffer: &'b mut [u8; LONGEST]) -> &'b [u8] {
    let characters = escape::characters(written, 0, written.len(), spelling);
    let mut length = 0;
    for (slot, (byte, ..)) in buffer.iter_mut().zip(characters) {
        *slot = byte;
        length += 1;
    }
    &buffer[..length]
}

/// True if the quotes around a token are those of a string of JSON that is itself in a string: `:\"…\",`.
fn is_nested(text: &[u8], start: usize, end: usize) -> bool {
    let blank = |b: &&u8| **b == b' ';
    let Some(before) = text[..start].strip_suffix(b"\\\"") else { return false };
    let Some(behind) = text[end..].strip_prefix(b"\"") else { return false };
    let before = before.iter().rev().find(|b| !blank(b) && **b != b'\\');
    before == Some(&b':') && matches!(behind.iter().find(|b| !blank(b)), Some(b',' | b'}'))
}

/// No indicator of a user agent is shorter.
const SHORTEST: usize = 8;
/// Longer ones, in bytes as written, are not looked at for their escapes.
const LONGEST: usize = 2048;

/// Tokens end before it.
fn is_end(byte: u8) -> bool {
    matches!(byte, b'"' | b'\t' | b'\n')
}

/// The indicators that a user agent of a record is: as its field says it, with `+` for blanks, or with the escapes of a
/// URL undone.
pub fn named(set: &Indicators, fields: &Fields<'_>) -> Vec<u32> {
    let mut met = Vec::new();
    if set.agents.is_empty() || fields.get(Canon::UserAgent).is_none() {
        return met;
    }
    for field in fields.iter().filter(|field| field.canon == Some(Canon::UserAgent)) {
        let agent = fields.bytes(field.value);
        known(set, agent, |listed| agent == listed || with_plus(agent, listed), |indicator| met.push(indicator));
        if agent.len() <= LONGEST && memchr::memchr(b'%', agent).is_some() {
            let mut buffer = [0; LONGEST];
            let undone = undone(agent, Spelling::Percent, &mut buffer);
            let is = |listed: &[u8]| undone == listed || with_plus(undone, listed);
            known(set, undone, is, |indicator| met.push(indicator));
        }
    }
    met
}

/// Where the token begins that the scan is in.
#[derive(Default)]
pub(super) struct Quotes {
    start: usize,
    /// Ends of the last cell and the last token that were looked at for their escapes.
    floors: (usize, usize),
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
            let marks = lanes.equal(block, b'+') | lanes.equal(block, b'\\');
            if marks != 0 {
                self.marked(marks, scan.base + number * BLOCK, scan);
            }
        }
    }

    /// Looks at the cells and tokens around the marked bytes, each once.
    #[inline(never)]
    fn marked(&mut self, mut marks: u64, base: usize, scan: &mut Scan<'_, '_>) {
        while marks != 0 {
            let at = base + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let (look, floor): (Look, _) = match scan.text[at] {
                b'+' => (cell, &mut self.floors.0),
                _ => (escaped, &mut self.floors.1),
            };
            if at >= *floor {
                *floor = look(scan.set, scan.text, at, *floor, scan.out);
            }
        }
    }

    /// The token that the text ends in.
    pub(super) fn finish(self, scan: &mut Scan<'_, '_>) {
        token(scan.set, scan.text, self.start, scan.text.len(), scan.out);
    }
}

type Look = fn(&Indicators, &[u8], usize, usize, &mut Vec<RawHit>) -> usize;

/// The same over a whole text by the plainest loops.
pub(super) fn plainly(set: &Indicators, text: &[u8], out: &mut Vec<RawHit>) {
    let mut start = 0;
    for end in memchr::memchr3_iter(b'"', b'\t', b'\n', text).chain([text.len()]) {
        token(set, text, start, end, out);
        start = end + 1;
    }
    for (mark, look) in [(b'+', cell as Look), (b'\\', escaped)] {
        let mut floor = 0;
        while let Some(at) = memchr::memchr(mark, &text[floor..]).map(|at| at + floor) {
            floor = look(set, text, at, floor, out);
        }
    }
}
