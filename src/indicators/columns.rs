//! What the columns of a table hold, by their names.

use super::literal;
use crate::model::indicator::IndicatorKind;

/// What a column is to a reader of indicators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Values, with the kind that its name says.
    Value(Option<IndicatorKind>),
    /// Words that say what the values beside them are.
    Kind,
    /// Whether the row is meant for detection: `to_ids` of MISP.
    Marked,
    /// What is said about the values: who reported them, where one may read on, when they were seen.
    Beside,
    /// Its name says nothing that is known.
    Unknown,
}

/// What a column of this name is.
pub(super) fn column(name: &str) -> Column {
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    match words.concat().as_str() {
        "" => return Column::Unknown,
        "toids" => return Column::Marked,
        squeezed if KINDS.contains(&squeezed) => return Column::Kind,
        _ => {}
    }
    let sourced = has(&["source", "sources"]) && has(&["url", "urls", "link", "uri", "email", "mail"]);
    if has(BESIDE) || sourced || words.len() == 1 && has(&["source", "sources"]) {
        return Column::Beside;
    }
    match named(&words) {
        Some(kind) => Column::Value(kind),
        None if words.iter().all(|word| VALUES.contains(&word.as_str())) => Column::Value(None),
        None => Column::Unknown,
    }
}

/// Whether a cell says what the value beside it is; nothing is known of other words.
pub(super) fn is_kind(cell: &str) -> bool {
    kind_stated(cell).is_some() || matches!(words(cell).concat().as_str(), "ipport") || named(&words(cell)).is_some()
}

/// The kind that the cell of a column of kinds names; `None` where the value's shape must tell. Networks stand for
/// addresses too.
pub(super) fn kind_stated(word: &str) -> Option<IndicatorKind> {
    let plain = match word.trim().to_ascii_lowercase().replace([' ', '_'], "-").as_str() {
        "ip" | "ip-src" | "ip-dst" | "ip-address" | "ipv4" | "ipv6" | "ipv4-addr" | "ipv6-addr" | "cidr" | "subnet" => {
            IndicatorKind::Cidr
        }
        "domain" | "domain-name" | "hostname" | "fqdn" => IndicatorKind::Domain,
        "url" | "uri" => IndicatorKind::Url,
        "email" | "email-src" | "email-dst" | "email-addr" => IndicatorKind::Email,
        "filename" | "file-name" => IndicatorKind::FileName,
        "filepath" | "file-path" | "path" => IndicatorKind::FilePath,
        "user-agent" | "useragent" => IndicatorKind::UserAgent,
        _ => return literal::kind_named(word),
    };
    Some(plain)
}

/// Names of columns that say what the values beside them are, without what joins their words.
const KINDS: &[&str] = &[
    "type",
    "kind",
    "indicatortype",
    "indicatorkind",
    "ioctype",
    "iockind",
    "observabletype",
    "valuetype",
    "datatype",
    "attributetype",
];

/// Words of columns that hold values of any kind.
const VALUES: &[&str] = &[
    "indicator",
    "indicators",
    "ioc",
    "iocs",
    "value",
    "values",
    "observable",
    "observables",
    "artifact",
    "artifacts",
    "artefact",
    "artefacts",
    "c2",
    "c2s",
    "cnc",
    "server",
    "servers",
    "address",
    "addresses",
    "file",
    "malicious",
];

/// Words that make a column one about the values, whatever else its name says.
const BESIDE: &[&str] = &[
    "reporter",
    "reporters",
    "reported",
    "author",
    "authors",
    "analyst",
    "analysts",
    "contact",
    "contacts",
    "owner",
    "submitter",
    "submitted",
    "creator",
    "created",
    "by",
    "reference",
    "references",
    "ref",
    "refs",
    "link",
    "links",
    "permalink",
    "report",
    "reports",
    "article",
    "blog",
    "description",
    "desc",
    "comment",
    "comments",
    "note",
    "notes",
    "remark",
    "remarks",
    "summary",
    "detail",
    "details",
    "title",
    "tag",
    "tags",
    "label",
    "labels",
    "date",
    "time",
    "timestamp",
    "seen",
    "modified",
    "updated",
    "status",
    "confidence",
    "score",
    "severity",
    "tlp",
    "family",
    "actor",
    "campaign",
    "country",
    "registrar",
    "virustotal",
    "vt",
    "feed",
    "provider",
    "vendor",
    "uuid",
];

