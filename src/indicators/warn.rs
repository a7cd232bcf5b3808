//! Warninglists: values that are as often innocent as not. What stands on one is flagged, never dropped.
//!
//! SOURCE: the lists of MISP, `{name, type, list, matching_attributes}` with the types string, hostname, cidr, substring
//! and regex.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aho_corasick::AhoCorasick;
use ipnet::IpNet;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::model::indicator::{IndicatorKind, url_parts};

/// Largest program of a regular expression, in bytes.
const REGEX_LIMIT: usize = 1 << 20;

/// A list as it is written.
#[derive(Deserialize)]
struct Written {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    list: Vec<String>,
    #[serde(default)]
    matching_attributes: Vec<String>,
}

/// What one list is for.
#[derive(Debug)]
struct List {
    name: Box<str>,
    /// Types of attributes; empty for all.
    attributes: BTreeSet<String>,
}

/// Several lists, ready for lookups.
#[derive(Debug, Default)]
pub struct Warninglists {
    lists: Vec<List>,
    /// Whole values, lower case.
    strings: HashMap<Box<str>, Vec<usize>>,
    /// Names with all that is below them, lower case.
    names: HashMap<Box<str>, Vec<usize>>,
    /// Networks by their prefix length.
    networks: BTreeMap<u8, HashMap<IpNet, Vec<usize>>>,
    /// Parts of values, lower case, and the list of each.
    parts: Vec<(Box<str>, usize)>,
    finder: Option<AhoCorasick>,
    regexes: Vec<(Regex, usize)>,
}

/// Resolvers that everybody asks.
const RESOLVERS: &[&str] = &[
    "1.0.0.1",
    "1.1.1.1",
    "4.2.2.1",
    "4.2.2.2",
    "8.8.4.4",
    "8.8.8.8",
    "8.20.247.20",
    "8.26.56.26",
    "9.9.9.9",
    "9.9.9.10",
    "64.6.64.6",
    "64.6.65.6",
    "76.76.2.0",
    "76.76.10.0",
    "77.88.8.1",
    "77.88.8.8",
    "94.140.14.14",
    "94.140.15.15",
    "114.114.114.114",
    "149.112.112.112",
    "185.228.168.9",
    "185.228.169.9",
    "208.67.220.220",
    "208.67.222.222",
    "223.5.5.5",
    "223.6.6.6",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "2606:4700:4700::1001",
    "2606:4700:4700::1111",
    "2620:fe::9",
    "2620:fe::fe",
    "2620:119:35::35",
    "2620:119:53::53",
];
/// SOURCE: RFC 5737, RFC 3849, RFC 9637, RFC 2544.
const DOCUMENTATION: &[&str] =
    &["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32", "3fff::/20"];
/// SOURCE: RFC 2606.
const RESERVED_NAMES: &[&str] =
    &["example", "test", "invalid", "localhost", "example.com", "example.net", "example.org"];

impl Warninglists {
    /// The lists that always hold: public resolvers.
    pub fn new() -> Self {
        let mut all = Self::default();
        all.networks("public resolvers (built in)", RESOLVERS);
        all
    }

    /// Adds addresses and names that are reserved for documentation and tests. Not among those that always hold, for
    /// exercises are made of them.
    pub fn add_documentation(&mut self) {
        self.networks("networks of documentation (built in)", DOCUMENTATION);
        let list = self.list("names of documentation (built in)", Vec::new());
        for name in RESERVED_NAMES {
            self.names.entry((*name).into()).or_default().push(list);
        }
    }

    fn networks(&mut self, name: &str, networks: &[&str]) {
        let list = self.list(name, Vec::new());
        for network in networks {
            self.network(network, list);
        }
    }

    fn list(&mut self, name: &str, attributes: Vec<String>) -> usize {
        self.lists.push(List { name: name.into(), attributes: attributes.into_iter().collect() });
        self.lists.len() - 1
    }

    fn network(&mut self, text: &str, list: usize) -> bool {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        let Ok(net) = net else { return false };
        self.networks.entry(net.prefix_len()).or_default().entry(net.trunc()).or_default().push(list);
        true
    }

    /// Adds a list as MISP writes them; gives the entries that are not understood.
    ///
    /// # Errors
    /// Why the document is no warninglist.
    pub fn add(&mut self, file: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
        let written: Written = serde_json::from_slice(bytes).map_err(|error| format!("not a warninglist: {error}"))?;
        let list = self.list(written.name.as_deref().unwrap_or(file), written.matching_attributes);
        let kind = written.kind.unwrap_or_else(|| "string".to_owned());
        let mut refused = Vec::new();
        for entry in written.list {
            let lower = entry.trim().to_lowercase();
            let taken = match kind.as_str() {
                _ if lower.is_empty() => false,
                // A leading dot or `*.` means what is below a name.
                "string" if !lower.starts_with(['.', '*']) => put(&mut self.strings, &lower, list),
                "string" | "hostname" => put(&mut self.names, lower.trim_start_matches("*.").trim_matches('.'), list),
                "cidr" => self.network(&lower, list),
                "substring" => {
                    self.parts.push((lower.as_str().into(), list));
                    true
                }
                "regex" => self.regex(entry.trim(), list),
                _ => return Err(format!("warninglist of the unknown type {kind:?}")),
            };
            if !taken {
                refused.push(entry);
            }
        }
        if kind == "substring" {
            let parts = self.parts.iter().map(|(part, _)| part.as_bytes());
            self.finder = Some(AhoCorasick::new(parts).map_err(|_| "too many parts of values".to_owned())?);
        }
        Ok(refused)
    }

