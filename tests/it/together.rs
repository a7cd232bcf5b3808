//! Events that several records make together: what rules see in them, whatever the grid.

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::{self, Root};
use exfiltrace::indicators::Builder;
use exfiltrace::model::hit::Sighting;
use exfiltrace::model::ledger::{EntryKind, Reason};
use exfiltrace::model::partial::SourcePartial;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;

use crate::support::plan;

/// Hits of one rule in a file, cut on this grid.
pub fn met(rule: &str, log: (&str, &str), cell_bytes: usize) -> (u64, Vec<Sighting>) {
    let source = scanned(rule, log, cell_bytes);
    let met = source.rules.held.values().next();
    met.map_or((0, Vec::new()), |met| (met.count, met.kept.clone()))
}

/// A file that one rule was held against, cut on this grid.
fn scanned(rule: &str, (name, log): (&str, &str), cell_bytes: usize) -> SourcePartial {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(name);
    std::fs::write(&path, log).unwrap();
    let mut plan = plan(vec![Root { name: name.into(), path: Some(path) }], Scopes::default(), Builder::new());
    let (program, problems) = Program::compile([("r.yml".to_owned(), rule.to_owned())], Routing::Auto);
    assert!(problems.is_empty(), "{problems:#?}");
    (plan.program, plan.cell_bytes) = (program, cell_bytes);
    let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
    let (partial, _) = scan::sources(&plan, &survey).unwrap();
    let source = partial.sources.values().find(|source| source.entry.kind == EntryKind::Source).unwrap();
    SourcePartial::clone(source)
}

const GRIDS: [usize; 5] = [64, 200, 512, 4096, 1 << 20];

fn audit(serial: u32, exe: &str, argument: &str) -> String {
    let head = |kind: &str| format!("type={kind} msg=audit(1774739404.500:{serial}): ");
    format!(
        "{}arch=c000003e syscall=59 success=yes exit=0 exe=\"{exe}\" key=(null)\n{}argc=2 a0=\"x\" a1=\"{argument}\"\n{}item=0 name=\"{exe}\"\n",
        head("SYSCALL"),
        head("EXECVE"),
        head("PATH")
    )
}

#[test]
fn a_rule_over_two_records_of_an_audit_event_fires_once_on_any_grid() {
    let rule = |search: &str| {
        format!(
            "title: t\nlevel: high\nlogsource: {{product: linux, service: auditd}}\ndetection: {{s: {{{search}}}, condition: s}}\n"
        )
    };
    let log: String =
        [(1, "/bin/ls", "-T"), (2, "/usr/bin/curl", "-T"), (3, "/usr/bin/curl", "-v"), (4, "/bin/cp", "-r")]
            .map(|(serial, exe, argument)| audit(serial, exe, argument))
            .concat();
    for grid in GRIDS {
        let (count, kept) = met(&rule("exe|endswith: /curl, a1: '-T'"), ("audit.log", &log), grid);
        assert_eq!((count, kept.len()), (1, 1), "grid {grid}");
        assert!(kept[0].excerpt.contains(":2)") && kept[0].excerpt.starts_with("type=SYSCALL"), "{:?}", kept[0]);
        assert_eq!(kept[0].field.as_deref(), Some("with line 5, line 6"));
        assert_eq!(met(&rule("a1: '-T'"), ("audit.log", &log), grid).0, 2, "one record is enough");
        assert_eq!(met(&rule("exe: /bin/cp, a1: '-T'"), ("audit.log", &log), grid).0, 0, "of two events");
    }
}

/// Records of events on several processors stand between each other, and in syslog those of other programs.
#[test]
fn records_of_an_audit_event_are_joined_whatever_stands_between_them_on_any_grid() {
    let rule = |search: &str| {
        format!(
            "title: t\nlevel: high\nlogsource: {{product: linux, service: auditd}}\ndetection: {{s: {{{search}}}, condition: s}}\n"
        )
    };
    let sent = rule("exe|endswith: /curl, a1: '-T'");
    let lines = |serial: u32, exe: &str, argument: &str| {
        audit(serial, exe, argument).lines().map(|line| format!("{line}\n")).collect::<Vec<_>>()
    };
    let (curl, list) = (lines(2, "/usr/bin/curl", "-T"), lines(3, "/bin/ls", "-v"));
    let mixed: String = curl.iter().zip(&list).flat_map(|(one, other)| [&**one, &**other]).collect();
    let around = audit(1, "/bin/cp", "-r");
    let log = format!("{around}{mixed}{}", audit(4, "/bin/cp", "-r"));
    let others = |count: u32| (0..count).map(|at| lines(100 + at, "/bin/true", "-q")[0].clone()).collect::<String>();
    let apart = |between: u32| format!("{around}{}{}{}{}", curl[0], others(between), curl[1], others(20));
    let head = "Mar 28 23:10:04 web01 ";
    let said = |line: &str| format!("{head}audisp-syslog: {line}");
    let syslog = format!("{}{head}CRON[7]: (root) CMD (true)\n{}{}", said(&curl[0]), said(&curl[1]), said(&list[0]));
    for grid in GRIDS {
        let (count, kept) = met(&sent, ("audit.log", &log), grid);
        assert_eq!((count, kept.len()), (1, 1), "grid {grid}");
        assert_eq!(kept[0].field.as_deref(), Some("with line 6, line 8"), "grid {grid}");
        assert_eq!(met(&rule("exe: /bin/ls, a1: '-T'"), ("audit.log", &log), grid).0, 0, "of two events");
        assert_eq!(met(&sent, ("audit.log", &apart(7)), grid).0, 1, "grid {grid}");
        assert_eq!(met(&sent, ("audit.log", &apart(8)), grid).0, 0, "too far apart, grid {grid}");
        assert_eq!(met(&sent, ("syslog", &syslog), grid).0, 1, "grid {grid}");
    }
}

