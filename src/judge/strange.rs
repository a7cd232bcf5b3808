//! J-93: what a cloud or file service gave where, by a finding, a stranger used the account that it knew.

use std::collections::{BTreeMap, BTreeSet};

use super::Bench;
use super::intrusion::shares_account;
use super::movement::{Movement, is_answer};
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Level, Outcome, Stage};
use crate::model::whose::{Side, Whose};

/// Findings of level medium or above that an account was used from an address outside by somebody that it is not of: of how somebody
/// came in, and it succeeded. By that address.
pub(super) fn strangers<'a>(findings: &[&'a Finding], whose: &Whose) -> BTreeMap<&'a str, Vec<&'a Finding>> {
    let mut all: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    let tells = |f: &&&'a Finding| {
        f.kind != FindingKind::Indicator
            && f.level >= Level::Medium
            && f.outcome == Outcome::Succeeded
            && f.stage.contains(&Stage::InitialAccess)
            && !f.entities.accounts.is_empty()
    };
    for f in findings.iter().filter(tells) {
        let sources = f.entities.sources.iter().filter(|from| whose.side(from) == Side::Outside);
        sources.for_each(|from| all.entry(from).or_default().push(f));
    }
    all
}

/// The findings that say so of the account by which a movement was asked for, and of the address.
pub(super) fn of<'a>(bench: &Bench<'a>, m: &Movement<'a>) -> BTreeSet<&'a str> {
    let answers = m.transfers.iter().filter(|t| is_answer(t));
    let told = answers.flat_map(|t| {
        let there = bench.strangers.get(t.to.as_str()).into_iter().flatten();
        there.filter(|f| shares_account(f, &t.accounts, &t.seen_by, &bench.forgeable))
    });
    told.map(|f| f.id.as_str()).collect()
}
