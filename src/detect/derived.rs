//! Values of fields of rules that logs hold in other words: worked out where a rule asks for them, from what the record says.
//!
//! SOURCE: Sigma taxonomy appendix (DNS, firewall, proxy); Microsoft, well-known SIDs (mandatory labels); IANA, protocol numbers;
//! Google Workspace, audit logs in Cloud Logging (services); Microsoft Graph, signIn (`authenticationProtocol`, `signInStatus`).

use crate::model::fields::{Canon, Fields, Kind};

/// How a field of rules follows from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derived {
    /// The end of a URL's path behind its last dot.
    Extension,
    /// What a request asks for, path and query, which rules for web servers look for in the query.
    Target,
    /// A name that was asked for, without the dot of the root.
    Question,
    /// The domain under which a name that was asked for is registered.
    ParentDomain,
    /// A hash out of Sysmon's list of several, by what stands before it there.
    Hash(&'static str),
    /// Whether a firewall stopped it.
    Blocked,
    /// The name of a transport protocol of which the log has the number.
    Transport,
    /// The word for a mandatory label.
    Integrity,
    /// The service of Google Workspace.
    Service,
    /// A parameter of an event of Google Workspace, by its name there.
    Parameter(&'static str),
    /// What became of an alert of Microsoft 365, and what a sign-in to Entra says of its result beside a number.
    Status,
    /// How somebody signed in to Entra, as its portal words it.
    SignedIn,
    /// The user agent of a request without one, of which a log has the mark.
    NoAgent,
}

/// The field of this name, if it follows from others.
pub(super) fn of(name: &str) -> Option<Derived> {
    const NAMES: [(&str, Derived); 21] = [
        ("c-uri-extension", Derived::Extension),
        ("cs-uri-query", Derived::Target),
        ("imphash", Derived::Hash("IMPHASH=")),
        ("md5", Derived::Hash("MD5=")),
        ("sha1", Derived::Hash("SHA1=")),
        ("sha256", Derived::Hash("SHA256=")),
        ("query", Derived::Question),
        ("queryname", Derived::Question),
        ("parent_domain", Derived::ParentDomain),
        ("blocked", Derived::Blocked),
        ("proto", Derived::Transport),
        ("protocol", Derived::Transport),
        ("integritylevel", Derived::Integrity),
        ("eventservice", Derived::Service),
        ("setting_name", Derived::Parameter("SETTING_NAME")),
        ("new_value", Derived::Parameter("NEW_VALUE")),
        ("status", Derived::Status),
        ("properties.message", Derived::SignedIn),
        ("c-useragent", Derived::NoAgent),
        ("cs-useragent", Derived::NoAgent),
        ("cs-user-agent", Derived::NoAgent),
    ];
    NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, derived)| *derived)
}

/// Whether its values may be words that the record does not hold.
pub(super) fn is_worded(derived: Derived) -> bool {
    use Derived::{Extension, Hash, NoAgent, Parameter, ParentDomain, Question, Target};
    // No literal is looked for in an empty value.
    !matches!(derived, Extension | Target | ParentDomain | Question | Hash(_) | Parameter(_) | NoAgent)
}

impl Derived {
    /// The value that a record gives, beside those that it has under the name itself.
    pub(super) fn value<'a>(self, fields: &'a Fields<'_>) -> Option<&'a [u8]> {
        match self {
            Self::Extension => extension(fields),
            Self::Target => fields.get(Canon::UrlOriginal),
            Self::Question => fields.get(Canon::DnsQuestion)?.strip_suffix(b"."),
            Self::Hash(before) => hash(named(fields, "Hashes")?, before),
            Self::ParentDomain => parent(fields.get(Canon::DnsQuestion)?),
            Self::Blocked => {
                blocked(fields.get(Canon::EventAction)?).map(|is| if is { &b"true"[..] } else { b"false" })
            }
            Self::Transport => listed(&TRANSPORTS, fields.get(Canon::NetworkTransport)?),
            Self::Integrity => listed(&LABELS, named(fields, "MandatoryLabel")?),
            Self::Service => {
                let application = named(fields, "id.applicationName")?;
                WORKSPACE.iter().copied().find(|service| {
                    service.strip_suffix(b".googleapis.com").is_some_and(|name| name.eq_ignore_ascii_case(application))
                })
            }
            Self::Parameter(name) => parameter(fields, name),
            Self::Status => match named(fields, "Workload") {
                Some(workload) if workload.eq_ignore_ascii_case(b"SecurityComplianceCenter") => {
                    fields.get(Canon::EventOutcome)
                }
                _ => DETAILS.iter().find_map(|name| named(fields, name)),
            },
            Self::SignedIn => listed(&PROTOCOLS, PROTOCOL.iter().find_map(|name| named(fields, name))?),
            Self::NoAgent => {
                let is_unset = |(name, value, _): (&[u8], &[u8], _)| value == b"-" && is_agent(name);
                (!fields.has(Canon::UserAgent) && fields.named().any(is_unset)).then_some(b"")
            }
        }
    }
}

const TRANSPORTS: [(&[u8], &[u8]); 10] = [
    (b"1", b"icmp"),
    (b"2", b"igmp"),
    (b"6", b"tcp"),
    (b"17", b"udp"),
    (b"47", b"gre"),
    (b"50", b"esp"),
    (b"51", b"ah"),
    (b"58", b"ipv6-icmp"),
    (b"89", b"ospf"),
    (b"132", b"sctp"),
];

