//! One YAML document: what it says of itself, where it applies, what it looks for.

use super::condition::{self, Cond};
use super::item::{Expr, Test, item, keyword, one};
use super::names::Context;
use super::routing::Logsource;
use super::select::{Labels, tag_form};
use super::words;
use super::yaml::{At, Node, What};
use crate::model::rule::{Level, Route, RuleMeta, Stage};

/// A rule ready for the program.
pub(super) struct Draft {
    pub meta: RuleMeta,
    /// `id` and `name`, by which other documents speak of it.
    pub refs: Vec<String>,
    pub labels: Labels,
    pub logsource: Logsource,
    /// The log source that the rule states; a mapping may have changed it.
    pub stated: Logsource,
    /// Steps of the mapping that it took.
    pub mapped: Vec<usize>,
    pub expr: Expr,
    /// Nodes of `expr`.
    pub size: usize,
    /// Filters that narrow it.
    pub filters: usize,
}

/// Most nodes of one compiled rule.
pub(super) const SIZE_LIMIT: usize = 200_000;

/// Title or id for messages; may be empty.
pub(super) fn label(doc: &Node) -> String {
    text(doc, "title").or_else(|| text(doc, "id")).unwrap_or_default()
}

/// Compiles a detection rule.
pub(super) fn draft(doc: &Node, file: &str, context: &mut Context<'_>) -> Result<Draft, (At, String)> {
    let lacks = |key: &str| (doc.at, format!("no {key}"));
    let part = |key| doc.get(key).ok_or_else(|| lacks(key));
    let mut faults = Faults::default();
    let stated = faults.of(part("logsource").and_then(logsource));
    let applied = stated.as_ref().map(|stated| context.mapping.of_rule(stated.clone()).map_err(|what| (doc.at, what)));
    context.applied = applied.and_then(|applied| faults.of(applied)).unwrap_or_default();
    let (logsource, mapped) = (context.applied.source.clone(), context.applied.numbers());
    let detected = part("detection").and_then(|detection| detect(detection, context));
    let expr = faults.of(detected.and_then(|expr| with_added(expr, doc.at, context)));
    let meta = faults.of(meta(doc, file));
    let (Some(stated), Some(expr), Some(meta), None) = (stated, expr, meta, &faults.0) else {
        return Err(faults.told(doc.at));
    };
    Ok(Draft {
        meta,
        refs: refs(doc),
        labels: labels(doc),
        logsource,
        stated,
        mapped,
        size: size(&expr),
        expr,
        filters: 0,
    })
}

/// A rule with the conditions that a mapping adds to it.
fn with_added(own: Expr, at: At, context: &mut Context<'_>) -> Result<Expr, (At, String)> {
    let added: Vec<_> = context.applied.added().collect();
    if added.is_empty() {
        return Ok(own);
    }
    let mut all = Vec::with_capacity(added.len() + 1);
    for (from, node, negated) in added {
        context.from = from;
        let expr =
            search(node, context).map_err(|(_, what)| (at, format!("a condition that a mapping adds: {what}")))?;
        all.push(if negated { Expr::Not(Box::new(expr)) } else { expr });
    }
    context.from = 0;
    all.push(own);
    Ok(Expr::All(all))
}

/// What a document says of itself, unless it must not be used.
pub(super) fn meta(doc: &Node, file: &str) -> Result<RuleMeta, (At, String)> {
    let here = |what: &str| (doc.at, what.to_owned());
    if doc.get("title").is_none_or(|title| matches!(title.what, What::Null)) {
        return Err(here("no title"));
    }
    let named = refs(doc).into_iter().next();
    let title = text(doc, "title").or_else(|| named.clone()).unwrap_or_else(|| file.to_owned());
    let own = doc.get("exfiltrace");
    let (stage, attack) = tags(doc, own)?;
    Ok(RuleMeta {
        id: named.unwrap_or_else(|| title.clone()),
        title,
        level: text(doc, "level").and_then(|w| level(&w)).unwrap_or(Level::Medium),
        stage,
        attack,
        route: own.and_then(|o| o.get("route")).map(route).transpose()?,
        author: text(doc, "author"),
        file: file.to_owned(),
    })
}

/// What a selection of rules goes by.
pub(super) fn labels(doc: &Node) -> Labels {
    let tags = doc.get("tags").map(Node::elements).unwrap_or_default();
    Labels {
        status: text(doc, "status").map(|status| status.to_ascii_lowercase()),
        tags: tags.iter().filter_map(Node::scalar).map(|tag| tag_form(&tag)).collect(),
    }
}

/// `id` and `name`, as far as there are any.
pub(super) fn refs(doc: &Node) -> Vec<String> {
    ["id", "name"].into_iter().filter_map(|key| text(doc, key)).collect()
}

