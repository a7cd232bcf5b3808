//! Values: what a bare value is, its canonical form, and what is too broad to be used.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::refang::refang;
use super::{file, literal};
use crate::model::indicator::{IndicatorKind, url_parts, url_rest};

/// A value as it is matched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Canonical {
    pub kind: IndicatorKind,
    pub value: Box<str>,
    /// A suffix under which anybody may register names: only the name itself is meant.
    pub exact_only: bool,
}

pub(super) type Reason = &'static str;

/// Ends of file names that are no top-level domains, for values whose kind the feed does not say.
const FILE_ENDS: &[&str] = &[
    "exe", "dll", "sys", "bat", "ps1", "vbs", "js", "hta", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt", "pdf",
    "rtf", "lnk", "jar", "apk", "dmg", "elf", "tmp", "dat", "bin", "scr", "ocx", "cpl", "msi", "rar", "7z", "gz",
    "iso", "img", "chm", "php", "asp", "aspx", "jsp", "html", "htm", "txt", "xml", "png", "jpg", "gif", "ini", "log",
];

/// A value as a feed has it, and with the marks of its author undone.
pub(super) struct Given<'a> {
    raw: &'a str,
    whole: Cow<'a, str>,
}

impl<'a> Given<'a> {
    pub(super) fn of(raw: &'a str) -> Self {
        Self { raw, whole: refang(raw) }
    }

    /// As it stands in the feed.
    pub(super) fn raw(&self) -> &'a str {
        self.raw
    }

    /// The kind of a value that stands alone, from its shape.
    pub(super) fn kind(&self) -> Option<IndicatorKind> {
        kind(&self.whole, self.raw)
    }

    /// The port that stands behind an address or host of a list.
    pub(super) fn port(&self) -> Option<u16> {
        port(&self.whole)
    }

    /// The canonical form, or why the value is refused.
    pub(super) fn canonical(&self, kind: IndicatorKind) -> Result<Canonical, Reason> {
        canonical(kind, self.raw, &self.whole)
    }
}

/// The kind of a value that stands alone, from its shape.
pub(super) fn guess(raw: &str) -> Option<IndicatorKind> {
    Given::of(raw).kind()
}

fn kind(value: &str, raw: &str) -> Option<IndicatorKind> {
    if let Some(kind) = digest_kind(value) {
        return Some(kind);
    }
    if let Some(kind) = literal::guess(raw.trim()) {
        return Some(kind);
    }
    if memchr::memchr_iter(b':', value.as_bytes()).any(|at| value[at..].starts_with("://")) {
        return Some(IndicatorKind::Url);
    }
    if let Some(ip) = bare_ip(value).0 {
        return Some(if ip.is_ipv4() { IndicatorKind::Ipv4 } else { IndicatorKind::Ipv6 });
    }
    if value.contains('/') && value.parse::<ipnet::IpNet>().is_ok() {
        return Some(IndicatorKind::Cidr);
    }
    if let Some((local, domain)) = value.rsplit_once('@') {
        return (!local.is_empty() && is_host(domain)).then_some(IndicatorKind::Email);
    }
    if is_windows_path(raw.trim()) {
        return Some(IndicatorKind::FilePath);
    }
    let file = |(_, end): (&str, &str)| FILE_ENDS.iter().any(|known| known.eq_ignore_ascii_case(end));
    if value.rsplit_once('.').is_some_and(file) && !value.contains(['/', '\\', ' ', '*']) {
        return Some(IndicatorKind::FileName);
    }
    if let Some((host, _)) = value.split_once('/') {
        let host = host.split(':').next().unwrap_or("");
        return (is_host(host) || host.parse::<Ipv4Addr>().is_ok()).then_some(IndicatorKind::Url);
    }
    // `*.name` and `.name` mean the name with what is below it, as the bare name does.
    let name = value.strip_prefix("*.").or_else(|| value.strip_prefix('.')).unwrap_or(value);
    let host = name.split(':').next().unwrap_or("");
    is_host(host).then_some(IndicatorKind::Domain)
}

