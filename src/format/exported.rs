//! Windows events as tools export them: the event's own fields lie in cells, under other names, or escaped once more.
//!
//! ```text
//! EvtxECmd  EventId=1, Channel=…, Payload={"EventData":{"Data":[{"@Name":"Image","#text":"C:\\a.exe"},…]}}
//! Hayabusa  EventID=1, Channel=Sysmon, Details=Cmdline: a.exe -x ¦ Proc: C:\a.exe ¦ …
//! Wazuh     {"system":{"eventID":"1","channel":"…"},"eventdata":{"image":"C:\\\\a.exe"}}
//! ```
//! Sources: <https://github.com/EricZimmerman/evtx>; <https://github.com/Yamato-Security/hayabusa-rules> (`config/default_details.txt`,
//! `config/channel_abbreviations.txt`, `config/data_mapping`);
//! <https://documentation.wazuh.com/current/user-manual/capabilities/log-data-collection/how-to-collect-wlogs.html>.
//!
//! The event is written as an object with the names that its XML has, as far as the export has its fields, and read as such
//! (`windows`): rules, sessions and traffic are then those of the event wherever it was found.
//!
//! Traps: what EvtxECmd calls `ProcessId` is the process that wrote the event; Hayabusa abbreviates names by the kind of event, and gives
//! logon types with words behind their number, and `n/a` where the event has no such field; Wazuh writes texts of an event as JSON does, and then once
//! more.

use serde::Serialize;
use serde_json::{Map, Value};

use super::windows;
use crate::model::fields::{Fields, Kind};

/// A tool whose records are events of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// EvtxECmd.
    EvtxECmd,
    /// Hayabusa.
    Hayabusa,
}

/// What stands between the values of a list of Hayabusa's.
const BROKEN_BAR: &str = "\u{a6}";
/// A value that an event does not have, in Hayabusa's words.
const NOTHING: &str = "n/a";
/// So deep user data are looked into.
const DEPTH_LIMIT: usize = 8;

impl Tool {
    /// The tool that a definition names.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "evtxecmd" => Some(Self::EvtxECmd),
            "hayabusa" => Some(Self::Hayabusa),
            _ => None,
        }
    }

    /// How the tool writes a value that an event does not have.
    pub fn nothing(self) -> Option<&'static [u8]> {
        (self == Self::Hayabusa).then_some(NOTHING.as_bytes())
    }

    /// The event that a record of the tool holds; `None` where it holds no fields of one.
    pub fn event(self, fields: &Fields<'_>) -> Option<Event> {
        let mut event = Event::default();
        let told = match self {
            Self::EvtxECmd => evtxecmd(fields, &mut event),
            Self::Hayabusa => hayabusa(fields, &mut event),
        };
        event.text.push(b'}');
        told.then_some(event)
    }
}

/// An event so far: names may stand in it more than once.
#[derive(Debug)]
pub struct Event {
    text: Vec<u8>,
    /// All names, one behind the other, and where each ends.
    names: Vec<u8>,
    ends: Vec<usize>,
    /// Whether what tells an event of Windows stands before its data.
    is_told: bool,
}

/// Bytes and names that most events have room in.
const ROOM: (usize, usize) = (1 << 10, 32);

impl Default for Event {
    fn default() -> Self {
        let mut text = Vec::with_capacity(ROOM.0);
        text.push(b'{');
        Self { text, names: Vec::with_capacity(ROOM.0), ends: Vec::with_capacity(ROOM.1), is_told: false }
    }
}

impl Event {
    /// The event as an object.
    pub fn object(&self) -> &[u8] {
        &self.text
    }

    /// The dialect of the object, where what tells it is there.
    pub fn dialect(&self) -> Option<&'static str> {
        self.is_told.then_some(windows::JSON.name)
    }

    /// What stands before the data is written.
    fn end_head(&mut self) {
        self.is_told = windows::JSON.marks.sets.iter().any(|set| set.iter().all(|name| self.has(name.as_bytes())));
    }

    /// Whether the event has a field of this name.
    pub fn has(&self, name: &[u8]) -> bool {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).any(|(start, end)| &self.names[start..*end] == name)
    }

    /// PERF: what is written at once needs no text of its own.
    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        if name.is_empty() {
            return;
        }
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        write(name, &mut self.text);
        self.text.push(b':');
        write(value, &mut self.text);
        self.names.extend_from_slice(name.as_bytes());
        self.ends.push(self.names.len());
    }

    /// Adds a value of the event's data; what has the name of something that tells what and when the event was is none: who wrote the
    /// data, or a text in it, would have the last word on that.
    fn datum(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        if !HEAD.contains(&name) {
            self.put(name, value);
        }
    }
}

