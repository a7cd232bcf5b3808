//! Records of one length, one behind the other.

use super::Scan;

pub(super) struct Scanner {
    length: u64,
    /// Where the next record begins.
    next: u64,
}

impl Scanner {
    pub(super) fn new(length: u16) -> Self {
        Self { length: u64::from(length.max(1)), next: 0 }
    }

    /// Finds the records that end in the bytes held; what is left at the end of the stream is one, though too short.
    pub(super) fn scan(&mut self, buf: &[u8], base: u64, ended: bool, found: &mut Vec<(u64, u64)>) -> Scan {
        let end = base + buf.len() as u64;
        while self.next + self.length <= end {
            found.push((self.next, self.next + self.length));
            self.next += self.length;
        }
        if ended && self.next < end {
            found.push((self.next, end));
            self.next = end;
        }
        Scan::More((self.next < end).then_some(self.next))
    }
}
