//! What addresses are called, and where names lie: told by records that have both, to the scopes that may know it.
//!
//! A name that the records of one scope give to an address says what that scope did there. It is told to that scope alone: to others
//! only by records that are nobody's, in a log that tells of them too. What is nobody's, and whoever acts for others, may know it all.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::model::naming::{Names, digest};
use crate::model::observation::{Key, Seen};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::time::{HOUR_SECS, Span};
use crate::model::whose::{Side, Tenant, Whose, address};

use super::way;

const DAY_SECS: i64 = 24 * HOUR_SECS;

/// The names and addresses that each scope may know.
#[derive(Default)]
pub(super) struct Aliases<'a> {
    /// Of all records together: for what is nobody's, and where no scope has others beside it.
    all: Known<'a>,
    /// Of each of several scopes.
    of: HashMap<&'a str, Known<'a>>,
    /// What DNS answers and handshakes call addresses, for what is nobody's, and where no scope has others beside it.
    called: Called<'a>,
    /// The same by logs that are of one of several scopes alone.
    called_of: HashMap<&'a str, Called<'a>>,
}

/// Names of addresses, by records that tell of no bytes, with the time of the logs in which a resolver gave them.
type Called<'a> = HashMap<&'a str, (Names, Option<Span>)>;

/// What the records that may be known show, where it is exactly one.
#[derive(Default)]
struct Known<'a> {
    /// The one address of a name.
    addresses: Singles<'a>,
    /// The one name of an outside address.
    names: Singles<'a>,
}

impl<'a> Aliases<'a> {
    /// Joins what all sources say.
    pub(super) fn of(merged: &'a Partial, whose: &'a Whose) -> Self {
        let mut told = Self::default();
        let is_parted = whose.tenants.len() > 1;
        for source in merged.sources.values() {
            let mut owners = Owners::new(whose, source);
            if is_parted
                && !source.observations.naming.is_empty()
                && let Some(scope) = owners.only()
            {
                call(told.called_of.entry(scope).or_default(), source);
            }
            call(&mut told.called, source);
            for key in source.observations.kept.keys().filter(tells) {
                told.all.add(whose, &key);
                if is_parted {
                    for scope in owners.may_know(&key) {
                        told.of.entry(scope).or_default().add(whose, &key);
                    }
                }
            }
        }
        // A source that has more addresses than are kept may have known another name of what is beyond them.
        if let Some(reach) = merged.sources.values().filter_map(|source| source.observations.naming.reach()).min() {
            let all = told.called_of.values_mut().chain([&mut told.called]);
            all.for_each(|called| called.retain(|address, _| digest(address) <= reach));
        }
        told
    }

    /// The one name of an outside address, as far as a scope may know it.
    pub(super) fn name_of(&self, whose: &Whose, scope: &str, server: &str) -> Option<&'a str> {
        self.known(whose, scope)?.names.get(server)
    }

    /// The one address of a name, as far as a scope may know it.
    pub(super) fn address_of(&self, whose: &Whose, scope: &str, name: &str) -> Option<&'a str> {
        self.known(whose, scope)?.addresses.get(name)
    }

    /// The one address of a name, for what tells nobody of it.
    pub(super) fn address(&self, name: &str) -> Option<&'a str> {
        self.all.addresses.get(name)
    }

    /// What DNS answers and handshakes call an address, as far as a scope may know it; nothing of one that has more names than are kept,
    /// or that no log of the time, or of a day beside it, has an answer for: addresses change hands.
    pub(super) fn called(
        &self,
        whose: &Whose,
        scope: &str,
        (address, time): (&str, Option<Span>),
    ) -> impl Iterator<Item = &str> {
        let called = if is_one_of_several(whose, scope) { self.called_of.get(scope) } else { Some(&self.called) };
        let is_of_then = |answered: Span| {
            time.is_some_and(|time| {
                answered.first.plus_secs(-DAY_SECS) <= time.first && time.last <= answered.last.plus_secs(DAY_SECS)
            })
        };
        let known = called.and_then(|called| called.get(address));
        let known = known.filter(|(names, answered)| !names.more && answered.is_some_and(is_of_then));
        known.into_iter().flat_map(|(names, _)| &names.kept).map(|name| &**name)
    }

    fn known(&self, whose: &Whose, scope: &str) -> Option<&Known<'a>> {
        if is_one_of_several(whose, scope) { self.of.get(scope) } else { Some(&self.all) }
    }
}

