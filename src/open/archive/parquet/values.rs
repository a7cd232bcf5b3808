//! The values of a page, one after the other, whatever their encoding.
//!
//! SOURCE: parquet-format, Encodings.md.

use std::ops::Range;

use super::bits::{Delta, Hybrid};
use super::render::{Physical, Render};

/// Most values of a page whose lengths stand before them.
const LENGTHS: u64 = 16 << 20;
/// Longest value.
const VALUE_BYTES: usize = 16 << 20;

/// What a dictionary holds, as JSON text.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Dictionary {
    /// Reads `count` plain values; `None` where they are not there or take more than `limit` bytes as text.
    pub(super) fn new(bytes: &[u8], count: u64, of: (Physical, Render), limit: usize) -> Option<Self> {
        let mut values = Values::new(0, bytes, 0..bytes.len(), of, count).ok()?;
        let mut dictionary = Self::default();
        for _ in 0..count {
            values.write(bytes, of, None, &mut dictionary.text)?;
            if dictionary.text.len() > limit {
                return None;
            }
            dictionary.ends.push(u32::try_from(dictionary.text.len()).ok()?);
        }
        Some(dictionary)
    }

    /// Bytes that it takes.
    pub(super) fn weight(&self) -> usize {
        self.text.capacity() + 4 * self.ends.capacity()
    }

    fn get(&self, index: u32) -> Option<&[u8]> {
        let index = index as usize;
        let from = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        self.text.get(from as usize..*self.ends.get(index)? as usize)
    }
}

/// The values of a page; places are in its bytes.
#[derive(Debug)]
pub(super) enum Values {
    Plain {
        at: usize,
        end: usize,
    },
    Bits {
        bit: usize,
        end: usize,
    },
    Runs(Box<Hybrid>),
    Indices(Box<Hybrid>),
    Delta(Delta),
    /// Lengths, then the values without a border.
    Lengths {
        lengths: Vec<u32>,
        next: usize,
        at: usize,
    },
    /// How much each value shares with the one before, and what it adds.
    Prefixes {
        prefixes: Vec<u32>,
        suffixes: Vec<u32>,
        next: usize,
        at: usize,
        last: Vec<u8>,
    },
    /// All first bytes, all second ones, ….
    Split {
        at: usize,
        count: usize,
        next: usize,
        value: Vec<u8>,
    },
}

/// Why values cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Damaged,
    Unknown,
}

impl Values {
    /// `encoding` is its number in the file, `count` the most values that there may be.
    pub(super) fn new(
        encoding: i64,
        bytes: &[u8],
        place: Range<usize>,
        (physical, _): (Physical, Render),
        count: u64,
    ) -> Result<Self, Unread> {
        use Physical::{Bool, Bytes, Fixed, Int32, Int64};
        let Range { start: at, end } = place;
        let damaged = Unread::Damaged;
        Ok(match (encoding, physical) {
            (0, Bool) => Self::Bits { bit: at * 8, end: end * 8 },
            (0, _) => Self::Plain { at, end },
            (3, Bool) => Self::Runs(Box::new(Hybrid::new(at.saturating_add(4).min(end)..end, 1))),
            (2 | 8, _) => match bytes.get(at..end).and_then(<[u8]>::first) {
                Some(&width @ ..=32) => Self::Indices(Box::new(Hybrid::new(at + 1..end, u32::from(width)))),
                Some(_) => return Err(damaged),
                // A page of nulls alone has no width.
                None => Self::Plain { at, end },
            },
            (5, Int32 | Int64) => match at == end {
                true => Self::Plain { at, end },
                false => Self::Delta(Delta::new(bytes, at).ok_or(damaged)?),
            },
            (6 | 7, Bytes | Fixed(_)) if at == end => Self::Plain { at, end },
            (6, Bytes) => {
                let (lengths, at) = lengths(bytes, at, count).ok_or(damaged)?;
                Self::Lengths { lengths, next: 0, at }
            }
            (7, Bytes | Fixed(_)) => {
                let (prefixes, at) = lengths(bytes, at, count).ok_or(damaged)?;
                let (suffixes, at) = lengths(bytes, at, count).ok_or(damaged)?;
                Self::Prefixes { prefixes, suffixes, next: 0, at, last: Vec::new() }
            }
            (9, _) => {
                let width = physical.bytes().ok_or(Unread::Unknown)?;
                Self::Split { at, count: ((end - at) / width).max(1), next: 0, value: Vec::new() }
            }
            _ => return Err(Unread::Unknown),
        })
    }

