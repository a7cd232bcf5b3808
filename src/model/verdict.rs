//! The answer (`verdict.json`).

use serde::{Deserialize, Serialize};

use super::coverage::Gap;
use super::data::Basis;
use super::finding::FindingId;
use super::rule::Route;
use super::time::Instant;
use super::transfer::Bounds;

/// The states of a route or scope, worst first: a smaller value is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Data movement out is seen and tied to intrusion or misuse.
    Exfiltrated,
    /// An adversary read or staged data; no proof that it left.
    Accessed,
    /// Outward movement that nothing authorises and no proof ties to intrusion.
    Unexplained,
    /// The logs that would show it are missing.
    CannotTell,
    /// Compromise is evident; no data access or movement is seen and coverage for it is adequate.
    IntrusionOnly,
    /// Attacks that failed, or suspicious contact; nothing that is seen to have succeeded.
    Attempted,
    /// Nothing, with adequate coverage.
    NoEvidence,
    /// Nothing observes this route and nothing refers to it (routes only).
    NotExamined,
}

impl State {
    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exfiltrated => "exfiltrated",
            Self::Accessed => "accessed",
            Self::Unexplained => "unexplained",
            Self::CannotTell => "cannot_tell",
            Self::IntrusionOnly => "intrusion_only",
            Self::Attempted => "attempted",
            Self::NoEvidence => "no_evidence",
            Self::NotExamined => "not_examined",
        }
    }
}

/// The words of the UK PHIA probability yardstick; for judgements, never for recorded facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// 0 to 5 %.
    RemoteChance,
    /// 10 to 20 %.
    HighlyUnlikely,
    /// 25 to 35 %.
    Unlikely,
    /// 40 to 50 %.
    RealisticPossibility,
    /// 55 to 75 %.
    Likely,
    /// 80 to 90 %.
    HighlyLikely,
    /// 95 to 100 %.
    AlmostCertain,
}

/// How well founded a judgement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One source, poor coverage or contradictions.
    Low,
    /// Good, with a weakness that is named.
    Moderate,
    /// Independent sources, good coverage.
    High,
}

/// Whether intrusion is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intrusion {
    /// A succeeded action shows it.
    Established,
    /// Signs that do not prove it.
    Suspected,
    /// None.
    NoneSeen,
}

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Somebody from outside.
    External,
    /// Somebody of the organisation.
    Insider,
    /// A supplier.
    Supplier,
    /// Not known.
    Unknown,
}

/// An answer to one of the three questions of a personal data breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breached {
    /// Yes.
    Yes,
    /// No sign of it, with adequate coverage.
    NoSign,
    /// The logs cannot tell.
    CannotTell,
}

/// The three questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// Was data disclosed or accessed?
    pub confidentiality: Breached,
    /// Was data altered?
    pub integrity: Breached,
    /// Was data made unavailable?
    pub availability: Breached,
}

/// Is it still going on?
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// First sign.
    pub first: Option<Instant>,
    /// Last sign.
    pub last: Option<Instant>,
    /// Where the logs end.
    pub logs_end: Option<Instant>,
    /// When it was contained, as `[incident] contained` says.
    #[serde(default)]
    pub contained: Option<Instant>,
    /// Whether there are signs after that; `None` where it is not given, or the logs do not tell.
    pub after_containment: Option<bool>,
}

/// Distinct people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subjects {
    /// What kinds of people.
    pub kinds: Vec<String>,
    /// At least.
    pub lower: u64,
    /// At most.
    pub upper: Option<u64>,
}

/// Why a state was given: a clause of the judge, in words, with the findings that carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonGiven {
    /// Clause id, `J-12`.
    pub clause: String,
    /// In words.
    pub text: String,
    /// Finding and transfer ids.
    pub findings: Vec<FindingId>,
}

/// One route of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteVerdict {
    /// The way out.
    pub route: Route,
    /// Its state.
    pub state: State,
    /// First sign, or first movement where nothing carries the state.
    pub first: Option<Instant>,
    /// Where that is the first time that is known, and the records kept do not tell whether it was earlier: not before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_possible: Option<Instant>,
    /// Last sign, or last movement.
    pub last: Option<Instant>,
    /// `encrypted`, `readable` or `unknown`: how what left was protected.
    pub protection: String,
    /// True where data was shown to an outside session.
    pub disclosed: bool,
    /// Bytes out: those that carry the state, or, where none do, all that left by this route.
    pub bytes: Bounds,
    /// Records (persons' records, rows) that left.
    pub records: Bounds,
    /// Where to.
    pub destinations: Vec<String>,
    /// From which hosts.
    pub hosts: Vec<String>,
    /// By which accounts.
    pub accounts: Vec<String>,
    /// What shows it.
    pub findings: Vec<FindingId>,
    /// Transfers behind it.
    pub transfers: Vec<String>,
    /// Where data left or was accessed: the chains that hold what carries this. None where nothing joins that with an
    /// intrusion step by step.
    #[serde(default)]
    pub chains: Vec<FindingId>,
}