const LABELS: [(&[u8], &[u8]); 7] = [
    (b"S-1-16-0", b"Untrusted"),
    (b"S-1-16-4096", b"Low"),
    (b"S-1-16-8192", b"Medium"),
    (b"S-1-16-8448", b"MediumPlus"),
    (b"S-1-16-12288", b"High"),
    (b"S-1-16-16384", b"System"),
    (b"S-1-16-20480", b"ProtectedProcess"),
];

/// Where a sign-in says more of its result: in Azure Monitor and in Graph.
const DETAILS: [&str; 2] = ["properties.status.additionalDetails", "status.additionalDetails"];

/// Where it says how somebody signed in: there, and in Log Analytics.
const PROTOCOL: [&str; 2] = ["properties.authenticationProtocol", "authenticationProtocol"];

const PROTOCOLS: [(&[u8], &[u8]); 2] = [(b"deviceCode", b"Device Code"), (b"ropc", b"ROPC")];

const WORKSPACE: [&[u8]; 12] = [
    b"admin.googleapis.com",
    b"calendar.googleapis.com",
    b"chat.googleapis.com",
    b"chrome.googleapis.com",
    b"drive.googleapis.com",
    b"gmail.googleapis.com",
    b"groups.googleapis.com",
    b"login.googleapis.com",
    b"meet.googleapis.com",
    b"mobile.googleapis.com",
    b"saml.googleapis.com",
    b"token.googleapis.com",
];

/// Words of firewalls for what they did, as they begin: whether it was stopped.
const ACTIONS: [(&str, bool); 15] = [
    ("accept", false),
    ("allow", false),
    ("permit", false),
    ("pass", false),
    ("built", false),
    ("close", false),
    ("teardown", false),
    ("block", true),
    ("den", true),
    ("discard", true),
    ("drop", true),
    ("prevent", true),
    ("reject", true),
    ("reset", true),
    ("refuse", true),
];

fn blocked(action: &[u8]) -> Option<bool> {
    let mut words = action.split(|byte| !byte.is_ascii_alphabetic());
    words.find_map(|word| {
        let begins =
            |known: &str| word.get(..known.len()).is_some_and(|head| head.eq_ignore_ascii_case(known.as_bytes()));
        ACTIONS.iter().find(|(known, _)| begins(known)).map(|(_, is_stopped)| *is_stopped)
    })
}

fn listed(list: &[(&[u8], &'static [u8])], value: &[u8]) -> Option<&'static [u8]> {
    list.iter().find(|(known, _)| *known == value).map(|(_, word)| *word)
}

fn named<'a>(fields: &'a Fields<'_>, name: &str) -> Option<&'a [u8]> {
    let mut all = fields.named().filter(|(_, _, kind)| *kind != Kind::Null);
    all.find(|(known, ..)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value, _)| value)
}

/// Whether a column is that of the user agent, whatever stands between its words.
fn is_agent(name: &[u8]) -> bool {
    const AGENT: &[u8] = b"useragent";
    let letters = name.iter().rev().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    letters.take(AGENT.len()).eq(AGENT.iter().rev().copied())
}

fn extension<'a>(fields: &'a Fields<'_>) -> Option<&'a [u8]> {
    let path = fields.get(Canon::UrlPath)?;
    let name = &path[memchr::memrchr(b'/', path).map_or(0, |at| at + 1)..];
    let behind = &name[memchr::memrchr(b'.', name)? + 1..];
    (!behind.is_empty() && behind.iter().all(u8::is_ascii_alphanumeric)).then_some(behind)
}

/// The domain that a name is registered under.
fn parent(name: &[u8]) -> Option<&[u8]> {
    psl::domain(name.strip_suffix(b".").unwrap_or(name)).map(|domain| domain.as_bytes())
}

/// The value of a parameter, of a list of names with values.
fn parameter<'a>(fields: &'a Fields<'_>, name: &str) -> Option<&'a [u8]> {
    let is_name = |shown: &[u8]| shown.ends_with(b"parameters.name") || shown.ends_with(b"parameter.name");
    let mut all = fields.named().skip_while(|(shown, value, _)| !(is_name(shown) && *value == name.as_bytes())).skip(1);
    let (shown, value, _) = all.find(|(shown, ..)| is_name(shown) || shown.ends_with(b".value"))?;
    (!is_name(shown)).then_some(value)
}

/// The hash behind a mark in `MD5=…,SHA256=…`.
fn hash<'a>(list: &'a [u8], before: &str) -> Option<&'a [u8]> {
    let is = |part: &&[u8]| part.get(..before.len()).is_some_and(|head| head.eq_ignore_ascii_case(before.as_bytes()));
    list.split(|byte| *byte == b',').find(is).map(|part| &part[before.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_from_others() {
        assert_eq!((blocked(b"Denied"), blocked(b"ACCEPT"), blocked(b"login")), (Some(true), Some(false), None));
        assert_eq!(parent(b"a.b.evil.example."), Some(&b"evil.example"[..]));
        assert_eq!((parent(b"a.evil.co.uk"), parent(b"com")), (Some(&b"evil.co.uk"[..]), None));
        assert_eq!(hash(b"MD5=1,Imphash=ab", "IMPHASH="), Some(&b"ab"[..]));
        assert_eq!(listed(&TRANSPORTS, b"17"), Some(&b"udp"[..]));
        let mut fields = Fields::default();
        fields.push(Some(Canon::UrlPath), b"cs-uri-stem", b"/a.b/setup.EXE", Kind::Str);
        assert_eq!(Derived::Extension.value(&fields), Some(&b"EXE"[..]));
        assert_eq!(of("C-URI-Extension"), Some(Derived::Extension));
    }
}
