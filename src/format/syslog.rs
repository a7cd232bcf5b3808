//! Syslog as files hold it: the BSD form (RFC 3164), rsyslog's ISO form of it, and RFC 5424.
//!
//! ```text
//! <38>Mar 28 23:10:04 rv-web01 sshd[812]: Accepted publickey for alice from 192.0.2.10 port 51234 ssh2
//! 2026-03-28T23:10:04.500+00:00 rv-web01 sshd[812]: Failed password for root from 192.0.2.10 port 51234 ssh2
//! <134>1 2026-03-28T23:10:04Z rv-fw01 filterlog 92 - [meta seq="1"] text
//! ```
//! Source: RFC 3164, RFC 5424, <https://www.rsyslog.com/doc/configuration/templates.html>.
//!
//! Speed: from 60 MB/s a core on: what stands before a message is read, and then structured data and the message, which may be JSON, pairs or a
//! record of another dialect; a message of a form that is rare in syslog has no outline.
//!
//! Traps: the BSD stamp has neither year nor zone; the host may be missing; messages may hold JSON, CEF, LEEF, audit records, DNS
//! queries or `key=value`, whose fields are given as well; a message may go on in further lines, which are no records of this format.

use super::near::{self, word};
use super::roles::Role;
use super::sink::{Sink, is_ip};
use super::sketch::Sketch;
use super::{Fit, Format, Means, Sample, access, auditd, cef, dns, edge, jsonlines, kv, leef, message, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;
use crate::model::time::{Assumed, Stamp};

/// BSD syslog and its ISO variant.
pub struct Rfc3164;

/// RFC 5424 syslog.
pub struct Rfc5424;

fn canons() -> Vec<Canon> {
    let mut out = kv::ROLES.canons();
    out.extend(jsonlines::ROLES.canons());
    out.extend(cef::canons());
    out.extend(leef::canons());
    out.extend(dns::canons());
    out.extend(edge::CANONS);
    out.extend(access::Access.fields());
    out.extend([Canon::HostName, Canon::EventProvider, Canon::Message, Canon::SourceIp, Canon::UserName]);
    out.sort();
    out.dedup();
    out
}

impl Format for Rfc3164 {
    fn name(&self) -> &'static str {
        "syslog3164"
    }

    fn describe(&self) -> &'static str {
        "syslog, BSD form (RFC 3164) or with an ISO stamp; inner JSON, CEF, LEEF, audit, DNS queries and key=value are read"
    }

    fn fields(&self) -> Vec<Canon> {
        canons()
    }

    fn hides(&self, records: &[u8]) -> bool {
        auditd::hides_in_syslog(records)
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("syslog3164") };
        sample.fit(self, layout, 50)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let line = bsd(record, layout).ok_or(Reject)?;
        let mut sink = Sink::new(layout, want, out);
        sink.time(0, line.stamp);
        head(&line, &mut sink);
        body_of(&line, &mut sink);
        Ok(Parsed::Event)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, agents, .. } = means;
        bsd(record, layout).and_then(|line| outline(&line, None, Sketch::new(layout, agents, out))).is_some()
    }
}

impl Format for Rfc5424 {
    fn may_begin(&self, first: u8) -> bool {
        first == b'<'
    }

    fn name(&self) -> &'static str {
        "syslog5424"
    }

    fn describe(&self) -> &'static str {
        "syslog, RFC 5424, with structured data; inner JSON, CEF, LEEF, audit, DNS queries and key=value are read"
    }

    fn fields(&self) -> Vec<Canon> {
        canons()
    }

    fn hides(&self, records: &[u8]) -> bool {
        auditd::hides_in_syslog(records)
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("syslog5424") };
        sample.fit(self, layout, 55)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let (line, message_id, data) = modern(record, layout).ok_or(Reject)?;
        let mut sink = Sink::new(layout, want, out);
        sink.time(0, line.stamp);
        head(&line, &mut sink);
        sink.slice(b"msgid", None, message_id, if message_id == b"-" { Kind::Null } else { Kind::Str });
        for element in data {
            kv::Pairs::new(element).for_each(|pair| kv::put(&pair, &kv::ROLES, &mut sink));
        }
        body_of(&line, &mut sink);
        Ok(Parsed::Event)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, agents, .. } = means;
        let read = modern(record, layout)
            .and_then(|(line, _, data)| outline(&line, Some(data), Sketch::new(layout, agents, out)));
        read.is_some()
    }
}

