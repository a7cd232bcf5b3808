//! J-30 to J-33, J-35, J-36, J-38, J-39, J-41, J-83, and what J-14, J-16 and J-37 leave open: what the logs cannot tell.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::model::coverage::{Gap, GapReason, Lacking, SourceCoverage};
use crate::model::dates::DatesRead;
use crate::model::finding::{Finding, FindingKind};
use crate::model::place::Locator;
use crate::model::promise::{is_kind, shown_by};
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::verdict::State;
use crate::model::whose::UNATTRIBUTED;

use super::Bench;
use super::clouds::{self, Cloud};
use super::intrusion::DAY_SECS;
use super::movement;

/// Opens the routes that the evidence should show and does not.
pub fn clauses(bench: &mut Bench<'_>) {
    promises(bench);
    damaged(bench);
    unread(bench);
    unlogged(bench);
    unjudged(bench);
    if bench.coverage.hits_only {
        let text = "hits alone were looked for: no traffic was added up, and no way out was examined";
        bench.reason("J-41", text.to_owned(), Vec::new());
        open(bench, Route::Network, "no other log: a whole scan of the same evidence".to_owned());
        return;
    }
    unclaimed(bench);
    edge(bench);
    behind(bench);
    silences(bench);
    undated(bench);
    too_short(bench);
    if bench.sources.iter().all(|s| s.observes.is_empty()) {
        let text = "no log in the evidence shows what moves out of this scope";
        bench.reason("J-33", text.to_owned(), Vec::new());
        open(bench, Route::Network, "any log of this scope's traffic".to_owned());
    }
}

/// Asks whose private addresses are that no own network holds. The user may have left them out on purpose, so that they open no
/// way out.
fn unclaimed(bench: &mut Bench<'_>) {
    let of_them = |gap: &&Gap| gap.reason == GapReason::TakenAsOutside;
    let told: Vec<&str> = bench.coverage.gaps.iter().filter(of_them).map(|gap| gap.source.as_str()).collect();
    if told.is_empty() {
        return;
    }
    let more = told.len().saturating_sub(ASKED);
    let more = if more > 0 { format!("; and {more} more in coverage.json") } else { String::new() };
    let told = told.into_iter().take(ASKED).collect::<Vec<_>>().join("; ");
    bench.ask(format!(
        "are these the organisation's: {told}{more}? No network of the scopes file or of --own holds them, so that they are taken \
         to be outside, and of what they did only what the edge, proxies and name servers show is judged; if they are, add \
         their networks to the cidr of a scope or to own"
    ));
}

/// So many networks are named in a question.
const ASKED: usize = 8;

/// J-32: whether the whole intrusion was watched at the edge.
fn edge(bench: &mut Bench<'_>) {
    if !bench.intruder.is_shown() {
        return;
    }
    let reached =
        bench.findings.iter().filter(|f| bench.reached.get(f.id.as_str()).is_some_and(|of| *of <= State::Accessed));
    let last = reached.filter_map(|f| f.time.last).chain(bench.intruder.last).max();
    let period = bench.intruder.first.zip(last);
    let text = match period {
        Some((first, last)) if edge_covers(bench, first, last) => return,
        Some((first, last)) => format!("no log of bytes at the edge covers the intrusion, {first} to {last}"),
        None => "no record says when the intrusion was, so that nothing can be tied to it by time".to_owned(),
    };
    bench.reason("J-32", text, bench.intruder.proofs.clone());
    // What logs of the edge show for a part of it is no answer for the whole.
    let is_whole = |route| period.is_some_and(|(first, last)| Watch::on(bench, route).covers(first, last));
    let in_part = |route: Route| bench.sources.iter().any(|s| is_of_edge(s) && s.observes.contains(&route));
    let routes = AT_EDGE.iter().copied().filter(|route| in_part(*route) && !is_whole(*route)).chain([Route::Network]);
    for route in routes.collect::<Vec<_>>() {
        open(bench, route, "firewall, proxy or flow log with bytes".to_owned());
    }
}

/// Ways out of which logs of the edge tell.
const AT_EDGE: &[Route] = &[Route::HttpsUpload, Route::CloudStorage, Route::SftpFtp, Route::Email, Route::Smb];

/// Whether a log stands at the edge.
fn is_of_edge(source: &SourceCoverage) -> bool {
    source.observes.iter().any(|route| matches!(route, Route::Network | Route::HttpsUpload))
}

