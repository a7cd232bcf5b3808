//! What one record says of names and of addresses that bear them.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::fields::{Canon, Fields};
use crate::model::naming::Naming;
use crate::model::whose::{address, is_private};

/// The longest name of the DNS in its presentation form.
const LONGEST_NAME: usize = 253;

/// Adds the addresses that an answer gives to the name asked for.
pub fn answered(fields: &Fields<'_>, naming: &mut Naming) {
    let Some(name) = fields.get(Canon::DnsQuestion).filter(|_| fields.has(Canon::DnsAnswer)) else { return };
    let name = spelled(name);
    // Whoever controls a resolver outside may have it answer with any name.
    let is_trusted = fields.get(Canon::DestinationIp).and_then(|server| std::str::from_utf8(server).ok());
    let is_trusted = is_trusted.and_then(address).is_none_or(is_private);
    for field in fields.iter().filter(|field| field.canon == Some(Canon::DnsAnswer)) {
        // A list in one value, of texts, addresses and what types are called.
        let words = fields.bytes(field.value).split(|byte| b",; []\"".contains(byte));
        words.for_each(|word| add(word, name.as_deref(), is_trusted, naming));
    }
}

/// Adds the name of the other side in a record that tells of no traffic: what a TLS handshake asked for.
pub fn shown(fields: &Fields<'_>, naming: &mut Naming) {
    let both = fields.get(Canon::DestinationIp).zip(fields.get(Canon::DestinationDomain));
    both.into_iter().for_each(|(server, name)| add(server, spelled(name).as_deref(), false, naming));
}

/// Adds a name of an address that somebody outside may have. `name` is `None` where it is one that is not compared.
fn add(word: &[u8], name: Option<&str>, is_answer: bool, naming: &mut Naming) {
    let Some(text) = std::str::from_utf8(word).ok().filter(|text| !text.is_empty()) else { return };
    // PERF: most are plain IPv4; the long way knows brackets, zones and ports.
    let ip = text.parse().map(IpAddr::V4).ok().or_else(|| address(text));
    let Some(ip) = ip.filter(|ip| !is_private(*ip) && !ip.is_unspecified()) else { return };
    naming.add(ip, name, is_answer);
}

/// A full name as names are compared.
fn spelled(name: &[u8]) -> Option<Cow<'_, str>> {
    let name = std::str::from_utf8(name).ok()?.trim_end_matches('.');
    let is_name = name.contains('.') && name.len() <= LONGEST_NAME && name.bytes().all(|byte| byte.is_ascii_graphic());
    // PERF: an address ends with a digit or holds a colon.
    let may_be_address = || name.ends_with(|last: char| last.is_ascii_digit()) || name.contains(':');
    if !is_name || may_be_address() && address(name).is_some() {
        return None;
    }
    Some(match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    fn told(pairs: &[(Canon, &'static str)]) -> Vec<String> {
        let mut fields = Fields::default();
        for (canon, value) in pairs {
            fields.push(Some(*canon), b"x", value.as_bytes(), Kind::Str);
        }
        let mut naming = Naming::default();
        answered(&fields, &mut naming);
        shown(&fields, &mut naming);
        let mut all: Vec<String> =
            naming.iter().flat_map(|(at, of)| of.kept.iter().map(move |name| format!("{at} {name}"))).collect();
        all.extend(naming.iter().filter(|(_, of)| of.more).map(|(at, _)| format!("{at} and more")));
        all.extend(naming.iter().filter(|(_, of)| of.answered).map(|(at, _)| format!("{at} answered")));
        all.sort();
        all
    }

    #[test]
    fn an_answer_gives_addresses_outside_to_the_name_asked_for() {
        let answer = |text| told(&[(Canon::DnsQuestion, "Backup.Vendor.example."), (Canon::DnsAnswer, text)]);
        let both = [
            "203.0.113.10 answered",
            "203.0.113.10 backup.vendor.example",
            "203.0.113.9 answered",
            "203.0.113.9 backup.vendor.example",
        ];
        assert_eq!(answer("cdn.vendor.example,203.0.113.9,203.0.113.10"), both);
        assert_eq!(answer("type:  5 cdn.vendor.example;::ffff:203.0.113.9;203.0.113.10;"), both);
        assert_eq!(answer("[\"203.0.113.9\",\"203.0.113.10\"]"), both);
        for none in ["10.1.2.3", "cdn.vendor.example", "", "-", "0.0.0.0"] {
            assert_eq!(answer(none), [""; 0], "{none}");
        }
        let answer = (Canon::DnsAnswer, "203.0.113.9");
        for name in ["localhost", "203.0.113.8", "a b.example", "b\u{fc}ro.example"] {
            assert_eq!(
                told(&[(Canon::DnsQuestion, name), answer]),
                ["203.0.113.9 and more", "203.0.113.9 answered"],
                "{name}"
            );
        }
        assert_eq!(told(&[answer]), [""; 0], "nobody asked");
    }

    #[test]
    fn a_handshake_gives_the_name_that_was_asked_for_to_the_address() {
        let server = (Canon::DestinationIp, "2001:DB8:0::7");
        assert_eq!(told(&[server, (Canon::DestinationDomain, "drop.example")]), ["2001:db8::7 drop.example"]);
        assert_eq!(told(&[server]), [""; 0]);
    }
}
