//! Web server access logs: the common and combined formats of Apache httpd and nginx.
//!
//! ```text
//! www.rv.example:443 192.0.2.10 - alice [28/Mar/2026:23:10:04 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl/8.0" 0.003
//! ```
//! Source: <https://httpd.apache.org/docs/current/logs.html#accesslog>,
//! <https://nginx.org/en/docs/http/ngx_http_log_module.html>.
//!
//! Traps: the host may be a name; users may hold blanks; the request may hold quotes (escaped as `\"`, `\x22`, or not at
//! all), blanks, or nothing; the size is `-` for none; it counts the response only, so what the client sent is not known, but
//! where a pair behind the user agent says so (`in=`, `request_length=`: nginx's `$request_length`, Apache's `%I`), or where two numbers
//! there are those of Apache's `combinedio` (`%I %O`: bytes received and sent with their headers), which many requests show (`input`). Behind
//! a balancer the client is the balancer, and who asked it stands behind the user agent, if anywhere.

mod input;
mod line;

use self::line::{Line, cut, quoted, referrer_and_agent, skip, target, word};
use super::roles::Role;
use super::sink::{Sink, is_ip};
use super::sketch::{Part, Sketch};
use super::{Fit, Format, Means, Sample, proxied, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;

/// The common and combined log format.
pub struct Access;

impl Format for Access {
    fn name(&self) -> &'static str {
        "access"
    }

    fn describe(&self) -> &'static str {
        "web server access log: Apache httpd and nginx, common or combined, with or without virtual host"
    }

    fn fields(&self) -> Vec<Canon> {
        use Canon::{
            DestinationBytes, EventOutcome, HttpMethod, HttpReferrer, HttpStatus, NetworkProtocol, SourceBytes,
            SourceDomain, SourceIp, UrlDomain, UrlFull, UrlOriginal, UrlPath, UrlQuery, UserAgent, UserDomain,
            UserName,
        };
        let mut out = vec![
            SourceIp,
            SourceDomain,
            SourceBytes,
            DestinationBytes,
            UserName,
            UserDomain,
            UrlFull,
            UrlDomain,
            UrlPath,
            UrlQuery,
            UrlOriginal,
            HttpMethod,
            HttpStatus,
            HttpReferrer,
            UserAgent,
            EventOutcome,
            NetworkProtocol,
        ];
        out.sort();
        out
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let columns = if input::is_shown(&sample.lines) { vec![INPUT.into()] } else { Vec::new() };
        let layout = Layout { framing: Framing::Lines, columns, ..sample.layout("access") };
        sample.fit(self, layout, 60)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        read(record, &mut Sink::new(layout, want, out)).ok_or(Reject)?;
        Ok(Parsed::Event)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, agents, shapes, .. } = means;
        outline(record, &mut shapes.hour, Sketch::new(layout, agents, out)).is_some()
    }

    fn objects<'b>(&self, layout: &Layout, record: &'b [u8]) -> Option<[&'b [u8]; 3]> {
        let Line { vhost, request, status, time, .. } = cut(record)?;
        // Without a time it is no record of this format.
        time::clf(time, layout)?;
        Some([vhost.unwrap_or_default(), request, status])
    }
}

/// Reads a line; `None`, and nothing read, where it is none. Also for lines inside of messages.
pub fn read<'b>(record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let line = cut(record)?;
    sink.time(0, Some(time::clf(line.time, sink.layout)?));
    client(&line, sink);
    request(line.request, sink);
    response(&line, sink.layout, sink);
    Some(())
}

