//! Which kinds of data were touched: from the logs to the verdict, and what says nothing of data.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use exfiltrace::classify::{Classifier, Look};
use exfiltrace::discover::Root;
use exfiltrace::format;
use exfiltrace::indicators::Builder;
use exfiltrace::model::data::{Basis, Later, OBJECTS_KEPT, Sign, TOUCHES_KEPT, Touch, Touched};
use exfiltrace::model::fields::{Fields, Want};
use exfiltrace::model::observation::{ObservationKey, Seen};
use exfiltrace::model::place::{Place, RecordDigest};
use exfiltrace::model::rule::Outcome;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::DataCategory;
use exfiltrace::plan::Plan;
use exfiltrace::scan;
use exfiltrace::tally::Tally;
use serde_json::Value;

use crate::judge::{GIB, at, finding, hc, transfer, whose};
use crate::support::{exfiltrace, plan, shared};

const CATALOGUE: &str =
    "[[data]]\ncategory = 'benefits'\ntitle = 'Claims'\nrecords = 800\nsubjects = 'claimants'\nurl = ['/claims/*']\n";
const INTRUDER: &str = "203.0.113.9";
const NHS: [&str; 2] = ["9434765919", "9434765870"];

pub fn sign(category: &str, basis: Basis) -> Arc<Sign> {
    let told_by = "Claims".into();
    Arc::new(Sign { category: category.into(), special: false, basis, told_by, records: None, subjects: None })
}

pub fn touch(object: u64, time: &str) -> Touch {
    Touch::of(object, Some(at(time)))
}

/// An access log in which an intruder reads claims and persons, and somebody else reads the same.
fn log(attack: &str) -> String {
    let line = |from: &str, second: usize, request: &str, status: u16| {
        format!(
            "{from} - - [22/Mar/2026:10:00:{second:02} +0000] \"GET {request} HTTP/1.1\" {status} 2000 \"-\" \"curl/8\"\n"
        )
    };
    [
        line("198.51.100.20", 1, "/claims/2026.csv", 200),
        line("198.51.100.20", 2, "/claims/2025.csv", 200),
        line(INTRUDER, 3, attack, 200),
        line(INTRUDER, 4, "/claims/2026.csv", 200),
        line(INTRUDER, 5, "/claims/2024.csv", 404),
        line(INTRUDER, 6, &format!("/person?nhs_number={}", NHS[0]), 200),
        line(INTRUDER, 7, &format!("/person?nhs_number={}&x=1", NHS[0]), 200),
        line(INTRUDER, 8, &format!("/person?nhs_number={}", NHS[1]), 200),
        line(INTRUDER, 9, "/person?order=9434765919", 200),
    ]
    .concat()
}

/// The verdict of the only scope over a log, and the text of the whole.
fn told(folder: &Path, log: &str, more: &[&str]) -> (Value, String) {
    let (evidence, case) = (folder.join("web"), folder.join("case"));
    std::fs::create_dir_all(&evidence).unwrap();
    std::fs::write(evidence.join("access.log"), log).unwrap();
    let (evidence, case) = (evidence.to_str().unwrap(), case.to_str().unwrap());
    let output = exfiltrace(&[&["scan", "--quiet", evidence, "--out", case], more].concat());
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(Path::new(case).join("verdict.json")).unwrap();
    let verdict: Value = serde_json::from_str(&text).unwrap();
    (verdict["scopes"][0].clone(), text)
}

fn category<'v>(scope: &'v Value, name: &str) -> &'v Value {
    let all = scope["data_categories"].as_array().unwrap();
    all.iter().find(|of| of["category"] == name).unwrap_or_else(|| panic!("{name} is not in {all:#?}"))
}

fn clauses(scope: &Value) -> Vec<&str> {
    scope["reasons"].as_array().unwrap().iter().filter_map(|reason| reason["clause"].as_str()).collect()
}

