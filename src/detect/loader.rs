//! Files of rules → rules, filters and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::asked::{self, Asked};
use super::collection::{Collection, Whole};
use super::correlation::{self, Sketch};
use super::document::{self, Draft};
use super::filter::{self, FILTERS_LIMIT, Filter, Fit};
use super::mapping::Applied;
use super::names::{Context, Names};
use super::pack::{self, Stored};
use super::samples::{self, Sample};
use super::select::{Labels, ON_REQUEST, Selected};
use super::yaml::{self, At, Node};
use super::{Problem, Routing, Setup, lint};
use crate::model::correlation::{Correlations, silent};
use crate::model::rule::{Narrowing, RuleMeta};
use crate::model::stored::Fault;

/// Bytes of files that are read at once, so that no more of them are held.
const TOGETHER_BYTES: usize = 1 << 20;

/// What files of rules hold.
pub(super) struct Loaded {
    pub drafts: Vec<Draft>,
    /// Field names; the index is a name's number.
    pub names: Vec<Box<str>>,
    /// Sorted.
    pub problems: Vec<Problem>,
    /// Sorted.
    pub remarks: Vec<Problem>,
    /// Names of the files that gave a rule, a correlation, or a filter that narrows a rule.
    pub used: BTreeSet<String>,
    /// Sorted.
    pub narrowings: Vec<Narrowing>,
    pub correlations: Correlations,
    pub asked: Asked,
    pub selected: Selected,
    pub samples: Vec<Sample>,
    /// What is wrong with correlations among the others. Sorted.
    pub unresolved: Vec<Problem>,
    /// Files that hold correlations: name and text.
    pub correlated: Vec<(String, String)>,
    /// The gates of a pack, if all rules are of it.
    pub gates: Option<Stored>,
}

/// Reads files, each a name and its text.
pub(super) fn load(files: impl IntoIterator<Item = (String, String)>, setup: &Setup) -> Loaded {
    let mut loader = Loader::new(setup);
    loader.files(files);
    loader.finish()
}

/// Reads packs, each a file's name and bytes, then files.
pub(super) fn load_over(
    packs: &[(String, Vec<u8>)],
    files: impl IntoIterator<Item = (String, String)>,
    setup: &Setup,
) -> Result<Loaded, (String, Fault)> {
    let mut loader = Loader::new(setup);
    for (name, bytes) in packs {
        loader.pack(bytes).map_err(|fault| (name.clone(), fault))?;
    }
    loader.files(files);
    if packs.len() > 1 || setup.routing != Routing::Auto {
        loader.gates = None;
    }
    Ok(loader.finish())
}

impl Loader<'_> {
    /// What the files make together.
    fn finish(self) -> Loaded {
        let mut loader = self;
        let all = loader.drafts.iter().map(|draft| &draft.refs[..]).chain(loader.sketches.iter().map(|s| s.refs()));
        loader.left_out.extend(all.flatten().cloned());
        let selected = loader.setup.selection.apply(&loader.labels, &mut loader.drafts, &mut loader.sketches);
        loader.filter();
        let (mut correlations, unresolved, odd) =
            correlation::resolved(std::mem::take(&mut loader.sketches), &loader.drafts, &loader.left_out);
        let of_name = |(file, at, label, what): (String, At, String, String)| problem(&file, at, label, what);
        let mut unresolved: Vec<Problem> = unresolved.into_iter().map(of_name).collect();
        unresolved.sort();
        loader.remarks.extend(odd.into_iter().map(of_name));
        for correlation in &mut correlations.list {
            correlation.left_out =
                correlation.targets().filter(|id| selected.muted.contains(&***id)).cloned().collect();
        }
        loader.remark_silent(&correlations);
        let asked = asked::asked(&correlations, &loader.drafts, &mut loader.names);
        loader.used.extend(correlations.list.iter().map(|correlation| correlation.meta.file.clone()));
        let Loader {
            drafts,
            names,
            mut problems,
            mut remarks,
            used,
            mut narrowings,
            mut samples,
            correlated,
            gates,
            ..
        } = loader;
        samples.retain(|sample| is_kept(&sample.rule, &drafts, &correlations));
        narrowings.sort();
        problems.sort();
        problems.dedup();
        remarks.sort();
        remarks.dedup();
        Loaded {
            drafts,
            names: names.list,
            problems,
            remarks,
            used,
            narrowings,
            correlations,
            asked,
            selected,
            samples,
            unresolved,
            correlated,
            gates,
        }
    }
}

/// Whether a rule or correlation of this id was not left out.
fn is_kept(id: &str, drafts: &[Draft], correlations: &Correlations) -> bool {
    drafts.iter().any(|draft| draft.meta.id == id) || correlations.list.iter().any(|c| c.meta.id == id)
}