/// The outline of a line that asks for a path, or for nothing that is HTTP.
fn outline<'b>(record: &'b [u8], hour: &mut time::Hour, mut sketch: Sketch<'_, 'b>) -> Option<()> {
    let (line, layout) = (cut(record)?, sketch.layout());
    sketch.time(0, Some(hour.clf(line.time, layout)?));
    sketch.out.part(line.head);
    if let Some(client) = forwarded(&line) {
        sketch.out.part(client);
    }
    let sizes = [line.size, received(&line, layout).unwrap_or_default()];
    // All that tallies read of the status and of which sizes there are, as one part of the identity.
    let [sent, got] = sizes.map(|size| if is_unset(size) { b'-' } else { b'0' });
    let status = succeeded(line.status).map_or(b'-', |succeeded| if succeeded { b'2' } else { b'4' });
    sketch.out.part(&[status, sent, got]);
    match target(line.request) {
        Some((method, target)) if target.starts_with(b"/") => sketch.out.part(method),
        Some(_) => return None,
        None => sketch.out.part(b""),
    }
    for size in sizes.into_iter().filter(|size| !is_unset(size)) {
        sketch.value(Part::Number, size)?;
    }
    if sketch.agents {
        let ([_, agent], _) = referrer_and_agent(line.tail);
        sketch.value(Part::Agent, agent.unwrap_or_default())?;
    }
    Some(())
}

fn client<'b>(line: &Line<'b>, sink: &mut Sink<'_, 'b>) {
    if let Some(client) = forwarded(line) {
        sink.slice(b"x-forwarded-for", Some(Role::Is(Canon::SourceIp)), client, Kind::Str);
    }
    if is_ip(line.client) {
        sink.slice(b"c-ip", Some(Role::Is(Canon::SourceIp)), line.client, Kind::Str);
    } else {
        sink.slice(b"c-ip", Some(Role::Is(Canon::SourceDomain)), line.client, unset(line.client, Kind::Str));
    }
    sink.slice(b"cs-username", Some(Role::User), line.user, unset(line.user, Kind::Str));
    if let Some(vhost) = line.vhost {
        let host = vhost.split(|&b| b == b':').next().unwrap_or(vhost);
        sink.slice(b"cs-host", Some(Role::Is(Canon::UrlDomain)), host, unset(host, Kind::Str));
    }
}

fn request<'b>(request: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let Some((method, mut target)) = target(request) else {
        // Not HTTP: garbage, a TLS handshake, or nothing.
        sink.slice(b"cs-uri", None, request, unset(request, Kind::Str));
        return;
    };
    sink.slice(b"cs-method", Some(Role::Is(Canon::HttpMethod)), method, Kind::Str);
    if !sink.all && target.starts_with(b"/") {
        // A path, of which no column is made.
        return;
    }
    if let Some(blank) = memchr::memrchr(b' ', target).filter(|&n| target[n + 1..].starts_with(b"HTTP/")) {
        sink.slice(b"cs-version", Some(Role::Is(Canon::NetworkProtocol)), &target[blank + 1..], Kind::Str);
        target = &target[..blank];
    }
    let target = plain(target, sink);
    sink.url(target);
    if sink.all {
        let bytes = sink.out.bytes(target);
        let end = bytes.len();
        let mark = memchr::memchr(b'?', bytes);
        let stem = super::sink::part(target, 0, mark.unwrap_or(end));
        sink.text(Text::Slice(b"cs-uri"), None, target, Kind::Str);
        sink.text(Text::Slice(b"cs-uri-stem"), None, stem, Kind::Str);
        if let Some(at) = mark {
            let query = super::sink::part(target, at + 1, end);
            sink.text(Text::Slice(b"cs-uri-query"), None, query, Kind::Str);
        }
        // Rules for web servers look for paths in `cs-uri-query`: the whole target is its second value.
        sink.text(Text::Slice(b"cs-uri-query"), None, target, Kind::Str);
    }
}

fn response<'b>(line: &Line<'b>, layout: &Layout, sink: &mut Sink<'_, 'b>) {
    sink.slice(b"sc-status", Some(Role::Is(Canon::HttpStatus)), line.status, unset(line.status, Kind::Number));
    succeeded(line.status).into_iter().for_each(|succeeded| sink.outcome(succeeded));
    let size = Some(Role::Is(Canon::DestinationBytes));
    sink.slice(b"sc-bytes", size, line.size, unset(line.size, Kind::Number));
    if let Some(received) = received(line, layout) {
        sink.slice(b"cs-bytes", Some(Role::Is(Canon::SourceBytes)), received, Kind::Number);
    }
    if sink.want.takes(Canon::UserAgent) {
        tail(line.tail, sink);
    }
}

