//! Records that are parts of one event, and the event that they make together.
//!
//! - A PowerShell script block that is too long for one event 4104 is split over several, which state its `ScriptBlockId`,
//!   their `MessageNumber` and the `MessageTotal`. Source:
//!   <https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_logging_windows>.
//! - The Linux audit system writes a record for each aspect of an event, near each other, with the same time and serial
//!   number in `audit(TIME:SERIAL)`; those of events on other processors may stand between.

use memchr::memmem;

use crate::model::fields::{Canon, Field, Fields, Kind, Text};

/// The number of the events that script blocks are logged in.
const SCRIPT_BLOCK: u64 = 4104;
const SCRIPT_TEXT: &[u8] = b"ScriptBlockText";
const SCRIPT_ID: &[u8] = b"ScriptBlockId";

/// One part of a script block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptPart {
    /// Computer and script block.
    pub of: (Box<[u8]>, Box<[u8]>),
    /// Which of the parts it is, from 1 on.
    pub number: u64,
}

/// Whether a record may be a part of a script block, so that it must be read whatever is known of others like it.
pub fn may_be_script(format: &str, record: &[u8]) -> bool {
    matches!(format, "windows_json" | "windows_xml") && memmem::find(record, SCRIPT_ID).is_some()
}

/// Whether the columns of a Windows event say that it holds a script block.
pub fn is_script(format: &str, fields: &Fields<'_>) -> bool {
    matches!(format, "evtx" | "windows_json" | "windows_xml") && fields.number(Canon::EventCode) == Some(SCRIPT_BLOCK)
}

/// Which part of a script block an event is, of which all fields were read; `None` where it is the whole.
pub fn script_part(fields: &Fields<'_>) -> Option<ScriptPart> {
    let number = |name| std::str::from_utf8(value(fields, name)?).ok()?.trim().parse().ok();
    let (at, total): (u64, u64) = (number(b"MessageNumber")?, number(b"MessageTotal")?);
    let id = value(fields, SCRIPT_ID).filter(|id| !id.is_empty() && total > 1)?;
    let computer = fields.get(Canon::HostName).unwrap_or_default();
    Some(ScriptPart { of: (computer.into(), id.into()), number: at })
}

/// What tells the event of an audit record from others of the log: host, time and serial number, as written.
pub fn audit_event(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memmem::find(record, b"audit(")?;
    let rest = record.get(at + b"audit(".len()..)?;
    let id = rest.get(..memchr::memchr(b')', rest)?)?;
    let node = record.strip_prefix(b"node=").unwrap_or_default();
    Some((node.get(..memchr::memchr(b' ', node).unwrap_or(0))?, id))
}

/// The event that parts make together: of a script block the first part with the text of all, of an audit event the fields
/// of all records.
pub fn join<'b>(format: &str, parts: &[Fields<'b>]) -> Fields<'b> {
    let mut whole = Fields::default();
    whole.time = parts.first().and_then(|part| part.time);
    whole.inside = parts.first().and_then(|part| part.inside);
    let is_audit = format == "auditd" || whole.inside == Some("auditd");
    for part in parts.iter().take(if is_audit { usize::MAX } else { 1 }) {
        for field in part.iter().filter(|field| is_audit || part.bytes(field.name) != SCRIPT_TEXT) {
            add(&mut whole, part, field);
        }
    }
    if !is_audit {
        let texts: Vec<&[u8]> = parts.iter().filter_map(|part| value(part, SCRIPT_TEXT)).collect();
        let text = whole.store(&texts.concat());
        whole.push_text(None, Text::Slice(SCRIPT_TEXT), text, Kind::Str);
    }
    whole
}

/// Copies a field.
fn add<'b>(whole: &mut Fields<'b>, part: &Fields<'b>, field: &Field<'b>) {
    let mut copy = |text: Text<'b>| match text {
        Text::Slice(_) => text,
        Text::Arena(..) => whole.store(part.bytes(text)),
    };
    let (name, value) = (copy(field.name), copy(field.value));
    whole.push_text(field.canon, name, value, field.kind);
}

/// The first value of a name.
fn value<'f>(fields: &'f Fields<'_>, name: &[u8]) -> Option<&'f [u8]> {
    fields.named().find(|(known, _, kind)| *known == name && *kind != Kind::Null).map(|(_, value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_event_is_known_by_host_time_and_serial_number() {
        let id = |line: &'static str| audit_event(line.as_bytes());
        let want: Option<(&[u8], &[u8])> = Some((b"", b"1774739404.500:4711"));
        assert_eq!(id("type=SYSCALL msg=audit(1774739404.500:4711): arch=c000003e"), want);
        assert_eq!(id("node=a type=CWD msg=audit(1.5:7): cwd=\"/\"").map(|id| id.0), Some(&b"a"[..]));
        assert_eq!(id("type=CWD msg=audit(1.5:7"), None);
    }
}
