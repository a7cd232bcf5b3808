//! Pipelines: how the fields and log sources of rules are named in the logs of one user.
//!
//! A documented part of the processing pipelines of pySigma, laid over each rule before it is compiled. What is not
//! supported is refused with its place: a rule that is half mapped would miss without a word.
//! SOURCE: the documentation of pySigma 2.0, processing pipelines; where it leaves a choice, what pySigma does.

use super::document::{logsource, text};
use super::lint::is_one_of;
use super::routing::Logsource;
use super::yaml::{self, At, Node, What};
use super::{Problem, loader};

/// Pipelines in the order in which they are applied.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    steps: Vec<Step>,
}

/// One transformation, and when it is done.
#[derive(Debug, Clone)]
struct Step {
    change: Change,
    /// Log sources of rules; none where it is for all.
    sources: Vec<Logsource>,
    /// Whether one of the sources is enough.
    any: bool,
    /// Whether it is for the rules that the sources do not tell.
    not: bool,
    fields: Option<OfFields>,
}

/// The fields that a step is for.
#[derive(Debug, Clone)]
struct OfFields {
    names: Vec<String>,
    /// For all fields but these.
    except: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Names(Vec<(String, Vec<String>)>),
    Prefix(String),
    Suffix(String),
    Prefixes(Vec<(String, Vec<String>)>),
    Logsource(Logsource),
    /// A search identifier that must hold too, or must not.
    Condition(Node, bool),
    Drop,
    Fail(String),
}

/// Most transformations of all pipelines.
const STEPS_LIMIT: usize = 10_000;
/// Most names that one field may be mapped to.
const NAMES_LIMIT: usize = 64;

type Fault = (At, String);

