//! What the logs of each scope could answer if something happened: the same coverage that bounds a verdict, without one.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::coverage::{Coverage, Gap, GapReason, Referred, SourceCoverage};
use crate::model::ledger::Entry;
use crate::model::place::Locator;
use crate::model::prepared::{Answerable, Hole, LogKind, Prepared, RoutePrepared, ScopePrepared};
use crate::model::rule::Route;
use crate::model::time::Instant;
use crate::model::whose::{UNATTRIBUTED, Whose};

use super::intrusion::{BASELINE_DAYS, DAY_SECS};

/// Says per scope and way out which logs there are, what they cover and lack, and what to switch on or collect.
pub fn prepared(coverage: &Coverage, ledger: &[Entry], whose: &Whose) -> Prepared {
    let mut names: Vec<&str> = whose.tenants.iter().map(|t| t.name.as_str()).collect();
    if names.is_empty() || coverage.sources.iter().any(|s| s.scopes.is_empty()) {
        names.push(UNATTRIBUTED);
    }
    let mut unread: Vec<Locator> = ledger.iter().filter(|e| e.has_loss()).map(|e| e.source.clone()).collect();
    unread.sort();
    unread.dedup();
    Prepared {
        schema: Prepared::SCHEMA.to_owned(),
        scopes: names.into_iter().map(|name| scope(name, coverage, whose)).collect(),
        unread,
    }
}

fn scope(name: &str, all: &Coverage, whose: &Whose) -> ScopePrepared {
    let coverage = &*all.of(&whose.acting_for(name));
    let acts = |of: &String| {
        whose.tenants.iter().any(|t| t.name == *of && t.shared && t.processor_of.iter().any(|p| p == name))
    };
    let speaks = |s: &&SourceCoverage| match name {
        UNATTRIBUTED => whose.tenants.is_empty() || s.scopes.is_empty(),
        _ => s.scopes.iter().any(|scope| scope == name || acts(scope)),
    };
    let sources: Vec<&SourceCoverage> = coverage.sources.iter().filter(speaks).collect();
    let mine =
        |scope: &Option<String>| scope.as_ref().map_or(name != UNATTRIBUTED || whose.tenants.is_empty(), |s| s == name);
    let promised = whose.promises.iter().filter(|p| mine(&p.scope));
    ScopePrepared {
        scope: name.to_owned(),
        from: sources.iter().filter_map(|s| s.from).min(),
        to: sources.iter().filter_map(|s| s.to).max(),
        routes: Route::ALL.iter().map(|r| route(*r, name, &sources, coverage)).collect(),
        others: kinds(sources.iter().copied().filter(|s| s.observes.is_empty() && s.records > 0)),
        promised: promised.filter_map(|p| whose.broken(p, &coverage.sources)).collect(),
    }
}

