//! What each source covers, and what was promised and is not there.

use std::collections::BTreeSet;

use crate::model::coverage::{Coverage, Gap, GapReason, SourceCoverage};
use crate::model::ledger::EntryKind;
use crate::model::observation::Seen;
use crate::model::partial::{Covered, SourcePartial};
use crate::model::rule::{Outcome, Route};
use crate::model::subject::Subject;
use crate::model::time::{HOUR_SECS, Instant};
use crate::model::whose::{UNATTRIBUTED, Whose};

use super::{World, routes};

/// Hours without a record from which a busy log counts as silent.
const SILENT_HOURS: i64 = 24;

/// Coverage of all sources, by locator, and the gaps that no single source shows.
pub fn all(world: &World<'_>) -> Coverage {
    let sources: Vec<SourceCoverage> = world
        .merged
        .sources
        .iter()
        .filter(|((_, kind, _), _)| *kind == EntryKind::Source)
        .map(|(_, source)| of_source(world.whose, source))
        .collect();
    let mut gaps: Vec<Gap> = world.whose.missing(&sources);
    let unread = world.merged.sources.values().filter(|s| s.entry.kind != EntryKind::Source && s.entry.has_loss());
    gaps.extend(unread.map(|s| gap(s.entry.source.as_str(), None, None, GapReason::NotRead)));
    gaps.sort();
    gaps.dedup();
    Coverage { schema: "exfiltrace.coverage/1".to_owned(), sources, gaps }
}

fn gap(source: &str, from: Option<Instant>, to: Option<Instant>, reason: GapReason) -> Gap {
    Gap { source: source.to_owned(), from, to, reason }
}

fn of_source(whose: &Whose, source: &SourcePartial) -> SourceCoverage {
    let locator = source.entry.source.as_str();
    let format = source.entry.format.clone().unwrap_or_default();
    let mut observes: BTreeSet<Route> = BTreeSet::new();
    let (mut up, mut down) = (Told::default(), Told::default());
    for (key, seen) in &source.observations.kept {
        observes.extend(routes::observed(key.seen));
        let sum = seen.sum();
        let edge = matches!(key.seen, Seen::Flow | Seen::Firewall);
        if key.outcome != Outcome::Failed && (key.sends || edge) {
            up.add(sum.records, sum.up_unlogged);
        }
        if key.outcome != Outcome::Failed && (key.seen == Seen::Web || edge) {
            down.add(sum.records, sum.down_unlogged);
        }
    }
    if matches!(&*format, "evtx" | "windows_json") {
        observes.insert(Route::RemoteAccess);
    }
    let mut not_logged = Vec::new();
    not_logged.extend(up.is_missing().then(|| "bytes sent by the client".to_owned()));
    not_logged.extend(down.is_missing().then(|| "bytes sent by the server".to_owned()));
    let (rest, rest_span) = (&source.observations.rest, source.observations.rest_span);
    let capped = rest.records;
    not_logged.extend((capped > 0).then(|| {
        format!("who moved {} bytes up and {} down in {capped} records, more than are kept apart", rest.up, rest.down)
    }));
    let mut gaps = holes(locator, &source.covered);
    if source.entry.has_loss() {
        gaps.push(gap(locator, None, None, GapReason::NotRead));
    }
    if capped > 0 {
        gaps.push(gap(locator, rest_span.map(|s| s.first), rest_span.map(|s| s.last), GapReason::Capped));
    }
    gaps.sort();
    SourceCoverage {
        source: source.entry.source.clone(),
        format,
        scopes: scopes(whose, source),
        from: source.covered.span.map(|s| s.first),
        to: source.covered.span.map(|s| s.last),
        records: source.entry.records,
        untimed: source.entry.untimed,
        zone_assumed: source.covered.zone_assumed,
        year_assumed: source.covered.year_assumed,
        gaps,
        observes: observes.into_iter().collect(),
        not_logged,
    }
}

/// How many records could state a figure, and how many do not.
#[derive(Default)]
struct Told {
    records: u64,
    missing: u64,
}

impl Told {
    fn add(&mut self, records: u64, missing: u64) {
        self.records = self.records.saturating_add(records);
        self.missing = self.missing.saturating_add(missing);
    }

    /// Whether the log as a whole does not state it: single records (session starts, unanswered packets) may lack it.
    fn is_missing(&self) -> bool {
        self.missing > self.records / 2
    }
}

/// The scopes that a source speaks of: those that claim its path, and those of its traffic and hits.
fn scopes(whose: &Whose, source: &SourcePartial) -> Vec<String> {
    let locator = source.entry.source.as_str();
    let some = |text: &str| (!text.is_empty()).then(|| Box::<str>::from(text));
    let mut found: BTreeSet<&str> =
        whose.of_path(locator).into_iter().map(|i| whose.tenants[i].name.as_str()).collect();
    for key in source.observations.kept.keys() {
        let subject = Subject {
            source_ip: some(&key.client),
            destination_ip: some(&key.server),
            vhost: some(&key.name),
            host: some(&key.host),
            account: some(&key.account),
            ..Subject::default()
        };
        found.extend(whose.scope_of(&subject, locator));
    }
    let kept = source.rules.values().chain(source.indicators.values()).flat_map(|s| &s.kept);
    found.extend(kept.flat_map(|s| whose.scope_of(&s.subject, locator)));
    found.remove(UNATTRIBUTED);
    found.into_iter().map(str::to_owned).collect()
}

/// Stretches before a clearing, and silence of a day or more in a log that has records in most of its other hours.
fn holes(locator: &str, covered: &Covered) -> Vec<Gap> {
    let start = |hour: i64| Instant::from_secs(hour.saturating_mul(HOUR_SECS));
    let mut gaps: Vec<Gap> =
        covered.cleared.iter().map(|(hour, _)| gap(locator, None, start(*hour), GapReason::Cleared)).collect();
    let hours: Vec<i64> = covered.hours.keys().copied().collect();
    let jumps: Vec<(i64, i64)> = hours.windows(2).map(|w| (w[0], w[1])).filter(|(a, b)| b - a > SILENT_HOURS).collect();
    let silent: i64 = jumps.iter().map(|(a, b)| b - a - 1).sum();
    let span = hours.first().zip(hours.last()).map_or(0, |(a, b)| b - a + 1);
    let busy = hours.len() >= 24 && (hours.len() as i64).saturating_mul(2) >= span - silent;
    if busy {
        gaps.extend(jumps.into_iter().map(|(a, b)| gap(locator, start(a + 1), start(b), GapReason::Silent)));
    }
    gaps
}
