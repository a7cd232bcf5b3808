//! Domains below which whole programs look things up: by digests, by addresses, by what they read. Such a name holds data
//! that its owner asks for, and only the owner answers below it.

use crate::model::whose::below;

/// Domains of reputation services, virus scanners and blocklists, and of those who number their own machines and users in
/// names. Source: the documentation of each on which names have to be let through.
const OWNERS: &[&str] = &[
    "abuse.ch",
    "abuseat.org",
    "akadns.net",
    "akamai.net",
    "akamaiedge.net",
    "akamaihd.net",
    "amazonaws.com",
    "amazonses.com",
    "apple.com",
    "avast.com",
    "avcdn.net",
    "barracudabrts.com",
    "barracudacentral.org",
    "bitdefender.net",
    "brightcloud.com",
    "cloudfront.net",
    "cloudsink.net",
    "comodo.com",
    "cymru.com",
    "dnswl.org",
    "e5.sk",
    "eset.com",
    "f-secure.com",
    "fastly.net",
    "fbcdn.net",
    "fortiguard.net",
    "fsapi.com",
    "googlevideo.com",
    "gstatic.com",
    "habeas.com",
    "kaspersky-labs.com",
    "kaspersky.com",
    "mailspike.net",
    "mcafee.com",
    "microsoft.com",
    "msftncsi.com",
    "office.net",
    "senderbase.org",
    "sophosxl.com",
    "sophosxl.net",
    "sorbs.net",
    "spamcop.net",
    "spamhaus.net",
    "spamhaus.org",
    "spotify.com",
    "surbl.org",
    "symantec.com",
    "trellix.com",
    "trendmicro.com",
    "uribl.com",
    "webrootcloudav.com",
    "windows.com",
    "windows.net",
    "zvelo.com",
];

/// Whether names below a domain are look-ups of its owner's own.
pub(super) fn is_owner(domain: &str) -> bool {
    domain == "arpa" || below(domain, "arpa") || OWNERS.iter().any(|owner| domain == *owner || below(domain, owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_sorted_and_own_what_lies_below_them() {
        assert!(OWNERS.is_sorted());
        assert!(is_owner("spamhaus.org") && is_owner("zen.spamhaus.org") && is_owner("4.in-addr.arpa"));
        assert!(!is_owner("notspamhaus.org") && !is_owner("spamhaus.org.evil.example") && !is_owner("org"));
    }
}
