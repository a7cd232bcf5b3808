//! The scopes file compiled: what is malformed is refused with the entry named, before any byte is read.

use std::fmt::Display;

use globset::{GlobBuilder, GlobMatcher};
use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::model::promise::Promise;
use crate::model::scopes::{Sanctioned, Scope, Scopes};
use crate::model::time::Instant;
use crate::model::whose::{Known, Place, Sanction, Tenant, UNATTRIBUTED, Whose, address};

/// Compiles the scopes file.
///
/// Globs ignore case, and `*` crosses `/` and `.`, so that `evidence/rv/*` takes what lies deeper and in archives.
///
/// # Errors
/// [`Error::Scopes`] naming the entry and the value: a scope without a name, twice the same name, a malformed network, glob,
/// time or zone, a scope name that no `[[scope]]` has.
pub fn compile(scopes: &Scopes) -> Result<Whose> {
    let mut whose = Whose { scopes: scopes.clone(), ..Whose::default() };
    for (n, scope) in scopes.scope.iter().enumerate() {
        let at = At::entry("scope", n, format!("[[scope]] {} {:?}", n + 1, scope.name));
        if scope.name.is_empty() || scope.name == UNATTRIBUTED {
            return Err(at.wrong(&scope.name, "needs a name other than `unattributed`"));
        }
        if whose.tenants.iter().any(|t| t.name == scope.name) {
            return Err(at.wrong(&scope.name, "is there twice"));
        }
        whose.tenants.push(tenant(&at, scope)?);
    }
    for (n, scope) in scopes.scope.iter().enumerate() {
        let at = At::entry("scope", n, format!("[[scope]] {:?}: processor_of", scope.name));
        scope.processor_of.iter().try_for_each(|other| index(&whose, &at, other).map(drop))?;
    }
    for (n, host) in scopes.host.iter().enumerate() {
        let at = At::entry("host", n, format!("[[host]] {:?}", host.name));
        let scope = host.scope.as_deref().map(|name| index(&whose, &at, name)).transpose()?;
        let parse = |ip: &String| address(ip).ok_or_else(|| at.wrong(ip, format!("ip {ip:?} is not an address")));
        let ips = host.ip.iter().map(parse).collect::<Result<_>>()?;
        whose.known.push(Known { name: host.name.to_ascii_lowercase(), ips, scope });
    }
    whose.own = own(scopes, &whose)?;
    whose.domains = domains(scopes);
    for (n, zone) in scopes.zone.iter().enumerate() {
        let at = At::entry("zone", n, format!("[[zone]] {:?}", zone.timezone));
        at.zone(&zone.timezone)?;
        globs(&at, &zone.hosts)?;
        globs(&at, &zone.paths)?;
    }
    scopes.timezone.as_deref().map(|word| At::key("timezone").zone(word)).transpose()?;
    whose.sanctions = scopes.sanctioned.iter().enumerate().map(sanction).collect::<Result<_>>()?;
    for (n, expect) in scopes.expect.iter().enumerate() {
        let at = At::entry("expect", n, format!("[[expect]] {:?}", expect.source));
        expect.scope.as_deref().map(|name| index(&whose, &at, name)).transpose()?;
        let (from, to) = period(&at, expect.from.as_deref(), expect.to.as_deref())?;
        let source = expect.source.to_ascii_lowercase();
        whose.promises.push(Promise { scope: expect.scope.clone(), source, from, to });
    }
    for (n, fact) in scopes.fact.iter().enumerate() {
        let at = At::entry("fact", n, format!("[[fact]] {:?}", fact.text));
        fact.scope.as_deref().map(|name| index(&whose, &at, name)).transpose()?;
        time(&at, fact.time.as_deref(), false)?;
    }
    whose.aware = time(&At::part("incident", "[incident] aware"), scopes.incident.aware.as_deref(), false)?;
    whose.contained = time(&At::part("incident", "[incident] contained"), scopes.incident.contained.as_deref(), false)?;
    Ok(whose)
}

