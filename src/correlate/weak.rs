//! What an indicator is worth: names that many innocent files bear, and values that stand nearly everywhere.

use crate::model::hit::MatchKind;
use crate::model::rule::Level;

/// Names of files that systems and common programs bear, and those that every second installer does.
const GENERIC: &[&str] = &[
    "agent.exe",
    "app.exe",
    "chrome.exe",
    "client.exe",
    "cmd.exe",
    "config.ini",
    "conhost.exe",
    "csrss.exe",
    "desktop.ini",
    "dllhost.exe",
    "download.exe",
    "explorer.exe",
    "file.exe",
    "firefox.exe",
    "index.html",
    "index.php",
    "install.exe",
    "installer.exe",
    "invoice.doc",
    "invoice.pdf",
    "java.exe",
    "launcher.exe",
    "loader.exe",
    "lsass.exe",
    "main.exe",
    "msedge.exe",
    "notepad.exe",
    "payload.exe",
    "powershell.exe",
    "python.exe",
    "readme.txt",
    "rundll32.exe",
    "runtimebroker.exe",
    "server.exe",
    "service.exe",
    "services.exe",
    "setup.exe",
    "spoolsv.exe",
    "svchost.exe",
    "system.exe",
    "taskhost.exe",
    "taskhostw.exe",
    "temp.exe",
    "test.exe",
    "update.exe",
    "updater.exe",
    "version.dll",
    "windows.exe",
    "winlogon.exe",
    "winword.exe",
    "wscript.exe",
];

/// Fewer characters tell no file from another.
const SHORTEST: usize = 5;

/// Fewer sightings saturate nothing.
const FEWEST: u64 = 100;
/// One record in so many is a large share.
const SHARE: u64 = 10;

/// Why a listed value, met so, shows little alone; nothing where it does show something.
pub(super) fn reason(kind: &str, value: &str, how: MatchKind) -> Option<&'static str> {
    if how == MatchKind::UrlHost {
        return Some("the host of a listed URL, without the page that is listed");
    }
    let name = kind == "file_name";
    if name && value.chars().count() < SHORTEST {
        return Some("a file name of fewer than 5 characters");
    }
    (name && GENERIC.contains(&value)).then_some("a file name that innocent files bear too")
}

/// Whether an indicator stands in so large a part of a source that it tells its records not apart: in at least 100 of
/// them, and in one of ten.
pub(super) fn saturates(count: u64, records: u64) -> bool {
    count >= FEWEST && records > 0 && count.saturating_mul(SHARE) >= records
}

/// One level below, for each reason to doubt.
pub(super) fn lowered(level: Level, doubts: usize) -> Level {
    (0..doubts).fold(level, |level, _| match level {
        Level::Critical => Level::High,
        Level::High => Level::Medium,
        Level::Medium => Level::Low,
        Level::Low | Level::Informational => Level::Informational,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_names_are_sorted_and_weak() {
        assert!(GENERIC.is_sorted());
        let alone = |kind, value| reason(kind, value, MatchKind::Exact);
        assert!(alone("file_name", "svchost.exe").is_some() && alone("file_name", "a.js").is_some());
        assert!(alone("file_name", "evilcorp-x.exe").is_none() && alone("domain", "a.io").is_none());
        assert!(
            alone("url", "http://a.io/b").is_none() && reason("url", "http://a.io/b", MatchKind::UrlHost).is_some()
        );
    }

    #[test]
    fn a_tenth_of_at_least_a_hundred_saturates() {
        assert!(saturates(100, 1000) && saturates(100, 100));
        assert!(!saturates(99, 99) && !saturates(100, 0) && !saturates(100, 1001));
    }
}
