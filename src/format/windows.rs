//! Windows events: the binary log (EVTX), rendered to JSON chunk by chunk, and events that a shipper wrote as JSON
//! (Winlogbeat, NXLog, evtx_dump, [PowerShell](super::unnamed)).
//!
//! ```text
//! {"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":3,"Channel":"…"},"EventData":{"DestinationIp":"203.0.113.9"}}}
//! {"@timestamp":"…","winlog":{"event_id":3,"channel":"…","event_data":{"DestinationIp":"203.0.113.9"}}}
//! {"EventTime":"2026-03-28 23:10:04","Hostname":"rv-dc01","EventID":3,"SourceName":"…","DestinationIp":"203.0.113.9"}
//! {"win":{"system":{"eventID":"3","channel":"…"},"eventdata":{"destinationIp":"203.0.113.9"}}}
//! @timestamp,winlog.channel,winlog.event_id,winlog.event_data.DestinationIp
//! ```
//! Sources: <https://github.com/omerbenamram/evtx>, <https://www.elastic.co/docs/reference/beats/winlogbeat/exported-fields-winlog>,
//! <https://docs.nxlog.co/refman/current/im/msvistalog.html>.
//!
//! All of them get the names that Sigma uses: `EventID`, `Channel`, `Provider_Name`, `Computer`, and the data by their own
//! names. Traps: system and user data may both have a `Channel` (event 104), so a name may occur twice; `EventID` may be a
//! number or an object with qualifiers.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::jsonlines::{Dialect, Other};
use super::jsonwalk::Rename;
use super::roles::{Role, Roles, Table};
use super::written::Marks;
use super::{Fit, Format, Sample, csv, sysmon, unnamed};
use crate::model::fields::{Canon, Fields, Parsed, Reject, Want};
use crate::model::layout::Layout;

/// Windows events as JSON.
pub static JSON: Dialect = Dialect {
    name: "windows_json",
    describe: "Windows events as JSON: Winlogbeat, NXLog, evtx_dump, Get-WinEvent",
    roles: &ROLES,
    rename: Some(rename),
    finish: Some(sysmon::finish),
    marks: Marks::made_of(&[&["EventID", "Channel"], &["EventID", "Provider_Name"]], NUMBERS),
    rank: 80,
    utc: false,
    outlined: true,
    listed: true,
    other: Some(Other { is: unnamed::is, read: unnamed::read }),
    columns: &COLUMNS,
    hides: None,
};

/// What of the names of a record one is made into `EventID` of ([`rename`]); without one of these it is no event. PowerShell's `Id` is
/// one in records that it writes alone.
const NUMBERS: &[&[&str]] =
    &[&["EventID"], &["event_id"], &["eventID"], &["MachineName", "ProviderName", "LogName", "Id"]];

/// The Windows event log. Its records are rendered as JSON.
pub struct Evtx;

impl Format for Evtx {
    fn name(&self) -> &'static str {
        "evtx"
    }

    fn describe(&self) -> &'static str {
        "Windows event log (EVTX), damaged chunks included"
    }

    fn fields(&self) -> Vec<Canon> {
        ROLES.canons()
    }

    /// By its magic alone, before any text is looked at.
    fn recognise(&self, _: &Sample<'_>) -> Option<Fit> {
        None
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        JSON.parse(layout, record, want, out)
    }
}

/// What the names of Sigma mean.
pub static ROLES: Table = LazyLock::new(|| Roles::new(&[NAMES]));

/// The same for columns of tables, with what names mean in every table; in lower case without blanks, `_` and `-`.
pub static COLUMNS: Table = LazyLock::new(|| {
    let folded = |(name, role): &(&'static str, Role)| {
        let letters = name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).map(|c| c.to_ascii_lowercase());
        (&*letters.collect::<String>().leak(), *role)
    };
    let own: Vec<(&'static str, Role)> = NAMES.iter().map(folded).collect();
    Roles::new(&[&own, csv::COMMON])
});