/// Names of what and when an event was, which its data do not tell.
const HEAD: [&str; 9] = [
    "Channel",
    "EventID",
    "EventRecordID",
    "EventTime",
    "Provider_Name",
    "TimeCreated",
    "TimeCreated_SystemTime",
    "TimeGenerated",
    "@timestamp",
];

/// Appends a value as JSON.
pub fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Texts and values of JSON have a form in it, and a buffer takes what it is given.
    let _ = serde_json::to_writer(out, value);
}

/// The texts of a record by their names, without those that are empty.
fn texts<'f>(fields: &'f Fields<'_>) -> impl Iterator<Item = (&'f str, &'f str)> {
    let text = |(name, value, kind): (&'f [u8], &'f [u8], Kind)| {
        let is_value = !matches!(kind, Kind::Null | Kind::Json);
        Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
            .filter(|(_, text)| is_value && !text.is_empty())
    };
    fields.named().filter_map(text)
}

/// What the columns of EvtxECmd are called in the XML of an event.
const COLUMNS: &[(&str, &str)] = &[
    ("EventId", "EventID"),
    ("Channel", "Channel"),
    ("Provider", "Provider_Name"),
    ("Computer", "Computer"),
    ("EventRecordId", "EventRecordID"),
    ("Keywords", "Keywords"),
    ("UserId", "Security_UserID"),
    ("ProcessId", "Execution_ProcessID"),
    ("ThreadId", "Execution_ThreadID"),
];

fn evtxecmd(fields: &Fields<'_>, event: &mut Event) -> bool {
    let mut payload = None;
    for (name, value) in texts(fields) {
        if let Some((_, made)) = COLUMNS.iter().find(|(known, _)| *known == name) {
            event.put(made, value);
        } else if name == "Payload" {
            payload = serde_json::from_str::<Map<String, Value>>(value).ok();
        }
    }
    let Some(payload) = payload.filter(|payload| !payload.is_empty()) else { return false };
    event.end_head();
    for (part, value) in &payload {
        match (part.as_str(), value) {
            ("EventData", Value::Object(data)) => data.iter().for_each(|(name, value)| data_of(name, value, event)),
            // The element that encloses the values says nothing.
            ("UserData", Value::Object(data)) => data.values().for_each(|inner| below("", inner, 0, event)),
            _ => {}
        }
    }
    true
}

/// The values of an event's data: named ones, and such without a name.
fn data_of(name: &str, value: &Value, event: &mut Event) {
    match (name, value) {
        ("Data", Value::Array(all)) => all.iter().for_each(|one| data_of(name, one, event)),
        ("Data", Value::Object(one)) => {
            let name = one.get("@Name").and_then(Value::as_str).unwrap_or("Data");
            match one.get("#text") {
                Some(text) => event.datum(name, text),
                None => event.datum(name, ""),
            }
        }
        (name, _) if name.starts_with(['@', '#']) => {}
        (name, value) => event.datum(name, value),
    }
}

/// The values below an element of user data, by their dotted names.
fn below(path: &str, value: &Value, depth: usize, event: &mut Event) {
    match value {
        Value::Object(all) if depth < DEPTH_LIMIT => {
            for (name, inner) in all.iter().filter(|(name, _)| !name.starts_with('@') && *name != "xmlns") {
                match (path, name.as_str()) {
                    (path, "#text") => below(path, inner, depth + 1, event),
                    ("", name) => below(name, inner, depth + 1, event),
                    (path, name) => below(&format!("{path}.{name}"), inner, depth + 1, event),
                }
            }
        }
        // The log that was cleared (104).
        other if path == "Channel" => event.put(path, other),
        other => event.datum(path, other),
    }
}

