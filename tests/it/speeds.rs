//! How fast a format is read is measured by `cargo bench --bench format`; that a slow one says why is held here without a clock.

use exfiltrace::format;

#[path = "../../benches/format/headers.rs"]
mod headers;

use headers::{LEAST, header, reason, unexplained};

/// The bench finds the header of every format that there is, so that none is passed over for want of one.
#[test]
fn the_header_of_every_format_is_found() {
    let names = format::list().map(format::Format::name);
    let missing: Vec<&str> = names.filter(|name| header(name).is_none_or(|header| header.is_empty())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A header that tells a speed tells the reason of it too.
#[test]
fn what_tells_a_speed_says_why() {
    let headers: Vec<(&str, String)> =
        format::list().filter_map(|format| Some((format.name(), header(format.name())?))).collect();
    let told: Vec<&(&str, String)> = headers.iter().filter(|(_, header)| header.contains("Speed:")).collect();
    assert!(told.len() > 25, "{}", told.len());
    let silent: Vec<&str> = told.iter().filter(|(_, header)| reason(header).is_none()).map(|(name, _)| *name).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// Openam says why it is slow, the access log is fast and says nothing.
#[test]
fn a_slow_format_without_a_reason_is_flagged() {
    let slow = LEAST - 1.0;
    assert_eq!(unexplained(&[("openam", slow), ("access", LEAST)]), Vec::<&str>::new());
    assert_eq!(unexplained(&[("openam", slow), ("access", slow), ("access", LEAST)]), ["access"]);
    assert_eq!(unexplained(&[("no_such_format", slow)]), ["no_such_format"]);
}

#[test]
fn a_reason_stands_behind_the_figure() {
    assert_eq!(reason("A log.\nSpeed: from 90 MB/s a core on: many ways begin alike."), Some("many ways begin alike."));
    for silent in ["A log.", "Speed: from 90 MB/s a core on.", "Speed: from 90 MB/s a core on: ", "Speed: slow: very"] {
        assert_eq!(reason(silent), None, "{silent}");
    }
}
