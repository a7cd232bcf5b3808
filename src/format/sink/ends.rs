//! Who is at an end of a conversation, and what both ends moved together.

use super::{Sink, address, part, port_of};
use crate::model::fields::{Canon, Text};

impl<'b> Sink<'_, 'b> {
    /// An address with or without a port; false where it is none.
    pub(super) fn address(&mut self, canon: Canon, value: Text<'b>) -> bool {
        let Some((host, port)) = address(self.out.bytes(value)) else { return false };
        self.canon(canon, part(value, host.0, host.1));
        if let (Some((from, to)), Some(canon)) = (port, port_of(canon)) {
            self.canon(canon, part(value, from, to));
        }
        true
    }

    /// The address of a client as Oracle writes it. Texts without one tell nobody.
    pub(super) fn descriptor(&mut self, value: Text<'b>) {
        let bytes = self.out.bytes(value);
        let of = |mark: &[u8]| {
            let from = memchr::memmem::find(bytes, mark)? + mark.len();
            Some((from, from + memchr::memchr(b')', &bytes[from..])?))
        };
        let port = of(PORT).filter(|(from, to)| bytes[*from..*to].iter().all(u8::is_ascii_digit));
        let Some((from, to)) = of(HOST) else { return };
        if self.address(Canon::SourceIp, part(value, from, to))
            && let Some((from, to)) = port
        {
            self.canon(Canon::SourcePort, part(value, from, to));
        }
    }

    /// `NAME (address)`, or one of the two. Other texts are no end.
    pub(super) fn peer(&mut self, value: Text<'b>) {
        let bytes = self.out.bytes(value);
        let cut = bytes.strip_suffix(b")").and_then(|_| memchr::memrchr(b'(', bytes));
        let (name, inner) = match cut {
            Some(open) => {
                (part(value, 0, bytes[..open].trim_ascii_end().len()), Some(part(value, open + 1, bytes.len() - 1)))
            }
            None => (value, None),
        };
        if inner.is_none() && self.address(Canon::SourceIp, value) {
            return;
        }
        if is_name(self.out.bytes(name)) {
            self.canon(Canon::SourceDomain, name);
        }
        if let Some(inner) = inner {
            self.address(Canon::SourceIp, inner);
        }
    }

    /// Adds to the bytes of both ways. What is no number makes the sum unknown.
    pub(super) fn add_together(&mut self, value: Text<'b>) {
        let number = std::str::from_utf8(self.out.bytes(value)).ok().and_then(|digits| digits.parse::<u64>().ok());
        let before = match self.out.has(Canon::NetworkBytes) {
            true => self.out.number(Canon::NetworkBytes),
            false => Some(0),
        };
        let sum = before.zip(number).and_then(|(before, number)| before.checked_add(number));
        self.out.forget(Canon::NetworkBytes);
        let text = sum.map_or_else(|| "unknown".to_owned(), |sum| sum.to_string());
        let text = self.out.store(text.as_bytes());
        self.canon(Canon::NetworkBytes, text);
    }
}

/// What stands before the address of a client in `(ADDRESS=(PROTOCOL=tcp)(HOST=192.0.2.10)(PORT=51234))`, and before its port.
const HOST: &[u8] = b"(HOST=";
const PORT: &[u8] = b"(PORT=";

/// Where the account stands in `root[root] @ localhost [192.0.2.10]`, as MySQL says who speaks: what it was let in as, or while it was not
/// yet, as whom it asked to be. `unknown` there is nobody.
pub(super) fn speaker(text: &[u8]) -> Option<(usize, usize)> {
    let close = memchr::memmem::find(text, b"] @ ")?;
    let open = memchr::memchr(b'[', &text[..close])?;
    let (from, to) = if open > 0 { (0, open) } else { (1, close) };
    Some(if &text[from..to] == b"unknown" { (0, 0) } else { (from, to) })
}

/// Whether a text is the name of a host: `LOCAL` stands for a session at the console.
fn is_name(text: &[u8]) -> bool {
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.iter().all(of_name) && text.iter().any(u8::is_ascii_alphanumeric) && !text.eq_ignore_ascii_case(b"LOCAL")
}
