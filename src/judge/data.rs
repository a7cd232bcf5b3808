//! J-70 to J-73: which kinds of data were touched, and how much of each. It rests on what the transfers and findings that the
//! verdict counts show; nothing here makes a state worse but J-70, and that only after a shown intrusion.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::data::{Basis, Later, OBJECTS_KEPT, Sign, Touch};
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Outcome, Route, Stage};
use crate::model::transfer::Bounds;
use crate::model::verdict::{DataCategory, Estimate, State, Subjects};

use super::{Bench, belongs, movement, touched};

/// Values of which each is of another person.
const OF_PERSONS: &[&str] = &[
    "NHS number",
    "National Insurance number",
    "Unique Taxpayer Reference",
    "UK passport number",
    "UK driving licence number",
];
/// Words told of one kind of data.
const TOLD: usize = 8;

/// What is known of one kind of data in one state.
#[derive(Default)]
struct Part<'a> {
    signs: BTreeMap<Arc<Sign>, Touch>,
    /// Of each of these one object at least, which is not known.
    one_of: Vec<(Arc<Sign>, &'a Touch)>,
    ids: BTreeSet<&'a str>,
}

/// What was touched, by state and kind of data.
type Parts<'a> = BTreeMap<(State, Box<str>), Part<'a>>;

/// J-70: what the catalogue names and an intruder's session was given.
pub fn given(bench: &mut Bench<'_>) {
    let Some(begin) = bench.intruder.first else { return };
    for transfer in bench.transfers.clone() {
        let later = |touch: &Touch| touch.since(begin).is_some();
        let named = transfer.data.iter().filter(|(sign, touch)| sign.basis == Basis::Catalogue && later(touch));
        let titles: BTreeSet<&str> = named.map(|(sign, _)| &*sign.told_by).collect();
        let counted = bench.ways.get(&transfer.route).and_then(|way| way.transfers.get(transfer.id.as_str()));
        let known = counted.is_some_and(|counted| counted.state <= State::Accessed);
        let bytes = movement::since(bench, transfer).sure;
        if titles.is_empty() || known || bytes == 0 || !movement::to_intruder(bench, transfer) {
            continue;
        }
        let text = format!("the intruder was given what the catalogue names: {}", listed(titles));
        let ids = bench.intruder.proofs.iter().cloned().chain([transfer.id.to_string()]).collect();
        bench.reason("J-70", text, ids);
        bench.count(transfer, bytes, State::Accessed).disclosed = true;
    }
    for finding in bench.findings.clone() {
        let named = finding.data.iter().filter(|datum| datum.sign.basis == Basis::Catalogue);
        let titles: BTreeSet<&str> = named.map(|datum| &*datum.sign.told_by).collect();
        let harms = !finding.stage.is_empty() && finding.stage.iter().all(|stage| *stage == Stage::Impact);
        let reads = finding.kind == FindingKind::Rule && finding.outcome == Outcome::Succeeded && !harms;
        let known = bench.reached.get(finding.id.as_str()).is_some_and(|state| *state <= State::Accessed);
        if reads && !titles.is_empty() && !known && touched::is_of_intruder(bench, finding) {
            bench.background.remove(finding.id.as_str());
            touched::reached(bench, "J-70", finding);
        }
    }
}

/// J-71 to J-73: the kinds of data of all that the verdict counts.
pub fn clauses(bench: &mut Bench<'_>) -> (Vec<DataCategory>, Subjects) {
    let (parts, open) = (parts(bench), bench.open.keys().copied().collect::<Vec<Route>>());
    for ((state, category), part) in &parts {
        let best = part.signs.keys().map(|sign| sign.basis).min();
        let (clause, what) = match (best, state) {
            (Some(Basis::Hint), _) => ("J-73", "a hint of where to look: objects are named like"),
            (Some(Basis::Catalogue | Basis::Detected), State::Unexplained) => {
                ("J-72", "in movement that nothing explains:")
            }
            (Some(Basis::Catalogue | Basis::Detected), State::Exfiltrated) => ("J-71", "among the data that left:"),
            (Some(Basis::Catalogue | Basis::Detected), _) => ("J-71", "among the data that was accessed:"),
            _ => continue,
        };
        let by = part.signs.keys().filter(|sign| Some(sign.basis) == best).map(|sign| &*sign.told_by).collect();
        let ids = part.ids.iter().map(ToString::to_string).collect();
        let estimate = part.estimate(&open).map(|estimate| told(&estimate)).unwrap_or_default();
        bench.reason(clause, format!("{what} {category} ({}){estimate}", listed(by)), ids);
    }
    let all = parts.iter().map(|((state, category), part)| part.category(*state, category, &open)).collect();
    (all, subjects(&parts, open.is_empty()))
}

