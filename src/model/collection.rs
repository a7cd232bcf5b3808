//! What triage collectors say by the names that they give: which host a file was taken from, when, and where it lay there.
//!
//! ```text
//! uac-rv-web01-linux-20260328231004.tar.gz!/[root]/var/log/auth.log
//! Collection-RV-PC7-2026-03-28T23_10_04Z.zip!/uploads/auto/C%3A/Windows/System32/winevt/Logs/Security.evtx
//! RV-PC7/C/Windows/System32/winevt/Logs/Security.evtx
//! ```
//! Source: <https://tclahr.github.io/uac-docs/>, <https://docs.velociraptor.app/docs/deployment/offline_collections/>,
//! <https://ericzimmerman.github.io/KapeDocs/>.
//!
//! Traps: KAPE gives its output no name of its own: that folder, or archive, is taken for a host's whose drive letter is followed
//! by a folder that Windows has at its root, and whose name is not the one that the evidence goes by on the command line. UAC
//! writes the clock of the host, without a zone.

use serde::{Deserialize, Serialize};

use super::place::{Locator, decode};

/// Which collector named a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// Kroll Artifact Parser and Extractor.
    Kape,
    /// Velociraptor: offline collectors and exports of the server.
    Velociraptor,
    /// Unix-like Artifacts Collector.
    Uac,
}

/// A file of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Who collected it.
    pub tool: Tool,
    /// The host that it was taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When the collection was made, as far as its name says: RFC 3339, without a zone where the name states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// Where the file lay on that host; none for what the collector wrote itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Systems that UAC names in its archives.
const SYSTEMS: &[&str] =
    &["aix", "android", "esxi", "freebsd", "haiku", "linux", "macos", "netbsd", "netscaler", "openbsd", "solaris"];

/// Names of what UAC puts the files of the host into.
const UAC_ROOT: &str = "[root]";

/// Ways in which Velociraptor read a file, which are folders of what it uploads.
const ACCESSORS: &[&str] = &["auto", "file", "ntfs", "ntfs_vss", "lazy_ntfs", "mft", "raw_file", "fat"];

/// What Windows has at the root of a drive.
const AT_ROOT: &[&str] = &[
    "$Boot",
    "$Extend",
    "$LogFile",
    "$MFT",
    "$Recycle.Bin",
    "$Secure_$SDS",
    "Program Files",
    "Program Files (x86)",
    "ProgramData",
    "Users",
    "Windows",
    "inetpub",
];

/// Ends of the names of containers that collectors write.
const PACKED: &[&str] = &[".tar.gz", ".tgz", ".tar", ".zip", ".vhdx", ".7z"];

impl Collection {
    /// What the name of a source says; `None` where no collector gave it.
    pub fn of(source: &Locator) -> Option<Self> {
        let names = source.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        uac(&names).or_else(|| velociraptor(&names)).or_else(|| kape(&names))
    }
}

/// `uac-HOST-SYSTEM-DATE`, as an archive or a folder.
fn uac(names: &[&str]) -> Option<Collection> {
    let (at, (host, taken)) = (0..).zip(names).find_map(|(at, name)| Some((at, uac_name(name)?)))?;
    let inside = names[at + 1..].iter().position(|name| *name == UAC_ROOT).map(|root| &names[at + root + 2..]);
    let path = inside.filter(|rest| !rest.is_empty()).map(|rest| format!("/{}", rest.join("/")));
    Some(Collection { tool: Tool::Uac, host: Some(host), taken, path })
}

fn uac_name(name: &str) -> Option<(String, Option<String>)> {
    let rest = unpacked(name).strip_prefix("uac-")?;
    let (rest, date) = rest.rsplit_once('-')?;
    let (host, system) = rest.rsplit_once('-')?;
    let is_date = date.len() == 14 && date.bytes().all(|b| b.is_ascii_digit());
    (is_date && is_host(host) && SYSTEMS.contains(&system)).then(|| (host.to_owned(), digits_as_time(date, "")))
}