fn hayabusa(fields: &Fields<'_>, event: &mut Event) -> bool {
    let told = |wanted: &str| texts(fields).find(|(name, _)| *name == wanted).map(|(_, text)| text);
    let (Some(short), Some(id)) = (told("Channel"), told("EventID")) else { return false };
    let channel = CHANNELS.iter().find(|(known, _)| *known == short).map_or(short, |(_, channel)| channel);
    event.put("Channel", channel);
    event.put("EventID", id);
    for (name, made) in [("Computer", "Computer"), ("RecordID", "EventRecordID"), ("Provider", "Provider_Name")] {
        told(name).filter(|text| !matches!(*text, "-" | NOTHING)).into_iter().for_each(|text| event.put(made, text));
    }
    // Profiles without the provider: in this channel one alone has an event of that number.
    if (channel, id) == ("Security", CLEARED) && told("Provider").is_none() {
        event.put("Provider_Name", EVENT_LOG);
    }
    event.end_head();
    let (kind, has_list) = ((channel, id), told("Details").is_some());
    for (name, text) in texts(fields) {
        match (name, name.split_once('.')) {
            ("Details" | "ExtraFieldInfo" | "AllFieldInfo", _) => {
                let is_short = name == "Details";
                pairs(text).for_each(|(name, value)| value_of((kind, is_short), name, value, event));
            }
            // Tables have these beside the text that they are of.
            (_, Some(("Details", _))) if has_list => {}
            (_, Some((part @ ("Details" | "ExtraFieldInfo" | "AllFieldInfo"), name))) => {
                value_of((kind, part == "Details"), name, text, event);
            }
            _ => {}
        }
    }
    true
}

/// The names and values of a list, which stand on lines of their own or with bars between them.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.split(BROKEN_BAR).flat_map(str::lines);
    parts.filter_map(|pair| pair.trim().split_once(": ")).filter(|(name, _)| !name.is_empty())
}

/// A value of an event of a kind; `is_short`: under a name of Hayabusa's own.
fn value_of((kind, is_short): ((&str, &str), bool), name: &str, value: &str, event: &mut Event) {
    let name = if is_short { spelled(kind, name) } else { name };
    let value = value.trim();
    match name {
        _ if value == NOTHING => {}
        "LogonType" => event.put(name, value.split(' ').next().unwrap_or(value)),
        _ => event.datum(name, value),
    }
}

/// Channels as Hayabusa abbreviates them.
const CHANNELS: &[(&str, &str)] = &[
    ("App", "Application"),
    ("AppLocker", "Microsoft-Windows-AppLocker/EXE and DLL"),
    ("BitsCli", "Microsoft-Windows-Bits-Client/Operational"),
    ("CodeInteg", "Microsoft-Windows-CodeIntegrity/Operational"),
    ("Defender", "Microsoft-Windows-Windows Defender/Operational"),
    ("DNS-Svr", "DNS Server"),
    ("DvrFmwk", "Microsoft-Windows-DriverFrameworks-UserMode/Operational"),
    ("Exchange", "MSExchange Management"),
    ("Firewall", "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"),
    ("LDAP-Cli", "Microsoft-Windows-LDAP-Client/Debug"),
    ("NTLM", "Microsoft-Windows-NTLM/Operational"),
    ("OpenSSH", "OpenSSH/Operational"),
    ("PrintAdm", "Microsoft-Windows-PrintService/Admin"),
    ("PrintOp", "Microsoft-Windows-PrintService/Operational"),
    ("PwSh", "Microsoft-Windows-PowerShell/Operational"),
    ("PwShClassic", "Windows PowerShell"),
    ("PwShCore", "PowerShellCore/Operational"),
    ("RDP-Cli", "Microsoft-Windows-TerminalServices-RDPClient/Operational"),
    ("RDP-CoreTS", "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"),
    ("RDS-GTW", "Microsoft-Windows-TerminalServices-Gateway/Operational"),
    ("RDS-LSM", "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"),
    ("RDS-RCM", "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational"),
    ("Sec", "Security"),
    ("SmbCliSec", "Microsoft-Windows-SmbClient/Security"),
    ("SvcBusCli", "Microsoft-ServiceBus-Client"),
    ("Sys", "System"),
    ("Sysmon", SYSMON),
    ("TaskSch", "Microsoft-Windows-TaskScheduler/Operational"),
    ("WMI", "Microsoft-Windows-WMI-Activity/Operational"),
    ("WinRM", "Microsoft-Windows-WinRM/Operational"),
];

/// The number of the event that the log of security was cleared, and who writes it.
const CLEARED: &str = "1102";
const EVENT_LOG: &str = "Microsoft-Windows-Eventlog";

const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