/// Of what one host sent, less than this never wants an explanation by itself where nothing shows intrusion (J-25).
const UNASKED_BYTES: u64 = 1 << 20;

/// J-38, J-83: the ways out behind a proxy that only the records of flows show.
fn behind(bench: &mut Bench<'_>) {
    let (coverage, scope) = (bench.coverage, bench.scope.clone());
    for referred in coverage.referred.iter().filter(|r| r.scope == scope) {
        match (bench.intruder.is_shown(), referred.most_sent) {
            (true, _) => bench.reason("J-38", referred.told(), bench.intruder.proofs.clone()),
            (false, Some(sent)) if sent < UNASKED_BYTES => continue,
            (false, sent) => {
                let much = sent.map_or("an unknown number of".to_owned(), |sent| sent.to_string());
                bench.reason("J-83", format!("{}; one of them sent it {much} bytes", referred.told()), Vec::new());
            }
        }
        for route in &referred.routes {
            open(bench, *route, format!("the log of the proxy {}", referred.system));
        }
    }
}

fn promises(bench: &mut Bench<'_>) {
    let whose = bench.whose;
    for promise in &whose.promises {
        let mine = promise.scope.as_ref().is_none_or(|name| *name == bench.scope);
        let Some(gap) = whose.broken(promise, &bench.coverage.sources).filter(|_| mine) else { continue };
        bench.reason("J-30", format!("the promised {} log is missing or too short", promise.source), Vec::new());
        for route in shown_by(&promise.source) {
            let shows = |s: &SourceCoverage| {
                s.observes.contains(route) && !s.unlogged.contains(route) && !is_kind(s, &promise.source)
            };
            let period = gap.from.zip(gap.to);
            if !period.is_some_and(|(from, to)| Watch::of(bench, shows).covers(from, to)) {
                open(bench, *route, format!("{} log", promise.source));
            }
        }
    }
}

/// Sources that speak of the scope and do not tell all.
fn damaged(bench: &mut Bench<'_>) {
    for source in bench.sources.clone() {
        for gap in &source.gaps {
            let Some(what) = gap.reason.of_log() else { continue };
            let matters = |route: &Route| gap.reason != GapReason::Capped || matters(bench, *route);
            let routes: Vec<Route> = if gap.reason == GapReason::ReadsNotLogged {
                vec![Route::SaasDownload]
            } else if source.observes.is_empty() {
                vec![Route::Network]
            } else {
                source.observes.iter().copied().filter(matters).collect()
            };
            if routes.is_empty() {
                continue;
            }
            let lacking = source.lacking.filter(|_| gap.reason == GapReason::ExportTruncated);
            let what = lacking.map_or_else(|| what.to_owned(), Lacking::told);
            bench.reason("J-31", format!("{} {what}", gap.place()), Vec::new());
            let needs = match gap.reason {
                GapReason::NumbersMissing => {
                    format!("{} with the files before it, as the system wrote them", gap.place())
                }
                GapReason::Capped | GapReason::FindingsCapped => format!("{} in smaller parts", source.source),
                GapReason::ReadsNotLogged => READS_OF_MAIL.to_owned(),
                GapReason::ExportTruncated if lacking.is_some() => {
                    lacking.map_or_else(String::new, |lacking| lacking.needs(&gap.place()))
                }
                GapReason::ExportTruncated => {
                    format!("{} exported again, in shorter periods and not by a spreadsheet", gap.place())
                }
                GapReason::NotRead if source.formats().any(|format| OF_TOOLS.contains(&format)) => {
                    format!("{} exported again, by the tool that wrote it", gap.place())
                }
                _ => format!("another copy of {}", gap.place()),
            };
            for route in routes {
                open(bench, route, needs.clone());
            }
        }
    }
}

/// Formats that no system writes itself: tools export them from its logs.
const OF_TOOLS: &[&str] = &["elastic_export", "evtxecmd", "eztools", "hayabusa", "splunk_export"];

/// What tells of mail that was read where the log of mailboxes does not.
const READS_OF_MAIL: &str =
    "the logs of who signed in to the mailboxes and of the programs that read them; have MailItemsAccessed audited";

