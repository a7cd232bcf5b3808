//! The search for the next element of an array behind a damaged one.
//!
//! Quotes and brackets of a damaged element say nothing. What shows the next one is the border between elements,
//! `},{"key"`, with the key that elements of this array begin with: writers put their keys in one order.

/// A damaged element longer than this is none: what follows is no array any more.
const LOST_BYTES: u64 = 1024 * 1024;

/// Which part of the border is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The end of the damaged element.
    Close,
    /// The comma behind it.
    Comma,
    /// The bracket of the next element.
    Open,
    /// The quote of its first key.
    Quote,
    /// This byte of the key.
    Key(usize),
}

/// Where the search stands.
pub(super) struct Lost {
    /// Where the damaged element starts.
    pub start: u64,
    /// Where it ends, as far as that is known.
    pub end: u64,
    next: u64,
    step: Step,
    /// Whether it is no object, so that a comma alone may end it.
    loose: bool,
}

/// What a search found.
pub(super) enum Sought {
    /// The bytes are used up.
    Nothing,
    /// It has gone too far since the damaged element's start.
    TooFar(u64),
    /// An element that starts at offset `next`; the bytes `behind` its first key (or its quote) are to be read.
    Element { next: u64, behind: usize },
}

impl Lost {
    pub(super) fn new(start: u64, loose: bool) -> Self {
        Self { start, end: start, next: start, step: Step::Close, loose }
    }

    /// Looks on at `bytes[at..]`; `base` is the offset of `bytes[0]`.
    pub(super) fn seek(&mut self, bytes: &[u8], mut at: usize, base: u64, key: Option<&[u8]>) -> Sought {
        while at < bytes.len() {
            if self.step == Step::Close {
                let near = &bytes[at..];
                let found = if self.loose { memchr::memchr2(b'}', b',', near) } else { memchr::memchr(b'}', near) };
                at += found.unwrap_or(near.len());
            }
            let here = base + at as u64;
            if here > self.start + LOST_BYTES {
                return Sought::TooFar(self.start);
            }
            let Some(&byte) = bytes.get(at) else { break };
            at += 1;
            self.step = match (self.step, byte) {
                (step @ (Step::Comma | Step::Open | Step::Quote), b' ' | b'\t' | b'\r' | b'\n') => step,
                (Step::Comma, b',') => Step::Open,
                (Step::Open, b'{') => {
                    self.next = here;
                    Step::Quote
                }
                (Step::Quote, b'"') if key.is_none() => return Sought::Element { next: self.next, behind: at },
                (Step::Quote, b'"') => Step::Key(0),
                (Step::Key(n), b'"') if key.is_some_and(|key| key.len() == n) => {
                    return Sought::Element { next: self.next, behind: at };
                }
                (Step::Key(n), byte) if key.and_then(|key| key.get(n)) == Some(&byte) => Step::Key(n + 1),
                (_, b'}') => {
                    self.end = here + 1;
                    Step::Comma
                }
                (_, b',') if self.loose => {
                    self.end = here;
                    Step::Open
                }
                _ => Step::Close,
            };
        }
        Sought::Nothing
    }
}
