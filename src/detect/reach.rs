//! Which rules records are for, by their log source alone.

use std::collections::BTreeSet;

use super::routing::{self, Logsource};
use super::{Program, Routing};
use crate::model::fields::Fields;

/// Which log sources of a program's rules some record has.
#[derive(Debug, Clone, Default)]
pub struct Reached(Vec<bool>);

impl Reached {
    /// What either shows.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        self.0.resize(self.0.len().max(other.0.len()), false);
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine |= theirs);
        self
    }
}

impl Program {
    /// Notes the log sources of rules that a record of this format has.
    pub fn reach(&self, format: &str, fields: &Fields<'_>, reached: &mut Reached) {
        reached.0.resize(self.logsources.len(), false);
        let facts = routing::facts(format, fields);
        for (source, seen) in self.logsources.iter().zip(&mut reached.0).filter(|(_, seen)| !**seen) {
            *seen = routing::applies(&self.routing, source, &facts);
        }
    }

    /// Numbers of the rules whose log source no record had: none of them can have fired on it.
    pub fn unreached(&self, reached: &Reached) -> Vec<u32> {
        self.without(|at, _| reached.0.get(at).copied().unwrap_or(false))
    }

    /// Numbers of the correlations that count on these rules alone, directly or by others.
    pub fn correlations_over(&self, rules: &[u32]) -> Vec<usize> {
        let list = &self.correlations().list;
        let mut ids: BTreeSet<&str> = rules.iter().map(|rule| self.rules()[*rule as usize].id.as_str()).collect();
        let mut found = BTreeSet::new();
        loop {
            let is_over = |at: &usize| !found.contains(at) && list[*at].targets().all(|id| ids.contains(&**id));
            let more: Vec<usize> = (0..list.len()).filter(is_over).collect();
            if more.is_empty() {
                return found.into_iter().collect();
            }
            ids.extend(more.iter().map(|at| list[*at].meta.id.as_str()));
            found.extend(more);
        }
    }

    /// Numbers of the rules whose log source no log of these formats can be.
    pub fn never_in(&self, formats: &BTreeSet<&str>) -> Vec<u32> {
        self.without(|_, source| formats.iter().any(|format| routing::possible(&self.routing, format, source)))
    }

    /// Numbers of the rules whose log source does not pass.
    fn without(&self, passes: impl Fn(usize, &Logsource) -> bool) -> Vec<u32> {
        let passes: Vec<bool> = self.logsources.iter().enumerate().map(|(at, source)| passes(at, source)).collect();
        (0u32..).zip(&self.logsource).filter(|(_, at)| !passes[**at as usize]).map(|(rule, _)| rule).collect()
    }

    /// The log source that a rule asks for, in words; `any` where it states none or none is asked for.
    pub fn asks_for(&self, rule: u32) -> String {
        match (&self.routing, self.logsource.get(rule as usize)) {
            (Routing::Any, _) | (_, None) => "any".to_owned(),
            (_, Some(at)) => self.logsources[*at as usize].words(),
        }
    }
}

impl Logsource {
    /// As `product windows, service security`.
    pub(super) fn words(&self) -> String {
        let stated = [("product", &self.product), ("category", &self.category), ("service", &self.service)];
        let stated = stated.iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key} {value}")));
        let words = stated.collect::<Vec<_>>().join(", ");
        if words.is_empty() { "any".to_owned() } else { words }
    }
}
