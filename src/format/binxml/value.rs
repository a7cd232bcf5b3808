//! Values of an instance as text, spelled as the `evtx` crate spells them in JSON.

use jiff::tz::Offset;

use super::bytes::Bytes;
use crate::model::fields::Kind;

/// Types of values that are read here.
pub(super) mod kind {
    /// Nothing.
    pub const NULL: u8 = 0x00;
    /// UTF-16.
    pub const TEXT: u8 = 0x01;
    /// Text in a code page.
    pub const ANSI: u8 = 0x02;
    /// The first of the integers: signed and unsigned in turns, of one, two, four and eight bytes.
    pub const INT8: u8 = 0x03;
    /// The last of them.
    pub const UINT64: u8 = 0x0a;
    /// Four bytes.
    pub const BOOL: u8 = 0x0d;
    /// Bytes.
    pub const BINARY: u8 = 0x0e;
    /// Sixteen bytes.
    pub const GUID: u8 = 0x0f;
    /// A number of four or eight bytes, in hex.
    pub const SIZE: u8 = 0x10;
    /// Ticks since 1601.
    pub const FILETIME: u8 = 0x11;
    /// A time by its parts.
    pub const SYSTIME: u8 = 0x12;
    /// Who.
    pub const SID: u8 = 0x13;
    /// Four bytes, in hex.
    pub const HEX32: u8 = 0x14;
    /// Eight bytes, in hex.
    pub const HEX64: u8 = 0x15;
    /// An instance of a template.
    pub const XML: u8 = 0x21;
    /// Texts in UTF-16, each with a zero behind it.
    pub const TEXTS: u8 = 0x81;
}

const TICKS_PER_SECOND: u64 = 10_000_000;
/// Seconds from 1601 to 1970.
const EPOCH: i64 = 11_644_473_600;
/// Units of UTF-16 that are looked at together.
const RUN: usize = 16;
/// Units that are copied together: whole runs.
const WINDOW: usize = 4 * RUN;

/// Whether bytes are a value of a type as it is always stored; others are left to the slow way.
pub(super) fn is_sound(kind: u8, stored: &[u8]) -> bool {
    match kind {
        kind::NULL | kind::BINARY | kind::XML => true,
        kind::TEXT => stored.len().is_multiple_of(2),
        kind::ANSI => stored.iter().all(|b| b.is_ascii_graphic() || b"\0 \t\r\n".contains(b)),
        kind::INT8..=kind::UINT64 => stored.len() == 1 << ((kind - kind::INT8) / 2),
        kind::BOOL | kind::HEX32 => stored.len() == 4,
        kind::GUID => stored.len() == 16,
        kind::SIZE => matches!(stored.len(), 4 | 8),
        kind::FILETIME => instant(stored).is_some(),
        kind::SYSTIME => civil(stored).is_some(),
        kind::SID => stored.get(1).is_some_and(|count| stored.len() == 8 + 4 * usize::from(*count)),
        kind::HEX64 => stored.len() == 8,
        kind::TEXTS => stored.len() >= 2 && stored.len().is_multiple_of(2) && stored.ends_with(&[0, 0]),
        _ => false,
    }
}

/// Whether a value says nothing.
#[inline]
pub(super) fn is_empty(kind: u8, stored: &[u8]) -> bool {
    match kind {
        kind::NULL => true,
        kind::TEXT => stored.starts_with(&[0, 0]) || stored.is_empty(),
        kind::ANSI => stored.iter().all(|byte| *byte == 0),
        kind::BINARY | kind::XML => stored.is_empty(),
        _ => false,
    }
}

/// Writes a sound value without quotes; says what it is, and whether it has escapes.
#[inline]
pub(super) fn write(kind: u8, stored: &[u8], out: &mut Vec<u8>) -> (Kind, bool) {
    match kind {
        kind::TEXT => return (Kind::Str, text(stored, out)),
        kind::ANSI => return (Kind::Str, ansi(stored, out)),
        kind::INT8..=kind::UINT64 => {
            integer(kind, stored, out);
            return (Kind::Number, false);
        }
        kind::BOOL => return (boolean(stored, out), false),
        kind::BINARY => stored.iter().for_each(|byte| out.extend_from_slice(&pair(*byte, UPPER))),
        kind::GUID => guid(stored, out),
        kind::SIZE | kind::HEX32 | kind::HEX64 => hex(number(stored), out),
        kind::FILETIME => moment(stored).into_iter().for_each(|(time, ticks)| stamp(time, ticks, out)),
        kind::SYSTIME => civil(stored).into_iter().for_each(|(time, ticks)| stamp(time, ticks, out)),
        kind::SID => sid(stored, out),
        _ => {}
    }
    (Kind::Str, false)
}

