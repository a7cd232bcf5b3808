//! Indicators of compromise, compiled for matching. Built by `indicators`, read by `sift`.

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