#[test]
fn what_an_intruder_was_given_of_the_catalogue_and_its_values_are_counted() {
    let temp = tempfile::tempdir().unwrap();
    let catalogue = temp.path().join("catalogue.toml");
    std::fs::write(&catalogue, CATALOGUE).unwrap();
    let with = ["--catalogue", catalogue.to_str().unwrap()];
    let (scope, text) = told(temp.path(), &log("/shell.php?cmd=whoami"), &with);
    assert_eq!((scope["state"].as_str(), clauses(&scope).contains(&"J-70")), (Some("accessed"), true), "{text}");
    let claims = category(&scope, "benefits");
    assert_eq!(
        (&claims["state"], &claims["basis"][0], &claims["told_by"][0]),
        (&"accessed".into(), &"catalogue".into(), &"Claims".into())
    );
    assert_eq!(
        (claims["files"].as_u64(), claims["records"]["upper"].as_u64()),
        (Some(1), None),
        "not what was refused; and without a log of the edge more may have left"
    );
    let health = category(&scope, "special_category_health");
    assert_eq!((&health["special_category"], health["records"]["lower"].as_u64()), (&true.into(), Some(2)));
    assert_eq!((&scope["subjects"]["kinds"][0], scope["subjects"]["lower"].as_u64()), (&"claimants".into(), Some(2)));
    assert!(NHS.iter().all(|number| !text.contains(number)), "no value stands in the verdict");
}

#[test]
fn without_an_intruder_or_a_catalogue_nothing_is_claimed() {
    let temp = tempfile::tempdir().unwrap();
    let catalogue = temp.path().join("catalogue.toml");
    std::fs::write(&catalogue, CATALOGUE).unwrap();
    let with = ["--catalogue", catalogue.to_str().unwrap()];
    let (benign, _) = told(&temp.path().join("a"), &log("/index.html"), &with);
    assert_eq!(
        (benign["state"].as_str(), benign["data_categories"].as_array().unwrap().len()),
        (Some("no_evidence"), 0)
    );
    let (alone, _) = told(&temp.path().join("b"), &log("/shell.php?cmd=whoami"), &[]);
    assert!(!clauses(&alone).iter().any(|clause| clause.starts_with("J-7")), "{alone:#}");
}

#[test]
fn the_names_of_what_left_are_a_hint_of_what_it_was() {
    let Some(lab) = shared("corpora/exfil/lab-generated") else { return };
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(lab.join("truth.json")).unwrap()).unwrap();
    let files = truth["rclone_webdav_via_squid"]["files"].as_array().unwrap();
    let named =
        |begin: &str| files.iter().filter(|file| file["name"].as_str().unwrap().starts_with(begin)).count() as u64;
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    exfiltrace(&["scan", "--quiet", lab.to_str().unwrap(), "--out", case.to_str().unwrap()]);
    let verdict: Value = serde_json::from_str(&std::fs::read_to_string(case.join("verdict.json")).unwrap()).unwrap();
    let scope = &verdict["scopes"][0];
    let found = scope["data_categories"].as_array().unwrap().iter();
    let found: BTreeMap<&str, (&str, u64)> = found
        .map(|of| (of["category"].as_str().unwrap(), (of["state"].as_str().unwrap(), of["files"].as_u64().unwrap())))
        .collect();
    let wanted = [("hr_payroll", "payroll"), ("identity_documents", "passport"), ("personal_contact", "customers")];
    assert_eq!(found, wanted.map(|(category, begin)| (category, ("exfiltrated", named(begin)))).into());
    assert!(clauses(scope).contains(&"J-73"));
}

#[test]
fn real_logs_without_an_intrusion_claim_no_kind_of_data() {
    for name in ["corpora/web/elastic-examples/apache_logs.gz", "corpora/text"] {
        let Some(path) = shared(name) else { return };
        let temp = tempfile::tempdir().unwrap();
        let case = temp.path().join("case");
        exfiltrace(&["scan", "--quiet", path.to_str().unwrap(), "--out", case.to_str().unwrap()]);
        let verdict: Value =
            serde_json::from_str(&std::fs::read_to_string(case.join("verdict.json")).unwrap()).unwrap();
        for scope in verdict["scopes"].as_array().unwrap() {
            let quiet = matches!(scope["state"].as_str(), Some("no_evidence" | "attempted" | "intrusion_only"));
            assert!(!quiet || scope["data_categories"].as_array().unwrap().is_empty(), "{name}: {scope:#}");
        }
    }
}