fn route(route: Route, scope: &str, sources: &[&SourceCoverage], coverage: &Coverage) -> RoutePrepared {
    let showing: Vec<&SourceCoverage> = sources.iter().copied().filter(|s| s.observes.contains(&route)).collect();
    let with_bytes = |s: &&SourceCoverage| !s.unlogged.contains(&route) && !s.unread.contains(&route);
    let counting: Vec<&SourceCoverage> = showing.iter().copied().filter(with_bytes).collect();
    let (from, to) = (showing.iter().filter_map(|s| s.from).min(), showing.iter().filter_map(|s| s.to).max());
    let holes = holes(if counting.is_empty() { &showing } else { &counting }, from.zip(to));
    let mut limits: BTreeSet<String> = showing.iter().flat_map(|s| hidden(s)).collect();
    limits.extend(
        sources
            .iter()
            .filter(|s| s.unlogged.contains(&route))
            .map(|s| format!("the logs of {} do not state {}", s.format, s.not_logged.join(", "))),
    );
    limits.extend(
        showing
            .iter()
            .filter(|s| s.unread.contains(&route))
            .map(|s| format!("records of {} that tell of it are not read by this version", s.format)),
    );
    let behind = coverage.referred.iter().filter(|r| r.scope == scope && r.routes.contains(&route));
    limits.extend(behind.map(Referred::told));
    let undated = showing.iter().filter_map(|s| Some((&s.source, s.dates.as_ref().filter(|dates| dates.is_open())?)));
    limits.extend(undated.map(|(source, dates)| format!("dates of {source}: {}", dates.told())));
    if showing.iter().any(|s| s.records > 0) && from.is_none() {
        let why = if showing.iter().any(|s| s.is_doubtful) {
            "the records are in doubt, because checksums do not hold"
        } else {
            "the records have no times"
        };
        limits.insert(why.to_owned());
    }
    if route == Route::RemoteAccess && !showing.is_empty() {
        limits.insert("sessions are shown and not judged by this version".to_owned());
    }
    let only_edge = !showing.is_empty() && showing.iter().all(|s| s.observes.contains(&Route::Network));
    if route == Route::Email && only_edge {
        limits.insert(
            "only the edge shows it: the bytes of mail servers as a whole, not whose mail, and no rule that forwards"
                .to_owned(),
        );
    }
    let answer = match (showing.is_empty(), counting.is_empty() || !holes.is_empty() || !limits.is_empty()) {
        (true, _) => Answerable::No,
        (false, true) => Answerable::InPart,
        (false, false) => Answerable::Yes,
    };
    let is_damaged =
        |s: &&&SourceCoverage| s.gaps.iter().any(|gap| gap.reason == GapReason::NotRead && gap.from.is_none());
    let damaged = showing.iter().filter(is_damaged).map(|s| format!("collect another copy of {}", s.source));
    let is_cut = |s: &&&SourceCoverage| s.gaps.iter().any(|gap| gap.reason == GapReason::ExportTruncated);
    let cut = showing.iter().filter(is_cut).map(|s| match s.lacking {
        Some(lacking) => format!("collect {}", lacking.needs(s.source.as_str())),
        None => format!("export {} again in shorter periods", s.source),
    });
    let again: Vec<String> = damaged.chain(cut).collect();
    let (question, collect) = words(route);
    RoutePrepared {
        route,
        question: question.to_owned(),
        answer,
        next: next(collect, counting.is_empty() || only_edge && route == Route::Email, (from.zip(to), &holes), again),
        from,
        to,
        logs: kinds(showing.into_iter()),
        holes,
        limits: limits.into_iter().collect(),
    }
}

/// What to do about a way out: `collect` where it `is_wanted`, what is in the holes, what is to be had `again`, and a longer history.
fn next(
    collect: &str,
    is_wanted: bool,
    (period, holes): (Option<(Instant, Instant)>, &[Hole]),
    again: Vec<String>,
) -> Vec<String> {
    let mut all = Vec::new();
    if is_wanted {
        all.push(format!("switch on and keep: {collect}"));
    }
    all.extend(holes.iter().map(|hole| format!("collect the logs of {} to {}", hole.from, hole.to)));
    all.extend(again);
    let short = period.is_some_and(|(from, to)| to < from.plus_secs(BASELINE_DAYS * DAY_SECS));
    if short {
        all.push(format!(
            "keep logs for longer: what is unusual shows only beside {BASELINE_DAYS} days or more of history"
        ));
    }
    all
}

/// What a log says of parts of it that are not there.
fn hidden(source: &SourceCoverage) -> Vec<String> {
    let told = |gap: &Gap| {
        let what = gap.reason.of_log()?;
        let at = match (gap.from, gap.to) {
            (Some(from), Some(to)) => format!(" ({from} to {to})"),
            (None, Some(to)) => format!(" (before {to})"),
            (Some(from), None) => format!(" (from {from})"),
            (None, None) => String::new(),
        };
        Some(format!("{} {what}{at}", gap.place()))
    };
    source.gaps.iter().filter_map(told).collect()
}

