//! From when to when that moved which a record counts: many are written when a connection ends, some when it begins.

use super::sessions::LONG_SECS;
use super::time::{Instant, Span};

const SECOND: u64 = 1_000_000;

/// In what a log counts how long something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Nanoseconds.
    Nanos,
}

/// On which side of its time lies that of which a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before it: the record is written at the end.
    Before,
    /// Behind it: its time is that of the beginning.
    Behind,
}

/// What a record says of how long that took of which it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lasted {
    begun: Option<Instant>,
    ended: Option<Instant>,
    /// Microseconds before the time of the record, and behind it.
    before: u64,
    behind: u64,
    /// Whether the time of the record is that of the beginning, on whichever side of it the log counts.
    is_stamped_first: bool,
}

impl Lasted {
    /// Takes a number of units, or a text as `0:05:30`, `0h:05m:30s` and `1.5ms`, for how long it took; nothing where it is neither.
    pub fn took(&mut self, text: &[u8], unit: Unit, side: Side) {
        let micros = micros(text.trim_ascii(), unit).unwrap_or(0);
        let known = match side {
            Side::Before => &mut self.before,
            Side::Behind => &mut self.behind,
        };
        *known = micros.max(*known);
    }

    /// Takes when it began.
    pub fn begun(&mut self, at: Instant) {
        self.begun = Some(self.begun.map_or(at, |known| known.min(at)));
    }

    /// Takes when it ended.
    pub fn ended(&mut self, at: Instant) {
        self.ended = Some(self.ended.map_or(at, |known| known.max(at)));
    }

    /// Takes that the record is dated by when it began.
    pub fn stamped_first(&mut self) {
        self.is_stamped_first = true;
    }

    /// What this one says, and where it says nothing what another one does.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::default() { other } else { self }
    }

    /// From when to when, of a record of this time. What took less than a minute was at one time.
    #[inline]
    pub fn span(&self, at: Instant) -> Span {
        if *self == Self::default() {
            return Span::at(at);
        }
        let signed = |micros: u64| i64::try_from(micros).unwrap_or(i64::MAX);
        let less = |at: Instant, took: u64| at.micros().checked_sub(signed(took)).and_then(Instant::from_micros);
        let more = |at: Instant, took: u64| at.micros().checked_add(signed(took)).and_then(Instant::from_micros);
        let took = self.before.max(self.behind);
        let (before, behind) = if self.is_stamped_first { (0, took) } else { (self.before, self.behind) };
        let first = self.begun.or_else(|| less(self.ended.unwrap_or(at), before)).unwrap_or(at).min(at);
        // Of what began at a stated time it is known too when it was over.
        let known = self.begun.filter(|_| self.ended.is_none()).and_then(|begun| more(begun, took));
        let last = self.ended.max(known).or_else(|| more(at, behind)).unwrap_or(at).max(at);
        let is_long = last.micros().abs_diff(first.micros()) >= LONG_SECS * SECOND;
        if is_long { Span { first, last } } else { Span::at(at) }
    }
}

/// How many microseconds a text tells.
fn micros(text: &[u8], unit: Unit) -> Option<u64> {
    let (first, mut rest) = number(text)?;
    if rest.is_empty() {
        return Some(first.of(unit));
    }
    let (mut sum, mut next) = (0u64, Some(first));
    loop {
        let number = match next.take() {
            Some(number) => number,
            None if rest.is_empty() => return Some(sum),
            None => {
                let (number, behind) = self::number(rest)?;
                rest = behind;
                number
            }
        };
        let part = if rest.first() == Some(&b':') { clock(number, &mut rest)? } else { number.times(word(&mut rest)?) };
        sum = sum.saturating_add(part);
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b',' | b':')).count();
        rest = &rest[blank..];
    }
}

/// A number as it is written.
#[derive(Clone, Copy)]
struct Number {
    whole: u64,
    /// Millionths.
    part: u64,
}

impl Number {
    /// So many times these nanoseconds, in microseconds.
    fn times(self, nanos: u64) -> u64 {
        let whole = u128::from(self.whole) * u128::from(nanos) / 1000;
        let part = u128::from(self.part) * u128::from(nanos) / 1_000_000_000;
        u64::try_from(whole + part).unwrap_or(u64::MAX)
    }

    /// So many of a unit, in microseconds.
    ///
    /// PERF: nearly all are numbers alone, and records of some logs all have one.
    fn of(self, unit: Unit) -> u64 {
        match unit {
            Unit::Seconds => self.whole.saturating_mul(SECOND).saturating_add(self.part),
            Unit::Millis => self.whole.saturating_mul(1000).saturating_add(self.part / 1000),
            Unit::Nanos => self.whole / 1000,
        }
    }
}