/// A scalar under a key, unless it is empty.
pub(super) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::scalar).filter(|t| !t.is_empty())
}

fn level(word: &str) -> Option<Level> {
    use Level::{Critical, High, Informational, Low, Medium};
    [Informational, Low, Medium, High, Critical].into_iter().find(|l| l.word().eq_ignore_ascii_case(word))
}

fn route(node: &Node) -> Result<Route, (At, String)> {
    let word = node.scalar().unwrap_or_default();
    serde_json::from_value(word.clone().into()).map_err(|_| (node.at, format!("{word:?} is no route")))
}

fn tags(doc: &Node, own: Option<&Node>) -> Result<(Vec<Stage>, Vec<String>), (At, String)> {
    let (mut stages, mut attack) = (Vec::new(), Vec::new());
    for tag in doc.get("tags").map(Node::elements).unwrap_or_default() {
        let word = tag.scalar().unwrap_or_default().to_ascii_lowercase().replace('_', "-");
        let Some(word) = word.strip_prefix("attack.") else { continue };
        let technique = word.strip_prefix('t').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
        match tactic(word) {
            _ if technique => attack.push(word.to_ascii_uppercase()),
            Some(stage) => stages.push(stage),
            None => {}
        }
    }
    let source = doc.get("logsource").and_then(|source| text(source, "category")).unwrap_or_default();
    if source.to_ascii_lowercase().starts_with("registry_") {
        // These records tell of keys that were written. That takes nobody's password; it can be what is done before.
        let writes = |stage: &mut Stage| *stage = Stage::Execution;
        stages.iter_mut().filter(|stage| **stage == Stage::CredentialAccess).for_each(writes);
    }
    if let Some(list) = own.and_then(|o| o.get("stage")) {
        stages.clear();
        for node in list.elements() {
            let word = node.scalar().unwrap_or_default();
            let stage = serde_json::from_value(word.clone().into());
            stages.push(stage.map_err(|_| (node.at, format!("{word:?} is no stage")))?);
        }
    }
    stages.sort_unstable();
    stages.dedup();
    attack.sort_unstable();
    attack.dedup();
    Ok((stages, attack))
}

/// Both vocabularies: before and after `defense-evasion` was split.
fn tactic(word: &str) -> Option<Stage> {
    Some(match word {
        "initial-access" => Stage::InitialAccess,
        "execution" | "persistence" | "privilege-escalation" => Stage::Execution,
        "credential-access" => Stage::CredentialAccess,
        "discovery" => Stage::Discovery,
        "lateral-movement" => Stage::LateralMovement,
        "command-and-control" => Stage::CommandAndControl,
        "collection" => Stage::Collection,
        "exfiltration" => Stage::Exfiltration,
        "impact" => Stage::Impact,
        "defense-evasion" | "defence-evasion" | "stealth" | "defense-impairment" => Stage::DefenceEvasion,
        _ => return None,
    })
}

/// What a log source states; nothing where it is empty.
pub(super) fn logsource(node: &Node) -> Result<Logsource, (At, String)> {
    if !matches!(node.what, What::Map(_) | What::Null) {
        return Err((node.at, "logsource is not a map".to_owned()));
    }
    let part = |key| text(node, key).map(|t| t.to_lowercase());
    Ok(Logsource { product: part("product"), category: part("category"), service: part("service") })
}

/// Compiles search identifiers and the condition over them.
pub(super) fn detect(node: &Node, context: &mut Context<'_>) -> Result<Expr, (At, String)> {
    let mut conditions = None;
    let mut named: Vec<(String, Expr)> = Vec::new();
    let mut faults = Faults::default();
    for (key, value) in node.pairs() {
        let name = key.scalar().ok_or_else(|| (key.at, "the name of an identifier is no text".to_owned()))?;
        match name.as_str() {
            "condition" => conditions = Some(value),
            "timeframe" => faults.add((key.at, "not supported: timeframe (removed from Sigma)".to_owned())),
            _ => {
                let found = faults.of(search(value, context)).unwrap_or_else(|| Expr::All(Vec::new()));
                named.push((name, found));
            }
        }
    }
    let missing = || (node.at, "detection has no condition".to_owned());
    let Some(conditions) = faults.of(conditions.ok_or_else(missing)) else { return Err(faults.told(node.at)) };
    if named.is_empty() {
        faults.add((node.at, "detection defines nothing to look for".to_owned()));
        return Err(faults.told(node.at));
    }
    let names: Vec<String> = named.iter().map(|(n, _)| n.clone()).collect();
    let mut out = Vec::new();
    let mut budget = SIZE_LIMIT;
    for condition in conditions.elements() {
        let text = condition.scalar().ok_or_else(|| (condition.at, "condition is no text".to_owned()));
        let cond = text.and_then(|text| condition::parse(&text, &names).map_err(|what| (condition.at, what)));
        let Some(cond) = faults.of(cond).filter(|_| faults.0.is_none()) else { continue };
        out.push(build(&cond, &named, &mut budget).ok_or_else(|| (condition.at, "rule grows too large".to_owned()))?);
    }
    if out.is_empty() || faults.0.is_some() {
        let empty = || (conditions.at, "condition is empty".to_owned());
        return Err(faults.0.unwrap_or_else(empty));
    }
    Ok(one(out, Expr::Any))
}

