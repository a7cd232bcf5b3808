//! What one record says of traffic: which kind of observer wrote it, and who spoke with whom.

use super::actions::{administers, says, sends};
use super::{files, key, mail, tunnel};
use crate::model::access::Access;
use crate::model::fields::{Canon, Fields};
use crate::model::lasted::{Lasted, Side, Unit};
use crate::model::observation::Seen;
use crate::model::rule::Outcome;
use crate::model::time::Span;
use crate::model::whose::is_private;

/// How the records of a format tell of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// Web servers' access logs.
    Access,
    /// Extended log files of web servers and proxies.
    Extended,
    /// Squid's own log.
    Squid,
    /// Flow records of virtual networks.
    VpcFlow,
    /// Audit of object stores and SaaS.
    Cloud,
    /// Zeek's logs.
    Zeek,
    /// Logs of name servers.
    Names,
    /// Syslog messages.
    Syslog,
    /// JSON objects.
    Json,
    /// Named pairs.
    Pairs,
    /// Tables.
    Table,
    /// Formats that tell of none.
    Silent,
}

impl Teller {
    /// How a format tells.
    pub fn of(format: &str) -> Self {
        match format {
            "access" => Self::Access,
            "w3c" => Self::Extended,
            "squid" => Self::Squid,
            "vpcflow" | "azure_flow" => Self::VpcFlow,
            "cloudtrail" | "m365" | "azure" | "gcp" => Self::Cloud,
            "zeek" | "zeek_json" => Self::Zeek,
            "bind" | "windows_dns" => Self::Names,
            "journald" | "syslog3164" | "syslog5424" => Self::Syslog,
            "json" => Self::Json,
            "cef" | "kv" | "leef" => Self::Pairs,
            "csv" => Self::Table,
            _ => Self::Silent,
        }
    }
}

/// Packs the key of the conversation that a record belongs to; false where it tells of no traffic. What of a name asked
/// for lies below the domain in the key goes to `below`.
pub fn key(teller: Teller, fields: &Fields<'_>, out: &mut Vec<u8>, below: &mut Vec<u8>) -> bool {
    below.clear();
    let Some(seen) = kind(teller, fields).filter(|seen| !is_administrative(*seen, fields)) else { return false };
    let port = fields.number(Canon::DestinationPort).and_then(|p| u16::try_from(p).ok()).unwrap_or(0);
    let mail = if seen == Seen::Mail { mail::outward(fields) } else { None };
    let outward = mail == Some(true);
    let outcome = if seen == Seen::FileServer { files::outcome(fields) } else { outcome(fields) };
    key::head(seen, port, sends(seen, fields) || outward || fields.uploads, outcome, out);
    // Of a mail that left, the next server is one of many on its way; one inside may have a log of its own.
    let is_inside = |server: &[u8]| address_of(server).is_some_and(is_private);
    let get = |canon| fields.get(canon).filter(|to| !outward || canon != Canon::DestinationIp || is_inside(to));
    // A mail server that tells of its own mail in parts sends it, whoever handed it in. A sensor that saw a mail does not.
    let is_in_parts = fields.observer == Some(Seen::Mail) && fields.has(Canon::SessionId);
    let server = || fields.get(Canon::HostName).filter(|_| is_in_parts);
    let client = server().or_else(|| get(Canon::SourceIp)).or_else(|| get(Canon::SourceDomain));
    key::entity(client.unwrap_or_default(), out);
    key::entity(get(Canon::DestinationIp).unwrap_or_default(), out);
    match mail {
        Some(_) => {
            let at = out.len();
            out.extend([0, 0]);
            mail::domains(fields, out);
            key::close(at, out);
        }
        None => name(seen, fields, out, below),
    }
    match mail.and_then(|_| mail::sender(fields)).filter(|_| !fields.has(Canon::UserName)) {
        Some(sender) => key::lower(sender, out),
        None => account(fields, out),
    }
    key::text(&[get(Canon::HostName).unwrap_or_default()], out);
    key::entity(translated(fields).unwrap_or_default(), out);
    fields.uploads || key::names_anybody(out)
}

