//! Indicators of compromise, compiled for matching. Built by `indicators`, read by `sift`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::time::Instant;

/// What an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndicatorKind {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A network.
    Cidr,
    /// A domain; names below it match too unless `exact_only`.
    Domain,
    /// A URL.
    Url,
    /// A mail address.
    Email,
    /// 32 hex digits (MD5, JA3, imphash, …).
    Md5,
    /// 40 hex digits.
    Sha1,
    /// 56 hex digits.
    Sha224,
    /// 64 hex digits.
    Sha256,
    /// 96 hex digits.
    Sha384,
    /// 128 hex digits.
    Sha512,
    /// The last segment of a path.
    FileName,
    /// A whole path.
    FilePath,
    /// A whole user agent.
    UserAgent,
}

impl IndicatorKind {
    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Cidr => "cidr",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Email => "email",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::FileName => "file_name",
            Self::FilePath => "file_path",
            Self::UserAgent => "user_agent",
        }
    }
}

/// Where an indicator came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Name in findings: the file name, with the archive member where there is one.
    pub name: String,
    /// SHA-256 of the file as stored, lower-case hex.
    pub sha256: String,
    /// Indicators taken.
    pub taken: u64,
    /// Lines or objects refused, by reason.
    pub refused: u64,
}

/// One statement of a feed about a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// Index into the feeds.
    pub feed: u32,
    /// Confidence 0 to 100.
    pub confidence: Option<u8>,
    /// Start of validity.
    pub valid_from: Option<Instant>,
    /// End of validity.
    pub valid_until: Option<Instant>,
    /// Labels, families, traffic-light protocol.
    pub labels: Vec<Box<str>>,
}

/// One indicator with all that feeds say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// What it is.
    pub kind: IndicatorKind,
    /// Canonical value: lower case where case does not matter, refanged.
    pub value: Box<str>,
    /// Names below this domain do not match.
    pub exact_only: bool,
    /// Who says so, sorted by feed.
    pub claims: Vec<Claim>,
}

/// What feeds say of an indicator that was met, without indexes into anything: what findings carry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IndicatorMeta {
    /// Names of the feeds, sorted, without repeats.
    pub feeds: Vec<Box<str>>,
    /// The highest confidence stated.
    pub confidence: Option<u8>,
    /// The earliest start of validity; `None` where a feed sets no start.
    pub valid_from: Option<Instant>,
    /// The latest end of validity; `None` where a feed sets no end.
    pub valid_until: Option<Instant>,
    /// Labels, sorted, without repeats.
    pub labels: Vec<Box<str>>,
}

/// A raw hit in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RawHit {
    /// First byte of the matched token.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// Index of the indicator.
    pub indicator: u32,
    /// How it was met.
    pub how: super::hit::MatchKind,
}

/// All indicators, compiled for matching. The cost of a lookup does not depend on their number.
#[derive(Debug, Clone, Default)]
pub struct Indicators {
    /// Distinct by (kind, value), sorted by it.
    pub list: Vec<Indicator>,
    /// The feeds, in the order in which they were added.
    pub feeds: Vec<Feed>,
    /// Names by their last two labels, and last labels alone: what a token with a dot must pass first.
    pub names: NameFilter,
    /// Domains, hosts of URLs and domains of mail addresses, by [`hash_name`].
    pub hosts: KeyTable,
    /// File names and paths by the [`hash_name`] of their [`tail`].
    pub files: KeyTable,
    /// Digests by [`hash_digest`].
    pub digests: KeyTable,
    /// User agents by [`hash_name`].
    pub agents: KeyTable,
    /// Lengths of user agents, in bytes, as a bit set; longer ones are under the last bit.
    pub agent_lengths: Vec<u64>,
    /// IPv4 addresses, networks and hosts of URLs.
    pub ipv4: NetTable,
    /// IPv6 addresses and networks.
    pub ipv6: NetTable,
    /// Some domain has letters outside ASCII, so tokens with such letters must be looked up as well.
    pub wide_letters: bool,
}

