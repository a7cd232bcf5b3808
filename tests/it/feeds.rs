//! Feeds that are tables, in UTF-16 or in pages of TAXII: no value is lost in silence.

use exfiltrace::indicators::{Builder, Refusal};
use exfiltrace::model::indicator::IndicatorKind;

use crate::indicators::hits;

const DIGEST: &str = "a3f5c1d2e4b6978801234567890abcdefa3f5c1d2e4b6978801234567890abcd";

/// What a feed gives: kind and value, what was refused, and what was left out on purpose.
fn read(bytes: &[u8]) -> (Vec<(IndicatorKind, String)>, Vec<Refusal>, Vec<Refusal>) {
    let mut builder = Builder::new();
    builder.add("feed", "00", bytes);
    let remarks = builder.remarks().to_vec();
    let (set, refused) = builder.finish();
    (set.list.iter().map(|entry| (entry.kind, entry.value.to_owned())).collect(), refused, remarks)
}

/// The values that a table gives, of which nothing may be refused.
fn values(table: &str) -> Vec<String> {
    let (taken, refused, _) = read(table.as_bytes());
    assert_eq!(refused, [], "{table}");
    taken.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn sentences_in_cells_make_no_report_of_a_table() {
    let table = format!(
        "type,value,description\nip,203.0.113.7,\"Seen in May. Used by X.\"\n\
         domain,evil-corp.net,\"C2 of it. Active.\"\nsha256,{DIGEST},\"Dropper. See note.\"\n"
    );
    assert_eq!(values(&table), ["203.0.113.7", "evil-corp.net", DIGEST]);
    let headless = "203.0.113.7,\"Seen in May. Used by X.\"\n203.0.113.8,\"Since June. By Y.\"\n";
    assert_eq!(values(headless), ["203.0.113.7", "203.0.113.8"]);
    let prose = "On Monday, we saw a host at evil[.]com, and more. It was bad.\nThen, in May, it went on.\n";
    assert_eq!(values(prose), ["evil.com"]);
}

#[test]
fn every_column_that_names_a_kind_has_values() {
    let table = format!("IP Address,Domain Name,SHA-256\n203.0.113.7,evil-corp.net,{DIGEST}\n");
    assert_eq!(values(&table), ["203.0.113.7", "evil-corp.net", DIGEST]);
    let comment = "# columns: ip, port, domain\n203.0.113.7,443,evil-corp.net\n203.0.113.8,443,bad2-corp.net\n";
    assert_eq!(values(comment), ["203.0.113.7", "203.0.113.8", "bad2-corp.net", "evil-corp.net"]);
    let several = "Campaign,IPs,Domains\nx,\"203.0.113.7, 203.0.113.8\",\"evil-corp.net; bad2-corp.net\"\n";
    assert_eq!(values(several), ["203.0.113.7", "203.0.113.8", "bad2-corp.net", "evil-corp.net"]);
}

#[test]
fn a_row_of_a_value_and_its_kind_is_no_header() {
    let rows = format!("203.0.113.7,ip\ninvoice leak,keyword\nevil-corp.net,domain\n{DIGEST},sha256\n");
    let expected = ["203.0.113.7", "evil-corp.net", DIGEST, "invoice leak"];
    assert_eq!(values(&rows), expected);
    let turned = format!("keyword,invoice leak\nip,203.0.113.7\ndomain,evil-corp.net\nsha256,{DIGEST}\n");
    assert_eq!(values(&turned), expected, "also where it comes first");
}

#[test]
fn what_is_said_about_values_is_none_and_told() {
    for (table, name) in [
        ("ID,Reporter,Indicator Value\n1,al@cert.example,203.0.113.7\n2,al@cert.example,evil-corp.net\n", "Reporter"),
        (
            "First Seen,Reference,Observable\n2026-01-01,https://www.virustotal.com/gui/x,203.0.113.7\n\
             2026-01-02,https://www.virustotal.com/gui/y,evil-corp.net\n",
            "Reference",
        ),
    ] {
        let (taken, refused, remarks) = read(table.as_bytes());
        assert_eq!(taken.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["203.0.113.7", "evil-corp.net"]);
        assert_eq!((refused, remarks.len(), remarks[0].line), (vec![], 1, 2), "{remarks:?}");
        assert!(remarks[0].reason.starts_with(&format!("columns not read: {name}")), "{remarks:?}");
    }
}

#[test]
fn what_is_not_read_of_a_table_is_refused_with_its_place() {
    for (table, line, value, reason) in [
        ("ip,Foo\n203.0.113.7,a\n203.0.113.8,evil-corp.net\n", 3, "evil-corp.net", "columns not read: Foo"),
        ("sha1,Name\n0123456789abcdef0123456789abcdef01234567,evil.exe\n", 2, "evil.exe", "columns not read: Name"),
        ("203.0.113.7,evil-corp.net\n203.0.113.8,bad2-corp.net\n", 1, "evil-corp.net", "columns not read: without a"),
        ("type,value\nip,203.0.113.7\nasn,AS1234\n", 3, "AS1234", "of no known kind"),
        ("type,value\nip,203.0.113.7\nlink,https://x.example/y\n", 3, "https://x.example/y", "of a kind that tells"),
        ("type,value\nip,203.0.113.7\nip,-\n", 3, "ip,-", "no cell is an indicator"),
        ("ip,note\n203.0.113.7,a,203.0.113.9\n", 2, "203.0.113.9", "cells not read"),
        ("Indicators of the case\n\ntype,value\nip,203.0.113.7\n", 1, "Indicators of the case", "no cell"),
        ("type,value,to_ids\nip,203.0.113.7,1\nip,203.0.113.8,0\n", 3, "ip,203.0.113.8,0", "not marked"),
    ] {
        let (taken, refused, _) = read(table.as_bytes());
        assert!(!taken.is_empty(), "{table}");
        let found: Vec<_> = refused.iter().map(|refusal| (refusal.line, refusal.value.as_str())).collect();
        assert_eq!(found, [(line, value)], "{table}");
        assert!(refused[0].reason.starts_with(reason), "{refused:?}");
    }
}

#[test]
fn quotes_are_those_of_csv() {
    let (taken, refused, _) = read(b"type,value\nkeyword,\"run \"\"whoami /all\"\" now\"\nip,203.0.113.7\n");
    assert_eq!((taken.len(), refused), (2, vec![]));
    assert!(taken.contains(&(IndicatorKind::Keyword, "run \"whoami /all\" now".to_owned())));
    let lines = "type,value,note\nip,203.0.113.7,\"one\ntwo, 198.51.100.9\"\ndomain,evil-corp.net,x\n";
    assert_eq!(values(lines), ["203.0.113.7", "evil-corp.net"]);
    // A quote that nothing closes costs its own line at most.
    let open = "type,value,note\nip,203.0.113.7,\"one\ndomain,evil-corp.net,x\n";
    assert_eq!(values(open), ["203.0.113.7", "evil-corp.net"]);
}

#[test]
fn cells_stand_between_semicolons_and_tabs_too() {
    let table = "type;value;note\nip;203.0.113.7;Seen, in May\nurl;http://evil-corp.net/x;\nkeyword;invoice leak;\n";
    let expected = ["203.0.113.7", "http://evil-corp.net/x", "invoice leak"];
    for between in [";", "\t"] {
        assert_eq!(values(&table.replace(';', between)), expected);
    }
    assert_eq!(values(&format!("sep=;\n{table}")), expected);
    let loki = "# HASH;COMMENT\n0123456789abcdef0123456789abcdef;a loader;of theirs\n";
    let mut builder = Builder::new();
    builder.add("loki", "00", loki.as_bytes());
    assert_eq!(builder.finish().0.meta(0).labels, ["a loader".into(), "of theirs".into()], "comments stay labels");
}

#[test]
fn feeds_in_utf_16_are_read() {
    let table = "type,value\r\nip,203.0.113.7\r\nkeyword,K\u{fc}rbis\r\n";
    let units = || table.encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    for bytes in [[b"\xFF\xFE", &little[..]].concat(), [b"\xFE\xFF", &big[..]].concat(), little, big] {
        let (taken, refused, _) = read(&bytes);
        assert_eq!((taken.len(), refused), (2, vec![]));
        assert!(taken.contains(&(IndicatorKind::Keyword, "k\u{fc}rbis".to_owned())));
    }
}

#[test]
fn envelopes_of_taxii_are_read_and_say_that_more_is_there() {
    let envelope = |more: bool| {
        serde_json::json!({ "more": more, "next": "p2", "objects": [
            { "type": "indicator", "id": "indicator--1", "pattern_type": "stix", "pattern": "[ipv4-addr:value = '203.0.113.7']" },
            { "type": "malware", "id": "malware--1", "name": "x" },
        ]})
        .to_string()
    };
    assert_eq!(values(&envelope(false)), ["203.0.113.7"]);
    let (taken, refused, _) = read(envelope(true).as_bytes());
    assert_eq!((taken.len(), refused.len(), refused[0].value.as_str()), (1, 1, "p2"), "{refused:?}");
}

/// How often the values of a table with one column beside the kind are met in a text.
fn met(kind: &str, value: &str, text: &str) -> usize {
    let mut builder = Builder::new();
    builder.add("feed", "00", format!("type,value\n{kind},\"{value}\"\n").as_bytes());
    let (set, refused) = builder.finish();
    assert_eq!(refused, [], "{value}");
    hits(&set, text.as_bytes()).len()
}

#[test]
fn file_names_of_any_characters_are_met_in_either_case() {
    for (value, text) in [
        ("invoice (1).pdf", "open C:\\tmp\\invoice (1).pdf now"),
        ("invoice (1).pdf", "GET /Invoice%20(1).PDF HTTP/1.1"),
        ("plan (final).xlsx", "PLAN (FINAL).xlsx"),
        ("\u{65e5}\u{672c}.docx", "{\"path\":\"C:\\\\a\\\\\u{65e5}\u{672c}.docx\"}"),
        ("rechnung_\u{fc}.docx", "/home/a/Rechnung_\u{dc}.docx"),
        ("\u{dc}bel.exe", "run \u{dc}bel.exe"),
        ("\u{dc}bel.exe", "run \u{fc}BEL.EXE"),
        ("\u{fc}bel.exe", "GET /%C3%9Cbel.exe"),
        ("\u{fc}.js", "load \u{dc}.js"),
    ] {
        assert_eq!(met("filename", value, text), 1, "{value} in {text}");
        assert_eq!(met("filename", value, &format!("x{}", value)), 0, "a longer name");
    }
    assert_eq!(met("filepath", "C:\\Users\\M\u{fc}ller\\x y.exe", "c:\\users\\M\u{dc}LLER\\X Y.exe"), 1);
    assert_eq!(met("filename", "invoice (1).pdf", "invoice (2).pdf a.pdf .pdf"), 0);
    for (value, reason) in
        [("evil", "without an ending"), (".profile", "an ending alone"), ("a.\u{65e5}\u{672c}", "other characters")]
    {
        let (_, refused, _) = read(format!("type,value\nfilename,{value}\n").as_bytes());
        assert!(refused[0].reason.contains(reason), "{refused:?}");
    }
}

#[test]
fn words_are_met_in_either_case_and_beside_an_underscore() {
    for text in ["OPERATION K\u{dc}RBIS", "Operation K\u{fc}rbis", "x operation k\u{dc}rbis."] {
        assert_eq!(met("keyword", "Operation K\u{fc}rbis", text), 1, "{text}");
        assert_eq!(met("keyword", "OPERATION K\u{dc}RBIS", text), 1, "{text}");
    }
    assert_eq!(met("keyword", "Operation K\u{fc}rbis", "operation k\u{fc}rbise"), 0);
    for (text, count) in [("payroll_2024.xlsx", 1), ("old_payroll", 1), ("payrolls", 0), ("payroll2", 0)] {
        assert_eq!(met("keyword", "payroll", text), count, "{text}");
    }
    for (text, count) in [("poc_CVE-2021-44228.py", 1), ("CVE-2021-44228_poc", 1), ("CVE-2021-442281", 0)] {
        assert_eq!(met("cve", "CVE-2021-44228", text), count, "{text}");
    }
}