/// Everything that transfers and findings of a state that speaks of data show.
fn parts<'a>(bench: &Bench<'a>) -> Parts<'a> {
    let mut parts = Parts::new();
    for counted in bench.ways.values().flat_map(|way| way.transfers.values()) {
        let begin = movement::succeeded(bench, counted.transfer).filter(|_| counted.state <= State::Accessed);
        if counted.state > State::Unexplained {
            continue;
        }
        for (sign, touch) in &counted.transfer.data {
            let later = begin.map_or(Some(Later::All(touch)), |begin| touch.since(begin));
            let id = &counted.transfer.id;
            match later {
                Some(Later::All(touch)) => add(&mut parts, counted.state, sign, touch, id),
                Some(Later::OneOf(touch)) => {
                    let part = parts.entry((counted.state, sign.category.clone())).or_default();
                    part.one_of.push((Arc::clone(sign), touch));
                    part.ids.insert(id);
                }
                None => {}
            }
        }
    }
    let linked = linked(bench);
    for (id, state) in &bench.reached {
        for finding in linked.get(id).into_iter().flatten() {
            let at = finding.time.first;
            for datum in &finding.data {
                add(&mut parts, *state, &datum.sign, &Touch::of(datum.object, at), id);
            }
        }
    }
    for (category, ids) in &bench.categories {
        let special = crate::model::data::named(category).is_some_and(|known| known.special);
        let told_by = "a rule says so".into();
        let sign =
            Sign { category: (*category).into(), special, basis: Basis::Rule, told_by, records: None, subjects: None };
        let part = parts.entry((State::Accessed, sign.category.clone())).or_default();
        part.signs.entry(Arc::new(sign)).or_default();
        part.ids.extend(ids);
    }
    settle(once(parts))
}

/// Counts one object of each of those that are one of several, unless it may be one that is counted already: of the same
/// state, or of what left.
fn settle(mut parts: Parts<'_>) -> Parts<'_> {
    let mut counted: BTreeMap<Box<str>, BTreeSet<u64>> = BTreeMap::new();
    // What left comes first.
    for ((_, category), part) in &mut parts {
        let known = counted.entry(category.clone()).or_default();
        known.extend(part.signs.values().flat_map(|touch| &touch.objects));
        for (sign, touch) in std::mem::take(&mut part.one_of) {
            let may_be_known =
                touch.objects.iter().any(|object| known.contains(object)) || touch.cut && !known.is_empty();
            known.extend(&touch.objects);
            let one = part.signs.entry(sign).or_default();
            if let Some(object) = touch.objects.first().filter(|_| !may_be_known) {
                one.join(&Touch::of(*object, touch.span.map(|span| span.last)));
            }
        }
    }
    parts
}

/// What left was accessed too, and is not named twice.
fn once(mut parts: Parts<'_>) -> Parts<'_> {
    let categories: Vec<Box<str>> = parts.keys().map(|(_, category)| category.clone()).collect();
    for category in categories {
        let accessed = (State::Accessed, category.clone());
        let Some(mut part) = parts.remove(&accessed) else { continue };
        let Some(left) = parts.get_mut(&(State::Exfiltrated, category)) else {
            parts.insert(accessed, part);
            continue;
        };
        part.signs.retain(|sign, touch| {
            let known = left.signs.get(sign).map_or(&[][..], |known| &known.objects);
            touch.objects.retain(|object| !known.contains(object));
            sign.basis == Basis::Rule || !touch.objects.is_empty()
        });
        if part.signs.is_empty() && part.one_of.is_empty() {
            left.ids.extend(part.ids);
        } else {
            parts.insert(accessed, part);
        }
    }
    parts
}

fn add<'a>(parts: &mut Parts<'a>, state: State, sign: &Arc<Sign>, touch: &Touch, id: &'a str) {
    let part = parts.entry((state, sign.category.clone())).or_default();
    part.signs.entry(Arc::clone(sign)).or_default().join(touch);
    part.ids.insert(id);
}

/// The findings that were reached, each with those that it is made of and that are judged under the same scope; where that
/// tells of an intruder, from its first sign on.
fn linked<'a>(bench: &Bench<'a>) -> BTreeMap<&'a str, Vec<&'a Finding>> {
    let reached = bench.findings.iter().filter(|f| bench.reached.contains_key(f.id.as_str()));
    let mut all: BTreeMap<&str, Vec<&Finding>> = reached.map(|f| (f.id.as_str(), vec![*f])).collect();
    let of: BTreeMap<&str, Vec<&str>> = {
        let pairs = all.values().flatten().flat_map(|f| f.links.iter().map(|link| (link.as_str(), f.id.as_str())));
        let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        pairs.for_each(|(link, by)| of.entry(link).or_default().push(by));
        of
    };
    if !of.is_empty() {
        let begin = bench.intruder.first;
        let is_later = |f: &Finding| begin.is_none_or(|begin| f.time.last.is_some_and(|last| last >= begin));
        let counts = |f: &&Finding| belongs(f, &bench.scope, bench.whose) && is_later(f);
        for part in bench.all.iter().filter(counts) {
            for by in of.get(part.id.as_str()).into_iter().flatten() {
                all.entry(by).or_default().push(part);
            }
        }
    }
    all
}