impl Indicators {
    /// Builds the tables over a list that is sorted and without repeats.
    pub fn compile(list: Vec<Indicator>, feeds: Vec<Feed>) -> Self {
        let mut keys = Keys::default();
        for (index, indicator) in (0u32..).zip(&list) {
            keys.add(index, indicator);
        }
        keys.finish(list, feeds)
    }

    /// What the feeds say of an indicator, without indexes; empty for an index out of range.
    pub fn meta(&self, index: u32) -> IndicatorMeta {
        let mut meta = IndicatorMeta::default();
        let Some(indicator) = self.list.get(index as usize) else { return meta };
        for claim in &indicator.claims {
            meta.feeds.extend(self.feeds.get(claim.feed as usize).map(|f| f.name.as_str().into()));
            meta.labels.extend(claim.labels.iter().cloned());
            meta.confidence = meta.confidence.max(claim.confidence);
        }
        let claims = || indicator.claims.iter();
        if claims().all(|c| c.valid_from.is_some()) {
            meta.valid_from = claims().filter_map(|c| c.valid_from).min();
        }
        if claims().all(|c| c.valid_until.is_some()) {
            meta.valid_until = claims().filter_map(|c| c.valid_until).max();
        }
        meta.feeds.sort();
        meta.feeds.dedup();
        meta.labels.sort();
        meta.labels.dedup();
        meta
    }
}

/// The keys of all indicators while the tables are built.
#[derive(Default)]
struct Keys {
    suffixes: Vec<u64>,
    last_labels: Vec<u64>,
    hosts: Vec<(u64, u32)>,
    files: Vec<(u64, u32)>,
    digests: Vec<(u64, u32)>,
    agents: Vec<(u64, u32)>,
    agent_lengths: Vec<u64>,
    ipv4: Vec<(u8, u128, u32)>,
    ipv6: Vec<(u8, u128, u32)>,
    wide_letters: bool,
}

impl Keys {
    fn add(&mut self, index: u32, indicator: &Indicator) {
        let value = &*indicator.value;
        match indicator.kind {
            IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => self.net(index, value),
            IndicatorKind::Domain => self.host(index, value),
            IndicatorKind::Url => {
                let host = url_parts(value).host;
                match host.parse::<Ipv4Addr>() {
                    Ok(ip) => self.ipv4.push((32, u128::from(u32::from(ip)), index)),
                    Err(_) => self.host(index, host),
                }
            }
            IndicatorKind::Email => self.host(index, value.rsplit('@').next().unwrap_or(value)),
            IndicatorKind::FileName | IndicatorKind::FilePath => {
                let tail = tail(value);
                self.name(tail.as_bytes());
                self.files.push((hash_name(tail.as_bytes()), index));
            }
            IndicatorKind::UserAgent => {
                let bit = value.len().min(AGENT_LENGTHS - 1);
                self.agent_lengths.resize(AGENT_LENGTHS / 64, 0);
                self.agent_lengths[bit / 64] |= 1 << (bit % 64);
                self.agents.push((hash_name(value.as_bytes()), index));
            }
            _ => self.digests.push((hash_digest(value.as_bytes()), index)),
        }
    }

    fn net(&mut self, index: u32, value: &str) {
        if let Ok(ip) = value.parse::<Ipv4Addr>() {
            self.ipv4.push((32, u128::from(u32::from(ip)), index));
        } else if let Ok(ip) = value.parse::<Ipv6Addr>() {
            self.ipv6.push((128, u128::from(ip), index));
        } else if let Ok(net) = value.parse::<ipnet::Ipv4Net>() {
            self.ipv4.push((net.prefix_len(), u128::from(u32::from(net.network())), index));
        } else if let Ok(net) = value.parse::<ipnet::Ipv6Net>() {
            self.ipv6.push((net.prefix_len(), u128::from(net.network()), index));
        }
    }

