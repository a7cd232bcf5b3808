//! Halves of records that a rotation cut: what the one lends in a file of a log, the other takes in a later one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::loose::{Lent, NOBODY, Taken, Tie};
use crate::model::observation::{Cited, Hour, ObservationKey, Observed, Seen, Sum};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::time::{HOUR_SECS, Span};

/// What was lent longer ago is another one's: mail servers give up after five days.
const LENT_SECS: i64 = 5 * 24 * HOUR_SECS;

/// The same with the halves joined that the files of one log have of each other; `None` where there is none.
pub fn joined(merged: &Partial) -> Option<Partial> {
    let mut lent: HashMap<(String, Tie), Vec<&Lent>> = HashMap::new();
    for source in merged.sources.values().filter(|source| !source.observations.loose.lent.is_empty()) {
        let log = source.entry.source.log();
        source.observations.loose.lent.iter().for_each(|(tie, known)| {
            lent.entry((log.clone(), *tie)).or_default().push(known);
        });
    }
    let mut all: Option<Partial> = None;
    for (key, source) in merged.sources.iter().filter(|(_, source)| !source.observations.loose.taken.is_empty()) {
        let log = source.entry.source.log();
        let of = |taken: &Taken| {
            let known = lent.get(&(log.clone(), taken.tie)).into_iter().flatten().copied();
            let before = known.filter(|lent| lent.at <= taken.at && taken.at <= lent.at.plus_secs(LENT_SECS));
            whole(taken, before.max()?)
        };
        let found: Vec<_> = source.observations.loose.taken.iter().filter_map(of).collect();
        if !found.is_empty() {
            let changed = Arc::new(with(source, found));
            all.get_or_insert_with(|| merged.clone()).sources.insert(key.clone(), changed);
        }
    }
    all
}

/// A source with more conversations.
fn with(source: &SourcePartial, found: Vec<(ObservationKey, Observed)>) -> SourcePartial {
    let mut source = source.clone();
    for (key, _) in &found {
        if let Some(unread) = source.covered.unread.get_mut(&key.seen) {
            *unread = unread.saturating_sub(1);
        }
    }
    source.covered.unread.retain(|_, records| *records > 0);
    let mut all: BTreeMap<ObservationKey, Observed> = BTreeMap::new();
    let known = source.observations.kept.iter().map(|(key, told)| (key.to_owned(), told.unpack()));
    known.chain(found).for_each(|(key, seen)| all.entry(key).or_default().join(seen));
    source.observations.kept = all.into_iter().collect();
    source
}

/// The record of both halves; `None` for a mail that stays with its sender's domain.
fn whole(taken: &Taken, lent: &Lent) -> Option<(ObservationKey, Observed)> {
    let mut key = taken.key.clone();
    let is_mail = key.seen == Seen::Mail;
    // A mail server whose log does not name it says who handed the mail in.
    if *key.client == *NOBODY || is_mail && key.client.is_empty() {
        key.client.clone_from(&lent.client);
    }
    if key.account.is_empty() {
        key.account.clone_from(&lent.account);
    }
    if is_mail {
        let own = lent.account.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
        let others = key.name.split(',').filter(|domain| !domain.eq_ignore_ascii_case(own));
        key.name = others.collect::<Vec<_>>().join(",").into();
    }
    let is_told = if is_mail { !key.name.is_empty() } else { !key.client.is_empty() };
    let up = taken.up.or(lent.up.filter(|_| is_mail));
    let (bytes, span) = (up.max(taken.down).unwrap_or(0), Some(Span::at(taken.at)));
    let cited = Cited { bytes, up: up > taken.down, span, place: taken.place, sha256: taken.sha256 };
    let hour = Hour { span, sum: Sum::of_record(up, taken.down) };
    let seen = Observed { hours: vec![hour], cited: vec![cited], ..Observed::default() };
    is_told.then_some((key, seen))
}