/// Whether a record of a cloud service tells of a sign-in, or of a call about how something is set up: neither gives data, but for the
/// calls of which the format knows that they do.
fn is_administrative(seen: Seen, fields: &Fields<'_>) -> bool {
    seen == Seen::Cloud
        && !fields.access.has(Access::GIVES)
        && (fields.access.is_of_management_alone()
            || fields.access.has(Access::ADMINISTRATION)
            || fields.get(Canon::EventAction).is_some_and(administers))
}

/// The same of a record of any log, where its service has no log of its own for what was done with data.
pub fn is_beside_data(teller: Teller, fields: &Fields<'_>) -> bool {
    let is_of_cloud = fields.observer.map_or(teller == Teller::Cloud, |seen| seen == Seen::Cloud);
    // Google Workspace has one of sign-ins beside that of its drive, Salesforce an event of them.
    let is_apart = fields.access.is_of_management_alone() || fields.get(Canon::EventDataset).is_some_and(administers);
    is_of_cloud && !is_apart && is_administrative(Seen::Cloud, fields)
}

/// The address that a firewall made of the client's, where it is another one.
fn translated<'f>(fields: &'f Fields<'_>) -> Option<&'f [u8]> {
    let nat = fields.get(Canon::NatIp)?;
    let is_one = address_of(nat).is_some_and(|ip| !ip.is_unspecified() && !ip.is_loopback());
    (is_one && fields.get(Canon::SourceIp) != Some(nat)).then_some(nat)
}

/// Bytes from client to server and back, as far as logged. A DNS question carries its name out. A record of one way of a
/// flow moved nothing the other way, which has a record of its own; what a packet filter rejected did not move.
pub fn bytes(teller: Teller, fields: &Fields<'_>, packed: &[u8]) -> (Option<u64>, Option<u64>) {
    if is_stopped(teller, fields) {
        return (Some(0), Some(0));
    }
    if tunnel::of(fields) == Some(tunnel::Tunnel::OfGateway) {
        return tunnel::through((fields.number(Canon::SourceBytes), fields.number(Canon::DestinationBytes)));
    }
    if teller == Teller::VpcFlow {
        let (up, down) = (fields.number(Canon::SourceBytes), fields.number(Canon::DestinationBytes));
        return (up.or(down.map(|_| 0)), down.or(up.map(|_| 0)));
    }
    // A record of a transfer, or of an object that was fetched or put, is of one way.
    let of_files = || key::seen(packed) == Some(Seen::FileServer);
    if matches!(fields.observer, Some(Seen::FileTransfer | Seen::Cloud)) || of_files() {
        let (up, down) = (fields.number(Canon::SourceBytes), fields.number(Canon::DestinationBytes));
        return (up.or(down.map(|_| 0)), down.or(up.map(|_| 0)));
    }
    if key::seen(packed) == Some(Seen::Dns) {
        return (fields.get(Canon::DnsQuestion).map(|name| name.len() as u64), None);
    }
    (fields.number(Canon::SourceBytes), fields.number(Canon::DestinationBytes))
}

/// Bytes of both ways together, where a record at the edge says no more than that.
pub fn joint(fields: &Fields<'_>, packed: &[u8]) -> Option<u64> {
    let is_edge = matches!(key::seen(packed), Some(Seen::Flow | Seen::Firewall));
    let is_told = fields.has(Canon::SourceBytes) || fields.has(Canon::DestinationBytes);
    fields.number(Canon::NetworkBytes).filter(|_| is_edge && !is_told)
}

/// Whether it tells of a flow that was rejected.
pub fn is_stopped(teller: Teller, fields: &Fields<'_>) -> bool {
    teller == Teller::VpcFlow && outcome(fields) == Outcome::Failed
}

/// From when to when that moved which a record counts; `None` where it has no time. Of a session with a number the seconds are
/// known by their name alone.
pub fn span(fields: &Fields<'_>) -> Option<Span> {
    let at = fields.time?.at;
    let mut lasted = fields.lasted;
    if let (true, Some(took)) = (fields.has(Canon::SessionId), fields.get(Canon::EventDuration)) {
        let mut of_session = Lasted::default();
        of_session.took(took, Unit::Seconds, Side::Before);
        lasted = lasted.or(of_session);
    }
    Some(lasted.span(at))
}

