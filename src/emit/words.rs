//! States, bounds and judgements in words for people, shared by the summary and the report.

use super::{ClocksUsed, RulesUsed};
use crate::model::coverage::Counted;
use crate::model::ledger::Note;
use crate::model::rule::{LeftOut, Narrowing, Route};
use crate::model::time::Instant;
use crate::model::transfer::{Bounds, PassedOn};
use crate::model::verdict::{Activity, Breach, Likelihood, RouteVerdict, ScopeVerdict, State, Verdict};
use crate::model::words::{self, Round, counted};

/// Every state, worst first.
pub(super) const STATES: [State; 8] = [
    State::Exfiltrated,
    State::Accessed,
    State::Unexplained,
    State::CannotTell,
    State::IntrusionOnly,
    State::Attempted,
    State::NoEvidence,
    State::NotExamined,
];

/// Words of the output that are not states, with their meaning.
pub(super) const GLOSSARY: &[(&str, &str)] = &[
    ("scope", "whose data or systems; what fits no scope is called unattributed"),
    ("way out", "a route by which data can leave, judged on its own in each scope"),
    ("complete", "of the ways out that the logs show, none is left open; an open one is in state cannot_tell"),
    ("bytes out", "bounds: at least and at most; no upper bound where a part was not observed or not logged"),
    ("likelihood", "a word of the UK PHIA yardstick with its range; only judgements have one"),
    ("confidence", "how well founded a judgement is: sources, coverage, contradictions, assumptions"),
    ("hint", "an object whose name sounds like a kind of data; nothing shows that it holds such data"),
    ("J-…", "a clause of the judge; `exfiltrace clauses` prints what each says"),
    ("f-… and t-…", "a finding in findings.jsonl and a transfer in transfers.jsonl"),
    ("file:12 and file@3400", "line 12, or byte 3400 of the decoded stream; archive members follow after !/"),
];

/// What a state means, in words for people.
pub(super) fn meaning(state: State) -> &'static str {
    match state {
        State::Exfiltrated => "data left, and the movement is tied to intrusion or misuse",
        State::Accessed => "an adversary read or prepared data; no proof that it left",
        State::Unexplained => "data moved out that nothing authorises; no proof ties it to intrusion or misuse",
        State::CannotTell => "the logs that would show it are missing",
        State::IntrusionOnly => "there was an intrusion; no access to data is seen by the ways out that the logs show",
        State::Attempted => "attacks and suspicious contact of which no success is seen",
        State::NoEvidence => "nothing seen by the ways out that the logs show",
        State::NotExamined => "no log in the evidence observes this",
    }
}

/// The answer to "was data compromised?" in a few words.
pub(super) fn headline(state: State) -> &'static str {
    match state {
        State::Exfiltrated => "Yes, data left",
        State::Accessed => "Yes, data was reached; that it left is not shown",
        State::Unexplained => "Perhaps: data moved out, and nothing says why",
        State::CannotTell => "These logs cannot tell",
        State::IntrusionOnly => "No sign of it in these logs, but there was an intrusion",
        State::Attempted => "No sign of it in these logs; there were attacks that failed",
        State::NoEvidence => "No sign of it in these logs",
        State::NotExamined => "This was not examined",
    }
}

/// A way out for people, with its word in the files of the case.
pub(super) fn way(route: Route) -> String {
    let name = match route {
        Route::HttpsUpload => "uploads to the web",
        Route::CloudStorage => "cloud storage",
        Route::SaasDownload => "downloads from cloud services",
        Route::WebResponse => "answers of own web servers",
        Route::DnsTunnel => "DNS",
        Route::SftpFtp => "SFTP and FTP",
        Route::Email => "e-mail",
        Route::Smb => "file shares",
        Route::Usb => "USB media",
        Route::DbDump => "database dumps",
        Route::Api => "programming interfaces",
        Route::RemoteAccess => "remote access",
        Route::PhoneSystem => "the phone system",
        Route::Network => "other network traffic",
    };
    format!("{name} ({})", route.word())
}

