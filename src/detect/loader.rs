//! Files of rules → rules, filters and what is wrong with them.

use crate::model::rule::Narrowing;
use std::collections::{BTreeMap, BTreeSet};

use super::asked::{self, Asked};
use super::collection::{Collection, Whole};
use super::correlation::{self, Sketch};
use super::document::{self, Draft};
use super::filter::{self, FILTERS_LIMIT, Filter, Fit};
use super::names::{Context, Names};
use super::yaml::{self, At, Node};
use super::{Placeholders, Problem, lint};
use crate::model::correlation::{Correlations, silent};

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
}

/// Reads files, each a name and its text.
pub(super) fn load(files: impl IntoIterator<Item = (String, String)>, placeholders: &Placeholders) -> Loaded {
    let mut loader = Loader::new(placeholders);
    for (file, text) in files {
        loader.file(&file, &text);
    }
    loader.filter();
    let (correlations, unresolved) = correlation::resolved(std::mem::take(&mut loader.sketches), &loader.drafts);
    for (file, at, label, what) in unresolved {
        loader.problems.push(problem(&file, at, label, what));
    }
    loader.remark_silent(&correlations);
    let asked = asked::asked(&correlations, &loader.drafts, &mut loader.names);
    loader.used.extend(correlations.list.iter().map(|correlation| correlation.meta.file.clone()));
    let Loader { drafts, names, mut problems, mut remarks, used, mut narrowings, .. } = loader;
    narrowings.sort();
    problems.sort();
    remarks.sort();
    Loaded { drafts, names: names.list, problems, remarks, used, narrowings, correlations, asked }
}

struct Loader<'p> {
    placeholders: &'p Placeholders,
    drafts: Vec<Draft>,
    /// Each with its file and title.
    filters: Vec<(Filter, String, String)>,
    sketches: Vec<Sketch>,
    names: Names,
    /// The file of each id.
    ids: BTreeMap<String, String>,
    problems: Vec<Problem>,
    remarks: Vec<Problem>,
    used: BTreeSet<String>,
    narrowings: Vec<Narrowing>,
}

impl<'p> Loader<'p> {
    fn new(placeholders: &'p Placeholders) -> Self {
        Self {
            placeholders,
            drafts: Vec::new(),
            filters: Vec::new(),
            sketches: Vec::new(),
            names: Names::default(),
            ids: BTreeMap::new(),
            problems: Vec::new(),
            remarks: Vec::new(),
            used: BTreeSet::new(),
            narrowings: Vec::new(),
        }
    }

    fn file(&mut self, file: &str, text: &str) {
        let (documents, fault) = yaml::documents(text);
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
        if let Some((at, what)) = fault {
            self.problems.push(problem(file, at, String::new(), what));
        }
    }

    fn document(&mut self, file: &str, Whole { node, shares }: Whole) {
        let label = document::label(&node);
        let context = &mut Context { names: &mut self.names, placeholders: self.placeholders };
        let done = if !matches!(node.what, yaml::What::Map(_)) {
            Err((node.at, "a rule is a map".to_owned()))
        } else if let Some(body) = node.get("correlation") {
            correlation::sketch(&node, body, file).and_then(|sketch| self.keep_correlation(sketch))
        } else if let Some(body) = node.get("filter") {
            filter::filter(&node, body, context)
                .map(|filter| self.filters.push((filter, file.to_owned(), label.clone())))
        } else {
            document::draft(&node, file, context).and_then(|draft| self.keep(draft, node.at, shares))
        };
        match done {
            Ok(()) => self.remark(file, &label, &node),
            Err((at, what)) => self.problems.push(problem(file, at, label, what)),
        }
    }

    /// Keeps a rule under an id of its own. Rules that have the id of a document that they share are told apart by a number.
    fn keep(&mut self, mut draft: Draft, at: At, shares: bool) -> Result<(), (At, String)> {
        let file = draft.meta.file.clone();
        if let Some(first) = self.ids.get(&draft.meta.id) {
            if !shares || *first != file {
                return Err((at, used_twice(&draft.meta.id, first, &file)));
            }
            let mut numbered = (2u64..).map(|number| format!("{}#{number}", draft.meta.id));
            let free = numbered.find(|id| !self.ids.contains_key(id));
            draft.meta.id = free.unwrap_or_default();
        }
        self.used.insert(file.clone());
        self.ids.insert(draft.meta.id.clone(), file);
        self.drafts.push(draft);
        Ok(())
    }

    fn keep_correlation(&mut self, sketch: Sketch) -> Result<(), (At, String)> {
        let (id, file) = (&sketch.meta.id, &sketch.meta.file);
        if let Some(first) = self.ids.get(id) {
            return Err((sketch.at, used_twice(id, first, file)));
        }
        self.ids.insert(id.clone(), file.clone());
        self.sketches.push(sketch);
        Ok(())
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
            let (mut rules, mut full) = (0, 0u64);
            for draft in &mut self.drafts {
                match filter.narrow(draft) {
                    Fit::Other => {}
                    Fit::Narrowed => rules += 1,
                    Fit::Full => full += 1,
                }
            }
            let (At { line, column }, excludes) = (filter.at, filter.excludes);
            let say = |what: &str| problem(file, filter.at, label.clone(), what.to_owned());
            if full > 0 {
                self.problems.push(say(&format!(
                    "this filter does not narrow {full} of the rules that it is for: one has more than {FILTERS_LIMIT} \
                     filters or grows too large"
                )));
            } else if rules == 0 {
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

fn problem(file: &str, at: At, rule: String, what: String) -> Problem {
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
