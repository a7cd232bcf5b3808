//! Windows events as PowerShell writes them (`Get-WinEvent … | ConvertTo-Json`): their values stand without names, in the order of the
//! event's definition.
//!
//! ```text
//! {"Id":4625,"RecordId":7,"ProviderName":"…","LogName":"Security","MachineName":"rv-dc01","TimeCreated":"\/Date(1774739404123)\/","Properties":[{"Value":"S-1-5-18"},…],"Message":"…"}
//! ```
//! Source: <https://learn.microsoft.com/dotnet/api/system.diagnostics.eventing.reader.eventlogrecord>.
//!
//! The names of an event's values are those of the definition with as many ([`NAMES`]); Sysmon writes them into its message. Other
//! values are unnamed data. Traps: what the log has in hex digits is a number here; a SID is an object where it is not cut short.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::jsonwalk::{self, Rename};
use super::sink::Sink;
use super::windows::ROLES;
use crate::model::fields::{Fields, Kind, Reject, Want};

/// Provider, number and names of the values of known events.
static NAMES: &str = include_str!("unnamed.txt");

/// The names of the values of an event, by provider, number and how many there are.
type Known = HashMap<(&'static str, &'static str, usize), Vec<&'static str>>;

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let (mut known, mut provider) = (HashMap::new(), "");
    for line in NAMES.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => provider = name,
            None => {
                let mut words = line.split(' ');
                let number = words.next().unwrap_or_default();
                let names: Vec<&str> = words.collect();
                known.insert((provider, number, names.len()), names);
            }
        }
    }
    known
});

/// The names of the values of all known events.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.values().flatten().map(|name| name.strip_prefix('#').unwrap_or(name))
}

const SYSMON: &[u8] = b"Microsoft-Windows-Sysmon";
/// The name of values without one of their own.
const VALUE: &[u8] = b"Properties.Value";

/// Whether a record is written so.
pub fn is(record: &[u8]) -> bool {
    let has = |name: &[u8]| memchr::memmem::find(record, name).is_some();
    has(b"\"MachineName\"") && has(b"\"ProviderName\"") && has(b"\"LogName\"")
}

/// Reads a record.
///
/// # Errors
/// Where it is not one JSON object.
pub fn read(record: &[u8], sink: &mut Sink<'_, '_>) -> Result<(), Reject> {
    let mut inner = Fields::default();
    jsonwalk::flatten(record, &ROLES, Some(rename), &mut Sink::new(sink.layout, Want::All, &mut inner))?;
    let told = |name: &[u8]| inner.named().find(|(known, ..)| *known == name).map_or(&b""[..], |(_, value, _)| value);
    let provider = told(b"Provider_Name");
    let lines = if provider == SYSMON { told(b"Message") } else { b"" };
    let count = inner.named().filter(|(name, ..)| *name == VALUE).count();
    let names = std::str::from_utf8(provider).ok().zip(std::str::from_utf8(told(b"EventID")).ok());
    let known: &HashMap<(&str, &str, usize), Vec<&'static str>> = &KNOWN;
    let names = names.and_then(|(provider, number)| known.get(&(provider, number, count)));
    let mut values = names.into_iter().flatten();
    for (name, value, kind) in inner.named() {
        if name != VALUE {
            put(sink, name, value, kind);
        } else if lines.is_empty() {
            named(sink, values.next().copied().unwrap_or("Data"), value, kind);
        }
    }
    let values = inner.named().filter(|(name, ..)| *name == VALUE).map(|(_, value, _)| value);
    of_lines(sink, lines, values);
    sink.settle();
    Ok(())
}

