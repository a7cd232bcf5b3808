//! Domains of which it is known why programs ask for names below them, or call them, again and again.

use crate::model::whose::below;

/// Of those who make virus scanners, blocklists, systems and common programs: these look things up by digests and
/// addresses, look for updates and report, on most machines. Source: what the makers say has to be let through.
const VENDORS: &[&str] = &[
    "abuse.ch",
    "abuseat.org",
    "adobe.com",
    "apple.com",
    "avast.com",
    "avcdn.net",
    "barracudabrts.com",
    "barracudacentral.org",
    "bitdefender.net",
    "brightcloud.com",
    "canonical.com",
    "cloudsink.net",
    "comodo.com",
    "cymru.com",
    "debian.org",
    "digicert.com",
    "dnswl.org",
    "e5.sk",
    "eset.com",
    "f-secure.com",
    "firefox.com",
    "fortiguard.net",
    "fsapi.com",
    "habeas.com",
    "kaspersky-labs.com",
    "kaspersky.com",
    "mailspike.net",
    "mcafee.com",
    "microsoft.com",
    "mozilla.com",
    "mozilla.org",
    "msftncsi.com",
    "ntp.org",
    "redhat.com",
    "senderbase.org",
    "sophosxl.com",
    "sophosxl.net",
    "sorbs.net",
    "spamcop.net",
    "spamhaus.net",
    "spamhaus.org",
    "surbl.org",
    "symantec.com",
    "trellix.com",
    "trendmicro.com",
    "ubuntu.com",
    "uribl.com",
    "webrootcloudav.com",
    "windows.com",
    "windowsupdate.com",
    "zvelo.com",
];

/// Of those who number machines and users in names, and answer all names below their domains themselves.
const NUMBERED: &[&str] = &[
    "akadns.net",
    "akamai.net",
    "akamaiedge.net",
    "akamaihd.net",
    "amazonaws.com",
    "amazonses.com",
    "cloudfront.net",
    "fastly.net",
    "fbcdn.net",
    "googlevideo.com",
    "gstatic.com",
    "office.net",
    "spotify.com",
    "windows.net",
];

/// Whether the programs of the owner of a name call home on most machines.
pub(super) fn is_vendor(name: &str) -> bool {
    is_listed(VENDORS, name)
}

/// Whether names below a domain are look-ups of its owner's own.
pub(super) fn is_owner(domain: &str) -> bool {
    below(domain, "arpa") || is_vendor(domain) || is_listed(NUMBERED, domain)
}

fn is_listed(domains: &[&str], name: &str) -> bool {
    domains.iter().any(|domain| below(name, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_sorted_and_own_what_lies_below_them() {
        assert!(VENDORS.is_sorted() && NUMBERED.is_sorted());
        assert!(is_owner("spamhaus.org") && is_owner("zen.spamhaus.org") && is_owner("4.in-addr.arpa"));
        assert!(is_owner("x.cloudfront.net") && !is_vendor("x.cloudfront.net"));
        assert!(!is_owner("notspamhaus.org") && !is_owner("spamhaus.org.evil.example") && !is_owner("org"));
    }
}
