//! What Windows' own audit tells of registry and network, under the names that Sysmon has for it and rules are written in.
//!
//! ```text
//! 4657  ObjectName=\REGISTRY\MACHINE\SOFTWARE\…\Run  ObjectValueName=upd  → TargetObject=HKLM\SOFTWARE\…\Run\upd
//! 4688  NewProcessId=0x1a4  ProcessId=0x64                                → ProcessId=420  ParentProcessId=100
//! 5156  Direction=%%14593                                                 → Initiated=true
//! ```
//! Sources: <https://learn.microsoft.com/windows/security/threat-protection/auditing/event-4657> and `event-5156`.
//!
//! Names that differ and nothing else are [aliases of the rules'](crate::detect).

use super::sink::{Sink, part};
use crate::model::fields::{Canon, Fields, Kind, Text};

/// Hives by their names in the kernel, upper case.
const HIVES: [(&[u8], &[u8]); 2] = [(b"\\REGISTRY\\MACHINE", b"HKLM"), (b"\\REGISTRY\\USER", b"HKU")];

/// The outward direction of a connection, and the inward one, as messages of the audit.
const DIRECTIONS: [(&[u8], &[u8]); 2] = [(b"%%14593", b"true"), (b"%%14592", b"false")];

/// More fields than this are no event of a log, and their names stay as they are.
const MOST_FIELDS: usize = 4_096;

/// Adds what follows from the fields of one event, and gives names that a renderer numbered back.
pub fn finish(sink: &mut Sink<'_, '_>) {
    if !sink.all {
        return;
    }
    unnumber(sink.out);
    let code = sink.out.number(Canon::EventCode);
    if !sink.out.get(Canon::EventDataset).is_some_and(|channel| channel.eq_ignore_ascii_case(b"Security")) {
        return;
    }
    match code {
        Some(4657) => target(sink.out),
        Some(4688) => numbers(sink.out),
        Some(5156) => initiated(sink.out),
        _ => {}
    }
}

/// The first value of a name.
fn value<'b>(fields: &Fields<'b>, name: &[u8]) -> Option<Text<'b>> {
    fields.iter().find(|f| f.kind != Kind::Null && fields.bytes(f.name) == name).map(|f| f.value)
}

/// The path of the registry value that was set.
fn target(fields: &mut Fields<'_>) {
    let Some(key) = value(fields, b"ObjectName") else { return };
    let name = value(fields, b"ObjectValueName").map(|text| fields.bytes(text).to_vec()).unwrap_or_default();
    let key = fields.bytes(key);
    let hive = HIVES.iter().find(|(kernel, _)| {
        key.get(..kernel.len()).is_some_and(|start| start.eq_ignore_ascii_case(kernel))
            && matches!(key.get(kernel.len()), None | Some(b'\\'))
    });
    let mut path = match hive {
        Some((kernel, short)) => [short, &key[kernel.len()..]].concat(),
        None => key.to_vec(),
    };
    if !name.is_empty() {
        path.push(b'\\');
        path.extend_from_slice(&name);
    }
    let path = fields.store(&path);
    fields.push_text(None, Text::Slice(b"TargetObject"), path, Kind::Str);
}

/// The numbers of a process and of its parent, which Sysmon writes in decimal digits.
fn numbers(fields: &mut Fields<'_>) {
    for (audited, name) in [(&b"NewProcessId"[..], &b"ProcessId"[..]), (b"ProcessId", b"ParentProcessId")] {
        // The first one of the name: what is added for the process itself stands behind it.
        let Some(number) = value(fields, audited).and_then(|text| hex(fields.bytes(text))) else { continue };
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        while at == digits.len() || rest > 0 {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let text = fields.store(&digits[at..]);
        fields.push_text(None, Text::Slice(name), text, Kind::Number);
    }
}

/// A number in hex digits behind `0x`.
fn hex(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text.strip_prefix(b"0x")?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// Whether the host itself opened the connection.
fn initiated(fields: &mut Fields<'_>) {
    let Some(direction) = value(fields, b"Direction") else { return };
    let found = DIRECTIONS.iter().find(|(message, _)| fields.bytes(direction) == *message);
    if let Some((_, initiated)) = found {
        fields.push(None, b"Initiated", initiated, Kind::Bool);
    }
}

/// A name that an event has more than once: renderers of the binary log write the second as `Name_1`, the third as
/// `Name_2`. Only a number that goes on from those before it is theirs.
fn unnumber(fields: &mut Fields<'_>) {
    if fields.len() > MOST_FIELDS {
        return;
    }
    for at in 0..fields.len() {
        let Some(&field) = fields.at(at) else { return };
        let name = fields.bytes(field.name);
        let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let Some(stem) = name.len().checked_sub(digits + 1).filter(|&end| digits > 0 && end > 0 && name[end] == b'_')
        else {
            continue;
        };
        let number = std::str::from_utf8(&name[stem + 1..]).ok().and_then(|digits| digits.parse::<usize>().ok());
        // Those that follow each other are one list, which has one number for all of its values.
        let before = fields.iter().take(at).filter(|f| fields.bytes(f.name) == &name[..stem]).count();
        if number.is_some_and(|number| (1..=before).contains(&number)) && name[stem + 1] != b'0' {
            let name = part(field.name, 0, stem);
            fields.rename(at, name);
        }
    }
}