/// Channel, numbers of events (`*`: of all others), a name of Hayabusa's, and what it is called in the XML of these events. The first that fits counts.
type Spelled = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const SPELLED: &[Spelled] = &[
    (SYSMON, &["6", "7"], &[("Path", "ImageLoaded"), ("Image", "ImageLoaded"), ("Sig", "Signature")]),
    (SYSMON, &["19"], &[("Query", "Query"), ("Name", "Name")]),
    (SYSMON, &["20"], &[("Tgt", "Destination")]),
    (
        SYSMON,
        &["*"],
        &[
            ("Cmdline", "CommandLine"),
            ("CmdLine", "CommandLine"),
            ("Cmd", "CommandLine"),
            ("Proc", "Image"),
            ("ParentCmdline", "ParentCommandLine"),
            ("ParentCmd", "ParentCommandLine"),
            ("ParentProc", "ParentImage"),
            ("PID", "ProcessId"),
            ("PGUID", "ProcessGuid"),
            ("ParentPID", "ParentProcessId"),
            ("ParentPGUID", "ParentProcessGuid"),
            ("LID", "LogonId"),
            ("LGUID", "LogonGuid"),
            ("Hash", "Hashes"),
            ("Proto", "Protocol"),
            ("SrcIP", "SourceIp"),
            ("SrcPort", "SourcePort"),
            ("SrcHost", "SourceHostname"),
            ("SrcComp", "SourceHostname"),
            ("TgtIP", "DestinationIp"),
            ("TgtPort", "DestinationPort"),
            ("TgtHost", "DestinationHostname"),
            ("SrcProc", "SourceImage"),
            ("TgtProc", "TargetImage"),
            ("SrcUser", "SourceUser"),
            ("TgtUser", "TargetUser"),
            ("SrcPID", "SourceProcessId"),
            ("TgtPID", "TargetProcessId"),
            ("Access", "GrantedAccess"),
            ("Path", "TargetFilename"),
            ("TgtObj", "TargetObject"),
            ("Pipe", "PipeName"),
            ("Query", "QueryName"),
            ("Result", "QueryResults"),
            ("Op", "Operation"),
        ],
    ),
    ("Security", &["4688"], &[("Proc", "NewProcessName"), ("Path", "NewProcessName"), ("PID", "NewProcessId")]),
    (
        "Security",
        &["5154", "5156", "5157", "5158"],
        &[
            ("Proc", "Application"),
            ("SrcIP", "SourceAddress"),
            ("SrcPort", "SourcePort"),
            ("TgtIP", "DestAddress"),
            ("TgtPort", "DestPort"),
        ],
    ),
    ("Security", &["4776"], &[("SrcComp", "Workstation")]),
    (
        "Security",
        &["4778", "4779"],
        &[("SrcIP", "ClientAddress"), ("SrcComp", "ClientName"), ("SrcUser", "AccountName"), ("LID", "LogonID")],
    ),
    ("Security", &["4624", "4625", "4634", "4647"], &[("LID", "TargetLogonId")]),
    ("Security", &["4672"], &[("TgtUser", "SubjectUserName")]),
    ("Security", &["4674"], &[("Svc", "ObjectName")]),
    ("Security", &["4697"], &[("Path", "ServiceFileName")]),
    ("Security", &["4698", "4699", "4700", "4701", "4702"], &[("Name", "TaskName"), ("Content", "TaskContent")]),
    ("Security", &["5145"], &[("Path", "RelativeTargetName")]),
    (
        "Security",
        &["*"],
        &[
            ("Type", "LogonType"),
            ("TgtUser", "TargetUserName"),
            ("TgtGrp", "TargetUserName"),
            ("TgtSID", "TargetSid"),
            ("TgtDomain", "TargetDomainName"),
            ("SrcUser", "SubjectUserName"),
            ("User", "SubjectUserName"),
            ("Domain", "SubjectDomainName"),
            ("SrcComp", "WorkstationName"),
            ("SrcIP", "IpAddress"),
            ("SrcPort", "IpPort"),
            ("SrcSID", "MemberSid"),
            ("SID", "SubjectUserSid"),
            ("LID", "SubjectLogonId"),
            ("Cmdline", "CommandLine"),
            ("CmdLine", "CommandLine"),
            ("Proc", "ProcessName"),
            ("ParentProc", "ParentProcessName"),
            ("PID", "ProcessId"),
            ("Svc", "ServiceName"),
            ("ObjName", "ObjectName"),
            ("ObjType", "ObjectType"),
            ("ObjSvr", "ObjectServer"),
            ("ObjDN", "ObjectDN"),
            ("OpType", "OperationType"),
            ("AttrLDAPName", "AttributeLDAPDisplayName"),
            ("HID", "HandleId"),
            ("SharePath", "ShareLocalPath"),
            ("AuthPkg", "AuthenticationPackageName"),
            ("SamUser", "SamAccountName"),
            ("UAC", "UserAccountControl"),
            ("OldUAC", "OldUacValue"),
            ("NewUAC", "NewUacValue"),
            ("SPN", "ServicePrincipalNames"),
        ],
    ),
    ("System", &["7045"], &[("Svc", "ServiceName"), ("Path", "ImagePath"), ("Acct", "AccountName")]),
    ("System", &["104"], &[("User", "SubjectUserName")]),
    ("Microsoft-Windows-PowerShell/Operational", &["*"], &[("ScriptBlock", "ScriptBlockText")]),
    ("PowerShellCore/Operational", &["*"], &[("ScriptBlock", "ScriptBlockText")]),
    (
        "Microsoft-Windows-Windows Defender/Operational",
        &["*"],
        &[
            ("Threat", "Threat Name"),
            ("Severity", "Severity Name"),
            ("Type", "Category Name"),
            ("User", "Detection User"),
            ("Proc", "Process Name"),
        ],
    ),
    (
        "Microsoft-Windows-Bits-Client/Operational",
        &["*"],
        &[
            ("JobTitle", "jobTitle"),
            ("JobID", "jobId"),
            ("JobOwner", "jobOwner"),
            ("Proc", "processPath"),
            ("URL", "url"),
        ],
    ),
    (
        "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
        &["*"],
        &[("TgtUser", "User"), ("SrcIP", "Address")],
    ),
];

