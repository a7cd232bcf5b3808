//! Modifiers in chains, values of all types and nested identifiers, on rules of our own: what a rule must meet and what it must
//! not, evaluated in full, behind the gate, and behind what the values of a listed record leave.

use exfiltrace::detect::{Program, Routing, Scratch};
use exfiltrace::format::{self, Shapes};
use exfiltrace::model::layout::Layout;

use crate::support::{candidates, each_record, left};

/// A rule with these lines as its detection.
fn rule(detection: &str) -> String {
    let lines: String = detection.lines().map(|line| format!("  {line}\n")).collect();
    format!("title: R\nid: r\nlogsource: {{product: p}}\ndetection:\n{lines}")
}

/// A rule that looks for one item.
fn item(item: &str) -> String {
    rule(&format!("s:\n  {item}\ncondition: s"))
}

/// Whether the one rule of a file matches an event; the same in each of the ways in which a scan may come to tell.
fn is_met(program: &Program, event: &str) -> bool {
    let (mut is_met, mut shapes, mut scratch) = (None, Shapes::default(), Scratch::default());
    each_record(b"event.json", &format!("{event}\n"), &mut |_, format, fields, record| {
        let gate = program.gate(format).unwrap();
        let of = |rules: &[u32]| {
            let mut matched = Vec::new();
            program.eval(format, fields, record, rules, &mut Scratch::default(), &mut matched);
            !matched.is_empty()
        };
        let whole = of(&gate.all);
        assert_eq!(of(&candidates(gate, record)), whole, "behind the gate: {event}");
        let known = ["json", "windows_json"].into_iter().find(|known| *known == format).unwrap();
        let layout = Layout { format: known, ..Layout::plain() };
        let reader = format::reader(&layout);
        // What is not listed is learnt.
        if (0..2).any(|_| reader.list(record, &mut shapes)) {
            let (rules, sure) = left(program, format, &reader.listing(record, &shapes), &gate.all, &mut scratch);
            assert!(of(&rules) == whole && (!sure || whole), "behind the values: {event}");
        }
        is_met = Some(whole);
    });
    is_met.unwrap_or_else(|| panic!("no record: {event}"))
}

/// Holds a rule against events that it must match, and others that it must not.
fn holds(text: &str, matches: &[&str], misses: &[&str]) {
    let (program, problems) = Program::compile([("r.yml".to_owned(), text.to_owned())], Routing::Any);
    assert!(problems.is_empty(), "{text}\n{problems:#?}");
    for (events, wanted) in [(matches, true), (misses, false)] {
        for event in events {
            assert_eq!(is_met(&program, event), wanted, "{text}\n{event}");
        }
    }
}

/// Why a rule is refused, with its place.
fn refused(text: &str) -> (String, (u64, u64)) {
    let (program, problems) = Program::compile([("r.yml".to_owned(), text.to_owned())], Routing::Any);
    assert!(program.rules().is_empty() && problems.len() == 1, "{text}\n{problems:#?}");
    (problems[0].what.clone(), (problems[0].line, problems[0].column))
}

