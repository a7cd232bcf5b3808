//! Sixty-four bytes at once → one bit for each. All that loops over text need of a processor is behind [`Lanes`]; which
//! implementation runs is chosen when the program runs, so that one binary serves all processors.
//!
//! All `unsafe` of these loops is in the members of this folder.

#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Bytes that one mask stands for.
pub(crate) const BLOCK: usize = 64;

/// Masks over a block: bit `n` tells of byte `n`.
pub(crate) trait Lanes: Copy {
    /// A block in registers.
    type Block: Copy;
    /// Loads a block.
    fn load(self, bytes: &[u8; BLOCK]) -> Self::Block;
    /// Bytes of this value.
    fn equal(self, block: Self::Block, byte: u8) -> u64;
    /// `0` to `9`.
    fn digits(self, block: Self::Block) -> u64;
    /// `0` to `9`, `A` to `F`, `a` to `f`.
    fn hex(self, block: Self::Block) -> u64;
    /// Letters and digits of ASCII, `-` and `_`: name bytes without the dot.
    fn words(self, block: Self::Block) -> u64;
}

/// What every processor of this architecture has, without being asked: for work on one short text.
#[cfg(target_arch = "x86_64")]
pub(crate) const NATIVE: x86::Sse2 = x86::Sse2;
/// What every processor of this architecture has, without being asked: for work on one short text.
#[cfg(target_arch = "aarch64")]
pub(crate) const NATIVE: neon::Neon = neon::Neon;
/// What every processor of this architecture has, without being asked: for work on one short text.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) const NATIVE: plain::Plain = plain::Plain;

/// Work that runs on any implementation.
pub(crate) trait Job {
    /// Does it. Must be `#[inline(always)]` down to each use of `lanes`, else the masks are made by calls.
    fn run<L: Lanes>(self, lanes: L);
}

/// An implementation that this processor has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Isa(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), allow(dead_code, reason = "run by the tests"))]
    Plain,
}

impl Isa {
    /// All of this processor, the best first.
    fn each() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let special = [x86::has_avx2().then_some(Kind::Avx2), Some(Kind::Sse2)];
        #[cfg(target_arch = "aarch64")]
        let special = [Some(Kind::Neon)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let special = [None; 0];
        special.into_iter().flatten().chain([Kind::Plain]).map(Self)
    }

    /// The best of this processor.
    pub(crate) fn best() -> Self {
        Self::each().next().unwrap_or(Self(Kind::Plain))
    }

    /// All of this processor.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        Self::each().collect()
    }

    /// Does a piece of work.
    pub(crate) fn run(self, job: impl Job) {
        match self.0 {
            // `Isa` is made by `each` alone, which asks the processor.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => x86::with_avx2(job),
            #[cfg(target_arch = "x86_64")]
            Kind::Sse2 => job.run(x86::Sse2),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => job.run(neon::Neon),
            Kind::Plain => job.run(plain::Plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Compare<'t>(&'t [u8; BLOCK]);

    impl Job for Compare<'_> {
        fn run<L: Lanes>(self, lanes: L) {
            let (block, twin) = (lanes.load(self.0), plain::Plain);
            let plainly = twin.load(self.0);
            assert_eq!(lanes.digits(block), twin.digits(plainly), "digits of {:?}", self.0);
            assert_eq!(lanes.hex(block), twin.hex(plainly), "hex digits of {:?}", self.0);
            assert_eq!(lanes.words(block), twin.words(plainly), "words of {:?}", self.0);
            for byte in 0..=255 {
                assert_eq!(lanes.equal(block, byte), twin.equal(plainly, byte), "{byte} in {:?}", self.0);
            }
        }
    }

    #[test]
    fn all_implementations_make_the_same_masks() {
        for isa in Isa::all() {
            for first in 0..=255u8 {
                for step in [0, 1, 3, 17] {
                    let bytes = std::array::from_fn(|at| first.wrapping_add((at as u8).wrapping_mul(step)));
                    isa.run(Compare(&bytes));
                }
            }
        }
    }
}