/// What is wrong with a rule: told as one, at the place of the first.
#[derive(Default)]
struct Faults(Option<(At, String)>, usize);

impl Faults {
    /// Further ones are told up to so many.
    const MOST: usize = 20;

    fn add(&mut self, (at, what): (At, String)) {
        let Some((_, all)) = &mut self.0 else {
            self.0 = Some((at, what));
            return;
        };
        self.1 += 1;
        if self.1 <= Self::MOST {
            all.push_str(&format!("; {}:{}: {what}", at.line, at.column));
        }
    }

    /// What there is, or nothing and a fault more.
    fn of<T>(&mut self, result: Result<T, (At, String)>) -> Option<T> {
        result.map_err(|fault| self.add(fault)).ok()
    }

    fn told(self, at: At) -> (At, String) {
        self.0.unwrap_or_else(|| (at, "cannot be used".to_owned()))
    }
}

fn build(cond: &Cond, named: &[(String, Expr)], budget: &mut usize) -> Option<Expr> {
    Some(match cond {
        Cond::Name(name) => {
            let expr = named.iter().find(|(n, _)| n == name).map(|(_, e)| e)?;
            *budget = budget.checked_sub(size(expr))?;
            expr.clone()
        }
        Cond::Not(inner) => Expr::Not(Box::new(build(inner, named, budget)?)),
        Cond::All(parts) => Expr::All(parts.iter().map(|p| build(p, named, budget)).collect::<Option<_>>()?),
        Cond::Any(parts) => Expr::Any(parts.iter().map(|p| build(p, named, budget)).collect::<Option<_>>()?),
    })
}

/// How many nodes it is made of; what is shared counts.
pub(super) fn size(expr: &Expr) -> usize {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => 1 + parts.iter().map(size).sum::<usize>(),
        Expr::Not(inner) => 1 + size(inner),
        Expr::Shared(inner) => 1 + size(inner),
        // Each was a keyword of its own.
        Expr::Keyword(Test::Words(words)) => 1 + words.patterns().len(),
        Expr::Field(..) | Expr::Keyword(_) => 1,
    }
}

fn search(node: &Node, context: &mut Context<'_>) -> Result<Expr, (At, String)> {
    match &node.what {
        What::Map(pairs) if !pairs.is_empty() => {
            let (mut all, mut faults) = (Vec::with_capacity(pairs.len()), Faults::default());
            for (key, value) in pairs {
                let name = match key.what {
                    What::Null => Ok(String::new()),
                    _ => key.scalar().ok_or_else(|| (key.at, "a field name is no text".to_owned())),
                };
                let part = name.and_then(|name| mapped(&name, value, context).map_err(|what| (value.at, what)));
                all.extend(faults.of(part).flatten());
            }
            if let Some(fault) = faults.0 {
                return Err(fault);
            }
            if all.is_empty() {
                return Err((node.at, "a mapping drops all fields of this identifier".to_owned()));
            }
            Ok(one(all, Expr::All))
        }
        What::List(items) if !items.is_empty() => {
            let any = items.iter().map(|i| search(i, context)).collect::<Result<Vec<Expr>, _>>()?;
            let are_keywords = any.iter().all(|part| matches!(part, Expr::Keyword(_)));
            Ok(if are_keywords { words::any(any, false) } else { one(any, Expr::Any) })
        }
        What::Map(_) | What::List(_) => Err((node.at, "an identifier is empty".to_owned())),
        What::Null => Err((node.at, "an identifier is null".to_owned())),
        _ => keyword(node, context).map_err(|what| (node.at, what)),
    }
}

/// `key: value` under the names that a mapping gives the field: one of them is enough. `None` where it drops the item.
fn mapped(key: &str, value: &Node, context: &mut Context<'_>) -> Result<Option<Expr>, String> {
    let (field, modifiers) = key.split_once('|').map_or((key, None), |(field, modifiers)| (field, Some(modifiers)));
    if field.is_empty() {
        return item(key, value, context).map(Some);
    }
    let mut any = Vec::new();
    for name in context.fields(field)? {
        any.push(match modifiers {
            Some(modifiers) => item(&format!("{name}|{modifiers}"), value, context)?,
            None => item(&name, value, context)?,
        });
    }
    Ok((!any.is_empty()).then(|| one(any, Expr::Any)))
}
