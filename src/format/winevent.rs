//! Windows events as Splunk's `WinEventLog` writes them: pairs, and behind the last of them the message with its sections.
//!
//! ```text
//! 03/28/2026 11:10:04 PM
//! LogName=Security
//! EventCode=4625
//! ComputerName=dc01.rv.example
//! SourceName=Microsoft Windows security auditing.
//! Keywords=Audit Failure
//! Message=An account failed to log on.
//!
//! Account For Which Logon Failed:
//!         Account Name:           alice
//! Network Information:
//!         Source Network Address: 198.51.100.66
//! ```
//! Source: <https://docs.splunk.com/Documentation/Splunk/latest/Data/MonitorWindowseventlogdata>,
//! <https://learn.microsoft.com/previous-versions/windows/it-pro/windows-10/security/threat-protection/auditing/advanced-security-audit-policy-settings>
//! (of each event its message and its XML).
//!
//! The event is written as an object with the names that its XML has, as far as the labels of the message tell them, and read as such
//! (`windows`). Labels without a name there are given as they are; the message is given whole beside them.
//!
//! Traps: a label means what its section says (`Account Name`); messages are of the language of the host, and only those in English are taken
//! apart; `EventType=0` is no outcome; the stamp at the top is local, and its order of day and month is that of the host.

use super::exported::write;

/// Pairs and labels that are taken of one event.
const LINES_LIMIT: usize = 512;

/// What the pairs are called in the XML of an event.
const PAIRS: &[(&str, &str)] = &[
    ("LogName", "Channel"),
    ("EventCode", "EventID"),
    ("ComputerName", "Computer"),
    ("SourceName", "Provider_Name"),
    ("RecordNumber", "EventRecordID"),
    ("EventType", "EventKind"),
    ("TaskCategory", "Task"),
    ("OpCode", "Opcode"),
];

/// Sections, of which an empty one stands for all; a label; and what it is called in the XML of an event.
const LABELS: &[(&str, &str, &str)] = &[
    ("Subject", "Account Name", "SubjectUserName"),
    ("Subject", "Account Domain", "SubjectDomainName"),
    ("Subject", "Logon ID", "SubjectLogonId"),
    ("Creator Subject", "Account Name", "SubjectUserName"),
    ("Creator Subject", "Account Domain", "SubjectDomainName"),
    ("Creator Subject", "Logon ID", "SubjectLogonId"),
    ("", "Account Name", "TargetUserName"),
    ("", "Account Domain", "TargetDomainName"),
    ("", "Logon ID", "TargetLogonId"),
    ("", "Logon Type", "LogonType"),
    ("", "Logon Process", "LogonProcessName"),
    ("", "Authentication Package", "AuthenticationPackageName"),
    ("", "Workstation Name", "WorkstationName"),
    ("", "Source Workstation", "Workstation"),
    ("", "Source Network Address", "IpAddress"),
    ("", "Client Address", "IpAddress"),
    ("", "Client Port", "IpPort"),
    ("", "Source Address", "SourceAddress"),
    ("", "Source Port", "SourcePort"),
    ("", "Destination Address", "DestAddress"),
    ("", "Destination Port", "DestPort"),
    ("", "Failure Reason", "FailureReason"),
    ("", "Sub Status", "SubStatus"),
    ("", "New Process Name", "NewProcessName"),
    ("", "New Process ID", "NewProcessId"),
    ("", "Creator Process Name", "ParentProcessName"),
    ("", "Process Command Line", "CommandLine"),
    ("", "Process Name", "ProcessName"),
    ("", "Application Name", "Application"),
    ("", "Share Name", "ShareName"),
    ("", "Share Path", "ShareLocalPath"),
    ("", "Relative Target Name", "RelativeTargetName"),
    ("", "Object Name", "ObjectName"),
    ("", "Object Type", "ObjectType"),
    ("", "Access Mask", "AccessMask"),
    ("", "Service Name", "ServiceName"),
    ("", "Service File Name", "ImagePath"),
    ("", "Task Name", "TaskName"),
];

/// An event as an object; `None` where a text is none that is written so.
pub fn object(text: &[u8]) -> Option<Vec<u8>> {
    let starts = |name: &[u8]| text.starts_with(name) || memchr::memmem::find(text, &[b"\n", name].concat()).is_some();
    // PERF: most texts are one line.
    memchr::memchr(b'\n', text)?;
    if !(starts(b"LogName=") && starts(b"EventCode=")) {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    let (head, message) = match text.split_once("\nMessage=") {
        Some((head, message)) => (head, message.trim()),
        None => (&*text, ""),
    };
    let mut event = Event(Vec::with_capacity(2 * text.len()));
    event.0.push(b'{');
    for line in head.lines().take(LINES_LIMIT) {
        match line.split_once('=') {
            Some((name, value)) => event.put(name_of_pair(name), value),
            None if event.0.len() == 1 => event.put("EventTime", line),
            None => {}
        }
    }
    labels(message, &mut event);
    event.put("Message", message);
    event.0.push(b'}');
    Some(event.0)
}

/// An object so far.
struct Event(Vec<u8>);

impl Event {
    fn put(&mut self, name: &str, value: &str) {
        let (name, value) = (name.trim(), value.trim());
        // The log names its provider in words.
        let is_display = name == "Provider_Name" && value == "Microsoft Windows security auditing.";
        let value = if is_display { "Microsoft-Windows-Security-Auditing" } else { value };
        if name.is_empty() || value.is_empty() {
            return;
        }
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        write(name, &mut self.0);
        self.0.push(b':');
        write(value, &mut self.0);
    }
}

fn name_of_pair(name: &str) -> &str {
    PAIRS.iter().find(|(known, _)| *known == name).map_or(name, |(_, made)| made)
}

/// Adds what stands behind the labels of a message.
fn labels(message: &str, event: &mut Event) {
    let mut section = "";
    for line in message.lines().skip(1).take(LINES_LIMIT) {
        let Some((label, value)) = line.split_once(':') else { continue };
        match (line.starts_with(char::is_whitespace), value.trim()) {
            (false, "") => section = label,
            (_, value) => event.put(name_of_label(section, label.trim()), value),
        }
    }
}

fn name_of_label<'l>(section: &str, label: &'l str) -> &'l str {
    let is_of = |of: &str| of.is_empty() || of == section;
    LABELS.iter().find(|(of, known, _)| *known == label && is_of(of)).map_or(label, |(.., made)| made)
}
