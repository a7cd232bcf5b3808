//! Little-endian numbers out of bytes that may end anywhere.

/// A place in a chunk.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'c> {
    /// The whole chunk: offsets in it are from its start.
    pub all: &'c [u8],
    /// Where the next byte is read.
    pub at: usize,
}

impl<'c> Bytes<'c> {
    /// The next bytes; `None` where the chunk has fewer.
    #[inline]
    pub fn take(&mut self, length: usize) -> Option<&'c [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.all.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.all.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(taken)
    }

    /// The next byte.
    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    /// The next 16 bits.
    #[inline]
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next 32 bits.
    #[inline]
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next 64 bits.
    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// The units of UTF-16 up to the first that is zero.
pub(super) fn units(text: &[u8]) -> impl Iterator<Item = u16> {
    text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0)
}