#[test]
fn neither_threads_nor_grid_nor_order_change_what_was_touched() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("access.log"), log("/shell.php?cmd=whoami").repeat(40)).unwrap();
    let planned = || {
        let roots = vec![Root { name: b"web".to_vec(), path: Some(temp.path().to_owned()) }];
        let classifier = Classifier::new(&toml::from_str(CATALOGUE).unwrap()).unwrap();
        Plan { classifier, ..plan(roots, Scopes::default(), Builder::new()) }
    };
    let text = |plan: Plan| {
        let outcome = scan::scan(&plan).unwrap();
        assert!(outcome.partial.sources.values().any(|source| !source.touched.is_empty()));
        let verdict = serde_json::to_string(&outcome.verdict).unwrap();
        (serde_json::to_string(&outcome.partial).unwrap(), verdict)
    };
    let whole = text(Plan { threads: 1, ..planned() });
    assert_eq!(whole, text(Plan { threads: 4, cell_bytes: 97, shuffle: Some(3), ..planned() }));
    let again: exfiltrace::model::partial::Partial = serde_json::from_str(&whole.0).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), whole.0, "the state comes back");
}

/// Pages and files named after data, asked for again and again: what is known again is what a parse of each record tells.
#[test]
fn what_is_known_again_is_what_each_record_shows() {
    let paths = [
        "/council-tax/bands",
        "/claims/2026.csv",
        "/housing/tenants.xlsx?as=a.csv",
        "/benefits/index.html",
        "/payroll.csv",
        "/a?file=payroll_03.csv",
        "/payroll%2Ecsv",
        "/a payroll.csv",
        "https://pay.rv.example/payroll.sql",
    ];
    let mut rng = 1u64;
    let mut below = |end: usize| {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (rng >> 33) as usize % end
    };
    let mut line = |host: &str, second: usize| {
        format!(
            "{host}198.51.100.{} - - [22/Mar/2026:10:{:02}:{:02} +0000] \"{} {} HTTP/1.1\" {} {} \"https://www.rv.example{}\" \"curl/8\"\n",
            below(3),
            second / 60,
            second % 60,
            ["GET", "GET", "HEAD", "POST"][below(4)],
            paths[below(paths.len())],
            ["200", "200", "304", "404", "-"][below(5)],
            below(9000),
            paths[below(paths.len() - 1)]
        )
    };
    let temp = tempfile::tempdir().unwrap();
    let logs: [(&str, String); 2] = [("plain.log", ""), ("vhost.log", "www.rv.example:443 ")]
        .map(|(name, host)| (name, (0..900).map(|second| line(host, second)).collect()));
    for (name, log) in &logs {
        std::fs::write(temp.path().join(name), log).unwrap();
    }
    for catalogue in [CATALOGUE, ""] {
        let classifier = || Classifier::new(&toml::from_str(catalogue).unwrap()).unwrap();
        let roots = vec![Root { name: b"web".to_vec(), path: Some(temp.path().to_owned()) }];
        let plan = Plan { classifier: classifier(), ..plan(roots, Scopes::default(), Builder::new()) };
        let partial = scan::scan(&plan).unwrap().partial;
        for (name, log) in &logs {
            let shown = shown_by_each(log, &classifier());
            let source = partial.sources.iter().find(|(key, _)| key.0.as_str().ends_with(name)).unwrap().1;
            assert!(shown.kept.len() > 9, "{}", shown.kept.len());
            assert!(source.touched == shown, "{name}");
        }
    }
}

