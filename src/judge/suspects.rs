//! J-25, J-85, J-93, J-94: whom findings make suspect at the other end of what moved: who is listed, and a stranger who used an account.
//!
//! Neither is proof of an intrusion, so that what they were given is unexplained and no more.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::accounts::distinct;
use crate::model::data::{Basis, SECRET};
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::transfer::Transfer;
use crate::model::whose::{Side, Whose};
use crate::model::words::counted;

use super::intrusion::{is_listed, outward, shares_account};
use super::listed::names;
use super::movement::{LEFT_BYTES, Movement, is_answer, named};
use super::{Bench, visitors};

/// Findings by the outside addresses of which they speak.
pub(super) type ByAddress<'a> = BTreeMap<&'a str, Vec<&'a Finding>>;

/// The outside addresses that are listed and made contact, with the sightings that say so: with this scope, or, where something of it
/// went there, with any.
pub(super) fn visitors<'a>(
    all: &'a [Finding],
    (own, moved): (&[&'a Finding], &[&Transfer]),
    whose: &Whose,
) -> ByAddress<'a> {
    let is_met = |f: &Finding, from: &str| is_listed(f) && names(f, from);
    let mut mine = by_address(own, whose, is_met);
    let to: BTreeSet<&str> = moved.iter().map(|t| t.to.as_str()).collect();
    let listed: Vec<&Finding> = all.iter().filter(|f| is_listed(f)).collect();
    let theirs = by_address(&listed, whose, |f, from| to.contains(from) && is_met(f, from));
    for (from, sightings) in theirs {
        mine.entry(from).or_insert(sightings);
    }
    mine
}

/// Those from which an account was used by somebody that it is not of: by findings of level medium or above of how somebody came
/// in, which did not fail: where the log does not say whether it worked, what the account did there says so.
pub(super) fn strangers<'a>(findings: &[&'a Finding], whose: &Whose) -> ByAddress<'a> {
    by_address(findings, whose, |f, _| {
        f.kind != FindingKind::Indicator
            && f.level >= Level::Medium
            && f.outcome != Outcome::Failed
            && f.stage.contains(&Stage::InitialAccess)
            && !f.entities.accounts.is_empty()
    })
}

fn by_address<'a>(findings: &[&'a Finding], whose: &Whose, tells: impl Fn(&Finding, &str) -> bool) -> ByAddress<'a> {
    let mut all = ByAddress::new();
    for f in findings {
        let sources = f.entities.sources.iter().filter(|from| whose.side(from) == Side::Outside && tells(f, from));
        sources.for_each(|from| all.entry(from).or_default().push(f));
    }
    all
}

/// What findings say against the other end of a movement.
#[derive(Default)]
pub(super) struct Suspects<'a> {
    /// That it is listed.
    listed: BTreeSet<&'a str>,
    /// That a stranger used the account by which a service of ours knew it.
    strange: BTreeSet<&'a str>,
    /// That it opened to others what it was given without an account.
    opened: BTreeSet<&'a str>,
    /// That a script there read a web server's pages. That is how pages are gathered, by whom ever, and no suspicion.
    scripted: BTreeSet<&'a str>,
}

impl<'a> Suspects<'a> {
    pub(super) fn of(bench: &Bench<'a>, transfers: &[&Transfer]) -> Self {
        let listed = transfers.iter().flat_map(|t| listed(bench, t)).map(|f| f.id.as_str()).collect();
        let answers = transfers.iter().filter(|t| is_answer(t));
        let strange = answers.flat_map(|t| {
            let there = bench.strangers.get(t.to.as_str()).into_iter().flatten();
            there.filter(|f| shares_account(f, &t.accounts, &t.seen_by, &bench.forgeable)).map(|f| f.id.as_str())
        });
        let strange = strange.collect();
        let opened = transfers.iter().filter(|t| t.route == Route::SaasDownload && t.accounts.is_empty());
        let opened = opened.flat_map(|t| of_address(bench, t).filter(|f| opens(f, t))).map(|f| f.id.as_str()).collect();
        let pages = transfers.iter().filter(|t| t.route == Route::WebResponse);
        let scripted = pages.flat_map(|t| of_address(bench, t)).filter(|f| tells_script(f));
        Self { listed, strange, opened, scripted: scripted.map(|f| f.id.as_str()).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids().next().is_none()
    }

    /// Whether they were given what counts whatever bytes it has: a secret, or, to who is listed, many records.
    pub(super) fn are_given(&self, transfers: &[&Transfer]) -> bool {
        secrets(transfers) > 0 || !self.listed.is_empty() && visitors::has_read(transfers)
    }

    /// The findings that say so.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.suspicions().chain(self.scripted.iter().copied())
    }