/// Words beside that of a kind that change nothing of what the values are.
const ATTRIBUTES: &[&str] = &[
    "indicator",
    "indicators",
    "ioc",
    "iocs",
    "observable",
    "value",
    "values",
    "address",
    "addresses",
    "name",
    "names",
    "hash",
    "hashes",
    "file",
    "sum",
    "malicious",
    "bad",
    "evil",
    "suspicious",
    "malware",
    "threat",
    "attacker",
    "phishing",
    "botnet",
    "c2",
    "cnc",
    "src",
    "dst",
    "source",
    "destination",
    "dest",
    "remote",
    "server",
    "external",
    "blocked",
    "itw",
    "full",
    "defanged",
    "sample",
    "payload",
    "dropper",
    "id",
    "number",
    "query",
];

/// The kind that one word of a name, or two together, says, where no other word says something else.
fn named(words: &[String]) -> Option<Option<IndicatorKind>> {
    let plain = |word: &String| ATTRIBUTES.contains(&word.as_str());
    let pairs = || words.windows(2).enumerate().map(|(at, pair)| (at..at + 2, pair.concat()));
    let single = || words.iter().enumerate().map(|(at, word)| (at..at + 1, word.clone()));
    let rest = |span: &std::ops::Range<usize>| {
        let others = words.iter().enumerate().filter(|(at, _)| !span.contains(at));
        others.map(|(_, word)| word).all(plain)
    };
    let said = || pairs().chain(single()).filter(|(span, _)| rest(span)).filter_map(|(_, word)| kind_of_word(&word));
    // `File Hash (MD5)`: what says more counts.
    said().find(Option::is_some).or_else(|| said().next())
}

/// The kind that a word without anything between its parts says; for digests of any length the value tells.
fn kind_of_word(word: &str) -> Option<Option<IndicatorKind>> {
    let word =
        word.strip_suffix("hashes").or_else(|| word.strip_suffix("hash")).filter(|w| w.len() > 2).unwrap_or(word);
    let kind = match word {
        "ip" | "ips" | "ipv4" | "ipv6" | "ip4" | "ip6" | "ipaddr" | "ipaddress" | "ipaddresses" | "cidr" | "cidrs"
        | "subnet" | "subnets" | "netblock" | "netblocks" => IndicatorKind::Cidr,
        "domain" | "domains" | "hostname" | "hostnames" | "host" | "hosts" | "fqdn" | "fqdns" | "domainname"
        | "domainnames" => IndicatorKind::Domain,
        "url" | "urls" | "uri" | "uris" => IndicatorKind::Url,
        "email" | "emails" | "mail" | "mails" | "emailaddress" | "emailaddresses" => IndicatorKind::Email,
        "md5" | "md5s" | "imp" | "ja3" | "ja3s" | "hassh" => IndicatorKind::Md5,
        "sha1" | "sha1s" => IndicatorKind::Sha1,
        "sha224" => IndicatorKind::Sha224,
        "sha256" | "sha256s" | "authenti" => IndicatorKind::Sha256,
        "sha384" => IndicatorKind::Sha384,
        "sha512" | "sha512s" => IndicatorKind::Sha512,
        "hash" | "hashes" | "digest" | "digests" | "checksum" | "checksums" | "filehash" => return Some(None),
        "filename" | "filenames" => IndicatorKind::FileName,
        "filepath" | "filepaths" | "path" | "paths" => IndicatorKind::FilePath,
        "useragent" | "useragents" => IndicatorKind::UserAgent,
        "registrykey" | "registrykeys" | "registrypath" => IndicatorKind::RegistryKey,
        "namedpipe" | "pipename" => IndicatorKind::Pipe,
        "cryptoaddress" => IndicatorKind::Wallet,
        _ => literal::kind_named(word)?,
    };
    Some(Some(kind))
}

