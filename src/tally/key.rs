//! The key of a conversation as one run of bytes: cheap to hash and to compare, without an allocation per record.

use std::cmp::Ordering;
use std::io::Write;

use crate::model::observation::{Key, Seen};
use crate::model::rule::Outcome;
use crate::model::subject::{VALUE_LIMIT_BYTES, address_v6};

/// Bytes before the texts: observer, whether it sends, outcome, port.
const HEAD_BYTES: usize = 5;
/// Texts of a key.
const TEXTS: usize = 6;

/// Bytes of the longest IPv4 address.
const LONGEST_V4: usize = "255.255.255.255".len();

/// Begins a packed key. The six texts follow, in the order of [`Key`].
pub fn head(seen: Seen, port: u16, sends: bool, outcome: Outcome, out: &mut Vec<u8>) {
    let [low, high] = port.to_le_bytes();
    out.clear();
    out.extend([seen as u8, u8::from(sends), outcome as u8, low, high]);
}

/// Adds a text made of parts; what is longer than [`VALUE_LIMIT_BYTES`] is cut.
#[inline]
pub fn text(parts: &[&[u8]], out: &mut Vec<u8>) {
    let at = out.len();
    out.extend([0, 0]);
    for part in parts {
        out.extend_from_slice(part);
    }
    close(at, out);
}

/// Adds a text in lower case.
pub fn lower(value: &[u8], out: &mut Vec<u8>) {
    let at = out.len();
    text(&[value], out);
    out[at + 2..].make_ascii_lowercase();
}

/// Adds an address in its one spelling, or a name as it is.
pub fn entity(value: &[u8], out: &mut Vec<u8>) {
    // PERF: an IPv4 address has one spelling, and needs no look for colons.
    if value.len() <= LONGEST_V4 && value.iter().all(|b| b.is_ascii_digit() || *b == b'.') {
        return text(&[value], out);
    }
    let Some(ip) = address_v6(value) else { return text(&[value], out) };
    let at = out.len();
    out.extend([0, 0]);
    write!(out, "{ip}").expect("writing to a Vec cannot fail");
    close(at, out);
}

/// The observer of a packed key.
pub fn seen(packed: &[u8]) -> Option<Seen> {
    Seen::ALL.get(usize::from(*packed.first()?)).copied()
}

/// Ends the text that began with its two length bytes at `at`.
#[inline]
pub fn close(at: usize, out: &mut Vec<u8>) {
    if out.len() - at - 2 > VALUE_LIMIT_BYTES {
        let text = String::from_utf8_lossy(&out[at + 2..]).into_owned();
        out.truncate(at + 2);
        out.extend_from_slice(&text.as_bytes()[..text.floor_char_boundary(VALUE_LIMIT_BYTES)]);
    }
    let length = u16::try_from(out.len() - at - 2).unwrap_or(u16::MAX);
    out[at..at + 2].copy_from_slice(&length.to_le_bytes());
}

/// Whether a packed key names anybody: client, server or name.
pub fn names_anybody(packed: &[u8]) -> bool {
    let mut texts = Texts(packed.get(HEAD_BYTES..).unwrap_or_default());
    (0..3).any(|_| !texts.next().is_empty())
}

/// Replaces what is not UTF-8 in a packed key, if anything is.
pub fn repair(packed: &mut Vec<u8>) -> bool {
    let mut texts = Texts(packed.get(HEAD_BYTES..).unwrap_or_default());
    if (0..TEXTS).all(|_| std::str::from_utf8(texts.next()).is_ok()) {
        return false;
    }
    let broken = std::mem::take(packed);
    packed.extend(&broken[..HEAD_BYTES.min(broken.len())]);
    let mut texts = Texts(broken.get(HEAD_BYTES..).unwrap_or_default());
    for _ in 0..TEXTS {
        text(&[String::from_utf8_lossy(texts.next()).as_bytes()], packed);
    }
    true
}

/// The packed key that says this.
pub fn pack(key: &Key<'_>) -> Vec<u8> {
    let mut packed = Vec::new();
    head(key.seen, key.port, key.sends, key.outcome, &mut packed);
    for part in [key.client, key.server, key.name, key.account, key.host, key.nat] {
        text(&[part.as_bytes()], &mut packed);
    }
    packed
}

/// What a packed key says. A text that is not UTF-8 is empty: see [`repair`].
pub fn view(packed: &[u8]) -> Key<'_> {
    let byte = |at: usize| packed.get(at).copied().unwrap_or(0);
    let mut texts = Texts(packed.get(HEAD_BYTES..).unwrap_or_default());
    let mut next = || std::str::from_utf8(texts.next()).unwrap_or_default();
    Key {
        seen: seen(packed).unwrap_or(Seen::Flow),
        client: next(),
        server: next(),
        name: next(),
        account: next(),
        host: next(),
        nat: next(),
        port: u16::from_le_bytes([byte(3), byte(4)]),
        sends: byte(1) == 1,
        outcome: Outcome::ALL.get(usize::from(byte(2))).copied().unwrap_or(Outcome::Unknown),
    }
}

