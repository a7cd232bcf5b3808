//! What detectors saw, per source, in a form that merges.

use serde::{Deserialize, Serialize};

use super::data::Datum;
use super::event::Called;
use super::place::Place;
use super::rule::Outcome;
use super::subject::Subject;
use super::time::{Span, Stamp};

/// Findings kept per (rule, source); the rest are counted.
pub const RULE_HITS_KEPT: usize = 10_000;
/// The longest excerpt kept of a record, in bytes.
pub const EXCERPT_LIMIT_BYTES: usize = 600;

/// One record that shows something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sighting {
    /// Where the record stands. First, so that the order is by offset.
    pub place: Place,
    /// When it happened.
    pub time: Option<Stamp>,
    /// SHA-256 of the record's own stored bytes, lower-case hex.
    pub sha256: String,
    /// The start of the record as text, lossy, control characters kept (output escapes them).
    pub excerpt: String,
    /// The field in which the hit lies, by its canonical or raw name; `None` in unparsed text.
    pub field: Option<String>,
    /// What the response side says.
    pub outcome: Outcome,
    /// Who and what.
    pub subject: Subject,
    /// Of rules and indicators: what its log calls the event, whatever form it was delivered in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<Called>,
    /// Of rules: what it shows of data, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Datum>,
}

/// Distinct (who, outcome) kept per indicator and source; above it the smallest stay, and coverage says so.
pub const WHO_KEPT: usize = 4096;
/// Days kept of each of them; of more, the first ones.
pub const DAYS_KEPT: usize = 64;

/// Who met something, with which outcome, and when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Met {
    /// Who and where, reduced.
    pub who: Subject,
    /// What the response side says.
    pub outcome: Outcome,
    /// The first [`DAYS_KEPT`] days on which it happened, in days since the epoch, sorted.
    pub days: Vec<i32>,
    /// In how many records.
    #[serde(default)]
    pub count: u64,
    /// First and last time among them.
    #[serde(default)]
    pub span: Option<Span>,
    /// How many of them had no time.
    #[serde(default, skip_serializing_if = "is_none")]
    pub untimed: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Met {
    fn is_same(&self, other: &Self) -> bool {
        (&self.who, self.outcome) == (&other.who, other.outcome)
    }

    /// Adds other sightings of the same.
    fn join(&mut self, more: &Self) {
        more.days.iter().for_each(|day| self.add_day(Some(*day)));
        self.count += more.count;
        self.span = Span::join_opt(self.span, more.span);
        self.untimed += more.untimed;
    }

    fn add_day(&mut self, day: Option<i32>) {
        if let Some(Err(at)) = day.map(|day| self.days.binary_search(&day)) {
            self.days.extend(day);
            self.days[at..].rotate_right(1);
            self.days.truncate(DAYS_KEPT);
        }
    }
}

/// Which records are kept first: those that succeeded, then those that leave it open, then those that failed; each by
/// offset. So a flood of failures does not hide the one success.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Succeeded => 0,
        Outcome::Unknown => 1,
        Outcome::Failed => 2,
    }
}

/// Sightings of one thing in one source: an exact count and the first ones by outcome and offset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sightings {
    /// How many records show it.
    pub count: u64,
    /// First and last time among all of them.
    pub span: Option<Span>,
    /// How many had no time.
    pub untimed: u64,
    /// The first records by outcome and offset, sorted so, at most as many as the cap that was in force.
    pub kept: Vec<Sighting>,
    /// Of indicators: who was seen with which outcome on which days, whatever is cited of it, sorted. A judgement rests
    /// on this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<Met>,
    /// Whether there are more of them than [`WHO_KEPT`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub who_cut: bool,
}

/// The last record that is kept where as many are as may be: what comes behind it is counted alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastKept(u8, Place);

impl LastKept {
    /// Whether a record of this outcome and place comes behind it.
    pub fn is_before(self, outcome: Outcome, place: Place) -> bool {
        self < Self(rank(outcome), place)
    }
}

impl Sightings {
    /// The last record, where `cap` of them are kept.
    pub fn last_kept(&self, cap: usize) -> Option<LastKept> {
        self.kept.last().filter(|_| self.kept.len() >= cap).map(|last| LastKept(rank(last.outcome), last.place))
    }

    /// Counts one record.
    pub fn count(&mut self, time: Option<Stamp>) {
        self.count += 1;
        match time {
            Some(stamp) => self.span = Span::join_opt(self.span, Some(Span::at(stamp.at))),
            None => self.untimed += 1,
        }
    }

    /// Adds one record; keeps it if it is among the first `cap` by outcome and offset.
    pub fn add(
        &mut self,
        cap: usize,
        outcome: Outcome,
        time: Option<Stamp>,
        place: Place,
        make: impl FnOnce() -> Sighting,
    ) {
        self.count(time);
        let full = self.kept.len() >= cap;
        let before = |s: &Sighting| (rank(s.outcome), s.place) <= (rank(outcome), place);
        if full && self.kept.last().is_none_or(before) {
            return;
        }
        let at = self.kept.partition_point(before);
        self.kept.reserve_exact(usize::from(self.kept.is_empty()));
        self.kept.insert(at, make());
        self.kept.truncate(cap);
    }

