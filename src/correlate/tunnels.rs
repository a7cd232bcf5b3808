//! DNS tunnels: clients that ask for names below one domain which hold data.
//!
//! Nothing is said of names that digests, identifiers or addresses make up (virus scanners, blocklists, telemetry), nor of
//! domains whose owner is known to be asked that way ([`lookups`]), nor, short of very long names, of a domain that several
//! clients ask so: a service. What tells a tunnel is that names do not come again, that they are long or of types which
//! only tunnels use, and that their lengths and what stands around the data change as data do.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::{Entities, Evidence, Finding, FindingAssumed};
use crate::model::label;
use crate::model::names::{Kinds, Name, Names};
use crate::model::observation::{Cited, Seen};
use crate::model::place::Locator;
use crate::model::rule::{DNS_TUNNEL, Level, Outcome, Route, Stage};
use crate::model::time::Span;
use crate::model::transfer::Transfer;
use crate::model::whose::UNATTRIBUTED;

use super::many::{APART, Many};
use super::{World, digest, exits, found, lookups, way};

/// So many names of a type that only tunnels use.
const ODD_NAMES: usize = 4;
/// So many names of a type with room in its answers, and so many characters of each hold data on average.
const ROOMY: (u64, usize) = (20, 12);
/// The same of any type.
const ANY: (u64, usize) = (30, 24);
/// Names below a domain that several clients ask for hold at least so many characters of data.
const POPULAR_CHARS: usize = 80;
/// From so many clients on a domain is a service, of which each asks for so many names.
const POPULAR: (usize, u64) = (4, 10);
/// More name servers than these do not pass on what one client asks for.
const SERVERS: usize = 16;
/// A name of a tunnel is asked for this often at most, by all who try again and all types together.
const REPEATS: u64 = 10;
/// A name that holds so many characters was filled with data; less may be a question whether there is any.
const FILLED_CHARS: usize = 32;
/// So many bytes in names that are filled are more than commands take.
const DATA_BYTES: u64 = 1 << 10;
/// Characters of data in which a head shows, and fewer values than digests have there in as many names as are looked at.
const HEAD: std::ops::Range<usize> = 2..8;
const HEAD_VALUES: usize = 6;
/// Top-level domains that no one outside can answer for.
const LOCAL: &[&str] = &["home", "internal", "lan", "local", "localdomain"];
/// Records cited at most.
const CITED: usize = 1000;

/// A client that tunnels through DNS, and where to.
pub(super) struct Tunnel {
    scope: String,
    from: String,
    to: String,
    /// The longest domain that all names lie below.
    zone: String,
    /// One of the names.
    example: String,
    /// How many names, and whether exactly.
    names: u64,
    is_whole: bool,
    /// About how many bytes these carry.
    bytes: u64,
    /// Whether names were filled with data.
    is_filled: bool,
    kinds: Kinds,
    records: u64,
    time: Option<Span>,
    assumed: Option<FindingAssumed>,
    outcome: Outcome,
    evidence: Vec<Evidence>,
}

/// Scope, client and domain.
type Pair<'w> = (&'w str, Cow<'w, str>, &'w str);

/// What is known of a pair.
struct Asked<'w> {
    names: Names,
    /// Questions, by the source that tells of them.
    records: BTreeMap<&'w Locator, u64>,
    time: Option<Span>,
    assumed: Option<FindingAssumed>,
    outcome: Outcome,
    cited: Vec<(&'w Locator, Cited)>,
}

