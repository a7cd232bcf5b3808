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
    let wanted: Vec<&str> = example.lines().filter(|line| !line.trim().is_empty() && line.trim() != "…").collect();
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
    let mut lines = printed.lines();
    for line in wanted {
        assert!(lines.any(|printed| printed == line), "the tool does not print (any more, or not here): {line}");
    }
}

#[test]
fn the_readme_names_every_format() {
    let readme = std::fs::read_to_string(project("README.md")).unwrap();
    for format in exfiltrace::format::list() {
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