/// The values that the lines of a message name. They stand there in the order of the record's, by which those of several lines are
/// known: what such a one holds may look like the line of another one.
fn of_lines<'v>(sink: &mut Sink<'_, '_>, message: &[u8], mut values: impl Iterator<Item = &'v [u8]>) {
    // The first one says what happened.
    let mut rest = line(message).1;
    while !rest.is_empty() {
        let (first, after) = line(rest);
        rest = after;
        let Some(colon) = memchr::memchr(b':', first) else { continue };
        let (name, value) = (&first[..colon], &first[colon + 1..]);
        if name.is_empty() || !name.iter().all(u8::is_ascii_alphanumeric) {
            continue;
        }
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let begun = values.next().filter(|whole| whole.contains(&b'\n')).map(|whole| (whole, line(whole)));
        let left = |tail: &[u8]| rest.strip_prefix(tail).map(line).filter(|(more, _)| more.is_empty());
        let begun = begun.filter(|(_, (head, _))| *head == value);
        match begun.and_then(|(whole, (_, tail))| Some((whole, left(tail)?))) {
            Some((whole, (_, after))) => {
                rest = after;
                put(sink, name, whole, Kind::Str);
            }
            None => put(sink, name, value.trim_ascii(), Kind::Str),
        }
    }
}

/// The first line of a text, and what stands behind it.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', text);
    let (line, rest) = end.map_or((text, &b""[..]), |end| (&text[..end], &text[end + 1..]));
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// A value under the name that the event's definition has for it; behind `#` one that logs have in hex digits.
fn named(sink: &mut Sink<'_, '_>, name: &'static str, value: &[u8], kind: Kind) {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i128>().ok());
    match (name.strip_prefix('#'), number.filter(|_| kind == Kind::Number)) {
        (Some(name), Some(number)) => {
            // A status below zero is one of 32 bits.
            let bits = if number < 0 { u128::from(number as u32) } else { number.unsigned_abs() };
            put(sink, name.as_bytes(), format!("{bits:#x}").as_bytes(), Kind::Str);
        }
        (bare, _) => put(sink, bare.unwrap_or(name).as_bytes(), value, kind),
    }
}

fn put(sink: &mut Sink<'_, '_>, name: &[u8], value: &[u8], kind: Kind) {
    let role = ROLES.get(name);
    if sink.asks(role) {
        let (name, value) = (sink.out.store(name), sink.out.store(value));
        sink.text(name, role, value, kind);
    }
}