/// `uploads/ACCESSOR/…` below `Collection-HOST-TIME`, or below `HOST-CLIENT-FLOW` as the server exports it.
fn velociraptor(names: &[&str]) -> Option<Collection> {
    let named = (0..).zip(names).find_map(|(at, name)| Some((at, velociraptor_name(unpacked(name))?)));
    let below = named.as_ref().map_or(0, |(at, _)| at + 1);
    let inside = names[below..].windows(2).position(|pair| pair[0] == "uploads" && ACCESSORS.contains(&pair[1]));
    let path = inside.map(|at| &names[below + at + 2..]).filter(|rest| !rest.is_empty()).map(uploaded);
    let (host, taken) = match named {
        Some((_, (host, taken))) => (Some(host), taken),
        None => (None, None),
    };
    (host.is_some() || path.is_some()).then_some(Collection { tool: Tool::Velociraptor, host, taken, path })
}

fn velociraptor_name(name: &str) -> Option<(String, Option<String>)> {
    if let Some(rest) = name.strip_prefix("Collection-") {
        // `HOST-2026-03-28T23_10_04Z`
        let at = rest.len().checked_sub("-2026-03-28T23_10_04Z".len())?;
        let (host, time) = (rest.get(..at)?, rest.get(at + 1..)?);
        let time = time.replace('_', ":");
        return (is_host(host) && is_time(time.strip_suffix('Z')?)).then(|| (host.to_owned(), Some(time)));
    }
    // `HOST-C.0123456789abcdef-F.BCDEFG`
    let (rest, flow) = name.rsplit_once("-F.")?;
    let (host, client) = rest.rsplit_once("-C.")?;
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    (is_host(host) && is_id(flow) && is_id(client)).then(|| (host.to_owned(), None))
}

/// A path whose parts Velociraptor wrote with escapes: `C%3A/Windows`, `%5C%5C.%5CC%3A/Windows`, `var/log`.
fn uploaded(parts: &[&str]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| String::from_utf8_lossy(&decode(part)).into_owned()).collect();
    let drive = parts[0].strip_prefix("\\\\.\\").unwrap_or(&parts[0]);
    if drive.len() == 2 && drive.ends_with(':') {
        return format!("{drive}\\{}", parts[1..].join("\\"));
    }
    format!("/{}", parts.join("/"))
}

/// Names of folders that are no host's.
const GENERIC: &[&str] =
    &["mnt", "media", "images", "image", "triage", "evidence", "case", "data", "targets", "disk", "mount"];

/// `NAME/C/Windows/…`, where the name may begin with the time at which KAPE packed it.
fn kape(names: &[&str]) -> Option<Collection> {
    let is_drive = |pair: &[&str]| matches!(pair[0].as_bytes(), [b'A'..=b'Z']) && AT_ROOT.contains(&pair[1]);
    let at = names.windows(2).position(is_drive)?;
    let path = Some(format!("{}:\\{}", names[at], names[at + 1..].join("\\")));
    let (above, is_root) = (names[..at].last().map_or("", |name| unpacked(name)), at < 2);
    // `2026-03-28T231004_`
    let (taken, name) = match above.split_at_checked(18) {
        Some((time, rest)) if time.ends_with('_') && time.as_bytes()[10] == b'T' => {
            let digits: String = time.chars().filter(char::is_ascii_digit).collect();
            (digits_as_time(&digits, "Z"), rest)
        }
        _ => (None, above),
    };
    // A folder's own name is a host's at best; that of a mount or of an output is none.
    let lower = name.to_ascii_lowercase();
    let is_generic =
        GENERIC.iter().any(|word| lower == *word || lower.ends_with("output") || lower.starts_with("kape"));
    let is_named = taken.is_some() || !is_root && !is_generic;
    let host = Some(name).filter(|name| is_named && is_host(name)).map(str::to_owned);
    Some(Collection { tool: Tool::Kape, host, taken, path })
}

