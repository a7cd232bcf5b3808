//! A record told by its outline is tallied as its fields would have it: over real logs, and over what is left of them after
//! single bytes were changed.

use std::collections::BTreeMap;
use std::path::Path;

use exfiltrace::format::{self, Shapes};
use exfiltrace::model::block::{CELL_BYTES, Spans};
use exfiltrace::model::fields::{Canon, Fields, Kind, View, Want};
use exfiltrace::model::layout::Layout;
use exfiltrace::model::listing::{Item, Listing};
use exfiltrace::model::outline::Outline;
use exfiltrace::model::place::{Place, RecordDigest};
use exfiltrace::tally::{self, Tally};

use crate::formats::{blocks, content, layout_of, members, shared, walk};
use crate::support::project;

/// Two accounts of the same records: one by their fields alone, one by their outlines where they have one.
#[derive(Default)]
struct Twins {
    plain: Tally,
    quick: Tally,
    /// A source is read with those of several threads.
    shapes: [Shapes; 2],
    /// Records that were recalled, those that were read by their shape, and all.
    recalled: usize,
    listed: usize,
    records: usize,
}

impl Twins {
    fn see(&mut self, layout: &Layout, record: &[u8], place: Place) {
        let reader = format::reader(layout);
        let (mut fields, mut outline) = (Fields::default(), Outline::default());
        let digest = |place: Place| RecordDigest([place.offset as u8 | 1; 32]);
        let parsed = reader.parse(record, Want::Agents, &mut fields).is_ok();
        let outlined = reader.outline(record, true, (&mut self.shapes[self.records / 7 % 2], false), &mut outline);
        let shown = String::from_utf8_lossy(record);
        if outlined {
            assert!(parsed, "what has an outline is a record: {shown}");
            assert_eq!(outline.time, fields.time, "{shown}");
            // Lists are asked for it with `+` and blank as one.
            let folded =
                |agent: &[u8]| -> Vec<u8> { agent.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect() };
            assert_eq!(outline.agent.map(folded), fields.get(Canon::UserAgent).map(folded), "{shown}");
        }
        if outlined {
            let agents = fields.iter().filter(|field| field.canon == Some(Canon::UserAgent)).count();
            let hidden = fields.get(Canon::UserAgent).is_some_and(|agent| agent.contains(&b'%'));
            assert!(agents < 2 && !hidden, "lists are asked for all of it: {shown}");
        }
        self.list(&reader, record, outlined.then_some(&outline));
        self.records += 1;
        if !parsed {
            return;
        }
        self.plain.cover(layout.format, &fields);
        self.plain.observe(layout.format, (&mut fields, None), place, &digest);
        let known = if outlined { self.quick.recall(&outline) } else { None };
        match known {
            Some(meaning) => {
                self.recalled += 1;
                outline.time.into_iter().for_each(|stamp| self.quick.cover_time(stamp));
                self.quick.fold(meaning, &outline, place, &digest);
            }
            None => {
                self.quick.cover(layout.format, &fields);
                self.quick.observe(layout.format, (&mut fields, outlined.then_some(&outline)), place, &digest);
            }
        }
        self.plain.settle(&digest);
        self.quick.settle(&digest);
    }