/// Containers and sources that could not be read and that could hold logs of the scope.
fn unread(bench: &mut Bench<'_>) {
    let all = bench.coverage;
    let lost = |s: &&SourceCoverage| s.scopes.is_empty() && s.gaps.iter().any(|g| g.reason == GapReason::NotRead);
    let mut names: Vec<&str> = all.sources.iter().filter(lost).map(|s| s.source.as_str()).collect();
    let own: HashSet<&str> = bench.sources.iter().map(|s| s.source.as_str()).collect();
    names.retain(|name| !own.contains(name));
    names.extend(all.gaps.iter().filter(|g| g.reason == GapReason::NotRead).map(|g| g.source.as_str()));
    names.sort_unstable();
    names.dedup();
    let leaves: HashMap<&str, &SourceCoverage> = all.sources.iter().map(|s| (s.source.as_str(), s)).collect();
    for name in names {
        // The leaf of a compressed file has the file's own name: what was lost of it is of the same log.
        let leaf = leaves.get(name).copied().filter(|s| !s.scopes.is_empty());
        let own = leaf.filter(|leaf| own.contains(leaf.source.as_str()));
        let may_hold = own.is_some() || leaf.is_none() && bench.whose.could_hold(name, &bench.scope);
        if !bench.is_tenant() || !may_hold {
            continue;
        }
        bench.reason("J-31", format!("{name} could not be read and may hold logs of this scope"), Vec::new());
        let routes = own.map(|leaf| leaf.observes.clone()).filter(|routes| !routes.is_empty());
        for route in routes.unwrap_or_else(|| vec![Route::Network]) {
            open(bench, route, format!("a readable copy of {name}"));
        }
    }
}

/// What was served matters only once there is somebody to whom it must not have been served.
fn matters(bench: &Bench<'_>, route: Route) -> bool {
    bench.intruder.is_shown() || !matches!(route, Route::WebResponse | Route::SaasDownload)
}

/// Routes that a log shows without the bytes that leave by them, where no other log states these.
fn unlogged(bench: &mut Bench<'_>) {
    let routes: BTreeSet<Route> = bench.sources.iter().flat_map(|s| s.unlogged.iter().copied()).collect();
    let watches: BTreeMap<Route, Watch> = routes.into_iter().map(|route| (route, Watch::on(bench, route))).collect();
    // What another service gave says nothing of a cloud.
    let managed: BTreeSet<&Cloud> = bench.sources.iter().filter_map(|s| Cloud::managed(s)).collect();
    let own = |cloud| Watch::of(bench, |s| Cloud::is_of(cloud, s) && shows(s, Route::SaasDownload));
    let of_clouds: BTreeMap<&Cloud, Watch> = managed.into_iter().map(|cloud| (cloud, own(cloud))).collect();
    let letting_in = clouds::letting_in(bench);
    let (unmeasured, answering) = (unmeasured(bench), answering(bench));
    for source in bench.sources.clone() {
        let cloud = Cloud::managed(source);
        let stated = |route: Route| {
            let of_cloud = cloud.filter(|_| route == Route::SaasDownload).and_then(|cloud| of_clouds.get(cloud));
            let period = source.from.zip(source.to).zip(of_cloud.or_else(|| watches.get(&route)));
            period.is_some_and(|((from, to), watch)| watch.covers(from, to))
        };
        let is_open = |route: &Route| {
            source.unread.contains(route) || !stated(*route) || unmeasured.contains(&(&source.source, *route))
        };
        let open_to: Vec<Route> = source.unlogged.iter().copied().filter(is_open).collect();
        bench.unbounded.extend(&open_to);
        let is_let_in = cloud.is_some() && letting_in.contains(&source.source);
        let is_answering = answering.contains(&source.source);
        let matters = |route: &Route| match route {
            Route::SaasDownload => matters(bench, *route) || is_let_in,
            Route::WebResponse => matters(bench, *route) || is_answering,
            _ => matters(bench, *route),
        };
        let open_to: Vec<Route> = open_to.into_iter().filter(matters).collect();
        if open_to.is_empty() {
            continue;
        }
        let what = source.not_logged.join(", ");
        bench.reason("J-35", format!("{} does not state {what}", source.source), Vec::new());
        for route in open_to {
            let needs = match cloud.filter(|_| route == Route::SaasDownload) {
                Some(Cloud { needs, .. }) => format!("{needs}: {} does not state {what}", source.source),
                None if source.observes.contains(&route) => {
                    format!("firewall, flow or proxy log that states what {} does not: {what}", source.source)
                }
                None => format!("a log of the service that states what {} does not: {what}", source.source),
            };
            open(bench, route, needs);
        }
    }
}