/// The domains that the file claims: those in which its hosts lie, its virtual hosts, and its realms. A public suffix
/// is nobody's.
fn domains(scopes: &Scopes) -> Vec<String> {
    let parent = |name: &str| name.split_once('.').map(|(_, rest)| rest.to_owned());
    let hosts = scopes.scope.iter().flat_map(|s| &s.hosts).chain(scopes.host.iter().map(|host| &host.name));
    let vhosts = scopes.scope.iter().flat_map(|s| &s.vhosts).map(|name| name.trim_start_matches("*.").to_owned());
    let realms = scopes.scope.iter().flat_map(|s| s.accounts.iter().chain(&s.mail).cloned());
    let all = hosts.filter_map(|name| parent(name)).chain(vhosts).chain(realms);
    let all = all.map(|domain| domain.trim_matches('.').to_ascii_lowercase());
    let own = |domain: &String| !domain.contains(['*', '?', '[', '{']) && psl::domain_str(domain).is_some();
    let mut all: Vec<String> = all.filter(own).collect();
    all.sort();
    all.dedup();
    all
}

/// The networks that are inside: those that the user names, and then the inventory too. None where the user names none.
fn own(scopes: &Scopes, whose: &Whose) -> Result<Vec<IpNet>> {
    let named = scopes.own.iter().map(|text| net(&At::key("own"), text)).collect::<Result<Vec<_>>>()?;
    let of_scopes = whose.tenants.iter().flat_map(|t| t.nets.iter().copied());
    let named: Vec<IpNet> = named.into_iter().chain(of_scopes).collect();
    let inventory = whose.known.iter().flat_map(|k| &k.ips).map(|&ip| IpNet::from(ip));
    Ok(if named.is_empty() { named } else { named.into_iter().chain(inventory).collect() })
}

/// Where in the scopes file something stands.
struct At {
    part: &'static str,
    index: usize,
    /// The part and the entry in words.
    shown: String,
}

impl At {
    fn entry(part: &'static str, index: usize, shown: String) -> Self {
        Self { part, index, shown }
    }

    fn part(part: &'static str, shown: &str) -> Self {
        Self::entry(part, 0, shown.to_owned())
    }

    fn key(key: &'static str) -> Self {
        Self::part(key, key)
    }

    /// What is wrong with a value there.
    fn wrong(&self, value: &str, what: impl Display) -> Error {
        let (part, index) = (self.part, self.index);
        Error::Scopes { part, index, value: value.to_owned(), what: format!("{}: {what}", self.shown) }
    }

    fn zone(&self, word: &str) -> Result<TimeZone> {
        zone(word).map_err(|what| self.wrong(word, what))
    }
}

fn index(whose: &Whose, at: &At, name: &str) -> Result<usize> {
    whose
        .tenants
        .iter()
        .position(|t| t.name == name)
        .ok_or_else(|| at.wrong(name, format!("no [[scope]] is named {name:?}")))
}

fn tenant(at: &At, scope: &Scope) -> Result<Tenant> {
    let lower = |list: &[String]| list.iter().map(|s| s.to_ascii_lowercase()).collect();
    Ok(Tenant {
        name: scope.name.clone(),
        shared: scope.shared,
        processor_of: scope.processor_of.clone(),
        nets: scope.cidr.iter().map(|c| net(at, c)).collect::<Result<_>>()?,
        hosts: globs(at, &scope.hosts)?,
        accounts: lower(&scope.accounts),
        vhosts: globs(at, &scope.vhosts)?,
        paths: globs(at, &scope.paths)?,
        buckets: globs(at, &scope.buckets)?,
        mail: lower(&scope.mail),
    })
}

fn net(at: &At, text: &str) -> Result<IpNet> {
    let net = text.parse::<IpNet>().ok().or_else(|| address(text).map(IpNet::from));
    net.ok_or_else(|| at.wrong(text, format!("{text:?} is not a network; write it as 192.0.2.0/24")))
}

