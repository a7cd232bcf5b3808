//! Correlation documents: what they state, and what the names in them stand for.
//!
//! SOURCE: Sigma specification 2.1.0, correlation rules; conditions over rule names, `value_median` and the units `w`, `M`
//! and `y` as pySigma has them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::condition::{self, Cond};
use super::document::{Draft, meta, refs, text};
use super::yaml::{At, Node, What};
use crate::model::correlation::{
    Bound, Correlation, Correlations, Demand, Figure, Key, MEMBERS_LIMIT, Member, Order, Seen,
};
use crate::model::rule::{Level, RuleMeta};

/// A correlation whose names are still to be looked up.
pub(super) struct Sketch {
    pub meta: RuleMeta,
    /// Whether it states its level; else it has the highest of its members.
    is_levelled: bool,
    pub at: At,
    /// `id` and `name`.
    refs: Vec<String>,
    /// The rules that it counts on.
    rules: Vec<String>,
    group_by: Vec<String>,
    aliases: BTreeMap<String, Alias>,
    span: i64,
    wish: Wish,
    generate: bool,
}

/// A name with the field that it stands for in each rule.
struct Alias {
    at: At,
    /// By rule, as it is written.
    fields: BTreeMap<String, String>,
}

/// What it demands, with names for fields.
enum Wish {
    Figure(Kind, Vec<Bound>),
    Members(Seen),
}

impl Wish {
    /// The names of the fields that it looks at.
    fn names(&self) -> &[String] {
        match self {
            Self::Figure(Kind::Distinct(names), _) => names,
            Self::Figure(Kind::Sum(name) | Kind::Mean(name) | Kind::Percentile(name, _), _) => {
                std::slice::from_ref(name)
            }
            Self::Figure(Kind::Events | Kind::Members | Kind::Ordered, _) | Self::Members(_) => &[],
        }
    }
}

enum Kind {
    Events,
    Members,
    Ordered,
    Distinct(Vec<String>),
    Sum(String),
    Mean(String),
    Percentile(String, f64),
}

type Fault = (At, String);

/// What a name in a correlation stands for.
#[derive(Clone)]
struct Target {
    id: Arc<str>,
    level: Level,
    /// Of a correlation the place in [`Correlations::list`].
    correlation: Option<usize>,
}

impl Target {
    fn of(meta: &RuleMeta, correlation: Option<usize>) -> Self {
        Self { id: meta.id.as_str().into(), level: meta.level, correlation }
    }
}

/// Reads a correlation document.
pub(super) fn sketch(doc: &Node, body: &Node, file: &str) -> Result<Sketch, Fault> {
    let here = |what: &str| (body.at, what.to_owned());
    let What::Map(_) = body.what else { return Err(here("correlation is not a map")) };
    known(body)?;
    let kind = text(body, "type").ok_or_else(|| here("correlation has no type"))?;
    let mut rules = words(body.get("rules"))?;
    let condition = body.get("condition");
    if let (true, Some((What::Text(over), at))) = (rules.is_empty(), condition.map(|node| (&node.what, node.at))) {
        rules = condition::named(over);
        if rules.iter().any(|word| word == "of") {
            return Err((at, "a condition with \"of\" needs a list of the rules that it is over".to_owned()));
        }
    }
    if rules.is_empty() || rules.len() > MEMBERS_LIMIT {
        return Err(here(&format!("a correlation names 1 to {MEMBERS_LIMIT} rules")));
    }
    Ok(Sketch {
        meta: meta(doc, file)?,
        is_levelled: text(doc, "level").is_some(),
        at: doc.at,
        refs: refs(doc),
        group_by: words(body.get("group-by"))?,
        aliases: aliases(body.get("aliases"))?,
        span: body.get("timespan").map(span).transpose()?.ok_or_else(|| here("correlation has no timespan"))?,
        wish: wish(&kind, body, condition, &rules)?,
        generate: body.get("generate").map(switch).transpose()?.unwrap_or(false),
        rules,
    })
}

/// What a correlation may state.
pub(super) const KEYS: [&str; 7] = ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];

/// Refuses what is none of the keys of a correlation, at its place.
fn known(body: &Node) -> Result<(), Fault> {
    let stray = body.pairs().iter().map(|(key, _)| (key.at, key.scalar().unwrap_or_default()));
    match stray.into_iter().find(|(_, key)| !KEYS.contains(&&**key)) {
        Some((at, key)) => Err((at, format!("{key:?} is not known in a correlation, which has {}", KEYS.join(", ")))),
        None => Ok(()),
    }
}

