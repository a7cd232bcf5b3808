use jiff::tz::TimeZone;

use super::*;
use crate::model::time::Assumed;

fn text(stamp: Option<Stamp>) -> String {
    stamp.map_or("none".into(), |s| format!("{} {}", s.at, s.assumed.word().unwrap_or("-")))
}

fn layout(zone: &str, reference: Option<&str>) -> Layout {
    Layout { zone: TimeZone::get(zone).unwrap(), reference: reference.and_then(Instant::parse), ..Layout::plain() }
}

#[test]
fn stamps_that_state_all_need_no_assumption() {
    let utc = layout("UTC", None);
    assert_eq!(text(clf(b"10/Oct/2000:13:55:36 -0700", &utc)), "2000-10-10T20:55:36Z -");
    assert_eq!(text(iso(b"2026-03-28T23:10:04.5+01:00", &utc)), "2026-03-28T22:10:04.5Z -");
    assert_eq!(text(iso(b"2026-03-28 23:10:04,123456789 UTC", &utc)), "2026-03-28T23:10:04.123456Z -");
    assert_eq!(text(epoch(b"1364481363.243")), "2013-03-28T14:36:03.243Z -");
    assert_eq!(text(epoch(b"1557513467369913239")), "2019-05-10T18:37:47.369913Z -");
    assert_eq!(text(epoch(b"1557513467369")), "2019-05-10T18:37:47.369Z -");
    assert_eq!(text(tai64n(b"@4000000037c219bf2ef02e94")), "1999-08-24T04:04:05.787492Z -");
    assert_eq!(text(any(b"@4000000037C219BF2EF02E94", &utc)), "1999-08-24T04:04:05.787492Z -");
    for bad in [
        "@4000000037c219bf3b9aca00",
        "@ffffffff37c219bf2ef02e94",
        "@4000000037c219bf2ef02e9",
        "4000000037c219bf2ef02e94",
    ] {
        assert_eq!(tai64n(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(text(filetime(116_444_736_010_000_000)), "1970-01-01T00:00:01Z -");
}

/// A clock of London, as the user gave it.
fn given() -> Layout {
    Layout { zone_given: true, ..layout("Europe/London", None) }
}

#[test]
fn dates_and_times_of_asn1_are_read() {
    let london = given();
    let read = |stamp: &str| text(any(stamp.as_bytes(), &london));
    assert_eq!(read("20260328231004Z"), "2026-03-28T23:10:04Z -");
    assert_eq!(read("20260328231004.5Z"), "2026-03-28T23:10:04.5Z -");
    assert_eq!(read("20240229231004+0100"), "2024-02-29T22:10:04Z -");
    assert_eq!(read("20260701120000"), "2026-07-01T11:00:00Z -", "a zone that the user gave is no assumption");
    assert_eq!(read("260328231004Z"), "2026-03-28T23:10:04Z -");
    assert_eq!(read("991231235959-0500"), "2000-01-01T04:59:59Z -");
    assert_eq!(read("20260328T231004Z"), "2026-03-28T23:10:04Z -");
    assert_eq!(read("1774739404000"), "2026-03-28T23:10:04Z -", "milliseconds");
    assert_eq!(read("260328231004"), "1978-04-02T01:23:51.004Z -", "without a zone it is a number of milliseconds");
    assert_eq!(read("20261328231004"), "2612-01-22T02:43:51.004Z -", "and so is what is no date");
    for none in ["20260229231004Z", "20260328241004Z", "20260328", "20260328231004Zx", "20260328T2310"] {
        assert_eq!(read(none), "none", "{none}");
    }
}

#[test]
fn names_of_zones_are_known_where_one_zone_has_them() {
    let (utc, london) = (layout("UTC", None), given());
    let read = |stamp: &str, layout: &Layout| text(any(stamp.as_bytes(), layout));
    assert_eq!(read("2026-07-01 12:00:00.5 BST", &utc), "2026-07-01T11:00:00.5Z -");
    // The name tells which of the two hours it is.
    assert_eq!(read("2026-10-25 01:30:00 BST", &london), "2026-10-25T00:30:00Z -");
    assert_eq!(read("2026-10-25 01:30:00 GMT", &london), "2026-10-25T01:30:00Z -");
    assert_eq!(read("2026-01-01 12:00:00 CEST", &utc), "2026-01-01T10:00:00Z -");
    assert_eq!(read("2026-01-01 12:00:00 IST", &utc), "2026-01-01T12:00:00Z zone", "of India, Ireland or Israel");
    assert_eq!(read("2026-07-01 12:00:00 IST", &london), "2026-07-01T11:00:00Z -", "as the user says");
    assert_eq!(read("2026-01-01 12:00:00 XYZ", &utc), "2026-01-01T12:00:00Z zone");
    assert_eq!(read("2026-01-01 12:00:00 BSTX9", &utc), "none");
    assert_eq!(read("2026-03-28 12:00:00 HST", &utc), "2026-03-28T22:00:00Z -", "what one offset alone has");
    let written = Layout { reference: Instant::from_secs(1_777_000_000), ..utc.clone() };
    for (line, expected, end) in [
        ("Mar 28 23:10:04 EST web1 sshd[7]: x", "2026-03-29T04:10:04Z", " web1 sshd[7]: x"),
        ("Mar 28 23:10:04 EST: %SYS-5-CONFIG_I: x", "2026-03-29T04:10:04Z", ": %SYS-5-CONFIG_I: x"),
        ("Mar 28 2026 23:10:04 EST %ASA-6-302013: x", "2026-03-29T04:10:04Z", " %ASA-6-302013: x"),
        ("Mar 28 23:10:04 +0100 web1 sshd[7]: x", "2026-03-28T22:10:04Z", " web1 sshd[7]: x"),
        // Hosts of these names.
        ("Mar 28 23:10:04 CAT sshd[7]: x", "2026-03-28T23:10:04Z", " CAT sshd[7]: x"),
        ("Mar 28 23:10:04 PST kernel: x", "2026-03-28T23:10:04Z", " PST kernel: x"),
    ] {
        let (stamp, used) = syslog_prefix(line.as_bytes(), &written).unwrap();
        assert_eq!((stamp.unwrap().at.to_string().as_str(), &line[used..]), (expected, end), "{line}");
    }
    let (stamp, used) = syslog_prefix(b"Mar 28 2026 23:10:04 BST-gw01 app: x", &utc).unwrap();
    assert_eq!((text(stamp).as_str(), used), ("2026-03-28T23:10:04Z zone", 20), "a host");
}

#[test]
fn hours_that_come_twice_and_times_that_there_are_not_are_said() {
    let london = given();
    let read = |stamp: &str, layout: &Layout| {
        let stamp = any(stamp.as_bytes(), layout).unwrap();
        (stamp.at.to_string(), stamp.assumed)
    };
    assert_eq!(read("2026-10-25 01:30:00", &london), ("2026-10-25T00:30:00Z".into(), Assumed::Twice));
    assert_eq!(read("2026-10-25 02:00:00", &london), ("2026-10-25T02:00:00Z".into(), Assumed::ZoneGiven));
    assert_eq!(read("2026-03-29 01:30:00", &london), ("2026-03-29T01:30:00Z".into(), Assumed::Never));
    let first = Instant::parse("2026-10-25T00:10:00Z").unwrap();
    for (is_second, at) in [(false, "2026-10-25T00:30:00Z"), (true, "2026-10-25T01:30:00Z")] {
        let known = Layout { hours: [(first, is_second)].into(), ..london.clone() };
        assert_eq!(read("2026-10-25 01:30:00", &known), (at.into(), Assumed::ZoneGiven));
    }
    // What is written in a gap is moved to another zone as it is written.
    let gap = any(b"2026-03-29 01:30:00", &london).unwrap();
    assert_eq!(text(Some(at_offset(gap, 0, &london))), "2026-03-29T01:30:00Z -");
    assert_eq!(text(Some(at_offset(gap, 7200, &london))), "2026-03-28T23:30:00Z -");
}

#[test]
fn dates_and_times_apart_are_read_in_any_form() {
    let utc = Layout { day_first: Some(true), ..layout("UTC", None) };
    let read = |date: &str, time: &str| text(date_and_time(date.as_bytes(), time.as_bytes(), Some(3600), &utc));
    for (date, time) in [
        ("2026-03-28", "23:10:04"),
        ("2026/3/28", "11:10:04 PM"),
        ("28/03/2026", "23:10:04"),
        ("28.03.2026", "23:10:04.0"),
        ("03/28/2026", "11:10:04 pm"),
        ("28-Mar-2026", "23:10:04"),
        ("28 Mar 2026", " 231004"),
        ("Mar 28, 2026", "11:10:04PM"),
        ("20260328", "231004"),
    ] {
        assert_eq!(read(date, time), "2026-03-28T22:10:04Z -", "{date} {time}");
    }
    assert_eq!(read("03/04/2026", "10:00"), "2026-04-03T09:00:00Z -", "as the layout says");
    assert_eq!(read("28/03/2026", "23:10:04+02:00"), "2026-03-28T21:10:04Z -", "it says its own zone");
    for (date, time) in [("28/03/26", "10:00:00"), ("2026-03-28", "24:10:04"), ("", "10:00"), ("2026-03-28", "")] {
        assert_eq!(read(date, time), "none", "{date} {time}");
    }
}

#[test]
fn stamps_read_by_place_are_those_read_by_parts() {
    let utc = layout("UTC", None);
    let texts = [
        "2026-03-28T23:10:04",
        "2024-02-29 00:00:60",
        "2026/03/28 23:10:04",
        "10/Oct/2000:13:55:36 -0700",
        "29/Feb/2023:23:59:59 +1800",
        "28-Mar-2026 23:10:04.5",
        "Mar 28 23:10:04 host",
        "Mar  8 23:10:04.5",
    ];
    for text in texts {
        for at in 0..text.len() {
            for byte in b"0123456789 /:-+TJ\0\xff" {
                let mut stamp = text.as_bytes().to_vec();
                stamp[at] = *byte;
                assert_eq!(clf(&stamp, &utc), clf_by_parts(&stamp, &utc), "{}", stamp.escape_ascii());
                if let Some((civil, used)) = fixed::named(&stamp) {
                    let mut cursor = Cursor { bytes: &stamp[..used], at: 0 };
                    assert_eq!(named_civil(&mut cursor), Some(civil), "{}", stamp.escape_ascii());
                }
                if let Some((parts, used)) = fixed::yearless(&stamp) {
                    let mut cursor = Cursor { bytes: &stamp, at: 0 };
                    let read =
                        syslog_parts(&mut cursor).map(|(month, day, year, second, _)| (month, day, year, second));
                    let (month, day, second) = parts;
                    assert_eq!(read, Some((month, day, None, second)), "{} {used}", stamp.escape_ascii());
                }
                if let Some((date, time)) = stamp.split_at_checked(10).map(|(date, time)| (date, &time[1..]))
                    && let Some(civil) = fixed::apart(date, time)
                {
                    assert_eq!(apart_civil(date, time, &utc), Some((civil, None)), "{}", stamp.escape_ascii());
                }
                if let Some((civil, used)) = fixed::iso(&stamp) {
                    let mut cursor = Cursor { bytes: &stamp, at: 0 };
                    assert_eq!((iso_civil(&mut cursor), cursor.at), (Some(civil), used), "{}", stamp.escape_ascii());
                }
            }
        }
    }
    let mut read = (0, 0);
    for second in 0..60 {
        read.0 += usize::from(fixed::iso(format!("2026-03-28T23:10:{second:02}Z").as_bytes()).is_some());
        read.1 += usize::from(fixed::clf(format!("28/Mar/2026:23:10:{second:02} +0000").as_bytes()).is_some());
    }
    assert_eq!(read, (60, 60));
}

#[test]
fn a_zone_that_is_missing_is_the_layouts_and_summer_time_counts() {
    let london = layout("Europe/London", None);
    assert_eq!(text(iso(b"2026-03-29 00:59:59", &london)), "2026-03-29T00:59:59Z zone");
    assert_eq!(text(iso(b"2026-03-29 02:00:00", &london)), "2026-03-29T01:00:00Z zone");
    assert_eq!(text(iso(b"2026-07-01 12:00:00", &london)), "2026-07-01T11:00:00Z zone");
}

#[test]
fn a_year_that_is_missing_is_the_latest_before_the_reference() {
    let at = layout("UTC", Some("2026-03-02T10:00:00Z"));
    let read = |b: &[u8]| text(syslog_prefix(b, &at).unwrap().0);
    assert_eq!(read(b"Mar  3 09:59:59 host"), "2026-03-03T09:59:59Z zone_and_year");
    assert_eq!(read(b"Mar  3 10:00:01 host"), "2025-03-03T10:00:01Z zone_and_year");
    assert_eq!(read(b"Dec 31 23:59:59 host"), "2025-12-31T23:59:59Z zone_and_year");
    assert_eq!(read(b"Feb 29 12:00:00 host"), "2024-02-29T12:00:00Z zone_and_year");
    assert_eq!(text(syslog_prefix(b"Feb 28 12:00:00 h", &layout("UTC", None)).unwrap().0), "none");
    assert_eq!(read(b"Oct 11 2018 22:14:15: x"), "2018-10-11T22:14:15Z zone");
}

#[test]
fn day_and_month_are_not_guessed() {
    let mut at = layout("UTC", None);
    assert_eq!(text(slashed(b"03/04/2026 10:00:00", &at)), "none");
    assert_eq!(text(slashed(b"13/04/2026 10:00:00", &at)), "2026-04-13T10:00:00Z zone");
    at.day_first = Some(true);
    assert_eq!(text(slashed(b"03/04/2026 1:00 PM", &at)), "2026-04-03T13:00:00Z zone");
    at.day_first = Some(false);
    assert_eq!(text(slashed(b"03/04/2026 12:30:00 AM", &at)), "2026-03-04T00:30:00Z zone");
}

#[test]
fn days_that_do_not_exist_have_no_instant() {
    let utc = layout("UTC", None);
    for bad in [
        &b"2026-02-29 00:00:00"[..],
        b"2026-13-01 00:00:00",
        b"2026-01-01 24:00:00",
        b"2026-01-00 00:00:00",
        b"",
        b"2026",
    ] {
        assert_eq!(iso(bad, &utc), None, "{}", String::from_utf8_lossy(bad));
    }
    assert_eq!(epoch(b"12345"), None);
}
