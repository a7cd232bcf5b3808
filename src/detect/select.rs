//! Which of the rules that load are used: by level, status, tag, name and file.

use std::collections::{BTreeSet, HashMap};

use globset::{GlobBuilder, GlobMatcher};

use super::correlation::Sketch;
use super::document::Draft;
use super::lint::STATUSES;
use crate::model::rule::{LeftOut, Level, RuleMeta};

/// Statuses of rules that are used only where they are asked for.
pub(super) const ON_REQUEST: [&str; 2] = ["deprecated", "unsupported"];

/// What is wanted of rules. A rule is left out by the first thing that it lacks; without any wish, none is.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    least: Option<Level>,
    statuses: BTreeSet<String>,
    /// Statuses among [`ON_REQUEST`] that are asked for.
    requested: BTreeSet<String>,
    tags: Vec<String>,
    excluded: Vec<Exclusion>,
}

/// What rules are left out by: an id, a name, or a glob over the names of their files.
#[derive(Debug, Clone)]
struct Exclusion {
    word: String,
    glob: GlobMatcher,
}

/// What a document says of itself beside what findings carry.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    /// Lower case.
    pub status: Option<String>,
    /// Lower case, `-` for `_`.
    pub tags: Vec<String>,
}

/// What a rule is left out by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Exclusion,
    Status,
    Level,
    Tag,
}

/// What a selection left of rules and correlations.
#[derive(Debug, Default)]
pub(super) struct Selected {
    pub left_out: LeftOut,
    /// Ids of those that are kept only because correlations count on them: their hits are no findings.
    pub muted: BTreeSet<String>,
    /// Exclusions and tags that name nothing, as they are typed.
    pub idle: Vec<String>,
    /// By the number that a rule had: whether it is kept; empty where all are.
    pub kept: Vec<bool>,
}

impl Selection {
    /// Rules of at least this level, of one of these statuses and with one of these tags, where any are given, but for
    /// those that are excluded by id, name, or a glob over their file's name or the end of it.
    ///
    /// # Errors
    /// What cannot be meant, and what can.
    pub fn new(
        least: Option<Level>,
        statuses: &[String],
        tags: &[String],
        excluded: &[String],
    ) -> Result<Self, String> {
        let statuses: BTreeSet<String> = statuses.iter().map(|word| word.trim().to_ascii_lowercase()).collect();
        if let Some(word) = statuses.iter().find(|word| !STATUSES.contains(&word.as_str())) {
            return Err(format!("--status {word}: none of {}", STATUSES.join(", ")));
        }
        let tags: Vec<String> = tags.iter().map(|tag| tag_form(tag)).collect();
        if tags.iter().any(String::is_empty) {
            return Err("--tag: expected a tag or its beginning, as attack.exfiltration or attack.t1567".to_owned());
        }
        let excluded = excluded.iter().map(|word| Exclusion::new(word)).collect::<Result<_, _>>()?;
        let requested = statuses.iter().filter(|word| ON_REQUEST.contains(&word.as_str())).cloned().collect();
        Ok(Self { least, statuses, requested, tags, excluded })
    }

    /// Whether rules of this status, which are used only on request, are asked for.
    pub(super) fn requests(&self, status: &str) -> bool {
        self.requested.contains(status)
    }

    /// The same without limits: all rules that this one may choose from.
    #[must_use]
    pub fn unlimited(&self) -> Self {
        Self { requested: self.requested.clone(), ..Self::default() }
    }

    fn is_all(&self) -> bool {
        self.least.is_none() && self.statuses.is_empty() && self.tags.is_empty() && self.excluded.is_empty()
    }

    fn refuses(&self, meta: &RuleMeta, refs: &[String], labels: &Labels, hit: &mut [bool]) -> Option<By> {
        let mut excluded = false;
        for (exclusion, hit) in self.excluded.iter().zip(hit) {
            let is = exclusion.names(meta, refs);
            excluded |= is;
            *hit |= is;
        }
        let status = labels.status.as_ref().is_some_and(|status| self.statuses.contains(status));
        let is_wanted = |tag: &String| self.tags.iter().any(|wanted| is_below(tag, wanted));
        match () {
            () if excluded => Some(By::Exclusion),
            () if !self.statuses.is_empty() && !status => Some(By::Status),
            () if self.least.is_some_and(|least| meta.level < least) => Some(By::Level),
            () if !self.tags.is_empty() && !labels.tags.iter().any(is_wanted) => Some(By::Tag),
            () => None,
        }
    }

