//! Filters: documents that narrow rules written by others.
//!
//! SOURCE: Sigma specification 2.1.0, filters; as pySigma reads them, a rule matches where its own condition and that of
//! each of its filters hold.

use std::sync::Arc;

use super::document::{Draft, detect, logsource, text};
use super::item::Expr;
use super::names::Context;
use super::routing::Logsource;
use super::yaml::{At, Node, What};

/// A filter ready to be applied.
pub(super) struct Filter {
    pub at: At,
    /// Ids and names of the rules that it is for; `None` for all.
    rules: Option<Vec<String>>,
    logsource: Logsource,
    expr: Arc<Expr>,
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
    let expr = Arc::new(detect(&detection, context)?);
    Ok(Filter { at: doc.at, rules, logsource, excludes: holds_not(&expr), expr })
}

/// The rules that are named; `None` where `any` or nothing is.
fn references(node: &Node) -> Result<Option<Vec<String>>, (At, String)> {
    let mut out = Vec::new();
    for rule in node.elements() {
        match rule.scalar() {
            Some(word) => out.push(word),
            None if matches!(rule.what, What::Null) => {}
            None => return Err((rule.at, "rules are named by id or name".to_owned())),
        }
    }
    let any = out.is_empty() || out.iter().any(|word| word == "any");
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

impl Filter {
    /// Narrows a rule if it is for it, and says whether it is. The rule's log source must be one that the filter's takes in.
    pub fn narrow(&self, draft: &mut Draft) -> bool {
        let wider = |filter: &Option<String>, rule: &Option<String>| filter.is_none() || filter == rule;
        let (filter, rule) = (&self.logsource, &draft.logsource);
        let fits = wider(&filter.product, &rule.product)
            && wider(&filter.category, &rule.category)
            && wider(&filter.service, &rule.service)
            && self.rules.as_ref().is_none_or(|rules| rules.iter().any(|named| draft.refs.contains(named)));
        if fits {
            let own = std::mem::replace(&mut draft.expr, Expr::Any(Vec::new()));
            draft.expr = Expr::All(vec![own, Expr::Shared(Arc::clone(&self.expr))]);
        }
        fits
    }
}