const NAMES: &[(&str, Role)] = {
    use Canon::{
        DestinationBytes, DestinationDomain, DestinationIp, DestinationPort, DnsAnswer, DnsQuestion, EventCode,
        EventDataset, EventProvider, FileHash, FilePath, HostName, Message, NetworkTransport, ParentExecutable,
        ProcessCommandLine, ProcessExecutable, SourceBytes, SourceDomain, SourceIp, SourcePort, TargetUserDomain,
        TargetUserName, UserDomain,
    };
    &[
        ("TimeCreated_SystemTime", Role::Time(0)),
        ("@timestamp", Role::Time(1)),
        ("TimeCreated", Role::Time(2)),
        ("EventTime", Role::Time(3)),
        // What Azure Monitor's agents say of the events that they collect.
        ("TimeGenerated", Role::Time(4)),
        ("EventID", Role::Is(EventCode)),
        ("EventRecordID", Role::Is(Canon::EventSequence)),
        ("Channel", Role::Is(EventDataset)),
        ("Provider_Name", Role::Is(EventProvider)),
        ("Computer", Role::Is(HostName)),
        ("Keywords", Role::Outcome),
        ("EventType", Role::Outcome),
        ("IpAddress", Role::Addr(SourceIp)),
        ("IpPort", Role::Is(SourcePort)),
        ("SourceIp", Role::Addr(SourceIp)),
        ("SourceAddress", Role::Addr(SourceIp)),
        ("SourcePort", Role::Is(SourcePort)),
        ("SourceHostname", Role::Is(SourceDomain)),
        ("WorkstationName", Role::Is(SourceDomain)),
        ("Workstation", Role::Is(SourceDomain)),
        ("ClientAddress", Role::Addr(SourceIp)),
        ("DestinationIp", Role::Addr(DestinationIp)),
        ("DestAddress", Role::Addr(DestinationIp)),
        ("DestinationPort", Role::Is(DestinationPort)),
        ("DestPort", Role::Is(DestinationPort)),
        ("DestinationHostname", Role::Is(DestinationDomain)),
        ("Protocol", Role::Is(NetworkTransport)),
        ("SubjectUserName", Role::User),
        ("SubjectDomainName", Role::Is(UserDomain)),
        ("User", Role::User),
        ("TargetUserName", Role::Is(TargetUserName)),
        ("TargetDomainName", Role::Is(TargetUserDomain)),
        ("TargetLogonId", Role::Is(Canon::SessionId)),
        ("LogonId", Role::Is(Canon::LogonId)),
        ("SubjectLogonId", Role::Is(Canon::LogonId)),
        ("LogonType", Role::Is(Canon::LogonType)),
        ("Address", Role::Addr(SourceIp)),
        ("SessionID", Role::Is(Canon::SessionId)),
        ("Image", Role::Is(ProcessExecutable)),
        ("NewProcessName", Role::Is(ProcessExecutable)),
        ("ProcessName", Role::Is(ProcessExecutable)),
        ("CommandLine", Role::Is(ProcessCommandLine)),
        ("ParentImage", Role::Is(ParentExecutable)),
        ("ParentProcessName", Role::Is(ParentExecutable)),
        ("QueryName", Role::Is(DnsQuestion)),
        ("QueryResults", Role::Is(DnsAnswer)),
        ("Hashes", Role::Is(FileHash)),
        ("TargetFilename", Role::Is(FilePath)),
        ("ObjectName", Role::Is(FilePath)),
        ("RelativeTargetName", Role::Is(FilePath)),
        ("ShareName", Role::Is(Canon::Container)),
        ("bytesTransferred", Role::Is(DestinationBytes)),
        ("url", Role::Url),
        ("BytesSent", Role::Is(SourceBytes)),
        ("message", Role::Is(Message)),
        ("Message", Role::Is(Message)),
    ]
};

/// A table whose columns are the names of an event, as shippers write them: each row is read as the event.
///
/// Other products have an `EventID` and a `Channel` or source, too: it is of Windows where a name has a shipper's path before it, or where
/// more of what describes an event is there.
pub fn of_table(fit: Fit) -> Fit {
    let columns = &fit.layout.columns;
    let mut named: Vec<Arc<str>> = columns.iter().map(column).collect();
    let has = |named: &[Arc<str>], wanted: &str| named.iter().any(|name| &**name == wanted);
    if !has(&named, "EventID")
        && let Some(code) = columns.iter().position(|name| &**name == "event.code")
        && columns.iter().any(|name| name.starts_with("winlog."))
    {
        named[code] = "EventID".into();
    }
    let described = DESCRIBED.iter().filter(|name| has(&named, name)).count();
    let least = if columns.iter().any(is_shipped) { 1 } else { 2 };
    let is_told = has(&named, "Channel") || has(&named, "Provider_Name");
    if !(has(&named, "EventID") && is_told && described >= least) {
        return fit;
    }
    let layout = Layout { format: JSON.name, columns: named, ..fit.layout };
    Fit { rank: JSON.rank, layout, ..fit }
}

/// What describes an event beside its number.
const DESCRIBED: [&str; 4] = ["Channel", "Provider_Name", "Computer", "EventRecordID"];