/// The Sigma name of a property of the record.
fn rename(path: &[u8]) -> Rename {
    Rename::Named(match path {
        b"Id" => "EventID",
        b"LogName" => "Channel",
        b"ProviderName" => "Provider_Name",
        b"ProviderId" => "Provider_Guid",
        b"MachineName" => "Computer",
        b"RecordId" => "EventRecordID",
        b"ProcessId" => "Execution_ProcessID",
        b"ThreadId" => "Execution_ThreadID",
        b"UserId" | b"UserId.Value" => "Security_UserID",
        b"ActivityId" | b"ActivityId.Guid" => "Correlation_ActivityID",
        b"RelatedActivityId" | b"RelatedActivityId.Guid" => "Correlation_RelatedActivityID",
        b"Qualifiers" => "EventID_Qualifiers",
        // Their number is below zero, which is no mask.
        b"Keywords" => return Rename::Drop,
        b"KeywordsDisplayNames" => "Keywords",
        b"TimeCreated.value" => "TimeCreated",
        b"Properties.Value" | b"Properties.Value.Value" => "Properties.Value",
        b"TimeCreated.DateTime" | b"TimeCreated.DisplayHint" => return Rename::Drop,
        _ if path.starts_with(b"Properties") || path.starts_with(b"Bookmark") => return Rename::Drop,
        _ => return Rename::Keep,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::format::roles::Role;
    use crate::format::windows;
    use crate::model::fields::Canon;
    use crate::model::layout::Layout;

    fn fields(record: &str, want: Want) -> Vec<(String, String)> {
        let mut out = Fields::default();
        windows::JSON.parse(&Layout::plain(), record.as_bytes(), want, &mut out).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        out.named().map(|(name, value, _)| (text(name), text(value))).collect()
    }

    fn record(head: &str, values: &[&str]) -> String {
        let values: Vec<String> = values.iter().map(|value| format!("{{\"Value\":{value}}}")).collect();
        let values = values.join(",");
        format!(
            r#"{{{head},"RecordId":7,"MachineName":"h","TimeCreated":"\/Date(1774739404123)\/","UserId":null,"Properties":[{values}]}}"#
        )
    }

    #[test]
    fn values_have_the_names_of_the_definition_with_as_many() {
        let head = r#""Id":4769,"ProviderName":"Microsoft-Windows-Security-Auditing","LogName":"Security""#;
        let values = [
            "\"bob@C\"",
            "\"C\"",
            "\"sql\"",
            r#"{"BinaryLength":28,"AccountDomainSid":"S-1-5-21","Value":"S-1-5-21-1"}"#,
            "1082195968",
            "23",
            "\"::ffff:10.0.0.7\"",
            "\"50000\"",
            "-1073741718",
            "\"{0}\"",
            "\"-\"",
        ];
        let read = fields(&record(head, &values), Want::All);
        let of = |name: &str| read.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let told =
            ["EventID", "Channel", "Computer", "ServiceSid", "TicketOptions", "TicketEncryptionType", "Status"].map(of);
        let want = ["4769", "Security", "h", "S-1-5-21-1", "0x40810000", "0x17", "0xc000006a"];
        assert_eq!(told, want.map(Some));
        assert_eq!((of("Data"), of("Keywords")), (None, None));
        let columns = fields(&record(head, &values), Want::Columns);
        assert!(columns.iter().any(|(name, value)| name == Canon::SourceIp.name() && value.contains("10.0.0.7")));
        let fewer = fields(&record(head, &values[..4]), Want::All);
        assert_eq!(fewer.iter().filter(|(name, _)| name == "Data").count(), 4, "of no definition: {fewer:?}");
    }

    #[test]
    fn sysmon_names_its_values_in_the_message() {
        let head = r#""Id":1,"ProviderName":"Microsoft-Windows-Sysmon","LogName":"Microsoft-Windows-Sysmon/Operational","Message":"Process Create:\r\nRuleName: -\r\nImage: C:\\a.exe\r\nCommandLine: a.exe -x: y\r\nCurrentDirectory: ""#;
        let read = fields(&record(head, &["\"-\"", "\"C:\\\\a.exe\""]), Want::All);
        let of = |name: &str| read.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!((of("Image"), of("CommandLine")), (Some("C:\\a.exe"), Some("a.exe -x: y")));
        assert_eq!((of("CurrentDirectory"), of("Data")), (Some(""), None));
    }

    #[test]
    fn what_a_value_of_several_lines_holds_is_no_other_value() {
        let read = |command: &str| {
            let head = format!(
                r#""Id":1,"ProviderName":"Microsoft-Windows-Sysmon","LogName":"x","Message":"Process Create:\r\nImage: C:\\a.exe\r\nCommandLine: {command}\r\nUser: HC\\bob\r\n""#
            );
            let values = ["\"C:\\\\a.exe\"".to_owned(), format!("\"{command}\""), "\"HC\\\\bob\"".to_owned()];
            let read = fields(&record(&head, &values.each_ref().map(String::as_str)), Want::All);
            let of = |name: &str| {
                let its = read.iter().filter(|(known, _)| known == name);
                its.map(|(_, value)| value.clone()).collect::<Vec<_>>()
            };
            [of("CommandLine"), of("User")]
        };
        let bob = ["HC\\bob".to_owned()];
        assert_eq!(read(r"a.exe\nUser: HC\\ann"), [["a.exe\nUser: HC\\ann".to_owned()], bob.clone()]);
        assert_eq!(read(r"a.exe\r\n\r\n-x "), [["a.exe\r\n\r\n-x ".to_owned()], bob.clone()]);
        assert_eq!(read("a.exe -x"), [["a.exe -x".to_owned()], bob]);
    }

    #[test]
    fn every_line_names_an_event_and_no_name_stands_twice() {
        assert!(
            KNOWN.len() > 100
                && KNOWN.keys().all(|(provider, id, _)| !provider.is_empty() && id.parse::<u32>().is_ok())
        );
        for (event, names) in KNOWN.iter() {
            let mut all = names.clone();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), names.len(), "{event:?}");
        }
        assert_eq!(ROLES.get(b"TimeCreated"), Some(Role::Time(2)));
    }
}