/// What a name of Hayabusa's is called in the XML of an event of a kind; itself where it abbreviates none.
fn spelled<'n>((channel, id): (&str, &str), name: &'n str) -> &'n str {
    let of = SPELLED.iter().filter(|(of, ids, _)| *of == channel && (ids.contains(&id) || *ids == ["*"]));
    of.flat_map(|(.., names)| *names).find(|(known, _)| *known == name).map_or(name, |(_, made)| made)
}

/// An event as Wazuh's decoder gives it, whose texts are escaped once more, with them as they were; `None` where a text is no such
/// event, or is not escaped so.
pub fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let has = |part: &[u8]| memchr::memmem::find(text, part).is_some();
    if !(text.starts_with(b"{") && has(b"\\\\\\\\") && has(b"\"system\"") && has(b"\"eventdata\"")) {
        return None;
    }
    let mut event: Value = serde_json::from_slice(text).ok()?;
    let parts = if event.get("win").is_some() { event.get_mut("win")? } else { &mut event };
    let data = parts.get_mut("eventdata")?.as_object_mut()?;
    // A single slash in one of them shows that none is written so: a path of a share alone shows nothing.
    let is_escaped = data.values().filter_map(Value::as_str).all(|text| {
        let mut bytes = text.bytes();
        std::iter::from_fn(|| bytes.find(|byte| *byte == b'\\').map(|_| bytes.next()))
            .all(|next| matches!(next, Some(b'\\' | b'"')))
    });
    if !is_escaped {
        return None;
    }
    for value in data.values_mut() {
        if let Some(plain) = value.as_str().map(|text| text.replace("\\\"", "\"").replace("\\\\", "\\")) {
            *value = Value::from(plain);
        }
    }
    serde_json::to_vec(&event).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tool: Tool, fields: &[(&'static str, &'static str)]) -> String {
        let mut record = Fields::default();
        fields.iter().for_each(|(name, value)| record.push(None, name.as_bytes(), value.as_bytes(), Kind::Str));
        tool.event(&record).map_or_else(String::new, |event| String::from_utf8(event.text).unwrap())
    }

    #[test]
    fn data_and_user_data_of_a_payload_have_their_own_names() {
        let head = [("EventId", "1"), ("Channel", "C")];
        let event = |payload| of(Tool::EvtxECmd, &[head[0], head[1], ("Payload", payload)]);
        assert_eq!(
            event(r##"{"EventData":{"Data":[{"@Name":"Image","#text":"C:\\a"},{"@Name":"x"},{"#text":"y"}]}}"##),
            r#"{"EventID":"1","Channel":"C","Image":"C:\\a","x":"","Data":"y"}"#
        );
        assert_eq!(
            event(r##"{"UserData":{"LogFileCleared":{"@xmlns":"u","SubjectUserName":"eve","a":{"b":{"#text":1}}}}}"##),
            r#"{"EventID":"1","Channel":"C","SubjectUserName":"eve","a.b":1}"#
        );
        assert_eq!([event(""), event("{}"), event("{\"EventData\":")], ["", "", ""]);
        assert_eq!(event(r#"{"EventData":"x"}"#), r#"{"EventID":"1","Channel":"C"}"#);
    }

    #[test]
    fn names_of_hayabusa_are_those_of_the_event_by_its_kind() {
        let event =
            |channel, id, details| of(Tool::Hayabusa, &[("Channel", channel), ("EventID", id), ("Details", details)]);
        assert_eq!(
            event("Sec", "4688", "Cmdline: a -x ¦ Proc: C:\\a.exe ¦ PID: 7 ¦ LID: n/a"),
            r#"{"Channel":"Security","EventID":"4688","CommandLine":"a -x","NewProcessName":"C:\\a.exe","NewProcessId":"7"}"#
        );
        assert_eq!(
            event("Sysmon", "1", "Proc: C:\\a.exe\nOther: x: y"),
            r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":"1","Image":"C:\\a.exe","Other":"x: y"}"#
        );
        assert_eq!(
            event("Sec", "4624", "Type: 3 - NETWORK ¦ LID: 0x1"),
            r#"{"Channel":"Security","EventID":"4624","LogonType":"3","TargetLogonId":"0x1"}"#
        );
    }

    #[test]
    fn an_object_is_an_event_of_windows_where_its_head_says_so() {
        let dialect = |tool: Tool, fields: &[(&'static str, &'static str)]| {
            let mut record = Fields::default();
            fields.iter().for_each(|(name, value)| record.push(None, name.as_bytes(), value.as_bytes(), Kind::Str));
            tool.event(&record).unwrap().dialect()
        };
        let payload = ("Payload", r#"{"EventData":{"log":"a"},"UserData":{"a":{"Channel":"C","Provider_Name":"P"}}}"#);
        assert_eq!(dialect(Tool::EvtxECmd, &[payload, ("EventId", "1"), ("Provider", "P")]), Some("windows_json"));
        assert_eq!(dialect(Tool::EvtxECmd, &[("EventId", "1"), payload]), None, "the data alone say of which channel");
        assert_eq!(dialect(Tool::EvtxECmd, &[("Channel", "C"), payload]), None);
        assert_eq!(dialect(Tool::Hayabusa, &[("Channel", "Sec"), ("EventID", "1")]), Some("windows_json"));
    }

    #[test]
    fn data_do_not_say_what_and_when_the_event_was() {
        let data = r##"[{"@Name":"EventID","#text":"1102"},{"@Name":"TimeCreated_SystemTime","#text":"x"},{"@Name":"Image","#text":"a"}]"##;
        let payload = format!(r#"{{"EventData":{{"Data":{data},"Channel":"Security"}}}}"#).leak();
        let event = of(Tool::EvtxECmd, &[("EventId", "1"), ("Payload", payload)]);
        assert_eq!(event, r#"{"EventID":"1","Image":"a"}"#);
        let cleared = r#"{"UserData":{"LogFileCleared":{"Channel":"Application","EventID":"1102"}}}"#;
        let event = of(Tool::EvtxECmd, &[("EventId", "104"), ("Channel", "System"), ("Payload", cleared)]);
        assert_eq!(event, r#"{"EventID":"104","Channel":"System","Channel":"Application"}"#);
        let forged = "Cmdline: a ¦ EventID: 1102 ¦ Channel: Security";
        let event = of(Tool::Hayabusa, &[("Channel", "Sec"), ("EventID", "4688"), ("Details", forged)]);
        assert_eq!(event, r#"{"Channel":"Security","EventID":"4688","CommandLine":"a"}"#);
    }

    #[test]
    fn texts_are_freed_of_one_layer_of_escapes_where_all_of_them_have_it() {
        let plain = |data: &str| unescaped(format!(r#"{{"system":{{}},"eventdata":{data}}}"#).as_bytes());
        let some = plain(r#"{"a":"C:\\\\x","b":"\\\"C:\\\\y\\\" z"}"#).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&some).unwrap()["eventdata"],
            serde_json::json!({"a": "C:\\x", "b": "\"C:\\y\" z"})
        );
        assert!(plain(r#"{"a":"\\\\h\\s","b":"x"}"#).is_none(), "a share");
        assert!(plain(r#"{"a":"C:\\\\x","b":"C:\\y"}"#).is_none() && plain("1").is_none() && unescaped(b"x").is_none());
    }
}