/// Whether a column has the path that a shipper writes the fields of events of Windows under.
fn is_shipped(name: &Arc<str>) -> bool {
    let inner = name.strip_prefix("_source.").unwrap_or(name);
    ["winlog.", "event_data.", "win.", "data.win."].iter().any(|path| inner.starts_with(path))
}

/// The name of Sigma for a column.
fn column(name: &Arc<str>) -> Arc<str> {
    let inner = name.strip_prefix("_source.").unwrap_or(name);
    let inner = inner.strip_prefix("data.").filter(|inner| inner.starts_with("win.")).unwrap_or(inner);
    match rename(inner.as_bytes()) {
        Rename::Named(name) => name.into(),
        Rename::Part(from, to) => inner.get(from..to).unwrap_or(inner).into(),
        Rename::Keep | Rename::Drop => Arc::clone(name),
    }
}

/// The Sigma name of a dotted path.
pub fn rename(path: &[u8]) -> Rename {
    let named = |name| Rename::Named(name);
    match path {
        b"Event" | b"Event.System" | b"Event.EventData" | b"Event.UserData" | b"winlog" | b"winlog.event_data"
        | b"winlog.user_data" | b"event_data" => Rename::Drop,
        b"winlog.event_id" | b"event_id" => named("EventID"),
        b"winlog.channel" | b"log_name" => named("Channel"),
        b"winlog.provider_name" | b"source_name" | b"SourceName" => named("Provider_Name"),
        b"winlog.provider_guid" => named("Provider_Guid"),
        b"winlog.computer_name" | b"computer_name" | b"Hostname" => named("Computer"),
        b"winlog.record_id" | b"record_number" | b"RecordNumber" => named("EventRecordID"),
        b"winlog.task" => named("Task"),
        b"winlog.opcode" => named("Opcode"),
        b"winlog.keywords" => named("Keywords"),
        // PERF: no other name that is looked at further begins with a small letter.
        [b'a'..=b'z', ..] => wazuh(path).unwrap_or_else(|| rename_deep(path)),
        _ => rename_deep(path),
    }
}

/// The Sigma name of a path of Wazuh's, whose parts begin with a small letter; `None` where it is none of these.
fn wazuh(path: &[u8]) -> Option<Rename> {
    let inner = path.strip_prefix(b"win.").unwrap_or(path);
    let named = |name| Some(Rename::Named(name));
    match inner {
        b"win" | b"system" | b"eventdata" => return (inner.len() < path.len()).then_some(Rename::Drop),
        b"system.eventID" => return named("EventID"),
        b"system.channel" => return named("Channel"),
        b"system.providerName" => return named("Provider_Name"),
        b"system.providerGuid" => return named("Provider_Guid"),
        b"system.computer" => return named("Computer"),
        b"system.eventRecordID" => return named("EventRecordID"),
        b"system.systemTime" => return named("TimeCreated_SystemTime"),
        b"system.processID" => return named("Execution_ProcessID"),
        b"system.threadID" => return named("Execution_ThreadID"),
        b"system.severityValue" => return named("Keywords"),
        b"system.keywords" => return Some(Rename::Keep),
        b"system.level" => return named("Level"),
        b"system.task" => return named("Task"),
        b"system.opcode" => return named("Opcode"),
        b"system.version" => return named("Version"),
        b"system.message" => return named("Message"),
        _ => {}
    }
    let parts = [&b"eventdata."[..], b"userData.", b"logFileCleared.", b"eventXML."];
    let part = parts.into_iter().find(|part| inner.starts_with(part))?;
    let name = &inner[part.len()..];
    match CAPITALS.get(name) {
        Some(known) => named(known),
        None => Some(Rename::Part(path.len() - name.len(), path.len())),
    }
}

/// Names of events, by themselves with a small letter first.
static CAPITALS: LazyLock<HashMap<Vec<u8>, &'static str>> = LazyLock::new(|| {
    let small = |name: &'static str| {
        let mut small = name.as_bytes().to_vec();
        small[..1].make_ascii_lowercase();
        (small, name)
    };
    unnamed::names().chain(NAMES.iter().map(|(name, _)| *name)).filter(|name| !name.is_empty()).map(small).collect()
});

