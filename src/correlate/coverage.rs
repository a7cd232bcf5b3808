//! What each source covers, and what was promised and is not there.

use std::collections::{BTreeMap, BTreeSet};

use itertools::Itertools;

use crate::model::access::Access;
use crate::model::coverage::{Coverage, Gap, GapReason, LogOf, SIGNED_IN_TO, SourceCoverage};
use crate::model::hit::Sightings;
use crate::model::ledger::{EntryKind, Reason};
use crate::model::observation::{Key, Seen};
use crate::model::partial::{Cleared, Covered, LogName, NumberRun, SourcePartial};
use crate::model::place::Locator;
use crate::model::rule::{Level, Route};
use crate::model::subject::Subject;
use crate::model::time::{HOUR_SECS, Instant};
use crate::model::whose::{UNATTRIBUTED, Whose};
use crate::model::words::counted;

use super::logged::Logged;
use super::silent::{self, DAY_HOURS};
use super::way::{self, Direction};
use super::{World, referred, routes, unclaimed};

/// Coverage of all sources, by locator, and the gaps that no single source shows.
pub fn all(world: &World<'_>) -> Coverage {
    let logged = Logged::of(world);
    let mut sources: Vec<SourceCoverage> = world
        .merged
        .sources
        .iter()
        .filter(|((_, kind, _), _)| *kind == EntryKind::Source)
        .map(|(_, source)| of_source((world, &logged), source, &source.entry.source))
        .collect();
    copies((world, &logged), &mut sources);
    torn(&mut sources);
    between(world, &mut sources);
    unnumbered(world, &mut sources);
    let mut gaps: Vec<Gap> = world.whose.missing(&sources);
    let unread = world.merged.sources.values().filter(|s| s.entry.kind != EntryKind::Source && s.entry.has_loss());
    gaps.extend(unread.map(|s| gap(s.entry.source.as_str(), None, None, GapReason::NotRead)));
    let open = world.joints.iter().filter(|joint| joint.records.is_empty());
    gaps.extend(
        open.map(|joint| gap(&format!("stix_pattern {}", joint.pattern), None, None, GapReason::FindingsCapped)),
    );
    let uncounted = world.correlated.open();
    gaps.extend(uncounted.map(|id| gap(&format!("correlation {id}"), None, None, GapReason::FindingsCapped)));
    gaps.extend(unclaimed::all(world));
    gaps.sort();
    gaps.dedup();
    Coverage {
        schema: "exfiltrace.coverage/1".to_owned(),
        referred: referred::proxies(world, &sources),
        sources,
        gaps,
        correlations: world.correlated.told(),
        skews: world.clocks.skews().to_vec(),
        hits_only: false,
    }
}

