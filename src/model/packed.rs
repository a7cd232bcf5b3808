//! Numbers and texts as packed bytes: how they are written, and how they are read where they lie. Numbers are LEB128, texts
//! begin with their length.

use data_encoding::BASE64;

/// Bytes after which another part of something packed begins.
pub const PART_BYTES: usize = 48 << 10;

/// Adds a number.
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Adds a number of either sign; small ones take few bytes.
pub fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Adds bytes with their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A part as it stands in the state: the version of what packed it, then its bytes, in base64.
pub fn in_state(version: u8, part: &[u8]) -> String {
    BASE64.encode(&[&[version], part].concat())
}

/// The bytes of a part of the state, with the version before them.
///
/// # Errors
/// Where it is no base64, or of another version.
pub fn from_state(version: u8, text: &str) -> Result<Vec<u8>, String> {
    let part = BASE64.decode(text.as_bytes()).map_err(|fault| fault.to_string())?;
    match part.first() {
        Some(known) if *known == version => Ok(part),
        _ => Err("another version packed it".to_owned()),
    }
}

/// Bytes that are left to read. What is not there is `None`.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(
    /// The bytes.
    pub &'a [u8],
);

impl<'a> Reader<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// The next so many bytes.
    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// What [`put`] wrote.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// What [`put_signed`] wrote.
    pub fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// What [`put_bytes`] wrote.
    pub fn sized(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.bytes(length)
    }

    /// The same, where it is text.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.sized()?).ok()
    }
}
