//! What one record says of an address that was given to somebody.

use crate::model::assigned::{Assignment, Giver, Holder};
use crate::model::fields::{Canon, Fields};
use crate::model::place::{Place, RecordDigest};
use crate::model::rule::Outcome;
use crate::model::subject::VALUE_LIMIT_BYTES;
use crate::model::whose::address;

use super::read;

/// Hexadecimal digits of the address of a network card.
const CARD_DIGITS: usize = 12;

/// The assignment that a record tells of. A DHCP server names the address that it leases as that of the client.
pub fn of(fields: &Fields<'_>, place: Place, digest: &dyn Fn(Place) -> RecordDigest) -> Option<Assignment> {
    let dataset = fields.get(Canon::EventDataset).and_then(|dataset| dataset.rsplit(|byte| *byte == b'.').next());
    let is_lease = dataset == Some(b"dhcp");
    let given = || fields.get(Canon::SourceIp).filter(|_| is_lease);
    let given = text(fields.get(Canon::AssignedIp).or_else(given)?);
    let given = address(&given).filter(|ip| !ip.is_unspecified() && !ip.is_loopback())?;
    let giver = if is_lease { Giver::Dhcp } else { Giver::Vpn };
    let ends = ends(giver, fields)?;
    let at = fields.time?.at;
    let get = |canon| text(fields.get(canon).unwrap_or_default());
    let peer = if is_lease {
        String::new()
    } else {
        address(&get(Canon::SourceIp)).map(|ip| ip.to_string()).unwrap_or_default()
    };
    let holder = Holder {
        giver,
        account: account(fields).into(),
        host: get(Canon::SourceDomain).to_ascii_lowercase().into(),
        peer: peer.into(),
        card: if is_lease { card(fields).into() } else { "".into() },
    };
    Some(Assignment { at, address: given.to_string().into(), ends, holder, place, sha256: digest(place) })
}

/// Whether the record says that the address was given back; `None` where it says neither that nor that it is held.
fn ends(giver: Giver, fields: &Fields<'_>) -> Option<bool> {
    let Some(action) = fields.get(Canon::EventAction) else {
        return (read::outcome(fields) != Outcome::Failed).then_some(false);
    };
    let action = text(action).to_ascii_lowercase();
    let words = action.split(|c: char| !c.is_ascii_alphanumeric());
    let mut words = words.map(|word| word.strip_prefix("dhcp").unwrap_or(word));
    let is_of = |word: &str, heads: &[&str]| heads.iter().any(|head| word.starts_with(head));
    let (gives, takes): (&[&str], &[&str]) = match giver {
        // Nothing else than these is about a lease: a client that asks has none yet.
        Giver::Dhcp => (&["ack", "assign", "renew", "alloc"], &["releas", "expir", "delet"]),
        Giver::Vpn | Giver::Nat | Giver::Logon => {
            (&[""], &["down", "end", "disconnect", "logout", "logoff", "clos", "terminat", "teardown"])
        }
    };
    if words.clone().any(|word| is_of(word, takes)) {
        return Some(true);
    }
    (words.any(|word| is_of(word, gives)) && read::outcome(fields) != Outcome::Failed).then_some(false)
}

/// The address of a network card, as its digits; none where it has another number of them than such an address, and where it is
/// what stands for none, or for all.
fn card(fields: &Fields<'_>) -> String {
    let text = fields.get(Canon::SourceMac).unwrap_or_default();
    let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit()).map(|byte| char::from(byte.to_ascii_lowercase()));
    let digits: String = digits.take(CARD_DIGITS + 1).collect();
    let is_one = !digits.bytes().all(|digit| digit == b'0') && !digits.bytes().all(|digit| digit == b'f');
    if digits.len() == CARD_DIGITS && is_one { digits } else { String::new() }
}

/// The account, as `DOMAIN\user` where the log has a domain.
fn account(fields: &Fields<'_>) -> String {
    let user = text(fields.get(Canon::UserName).unwrap_or_default());
    match fields.get(Canon::UserDomain).map(text) {
        Some(domain) if !user.contains(['\\', '@']) && !user.is_empty() => format!("{domain}\\{user}"),
        _ => user,
    }
}

/// A value as text of bounded length; none for what stands for nothing.
fn text(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.trim() {
        "-" | "N/A" | "(null)" => String::new(),
        text => text[..text.floor_char_boundary(VALUE_LIMIT_BYTES)].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;
    use crate::model::time::{Instant, Stamp};

    fn told(pairs: &[(Canon, &'static str)]) -> Option<(String, bool, Holder)> {
        let mut fields = Fields::default();
        for (canon, value) in pairs {
            fields.push(Some(*canon), b"x", value.as_bytes(), Kind::Str);
        }
        fields.time = Instant::from_secs(9).map(Stamp::certain);
        let place = Place { offset: 0, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
        of(&fields, place, &|_| RecordDigest([0; 32])).map(|a| (a.address.into(), a.ends, a.holder))
    }

    #[test]
    fn a_session_holds_its_address_until_it_is_said_to_be_over() {
        use Canon::{AssignedIp, EventAction, EventOutcome, SourceIp, UserDomain, UserName};
        let session = |action| {
            let who = [(SourceIp, "203.0.113.9"), (UserName, "j.doe"), (UserDomain, "HC"), (AssignedIp, "10.2.250.7")];
            told(&[&who[..], &[(EventAction, action)]].concat())
        };
        let (address, ends, holder) = session("tunnel-up").unwrap();
        assert_eq!(
            (&*address, ends, &*holder.account, &*holder.peer),
            ("10.2.250.7", false, "HC\\j.doe", "203.0.113.9")
        );
        for (action, is_over) in [("tunnel-down", true), ("Session ended", true), ("gateway-config-release", false)] {
            assert_eq!(session(action).unwrap().1, is_over, "{action}");
        }
        assert_eq!(told(&[(AssignedIp, "10.2.250.7"), (EventOutcome, "failure")]), None);
        for none in ["0.0.0.0", "(null)", "", "::1", "10.2.250"] {
            assert_eq!(told(&[(AssignedIp, none)]), None, "{none}");
        }
    }

    #[test]
    fn a_lease_is_what_a_server_confirms() {
        use Canon::{EventAction, EventDataset, SourceDomain, SourceIp};
        let lease = |action| {
            told(&[(EventDataset, "dhcp"), (SourceIp, "10.2.0.50"), (SourceDomain, "HC-PC07"), (EventAction, action)])
        };
        assert_eq!(
            lease("DHCPACK").map(|told| (told.1, told.2.host, told.2.peer)),
            Some((false, "hc-pc07".into(), "".into()))
        );
        assert_eq!(lease("Renew").map(|told| told.1), Some(false));
        assert_eq!((lease("DHCPRELEASE").unwrap().1, lease("Lease Expired").unwrap().1), (true, true));
        let card =
            |mac| told(&[(EventDataset, "dhcp"), (SourceIp, "10.2.0.50"), (Canon::SourceMac, mac)]).unwrap().2.card;
        for (mac, digits) in [("00:15:5D:00:00:01", "00155d000001"), ("00155D000001", "00155d000001")] {
            assert_eq!(&*card(mac), digits, "{mac}");
        }
        for nobodys in ["00:00:00:00:00:00", "FFFFFFFFFFFF", "", "5241532000155d000001"] {
            assert_eq!(&*card(nobodys), "", "{nobodys}");
        }
        for asked in ["DHCPREQUEST", "DHCPOFFER", "DHCPNAK", "DNS Update Request"] {
            assert_eq!(lease(asked), None, "{asked}");
        }
    }
}
