//! What correlations ask of the records that rules match.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::document::Draft;
use super::names::Names;
use crate::model::correlation::Correlations;

/// By rule on which correlations count: its id and the fields that they ask its records for, each by its name and the number
/// of that. What a correlation asks of another one, that one's rules are asked too.
pub(super) type Asked = BTreeMap<u32, (Arc<str>, Vec<(Arc<str>, u32)>)>;

/// What correlations ask of rules.
pub(super) fn asked(correlations: &Correlations, drafts: &[Draft], names: &mut Names) -> Asked {
    let numbers: HashMap<&str, u32> = drafts
        .iter()
        .map(|draft| draft.meta.id.as_str())
        .zip(0u32..)
        .filter(|_| !correlations.list.is_empty())
        .collect();
    let places: HashMap<&str, usize> = correlations.list.iter().map(|c| c.meta.id.as_str()).zip(0..).collect();
    let mut out: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let fields: HashMap<&Arc<str>, u32> =
        correlations.fields.iter().map(|field| (field, names.number(field))).collect();
    let mut below: Vec<Vec<u32>> = Vec::new();
    for correlation in &correlations.list {
        let mut rules_below = Vec::new();
        for (number, member) in correlation.members.iter().enumerate() {
            let mut rules: Vec<u32> = Vec::new();
            for target in &member.targets {
                match (numbers.get(&**target), places.get(&**target)) {
                    (Some(rule), _) => rules.push(*rule),
                    (None, Some(at)) => rules.extend(below.get(*at).into_iter().flatten()),
                    (None, None) => {}
                }
            }
            rules.sort_unstable();
            rules.dedup();
            let asked: Vec<u32> =
                correlation.keys().filter_map(|key| fields.get(key.fields.get(number)?).copied()).collect();
            rules.iter().for_each(|rule| out.entry(*rule).or_default().extend(&asked));
            rules_below.extend(rules);
        }
        rules_below.sort_unstable();
        rules_below.dedup();
        below.push(rules_below);
    }
    let texts: HashMap<u32, &Arc<str>> = fields.iter().map(|(field, name)| (*name, *field)).collect();
    let named = |name: u32| texts.get(&name).map(|field| (Arc::clone(field), name));
    let all = out.into_iter().filter_map(|(rule, asked)| {
        let id = drafts.get(rule as usize)?.meta.id.as_str().into();
        Some((rule, (id, asked.into_iter().filter_map(named).collect())))
    });
    all.collect()
}
