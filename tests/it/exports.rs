//! Exports that end where exports of their kind end: there may have been more, and nothing that rests on them is whole.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::support::exfiltrace;

/// A download of a file, as the audit log of Microsoft 365 tells it.
fn download(at: usize) -> Value {
    json!({
        "CreationTime": format!("2026-03-28T{:02}:{:02}:{:02}", at / 3_600 % 24, at / 60 % 60, at % 60), "Id": format!("id-{at}"),
        "Operation": "FileDownloaded", "RecordType": 6, "Workload": "SharePoint", "UserId": format!("u{}@rv.example", at % 997),
        "ClientIP": format!("203.0.113.{}", at % 200), "ObjectId": format!("https://rv.example/{at}.docx"), "FileSizeBytes": 100,
    })
}

/// So many of them, one a line.
fn lines(records: usize) -> String {
    (0..records).map(|at| format!("{}\n", download(at))).collect()
}

/// So many of them as the portal exports them: a row each, with a quoted cell that goes over two lines.
fn table(records: usize) -> String {
    let mut text = "RecordId,CreationDate,RecordType,Operation,UserId,AuditData,AssociatedAdminUnits\n".to_owned();
    for at in 0..records {
        let (record, user) = (download(at), at % 997);
        let cell = record.to_string().replace('"', "\"\"");
        let _ = writeln!(text, "id-{at},2026-03-28T10:00:00Z,6,FileDownloaded,u{user}@rv.example,\"{cell}\",\"a\nb\"");
    }
    text
}

/// A case of one log: its coverage, its verdict and its ledger.
fn case(name: &str, log: &str) -> (Value, Value, String) {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::write(path(name), log).unwrap();
    exfiltrace(&["scan", "-q", &path(name), "--out", &path("case")]);
    let json = |name: &str| serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap();
    let ledger = fs::read_to_string(path("case/ledger.jsonl")).unwrap();
    (json("case/coverage.json"), json("case/verdict.json"), ledger)
}

/// Why parts of the time of the log are not covered, and the state of what was downloaded.
fn told(name: &str, log: &str) -> (Vec<String>, String, bool) {
    let (coverage, verdict, _) = case(name, log);
    let gaps = coverage["sources"][0]["gaps"].as_array().unwrap();
    let scope = &verdict["scopes"][0];
    let routes = scope["routes"].as_array().unwrap();
    let way = routes.iter().find(|way| way["route"] == "saas_download").unwrap();
    let reasons = gaps.iter().map(|gap| gap["reason"].as_str().unwrap().to_owned()).collect();
    (reasons, way["state"].as_str().unwrap().to_owned(), way["bytes"]["upper"].is_null())
}

#[test]
fn a_search_of_the_audit_log_that_ends_at_its_cap_is_never_complete() {
    let whole = (Vec::new(), "no_evidence".to_owned(), false);
    let cut = (vec!["export_truncated?".to_owned()], "cannot_tell".to_owned(), true);
    for (name, log) in [("audit.json", lines as fn(usize) -> String), ("audit.csv", table)] {
        assert_eq!(told(name, &log(4_999)), whole, "{name}");
        assert_eq!(told(name, &log(5_000)), cut, "{name}");
        assert_eq!(told(name, &log(5_001)), whole, "{name}");
    }
}

#[test]
fn what_a_system_writes_itself_may_have_any_number_of_lines() {
    let line = |at: usize| format!("Mar 28 10:{:02}:{:02} rv-fs01 app[7]: request {at} done\n", at / 60 % 60, at % 60);
    let log: String = (0..5_000).map(line).collect();
    assert_eq!(case("syslog", &log).0["sources"][0]["gaps"], json!([]));
}