    fn host(&mut self, index: u32, host: &str) {
        self.name(host.as_bytes());
        self.hosts.push((hash_name(host.as_bytes()), index));
        if host.contains("xn--") {
            let (wide, sound) = idna::domain_to_unicode(host);
            if sound.is_ok() && wide != host {
                self.wide_letters = true;
                self.name(wide.as_bytes());
                self.hosts.push((hash_name(wide.as_bytes()), index));
            }
        }
    }

    fn name(&mut self, name: &[u8]) {
        let mut labels = Labels::new(name);
        self.last_labels.extend(labels.next().map(|(hash, _)| hash));
        self.suffixes.extend(labels.next().map(|(hash, _)| hash));
    }

    fn finish(self, list: Vec<Indicator>, feeds: Vec<Feed>) -> Indicators {
        Indicators {
            names: NameFilter::new(self.suffixes, &self.last_labels),
            hosts: KeyTable::new(self.hosts),
            files: KeyTable::new(self.files),
            digests: KeyTable::new(self.digests),
            agents: KeyTable::new(self.agents),
            agent_lengths: self.agent_lengths,
            ipv4: NetTable::new(self.ipv4, 32),
            ipv6: NetTable::new(self.ipv6, 128),
            wide_letters: self.wide_letters,
            list,
            feeds,
        }
    }
}

/// Bits in the set of user-agent lengths.
pub const AGENT_LENGTHS: usize = 1024;

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

/// The parts of a canonical URL indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlParts<'u> {
    /// Empty where the feed gives none: any scheme matches.
    pub scheme: &'u str,
    /// Host, lower case.
    pub host: &'u str,
    /// Port, without the default one of the scheme.
    pub port: &'u str,
    /// Path and query; empty for the root.
    pub rest: &'u str,
}

/// Takes a canonical URL apart.
pub fn url_parts(url: &str) -> UrlParts<'_> {
    let (scheme, after) = url.split_once("://").unwrap_or(("", url));
    let cut = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(cut);
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    UrlParts { scheme, host, port, rest }
}

/// Path and query of a URL in canonical form: fragment dropped, `%XX` of unreserved bytes decoded, other escapes in
/// upper case, a lone `/` dropped.
pub fn url_rest(rest: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let rest = rest.split(|b| *b == b'#').next().unwrap_or_default();
    let rest = if rest == b"/" { &[][..] } else { rest };
    let bare_query = rest.first() == Some(&b'?');
    let mut at = 0;
    let decoded = std::iter::from_fn(move || {
        let byte = *rest.get(at)?;
        if byte != b'%' {
            let inside = at >= 2 && rest[at - 2] == b'%' || at >= 1 && rest[at - 1] == b'%';
            at += 1;
            return Some(if inside { byte.to_ascii_uppercase() } else { byte });
        }
        let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
        let plain = hex(rest.get(at + 1)).zip(hex(rest.get(at + 2))).map(|(a, b)| (a * 16 + b) as u8);
        match plain.filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')) {
            Some(plain) => {
                at += 3;
                Some(plain)
            }
            None => {
                at += 1;
                Some(byte)
            }
        }
    });
    bare_query.then_some(b'/').into_iter().chain(decoded)
}

/// Two filters that a name must pass before anything exact is asked: a small table of last labels and a blocked Bloom
/// filter of last-two-label suffixes (16 bits a key).
#[derive(Debug, Clone, Default)]
pub struct NameFilter {
    last: Vec<u64>,
    words: Vec<u64>,
    shift: u32,
}

impl NameFilter {
    fn new(mut suffixes: Vec<u64>, last: &[u64]) -> Self {
        if suffixes.is_empty() {
            return Self::default();
        }
        suffixes.sort_unstable();
        suffixes.dedup();
        let words = (suffixes.len() / 4).next_power_of_two().max(64);
        let mut filter = Self { last: vec![0; 256], words: vec![0; words], shift: 64 - words.trailing_zeros() };
        for hash in last {
            filter.last[(hash >> 56) as usize] |= 1 << (hash >> 50 & 63);
        }
        for hash in suffixes {
            let word = (hash >> filter.shift) as usize;
            filter.words[word] |= Self::bits(hash);
        }
        filter
    }

    #[inline]
    fn bits(hash: u64) -> u64 {
        1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
    }