impl Mapping {
    /// Reads pipelines, each a file's name and text. Those of a lower `priority` come first, others in the order given.
    ///
    /// # Errors
    /// What is not supported or not understood, and what to do, by file.
    pub fn read(files: &[(String, String)]) -> Result<Self, Vec<Problem>> {
        let (mut pipelines, mut problems, mut steps) = (Vec::new(), Vec::new(), 0);
        for (file, text) in files {
            let (documents, faults) = yaml::documents(text);
            let read: Result<Vec<(i64, Vec<Step>)>, Fault> = documents.iter().map(pipeline).collect();
            match (faults.into_iter().next(), read) {
                (None, Ok(read)) if !read.is_empty() => {
                    steps += read.iter().map(|(_, steps)| steps.len()).sum::<usize>();
                    pipelines.extend(read);
                    if steps > STEPS_LIMIT {
                        let what = format!("more than {STEPS_LIMIT} transformations in this file and those before it");
                        problems.push(loader::problem(file, At { line: 1, column: 1 }, String::new(), what));
                        break;
                    }
                }
                (None, Ok(_)) => problems.push(loader::problem(
                    file,
                    At { line: 1, column: 1 },
                    String::new(),
                    "no pipeline in it".to_owned(),
                )),
                (Some((at, what)), _) | (None, Err((at, what))) => {
                    problems.push(loader::problem(file, at, String::new(), what))
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        pipelines.sort_by_key(|(priority, _)| *priority);
        Ok(Self { steps: pipelines.into_iter().flat_map(|(_, steps)| steps).collect() })
    }

    /// What the pipelines do to a rule of this log source.
    pub(super) fn of_rule(&self, stated: Logsource) -> Result<Applied<'_>, String> {
        let (mut steps, mut source) = (Vec::new(), stated);
        for (number, step) in self.steps.iter().enumerate() {
            if !step.is_for(&source) {
                continue;
            }
            match &step.change {
                Change::Logsource(other) => source = other.clone(),
                Change::Fail(why) => return Err(format!("a mapping refuses this rule: {why}")),
                _ => steps.push((number, step)),
            }
        }
        Ok(Applied { steps, source })
    }
}

/// The steps that are for one rule.
#[derive(Debug, Default)]
pub(super) struct Applied<'m> {
    /// Each with its number among all.
    steps: Vec<(usize, &'m Step)>,
    /// The log source after all of them.
    pub source: Logsource,
}

impl<'m> Applied<'m> {
    /// The names in place of a field's, by the steps from one on; none where its item is dropped.
    pub fn names(&self, from: usize, field: &str, may_drop: bool) -> Result<Vec<String>, String> {
        let mut names = vec![field.to_owned()];
        for (_, step) in self.steps.iter().skip(from) {
            names = names.into_iter().flat_map(|name| step.renamed(name, may_drop)).collect();
            if names.len() > NAMES_LIMIT {
                return Err(format!("a mapping gives the field {field:?} more than {NAMES_LIMIT} names"));
            }
        }
        Ok(names)
    }

    /// Which steps they are: rules that have the same are mapped alike.
    pub fn numbers(&self) -> Vec<usize> {
        self.steps.iter().map(|(number, _)| *number).collect()
    }

    /// Search identifiers to be added: the step behind each, the identifier, and whether it must not hold.
    pub fn added(&self) -> impl Iterator<Item = (usize, &'m Node, bool)> {
        self.steps.iter().enumerate().filter_map(|(at, (_, step))| match &step.change {
            Change::Condition(node, negated) => Some((at + 1, node, *negated)),
            _ => None,
        })
    }
}

impl Step {
    fn is_for(&self, rule: &Logsource) -> bool {
        let wider = |wanted: &Option<String>, stated: &Option<String>| wanted.is_none() || wanted == stated;
        let holds = |source: &Logsource| {
            wider(&source.product, &rule.product)
                && wider(&source.category, &rule.category)
                && wider(&source.service, &rule.service)
        };
        let told = match self.any {
            _ if self.sources.is_empty() => return true,
            true => self.sources.iter().any(holds),
            false => self.sources.iter().all(holds),
        };
        told != self.not
    }

    fn renamed(&self, name: String, may_drop: bool) -> Vec<String> {
        if self.fields.as_ref().is_some_and(|of| of.names.contains(&name) == of.except) {
            return vec![name];
        }
        match &self.change {
            Change::Names(pairs) => match pairs.iter().find(|(from, _)| *from == name) {
                Some((_, to)) => to.clone(),
                None => vec![name],
            },
            Change::Prefix(prefix) => vec![format!("{prefix}{name}")],
            Change::Suffix(suffix) => vec![format!("{name}{suffix}")],
            Change::Prefixes(pairs) => match pairs.iter().find_map(|(from, to)| Some((name.strip_prefix(from)?, to))) {
                Some((rest, to)) => to.iter().map(|prefix| format!("{prefix}{rest}")).collect(),
                None => vec![name],
            },
            Change::Drop if may_drop => Vec::new(),
            Change::Drop | Change::Logsource(_) | Change::Condition(..) | Change::Fail(_) => vec![name],
        }
    }
}

/// The priority and the steps of a pipeline.
fn pipeline(doc: &Node) -> Result<(i64, Vec<Step>), Fault> {
    if !matches!(doc.what, What::Map(_)) {
        return Err((doc.at, "a pipeline is a map with transformations".to_owned()));
    }
    for (key, value) in doc.pairs() {
        match key.scalar().unwrap_or_default().as_str() {
            "name" | "priority" | "transformations" | "allowed_backends" => {}
            "vars" | "postprocessing" | "finalizers" if is_empty(value) => {}
            word @ ("postprocessing" | "finalizers") => {
                let what = format!("not supported: {word} shapes queries for other programs; leave it out");
                return Err((key.at, what));
            }
            "vars" => {
                return Err((key.at, "not supported: vars; give values of placeholders with --placeholder".to_owned()));
            }
            other => return Err((key.at, format!("{other:?} is no key of a pipeline"))),
        }
    }
    let priority = match doc.get("priority") {
        None => 0,
        Some(node) => {
            let number = node.scalar().and_then(|text| text.parse().ok());
            number.ok_or_else(|| (node.at, "priority is no whole number".to_owned()))?
        }
    };
    let list = doc.get("transformations").ok_or_else(|| (doc.at, "no transformations".to_owned()))?;
    if list.elements().len() > STEPS_LIMIT {
        return Err((list.at, format!("more than {STEPS_LIMIT} transformations")));
    }
    Ok((priority, list.elements().iter().map(step).collect::<Result<_, _>>()?))
}

fn is_empty(node: &Node) -> bool {
    match &node.what {
        What::Null => true,
        What::Map(pairs) => pairs.is_empty(),
        What::List(items) => items.is_empty(),
        _ => false,
    }
}

/// Keys that say when a step is done, and its id.
const WHEN: [&str; 9] = [
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
    "name",
];

fn step(node: &Node) -> Result<Step, Fault> {
    let word = text(node, "type").ok_or_else(|| (node.at, "a transformation has a type".to_owned()))?;
    let (change, keys): (Change, &[&str]) = match word.as_str() {
        "field_name_mapping" => (Change::Names(pairs(node, "mapping")?), &["mapping"]),
        "field_name_prefix" => (Change::Prefix(string(node, "prefix")?), &["prefix"]),
        "field_name_suffix" => (Change::Suffix(string(node, "suffix")?), &["suffix"]),
        "field_name_prefix_mapping" => (Change::Prefixes(pairs(node, "mapping")?), &["mapping"]),
        "change_logsource" => (Change::Logsource(source(node)?), &["product", "category", "service"]),
        "add_condition" => (condition(node)?, &["conditions", "negated", "template"]),
        "drop_detection_item" => (Change::Drop, &[]),
        "rule_failure" => (Change::Fail(string(node, "message")?), &["message"]),
        other => {
            let what = format!(
                "not supported: transformation {other:?}; supported are {SUPPORTED}. Take it out of a copy of the file, if \
                 rules keep their meaning without it"
            );
            return Err((node.at, what));
        }
    };
    for (key, _) in node.pairs() {
        let name = key.scalar().unwrap_or_default();
        if !WHEN.contains(&name.as_str()) && !keys.contains(&name.as_str()) {
            return Err((key.at, format!("not supported: {name:?} of a transformation of type {word}")));
        }
    }
    let fields = of_fields(node)?;
    if matches!(change, Change::Drop) && fields.is_none() {
        let what = "drop_detection_item drops everything without field_name_conditions: name the fields".to_owned();
        return Err((node.at, what));
    }
    let (sources, any) = (sources(node)?, operator(node, "rule_cond_op")?);
    Ok(Step { change, sources, any, not: flag(node, "rule_cond_not")?, fields })
}

/// The types of transformations that are supported.
const SUPPORTED: &str = "field_name_mapping, field_name_prefix, field_name_suffix, field_name_prefix_mapping, \
                         change_logsource, add_condition, drop_detection_item, rule_failure";

fn string(node: &Node, key: &str) -> Result<String, Fault> {
    text(node, key).ok_or_else(|| (node.at, format!("no {key}")))
}

/// A map of names to a name or several.
fn pairs(node: &Node, key: &str) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let map = node.get(key).filter(|map| matches!(map.what, What::Map(_)));
    let map = map.ok_or_else(|| (node.at, format!("no {key}, or one that is no map")))?;
    let pair = |(from, to): &(Node, Node)| {
        let from = from.scalar().ok_or_else(|| (from.at, "a name is a text".to_owned()))?;
        let names: Option<Vec<String>> = to.elements().iter().map(Node::scalar).collect();
        let names = names.filter(|names| !names.is_empty() && names.len() <= NAMES_LIMIT);
        Ok((
            from,
            names.ok_or_else(|| (to.at, format!("a name, or a list of up to {NAMES_LIMIT} names, is expected")))?,
        ))
    };
    map.pairs().iter().map(pair).collect()
}

fn condition(node: &Node) -> Result<Change, Fault> {
    let conditions = node.get("conditions").filter(|map| !map.pairs().is_empty());
    let conditions = conditions.ok_or_else(|| (node.at, "no conditions, or some that are no map".to_owned()))?;
    if flag(node, "template")? {
        return Err((node.at, "not supported: template in add_condition; write the values out".to_owned()));
    }
    Ok(Change::Condition(conditions.clone(), flag(node, "negated")?))
}

fn flag(node: &Node, key: &str) -> Result<bool, Fault> {
    match node.get(key).map(|node| (node.at, &node.what)) {
        None => Ok(false),
        Some((_, What::Bool(is) | What::Switch(_, is))) => Ok(*is),
        Some((at, _)) => Err((at, format!("{key} is true, or false, without quotes"))),
    }
}

/// Refuses a key that is not among these: a word that is misspelt would be no condition at all.
fn only(node: &Node, keys: &[&str]) -> Result<(), Fault> {
    let known = |key: &Node| key.scalar().is_some_and(|name| keys.contains(&name.as_str()));
    match node.pairs().iter().find(|(key, _)| !known(key)) {
        None => Ok(()),
        Some((key, _)) => {
            let name = key.scalar().unwrap_or_default();
            Err((key.at, format!("{name:?} is none of {}", keys.join(", "))))
        }
    }
}

/// Whether one condition is enough.
fn operator(node: &Node, key: &str) -> Result<bool, Fault> {
    match node.get(key) {
        None => Ok(false),
        Some(word) if is_one_of(word, &["and", "or"]) => {
            Ok(word.scalar().is_some_and(|w| w.eq_ignore_ascii_case("or")))
        }
        Some(word) => Err((word.at, format!("{key} is and, or or"))),
    }
}

fn sources(node: &Node) -> Result<Vec<Logsource>, Fault> {
    let list = node.get("rule_conditions").map(Node::elements).unwrap_or_default();
    let of_condition = |of: &Node| match text(of, "type").as_deref() {
        Some("logsource") => {
            only(of, &["type", "product", "category", "service"])?;
            let source = source(of)?;
            match source == Logsource::default() {
                true => Err((of.at, "a log source has a product, a category or a service".to_owned())),
                false => Ok(source),
            }
        }
        _ => Err((of.at, "not supported: a rule condition of another type than logsource".to_owned())),
    };
    list.iter().map(of_condition).collect()
}

/// A log source of which each part is a text.
fn source(node: &Node) -> Result<Logsource, Fault> {
    let mut parts = ["product", "category", "service"].into_iter().filter_map(|key| Some((key, node.get(key)?)));
    match parts.find(|(key, _)| text(node, key).is_none()) {
        Some((key, part)) => Err((part.at, format!("{key} is a text"))),
        None => logsource(node),
    }
}

fn of_fields(node: &Node) -> Result<Option<OfFields>, Fault> {
    let Some(list) = node.get("field_name_conditions") else { return Ok(None) };
    let [of] = list.elements() else {
        return Err((list.at, "not supported: more than one of field_name_conditions; join their fields".to_owned()));
    };
    let except = match text(of, "type").as_deref() {
        Some("include_fields") => false,
        Some("exclude_fields") => true,
        _ => {
            return Err((
                of.at,
                "not supported: a field condition other than include_fields, exclude_fields".to_owned(),
            ));
        }
    };
    if of.get("mode").or_else(|| of.get("match_type")).is_some_and(|mode| !is_one_of(mode, &["plain"])) {
        return Err((of.at, "not supported: regular expressions over field names; name the fields".to_owned()));
    }
    only(of, &["type", "fields", "mode", "match_type"])?;
    let name = |name: &Node| name.scalar().ok_or_else(|| (name.at, "a name is a text".to_owned()));
    let names = of.get("fields").map(Node::elements).unwrap_or_default().iter().map(name);
    let names = names.collect::<Result<Vec<String>, Fault>>()?;
    if names.is_empty() {
        return Err((of.at, "no fields".to_owned()));
    }
    Ok(Some(OfFields { names, except: except != flag(node, "field_name_cond_not")? }))
}
