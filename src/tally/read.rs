//! What one record says of traffic: which kind of observer wrote it, and who spoke with whom.

use crate::model::fields::{Canon, Fields};
use crate::model::observation::{ObservationKey, Seen};
use crate::model::rule::Outcome;
use crate::model::subject::Subject;

/// The key of the observation that a record belongs to; `None` where it tells of no traffic.
pub fn key(format: &str, fields: &Fields<'_>) -> Option<ObservationKey> {
    let seen = kind(format, fields)?;
    let subject = Subject::of(fields);
    let some = |text: Option<Box<str>>| text.unwrap_or_default();
    let client = some(subject.source_ip.clone().or_else(|| fields.text(Canon::SourceDomain).map(Into::into)));
    let asked = subject.vhost.clone().or_else(|| host_of(fields).map(Into::into));
    let name = match seen {
        Seen::Cloud => subject.container.clone().or(asked),
        Seen::Dns => fields.text(Canon::DnsQuestion).map(registered),
        _ => fields.text(Canon::DestinationDomain).map(Into::into).or(asked),
    };
    let name: Box<str> = some(name).trim_end_matches('.').to_ascii_lowercase().into();
    let server = some(subject.destination_ip.clone());
    if client.is_empty() && server.is_empty() && name.is_empty() {
        return None;
    }
    Some(ObservationKey {
        seen,
        client,
        server,
        name,
        account: some(subject.account),
        host: some(subject.host),
        port: fields.number(Canon::DestinationPort).and_then(|p| u16::try_from(p).ok()).unwrap_or(0),
        sends: sends(fields),
        outcome: outcome(fields),
        hour: fields.time.map(|stamp| stamp.at.hour()),
    })
}

/// Which kind of observer wrote the record.
fn kind(format: &str, fields: &Fields<'_>) -> Option<Seen> {
    let has = |canon| fields.get(canon).is_some();
    let bytes = has(Canon::SourceBytes) || has(Canon::DestinationBytes);
    let pair = has(Canon::SourceIp) && (has(Canon::DestinationIp) || has(Canon::DestinationDomain));
    let forwards = has(Canon::DestinationDomain)
        || fields.text(Canon::HttpMethod).is_some_and(|m| m.eq_ignore_ascii_case("CONNECT"))
        || fields.text(Canon::UrlFull).is_some_and(|u| u.contains("://"));
    match format {
        "access" => Some(Seen::Web),
        "w3c" if has(Canon::HttpMethod) => Some(if forwards { Seen::Proxy } else { Seen::Web }),
        "squid" => Some(Seen::Proxy),
        "cloudtrail" | "m365" | "azure" | "gcp" => Some(Seen::Cloud),
        "zeek" | "zeek_json" => match fields.text(Canon::EventDataset).map(|d| d.rsplit('.').next().unwrap_or(d)) {
            Some("conn") => Some(Seen::Flow),
            Some("dns") => Some(Seen::Dns),
            Some("http") => Some(Seen::Web),
            Some("smtp") => Some(Seen::Mail),
            Some("ftp") => Some(Seen::FileTransfer),
            _ => None,
        },
        "kv" | "syslog3164" | "syslog5424" | "json" if pair && (bytes || has(Canon::EventAction)) => {
            Some(if has(Canon::HttpMethod) { Seen::Proxy } else { Seen::Firewall })
        }
        "csv" | "w3c" if pair && bytes => Some(if has(Canon::HttpMethod) { Seen::Proxy } else { Seen::Flow }),
        "json" if has(Canon::HttpMethod) && has(Canon::SourceIp) => Some(Seen::Web),
        _ => None,
    }
}

/// Host part of what was asked for: of a whole URL, or of `CONNECT host:port`.
fn host_of<'f>(fields: &'f Fields<'_>) -> Option<&'f str> {
    let url = fields.text(Canon::UrlFull)?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

fn registered(question: &str) -> Box<str> {
    let name = question.trim_end_matches('.').to_ascii_lowercase();
    psl::domain_str(&name).unwrap_or(&name).into()
}

fn sends(fields: &Fields<'_>) -> bool {
    if let Some(method) = fields.text(Canon::HttpMethod) {
        return ["POST", "PUT", "PATCH", "CONNECT", "MKCOL"].iter().any(|m| method.eq_ignore_ascii_case(m));
    }
    fields.text(Canon::EventAction).is_some_and(|action| {
        let action = action.to_ascii_lowercase();
        ["put", "upload", "stor", "createmultipart"].iter().any(|word| action.contains(word))
    })
}

/// What the response side says, and the words of firewalls and proxies that the fields leave open.
fn outcome(fields: &Fields<'_>) -> Outcome {
    let told = Outcome::of(fields);
    let refused = || {
        let action = fields.text(Canon::EventAction)?.to_ascii_lowercase();
        ["deny", "denied", "drop", "block", "reject"]
            .iter()
            .any(|word| action.contains(word))
            .then_some(Outcome::Failed)
    };
    if told == Outcome::Unknown { refused().unwrap_or(told) } else { told }
}

/// What was cleared, where the record says so: Windows events 1102 (security log) and 104 (another log).
pub fn cleared(fields: &Fields<'_>) -> Option<String> {
    let provider = fields.text(Canon::EventProvider).unwrap_or_default().to_ascii_lowercase();
    let eventlog = provider.contains("eventlog");
    match fields.number(Canon::EventCode)? {
        1102 if eventlog => Some("the security log was cleared".to_owned()),
        104 if eventlog => Some("an event log was cleared".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    fn record(pairs: &[(Canon, &'static str)]) -> Fields<'static> {
        let mut fields = Fields::default();
        for (canon, value) in pairs {
            fields.push(Some(*canon), b"x", value.as_bytes(), Kind::Str);
        }
        fields
    }

    #[test]
    fn a_connect_names_its_host_and_may_send() {
        let fields = record(&[
            (Canon::SourceIp, "10.0.0.5"),
            (Canon::HttpMethod, "CONNECT"),
            (Canon::UrlFull, "files.example:443"),
        ]);
        let key = key("squid", &fields).unwrap();
        assert_eq!((key.seen, &*key.name, key.sends), (Seen::Proxy, "files.example", true));
    }

    #[test]
    fn a_firewall_that_denies_says_failed_and_text_says_nothing() {
        let pairs =
            [(Canon::SourceIp, "10.0.0.5"), (Canon::DestinationIp, "203.0.113.9"), (Canon::EventAction, "deny")];
        assert_eq!(key("kv", &record(&pairs)).unwrap().outcome, Outcome::Failed);
        assert_eq!(key("text", &record(&pairs)), None);
    }

    #[test]
    fn only_the_event_log_service_reports_a_clearing() {
        let windows = (Canon::EventProvider, "Microsoft-Windows-Eventlog");
        assert!(cleared(&record(&[(Canon::EventCode, "1102"), windows])).is_some());
        assert!(cleared(&record(&[(Canon::EventCode, "4624"), windows])).is_none());
        assert!(cleared(&record(&[(Canon::EventCode, "104"), (Canon::EventProvider, "Other")])).is_none());
    }
}