/// What stands before a message, and the message.
struct Line<'b> {
    number: Option<u32>,
    stamp: Option<Stamp>,
    host: Option<&'b [u8]>,
    program: Option<&'b [u8]>,
    pid: Option<&'b [u8]>,
    message: &'b [u8],
}

/// A line of the BSD form.
fn bsd<'b>(record: &'b [u8], layout: &Layout) -> Option<Line<'b>> {
    let (number, rest) = kv::priority(record).map_or((None, record), |(n, rest)| (Some(n), rest));
    let (stamp, rest, iso) = stamp(rest, layout)?;
    let (first, behind) = word(rest);
    // Without a host the tag follows at once.
    let tagged = first.ends_with(b":") && !is_ip(first) || is_marked(first);
    let (host, body) = if tagged { (None, rest) } else { (Some(first), skip(behind)) };
    let (program, pid, message) = match tag(body) {
        Some(found) => found,
        // A relay of JSON names no program.
        None if iso && !body.starts_with(b"{") => return None,
        None => (None, None, body),
    };
    let nameless = host.is_none_or(<[u8]>::is_empty) && program.is_none() && !is_marked(message);
    if nameless || host.is_some_and(|h| !is_host(h)) {
        return None;
    }
    Some(Line { number, stamp, host, program, pid, message })
}

/// A line of RFC 5424, its message id and its structured data.
fn modern<'b>(record: &'b [u8], layout: &Layout) -> Option<(Line<'b>, &'b [u8], Elements<'b>)> {
    let (number, rest) = kv::priority(record)?;
    let (stamp, rest) = word(rest.strip_prefix(b"1 ")?);
    let (host, rest) = word(skip(rest));
    let (program, rest) = word(skip(rest));
    let (pid, behind_pid) = word(skip(rest));
    let (message_id, rest) = word(skip(behind_pid));
    let stamp = if stamp == b"-" { None } else { Some(time::iso(stamp, layout)?) };
    if host.is_empty() || program.is_empty() || message_id.is_empty() {
        return None;
    }
    let known = |b: &'b [u8]| Some(b).filter(|b| *b != b"-");
    let (data, message) = structured(skip(rest));
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let (host, program, pid) = (known(host), known(program), known(pid));
    // What has no message says all of it in its data.
    let is_of_data = message.is_empty() && message::is_declared(program, rest);
    let message = if is_of_data { skip(behind_pid) } else { message };
    Some((Line { number: Some(number), stamp, host, program, pid, message }, message_id, data))
}

/// The outline of a line. `None` where it is to be parsed: where it has no time of its own, or a message of a form that
/// is rare in syslog.
fn outline<'b>(line: &Line<'b>, data: Option<Elements<'b>>, mut sketch: Sketch<'_, 'b>) -> Option<()> {
    sketch.time(0, Some(line.stamp?));
    sketch.out.part(line.host.unwrap_or_default());
    sketch.out.part(line.program.unwrap_or_default());
    let mut paired = false;
    for element in data.into_iter().flatten() {
        kv::Pairs::new(element).try_for_each(|pair| kv::part(&pair, &mut sketch))?;
        paired = true;
    }
    let text = line.message.trim_ascii_start();
    match line.program {
        program if message::is_a_record(program, text) || message::is_declared(program, text) => return None,
        _ if kv::is_dated(text) => {
            let layout = sketch.layout();
            sketch.inside(|sketch| kv::sketch(text, layout, sketch))?;
        }
        // What these say is read with the pairs before it.
        Some(program) if paired && is_spoken(program) => return None,
        Some(sshd) if sshd.starts_with(b"sshd") => sketch.out.is_silent = true,
        Some(server) if dns::is_server(server) => dns::outline(server, text, sketch.out),
        program => {
            edge::outline(program, text, sketch.out)?;
            if message::has_pairs(text) {
                kv::Pairs::new(text).try_for_each(|pair| kv::part(&pair, &mut sketch))?;
            }
        }
    }
    sketch.finish()
}