#[test]
fn a_table_that_is_as_long_as_a_sheet_may_have_been_cut_by_one() {
    let table = |rows: usize| {
        let row = |at: usize| format!("2026-03-28T{:02}:{:02}:00Z,alice,\"view\n{at}\"\n", at / 60 % 24, at % 60);
        "time,user,action\n".to_owned() + &(0..rows).map(row).collect::<String>()
    };
    let reasons = |rows| case("t.csv", &table(rows)).0["sources"][0]["gaps"].clone();
    assert_eq!(reasons(65_535)[0]["reason"], "export_truncated?");
    assert_eq!(reasons(65_534), json!([]));
}

#[test]
fn a_cell_that_is_as_long_as_one_of_a_sheet_lost_its_end() {
    let row = |long: usize| {
        let mut record = download(1);
        let rest = long - record.to_string().len() - r#","Z":"""#.len();
        record["Z"] = "z".repeat(rest).into();
        let cell = record.to_string();
        assert_eq!(cell.len(), long);
        cell
    };
    let log = |cell: &str| {
        let cell = cell.replace('"', "\"\"");
        format!("{}x,2026-03-28T10:00:00Z,6,FileDownloaded,alice@rv.example,\"{cell}\",y\n", table(3))
    };
    // The JSON goes on behind what the sheet holds of it.
    let cut = &row(40_000)[..32_767];
    let (coverage, _, ledger) = case("audit.csv", &log(cut));
    assert_eq!(coverage["sources"][0]["gaps"][0]["reason"], "export_truncated?");
    let note = "\"reason\":\"export_truncated?\",\"detail\":\"records with a cell of 32,767 characters";
    assert!(ledger.contains(note) && ledger.contains("\"count\":1"), "{ledger}");
    assert_eq!(case("audit.csv", &log(&row(32_766))).0["sources"][0]["gaps"], json!([]));
}

#[test]
fn what_may_be_cut_is_told_before_anything_has_happened() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("audit.json");
    fs::write(&path, lines(5_000)).unwrap();
    let out = exfiltrace(&["coverage", path.to_str().unwrap()]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("may have been cut as it was exported"), "{text}");
    assert!(text.contains("→ export audit.json again in shorter periods"), "{text}");
}

/// The reasons of the gaps of each of some logs.
fn gaps_of(logs: &[(&str, String)]) -> Vec<Vec<String>> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("logs")).unwrap();
    logs.iter().for_each(|(name, log)| fs::write(path(&format!("logs/{name}")), log).unwrap());
    exfiltrace(&["scan", "-q", "--no-builtin", &path("logs"), "--out", &path("case")]);
    let coverage: Value = serde_json::from_str(&fs::read_to_string(path("case/coverage.json")).unwrap()).unwrap();
    let of = |source: &Value| {
        source["gaps"].as_array().unwrap().iter().map(|gap| gap["reason"].as_str().unwrap().to_owned()).collect()
    };
    coverage["sources"].as_array().unwrap().iter().map(of).collect()
}

fn cut() -> Vec<String> {
    vec!["export_truncated?".to_owned()]
}

/// Records of an answer.
fn some(count: usize) -> Vec<Value> {
    (0..count).map(download).collect()
}

