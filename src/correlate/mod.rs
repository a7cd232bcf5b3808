//! What the merged Partials mean together: findings, transfers, coverage. Everything here is a pure function of the
//! merged Partial and the scopes.

mod coverage;
mod exits;
mod found;
mod routes;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::model::observation::Seen;
use crate::model::partial::Partial;
use crate::model::rule::Route;
use crate::model::transfer::Transfer;
use crate::model::whose::Whose;

/// The merged evidence with what joins its entities.
pub struct World<'a> {
    merged: &'a Partial,
    whose: &'a Whose,
    /// The one address of a name, where the evidence shows exactly one.
    address_of: BTreeMap<&'a str, &'a str>,
    /// The one web server of a scope, by [`Whose::entity`], where the edge saw exactly one serve outside clients.
    web_server_of: BTreeMap<String, String>,
    /// Routes on which a source has more conversations than were kept.
    capped: BTreeSet<Route>,
}

/// Joins entities across sources.
pub fn world<'a>(merged: &'a Partial, whose: &'a Whose) -> World<'a> {
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for key in merged.sources.values().flat_map(|s| s.observations.kept.keys()) {
        if matches!(key.seen, Seen::Proxy | Seen::Firewall | Seen::Flow)
            && !key.name.is_empty()
            && !key.server.is_empty()
        {
            seen.entry(&key.name).or_default().insert(&key.server);
        }
    }
    let single = seen.into_iter().filter(|(_, ips)| ips.len() == 1);
    let capped = merged.sources.values().map(|s| &s.observations).filter(|o| o.rest.records > 0);
    World {
        merged,
        whose,
        address_of: single.filter_map(|(name, ips)| Some((name, *ips.first()?))).collect(),
        web_server_of: exits::web_servers(merged, whose),
        capped: capped.flat_map(|o| o.kept.keys()).flat_map(|key| routes::observed(key.seen)).copied().collect(),
    }
}

/// All findings, sorted by time (none last), locator, offset, rule. Keeps at most `max_evidence` places of each.
pub fn findings(world: &World<'_>, max_evidence: usize) -> Vec<Finding> {
    found::all(world, max_evidence)
}

/// All transfers out, sorted by id-independent identity: scope, from, to, route.
pub fn transfers(world: &World<'_>) -> Vec<Transfer> {
    exits::all(world)
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
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
