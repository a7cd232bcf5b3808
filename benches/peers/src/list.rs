//! Indicators of a seed: the first hundred are the head of every longer list.

use std::fmt::Write;

use crate::rng::Rng;

/// What an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Domain,
    Address,
    Digest,
    Url,
}

/// Last labels as feeds have them.
pub const ENDS: &[&str] =
    &["com", "net", "org", "ru", "info", "xyz", "top", "io", "de", "co.uk", "cn", "online", "club", "site"];

/// Names that let everyone have a name below them: benign ones stand in logs, others in feeds.
pub const SHARED: &[&str] = &["blogspot.com", "duckdns.org", "github.io", "azurewebsites.net", "web.app"];

const WORDS: &[&str] = &[
    "secure", "login", "update", "cloud", "mail", "account", "verify", "service", "office", "drive", "bank", "support",
    "portal", "storage", "files", "data", "cdn", "static", "news", "shop", "pay", "web", "app", "api", "host", "north",
    "green", "blue", "silver", "river", "stone", "market",
];

/// Two words and a number: the stem of a name.
pub fn stem(rng: &mut Rng) -> String {
    format!("{}{}{}{}", rng.pick(WORDS), ["", "-"][rng.one_in(3) as usize], rng.pick(WORDS), rng.range(0, 100_000))
}

/// Hex digits.
pub fn hex(rng: &mut Rng, digits: usize) -> String {
    let mut text = String::new();
    while text.len() < digits {
        write!(text, "{:016x}", rng.next()).expect("memory takes all");
    }
    text.truncate(digits);
    text
}

fn one(rng: &mut Rng, kind: Kind) -> String {
    let name = |rng: &mut Rng| match rng.one_in(100) {
        true => format!("{}.{}", stem(rng), rng.pick(SHARED)),
        false => format!("{}.{}", stem(rng), rng.pick(ENDS)),
    };
    match kind {
        Kind::Domain => name(rng),
        Kind::Address => {
            format!("{}.{}.{}.{}", rng.range(11, 100), rng.range(0, 256), rng.range(0, 256), rng.range(1, 255))
        }
        Kind::Digest => {
            let digits = if rng.one_in(3) { 32 } else { 64 };
            hex(rng, digits)
        }
        Kind::Url => format!("http://{}/{}/{}.php", name(rng), rng.pick(WORDS), stem(rng)),
    }
}

/// `count` indicators without repeats: 4 of 10 domains, 3 addresses, 2 digests, 1 URL.
pub fn list(count: usize) -> Vec<(Kind, String)> {
    let mut rng = Rng::new(2026, "peers: indicators");
    let mut known = std::collections::HashSet::new();
    let mut list = Vec::with_capacity(count);
    while list.len() < count {
        let kind =
            [Kind::Domain, Kind::Address, Kind::Digest, Kind::Url][[0, 1, 0, 2, 1, 0, 2, 1, 0, 3][list.len() % 10]];
        let value = one(&mut rng, kind);
        if known.insert(value.clone()) {
            list.push((kind, value));
        }
    }
    list
}