fn switch(node: &Node) -> Result<bool, Fault> {
    match node.what {
        What::Bool(on) | What::Switch(_, on) => Ok(on),
        _ => Err((node.at, "generate is neither true nor false".to_owned())),
    }
}

/// Most names in one list of a correlation, fields of `group-by` as well as aliases.
const NAMES_LIMIT: usize = 64;

/// A text, or a list of them; none where nothing stands.
fn words(node: Option<&Node>) -> Result<Vec<String>, Fault> {
    let elements = node.filter(|node| !matches!(node.what, What::Null)).map(Node::elements).unwrap_or_default();
    if let Some(more) = elements.get(NAMES_LIMIT) {
        return Err((more.at, format!("more than {NAMES_LIMIT} names in one list")));
    }
    elements.iter().map(|e| e.scalar().ok_or_else(|| (e.at, "a name is expected here".to_owned()))).collect()
}

fn aliases(node: Option<&Node>) -> Result<BTreeMap<String, Alias>, Fault> {
    let mut out = BTreeMap::new();
    let many = |node: &&Node| node.pairs().len() > NAMES_LIMIT;
    if let Some(node) =
        node.into_iter().chain(node.map(Node::pairs).unwrap_or_default().iter().map(|p| &p.1)).find(many)
    {
        return Err((node.at, format!("more than {NAMES_LIMIT} aliases, or fields of one")));
    }
    for (name, node) in node.map(Node::pairs).unwrap_or_default() {
        let mut fields = BTreeMap::new();
        for (rule, field) in node.pairs() {
            let (Some(rule), Some(field)) = (rule.scalar(), field.scalar()) else {
                return Err((field.at, "an alias names a field for each rule".to_owned()));
            };
            fields.insert(rule, field);
        }
        if fields.is_empty() {
            return Err((node.at, "an alias names a field for each rule".to_owned()));
        }
        out.insert(name.scalar().unwrap_or_default(), Alias { at: name.at, fields });
    }
    Ok(out)
}

/// A time span in microseconds.
fn span(node: &Node) -> Result<i64, Fault> {
    let text = node.scalar().unwrap_or_default();
    let length = || {
        let unit = text.chars().last()?;
        let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|count| *count > 0)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            // A twelfth of a year, and a year of the calendar on average.
            'M' => 2_629_746,
            'y' => 31_556_952,
            _ => return None,
        };
        count.checked_mul(seconds)?.checked_mul(1_000_000)
    };
    length().ok_or_else(|| (node.at, format!("timespan {text:?} is no number above 0 with one of s, m, h, d, w, M, y")))
}

fn wish(kind: &str, body: &Node, condition: Option<&Node>, rules: &[String]) -> Result<Wish, Fault> {
    let at = condition.map_or(body.at, |node| node.at);
    if let Some(What::Text(over)) = condition.map(|node| &node.what) {
        return over_members(kind, over, rules).map_err(|what| (at, what));
    }
    let mut bounds = bounds(condition)?;
    if let (true, "temporal" | "temporal_ordered") = (bounds.is_empty(), kind) {
        bounds.push(Bound { order: Order::Gte, number: rules.len() as f64 });
    }
    if bounds.is_empty() {
        return Err((at, "condition states none of lt, lte, gt, gte, eq, neq".to_owned()));
    }
    let fields = words(condition.and_then(|node| node.get("field")))?;
    let percent = condition.and_then(|node| node.get("percentile"));
    let percent =
        percent.and_then(Node::scalar).and_then(|text| text.parse().ok()).filter(|p| (0.0..=100.0).contains(p));
    let kind = match (kind, fields.as_slice()) {
        ("event_count", []) => Kind::Events,
        ("temporal", []) => Kind::Members,
        ("temporal_ordered", []) => Kind::Ordered,
        ("value_count", [_, ..]) => Kind::Distinct(fields),
        ("value_sum", [field]) => Kind::Sum(field.clone()),
        ("value_avg", [field]) => Kind::Mean(field.clone()),
        ("value_median", [field]) => Kind::Percentile(field.clone(), 50.0),
        ("value_percentile", [field]) => match percent {
            Some(percent) => Kind::Percentile(field.clone(), percent),
            None => return Err((at, "value_percentile needs a percentile from 0 to 100 in its condition".to_owned())),
        },
        ("event_count" | "temporal" | "temporal_ordered", _) => return Err((at, format!("{kind} takes no field"))),
        ("value_count" | "value_sum" | "value_avg" | "value_median" | "value_percentile", _) => {
            return Err((at, format!("{kind} needs a field in its condition")));
        }
        _ => return Err((body.at, format!("correlation type {kind:?} is not known"))),
    };
    Ok(Wish::Figure(kind, bounds))
}