fn globs(at: &At, list: &[String]) -> Result<Vec<GlobMatcher>> {
    let build = |text: &String| {
        let glob = GlobBuilder::new(text).case_insensitive(true).literal_separator(false).build();
        glob.map(|g| g.compile_matcher())
            .map_err(|cause| at.wrong(text, format!("{text:?} is not a glob: {}", cause.kind())))
    };
    list.iter().map(build).collect()
}

/// Clocks on Earth go from 12 hours behind UTC to 14 hours ahead of it.
const OFFSET_MINUTES: std::ops::RangeInclusive<i32> = -12 * 60..=14 * 60;

/// A zone by IANA name or as an offset (`+01:00`, `+0100`, `+1`).
///
/// # Errors
/// What is wrong with `word`.
pub fn zone(word: &str) -> Result<TimeZone, String> {
    if let Ok(zone) = TimeZone::get(word) {
        return Ok(zone);
    }
    let (sign, rest) = match (word.strip_prefix('+'), word.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => {
            let what = "is not a time zone; give an IANA name (Europe/London) or an offset (+01:00)";
            return Err(format!("{word:?} {what}"));
        }
    };
    let digits = rest.replacen(':', "", 1);
    let number = match digits.len() {
        1..=4 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<i32>().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| format!("{word:?} is not an offset like +01:00"))?;
    let (hours, minutes) = if digits.len() <= 2 { (number, 0) } else { (number / 100, number % 100) };
    let total = sign * (hours * 60 + minutes);
    match jiff::tz::Offset::from_seconds(total * 60) {
        Ok(offset) if minutes <= 59 && OFFSET_MINUTES.contains(&total) => Ok(TimeZone::fixed(offset)),
        _ => Err(format!("no clock has the offset {word:?}; they go from -12:00 to +14:00")),
    }
}

/// An RFC 3339 instant, with or without seconds, or a UTC date: its first or its last instant.
fn time(at: &At, text: Option<&str>, end: bool) -> Result<Option<Instant>> {
    let Some(text) = text else { return Ok(None) };
    let bad = || at.wrong(text, format!("{text:?} is not a time; write 2026-03-01 or 2026-03-01T08:30:00Z"));
    if let Some(instant) = Instant::parse(text) {
        return Ok(Some(instant));
    }
    let first = Instant::parse(&format!("{text}T00:00:00Z")).ok_or_else(bad)?;
    let last = Instant::from_micros(first.plus_secs(86_400).micros() - 1).ok_or_else(bad)?;
    Ok(Some(if end { last } else { first }))
}

/// A period whose end is not before its beginning.
fn period(at: &At, from: Option<&str>, to: Option<&str>) -> Result<(Option<Instant>, Option<Instant>)> {
    let (first, last) = (time(at, from, false)?, time(at, to, true)?);
    match (first, last) {
        (Some(begin), Some(end)) if begin > end => {
            Err(at.wrong(from.unwrap_or_default(), format!("from {begin} is later than to {end}")))
        }
        edges => Ok(edges),
    }
}