/// Writes UTF-16 up to its first zero as the inside of a JSON string; says whether it has escapes. Halves of pairs become
/// U+FFFD.
pub(super) fn text(stored: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = stored.as_chunks::<2>().0;
    let mut escaped = false;
    loop {
        rest = &rest[plain(rest, out)..];
        let Some(first) = rest.first() else { return escaped };
        match u16::from_le_bytes(*first) {
            0 => return escaped,
            unit @ ..0x80 => {
                escape(unit as u8, out);
                escaped = true;
            }
            unit => {
                let second = rest.get(1).map(|unit| u16::from_le_bytes(*unit)).filter(|_| unit & 0xFC00 == 0xD800);
                let character = char::decode_utf16([unit].into_iter().chain(second)).next();
                let character = character.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                if character.len_utf16() == 2 {
                    rest = &rest[1..];
                }
            }
        }
        rest = &rest[1..];
    }
}

/// Writes ASCII without its zeros as the inside of a JSON string; says whether it has escapes.
fn ansi(stored: &[u8], out: &mut Vec<u8>) -> bool {
    let (mut rest, mut escaped) = (stored, false);
    loop {
        let length = rest.iter().position(|byte| !is_plain(u16::from(*byte))).unwrap_or(rest.len());
        let (plain, odd) = rest.split_at(length);
        out.extend_from_slice(plain);
        let Some((odd, behind)) = odd.split_first() else { return escaped };
        if *odd != 0 {
            escape(*odd, out);
            escaped = true;
        }
        rest = behind;
    }
}

/// Copies characters that stand for themselves, up to the first that does not; gives how many they are.
#[inline]
fn plain(units: &[[u8; 2]], out: &mut Vec<u8>) -> usize {
    let mut taken = 0;
    loop {
        let window = &units[taken..units.len().min(taken + WINDOW)];
        let mut narrow = [0; WINDOW];
        let length = narrowed(window, &mut narrow);
        // PERF: one copy for most values.
        out.extend_from_slice(&narrow[..length]);
        taken += length;
        if length < WINDOW {
            return taken;
        }
    }
}

/// Narrows characters of a window, up to the first that does not stand for itself; gives how many they are.
#[inline]
fn narrowed(window: &[[u8; 2]], narrow: &mut [u8; WINDOW]) -> usize {
    let (runs, rest) = window.as_chunks::<RUN>();
    let is_odd = |unit: &[u8; 2]| !is_plain(u16::from_le_bytes(*unit));
    let mut done = 0;
    for (run, to) in runs.iter().zip(narrow.as_chunks_mut::<RUN>().0) {
        let mut odd = false;
        for (byte, unit) in to.iter_mut().zip(run) {
            *byte = unit[0];
            odd |= is_odd(unit);
        }
        if odd {
            return done + run.iter().position(is_odd).unwrap_or(RUN);
        }
        done += RUN;
    }
    let plain = rest.iter().position(is_odd).unwrap_or(rest.len());
    for (byte, unit) in narrow[done..].iter_mut().zip(&rest[..plain]) {
        *byte = unit[0];
    }
    done + plain
}

/// Whether a unit is written as it is, in one byte.
#[inline]
fn is_plain(unit: u16) -> bool {
    unit.wrapping_sub(0x20) < 0x60 && unit != 0x22 && unit != 0x5C
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&pair(byte, UPPER));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// A little-endian number of up to eight bytes.
fn number(stored: &[u8]) -> u64 {
    stored.iter().take(8).rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
}

fn integer(kind: u8, stored: &[u8], out: &mut Vec<u8>) {
    let number = number(stored);
    // Signed ones have odd types.
    let shift = 64 - 8 * stored.len().min(8) as u32;
    let signed = ((number << (shift % 64)) as i64) >> (shift % 64);
    if kind % 2 == 1 && signed < 0 {
        out.push(b'-');
        decimal(signed.unsigned_abs(), out);
    } else {
        decimal(number, out);
    }
}

fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Masks stand in slots of booleans, too: what is neither 0 nor 1 is a number.
fn boolean(stored: &[u8], out: &mut Vec<u8>) -> Kind {
    match number(stored) {
        0 => out.extend_from_slice(b"false"),
        1 => out.extend_from_slice(b"true"),
        _ => {
            integer(0x07, stored, out);
            return Kind::Number;
        }
    }
    Kind::Bool
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

#[inline]
fn pair(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

fn hex(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0x");
    let digits = (16 - number.leading_zeros() / 4).max(1);
    out.extend((0..digits).rev().map(|at| LOWER[(number >> (4 * at) & 15) as usize]));
}

fn guid(stored: &[u8], out: &mut Vec<u8>) {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    out.push(b'{');
    for (at, from) in ORDER.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&pair(stored.get(from).copied().unwrap_or_default(), LOWER));
    }
    out.push(b'}');
}

