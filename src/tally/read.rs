//! What one record says of traffic: which kind of observer wrote it, and who spoke with whom.

use super::key;
use crate::model::fields::{Canon, Fields};
use crate::model::observation::Seen;
use crate::model::rule::Outcome;

/// Packs the key of the conversation that a record belongs to; false where it tells of no traffic.
pub fn key(format: &str, fields: &Fields<'_>, out: &mut Vec<u8>) -> bool {
    let Some(seen) = kind(format, fields) else { return false };
    let port = fields.number(Canon::DestinationPort).and_then(|p| u16::try_from(p).ok()).unwrap_or(0);
    key::head(seen, port, sends(fields), outcome(fields), out);
    let get = |canon| fields.get(canon);
    key::entity(get(Canon::SourceIp).or_else(|| get(Canon::SourceDomain)).unwrap_or_default(), out);
    key::entity(get(Canon::DestinationIp).unwrap_or_default(), out);
    name(seen, fields, out);
    account(fields, out);
    key::text(&[get(Canon::HostName).unwrap_or_default()], out);
    key::names_anybody(out)
}

/// Bytes from client to server and back, as far as logged. A DNS question carries its name out. A record of one way of a
/// flow moved nothing the other way, which has a record of its own; what a packet filter rejected did not move.
pub fn bytes(format: &str, fields: &Fields<'_>, packed: &[u8]) -> (Option<u64>, Option<u64>) {
    if format == "vpcflow" {
        if outcome(fields) == Outcome::Failed {
            return (Some(0), Some(0));
        }
        let (up, down) = (fields.number(Canon::SourceBytes), fields.number(Canon::DestinationBytes));
        return (up.or(down.map(|_| 0)), down.or(up.map(|_| 0)));
    }
    if key::seen(packed) == Some(Seen::Dns) {
        return (fields.get(Canon::DnsQuestion).map(|name| name.len() as u64), None);
    }
    (fields.number(Canon::SourceBytes), fields.number(Canon::DestinationBytes))
}

/// The name of the other side: bucket, domain asked for, virtual host. Lower case, without a final dot.
fn name(seen: Seen, fields: &Fields<'_>, out: &mut Vec<u8>) {
    let asked = || fields.get(Canon::UrlDomain).or_else(|| host_of(fields));
    let name = match seen {
        Seen::Cloud => fields.get(Canon::Container).or_else(asked),
        Seen::Dns => fields.get(Canon::DnsQuestion),
        _ => fields.get(Canon::DestinationDomain).or_else(asked),
    };
    let at = out.len();
    key::text(&[name.unwrap_or_default()], out);
    let length = out[at + 2..].iter().rposition(|&b| b != b'.').map_or(0, |last| last + 1);
    out.truncate(at + 2 + length);
    out[at + 2..].make_ascii_lowercase();
    if seen == Seen::Dns {
        let registered = psl::domain(&out[at + 2..]).map_or(length, |domain| domain.as_bytes().len());
        out.drain(at + 2..at + 2 + length - registered);
    }
    key::close(at, out);
}