fn is_one_of_several(whose: &Whose, scope: &str) -> bool {
    whose.tenants.len() > 1 && whose.tenants.iter().any(|t| t.name == scope)
}

/// Adds what a source calls addresses.
fn call<'a>(called: &mut Called<'a>, source: &'a SourcePartial) {
    for (address, names) in source.observations.naming.iter() {
        let (known, answered) = called.entry(address).or_default();
        known.join(names);
        *answered = Span::join_opt(*answered, source.covered.span.filter(|_| names.answered));
    }
}

/// Whether a conversation has both an address and a name of the other side.
fn tells(key: &Key<'_>) -> bool {
    key.seen != Seen::Dns && !key.server.is_empty() && !key.name.is_empty() && address(key.name).is_none()
}

impl<'a> Known<'a> {
    fn add(&mut self, whose: &Whose, key: &Key<'a>) {
        if matches!(key.seen, Seen::Proxy | Seen::Firewall | Seen::Flow) {
            self.addresses.add(key.name, key.server);
        }
        if whose.side(key.server) == Side::Outside {
            self.names.add(key.server, key.name);
        }
    }
}

/// Who may know what the conversations of one source show.
struct Owners<'a> {
    whose: &'a Whose,
    source: &'a SourcePartial,
    /// Those of whom the source tells at all, once that was asked.
    present: Option<Vec<&'a str>>,
    /// Client and account of the last one asked about, and whose it is: keys are sorted.
    last: Option<((&'a str, &'a str), Vec<&'a str>)>,
}

impl<'a> Owners<'a> {
    fn new(whose: &'a Whose, source: &'a SourcePartial) -> Self {
        Self { whose, source, present: None, last: None }
    }

    fn may_know(&mut self, key: &Key<'a>) -> Vec<&'a str> {
        let owners = self.owners(key);
        let is_shared = |name: &&str| self.whose.tenants.iter().any(|t| t.name == **name && t.shared);
        let mut all = owners.clone();
        if owners.iter().all(is_shared) {
            all.extend(self.present());
        }
        let acts = |t: &&Tenant| {
            let serves = |owner: &&str| t.processor_of.is_empty() || t.processor_of.iter().any(|of| of == owner);
            t.shared && owners.iter().any(serves)
        };
        all.extend(self.whose.tenants.iter().filter(acts).map(|t| t.name.as_str()));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whose a conversation is; nobody's where there are none.
    fn owners(&mut self, key: &Key<'a>) -> Vec<&'a str> {
        let who = (key.client, key.account);
        // What comes from outside is of who was asked.
        let is_inside = self.whose.side(key.client) == Side::Inside;
        if let Some((_, owners)) = self.last.as_ref().filter(|(known, _)| is_inside && *known == who) {
            return owners.clone();
        }
        let owners: Vec<&str> = way::owners(self.whose, key, self.source).into_iter().collect();
        self.last = is_inside.then(|| (who, owners.clone()));
        owners
    }

    /// The scope of which alone the source tells, by its records, and else by where it was delivered.
    fn only(&mut self) -> Option<&'a str> {
        let present = self.present().to_vec();
        let paths = std::iter::once(&self.source.entry.source).chain(&self.source.copies);
        let by_path = || paths.flat_map(|path| self.whose.of_path(path.as_str()));
        let all: BTreeSet<&str> = match present.is_empty() {
            false => present.into_iter().collect(),
            true => by_path().map(|at| self.whose.tenants[at].name.as_str()).collect(),
        };
        all.first().copied().filter(|_| all.len() == 1)
    }

    /// The scopes of which the source tells.
    fn present(&mut self) -> &[&'a str] {
        let (whose, source) = (self.whose, self.source);
        self.present.get_or_insert_with(|| {
            let keys = source.observations.kept.keys();
            let of_keys: BTreeSet<&str> = keys.flat_map(|key| way::owners(whose, &key, source)).collect();
            of_keys.into_iter().collect()
        })
    }
}

/// The pairs whose first is of no other pair.
#[derive(Default)]
struct Singles<'a>(HashMap<&'a str, Option<&'a str>>);

impl<'a> Singles<'a> {
    fn add(&mut self, one: &'a str, other: &'a str) {
        let known = self.0.entry(one).or_insert(Some(other));
        *known = known.filter(|known| *known == other);
    }

    fn get(&self, one: &str) -> Option<&'a str> {
        self.0.get(one).copied().flatten()
    }
}