/// The name of the other side: bucket, domain asked for, virtual host. Lower case, without a final dot.
fn name(seen: Seen, fields: &Fields<'_>, out: &mut Vec<u8>, below: &mut Vec<u8>) {
    let asked = || fields.get(Canon::UrlDomain).or_else(|| host_of(fields));
    let name = match seen {
        Seen::Cloud => fields.get(Canon::Container).or_else(asked),
        Seen::Dns => fields.get(Canon::DnsQuestion),
        _ => fields.get(Canon::DestinationDomain).or_else(asked),
    };
    let at = out.len();
    key::text(&[name.unwrap_or_default()], out);
    if name.is_none() {
        return;
    }
    let length = out[at + 2..].iter().rposition(|&b| b != b'.').map_or(0, |last| last + 1);
    out.truncate(at + 2 + length);
    out[at + 2..].make_ascii_lowercase();
    if seen == Seen::Dns {
        let registered = psl::domain(&out[at + 2..]).map_or(length, |domain| domain.as_bytes().len());
        below.extend(out.drain(at + 2..at + 2 + length - registered));
        below.pop_if(|last| *last == b'.');
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
fn kind(teller: Teller, fields: &Fields<'_>) -> Option<Seen> {
    let has = |canon| fields.has(canon);
    let bytes = || has(Canon::SourceBytes) || has(Canon::DestinationBytes) || has(Canon::NetworkBytes);
    let pair = || has(Canon::SourceIp) && (has(Canon::DestinationIp) || has(Canon::DestinationDomain));
    if let Some(seen) = fields.observer {
        let asked = has(Canon::UrlFull) || has(Canon::UrlDomain) || has(Canon::DestinationDomain);
        let names_both = match seen {
            Seen::Web | Seen::Cloud => has(Canon::SourceIp) || has(Canon::SourceDomain),
            // A server names its clients, a client's tool the server, but where that stands in its settings alone.
            Seen::FileTransfer | Seen::FileServer => {
                fields.uploads || has(Canon::SourceIp) || has(Canon::SourceDomain) || has(Canon::DestinationIp) || asked
            }
            Seen::Proxy => has(Canon::SourceIp) && (asked || pair()),
            // What failed and has no bytes never came to be.
            Seen::Flow | Seen::Firewall => pair() && (bytes() || outcome(fields) != Outcome::Failed),
            Seen::Dns => has(Canon::DnsQuestion) && has(Canon::SourceIp),
            // What a server hands to itself goes through a filter, and comes back.
            Seen::Mail if is_loop(fields) => false,
            Seen::Mail => has(Canon::EmailTo) || asked || pair(),
        };
        return names_both.then_some(seen);
    }
    if tunnel::of(fields).is_some() && bytes() && has(Canon::SourceIp) {
        return Some(Seen::Firewall);
    }
    let of_proxy = |http: Seen| if has(Canon::HttpMethod) { Seen::Proxy } else { http };
    match teller {
        Teller::Access => Some(Seen::Web),
        Teller::Squid => Some(Seen::Proxy),
        Teller::VpcFlow => pair().then_some(Seen::Flow),
        Teller::Cloud => Some(Seen::Cloud),
        Teller::Zeek => zeek(fields),
        Teller::Extended if fields.get(Canon::EventDataset) == Some(b"proxy") => Some(Seen::Proxy),
        Teller::Extended if files::is_of_ftp(fields) => files::moves(fields).then_some(Seen::FileServer),
        Teller::Extended if has(Canon::HttpMethod) => Some(if forwards(fields) { Seen::Proxy } else { Seen::Web }),
        Teller::Extended => (pair() && bytes()).then_some(Seen::Flow),
        Teller::Names | Teller::Syslog if has(Canon::DnsQuestion) && has(Canon::SourceIp) => Some(Seen::Dns),
        Teller::Names | Teller::Silent => None,
        // A packet of a conversation that was let through; its bytes are not logged.
        Teller::Syslog if pair() && fields.get(Canon::EventDataset) == Some(b"netfilter") => Some(Seen::Firewall),
        // An alert of an intrusion detection tells of a connection, not of what it moved.
        Teller::Json if !bytes() && fields.get(Canon::EventDataset) == Some(b"alert") => None,
        // The answer repeats the question.
        Teller::Json if has(Canon::DnsQuestion) && has(Canon::SourceIp) => {
            let answers = |word: &[u8]| matches!(word, b"answer" | b"response");
            (!fields.get(Canon::EventAction).is_some_and(answers)).then_some(Seen::Dns)
        }
        // What a security profile says of a request is counted by the record of its session as well.
        Teller::Pairs | Teller::Syslog | Teller::Json | Teller::Table if pair() && bytes() && is_of_profile(fields) => {
            Some(Seen::Proxy)
        }
        Teller::Pairs | Teller::Syslog | Teller::Json if pair() && (bytes() || has(Canon::EventAction)) => {
            Some(of_proxy(Seen::Firewall))
        }
        Teller::Json => (has(Canon::HttpMethod) && has(Canon::SourceIp)).then_some(Seen::Web),
        // Whoever logs URLs of others with who asked for them is a proxy, also where no bytes are logged.
        Teller::Table if has(Canon::SourceIp) && (has(Canon::UrlFull) || has(Canon::UrlDomain)) => Some(Seen::Proxy),
        Teller::Table => (pair() && bytes()).then(|| of_proxy(Seen::Flow)),
        Teller::Pairs | Teller::Syslog => None,
    }
}

/// Whether a mail goes to the server that has it.
fn is_loop(fields: &Fields<'_>) -> bool {
    fields.get(Canon::DestinationIp).and_then(address_of).is_some_and(|ip| ip.is_loopback())
}

fn address_of(text: &[u8]) -> Option<std::net::IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether a record is one of FortiGate's security profiles: its type says so, or the first two digits of its number.
fn is_of_profile(fields: &Fields<'_>) -> bool {
    let is_numbered = |code: &[u8]| code.len() == 10 && code.iter().all(u8::is_ascii_digit) && !code.starts_with(b"00");
    let kind = fields.get(Canon::EventDataset).unwrap_or_default();
    kind == b"utm"
        || kind.starts_with(b"utm:")
        || fields.has(Canon::SessionId) && fields.get(Canon::EventCode).is_some_and(is_numbered)
}

/// What Zeek's log of this name tells of.
fn zeek(fields: &Fields<'_>) -> Option<Seen> {
    let dataset = fields.text(Canon::EventDataset)?;
    match dataset.rsplit('.').next().unwrap_or(dataset) {
        "conn" => Some(Seen::Flow),
        "dns" => Some(Seen::Dns),
        "http" => Some(Seen::Web),
        "smtp" => Some(Seen::Mail),
        "ftp" => Some(Seen::FileTransfer),
        _ => None,
    }
}

/// Whether a request was for another server than the one that logs it.
fn forwards(fields: &Fields<'_>) -> bool {
    fields.has(Canon::DestinationDomain)
        || fields.get(Canon::HttpMethod).is_some_and(|method| method.eq_ignore_ascii_case(b"CONNECT"))
        || fields.text(Canon::UrlFull).is_some_and(|url| url.contains("://"))
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

/// What the response side says, and the words of firewalls and proxies that the fields leave open.
pub fn outcome(fields: &Fields<'_>) -> Outcome {
    let told = Outcome::of(fields);
    let refused = |action| says(action, &["deny", "denied", "drop", "block", "reject"]);
    if told == Outcome::Unknown && fields.get(Canon::EventAction).is_some_and(refused) {
        return Outcome::Failed;
    }
    told
}

/// Which log was cleared, where the record says that one was: Windows events 1102 (in the security log itself) and 104 (in
/// the system log, of another one, which is empty where it is not named).
pub fn cleared<'f>(fields: &'f Fields<'_>) -> Option<&'f [u8]> {
    let code = fields.number(Canon::EventCode).filter(|code| matches!(code, 1102 | 104))?;
    if !fields.get(Canon::EventProvider).is_some_and(|provider| says(provider, &["eventlog"])) {
        return None;
    }
    // Of event 104 the first channel is that of the record.
    let mut channels = fields.iter().filter(|field| field.canon == Some(Canon::EventDataset));
    let mut cleared = || channels.nth(1).map_or(&b""[..], |field| fields.bytes(field.value));
    Some(if code == 1102 { b"Security" } else { cleared() })
}

/// Who tells of traffic in a record that is not read as such by this version.
pub fn unread(teller: Teller, fields: &Fields<'_>) -> Option<Seen> {
    match (teller, fields.get(Canon::EventDataset)?) {
        (Teller::Syslog | Teller::Silent, b"cisco.asa") => Some(Seen::Firewall),
        (Teller::Syslog, b"mail.sent") => Some(Seen::Mail),
        _ => None,
    }
}

/// Whether a record says that the log lost others: flows that AWS could not record.
pub fn skipped(teller: Teller, fields: &Fields<'_>) -> bool {
    teller == Teller::VpcFlow && fields.get(Canon::EventCode) == Some(b"SKIPDATA")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;
    use crate::model::observation::ObservationKey;

    fn key_of(format: &str, fields: &Fields<'_>) -> Option<ObservationKey> {
        let mut packed = Vec::new();
        key(Teller::of(format), fields, &mut packed, &mut Vec::new()).then(|| key::view(&packed).to_owned())
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
    fn a_mail_is_sent_by_the_server_that_tells_of_it_in_parts_and_by_the_client_that_a_sensor_saw() {
        let mut fields = record(&[
            (Canon::SourceIp, "10.0.0.5"),
            (Canon::DestinationIp, "203.0.113.9"),
            (Canon::HostName, "host1"),
            (Canon::SessionId, "C1"),
            (Canon::EventDataset, "zeek.smtp"),
            (Canon::EmailFrom, "a@hc.example"),
            (Canon::EmailTo, "b@x.example"),
        ]);
        assert_eq!(&*key_of("zeek", &fields).unwrap().client, "10.0.0.5");
        fields.observer = Some(Seen::Mail);
        assert_eq!(&*key_of("syslog3164", &fields).unwrap().client, "host1");
    }

    #[test]
    fn an_address_has_one_spelling() {
        let pairs = |from| record(&[(Canon::SourceIp, from), (Canon::DestinationIp, "2001:DB8:0:0:0:0:0:7")]);
        let key = key_of("access", &pairs("::ffff:198.51.100.7")).unwrap();
        assert_eq!((&*key.client, &*key.server), ("198.51.100.7", "2001:db8::7"));
        assert_eq!(&*key_of("access", &pairs("web.example:443")).unwrap().client, "web.example:443");
    }

    #[test]
    fn an_address_is_translated_where_it_becomes_another_one() {
        let to =
            |nat| record(&[(Canon::SourceIp, "10.0.0.5"), (Canon::DestinationIp, "203.0.113.9"), (Canon::NatIp, nat)]);
        let nat = |nat| {
            let action = (Canon::EventAction, "close");
            let mut fields = to(nat);
            fields.push(Some(action.0), b"x", action.1.as_bytes(), Kind::Str);
            key_of("kv", &fields).unwrap().nat
        };
        assert_eq!(&*nat("::ffff:198.51.100.1"), "198.51.100.1");
        for none in ["10.0.0.5", "0.0.0.0", "", "-", "N/A"] {
            assert_eq!(&*nat(none), "", "{none}");
        }
    }

    #[test]
    fn a_question_carries_its_name_out() {
        let question = (Canon::DnsQuestion, "a1.x.evil.example");
        let fields = record(&[(Canon::SourceIp, "10.0.0.5"), question, (Canon::EventDataset, "zeek.dns")]);
        let mut packed = Vec::new();
        let mut below = Vec::new();
        assert!(key(Teller::Zeek, &fields, &mut packed, &mut below));
        assert_eq!(below, b"a1.x");
        assert_eq!(bytes(Teller::Zeek, &fields, &packed), (Some(17), None));
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
        let channel = |name| (Canon::EventDataset, name);
        let told = |code, channels: &[_]| {
            let record = record(&[&[(Canon::EventCode, code), windows], channels].concat());
            cleared(&record).map(|channel| String::from_utf8_lossy(channel).into_owned())
        };
        assert_eq!(told("1102", &[channel("Security")]).as_deref(), Some("Security"));
        assert_eq!(told("104", &[channel("System"), channel("Application")]).as_deref(), Some("Application"));
        assert_eq!(told("104", &[channel("System")]).as_deref(), Some(""), "which one is not said");
        assert!(cleared(&record(&[(Canon::EventCode, "4624"), windows])).is_none());
        assert!(cleared(&record(&[(Canon::EventCode, "104"), (Canon::EventProvider, "Other")])).is_none());
    }
}