    /// Those that make an intrusion likelier.
    pub(super) fn suspicions(&self) -> impl Iterator<Item = &'a str> {
        self.listed.iter().chain(&self.strange).chain(&self.opened).copied()
    }

    /// The gravest of what is said against them.
    fn gravest(&self) -> Option<Suspicion> {
        let said = [
            (Suspicion::Listed, &self.listed),
            (Suspicion::Strange, &self.strange),
            (Suspicion::Opened, &self.opened),
            (Suspicion::Scripted, &self.scripted),
        ];
        said.into_iter().find(|(_, ids)| !ids.is_empty()).map(|(suspicion, _)| suspicion)
    }

    /// What moved at least, in words, and the clause for which it is unexplained, with why; `None` where nobody is suspect.
    pub(super) fn judged(&self, m: &Movement<'_>, route: Route, bytes: u64) -> Option<Unexplained> {
        let (suspicion, secrets, is_small) = (self.gravest()?, secrets(&m.transfers), bytes < LEFT_BYTES);
        let (clause, what) = match suspicion {
            _ if is_small && secrets > 0 => ("J-94", Some(counted(secrets, "secret", "secrets"))),
            Suspicion::Listed if is_small => ("J-85", Some(visitors::told(&m.transfers))),
            Suspicion::Listed if route != Route::WebResponse => ("J-25", None),
            Suspicion::Listed | Suspicion::Scripted => ("J-85", None),
            Suspicion::Strange | Suspicion::Opened => ("J-93", None),
        };
        Some(Unexplained { clause, what, why: format!("nothing authorises it, and {}", suspicion.told()) })
    }

    /// Asks who they are.
    pub(super) fn ask(&self, bench: &mut Bench<'_>, m: &Movement<'_>, from: &str) {
        let Some(suspicion) = self.gravest() else { return };
        let (to, is_read) = (&m.to, m.transfers.iter().all(|t| is_answer(t)));
        bench.ask(match suspicion {
            Suspicion::Listed if is_read => {
                format!("who is at {to}, which is listed, and has a reason to read {} from there?", m.from)
            }
            Suspicion::Listed => {
                format!("does {from} have a reason to send to {to}, which is listed, and is {from} clean?")
            }
            Suspicion::Strange => {
                let accounts = distinct(m.transfers.iter().flat_map(|t| &t.accounts).map(String::as_str)).join(", ");
                format!("was it the owner of {accounts} who used it at {to}, and read {} from there?", m.from)
            }
            Suspicion::Opened => format!("who opened {from} to others from {to}, and read it there?"),
            Suspicion::Scripted => format!("who is at {to}, and may a script there read all that of {from}?"),
        });
    }
}

/// What findings say against somebody, the gravest first.
#[derive(Clone, Copy)]
enum Suspicion {
    Listed,
    Strange,
    Opened,
    Scripted,
}

impl Suspicion {
    fn told(self) -> &'static str {
        match self {
            Self::Listed => "its destination is listed, which is a suspicion and no proof",
            Self::Strange => "findings say that a stranger used the account, which is a suspicion and no proof",
            Self::Opened => "findings say that it was opened to others from there, which is a suspicion and no proof",
            Self::Scripted => "findings say that a script read it there",
        }
    }
}

/// The findings in which an outside destination of a transfer acted.
fn of_address<'a>(bench: &Bench<'a>, t: &Transfer) -> impl Iterator<Item = &'a Finding> {
    let to = t.to.to_string();
    let is_outside = bench.whose.side(&t.to) == Side::Outside;
    let named = bench.findings.iter().copied().filter(move |f| is_outside && f.entities.sources.contains(&to));
    named.filter(|f| f.kind != FindingKind::Indicator && f.level >= Level::Medium && f.outcome == Outcome::Succeeded)
}

/// Whether a finding says that a store was opened to others, before something was read of it.
fn opens(f: &Finding, t: &Transfer) -> bool {
    let is_before = f.time.first.zip(t.time).is_some_and(|(opened, read)| opened <= read.last);
    f.route == Some(Route::CloudStorage) && f.stage.contains(&Stage::Exfiltration) && is_before
}

/// Whether a finding says that a script gathered pages of a web server, by many records.
pub(super) fn tells_script(f: &Finding) -> bool {
    f.kind == FindingKind::Correlation
        && f.level >= Level::Medium
        && f.outcome == Outcome::Succeeded
        && f.route == Some(Route::WebResponse)
        && f.stage.contains(&Stage::Collection)
}

/// How a movement of somebody suspect is told.
pub(super) struct Unexplained {
    pub(super) clause: &'static str,
    /// What moved, where that is not told by its bytes.
    pub(super) what: Option<String>,
    pub(super) why: String,
}

/// The listed values that name a transfer's destination, whichever side began.
pub(super) fn listed<'a>(bench: &Bench<'a>, t: &Transfer) -> Vec<&'a Finding> {
    let mut named = named(bench, t);
    named.retain(|f| is_listed(f) && outward(f, bench.whose));
    named.extend(bench.visitors.get(t.to.as_str()).into_iter().flatten());
    named
}

/// How many secrets a cloud service handed out at least to whom it knew by an account: what its own records show or the catalogue
/// names, not what only sounds like one. They are lost by the act, however few bytes they have.
pub(super) fn secrets(transfers: &[&Transfer]) -> u64 {
    let handed = transfers.iter().filter(|t| t.route == Route::SaasDownload && !t.accounts.is_empty());
    let is_secret = |basis: Basis, category: &str| {
        matches!(basis, Basis::Catalogue | Basis::Detected) && SECRET.contains(&category)
    };
    let told = handed.flat_map(|t| t.data.iter()).filter(|(sign, _)| is_secret(sign.basis, &sign.category));
    told.flat_map(|(_, touch)| &touch.objects).collect::<BTreeSet<_>>().len() as u64
}