/// Of attacks by rules of level medium so many that a server answered, from one address, may have been given data.
const ANSWERED: u64 = 10;

/// Logs of web servers that answered somebody's attacks: with what, their bytes would tell.
fn answering<'a>(bench: &Bench<'a>) -> BTreeSet<&'a Locator> {
    let is_answered = |f: &&&Finding| {
        f.kind != FindingKind::Indicator
            && f.level >= Level::Medium
            && f.outcome == Outcome::Succeeded
            && f.route == Some(Route::WebResponse)
            && f.stage.contains(&Stage::InitialAccess)
    };
    let mut times: BTreeMap<(&Locator, &str), u64> = BTreeMap::new();
    for f in bench.findings.iter().filter(is_answered) {
        let much = if f.level >= Level::High { ANSWERED } else { 1 };
        for (e, from) in f.evidence.iter().flat_map(|e| f.entities.sources.iter().map(move |from| (e, from))) {
            *times.entry((&e.source, from)).or_default() += much;
        }
    }
    times.into_iter().filter(|(_, times)| *times >= ANSWERED).map(|((log, _), _)| log).collect()
}

/// Logs with the routes by which they show that a host or account of the intruder moved something of which no log that saw it states
/// the bytes: what other logs state of that time is not it.
fn unmeasured<'a>(bench: &Bench<'a>) -> BTreeSet<(&'a Locator, Route)> {
    let unlogged: HashMap<&Locator, &SourceCoverage> =
        bench.sources.iter().filter(|s| !s.unlogged.is_empty()).map(|s| (&s.source, *s)).collect();
    let lacks = |log: &Locator, route: Route| unlogged.get(log).is_some_and(|s| s.unlogged.contains(&route));
    let is_one = |t: &&&Transfer| {
        t.bytes.upper.is_none() && t.seen_by.iter().all(|log| lacks(log, t.route)) && movement::guilty(bench, t)
    };
    let all = bench.transfers.iter().filter(is_one);
    all.flat_map(|t| t.seen_by.iter().map(|log| (log, t.route))).collect()
}

/// J-36: what an intruder's remote sessions showed it, which no log states.
fn unjudged(bench: &mut Bench<'_>) {
    let by_session = |f: &&&Finding| f.route == Some(Route::RemoteAccess) && bench.intruder.proofs.contains(&f.id);
    let sessions: Vec<String> = bench.findings.iter().filter(by_session).map(|f| f.id.clone()).collect();
    if !sessions.is_empty() {
        let text = "the intruder had remote sessions, and no log states what these showed";
        bench.reason("J-36", text.to_owned(), sessions);
        open(bench, Route::RemoteAccess, "a review of what the intruder's remote sessions opened".to_owned());
    }
}

/// Whether a log shows a way out with the bytes that leave by it.
fn shows(source: &SourceCoverage, route: Route) -> bool {
    source.observes.contains(&route) && !source.unlogged.contains(&route)
}

/// The time of which some logs tell, together.
struct Watch(Vec<(Instant, Instant)>);

impl Watch {
    /// Of those logs of the scope's hosts that state something. A shared service's log tells of those for whom it acts.
    fn of(bench: &Bench<'_>, states: impl Fn(&SourceCoverage) -> bool) -> Self {
        let own: BTreeSet<&Locator> = bench.sources.iter().map(|s| &s.source).collect();
        let acts = |name: &String| {
            let shared = bench.whose.tenants.iter().find(|t| t.name == *name);
            shared.is_some_and(|t| t.shared && t.processor_of.contains(&bench.scope))
        };
        let speaks = |s: &&SourceCoverage| own.contains(&s.source) || s.scopes.iter().any(acts);
        let telling = bench.coverage.sources.iter().filter(|s| states(s)).filter(speaks);
        let mut stretches: Vec<(Instant, Instant)> = telling.flat_map(SourceCoverage::watched).collect();
        stretches.sort_unstable();
        let mut all: Vec<(Instant, Instant)> = Vec::new();
        for (from, to) in stretches {
            match all.last_mut() {
                Some((_, reached)) if from <= *reached => *reached = to.max(*reached),
                _ => all.push((from, to)),
            }
        }
        Self(all)
    }