/// The words of a name, lower case: `SHA-256` is one, `IPAddress` two.
fn words(name: &str) -> Vec<String> {
    let mut made: Vec<String> = Vec::new();
    let mut last = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|next| next.is_ascii_lowercase());
        let rises = c.is_ascii_uppercase() && (last.is_ascii_lowercase() || last.is_ascii_uppercase() && next_is_lower);
        if c.is_alphanumeric() {
            match made.last_mut().filter(|_| last.is_alphanumeric() && !rises) {
                Some(word) => word.extend(c.to_lowercase()),
                None => made.push(c.to_lowercase().collect()),
            }
        }
        last = c;
    }
    joined(made)
}

/// Words that a dash or blank took apart.
fn joined(words: Vec<String>) -> Vec<String> {
    let mut made: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        let is_number = word.bytes().all(|b| b.is_ascii_digit());
        match made.last_mut() {
            Some(last) if is_number && matches!(last.as_str(), "sha" | "md" | "ja") => last.push_str(&word),
            Some(last) if word == "mail" && last == "e" => last.push_str(&word),
            // `IPv4`: the capital P before a small v.
            Some(last) if last == "i" && word.starts_with("pv") => last.push_str(&word),
            _ => made.push(word),
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_columns_hold() {
        use IndicatorKind::{Cidr, Domain, Email, FileName, Md5, Sha256, Url, UserAgent};
        for (name, expected) in [
            ("IP Address", Column::Value(Some(Cidr))),
            ("ipAddress", Column::Value(Some(Cidr))),
            ("IPv4", Column::Value(Some(Cidr))),
            ("dst_ip", Column::Value(Some(Cidr))),
            ("Domain Name", Column::Value(Some(Domain))),
            ("SHA-256", Column::Value(Some(Sha256))),
            ("sha256_hash", Column::Value(Some(Sha256))),
            ("File Hash (MD5)", Column::Value(Some(Md5))),
            ("ITW Filename", Column::Value(Some(FileName))),
            ("E-Mail", Column::Value(Some(Email))),
            ("User-Agent", Column::Value(Some(UserAgent))),
            ("Malware URL", Column::Value(Some(Url))),
            ("Hash", Column::Value(None)),
            ("Indicator Value", Column::Value(None)),
            ("Observable", Column::Value(None)),
            ("C2 Server", Column::Value(None)),
            ("ioc_type", Column::Kind),
            ("Indicator type", Column::Kind),
            ("to_ids", Column::Marked),
            ("Reporter", Column::Beside),
            ("reporter_email", Column::Beside),
            ("Source", Column::Beside),
            ("Source URL", Column::Beside),
            ("urlhaus_link", Column::Beside),
            ("First Seen", Column::Beside),
            ("url_status", Column::Beside),
            ("threat_type", Column::Unknown),
            ("File Type", Column::Unknown),
            ("Port", Column::Unknown),
            ("", Column::Unknown),
        ] {
            assert_eq!(column(name), expected, "{name}");
        }
    }

    #[test]
    fn words_for_kinds_are_known_in_cells() {
        for word in ["ip", "IPv4", "domain", "sha256", "FileHash-SHA256", "ip:port", "keyword", "Named Pipe"] {
            assert!(is_kind(word), "{word}");
        }
        for word in ["", "invoice leak", "evil-corp.net", "203.0.113.7", "type", "reporter"] {
            assert!(!is_kind(word), "{word}");
        }
    }
}