fn bounds(condition: Option<&Node>) -> Result<Vec<Bound>, Fault> {
    let mut out = Vec::new();
    for (key, value) in condition.map(Node::pairs).unwrap_or_default() {
        let word = key.scalar().unwrap_or_default();
        let order = Order::ALL.iter().find(|(known, _)| *known == word).map(|(_, order)| *order);
        let number = value.scalar().and_then(|text| text.parse::<f64>().ok()).filter(|n| n.is_finite());
        match (order, number) {
            (Some(order), Some(number)) => out.push(Bound { order, number }),
            (Some(_), None) => return Err((value.at, format!("{word} is compared with a number"))),
            (None, _) if matches!(word.as_str(), "field" | "percentile") => {}
            (None, _) => return Err((key.at, format!("{word:?} is not known in the condition of a correlation"))),
        }
    }
    Ok(out)
}

/// A condition over names of rules.
fn over_members(kind: &str, over: &str, rules: &[String]) -> Result<Wish, String> {
    let parsed = condition::parse(over, rules);
    let seen = seen(&parsed.map_err(|what| what.replace(condition::UNDEFINED, "which is none of its rules"))?, rules);
    match kind {
        "temporal" => Ok(Wish::Members(seen)),
        // The order is that of the names; what is not simply "and" has none.
        "temporal_ordered" if condition::named(over) == rules && is_conjunction(&seen) => {
            Ok(Wish::Figure(Kind::Ordered, vec![Bound { order: Order::Gte, number: rules.len() as f64 }]))
        }
        "temporal_ordered" => {
            Err("not supported: temporal_ordered with a condition other than all rules in order".to_owned())
        }
        _ => Err(format!("{kind} takes no condition over rules")),
    }
}

fn seen(cond: &Cond, rules: &[String]) -> Seen {
    let all = |parts: &[Cond]| parts.iter().map(|part| seen(part, rules)).collect();
    match cond {
        Cond::Name(name) => Seen::One(rules.iter().position(|rule| rule == name).unwrap_or(usize::MAX)),
        Cond::Not(inner) => Seen::Not(Box::new(seen(inner, rules))),
        Cond::All(parts) => Seen::All(all(parts)),
        Cond::Any(parts) => Seen::Any(all(parts)),
    }
}

fn is_conjunction(seen: &Seen) -> bool {
    match seen {
        Seen::One(_) => true,
        Seen::All(parts) => parts.iter().all(is_conjunction),
        Seen::Not(_) | Seen::Any(_) => false,
    }
}

/// File, place and title of a correlation, and what is to be said of it.
type Told = (String, At, String, String);

/// Correlations with rules and fields in place of names; those of which a name stands for nothing or for too much, with the
/// reason; and what is odd about the others.
/// `left_out` are names of rules that were rejected or not taken.
pub(super) fn resolved(
    sketches: Vec<Sketch>,
    drafts: &[Draft],
    left_out: &BTreeSet<String>,
) -> (Correlations, Vec<Told>, Vec<Told>) {
    let mut rules: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    for draft in drafts {
        let target = Target::of(&draft.meta, None);
        for name in &draft.refs {
            rules.entry(name.clone()).or_default().push(target.clone());
        }
    }
    let mut waiting = Waiting::of(&sketches, &rules);
    let mut left: Vec<Option<Sketch>> = sketches.into_iter().map(Some).collect();
    let (mut list, mut fields, mut refused) = (Vec::new(), BTreeSet::new(), Vec::new());
    let (mut reach, mut refs_of_refused, mut odd) = (Reach::default(), Vec::new(), Vec::new());
    while let Some((round, at)) = waiting.ready.pop_first() {
        let Some(sketch) = left[at].take() else { continue };
        if !reach.takes(&sketch, &rules) {
            let what = format!("correlations ask more than {REACH_LIMIT} fields of the rules that they name");
            refs_of_refused.extend(sketch.refs);
            refused.push((sketch.meta.file, sketch.at, sketch.meta.title, what));
            continue;
        }
        for name in &sketch.refs {
            waiting.known(name, round);
        }
        let says = sketch.idle_aliases(&rules);
        odd.extend(says.into_iter().map(|(at, what)| (sketch.meta.file.clone(), at, sketch.meta.title.clone(), what)));
        let names = sketch.refs.clone();
        let correlation = sketch.correlation(&rules, &mut fields);
        let target = Target::of(&correlation.meta, Some(list.len()));
        list.push(correlation);
        names.into_iter().for_each(|name| rules.entry(name).or_default().push(target.clone()));
    }
    let beyond: BTreeSet<String> = refs_of_refused.into_iter().chain(left_out.iter().cloned()).collect();
    let left: Vec<Sketch> = left.into_iter().flatten().collect();
    let mut lacking = Lacking::of(&left, &beyond);
    refused.extend(left.iter().enumerate().map(|(at, sketch)| {
        let names: BTreeSet<&String> = sketch.rules.iter().filter(|name| !rules.contains_key(*name)).collect();
        let told: Vec<String> = names.into_iter().map(|name| format!("{name:?}, {}", lacking.why(name, at))).collect();
        let what = format!("correlation names {}", told.join("; "));
        (sketch.meta.file.clone(), sketch.at, sketch.meta.title.clone(), what)
    }));
    (Correlations { list, fields: fields.into_iter().collect() }, refused, odd)
}