fn sanction((n, entry): (usize, &Sanctioned)) -> Result<Sanction> {
    let at = At::entry("sanctioned", n, format!("[[sanctioned]] {} {:?}", n + 1, entry.why));
    if entry.destination.is_empty() {
        return Err(at.wrong("", "needs a destination"));
    }
    let place = |text: &String| {
        let net = text.parse::<IpNet>().ok().or_else(|| address(text).map(IpNet::from));
        match net {
            Some(net) => Ok(Place::Net(net)),
            None if text.contains('/') || text.trim_matches(['*', '.']).is_empty() => {
                Err(at.wrong(text, format!("destination {text:?} is neither a domain nor a network")))
            }
            None if text.trim_start_matches("*.").contains(['*', '?', '[', '{']) => {
                let how = "a wildcard may only stand in front, as in *.example.net, which takes all names below";
                Err(at.wrong(text, format!("destination {text:?}: {how}")))
            }
            None => Ok(Place::Name(text.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase())),
        }
    };
    let destination = entry.destination.iter().map(place).collect::<Result<Vec<_>>>()?;
    let wide = destination.iter().any(|p| match p {
        Place::Net(net) => net.prefix_len() < if net.addr().is_ipv4() { 16 } else { 32 },
        Place::Name(name) => !name.contains('.'),
    });
    let (from, to) = period(&at, entry.from.as_deref(), entry.to.as_deref())?;
    Ok(Sanction {
        broad: wide || (entry.account.is_empty() && entry.host.is_empty()),
        destination,
        account: entry.account.clone(),
        host: globs(&at, &entry.host)?,
        tool: entry.tool.clone(),
        from,
        to,
        max_bytes: entry.max_bytes,
        why: entry.why.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::subject::Subject;
    use crate::model::whose::Side;

    fn compiled(toml: &str) -> Result<Whose> {
        compile(&toml::from_str(toml).expect("test scopes are TOML"))
    }

    #[test]
    fn a_malformed_entry_is_named() {
        for (toml, part) in [
            ("[[scope]]\nname='a'\ncidr=['10.0.0.0/40']", "10.0.0.0/40"),
            ("[[scope]]\nname='a'\nhosts=['[x']", "[x"),
            ("[[scope]]\nname=''", "needs a name"),
            ("[[scope]]\nname='a'\n[[scope]]\nname='a'", "twice"),
            ("[[host]]\nname='h'\nscope='zz'", "zz"),
            ("[[expect]]\nsource='proxy'\nfrom='yesterday'", "yesterday"),
            ("[incident]\ncontained='soon'", "soon"),
            ("timezone='Mars/Base'", "Mars/Base"),
            ("[[sanctioned]]\nwhy='w'", "destination"),
            ("[[sanctioned]]\ndestination=['*.s3*.amazonaws.com']", "*.s3*.amazonaws.com"),
            ("[[sanctioned]]\ndestination=['a?.example']", "a?.example"),
            ("[[expect]]\nsource='proxy'\nfrom='2026-03-02'\nto='2026-03-01'", "later"),
        ] {
            let told = compiled(toml).expect_err(toml).to_string();
            assert!(told.contains(part), "{told} does not name {part}");
        }
        assert!(compiled("[[sanctioned]]\ndestination=['*.example.net', '198.51.100.0/24']").is_ok());
        assert!(compiled("[[expect]]\nsource='proxy'\nfrom='2026-03-01'\nto='2026-03-01'").is_ok(), "one whole day");
        assert!(compiled("timezone='Europe/London'\n[incident]\ncontained='2026-04-01T11:00Z'").is_ok());
    }

    #[test]
    fn own_networks_given_make_all_others_outside() {
        let whose = compiled("[[scope]]\nname='a'\ncidr=['192.0.2.0/24']").unwrap();
        assert_eq!(whose.side("192.0.2.9"), Side::Inside);
        assert_eq!(whose.side("10.0.0.1"), Side::Outside, "private ranges included");
        let none = compiled("").unwrap();
        assert_eq!(none.side("10.0.0.1"), Side::Inside);
        assert_eq!(none.side("192.0.2.9"), Side::Outside);
        assert_eq!(none.side("::ffff:10.0.0.1"), Side::Inside);
        assert_eq!(none.side("files.example.net"), Side::Outside);
    }

    #[test]
    fn whoever_owns_a_domain_does_not_choose_to_be_inside() {
        let scope = "[[scope]]\nname='rv'\ncidr=['10.1.0.0/16']\nhosts=['rv-*']\n";
        let host = "[[host]]\nname='backup'\nip=['10.1.0.9']\nscope='rv'\n";
        let side = |more: &str, name: &str| compiled(&format!("{scope}{more}{host}")).unwrap().side(name);
        for name in ["rv-files.evil.example", "backup.evil.example"] {
            assert_eq!(side("", name), Side::Outside, "{name}");
            assert_eq!(side("accounts=['rv.example']\n", name), Side::Outside, "{name}");
        }
        for name in ["rv-files", "backup", "RV-FILES.rv.example", "backup.rv.example"] {
            assert_eq!(side("accounts=['rv.example']\n", name), Side::Inside, "{name}");
        }
        assert_eq!(side("vhosts=['www.rv.example']\n", "www.rv.example"), Side::Inside);
        let whose = compiled(&format!("{scope}{host}")).unwrap();
        let wrote = Subject { host: Some("rv-dc01.corp.local".into()), ..Subject::default() };
        assert_eq!(whose.home(&wrote, "x"), "rv", "nobody outside names the host that wrote a record");
        let asked = Subject { destination_domain: Some("rv-dc01.corp.local".into()), ..Subject::default() };
        assert_eq!(whose.home(&asked, "x"), UNATTRIBUTED);
    }

    #[test]
    fn own_networks_are_inside_and_make_no_scope() {
        let whose = compiled("own=['10.0.0.0/8', '192.0.2.1']\n[[scope]]\nname='own'\ncidr=['10.1.0.0/16']").unwrap();
        assert_eq!(whose.tenants.len(), 1);
        assert_eq!([whose.side("10.9.9.9"), whose.side("192.0.2.1")], [Side::Inside; 2]);
        assert_eq!(whose.side("172.16.0.1"), Side::Outside, "a network is named, so that no other is inside");
        let record = Subject { source_ip: Some("10.9.9.9".into()), ..Subject::default() };
        assert_eq!(whose.home(&record, "x"), UNATTRIBUTED);
        assert_eq!(compiled("own=['10.0.0.0/8']").unwrap().side("192.168.0.1"), Side::Outside);
        assert!(compiled("own=['here']").unwrap_err().to_string().contains("here"));
    }

    #[test]
    fn a_zone_is_a_name_or_an_offset_that_clocks_have() {
        for (word, seconds) in [("UTC", 0), ("+1", 3600), ("-0330", -12_600), ("+14:00", 50_400), ("-12", -43_200)] {
            let zone = zone(word).unwrap();
            assert_eq!(zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds(), seconds, "{word}");
        }
        for word in ["+14:01", "+-1", "+01:75", "1", "", "+", "+12345", "Mars/Base"] {
            let told = zone(word).unwrap_err();
            assert!(told.contains(word), "{word}: {told}");
        }
        assert!(compiled("timezone='+1'\n[[zone]]\nhosts=['a']\ntimezone='-1'").is_ok(), "as on the command line");
    }

    #[test]
    fn a_record_goes_to_the_scope_of_its_most_telling_trait() {
        let toml = "[[scope]]\nname='rv'\ncidr=['10.1.0.0/16']\nhosts=['rv-*']\nvhosts=['www.rv.example']\naccounts=['RV']\n\
                    [[scope]]\nname='it'\ncidr=['10.0.0.0/8']\npaths=['evidence/it/*']\n\
                    [[host]]\nname='odd'\nip=['10.1.9.9']\nscope='it'";
        let whose = compiled(toml).unwrap();
        let text = |s: &str| Some(s.into());
        let home = |subject: Subject, at: &str| whose.home(&subject, at).to_owned();
        assert_eq!(home(Subject { source_ip: text("10.1.2.3"), ..Subject::default() }, "x"), "rv", "longest prefix");
        assert_eq!(home(Subject { source_ip: text("10.1.9.9"), ..Subject::default() }, "x"), "it", "inventory first");
        assert_eq!(home(Subject { account: text("rv\\ann"), ..Subject::default() }, "evidence/it/a.log"), "rv");
        let web = Subject { vhost: text("WWW.rv.example"), destination_ip: text("10.9.0.1"), ..Subject::default() };
        assert_eq!(home(web, "x"), "rv", "a shared server's virtual host says whose");
        assert_eq!(home(Subject::default(), "evidence/it/deep/b.log"), "it");
        assert_eq!(home(Subject::default(), "evidence/other"), UNATTRIBUTED);
    }
}
