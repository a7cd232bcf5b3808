//! A page: its head, its levels and its values.

use super::account::File;
use super::bits::{Hybrid, width};
use super::codec::Codec;
use super::meta::{PageHead, page_head};
use super::schema::Leaf;
use super::values::{Dictionary, Unread, Values};

/// Largest page, stored or decoded.
pub(super) const PAGE_BYTES: u64 = 64 << 20;
/// How much is read for the head of a page at first, and at most: it may hold the least and the greatest value.
const HEAD_BYTES: u64 = 512;
const MOST_HEAD_BYTES: u64 = 4 << 20;

/// Kinds of pages.
pub(super) const DATA: i64 = 0;
pub(super) const DICTIONARY: i64 = 2;
pub(super) const DATA_V2: i64 = 3;

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Damaged(&'static str),
    TooLarge(&'static str),
    Unsupported(String),
}

/// A page that is decoded.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub bytes: Vec<u8>,
    /// Entries that are left.
    pub left: u64,
    pub reps: Option<Hybrid>,
    pub defs: Option<Hybrid>,
    pub values: Option<Values>,
    /// Bytes of memory that are accounted for.
    pub held: u64,
}

/// The head of the page at `at`, and where its bytes begin.
pub(super) fn head(file: &File<'_>, at: u64, end: u64) -> Result<(PageHead, u64), Fault> {
    let mut want = HEAD_BYTES;
    loop {
        let there = end.saturating_sub(at).min(want);
        let mut bytes = vec![0; there as usize];
        file.spend(there);
        file.bytes.read_exact_at(&mut bytes, at).map_err(|_| Fault::Damaged("a page cannot be read"))?;
        if let Some((head, length)) = page_head(&bytes) {
            return Ok((head, at + length as u64));
        }
        if there < want || want >= MOST_HEAD_BYTES {
            return Err(Fault::Damaged("the head of a page is damaged"));
        }
        want *= 16;
    }
}

/// The stored bytes of a page, whose checksum holds.
pub(super) fn stored(file: &File<'_>, head: &PageHead, at: u64) -> Result<Vec<u8>, Fault> {
    let size = u64::try_from(head.stored).map_err(|_| Fault::Damaged("a page has no size"))?;
    if size > PAGE_BYTES || u64::try_from(head.decoded).is_ok_and(|size| size > PAGE_BYTES) {
        return Err(Fault::TooLarge("a page of more than 64 MiB"));
    }
    let mut bytes = vec![0; size as usize];
    file.bytes.read_exact_at(&mut bytes, at).map_err(|_| Fault::Damaged("a page cannot be read"))?;
    file.spend(size.saturating_add(head.decoded.unsigned_abs()));
    match head.crc {
        Some(crc) if crc != crc32fast::hash(&bytes) => Err(Fault::Damaged("the checksum of a page does not hold")),
        _ => Ok(bytes),
    }
}

fn unpacked(codec: Codec, stored: Vec<u8>, size: i64) -> Result<Vec<u8>, Fault> {
    let size = usize::try_from(size).map_err(|_| Fault::Damaged("a page has no size"))?;
    codec.decode(stored, size).ok_or(Fault::Damaged("a page cannot be decompressed"))
}

/// Decodes a page of a dictionary.
pub(super) fn dictionary(
    head: &PageHead,
    codec: Codec,
    stored: Vec<u8>,
    leaf: &Leaf,
    room: u64,
) -> Result<Dictionary, Fault> {
    let bytes = unpacked(codec, stored, head.decoded)?;
    if !matches!(head.encoding, 0 | 2) {
        return Err(Fault::Unsupported(format!("a dictionary of encoding {}", head.encoding)));
    }
    let of = (leaf.physical.ok_or(Fault::Damaged("a column has no type"))?, leaf.render);
    let limit = usize::try_from(room.min(4 * PAGE_BYTES)).unwrap_or(usize::MAX);
    Dictionary::new(&bytes, head.values, of, limit).ok_or(Fault::Damaged("a dictionary is damaged or too large"))
}