/// A copy that counts under another locator is the log of those scopes whose it is only by where the copy was delivered.
fn copies((world, logged): (&World<'_>, &Logged), sources: &mut [SourceCoverage]) {
    for original in world.merged.sources.values() {
        if original.copies.is_empty() {
            continue;
        }
        let own = of_source((world, logged), original, &original.entry.source);
        let mut claimed: BTreeSet<String> = own.scopes.into_iter().collect();
        for copy in &original.copies {
            let mut told = of_source((world, logged), original, copy);
            told.scopes.retain(|scope| claimed.insert(scope.clone()));
            if let Some(known) = sources.iter_mut().find(|s| s.source == *copy && !told.scopes.is_empty()) {
                *known = told;
            }
        }
    }
}

/// Tells of a hole of a day or more between the files of one log that have records in most hours of
/// a day: a file between them is missing.
fn torn(sources: &mut [SourceCoverage]) {
    let mut logs: BTreeMap<String, Vec<(Instant, Instant, usize)>> = BTreeMap::new();
    for (at, source) in sources.iter().enumerate().filter(|(_, s)| s.records >= DAY_HOURS as u64) {
        if let Some((from, to)) = source.from.zip(source.to) {
            logs.entry(source.source.log()).or_default().push((from, to, at));
        }
    }
    for mut files in logs.into_values() {
        files.sort_unstable();
        let Some((_, mut reached, _)) = files.first().copied() else { continue };
        for (from, to, at) in files {
            if from > reached.plus_secs(DAY_HOURS * HOUR_SECS) {
                let locator = sources[at].source.as_str().to_owned();
                sources[at].gaps.push(gap(&locator, Some(reached), Some(from), GapReason::Silent));
                sources[at].gaps.sort();
            }
            reached = reached.max(to);
        }
    }
}

/// Tells of hours without a record in a log of several files that is never quiet for one: of a file that is missing between them, or
/// the end of one.
fn between(world: &World<'_>, sources: &mut [SourceCoverage]) {
    let mut logs: BTreeMap<String, Vec<(&Covered, &Locator)>> = BTreeMap::new();
    for source in world.merged.sources.values().filter(|source| is_counted_by_hours(source)) {
        logs.entry(source.entry.source.log()).or_default().push((&source.covered, &source.entry.source));
    }
    for files in logs.into_values().filter(|files| files.len() > 1) {
        let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
        for (hour, count) in files.iter().flat_map(|(covered, _)| &covered.hours) {
            *hours.entry(*hour).or_default() += count;
        }
        let is_zone_assumed = files.iter().any(|(covered, _)| covered.zone_assumed > 0);
        for hole in silent::sudden(&hours, is_zone_assumed) {
            let (before, after) = hole;
            let holds = |covered: &Covered, hour: i64| covered.hours.contains_key(&hour);
            let is_within = files.iter().any(|(covered, _)| holds(covered, before) && holds(covered, after));
            let next = files.iter().find(|(covered, _)| !is_within && holds(covered, after));
            let told = next.and_then(|(_, place)| sources.iter_mut().find(|told| told.source == **place));
            if let Some(told) = told {
                told.gaps.push(quiet(told.source.as_str(), hole));
                told.gaps.sort();
            }
        }
    }
}

/// Whether all hours of a source that have records are known, and not only those at the ends of its blocks.
fn is_counted_by_hours(source: &SourcePartial) -> bool {
    source.entry.kind == EntryKind::Source && source.entry.notes.iter().all(|note| note.reason != Reason::PassedOver)
}

/// So many numbers in a row show that an export of a log was made by no selection of its records.
const WHOLE_RUN: u64 = 1_000;

/// Whether all numbers of a log stand in rows of so many: where it is exported, all of it was, but for what is missing in between.
fn is_whole(runs: &[(NumberRun, usize)]) -> bool {
    let mut open: Option<(u64, u64)> = None;
    let is_long = |row: (u64, u64)| row.1 - row.0 >= WHOLE_RUN - 1;
    for (run, _) in runs {
        match &mut open {
            Some((_, last)) if run.first <= last.saturating_add(1) => *last = run.last.max(*last),
            Some(row) if !is_long(*row) => return false,
            _ => open = Some((run.first, run.last)),
        }
    }
    open.is_some_and(is_long)
}

/// Tells of numbers that no record of a log has, in any of its files, between two that it has. Where the times of these do
/// not ascend the log was begun anew and nothing is missing. Files that are exports show what is there, not what is not, unless a
/// thousand numbers or more follow on each other wherever there are some.
fn unnumbered(world: &World<'_>, sources: &mut [SourceCoverage]) {
    let mut logs: BTreeMap<&LogName, Vec<(NumberRun, usize)>> = BTreeMap::new();
    let read = world.merged.sources.iter().filter(|((_, kind, _), _)| *kind == EntryKind::Source);
    for (at, (_, source)) in read.enumerate() {
        for (log, runs) in &source.covered.numbers {
            logs.entry(log).or_default().extend(runs.iter().map(|run| (*run, at)));
        }
    }
    for (log, mut runs) in logs {
        runs.sort_unstable();
        for (from, to, at) in numbers_missing(&runs) {
            let locator = sources[at].source.as_str().to_owned();
            let missing = gap(&locator, Some(from), Some(to), GapReason::NumbersMissing);
            sources[at].gaps.push(Gap { log: log_of(world.whose, &locator, log), ..missing });
            sources[at].gaps.sort();
        }
    }
}

/// The times around numbers that sorted runs of a log lack, and the source of the run that follows: between two runs where all was
/// exported, else between two of the log itself, whatever exports hold of what is between.
fn numbers_missing(runs: &[(NumberRun, usize)]) -> Vec<(Instant, Instant, usize)> {
    let is_whole = is_whole(runs);
    let (mut found, mut has_original) = (Vec::new(), false);
    let mut before: Option<NumberRun> = None;
    // What is missing since the last run of the log itself.
    let mut open: Option<(Instant, Instant)> = None;
    for &(run, at) in runs {
        if let Some(reached) = before.filter(|reached| run.first > reached.last.saturating_add(1)) {
            let hole = reached.to.zip(run.from).filter(|(end, begin)| end <= begin);
            open = hole.map(|(end, begin)| (open.map_or(end, |(end, _)| end), begin)).or(open);
        }
        if is_whole || has_original && run.original {
            found.extend(open.filter(|(end, begin)| end <= begin).map(|(end, begin)| (end, begin, at)));
        }
        if is_whole || run.original {
            open = None;
        }
        has_original |= run.original;
        match &mut before {
            Some(reached) if run.last <= reached.last => {}
            _ => before = Some(run),
        }
    }
    found
}

fn gap(source: &str, from: Option<Instant>, to: Option<Instant>, reason: GapReason) -> Gap {
    Gap { source: source.to_owned(), from, to, reason, log: None }
}

/// What a log lost when it was cleared: all before.
fn of_log(whose: &Whose, locator: &str, Cleared { host, channel, at }: &Cleared) -> Gap {
    let log = log_of(whose, locator, &(host.clone(), channel.clone()));
    Gap { log, ..gap(locator, None, Some(*at), GapReason::Cleared) }
}

/// A log in a source, and whose it is; `None` where the computer is not told.
fn log_of(whose: &Whose, locator: &str, (host, channel): &LogName) -> Option<LogOf> {
    let wrote = Subject { host: Some(host.clone()), ..Subject::default() };
    let scopes = || whose.scope_of(&wrote, locator).into_iter().map(str::to_owned).collect();
    (!host.is_empty()).then(|| LogOf { host: host.to_string(), channel: channel.to_string(), scopes: scopes() })
}

/// What a source covers, where it was delivered as `place`.
fn of_source((world, logged): (&World<'_>, &Logged), source: &SourcePartial, place: &Locator) -> SourceCoverage {
    let locator = place.as_str();
    let lacks_reads = logged.lacks_reads_of_mail(world, source, locator);
    let Shows { mut observes, not_logged, unlogged, unread } = Shows::of((world, logged), source, place);
    let format = source.entry.format.clone().unwrap_or_default();
    let holds: Vec<String> = source.covered.held.keys().map(|held| held.to_string()).collect();
    let is_windows = |format: &str| matches!(format, "evtx" | "windows_json" | "windows_xml");
    if is_windows(&format) || holds.iter().any(|held| is_windows(held)) {
        observes.insert(Route::RemoteAccess);
    }
    let mut seen = OfHits::of(world, source, locator);
    let cleared = source.covered.cleared.iter().map(|cleared| &cleared.host).filter(|host| !host.is_empty());
    for host in cleared {
        let wrote = Subject { host: Some(host.clone()), ..Subject::default() };
        seen.scopes.extend(world.whose.scope_of(&wrote, locator));
    }
    SourceCoverage {
        source: place.clone(),
        format,
        holds,
        scopes: scopes(world.whose, (source, locator), seen.scopes),
        from: begins(&source.covered),
        to: source.covered.span.map(|s| s.last),
        records: source.entry.records,
        untimed: source.entry.untimed,
        is_doubtful: is_doubtful(&source.covered),
        zone_assumed: source.covered.zone_assumed,
        year_assumed: source.covered.year_assumed,
        dates: source.covered.dates.clone(),
        clock: source.covered.clock.clone(),
        lacking: logged.pages.lacking(source),
        gaps: gaps((world.whose, logged), (source, locator), (seen.hidden, lacks_reads)),
        observes: observes.into_iter().collect(),
        not_logged,
        unlogged,
        unread,
    }
}

/// What of a source is not there; `hidden` are hits that a judgement rests on, and `lacks_reads` says whether no mail that was read is told.
fn gaps(
    (whose, logged): (&Whose, &Logged),
    (source, locator): (&SourcePartial, &str),
    (hidden, lacks_reads): (bool, bool),
) -> Vec<Gap> {
    let mut gaps = holes(whose, locator, &source.covered);
    if !is_counted_by_hours(source) {
        gaps.retain(|gap| gap.reason != GapReason::Silent);
    }
    if source.entry.has_loss() || source.entry.is_half_read() {
        gaps.push(gap(locator, None, None, GapReason::NotRead));
    }
    gaps.extend(unread_mail(locator, &source.covered, lacks_reads));
    if source.entry.notes.iter().any(|note| logged.pages.is_cut(source, note)) {
        gaps.push(gap(locator, None, None, GapReason::ExportTruncated));
    }
    if hidden {
        gaps.push(gap(locator, None, None, GapReason::FindingsCapped));
    }
    let (rest, span) = (&source.observations.rest, source.observations.rest_span);
    if rest.records > 0 || source.observations.sessions.is_cut {
        gaps.push(gap(locator, span.map(|s| s.first), span.map(|s| s.last), GapReason::Capped));
    }
    gaps.sort();
    gaps
}

/// When mail may have been read of which the log of mailboxes does not tell: for a day after one was read too often, or at all where
/// it tells of everything but reads.
fn unread_mail(locator: &str, covered: &Covered, lacks_reads: bool) -> Vec<Gap> {
    let missing = |from, to| gap(locator, from, to, GapReason::ReadsNotLogged);
    if lacks_reads {
        return vec![missing(None, None)];
    }
    let mut gaps: Vec<Gap> = Vec::new();
    for hour in &covered.throttled {
        let (from, to) = (hour.and_then(start), hour.and_then(|hour| start(hour.saturating_add(DAY_HOURS + 1))));
        match gaps.last_mut() {
            Some(last) if from.is_some() && last.to >= from => last.to = to,
            _ => gaps.push(missing(from, to)),
        }
    }
    gaps
}

/// What a source shows of ways out, and what it does not state of them.
struct Shows {
    observes: BTreeSet<Route>,
    not_logged: Vec<String>,
    unlogged: Vec<Route>,
    unread: Vec<Route>,
}

impl Shows {
    fn of((world, logged): (&World<'_>, &Logged), source: &SourcePartial, place: &Locator) -> Self {
        let is_of_management = logged.is_of_management_alone(world, source, place.as_str());
        let mut observes: BTreeSet<Route> = BTreeSet::new();
        let crossing = source.observations.kept.keys().filter(|key| !way::is_edge(key) || crosses(world, place, key));
        // A gateway that tells of tunnels shows that somebody was let in, and not where data went in them.
        let (tunnels, others): (Vec<_>, Vec<_>) =
            crossing.map(|key| (way::is_tunnel(&key), key.seen)).dedup().partition(|(is_tunnel, _)| *is_tunnel);
        observes.extend((!tunnels.is_empty()).then_some(Route::RemoteAccess));
        for seen in others.into_iter().map(|(_, seen)| seen).dedup() {
            observes.extend(routes::observed(seen));
        }
        let (mut unlogged, mut not_logged, mut unread) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let (told, mut joint) = (way::told(world, source), 0u64);
        for (route, (_, told)) in told.iter().filter(|(_, (_, told))| told.joint() > 0) {
            // How much left is in the figure of this log, whatever another one states of its own.
            unread.insert(*route);
            joint = joint.saturating_add(told.joint());
        }
        if joint > 0 {
            not_logged.insert(format!("each way's part of the bytes of {}", counted(joint, "record", "records")));
        }
        for (route, (direction, _)) in told.into_iter().filter(|(_, (_, told))| told.is_missing()) {
            observes.insert(route);
            unlogged.push(route);
            let is_told_below = source.covered.sampled > 0 || is_of_management;
            if is_told_below {
                continue;
            }
            not_logged.insert(match direction {
                Direction::Up => "bytes sent by the client".to_owned(),
                Direction::Down => "bytes sent by the server".to_owned(),
            });
        }
        if source.covered.sampled > 0 {
            let records = counted(source.covered.sampled, "record", "records");
            not_logged.insert(format!("bytes of packets that were not sampled, in {records} of sampled ones"));
        }
        for (seen, records) in &source.covered.unread {
            unread.extend(routes::observed(*seen));
            let records = counted(*records, "record", "records");
            not_logged.insert(format!("what moved in {records} on traffic that this version does not read"));
        }
        observes.extend(&unread);
        let access = source.covered.access;
        if access.has(Access::ADMINISTRATION) || access.is_of_management_alone() && !is_of_management {
            // It would tell of reads too, or another file of its log does.
            observes.extend(routes::observed(Seen::Cloud));
        }
        if is_of_management {
            let what = match access.is_of_sign_ins_alone() {
                true => SIGNED_IN_TO,
                false => "reads of the data in stores, which this service logs only where that is switched on",
            };
            observes.remove(&Route::SaasDownload);
            unlogged.retain(|route| *route != Route::SaasDownload);
            unlogged.push(Route::SaasDownload);
            not_logged.insert(what.to_owned());
        }
        let unread: Vec<Route> = unread.into_iter().collect();
        unlogged.extend(unread.iter().filter(|route| !unlogged.contains(route)).copied().collect::<Vec<_>>());
        not_logged.extend(source.covered.lacking.iter().map(ToString::to_string));
        let mut not_logged: Vec<String> = not_logged.into_iter().collect();
        let rest = &source.observations.rest;
        not_logged.extend((rest.records > 0).then(|| {
            let records = counted(rest.records, "record", "records");
            format!("who moved {} bytes up and {} down in {records}, more than are kept apart", rest.up, rest.down)
        }));
        Self { observes, not_logged, unlogged, unread }
    }
}

/// Whether a conversation leads from inside to outside or back, whatever became of it. A log of none that does, as that of a
/// gateway of tunnels, stands at no edge, and what leaves is not to be seen in it.
fn crosses<'w>(world: &'w World<'_>, place: &Locator, key: &Key<'w>) -> bool {
    let server = if key.server.is_empty() { key.name } else { key.server };
    world.whose.side(key.client) != world.whose.side(server) || way::out(world, place, key).is_some()
}

/// What coverage takes from the hits of a source.
struct OfHits<'a> {
    /// Whether some that a judgement rests on are not kept: of a rule of level high or above, or of whom an indicator
    /// concerns.
    hidden: bool,
    /// The scopes of those whom they concern.
    scopes: BTreeSet<&'a str>,
}

impl<'a> OfHits<'a> {
    fn of(world: &World<'a>, source: &SourcePartial, locator: &str) -> Self {
        let mut told = Self { hidden: false, scopes: BTreeSet::new() };
        let mut concerns = |sightings: &Sightings| {
            let subjects = sightings.kept.iter().map(|s| &s.subject).chain(sightings.who.iter().map(|met| &met.who));
            told.scopes.extend(subjects.flat_map(|subject| world.whose.scope_of(subject, locator)));
        };
        for (id, sightings) in source.rules.iter() {
            let grave = world.merged.rules.get(&*id).is_none_or(|meta| meta.level >= Level::High);
            let is_finding = !world.correlated.silent.contains(&**id);
            told.hidden |= grave && is_finding && sightings.count > sightings.kept.len() as u64;
            concerns(&sightings);
        }
        for (_, sightings) in source.indicators.iter() {
            told.hidden |= sightings.who_cut;
            concerns(&sightings);
        }
        told
    }
}

/// The scopes that a source speaks of: those that claim its path, and those of its traffic and hits.
pub(super) fn scopes<'a>(
    whose: &'a Whose,
    (source, locator): (&SourcePartial, &str),
    of_hits: BTreeSet<&'a str>,
) -> Vec<String> {
    let some = |text: &str| (!text.is_empty()).then(|| Box::<str>::from(text));
    let mut found = of_hits;
    found.extend(whose.of_path(locator).into_iter().map(|i| whose.tenants[i].name.as_str()));
    for key in source.observations.kept.keys().take_while(|_| !whose.tenants.is_empty()) {
        let subject = Subject {
            source_ip: some(key.client),
            destination_ip: some(key.server),
            vhost: some(key.name),
            host: some(key.host),
            account: some(key.account),
            container: some(key.name).filter(|_| key.seen == Seen::Cloud),
            ..Subject::default()
        };
        found.extend(whose.scope_of(&subject, locator));
        if way::is_mail_of_a_scope(whose, &key) {
            found.extend(whose.scopes_of_account(key.account));
        }
    }
    found.remove(UNATTRIBUTED);
    found.into_iter().map(str::to_owned).collect()
}

