//! Systems that records refer to and of which no log is in the evidence: proxies in the records of flows.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::coverage::Referred;
use crate::model::observation::{Key, Seen};
use crate::model::rule::{Outcome, Route};
use crate::model::whose::{Side, address};

use super::{World, way};

/// Ports on which proxies are asked.
const PROXY_PORTS: &[u16] = &[1080, 3128, 8080, 8118, 8888];

/// Proxies that inside clients ask, that themselves go to web servers outside, and of whose scope's clients no proxy
/// log tells.
pub fn proxies(world: &World<'_>) -> Vec<Referred> {
    let whose = world.whose;
    let (mut asked, mut goes_out, mut told) =
        (BTreeMap::<String, BTreeSet<&str>>::new(), BTreeSet::new(), BTreeSet::new());
    let inside = |text: &str| !text.is_empty() && whose.side(text) == Side::Inside;
    for source in world.merged.sources.values() {
        let telling = source.observations.kept.keys().filter(|key| key.seen == Seen::Proxy || is_edge(key));
        for key in telling.filter(|key| inside(key.client)) {
            let scope = || way::home(whose, &key, Side::Inside, &source.entry.source);
            if key.seen == Seen::Proxy {
                told.insert(scope());
            } else if inside(key.server) && PROXY_PORTS.contains(&key.port) {
                asked.entry(whose.entity(key.server)).or_default().insert(scope());
            } else if matches!(key.port, 80 | 443) && address(key.server).is_some() && !inside(key.server) {
                goes_out.insert(whose.entity(key.client));
            }
        }
    }
    let unseen = asked.into_iter().filter(|(proxy, _)| goes_out.contains(proxy));
    let each = unseen.flat_map(|(system, scopes)| scopes.into_iter().map(move |scope| (system.clone(), scope)));
    let mut all: Vec<Referred> = each
        .filter(|(_, scope)| !told.contains(scope))
        .map(|(system, scope)| Referred {
            scope: scope.to_owned(),
            system,
            routes: vec![Route::HttpsUpload, Route::CloudStorage],
        })
        .collect();
    all.sort();
    all
}

fn is_edge(key: &Key<'_>) -> bool {
    matches!(key.seen, Seen::Flow | Seen::Firewall) && key.outcome != Outcome::Failed
}
