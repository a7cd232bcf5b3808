//! What the merged Partials mean together: findings, transfers, coverage. Everything here is a pure function of the
//! merged Partial and the scopes.

mod alerts;
mod aliases;
mod assigned;
mod beacons;
mod calls;
mod cards;
mod cells;
mod clients;
mod clocks;
mod correlated;
mod coverage;
mod egress;
mod exits;
mod figure;
mod forms;
mod found;
mod gateways;
mod groups;
mod handed;
mod held;
mod holding;
mod lasting;
mod logged;
mod logons;
mod long;
mod lookups;
mod loose;
mod many;
mod moved;
mod natives;
mod once;
mod ordinary;
mod overlaps;
mod pages;
mod parted;
mod passed;
mod patterns;
mod proxied;
mod referred;
mod refused;
mod relays;
mod repeats;
mod routes;
mod shelves;
mod silent;
mod skews;
mod stock;
mod touched;
mod translated;
mod tunnels;
mod twins;
mod unclaimed;
mod way;
mod weak;
pub mod windows;

use std::collections::{BTreeMap, BTreeSet};

use itertools::Itertools;

use crate::model::coverage::Coverage;
use crate::model::findings::Findings;
use crate::model::observation::Observations;
use crate::model::part::Decide;
use crate::model::partial::Partial;
use crate::model::place::{Locator, RecordDigest};
use crate::model::rule::Route;
use crate::model::time::Span;
use crate::model::transfer::Transfer;
use crate::model::whose::{Side, UNATTRIBUTED, Whose};
use crate::work::Work;

/// The merged evidence with what joins its entities.
pub struct World<'a> {
    merged: &'a Partial,
    whose: &'a Whose,
    /// What addresses are called, and where names lie.
    aliases: aliases::Aliases<'a>,
    /// The one web server of a scope, by [`Whose::entity`], where the edge saw exactly one serve outside clients.
    web_server_of: BTreeMap<String, String>,
    /// The hosts of logs of clients' tools that do not say on which one they were written.
    clients: clients::Clients<'a>,
    /// Logs of servers of files, by folder.
    file_servers: BTreeMap<String, BTreeSet<String>>,
    /// Of each file of a log that was rotated, the log: what its files saw adds up, because they follow each other.
    log_of: BTreeMap<&'a Locator, Locator>,
    /// Logs that hold the same records in part.
    overlaps: overlaps::Overlaps,
    /// Those of these that hold the same records, all of them.
    twins: twins::Twins<'a>,
    /// Patterns over several records that were decided, and those that cannot be.
    joints: Vec<patterns::Joint<'a>>,
    /// Correlations that were decided.
    correlated: correlated::Correlated<'a>,
    /// Who held an address when.
    assigned: assigned::Holdings<'a>,
    /// Which accounts were logged on from where.
    logons: logons::Logons<'a>,
    /// What sessions moved of which no record says that they ended.
    lasting: lasting::Lasting<'a>,
    /// How far the clocks of logs are apart.
    clocks: clocks::Clocks,
    /// Calls by their numbers.
    calls: calls::Calls<'a>,
    /// DNS tunnels, sorted.
    tunnels: Vec<tunnels::Tunnel>,
    /// Names that look like data, for which several clients ask.
    many: Vec<many::Many>,
    /// Routes on which a source has more conversations than were kept.
    capped: BTreeSet<Route>,
}

/// Joins entities across sources.
pub fn world<'a>(merged: &'a Partial, whose: &'a Whose) -> World<'a> {
    let is_cut = |o: &&Observations| o.rest.records > 0 || o.sessions.is_cut;
    let capped = merged.sources.values().map(|s| &s.observations).filter(is_cut);
    let log_of = rotated(merged);
    let mut world = World {
        merged,
        whose,
        aliases: aliases::Aliases::of(merged, whose),
        overlaps: overlaps::Overlaps::of(merged, &log_of),
        twins: twins::Twins::default(),
        log_of,
        joints: Vec::new(),
        assigned: assigned::Holdings::of(merged, whose),
        logons: logons::Logons::of(merged, whose),
        lasting: lasting::Lasting::of(merged),
        clocks: clocks::Clocks::default(),
        calls: calls::Calls::of(merged),
        tunnels: Vec::new(),
        many: Vec::new(),
        correlated: correlated::Correlated::default(),
        web_server_of: way::web_servers(merged, whose),
        file_servers: way::file_servers(merged),
        clients: clients::Clients::default(),
        capped: capped
            .flat_map(|o| o.kept.keys().map(|key| key.seen).dedup())
            .flat_map(routes::observed)
            .copied()
            .collect(),
    };
    world.clients = clients::Clients::of(&world);
    world.twins = twins::Twins::of(merged, &world.overlaps);
    world.clocks = clocks::Clocks::of(&world);
    (world.tunnels, world.many) = tunnels::all(&world);
    world
}