/// Whether checksums that do not hold are why nothing tells of the time that a log covers.
fn is_doubtful(covered: &Covered) -> bool {
    covered.span.is_none() && (covered.is_doubtful || !covered.in_doubt.is_empty())
}

/// From when on the log covers time: what a clock dated that was set back is of no time that is known.
fn begins(covered: &Covered) -> Option<Instant> {
    let first = covered.span?.first;
    let right = silent::jumps(covered).filter(|(a, b)| covered.clock.is_between(*a, *b)).last().map(|(_, hour)| hour);
    let own = covered.clock.begins.filter(|begins| Some(begins.hour()) == right);
    Some(own.or(right.and_then(start)).map_or(first, |begins| begins.max(first)))
}

/// Stretches before a clearing, hours of which the log lost records, and those in which it is silent.
fn holes(whose: &Whose, locator: &str, covered: &Covered) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = covered.cleared.iter().map(|cleared| of_log(whose, locator, cleared)).collect();
    let stretches = covered.skipped.chunk_by(|a, b| b - a == 1).filter_map(|hours| hours.first().zip(hours.last()));
    gaps.extend(stretches.map(|(a, b)| gap(locator, start(*a), start(b + 1), GapReason::NotRead)));
    gaps.extend(silent::holes(covered).into_iter().map(|(a, b)| quiet(locator, (a, b))));
    gaps
}

