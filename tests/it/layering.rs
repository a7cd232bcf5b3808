//! Arrows point down: shell → conductor → stages → ground, and stages never name each other.

use std::path::{Path, PathBuf};

use syn::visit::Visit;

use crate::support::project;

const SHELL: &[&str] = &["main", "cli"];
const CONDUCTOR: &[&str] = &["scan", "worker", "plan"];
const STAGES: &[&str] = &[
    "discover",
    "open",
    "format",
    "split",
    "indicators",
    "sift",
    "detect",
    "classify",
    "tally",
    "merge",
    "correlate",
    "scope",
    "judge",
    "emit",
    "verify",
];
const GROUND: &[&str] = &["model", "work", "error"];

/// The band of a top-level module, 0 at the top.
fn band(module: &str) -> Option<usize> {
    [SHELL, CONDUCTOR, STAGES, GROUND].iter().position(|band| band.contains(&module))
}

/// Collects the first segment after `crate` (or the crate's own name, as the shell says it) of every path.
#[derive(Default)]
struct Named(Vec<String>);

fn is_crate(segment: &str) -> bool {
    segment == "crate" || segment == "exfiltrace"
}

impl Named {
    /// The names that a use tree below `crate::` begins with.
    fn heads(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.0.push(path.ident.to_string()),
            syn::UseTree::Name(name) => self.0.push(name.ident.to_string()),
            syn::UseTree::Rename(rename) => self.0.push(rename.ident.to_string()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.heads(item)),
            syn::UseTree::Glob(_) => self.0.push("*".to_owned()),
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_use_tree(&mut self, tree: &'ast syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) if is_crate(&path.ident.to_string()) => self.heads(&path.tree),
            _ => syn::visit::visit_use_tree(self, tree),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter().map(|segment| segment.ident.to_string());
        if let (Some(first), Some(second)) = (segments.next(), segments.next())
            && is_crate(&first)
        {
            self.0.push(second);
        }
        syn::visit::visit_path(self, path);
    }
}

/// What a file of `module` names that it must not.
fn breaches(module: &str, text: &str) -> Vec<String> {
    let file = syn::parse_file(text).expect("the compiler parsed it too");
    let mut named = Named::default();
    named.visit_file(&file);
    let own = band(module).unwrap_or_else(|| panic!("{module} stands in no band"));
    named
        .0
        .into_iter()
        .filter(|other| {
            let Some(theirs) = band(other) else { return false };
            let same_band_allowed = own < 2 || own == 3 || other == module;
            theirs < own || (theirs == own && !same_band_allowed)
        })
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn imports_run_one_way() {
    let root = project("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40);
    let mut wrong = Vec::new();
    for path in files {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        for other in breaches(module, &std::fs::read_to_string(&path).unwrap()) {
            wrong.push(format!("{} names {other}", relative.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_check_sees_every_way_of_naming() {
    assert_eq!(breaches("judge", "use crate::open::Limits;"), ["open"]);
    assert_eq!(breaches("judge", "use crate::{model::time::Span, emit};"), ["emit"]);
    assert_eq!(breaches("open", "fn f() { crate::scan::scan(); }"), ["scan"]);
    assert_eq!(breaches("model", "type T = crate::detect::Program;"), ["detect"]);
    assert_eq!(breaches("sift", "use crate::model::atoms::Atoms; use crate::sift::kernel::Scan;"), [""; 0]);
    assert_eq!(breaches("cli", "use exfiltrace::scan; use exfiltrace::judge;"), [""; 0]);
    assert_eq!(breaches("plan", "use crate::cli::Args;"), ["cli"]);
}
