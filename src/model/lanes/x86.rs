//! AVX2, and SSE2, which every x86-64 processor has.

use std::arch::x86_64::*;

use super::{BLOCK, Job, Lanes};

/// True if [`with_avx2`] may be called.
pub(super) fn has_avx2() -> bool {
    // All processors with AVX2 have these too; asking keeps it sound on any emulator.
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

/// Does a piece of work with AVX2; panics on a processor without.
pub(super) fn with_avx2(job: impl Job) {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn run(job: impl Job) {
        job.run(Avx2(()));
    }
    assert!(has_avx2());
    // SAFETY: the processor has all features of `run`, asked the line above.
    unsafe { run(job) }
}

/// Made by [`with_avx2`] only, so whoever has one may use AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    #[inline(always)]
    fn mask(self, met: [__m256i; 2]) -> u64 {
        // SAFETY: an `Avx2` exists, so the processor has AVX2.
        let (low, high) = unsafe { (_mm256_movemask_epi8(met[0]), _mm256_movemask_epi8(met[1])) };
        u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32
    }

    /// Bytes equal to `byte`.
    #[inline(always)]
    fn is(self, lanes: __m256i, byte: u8) -> __m256i {
        // SAFETY: an `Avx2` exists, so the processor has AVX2.
        unsafe { _mm256_cmpeq_epi8(lanes, _mm256_set1_epi8(byte.cast_signed())) }
    }

    /// Bytes from `first` to `last`.
    #[inline(always)]
    fn within(self, lanes: __m256i, first: u8, last: u8) -> __m256i {
        // SAFETY: an `Avx2` exists, so the processor has AVX2.
        unsafe {
            let above = _mm256_sub_epi8(lanes, _mm256_set1_epi8(first.cast_signed()));
            let span = _mm256_set1_epi8((last - first).cast_signed());
            _mm256_cmpeq_epi8(_mm256_min_epu8(above, span), above)
        }
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: an `Avx2` exists, so the processor has AVX2.
        unsafe { _mm256_or_si256(a, b) }
    }

    /// Letters in lower case.
    #[inline(always)]
    fn lower(self, lanes: __m256i) -> __m256i {
        // SAFETY: an `Avx2` exists, so the processor has AVX2.
        self.or(lanes, unsafe { _mm256_set1_epi8(0x20) })
    }

    #[inline(always)]
    fn hex_digits(self, lanes: __m256i) -> __m256i {
        self.or(self.within(lanes, b'0', b'9'), self.within(self.lower(lanes), b'a', b'f'))
    }

    #[inline(always)]
    fn word_bytes(self, lanes: __m256i) -> __m256i {
        let plain = self.or(self.within(lanes, b'0', b'9'), self.within(self.lower(lanes), b'a', b'z'));
        self.or(plain, self.or(self.is(lanes, b'-'), self.is(lanes, b'_')))
    }
}

impl Lanes for Avx2 {
    type Block = [__m256i; 2];

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK]) -> Self::Block {
        let at = bytes.as_ptr().cast::<__m256i>();
        // SAFETY: an `Avx2` exists, so the processor has AVX2; both unaligned loads of 32 bytes lie in the 64.
        unsafe { [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))] }
    }

    #[inline(always)]
    fn equal(self, [a, b]: Self::Block, byte: u8) -> u64 {
        self.mask([self.is(a, byte), self.is(b, byte)])
    }

    #[inline(always)]
    fn digits(self, [a, b]: Self::Block) -> u64 {
        self.mask([self.within(a, b'0', b'9'), self.within(b, b'0', b'9')])
    }

    #[inline(always)]
    fn hex(self, [a, b]: Self::Block) -> u64 {
        self.mask([self.hex_digits(a), self.hex_digits(b)])
    }

    #[inline(always)]
    fn words(self, [a, b]: Self::Block) -> u64 {
        self.mask([self.word_bytes(a), self.word_bytes(b)])
    }
}

/// Part of the x86-64 architecture, so it needs no asking.
#[derive(Clone, Copy)]
pub(crate) struct Sse2;

impl Sse2 {
    #[inline(always)]
    fn mask(self, met: [__m128i; 4]) -> u64 {
        // SAFETY: every x86-64 processor has SSE2.
        let half = |low, high| unsafe { _mm_movemask_epi8(low) | _mm_movemask_epi8(high) << 16 };
        let (low, high) = (half(met[0], met[1]), half(met[2], met[3]));
        u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32
    }

    /// Bytes equal to `byte`.
    #[inline(always)]
    fn is(self, lanes: __m128i, byte: u8) -> __m128i {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_cmpeq_epi8(lanes, _mm_set1_epi8(byte.cast_signed())) }
    }

    /// Bytes from `first` to `last`.
    #[inline(always)]
    fn within(self, lanes: __m128i, first: u8, last: u8) -> __m128i {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe {
            let above = _mm_sub_epi8(lanes, _mm_set1_epi8(first.cast_signed()));
            let span = _mm_set1_epi8((last - first).cast_signed());
            _mm_cmpeq_epi8(_mm_min_epu8(above, span), above)
        }
    }

    #[inline(always)]
    fn or(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_or_si128(a, b) }
    }

    /// Letters in lower case.
    #[inline(always)]
    fn lower(self, lanes: __m128i) -> __m128i {
        // SAFETY: every x86-64 processor has SSE2.
        self.or(lanes, unsafe { _mm_set1_epi8(0x20) })
    }

    #[inline(always)]
    fn hex_digits(self, lanes: __m128i) -> __m128i {
        self.or(self.within(lanes, b'0', b'9'), self.within(self.lower(lanes), b'a', b'f'))
    }

    #[inline(always)]
    fn word_bytes(self, lanes: __m128i) -> __m128i {
        let plain = self.or(self.within(lanes, b'0', b'9'), self.within(self.lower(lanes), b'a', b'z'));
        self.or(plain, self.or(self.is(lanes, b'-'), self.is(lanes, b'_')))
    }
}

impl Lanes for Sse2 {
    type Block = [__m128i; 4];

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK]) -> Self::Block {
        let at = bytes.as_ptr().cast::<__m128i>();
        // SAFETY: every x86-64 processor has SSE2; all four unaligned loads of 16 bytes lie in the 64.
        unsafe {
            [_mm_loadu_si128(at), _mm_loadu_si128(at.add(1)), _mm_loadu_si128(at.add(2)), _mm_loadu_si128(at.add(3))]
        }
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
