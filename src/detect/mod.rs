//! Sigma rules: YAML documents → a program → the rules that match a record.
//!
//! A rule is evaluated exactly or not at all: what is not supported is a [`Problem`] with file, line and column. Rules are
//! untrusted input; aliases, nesting, document and regular-expression sizes are bounded.
//! SOURCE: Sigma specification 2.1.0, rules; values and modifiers as pySigma reads them.

mod atoms;
mod base64;
mod channels;
mod condition;
mod document;
mod eval;
mod gate;
mod item;
mod pattern;
mod routing;
mod spelling;
mod words;
mod yaml;

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};

use crate::model::atoms::Atoms;
use crate::model::fields::Fields;
use crate::model::rarity::Usage;
use crate::model::rule::RuleMeta;

use document::Draft;
pub use eval::Scratch;
use eval::{Name, Record};
pub use gate::{Gate, Gates};
use item::Expr;
use routing::Logsource;

static PACK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// Why a rule was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Its file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// Title or id; empty where the document has none.
    pub rule: String,
    /// What is wrong or not supported.
    pub what: String,
}

impl Problem {
    /// How [`what`](Self::what) begins where the file ends too early: what follows in it was not read.
    pub const NOT_YAML: &str = "not YAML";
}

/// Which rules are held against which logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routing {
    /// A rule's log source must fit what the record says of itself.
    Auto,
    /// Every rule is held against every record.
    Any,
    /// All logs are taken for this log source.
    Forced {
        /// `product`, lower case.
        product: Option<String>,
        /// `category`, lower case.
        category: Option<String>,
        /// `service`, lower case.
        service: Option<String>,
    },
}

/// Compiled rules. Immutable and shared by all threads.
pub struct Program {
    metas: Vec<RuleMeta>,
    exprs: Vec<Expr>,
    /// Index into `logsources`, by rule.
    logsource: Vec<u32>,
    logsources: Vec<Logsource>,
    names: Vec<Name>,
    routing: Routing,
    gates: Gates,
}

impl Program {
    /// The embedded pack: name (`builtin:<path>`) and text of each file, sorted by name.
    pub fn builtin() -> impl Iterator<Item = (String, String)> {
        let mut files = Vec::new();
        let mut folders = vec![&PACK];
        while let Some(folder) = folders.pop() {
            folders.extend(folder.dirs());
            for file in folder.files().filter(|f| f.path().extension().is_some_and(|e| e == "yml")) {
                let text = file.contents_utf8().unwrap_or_default().to_owned();
                files.push((format!("builtin:{}", file.path().display()), text));
            }
        }
        files.sort();
        files.into_iter()
    }

