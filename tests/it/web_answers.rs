//! What answers of a web server prove: an ordinary page no success, and what only a success can give, one.

use serde_json::Value;

use crate::verdict::{SCOPES, cites, scan, scan_with_findings};

const ATTACKER: &str = "203.0.113.77";

/// A line of an access log, so many seconds into the morning.
fn request(second: u32, from: &str, asked: &str, status: u16, bytes: u64) -> String {
    let time = format!("{:02}:{:02}:{:02}", 10 + second / 3600, second / 60 % 60, second % 60);
    format!("{from} - - [10/Mar/2026:{time} +0000] \"{asked} HTTP/1.1\" {status} {bytes} \"-\" \"Mozilla/5.0\"\n")
}

/// So many visitors, each with a page of a path and a size of its own, of whom the first ones are given as much.
fn visitors(count: u32, alike: u32, bytes: u64) -> String {
    let line = |n: u32| {
        let bytes = if n < alike { bytes } else { 20_000 + u64::from(n) };
        request(n, &format!("198.51.100.{n}"), &format!("GET /page/{n}"), 200, bytes)
    };
    (0..count).map(line).collect()
}

fn attacks(asked: &[&str], bytes: u64) -> String {
    (2000..).zip(asked).map(|(second, asked)| request(second, ATTACKER, asked, 200, bytes)).collect()
}

/// What is said of the scope.
fn told(log: String) -> Value {
    scan(&[("hc-access.log", log)], SCOPES, "").scope("hc").clone()
}

fn state(log: String) -> String {
    told(log)["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_page_that_many_are_given_proves_no_success() {
    let secret = |visitors: String, bytes| state(visitors + &attacks(&["GET /.env"], bytes));
    assert_eq!(secret(visitors(30, 30, 1432), 1432), "no_evidence");
    assert_eq!(secret(visitors(30, 30, 1432), 1433), "accessed", "of another size");
    assert_eq!(secret(visitors(5, 5, 1432), 1432), "no_evidence");
    assert_eq!(secret(visitors(4, 4, 1432), 1432), "accessed", "four may be so by chance");
    assert_eq!(secret(visitors(100, 5, 1432), 1432), "no_evidence");
    assert_eq!(secret(visitors(101, 5, 1432), 1432), "accessed", "of less than one in twenty");
    assert_eq!(secret(visitors(30, 30, 99), 99), "accessed", "few bytes are one answer to many things");
    let by_name = |n: u32| request(2000 + n, &format!("bot{n}.example.net"), "GET /.env", 200, 1733);
    let named = visitors(30, 0, 0) + &(0..6).map(by_name).collect::<String>();
    assert_eq!(state(named), "accessed", "those who attack are no others, whose address is not known either");
}

#[test]
fn an_injection_that_is_ignored_is_an_attempt() {
    let asked: Vec<String> = (0..30).map(|n| format!("GET /news?page=1%20UNION%20ALL%20SELECT%20NULL--{n}")).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let ignored = told(visitors(30, 6, 45_210) + &attacks(&asked, 45_210));
    assert_eq!((&ignored["state"], &ignored["intrusion"]), (&"attempted".into(), &"none_seen".into()));
    assert!(cites(&ignored, "J-07") && !cites(&ignored, "J-08"));
    assert_eq!(state(visitors(30, 6, 45_210) + &attacks(&asked, 45_211)), "exfiltrated");
}

#[test]
fn an_answer_to_any_name_proves_no_success() {
    let any = ["GET /.env", "GET /db.sql", "GET /wp-config.php.bak"];
    let log = visitors(30, 0, 0) + &attacks(&any, 14_210);
    let (verdict, findings) = scan_with_findings(&[("hc-access.log", log)], SCOPES);
    assert_eq!(verdict.scope("hc")["state"], "no_evidence");
    assert_eq!(findings.len(), 4, "the name of a backup is one of secrets too");
    for found in &findings {
        assert_eq!((&found["level"], &found["outcome"]), (&"low".into(), &"failed".into()));
        assert!(found["text"].as_str().unwrap().contains("proves no success"), "{found}");
    }
    let two = visitors(30, 0, 0) + &attacks(&any[..2], 14_210);
    assert_eq!(state(two), "accessed", "two may be one file");
    let copies = ["GET /a/c99.php", "GET /a/r57.php", "GET /a/wso.php"];
    let shells = told(visitors(30, 0, 0) + &attacks(&copies, 14_210));
    assert_eq!(shells["intrusion"], "established", "copies of one script");
    let large = visitors(30, 0, 0) + &attacks(&["GET /a.sql", "GET /b.bak", "GET /c.dump"], (256 << 10) + 1);
    assert_eq!(state(large), "unexplained", "no page is so large");
}

#[test]
fn rows_that_come_back_one_by_one_are_a_theft() {
    let rows = |size: fn(u32) -> u64, status| {
        let row = |n: u32| {
            let asked =
                format!("GET /view?id=1%20UNION%20ALL%20SELECT%20name%2Cnino%20FROM%20residents%20LIMIT%20{n}%2C1--");
            request(n, ATTACKER, &asked, status, size(n))
        };
        told(visitors(30, 0, 0) + &(0..200).map(row).collect::<String>())
    };
    let read = rows(|n| 6000 + u64::from(n % 50), 200);
    assert_eq!((&read["state"], &read["intrusion"]), (&"exfiltrated".into(), &"established".into()));
    for refused in [rows(|n| 6000 + u64::from(n % 49), 200), rows(|n| 6000 + u64::from(n % 50), 403)] {
        assert_eq!(refused["state"], "attempted");
    }
}

#[test]
fn an_archive_from_where_a_script_was_fed_is_a_theft() {
    let shell = |script: &str, by: &str| {
        let fed =
            (0..5).map(|n| request(n, ATTACKER, &format!("POST /uploads/{script}"), 200, 1800)).collect::<String>();
        state(visitors(30, 0, 0) + &fed + &request(900, by, "GET /uploads/a.rar", 200, 31_000_000))
    };
    assert_eq!(shell("avatar_77.aspx", ATTACKER), "exfiltrated");
    assert_eq!(shell("avatar_77.aspx", "198.51.100.3"), "no_evidence", "fetched by another one");
    assert_eq!(shell("upload.aspx", ATTACKER), "no_evidence", "what takes uploads is the site's own");
}

#[test]
fn words_of_sql_are_no_injection_by_themselves() {
    let search = |asked: &str| (0..20).map(|n| request(n, ATTACKER, asked, 200, 60_000)).collect::<String>();
    assert_eq!(state(search("GET /search?q=student+union+select+committee+minutes")), "no_evidence");
    assert_eq!(state(search("GET /search?q=1+union+select+name,nino+from+residents--")), "exfiltrated");
}
