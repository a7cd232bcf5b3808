//! Who and what a record speaks of: what entity joins, scopes and the judge need of a hit.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::called;
use super::fields::{Canon, Fields};
use super::logons::number;
use super::rule::Outcome;

/// The longest value kept of one field, in bytes; longer ones are cut at a character border.
pub const VALUE_LIMIT_BYTES: usize = 512;

/// How many texts tell who and where.
pub const WHO: usize = 7;

/// Entities of one record. Addresses have one spelling; other values are as in the log, lossy where not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// Address of who opened the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<Box<str>>,
    /// Address of the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_ip: Option<Box<str>>,
    /// Name of the other side, or the name asked for in DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_domain: Option<Box<str>>,
    /// The host the record speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// The account, as `DOMAIN\user` where the log has a domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<str>>,
    /// Virtual host of a web request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vhost: Option<Box<str>>,
    /// Path of the request, or the whole URL where there is no path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Box<str>>,
    /// File acted upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Box<str>>,
    /// Bucket or share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Box<str>>,
    /// Bytes from source to destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_bytes: Option<u64>,
    /// Bytes from destination to source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_bytes: Option<u64>,
    /// The number of the session of its account on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// Addresses that its command calls, sorted.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub called: Box<[Box<str>]>,
}

impl Subject {
    /// Who and where, without what: the part that scopes and entities are told by.
    #[must_use]
    pub fn reduced(self) -> Self {
        Self {
            url: None,
            file: None,
            source_bytes: None,
            destination_bytes: None,
            session: None,
            called: Box::default(),
            ..self
        }
    }

    /// Bytes of its texts.
    pub fn heap_bytes(&self) -> usize {
        let texts = [
            &self.source_ip,
            &self.destination_ip,
            &self.destination_domain,
            &self.host,
            &self.account,
            &self.vhost,
            &self.url,
            &self.file,
            &self.container,
        ];
        texts.into_iter().flatten().chain(&self.called).map(|text| text.len()).sum()
    }

    /// The entities that a record names.
    pub fn of(fields: &Fields<'_>) -> Self {
        let take = |canon| fields.get(canon).map(|value| clip(value).into());
        Self {
            url: take(Canon::UrlPath).or_else(|| take(Canon::UrlFull)),
            file: take(Canon::FilePath).or_else(|| take(Canon::FileName)),
            source_bytes: fields.number(Canon::SourceBytes),
            destination_bytes: fields.number(Canon::DestinationBytes),
            session: fields.get(Canon::LogonId).and_then(number),
            called: called(fields),
            ..Self::of_who(Self::who(fields).map(|text| text.map(Into::into)))
        }
    }

    /// Who and where: the texts that a [reduced](Self::reduced) subject of a record has, in the order of its fields.
    pub fn who<'f>(fields: &'f Fields<'_>) -> [Option<Cow<'f, str>>; WHO] {
        let take = |canon| fields.get(canon).map(clip);
        let entity =
            |canon| fields.get(canon).map(|v| address_v6(v).map_or_else(|| clip(v), |ip| ip.to_string().into()));
        let (domain, user) = match is_of_target(fields) {
            true => (Canon::TargetUserDomain, Canon::TargetUserName),
            false => (Canon::UserDomain, Canon::UserName),
        };
        let account = match (take(domain), take(user)) {
            (Some(domain), Some(user)) if !user.contains(['\\', '@']) && !matches!(&*domain, "" | "-") => {
                Some(format!("{domain}\\{user}").into())
            }
            (_, user) => user,
        };
        [
            entity(Canon::SourceIp),
            entity(Canon::DestinationIp),
            take(Canon::DestinationDomain).or_else(|| take(Canon::DnsQuestion)),
            take(Canon::HostName),
            account,
            take(Canon::UrlDomain),
            take(Canon::Container),
        ]
    }

    /// The reduced subject of these texts.
    pub fn of_who(texts: [Option<Box<str>>; WHO]) -> Self {
        let [source_ip, destination_ip, destination_domain, host, account, vhost, container] = texts;
        Self { source_ip, destination_ip, destination_domain, host, account, vhost, container, ..Self::default() }
    }

    /// The texts of the reduced subject.
    pub fn who_texts(&self) -> [Option<&str>; WHO] {
        let Self { source_ip, destination_ip, destination_domain, host, account, vhost, container, .. } = self;
        [source_ip, destination_ip, destination_domain, host, account, vhost, container].map(Option::as_deref)
    }
}

/// Events of Windows' security log of which the target is who acts: somebody logged on or off, tried to, or was given a ticket. The subject is the
/// service that did it for them. SOURCE: the events' own texts, "New Logon" and "Account For Which Logon Failed" beside "Subject".
const LOGONS: [&[u8]; 8] = [b"4624", b"4625", b"4634", b"4647", b"4768", b"4769", b"4771", b"4776"];
/// Accounts of the system.
const NOBODY: [&str; 4] = ["ANONYMOUS LOGON", "SYSTEM", "LOCAL SERVICE", "NETWORK SERVICE"];