/// All tunnels, sorted by scope, client and domain; and where names would be those of a tunnel, did not several clients ask
/// below one domain.
pub(super) fn all(world: &World<'_>) -> (Vec<Tunnel>, Vec<Many>) {
    let pairs = asked(world);
    let mut clients: BTreeMap<&str, Vec<&Names>> = BTreeMap::new();
    for ((.., to), asked) in pairs.iter().filter(|(_, asked)| asked.names.count() >= POPULAR.1) {
        clients.entry(to).or_default().push(&asked.names);
    }
    clients.retain(|_, names| are_several(names));
    let is_popular = |to: &str, own: &Names| clients.get(to).is_some_and(|names| !stands_out(own, names));
    let (mut tunnels, mut many) = (Vec::new(), BTreeMap::new());
    for (pair, asked) in &pairs {
        let (scope, from, to) = pair;
        if asked.is_tunnel(is_popular(to, &asked.names)) {
            tunnels.push(asked.tunnel(pair));
        } else if clients.contains_key(to) && asked.is_tunnel(false) {
            let many: &mut Many = many.entry((*scope, *to)).or_insert_with(|| Many::of_names(scope, to));
            many.add(from, to, asked.most(), asked.carried(&|_| true));
            many.span(asked.time, asked.assumed);
            many.cite(asked.cited.iter().map(|(source, cited)| exits::evidence(source, cited)));
        }
    }
    (tunnels, many.into_values().collect())
}

/// Whether one client asks for so many more names than nearly all others below a domain that these make it no service.
fn stands_out(own: &Names, all: &[&Names]) -> bool {
    if own.count() < POPULAR.1.saturating_mul(APART) {
        return false;
    }
    let near: Vec<&Names> =
        all.iter().copied().filter(|names| names.count().saturating_mul(APART) >= own.count()).collect();
    !are_several(&near)
}

/// Whether clients are as many as ask a service. Name servers that pass on what a client asks for are no clients: what one of
/// two asks for lies within what the other does.
fn are_several(names: &[&Names]) -> bool {
    if names.len() < POPULAR.0 || names.len() > SERVERS {
        return names.len() > SERVERS;
    }
    let passes_on = |at: usize| {
        let others = names.iter().enumerate().filter(|(other, _)| *other != at);
        let mut around = others.filter(|(_, other)| names[at].lie_within(other));
        around.any(|(other, _)| other < at || !names[other].lie_within(names[at]))
    };
    (0..names.len()).filter(|at| !passes_on(*at)).count() >= POPULAR.0
}

/// The tunnel that a transfer is of.
pub(super) fn of<'w>(world: &'w World<'_>, t: &Transfer) -> Option<&'w Tunnel> {
    let key = |tunnel: &Tunnel| (&*tunnel.scope, &*tunnel.from, &*tunnel.to).cmp(&(&*t.scope, &*t.from, &*t.to));
    world.tunnels.binary_search_by(key).ok().map(|at| &world.tunnels[at])
}

/// What was asked for of names that may be those of a tunnel.
fn asked<'w>(world: &'w World<'_>) -> BTreeMap<Pair<'w>, Asked<'w>> {
    let mut pairs: BTreeMap<Pair<'w>, Asked<'w>> = BTreeMap::new();
    for source in world.merged.sources.values() {
        for (key, told) in source.observations.kept.iter().filter(|(key, _)| key.seen == Seen::Dns) {
            let Some(names) = told.names().filter(|names| !names.is_empty()) else { continue };
            let top = key.name.rsplit('.').next().unwrap_or_default();
            if LOCAL.contains(&top) || lookups::is_owner(key.name) {
                continue;
            }
            let way = |place: &Locator| way::out(world, place, &key).map(|(way, _)| way);
            for place in found::delivered(source, |place| way(place).map_or(UNATTRIBUTED, |way| way.scope)) {
                let Some(way) = way(place) else { continue };
                let asked = pairs.entry((way.scope, way.from, way.to)).or_insert_with(Asked::new);
                asked.names.join(&names);
                *asked.records.entry(place).or_default() += told.sum().records;
                asked.time = Span::join_opt(asked.time, told.span());
                asked.assumed = found::assume(asked.assumed, &source.covered);
                asked.outcome = if key.outcome == Outcome::Succeeded { key.outcome } else { asked.outcome };
                asked.cited.extend(told.cited().map(|cited| (place, cited)));
            }
        }
    }
    pairs
}

