//! The Linux audit log.
//!
//! ```text
//! type=SYSCALL msg=audit(1774739404.500:4711): arch=c000003e syscall=59 success=yes exit=0 pid=812 auid=1000 uid=0 comm="curl" exe="/usr/bin/curl" key="net"
//! ```
//! Source: <https://github.com/linux-audit/audit-documentation/wiki>.
//!
//! Traps: addresses of sockets are the kernel's structure in hex (`saddr`), which enriched records give in words as well; values with blanks or quotes are written in hex without quotes (`proctitle`, `comm`, `exe`, `name`, arguments of
//! `EXECVE`); user-space records hold more pairs inside `msg='…'`; enriched records append names behind byte 0x1d.

use std::fmt::Display;
use std::io::Write;
use std::net::IpAddr;
use std::sync::LazyLock;

use super::kv::{Pair, Pairs};
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::{Fit, Format, Sample, syscalls, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Framing, Layout};

/// The Linux audit log.
pub struct Auditd;

static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("type", Role::Is(Canon::EventDataset)),
        ("node", Role::Is(Canon::HostName)),
        ("success", Role::Outcome),
        ("res", Role::Outcome),
        ("addr", Role::Addr(Canon::SourceIp)),
        ("laddr", Role::Addr(Canon::DestinationIp)),
        ("rport", Role::Is(Canon::SourcePort)),
        ("lport", Role::Is(Canon::DestinationPort)),
        ("acct", Role::User),
        ("AUID", Role::User),
        ("exe", Role::Is(Canon::ProcessExecutable)),
        ("proctitle", Role::Is(Canon::ProcessCommandLine)),
        ("name", Role::Is(Canon::FilePath)),
        ("op", Role::Is(Canon::EventAction)),
        ("key", Role::Is(Canon::RuleName)),
    ]])
});

impl Format for Auditd {
    fn name(&self) -> &'static str {
        "auditd"
    }

    fn describe(&self) -> &'static str {
        "Linux audit log, plain or enriched"
    }

    fn fields(&self) -> Vec<Canon> {
        ROLES.canons()
    }

    fn hides(&self, records: &[u8]) -> bool {
        hides(records)
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("auditd") };
        sample.fit(self, layout, 70)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let mut sink = Sink::new(layout, want, out);
        read(record, &mut sink).ok_or(Reject)?;
        Ok(Parsed::Event)
    }
}

/// Reads an audit record; `None` where it is none. Also for records inside syslog messages.
pub fn read<'b>(record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let mut rest = record;
    if let Some(named) = rest.strip_prefix(b"node=") {
        let end = memchr::memchr(b' ', named)?;
        sink.slice(b"node", ROLES.get(b"node"), &named[..end], Kind::Str);
        rest = &named[end + 1..];
    }
    let typed = rest.strip_prefix(b"type=")?;
    let end = memchr::memchr(b' ', typed)?;
    let (kind, rest) = (&typed[..end], &typed[end + 1..]);
    let rest = rest.strip_prefix(b"msg=").unwrap_or(rest).strip_prefix(b"audit(")?;
    let close = memchr::memchr(b')', rest)?;
    let (stamp, body) = (&rest[..close], rest.get(close + 1..)?.strip_prefix(b":")?);
    let colon = memchr::memchr(b':', stamp)?;
    if kind.is_empty() {
        return None;
    }
    sink.time(0, Some(time::epoch(&stamp[..colon])?));
    // The kernel itself writes numbers.
    let kind = syscalls::kind(kind).map_or(kind, str::as_bytes);
    sink.slice(b"type", ROLES.get(b"type"), kind, Kind::Str);
    if sink.all {
        sink.slice(b"msg", None, &rest[..close], Kind::Str);
    }
    pairs(kind, body, sink);
    Some(())
}

/// Whether a message is an audit record as the journal keeps it: its kind, and its pairs.
pub fn is_bare(message: &[u8]) -> bool {
    let end = memchr::memchr(b' ', message).unwrap_or(0);
    let (kind, pairs) = message.split_at(end);
    end > 2 && kind.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_') && pairs.contains(&b'=')
}

/// Reads an audit record as the journal keeps it, without time and serial number; `None` where it is none.
pub fn read_bare<'b>(message: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let (kind, body) = message.split_at_checked(memchr::memchr(b' ', message)?)?;
    sink.slice(b"type", ROLES.get(b"type"), kind, Kind::Str);
    pairs(kind, body, sink);
    Some(())
}