/// Why names of correlations stand for nothing.
struct Lacking<'s> {
    left: &'s [Sketch],
    /// Places in `left` by name.
    by_name: HashMap<&'s str, Vec<usize>>,
    /// Names of what is not loaded.
    beyond: &'s BTreeSet<String>,
    /// Names that may still be followed: a file may hold many that lead to each other.
    steps: usize,
}

/// Names that are followed to find circles.
const CIRCLE_STEPS: usize = 1 << 20;

impl<'s> Lacking<'s> {
    fn of(left: &'s [Sketch], beyond: &'s BTreeSet<String>) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, sketch) in left.iter().enumerate() {
            sketch.refs.iter().for_each(|name| by_name.entry(name).or_default().push(at));
        }
        Self { left, by_name, beyond, steps: CIRCLE_STEPS }
    }

    /// Why a name that the correlation at a place lacks is none.
    fn why(&mut self, name: &str, at: usize) -> &'static str {
        match () {
            () if self.leads(name, at) => "which counts on this one",
            () if self.by_name.contains_key(name) || self.beyond.contains(name) => {
                "a rule that was rejected or left out"
            }
            () => "and no rule has this name",
        }
    }

    /// Whether a name leads to the correlation at a place.
    fn leads(&mut self, name: &str, to: usize) -> bool {
        let mut open: Vec<usize> = self.by_name.get(name).cloned().unwrap_or_default();
        let mut seen: BTreeSet<usize> = open.iter().copied().collect();
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            for name in &self.left[at].rules {
                let Some(steps) = self.steps.checked_sub(1) else { return false };
                self.steps = steps;
                let next = self.by_name.get(name.as_str()).into_iter().flatten();
                open.extend(next.filter(|next| seen.insert(**next)));
            }
        }
        false
    }
}

/// Correlations that name others are ready a round after the last name that they lack is known.
struct Waiting {
    /// Round and place, of those that lack no name.
    ready: BTreeSet<(usize, usize)>,
    /// How many names each lacks, by place.
    lacks: Vec<usize>,
    /// Who lacks a name.
    by_name: HashMap<String, Vec<usize>>,
}

impl Waiting {
    fn of(sketches: &[Sketch], rules: &BTreeMap<String, Vec<Target>>) -> Self {
        let mut waiting = Self { ready: BTreeSet::new(), lacks: Vec::new(), by_name: HashMap::new() };
        for (at, sketch) in sketches.iter().enumerate() {
            let lacking: BTreeSet<&String> = sketch.rules.iter().filter(|name| !rules.contains_key(*name)).collect();
            waiting.lacks.push(lacking.len());
            if lacking.is_empty() {
                waiting.ready.insert((0, at));
            }
            for name in lacking {
                waiting.by_name.entry(name.clone()).or_default().push(at);
            }
        }
        waiting
    }

    /// A name that is known from a round on.
    fn known(&mut self, name: &str, round: usize) {
        for at in self.by_name.remove(name).unwrap_or_default() {
            self.lacks[at] -= 1;
            if self.lacks[at] == 0 {
                self.ready.insert((round + 1, at));
            }
        }
    }
}

/// How many fields of rules correlations ask for, counted before any is noted. Those that are named twice count twice.
#[derive(Default)]
struct Reach {
    /// Rules that each correlation reaches, also by others.
    rules: Vec<usize>,
    asked: usize,
}

/// Most fields of rules that all correlations ask for.
const REACH_LIMIT: usize = 1 << 22;

impl Reach {
    fn takes(&mut self, sketch: &Sketch, rules: &BTreeMap<String, Vec<Target>>) -> bool {
        let targets = sketch.rules.iter().filter_map(|name| rules.get(name)).flatten();
        let reached = targets.fold(0usize, |sum, target| {
            sum.saturating_add(match target.correlation {
                None => 1,
                Some(at) => self.rules.get(at).copied().unwrap_or(0),
            })
        });
        let asked = reached.saturating_mul(1 + sketch.fields()).saturating_add(self.asked);
        if asked > REACH_LIMIT {
            return false;
        }
        self.asked = asked;
        self.rules.push(reached);
        true
    }
}