/// What the user's catalogue says of how much the entries hold that were touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Records of all these entries together.
    pub records: u64,
    /// Why more than that may have been touched; `None` where it is the upper bound.
    pub no_ceiling: Option<String>,
}

/// A kind of data that was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCategory {
    /// Name; one that stands under several states is a kind of data of which parts are in each.
    pub category: String,
    /// What became of it: `exfiltrated`, `accessed`, or `unexplained`, which does not say that it is lost.
    pub state: State,
    /// Special category under UK GDPR article 9.
    pub special_category: bool,
    /// How it is known, the best first; where a hint is all, only a name sounds like it.
    pub basis: Vec<Basis>,
    /// What tells it: titles of the catalogue's entries, what values are, words of names; never a value.
    pub told_by: Vec<String>,
    /// At least so many distinct files, objects, tables, mailboxes.
    pub files: u64,
    /// Records: at least as many as distinct values were seen, at most what the catalogue says of all that
    /// was touched, where no way out is open.
    pub records: Bounds,
    /// What the catalogue says of it; `None` where it gives no number for what was touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Findings and transfers that show it.
    pub findings: Vec<FindingId>,
}

/// A route that no log in the evidence can show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingCoverage {
    /// The route.
    pub route: Route,
    /// Logs that would show it.
    pub needs: Vec<String>,
}

/// Whether logs from before an intrusion say what was usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Fewer than 14 days: that something is new says nothing.
    None,
    /// 14 days or more.
    Adequate,
}

/// What the logs of one scope can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeCoverage {
    /// Whether they suffice for the state given.
    pub adequate: bool,
    /// First record.
    pub from: Option<Instant>,
    /// Last record.
    pub to: Option<Instant>,
    /// Gaps.
    pub gaps: Vec<Gap>,
    /// The history before the first sign of an intrusion; `None` where no intrusion with a time is shown.
    #[serde(default)]
    pub baseline: Option<Baseline>,
    /// Routes in play that nothing shows.
    pub missing: Vec<MissingCoverage>,
    /// What to collect next, in words.
    pub collect_next: Vec<String>,
}

/// The answer for one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeVerdict {
    /// Scope name, or `unattributed`.
    pub scope: String,
    /// The worst state of its routes.
    pub state: State,
    /// How likely; `None` where the logs cannot tell.
    pub likelihood: Option<Likelihood>,
    /// How well founded.
    pub confidence: Confidence,
    /// Why the confidence is what it is.
    pub confidence_reasons: Vec<String>,
    /// Whether intrusion is shown.
    pub intrusion: Intrusion,
    /// Who acted.
    pub actor: Actor,
    /// The addresses from which the intruder came: outside, or of other scopes.
    #[serde(default)]
    pub origins: Vec<String>,
    /// False while any route is open.
    pub complete: bool,
    /// Routes in state `cannot_tell`.
    pub open_routes: Vec<Route>,
    /// Compromised shared systems that this scope uses.
    pub exposure: Vec<String>,
    /// The three questions.
    pub breach: Breach,
    /// Is it going on?
    pub activity: Activity,
    /// Whose data.
    pub subjects: Subjects,
    /// Why.
    pub reasons: Vec<ReasonGiven>,
    /// What speaks against it.
    pub counter_evidence: Vec<ReasonGiven>,
    /// Whom to ask what.
    pub ask: Vec<String>,
    /// Per route.
    pub routes: Vec<RouteVerdict>,
    /// Chains with a step of this scope.
    #[serde(default)]
    pub chains: Vec<FindingId>,
    /// What kinds of data.
    pub data_categories: Vec<DataCategory>,
    /// What the logs can tell.
    pub coverage: ScopeCoverage,
}

/// The overall answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overall {
    /// The worst state of the scopes.
    pub state: State,
    /// How likely.
    pub likelihood: Option<Likelihood>,
    /// How well founded.
    pub confidence: Confidence,
    /// False while any scope is not complete.
    pub complete: bool,
}

/// A fact from outside the logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactStated {
    /// Scope it concerns.
    pub scope: Option<String>,
    /// What.
    pub text: String,
    /// When, as given.
    pub time: Option<String>,
    /// Who says so.
    pub source: Option<String>,
    /// Digest of the document.
    pub digest: Option<String>,
}

/// The part of time that was judged; what lies outside of it was read and counted, and not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodJudged {
    /// Not before; `None` is open.
    pub from: Option<Instant>,
    /// Not after; `None` is open.
    pub to: Option<Instant>,
    /// Records outside of it.
    pub left_out: u64,
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `exfiltrace.verdict/1`.
    pub schema: String,
    /// Overall.
    pub overall: Overall,
    /// The part of time that was judged, where `--from` or `--to` was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodJudged>,
    /// Whether hits alone were looked for, so that no way out was examined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hits_only: bool,
    /// Per scope, in the order of the scopes file, `unattributed` last.
    pub scopes: Vec<ScopeVerdict>,
    /// From outside the logs.
    pub facts: Vec<FactStated>,
}