/// The number that a text begins with, and what follows it.
fn number(text: &[u8]) -> Option<(Number, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fold = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    let whole = text[..digits].iter().fold(0, fold);
    let mut rest = &text[digits..];
    let mut part = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        part = fraction[..digits].iter().chain([b'0'; 6].iter()).take(6).fold(0, fold);
        rest = &fraction[digits..];
    }
    (digits > 0).then_some((Number { whole, part }, rest))
}

/// What is left of `2:03:04` behind its first number.
fn clock(first: Number, rest: &mut &[u8]) -> Option<u64> {
    let (mut parts, mut count) = ([first; 4], 1);
    while let Some(behind) = rest.strip_prefix(b":") {
        let (part, behind) = number(behind)?;
        *parts.get_mut(count)? = part;
        (*rest, count) = (behind, count + 1);
    }
    let scales = [86_400, 3600, 60, 1].map(|secs: u64| secs * 1_000_000_000);
    let told = parts[..count].iter().zip(&scales[4 - count..]);
    Some(told.fold(0, |sum: u64, (part, nanos)| sum.saturating_add(part.times(*nanos))))
}

/// The nanoseconds of the unit that a text begins with.
fn word(rest: &mut &[u8]) -> Option<u64> {
    let text = rest.trim_ascii_start();
    let end = text.iter().take_while(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii()).count();
    let (unit, behind) = text.split_at(end);
    *rest = behind.strip_prefix(b"(s)").unwrap_or(behind);
    Some(match unit {
        b"ns" => 1,
        b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => 1000,
        b"ms" | b"msec" | b"msecs" => 1_000_000,
        b"s" | b"sec" | b"secs" | b"second" | b"seconds" => 1_000_000_000,
        b"m" | b"min" | b"mins" | b"minute" | b"minutes" => 60_000_000_000,
        b"h" | b"hour" | b"hours" => 3_600_000_000_000,
        b"d" | b"day" | b"days" => 86_400_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_took_is_read_as_logs_write_it() {
        let secs = |text: &str, unit| micros(text.as_bytes(), unit).map(|micros| micros / SECOND);
        for (text, told) in [
            ("46800", 46_800),
            ("330.75", 330),
            ("0:05:30", 330),
            ("1:02:03:04", 93_784),
            ("00:10.250", 10),
            ("0h:05m:30s", 330),
            ("1d 2h:00m:10s", 93_610),
            ("1d 02:00:10", 93_610),
            ("2h3m4.5s", 7384),
            ("330 seconds", 330),
            ("330.5 sec(s)", 330),
            ("90000ms", 90),
        ] {
            assert_eq!(secs(text, Unit::Seconds), Some(told), "{text}");
        }
        assert_eq!((secs("90500", Unit::Millis), secs("90500000000", Unit::Nanos)), (Some(90), Some(90)));
        for text in ["", "-", "-1", "soon", "5 parsecs", "1:2:3:4:5", "1:", ":1", "12x"] {
            assert_eq!(micros(text.as_bytes(), Unit::Seconds), None, "{text}");
        }
        assert_eq!(micros(b"99999999999999999999d", Unit::Seconds), Some(u64::MAX));
    }

    #[test]
    fn it_lies_before_or_behind_the_time_of_its_record_and_a_minute_is_no_time() {
        let at = |secs| Instant::from_secs(secs).unwrap();
        let span = |lasted: Lasted| {
            let Span { first, last } = lasted.span(at(10_000));
            (first.micros() / 1_000_000, last.micros() / 1_000_000)
        };
        let took = |text: &str, side| {
            let mut lasted = Lasted::default();
            lasted.took(text.as_bytes(), Unit::Seconds, side);
            lasted
        };
        assert_eq!(span(took("7200", Side::Before)), (2800, 10_000));
        assert_eq!(span(took("7200", Side::Behind)), (10_000, 17_200));
        assert_eq!(span(took("59", Side::Before)), (10_000, 10_000));
        assert_eq!(
            span(took("99999999999999999999", Side::Before)),
            (10_000, 10_000),
            "nobody's time reaches back so far"
        );
        let mut stated = took("100", Side::Before);
        stated.begun(at(4000));
        stated.ended(at(9000));
        assert_eq!(span(stated), (4000, 10_000), "what is stated goes before what is counted");
        assert_eq!(span(Lasted::default().or(stated)), (4000, 10_000));
        let mut begun = took("7200", Side::Before);
        begun.begun(at(10_000));
        assert_eq!(span(begun), (10_000, 17_200), "its time is that of the beginning");
        let mut late = took("7200", Side::Before);
        late.begun(at(2700));
        assert_eq!(span(late), (2700, 10_000), "the record was late");
        let mut ended = took("3600", Side::Before);
        ended.ended(at(9000));
        assert_eq!(span(ended), (5400, 10_000));
        let mut first = took("7200", Side::Before);
        first.stamped_first();
        assert_eq!(span(first), (10_000, 17_200), "so does its product");
    }
}