    /// Compiles rule files. What cannot be evaluated exactly is a problem and no rule.
    pub fn compile(documents: impl IntoIterator<Item = (String, String)>, routing: Routing) -> (Self, Vec<Problem>) {
        let mut loader = Loader::default();
        for (file, text) in documents {
            loader.file(&file, &text);
        }
        let Loader { drafts, names, mut problems, .. } = loader;
        problems.sort();
        let mut program = Self {
            metas: Vec::new(),
            exprs: Vec::new(),
            logsource: Vec::new(),
            logsources: Vec::new(),
            names: names.iter().map(|name| Name::new(name)).collect(),
            routing,
            gates: Gates::default(),
        };
        for Draft { meta, logsource, expr } in drafts {
            program.metas.push(meta);
            program.exprs.push(expr);
            let at = program.logsources.iter().position(|known| *known == logsource).unwrap_or_else(|| {
                program.logsources.push(logsource);
                program.logsources.len() - 1
            });
            program.logsource.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        program.gates = Gates::new(&program);
        (program, problems)
    }

    /// What a rule states of its log source.
    fn stated(&self, rule: usize) -> &Logsource {
        &self.logsources[self.logsource[rule] as usize]
    }

    /// What each rule says of itself; the index is the rule's number.
    pub fn rules(&self) -> &[RuleMeta] {
        &self.metas
    }

    /// The rules that may apply to a format; `None` where there is none.
    pub fn gate(&self, format: &str) -> Option<&Gate> {
        self.gates.get(format)
    }

    /// The gates of all formats, as logs of all sorts have them chosen.
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// The gates, with literals that a sample of the logs at hand shows to be rare. `usages` are by [`Gate::set`]. Whatever
    /// it tells, no match is lost.
    pub fn gates_after(&self, usages: Vec<Option<Usage>>) -> Gates {
        self.gates.after(self, usages)
    }

    /// The sets of literals that gate the rules, by [`Gate::set`].
    pub fn sets(&self) -> impl Iterator<Item = &Atoms> {
        self.gates.sets()
    }

    /// The same rules, each held against every record that it may apply to: what the gate is measured against.
    #[must_use]
    pub fn ungated(mut self) -> Self {
        self.gates.open();
        self
    }

    /// Evaluates candidate rules (sorted numbers) on a parsed record and appends those that match. `record` is the
    /// record's text, for keywords in unstructured logs.
    pub fn eval<'b>(
        &self,
        format: &str,
        fields: &Fields<'b>,
        record: &[u8],
        candidates: &[u32],
        scratch: &mut Scratch,
        hits: &mut Vec<u32>,
    ) {
        let facts = routing::facts(format, fields);
        scratch.begin(self.names.len(), self.logsources.len());
        let event = Record { fields, text: record, raw_keywords: routing::is_unstructured(format), names: &self.names };
        for &rule in candidates {
            let Some(expr) = self.exprs.get(rule as usize) else { continue };
            let at = self.logsource[rule as usize] as usize;
            let routed = scratch.routed(at, || routing::applies(&self.routing, &self.logsources[at], &facts));
            if routed && event.holds(expr, scratch) {
                hits.push(rule);
            }
        }
    }
}

/// Gathers drafts, names and problems over all files.
#[derive(Default)]
struct Loader {
    drafts: Vec<Draft>,
    names: Vec<Box<str>>,
    numbers: BTreeMap<Box<str>, u32>,
    /// The file of each id.
    ids: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Loader {
    fn file(&mut self, file: &str, text: &str) {
        let (documents, fault) = yaml::documents(text);
        for document in &documents {
            if matches!(document.what, yaml::What::Null) {
                continue;
            }
            let rule = document::label(document);
            let (names, numbers) = (&mut self.names, &mut self.numbers);
            let mut intern = |name: &str| {
                *numbers.entry(name.into()).or_insert_with(|| {
                    names.push(name.into());
                    u32::try_from(names.len() - 1).unwrap_or(u32::MAX)
                })
            };
            match document::draft(document, file, &mut intern) {
                Ok(draft) => match self.ids.get(&draft.meta.id) {
                    None => {
                        self.ids.insert(draft.meta.id.clone(), file.to_owned());
                        self.drafts.push(draft);
                    }
                    Some(first) => {
                        let what = used_twice(&draft.meta.id, first, file);
                        self.problem(file, document.at, rule, what);
                    }
                },
                Err((at, what)) => self.problem(file, at, rule, what),
            }
        }
        if let Some((at, what)) = fault {
            self.problem(file, at, String::new(), what);
        }
    }

    fn problem(&mut self, file: &str, at: yaml::At, rule: String, what: String) {
        self.problems.push(Problem { file: file.to_owned(), line: at.line, column: at.column, rule, what });
    }
}

/// Why a second rule of one id is left out, and what to do.
fn used_twice(id: &str, first: &str, file: &str) -> String {
    if first.starts_with("builtin:") && !file.starts_with("builtin:") {
        return format!(
            "the embedded pack has this rule already, as {first} (id {id}); to use {file} in its place, leave the pack out \
             with --no-builtin"
        );
    }
    format!("id {id} is used twice: in {first} and in {file}")
}