/// Whether who acts in a record is its target: a person logged on, for whom a service spoke.
fn is_of_target(fields: &Fields<'_>) -> bool {
    let is_logon = fields.get(Canon::EventCode).is_some_and(|code| LOGONS.contains(&code));
    let is_one = |canon| fields.get(canon).is_some_and(|user| is_person(&String::from_utf8_lossy(user)));
    is_logon && !is_one(Canon::UserName) && is_one(Canon::TargetUserName)
}

/// Whether an account is one that people use: computers, services and nobody log on to each other all the time.
pub fn is_person(account: &str) -> bool {
    let user = account.rsplit_once('\\').map_or(account, |(_, user)| user);
    let is_system = NOBODY.iter().any(|known| user.eq_ignore_ascii_case(known));
    !user.is_empty() && user != "-" && !user.ends_with('$') && !is_system
}

/// The address that an IPv6 text is, brackets aside, for it to be written in one way: IPv4 where it is mapped, else as
/// RFC 5952 has it. `None` for all other text, IPv4 included, which has one spelling only.
pub fn address_v6(text: &[u8]) -> Option<IpAddr> {
    memchr::memchr(b':', text)?;
    let bare = text.strip_prefix(b"[").and_then(|t| t.strip_suffix(b"]")).unwrap_or(text);
    let ip: Ipv6Addr = std::str::from_utf8(bare).ok()?.parse().ok()?;
    Some(ip.to_canonical())
}

/// A value as text of at most [`VALUE_LIMIT_BYTES`].
fn clip(value: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(value) {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..text.floor_char_boundary(VALUE_LIMIT_BYTES)]),
        Cow::Owned(mut text) => {
            text.truncate(text.floor_char_boundary(VALUE_LIMIT_BYTES));
            Cow::Owned(text)
        }
    }
}

/// Formats whose records are written by a system about what was done on it.
pub const OF_HOSTS: &[&str] = &["evtx", "windows_json", "windows_xml", "auditd"];

impl Outcome {
    /// What a record of a format, or the one that it holds, says became of what it tells of: a system writes of what was done on it, so
    /// that this has happened where it does not say otherwise.
    pub fn told(format: &str, fields: &Fields<'_>) -> Self {
        match Self::of(fields) {
            Self::Unknown if OF_HOSTS.contains(&fields.inside.unwrap_or(format)) => Self::Succeeded,
            outcome => outcome,
        }
    }

    /// What the response side of a record says: HTTP status, `event.outcome`, a firewall's action.
    pub fn of(fields: &Fields<'_>) -> Self {
        match fields.get(Canon::EventOutcome) {
            Some(b"success") => return Self::Succeeded,
            Some(b"failure") => return Self::Failed,
            _ => {}
        }
        match fields.number(Canon::HttpStatus) {
            Some(200..=399) => Self::Succeeded,
            Some(400..=599) => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

/// The addresses that the commands of a record call.
fn called(fields: &Fields<'_>) -> Box<[Box<str>]> {
    let command = fields.get(Canon::ProcessCommandLine).unwrap_or_default();
    called::addresses(command).iter().map(|ip| ip.to_string().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_on_is_the_target_for_whom_a_service_spoke() {
        let account = |code: &'static str, by: &'static str, target: &'static str| {
            let mut fields = Fields::default();
            for (canon, value) in [
                (Canon::EventCode, code),
                (Canon::UserDomain, "HC"),
                (Canon::UserName, by),
                (Canon::TargetUserDomain, "HC"),
                (Canon::TargetUserName, target),
            ] {
                fields.push(Some(canon), b"x", value.as_bytes(), crate::model::fields::Kind::Str);
            }
            Subject::who(&fields)[4].as_deref().map(str::to_owned).unwrap()
        };
        for by in ["HC-FS01$", "SYSTEM", "-"] {
            assert_eq!(account("4624", by, "j.doe"), r"HC\j.doe", "{by}");
        }
        assert_eq!(account("4624", "j.doe", "admin"), r"HC\j.doe", "as another one, by somebody");
        assert_eq!(account("4624", "HC-FS01$", "HC-WEB$"), r"HC\HC-FS01$");
        assert_eq!(account("4732", "HC-FS01$", "Administrators"), r"HC\HC-FS01$", "a group");
    }

    #[test]
    fn an_address_has_one_spelling_and_other_text_stays() {
        let told = |text: &str| address_v6(text.as_bytes()).map(|ip| ip.to_string());
        assert_eq!(told("::ffff:198.51.100.7").as_deref(), Some("198.51.100.7"));
        assert_eq!(told("::FFFF:C633:6407").as_deref(), Some("198.51.100.7"));
        assert_eq!(told("2001:DB8:0:0:0:0:0:7").as_deref(), Some("2001:db8::7"));
        assert_eq!(told("[2001:db8::7]").as_deref(), Some("2001:db8::7"));
        assert_eq!((told("198.51.100.7"), told("files.example:443"), told("fe80::1%eth0")), (None, None, None));
    }
}
