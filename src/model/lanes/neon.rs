//! NEON, which every 64-bit Arm processor has.

use std::arch::aarch64::*;

use super::{BLOCK, Lanes};

/// Part of the architecture, so it needs no asking.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

impl Neon {
    #[inline(always)]
    fn mask(self, [a, b, c, d]: [uint8x16_t; 4]) -> u64 {
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: every 64-bit Arm processor has NEON; `BITS` has the 16 bytes that are loaded.
        unsafe {
            let bits = vld1q_u8(BITS.as_ptr());
            let near = vpaddq_u8(vandq_u8(a, bits), vandq_u8(b, bits));
            let sums = vpaddq_u8(near, vpaddq_u8(vandq_u8(c, bits), vandq_u8(d, bits)));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
        }
    }

    /// Bytes equal to `byte`.
    #[inline(always)]
    fn is(self, lanes: uint8x16_t, byte: u8) -> uint8x16_t {
        // SAFETY: every 64-bit Arm processor has NEON.
        unsafe { vceqq_u8(lanes, vdupq_n_u8(byte)) }
    }

    /// Bytes from `first` to `last`.
    #[inline(always)]
    fn within(self, lanes: uint8x16_t, first: u8, last: u8) -> uint8x16_t {
        // SAFETY: every 64-bit Arm processor has NEON.
        unsafe { vcleq_u8(vsubq_u8(lanes, vdupq_n_u8(first)), vdupq_n_u8(last - first)) }
    }

    #[inline(always)]
    fn or(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: every 64-bit Arm processor has NEON.
        unsafe { vorrq_u8(a, b) }
    }

    /// Letters in lower case.
    #[inline(always)]
    fn lower(self, lanes: uint8x16_t) -> uint8x16_t {
        // SAFETY: every 64-bit Arm processor has NEON.
        self.or(lanes, unsafe { vdupq_n_u8(0x20) })
    }

    #[inline(always)]
    fn hex_digits(self, lanes: uint8x16_t) -> uint8x16_t {
        self.or(self.within(lanes, b'0', b'9'), self.within(self.lower(lanes), b'a', b'f'))
    }

    #[inline(always)]
    fn word_bytes(self, lanes: uint8x16_t) -> uint8x16_t {
        let plain = self.or(self.within(lanes, b'0', b'9'), self.within(self.lower(lanes), b'a', b'z'));
        self.or(plain, self.or(self.is(lanes, b'-'), self.is(lanes, b'_')))
    }
}

impl Lanes for Neon {
    type Block = [uint8x16_t; 4];

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK]) -> Self::Block {
        let at = bytes.as_ptr();
        // SAFETY: every 64-bit Arm processor has NEON; all four loads of 16 bytes lie in the 64.
        unsafe { [vld1q_u8(at), vld1q_u8(at.add(16)), vld1q_u8(at.add(32)), vld1q_u8(at.add(48))] }
    }

    #[inline(always)]
    fn equal(self, [a, b, c, d]: Self::Block, byte: u8) -> u64 {
        self.mask([self.is(a, byte), self.is(b, byte), self.is(c, byte), self.is(d, byte)])
    }

    #[inline(always)]
    fn digits(self, [a, b, c, d]: Self::Block) -> u64 {
        self.mask([
            self.within(a, b'0', b'9'),
            self.within(b, b'0', b'9'),
            self.within(c, b'0', b'9'),
            self.within(d, b'0', b'9'),
        ])
    }

    #[inline(always)]
    fn hex(self, [a, b, c, d]: Self::Block) -> u64 {
        self.mask([self.hex_digits(a), self.hex_digits(b), self.hex_digits(c), self.hex_digits(d)])
    }

    #[inline(always)]
    fn words(self, [a, b, c, d]: Self::Block) -> u64 {
        self.mask([self.word_bytes(a), self.word_bytes(b), self.word_bytes(c), self.word_bytes(d)])
    }
}
