//! The commonest stamps where each part stands at its place; what differs in any way is left to the cursor.
//!
//! PERF: a cursor decides at every byte; here the marks are compared once and the digits are checked together.

use super::civil::Civil;
use super::cursor::month_of;

/// Two digits at a place; anything else sets `bad`.
#[inline]
fn two(bytes: &[u8], at: usize, bad: &mut bool) -> i64 {
    let (tens, ones) = (bytes[at].wrapping_sub(b'0'), bytes[at + 1].wrapping_sub(b'0'));
    *bad |= tens > 9 || ones > 9;
    i64::from(tens) * 10 + i64::from(ones)
}

/// Seconds since midnight of `hh:mm:ss` at a place; a leap second counts as the one before.
#[inline]
fn clock(bytes: &[u8], at: usize, bad: &mut bool) -> i64 {
    let (hour, minute, second) = (two(bytes, at, bad), two(bytes, at + 3, bad), two(bytes, at + 6, bad));
    *bad |= hour > 23 || minute > 59 || second > 60 || bytes[at + 2] != b':' || bytes[at + 5] != b':';
    hour * 3600 + minute * 60 + second.min(59)
}

/// `2026-03-28T23:10:04` (or with a blank, or with slashes) at the start, without its fraction, and how many bytes it takes.
#[inline]
pub(super) fn iso(bytes: &[u8]) -> Option<(Civil, usize)> {
    let text: &[u8; 19] = bytes.first_chunk()?;
    let mut bad = !matches!(text[10], b'T' | b' ');
    let (year, month, day) = date(text, &mut bad);
    let second = clock(text, 11, &mut bad);
    (!bad).then_some((Civil { year, month, day, second, micro: 0 }, text.len()))
}

/// `2026-03-28` or `2026/03/28` at the start.
#[inline]
fn date(text: &[u8], bad: &mut bool) -> (i64, i64, i64) {
    *bad |= !matches!(text[4], b'-' | b'/') || text[7] != text[4];
    let year = two(text, 0, bad) * 100 + two(text, 2, bad);
    (year, two(text, 5, bad), two(text, 8, bad))
}

/// `2026-03-28` and `23:10:04` that stand apart.
#[inline]
pub(super) fn apart(day: &[u8], time: &[u8]) -> Option<Civil> {
    let (day, time): (&[u8; 10], &[u8; 8]) = (day.try_into().ok()?, time.try_into().ok()?);
    let mut bad = false;
    let ((year, month, day), second) = (date(day, &mut bad), clock(time, 0, &mut bad));
    (!bad).then_some(Civil { year, month, day, second, micro: 0 })
}

/// `28-Mar-2026 23:10:04` at the start, with any of `-`, `/` and a blank between the parts of the date, and with a colon or
/// a blank before the time; and how many bytes it takes.
#[inline]
pub(super) fn named(bytes: &[u8]) -> Option<(Civil, usize)> {
    let text: &[u8; 20] = bytes.first_chunk()?;
    let mut bad = !matches!(text[2], b'-' | b'/' | b' ') || text[6] != text[2] || !matches!(text[11], b':' | b' ');
    let (day, month) = (two(text, 0, &mut bad), month_of([text[3], text[4], text[5]])?);
    let year = two(text, 7, &mut bad) * 100 + two(text, 9, &mut bad);
    let second = clock(text, 12, &mut bad);
    (!bad).then_some((Civil { year, month, day, second, micro: 0 }, text.len()))
}

/// Month, day and seconds since midnight of `Mar 28 23:10:04` or `Mar  8 23:10:04` at the start; and how many bytes it takes.
#[inline]
pub(super) fn yearless(bytes: &[u8]) -> Option<((i64, i64, i64), usize)> {
    let text: &[u8; 15] = bytes.first_chunk()?;
    let mut bad = text[3] != b' ' || text[6] != b' ';
    let month = month_of([text[0], text[1], text[2]])?;
    let tens = if text[4] == b' ' { b'0' } else { text[4] };
    let day = two(&[tens, text[5]], 0, &mut bad);
    let second = clock(text, 7, &mut bad);
    (!bad).then_some(((month, day, second), text.len()))
}

/// Seconds since the hour of `28/Mar/2026:23:10:04 +0000`; `None` for a leap second, too.
#[inline]
pub(super) fn within_hour(text: &[u8; 26]) -> Option<i64> {
    let mut bad = text[17] != b':';
    let (minute, second) = (two(text, 15, &mut bad), two(text, 18, &mut bad));
    (!bad && minute < 60 && second < 60).then_some(minute * 60 + second)
}

/// `28/Mar/2026:23:10:04 +0000`, and the offset of its zone in seconds.
#[inline]
pub(super) fn clf(bytes: &[u8]) -> Option<(Civil, i64)> {
    let text: &[u8; 26] = bytes.try_into().ok()?;
    let mut bad = text[2] != b'/' || text[6] != b'/' || text[11] != b':' || text[20] != b' ';
    let sign = match text[21] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (day, month) = (two(text, 0, &mut bad), month_of([text[3], text[4], text[5]])?);
    let year = two(text, 7, &mut bad) * 100 + two(text, 9, &mut bad);
    let second = clock(text, 12, &mut bad);
    let (hours, minutes) = (two(text, 22, &mut bad), two(text, 24, &mut bad));
    bad |= hours > 18 || minutes > 59;
    (!bad).then_some((Civil { year, month, day, second, micro: 0 }, sign * (hours * 3600 + minutes * 60)))
}
