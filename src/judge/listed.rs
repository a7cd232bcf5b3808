//! J-03, J-04: what a sighting of a listed value says of a contact. Only an address says who made it.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::model::finding::{Finding, FindingIndicator};
use crate::model::indicator::IndicatorKind;
use crate::model::whose::address;

/// Whether a sighting is of one of its own sources: a listed address, or a network that holds it. Other values stand
/// somewhere in the record, whoever made the contact.
pub fn names_source(f: &Finding) -> bool {
    f.indicator.is_none() || f.entities.sources.iter().any(|from| names(f, from))
}

/// Whether a sighting is of an address: that one is listed, or a network that holds it.
pub fn names(f: &Finding, from: &str) -> bool {
    let Some(indicator) = &f.indicator else { return true };
    let Some(from) = address(from) else { return false };
    match kind(indicator) {
        Some(IndicatorKind::Ipv4 | IndicatorKind::Ipv6) => address(&indicator.value) == Some(from),
        Some(IndicatorKind::Cidr) => indicator.value.parse::<IpNet>().is_ok_and(|net| net.contains(&from)),
        _ => false,
    }
}

/// Sightings by what they show of the contacts that came in, in words that follow "findings show".
pub fn inward<'f>(findings: &[&'f Finding]) -> BTreeMap<String, Vec<&'f Finding>> {
    by_words(findings, |f| match f.indicator.as_ref().filter(|_| !names_source(f)) {
        None => "contact from addresses of the indicator lists".to_owned(),
        Some(indicator) => format!("contact with {} of the indicator lists in its record", several(indicator)),
    })
}

/// The same of contacts that lead out.
pub fn outward<'f>(findings: &[&'f Finding]) -> BTreeMap<String, Vec<&'f Finding>> {
    use IndicatorKind::{Cidr, Domain, Ipv4, Ipv6, Url};
    let names_end = |of: &FindingIndicator| matches!(kind(of), Some(Ipv4 | Ipv6 | Cidr | Domain | Url));
    by_words(findings, |f| match f.indicator.as_ref().filter(|indicator| !names_end(indicator)) {
        None => "contact from inside with values of the indicator lists, which is a suspicion".to_owned(),
        Some(indicator) => {
            let what = several(indicator);
            format!("contact from inside with {what} of the indicator lists in its record, which is a suspicion")
        }
    })
}

fn by_words<'f>(findings: &[&'f Finding], words: impl Fn(&Finding) -> String) -> BTreeMap<String, Vec<&'f Finding>> {
    let mut all: BTreeMap<String, Vec<&'f Finding>> = BTreeMap::new();
    for f in findings {
        all.entry(words(f)).or_default().push(f);
    }
    all
}

fn kind(indicator: &FindingIndicator) -> Option<IndicatorKind> {
    IndicatorKind::ALL.iter().copied().find(|kind| kind.word() == indicator.kind)
}

/// What several values of a kind are called.
fn several(indicator: &FindingIndicator) -> &'static str {
    use IndicatorKind::{
        Cidr, Cve, Domain, Email, FileName, FilePath, Ipv4, Ipv6, Ja4, Keyword, Md5, Mutex, Pattern, Pipe, RegistryKey,
        Sha1, Sha224, Sha256, Sha384, Sha512, Url, UserAgent, Wallet,
    };
    match kind(indicator) {
        Some(Ipv4 | Ipv6) => "addresses",
        Some(Cidr) => "networks",
        Some(Domain) => "domains",
        Some(Url) => "URLs",
        Some(Email) => "mail addresses",
        Some(Md5 | Sha1 | Sha224 | Sha256 | Sha384 | Sha512) => "digests",
        Some(FileName) => "file names",
        Some(FilePath) => "file paths",
        Some(UserAgent) => "user agents",
        Some(Cve) => "numbers of vulnerabilities",
        Some(Keyword) => "keywords",
        Some(RegistryKey) => "registry keys",
        Some(Mutex) => "mutexes",
        Some(Pipe) => "pipes",
        Some(Ja4) => "fingerprints",
        Some(Wallet) => "wallets",
        Some(Pattern) => "patterns",
        None => "values",
    }
}