/// The stamp, what follows it, and whether it is an ISO one (a bare ISO stamp is common outside of syslog: its zone must
/// be stated).
fn stamp<'b>(rest: &'b [u8], layout: &Layout) -> Option<(Option<Stamp>, &'b [u8], bool)> {
    let (stamp, used, iso) = match rest.first()? {
        b'0'..=b'9' => {
            let (stamp, used) = time::iso_prefix(rest, layout)?;
            if stamp.assumed != Assumed::Nothing || rest.get(10) != Some(&b'T') {
                return None;
            }
            (Some(stamp), used, true)
        }
        _ => {
            let (stamp, used) = time::syslog_prefix(rest, layout)?;
            (stamp, used, false)
        }
    };
    let behind = &rest[used..];
    let behind = behind.strip_prefix(b":").unwrap_or(behind);
    (behind.first() == Some(&b' ')).then(|| (stamp, skip(behind), iso))
}

/// Program, process number and message.
type Tagged<'b> = (Option<&'b [u8]>, Option<&'b [u8]>, &'b [u8]);

/// `program[pid]: message` or `program: message`.
fn tag(body: &[u8]) -> Option<Tagged<'_>> {
    let end = body.iter().take(64).position(|&b| matches!(b, b':' | b'[' | b' '))?;
    if end == 0 {
        return None;
    }
    let (program, rest) = body.split_at(end);
    if matches!(program, b"CEF" | b"LEEF") {
        return Some((None, None, body));
    }
    let (pid, rest) = match rest.strip_prefix(b"[") {
        Some(inner) => {
            let close = near::one(b']', &inner[..inner.len().min(64)])?;
            (Some(&inner[..close]), &inner[close + 1..])
        }
        None => (None, rest),
    };
    // macOS writes `(subsystem)` between the process and the colon.
    let rest = match rest.strip_prefix(b" (") {
        Some(inner) if pid.is_some() => memchr::memchr(b')', inner).map_or(rest, |n| &inner[n + 1..]),
        _ => rest,
    };
    let message = rest.strip_prefix(b":").or(rest.strip_prefix(b" <Notice>:")).or(rest.strip_prefix(b" <Warning>:"))?;
    Some((Some(program), pid, message.strip_prefix(b" ").unwrap_or(message)))
}

fn is_host(host: &[u8]) -> bool {
    host.len() <= 255
        && host.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'/' | b'@'))
}

fn head<'b>(line: &Line<'b>, sink: &mut Sink<'_, 'b>) {
    if let (true, Some(number)) = (sink.all, line.number) {
        for (name, value) in [(&b"facility"[..], number / 8), (b"severity", number % 8)] {
            let value = sink.out.store(value.to_string().as_bytes());
            sink.text(crate::model::fields::Text::Slice(name), None, value, Kind::Number);
        }
    }
    for (name, role, value) in [
        (&b"host"[..], Some(Role::Is(Canon::HostName)), line.host),
        (b"program", Some(Role::Is(Canon::EventProvider)), line.program),
        (b"pid", None, line.pid),
    ] {
        if let Some(value) = value {
            sink.slice(name, role, value, Kind::Str);
        }
    }
}

/// The elements of structured data, each without its brackets.
#[derive(Clone, Copy)]
struct Elements<'b>(&'b [u8]);

impl<'b> Iterator for Elements<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let inner = self.0.strip_prefix(b"[")?;
        let (mut at, mut quoted) = (0, false);
        loop {
            match inner.get(at)? {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b']' if !quoted => break,
                _ => {}
            }
            at += 1;
        }
        self.0 = &inner[at + 1..];
        Some(&inner[..at])
    }
}

/// Structured data of RFC 5424 and the message behind it. An element without an end belongs to the message.
fn structured(rest: &[u8]) -> (Elements<'_>, &[u8]) {
    if let Some(message) = rest.strip_prefix(b"-") {
        return (Elements(b""), skip(message));
    }
    let mut behind = Elements(rest);
    behind.by_ref().for_each(drop);
    let message = behind.0;
    let data = &rest[..rest.len() - message.len()];
    (Elements(data), if message.starts_with(b"[") { message } else { skip(message) })
}

/// Whether a text is an event of a format of its own.
fn is_marked(text: &[u8]) -> bool {
    text.starts_with(b"CEF:") || text.starts_with(b"LEEF:")
}