impl<'w> World<'w> {
    /// The same with the patterns over several records decided.
    #[must_use]
    pub fn with_patterns(mut self, decide: Decide) -> Self {
        self.joints = patterns::all(self.merged, &self.overlaps, decide);
        self
    }

    /// Whose something of a source is, where it was delivered as `place`: what one of the logs that hold the same records claims
    /// is not nobody's.
    fn home(&self, place: &Locator, of: impl Fn(&'w Whose, &Locator) -> &'w str) -> &'w str {
        let own = of(self.whose, place);
        if own != UNATTRIBUTED || self.whose.tenants.is_empty() {
            return own;
        }
        let others = self.overlaps.all_of(place).iter().map(|log| of(self.whose, log));
        others.into_iter().find(|scope| *scope != UNATTRIBUTED).unwrap_or(own)
    }

    /// The same with the correlations decided.
    #[must_use]
    pub fn with_correlations(mut self) -> Self {
        self.correlated = correlated::all(self.merged, &self.overlaps);
        self
    }
}

/// The same with the halves of records joined that the files of one log have of each other, and with what mail servers tell that the
/// next one tells too; `None` where there is neither.
pub fn joined(merged: &Partial, whose: &Whose) -> Option<Partial> {
    let whole = loose::joined(merged);
    handed::once(whole.as_ref().unwrap_or(merged), whose).or(whole)
}

/// The files of each log ([`Locator::log`]) of which no two cover the same time, or that a service delivers as the pieces of one.
/// Others that do may hold copies of the same records, and stay sources of their own.
fn rotated(merged: &Partial) -> BTreeMap<&Locator, Locator> {
    let mut logs: BTreeMap<String, Vec<(Span, &Locator)>> = BTreeMap::new();
    for source in merged.sources.values().filter(|s| !s.observations.kept.is_empty()) {
        if let Some(span) = source.covered.span {
            logs.entry(source.entry.source.log()).or_default().push((span, &source.entry.source));
        }
    }
    let mut log_of = BTreeMap::new();
    for (log, mut files) in logs {
        files.sort_unstable_by_key(|(span, locator)| (span.first, span.last, *locator));
        let follow = || files.windows(2).all(|w| w[0].0.last <= w[1].0.first);
        if files.len() > 1 && (files.iter().all(|(_, locator)| locator.is_piece()) || follow()) {
            let log = Locator::from_encoded(&log);
            log_of.extend(files.into_iter().map(|(_, locator)| (locator, log.clone())));
        }
    }
    log_of
}

/// All findings, sorted by time (none last), locator, offset, rule. Keeps at most `max_evidence` places of each.
/// What outgrows memory goes to `work`.
pub fn findings(world: &World<'_>, max_evidence: usize, work: &Work) -> Findings {
    found::all(world, max_evidence, work)
}

/// All transfers out, sorted by id-independent identity: scope, from, to, route.
pub fn transfers(world: &World<'_>) -> Vec<Transfer> {
    let mut all = exits::all(world);
    touched::add(world, &mut all);
    all
}

/// Which of these inside entities (by [`Whose::entity`]) at least so many other inside hosts call.
pub fn called(world: &World<'_>, names: &BTreeSet<String>, crowd: usize) -> BTreeSet<String> {
    let mut callers: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let addresses: BTreeMap<&str, &String> =
        names.iter().filter_map(|name| Some((world.aliases.address(name)?, name))).collect();
    for key in world.merged.sources.values().flat_map(|s| s.observations.kept.keys()) {
        let server = world.whose.entity_of(key.server);
        let name = names.get(&*server).or_else(|| addresses.get(key.server).copied());
        let Some(name) = name.filter(|_| world.whose.side(key.client) == Side::Inside) else { continue };
        let from = callers.entry(name).or_default();
        if from.len() < crowd {
            from.extend(Some(world.whose.entity(key.client)).filter(|client| client != name));
        }
    }
    callers.into_iter().filter(|(_, from)| from.len() >= crowd).map(|(name, _)| name.to_owned()).collect()
}

/// Sources of which another log holds some of the records, each with that one.
pub fn overlapping<'w>(world: &'w World<'_>) -> Vec<(&'w Locator, &'w Locator)> {
    world.overlaps.told()
}

/// What the logs can and cannot tell.
pub fn coverage(world: &World<'_>) -> Coverage {
    coverage::all(world)
}

/// The first 128 bits of the SHA-256 of these parts, each closed by a zero byte, as hex.
fn digest(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut hex = RecordDigest(hash.finalize().into()).to_string();
    hex.truncate(32);
    hex
}