fn sid(stored: &[u8], out: &mut Vec<u8>) {
    let Some((head, parts)) = stored.split_first_chunk::<8>() else { return };
    out.extend_from_slice(b"S-");
    decimal(u64::from(head[0]), out);
    out.push(b'-');
    decimal(head[2..].iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), out);
    for part in parts.as_chunks::<4>().0 {
        out.push(b'-');
        decimal(u64::from(u32::from_le_bytes(*part)), out);
    }
}

/// A FILETIME within the years that have four digits, and its ticks below a second.
#[inline]
fn instant(stored: &[u8]) -> Option<(jiff::Timestamp, u64)> {
    let ticks = u64::from_le_bytes(*stored.first_chunk().filter(|_| stored.len() == 8)?);
    let seconds = i64::try_from(ticks / TICKS_PER_SECOND).ok()? - EPOCH;
    Some((jiff::Timestamp::from_second(seconds).ok()?, ticks % TICKS_PER_SECOND))
}

/// The same by its parts.
fn moment(stored: &[u8]) -> Option<(jiff::civil::DateTime, u64)> {
    instant(stored).map(|(time, ticks)| (Offset::UTC.to_datetime(time), ticks))
}

/// A SYSTEMTIME that is one.
fn civil(stored: &[u8]) -> Option<(jiff::civil::DateTime, u64)> {
    let mut bytes = Bytes { all: stored, at: 0 };
    let mut next = || bytes.u16();
    let (year, month, _, day) = (next()?, next()?, next()?, next()?);
    let (hour, minute, second, millis) = (next()?, next()?, next()?, next()?);
    let small = |number: u16| i8::try_from(number).ok();
    let year = i16::try_from(year).ok().filter(|year| *year >= 1601)?;
    let time =
        jiff::civil::DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0);
    let time = time.ok().filter(|_| stored.len() == 16 && millis < 1000)?;
    Some((time, u64::from(millis) * 10_000))
}

fn stamp(time: jiff::civil::DateTime, ticks: u64, out: &mut Vec<u8>) {
    let mut text = *b"0000-00-00T00:00:00.0000000Z";
    let mut put = |from: usize, to: usize, number: u64| {
        text[from..to].iter_mut().rev().fold(number, |left, digit| {
            *digit = b'0' + (left % 10) as u8;
            left / 10
        });
    };
    put(0, 4, time.year().unsigned_abs().into());
    put(5, 7, time.month().unsigned_abs().into());
    put(8, 10, time.day().unsigned_abs().into());
    put(11, 13, time.hour().unsigned_abs().into());
    put(14, 16, time.minute().unsigned_abs().into());
    put(17, 19, time.second().unsigned_abs().into());
    put(20, 27, ticks);
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: u8, stored: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        is_sound(kind, stored).then(|| write(kind, stored, &mut out))?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn texts_are_escaped_wherever_in_a_run_it_is_needed() {
        let long = "x".repeat(WINDOW + 2 * RUN + 3);
        for tail in ["", "\"", "\\n", "\n\t\u{1f}", "é", "😀y", "\u{7f}"] {
            for at in 0..long.len() {
                let text = [&long[..at], tail, &long[at..]].concat();
                let stored: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                let json = format!("\"{}\"", written(kind::TEXT, &stored).unwrap());
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            }
        }
        let halves = [0x41, 0xD83D, 0x42, 0xDE00, 0, 0x43u16].map(u16::to_le_bytes).concat();
        assert_eq!(written(kind::TEXT, &halves).unwrap(), "A\u{fffd}B\u{fffd}");
    }

    #[test]
    fn numbers_times_and_names_are_written_as_windows_does() {
        let is = |kind, stored: &[u8], text: &str| assert_eq!(written(kind, stored).as_deref(), Some(text));
        is(kind::INT8, &[0x80], "-128");
        is(kind::INT8 + 1, &[0x80], "128");
        is(kind::UINT64 - 1, &i64::MIN.to_le_bytes(), "-9223372036854775808");
        is(kind::UINT64, &u64::MAX.to_le_bytes(), "18446744073709551615");
        is(kind::BOOL, &[1, 0, 0, 0], "true");
        is(kind::BOOL, &[0xFF; 4], "-1");
        is(kind::HEX64, &0x8020_0000_0000_0000u64.to_le_bytes(), "0x8020000000000000");
        is(kind::HEX32, &[0; 4], "0x0");
        is(kind::BINARY, &[0x0A, 0xFF], "0AFF");
        is(kind::SID, &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0], "S-1-5-32-544");
        let ticks = (EPOCH as u64 + 1_774_739_404) * TICKS_PER_SECOND + 1_234_567;
        is(kind::FILETIME, &ticks.to_le_bytes(), "2026-03-28T23:10:04.1234567Z");
        assert_eq!(written(kind::FILETIME, &u64::MAX.to_le_bytes()), None);
        assert_eq!(written(kind::UINT64, &[0; 4]), None);
        assert_eq!(written(kind::SID, &[1, 200, 0, 0, 0, 0, 0, 5]), None);
    }
}
