//! What names, user agents and digests are looked up by, and how a name is cut for it.

/// Adds one byte to a name hash, ASCII case ignored.
#[inline]
fn step(hash: u64, byte: u8) -> u64 {
    (hash.rotate_left(5) ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Hash of a name, ASCII case ignored; bytes are taken from the end, so that the hash of each suffix of labels is a
/// stage on the way.
pub fn hash_name(name: &[u8]) -> u64 {
    name.iter().rev().fold(0, |hash, byte| step(hash, *byte))
}

/// Hash of a user agent; blanks may be written as `+`.
pub fn hash_agent(agent: &[u8]) -> u64 {
    agent.iter().rev().fold(0, |hash, byte| step(hash, if *byte == b'+' { b' ' } else { *byte }))
}

/// Hash of a digest: its last 16 hex digits and its length. Anything may be given.
pub fn hash_digest(hex: &[u8]) -> u64 {
    let tail = &hex[hex.len().saturating_sub(16)..];
    tail.iter().fold(hex.len() as u64, |hash, byte| {
        let digit = if byte.is_ascii_digit() { byte & 15 } else { (byte & 15).wrapping_add(9) };
        (hash << 4) ^ (hash >> 60) ^ u64::from(digit)
    })
}

/// The suffixes of a name at label boundaries, shortest first: hash and start.
pub struct Labels<'t> {
    name: &'t [u8],
    at: usize,
    hash: u64,
}

impl<'t> Labels<'t> {
    /// Walks over a name without its trailing dot.
    #[inline]
    pub fn new(name: &'t [u8]) -> Self {
        Self { name, at: name.len(), hash: 0 }
    }
}

impl Iterator for Labels<'_> {
    type Item = (u64, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at == 0 {
            return None;
        }
        if self.at < self.name.len() {
            self.at -= 1;
            self.hash = step(self.hash, b'.');
        }
        while self.at > 0 && self.name[self.at - 1] != b'.' {
            self.at -= 1;
            self.hash = step(self.hash, self.name[self.at]);
        }
        Some((self.hash, self.at))
    }
}

/// The last run of letters, digits, `.`, `-` and `_` of a file name or path: what the scan meets as a token.
pub fn tail(value: &str) -> &str {
    let start = value.bytes().rposition(|b| !is_name_byte(b)).map_or(0, |at| at + 1);
    value.get(start..).unwrap_or("")
}

/// True for the bytes a token is made of.
pub fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}