#[test]
fn correlations_count_on_what_records_show_together() {
    let rule = "title: t\nname: sent\nlogsource: {product: linux, service: auditd}\ndetection: {s: {exe|endswith: /curl, a1: '-T'}, condition: s}\n";
    let log: String =
        (1..=4).map(|serial| audit(serial, "/usr/bin/curl", if serial < 4 { "-T" } else { "-v" })).collect();
    for (least, found) in [(3, 1), (4, 0)] {
        let correlation = format!(
            "title: c\nid: counts\nlevel: high\ncorrelation: {{type: event_count, rules: sent, group-by: exe, timespan: 1m, condition: {{gte: {least}}}}}\n"
        );
        for grid in GRIDS {
            let temp = tempfile::tempdir().unwrap();
            let path = temp.path().join("audit.log");
            std::fs::write(&path, &log).unwrap();
            let mut plan =
                plan(vec![Root { name: "audit.log".into(), path: Some(path) }], Scopes::default(), Builder::new());
            let rules = [("r.yml".to_owned(), rule.to_owned()), ("c.yml".to_owned(), correlation.clone())];
            let (program, problems) = Program::compile(rules, Routing::Auto);
            assert!(problems.is_empty(), "{problems:#?}");
            (plan.program, plan.cell_bytes) = (program, grid);
            let outcome = scan::scan(&plan).unwrap();
            let all = outcome.findings.list().iter().filter(|finding| finding.rule.id == "counts").collect::<Vec<_>>();
            assert_eq!(all.len(), found, "grid {grid}, at least {least}");
            let lines: Vec<_> = all.iter().flat_map(|f| &f.evidence).filter_map(|e| e.place.line).collect();
            assert_eq!(lines, if found > 0 { vec![1, 4, 7] } else { Vec::new() }, "each by the first of its records");
        }
    }
}

#[test]
fn records_of_an_event_that_are_too_many_to_join_are_told_of_on_any_grid() {
    const RULE: &str = "title: t\nlogsource: {product: linux, service: auditd}\ndetection:\n  s: {type: EXECVE, name: x}\n  condition: s\n";
    let log = "type=PATH msg=audit(1774739404.500:9): item=0 name=\"x\"\n".repeat(5_000);
    let log = log + &audit(10, "/bin/y", "z") + &audit(11, "/bin/y", "z");
    for cell_bytes in [4096, 1 << 20] {
        let source = scanned(RULE, ("audit.log", &log), cell_bytes);
        let told: Vec<_> = source.entry.notes.iter().map(|note| (note.reason, note.count)).collect();
        assert_eq!(told, [(Reason::FindingsCapped, Some(904))], "{cell_bytes}");
    }
}

/// An event 4104 in JSON and in XML.
fn script(id: &str, (number, of): (u32, u32), text: &str) -> [String; 2] {
    [
        format!(
            r#"{{"Event":{{"System":{{"EventID":4104,"Channel":"Microsoft-Windows-PowerShell/Operational","Computer":"ws01","TimeCreated":{{"\#attributes":{{"SystemTime":"2026-03-28T23:10:04Z"}}}}}},"EventData":{{"MessageNumber":{number},"MessageTotal":{of},"ScriptBlockText":"{text}","ScriptBlockId":"{id}"}}}}}}"#
        )
        .replace("\\#", "#"),
        format!(
            "<Event><System><Provider Name='P'/><EventID>4104</EventID><TimeCreated SystemTime='2026-03-28T23:10:04Z'/><Channel>Microsoft-Windows-PowerShell/Operational</Channel><Computer>ws01</Computer></System><EventData><Data Name='MessageNumber'>{number}</Data><Data Name='MessageTotal'>{of}</Data><Data Name='ScriptBlockText'>{text}</Data><Data Name='ScriptBlockId'>{id}</Data></EventData></Event>"
        ),
    ]
}

#[test]
fn script_blocks_are_read_as_a_whole_whichever_way_they_are_logged() {
    let rule = |search: &str| {
        format!(
            "title: t\nlevel: high\nlogsource: {{product: windows, category: ps_script}}\ndetection: {{s: {{{search}}}, condition: s}}\n"
        )
    };
    let events = [
        script("a", (2, 3), "oadFile"),
        script("b", (1, 2), "Invoke-Downl"),
        script("a", (1, 3), "Invoke-Downl"),
        script("a", (3, 3), "; Remove-Item"),
        script("c", (1, 1), "Get-Item"),
    ];
    for (way, name) in ["ps.json", "ps.xml"].into_iter().enumerate() {
        let log: String = events.iter().map(|event| event[way].clone() + "\n").collect();
        for grid in GRIDS {
            let met = |search: &str| met(&rule(search), (name, &log), grid);
            let (count, kept) = met("ScriptBlockText|contains|all: [Invoke-DownloadFile, Remove-Item]");
            assert_eq!((count, kept.len()), (1, 1), "{name}, grid {grid}");
            assert!(kept[0].excerpt.contains("Invoke-Downl") && kept[0].field.is_some(), "the first part is cited");
            assert_eq!(met("ScriptBlockText|contains: Remove-Item").0, 1, "one part is enough");
            assert_eq!(met("ScriptBlockText|contains: Invoke-DownlGet").0, 0, "of two script blocks");
        }
    }
}
