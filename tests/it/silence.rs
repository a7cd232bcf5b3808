//! Hours that somebody took out of a log.

use crate::verdict::scan;

const SCOPES: &str = "timezone='UTC'\n[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\n";

/// A day of a firewall's log, so many lines an hour, without those of some hours.
fn day(name: &str, an_hour: usize, without: std::ops::Range<usize>) -> String {
    let at = |n: usize| (n / an_hour, n % an_hour * 60 / an_hour);
    let line = |(hour, minute): (usize, usize)| {
        format!(
            "date=2026-03-28 time={hour:02}:{minute:02}:00 devname=\"{name}\" logid=\"0000000013\" type=\"traffic\" \
             subtype=\"forward\" tz=\"+0000\" srcip=10.2.0.5 srcport=51514 dstip=203.0.113.80 dstport=443 proto=6 \
             action=\"close\" service=\"tcp\" sentbyte=700 rcvdbyte=900\n"
        )
    };
    (0..24 * an_hour).map(at).filter(|(hour, _)| !without.contains(hour)).map(line).collect()
}

/// What is said of the scope, and the texts of J-31.
fn told(files: &[(&str, String)]) -> (String, Vec<String>) {
    let told = scan(files, SCOPES, "");
    let scope = told.scope("hc");
    let texts = scope["reasons"].as_array().unwrap().iter().filter(|reason| reason["clause"] == "J-31");
    let texts = texts.map(|reason| reason["text"].as_str().unwrap().to_owned()).collect();
    (scope["state"].as_str().unwrap().to_owned(), texts)
}

#[test]
fn what_was_taken_out_of_a_log_that_is_never_quiet_cannot_be_told() {
    let (state, texts) = told(&[("fw.log", day("a", 40, 2..4))]);
    assert_eq!(state, "cannot_tell");
    assert!(texts.iter().any(|text| text.contains("from 2026-03-28T02:00:00Z to 2026-03-28T04:00:00Z")), "{texts:?}");
    assert_eq!(told(&[("fw.log", day("a", 40, 0..0))]), ("no_evidence".to_owned(), Vec::new()), "whole");
    assert_eq!(told(&[("fw.log", day("a", 10, 2..4))]), ("no_evidence".to_owned(), Vec::new()), "ten lines an hour");
    let two = [("fw.log", day("a", 40, 2..4)), ("fw2.log", day("b", 20, 0..0))];
    assert_eq!(told(&two), ("no_evidence".to_owned(), Vec::new()), "another log tells of that time");
}
