//! What one record of Windows says of an account that logged on from elsewhere, or whose session ended.
//!
//! `4624` of the security log names account, session and address, `4634` and `4647` say that the session is over. Terminal services
//! tell of the same sessions of remote desktop by numbers of their own: `21` and `25` begin them, `23` and `24` end them.

use crate::model::fields::{Canon, Fields};
use crate::model::logons::{HERE, Logon, OF_DESKTOP, number};
use crate::model::place::{Place, RecordDigest};
use crate::model::subject::{VALUE_LIMIT_BYTES, is_person};
use crate::model::whose::address;

/// The logon, or the end of one, that a record tells of.
pub fn of(fields: &Fields<'_>, place: Place, digest: &dyn Fn(Place) -> RecordDigest) -> Option<Logon> {
    let (begins, is_desktop) = match fields.get(Canon::EventCode)? {
        b"4624" => (true, false),
        b"4634" | b"4647" => (false, false),
        b"21" | b"25" => (true, true),
        b"23" | b"24" => (false, true),
        _ => return None,
    };
    let is_of = |words: [&[u8]; 2]| {
        let stands = |canon| fields.get(canon).is_some_and(|text| words.iter().any(|word| text.starts_with(word)));
        stands(Canon::EventDataset) || stands(Canon::EventProvider)
    };
    let log: [&[u8]; 2] = match is_desktop {
        false => [b"Security", b"Microsoft-Windows-Security-Auditing"],
        true => [b"Microsoft-Windows-TerminalServices-LocalSessionManager", b"TerminalServices-LocalSessionManager"],
    };
    let session = number(fields.get(Canon::SessionId)?).filter(|_| is_of(log))?;
    let account = if is_desktop { joined(fields, Canon::UserDomain, Canon::UserName) } else { target(fields) };
    let kind = fields.get(Canon::LogonType).unwrap_or_default();
    let from = if begins { from(fields, kind)? } else { String::new() };
    if !is_person(&account) || SYSTEM.contains(&session) {
        return None;
    }
    let host = text(fields.get(Canon::HostName)?).to_ascii_lowercase();
    Some(Logon {
        at: fields.time?.at,
        host: host.into(),
        session: if is_desktop { session | OF_DESKTOP } else { session },
        address: from.into(),
        works: is_desktop || WORKING.contains(&kind),
        account: account.into(),
        place,
        sha256: digest(place),
    })
}

/// Sessions of the system and its services, by numbers that are the same on all computers.
const SYSTEM: [u64; 3] = [0x3e7, 0x3e4, 0x3e5];
/// Kinds of logons in which somebody may be at work from elsewhere: unlocked, with the password in clear, remote desktop.
const WORKING: [&[u8]; 4] = [b"7", b"8", b"10", b"12"];
/// Kinds of logons that no other computer is part of: at its keyboard, of tasks and services.
const HERE_ALONE: [&[u8]; 5] = [b"2", b"4", b"5", b"11", b"13"];

/// The address from which a logon came, and [`HERE`] where it was the computer itself at which somebody, or a task, works.
fn from(fields: &Fields<'_>, kind: &[u8]) -> Option<String> {
    let elsewhere = fields.get(Canon::SourceIp).and_then(|ip| address(&text(ip)));
    let elsewhere = elsewhere.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let here = || HERE_ALONE.contains(&kind).then(|| HERE.to_owned());
    elsewhere.map(|ip| ip.to_string()).or_else(here)
}

fn target(fields: &Fields<'_>) -> String {
    joined(fields, Canon::TargetUserDomain, Canon::TargetUserName)
}

/// `DOMAIN\user` where there is a domain.
fn joined(fields: &Fields<'_>, domain: Canon, user: Canon) -> String {
    let user = text(fields.get(user).unwrap_or_default());
    match text(fields.get(domain).unwrap_or_default()) {
        domain if domain.is_empty() || domain == "-" || user.contains(['\\', '@']) => user,
        domain => format!("{domain}\\{user}"),
    }
}

fn text(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text[..text.floor_char_boundary(VALUE_LIMIT_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;
    use crate::model::time::{Instant, Stamp};

    fn told(pairs: &[(Canon, &'static str)]) -> Option<(String, String, u64)> {
        let mut fields = Fields::default();
        for (canon, value) in pairs {
            fields.push(Some(*canon), b"x", value.as_bytes(), Kind::Str);
        }
        fields.time = Instant::from_secs(9).map(Stamp::certain);
        let place = Place { offset: 0, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
        of(&fields, place, &|_| RecordDigest([0; 32])).map(|l| (l.address.into(), l.account.into(), l.session))
    }

    #[test]
    fn a_logon_from_elsewhere_by_a_person_is_told_and_its_end() {
        use Canon::{EventCode, EventDataset, HostName, SessionId, SourceIp, TargetUserDomain, TargetUserName};
        let event = |code, user, from| {
            let what = [(EventCode, code), (EventDataset, "Security"), (HostName, "HC-FS01"), (SessionId, "0x1f")];
            let who = [(TargetUserName, user), (TargetUserDomain, "HC"), (SourceIp, from)];
            told(&[&what[..], &who].concat())
        };
        let session = Some(("10.2.0.9".to_owned(), "HC\\j.doe".to_owned(), 31));
        assert_eq!(event("4624", "j.doe", "::ffff:10.2.0.9"), session);
        assert_eq!(event("4634", "j.doe", "10.2.0.9").map(|told| told.0), Some(String::new()));
        for (code, user, from) in [
            ("4624", "hc-fs01$", "10.2.0.9"),
            ("4624", "SYSTEM", "10.2.0.9"),
            ("4624", "ANONYMOUS LOGON", "10.2.0.9"),
            ("4624", "j.doe", "127.0.0.1"),
            ("4624", "j.doe", "-"),
            ("4625", "j.doe", "10.2.0.9"),
            ("21", "j.doe", "10.2.0.9"),
        ] {
            assert_eq!(event(code, user, from), None, "{code} {user} {from}");
        }
    }

    #[test]
    fn terminal_services_number_their_own() {
        use Canon::{EventCode, EventDataset, HostName, SessionId, SourceIp, UserName};
        let log = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";
        let event = |code| {
            let what = [(EventCode, code), (EventDataset, log), (HostName, "hc-fs01"), (SessionId, "2")];
            told(&[&what[..], &[(UserName, "HC\\j.doe"), (SourceIp, "10.2.0.9")]].concat())
        };
        assert_eq!(event("25"), Some(("10.2.0.9".to_owned(), "HC\\j.doe".to_owned(), OF_DESKTOP | 2)));
        assert_eq!(event("24").map(|told| (told.0, told.2)), Some((String::new(), OF_DESKTOP | 2)));
    }
}