/// Decodes a page of data.
pub(super) fn data(head: &PageHead, codec: Codec, stored: Vec<u8>, leaf: &Leaf) -> Result<Page, Fault> {
    let mut page =
        if head.kind == DATA_V2 { second(head, codec, stored, leaf)? } else { first(head, codec, stored, leaf)? };
    page.left = head.values;
    page.held = (page.bytes.capacity() + page.values.as_ref().map_or(0, Values::weight)) as u64;
    Ok(page)
}

/// Of version 1: levels and values are compressed together.
fn first(head: &PageHead, codec: Codec, stored: Vec<u8>, leaf: &Leaf) -> Result<Page, Fault> {
    let bytes = unpacked(codec, stored, head.decoded)?;
    let mut at = 0;
    let mut levels = |encoding, most| match most {
        0 => Ok(None),
        _ => level(encoding, &bytes, &mut at, width(most), head.values).map(Some),
    };
    let (reps, defs) = (levels(head.rep_encoding, leaf.rep)?, levels(head.def_encoding, leaf.def)?);
    let values = values(head, &bytes, at, leaf)?;
    Ok(Page { bytes, reps, defs, values: Some(values), ..Page::default() })
}

fn level(encoding: i64, bytes: &[u8], at: &mut usize, width: u32, count: u64) -> Result<Hybrid, Fault> {
    let cut = Fault::Damaged("a page is cut within its levels");
    let taken = match encoding {
        3 => {
            let length = bytes.get(*at..).and_then(|rest| rest.first_chunk()).ok_or(cut.clone())?;
            *at += 4;
            u64::from(u32::from_le_bytes(*length))
        }
        4 => count.saturating_mul(u64::from(width)).div_ceil(8),
        other => return Err(Fault::Unsupported(format!("levels of encoding {other}"))),
    };
    let from = *at;
    let end = usize::try_from(taken).ok().and_then(|taken| from.checked_add(taken)).filter(|&end| end <= bytes.len());
    *at = end.ok_or(cut)?;
    Ok(if encoding == 3 { Hybrid::new(from..*at, width) } else { Hybrid::highest_first(from..*at, width, count) })
}

/// Of version 2: levels stand before the values, are not compressed, and have no length of their own.
fn second(head: &PageHead, codec: Codec, mut stored: Vec<u8>, leaf: &Leaf) -> Result<Page, Fault> {
    let cut = Fault::Damaged("a page is cut within its levels");
    let (reps, defs) = (usize::try_from(head.rep_bytes), usize::try_from(head.def_bytes));
    let (Ok(reps), Ok(defs)) = (reps, defs) else { return Err(cut) };
    let from = reps.checked_add(defs).filter(|&from| from <= stored.len()).ok_or(cut.clone())?;
    let bytes = if head.is_plain {
        stored
    } else {
        let packed = stored.split_off(from);
        let size = head.decoded.checked_sub(from as i64).ok_or(cut)?;
        // Pages of nulls alone may hold nothing at all, or nothing compressed.
        stored.extend(unpacked(codec, packed, size)?);
        stored
    };
    let values = values(head, &bytes, from, leaf)?;
    let levels = |range, most| (most > 0).then(|| Hybrid::new(range, width(most)));
    let (reps, defs) = (levels(0..reps, leaf.rep), levels(reps..from, leaf.def));
    Ok(Page { bytes, reps, defs, values: Some(values), ..Page::default() })
}

fn values(head: &PageHead, bytes: &[u8], at: usize, leaf: &Leaf) -> Result<Values, Fault> {
    let of = (leaf.physical.ok_or(Fault::Damaged("a column has no type"))?, leaf.render);
    Values::new(head.encoding, bytes, at..bytes.len(), of, head.values).map_err(|unread| match unread {
        Unread::Damaged => Fault::Damaged("the values of a page are damaged"),
        Unread::Unknown => Fault::Unsupported(format!("values of encoding {}", head.encoding)),
    })
}