    /// What is read of a record by its shape is what a walk reads.
    fn list(&mut self, reader: &format::Reader<'_>, record: &[u8], outline: Option<&Outline<'_>>) {
        let shapes = &mut self.shapes[self.records / 7 % 2];
        if !reader.list(record, shapes) {
            return;
        }
        self.listed += 1;
        let mut again = Outline::default();
        let outlined = reader.outline(record, true, (shapes, true), &mut again);
        assert!(outlined || outline.is_none(), "{}", String::from_utf8_lossy(record));
        if let Some(outline) = outline.filter(|_| outlined) {
            assert_eq!((&again.time, again.identity()), (&outline.time, outline.identity()));
        }
        for want in [Want::All, Want::Columns].into_iter().filter(|want| reader.lists(*want)) {
            let (mut walked, mut listed) = (Fields::default(), Fields::default());
            assert!(reader.parse(record, want, &mut walked).is_ok(), "{}", String::from_utf8_lossy(record));
            reader.listed((record, shapes), want, &mut listed);
            assert_eq!((all_of(&listed), listed.time), (all_of(&walked), walked.time));
        }
        let mut walked = Fields::default();
        assert!(reader.parse(record, Want::All, &mut walked).is_ok());
        let listing = reader.listing(record, shapes);
        for item in (0..listing.len()).filter_map(|at| listing.item(at)) {
            let is = |value: &[u8], kind| match (item.kind, item.plain()) {
                (Kind::Null, _) => kind == Kind::Null,
                (_, Some(plain)) => value == plain,
                (_, None) => true,
            };
            assert!(walked.named().any(|(known, value, kind)| item.name.starts_with(known) && is(value, kind)));
        }
        if listing.has_containers() {
            let known = |name: &[u8]| {
                let below = |item: Item<'_>| item.name.starts_with(&[name, b"."].concat());
                listing.holds_empty(name) || (0..listing.len()).filter_map(|at| listing.item(at)).any(below)
            };
            let mut others = walked.iter().filter(|field| field.kind == Kind::Json).map(|at| walked.bytes(at.name));
            assert!(others.all(known), "{}", String::from_utf8_lossy(record));
        }
    }

    /// Sees all records of a log, and some of them once more with a byte changed.
    fn see_all(&mut self, bytes: &[u8], layout: &Layout) {
        let mut view = View::default();
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for block in blocks(bytes, layout, CELL_BYTES, usize::MAX) {
            if matches!(block.spans, Spans::Piece { .. }) {
                continue;
            }
            format::render(&block, &mut view);
            let text: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
            for seen in &view.records {
                let record = &text[seen.start..seen.end];
                self.see(&block.layout, record, seen.place);
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if !record.is_empty() && self.records < 20_000 {
                    let mut changed = record.to_vec();
                    let with = b"\"\\{}[]:,=- 0129./ax\xff\0|?#@";
                    changed[(seed >> 33) as usize % record.len()] = with[(seed >> 20) as usize % with.len()];
                    self.see(&block.layout, &changed, seen.place);
                }
            }
        }
    }
}

/// A field: what it is, its name and value, and the kind of that.
type Shown<'f> = (Option<Canon>, [&'f [u8]; 2], Kind);

/// All that a record's fields say.
fn all_of<'f>(fields: &'f Fields<'_>) -> Vec<Shown<'f>> {
    fields.iter().map(|at| (at.canon, [at.name, at.value].map(|text| fields.bytes(text)), at.kind)).collect()
}

/// Holds both accounts of a log against each other, and says its format and how many records were recalled.
fn compare(bytes: &[u8], name: &Path) -> (String, usize, usize) {
    let layout = layout_of(bytes);
    let mut twins = Twins::default();
    twins.see_all(bytes, &layout);
    let (plain, quick) = (tally::gather([twins.plain]), tally::gather([twins.quick]));
    assert!(plain == quick, "{}: {layout:?}", name.display());
    (layout.format.into(), twins.recalled, twins.records)
}