/// What a status says became of a request, where there is one. Tallies read no more than that of it.
fn succeeded(status: &[u8]) -> Option<bool> {
    status.first().filter(|class| class.is_ascii_digit()).map(|class| *class < b'4')
}

/// Names of the size of a request, as pairs behind the user agent have them.
const RECEIVED: [&[u8]; 6] = [b"in", b"bytes_in", b"bytes_received", b"request_length", b"request_size", b"req_len"];

/// The size of the request where a pair behind the last quote names it, or where the layout has it as the first number there. A number
/// below the length of its first line is none.
fn received<'b>(line: &Line<'b>, layout: &Layout) -> Option<&'b [u8]> {
    if line.tail.ends_with(b"\"") {
        return None;
    }
    let behind = &line.tail[memchr::memrchr(b'"', line.tail)? + 1..];
    if matches!(&layout.columns[..], [column] if **column == *INPUT)
        && let Some([input, _]) = input_and_output(line)
    {
        return Some(input).filter(|input| number(input) >= line.request.len() as u64);
    }
    behind.split(|&byte| byte == b' ').find_map(|pair| {
        let (name, value) = pair.split_at(memchr::memchr(b'=', pair)?);
        let is_size = |value: &&[u8]| is_count(value) && number(value) >= line.request.len() as u64;
        RECEIVED.contains(&name).then_some(&value[1..]).filter(is_size)
    })
}

/// What lines have behind the user agent whose layout has this as its column.
const INPUT: &str = "%I %O";

/// The two numbers that are all that stands behind the user agent.
fn input_and_output<'b>(line: &Line<'b>) -> Option<[&'b [u8]; 2]> {
    let ([_, agent], rest) = referrer_and_agent(line.tail);
    let (input, rest) = word(skip(agent.map(|_| rest)?));
    let (output, rest) = word(skip(rest));
    (is_count(input) && is_count(output) && rest.trim_ascii().is_empty()).then_some([input, output])
}

/// Digits of a number that fits.
fn is_count(word: &[u8]) -> bool {
    matches!(word.len(), 1..=18) && word.iter().all(u8::is_ascii_digit)
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

/// For whom a proxy asked, where the value behind the user agent is a list of addresses, as in the format that nginx is shipped
/// with.
fn forwarded<'b>(line: &Line<'b>) -> Option<&'b [u8]> {
    if !proxied::may_be_proxy(line.client) {
        return None;
    }
    let (list, _) = quoted(referrer_and_agent(line.tail).1)?;
    proxied::client(line.client, list)
}

/// Referrer, user agent and more.
fn tail<'b>(tail: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let (values, mut rest) = referrer_and_agent(tail);
    let names = [(&b"cs-referer"[..], Canon::HttpReferrer), (b"cs-user-agent", Canon::UserAgent)];
    for ((name, role), value) in names.into_iter().zip(values) {
        let Some(value) = value else { break };
        let kind = unset(value, Kind::Str);
        let value = plain(value, sink);
        sink.text(Text::Slice(name), Some(Role::Is(role)), value, kind);
    }
    while sink.all && !rest.is_empty() {
        let (value, behind) = quoted(rest).unwrap_or_else(|| word(rest));
        sink.slice(b"extra", None, value, unset(value, Kind::Str));
        if behind.len() == rest.len() {
            break;
        }
        rest = skip(behind);
    }
}

fn unset(value: &[u8], kind: Kind) -> Kind {
    if is_unset(value) { Kind::Null } else { kind }
}

fn is_unset(value: &[u8]) -> bool {
    matches!(value, b"" | b"-")
}