/// The account, as `DOMAIN\user` where the log has a domain.
fn account(fields: &Fields<'_>, out: &mut Vec<u8>) {
    match (fields.get(Canon::UserDomain), fields.get(Canon::UserName)) {
        (Some(domain), Some(user)) if memchr::memchr2(b'\\', b'@', user).is_none() => {
            key::text(&[domain, b"\\", user], out);
        }
        (_, user) => key::text(&[user.unwrap_or_default()], out),
    }
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
        "w3c" if fields.get(Canon::EventDataset) == Some(b"proxy") => Some(Seen::Proxy),
        "w3c" if has(Canon::HttpMethod) => Some(if forwards { Seen::Proxy } else { Seen::Web }),
        "squid" => Some(Seen::Proxy),
        "vpcflow" if pair => Some(Seen::Flow),
        "cloudtrail" | "m365" | "azure" | "gcp" => Some(Seen::Cloud),
        "zeek" | "zeek_json" => match fields.text(Canon::EventDataset).map(|d| d.rsplit('.').next().unwrap_or(d)) {
            Some("conn") => Some(Seen::Flow),
            Some("dns") => Some(Seen::Dns),
            Some("http") => Some(Seen::Web),
            Some("smtp") => Some(Seen::Mail),
            Some("ftp") => Some(Seen::FileTransfer),
            _ => None,
        },
        "bind" | "syslog3164" | "syslog5424" if has(Canon::DnsQuestion) && has(Canon::SourceIp) => Some(Seen::Dns),
        // A packet of a conversation that was let through; its bytes are not logged.
        "syslog3164" | "syslog5424" if pair && fields.get(Canon::EventDataset) == Some(b"netfilter") => {
            Some(Seen::Firewall)
        }
        // An alert of an intrusion detection tells of a connection, not of what it moved.
        "json" if !bytes && fields.get(Canon::EventDataset) == Some(b"alert") => None,
        // The answer repeats the question.
        "json" if has(Canon::DnsQuestion) && has(Canon::SourceIp) => {
            let answers = |word: &[u8]| matches!(word, b"answer" | b"response");
            (!fields.get(Canon::EventAction).is_some_and(answers)).then_some(Seen::Dns)
        }
        "cef" | "kv" | "syslog3164" | "syslog5424" | "json" if pair && (bytes || has(Canon::EventAction)) => {
            Some(if has(Canon::HttpMethod) { Seen::Proxy } else { Seen::Firewall })
        }
        // Whoever logs URLs of others with who asked for them is a proxy, also where no bytes are logged.
        "csv" if has(Canon::SourceIp) && (has(Canon::UrlFull) || has(Canon::UrlDomain)) => Some(Seen::Proxy),
        "csv" | "w3c" if pair && bytes => Some(if has(Canon::HttpMethod) { Seen::Proxy } else { Seen::Flow }),
        "json" if has(Canon::HttpMethod) && has(Canon::SourceIp) => Some(Seen::Web),
        _ => None,
    }
}

/// Host part of what was asked for: of a whole URL, or of `CONNECT host:port`.
fn host_of<'f>(fields: &'f Fields<'_>) -> Option<&'f [u8]> {
    let url = fields.get(Canon::UrlFull)?;
    let rest = memchr::memmem::find(url, b"://").map_or(url, |at| &url[at + 3..]);
    let authority = &rest[..rest.iter().position(|b| b"/?#".contains(b)).unwrap_or(rest.len())];
    let host = memchr::memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
    let host = match host.strip_prefix(b"[") {
        Some(v6) => &v6[..memchr::memchr(b']', v6).unwrap_or(v6.len())],
        None => &host[..memchr::memchr(b':', host).unwrap_or(host.len())],
    };
    (!host.is_empty()).then_some(host)
}

/// Whether one of these words (lower case) stands in a text, ASCII case ignored.
fn says(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())))
}

fn sends(fields: &Fields<'_>) -> bool {
    if let Some(method) = fields.get(Canon::HttpMethod) {
        let sending: [&[u8]; 5] = [b"POST", b"PUT", b"PATCH", b"CONNECT", b"MKCOL"];
        return sending.iter().any(|m| method.eq_ignore_ascii_case(m));
    }
    fields.get(Canon::EventAction).is_some_and(|action| says(action, &["put", "upload", "stor", "createmultipart"]))
}

/// What the response side says, and the words of firewalls and proxies that the fields leave open.
fn outcome(fields: &Fields<'_>) -> Outcome {
    let told = Outcome::of(fields);
    let refused = |action| says(action, &["deny", "denied", "drop", "block", "reject"]);
    if told == Outcome::Unknown && fields.get(Canon::EventAction).is_some_and(refused) {
        return Outcome::Failed;
    }
    told
}