#[test]
fn a_page_that_says_that_another_follows_is_not_all_of_an_answer() {
    let page = |list: &str, token: &str, value: Value| json!({list: some(3), token: value}).to_string();
    for (list, token) in
        [("value", "@odata.nextLink"), ("Records", "NextToken"), ("events", "nextToken"), ("entries", "nextPageToken")]
    {
        let open = page(list, token, json!("https://graph.example/next?$skiptoken=1"));
        assert_eq!(gaps_of(&[("a.json", open.clone())]), [cut()], "{token}");
        if token != "@odata.nextLink" {
            continue;
        }
        for end in [json!(""), Value::Null] {
            assert_eq!(gaps_of(&[("a.json", page(list, token, end))]), [Vec::<String>::new()], "{token}");
        }
        let last = json!({list: some(2)}).to_string();
        let none: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        assert_eq!(gaps_of(&[("a.json", open.clone()), ("b.json", last.clone())]), none, "{token}");
        assert_eq!(gaps_of(&[("a.json", format!("{open}\n{last}\n"))]), [Vec::<String>::new()], "{token}: in one file");
        let next = open.replace("T00:", "T01:");
        assert_eq!(gaps_of(&[("a.json", open.clone()), ("b.json", next)]), [cut(), cut()], "{token}");
        let twice = gaps_of(&[("a.json", open.clone()), ("b.json", open)]);
        assert_eq!(twice, [cut(), Vec::new()], "{token}: a copy, which counts where the first lies");
    }
    let before = format!("{{\"@odata.nextLink\":\"https://graph.example/next\",\"value\":{}}}", json!(some(3)));
    let torn = vec!["not_read".to_owned(), "export_truncated?".to_owned()];
    assert_eq!(gaps_of(&[("a.json", before[..before.len() - 2].to_owned())]), [torn], "cut off itself");
    // What a record says of itself is no word of the answer's.
    let mut record = download(1);
    record["nextToken"] = json!("x");
    assert_eq!(gaps_of(&[("a.json", json!({"Records": [record]}).to_string())]), [Vec::<String>::new()]);
}

#[test]
fn a_search_that_found_more_than_it_gave_or_was_not_done_is_not_whole() {
    let hit = |n: usize| json!({"_index": "i", "_id": n.to_string(), "_source": {"@timestamp": format!("2026-03-28T10:00:{n:02}Z"), "source": {"ip": "192.0.2.1"}}});
    let answer = |timed_out: bool, failed: u64, total: Value| {
        json!({"took": 3, "timed_out": timed_out, "_shards": {"total": 5, "successful": 5, "failed": failed},
            "hits": {"total": total, "max_score": 1.0, "hits": [hit(1), hit(2)]}})
        .to_string()
    };
    let whole = [Vec::<String>::new()];
    for total in [json!(2), json!({"value": 2, "relation": "eq"})] {
        assert_eq!(gaps_of(&[("a.json", answer(false, 0, total.clone()))]), whole, "{total}");
        assert_eq!(gaps_of(&[("a.json", answer(true, 0, total.clone()))]), [cut()], "{total}");
        assert_eq!(gaps_of(&[("a.json", answer(false, 1, total.clone()))]), [cut()], "{total}");
    }
    for total in [json!(4), json!({"value": 4, "relation": "gte"})] {
        let page = answer(false, 0, total.clone());
        assert_eq!(gaps_of(&[("a.json", page.clone())]), [cut()], "{total}");
        let unlike = answer(false, 0, json!(2)).replace("10:00:", "12:00:");
        let found = gaps_of(&[("a.json", page.clone()), ("b.json", unlike)]);
        assert_eq!(found, [cut(), Vec::new()], "{total}: another search's answer, which is whole");
        let other = page.replace("10:00:", "11:00:");
        assert_eq!(gaps_of(&[("a.json", page), ("b.json", other)]), [Vec::<String>::new(), Vec::new()], "{total}");
    }
}

#[test]
fn a_page_is_no_page_of_another_search() {
    let page = |context: &str, next: Option<&str>| {
        let context = format!("https://graph.example/$metadata#auditLogs/{context}");
        json!({"@odata.context": context, "@odata.nextLink": next, "value": some(3)}).to_string()
    };
    let (open, last) = (page("a", Some("https://graph.example/next")), page("a", None));
    let none = [Vec::<String>::new(), Vec::new()];
    assert_eq!(gaps_of(&[("a.json", open.clone()), ("b.json", last)]), none);
    assert_eq!(gaps_of(&[("a.json", open.clone()), ("b.json", page("b", None))]), [cut(), Vec::new()], "another list");
    assert_eq!(gaps_of(&[("a.json", open), ("b.json", lines(3))]), [cut(), Vec::new()], "a log, and no page");
}