/// Whether messages of a program are read word by word.
fn is_spoken(program: &[u8]) -> bool {
    program.starts_with(b"sshd") || matches!(program, b"named" | b"dnsmasq" | b"unbound")
}

/// The message, and the fields that stand in it.
fn body_of<'b>(line: &Line<'b>, sink: &mut Sink<'_, 'b>) {
    sink.slice(b"message", Some(Role::Is(Canon::Message)), line.message, Kind::Str);
    sink.process = line.pid.map(Text::Slice);
    message::said(line.program, line.message, sink);
    sink.tie_by_process();
}

fn skip(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|&&b| b == b' ').count();
    &bytes[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Field;

    fn read(line: &str) -> Option<Vec<(Canon, String)>> {
        let layout = Layout::plain();
        let mut out = Fields::default();
        Rfc3164.parse(&layout, line.as_bytes(), Want::All, &mut out).ok()?;
        let text = |f: &Field<'_>| String::from_utf8_lossy(out.bytes(f.value)).into_owned();
        Some(out.iter().filter_map(|f| Some((f.canon?, text(f)))).collect())
    }

    #[test]
    fn logons_say_who_and_from_where() {
        let line = "<38>Mar 28 23:10:04 rv-web01 sshd[812]: Failed password for invalid user root from 192.0.2.10 port 51234 ssh2";
        let read = read(line).unwrap();
        for want in [
            (Canon::HostName, "rv-web01"),
            (Canon::EventProvider, "sshd"),
            (Canon::UserName, "root"),
            (Canon::SourceIp, "192.0.2.10"),
            (Canon::SourcePort, "51234"),
            (Canon::EventOutcome, "failure"),
        ] {
            assert!(read.iter().any(|(c, v)| (*c, &**v) == want), "{want:?} in {read:?}");
        }
    }

    #[test]
    fn a_name_may_hold_blanks_and_what_looks_like_an_address() {
        let of = |message: &str| {
            let read = read(&format!("Mar 28 23:10:04 rv-web01 sshd[812]: {message}")).unwrap();
            let value = |canon| read.iter().find(|(c, _)| *c == canon).map(|(_, value)| value.clone()).unwrap();
            (value(Canon::UserName), value(Canon::SourceIp), value(Canon::EventOutcome))
        };
        let told = |name: &str, ip: &str, outcome: &str| (name.to_owned(), ip.to_owned(), outcome.to_owned());
        assert_eq!(
            of("Accepted password for Jo Bloggs from 192.0.2.10 port 51234 ssh2"),
            told("Jo Bloggs", "192.0.2.10", "success")
        );
        assert_eq!(
            of("Failed password for invalid user a from 198.51.100.1 port 1 from 192.0.2.10 port 51234 ssh2"),
            told("a from 198.51.100.1 port 1", "192.0.2.10", "failure")
        );
        assert_eq!(of("Invalid user Jo B from 192.0.2.10 port 22"), told("Jo B", "192.0.2.10", "failure"));
    }

    #[test]
    fn fields_inside_messages_are_read() {
        let cef = "Mar 28 23:10:04 fw CEF:0|V|P|1|100|a name|3|src=192.0.2.10 msg=two words out=12";
        let got = read(cef).unwrap();
        assert!(got.contains(&(Canon::SourceIp, "192.0.2.10".into())), "{got:?}");
        assert!(got.contains(&(Canon::DestinationBytes, "12".into())));
        let leef = "<13>Mar 28 23:10:04 fw LEEF:1.0|V|P|1|allow|src=192.0.2.10\tdst=203.0.113.9\tsrcBytes=12";
        let got = read(leef).unwrap();
        assert!(got.contains(&(Canon::SourceIp, "192.0.2.10".into())), "{got:?}");
        assert!(got.contains(&(Canon::SourceBytes, "12".into())));
        let json = "Mar 28 23:10:04 fw app[1]: {\"src_ip\":\"192.0.2.10\"}";
        assert!(read(json).unwrap().contains(&(Canon::SourceIp, "192.0.2.10".into())));
        assert_eq!(read("2026-03-28 23:10:04 INFO main: text"), None);
        assert_eq!(read("with another line"), None);
    }
}