    /// About how many bytes it takes in memory.
    pub fn weight_bytes(&self) -> usize {
        let kept = self.kept.iter().map(|s| {
            let data = size_of_val(&*s.data);
            size_of::<Sighting>() + s.sha256.len() + s.excerpt.len() + s.subject.heap_bytes() + data
        });
        let who = self.who.iter().map(|met| size_of::<Met>() + met.who.heap_bytes() + size_of_val(&*met.days));
        size_of::<Self>() + kept.sum::<usize>() + who.sum::<usize>()
    }

    /// Adds who was seen. The smallest stay: what is cut once has enough before it in any whole as well.
    pub fn add_who(&mut self, who: Subject, outcome: Outcome, time: Option<Stamp>) {
        let who = who.reduced();
        let day = time.and_then(|stamp| i32::try_from(stamp.at.day()).ok());
        let (span, untimed) = (time.map(|stamp| Span::at(stamp.at)), u64::from(time.is_none()));
        match self.who.binary_search_by(|met| (&met.who, met.outcome).cmp(&(&who, outcome))) {
            Ok(at) => {
                let known = &mut self.who[at];
                known.add_day(day);
                known.count += 1;
                known.span = Span::join_opt(known.span, span);
                known.untimed += untimed;
            }
            Err(at) => {
                self.who.reserve_exact(usize::from(self.who.is_empty()));
                self.who.insert(at, Met { who, outcome, days: day.into_iter().collect(), count: 1, span, untimed });
                self.cut_who();
            }
        }
    }

    fn cut_who(&mut self) {
        self.who_cut |= self.who.len() > WHO_KEPT;
        self.who.truncate(WHO_KEPT);
    }

    /// Joins two parts of one source (blocks). Associative and commutative.
    pub fn join(&mut self, other: Self, cap: usize) {
        self.count += other.count;
        self.untimed += other.untimed;
        self.span = Span::join_opt(self.span, other.span);
        self.who_cut |= other.who_cut;
        append(&mut self.who, other.who, |all| {
            all.sort();
            all.dedup_by(|more, met| met.is_same(more).then(|| met.join(more)).is_some());
        });
        self.cut_who();
        let order = |a: &Sighting, b: &Sighting| (rank(a.outcome), a).cmp(&(rank(b.outcome), b));
        // Blocks come nearly in order, and a list of thousands is put in order once a block else.
        let first = other.kept.first();
        let from = first.map_or(0, |first| self.kept.partition_point(|kept| order(kept, first).is_le()));
        append(&mut self.kept, other.kept, |all| {
            all[from..].sort_by(order);
            all.truncate(cap);
        });
    }
}

/// Appends and then puts in order. Most lists are short and there are many of them: none has much room to spare. Those that grow block
/// by block are not moved with each of them.
fn append<T>(all: &mut Vec<T>, mut more: Vec<T>, order: impl FnOnce(&mut Vec<T>)) {
    if more.is_empty() {
        return;
    }
    if all.is_empty() {
        *all = more;
    } else {
        if all.capacity() - all.len() < more.len() {
            all.reserve_exact(more.len().max(all.len() / 8));
        }
        all.append(&mut more);
    }
    order(all);
    all.shrink_to(all.len() + all.len() / 8);
}

/// How an indicator was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// The value itself.
    Exact,
    /// A name below a listed domain.
    Subdomain,
    /// An address inside a listed network.
    Cidr,
    /// The host of a listed URL, without its path.
    UrlHost,
    /// The last segment of a path is a listed file name.
    FileName,
    /// An e-mail address at a listed domain.
    EmailDomain,
    /// A registry key below a listed one, or a fingerprint of which only the first parts are listed.
    Prefix,
}

/// Identity of an indicator across feeds: what findings are grouped by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndicatorRef {
    /// Canonical value.
    pub value: Box<str>,
    /// Kind, as [`IndicatorKind::word`](super::indicator::IndicatorKind::word).
    pub kind: Box<str>,
    /// How it was met.
    pub how: MatchKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sightings of every third record from `first` on, with a client for each.
    fn part(first: u64, cap: usize) -> Sightings {
        let mut all = Sightings::default();
        for n in (first..6000).step_by(3) {
            let place =
                Place { offset: n, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
            let outcome = if n % 7 == 0 { Outcome::Succeeded } else { Outcome::Failed };
            let subject =
                Subject { source_ip: Some(format!("c{n}").into()), url: Some("/".into()), ..Subject::default() };
            all.add_who(subject.clone(), outcome, None);
            let (sha256, excerpt) = (String::new(), String::new());
            all.add(cap, outcome, None, place, || Sighting {
                place,
                time: None,
                sha256,
                excerpt,
                field: None,
                outcome,
                subject,
                called: None,
                data: Vec::new(),
            });
        }
        all
    }

    #[test]
    fn parts_join_to_the_same_in_any_order_and_grouping() {
        let cap = 50;
        let joined = |order: [u64; 3]| {
            let mut all = Sightings::default();
            order.into_iter().for_each(|first| all.join(part(first, cap), cap));
            all
        };
        let straight = joined([0, 1, 2]);
        assert_eq!((straight.count, straight.kept.len(), straight.who.len()), (6000, cap, WHO_KEPT));
        assert!(straight.who_cut && straight.who.iter().all(|met| met.who.url.is_none()));
        assert_eq!(straight, joined([2, 0, 1]));
        let mut pair = part(1, cap);
        pair.join(part(2, cap), cap);
        pair.join(part(0, cap), cap);
        assert_eq!(straight, pair);
        assert!(!part(0, cap).who_cut, "2000 are below the cap");
    }
}
