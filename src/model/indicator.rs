//! Indicators of compromise, compiled for matching. Built by `indicators`, read by `sift`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

pub use super::filter::{AgentFilter, Bloom, NameFilter};
use super::filter::{Notes, digest_key, v4_text_key};
pub use super::hash::{Labels, hash_agent, hash_digest, hash_name, is_name_byte, tail};
pub use super::listed::{Entry, List, Lister};
pub use super::table::{KeyTable, NetTable};
use super::time::Instant;
pub use super::url::{UrlParts, url_parts, url_rest};

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
    /// The number of a vulnerability, met as a whole token.
    Cve,
    /// A free text, met between characters that are not of its words.
    Keyword,
    /// A key of the Windows registry, in fields of keys.
    RegistryKey,
    /// The name of a mutex, in fields of mutexes.
    Mutex,
    /// The name of a pipe, in fields of pipes.
    Pipe,
    /// A JA4 fingerprint or its first two parts, in fields of fingerprints.
    Ja4,
    /// An address of a crypto currency, in fields of wallets.
    Wallet,
    /// A STIX pattern that is more than equalities, held against the fields of records.
    Pattern,
}

impl IndicatorKind {
    /// All kinds in order.
    pub const ALL: &[Self; Self::Pattern as usize + 1] = &[
        Self::Ipv4,
        Self::Ipv6,
        Self::Cidr,
        Self::Domain,
        Self::Url,
        Self::Email,
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::FileName,
        Self::FilePath,
        Self::UserAgent,
        Self::Cve,
        Self::Keyword,
        Self::RegistryKey,
        Self::Mutex,
        Self::Pipe,
        Self::Ja4,
        Self::Wallet,
        Self::Pattern,
    ];

    /// Its place in [`ALL`](Self::ALL).
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind at this place of [`ALL`](Self::ALL).
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

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
            Self::Cve => "cve",
            Self::Keyword => "keyword",
            Self::RegistryKey => "registry_key",
            Self::Mutex => "mutex",
            Self::Pipe => "named_pipe",
            Self::Ja4 => "ja4",
            Self::Wallet => "crypto_address",
            Self::Pattern => "stix_pattern",
        }
    }

    /// Whether it is a digest of hex digits.
    pub fn is_digest(self) -> bool {
        (Self::Md5..=Self::Sha512).contains(&self)
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
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
    /// Warninglists on which the value stands, sorted, without repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warninglists: Vec<Box<str>>,
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Indicators {
    /// Distinct by (kind, value), sorted by it.
    pub list: List,
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
    /// Their [`digest_key`]s: what a run of hex digits must pass first.
    pub digest_filter: Bloom,
    /// User agents by [`hash_agent`].
    pub agents: KeyTable,
    /// What a token between quotes must pass before it is taken for a user agent.
    pub agent_filter: AgentFilter,
    /// IPv4 addresses, networks and hosts of URLs.
    pub ipv4: NetTable,
    /// The [`v4_text_key`]s of its addresses: what a number with three dots must pass first.
    pub ipv4_texts: Bloom,
    /// IPv6 addresses and networks.
    pub ipv6: NetTable,
    /// Some domain has letters outside ASCII, so tokens with such letters must be looked up as well.
    pub wide_letters: bool,
}

impl Indicators {
    /// Builds the tables over a list that is sorted and without repeats.
    pub fn compile(list: List, feeds: Vec<Feed>) -> Self {
        let mut keys = Keys::default();
        for (index, entry) in (0u32..).zip(list.iter()) {
            keys.add(index, entry);
        }
        keys.finish(list, feeds)
    }

    /// One indicator; `None` for an index out of range.
    #[inline]
    pub fn get(&self, index: u32) -> Option<Entry<'_>> {
        self.list.get(index)
    }

    /// What the feeds say of an indicator, without indexes; empty for an index out of range.
    pub fn meta(&self, index: u32) -> IndicatorMeta {
        let mut meta = IndicatorMeta::default();
        let claims = self.list.claims(index);
        for claim in &claims {
            meta.feeds.extend(self.feeds.get(claim.feed as usize).map(|f| f.name.as_str().into()));
            meta.labels.extend(claim.labels.iter().cloned());
            meta.confidence = meta.confidence.max(claim.confidence);
        }
        let claims = || claims.iter();
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
    names: Notes,
    hosts: Vec<(u64, u32)>,
    files: Vec<(u64, u32)>,
    digests: Vec<(u64, u32)>,
    digest_keys: Vec<u64>,
    agents: Vec<(u64, u32)>,
    ipv4: Vec<(u8, u128, u32)>,
    ipv6: Vec<(u8, u128, u32)>,
    wide_letters: bool,
}

impl Keys {
    fn add(&mut self, index: u32, Entry { kind, value, .. }: Entry<'_>) {
        match kind {
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
                self.names.add(tail.as_bytes());
                self.files.push((hash_name(tail.as_bytes()), index));
            }
            IndicatorKind::UserAgent => self.agents.push((hash_agent(value.as_bytes()), index)),
            kind if kind.is_digest() => {
                self.digest_keys.extend(value.as_bytes().last_chunk().map(digest_key));
                self.digests.push((hash_digest(value.as_bytes()), index));
            }
            // Literals are found by the sift, patterns are evaluated over fields.
            _ => {}
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
        self.names.add(host.as_bytes());
        self.hosts.push((hash_name(host.as_bytes()), index));
        if host.contains("xn--") {
            let (wide, sound) = idna::domain_to_unicode(host);
            if sound.is_ok() && wide != host {
                self.wide_letters = true;
                self.names.add(wide.as_bytes());
                self.hosts.push((hash_name(wide.as_bytes()), index));
            }
        }
    }

    fn finish(self, list: List, feeds: Vec<Feed>) -> Indicators {
        let agents = self.agents.iter().filter_map(|(_, index)| list.get(*index));
        Indicators {
            agent_filter: AgentFilter::new(agents.map(|entry| entry.value.as_bytes())),
            names: NameFilter::new(self.names),
            hosts: KeyTable::new(self.hosts),
            files: KeyTable::new(self.files),
            digests: KeyTable::new(self.digests),
            digest_filter: Bloom::new(self.digest_keys),
            agents: KeyTable::new(self.agents),
            ipv4_texts: Bloom::new(self.ipv4.iter().filter(|net| net.0 == 32).map(|net| text_key(net.1)).collect()),
            ipv4: NetTable::new(self.ipv4, 32),
            ipv6: NetTable::new(self.ipv6, 128),
            wide_letters: self.wide_letters,
            list,
            feeds,
        }
    }
}

/// Key of an IPv4 address as logs write it.
fn text_key(address: u128) -> u64 {
    let (text, mut tail) = (Ipv4Addr::from(address as u32).to_string(), [0; 16]);
    tail[16 - text.len()..].copy_from_slice(text.as_bytes());
    v4_text_key(&tail, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_in_order_with_a_word_each() {
        for (number, kind) in (0u8..).zip(IndicatorKind::ALL) {
            assert_eq!((kind.number(), IndicatorKind::numbered(number)), (number, Some(*kind)));
            assert_eq!(IndicatorKind::ALL.iter().filter(|other| other.word() == kind.word()).count(), 1);
        }
        assert_eq!(IndicatorKind::numbered(IndicatorKind::ALL.len() as u8), None);
        assert!(IndicatorKind::ALL.len() < 128, "the list keeps a bit beside the number");
    }
}