struct Loader<'p> {
    setup: &'p Setup,
    drafts: Vec<Draft>,
    /// Each with its file and title.
    filters: Vec<(Filter, String, String)>,
    sketches: Vec<Sketch>,
    /// Names of documents that are not used, at the end those of all.
    left_out: BTreeSet<String>,
    names: Names,
    /// The file of each id.
    ids: BTreeMap<String, String>,
    problems: Vec<Problem>,
    remarks: Vec<Problem>,
    used: BTreeSet<String>,
    narrowings: Vec<Narrowing>,
    /// Of correlations, by id.
    labels: HashMap<String, Labels>,
    samples: Vec<Sample>,
    correlated: Vec<(String, String)>,
    gates: Option<Stored>,
}

impl<'p> Loader<'p> {
    fn new(setup: &'p Setup) -> Self {
        Self {
            setup,
            drafts: Vec::new(),
            filters: Vec::new(),
            sketches: Vec::new(),
            names: Names::default(),
            left_out: BTreeSet::new(),
            ids: BTreeMap::new(),
            problems: Vec::new(),
            remarks: Vec::new(),
            used: BTreeSet::new(),
            narrowings: Vec::new(),
            labels: HashMap::new(),
            samples: Vec::new(),
            correlated: Vec::new(),
            gates: None,
        }
    }

    /// Takes what a pack holds. Correlations are read again from the text of their files.
    fn pack(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let packed = pack::read(bytes, &mut self.names)?;
        self.drafts.reserve(packed.drafts.len());
        for draft in packed.drafts {
            let (id, file) = (&draft.meta.id, &draft.meta.file);
            if let Some(first) = self.ids.get(id) {
                return Err(Fault::new("rules", used_twice(id, first, file)));
            }
            self.ids.insert(id.clone(), file.clone());
            self.drafts.push(draft);
        }
        for (file, text) in packed.correlated {
            let (documents, _) = yaml::documents(&text);
            let correlations = documents.into_iter().filter(|document| document.get("correlation").is_some());
            correlations.for_each(|node| self.document(&file, Whole { node, shares: false }));
            self.correlated.push((file, text));
        }
        self.problems.extend(packed.problems);
        self.remarks.extend(packed.remarks);
        self.used.extend(packed.used);
        self.narrowings.extend(packed.narrowings);
        self.gates = Some(packed.gates);
        Ok(())
    }

    fn files(&mut self, files: impl IntoIterator<Item = (String, String)>) {
        let (mut some, mut bytes) = (Vec::new(), 0);
        for (file, text) in files {
            bytes += text.len();
            some.push((file, text));
            if bytes >= TOGETHER_BYTES {
                self.together(std::mem::take(&mut some));
                bytes = 0;
            }
        }
        self.together(some);
    }

    /// PERF: YAML is a third of the work, and no file needs another for it.
    fn together(&mut self, files: Vec<(String, String)>) {
        if !files.is_empty() {
            self.gates = None;
        }
        let read: Vec<_> = files.par_iter().map(|(_, text)| yaml::documents(text)).collect();
        files.into_iter().zip(read).for_each(|((file, text), read)| self.file(&file, text, read));
    }

    fn file(&mut self, file: &str, text: String, (documents, faults): (Vec<yaml::Node>, Vec<yaml::Fault>)) {
        let sketches = self.sketches.len();
        let mut collection = Collection::default();
        for document in documents.into_iter().filter(|document| !matches!(document.what, yaml::What::Null)) {
            let rule = document::label(&document);
            match collection.take(document) {
                Ok(Some(whole)) => self.document(file, whole),
                Ok(None) => {}
                Err((at, what)) => self.problems.push(problem(file, at, rule, what)),
            }
            if collection.is_over() {
                break;
            }
        }
        self.problems.extend(faults.into_iter().map(|(at, what)| problem(file, at, String::new(), what)));
        if self.sketches.len() > sketches {
            self.correlated.push((file.to_owned(), text));
        }
    }

    fn document(&mut self, file: &str, Whole { node, shares }: Whole) {
        let label = document::label(&node);
        let unasked = self.unasked(&node);
        let (placeholders, mapping) = (&self.setup.placeholders, &self.setup.mapping);
        let context =
            &mut Context { names: &mut self.names, placeholders, mapping, applied: Applied::default(), from: 0 };
        let done = if !matches!(node.what, yaml::What::Map(_)) {
            Err((node.at, "a rule is a map".to_owned()))
        } else if let Some(status) = unasked {
            Err((node.at, format!("not loaded: its status is {status}; --status {status} takes rules of that status")))
        } else if let Some(body) = node.get("correlation") {
            correlation::sketch(&node, body, file).and_then(|sketch| self.keep_correlation(sketch, &node))
        } else if let Some(body) = node.get("filter") {
            filter::filter(&node, body, context)
                .map(|filter| self.filters.push((filter, file.to_owned(), label.clone())))
        } else {
            document::draft(&node, file, context).and_then(|draft| self.keep(draft, &node, shares))
        };
        if unasked.is_none() {
            self.remark(file, &label, &node);
        }
        match done {
            Ok(()) => {}
            Err((at, what)) => {
                self.left_out.extend(document::refs(&node));
                self.problems.push(problem(file, at, label, what));
            }
        }
    }