/// The text with a capital at its start.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// From when to when, in UTC, on a day named once; empty where no time is known.
pub(super) fn when(first: Option<Instant>, last: Option<Instant>) -> String {
    let plain = |at: Instant| at.to_string().replace('T', " ").replace('Z', "");
    match (first.map(plain), last.map(plain)) {
        (None, None) => String::new(),
        (Some(only), None) | (None, Some(only)) => format!("{only} UTC"),
        (Some(first), Some(last)) if first == last => format!("{first} UTC"),
        (Some(first), Some(last)) => match (first.split_once(' '), last.split_once(' ')) {
            (Some((day, _)), Some((same, time))) if day == same => format!("{first} to {time} UTC"),
            _ => format!("{first} to {last} UTC"),
        },
    }
}

/// One end of a gap.
pub(super) fn open_end(at: Option<Instant>) -> String {
    at.map_or_else(|| "not known".to_owned(), |_| when(at, at))
}

/// The word that a unit enum has in output.
pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The same with spaces.
pub(super) fn spaced<T: serde::Serialize>(value: &T) -> String {
    word(value).replace('_', " ")
}

/// A likelihood with its range; what is given of a scope of which the state is known, and none, lacks a log at the edge.
pub(super) fn likelihood(of: Option<Likelihood>, state: State) -> &'static str {
    match of {
        None if matches!(state, State::CannotTell | State::NotExamined) => "none given, because the logs cannot tell",
        None => "none given, because no log shows traffic at the edge",
        Some(Likelihood::RemoteChance) => "a remote chance (0 to 5 %)",
        Some(Likelihood::HighlyUnlikely) => "highly unlikely (10 to 20 %)",
        Some(Likelihood::Unlikely) => "unlikely (25 to 35 %)",
        Some(Likelihood::RealisticPossibility) => "a realistic possibility (40 to 50 %)",
        Some(Likelihood::Likely) => "likely (55 to 75 %)",
        Some(Likelihood::HighlyLikely) => "highly likely (80 to 90 %)",
        Some(Likelihood::AlmostCertain) => "almost certain (95 to 100 %)",
    }
}

/// A size with the exact figure.
pub(super) fn size(bytes: u64, round: Round) -> String {
    let (exact, rounded) = (format!("{bytes} bytes"), words::size(bytes, round));
    if rounded == exact { exact } else { format!("{exact} ({rounded})") }
}

/// Bounds in words; `figure` writes the lower and the upper figure with its unit.
pub(super) fn bounds(b: Bounds, figure: impl Fn(u64, Round) -> String) -> String {
    match b.upper {
        Some(upper) if upper == b.lower => figure(upper, Round::Nearest),
        Some(upper) => format!("{} to {}", figure(b.lower, Round::Down), figure(upper, Round::Up)),
        None if b.lower == 0 => "unknown, no upper bound".to_owned(),
        None => format!("at least {}, no upper bound", figure(b.lower, Round::Down)),
    }
}

/// An instant, or that there is none.
pub(super) fn stamp(at: Option<Instant>) -> String {
    at.map_or_else(|| "no time".to_owned(), |at| at.to_string())
}

/// From when to when, with a comma before it; nothing where no time is known.
pub(super) fn times(first: Option<Instant>, last: Option<Instant>) -> String {
    match (first, last) {
        (None, None) => String::new(),
        _ => format!(", {} to {}", stamp(first), stamp(last)),
    }
}

/// What is added to times of which the first is known to be no later, and may be earlier.
pub(super) fn perhaps_from(possible: Option<Instant>) -> String {
    possible.map_or_else(String::new, |at| format!(" (perhaps from {} on)", stamp(Some(at))))
}

