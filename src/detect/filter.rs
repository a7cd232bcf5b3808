//! Filters: documents that narrow rules written by others.
//!
//! SOURCE: Sigma specification 2.1.0, filters; as pySigma reads them, a rule matches where its own condition and that of
//! each of its filters hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::document::{Draft, SIZE_LIMIT, detect, logsource, size, text};
use super::item::Expr;
use super::names::Context;
use super::routing::Logsource;
use super::yaml::{At, Node, What};

/// Most filters of one rule.
pub(super) const FILTERS_LIMIT: usize = 1_000;

/// A filter ready to be applied.
pub(super) struct Filter {
    pub at: At,
    /// Ids and names of the rules that it is for; `None` for all.
    rules: Option<BTreeSet<String>>,
    logsource: Logsource,
    /// Steps of the mapping that it took.
    mapped: Vec<usize>,
    expr: Arc<Expr>,
    size: usize,
    /// Whether it excludes anything, as filters are meant to.
    pub excludes: bool,
}

/// Compiles a filter.
pub(super) fn filter(doc: &Node, node: &Node, context: &mut Context<'_>) -> Result<Filter, (At, String)> {
    if text(doc, "title").is_none() {
        return Err((doc.at, "no title".to_owned()));
    }
    let What::Map(_) = node.what else { return Err((node.at, "filter is not a map".to_owned())) };
    let mut detection = node.clone();
    let rules = detection.remove("rules").map(|rules| references(&rules)).transpose()?.flatten();
    let logsource = doc.get("logsource").map(logsource).transpose()?.unwrap_or_default();
    context.applied = context.mapping.of_rule(logsource.clone()).map_err(|what| (doc.at, what))?;
    let mapped = context.applied.numbers();
    let expr = Arc::new(detect(&detection, context)?);
    Ok(Filter { at: doc.at, rules, logsource, mapped, excludes: holds_not(&expr), size: size(&expr), expr })
}

/// The rules that are named; `None` where `any` or nothing is.
fn references(node: &Node) -> Result<Option<BTreeSet<String>>, (At, String)> {
    let mut out = BTreeSet::new();
    for rule in node.elements() {
        match rule.scalar() {
            Some(word) => {
                out.insert(word);
            }
            None if matches!(rule.what, What::Null) => {}
            None => return Err((rule.at, "rules are named by id or name".to_owned())),
        }
    }
    let any = out.is_empty() || out.contains("any");
    Ok((!any).then_some(out))
}

fn holds_not(expr: &Expr) -> bool {
    match expr {
        Expr::Not(_) => true,
        Expr::Shared(inner) => holds_not(inner),
        Expr::All(parts) | Expr::Any(parts) => parts.iter().any(holds_not),
        Expr::Field(..) | Expr::Keyword(_) => false,
    }
}

/// What a filter did to a rule.
pub(super) enum Fit {
    /// It is not for it.
    Other,
    Narrowed,
    /// It is for it, and the rule takes no more: it matches what it matched.
    Full,
    /// It is for it, but a mapping names the rule's fields otherwise than the filter's: the rule matches what it matched.
    Mapped,
}

impl Filter {
    /// Narrows a rule if it is for it. The rule's log source must be one that the filter's takes in.
    pub fn narrow(&self, draft: &mut Draft) -> Fit {
        let wider = |filter: &Option<String>, rule: &Option<String>| filter.is_none() || filter == rule;
        let (filter, rule) = (&self.logsource, &draft.stated);
        let fits = wider(&filter.product, &rule.product)
            && wider(&filter.category, &rule.category)
            && wider(&filter.service, &rule.service)
            && self.rules.as_ref().is_none_or(|rules| draft.refs.iter().any(|named| rules.contains(named)));
        if !fits {
            return Fit::Other;
        }
        if draft.mapped != self.mapped {
            return Fit::Mapped;
        }
        if draft.filters >= FILTERS_LIMIT || draft.size + self.size > SIZE_LIMIT {
            return Fit::Full;
        }
        if draft.filters == 0 {
            let own = std::mem::replace(&mut draft.expr, Expr::Any(Vec::new()));
            draft.expr = Expr::All(vec![own]);
        }
        // Side by side: what is evaluated does not nest deeper the more filters there are.
        if let Expr::All(parts) = &mut draft.expr {
            parts.push(Expr::Shared(Arc::clone(&self.expr)));
        }
        draft.filters += 1;
        draft.size += self.size;
        Fit::Narrowed
    }
}