#[test]
fn dashes_of_command_lines_in_every_place_of_a_chain() {
    for chain in ["windash|contains|all", "contains|windash|all", "all|contains|windash"] {
        let text = item(&format!("C|{chain}: [' -enc ', ' -w']"));
        holds(
            &text,
            &[r#"{"C":"p /ENC x –w"}"#, r#"{"C":"p ―w —enc x"}"#],
            &[r#"{"C":"p /enc x"}"#, r#"{"C":"p -w"}"#],
        );
    }
    holds(&item("C|windash|endswith: ' -x'"), &[r#"{"C":"a /X"}"#], &[r#"{"C":"a /x "}"#, r#"{"C":"a _x"}"#]);
    holds(&item("C|startswith|windash: -s"), &[r#"{"C":"/s a"}"#], &[r#"{"C":"a -s"}"#]);
    holds(&item("C|windash: 'a-b -c'"), &[r#"{"C":"a-b /c"}"#], &[r#"{"C":"a/b -c"}"#]);
    holds(&item("C|windash|contains|cased: ' -Ab'"), &[r#"{"C":"x —Ab"}"#], &[r#"{"C":"x —ab"}"#]);
    holds(&item("'|windash|contains': ' -quiet'"), &[r#"{"D":"x /quiet"}"#], &[r#"{"D":"x-quiet"}"#]);
}

#[test]
fn encodings_behind_encodings() {
    holds(&item("C|wide|base64offset|contains: ab"), &[r#"{"C":"-e WGEAYgBZWg=="}"#], &[r#"{"C":"WGFiWQ=="}"#]);
    holds(&item("C|utf16be|base64offset|contains: http"), &[r#"{"C":"WFkAaAB0AHQAcFo="}"#], &[r#"{"C":"aHR0cA=="}"#]);
    holds(&item("C|utf16|base64: ab"), &[r#"{"C":"//5hAGIA"}"#], &[r#"{"C":"YQBiAA=="}"#]);
    holds(&item("C|base64: é"), &[r#"{"C":"w6k="}"#], &[r#"{"C":"6Q=="}"#]);
    let all = item("C|base64offset|contains|all: [foo, bar]");
    holds(&all, &[r#"{"C":"MWZvb2Jhcno="}"#, r#"{"C":"x MTJmb296YmFyMw=="}"#], &[r#"{"C":"MWZvb2Jhag=="}"#]);
    holds(&item("'|base64offset|contains': foobar"), &[r#"{"D":"MWZvb2Jhcno="}"#], &[r#"{"D":"foobar"}"#]);
}

#[test]
fn networks_and_other_fields() {
    let cidr = item("I|cidr: [10.0.0.0/8, 'fe80::/10', 192.0.2.7]");
    let inside = [r#"{"I":"10.1.2.3"}"#, r#"{"I":["x","fe80::1%eth0"]}"#, r#"{"I":"::ffff:192.0.2.7"}"#];
    holds(&cidr, &inside, &[r#"{"I":"11.0.0.1"}"#, r#"{"I":"10.1.2.3x"}"#, r#"{"I":null}"#, r#"{"J":"10.1.2.3"}"#]);
    let apart = item("I|cidr|neq: [10.0.0.0/8, 172.16.0.0/12]");
    holds(&apart, &[r#"{"I":"192.0.2.1"}"#, r#"{"J":1}"#, r#"{"I":"none"}"#], &[r#"{"I":"172.16.9.9"}"#]);
    let both = item("I|cidr|all: [10.0.0.0/8, 192.0.2.0/24]");
    holds(&both, &[r#"{"I":["192.0.2.1","10.0.0.1"]}"#], &[r#"{"I":"10.0.0.1"}"#]);

    holds(
        &item("A|fieldref|startswith: B"),
        &[r#"{"A":"ABC","B":"ab"}"#],
        &[r#"{"A":"ABC","B":"bc"}"#, r#"{"A":"x"}"#],
    );
    holds(&item("A|endswith|fieldref: B"), &[r#"{"A":"ABC","B":"bc"}"#], &[r#"{"A":"ABC","B":"ab"}"#]);
    holds(&item("A|fieldref|contains: B"), &[r#"{"A":"éBC","B":"Éb"}"#], &[r#"{"A":"éBC","B":"d"}"#]);
    holds(&item("A|fieldref|cased: B"), &[r#"{"A":"x","B":"x"}"#], &[r#"{"A":"x","B":"X"}"#]);
    holds(&item("A|fieldref|neq: B"), &[r#"{"A":"x","B":"y"}"#, r#"{"A":"x"}"#], &[r#"{"A":"x","B":"X"}"#]);
    holds(&item("A|fieldref: [B, C]"), &[r#"{"A":7,"C":"7"}"#], &[r#"{"A":7,"B":8,"C":9}"#]);
    holds(&item("A|fieldref|all: [B, C]"), &[r#"{"A":7,"B":7,"C":"7"}"#], &[r#"{"A":7,"C":"7"}"#]);
    holds(&item("A|fieldref: b.c"), &[r#"{"A":7,"b":{"c":[6,7]}}"#], &[r#"{"A":7,"b":{"c":null}}"#]);
}

#[test]
fn what_is_there_and_what_is_not() {
    holds(&item("A|exists: true"), &[r#"{"A":null}"#, r#"{"A":""}"#, r#"{"a":[1]}"#, r#"{"A":{}}"#], &[r#"{"B":1}"#]);
    holds(&item("A|exists: false"), &[r#"{"B":1}"#, r#"{"B":{"A":1}}"#], &[r#"{"A":null}"#, r#"{"A":{"B":1}}"#]);
    holds(&item("b.c|exists: true"), &[r#"{"b":{"c":null}}"#, r#"{"b.c":1}"#], &[r#"{"b":{"d":1}}"#, r#"{"c":1}"#]);
    holds(&item("A: null"), &[r#"{"B":1}"#, r#"{"A":null}"#], &[r#"{"A":""}"#, r#"{"A":0}"#, r#"{"A":{"B":1}}"#]);
    holds(&item("A: ''"), &[r#"{"A":""}"#], &[r#"{"A":null}"#, r#"{"B":1}"#, r#"{"A":" "}"#]);
    holds(&item("A: []"), &[r#"{"B":1}"#], &[r#"{"A":1}"#]);
    holds(&item("A|contains: ''"), &[r#"{"A":""}"#, r#"{"A":0}"#], &[r#"{"A":null}"#, r#"{"B":1}"#]);
    holds(&item("A: '*'"), &[r#"{"A":""}"#, r#"{"A":false}"#], &[r#"{"A":null}"#, r#"{"B":1}"#]);
    holds(&item("A|neq: [x, y]"), &[r#"{"A":"z"}"#, r#"{"B":1}"#, r#"{"A":null}"#], &[r#"{"A":["z","Y"]}"#]);
    holds(&item("A|contains|all|neq: [x, y]"), &[r#"{"A":"x"}"#], &[r#"{"A":"yx"}"#, r#"{"A":["y","x"]}"#]);
    let not = rule("s: {A: [x, null]}\ncondition: not s");
    holds(
        &not,
        &[r#"{"A":"y"}"#, r#"{"A":""}"#],
        &[r#"{"A":"X"}"#, r#"{"A":null}"#, r#"{"B":1}"#, r#"{"A":["y",null]}"#],
    );
}

#[test]
fn numbers_and_times() {
    holds(
        &item("A: 4625"),
        &[r#"{"A":4625}"#, r#"{"A":"4625"}"#, r#"{"A":4625.0}"#],
        &[r#"{"A":"04625"}"#, r#"{"A":46250}"#],
    );
    holds(&item("A: '0x17'"), &[r#"{"A":"0X17"}"#], &[r#"{"A":23}"#]);
    holds(&item("A: true"), &[r#"{"A":true}"#, r#"{"A":"True"}"#], &[r#"{"A":"yes"}"#, r#"{"A":false}"#]);
    holds(
        &item("A|lt: 5.5"),
        &[r#"{"A":5}"#, r#"{"A":" -7e1 "}"#, r#"{"A":[9,1]}"#],
        &[r#"{"A":5.5}"#, r#"{"A":"x"}"#, r#"{"A":null}"#, r#"{"B":1}"#],
    );
    holds(
        &item("A|gte: '10'"),
        &[r#"{"A":10}"#, r#"{"A":"9999999999999999999999"}"#],
        &[r#"{"A":"9"}"#, r#"{"A":"0x1F"}"#],
    );
    holds(&item("A|gt|neq: 10"), &[r#"{"A":10}"#, r#"{"B":1}"#, r#"{"A":"x"}"#], &[r#"{"A":11}"#]);
    holds(&item("A|contains: 25"), &[r#"{"A":4625}"#], &[r#"{"A":462}"#]);
    let night = item("T|hour: [22, 23, 0]");
    let at = |time: &str| format!(r#"{{"T":"{time}"}}"#);
    holds(
        &night,
        &[&at("2026-03-28 23:10:04"), &at("2026-03-28T00:59:59.999+02:00"), r#"{"T":1774739404}"#],
        &[&at("2026-03-28T12:10:04Z"), r#"{"B":1}"#],
    );
    holds(&item("T|week|lte: 13"), &[&at("2026-03-28"), &at("2026-01-01")], &[&at("2026-03-30"), &at("2027-01-01")]);
    holds(&item("T|month|neq: 3"), &[&at("2026-04-01"), r#"{"B":1}"#], &[&at("2026-03-31T23:59:59Z")]);
    holds(
        &item("T|minute: '05'"),
        &[&at("2026-03-31T23:05:59Z"), &at("2026-03-31T23:05Z")],
        &[&at("2026-03-31T05:50:05Z")],
    );
    holds(&item("T|year|gt: 2025"), &[r#"{"T":1774739404123}"#], &[&at("2025-12-31T23:59:59Z")]);
}

#[test]
fn wildcards_escapes_and_case() {
    holds(
        &item(r"A: 'a\*b?'"),
        &[r#"{"A":"A*bc"}"#, r#"{"A":"a*bé"}"#, "{\"A\":\"a*b\\n\"}"],
        &[r#"{"A":"axbc"}"#, r#"{"A":"a*b"}"#],
    );
    holds(&item(r"A: 'dir\\*'"), &[r#"{"A":"dir\\"}"#, r#"{"A":"dir\\x"}"#], &[r#"{"A":"dir*"}"#]);
    holds(&item(r"A: '\\\\srv\x*'"), &[r#"{"A":"\\\\srv\\xy"}"#], &[r#"{"A":"\\srv\\xy"}"#]);
    holds(&item(r"A|endswith: 'x\'"), &[r#"{"A":"yx\\"}"#], &[r#"{"A":"yx"}"#]);
    holds(&item("A|startswith: '*b*c'"), &[r#"{"A":"abbc-"}"#, r#"{"A":"bc"}"#], &[r#"{"A":"cb"}"#]);
    holds(&item("A|contains: ÄÖ"), &[r#"{"A":"xäöx"}"#], &[r#"{"A":"xaox"}"#]);
    holds(&item("A|cased|endswith: Xy"), &[r#"{"A":"aXy"}"#], &[r#"{"A":"aXY"}"#]);
    holds(&item("A|cased: [a, B]"), &[r#"{"A":"B"}"#], &[r#"{"A":"b"}"#, r#"{"A":"A"}"#]);
    holds(&item("A: '?'"), &[r#"{"A":"é"}"#, r#"{"A":7}"#], &[r#"{"A":""}"#, r#"{"A":"ab"}"#]);
    holds(&item("A: '*a?c*e'"), &[r#"{"A":"acaxce"}"#], &[r#"{"A":"ace"}"#]);
}

#[test]
fn expressions_mean_what_pcre_means() {
    holds(
        &item("A|re: 'b+.c$'"),
        &[r#"{"A":"abbxc"}"#],
        &[r#"{"A":"abbxC"}"#, "{\"A\":\"abb\\nc\"}", r#"{"A":"bxcd"}"#],
    );
    holds(&item("A|re|i|s: 'b.c$'"), &[r#"{"A":"aB\nC"}"#], &[r#"{"A":"bxcd"}"#]);
    holds(&item("A|re|m: '^b$'"), &[r#"{"A":"a\nb\nc"}"#], &[r#"{"A":"a\nB\nc"}"#]);
    holds(&item("A|re|multiline|ignorecase|dotall: '^b.c$'"), &[r#"{"A":"a\nB\nc\nd"}"#], &[r#"{"A":"abc"}"#]);
    holds(&item("A|re|neq: '^x'"), &[r#"{"A":"y"}"#, r#"{"B":1}"#], &[r#"{"A":"xy"}"#]);
    holds(&item("A|re|all: ['^x', 'y$']"), &[r#"{"A":"xy"}"#, r#"{"A":["x","y"]}"#], &[r#"{"A":"x"}"#]);
    holds(&item("A|re|startswith: 'a|b'"), &[r#"{"A":"bx"}"#], &[r#"{"A":"xb"}"#]);
    holds(&item("A|re|i|endswith: 'a|b'"), &[r#"{"A":"xB"}"#], &[r#"{"A":"bx"}"#]);
    holds(&item("'|re': 'a{2}'"), &[r#"{"x":{"y":["baab"]}}"#], &[r#"{"aa":"b"}"#]);
    holds(&item(r"A|re: '\<script\>'"), &[r#"{"A":"x<script>y"}"#], &[r#"{"A":"a script b"}"#]);
    holds(&item("A|re: '[;&&|]x'"), &[r#"{"A":"a&x"}"#, r#"{"A":"a|x"}"#], &[r#"{"A":"ax"}"#]);
    holds(&item("A|re: '^[[a]+$'"), &[r#"{"A":"a[a"}"#], &[r#"{"A":"a]"}"#]);
    holds(&item("A|re: '${jndi:'"), &[], &[r#"{"A":"${jndi:x}"}"#]);
    holds(&item(r"A|re: '\${jndi:'"), &[r#"{"A":"${jndi:x}"}"#], &[r#"{"A":"jndi:"}"#]);
    for (text, why) in [
        ("A|re: 'a++b'", "possessive"),
        ("A|re: '(?R)'", "recursion"),
        ("A|re: '(?=a)'", "look-around"),
        (r"A|re: '(a)\1'", "backreferences"),
        ("A|re: '(a'", "unclosed"),
        (r"A|re: '(\w{900}){900}'", "size"),
        ("A|re|contains|base64: a", "cannot stand together"),
        ("A|contains|re|i: a", "not known or not possible"),
        ("A|i: a", "not known or not possible"),
    ] {
        let (what, at) = refused(&item(text));
        assert!(what.contains(why) && at.0 == 6, "{text}: {what} {at:?}");
    }
}

#[test]
fn keywords_look_at_values_alone() {
    let words = rule("k: [Foo, 'b?r', 4625]\ncondition: k");
    holds(
        &words,
        &[r#"{"a":{"b":["xfoox"]}}"#, r#"{"a":"BAR"}"#, r#"{"a":4625}"#, r#"{"a":"x4625"}"#],
        &[r#"{"foo":"x"}"#, r#"{"a":null}"#, r#"{"a":"fo","b":"o"}"#],
    );
    let all = rule("k:\n  '|all': [foo, bar]\ncondition: k");
    holds(&all, &[r#"{"a":"foo","b":"bar"}"#], &[r#"{"a":"foo"}"#, r#"{"a":"foo","bar":1}"#]);
    holds(&item("'|contains|all': [foo, bar]"), &[r#"{"a":"barfoo"}"#], &[r#"{"a":"bar"}"#]);
    holds(&item("'|cased': [Foo, Bar]"), &[r#"{"a":"xBar"}"#], &[r#"{"a":"bar"}"#]);
    holds(&rule("k: [foo]\ncondition: not k"), &[r#"{"a":"bar"}"#], &[r#"{"a":"x","b":"FOO"}"#]);
    for (text, why) in [
        (item("'|cidr': 10.0.0.0/8"), "needs a field"),
        (item("'|exists': true"), "needs a field"),
        (item("'|gt': 5"), "needs a field"),
        (item("'|hour': 5"), "needs a field"),
        (item("'|fieldref': a"), "needs a field"),
        (item("'': [null, a]"), "no keyword"),
        (rule("k: [a, null]\ncondition: not k"), "is null"),
        (rule("k:\n  '|all': []\ncondition: k"), "empty list"),
    ] {
        assert!(refused(&text).0.contains(why), "{text}: {:?}", refused(&text));
    }
}

#[test]
fn identifiers_nest() {
    let text =
        rule("s:\n  - A: 1\n    B: 2\n  - - C: 3\n    - [D, E]\n  - F|contains|all: [x, y]\n  - word\ncondition: s");
    holds(
        &text,
        &[r#"{"A":1,"B":2}"#, r#"{"C":3}"#, r#"{"Z":"xDx"}"#, r#"{"Z":"e"}"#, r#"{"F":"yx"}"#, r#"{"Z":"a word"}"#],
        &[r#"{"A":1}"#, r#"{"F":"x"}"#, r#"{"C":4}"#],
    );
    let names = "sel_a: {A: 1}\nsel_b: {B: 1}\n_sel_c: {C: 1}\nfilter: {F: 1}\n";
    let of = |condition: &str| rule(&format!("{names}condition: {condition}"));
    holds(&of("all of sel_* and not 1 of filter*"), &[r#"{"A":1,"B":1}"#], &[r#"{"A":1,"B":1,"F":1}"#, r#"{"A":1}"#]);
    holds(&of("any of them"), &[r#"{"F":1}"#], &[r#"{"C":1}"#]);
    holds(&of("1 of _*"), &[r#"{"C":1}"#], &[r#"{"A":1}"#]);
    holds(&of("1 of *_b or filter"), &[r#"{"F":1}"#], &[r#"{"A":1}"#]);
    holds(
        &of("not (sel_a or (sel_b and not filter))"),
        &[r#"{"B":1,"F":1}"#, r#"{"C":1}"#],
        &[r#"{"B":1}"#, r#"{"A":1}"#],
    );
    holds(&of("[sel_a and sel_b, filter]"), &[r#"{"F":1}"#, r#"{"A":1,"B":1}"#], &[r#"{"A":1}"#]);
    holds(&of("not not sel_a"), &[r#"{"A":1}"#], &[r#"{"B":1}"#]);
    for (text, why, at) in [
        (of("sel_a and"), "ends where a name is expected", (9, 14)),
        (of("2 of sel_*"), "quantifier", (9, 14)),
        (of("sel_c"), "\"sel_c\", which the detection does not define", (9, 14)),
        (of("1 of nothing*"), "matches no identifier", (9, 14)),
        (of("sel_a | count() > 5"), "correlation", (9, 14)),
        (rule("s: {A: {B: 1}}\ncondition: s"), "a list or map stands where a value", (5, 10)),
        (rule("s: {}\ncondition: s"), "an identifier is empty", (5, 6)),
        (rule("s: {A|nope: 1}\ncondition: s"), "\"nope\" is not known", (5, 15)),
        (rule("s: {A|contains: null}\ncondition: s"), "null cannot be modified", (5, 19)),
        (rule("s: {A|exists: maybe}\ncondition: s"), "true or false", (5, 17)),
        (rule("s: {A|cidr: 10.0.0.1/8}\ncondition: s"), "host bits", (5, 15)),
        (rule("s: {A|base64: 'a*'}\ncondition: s"), "cannot be encoded", (5, 17)),
        (rule("s: {A|lt|gt: 5}\ncondition: s"), "cannot follow", (5, 16)),
        (rule("s: {A|lt: five}\ncondition: s"), "is not a number", (5, 13)),
        (rule("s: {A|hour: 5.5}\ncondition: s"), "whole number", (5, 15)),
    ] {
        let (what, place) = refused(&text);
        assert!(what.contains(why) && place == at, "{text}: {what} {place:?}");
    }
}

#[test]
fn lists_and_objects_of_records() {
    holds(&item("A|contains|all: [x, y]"), &[r#"{"A":["ax","by"]}"#, r#"{"A":"xy"}"#], &[r#"{"A":["ax","bx"]}"#]);
    holds(
        &item("A.B: 1"),
        &[r#"{"A":[{"B":2},{"B":1}]}"#, r#"{"a":{"b":1}}"#, r#"{"A.B":1}"#],
        &[r#"{"A":[{"B":2}]}"#, r#"{"B":1}"#],
    );
    holds(&item("A|contains: '\"B\":1'"), &[r#"{"A":{"B": 1}}"#], &[r#"{"A":{"B": 2}}"#, r#"{"C":{"B": 1}}"#]);
    holds(&item("A: '{}'"), &[r#"{"A":{}}"#, r#"{"A":[{}]}"#], &[r#"{"A":{"B":1}}"#, r#"{"A":[]}"#]);
    holds(&item("A: 1"), &[r#"{"A":[[1]]}"#, r#"{"A":1,"a":2}"#], &[r#"{"A":2,"a":1}"#]);
}

/// What a renderer of Windows events numbers is the same field again, also where blanks stand in its name.
#[test]
fn numbered_names_with_blanks_are_those_of_rules() {
    let event =
        |second: &str| format!(r#"{{"EventID":1,"Provider_Name":"p","Product Name":"a","Product Name_1":"{second}"}}"#);
    holds(&item("ProductName: b"), &[&event("b")], &[&event("c")]);
    holds(&item("ProductName: a"), &[&event("b")], &[]);
}