/// Silence between two hours that have records.
fn quiet(locator: &str, (before, after): (i64, i64)) -> Gap {
    gap(locator, start(before.saturating_add(1)), start(after), GapReason::Silent)
}

/// When an hour since the epoch begins.
fn start(hour: i64) -> Option<Instant> {
    Instant::from_secs(hour.saturating_mul(HOUR_SECS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_export_holds_of_a_hole_of_the_log_itself_hides_none_of_it() {
        let run = |first: u64, last: u64, original| {
            let at = |number: u64| Instant::from_secs(number as i64);
            (NumberRun { first, last, from: at(first), to: at(last), original }, 0)
        };
        let told = |runs: &[(NumberRun, usize)]| {
            let seconds = |at: Instant| at.micros() / 1_000_000;
            numbers_missing(runs).into_iter().map(|(from, to, _)| (seconds(from), seconds(to))).collect::<Vec<_>>()
        };
        let (begin, end) = (run(1, 100, true), run(200, 300, true));
        assert_eq!(told(&[begin, end]), [(100, 200)]);
        assert_eq!(told(&[begin, run(120, 120, false), end]), [(100, 200)]);
        assert_eq!(told(&[begin, run(50, 150, false), run(160, 160, false), end]), [(150, 200)]);
        assert_eq!(told(&[begin, run(101, 199, false), end]), []);
        assert_eq!(told(&[run(1, 2, false), begin, run(400, 400, false)]), [], "an export shows what is there");
        assert_eq!(told(&[run(1, 1_000, false), run(1_100, 2_099, false), run(2_200, 4_000, false)]).len(), 2);
        assert_eq!(told(&[run(1, 1_000, false), run(1_100, 2_098, false), run(2_200, 4_000, false)]), []);
    }
}