/// What was cleared, where the record says so: Windows events 1102 (security log) and 104 (another log).
pub fn cleared(fields: &Fields<'_>) -> Option<&'static str> {
    let code = fields.number(Canon::EventCode)?;
    let what = match code {
        1102 => "the security log was cleared",
        104 => "an event log was cleared",
        _ => return None,
    };
    fields.get(Canon::EventProvider).is_some_and(|provider| says(provider, &["eventlog"])).then_some(what)
}

/// Who tells of traffic in a record that is not read as such by this version.
pub fn unread(format: &str, fields: &Fields<'_>) -> Option<Seen> {
    match (format, fields.get(Canon::EventDataset)?) {
        ("syslog3164" | "syslog5424", b"cisco.asa") => Some(Seen::Firewall),
        ("syslog3164" | "syslog5424", b"mail.sent") => Some(Seen::Mail),
        _ => None,
    }
}

/// Whether a record says that the log lost others: flows that AWS could not record.
pub fn skipped(format: &str, fields: &Fields<'_>) -> bool {
    format == "vpcflow" && fields.get(Canon::EventCode) == Some(b"SKIPDATA")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;
    use crate::model::observation::ObservationKey;

    fn key_of(format: &str, fields: &Fields<'_>) -> Option<ObservationKey> {
        let mut packed = Vec::new();
        key(format, fields, &mut packed).then(|| key::view(&packed).to_owned())
    }

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
        let key = key_of("squid", &fields).unwrap();
        assert_eq!((key.seen, &*key.name, key.sends), (Seen::Proxy, "files.example", true));
    }

    #[test]
    fn a_question_is_kept_by_its_registered_domain() {
        let name = |question| {
            let fields = record(&[
                (Canon::SourceIp, "10.0.0.5"),
                (Canon::DnsQuestion, question),
                (Canon::EventDataset, "zeek.dns"),
            ]);
            key_of("zeek", &fields).unwrap().name
        };
        assert_eq!(&*name("A1.x.Evil.Example."), "evil.example");
        assert_eq!(&*name("a.b.rv.gov.uk"), "rv.gov.uk");
        assert_eq!(&*name("localhost"), "localhost");
    }

    #[test]
    fn an_address_has_one_spelling() {
        let pairs = |from| record(&[(Canon::SourceIp, from), (Canon::DestinationIp, "2001:DB8:0:0:0:0:0:7")]);
        let key = key_of("access", &pairs("::ffff:198.51.100.7")).unwrap();
        assert_eq!((&*key.client, &*key.server), ("198.51.100.7", "2001:db8::7"));
        assert_eq!(&*key_of("access", &pairs("web.example:443")).unwrap().client, "web.example:443");
    }

    #[test]
    fn a_question_carries_its_name_out() {
        let question = (Canon::DnsQuestion, "a1.x.evil.example");
        let fields = record(&[(Canon::SourceIp, "10.0.0.5"), question, (Canon::EventDataset, "zeek.dns")]);
        let mut packed = Vec::new();
        assert!(key("zeek", &fields, &mut packed));
        assert_eq!(bytes("zeek", &fields, &packed), (Some(17), None));
    }

    #[test]
    fn a_firewall_that_denies_says_failed_and_text_says_nothing() {
        let pairs =
            [(Canon::SourceIp, "10.0.0.5"), (Canon::DestinationIp, "203.0.113.9"), (Canon::EventAction, "deny")];
        assert_eq!(key_of("kv", &record(&pairs)).unwrap().outcome, Outcome::Failed);
        assert_eq!(key_of("text", &record(&pairs)), None);
    }

    #[test]
    fn only_the_event_log_service_reports_a_clearing() {
        let windows = (Canon::EventProvider, "Microsoft-Windows-Eventlog");
        assert!(cleared(&record(&[(Canon::EventCode, "1102"), windows])).is_some());
        assert!(cleared(&record(&[(Canon::EventCode, "4624"), windows])).is_none());
        assert!(cleared(&record(&[(Canon::EventCode, "104"), (Canon::EventProvider, "Other")])).is_none());
    }
}