/// Days or longer between the first and the last record of which no source tells.
fn holes(sources: &[&SourceCoverage], period: Option<(Instant, Instant)>) -> Vec<Hole> {
    let Some((from, to)) = period else { return Vec::new() };
    let mut stretches: Vec<(Instant, Instant)> = sources.iter().flat_map(|s| s.told()).collect();
    stretches.sort_unstable();
    let mut reached = from;
    let mut holes = Vec::new();
    for (begin, end) in stretches.into_iter().chain([(to, to)]) {
        if begin >= reached.plus_secs(DAY_SECS) {
            holes.push(Hole { from: reached, to: begin });
        }
        reached = reached.max(end);
    }
    holes
}

/// Sources by format.
fn kinds<'s>(sources: impl Iterator<Item = &'s SourceCoverage>) -> Vec<LogKind> {
    let mut all: BTreeMap<&str, LogKind> = BTreeMap::new();
    for source in sources {
        let kind = all.entry(&source.format).or_insert_with(|| LogKind {
            format: source.format.clone(),
            example: source.source.clone(),
            sources: 0,
            records: 0,
            from: source.from,
            to: source.to,
        });
        kind.example = kind.example.clone().min(source.source.clone());
        kind.sources += 1;
        kind.records = kind.records.saturating_add(source.records);
        kind.from = kind.from.into_iter().chain(source.from).min();
        kind.to = kind.to.max(source.to);
    }
    all.into_values().collect()
}

/// What is asked of a way out, and which logs answer it.
fn words(route: Route) -> (&'static str, &'static str) {
    match route {
        Route::HttpsUpload => (
            "Was data sent to a web server outside?",
            "the log of the web proxy with the bytes that each client sent, or of the firewall with bytes per session",
        ),
        Route::CloudStorage => (
            "Was data put into cloud storage or a sharing service outside?",
            "the log of the web proxy with host names and the bytes that each client sent",
        ),
        Route::SaasDownload => (
            "Did somebody outside download from your cloud services?",
            "audit logs of the cloud services (Microsoft 365 with MailItemsAccessed, Google Workspace); of stores, what is to be switched \
             on: CloudTrail's data events of S3, Data Access audit logs of Google Cloud, StorageRead in Azure's diagnostic settings",
        ),
        Route::WebResponse => (
            "Did your own web servers hand data to somebody who must not have it?",
            "access logs of all web servers and load balancers, with the bytes of each answer",
        ),
        Route::DnsTunnel => {
            ("Was data hidden in names asked for in DNS?", "the query log of the resolvers, with the asking client")
        }
        Route::SftpFtp => (
            "Was data sent by SFTP, SCP or FTP?",
            "transfer logs of the servers, and the log of the firewall with bytes per session",
        ),
        Route::Email => (
            "Did data leave by mail, and whose?",
            "message tracking of the mail server or gateway with sizes, and the audit log of mailboxes",
        ),
        Route::Smb => (
            "Was data copied out of file shares to another network?",
            "flows or firewall log of port 445 with bytes, and Windows auditing of file shares (events 5140, 5145)",
        ),
        Route::Usb => (
            "Was data copied to removable media?",
            "Windows auditing of removable storage (events 4663, 6416), or device control of the endpoint protection",
        ),
        Route::DbDump => (
            "Was a database dumped or read in bulk?",
            "the audit log of the database with statements, account, client and rows",
        ),
        Route::Api => (
            "Was data read in bulk through an API?",
            "the log of the API gateway with caller, path and bytes of each answer",
        ),
        Route::RemoteAccess => (
            "Did somebody work, and copy, in a remote session?",
            "VPN and gateway sessions with bytes, Windows logons (event 4624) and sessions of remote desktop and remote tools",
        ),
        Route::PhoneSystem => (
            "Were recordings, voicemail or call data fetched?",
            "call data and the administration log of the telephone system",
        ),
        Route::Network => (
            "Did data leave by anything else?",
            "flows, or the log of the firewall at the edge, with bytes each way for all protocols",
        ),
    }
}