/// Reads the pairs of a record, and adds what follows from several.
fn pairs<'b>(kind: &[u8], body: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let execve = kind == b"EXECVE";
    let from = sink.out.len();
    let mut socket = None;
    for part in body.split(|&b| b == 0x1d) {
        for pair in Pairs::new(part) {
            if pair.key == SOCKET {
                socket = Some(pair.value);
            }
            if pair.key == b"msg" {
                Pairs::new(pair.value).for_each(|inner| put(&inner, false, sink));
            } else {
                put(&pair, execve, sink);
            }
        }
    }
    if let Some(socket) = socket.and_then(Socket::of)
        && !sink.out.has(Canon::DestinationIp)
    {
        socket.put(sink);
    }
    if execve && sink.all {
        command_line(from, sink.out);
    }
    if kind == b"SYSCALL" && sink.all {
        called(from, sink.out);
    }
}

/// The name of the address of a socket, and of nothing else in audit records.
const SOCKET: &[u8] = b"saddr";

/// The address of a socket: `0200`, port and address of IPv4, or `0A00`, port, label and address of IPv6. The family is in the byte
/// order of the host.
struct Socket {
    address: IpAddr,
    port: u16,
}

impl Socket {
    fn of(hex: &[u8]) -> Option<Self> {
        let mut bytes = [0; 24];
        let digits = hex.as_chunks::<2>().0;
        for (byte, pair) in bytes.iter_mut().zip(digits) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        let [family, other, high, low, rest @ ..] = bytes;
        let address = match (family.max(other), family.min(other)) {
            (2, 0) if digits.len() >= 8 => IpAddr::from(*rest.first_chunk::<4>()?),
            (10, 0) if digits.len() >= bytes.len() => IpAddr::from(*rest.last_chunk::<16>()?),
            _ => return None,
        };
        Some(Self { address: address.to_canonical(), port: u16::from_be_bytes([high, low]) })
    }

    /// Under the names that enriched records have for them.
    fn put(&self, sink: &mut Sink<'_, '_>) {
        let said: [(&[u8], &dyn Display); 2] = [(b"laddr", &self.address), (b"lport", &self.port)];
        for (name, value) in said {
            let from = sink.out.arena_len();
            let _ = write!(sink.out.arena_mut(), "{value}");
            let value = sink.out.stored_since(from);
            sink.text(Text::Slice(name), ROLES.get(name), value, Kind::Str);
        }
    }
}

/// The name of the system call beside its number; of the fields from the `from`th on.
fn called(from: usize, out: &mut Fields<'_>) {
    let of = |name: &[u8]| out.iter().skip(from).find(|field| out.bytes(field.name) == name);
    let (Some(arch), Some(number)) = (of(b"arch"), of(b"syscall")) else { return };
    if let Some(name) = syscalls::name(out.bytes(arch.value), out.bytes(number.value)) {
        out.push(None, b"syscall", name.as_bytes(), Kind::Str);
    }
}

/// The arguments of the program that was run, with blanks between them; those from the `from`th field on. An argument that
/// is too long for one value is written in parts: `a1[0]`, `a1[1]`.
fn command_line(from: usize, out: &mut Fields<'_>) {
    let mut line = Vec::new();
    for field in out.iter().skip(from) {
        let name = out.bytes(field.name);
        if !is_argument(name) || name.ends_with(b"_len") {
            continue;
        }
        let goes_on = name.contains(&b'[') && !name.ends_with(b"[0]");
        if !line.is_empty() && !goes_on {
            line.push(b' ');
        }
        line.extend_from_slice(out.bytes(field.value));
    }
    if !line.is_empty() {
        let canon = Canon::ProcessCommandLine;
        let value = out.store(&line);
        out.push_text(Some(canon), Text::Slice(canon.name().as_bytes()), value, Kind::Str);
    }
}

/// Whether a value of audit records may be in hex: many digits in upper case behind `=`, with a letter among them, as every
/// name and address in text has for its dots; or the address of a socket. Looked for from a mark that no other record has.
pub(super) fn hides(records: &[u8]) -> bool {
    memchr::memmem::find(records, b"audit(").is_some_and(|from| has_hex(&records[from..]))
}

/// The same of lines of syslog, in which tcpdump may speak as well: a port of its runs on into the address before it.
pub(super) fn hides_in_syslog(records: &[u8]) -> bool {
    hides(records) || memchr::memmem::find(records, b" tcpdump").is_some()
}

/// The same of entries of the journal, which leave time and serial number to fields of their own.
pub(super) fn hides_in_journal(records: &[u8]) -> bool {
    hides(records) || memchr::memmem::find(records, b"\"audit\"").is_some() && has_hex(records)
}