    /// Bytes that it takes beside those of its page.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Lengths { lengths, .. } => 4 * lengths.capacity(),
            Self::Prefixes { prefixes, suffixes, .. } => 4 * (prefixes.capacity() + suffixes.capacity()),
            _ => 0,
        }
    }

    /// Writes the next value as JSON; `None` where there is none.
    #[inline]
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        (physical, render): (Physical, Render),
        dictionary: Option<&Dictionary>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        match self {
            Self::Indices(indices) => out.extend_from_slice(dictionary?.get(indices.next(bytes)?)?),
            Self::Plain { at, end } => {
                let length = match physical.bytes() {
                    Some(length) => length,
                    None => {
                        let length = u32::from_le_bytes(*bytes.get(*at..*end)?.first_chunk()?);
                        *at += 4;
                        length as usize
                    }
                };
                let value = bytes.get(*at..*end)?.get(..length)?;
                *at += length;
                plain(value, physical, render, out)?;
            }
            Self::Bits { bit, end } => {
                if *bit >= *end {
                    return None;
                }
                Render::bool(*bytes.get(*bit / 8)? >> (*bit % 8) & 1 == 1, out);
                *bit += 1;
            }
            Self::Runs(runs) => Render::bool(runs.next(bytes)? == 1, out),
            Self::Delta(delta) => {
                let value = delta.next(bytes)?;
                render.int(if physical == Physical::Int32 { i64::from(value as i32) } else { value }, out);
            }
            Self::Lengths { lengths, next, at } => {
                let length = *lengths.get(*next)? as usize;
                let value = bytes.get(*at..at.checked_add(length)?)?;
                *next += 1;
                *at += length;
                plain(value, physical, render, out)?;
            }
            Self::Prefixes { prefixes, suffixes, next, at, last } => {
                let (shared, length) = (*prefixes.get(*next)? as usize, *suffixes.get(*next)? as usize);
                let suffix = bytes.get(*at..at.checked_add(length)?)?;
                last.truncate(last.get(..shared)?.len());
                last.extend_from_slice(suffix);
                (*next, *at) = (*next + 1, *at + length);
                plain(last, physical, render, out)?;
            }
            Self::Split { at, count, next, value } => {
                let streams = bytes.get(*at..)?.chunks_exact(*count);
                value.clear();
                value.extend(streams.take(physical.bytes()?).filter_map(|stream| stream.get(*next)));
                *next += 1;
                plain(value, physical, render, out)?;
            }
        }
        Some(())
    }
}

fn lengths(bytes: &[u8], at: usize, count: u64) -> Option<(Vec<u32>, usize)> {
    let delta = Delta::new(bytes, at)?;
    if delta.left() > count.min(LENGTHS) {
        return None;
    }
    delta.lengths(bytes, bytes.len())
}

/// Writes the bytes of a plain value; `None` where they are not as many as its type has.
#[inline]
fn plain(value: &[u8], physical: Physical, render: Render, out: &mut Vec<u8>) -> Option<()> {
    match physical {
        _ if value.len() > VALUE_BYTES => return None,
        Physical::Int32 => render.int(i64::from(i32::from_le_bytes(*value.first_chunk()?)), out),
        Physical::Int64 => render.int(i64::from_le_bytes(*value.first_chunk()?), out),
        _ if physical.bytes().is_some_and(|length| value.len() != length) => return None,
        _ => render.bytes(value, out),
    }
    Some(())
}