/// The value without `\"`, `\\` and `\xHH`.
fn plain<'b>(value: &'b [u8], sink: &mut Sink<'_, 'b>) -> Text<'b> {
    if memchr::memchr(b'\\', value).is_none() {
        return Text::Slice(value);
    }
    let from = sink.out.arena_len();
    let arena = sink.out.arena_mut();
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        let hex = value.get(at + 2..at + 4).and_then(|h| std::str::from_utf8(h).ok());
        let (out, used) = match (byte, value.get(at + 1)) {
            (b'\\', Some(&q @ (b'"' | b'\\'))) => (q, 2),
            (b'\\', Some(b'x')) => match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
                Some(out) => (out, 4),
                None => (byte, 1),
            },
            _ => (byte, 1),
        };
        arena.push(out);
        at += used;
    }
    sink.out.stored_since(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(line: &str, canon: Canon) -> Option<String> {
        let mut out = Fields::default();
        Access.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut out).ok()?;
        out.text(canon).map(str::to_owned)
    }

    #[test]
    fn a_list_behind_the_agent_tells_for_whom_a_balancer_asked() {
        let client = |peer: &str, more: &str| {
            let line =
                format!(r#"{peer} - - [28/Mar/2026:23:10:04 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8.0"{more}"#);
            get(&line, Canon::SourceIp).unwrap()
        };
        assert_eq!(client("10.0.0.5", r#" "203.0.113.9, 198.51.100.7""#), "198.51.100.7");
        assert_eq!(client("192.0.2.1", r#" "198.51.100.7""#), "192.0.2.1");
        assert_eq!(
            (client("10.0.0.5", ""), client("10.0.0.5", r#" "-" 0.003"#)),
            ("10.0.0.5".into(), "10.0.0.5".into())
        );
    }

    #[test]
    fn the_parts_of_a_combined_line_are_found() {
        let line = r#"www.rv.example:443 192.0.2.10 - RV\alice [28/Mar/2026:23:10:04 +0000] "GET /a\"b?q=1 HTTP/1.1" 404 512 "-" "a \"b\" c" 0.003"#;
        let want = [
            (Canon::SourceIp, Some("192.0.2.10")),
            (Canon::UrlDomain, Some("www.rv.example")),
            (Canon::UserName, Some("alice")),
            (Canon::UserDomain, Some("RV")),
            (Canon::UrlPath, Some("/a\"b")),
            (Canon::UrlQuery, Some("q=1")),
            (Canon::HttpStatus, Some("404")),
            (Canon::DestinationBytes, Some("512")),
            (Canon::SourceBytes, None),
            (Canon::HttpReferrer, None),
            (Canon::UserAgent, Some("a \"b\" c")),
            (Canon::EventOutcome, Some("failure")),
        ];
        for (canon, value) in want {
            assert_eq!(get(line, canon).as_deref(), value, "{}", canon.name());
        }
    }

    #[test]
    fn the_size_of_a_request_is_known_where_a_pair_names_it() {
        let sent = |more: &str| {
            let line = format!(
                r#"192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] "PUT /up/a HTTP/1.1" 201 32 "-" "curl/8.0"{more}"#
            );
            get(&line, Canon::SourceBytes)
        };
        assert_eq!(sent(" rt=0.003 in=72575").as_deref(), Some("72575"));
        assert_eq!(sent(" request_length=99 rt=0.003").as_deref(), Some("99"));
        for other in [
            "",
            " 72575",
            " rt=72575",
            " in=12",
            " in=0.5",
            " in=-",
            " in=",
            " \"in=72575\"",
            " in=9999999999999999999",
        ] {
            assert_eq!(sent(other), None, "{other}");
        }
    }

    #[test]
    fn damaged_requests_are_still_events() {
        for request in ["-", "", "\\x16\\x03\\x01", "GET", "GET /a b c"] {
            let line = format!(r#"192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] "{request}" 400 -"#);
            assert_eq!(get(&line, Canon::SourceIp).as_deref(), Some("192.0.2.10"), "{request}");
            assert_eq!(get(&line, Canon::DestinationBytes), None);
        }
        assert_eq!(get("192.0.2.10 - - [x] \"GET / HTTP/1.0\" 200 1", Canon::SourceIp), None);
    }
}
