//! The compact protocol of Thrift, in which Parquet writes its footer and the heads of its pages.
//!
//! SOURCE: thrift, doc/specs/thrift-compact-protocol.md. Every element takes a byte at least, so that what a file claims costs
//! no more than what it holds.

/// Types of fields. Booleans of a struct are their own value.
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
pub(super) const STRUCT: u8 = 12;

/// Structs within structs that are skipped.
const DEPTH: u32 = 32;

/// A reader; each step is `None` where the bytes are not what they should be, or end.
#[derive(Debug, Clone)]
pub(super) struct Thrift<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Thrift<'b> {
    pub(super) fn new(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next byte is.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number of type `kind`; `None` where that is no whole number.
    pub(super) fn int(&mut self, kind: u8) -> Option<i64> {
        match kind {
            BYTE => self.byte().map(|byte| i64::from(byte as i8)),
            I16..=I64 => self.varint().map(unzigzag),
            _ => None,
        }
    }

    pub(super) fn binary(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(bytes)
    }

    /// The type of a list's elements and how many it claims to have.
    pub(super) fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        Some((head & 15, count))
    }

    /// Reads a struct: `take` is asked about each field, and says whether it has read it.
    pub(super) fn fields(&mut self, mut take: impl FnMut(&mut Self, i64, u8) -> Option<bool>) -> Option<()> {
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => unzigzag(self.varint()?),
                step => id + i64::from(step),
            };
            let kind = head & 15;
            if !take(self, id, kind)? {
                self.skip(kind, DEPTH)?;
            }
        }
    }

    /// Reads each element of a list of structs.
    pub(super) fn each(&mut self, mut take: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let (kind, count) = self.list()?;
        if kind != STRUCT && count > 0 {
            return None;
        }
        (0..count).try_for_each(|_| take(self))
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.byte().map(drop),
            I16..=I64 => self.varint().map(drop),
            DOUBLE => self.pass(8),
            BINARY => self.binary().map(drop),
            LIST | SET => {
                let (kind, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip_element(kind, depth))
            }
            MAP => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 15, depth)
                })
            }
            STRUCT => loop {
                let head = self.byte()?;
                if head == 0 {
                    return Some(());
                }
                if head >> 4 == 0 {
                    self.varint()?;
                }
                self.skip(head & 15, depth)?;
            },
            _ => None,
        }
    }

    /// A boolean in a list has a byte of its own.
    fn skip_element(&mut self, kind: u8, depth: u32) -> Option<()> {
        match kind {
            TRUE | FALSE => self.pass(1),
            _ => self.skip(kind, depth),
        }
    }

    fn pass(&mut self, length: usize) -> Option<()> {
        self.at = self.at.checked_add(length).filter(|&end| end <= self.bytes.len())?;
        Some(())
    }
}

/// Signed numbers alternate: 0, -1, 1, -2, ….
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