/// Lines of one log of which the later ones would be told wrongly by the outline of an earlier one that is nearly alike.
const NEARLY_ALIKE: &[(&str, &[&str])] = &[
    (
        "flows that were rejected, answered and not recorded",
        &[
            "2 123456789012 eni-0a1b2c3d 10.0.1.5 203.0.113.9 51234 443 6 20 0 1774739404 1774739464 REJECT OK",
            "2 123456789012 eni-0a1b2c3d 10.0.1.5 203.0.113.9 51235 443 6 20 4249 1774739405 1774739465 REJECT OK",
            "2 123456789012 eni-0a1b2c3d 10.0.1.5 203.0.113.9 51236 443 6 20 4249 1774739406 1774739466 ACCEPT OK",
            "2 123456789012 eni-0a1b2c3d 203.0.113.9 10.0.1.5 443 51236 6 20 9000 1774739407 1774739467 ACCEPT OK",
            "2 123456789012 eni-0a1b2c3d 10.0.1.5 203.0.113.9 51237 443 6 20 4250 1774739408 1774739468 ACCEPT SKIPDATA",
            "2 123456789012 eni-0a1b2c3d 10.0.1.5 203.0.113.9 51238 443 6 - - 1774739409 1774739469 ACCEPT OK",
        ],
    ),
    (
        "what Squid let through and what not",
        &[
            "1774739404.500 9 192.0.2.10 TCP_MISS/200 4120 GET http://a.example/x?u=http://b.example/ - HIER_DIRECT/203.0.113.9 -",
            "1774739405.500 9 192.0.2.10 TCP_DENIED/200 4121 GET http://a.example/x?u=http://b.example/ - HIER_DIRECT/203.0.113.9 -",
            "1774739406.500 9 192.0.2.10 TCP_MISS/200 4122 GET http://a.example:81/y - HIER_DIRECT/203.0.113.10 -",
            "1774739407.500 9 192.0.2.10 TCP_MISS/200 4123 CONNECT a.example:443 alice HIER_NONE/- -",
            "1774739408.500 9 192.0.2.10 TCP_MISS/200 4124 CONNECT b.example:443 alice HIER_NONE/- -",
        ],
    ),
    (
        "connections that were seen by half",
        &[
            r#"{"ts":1774739404.5,"uid":"C1","id.orig_h":"192.0.2.10","id.resp_h":"203.0.113.9","orig_bytes":0,"resp_bytes":7,"conn_state":"SF","history":"ShAdFf"}"#,
            r#"{"ts":1774739405.5,"uid":"C2","id.orig_h":"192.0.2.10","id.resp_h":"203.0.113.9","orig_bytes":0,"resp_bytes":7,"conn_state":"SHR","history":"hadf"}"#,
            r#"{"ts":1774739406.5,"uid":"C3","id.orig_h":"192.0.2.10","id.resp_h":"203.0.113.9","orig_bytes":9,"resp_bytes":0,"conn_state":"SH","history":"SADF"}"#,
        ],
    ),
    (
        "questions that were answered and refused",
        &[
            "28-Mar-2026 23:10:04.500 queries: info: client @0x7f 10.0.0.1#53000 (a.example): query: a.example IN A +E (10.0.0.53)",
            "28-Mar-2026 23:10:05.500 queries: info: client @0x7f 10.0.0.1#53001 (a.example): query: a.example IN TXT +E (10.0.0.53)",
            "28-Mar-2026 23:10:06.500 security: info: client @0x7f 10.0.0.1#53002 (a.example): query (cache) 'a.example/A/IN' denied",
            "28-Mar-2026 23:10:07.500 general: info: received SIGHUP signal to reload zones",
        ],
    ),
    (
        "two ways of writing a line, one without bytes",
        &[
            r#"192.0.2.10:51234 [28/Mar/2026:23:10:04.127] fe be/a 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET /i HTTP/1.1""#,
            r#"192.0.2.10:51235 [28/Mar/2026:23:10:05.127] fe be/a 10/0/109 2750 -- 1/1/1/1/0 0/0"#,
            r#"192.0.2.10:51236 [28/Mar/2026:23:10:06.127] fe be/a 10/0/109 2751 -- 1/1/1/1/0 0/0"#,
        ],
    ),
    (
        "bytes each way",
        &[
            "#Fields: date time s-ip cs-method cs-uri-stem c-ip sc-status sc-bytes cs-bytes",
            "2026-03-28 23:10:04 203.0.113.5 GET /a 192.0.2.10 200 7 -",
            "2026-03-28 23:10:05 203.0.113.5 GET /a 192.0.2.10 200 - 5000000",
            "2026-03-28 23:10:06 203.0.113.5 GET /a 192.0.2.10 200 - 5000000",
        ],
    ),
    (
        "escaped between quotes alone",
        &[
            r#"date=2026-03-28 time=23:10:04 srcip=192.0.2.10 dstip=203.0.113.9 action="\u0064eny" sentbyte=4"#,
            r"date=2026-03-28 time=23:10:05 srcip=192.0.2.10 dstip=203.0.113.9 action=\u0064eny sentbyte=4",
            r"date=2026-03-28 time=23:10:06 srcip=192.0.2.10 dstip=203.0.113.9 action=\u0064eny sentbyte=4",
        ],
    ),
    (
        "a logon behind pairs",
        &[
            r#"<38>1 2026-03-28T23:10:04Z h sshd 812 - [x dstip="203.0.113.9" sentbyte="100"] Failed password for root from 192.0.2.11 port 5 ssh2"#,
            r#"<38>1 2026-03-28T23:10:05Z h sshd 812 - [x dstip="203.0.113.9" sentbyte="100"] Failed password for root from 192.0.2.12 port 5 ssh2"#,
            r#"<38>1 2026-03-28T23:10:06Z h sshd 812 - [x dstip="203.0.113.9" sentbyte="100"] Failed password for root from 192.0.2.13 port 5 ssh2"#,
        ],
    ),
    (
        "a request in two parts",
        &[
            r#"{"ts":"2026-03-28T23:10:04Z","client_ip":"192.0.2.10","request":["GET","X  HTTP/1.1 Y"]}"#,
            r#"{"ts":"2026-03-28T23:10:05Z","client_ip":"192.0.2.10","request":["GET X HTTP/1.1"," Y"]}"#,
            r#"{"ts":"2026-03-28T23:10:06Z","client_ip":"192.0.2.10","request":["GET X HTTP/1.1"," Y"]}"#,
        ],
    ),
    (
        "two agents",
        &[
            "date=2026-03-28 time=23:10:04 srcip=192.0.2.10 dstip=203.0.113.9 action=accept ua=Mozilla/5.0",
            "date=2026-03-28 time=23:10:05 srcip=192.0.2.10 dstip=203.0.113.9 action=accept ua=Mozilla/5.0 agent=Evil/1.0",
        ],
    ),
    (
        "pairs with a date of their own behind a header",
        &[
            r#"Mar 28 23:10:05 relay01 date=2026-03-28 time=23:10:04 tz="+0000" devname="fw1" logid="0000000013" srcip=10.1.0.5 dstip=203.0.113.9 action="close" sentbyte=7 rcvdbyte=9"#,
            r#"Mar 28 23:10:05 relay01 date=2026-03-28 time=21:10:04 tz="+0000" devname="fw1" logid="0000000013" srcip=10.1.0.5 dstip=203.0.113.9 action="close" sentbyte=8 rcvdbyte=9"#,
            r#"Mar 28 23:10:05 relay02 date=2026-03-28 time=23:10:04 tz="+0100" devname="fw2" logid="0000000013" srcip=10.1.0.5 dstip=203.0.113.9 action="close" sentbyte=9 rcvdbyte=9"#,
            r#"Mar 28 23:10:05 relay02 date=x time=23:10:04 devname="fw2" logid="0000000013" srcip=10.1.0.5 dstip=203.0.113.9 action="deny" sentbyte=9 rcvdbyte=9"#,
        ],
    ),
    (
        "an agent that is written in percents",
        &[
            r#"192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] "GET / HTTP/1.1" 200 5 "-" "Evil/1.0 (x)""#,
            r#"192.0.2.10 - - [28/Mar/2026:23:10:05 +0000] "GET / HTTP/1.1" 200 5 "-" "Evil%2F1.0%20(x)""#,
        ],
    ),
];

