//! The parts that stamps are made of: digits, clocks, zones, names of months.

/// The month of these letters, in any case.
#[inline]
pub(super) fn month_of(name: [u8; 3]) -> Option<i64> {
    Some(match &name.map(|byte| byte.to_ascii_lowercase()) {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
}

/// Names of zones that one offset from UTC alone has, in minutes.
///
/// SOURCE: the time zone database, the abbreviations in use since 1991.
const NAMED: &[(&str, i64)] = &[
    ("ACDT", 630),
    ("ACST", 570),
    ("ADT", -180),
    ("AEDT", 660),
    ("AEST", 600),
    ("AKDT", -480),
    ("AKST", -540),
    ("AST", -240),
    ("AWST", 480),
    ("BST", 60),
    ("CAT", 120),
    ("CEST", 120),
    ("CET", 60),
    ("EAT", 180),
    ("EDT", -240),
    ("EEST", 180),
    ("EET", 120),
    ("EST", -300),
    ("HDT", -540),
    ("HKT", 480),
    ("HST", -600),
    ("IDT", 180),
    ("JST", 540),
    ("MDT", -360),
    ("MSD", 240),
    ("MST", -420),
    ("NDT", -150),
    ("NST", -210),
    ("NZDT", 780),
    ("NZST", 720),
    ("PDT", -420),
    ("PKT", 300),
    ("SAST", 120),
    ("SST", -660),
    ("WAT", 60),
    ("WEST", 60),
    ("WET", 0),
    ("WIB", 420),
    ("WIT", 540),
    ("WITA", 480),
];

/// Names that zones of several offsets have: which is meant, the zone that the user gives tells.
const SHARED: &[&[u8]] = &[b"CDT", b"CST", b"IST", b"KST", b"MSK", b"PST"];

/// A cursor over the bytes of a stamp.
pub(super) struct Cursor<'a> {
    /// All bytes of it.
    pub bytes: &'a [u8],
    /// How many are read.
    pub at: usize,
}

impl Cursor<'_> {
    /// The next byte.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes over this byte; `None` where another stands there.
    pub fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Between `least` and `most` digits.
    pub fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let start = self.at;
        let mut value = 0;
        while let Some(b @ b'0'..=b'9') = self.peek()
            && self.at - start < most
        {
            value = value * 10 + i64::from(b - b'0');
            self.at += 1;
        }
        (self.at - start >= least).then_some(value)
    }

    /// `hh:mm:ss` or `hh:mm` with an optional fraction: seconds since midnight and microseconds.
    pub fn clock(&mut self) -> Option<(i64, i64)> {
        let hour = self.digits(1, 2)?;
        self.eat(b':')?;
        let minute = self.digits(2, 2)?;
        let mut second = 0;
        let mut micro = 0;
        if self.eat(b':').is_some() {
            second = self.digits(2, 2)?;
            micro = self.fraction();
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        Some((hour * 3600 + minute * 60 + second.min(59), micro))
    }

    /// A clock, with `AM` or `PM` behind it where it is one of half a day.
    pub fn half_day_clock(&mut self) -> Option<(i64, i64)> {
        let (clock, micro) = self.clock()?;
        let back = self.at;
        let _ = self.eat(b' ');
        let half: Option<&[u8; 2]> = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk);
        let noon = clock / 3600 == 12;
        let moved = match half.map(|half| half.map(|byte| byte.to_ascii_lowercase())) {
            Some([b'a', b'm']) if noon => -43_200,
            Some([b'p', b'm']) if clock < 43_200 => 43_200,
            Some([b'a' | b'p', b'm']) => 0,
            _ => {
                self.at = back;
                return Some((clock, micro));
            }
        };
        self.at += 2;
        Some((clock + moved, micro))
    }

    /// `hhmmss`: seconds since midnight.
    pub fn compact_clock(&mut self) -> Option<i64> {
        let (hour, minute, second) = (self.digits(2, 2)?, self.digits(2, 2)?, self.digits(2, 2)?);
        (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second.min(59))
    }

    /// A fraction of a second behind `.` or `,`; digits beyond microseconds are dropped.
    pub fn fraction(&mut self) -> i64 {
        if !matches!(self.peek(), Some(b'.' | b',')) || !matches!(self.bytes.get(self.at + 1), Some(b'0'..=b'9')) {
            return 0;
        }
        self.at += 1;
        let (mut micro, mut scale) = (0, 100_000);
        while let Some(b @ b'0'..=b'9') = self.peek() {
            micro += i64::from(b - b'0') * scale;
            scale /= 10;
            self.at += 1;
        }
        micro
    }

    /// `Z`, `UTC`, `BST`, `+hh:mm`, `+hhmm`, `+hh`, with an optional blank before it; the offset in seconds. Without one the
    /// cursor stays. A name that several zones have says nothing, and is passed over.
    pub fn zone(&mut self) -> Option<i64> {
        let back = self.at;
        let found = self.zone_here();
        if found.is_none() {
            self.at = back;
        }
        if found.is_none() && self.bytes.get(back) == Some(&b' ') {
            let word = self.word(back + 1);
            if !word.is_empty() && SHARED.contains(&word) {
                self.at = back + 1 + word.len();
            }
        }
        found
    }

    /// A word of three to five capitals at a place, where nothing follows that goes on with it; else none.
    fn word(&self, at: usize) -> &[u8] {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_uppercase()).count();
        let goes_on =
            rest.get(length).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'));
        if (3..=5).contains(&length) && !goes_on { &rest[..length] } else { b"" }
    }

    fn zone_here(&mut self) -> Option<i64> {
        let _ = self.eat(b' ');
        let rest = &self.bytes[self.at..];
        if rest.starts_with(b"UTC") || rest.starts_with(b"GMT") {
            self.at += 3;
            return Some(0);
        }
        let sign = match self.peek()? {
            b'Z' | b'z' if !matches!(rest.get(1), Some(b) if b.is_ascii_alphanumeric()) => {
                self.at += 1;
                return Some(0);
            }
            b'+' => 1,
            b'-' => -1,
            b'A'..=b'Z' => {
                let word = self.word(self.at);
                let (_, minutes) = NAMED.iter().find(|(name, _)| name.as_bytes() == word)?;
                self.at += word.len();
                return Some(minutes * 60);
            }
            _ => return None,
        };
        self.at += 1;
        let hours = self.digits(2, 2)?;
        let _ = self.eat(b':');
        let minutes = self.digits(2, 2).unwrap_or(0);
        (hours <= 18 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
    }

    /// `Jan` to `Dec`, in any case.
    pub fn month_name(&mut self) -> Option<i64> {
        let month = month_of(*self.bytes.get(self.at..)?.first_chunk()?)?;
        self.at += 3;
        Some(month)
    }

    /// `20260328`.
    pub fn compact_date(&mut self) -> Option<(i64, i64, i64)> {
        Some((self.digits(4, 4)?, self.digits(2, 2)?, self.digits(2, 2)?))
    }

    /// `28-Mar-2026`, with any of `-`, `/` and a blank between its parts.
    pub fn named_date(&mut self) -> Option<(i64, i64, i64)> {
        let day = self.digits(1, 2)?;
        let mark = self.peek().filter(|b| matches!(b, b'/' | b'-' | b' '))?;
        self.at += 1;
        let month = self.month_name()?;
        self.eat(mark)?;
        Some((self.digits(4, 4)?, month, day))
    }

    /// `Mar 28, 2026` and `Mar 28 2026`.
    pub fn date_by_name(&mut self) -> Option<(i64, i64, i64)> {
        let month = self.month_name()?;
        self.eat(b' ')?;
        let day = self.digits(1, 2)?;
        let _ = self.eat(b',');
        self.eat(b' ')?;
        Some((self.digits(4, 4)?, month, day))
    }

    /// `03/04/2026`, with any of `/`, `.` and `-`: the year, the two numbers before it, and the mark.
    pub fn numbers(&mut self) -> Option<((i64, i64, i64), u8)> {
        let first = self.digits(1, 2)?;
        let mark = self.peek().filter(|b| matches!(b, b'/' | b'.' | b'-'))?;
        self.at += 1;
        let second = self.digits(1, 2)?;
        self.eat(mark)?;
        Some(((self.digits(4, 4)?, first, second), mark))
    }

    /// `YYYY-MM-DD` or `YYYY/MM/DD`.
    pub fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.digits(4, 4)?;
        let mark = self.peek().filter(|b| matches!(b, b'-' | b'/' | b'.'))?;
        self.at += 1;
        let month = self.digits(1, 2)?;
        self.eat(mark)?;
        Some((year, month, self.digits(1, 2)?))
    }
}