/// The first `limit` values, and how many more there are.
pub(super) fn some(values: &[String], limit: usize) -> String {
    let shown = values.iter().take(limit).map(String::as_str).collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(limit) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whose bytes a host put on the wire.
pub(super) fn passed_on(of: &PassedOn) -> String {
    let more = counted(of.more, "other host", "other hosts");
    let whom = match (of.hosts.is_empty(), of.more) {
        (true, _) => more,
        (false, 0) => some(&of.hosts, 3),
        (false, _) => format!("{} and {more}", some(&of.hosts, 3)),
    };
    format!("as much as {whom} sent there at the time: counted once, as what a proxy or gateway passed on")
}

/// The three questions with their answers.
pub(super) fn breach(b: &Breach) -> String {
    let (c, i, a) = (spaced(&b.confidentiality), spaced(&b.integrity), spaced(&b.availability));
    format!("breach of confidentiality: {c}; of integrity: {i}; of availability: {a}")
}

/// Whether it is still going on.
pub(super) fn activity(a: &Activity) -> String {
    let after = match (a.contained, a.after_containment) {
        (None, None) => "",
        (Some(_), None) => "; whether there are signs after containment is not known",
        (_, Some(true)) => "; signs AFTER containment",
        (_, Some(false)) => "; no signs after containment",
    };
    let seen = match (a.first, a.last) {
        (None, None) => "no activity of an intruder is seen".to_owned(),
        (first, last) => format!("activity from {} to {}", stamp(first), stamp(last)),
    };
    let end = a.logs_end.map_or_else(|| "when the logs end is not known".to_owned(), |end| format!("logs end {end}"));
    format!("{seen}; {end}{after}")
}

/// Whether there was an intruder, who it was and from where it came.
pub(super) fn intruder(s: &ScopeVerdict) -> String {
    let from = if s.origins.is_empty() { String::new() } else { format!(", from {}", some(&s.origins, ORIGINS)) };
    format!("intrusion: {}; actor: {}{from}", spaced(&s.intrusion), word(&s.actor))
}

/// So many addresses of an intruder are named.
const ORIGINS: usize = 4;

/// Likelihood, confidence and what it rests on.
pub(super) fn judgement(s: &ScopeVerdict) -> String {
    let why =
        if s.confidence_reasons.is_empty() { String::new() } else { format!(": {}", s.confidence_reasons.join("; ")) };
    format!(
        "likelihood that data was compromised: {}; confidence: {}{why}",
        likelihood(s.likelihood, s.state),
        word(&s.confidence)
    )
}

/// Whether the answer of a scope is complete.
pub(super) fn completeness(s: &ScopeVerdict) -> String {
    let open: Vec<&str> = s.open_routes.iter().map(|r| r.word()).collect();
    match (s.complete, open.is_empty()) {
        (true, _) => {
            let examined = s.routes.iter().filter(|r| r.state != State::NotExamined).count();
            match s.routes.len() - examined {
                0 => "complete: the logs show all ways out".to_owned(),
                unseen => format!(
                    "complete for {examined} of {} ways out; of the other {unseen} the logs show nothing",
                    s.routes.len()
                ),
            }
        }
        (false, true) => "NOT complete".to_owned(),
        (false, false) => format!("NOT complete: {} cannot be told", open.join(", ")),
    }
}

/// Whether the whole answer is complete, and whose is not.
pub(super) fn wholeness(verdict: &Verdict) -> String {
    let open: Vec<String> = verdict.scopes.iter().filter(|s| !s.complete).map(|s| s.scope.clone()).collect();
    match (verdict.overall.complete, open.is_empty()) {
        (true, _) => "complete for the ways out that the logs show".to_owned(),
        (false, true) => "NOT complete: some ways out cannot be told".to_owned(),
        (false, false) => format!("NOT complete: some ways out cannot be told (of {})", some(&open, 5)),
    }
}

/// The period that was judged; empty where it is all time.
pub(super) fn period(verdict: &Verdict) -> String {
    let Some(period) = &verdict.period else { return String::new() };
    let edge = |at: Option<Instant>, open: &str| at.map_or_else(|| open.to_owned(), |at| at.to_string());
    format!(
        "ONLY the period from {} to {} was judged: {} outside of it were read and not judged.",
        edge(period.from, "the first record"),
        edge(period.to, "the last record"),
        counted(period.left_out, "record", "records")
    )
}

/// The ways out that nothing in the evidence observes, with the scopes that it concerns, and those that no scope's
/// verdict speaks of.
pub(super) fn unexamined(verdict: &Verdict) -> String {
    let mut unseen: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    let mut judged: std::collections::BTreeSet<Route> = std::collections::BTreeSet::new();
    for scope in &verdict.scopes {
        judged.extend(scope.routes.iter().map(|r| r.route));
        for route in scope.routes.iter().filter(|r| r.state == State::NotExamined) {
            unseen.entry(unseen_route(route)).or_default().push(scope.scope.clone());
        }
    }
    if judged.is_empty() {
        return "No way out was examined.".to_owned();
    }
    let unjudged: Vec<&str> = Route::ALL.iter().filter(|r| !judged.contains(r)).map(|r| r.word()).collect();
    let unjudged =
        if unjudged.is_empty() { String::new() } else { format!(" Not judged in any scope: {}.", unjudged.join(", ")) };
    if unseen.is_empty() {
        return format!("No way out that was judged is in state not_examined.{unjudged}");
    }
    let named: Vec<String> =
        unseen
            .into_iter()
            .map(|(route, scopes)| {
                if scopes.len() == verdict.scopes.len() { route } else { format!("{route} (in {})", some(&scopes, 5)) }
            })
            .collect();
    format!("NOT examined, {}: {}.{unjudged}", why_unexamined(verdict.hits_only), named.join(", "))
}

/// A way out that was not examined, and that single records tell of it where they do.
fn unseen_route(route: &RouteVerdict) -> String {
    format!("{}{}", route.route.word(), in_part(route))
}

/// What is added to the name of a way out that was not examined.
pub(super) fn in_part(route: &RouteVerdict) -> &'static str {
    if route.findings.is_empty() { "" } else { " (of which findings tell in part)" }
}

