//! Sigma rules: YAML documents → a program → the rules that match a record.
//!
//! A rule is evaluated exactly or not at all: what is not supported is a [`Problem`] with file, line and column. Rules are
//! untrusted input; aliases, nesting, document and regular-expression sizes are bounded.
//! SOURCE: Sigma specification 2.1.0, rules; values and modifiers as pySigma reads them.

mod anchor;
mod asked;
mod atoms;
mod base64;
mod channels;
mod collection;
mod condition;
mod correlation;
mod derived;
mod document;
mod eval;
mod explain;
mod filter;
mod form;
mod gate;
mod grams;
mod item;
mod kinds;
mod lint;
mod loader;
mod mapping;
mod names;
mod needed;
mod order;
mod pack;
mod pattern;
mod pcre;
mod placeholder;
mod reach;
mod regexp;
mod routing;
mod rows;
mod samples;
mod select;
mod sought;
mod spelling;
mod table;
mod words;
mod yaml;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use include_dir::{Dir, include_dir};

use crate::model::atoms::Atoms;
use crate::model::correlation::{self as correlation_model, Correlations};
use crate::model::fields::Fields;
use crate::model::rarity::Usage;
use crate::model::rule::{LeftOut, Narrowing, RuleMeta};

use asked::Asked;
use document::Draft;
pub use eval::Scratch;
use eval::{Name, Record};
pub use explain::{CorrelationExplained, Explained, FieldAsked, InFormat, Term};
pub use gate::{Gate, Gates};
use item::Expr;
use loader::Loaded;
pub use mapping::Mapping;
pub use pack::{has_builtin, is_pack};
pub use reach::Reached;
use routing::{Lift, Logsource};
pub use rows::take_all;
pub use samples::Sample;
use select::Selected;
pub use select::Selection;

/// Programs that were compiled so far, and one.
static PROGRAMS: AtomicU64 = AtomicU64::new(1);

static PACK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// The values that the user gives for placeholders of rules, by name.
pub type Placeholders = BTreeMap<String, Vec<String>>;

/// Why a rule was not loaded, or what is odd about one that was.
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
    /// How [`what`](Self::what) begins where a document cannot be read.
    pub const NOT_YAML: &str = "not YAML";
    /// How it ends where what follows in the file was not read.
    pub const CUT: &str = "nothing behind it is read, because documents of this file share keys by action";
}

/// Which rules are held against which logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Routing {
    /// A rule's log source must fit what the record says of itself.
    #[default]
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

/// How rule files are made into a program.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Which rules are held against which logs.
    pub routing: Routing,
    /// Values of placeholders; a rule of which one has none is not loaded.
    pub placeholders: Placeholders,
    /// Which rules are used.
    pub selection: Selection,
    /// What users call fields and log sources.
    pub mapping: Mapping,
    /// Whether the samples of rules are read too.
    pub samples: bool,
}

/// Compiled rules. Immutable and shared by all threads.
pub struct Program {
    metas: Vec<RuleMeta>,
    /// By id: a rule that has it.
    by_id: HashMap<String, u32>,
    exprs: Vec<Expr>,
    /// Index into `logsources`, by rule.
    logsource: Vec<u32>,
    logsources: Vec<Logsource>,
    names: Vec<Name>,
    /// By name: which of the fields it is that tell kinds of events.
    telling: Vec<Option<u8>>,
    /// No other program of this process has it.
    number: u64,
    remarks: Vec<Problem>,
    /// Names of the files that gave a rule, a correlation, or a filter that narrows a rule.
    used: BTreeSet<String>,
    narrowings: Vec<Narrowing>,
    correlations: Correlations,
    asked: Asked,
    silent: BTreeSet<Arc<str>>,
    selected: Selected,
    /// In the order of the files; none unless they were asked for.
    samples: Vec<Sample>,
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

    /// [`compile_with`](Self::compile_with) no placeholders.
    pub fn compile(documents: impl IntoIterator<Item = (String, String)>, routing: Routing) -> (Self, Vec<Problem>) {
        Self::compile_with(documents, routing, &Placeholders::new())
    }

    /// Compiles rule files. What cannot be evaluated exactly is a problem and no rule; so is a rule of which a
    /// placeholder has no value.
    pub fn compile_with(
        documents: impl IntoIterator<Item = (String, String)>,
        routing: Routing,
        placeholders: &Placeholders,
    ) -> (Self, Vec<Problem>) {
        Self::compile_as(documents, &Setup { routing, placeholders: placeholders.clone(), ..Setup::default() })
    }

    /// Compiles rule files as a setup says. What cannot be evaluated exactly is a problem and no rule.
    pub fn compile_as(documents: impl IntoIterator<Item = (String, String)>, setup: &Setup) -> (Self, Vec<Problem>) {
        Self::of(loader::load(documents, setup), setup)
    }

