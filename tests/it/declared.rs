//! Formats that definitions declare, the user's above all.

use std::fs;
use std::process::Output;

use crate::formats::layout_of;
use crate::support::exfiltrace;

const DEFINITION: &str = r#"
name = "till"
describe = "the log of a till"
tells = "file_transfer"
time = "%d.%m.%y %H:%M:%S"

[outcome]
success = ["gut"]
failure = ["schlecht"]

[[line]]
pattern = '''(?<time>\d\d\.\d\d\.\d\d \d\d:\d\d:\d\d) (?<source.ip>[^ ]+) -> (?<destination.ip>[^ ]+) (?<event.outcome>\w+) (?<source.bytes>\d+) (?<till>\d+)$'''
set = { "event.action" = "upload" }

[[line]]
pattern = '''sold (?<item>\w+) to (?<user.name>\S+)$'''
programs = ["tilld"]
tells = "none"

[object]
keys = ["till.number", "at"]
values = { "till.kind" = ["old", "new"] }
fields = { "at" = "time", "till.peer" = "source.ip", "till.state" = "event.outcome" }

[table]
columns = ["Till Number", "Peer"]
fields = { "Peer" = "source.ip", "At" = "time", "Sent" = "source.bytes" }

[[delimited]]
delimiter = ";"
columns = ["kind", "date", "clock", "peer", ""]
least = 4
where = { "kind" = ["SALE", "VOID"] }
fields = { "peer" = "source.ip" }
"#;

struct Tried {
    temp: tempfile::TempDir,
}