/// Why ways out were not examined.
pub fn why_unexamined(hits_only: bool) -> &'static str {
    if hits_only {
        "because hits alone were looked for (--hits-only)"
    } else {
        "because no log in the evidence observes it"
    }
}

/// What a filter did.
pub fn narrowed(filter: &Narrowing) -> String {
    let Narrowing { file, line, column, title, rules, excludes } = filter;
    let did = match rules {
        0 => "is for no rule that is loaded".to_owned(),
        _ => format!("narrows {}", counted(*rules, "rule", "rules")),
    };
    let only = if *excludes || *rules == 0 { "" } else { " to what it describes (it has no \"not\")" };
    format!("{file}:{line}:{column}: {title}: {did}{only}")
}

/// What a correlation could not count; `None` where there is nothing.
pub(super) fn uncounted(of: &Counted) -> Option<String> {
    let parts = [
        (of.untimed, "without a time"),
        (of.ungrouped, "without a field that it makes groups by"),
        (of.beyond, "beyond what is kept"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", counted(*n, "record", "records")))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// How many rules there were, and how many of them could not tell anything; empty where none was given.
pub(super) fn rules(used: &RulesUsed) -> String {
    let RulesUsed { loaded, correlations, rejected, left_out: out, never_applicable, .. } = used;
    let mut parts = Vec::new();
    if *correlations > 0 {
        parts.push(counted(*correlations, "correlation loaded", "correlations loaded"));
    }
    if !rejected.is_empty() {
        parts.push(format!("{} rejected (manifest.json says why)", rejected.len()));
    }
    parts.extend(left_out(out));
    if *never_applicable > 0 {
        parts.push(format!("{never_applicable} ask for logs of a kind that is not here"));
    }
    if *loaded == 0 && parts.is_empty() {
        return String::new();
    }
    parts.insert(0, counted(*loaded, "rule loaded", "rules loaded"));
    format!("Rules: {}.", parts.join(", "))
}

/// How many rules were left out by wish, and by which; `None` where none was.
pub fn left_out(out: &LeftOut) -> Option<String> {
    let by = [("excluded", out.excluded), ("status", out.status), ("level", out.level), ("tag", out.tag)];
    let by: Vec<String> = by.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{word} {n}")).collect();
    let members = match out.members {
        0 => String::new(),
        n => format!("; {n} of them evaluated for correlations only"),
    };
    (out.total() > 0).then(|| format!("{} left out by wish ({}{members})", out.total(), by.join(", ")))
}

/// By which clock the logs were read that carry no zone, and who says so.
pub(super) fn clock(used: &ClocksUsed) -> String {
    let own = match used.zones.len() as u64 {
        0 => String::new(),
        zones => format!(
            " {} of their own.",
            counted(zones, "zone is given to some hosts or files", "zones are given to some hosts or files")
        ),
    };
    let zone = &used.timezone;
    match used.given_by.as_deref() {
        _ if zone.is_empty() => String::new(),
        Some("scopes") => format!("Times without a zone are taken to be of {zone}, as the scopes file says.{own}"),
        Some(by) => format!("Times without a zone are taken to be of {zone}, as {by} says.{own}"),
        None => format!("Times without a zone are taken to be of {zone}, because nobody gave a zone.{own}"),
    }
}

/// What to collect next. A readable copy of something is another copy of it too.
pub(super) fn collect(s: &ScopeVerdict) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for needs in &s.coverage.collect_next {
        let better = needs.strip_prefix("another copy of ").map(|what| format!("a readable copy of {what}"));
        if !better.is_some_and(|better| s.coverage.collect_next.contains(&better)) && !list.contains(needs) {
            list.push(needs.clone());
        }
    }
    list
}

/// A remark of the ledger without its reason.
pub(super) fn note(n: &Note) -> String {
    let at = n.at.map_or_else(String::new, |at| format!("at byte {at}: "));
    let count = n.count.map_or_else(String::new, |count| format!(", {}", counted(count, "time", "times")));
    format!("{at}{}{count}", n.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_told_as_many() {
        assert_eq!(counted(1, "record", "records"), "1 record");
        assert_eq!(counted(0, "record", "records"), "0 records");
        assert_eq!(note(&Note::new(crate::model::ledger::Reason::RecordsRejected, "x").counted(1)), "x, 1 time");
    }

    #[test]
    fn the_clock_is_told_with_who_gave_it() {
        let used = |zone: &str, by: Option<&str>| ClocksUsed {
            timezone: zone.to_owned(),
            given_by: by.map(str::to_owned),
            ..ClocksUsed::default()
        };
        let told = |zone, by| clock(&used(zone, by));
        assert!(told("Asia/Tokyo", Some("--timezone")).contains("of Asia/Tokyo, as --timezone says"));
        assert!(told("Asia/Tokyo", Some("scopes")).contains("as the scopes file says"));
        assert!(told("UTC", None).contains("of UTC, because nobody gave a zone"));
        assert_eq!(told("", None), "", "cases of older versions do not say");
    }

    #[test]
    fn a_day_is_named_once() {
        let at = Instant::parse;
        let (a, b, c) = (at("2026-03-31T00:12:05Z"), at("2026-03-31T02:56:45.5Z"), at("2026-04-01T00:00:00Z"));
        assert_eq!(when(a, b), "2026-03-31 00:12:05 to 02:56:45.5 UTC");
        assert_eq!(when(a, c), "2026-03-31 00:12:05 to 2026-04-01 00:00:00 UTC");
        assert_eq!(
            (when(a, a), when(None, a), when(None, None)),
            (when(a, None), "2026-03-31 00:12:05 UTC".into(), "".into())
        );
    }

    #[test]
    fn sizes_keep_the_exact_figure() {
        assert_eq!(size(999, Round::Down), "999 bytes");
        assert_eq!(size(1_999, Round::Down), "1999 bytes (1.99 kB)");
        assert_eq!(size(3_000_000_210, Round::Nearest), "3000000210 bytes (3.0 GB)");
    }

    #[test]
    fn the_list_of_ways_out_is_whole() {
        let next = |route| match route {
            Route::HttpsUpload => Some(Route::CloudStorage),
            Route::CloudStorage => Some(Route::SaasDownload),
            Route::SaasDownload => Some(Route::WebResponse),
            Route::WebResponse => Some(Route::DnsTunnel),
            Route::DnsTunnel => Some(Route::SftpFtp),
            Route::SftpFtp => Some(Route::Email),
            Route::Email => Some(Route::Smb),
            Route::Smb => Some(Route::Usb),
            Route::Usb => Some(Route::DbDump),
            Route::DbDump => Some(Route::Api),
            Route::Api => Some(Route::RemoteAccess),
            Route::RemoteAccess => Some(Route::PhoneSystem),
            Route::PhoneSystem => Some(Route::Network),
            Route::Network => None,
        };
        let all: Vec<Route> = std::iter::successors(Some(Route::HttpsUpload), |r| next(*r)).collect();
        assert_eq!(all, Route::ALL);
    }

    #[test]
    fn bounds_never_look_more_certain_than_they_are() {
        let of = |lower, upper| bounds(Bounds { lower, upper }, size);
        assert_eq!(of(5, Some(5)), "5 bytes");
        assert_eq!(of(5, Some(9)), "5 bytes to 9 bytes");
        assert_eq!(of(5, None), "at least 5 bytes, no upper bound");
        assert_eq!(of(0, None), "unknown, no upper bound");
        assert_eq!(of(1_999, Some(2_001)), "1999 bytes (1.99 kB) to 2001 bytes (2.01 kB)");
        assert_eq!(of(1_000, Some(999_999)), "1000 bytes (1.0 kB) to 999999 bytes (1000.0 kB)");
        assert_eq!(of(1_999, Some(1_999)), "1999 bytes (2.0 kB)", "a figure that is known");
    }
}
