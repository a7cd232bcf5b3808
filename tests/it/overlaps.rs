//! Logs that hold the same records in part: what they tell counts once at least, and both at most.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::determinism::case_files;
use crate::support::exfiltrace;

const THIEF: &str = "198.51.100.66";
const LINES: usize = 600;

/// A server's access log over some hours: every third line is the thief's, every tenth of these an injection that is answered
/// with data. All sizes differ.
fn lines() -> Vec<String> {
    let line = |n: usize| {
        let (day, rest) = (n * 40 / 86_400, n * 40 % 86_400);
        let time = format!("{:02}/Mar/2026:{:02}:{:02}:{:02} +0000", 2 + day, rest / 3600, rest / 60 % 60, rest % 60);
        let (from, path) = match (n % 3, n % 30) {
            (_, 0) => (THIEF.to_owned(), "/item?id=1%27%20UNION%20SELECT%20password%20FROM%20users--".to_owned()),
            (0, _) => (THIEF.to_owned(), format!("/export/{n}")),
            _ => (format!("203.0.113.{}", n * 7 % 40 + 1), format!("/page/{}", n % 50)),
        };
        format!("{from} - - [{time}] \"GET {path} HTTP/1.1\" 200 {} \"-\" \"sqlmap/1.7\"", bytes(n))
    };
    (0..LINES).map(line).collect()
}

/// The bytes that a line says were sent: the later the more, so that of a head of the log none is among the largest.
fn bytes(line: usize) -> u64 {
    200_000 + line as u64 * 977
}

/// What the thief was sent by those lines.
fn stolen(lines: impl IntoIterator<Item = usize>) -> u64 {
    lines.into_iter().filter(|n| n.is_multiple_of(3)).map(bytes).sum()
}