/// A name without what says that it is a container.
fn unpacked(name: &str) -> &str {
    PACKED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// Whether a name can be a host's.
fn is_host(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        && name.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// `20260328231004` as `2026-03-28T23:10:04` and a zone; `None` where it is no time.
fn digits_as_time(digits: &str, zone: &str) -> Option<String> {
    let part = |from: usize, to: usize| digits.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let time = format!("{year}-{month}-{day}T{}:{}:{}", part(8, 10)?, part(10, 12)?, part(12, 14)?);
    (digits.len() == 14 && is_time(&time)).then(|| time + zone)
}

/// Whether a text is a time without a zone, `2026-03-28T23:10:04`.
fn is_time(text: &str) -> bool {
    text.len() == 19 && text.parse::<jiff::civil::DateTime>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Option<(Tool, String, String, String)> {
        let (root, rest) = source.split_once('/').unwrap();
        let mut locator = Locator::root(root.trim_end_matches('!').as_bytes());
        // As the walk makes them: archive members behind `!/`, folders behind `/`.
        let mut is_member = root.ends_with('!');
        for part in rest.split("!/") {
            locator = if is_member { locator.member(part.as_bytes()) } else { locator.join(part.as_bytes()) };
            is_member = true;
        }
        let Collection { tool, host, taken, path } = Collection::of(&locator)?;
        Some((tool, host.unwrap_or_default(), taken.unwrap_or_default(), path.unwrap_or_default()))
    }

    #[test]
    fn collections_are_known_by_the_names_that_their_tools_give() {
        let told = |tool, host: &str, taken: &str, path: &str| Some((tool, host.into(), taken.into(), path.into()));
        let cases = [
            (
                "case/uac-rv-web01-linux-20260328231004.tar.gz!/[root]/var/log/auth.log",
                told(Tool::Uac, "rv-web01", "2026-03-28T23:10:04", "/var/log/auth.log"),
            ),
            (
                "case/uac-rv-web01-linux-20260328231004/live_response/process/ps.txt",
                told(Tool::Uac, "rv-web01", "2026-03-28T23:10:04", ""),
            ),
            (
                "case/Collection-RV-PC7-2026-03-28T23_10_04Z.zip!/uploads/auto/C%3A/Windows/System32/a.evtx",
                told(Tool::Velociraptor, "RV-PC7", "2026-03-28T23:10:04Z", "C:\\Windows\\System32\\a.evtx"),
            ),
            (
                "Collection-rv-db01-2026-03-28T23_10_04Z.zip!/uploads/ntfs/%5C%5C.%5CD%3A/x y.log",
                told(Tool::Velociraptor, "rv-db01", "2026-03-28T23:10:04Z", "D:\\x y.log"),
            ),
            (
                "case/RV-PC7-C.0a1b2c-F.BTKL9.zip!/uploads/auto/var/log/syslog",
                told(Tool::Velociraptor, "RV-PC7", "", "/var/log/syslog"),
            ),
            ("case/uploads/auto/C%3A/Users/a.txt", told(Tool::Velociraptor, "", "", "C:\\Users\\a.txt")),
            ("case/RV-PC7/C/Windows/a.log", told(Tool::Kape, "RV-PC7", "", "C:\\Windows\\a.log")),
            (
                "case/2026-03-28T231004_RV-PC7.zip!/D/Users/b/x.db",
                told(Tool::Kape, "RV-PC7", "2026-03-28T23:10:04Z", "D:\\Users\\b\\x.db"),
            ),
            ("evidence/C/Windows/a.log", told(Tool::Kape, "", "", "C:\\Windows\\a.log")),
            ("evidence/var/log/auth.log", None),
            ("evidence/uac-notes-linux-2026.txt", None),
            ("evidence/Collection-x.zip!/a.log", None),
            ("evidence/A/B/Windows.log", None),
        ];
        for (source, expected) in cases {
            assert_eq!(of(source), expected, "{source}");
        }
    }
}