    /// True if nothing passes.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// True if a name (without its trailing dot) may end in a key of one of the name tables.
    #[inline]
    pub fn may_hold(&self, name: &[u8]) -> bool {
        let mut labels = Labels::new(name);
        let Some((last, _)) = labels.next() else { return false };
        match self.last.get((last >> 56) as usize) {
            Some(word) if word >> (last >> 50 & 63) & 1 == 1 => {}
            _ => return false,
        }
        let Some((suffix, _)) = labels.next() else { return false };
        let bits = Self::bits(suffix);
        self.words.get((suffix >> self.shift) as usize).is_some_and(|word| word & bits == bits)
    }
}

/// Indicators by 64-bit key; open addressing over a sorted list, so that a key may have several.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    entries: Vec<(u64, u32)>,
    slots: Vec<u32>,
}

impl KeyTable {
    fn new(mut entries: Vec<(u64, u32)>) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        entries.sort_unstable();
        entries.dedup();
        let size = (entries.len() * 2).next_power_of_two();
        let mut slots = vec![0u32; size];
        for at in 0..entries.len() {
            let hash = entries[at].0;
            if at > 0 && entries[at - 1].0 == hash {
                continue;
            }
            let mut slot = Self::slot(hash, size);
            while slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            slots[slot] = at as u32 + 1;
        }
        Self { entries, slots }
    }

    #[inline]
    fn slot(hash: u64, size: usize) -> usize {
        (hash.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 20) as usize & (size - 1)
    }

    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The indicators under a key, in order. Two values may share a key: the caller compares the values.
    #[inline]
    pub fn get(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let mut found = &self.entries[..0];
        let size = self.slots.len();
        if size > 0 {
            let mut slot = Self::slot(hash, size);
            // At most half of the slots are taken, so an empty one ends the search.
            while self.slots[slot] != 0 {
                let at = self.slots[slot] as usize - 1;
                if self.entries[at].0 == hash {
                    found = &self.entries[at..];
                    break;
                }
                slot = (slot + 1) & (size - 1);
            }
        }
        found.iter().take_while(move |e| e.0 == hash).map(|e| e.1)
    }
}

/// Networks by prefix length; addresses are networks of full length.
#[derive(Debug, Clone, Default)]
pub struct NetTable {
    lengths: Vec<(u8, Vec<(u128, u32)>)>,
    width: u8,
    shift: u8,
    blocks: Vec<u64>,
}

impl NetTable {
    fn new(mut nets: Vec<(u8, u128, u32)>, width: u8) -> Self {
        nets.sort_unstable();
        nets.dedup();
        let bits: u8 = if nets.len() < 2000 { 18 } else { 24 };
        let mut table = Self { width, shift: width - bits, ..Self::default() };
        if !nets.is_empty() {
            table.blocks = vec![0; (1 << bits) / 64];
        }
        for (length, net, index) in nets {
            let span = (1u128 << (width - length.clamp(1, width))) - 1;
            let (from, to) = ((net >> table.shift) as usize, ((net | span) >> table.shift) as usize);
            for block in from..=to {
                table.blocks[block / 64] |= 1 << (block % 64);
            }
            match table.lengths.last_mut() {
                Some((last, list)) if *last == length => list.push((net, index)),
                _ => table.lengths.push((length, vec![(net, index)])),
            }
        }
        table
    }

    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// True if an address may be in the table: one bit is read.
    #[inline]
    pub fn may_hold(&self, address: u128) -> bool {
        let block = (address >> self.shift) as usize;
        self.blocks.get(block / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    /// Calls `found` with each network that holds the address: its prefix length and indicator.
    pub fn each(&self, address: u128, mut found: impl FnMut(u8, u32)) {
        for (length, list) in &self.lengths {
            let net = if *length == 0 { 0 } else { address >> (self.width - length) << (self.width - length) };
            let from = list.partition_point(|n| n.0 < net);
            list[from..].iter().take_while(|n| n.0 == net).for_each(|n| found(*length, n.1));
        }
    }
}