impl Asked<'_> {
    fn new() -> Self {
        let (names, outcome) = (Names::default(), Outcome::Unknown);
        Self { names, records: BTreeMap::new(), time: None, assumed: None, outcome, cited: Vec::new() }
    }

    /// Questions that all sources tell of.
    fn asked(&self) -> u64 {
        self.records.values().fold(0, |all, records| all.saturating_add(*records))
    }

    /// Questions that the source with the most of them tells of.
    fn most(&self) -> u64 {
        self.records.values().copied().max().unwrap_or(0)
    }

    fn is_tunnel(&self, is_popular: bool) -> bool {
        let kept = self.names.kept();
        if kept.iter().filter(|name| name.kinds.has(Kinds::ODD)).count() >= ODD_NAMES {
            return true;
        }
        let count = self.names.count();
        if count < ROOMY.0 || count.saturating_mul(REPEATS) < self.most() || is_lookup(kept) {
            return false;
        }
        let chars = kept.iter().map(|name| label::carried(name.text.as_bytes())).sum::<usize>() / kept.len();
        if is_popular {
            return chars >= POPULAR_CHARS;
        }
        let are_roomy = kept.iter().filter(|name| name.kinds.has(Kinds::ROOMY)).count() * 2 >= kept.len();
        are_roomy && chars >= ROOMY.1 || count >= ANY.0 && chars >= ANY.1
    }

    /// About how many bytes the names carry: what those of the kept ones do that are taken, for as many as there are.
    fn carried(&self, takes: &dyn Fn(&&Name) -> bool) -> u64 {
        let kept = self.names.kept();
        let bits: usize = kept.iter().filter(takes).map(|name| label::carried_bits(name.text.as_bytes())).sum();
        let bytes = bits as u128 * u128::from(self.names.count()) / (8 * kept.len().max(1)) as u128;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    fn tunnel(&self, (scope, from, to): &Pair<'_>) -> Tunnel {
        let kept = self.names.kept();
        let is_filled = |name: &&Name| label::carried(name.text.as_bytes()) >= FILLED_CHARS;
        let mut cited = self.cited.clone();
        cited.sort_by_key(|(source, cited)| (Reverse(cited.bytes), *source, cited.place));
        cited.truncate(CITED);
        Tunnel {
            scope: (*scope).to_owned(),
            from: from.to_string(),
            to: (*to).to_owned(),
            zone: zone(kept, to),
            example: kept.first().map_or_else(|| (*to).to_owned(), |name| format!("{}.{to}", name.text)),
            names: self.names.count().min(self.asked()),
            is_whole: self.names.is_whole(),
            bytes: self.carried(&|_| true),
            is_filled: self.carried(&is_filled) >= DATA_BYTES,
            kinds: Kinds(kept.iter().fold(0, |all, name| all | name.kinds.0)),
            records: self.asked(),
            time: self.time,
            assumed: self.assumed,
            outcome: self.outcome,
            evidence: cited.into_iter().map(|(source, cited)| exits::evidence(source, &cited)).collect(),
        }
    }
}

/// The labels of a name that look encoded.
fn encoded(name: &Name) -> impl Iterator<Item = &[u8]> + Clone {
    name.text.as_bytes().split(|&b| b == b'.').filter(|label| label::encoded(label) > 0)
}

/// Whether names are look-ups of digests or identifiers: nearly all hold data of the same few lengths that these have, what
/// stands around it takes few values, and it has no head, as the parts of a stream do.
fn is_lookup(names: &[Name]) -> bool {
    let (mut lengths, mut forms): (BTreeMap<usize, usize>, BTreeSet<String>) = Default::default();
    for name in names {
        *lengths.entry(label::carried(name.text.as_bytes())).or_default() += 1;
        let around = name.text.split('.').map(|part| if label::encoded(part.as_bytes()) > 0 { "*" } else { part });
        forms.insert(around.collect::<Vec<_>>().join("."));
    }
    let mut common: Vec<(usize, usize)> = lengths.into_iter().map(|(length, count)| (count, length)).collect();
    common.sort_unstable_by(|a, b| b.cmp(a));
    common.truncate(3);
    let is_digest = |length: usize| length <= 40 || matches!(length, 43 | 44 | 48 | 52 | 56 | 64);
    let usual: usize = common.iter().filter(|(_, length)| is_digest(*length)).map(|(count, _)| count).sum();
    usual * 10 >= names.len() * 9 && forms.len() * 2 <= names.len() && !have_head(names)
}