    /// The tags that no rule and no correlation has.
    fn idle_tags<'l>(&self, labels: impl Iterator<Item = &'l Labels> + Clone) -> Vec<String> {
        let has = |wanted: &str| labels.clone().flat_map(|labels| &labels.tags).any(|tag| is_below(tag, wanted));
        self.tags.iter().filter(|tag| !has(tag)).map(|tag| format!("--tag {tag}")).collect()
    }

    /// Takes out of rules and correlations what is not wanted. What a wanted correlation counts on stays.
    pub(super) fn apply(
        &self,
        of_correlations: &HashMap<String, Labels>,
        drafts: &mut Vec<Draft>,
        sketches: &mut Vec<Sketch>,
    ) -> Selected {
        let mut out = Selected::default();
        if self.is_all() {
            return out;
        }
        let idle_tags = self.idle_tags(drafts.iter().map(|draft| &draft.labels).chain(of_correlations.values()));
        let (none, mut hit) = (Labels::default(), vec![false; self.excluded.len()]);
        let mut by = |meta: &RuleMeta, refs: &[String], labels: &Labels| self.refuses(meta, refs, labels, &mut hit);
        let of_drafts: Vec<Option<By>> =
            drafts.iter().map(|draft| by(&draft.meta, &draft.refs, &draft.labels)).collect();
        let of_sketch = |s: &Sketch| by(&s.meta, s.refs(), of_correlations.get(&s.meta.id).unwrap_or(&none));
        let of_sketches: Vec<Option<By>> = sketches.iter().map(of_sketch).collect();
        let needed = needed(sketches, &of_sketches);
        let is_needed = |refs: &[String]| refs.iter().any(|name| needed.contains(name.as_str()));
        let mut keeps = |by: Option<By>, id: &str, needed: bool| {
            let Some(by) = by else { return true };
            out.count(by);
            if needed {
                out.left_out.members += 1;
                out.muted.insert(id.to_owned());
            }
            needed
        };
        let of_draft = |(draft, by): (&Draft, &Option<By>)| keeps(*by, &draft.meta.id, is_needed(&draft.refs));
        let kept: Vec<bool> = drafts.iter().zip(&of_drafts).map(of_draft).collect();
        let of_sketch = |(s, by): (&Sketch, &Option<By>)| keeps(*by, &s.meta.id, is_needed(s.refs()));
        let mut kept_too = sketches.iter().zip(&of_sketches).map(of_sketch).collect::<Vec<_>>().into_iter();
        let mut each = kept.iter();
        drafts.retain(|_| each.next().copied().unwrap_or(true));
        sketches.retain(|_| kept_too.next().unwrap_or(true));
        out.kept = kept;
        let named = self.excluded.iter().zip(&hit).filter(|(_, hit)| !**hit);
        out.idle = idle_tags;
        out.idle.extend(named.map(|(exclusion, _)| format!("--exclude {}", exclusion.word)));
        out
    }
}

/// The names on which wanted correlations count, directly or by others.
fn needed(sketches: &[Sketch], refused: &[Option<By>]) -> BTreeSet<String> {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, sketch) in sketches.iter().enumerate() {
        sketch.refs().iter().for_each(|name| by_name.entry(name).or_default().push(at));
    }
    let mut needed = BTreeSet::new();
    let mut left: Vec<usize> = (0..sketches.len()).filter(|at| refused[*at].is_none()).collect();
    while let Some(at) = left.pop() {
        for name in sketches[at].rules() {
            if needed.insert(name.clone()) {
                left.extend(by_name.get(name.as_str()).into_iter().flatten());
            }
        }
    }
    needed
}

impl Selected {
    fn count(&mut self, by: By) {
        let left_out = &mut self.left_out;
        *match by {
            By::Exclusion => &mut left_out.excluded,
            By::Status => &mut left_out.status,
            By::Level => &mut left_out.level,
            By::Tag => &mut left_out.tag,
        } += 1;
    }
}

impl Exclusion {
    fn new(word: &str) -> Result<Self, String> {
        let glob = GlobBuilder::new(word).build();
        let glob = glob.map_err(|why| format!("--exclude {word}: neither an id nor a glob: {}", why.kind()))?;
        Ok(Self { word: word.to_owned(), glob: glob.compile_matcher() })
    }

    fn names(&self, meta: &RuleMeta, refs: &[String]) -> bool {
        let same = |name: &String| name.eq_ignore_ascii_case(&self.word);
        let file = meta.file.as_str();
        same(&meta.id)
            || refs.iter().any(same)
            || self.glob.is_match(file)
            || file.match_indices(['/', ':']).any(|(at, _)| self.glob.is_match(&file[at + 1..]))
    }
}

/// Whether a tag is this one, or one below it.
fn is_below(tag: &str, wanted: &str) -> bool {
    tag.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A tag as it is compared.
pub(super) fn tag_form(tag: &str) -> String {
    tag.trim().trim_end_matches('.').to_ascii_lowercase().replace('_', "-")
}