fn rename_deep(path: &[u8]) -> Rename {
    for prefix in ["winlog.event_data.", "winlog.user_data.", "event_data."] {
        if path.starts_with(prefix.as_bytes()) {
            return Rename::Part(prefix.len(), path.len());
        }
    }
    let Some(inner) = path.strip_prefix(b"Event.") else { return Rename::Keep };
    let text = inner.strip_suffix(b".#text").unwrap_or(inner);
    let end = path.len() - (inner.len() - text.len());
    if let Some(name) = text.strip_prefix(b"System.") {
        return match attribute(name) {
            Some(found) => found,
            None => Rename::Part("Event.System.".len(), end),
        };
    }
    if inner.ends_with(b"#attributes") || memchr::memmem::find(inner, b"#attributes.").is_some() {
        return Rename::Drop;
    }
    if text.starts_with(b"EventData.") {
        return Rename::Part("Event.EventData.".len(), end);
    }
    if let Some(name) = text.strip_prefix(b"UserData.") {
        // The element that encloses the values says nothing.
        return match memchr::memchr(b'.', name) {
            Some(dot) => Rename::Part("Event.UserData.".len() + dot + 1, end),
            None => Rename::Drop,
        };
    }
    Rename::Keep
}

/// An attribute of an element of the system part: `Provider_Name` for `Provider.#attributes.Name`.
fn attribute(name: &[u8]) -> Option<Rename> {
    let dot = memchr::memmem::find(name, b".#attributes")?;
    let Some(key) = name[dot..].strip_prefix(b".#attributes.") else { return Some(Rename::Drop) };
    let shown = match (&name[..dot], key) {
        (b"Provider", b"Name") => "Provider_Name",
        (b"Provider", b"Guid") => "Provider_Guid",
        (b"Provider", b"EventSourceName") => "Provider_EventSourceName",
        (b"TimeCreated", b"SystemTime") => "TimeCreated_SystemTime",
        (b"EventID", b"Qualifiers") => "EventID_Qualifiers",
        (b"Execution", b"ProcessID") => "Execution_ProcessID",
        (b"Execution", b"ThreadID") => "Execution_ThreadID",
        (b"Correlation", b"ActivityID") => "Correlation_ActivityID",
        (b"Correlation", b"RelatedActivityID") => "Correlation_RelatedActivityID",
        (b"Security", b"UserID") => "Security_UserID",
        _ => return Some(Rename::Keep),
    };
    Some(Rename::Named(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(record: &str) -> Vec<String> {
        let mut out = Fields::default();
        JSON.parse(&Layout::plain(), record.as_bytes(), Want::All, &mut out).unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        out.named().filter(|(n, ..)| !n.contains(&b'.')).map(|(n, v, _)| format!("{}={}", text(n), text(v))).collect()
    }

    #[test]
    fn an_event_is_told_by_its_number_however_that_is_written() {
        let layout = Layout::plain();
        for record in [
            r#"{"EventID":3,"Channel":"C"}"#,
            r##"{"Event":{"System":{"EventID":{"#text":104},"Channel":"C"}}}"##,
            r#"{"winlog":{"event_id":3,"channel":"C"}}"#,
            r#"{"event_id":3,"log_name":"C"}"#,
            r#"{"win":{"system":{"eventID":"3","channel":"C"}}}"#,
            r#"{"Id":1,"ProviderName":"P","LogName":"C","MachineName":"h","Properties":[]}"#,
            r#"{"Event\u0049D":3,"Channel":"C"}"#,
        ] {
            assert!(JSON.marks.may_be_in(record.as_bytes()), "{record}");
            assert!(JSON.shows(&layout, record.as_bytes()), "{record}");
        }
        for other in [r#"{"message":"a","Channel":"C"}"#, r#"{"Id":1,"LogName":"C"}"#, r#"{"a":"\u0049D"}"#] {
            assert!(!JSON.marks.may_be_in(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn all_shippers_give_the_names_of_sigma() {
        let dump = r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"P"}},"EventID":{"#attributes":{"Qualifiers":0},"#text":104},"Channel":"System"},"UserData":{"LogFileCleared":{"#attributes":{"xmlns":"y"},"Channel":"Security"}}}}"##;
        assert_eq!(
            shown(dump),
            ["Provider_Name=P", "EventID_Qualifiers=0", "EventID=104", "Channel=System", "Channel=Security"]
        );
        let beat = r#"{"winlog":{"event_id":3,"channel":"C","event_data":{"Image":"a.exe"}}}"#;
        assert_eq!(shown(beat), ["EventID=3", "Channel=C", "Image=a.exe"]);
        let nxlog = r#"{"EventID":3,"SourceName":"P","Image":"a.exe"}"#;
        assert_eq!(shown(nxlog), ["EventID=3", "Provider_Name=P", "Image=a.exe"]);
    }
}
