//! Byte by byte, for processors of which nothing is known, and as the measure of the other implementations.

use super::{BLOCK, Lanes};

#[derive(Clone, Copy)]
pub(crate) struct Plain;

#[inline(always)]
fn mask(block: [u8; BLOCK], holds: impl Fn(u8) -> bool) -> u64 {
    block.iter().rev().fold(0, |mask, byte| mask << 1 | u64::from(holds(*byte)))
}

impl Lanes for Plain {
    type Block = [u8; BLOCK];

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK]) -> Self::Block {
        *bytes
    }

    #[inline(always)]
    fn equal(self, block: Self::Block, byte: u8) -> u64 {
        mask(block, |b| b == byte)
    }

    #[inline(always)]
    fn digits(self, block: Self::Block) -> u64 {
        mask(block, |b| b.is_ascii_digit())
    }

    #[inline(always)]
    fn hex(self, block: Self::Block) -> u64 {
        mask(block, |b| b.is_ascii_hexdigit())
    }

    #[inline(always)]
    fn words(self, block: Self::Block) -> u64 {
        mask(block, |b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    }
}
