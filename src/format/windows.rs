//! Windows events: the binary log (EVTX), rendered to JSON chunk by chunk, and events that a shipper wrote as JSON
//! (Winlogbeat, NXLog, evtx_dump, [PowerShell](super::unnamed)).
//!
//! ```text
//! {"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":3,"Channel":"…"},"EventData":{"DestinationIp":"203.0.113.9"}}}
//! {"@timestamp":"…","winlog":{"event_id":3,"channel":"…","event_data":{"DestinationIp":"203.0.113.9"}}}
//! {"EventTime":"2026-03-28 23:10:04","Hostname":"rv-dc01","EventID":3,"SourceName":"…","DestinationIp":"203.0.113.9"}
//! ```
//! Sources: <https://github.com/omerbenamram/evtx>, <https://www.elastic.co/docs/reference/beats/winlogbeat/exported-fields-winlog>,
//! <https://docs.nxlog.co/refman/current/im/msvistalog.html>.
//!
//! All of them get the names that Sigma uses: `EventID`, `Channel`, `Provider_Name`, `Computer`, and the data by their own
//! names. Traps: system and user data may both have a `Channel` (event 104), so a name may occur twice; `EventID` may be a
//! number or an object with qualifiers.

use std::sync::LazyLock;

use super::jsonlines::{Dialect, Other};
use super::jsonwalk::Rename;
use super::roles::{Role, Roles, Table};
use super::written::Marks;
use super::{Fit, Format, Sample, sysmon, unnamed};
use crate::model::fields::{Canon, Fields, Parsed, Reject, Want};
use crate::model::layout::Layout;

/// Windows events as JSON.
pub static JSON: Dialect = Dialect {
    name: "windows_json",
    describe: "Windows events as JSON: Winlogbeat, NXLog, evtx_dump, Get-WinEvent",
    roles: &ROLES,
    rename: Some(rename),
    finish: Some(sysmon::finish),
    marks: Marks::new(&[&["EventID", "Channel"], &["EventID", "Provider_Name"]]),
    rank: 80,
    utc: false,
    outlined: true,
    listed: true,
    other: Some(Other { is: unnamed::is, read: unnamed::read }),
    hides: None,
};

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
pub static ROLES: Table = LazyLock::new(|| {
    use Canon::{
        DestinationBytes, DestinationDomain, DestinationIp, DestinationPort, DnsAnswer, DnsQuestion, EventCode,
        EventDataset, EventProvider, FileHash, FilePath, HostName, Message, NetworkTransport, ParentExecutable,
        ProcessCommandLine, ProcessExecutable, SourceBytes, SourceDomain, SourceIp, SourcePort, TargetUserDomain,
        TargetUserName, UserDomain,
    };
    Roles::new(&[&[
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
    ]])
});

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
        b"winlog.record_id" | b"record_number" => named("EventRecordID"),
        b"winlog.task" => named("Task"),
        b"winlog.opcode" => named("Opcode"),
        b"winlog.keywords" => named("Keywords"),
        _ => rename_deep(path),
    }
}

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
