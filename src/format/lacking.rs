//! Columns that rules ask for and a table of events was exported without: of what the events tell, that is nowhere then.
//!
//! What a table tells of shows in its other columns: one that has the program has events of programs, and no rule sees what these were
//! started with where that column was left out. A column that holds all of an event as text lacks nothing.

use crate::model::layout::Layout;

/// Columns that show what a table tells of, those of which one is asked for, and what is not stated without them.
type Asked = (&'static [&'static str], &'static [&'static str], &'static str);

const ASKED: &[Asked] = &[
    (
        &["image", "newprocessname", "executable"],
        &["commandline", "processcommandline", "command_line"],
        "what programs were started with (there is no column CommandLine)",
    ),
    (
        &["logontype"],
        &["ipaddress", "sourcenetworkaddress", "ip"],
        "from where accounts were logged on (there is no column IpAddress)",
    ),
    (
        &["scriptblockid", "messagetotal"],
        &["scriptblocktext"],
        "what scripts of PowerShell did (there is no column ScriptBlockText)",
    ),
    (
        &["initiated", "sourceport"],
        &["destinationip", "destinationhostname", "ip"],
        "where connections led to (there is no column DestinationIp)",
    ),
];

/// Columns that hold what an event says as one text.
const WHOLE: &[&str] =
    &["message", "payload", "rawxml", "xml", "eventdata", "event_data", "details", "allfieldinfo", "data", "_raw"];

/// What a table of Windows events of this layout does not state that rules ask for.
pub fn lacking(layout: &Layout) -> Vec<&'static str> {
    let has = |names: &[&str]| {
        layout.columns.iter().any(|column| {
            let leaf = column.rsplit('.').next().unwrap_or(column);
            names.iter().any(|name| leaf.eq_ignore_ascii_case(name))
        })
    };
    if layout.format != "windows_json" || layout.columns.is_empty() || has(WHOLE) {
        return Vec::new();
    }
    ASKED.iter().filter(|(shows, asked, _)| has(shows) && !has(asked)).map(|(.., what)| *what).collect()
}