    /// A program of what was loaded.
    fn of(loaded: Loaded, setup: &Setup) -> (Self, Vec<Problem>) {
        let Loaded { drafts, names, mut problems, unresolved, remarks, used, .. } = loaded;
        let Loaded { narrowings, correlations, asked, selected, samples, gates, .. } = loaded;
        problems.extend(unresolved);
        problems.sort();
        let mut program = Self {
            metas: Vec::new(),
            by_id: HashMap::new(),
            exprs: Vec::new(),
            logsource: Vec::new(),
            logsources: Vec::new(),
            names: names.iter().map(|name| Name::new(name)).collect(),
            telling: names.iter().map(|name| kinds::telling(name)).collect(),
            number: PROGRAMS.fetch_add(1, Ordering::Relaxed),
            remarks,
            used,
            narrowings,
            silent: correlation_model::silent(&correlations.list),
            correlations,
            asked,
            selected,
            samples,
            routing: setup.routing.clone(),
            gates: Gates::default(),
        };
        for Draft { meta, logsource, mut expr, .. } in drafts {
            order::cheapest_first(&mut expr);
            program.by_id.insert(meta.id.clone(), program.metas.len() as u32);
            program.metas.push(meta);
            program.exprs.push(expr);
            let at = program.logsources.iter().position(|known| *known == logsource).unwrap_or_else(|| {
                program.logsources.push(logsource);
                program.logsources.len() - 1
            });
            program.logsource.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        program.gates = match gates {
            Some(stored) => stored.gates(&program.selected.kept),
            None => Gates::new(&program),
        };
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

    /// How many rules and correlations the selection left out.
    pub fn left_out(&self) -> LeftOut {
        self.selected.left_out
    }

    /// The samples of rules that were loaded, where the setup asks for them.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What was to be excluded, or is asked for as a tag, and names nothing that was loaded: the option and its value.
    pub fn idle_wishes(&self) -> &[String] {
        &self.selected.idle
    }

    /// What the rule of this id says of itself; the last one where several have it.
    pub fn named(&self, id: &str) -> Option<&RuleMeta> {
        self.by_id.get(id).and_then(|&rule| self.metas.get(rule as usize))
    }

    /// Rules about hits of rules. Their members count whether or not their own hits are findings.
    pub fn correlations(&self) -> &Correlations {
        &self.correlations
    }

    /// Ids of the rules and correlations of which the hits are no findings, because correlations count on them.
    pub fn silent(&self) -> &BTreeSet<Arc<str>> {
        &self.silent
    }

    /// Ids of the rules on which correlations count.
    pub fn counted_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.asked.values().map(|(id, _)| id)
    }

    /// The id of a rule on which correlations count; `None` where none does.
    pub fn counted(&self, rule: u32) -> Option<&Arc<str>> {
        self.asked.get(&rule).map(|(id, _)| id)
    }

    /// The values that correlations ask a record for that a rule matches, by the names of fields that they ask for.
    pub fn asked_of(
        &self,
        format: &str,
        fields: &Fields<'_>,
        rule: u32,
        scratch: &mut Scratch,
    ) -> Vec<(Arc<str>, String)> {
        scratch.begin(self.names.len(), self.logsources.len());
        let mut out = Vec::new();
        self.each_asked((format, fields), rule, scratch, &mut |field, value| {
            out.push((Arc::clone(field), String::from_utf8_lossy(value).into_owned()));
        });
        out
    }

    /// The same one by one, of the record that was [evaluated](Self::eval) last with this scratch.
    pub fn each_asked<'f>(
        &'f self,
        (format, fields): (&str, &'f Fields<'_>),
        rule: u32,
        scratch: &mut Scratch,
        see: &mut dyn FnMut(&'f Arc<str>, &'f [u8]),
    ) {
        let Some((_, asked)) = self.asked.get(&rule) else { return };
        let event = self.record(format, fields, &[]);
        for (field, name) in asked {
            event.each_value(*name, scratch, &mut |value| see(field, value));
        }
    }

    fn record<'a, 'b>(&'a self, format: &str, fields: &'a Fields<'b>, text: &'a [u8]) -> Record<'a, 'b> {
        Record {
            fields,
            text,
            raw_keywords: routing::is_unstructured(format),
            blanks_in_names: routing::is_windows(format) || fields.inside.is_some_and(routing::is_windows),
            lift: fields.inside.map_or(Lift::None, Lift::of).or(Lift::of(format)),
            names: &self.names,
        }
    }

    /// Whether a file gave a rule, a correlation, or a filter that narrows a rule.
    pub fn uses(&self, file: &str) -> bool {
        self.used.contains(file)
    }

    /// The filters that were loaded, also those that are for no rule. Sorted.
    pub fn narrowings(&self) -> &[Narrowing] {
        &self.narrowings
    }

    /// What is odd about rules that were loaded, or about filters. Sorted.
    pub fn remarks(&self) -> &[Problem] {
        &self.remarks
    }

    /// The rules that may apply to a format; `None` where there is none.
    pub fn gate(&self, format: &str) -> Option<&Gate> {
        self.gates.get(format)
    }

    /// The rules for what the message of a record holds ([`Fields::inside`]) that the gate of its own format does not find; `None` where
    /// it finds all.
    pub fn apart(&self, fields: &Fields<'_>) -> Option<&[u32]> {
        let inside = fields.inside.filter(|inside| routing::is_gated_apart(inside))?;
        self.gate(inside).map(|gate| &*gate.all)
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
        scratch.begin(self.names.len(), self.logsources.len());
        let event = self.record(format, fields, record);
        let mut kinds = std::mem::take(&mut scratch.kinds);
        match kinds.rules(self, format, fields) {
            Some(may) => {
                let may =
                    |rule: &&u32| may.get(**rule as usize / 64).is_some_and(|bits| bits >> (**rule % 64) & 1 == 1);
                let holds = |rule: &u32, scratch: &mut Scratch| {
                    self.exprs.get(*rule as usize).is_some_and(|expr| event.holds(expr, scratch))
                };
                hits.extend(candidates.iter().filter(may).filter(|rule| holds(rule, scratch)));
            }
            None => {
                let facts = routing::facts(format, fields);
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
        scratch.kinds = kinds;
    }
}