impl Sketch {
    /// `id` and `name`.
    pub(super) fn refs(&self) -> &[String] {
        &self.refs
    }

    /// The names that it counts on.
    pub(super) fn rules(&self) -> &[String] {
        &self.rules
    }

    /// Aliases that say nothing: of rules on which it does not count, and those of which it makes no use; each with its place.
    fn idle_aliases(&self, rules: &BTreeMap<String, Vec<Target>>) -> Vec<Fault> {
        let used: BTreeSet<&String> = self.group_by.iter().chain(self.wish.names()).collect();
        let meant: BTreeSet<&str> = self.rules.iter().filter_map(|rule| only(rules, rule)).collect();
        let counts =
            |rule: &String| self.rules.contains(rule) || only(rules, rule).is_some_and(|id| meant.contains(id));
        let mut out = Vec::new();
        for (name, Alias { at, fields }) in &self.aliases {
            if !used.contains(name) {
                out.push((*at, format!("alias {name:?} stands neither in group-by nor as a field of the condition")));
            }
            let strays = fields.keys().filter(|rule| !counts(rule));
            let what =
                |rule| format!("alias {name:?} has a field for {rule:?}, on which the correlation does not count");
            out.extend(strays.map(|rule| (*at, what(rule))));
        }
        out
    }

    /// How many fields it asks each member for.
    fn fields(&self) -> usize {
        self.group_by.len() + self.wish.names().len()
    }

    fn correlation(self, rules: &BTreeMap<String, Vec<Target>>, fields: &mut BTreeSet<Arc<str>>) -> Correlation {
        let mut key = |name: &String| {
            let alias = self.aliases.get(name);
            let field = |rule: &String| alias.and_then(|alias| alias.field_of(rule, rules)).unwrap_or(name);
            Key { name: name.clone(), fields: self.rules.iter().map(|rule| shared(fields, field(rule))).collect() }
        };
        let group_by = self.group_by.iter().map(&mut key).collect();
        let demand = match &self.wish {
            Wish::Members(seen) => Demand::Members(seen.clone()),
            Wish::Figure(kind, bounds) => {
                let figure = match kind {
                    Kind::Events => Figure::Events,
                    Kind::Members => Figure::Members,
                    Kind::Ordered => Figure::Ordered,
                    Kind::Distinct(fields) => Figure::Distinct(fields.iter().map(&mut key).collect()),
                    Kind::Sum(field) => Figure::Sum(key(field)),
                    Kind::Mean(field) => Figure::Mean(key(field)),
                    Kind::Percentile(field, percent) => Figure::Percentile(key(field), *percent),
                };
                Demand::Figure(figure, bounds.clone())
            }
        };
        let meant = |rule| rules.get(rule).into_iter().flatten();
        let members = self
            .rules
            .iter()
            .map(|rule| Member { targets: meant(rule).map(|target| Arc::clone(&target.id)).collect() });
        let highest = || self.rules.iter().flat_map(meant).map(|target| target.level).max();
        let level = if self.is_levelled { self.meta.level } else { highest().unwrap_or(self.meta.level) };
        Correlation {
            members: members.collect(),
            at: (self.at.line, self.at.column),
            meta: RuleMeta { level, ..self.meta },
            group_by,
            span: self.span,
            demand,
            generate: self.generate,
            left_out: Vec::new(),
        }
    }
}

impl Alias {
    /// The field that it has for a rule, whether it calls it by its id or by its name.
    fn field_of(&self, rule: &str, rules: &BTreeMap<String, Vec<Target>>) -> Option<&String> {
        self.fields.get(rule).or_else(|| {
            let meant = only(rules, rule)?;
            self.fields.iter().find(|(other, _)| only(rules, other) == Some(meant)).map(|(_, field)| field)
        })
    }
}

/// The id of what a name stands for, where that is one rule.
fn only<'r>(rules: &'r BTreeMap<String, Vec<Target>>, name: &str) -> Option<&'r str> {
    match rules.get(name)?.as_slice() {
        [one] => Some(&one.id),
        _ => None,
    }
}

/// A text that is held once.
fn shared(texts: &mut BTreeSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = texts.get(text) {
        return Arc::clone(known);
    }
    let new: Arc<str> = text.into();
    texts.insert(Arc::clone(&new));
    new
}