/// A page of a search of an index: so many hits of those that were found.
fn page(index: &str, hour: usize, count: usize, found: usize) -> String {
    let hit = |n: usize| json!({"_index": index, "_id": format!("{hour}-{n}"), "_source": {"@timestamp": format!("2026-03-28T{hour:02}:00:{n:02}Z"), "source": {"ip": "192.0.2.1"}}});
    json!({"took": 3, "hits": {"total": {"value": found, "relation": "gte"}, "hits": (0..count).map(hit).collect::<Vec<_>>()}}).to_string()
}

#[test]
fn pages_of_two_searches_that_found_as_many_do_not_make_one() {
    let none = [Vec::<String>::new(), Vec::new()];
    let flows = page("flows-2026.03.28", 10, 5, 10);
    let rest = page("flows-2026.03.29", 11, 5, 10);
    assert_eq!(gaps_of(&[("a.json", flows.clone()), ("b.json", rest.clone())]), none, "an index a day");
    let other = page("mail-2026.03.28", 11, 5, 10);
    assert_eq!(gaps_of(&[("a.json", flows.clone()), ("b.json", other)]), [cut(), cut()]);
    let empty = page("flows", 12, 0, 10);
    let twice = gaps_of(&[("a.json", flows.clone()), ("b.json", flows.clone())]);
    assert_eq!(twice, [cut(), Vec::new()], "a page that was delivered twice is no other page");
    let three = gaps_of(&[("a.json", flows), ("b.json", rest), ("c.json", empty)]);
    assert_eq!(three, [const { Vec::<String>::new() }; 3], "the page behind the last hit");
}

/// Of which index a hit is stands behind its number and its score where an export sorts the names.
#[test]
fn of_which_index_a_hit_is_may_stand_behind_other_names_of_it() {
    let sorted = |index: &str, hour: usize| {
        let hit = |n: usize| {
            format!(
                "{{\"_id\":\"{hour}-{n}\",\"_score\":1.0,\"_index\":\"{index}\",\"_source\":{{\"@timestamp\":\"2026-03-28T{hour:02}:00:{n:02}Z\",\
                 \"_index\":\"x\",\"source\":{{\"ip\":\"192.0.2.1\"}}}}}}"
            )
        };
        let hits = (0..5).map(hit).collect::<Vec<_>>().join(",");
        format!("{{\"took\":3,\"hits\":{{\"total\":{{\"value\":10}},\"hits\":[{hits}]}}}}")
    };
    let of = |one: String, other: String| gaps_of(&[("a.json", one), ("b.json", other)]);
    let none = [Vec::<String>::new(), Vec::new()];
    assert_eq!(of(sorted("flows-1", 10), sorted("flows-2", 11)), none);
    assert_eq!(of(sorted("flows", 10), sorted("mail", 11)), [cut(), cut()], "pages of two searches");
    assert_eq!(of(sorted("flows", 10), page("flows", 11, 5, 10)), none, "in either order");
}

#[test]
fn how_much_a_search_found_and_how_much_of_it_is_here_is_told() {
    let (coverage, verdict, ledger) = case("a.json", &page("flows", 10, 5, 20));
    assert_eq!(coverage["sources"][0]["lacking"], json!({"here": 5, "found": 20}));
    let scope = &verdict["scopes"][0];
    let reasons = scope["reasons"].as_array().unwrap();
    let why = reasons.iter().find(|why| why["clause"] == "J-31").unwrap();
    assert_eq!(why["text"], "a.json is cut off: 5 of the 20 records that its search found are here");
    let next = scope["coverage"]["collect_next"].to_string();
    assert!(next.contains("all that the search of a.json found, exported by scroll or search_after"), "{next}");
    assert!(!next.contains("spreadsheet"), "{next}");
    assert!(ledger.contains("5 of the 20 records that a search found are here"), "{ledger}");
}