/// A path below a drive or a share that ends in a file with an ending: `C:\Users\Public\a b.exe`, `\\host\share\a.dll`.
fn is_windows_path(value: &str) -> bool {
    let is_drive = matches!(value.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    let is_share = value.strip_prefix(r"\\").is_some_and(|rest| rest.matches('\\').count() >= 2);
    let name = value.rsplit('\\').next().unwrap_or("");
    let has_end = name.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && is_end(end));
    (is_drive || is_share) && has_end && !value.contains(['*', '?', '"', '<', '>', '|']) && !value[2..].contains(':')
}

/// An ending of a file: a few letters and digits.
fn is_end(end: &str) -> bool {
    (1..=8).contains(&end.len()) && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// True if the end of a name is a registered top-level domain, or one that only malice and tests use.
pub(super) fn known_end(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or("");
    let special = ["onion", "bit", "i2p", "example", "test", "local", "lan", "internal", "invalid"];
    special.contains(&last) || psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

fn digest_kind(value: &str) -> Option<IndicatorKind> {
    if !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some(match value.len() {
        32 => IndicatorKind::Md5,
        40 => IndicatorKind::Sha1,
        56 => IndicatorKind::Sha224,
        64 => IndicatorKind::Sha256,
        96 => IndicatorKind::Sha384,
        128 => IndicatorKind::Sha512,
        _ => return None,
    })
}

/// An address, in brackets or with a port or not.
fn bare_ip(value: &str) -> (Option<IpAddr>, &str) {
    if let Ok(ip) = value.parse::<IpAddr>() {
        return (Some(ip), "");
    }
    if let Some((ip, rest)) = value.strip_prefix('[').and_then(|v| v.split_once(']')) {
        let ip = ip.split('%').next().unwrap_or("").parse::<Ipv6Addr>().ok().map(IpAddr::V6);
        return (ip, rest.trim_start_matches(':'));
    }
    match value.split_once(':') {
        Some((ip, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (ip.parse::<Ipv4Addr>().ok().map(IpAddr::V4), port)
        }
        _ => (value.split('%').next().unwrap_or("").parse::<Ipv6Addr>().ok().map(IpAddr::V6), ""),
    }
}

fn port(raw: &str) -> Option<u16> {
    if !raw.contains(':') {
        return None;
    }
    let (ip, port) = bare_ip(raw);
    if ip.is_some() { port.parse().ok() } else { raw.rsplit_once(':').and_then(|(_, port)| port.parse().ok()) }
}

fn is_host(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_ascii() { is_ascii_host(name.as_bytes()) } else { is_wide_host(name) }
}

/// PERF: names of lists are nearly always ASCII: one look at each byte.
fn is_ascii_host(name: &[u8]) -> bool {
    let (mut label, mut labels, mut letters, mut under) = (0, 1, false, false);
    for byte in name {
        match byte {
            b'.' if label == 0 => return false,
            b'.' => (label, labels, letters, under) = (0, labels + 1, false, false),
            b'a'..=b'z' | b'A'..=b'Z' => (label, letters) = (label + 1, true),
            b'_' => (label, under) = (label + 1, true),
            b'0'..=b'9' | b'-' => label += 1,
            _ => return false,
        }
        if label > 63 {
            return false;
        }
    }
    label > 0 && labels >= 2 && name.len() <= 253 && letters && !under
}

fn is_wide_host(name: &str) -> bool {
    let labels = || name.split('.');
    let last = labels().next_back().unwrap_or("");
    let sound = |l: &str| {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || !c.is_ascii() && c.is_alphanumeric();
        !l.is_empty() && l.len() <= 63 && l.chars().all(part)
    };
    labels().count() >= 2
        && name.len() <= 253
        && labels().all(sound)
        && !last.bytes().any(|b| b == b'_')
        && last.chars().any(char::is_alphabetic)
}

fn canonical(kind: IndicatorKind, raw: &str, whole: &str) -> Result<Canonical, Reason> {
    if raw.trim().len() < 4 {
        return Err("shorter than 4 characters");
    }
    let made = |kind, value: String| Ok(Canonical { kind, value: value.into(), exact_only: false });
    match kind {
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 => address(whole),
        IndicatorKind::Cidr => network(whole),
        IndicatorKind::Domain => domain(whole),
        IndicatorKind::Url => url(whole),
        IndicatorKind::Email => email(whole),
        IndicatorKind::FileName | IndicatorKind::FilePath => file::canonical(kind, raw.trim()),
        IndicatorKind::UserAgent => {
            let agent = raw.trim();
            if agent.len() < 8 {
                return Err("user agent shorter than 8 characters");
            }
            if agent.starts_with('*') || agent.ends_with('*') {
                return Err("user agent with a wildcard not supported yet");
            }
            if agent.contains(['"', '\t', '\n', '\r']) {
                return Err("user agent with a quote or control character not supported yet");
            }
            made(kind, agent.to_owned())
        }
        IndicatorKind::Pattern => made(kind, raw.trim().to_owned()),
        kind if kind.is_digest() => digest(kind, raw.trim()),
        kind => made(kind, literal::canonical(kind, raw)?),
    }
}

fn address(value: &str) -> Result<Canonical, Reason> {
    let Some(ip) = bare_ip(value).0 else { return Err("not an IP address") };
    let ip = ip.to_canonical();
    let broad = match ip {
        IpAddr::V4(ip) => {
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0
                || ip.octets()[0] >= 240
                || is_shared(ip)
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    };
    if broad {
        return Err("private, loopback, link-local, multicast or reserved address");
    }
    let kind = if ip.is_ipv4() { IndicatorKind::Ipv4 } else { IndicatorKind::Ipv6 };
    // PERF: an address of version 4 has one spelling, and is the rule of long lists.
    let spelled = value.parse::<Ipv4Addr>().is_ok();
    let value = if spelled { value.into() } else { ip.to_string().into() };
    Ok(Canonical { kind, value, exact_only: false })
}

fn is_shared(ip: Ipv4Addr) -> bool {
    ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64
}

fn network(value: &str) -> Result<Canonical, Reason> {
    let Ok(net) = value.parse::<ipnet::IpNet>() else { return address(value) };
    let net = net.trunc();
    let shortest = if net.addr().is_ipv4() { 8 } else { 16 };
    if net.prefix_len() < shortest {
        return Err("network too wide: it would match a large part of all addresses");
    }
    if net.prefix_len() == net.max_prefix_len() {
        return address(&net.addr().to_string());
    }
    address(&net.addr().to_string())?;
    Ok(Canonical { kind: IndicatorKind::Cidr, value: net.to_string().into(), exact_only: false })
}

fn host(value: &str) -> Result<String, Reason> {
    let value = value.trim_start_matches("*.").trim_start_matches('.');
    let value = value.strip_suffix('.').unwrap_or(value);
    if value.eq_ignore_ascii_case("localhost") || value.eq_ignore_ascii_case("localhost.localdomain") {
        return Err("localhost");
    }
    if !is_host(value) {
        return Err(if value.contains('.') {
            "not a domain name"
        } else {
            "bare top-level domain or name without a dot"
        });
    }
    if value.is_ascii() {
        return Ok(value.to_ascii_lowercase());
    }
    idna::domain_to_ascii(value).map_err(|_| "not a domain name")
}

fn domain(value: &str) -> Result<Canonical, Reason> {
    let name = value.split_once(':').map_or(value, |(name, _)| name);
    if name.parse::<Ipv4Addr>().is_ok() || bare_ip(value).0.is_some() {
        return address(value);
    }
    let value = host(name)?;
    let suffix = psl::suffix(value.as_bytes()).filter(|suffix| suffix.as_bytes().len() == value.len());
    let mut exact_only = false;
    if let Some(suffix) = suffix {
        if suffix.typ() != Some(psl::Type::Private) {
            return Err("bare public suffix: it would match every name below it");
        }
        exact_only = true;
    }
    Ok(Canonical { kind: IndicatorKind::Domain, value: value.into(), exact_only })
}

fn url(value: &str) -> Result<Canonical, Reason> {
    let value = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(value);
    let (scheme, after) = value.split_once("://").unwrap_or(("", value));
    let scheme = scheme.to_ascii_lowercase();
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
        return Err("URL with a scheme that is none");
    }
    if value.contains(['<', '>', '"']) {
        return Err("URL with a character of markup");
    }
    let cut = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(cut);
    let authority = authority.rsplit('@').next().unwrap_or("");
    if authority.is_empty() {
        return Err("URL without a host");
    }
    if authority.starts_with('[') {
        return Err("URL with an IPv6 host not supported yet");
    }
    let (name, port) = authority.split_once(':').unwrap_or((authority, ""));
    let name = match name.parse::<Ipv4Addr>() {
        Ok(ip) => address(&ip.to_string())?.value.into_string(),
        Err(_) => host(name)?,
    };
    let default = matches!((&*scheme, port), ("http" | "ws", "80") | ("https" | "wss", "443") | ("ftp", "21"));
    // PERF: what holds no escape and no fragment is its own rest.
    let rest = if is_bare(rest) {
        Cow::Borrowed(rest)
    } else {
        String::from_utf8(url_rest(rest.as_bytes()).collect()).map_err(|_| "URL that is not UTF-8")?.into()
    };
    if rest.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control()) {
        return Err("URL with white space");
    }
    let mut made = String::with_capacity(value.len());
    if !scheme.is_empty() {
        made.push_str(&scheme);
        made.push_str("://");
    }
    made.push_str(&name);
    if !port.is_empty() && !default {
        if port.parse::<u16>().is_err() {
            return Err("URL with a bad port");
        }
        made.push(':');
        made.push_str(port);
    }
    made.push_str(&rest);
    debug_assert_eq!(url_parts(&made).host, name);
    Ok(Canonical { kind: IndicatorKind::Url, value: made.into(), exact_only: false })
}

/// Whether path and query of a URL are canonical as they are.
fn is_bare(rest: &str) -> bool {
    rest != "/" && !rest.starts_with('?') && !rest.bytes().any(|b| matches!(b, b'%' | b'#'))
}

fn email(value: &str) -> Result<Canonical, Reason> {
    let value = value.strip_prefix("mailto:").unwrap_or(value);
    let Some((local, name)) = value.rsplit_once('@') else { return domain(value) };
    let name = host(name)?;
    if local.is_empty() {
        return domain(&name);
    }
    if local.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control()) {
        return Err("not a mail address");
    }
    let value = format!("{}@{name}", local.to_ascii_lowercase());
    Ok(Canonical { kind: IndicatorKind::Email, value: value.into(), exact_only: false })
}

fn digest(kind: IndicatorKind, value: &str) -> Result<Canonical, Reason> {
    let value = value.to_ascii_lowercase();
    if digest_kind(&value) != Some(kind) {
        return Err("not a digest of the stated kind");
    }
    let first = value.bytes().next();
    if value.bytes().all(|b| Some(b) == first) {
        return Err("digest of one repeated digit");
    }
    let empty = [
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    ];
    if empty.contains(&&*value) {
        return Err("digest of the empty file");
    }
    Ok(Canonical { kind, value: value.into(), exact_only: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_windows_is_one_without_a_table() {
        for path in [r"C:\Users\Public\evil.exe", r"d:\a b\c d.dll", r"\\host\share\x.ps1"] {
            assert_eq!(guess(path), Some(IndicatorKind::FilePath), "{path}");
        }
        for other in [r"C:\Users\Public", r"C:\a.exe C:\b.exe", r"C:\*.exe", r"\\host\x.ps1", "C:/Users/a.exe"] {
            assert_ne!(guess(other), Some(IndicatorKind::FilePath), "{other}");
        }
    }
}
