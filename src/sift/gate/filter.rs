//! The bitmap of runs, and the kernels that test it at every byte of a text, or at every second.
//!
//! A run is four bytes as a little-endian word, folded by `| 0x20` on each byte: `A` and `a` fall together, and so do a
//! few other bytes, which is why the filter only lets too much pass. The first three bytes choose a word of the bitmap,
//! the low five bits of the fourth a bit in it; a literal of three bytes sets the whole word.

use std::sync::OnceLock;

/// Case folding of four bytes at once.
const FOLD: u32 = 0x2020_2020;
/// Spreads the first three bytes over the upper bits; the fourth is shifted out.
pub(super) const MIX: u32 = 0x9E37_79B1 << 8;
/// Fewest and most words of the bitmap, as powers of two: 16 and 128 KiB.
const WORDS_LOG: (u32, u32) = (12, 15);
/// Most words where there are more runs than that: 1 MiB, which the second cache holds.
const WORDS_OF_MANY_LOG: u32 = 18;

/// Four bytes, folded; what lies behind the end of the text counts as zero.
pub(super) fn folded(bytes: &[u8]) -> u32 {
    let word = match bytes.first_chunk::<4>() {
        Some(word) => *word,
        None => std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0)),
    };
    u32::from_le_bytes(word) | FOLD
}

/// Which way a text is searched. All find the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// One position after the other.
    Scalar,
    /// 32 positions at once, each word of the bitmap by a load of its own.
    #[cfg(target_arch = "x86_64")]
    Loads,
    /// The same, eight words by one gather.
    #[cfg(target_arch = "x86_64")]
    Gathers,
}

impl Kernel {
    /// All that this machine has.
    pub(super) fn all() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::is_there() {
            return &[Self::Scalar, Self::Loads, Self::Gathers];
        }
        &[Self::Scalar]
    }

    /// The fastest that this machine has, tried once: gathers are slower than loads on some processors, and where microcode mends
    /// them slower than the plain loop.
    pub(super) fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| match Self::all() {
            [one] => *one,
            #[cfg(target_arch = "x86_64")]
            all => super::avx2::fastest(all),
            #[cfg(not(target_arch = "x86_64"))]
            _ => Self::Scalar,
        })
    }
}

/// At which positions a text is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stride {
    /// At all.
    One = 1,
    /// At the even ones.
    Two = 2,
}

/// The bitmap.
pub(super) struct Filter {
    words: Box<[u32]>,
    /// What a mixed run is shifted by to give the number of its word.
    shift: u32,
    stride: Stride,
}

impl Filter {
    /// The bitmap over runs, each with the mask of its bytes that count.
    pub(super) fn new(stride: Stride, runs: impl ExactSizeIterator<Item = (u32, u32)>) -> Self {
        let wanted = (runs.len() * 16).next_power_of_two().ilog2();
        let many = runs.len().next_power_of_two().ilog2().min(WORDS_OF_MANY_LOG);
        let log = wanted.clamp(WORDS_LOG.0, WORDS_LOG.1).max(many);
        let mut filter = Self { words: vec![0; 1 << log].into(), shift: 32 - log, stride };
        for (gram, mask) in runs {
            let word = filter.word(gram);
            filter.words[word] |= if mask == u32::MAX { 1 << (gram >> 24 & 31) } else { u32::MAX };
        }
        filter
    }

    /// How many words the bitmap has.
    pub(super) fn words(&self) -> usize {
        self.words.len()
    }

    /// At which positions it is to be asked.
    pub(super) fn stride(&self) -> Stride {
        self.stride
    }

    /// The words and the shift, for the kernels.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn parts(&self) -> (&[u32], u32) {
        (&self.words, self.shift)
    }

    /// The number of the word of a run.
    #[inline]
    pub(super) fn word(&self, gram: u32) -> usize {
        (gram.wrapping_mul(MIX) >> self.shift) as usize
    }

    /// Calls `found` for every position of its stride at which a run may stand, in no particular order.
    #[inline]
    pub(super) fn scan(&self, kernel: Kernel, text: &[u8], mut found: impl FnMut(usize)) {
        let done = match kernel {
            Kernel::Scalar => 0,
            #[cfg(target_arch = "x86_64")]
            Kernel::Loads => super::avx2::scan::<false>(self, text, &mut found),
            #[cfg(target_arch = "x86_64")]
            Kernel::Gathers => super::avx2::scan::<true>(self, text, &mut found),
        };
        self.scan_plainly(text, done, found);
    }

    /// The positions from `from` on, one by one; the last one is three bytes before the end.
    fn scan_plainly(&self, text: &[u8], from: usize, mut found: impl FnMut(usize)) {
        let (rest, stride) = (text.get(from..).unwrap_or_default(), self.stride as usize);
        for (at, bytes) in rest.windows(4).enumerate().step_by(stride) {
            if self.holds(folded(bytes)) {
                found(from + at);
            }
        }
        let last = rest.len().wrapping_sub(3);
        if last.is_multiple_of(stride) && rest.get(last..).is_some_and(|bytes| self.holds(folded(bytes))) {
            found(from + last);
        }
    }

    #[inline]
    fn holds(&self, gram: u32) -> bool {
        self.words[self.word(gram)] >> (gram >> 24 & 31) & 1 == 1
    }
}