/// The order of two packed keys of which nothing needs [`repair`]: that of what they say.
///
/// PERF: what is UTF-8 is sorted as its bytes are, so nobody need look whether it is.
pub fn order(a: &[u8], b: &[u8]) -> Ordering {
    let texts = |packed| Texts(<[u8]>::get(packed, HEAD_BYTES..).unwrap_or_default());
    let (mut ours, mut theirs) = (texts(a), texts(b));
    let texts = (1..TEXTS).map(|_| ours.next().cmp(theirs.next())).find(|told| told.is_ne());
    let rest = |of| {
        let Key { port, sends, outcome, nat, .. } = view(of);
        (port, sends, outcome, nat)
    };
    a.first().cmp(&b.first()).then_with(|| texts.unwrap_or_else(|| rest(a).cmp(&rest(b))))
}

/// The first bytes of what keys are sorted by: where they differ, they tell which key comes first.
pub type Begin = [u8; 24];

/// The begin of a packed key: observer and client.
pub fn begin(packed: &[u8]) -> Begin {
    let mut begin = Begin::default();
    begin[0] = packed.first().copied().unwrap_or(0);
    let client = Texts(packed.get(HEAD_BYTES..).unwrap_or_default()).next();
    for (to, from) in begin[1..].iter_mut().zip(client) {
        *to = *from;
    }
    begin
}

/// The texts of a packed key, one after the other.
struct Texts<'k>(&'k [u8]);

impl<'k> Texts<'k> {
    fn next(&mut self) -> &'k [u8] {
        let Some((length, rest)) = self.0.split_at_checked(2) else { return &[] };
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let (text, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_packed_form() {
        for (seen, outcome) in Seen::ALL.into_iter().zip(Outcome::ALL.into_iter().cycle()) {
            let sends = seen == Seen::Proxy;
            let (client, server, name, account, host) = ("192.0.2.1", "", "ü.example", "RV\\alice", "h");
            let nat = "198.51.100.1";
            let key = Key { seen, client, server, name, account, host, port: 443, sends, outcome, nat };
            let mut packed = pack(&key);
            assert!(names_anybody(&packed) && !repair(&mut packed));
            assert_eq!(view(&packed), key);
        }
    }

    fn whole(server: &str) -> Key<'_> {
        let (seen, client, outcome) = (Seen::Dns, "a", Outcome::Unknown);
        Key { seen, client, server, name: "", account: "", host: "", port: 1, sends: false, outcome, nat: "" }
    }

    #[test]
    fn where_begins_differ_keys_do() {
        let clients = [
            "",
            "1",
            "10.0.0.1",
            "10.0.0.10",
            "a\0",
            "a",
            "é",
            "a name that is longer than a begin",
            "a name that is longer",
        ];
        let seen = [Seen::Web, Seen::Dns];
        let keys = seen.into_iter().flat_map(|seen| clients.map(|client| (seen, client)));
        let mut packed: Vec<Vec<u8>> = keys.map(|(seen, client)| pack(&Key { seen, client, ..whole("s") })).collect();
        packed.extend(["", "s", "sa"].map(|server| pack(&whole(server))));
        packed.push(pack(&Key { port: 256, ..whole("s") }));
        packed.push(pack(&Key { sends: true, ..whole("s") }));
        packed.push(pack(&Key { outcome: Outcome::Failed, ..whole("s") }));
        packed.push(pack(&Key { host: "h", ..whole("s") }));
        packed.push(pack(&Key { nat: "n", ..whole("s") }));
        packed.push(pack(&Key { nat: "n", port: 256, ..whole("s") }));
        for a in &packed {
            for b in &packed {
                let told = begin(a).cmp(&begin(b));
                let whole = view(a).cmp(&view(b));
                assert!(whole == order(a, b) && (told.is_eq() || told == whole), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character_and_bytes_that_are_no_text_are_replaced() {
        let mut packed = Vec::new();
        head(Seen::Dns, 0, false, Outcome::Unknown, &mut packed);
        text(&["é".repeat(VALUE_LIMIT_BYTES).as_bytes()], &mut packed);
        text(&[b"a\xff"], &mut packed);
        assert!(repair(&mut packed));
        let key = view(&packed);
        assert_eq!((key.client.len(), key.server, key.host), (VALUE_LIMIT_BYTES, "a\u{fffd}", ""));
    }
}
