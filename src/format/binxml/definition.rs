//! The definition of a template, freed of the chunk in which it stands: a definition names its elements by offsets in its
//! chunk, so that one definition has other bytes in each. What is written here has the names themselves, is the same for
//! all chunks, and is what plans are found by and made of.
//!
//! SOURCE: MS-EVEN6, 2.2.12 (BinXml); <https://github.com/libyal/libevtx/blob/main/documentation>.

use super::bytes::{Bytes, units};
use super::instance::Wanted;

/// Bytes of the header of a definition: next definition, GUID, size.
pub(super) const HEADER_BYTES: usize = 24;
/// Bytes before the length of a name: offset of the next, hash.
const NAME_LINK_BYTES: usize = 6;
/// Longer definitions, names included, are no definitions of a log.
const MOST_BYTES: usize = 256 << 10;

/// How the tokens of a definition begin here.
pub(super) mod token {
    /// An element: number of its dependency (`0xFFFF` for none), name.
    pub const OPEN: u8 = 1;
    /// The attributes of the element end.
    pub const BODY: u8 = 2;
    /// They end, and the element has no body.
    pub const EMPTY: u8 = 3;
    /// The body ends.
    pub const CLOSE: u8 = 4;
    /// A text.
    pub const TEXT: u8 = 5;
    /// An attribute: its name.
    pub const ATTRIBUTE: u8 = 6;
    /// A value of the instance: its number.
    pub const SLOT: u8 = 7;
}

/// Appends the definition at `start`, of `size` bytes without its header. `None` where it holds what plans are not made of:
/// the record is rendered by the slow way then.
pub(super) fn write(chunk: &[u8], start: usize, size: usize, out: &mut Vec<u8>) -> Option<()> {
    written::<false>(chunk, start, size, out)
}

/// The same; `None` also where names are to be held against their hashes and one differs.
fn written<const HASHED: bool>(chunk: &[u8], start: usize, size: usize, out: &mut Vec<u8>) -> Option<()> {
    let end = start.checked_add(size).filter(|end| *end <= chunk.len())?;
    let mut bytes = Bytes { all: &chunk[..end], at: start };
    while bytes.at < end {
        if out.len() > MOST_BYTES {
            return None;
        }
        match bytes.u8()? {
            0x00 => break,
            0x0f => drop(bytes.take(3)?),
            kind @ (0x01 | 0x41) => {
                let dependency = bytes.u16()?;
                bytes.u32()?;
                out.push(token::OPEN);
                out.extend_from_slice(&dependency.to_le_bytes());
                name::<HASHED>(chunk, &mut bytes, out)?;
                if kind == 0x41 {
                    bytes.u32()?;
                }
            }
            0x02 => out.push(token::BODY),
            0x03 => out.push(token::EMPTY),
            0x04 => out.push(token::CLOSE),
            0x05 | 0x45 => {
                if bytes.u8()? != 1 {
                    return None;
                }
                let length = usize::from(bytes.u16()?);
                out.push(token::TEXT);
                text(bytes.take(2 * length)?, out)?;
            }
            0x06 | 0x46 => {
                out.push(token::ATTRIBUTE);
                name::<HASHED>(chunk, &mut bytes, out)?;
            }
            0x0d | 0x0e => {
                let slot = bytes.u16()?;
                bytes.u8()?;
                out.push(token::SLOT);
                out.extend_from_slice(&slot.to_le_bytes());
            }
            _ => return None,
        }
    }
    Some(())
}

/// Whether the definition is the one that an instance was written with, and the names in it are those that it was:
/// nothing was written over them. `scratch` is empty.
pub(super) fn is_own(chunk: &[u8], wanted: &Wanted, scratch: &mut Vec<u8>) -> bool {
    let start = wanted.definition as usize;
    let mut header = Bytes { all: chunk, at: start };
    let (Some(_), Some(id), Some(_), Some(size)) = (header.u32(), header.u32(), header.take(12), header.u32()) else {
        return false;
    };
    id == wanted.id && written::<true>(chunk, start + HEADER_BYTES, size as usize, scratch).is_some()
}

/// The hash that stands before a name: of its units of UTF-16.
fn hash(name: &[u8]) -> u16 {
    name.as_chunks::<2>()
        .0
        .iter()
        .fold(0u32, |hash, unit| hash.wrapping_mul(65_599).wrapping_add(u32::from(u16::from_le_bytes(*unit))))
        as u16
}

/// A name, which stands here where the definition is the first to use it, else somewhere in the chunk.
fn name<const HASHED: bool>(chunk: &[u8], bytes: &mut Bytes<'_>, out: &mut Vec<u8>) -> Option<()> {
    let offset = bytes.u32()? as usize;
    let mut entry = Bytes { all: chunk, at: offset.checked_add(NAME_LINK_BYTES - 2)? };
    let (hashed, length) = (entry.u16()?, usize::from(entry.u16()?));
    let stored = entry.take(2 * length)?;
    if HASHED && hash(stored) != hashed {
        return None;
    }
    if bytes.at == offset {
        bytes.take(NAME_LINK_BYTES + 2 + 2 * length + 2)?;
    }
    let from = out.len() + 2;
    text(stored, out)?;
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (out.len() > from && out[from..].iter().all(plain)).then_some(())
}

/// A text in UTF-8, behind its length.
fn text(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let from = out.len();
    out.extend_from_slice(&[0; 2]);
    let ascii = units(stored).take_while(|unit| *unit < 0x80).count();
    if units(stored).nth(ascii).is_none() {
        out.extend(units(stored).map(|unit| unit as u8));
        out[from..from + 2].copy_from_slice(&u16::try_from(ascii).ok()?.to_le_bytes());
        return Some(());
    }
    for character in char::decode_utf16(units(stored)) {
        out.extend_from_slice(character.ok()?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    let length = u16::try_from(out.len() - from - 2).ok()?;
    out[from..from + 2].copy_from_slice(&length.to_le_bytes());
    Some(())
}