fn has_hex(records: &[u8]) -> bool {
    const DIGITS: usize = 8;
    let is_hex = |at: usize| {
        let digits = records[at + 1..].iter().take_while(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        let (count, letters) = digits.fold((0, 0), |(n, letters), b| (n + 1, letters + usize::from(*b > b'9')));
        count >= DIGITS && (letters > 0 || records[..at].ends_with(SOCKET))
    };
    memchr::memchr_iter(b'=', records).any(is_hex)
}

/// Whether the name is that of an argument: `a0`, `a12`, `a1[0]`, `a1_len`.
fn is_argument(name: &[u8]) -> bool {
    matches!(name, [b'a', b'0'..=b'9', rest @ ..] if rest.iter().all(|b| b.is_ascii_digit() || b"[]_len".contains(b)))
}

fn put<'b>(pair: &Pair<'b>, execve: bool, sink: &mut Sink<'_, 'b>) {
    let role = ROLES.get(pair.key);
    if role.is_none() && !sink.all {
        return;
    }
    let argument = execve && is_argument(pair.key) && !pair.key.ends_with(b"_len");
    let text = matches!(pair.key, b"proctitle" | b"comm" | b"exe" | b"name" | b"cwd" | b"acct" | b"key" | b"data");
    let encoded = !pair.quoted && (argument || text);
    let value = match hex(pair.value).filter(|_| encoded) {
        Some(bytes) => sink.out.store(&bytes),
        None => Text::Slice(pair.value),
    };
    let kind = match pair.value {
        b"" | b"?" | b"(null)" | b"(none)" => Kind::Null,
        v if v.iter().all(u8::is_ascii_digit) => Kind::Number,
        _ => Kind::Str,
    };
    sink.text(Text::Slice(pair.key), role, value, kind);
}

/// What hex digits stand for; NULs between arguments become blanks. The log writes them in upper case; a value of two
/// digits is taken as it stands (an argument `10`).
fn hex(value: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| matches!(b, b'0'..=b'9' | b'A'..=b'F');
    if value.len() < 4 || !value.len().is_multiple_of(2) || !value.iter().all(|&b| digit(b)) {
        return None;
    }
    let nibble = |b: u8| if b <= b'9' { b - b'0' } else { b - b'A' + 10 };
    let bytes = value.chunks_exact(2).map(|p| nibble(p[0]) << 4 | nibble(p[1]));
    Some(bytes.map(|b| if b == 0 { b' ' } else { b }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_a_program_are_its_command_line() {
        let line = br#"type=EXECVE msg=audit(1774739404.500:1): argc=3 a0="curl" a1=2D542061 a2_len=8 a2[0]=68747470 a2[1]=3A2F2F78"#;
        let mut out = Fields::default();
        Auditd.parse(&Layout::plain(), line, Want::All, &mut out).unwrap();
        assert_eq!(out.text(Canon::ProcessCommandLine), Some("curl -T a http://x"));
    }

    #[test]
    fn addresses_of_sockets_are_read_from_hex() {
        let told = |saddr: &str| {
            let line = format!("type=SOCKADDR msg=audit(1774739404.500:1): saddr={saddr}");
            let mut out = Fields::default();
            Auditd.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut out).unwrap();
            let text = |canon| out.text(canon).unwrap_or("-").to_owned();
            (text(Canon::DestinationIp), text(Canon::DestinationPort), hides(line.as_bytes()))
        };
        let is = |ip: &str, port: &str, hides: bool| (ip.to_owned(), port.to_owned(), hides);
        assert_eq!(told("020001BBCB0071090000000000000000"), is("203.0.113.9", "443", true));
        assert_eq!(told("02000035080808080000000000000000"), is("8.8.8.8", "53", true), "no letter in it");
        assert_eq!(told("000201BBCB007109"), is("203.0.113.9", "443", true), "a host of the other byte order");
        let six = "0A0001BB0000000020010DB800000000000000000000000700000000";
        assert_eq!(told(six), is("2001:db8::7", "443", true));
        assert_eq!(told("01002F72756E2F78"), is("-", "-", true), "a path");
        for cut in ["0200", "020001BBCB00", "0A0001BB0000000020010DB8", "", "?", "zz0001BBCB007109"] {
            assert_eq!(told(cut).0, "-", "{cut}");
        }
        let enriched = "020001BBCB0071090000000000000000\u{1d}SADDR={ saddr_fam=inet laddr=203.0.113.9 lport=443 }";
        assert_eq!(told(enriched), is("203.0.113.9", "443", true));
    }

    #[test]
    fn only_bare_values_are_taken_for_hex() {
        let line = br#"type=PATH msg=audit(1774739404.500:1): name="ABCD" cwd=2F746D702F6120 exe=/bin/ABCD"#;
        let mut out = Fields::default();
        Auditd.parse(&Layout::plain(), line, Want::All, &mut out).unwrap();
        let value = |name: &[u8]| out.named().find(|f| f.0 == name).map(|f| f.1.to_vec()).unwrap();
        assert_eq!(value(b"name"), b"ABCD");
        assert_eq!(value(b"cwd"), b"/tmp/a ");
        assert_eq!(value(b"exe"), b"/bin/ABCD");
    }
}
