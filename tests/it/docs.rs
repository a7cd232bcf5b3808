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
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
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
