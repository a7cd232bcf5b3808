//! Network cards that leases name: whose they are by other records of the log, and names of which one is the first label of another.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::model::assigned::{Assignment, Giver, Holder};
use crate::model::partial::Partial;
use crate::model::place::Locator;
use crate::model::time::Instant;

use super::holding::Records;

/// The names under which hosts had a card, sorted by time.
type Names<'a> = Vec<(Instant, &'a str)>;

/// Under which names hosts had a card, by the log that says so and the card.
#[derive(Default)]
pub(super) struct Cards<'a>(HashMap<String, HashMap<&'a str, Names<'a>>>);

impl<'a> Cards<'a> {
    /// Those of all logs. One log tells nothing of a card to another one, which may be somebody else's.
    pub(super) fn of(merged: &'a Partial) -> Self {
        let mut all = Self::default();
        for source in merged.sources.values().filter(|source| !source.observations.assigned.is_empty()) {
            let known = all.0.entry(source.entry.source.log()).or_default();
            for Assignment { at, holder, .. } in &source.observations.assigned.kept {
                if !holder.card.is_empty() && !holder.host.is_empty() {
                    known.entry(&holder.card).or_default().push((*at, &holder.host));
                }
            }
        }
        all.0.values_mut().flat_map(HashMap::values_mut).for_each(|names| names.sort_unstable());
        all
    }

    /// Whom a record of a log speaks of: a host by its name, whatever card it has; what has no name by that under which its card was
    /// known last, or else first.
    pub(super) fn name(&self, of: &'a Assignment, log: &str) -> Cow<'a, Holder> {
        let Holder { host, card, .. } = &of.holder;
        if card.is_empty() {
            return Cow::Borrowed(&of.holder);
        }
        let known = self.0.get(log).and_then(|cards| cards.get(&**card)).filter(|_| host.is_empty());
        let last = known.and_then(|names| {
            let until = names.partition_point(|(at, _)| *at <= of.at);
            names.get(until.saturating_sub(1)).map(|(_, name)| *name)
        });
        match last.or(Some(&**host).filter(|host| !host.is_empty())) {
            Some(name) => Cow::Owned(Holder { host: name.into(), card: "".into(), ..of.holder.clone() }),
            None => Cow::Borrowed(&of.holder),
        }
    }
}

/// Gives hosts that had one address their full name, where records have the first label of one alone: those of logs that the same
/// scopes claim, for others' hosts of that name are others.
pub(super) fn spell<'s>(records: &mut Records<'_>, scopes: impl Fn(&Locator) -> &'s [usize]) {
    let mut full: BTreeMap<(&[usize], String), Option<Box<str>>> = BTreeMap::new();
    for (_, log, holder) in records.iter().filter(|(.., holder)| holder.giver == Giver::Dhcp) {
        if let Some((label, _)) = holder.host.split_once('.') {
            let name = (scopes(log), label.to_owned());
            let known = full.entry(name).or_insert_with(|| Some(holder.host.clone()));
            *known = known.take().filter(|known| *known == holder.host);
        }
    }
    if full.is_empty() {
        return;
    }
    for (_, log, holder) in records.iter_mut().filter(|(.., holder)| holder.giver == Giver::Dhcp) {
        if let Some(Some(name)) = full.get(&(scopes(log), holder.host.to_string())) {
            holder.to_mut().host.clone_from(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place::{Place, RecordDigest};

    fn record(secs: i64, host: &str, card: &str) -> Assignment {
        let place = Place { offset: 0, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
        let holder =
            Holder { giver: Giver::Dhcp, account: "".into(), host: host.into(), peer: "".into(), card: card.into() };
        let (at, sha256) = (Instant::from_secs(secs).unwrap(), RecordDigest([0; 32]));
        Assignment { at, address: "10.0.0.1".into(), ends: false, holder, place, sha256 }
    }

    #[test]
    fn a_card_without_a_name_is_the_hosts_that_was_known_by_it_last() {
        let mut cards = Cards::default();
        let known = cards.0.entry("e/dhcp.log".to_owned()).or_default();
        let at = |secs| Instant::from_secs(secs).unwrap();
        known.insert("aa", vec![(at(10), "pc1"), (at(20), "pc2")]);
        let named = |secs, host, card| {
            let record = record(secs, host, card);
            let holder = cards.name(&record, "e/dhcp.log").into_owned();
            (holder.host.to_string(), holder.card.to_string())
        };
        let host = |name: &str| (name.to_owned(), String::new());
        assert_eq!(
            [named(5, "", "aa"), named(15, "", "aa"), named(25, "", "aa")].map(|(name, _)| name),
            ["pc1", "pc1", "pc2"]
        );
        assert_eq!(named(15, "pc3", "aa"), host("pc3"), "the record says so itself");
        assert_eq!(named(15, "", "bb"), (String::new(), "bb".to_owned()), "of which no record has a name");
        let other = record(15, "", "aa");
        assert_eq!(&*cards.name(&other, "e/other.log").host, "", "of another log");
    }

    #[test]
    fn a_short_name_is_that_of_the_one_host_whose_full_name_begins_so() {
        let spelled = |hosts: &[&str]| {
            let all: Vec<Assignment> = (0..).zip(hosts).map(|(at, host)| record(at, host, "")).collect();
            let log = Locator::from_encoded("e/dhcp.log");
            let mut records: Records<'_> = all.iter().map(|of| (of, &log, Cow::Borrowed(&of.holder))).collect();
            spell(&mut records, |_| &[]);
            records.iter().map(|(.., holder)| holder.host.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(spelled(&["pc1", "pc1.hc.example", "pc10"]), ["pc1.hc.example", "pc1.hc.example", "pc10"]);
        assert_eq!(spelled(&["pc1", "pc1.a.example", "pc1.b.example"]), ["pc1", "pc1.a.example", "pc1.b.example"]);
        let all = [record(1, "pc1", ""), record(2, "pc1.b.example", "")];
        let logs = ["a/dhcp.log", "b/dhcp.log"].map(Locator::from_encoded);
        let mut records: Records<'_> =
            all.iter().zip(&logs).map(|(of, log)| (of, log, Cow::Borrowed(&of.holder))).collect();
        spell(&mut records, |log| if log.as_str().starts_with('a') { &[0] } else { &[1] });
        assert_eq!(&*records[0].2.host, "pc1", "of another scope");
    }
}
