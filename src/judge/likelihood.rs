//! J-84: how likely it is that data was compromised.

use std::collections::BTreeSet;

use crate::model::finding::{Finding, FindingKind};
use crate::model::place::Locator;
use crate::model::rule::Stage;
use crate::model::time::{Instant, Span};
use crate::model::transfer::Transfer;
use crate::model::verdict::{Confidence, Intrusion, Likelihood, State};
use crate::model::whose::{Side, same_host};

use super::Bench;
use super::intrusion::{DAY_SECS, is_listed, outward, shares_account};
use super::listed::names;

/// How likely it is that data was compromised; `None` where the logs cannot tell.
pub(super) fn of(
    bench: &mut Bench<'_>,
    state: State,
    confidence: Confidence,
    intrusion: Intrusion,
) -> Option<Likelihood> {
    let clean = intrusion == Intrusion::NoneSeen;
    match state {
        State::Exfiltrated if confidence == Confidence::High => Some(Likelihood::AlmostCertain),
        State::Exfiltrated | State::Accessed => Some(Likelihood::HighlyLikely),
        State::Unexplained if is_borne_out(bench) => Some(Likelihood::Likely),
        State::Unexplained => Some(Likelihood::RealisticPossibility),
        State::CannotTell | State::NotExamined => None,
        State::Attempted | State::NoEvidence if clean => Some(Likelihood::HighlyUnlikely),
        State::IntrusionOnly | State::Attempted | State::NoEvidence => Some(Likelihood::Unlikely),
    }
}

/// Whether a suspicion bears out that what nothing explains is a theft: it is of who moved it or of where it went, and tells
/// of more than that it moved. One that is of somebody else in the scope says nothing of it.
fn is_borne_out(bench: &mut Bench<'_>) -> bool {
    let movers = movers(bench);
    let known: BTreeSet<&str> = bench.intruder.suspicions.iter().map(String::as_str).collect();
    let suspects = bench.findings.iter().copied().filter(|f| known.contains(f.id.as_str()) && tells_more(f));
    let met: Vec<&Finding> = suspects.filter(|f| movers.iter().any(|mover| mover.is_met(bench, f))).collect();
    if met.is_empty() {
        return false;
    }
    let what = "what nothing explains is likely to be a theft: a suspicion is of who moved it, or of where it went";
    let ids = met.iter().map(|f| f.id.clone()).collect();
    bench.reason("J-84", what.to_owned(), ids);
    true
}

/// Whether a suspicion tells of more than data that was packed or sent, which is what is to be explained, and looking around.
fn tells_more(f: &Finding) -> bool {
    let is_work =
        |stage: &Stage| matches!(stage, Stage::Discovery | Stage::Collection | Stage::Staging | Stage::Exfiltration);
    is_listed(f) || f.kind != FindingKind::Indicator && !f.stage.iter().all(is_work)
}

/// Who moved or gathered data without an explanation.
struct Mover<'a> {
    /// By [`Whose::entity`](crate::model::whose::Whose::entity).
    hosts: Vec<String>,
    accounts: &'a [String],
    /// The logs that name the accounts.
    logs: Vec<Locator>,
    to: Vec<&'a str>,
    time: Option<Span>,
}

fn movers<'a>(bench: &Bench<'a>) -> Vec<Mover<'a>> {
    let counted = bench.ways.values().flat_map(|way| way.transfers.values());
    let moved = counted.filter(|c| c.state == State::Unexplained).map(|c| c.transfer);
    let of_transfer = |t: &'a Transfer| Mover {
        hosts: vec![bench.whose.entity(&t.from)],
        accounts: &t.accounts,
        logs: t.seen_by.to_vec(),
        to: t.destinations().collect(),
        time: t.time,
    };
    let is_open = |f: &&&'a Finding| bench.reached.get(f.id.as_str()) == Some(&State::Unexplained);
    let of_finding = |f: &&'a Finding| Mover {
        hosts: inside(bench, f),
        accounts: super::intrusion::accounts(f, &bench.forgeable),
        logs: f.evidence.iter().map(|e| e.source.clone()).collect(),
        to: f.entities.destinations.iter().map(String::as_str).collect(),
        time: f.time.first.zip(f.time.last).map(|(first, last)| Span { first, last }),
    };
    moved.map(of_transfer).chain(bench.findings.iter().filter(is_open).map(of_finding)).collect()
}

/// The hosts inside that a finding names, by [`Whose::entity`](crate::model::whose::Whose::entity).
fn inside(bench: &Bench<'_>, f: &Finding) -> Vec<String> {
    let ends = f.entities.sources.iter().chain(&f.entities.destinations);
    let inside = ends.filter(|end| bench.whose.side(end) == Side::Inside);
    inside.chain(&f.entities.hosts).map(|host| bench.whose.entity(host)).collect()
}

impl Mover<'_> {
    /// Whether a suspicion is of this one from a day before on, or of where it sent.
    fn is_met(&self, bench: &Bench<'_>, f: &Finding) -> bool {
        let listed = f.kind == FindingKind::Indicator;
        if listed && outward(f, bench.whose) && f.entities.destinations.iter().any(|to| self.to.contains(&&**to)) {
            return true;
        }
        if listed && f.entities.sources.iter().any(|from| self.to.contains(&&**from) && names(f, from)) {
            return true;
        }
        let Some(time) = self.time else { return false };
        let begin = time.first.plus_secs(-DAY_SECS);
        match listed {
            // What an indicator's finding names is of all that met it, over all the time.
            true => self.has_met(bench, f, (begin, time.last)),
            false => {
                let near = f.time.first.zip(f.time.last).is_some_and(|(a, b)| a <= time.last && b >= begin);
                near && (inside(bench, f).iter().any(|host| self.is_host(host))
                    || shares_account(f, self.accounts, &self.logs, &bench.forgeable))
            }
        }
    }

    /// Whether its host met a listed value on one of these days.
    fn has_met(&self, bench: &Bench<'_>, f: &Finding, (first, last): (Instant, Instant)) -> bool {
        let days = first.day()..=last.day();
        f.met.iter().filter(|met| met.days.iter().any(|day| days.contains(&i64::from(*day)))).any(|met| {
            let who = met.who.source_ip.iter().chain(&met.who.host);
            who.map(|text| bench.whose.entity(text)).any(|host| self.is_host(&host))
        })
    }

    fn is_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| same_host(own, host))
    }
}