/// Whether data begins alike in many names, as where a session or a count stands before it: some character of its head takes
/// few values. The first two may be a mark of identifiers; a UUID may begin with a time.
fn have_head(names: &[Name]) -> bool {
    let mut values = [const { BTreeSet::<u8>::new() }; HEAD.end - HEAD.start];
    for label in names.iter().filter_map(|name| encoded(name).next()).filter(|label| !is_identifier(label)) {
        for (values, byte) in values.iter_mut().zip(&label[HEAD.start..]) {
            values.insert(*byte);
        }
    }
    values.iter().any(|values| (1..HEAD_VALUES).contains(&values.len()))
}

/// Whether a label has the form of a UUID, which may begin with a time.
fn is_identifier(label: &[u8]) -> bool {
    label.len() == 36
        && label.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The longest domain that all names lie below.
fn zone(names: &[Name], to: &str) -> String {
    let mut shared: Option<Vec<&str>> = None;
    for name in names {
        let labels = || name.text.rsplit('.');
        let common = match shared.take() {
            None => labels().collect(),
            Some(known) => known.into_iter().zip(labels()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
        };
        shared = Some(common);
    }
    let shared = shared.unwrap_or_default();
    let outer = shared.iter().take_while(|label| label::encoded(label.as_bytes()) == 0);
    let mut zone: Vec<&str> = outer.copied().collect();
    zone.reverse();
    zone.push(to);
    zone.join(".")
}

impl Tunnel {
    /// At least so many bytes: protocols of tunnels add their own to the data, and of many names a sample tells.
    pub(super) fn least(&self) -> u64 {
        self.bytes / 4 * 3
    }

    /// What it is to the judge and to people.
    pub(super) fn finding(&self, max_evidence: usize) -> Finding {
        let evidence: Vec<Evidence> = self.evidence.iter().take(max_evidence).cloned().collect();
        let stage = if self.is_filled {
            vec![Stage::CommandAndControl, Stage::Exfiltration]
        } else {
            vec![Stage::CommandAndControl]
        };
        let exfiltrates = self.is_filled.then_some("T1048.003");
        let destinations = BTreeSet::from([&self.to, &self.zone]);
        let id = format!("f-{}", digest(&["anomaly", DNS_TUNNEL, &self.scope, &self.from, &self.to]));
        Finding {
            level: if self.is_filled { Level::High } else { Level::Medium },
            stage,
            attack: exfiltrates.into_iter().chain(["T1071.004"]).map(str::to_owned).collect(),
            route: Some(Route::DnsTunnel),
            outcome: self.outcome,
            entities: Entities {
                sources: vec![self.from.clone()],
                destinations: destinations.into_iter().cloned().collect(),
                ..Entities::default()
            },
            text: self.text(),
            ..Finding::of_statistics(
                id,
                (DNS_TUNNEL, "Data in the names that a client asks for"),
                &self.scope,
                (self.time, self.assumed),
                (self.records, evidence),
            )
        }
    }

    fn text(&self) -> String {
        let Self { from, zone, names, bytes, example, .. } = self;
        let odd = if self.kinds.has(Kinds::ODD) { ", some of types that only tunnels use" } else { "" };
        let about = if self.is_whole { "" } else { "about " };
        format!(
            "{from} asked for {about}{names} different names below {zone} that carry about {bytes} bytes{odd}, such as {example}"
        )
    }
}
