//! What the documents say must be there.

use std::path::Path;

use crate::support::project;

/// Targets of Markdown links that are paths.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn links_in_documents_resolve() {
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CLAUSES.md"] {
        let text = std::fs::read_to_string(project(document)).unwrap();
        for link in links(&text) {
            assert!(Path::new(&project(link)).exists(), "{document} links to {link}");
        }
    }
    assert_eq!(links("see [a](src/a.rs#top) and [b](https://b.example)"), ["src/a.rs"]);
}

#[test]
fn every_stage_has_its_paragraph() {
    let text = std::fs::read_to_string(project("ARCHITECTURE.md")).unwrap();
    let library = std::fs::read_to_string(project("src/lib.rs")).unwrap();
    for module in library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        let (file, folder) = (format!("src/{module}.rs"), format!("src/{module}/mod.rs"));
        assert!(text.contains(&file) || text.contains(&folder), "{module} is not in ARCHITECTURE.md");
    }
}

/// The example at the top of the README, line by line in order; `…` stands for lines left out.
#[test]
fn the_example_of_the_readme_is_what_the_tool_prints() {
    let readme = std::fs::read_to_string(project("README.md")).unwrap();
    let example = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let wanted: Vec<&str> = example.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!(wanted.len() > 15);
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| project(name).to_str().unwrap().to_owned();
    let output = crate::support::exfiltrace(&[
        "scan",
        &path("fixtures/incident/evidence"),
        "--scopes",
        &path("fixtures/incident/scopes.toml"),
        "--indicators",
        &path("fixtures/incident/indicators.txt"),
        "--out",
        temp.path().join("case").to_str().unwrap(),
    ]);
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut lines = printed.lines().filter(|line| !line.is_empty());
    let mut left_out = false;
    for line in wanted {
        if line.trim() == "…" {
            left_out = true;
            continue;
        }
        let is_next = if left_out { lines.any(|printed| printed == line) } else { lines.next() == Some(line) };
        assert!(is_next, "the tool does not print (any more, or not here): {line}");
        left_out = false;
    }
}

#[test]
fn the_readme_names_every_format() {
    let readme = std::fs::read_to_string(project("README.md")).unwrap();
    for format in exfiltrace::format::FORMATS {
        assert!(readme.contains(&format!("`{}`", format.name())), "{} is not in the README", format.name());
    }
}

/// The table of the judge's clauses for people is that of the code.
#[test]
fn the_page_of_clauses_is_the_table_of_the_code() {
    let text = std::fs::read_to_string(project("CLAUSES.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| J-")).collect();
    let said = |c: &exfiltrace::judge::Clause| {
        format!("| {} | {} | {} |", c.id, c.text, c.base.map_or("", exfiltrace::model::verdict::State::word))
    };
    assert_eq!(rows, exfiltrace::judge::CLAUSES.iter().map(said).collect::<Vec<_>>());
}

/// The commands of the README, one after the other in one folder, as a new user would type them. `/evidence` and
/// `feed.csv` stand for the fixtures' (the web logs alone: they are read quickly).
#[test]
fn every_command_of_the_readme_works() {
    let readme = std::fs::read_to_string(project("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let commands: Vec<&str> = blocks.flat_map(str::lines).filter(|line| line.starts_with("exfiltrace ")).collect();
    assert!(commands.len() > 12, "{commands:?}");
    let temp = tempfile::tempdir().unwrap();
    let evidence = temp.path().join("evidence");
    std::fs::create_dir(&evidence).unwrap();
    let log = "riverside-access.log";
    std::fs::copy(project("fixtures/incident/evidence/web").join(log), evidence.join(log)).unwrap();
    std::fs::copy(project("fixtures/incident/indicators.txt"), temp.path().join("feed.csv")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_exfiltrace"));
    for line in commands {
        let command = line.split(" #").next().unwrap().replace("/evidence", evidence.to_str().unwrap());
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &command])
            .env("PATH", binary.parent().unwrap())
            .env("NO_COLOR", "1")
            .current_dir(temp.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let written = command.split(" > ").nth(1).map(|name| std::fs::read(temp.path().join(name.trim())).unwrap());
        assert!(written.is_none_or(|bytes| !bytes.is_empty()), "{command} writes nothing");
        if command.starts_with("exfiltrace report") {
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(temp.path().join(told.trim()).exists() && told.contains("report.md"), "{command}: {told}");
        }
    }
    for name in ["case/report.html", "scopes.toml", "survey.json"] {
        assert!(temp.path().join(name).exists(), "{name}");
    }
}

/// What the README names in code, where it can be checked: files of a case, flags, commands.
#[test]
fn flags_and_case_files_of_the_readme_are_there() {
    let readme = std::fs::read_to_string(project("README.md")).unwrap();
    let help = |args: &[&str]| String::from_utf8(crate::support::exfiltrace(args).stdout).unwrap();
    let known = ["scan", "add", "coverage", "explain", "merge", "man", "report", "export", "rules", "verify"]
        .map(|name| help(&["help", name]))
        .concat()
        + &help(&["help", "rules", "check"]);
    let prose: String = readme.split("```").step_by(2).collect();
    let flags = prose.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).filter(|w| w.starts_with("--"));
    for flag in flags.filter(|flag| !matches!(*flag, "--path" | "--locked")) {
        assert!(known.contains(flag), "{flag} is in the README and in no help");
    }
    let temp = tempfile::tempdir().unwrap();
    let (log, case) = (temp.path().join("a.log"), temp.path().join("case"));
    std::fs::write(&log, "text\n").unwrap();
    crate::support::exfiltrace(&["scan", "-q", log.to_str().unwrap(), "--out", case.to_str().unwrap()]);
    let table = readme.split("## The case folder").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut found: Vec<String> = std::fs::read_dir(&case)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|e| e.file_name().into_string().unwrap() + if e.path().is_dir() { "/" } else { "" })
        .collect();
    let mut named_sorted = named.clone();
    named_sorted.sort_unstable();
    found.sort();
    assert_eq!(found, named_sorted);
}
