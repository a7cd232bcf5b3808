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

    /// `Z`, `UTC`, `GMT`, `+hh:mm`, `+hhmm`, `+hh`, with an optional blank before it; the offset in seconds. Without one the
    /// cursor stays.
    pub fn zone(&mut self) -> Option<i64> {
        let back = self.at;
        let found = self.zone_here();
        if found.is_none() {
            self.at = back;
        }
        found
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
