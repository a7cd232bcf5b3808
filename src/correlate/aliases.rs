//! What addresses are called, and where names lie: told by records that have both, to the scopes that may know it.
//!
//! A name that the records of one scope give to an address says what that scope did there. It is told to that scope alone: to others
//! only by records that are nobody's, in a log that tells of them too. What is nobody's, and whoever acts for others, may know it all.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::model::observation::{Key, Seen};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::whose::{Side, Tenant, Whose, address};

use super::way;

/// The names and addresses that each scope may know.
#[derive(Default)]
pub(super) struct Aliases<'a> {
    /// Of all records together: for what is nobody's, and where no scope has others beside it.
    all: Known<'a>,
    /// Of each of several scopes.
    of: HashMap<&'a str, Known<'a>>,
}

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
            for key in source.observations.kept.keys().filter(tells) {
                told.all.add(whose, &key);
                if is_parted {
                    for scope in owners.may_know(&key) {
                        told.of.entry(scope).or_default().add(whose, &key);
                    }
                }
            }
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

    fn known(&self, whose: &Whose, scope: &str) -> Option<&Known<'a>> {
        let is_scope = whose.tenants.len() > 1 && whose.tenants.iter().any(|t| t.name == scope);
        if is_scope { self.of.get(scope) } else { Some(&self.all) }
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