impl Part<'_> {
    fn category(&self, state: State, category: &str, open: &[Route]) -> DataCategory {
        let values = self.signs.iter().filter(|(sign, _)| sign.basis == Basis::Detected);
        let lower = values.map(|(_, touch)| touch.objects.len() as u64).max().unwrap_or(0);
        let objects = self.signs.iter().filter(|(sign, _)| sign.basis != Basis::Detected);
        let files: BTreeSet<u64> = objects.flat_map(|(_, touch)| touch.objects.iter().copied()).collect();
        let basis: BTreeSet<Basis> = self.signs.keys().map(|sign| sign.basis).collect();
        let told_by: BTreeSet<&str> = self.signs.keys().map(|sign| &*sign.told_by).collect();
        DataCategory {
            category: category.to_owned(),
            state,
            special_category: self.signs.keys().any(|sign| sign.special),
            basis: basis.into_iter().collect(),
            told_by: told_by.into_iter().take(TOLD).map(str::to_owned).collect(),
            files: files.len() as u64,
            records: Bounds {
                lower,
                upper: self.ceiling().filter(|_| open.is_empty()).map(|ceiling| ceiling.max(lower)),
            },
            estimate: self.estimate(open),
            findings: self.ids.iter().map(ToString::to_string).collect(),
        }
    }

    /// What the catalogue says that the entries hold of which something was touched, and why more than that may have been.
    fn estimate(&self, open: &[Route]) -> Option<Estimate> {
        let told = |sign: &Sign| sign.records.filter(|_| sign.basis == Basis::Catalogue);
        let records = self.signs.keys().filter_map(|sign| told(sign)).reduce(u64::saturating_add)?;
        let others: BTreeSet<&str> =
            self.signs.keys().filter(|sign| told(sign).is_none()).map(|sign| &*sign.told_by).collect();
        let ways = open.iter().map(|route| route.word()).collect::<Vec<_>>().join(", ");
        let why = [
            (!open.is_empty()).then(|| format!("ways out are open ({ways})")),
            (!others.is_empty())
                .then(|| format!("no entry says how much is in what else was touched ({})", listed(others))),
        ];
        let why = why.into_iter().flatten().collect::<Vec<_>>().join("; ");
        Some(Estimate { records, no_ceiling: (!why.is_empty()).then_some(why) })
    }

    /// What the catalogue says that all of it holds; `None` where something is of no entry that says so.
    fn ceiling(&self) -> Option<u64> {
        let told = |sign: &Arc<Sign>| sign.records.filter(|_| sign.basis == Basis::Catalogue);
        self.signs.keys().map(told).try_fold(0u64, |sum, records| Some(sum.saturating_add(records?)))
    }
}

/// The people whose data left or was accessed: at least as many as distinct numbers of persons, at most what the catalogue
/// says, where it says it of everything and no way out is open.
fn subjects(parts: &Parts<'_>, complete: bool) -> Subjects {
    let touched = parts.iter().filter(|((state, _), _)| *state <= State::Accessed).map(|(_, part)| part);
    let signs = touched.clone().flat_map(|part| &part.signs);
    let kinds: BTreeSet<&str> = signs.clone().filter_map(|(sign, _)| sign.subjects.as_deref()).collect();
    let mut numbers: BTreeMap<&str, Touch> = BTreeMap::new();
    for (sign, touch) in signs.filter(|(sign, _)| OF_PERSONS.contains(&&*sign.told_by) && sign.basis == Basis::Detected)
    {
        numbers.entry(&sign.told_by).or_default().join(touch);
    }
    let lower = numbers.values().map(|touch| touch.objects.len().min(OBJECTS_KEPT) as u64).max().unwrap_or(0);
    let mut ceilings = touched.map(Part::ceiling).peekable();
    let any = ceilings.peek().is_some();
    let upper = ceilings.try_fold(0u64, |sum, part| Some(sum.saturating_add(part?))).filter(|_| any && complete);
    Subjects {
        kinds: kinds.into_iter().map(str::to_owned).collect(),
        lower,
        upper: upper.map(|upper| upper.max(lower)),
    }
}

/// What the catalogue says of how much it is, in words.
fn told(Estimate { records, no_ceiling }: &Estimate) -> String {
    match no_ceiling {
        None => format!(", by the catalogue at most {records} records"),
        Some(why) => format!(", for which the catalogue has {records} records; that is no ceiling: {why}"),
    }
}

/// Some words in one line.
fn listed(words: BTreeSet<&str>) -> String {
    let more = words.len().saturating_sub(TOLD);
    let shown: Vec<&str> = words.into_iter().take(TOLD).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