#[test]
fn hits_without_what_the_search_took_are_read_like_those_with_it() {
    let whole = page("flows", 10, 5, 20);
    let bare = whole.replace(",\"took\":3", "").replace("\"took\":3,", "");
    assert!(bare.starts_with("{\"hits\":") && bare.len() < whole.len(), "{bare}");
    let told = |log: &str| {
        let source = case("a.json", log).0["sources"][0].clone();
        (source["format"].clone(), source["records"].clone(), source["lacking"].clone())
    };
    assert_eq!(told(&bare), told(&whole));
    assert_eq!(told(&bare).1, 5);
}

#[test]
fn a_document_that_breaks_off_is_not_read_in_full() {
    let whole = json!({"Records": some(400)}).to_string();
    let torn = |log: &str| gaps_of(&[("a.json", log.to_owned())]);
    let not_read = [vec!["not_read".to_owned()]];
    assert_eq!(torn(&whole), [Vec::<String>::new()]);
    let inside = whole.len() - 40;
    let between = whole.rfind("},{").unwrap() + 1;
    for end in [inside, between, whole.len() - 1] {
        assert_eq!(torn(&whole[..end]), not_read, "{}", &whole[end - 20..end]);
    }
    let list = Value::from(some(400)).to_string();
    assert_eq!((torn(&list), torn(&list[..list.len() - 1])), ([Vec::<String>::new()].to_vec(), not_read.to_vec()));
}

#[test]
fn results_of_a_search_that_was_not_done_are_not_whole() {
    let line = |preview: &bool| {
        format!(
            "{{\"preview\":{preview},\"result\":{{\"_time\":\"2026-03-28T10:00:00Z\",\"_raw\":\"x\",\"host\":\"h\"}}}}\n"
        )
    };
    let of = |previews: &[bool]| previews.iter().map(line).collect::<String>();
    assert_eq!(gaps_of(&[("a.json", of(&[true, true]))]), [cut()]);
    assert_eq!(gaps_of(&[("a.json", of(&[true, false, false]))]), [Vec::<String>::new()]);
    let result = json!({"_time": "2026-03-28T10:00:00Z", "_raw": "x", "host": "h"});
    let answer = |preview: bool| json!({"preview": preview, "init_offset": 0, "results": [result, result]}).to_string();
    assert_eq!(gaps_of(&[("a.json", answer(true))]), [cut()]);
    assert_eq!(gaps_of(&[("a.json", answer(false))]), [Vec::<String>::new()]);
    let other = json!({"preview": true, "results": [result, result]}).to_string();
    assert_eq!(gaps_of(&[("a.json", other)]), [Vec::<String>::new()], "another product's word");
}

/// A table of events that was exported without what rules ask for.
#[test]
fn columns_that_rules_ask_for_and_a_table_of_events_lacks_are_told_once() {
    let told = |columns: &str, cells: &str| {
        let rows: String =
            (0..9).map(|n| format!("2026-03-02T10:00:{n:02}Z,Security,4688,rv-fs01,{cells}\n")).collect();
        let (coverage, ..) = case("a.csv", &format!("Timestamp,Channel,EventID,Computer,{columns}\n{rows}"));
        let source = &coverage["sources"][0];
        assert_eq!((&source["format"], &source["records"]), (&"windows_json".into(), &9.into()));
        source["not_logged"].clone()
    };
    let program = r"C:\Windows\System32\cmd.exe";
    let lacks = json!(["what programs were started with (there is no column CommandLine)"]);
    assert_eq!(told("NewProcessName,SubjectUserName", &format!("{program},alice")), lacks);
    assert_eq!(told("NewProcessName,CommandLine", &format!("{program},cmd /c dir")), json!([]));
    assert_eq!(told("NewProcessName,Message", &format!("{program},A new process")), json!([]), "all of it as a text");
    assert_eq!(told("SubjectUserName,TargetUserName", "alice,bob"), json!([]), "it tells of no programs");
}