impl Tried {
    fn new(definition: &str) -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("till.toml"), definition).unwrap();
        Self { temp }
    }

    fn run(&self, log: &str, more: &[&str]) -> Output {
        let path = |name: &str| self.temp.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("a.log"), log).unwrap();
        let (definition, log) = (path("till.toml"), path("a.log"));
        exfiltrace(&[&["formats", "test", "--format-file", &definition, &log], more].concat())
    }

    /// The first transfer that a scan of the log finds, and the text of all.
    fn transfer(&self, log: &str) -> (serde_json::Value, String) {
        let path = |name: &str| self.temp.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir(path("logs")).unwrap();
        fs::write(path("logs/a.log"), log).unwrap();
        let (definition, logs, case) = (path("till.toml"), path("logs"), path("case"));
        let args = ["scan", "-q", &logs, "--format-file", &definition, "--own", "192.0.2.0/24", "--out", &case];
        assert_eq!(exfiltrace(&args).status.code(), Some(0));
        let transfers = fs::read_to_string(path("case/transfers.jsonl")).unwrap();
        (serde_json::from_str(transfers.lines().next().unwrap()).unwrap(), transfers)
    }

    /// The records, each as JSON.
    fn records(&self, log: &str) -> Vec<serde_json::Value> {
        let output = self.run(log, &["--json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn field<'v>(record: &'v serde_json::Value, name: &str) -> &'v str {
    record["fields"][name][0].as_str().or(record["raw"][name][0].as_str()).unwrap_or("none")
}

#[test]
fn lines_objects_tables_and_rows_are_read_as_a_definition_says() {
    let tried = Tried::new(DEFINITION);
    let line = "28.03.26 23:10:04 192.0.2.10:5000 -> [2001:db8::9]:443 schlecht 4096 7\nsold bread to RV\\alice\n";
    let object = "{\"at\":\"2026-03-28T23:10:04Z\",\"till\":{\"number\":7,\"kind\":\"NEW\",\"peer\":\"192.0.2.10\",\"state\":\"schlecht\"}}\n";
    let table = "till_number,AT,peer,sent\n7,2026-03-28 23:10:04,192.0.2.10,4096\n";
    let row = "SALE;2026-03-28;23:10:04;192.0.2.10;x;y\nVOID;2026-03-28;23:10:05;192.0.2.11\n";
    for log in [line, object, table, row] {
        let records = tried.records(log);
        assert!(!records.is_empty() && records.iter().all(|record| record["format"] == "till"), "{records:?}");
        assert_eq!(records[0]["time"], "2026-03-28T23:10:04Z", "{records:?}");
        assert_eq!(field(&records[0], "source.ip"), "192.0.2.10", "{records:?}");
    }
    let lines = tried.records(line);
    for (name, value) in [
        ("source.port", "5000"),
        ("destination.ip", "2001:db8::9"),
        ("destination.port", "443"),
        ("event.outcome", "failure"),
        ("source.bytes", "4096"),
        ("till", "7"),
        ("event.action", "upload"),
    ] {
        assert_eq!(field(&lines[0], name), value, "{name}");
    }
    assert_eq!((field(&lines[1], "user.name"), field(&lines[1], "user.domain")), ("alice", "RV"));
    assert_eq!(field(&tried.records(object)[0], "event.outcome"), "failure");
    assert_eq!(field(&tried.records(table)[0], "source.bytes"), "4096");
}

#[test]
fn what_lacks_the_marks_of_a_definition_is_not_of_it() {
    let tried = Tried::new(DEFINITION);
    for log in [
        "28.03.26 23:10:04 192.0.2.10 -> 192.0.2.11 gut many 7\n",
        "{\"at\":\"2026-03-28T23:10:04Z\",\"till\":{\"number\":7,\"kind\":\"other\"}}\n",
        "{\"at\":\"2026-03-28T23:10:04Z\",\"number\":7,\"kind\":\"new\"}\n",
        "number,at,peer,sent\n7,2026-03-28 23:10:04,192.0.2.10,4096\n",
        "LOSS;2026-03-28;23:10:04;192.0.2.10\n",
        "SALE;2026-03-28;23:10:04\n",
    ] {
        let records = tried.records(log);
        assert!(!records.is_empty() && records.iter().all(|record| record["format"] != "till"), "{records:?}");
    }
}

#[test]
fn a_message_of_syslog_is_read_as_the_line_of_its_program() {
    let tried = Tried::new(DEFINITION);
    let said = |program: &str| format!("<13>1 2026-03-28T23:10:04Z rv-till01 {program} 7 - - sold bread to alice\n");
    let records = tried.records(&said("tilld"));
    assert_eq!((records[0]["format"].as_str(), field(&records[0], "event.dataset")), (Some("syslog5424"), "till"));
    assert_eq!((field(&records[0], "user.name"), field(&records[0], "item")), ("alice", "bread"));
    assert_eq!(field(&tried.records(&said("other"))[0], "user.name"), "none");
}

/// What tells apart records that have the same names: values of objects and of tables, and a line that a format is known by.
#[test]
fn values_and_marks_tell_what_names_do_not() {
    let head = "name = \"till\"\ndescribe = \"x\"\n";
    let objects = "[[object]]\nkeys = [\"till\", \"a\"]\nvalues = { way = [\"out\"] }\nfields = { a = \"source.ip\" }\n\
        [[object]]\nkeys = [\"till\", \"a\"]\nfields = { a = \"destination.ip\" }\n";
    let records = Tried::new(&format!("{head}{objects}"))
        .records("{\"till\":1,\"way\":\"OUT\",\"a\":\"192.0.2.1\"}\n{\"till\":1,\"way\":\"in\",\"a\":\"192.0.2.1\"}\n");
    assert_eq!(["source.ip", "destination.ip"].map(|name| field(&records[0], name)), ["192.0.2.1", "none"]);
    assert_eq!(["source.ip", "destination.ip"].map(|name| field(&records[1], name)), ["none", "192.0.2.1"]);

    let tables = "[[table]]\ncolumns = [\"till\"]\nwhere = { way = [\"out\"] }\nfields = { a = \"source.ip\" }\n\
        [[table]]\ncolumns = [\"till\"]\nfields = { a = \"destination.ip\" }\n";
    let records = Tried::new(&format!("{head}{tables}")).records("Till,Way,A\n1,Out,192.0.2.1\n1,in,192.0.2.1\n");
    assert_eq!(["source.ip", "destination.ip"].map(|name| field(&records[0], name)), ["192.0.2.1", "none"]);
    assert_eq!(["source.ip", "destination.ip"].map(|name| field(&records[1], name)), ["none", "192.0.2.1"]);

    let marked =
        "[[line]]\npattern = '\\[till\\]$'\nmark = true\n[[line]]\npattern = '(?<user.name>\\w+)=(?<item>\\w+)$'\n";
    let tried = Tried::new(&format!("{head}{marked}"));
    assert_eq!(tried.records("[till]\nalice=bread\n")[1]["format"], "till");
    assert_ne!(tried.records("[shop]\nalice=bread\nbob=milk\n")[1]["format"], "till");

    let named = "files = [\"*.LOG\"]\n[[line]]\npattern = '(?<user.name>\\w+) (?<item>\\w+)$'\n";
    assert_eq!(Tried::new(&format!("{head}{named}")).records("alice bread\n")[0]["format"], "till");
    let other = named.replace("*.LOG", "*.txt");
    assert_eq!(Tried::new(&format!("{head}{other}")).records("alice bread\n")[0]["format"], "text");
}

#[test]
fn a_definition_that_cannot_be_used_is_refused_with_its_line_and_the_reason() {
    let head = "name = \"till\"\ndescribe = \"x\"\n";
    for (definition, told) in [
        ("describe = \"x\"\n".to_owned(), vec!["missing field `name`"]),
        ("name = \"A till\"\ndescribe = \"x\"\n".to_owned(), vec!["line 1", "lower-case letters"]),
        (head.to_owned(), vec!["[[line]]"]),
        (format!("{head}tells = \"fax\"\n[[line]]\npattern = 'a'\n"), vec!["line 3", "\"fax\"", "file_transfer"]),
        (format!("{head}continues = \"sideways\"\n[[line]]\npattern = 'a'\n"), vec!["line 3", "sideways", "indented"]),
        (format!("{head}zone = \"CET\"\n[[line]]\npattern = 'a'\n"), vec!["line 3", "--timezone"]),
        (format!("{head}time = \"%Q%!\"\n[[line]]\npattern = 'a'\n"), vec!["line 3", "time:"]),
        (format!("{head}[[line]]\npattern = 'a'\n[[line]]\npattern = '(a'\n"), vec!["line 5", "pattern: ", "unclosed"]),
        (format!("{head}[[line]]\npattern = '.*'\n"), vec!["line 3", "empty line"]),
        (format!("{head}[[line]]\npattern = 'a{{1000}}{{1000}}'\n"), vec!["line 3", "pattern: "]),
        (format!("{head}[[line]]\npattern = 'a'\nbare = false\n"), vec!["line 3", "programs"]),
        (format!("{head}[object]\nfields = {{ a = \"time\" }}\n"), vec!["line 3", "keys"]),
        (format!("{head}[object]\nkeys = [\"a\"]\nfields = {{ a = \"tyme\" }}\n"), vec!["line 3", "\"tyme\""]),
        (format!("{head}[table]\ncolumns = []\n"), vec!["line 3", "columns"]),
        (format!("{head}[delimited]\ndelimiter = \"::\"\ncolumns = []\nleast = 2\n"), vec!["line 3", "one byte"]),
        (
            format!(
                "{head}[delimited]\ndelimiter = \",\"\ncolumns = [\"a\"]\nleast = 2\nfields = {{ b = \"time\" }}\n"
            ),
            vec!["line 3", "\"b\" is none of `columns`"],
        ),
        (format!("{head}colour = \"red\"\n"), vec!["unknown field `colour`"]),
    ] {
        let output = Tried::new(&definition).run("a\n", &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{definition}: {said}");
        assert!(said.contains("till.toml") && told.iter().all(|word| said.contains(word)), "{definition}: {said}");
    }
    let taken = Tried::new("name = \"syslog3164\"\ndescribe = \"x\"\n[[line]]\npattern = 'a'\n").run("a\n", &[]);
    assert!(String::from_utf8_lossy(&taken.stderr).contains("already"));
}

#[test]
fn a_file_of_several_dialects_is_read_line_by_line() {
    let log = crate::support::project("fixtures/formats/mixed/collector.log");
    let output = exfiltrace(&["formats", "test", "--json", log.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let records: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let formats: Vec<&str> = records.iter().map(|record| record["format"].as_str().unwrap()).collect();
    let lines = ["access", "syslog5424", "json", "cef", "access", "syslog3164", "json", "mixed"];
    assert_eq!(formats, lines);
    assert!(records[..7].iter().all(|record| record["time"].is_string() && field(record, "source.ip") != "none"));
}

/// A scan with a user's format finds its transfer and its time; the words of a log reach the terminal escaped.
#[test]
fn a_scan_reads_the_users_format() {
    let tried = Tried::new(DEFINITION);
    let log: String =
        (0..60).map(|n| format!("28.03.26 23:10:{n:02} 192.0.2.10 -> 203.0.113.9 gut 90000000 7\n")).collect();
    let (transfer, transfers) = tried.transfer(&log);
    assert!(transfers.contains("203.0.113.9") && transfers.contains("5400000000"), "{transfer}");
    let told = tried.run("sold \x1b[31mred to alice\n", &[]);
    assert!(!told.stdout.contains(&0x1b), "{}", String::from_utf8_lossy(&told.stdout));
}

/// A server's log names its clients alone, and that of a client's tool the server alone: whoever wrote it is the other side.
#[test]
fn transfers_have_two_sides_where_the_log_names_one() {
    let client = "name = \"tool\"\ndescribe = \"x\"\ntells = \"file_transfer\"\n[[line]]\n\
        pattern = '(?<time>\\S+) sent (?<source.bytes>\\d+) to (?<destination.domain>\\S+)$'\n";
    let sent = "2026-03-28T23:10:04Z sent 90000000 to drop.example\n".repeat(40);
    let server = "Sat Mar 28 23:10:04 2026 [pid 3] [alice] OK DOWNLOAD: Client \"203.0.113.9\", \"/srv/a.zip\", 90000000 bytes, 41.44Kbyte/sec\n";
    // Of neither is a host named: the log stands for it.
    let bytes = 3_600_000_000_u64;
    for (log, to, from) in [(sent, "drop.example", "logs/a.log"), (server.repeat(40), "203.0.113.9", "logs/a.log")] {
        let (transfer, _) = Tried::new(client).transfer(&log);
        assert_eq!((&transfer["to"], &transfer["from"]), (&to.into(), &from.into()));
        assert_eq!((&transfer["bytes"]["lower"], &transfer["route"]), (&bytes.into(), &"sftp_ftp".into()));
    }
}

#[test]
fn lines_that_go_on_are_more_of_the_message() {
    let definition = "name = \"till\"\ndescribe = \"x\"\ncontinues = \"indented\"\n\
                      [[line]]\npattern = '(?<time>\\S+Z) (?<message>.*)$'\n";
    let log = "2026-03-28T23:10:04Z sold\n  bread\n\n\tand milk\n2026-03-28T23:10:05Z shut\n";
    let records = Tried::new(definition).records(log);
    let messages: Vec<&str> = records.iter().map(|record| field(record, "message")).collect();
    assert_eq!(messages, ["sold\n  bread\n\n\tand milk", "shut"]);
}

/// Noise of printable bytes, with and without blanks, is no log; nor are parts of it that a format might take.
#[test]
fn noise_is_of_no_format() {
    for seed in 0u64..200 {
        let byte = |at: u64| {
            let mixed = (seed * 8191 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            if seed.is_multiple_of(2) && mixed.is_multiple_of(7) { b' ' } else { b' ' + (mixed % 95) as u8 }
        };
        let text: Vec<u8> = (0..20 * 90).map(|at| if at % 90 == 89 { b'\n' } else { byte(at) }).collect();
        assert_eq!(layout_of(&text).format, "text", "{}", String::from_utf8_lossy(&text));
    }
}
