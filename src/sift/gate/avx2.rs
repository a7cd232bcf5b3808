//! The filter with AVX2: 32 positions a turn, the words of the bitmap gathered eight at a time or loaded one by one. The only
//! unsafe code of the gate.

use core::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_extract_epi64, _mm256_and_si256, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_i32gather_epi32, _mm256_loadu_si256, _mm256_movemask_ps,
    _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_sllv_epi32,
    _mm256_srl_epi32, _mm256_srli_epi32, _mm256_xor_si256, _rdtsc,
};

use super::filter::{Filter, Kernel, MIX, Stride};

/// Bytes of one turn, and those that its positions look at.
const TURN: usize = 32;
const REACH: usize = TURN + 3;

/// Runs of a bitmap of common size, for the trial.
const RUNS: u32 = 2048;

/// Whether the CPU can do it.
pub(super) fn is_there() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// Calls `found` for the positions that pass, and tells from where on nothing was looked at. Nothing at all is looked at
/// where the CPU cannot.
#[inline]
pub(super) fn scan<const GATHERS: bool>(filter: &Filter, text: &[u8], found: &mut impl FnMut(usize)) -> usize {
    if !is_there() {
        return 0;
    }
    // SAFETY: the CPU has AVX2, as was just asked.
    unsafe {
        match filter.stride() {
            Stride::One => turns::<1, 4, GATHERS>(filter, text, found),
            Stride::Two => turns::<2, 2, GATHERS>(filter, text, found),
        }
    }
}

/// By so many steps of `STRIDE` all positions of four bytes are asked.
#[target_feature(enable = "avx2")]
fn turns<const STRIDE: usize, const STEPS: usize, const GATHERS: bool>(
    filter: &Filter,
    text: &[u8],
    found: &mut impl FnMut(usize),
) -> usize {
    let mut at = 0;
    while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<REACH>) {
        // PERF: a loop, because what a closure makes of them comes back by way of memory.
        let mut passed = [_mm256_setzero_si256(); STEPS];
        for (step, passed) in passed.iter_mut().enumerate() {
            *passed = lanes::<GATHERS>(filter, bytes, step * STRIDE);
        }
        let any = passed.into_iter().fold(_mm256_setzero_si256(), |any, passed| _mm256_or_si256(any, passed));
        if _mm256_movemask_ps(_mm256_castsi256_ps(any)) != 0 {
            for (step, passed) in passed.into_iter().enumerate() {
                let mut left = _mm256_movemask_ps(_mm256_castsi256_ps(passed));
                while left != 0 {
                    found(at + step * STRIDE + 4 * left.trailing_zeros() as usize);
                    left &= left - 1;
                }
            }
        }
        at += TURN;
    }
    at
}

/// Tests the eight positions `step`, `step + 4`, …; the sign bit of a lane is the answer.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes<const GATHERS: bool>(filter: &Filter, bytes: &[u8; REACH], step: usize) -> __m256i {
    let (words, shift) = filter.parts();
    let from = &bytes[step..step + TURN];
    // SAFETY: `from` has 32 bytes, and the load needs no alignment.
    let grams = unsafe { _mm256_loadu_si256(from.as_ptr().cast()) };
    let grams = _mm256_or_si256(grams, _mm256_set1_epi32(0x2020_2020));
    let mixed = _mm256_mullo_epi32(grams, _mm256_set1_epi32(MIX.cast_signed()));
    let index = _mm256_srl_epi32(mixed, _mm_cvtsi32_si128(shift.cast_signed()));
    // SAFETY: an index is a u32 shifted by 32 - log2(words.len()) and thus below `words.len()`, see `Filter::new`.
    let found = unsafe {
        if GATHERS { _mm256_i32gather_epi32::<4>(words.as_ptr().cast(), index) } else { loaded(words, index) }
    };
    // The bit of the fourth byte, moved to the sign: by 31 less its number.
    let bit = _mm256_and_si256(_mm256_srli_epi32::<24>(grams), _mm256_set1_epi32(31));
    _mm256_sllv_epi32(found, _mm256_xor_si256(bit, _mm256_set1_epi32(31)))
}

/// Eight words, each by a load of its own.
///
/// PERF: a Zen 3 took 0.75 to 0.9 of the time that gathers took; who has slow gathers by microcode gains more.
///
/// # Safety
/// Each of the indexes is below the number of words.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn loaded(words: &[u32], index: __m256i) -> __m256i {
    let (low, high) = (_mm256_castsi256_si128(index), _mm256_extracti128_si256::<1>(index));
    let [a, b, c, d] =
        [_mm_cvtsi128_si64(low), _mm_extract_epi64::<1>(low), _mm_cvtsi128_si64(high), _mm_extract_epi64::<1>(high)]
            .map(i64::cast_unsigned);
    // SAFETY: the caller says so of each of the two indexes that `pair` is made of.
    let word = |index: u64| unsafe { words.get_unchecked(index as usize) }.cast_signed();
    let (first, second) = (|pair: u64| word(pair & u64::from(u32::MAX)), |pair: u64| word(pair >> 32));
    _mm256_setr_epi32(first(a), second(a), first(b), second(b), first(c), second(c), first(d), second(d))
}

/// The fastest of these on this machine: each searches 16 KiB almost without a hit, with a bitmap as large as that of the rules
/// of a format, and the best of three counts. A bitmap in the first cache would flatter the plain loop.
pub(super) fn fastest(kernels: &[Kernel]) -> Kernel {
    let filter = Filter::new(Stride::One, (0..RUNS).map(|run| (run.wrapping_mul(MIX | 1), u32::MAX)));
    let text: Vec<u8> = (0..16 << 10).map(|at: u32| (at.wrapping_mul(MIX | 1) >> 24) as u8).collect();
    let cycles = |kernel| {
        let turns = (0..3).map(|_| {
            let begin = ticks();
            filter.scan(kernel, &text, |at| {
                std::hint::black_box(at);
            });
            ticks().wrapping_sub(begin)
        });
        turns.min().unwrap_or(u64::MAX)
    };
    kernels.iter().copied().min_by_key(|kernel| cycles(*kernel)).unwrap_or(Kernel::Scalar)
}

/// A count that grows with time, whatever its unit.
fn ticks() -> u64 {
    // SAFETY: every x86-64 CPU has a time stamp counter, and reading it has no effect.
    unsafe { _rdtsc() }
}