/// What the records of an access log show, each parsed and asked by itself.
fn shown_by_each(log: &str, classifier: &Classifier) -> Touched {
    let layout = crate::formats::layout_of(log.as_bytes());
    assert_eq!(layout.format, "access");
    let (reader, mut fields, mut tally) = (format::reader(&layout), Fields::default(), Tally::default());
    let mut shown = Touched::default();
    for line in log.lines() {
        reader.parse(line.as_bytes(), Want::All, &mut fields).unwrap();
        let place = Place { offset: 0, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
        let is_traffic = tally.observe("access", (&mut fields, None), place, &|_| RecordDigest([1; 32]));
        if is_traffic && Outcome::of(&fields) != Outcome::Failed {
            for datum in classifier.data(&fields, Look::Names) {
                let touch = Touch::of(datum.object, fields.time.map(|stamp| stamp.at));
                shown.add((datum.sign, tally.at_hand()), &touch);
            }
        }
    }
    shown
}

/// What conversations from `first` on in steps touched, each more objects than are kept.
fn part(first: u64, step: usize) -> Touched {
    let mut all = Touched::default();
    for n in (first..TOUCHES_KEPT as u64 + 600).step_by(step) {
        let client: Box<str> = format!("c{n:06}").into();
        let (server, name, account, host): (Box<str>, Box<str>, Box<str>, Box<str>) = Default::default();
        let nat = Box::<str>::default();
        let (seen, outcome) = (Seen::Web, Outcome::Succeeded);
        let key = ObservationKey { seen, client, server, name, account, host, port: 0, sends: false, outcome, nat };
        all.add((sign("benefits", Basis::Hint), key), &touch(n, "2026-03-02T12:00:00Z"));
    }
    all
}

#[test]
fn caps_commute_and_count_exactly() {
    let joined = |order: [u64; 3]| {
        let mut all = Touched::default();
        order.into_iter().for_each(|first| all.join(part(first, 3)));
        all
    };
    let straight = joined([0, 1, 2]);
    assert_eq!((straight.kept.len(), straight.rest), (TOUCHES_KEPT, 600));
    assert!(straight == joined([2, 0, 1]) && straight == part(0, 1));
    let touches =
        |from: u64| (from..3 * OBJECTS_KEPT as u64).step_by(2).map(|object| touch(object, "2026-03-02T12:00:00Z"));
    let sum = |from: [u64; 2]| {
        let mut all = Touch::default();
        from.into_iter().flat_map(touches).for_each(|one| all.join(&one));
        all
    };
    let one = sum([0, 1]);
    assert_eq!((one.objects.len(), one.cut, one.records), (OBJECTS_KEPT, true, 3 * OBJECTS_KEPT as u64));
    assert_eq!(one, sum([1, 0]));
}

#[test]
fn of_what_began_before_the_intrusion_one_object_is_sure() {
    let mut all = touch(1, "2026-03-02T09:00:00Z");
    all.join(&touch(2, "2026-03-02T12:00:00Z"));
    let since = |begin| all.since(at(begin));
    assert_eq!(since("2026-03-02T09:00:00Z"), Some(Later::All(&all)));
    assert_eq!(since("2026-03-02T09:00:01Z"), Some(Later::OneOf(&all)));
    assert_eq!(since("2026-03-02T12:00:01Z"), None);
    let mut again = touch(1, "2026-03-02T09:00:00Z");
    again.join(&touch(1, "2026-03-02T12:00:00Z"));
    assert_eq!(again.since(at("2026-03-02T10:00:00Z")), Some(Later::All(&again)), "it is always the same");
    assert!(Touch::of(1, None).since(at("2026-03-02T09:00:00Z")).is_none(), "without a time");
}

/// Uploads that began before the intrusion and went on after it show which objects may have left, not which did.
#[test]
fn an_object_that_may_have_left_is_not_taken_from_what_was_accessed() {
    use exfiltrace::model::data::Datum;
    use exfiltrace::model::rule::{Route, Stage};
    use exfiltrace::model::verdict::State;
    let up = |to: &str, objects: &[u64]| {
        let mut up = transfer(Route::HttpsUpload, "10.2.0.5", to, GIB, 3, &whose(""));
        up.id = format!("t-{to}").into();
        let mut both = Touch::default();
        objects.iter().for_each(|object| both.join(&touch(*object, "2026-03-01T12:00:00Z")));
        objects.iter().for_each(|object| both.join(&touch(*object, "2026-03-03T12:00:00Z")));
        up.data = [(sign("benefits", Basis::Detected), both)].into_iter().collect();
        up
    };
    let hit = finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let mut packed = finding("p", Stage::Staging, Outcome::Succeeded, "", "hc-fs01");
    packed.data = vec![Datum { sign: sign("benefits", Basis::Detected), object: 7 }];
    let told = |ups: &[Transfer]| {
        let verdict = hc(&[hit.clone(), packed.clone()], ups, &whose(""));
        let of = |category: &DataCategory| (category.state, category.records.lower);
        verdict.data_categories.iter().map(of).collect::<Vec<_>>()
    };
    let (left, accessed) = (State::Exfiltrated, State::Accessed);
    assert_eq!(told(&[up("198.51.100.7", &[7, 8])]), [(left, 1), (accessed, 1)], "8 may be what left");
    assert_eq!(told(&[up("198.51.100.7", &[7])]), [(left, 1)]);
    assert_eq!(
        told(&[up("198.51.100.7", &[1, 2]), up("198.51.100.8", &[2, 3])]),
        [(left, 1), (accessed, 1)],
        "2 alone"
    );
    assert_eq!(told(&[up("198.51.100.7", &[1, 2]), up("198.51.100.8", &[3, 4])]), [(left, 2), (accessed, 1)]);
}

#[test]
fn what_is_unexplained_is_named_and_not_lost_and_what_left_is_not_named_twice() {
    use exfiltrace::model::data::Datum;
    use exfiltrace::model::rule::{Route, Stage};
    use exfiltrace::model::verdict::State;
    let mut up = transfer(Route::HttpsUpload, "10.2.0.5", "198.51.100.7", GIB, 3, &whose(""));
    up.data = [(sign("benefits", Basis::Detected), touch(7, "2026-03-03T12:00:00Z"))].into_iter().collect();
    let states = |verdict: &exfiltrace::model::verdict::ScopeVerdict| -> Vec<State> {
        verdict.data_categories.iter().map(|of| of.state).collect()
    };
    let alone = hc(&[], std::slice::from_ref(&up), &whose(""));
    assert_eq!((states(&alone), alone.subjects.upper), (vec![State::Unexplained], None));
    let hit = finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let mut packed = finding("p", Stage::Staging, Outcome::Succeeded, "", "hc-fs01");
    let datum = |object| Datum { sign: sign("benefits", Basis::Detected), object };
    packed.data = vec![datum(7)];
    let taken = hc(&[hit.clone(), packed.clone()], std::slice::from_ref(&up), &whose(""));
    assert_eq!(states(&taken), [State::Exfiltrated]);
    packed.data.push(datum(8));
    let more = hc(&[hit, packed], &[up], &whose(""));
    let lower: Vec<u64> = more.data_categories.iter().map(|of| of.records.lower).collect();
    assert_eq!((states(&more), lower), (vec![State::Exfiltrated, State::Accessed], vec![1, 1]));
}

#[test]
fn a_catalogue_is_checked_before_anything_is_read() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("catalogue.toml");
    let example = exfiltrace(&["catalogue", "example"]);
    std::fs::write(&file, &example.stdout).unwrap();
    let schema: Value = serde_json::from_slice(&exfiltrace(&["schema", "catalogue"]).stdout).unwrap();
    let fits = |toml: &str| jsonschema::is_valid(&schema, &toml::from_str::<Value>(toml).unwrap());
    assert!(fits(&String::from_utf8(example.stdout.clone()).unwrap()));
    let check = || exfiltrace(&["catalogue", "check", file.to_str().unwrap()]);
    let said = String::from_utf8(check().stdout).unwrap();
    assert!(said.contains("can be used: 4 entries, 1 of them of a special category"), "{said}");
    for (toml, place, word) in [
        ("[[data]]\ncategory = 'benefits'\npath = ['*']\n", ":3:9:", "too broad"),
        ("[[data]]\ncategory = 'benefit'\npath = ['*abc*']\n", ":2:12:", "council_tax"),
        ("[[data]]\ncategory = 'benefits'\nfiles = ['*abc*']\n", ":3:1:", "no key"),
    ] {
        std::fs::write(&file, toml).unwrap();
        assert!(!word.contains("no key") || !fits(toml), "{toml}");
        let output = exfiltrace(&["scan", "--catalogue", file.to_str().unwrap(), "/nowhere"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(place) && said.contains(word), "{said}");
        assert_eq!(check().status.code(), Some(2));
    }
}

/// A correlation over records of two scopes is judged under both, and what it was made of under its own.
#[test]
fn a_correlation_tells_no_scope_of_the_data_of_another() {
    let temp = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(temp.path().join(name), text).unwrap();
        temp.path().join(name).to_str().unwrap().to_owned()
    };
    let rules = file("rules.yml", READ);
    let scopes =
        ["riverside", "hillcrest"].map(|name| format!("[[scope]]\nname='{name}'\nvhosts=['{name}.example']\n"));
    let entry = |category, title, url| format!("[[data]]\ncategory='{category}'\ntitle='{title}'\nurl=['{url}']\n");
    let catalogue = entry("benefits", "Claims", "/claims/*") + &entry("housing_records", "Tenants of 1970", "/homes/*");
    let (scopes, catalogue) = (file("scopes.toml", &scopes.concat()), file("catalogue.toml", &catalogue));
    let line = |host: &str, second: u32, path: &str| {
        format!(
            "{host}.example:443 198.51.100.20 - - [22/Mar/2026:10:00:{second:02} +0000] \"GET {path} HTTP/1.1\" 200 2000 \"-\" \"x\"\n"
        )
    };
    let log = [
        line("riverside", 1, "/claims/a.csv"),
        line("hillcrest", 2, "/homes/b.csv"),
        line("riverside", 3, "/claims/c.csv"),
        line("hillcrest", 4, "/homes/d.csv"),
    ];
    let with = ["--no-builtin", "--rules", &rules, "--scopes", &scopes, "--catalogue", &catalogue];
    let (first, text) = told(temp.path(), &log.concat(), &with);
    let whole: Value = serde_json::from_str(&text).unwrap();
    let kinds = |scope: &Value| -> Vec<String> {
        let all = scope["data_categories"].as_array().unwrap().iter();
        all.map(|of| of["told_by"][0].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((first["state"].as_str(), kinds(&first)), (Some("unexplained"), vec!["Claims".to_owned()]), "{text}");
    assert_eq!(kinds(&whole["scopes"][1]), ["Tenants of 1970"]);
    std::fs::remove_dir_all(temp.path().join("case")).unwrap();
    let (_, only) = told(temp.path(), &log.concat(), &[&with[..], &["--only-scope", "riverside"]].concat());
    assert!(only.contains("Claims") && !only.contains("1970") && !only.contains("housing_records"), "{only}");
}

const READ: &str = "\
title: Records of people are read
name: people_read
status: test
level: high
logsource: { category: webserver }
tags: [attack.collection, attack.t1213]
detection:
  selection:
    cs-uri-stem|startswith: ['/claims/', '/homes/']
  condition: selection
---
title: Many records of people are read
status: test
level: high
tags: [attack.collection, attack.t1213]
correlation:
  generate: true
  type: event_count
  rules: [people_read]
  group-by: [c-ip]
  timespan: 1h
  condition: { gte: 2 }
";
