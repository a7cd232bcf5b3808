//! Answers of a web server that prove no success: those of the size that it gives to many who do not attack, and those that it gives
//! whatever name is asked for.
//!
//! A log tells no content, so the size stands for it. Of those who do not attack, the sizes of the largest answers are known, as these
//! are cited for their conversations.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashSet;

use super::World;
use crate::model::finding::Finding;
use crate::model::hit::Sighting;
use crate::model::observation::Seen;
use crate::model::partial::SourcePartial;
use crate::model::rule::{Level, Outcome, Route, RuleMeta, Stage};

/// Of fewer bytes many different answers are.
const LEAST_BYTES: u64 = 100;
/// What is larger is no page.
const MOST_BYTES: u64 = 256 << 10;
/// Where fewer others were given as much, it may be by chance.
const OTHERS: usize = 5;
/// One of so many others.
const ONE_IN: usize = 20;
/// Of fewer names two may be one file.
const NAMES: usize = 3;

/// By log, the sizes of answers to attacks that are those of ordinary pages, each with what tells.
#[derive(Default)]
pub(super) struct Ordinary(BTreeMap<String, BTreeMap<u64, Sign>>);

/// What tells that an answer is an ordinary page.
#[derive(Clone, Copy)]
enum Sign {
    Everybody,
    AnyName,
}

impl Sign {
    fn words(self) -> &'static str {
        match self {
            Self::Everybody => "as large as what the server gives to others who did not attack it",
            Self::AnyName => "as large as what the server gives for other names too",
        }
    }
}

/// What was asked of a server by requests that rules tell of.
#[derive(Default)]
struct Asked {
    by: HashSet<Box<str>>,
    /// Whether not all of them are known.
    is_cut: bool,
    /// The names asked for, by the size of the answer.
    names: BTreeMap<u64, BTreeSet<Box<str>>>,
}

impl Asked {
    fn add(&mut self, s: &Sighting) {
        self.is_cut |= s.subject.source_ip.is_none();
        self.by.extend(s.subject.source_ip.clone());
        if let Some(bytes) = page(s) {
            let names = self.names.entry(bytes).or_default();
            names.extend(s.subject.url.as_deref().map(|url| name(url).into()));
        }
    }
}

/// Who else was answered by a server, and who of them by a page as large as the answer to an attack.
#[derive(Default)]
struct Given<'a> {
    others: HashSet<&'a str>,
    as_much: BTreeMap<u64, HashSet<&'a str>>,
}

impl<'a> Given<'a> {
    fn add(&mut self, source: &'a SourcePartial, asked: &Asked) {
        for (key, told) in source.observations.kept.iter() {
            let is_page = key.seen == Seen::Web && key.outcome == Outcome::Succeeded && !key.sends;
            if !is_page || asked.by.contains(key.client) {
                continue;
            }
            self.others.insert(key.client);
            for cited in told.cited().filter(|cited| !cited.up && asked.names.contains_key(&cited.bytes)) {
                self.as_much.entry(cited.bytes).or_default().insert(key.client);
            }
        }
    }

    fn is_usual(&self, bytes: u64) -> bool {
        let as_much = self.as_much.get(&bytes).map_or(0, HashSet::len);
        as_much >= OTHERS && as_much.saturating_mul(ONE_IN) >= self.others.len()
    }
}

impl Ordinary {
    pub(super) fn of(world: &World<'_>) -> Self {
        let mut logs: BTreeMap<String, Asked> = BTreeMap::new();
        for source in world.merged.sources.values() {
            for (id, sightings) in source.rules.iter() {
                if world.merged.rules.get(&*id).is_some_and(|meta| is_told_by_answer(meta)) {
                    let asked = logs.entry(source.entry.source.log()).or_default();
                    asked.is_cut |= sightings.count > sightings.kept.len() as u64;
                    sightings.kept.iter().for_each(|s| asked.add(s));
                }
            }
        }
        logs.retain(|_, asked| !asked.names.is_empty());
        if logs.is_empty() {
            return Self::default();
        }
        let mut given: BTreeMap<String, Given<'_>> = BTreeMap::new();
        for source in world.merged.sources.values().filter(|source| !source.observations.kept.is_empty()) {
            let log = source.entry.source.log();
            if let Some(asked) = logs.get(&log) {
                given.entry(log).or_default().add(source, asked);
            }
        }
        let signs = |(log, asked): (String, Asked)| {
            let given = given.get(&log).filter(|_| !asked.is_cut);
            let sign = |(bytes, names): (u64, BTreeSet<Box<str>>)| {
                if given.is_some_and(|given| given.is_usual(bytes)) {
                    Some((bytes, Sign::Everybody))
                } else {
                    is_any(&names).then_some((bytes, Sign::AnyName))
                }
            };
            let signs = asked.names.into_iter().filter_map(sign).collect();
            (log, signs)
        };
        Self(logs.into_iter().map(signs).collect())
    }

    /// What a rule found, as an attack without success where the answer was an ordinary page: no more than a refused one, and where
    /// the rule tells of nothing but what was served, no more than looking around.
    pub(super) fn told(
        &self,
        source: &SourcePartial,
        meta: Option<&RuleMeta>,
        s: &Sighting,
        mut finding: Finding,
    ) -> Finding {
        let Some(bytes) = page(s).filter(|_| !self.0.is_empty() && meta.is_some_and(is_told_by_answer)) else {
            return finding;
        };
        let Some(sign) = self.0.get(&source.entry.source.log()).and_then(|signs| signs.get(&bytes)) else {
            return finding;
        };
        let attacks = |stage: &Stage| matches!(stage, Stage::InitialAccess | Stage::Execution);
        let level = if finding.stage.iter().any(attacks) { Level::Medium } else { Level::Low };
        finding.level = finding.level.min(level);
        finding.outcome = Outcome::Failed;
        finding.text = format!("{}; the answer proves no success: it is {}", finding.text, sign.words());
        finding
    }
}

/// Whether a rule takes what a web server answered for the success of what was asked.
fn is_told_by_answer(meta: &RuleMeta) -> bool {
    meta.route == Some(Route::WebResponse) && meta.level >= Level::Medium
}

/// The bytes of an answer that may be a page.
fn page(s: &Sighting) -> Option<u64> {
    let is_page = |bytes: &u64| s.outcome == Outcome::Succeeded && (LEAST_BYTES..=MOST_BYTES).contains(bytes);
    s.subject.destination_bytes.filter(is_page)
}

/// The last part of a path.
fn name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether files of such names cannot be one, nor copies of one: they have several endings.
fn is_any<'n>(names: &'n BTreeSet<Box<str>>) -> bool {
    let ending = |name: &'n str| name.rsplit_once('.').map(|(_, ending)| ending);
    names.len() >= NAMES && names.iter().map(|name| ending(name)).collect::<BTreeSet<_>>().len() > 1
}