#[test]
fn what_is_nearly_alike_is_told_apart() {
    for &(name, lines) in NEARLY_ALIKE {
        // The first lines several times, so that the format and the shapes are known.
        let text = [&lines[..1], lines, &lines[1..], lines].concat().join("\n") + "\n";
        let layout = layout_of(text.as_bytes());
        assert_ne!(layout.format, "text", "{name}");
        compare(text.as_bytes(), Path::new(name));
    }
}

/// Heads and a line of logs whose outlines find their cells at once.
const CELLS: &[(&str, &str)] = &[
    (
        "#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status sc-bytes cs(User-Agent)\n",
        "2026-03-28\t23:10:04\t203.0.113.9\tGET\t/a\t200\t500\tx",
    ),
    (
        "#Version: 1.0\n#Fields: date time s-ip cs-method cs-uri-stem c-ip sc-status sc-bytes cs-bytes\n",
        "2026-03-28 23:10:04 203.0.113.5 GET /a 192.0.2.10 200 7 51",
    ),
    ("", r#"192.0.2.10 - bob [28/Mar/2026:23:10:04 +0000] "GET /a HTTP/1.1" 200 51 "-" "Evil/1.0 (x)""#),
    ("", "1774739404.500 9 192.0.2.10 TCP_MISS/200 4120 GET http://a.example/x - HIER_DIRECT/203.0.113.9 -"),
    (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\torig_bytes\tresp_bytes\n#types\ttime\tstring\taddr\tport\taddr\tport\tcount\tcount\n",
        "1774739404.5\tC1\t192.0.2.10\t51234\t203.0.113.9\t443\t5000\t7",
    ),
    ("date,time,srcip,dstip,sentbyte,user,note\n", "2026-03-28,23:10:04,10.0.0.5,203.0.113.9,5000,bob,x"),
    (
        "",
        "28-Mar-2026 23:10:04.500 queries: info: client @0x7f 10.0.0.1#53000 (a.example): query: a.example IN A +E (10.0.0.53)",
    ),
];

#[test]
fn odd_lines_come_to_what_fields_come_to() {
    for (head, line) in CELLS {
        let mut odd: Vec<Vec<u8>> = vec![line.as_bytes().to_vec(); 300];
        for at in 0..=line.len() {
            let (before, behind) = line.as_bytes().split_at(at);
            for put in [" ", "\t", "\"", ",", "\0", "\u{e9}", "-", " \t", "\"\"", "\r"] {
                odd.push([before, put.as_bytes(), behind].concat());
            }
            odd.push([before, behind.get(1..).unwrap_or_default()].concat());
            odd.push(before.to_vec());
        }
        for length in line.len()..line.len() + 140 {
            for fill in [" ", "x", ",", "\t", " x", "\""] {
                odd.push([line.as_bytes(), &fill.repeat(140).as_bytes()[..length - line.len()]].concat());
            }
        }
        for cells in [254, 255, 256, 257, 5000] {
            odd.extend([" x", "\tx", ",x"].map(|cell| [line.as_bytes(), cell.repeat(cells).as_bytes()].concat()));
        }
        let text = [head.as_bytes(), &odd.join(&b"\n"[..]), b"\n"].concat();
        let layout = layout_of(&text);
        assert_ne!(layout.format, "text", "{line}");
        let (_, recalled, records) = compare(&text, Path::new(line));
        assert!(recalled > 100 && records > odd.len(), "{line}: {recalled} of {records}");
    }
}

#[test]
fn outlines_come_to_what_fields_come_to() {
    let mut files = Vec::new();
    walk(&project("fixtures"), &mut files);
    shared("corpora").into_iter().for_each(|folder| walk(&folder, &mut files));
    let mut told: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for path in &files {
        for bytes in members(content(path)) {
            let (format, recalled, records) = compare(&bytes, path);
            let sum = told.entry(format).or_default();
            *sum = (sum.0 + recalled, sum.1 + records);
        }
    }
    println!("{told:?}");
    for format in ["access", "cloudtrail", "json", "kv", "syslog3164", "syslog5424", "w3c", "windows_json", "zeek"]
        .into_iter()
        .chain(["squid", "bind", "vpcflow", "haproxy", "aws_alb"])
    {
        let (recalled, _) = told[format];
        assert!(recalled > 0, "{format}: {told:?}");
    }
}