/// A folder of logs.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new(logs: &[(&str, &[String])]) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        logs.iter().for_each(|(name, lines)| bench.write(name, lines));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, lines: &[String]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = lines.join("\n").into_bytes();
        bytes.push(b'\n');
        if name.ends_with(".gz") {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            std::io::Write::write_all(&mut packed, &bytes).unwrap();
            bytes = packed.finish().unwrap();
        }
        std::fs::write(path, bytes).unwrap();
    }

    fn run(&self, args: &[&str]) {
        let args: Vec<String> = args
            .iter()
            .map(|arg| arg.strip_prefix('@').map_or((*arg).to_owned(), |name| self.path(name).display().to_string()))
            .collect();
        let output = exfiltrace(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn scan(self) -> Case {
        let Case(path, _) = self.scanned(&[]);
        Case(path, Some(self))
    }

    fn scanned(&self, more: &[&str]) -> Case {
        let mut args = vec!["scan", "--quiet", "@e", "--out", "@case"];
        args.extend(more);
        self.run(&args);
        Case(self.path("case"), None)
    }
}

/// A case, with the folder that it lies in where that is to go with it.
struct Case(PathBuf, #[allow(dead_code, reason = "dropping it removes the folder")] Option<Bench>);

impl Case {
    fn rows(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.0.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The thief's transfers: from where, at least, at most, and how many records.
    fn stolen(&self) -> Vec<(String, u64, u64, u64)> {
        let all = self.rows("transfers.jsonl").into_iter().filter(|t| t["to"] == THIEF);
        let number = |value: &Value| value.as_u64().unwrap();
        let told = all.map(|t| {
            let (bytes, records) = (&t["bytes"], number(&t["records"]));
            (t["from"].as_str().unwrap().to_owned(), number(&bytes["lower"]), number(&bytes["upper"]), records)
        });
        told.collect()
    }

    /// How many findings rules gave, and the counts of those of indicators.
    fn found(&self) -> (usize, Vec<u64>) {
        let all = self.rows("findings.jsonl");
        let of = |kind: &str| all.iter().filter(|f| f["kind"] == kind).collect::<Vec<_>>();
        (of("rule").len(), of("indicator").iter().map(|f| f["count"].as_u64().unwrap()).collect())
    }
}

fn alone() -> (usize, Vec<u64>) {
    let bench = Bench::new(&[("e/access.log", &lines()), ("feed", &[THIEF.to_owned()])]);
    let found = bench.scanned(&["--indicators", "@feed"]).found();
    assert!(found.0 > 200 && found.1 == [200], "{found:?}");
    found
}

#[test]
fn a_log_and_what_was_cut_out_of_it_are_one_theft() {
    let (all, alone) = (lines(), alone());
    let every = |from: usize, step: usize| all.iter().skip(from).step_by(step).cloned().collect::<Vec<_>>();
    let thiefs: Vec<String> = all.iter().filter(|line| line.starts_with(THIEF)).take(150).cloned().collect();
    let parts: [(&str, Vec<String>, u64); 4] = [
        ("e/head.log.gz", all[..100].to_vec(), stolen(0..100)),
        ("e/old/access.log", all[..400].to_vec(), stolen(0..400)),
        ("e/end.log", all[450..].to_vec(), stolen(450..LINES)),
        ("e/thief.log", thiefs, stolen(0..450)),
    ];
    for (name, part, twice) in parts {
        let bench = Bench::new(&[("e/access.log", &all), (name, &part), ("feed", &[THIEF.to_owned()])]);
        let case = bench.scanned(&["--indicators", "@feed"]);
        let whole = stolen(0..LINES);
        assert_eq!(case.stolen(), [("e/access.log".to_owned(), whole, whole + twice, 200)], "{name}");
        assert_eq!(case.found(), alone, "{name}");
        let noted =
            case.rows("ledger.jsonl").into_iter().filter(|entry| entry["notes"].to_string().contains("in_part"));
        assert_eq!(noted.map(|entry| entry["source"].clone()).collect::<Vec<_>>(), [name], "told in the ledger");
    }
    let halves = Bench::new(&[("e/a.log", &all[..400]), ("e/b.log", &all[250..])]).scan();
    let (from, lower, upper, records) = halves.stolen().remove(0);
    assert_eq!((from.as_str(), lower, upper), ("e/a.log", stolen(0..LINES), stolen(0..400) + stolen(250..LINES)));
    assert!((200..210).contains(&records), "those of an hour that ends in one of them may be others: {records}");
    assert_eq!(halves.found().0, alone.0);
    let hub = [("e/all.log", &all[..]), ("e/one.log", &every(0, 2)), ("e/two.log", &every(1, 2))];
    let hub = Bench::new(&hub).scan();
    let whole = stolen(0..LINES);
    assert_eq!(hub.stolen(), [("e/all.log".to_owned(), whole, 2 * whole, 200)], "what both servers write to");
    assert_eq!(hub.found().0, alone.0);
}

/// Nothing that is in a head of this log is among what the whole cites, and both are of one hour.
#[test]
fn a_head_of_a_log_of_one_client_is_not_added_up_where_it_cannot_be_told_from_the_whole() {
    let line = |n: usize| {
        let size = 100_000 + n * 1000;
        format!(
            "{THIEF} - - [02/Mar/2026:10:{:02}:{:02} +0000] \"GET /e/{n} HTTP/1.1\" 200 {size} \"-\" \"x\"",
            n / 60,
            n % 60
        )
    };
    let all: Vec<String> = (0..1000).map(line).collect();
    let sum = |n: u64| 100_000 * n + 1000 * n * (n - 1) / 2;
    let case = Bench::new(&[("e/access.log", &all), ("e/head.log", &all[..300])]).scan();
    assert_eq!(case.stolen(), [("e/access.log".to_owned(), sum(1000), sum(1000) + sum(300), 1000)]);
}

#[test]
fn servers_that_happen_to_write_the_same_lines_are_two() {
    let all = lines();
    let is_common = |n: usize| n.is_multiple_of(60);
    let of = |server: usize| (0..LINES).filter(move |n| is_common(*n) || n % 2 == server);
    let log = |server: usize| of(server).map(|n| all[n].clone()).collect::<Vec<_>>();
    let case = Bench::new(&[("e/one.log", &log(0)), ("e/two.log", &log(1))]).scan();
    let told = |server: usize, name: &str| {
        let (bytes, records) = (stolen(of(server)), of(server).filter(|n| n.is_multiple_of(3)).count() as u64);
        (name.to_owned(), bytes, bytes, records)
    };
    assert_eq!(case.stolen(), [told(0, "e/one.log"), told(1, "e/two.log")]);
}

#[test]
fn repeats_inside_one_log_all_count() {
    let all = lines();
    let twice: Vec<String> = all.iter().flat_map(|line| [line.clone(), line.clone()]).collect();
    let case = Bench::new(&[("e/access.log", &twice), ("e/once.log", &all)]).scan();
    let whole = stolen(0..LINES);
    assert_eq!(case.stolen(), [("e/access.log".to_owned(), 2 * whole, 3 * whole, 400)]);
    assert_eq!(case.found().0, 2 * alone().0);
}

#[test]
fn what_each_scope_was_delivered_is_its_own() {
    let all = lines();
    let scopes = ["[[scope]]\nname='a'\npaths=['e/a/*']\n[[scope]]\nname='b'\npaths=['e/b/*']".to_owned()];
    let bench = Bench::new(&[("e/a/x.log", &all), ("e/b/x.log", &all[..300]), ("scopes.toml", &scopes)]);
    let case = bench.scanned(&["--scopes", "@scopes.toml"]);
    let scoped = |scope: &str, rows: &[Value]| rows.iter().filter(|row| row["scope"] == scope).count();
    let (findings, transfers) = (case.rows("findings.jsonl"), case.rows("transfers.jsonl"));
    assert!(scoped("b", &findings) > 100 && scoped("a", &findings) > scoped("b", &findings));
    assert!(scoped("a", &transfers) > 0 && scoped("b", &transfers) > 0);
    let own = |t: &Value| t["from"].as_str().unwrap().starts_with(&format!("e/{}/", t["scope"].as_str().unwrap()));
    assert!(transfers.iter().all(own), "each is named by its own log");
    let bench = Bench::new(&[("e/a/x.log", &all[..300]), ("e/x.log", &all), ("scopes.toml", &scopes)]);
    let case = bench.scanned(&["--scopes", "@scopes.toml"]);
    let (findings, transfers) = (case.rows("findings.jsonl"), case.rows("transfers.jsonl"));
    assert_eq!(
        [&findings, &transfers].map(|rows| scoped("unattributed", rows)),
        [0, 0],
        "what one claims is not nobody's"
    );
    assert_eq!(case.stolen()[0].1, stolen(0..LINES));
    assert_eq!(case.found().0, alone().0);
}

#[test]
fn a_log_that_grew_is_added_and_shards_are_merged_to_one_scan() {
    let all = lines();
    let logs = [("old/access.log", &all[..300]), ("new/access.log", &all[..]), ("two/end.log", &all[500..])];
    let bench = Bench::new(&logs);
    let roots = ["@old", "@new", "@two"];
    let whole = [&["scan", "--quiet", "--out", "@whole"], &roots[..]].concat();
    bench.run(&whole);
    bench.run(&["scan", "--quiet", "@old", "--out", "@grown"]);
    bench.run(&["add", "--quiet", "@grown", "@two"]);
    bench.run(&["add", "--quiet", "@grown", "@new"]);
    for root in roots {
        bench.run(&["scan", "--quiet", root, "--out", &format!("@case-{}", &root[1..])]);
    }
    bench.run(&["merge", "--quiet", "@case-two", "@case-new", "@case-old", "--out", "@merged"]);
    bench.run(&[&whole[..3], &["@threads", "--threads", "1"], &roots[..]].concat());
    let files = |name: &str| case_files(Path::new(&bench.path(name)));
    let told = files("whole");
    for name in ["grown", "merged", "threads"] {
        let other = files(name);
        assert!(told.keys().eq(other.keys()), "{name}");
        told.iter().for_each(|(file, bytes)| assert!(*bytes == other[file], "{name}: {file} differs"));
    }
    let (from, lower, ..) = Case(bench.path("grown"), None).stolen().remove(0);
    assert_eq!((from.as_str(), lower), ("new/access.log", stolen(0..LINES)));
}