    /// Of those that show a way out with the bytes that leave by it.
    fn on(bench: &Bench<'_>, route: Route) -> Self {
        Self::of(bench, |s| shows(s, route))
    }

    /// Whether no stretch of the period is left out.
    fn covers(&self, first: Instant, last: Instant) -> bool {
        let after = self.0.partition_point(|(from, _)| *from <= first);
        after.checked_sub(1).is_some_and(|at| self.0[at].1 >= last)
    }
}

/// Whether logs of bytes at the edge, together, leave no stretch of the period out. A log that holds traffic of the
/// scope, or of a shared service that acts for it, stands at the edge of its hosts.
fn edge_covers(bench: &Bench<'_>, first: Instant, last: Instant) -> bool {
    Watch::of(bench, |s| is_of_edge(s) && s.not_logged.is_empty()).covers(first, last)
}

/// The first time for which a log of a way out is silent and no other log tells.
pub fn silent(bench: &Bench<'_>, route: Route) -> Option<(Instant, Instant)> {
    let gaps = bench.sources.iter().filter(|s| s.observes.contains(&route)).flat_map(|s| &s.gaps);
    let mut silences = gaps.filter(|gap| gap.reason == GapReason::Silent).filter_map(|g| g.from.zip(g.to)).peekable();
    silences.peek()?;
    let watch = Watch::on(bench, route);
    silences.filter(|(from, to)| !watch.covers(*from, *to)).min()
}

/// J-31: ways out of which the only log falls silent.
fn silences(bench: &mut Bench<'_>) {
    for route in Route::ALL.iter().copied().filter(|route| matters(bench, *route)).collect::<Vec<_>>() {
        if let Some((from, to)) = silent(bench, route) {
            let text = format!("no log tells of {} from {from} to {to}", route.word());
            bench.reason("J-31", text, Vec::new());
            open(bench, route, format!("logs of {from} to {to}"));
        }
    }
}

/// J-39: ways out whose logs have dates that may be of two days.
fn undated(bench: &mut Bench<'_>) {
    for source in bench.sources.clone() {
        let Some(dates) = source.dates.as_ref().filter(|_| is_undated(source)) else { continue };
        let routes: Vec<Route> = source.observes.iter().copied().filter(|route| matters(bench, *route)).collect();
        if routes.is_empty() {
            continue;
        }
        bench.reason(
            "J-39",
            format!("{} has dates that may be of two days: {}", source.source, dates.told()),
            Vec::new(),
        );
        let needs = format!("--date-order for {}, or a part of it of a day after the 12th", source.source);
        for route in routes {
            open(bench, route, needs.clone());
        }
    }
}

/// J-39: ways out whose logs have no times, or do not reach the time at which the incident was noticed.
fn too_short(bench: &mut Bench<'_>) {
    let aware = bench.whose.aware.map(|aware| aware.plus_secs(-DAY_SECS));
    for route in Route::ALL.iter().copied().filter(|route| matters(bench, *route)).collect::<Vec<_>>() {
        let showing = bench.sources.iter().filter(|s| s.observes.contains(&route) && !is_undated(s));
        let (records, ends) = showing.fold((0u64, None), |(n, end), s| (n.saturating_add(s.records), s.to.max(end)));
        let (what, needs) = match (ends, aware) {
            (None, _) if records > 0 => ("have no times".to_owned(), "a copy of the logs with times".to_owned()),
            (Some(end), Some(aware)) if end < aware => {
                (format!("end {end}, before the incident was noticed"), format!("logs from {end} on"))
            }
            _ => continue,
        };
        bench.reason("J-39", format!("the logs of {} {what}", route.word()), Vec::new());
        open(bench, route, needs);
    }
}

/// Whether its dates may be of two days.
fn is_undated(source: &SourceCoverage) -> bool {
    source.dates.as_ref().is_some_and(DatesRead::is_open)
}

impl Bench<'_> {
    /// Whether this is a scope of its own, and not only what fits none of those given.
    fn is_tenant(&self) -> bool {
        self.scope != UNATTRIBUTED || self.whose.tenants.is_empty()
    }
}

/// Opens a route; says what would close it.
pub fn open(bench: &mut Bench<'_>, route: Route, needs: String) {
    let list = bench.open.entry(route).or_default();
    if !list.contains(&needs) {
        list.push(needs.clone());
    }
    if !bench.collect.contains(&needs) {
        bench.collect.push(needs);
    }
}