    /// The status of a rule that is used on request only, where nobody asks.
    fn unasked(&self, node: &Node) -> Option<&'static str> {
        let status = document::text(node, "status").filter(|_| node.get("filter").is_none())?;
        ON_REQUEST.into_iter().find(|known| *known == status && !self.setup.selection.requests(known))
    }

    /// Keeps a rule under an id of its own. Rules that have the id of a document that they share are told apart by a number.
    fn keep(&mut self, mut draft: Draft, node: &Node, shares: bool) -> Result<(), (At, String)> {
        let file = draft.meta.file.clone();
        if let Some(first) = self.ids.get(&draft.meta.id) {
            if !shares || *first != file {
                return Err((node.at, used_twice(&draft.meta.id, first, &file)));
            }
            let mut numbered = (2u64..).map(|number| format!("{}#{number}", draft.meta.id));
            let free = numbered.find(|id| !self.ids.contains_key(id));
            draft.meta.id = free.unwrap_or_default();
        }
        self.used.insert(file.clone());
        self.sample(node, &draft.meta);
        self.ids.insert(draft.meta.id.clone(), file);
        self.drafts.push(draft);
        Ok(())
    }

    fn keep_correlation(&mut self, sketch: Sketch, node: &Node) -> Result<(), (At, String)> {
        let (id, file) = (&sketch.meta.id, &sketch.meta.file);
        if let Some(first) = self.ids.get(id) {
            return Err((sketch.at, used_twice(id, first, file)));
        }
        self.labels.insert(id.clone(), document::labels(node));
        self.ids.insert(id.clone(), file.clone());
        self.sample(node, &sketch.meta);
        self.sketches.push(sketch);
        Ok(())
    }

    /// Takes the samples of a rule, where they are asked for.
    fn sample(&mut self, node: &Node, meta: &RuleMeta) {
        if !self.setup.samples {
            return;
        }
        for sample in samples::samples(node, (&meta.id, &meta.title, &meta.file)) {
            match sample {
                Ok(sample) => self.samples.push(sample),
                Err((at, what)) => self.problems.push(problem(&meta.file, at, meta.title.clone(), what)),
            }
        }
    }

    fn remark(&mut self, file: &str, label: &str, node: &Node) {
        let remarks = lint::remarks(node).into_iter();
        self.remarks.extend(remarks.map(|(at, what)| problem(file, at, label.to_owned(), what)));
    }

    /// Says where a correlation that a user wrote takes the findings of the pack's rules away.
    fn remark_silent(&mut self, correlations: &Correlations) {
        let is_builtin = |file: &str| file.starts_with("builtin:");
        let silent = silent(&correlations.list);
        for of in correlations.list.iter().filter(|of| !of.generate && !is_builtin(&of.meta.file)) {
            let taken: BTreeSet<&str> = of.targets().filter(|id| silent.contains(*id)).map(|id| &**id).collect();
            let builtin = taken.into_iter().filter(|id| self.ids.get(*id).is_some_and(|file| is_builtin(file)));
            let names: Vec<&str> = builtin.collect();
            if !names.is_empty() {
                let at = At { line: of.at.0, column: of.at.1 };
                let what =
                    format!("hits of {} are no findings any more; with generate: true they are", names.join(", "));
                self.remarks.push(problem(&of.meta.file, at, of.meta.title.clone(), what));
            }
        }
    }

    /// Applies all filters to all rules, whatever files they are in.
    fn filter(&mut self) {
        for (filter, file, label) in &self.filters {
            let (mut rules, mut full, mut mapped) = (0, 0u64, 0u64);
            for draft in &mut self.drafts {
                match filter.narrow(draft) {
                    Fit::Other => {}
                    Fit::Narrowed => rules += 1,
                    Fit::Full => full += 1,
                    Fit::Mapped => mapped += 1,
                }
            }
            let (At { line, column }, excludes) = (filter.at, filter.excludes);
            let say = |what: &str| problem(file, filter.at, label.clone(), what.to_owned());
            if mapped > 0 {
                self.problems.push(say(&format!(
                    "this filter does not narrow {mapped} of the rules that it is for: the mapping treats them otherwise than \
                     the filter; give the filter the log source of these rules"
                )));
            }
            if full > 0 {
                self.problems.push(say(&format!(
                    "this filter does not narrow {full} of the rules that it is for: one has more than {FILTERS_LIMIT} \
                     filters or grows too large"
                )));
            } else if rules == 0 && mapped == 0 {
                self.remarks.push(say("this filter is for no rule that is loaded"));
            }
            if rules > 0 {
                self.used.insert(file.clone());
            }
            if !excludes {
                self.remarks.push(say("this filter has no \"not\": rules match only where its condition holds"));
            }
            let (file, title) = (file.clone(), label.clone());
            self.narrowings.push(Narrowing { file, line, column, title, rules, excludes });
        }
    }
}

pub(super) fn problem(file: &str, at: At, rule: String, what: String) -> Problem {
    Problem { file: file.to_owned(), line: at.line, column: at.column, rule, what }
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