    /// `/…/i` or bare.
    fn regex(&mut self, text: &str, list: usize) -> bool {
        let (body, flags) = match text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
            Some((body, flags)) => (body, flags),
            None => (text, ""),
        };
        let mut builder = RegexBuilder::new(body);
        builder.case_insensitive(flags.contains('i')).size_limit(REGEX_LIMIT).nest_limit(100);
        let Ok(regex) = builder.build() else { return false };
        self.regexes.push((regex, list));
        true
    }

    /// Names of the lists on which an indicator stands, sorted, without repeats.
    pub fn of(&self, kind: IndicatorKind, value: &str) -> Vec<Box<str>> {
        let lower = value.to_lowercase();
        let mut found: Vec<usize> = self.strings.get(lower.as_str()).into_iter().flatten().copied().collect();
        if let Some(host) = host(kind, &lower) {
            let labels = std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, parent)| parent));
            found.extend(labels.filter_map(|name| self.names.get(name)).flatten());
            if host.len() < lower.len() && is_bare_host(kind, &lower) {
                found.extend(self.strings.get(host).into_iter().flatten());
            }
        }
        if let Some(net) = lower.parse().ok().or_else(|| lower.parse::<std::net::IpAddr>().map(IpNet::from).ok()) {
            found.extend(self.around(net));
        }
        if let Some(finder) = &self.finder {
            let parts = finder.find_overlapping_iter(lower.as_str());
            found.extend(parts.map(|part| self.parts[part.pattern().as_usize()].1));
        }
        found.extend(self.regexes.iter().filter(|(regex, _)| regex.is_match(value)).map(|(_, list)| *list));
        let lists = found.into_iter().map(|list| &self.lists[list]).filter(|list| list.is_for(kind));
        lists.map(|list| list.name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The lists with a network that holds this one.
    fn around(&self, net: IpNet) -> impl Iterator<Item = usize> + '_ {
        let wider = self.networks.range(..=net.prefix_len());
        let held = wider.filter_map(move |(length, nets)| {
            let wide = IpNet::new(net.addr(), *length).ok()?.trunc();
            nets.get(&wide)
        });
        held.flatten().copied()
    }
}

/// Adds a value as it stands, and as indicators are written where it is a name with letters outside of ASCII.
fn put(values: &mut HashMap<Box<str>, Vec<usize>>, value: &str, list: usize) -> bool {
    let ascii = if value.is_ascii() { None } else { idna::domain_to_ascii(value).ok() };
    for spelling in [Some(value), ascii.as_deref()].into_iter().flatten().filter(|v| !v.is_empty()) {
        values.entry(spelling.into()).or_default().push(list);
    }
    !value.is_empty()
}

/// The host that an indicator names.
fn host(kind: IndicatorKind, value: &str) -> Option<&str> {
    match kind {
        IndicatorKind::Domain => Some(value),
        IndicatorKind::Url => Some(url_parts(value).host),
        IndicatorKind::Email => value.rsplit_once('@').map(|(_, host)| host),
        _ => None,
    }
}

/// Whether a URL says no more than its host.
fn is_bare_host(kind: IndicatorKind, value: &str) -> bool {
    kind == IndicatorKind::Url && url_parts(value).rest.is_empty()
}

impl List {
    /// Whether the list is for this kind, by the types that MISP would give it.
    fn is_for(&self, kind: IndicatorKind) -> bool {
        let types: &[&str] = match kind {
            IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => &["ip-src", "ip-dst", "domain|ip"],
            IndicatorKind::Domain => &["domain", "hostname", "domain|ip", "hostname|port"],
            IndicatorKind::Url => &["url", "uri", "link"],
            IndicatorKind::Email => &["email", "email-src", "email-dst", "target-email"],
            IndicatorKind::Md5 => &["md5", "filename|md5", "imphash", "ja3-fingerprint-md5", "x509-fingerprint-md5"],
            IndicatorKind::Sha1 => &["sha1", "filename|sha1", "x509-fingerprint-sha1"],
            IndicatorKind::Sha224 => &["sha224", "filename|sha224"],
            IndicatorKind::Sha256 => &["sha256", "filename|sha256", "x509-fingerprint-sha256", "authentihash"],
            IndicatorKind::Sha384 => &["sha384", "filename|sha384"],
            IndicatorKind::Sha512 => &["sha512", "filename|sha512"],
            IndicatorKind::FileName | IndicatorKind::FilePath => &["filename"],
            IndicatorKind::UserAgent => &["user-agent"],
            IndicatorKind::Cve => &["vulnerability"],
            IndicatorKind::RegistryKey => &["regkey", "regkey|value"],
            IndicatorKind::Mutex => &["mutex"],
            IndicatorKind::Pipe => &["named pipe"],
            IndicatorKind::Wallet => &["btc", "xmr", "dash"],
            IndicatorKind::Keyword | IndicatorKind::Ja4 | IndicatorKind::Pattern => &[],
        };
        self.attributes.is_empty() || types.iter().any(|word| self.attributes.contains(*word))
    }
}
