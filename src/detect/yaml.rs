//! YAML documents as trees that remember where each part stands in its file.
//!
//! Rules are untrusted input: size, depth and the number of nodes after alias expansion are capped.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// Largest file of rules, in bytes.
pub(super) const FILE_LIMIT: usize = 8 << 20;
/// Deepest nesting of a document.
const DEPTH_LIMIT: usize = 64;
/// Most nodes of a file, aliases expanded.
const NODE_LIMIT: usize = 1 << 20;
/// Most nodes that aliases may add to one document.
const ALIAS_LIMIT: usize = 10_000;
/// Most nodes that are kept for the aliases of one document: what has an anchor is kept apart from what is around it.
const ANCHORED_LIMIT: usize = 1 << 18;

/// The key under which a map takes in the pairs of others.
const MERGE: &str = "<<";

/// Where something stands in its file; both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct At {
    pub line: u64,
    pub column: u64,
}

/// A node with its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub at: At,
    pub what: What,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum What {
    Null,
    Bool(bool),
    /// A word that YAML 1.1 takes for true or false and YAML 1.2 for text.
    Switch(String, bool),
    /// A number, as written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar, as the comparison of values sees it.
    pub fn scalar(&self) -> Option<String> {
        match &self.what {
            What::Bool(b) => Some(b.to_string()),
            What::Number(s) | What::Text(s) | What::Switch(s, _) => Some(s.clone()),
            What::Null | What::List(_) | What::Map(_) => None,
        }
    }

    /// The pairs of a map; empty for anything else.
    pub fn pairs(&self) -> &[(Node, Node)] {
        match &self.what {
            What::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.pairs().iter().find(|(k, _)| k.scalar().as_deref() == Some(key)).map(|(_, v)| v)
    }

    /// The elements of a list, or the node itself.
    pub fn elements(&self) -> &[Node] {
        match &self.what {
            What::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// Takes a key of a map out of it.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let What::Map(pairs) = &mut self.what else { return None };
        let at = pairs.iter().position(|(k, _)| k.scalar().as_deref() == Some(key))?;
        Some(pairs.remove(at).1)
    }

    /// The node with another laid over it: maps are joined key by key, all else is replaced.
    pub fn under(self, over: &Node) -> Node {
        let (What::Map(mut pairs), What::Map(others)) = (self.what, &over.what) else { return over.clone() };
        let mut places = HashMap::new();
        for (at, (key, _)) in pairs.iter().enumerate() {
            places.entry(key.scalar()).or_insert(at);
        }
        for (key, value) in others {
            match places.entry(key.scalar()) {
                Entry::Occupied(at) => {
                    let known = &mut pairs[*at.get()].1;
                    let below = Node { at: known.at, what: std::mem::replace(&mut known.what, What::Null) };
                    *known = below.under(value);
                }
                Entry::Vacant(free) => {
                    free.insert(pairs.len());
                    pairs.push((key.clone(), value.clone()));
                }
            }
        }
        Node { at: self.at, what: What::Map(pairs) }
    }

    /// A map with the pairs of those that stand under `<<`, a map or a list of maps: what it has itself goes before, and the first
    /// of several. SOURCE: YAML 1.1, merge keys, which rules for other engines use.
    fn merged(mut self) -> Self {
        let What::Map(pairs) = &mut self.what else { return self };
        let is_map = |node: &Node| matches!(node.what, What::Map(_));
        let is_merge = |(key, value): &(Node, Node)| {
            matches!(&key.what, What::Text(key) if key == MERGE) && value.elements().iter().all(is_map)
        };
        let Some(at) = pairs.iter().position(is_merge) else { return self };
        let (_, others) = pairs.remove(at);
        let mut known: HashSet<Option<String>> = pairs.iter().map(|(key, _)| key.scalar()).collect();
        for (key, value) in others.elements().iter().flat_map(Node::pairs) {
            if known.insert(key.scalar()) {
                pairs.push((key.clone(), value.clone()));
            }
        }
        self
    }

    /// How many nodes it is made of.
    pub fn count(&self) -> usize {
        1 + match &self.what {
            What::List(items) => items.iter().map(Node::count).sum(),
            What::Map(pairs) => pairs.iter().map(|(k, v)| k.count() + v.count()).sum(),
            _ => 0,
        }
    }
}

/// Documents of one file that may have a fault; behind that many nothing is read, and the last fault says so.
const FAULTS_LIMIT: usize = 1_000;

/// What is wrong, and where.
pub(super) type Fault = (At, String);

/// The documents of a file in order, and what is wrong with others of it. Each is its own, so that a fault costs the document in which
/// it is. Only where documents share keys by `action` is nothing read behind a fault: what it would have shared is not known.
pub(super) fn documents(text: &str) -> (Vec<Node>, Vec<Fault>) {
    if text.len() > FILE_LIMIT {
        let what = format!("file of {} bytes, limit is {FILE_LIMIT}", text.len());
        return (Vec::new(), vec![(At { line: 1, column: 1 }, what)]);
    }
    let text = text.trim_start_matches('\u{feff}');
    let mut whole = Builder::default();
    let Err(fault) = whole.read(text) else { return (whole.done, Vec::new()) };
    let parts = parts(text);
    if parts.len() < 2 {
        return (whole.done, vec![fault]);
    }
    if share_keys(text) {
        let (at, what) = fault;
        return (whole.done, vec![(at, format!("{what}; {}", super::Problem::CUT))]);
    }
    let (mut builder, mut faults) = (Builder::default(), Vec::new());
    for (line, part) in parts {
        builder.lines = line;
        faults.extend(builder.read(part).err());
        builder.open.clear();
        builder.root = None;
        if builder.nodes > NODE_LIMIT || faults.len() == FAULTS_LIMIT {
            break;
        }
    }
    if let Some((_, what)) = faults.get_mut(FAULTS_LIMIT - 1) {
        what.push_str("; nothing behind it is read, because so many documents of this file have a fault");
    }
    (builder.done, faults)
}

/// Whether a line begins with a marker that no text of a document may begin with.
fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// The documents of a file as texts, each with the number of lines before it. Directives belong to what they stand before.
fn parts(text: &str) -> Vec<(u64, &str)> {
    let (mut parts, mut begin, mut begins_at, mut at) = (Vec::new(), 0, 0, 0);
    // Nothing but directives and comments stands between the begin of the part and here.
    let mut is_bare = true;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line, "---") && !is_bare {
            parts.push((begins_at, &text[begin..at]));
            (begin, begins_at) = (at, number as u64);
        }
        is_bare = is_bare && (line.trim_start().is_empty() || line.starts_with(['#', '%'])) && !is_marker(line, "---");
        at += line.len();
        if is_marker(line, "...") {
            parts.push((begins_at, &text[begin..at]));
            (begin, begins_at, is_bare) = (at, number as u64 + 1, true);
        }
    }
    parts.push((begins_at, &text[begin..]));
    parts
}

/// Whether documents of a file say by `action` that they share keys.
fn share_keys(text: &str) -> bool {
    let is_key = |line: &str| {
        let key = line.trim_start_matches(['"', '\'', '{', ' ']).strip_prefix("action");
        let is_key = key.is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'));
        is_key && !line.starts_with(' ')
    };
    text.lines().any(is_key)
}

/// A container that is still open.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Node>,
    /// Keys of a map so far.
    keys: HashSet<String>,
}

#[derive(Default)]
struct Builder {
    done: Vec<Node>,
    /// The document that is not at its end yet.
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    aliased: usize,
    anchored: usize,
    /// Lines of the file before what is read.
    lines: u64,
}

type Step = Result<(), Fault>;

impl Builder {
    /// Reads documents up to a fault.
    fn read(&mut self, text: &str) -> Step {
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => self.take(event, span)?,
                Err(fault) => {
                    let at = self.at(fault.marker());
                    return Err((at, format!("{}: {}", super::Problem::NOT_YAML, fault.info())));
                }
            }
        }
        Ok(())
    }

    fn at(&self, marker: &Marker) -> At {
        At { line: self.lines + marker.line() as u64, column: marker.col() as u64 + 1 }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Step {
        let at = self.at(&span.start);
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                (self.aliased, self.anchored) = (0, 0);
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|t| t.is_yaml_core_schema() && t.suffix == "str");
                let what =
                    if style == ScalarStyle::Plain && !is_text { plain(&text) } else { What::Text(text.into_owned()) };
                self.place(Node { at, what }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err((at, "alias of something that is not finished".to_owned()));
                };
                let count = node.count();
                self.aliased += count;
                if self.aliased > ALIAS_LIMIT {
                    return Err((at, format!("aliases expand to more than {ALIAS_LIMIT} nodes")));
                }
                let node = node.clone();
                self.nodes += count;
                self.place(node, 0)
            }
            Event::SequenceStart(anchor, _) => self.open(Node { at, what: What::List(Vec::new()) }, anchor),
            Event::MappingStart(anchor, _) => self.open(Node { at, what: What::Map(Vec::new()) }, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.place(open.node.merged(), open.anchor),
                None => Ok(()),
            },
            Event::DocumentEnd => {
                self.done.extend(self.root.take());
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
        }
    }

    fn open(&mut self, node: Node, anchor: usize) -> Step {
        if self.open.len() >= DEPTH_LIMIT {
            return Err((node.at, format!("nested deeper than {DEPTH_LIMIT}")));
        }
        self.open.push(Open { node, anchor, key: None, keys: HashSet::new() });
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) -> Step {
        self.nodes += 1;
        if self.nodes > NODE_LIMIT {
            return Err((node.at, format!("more than {NODE_LIMIT} nodes")));
        }
        if anchor != 0 {
            self.anchored += node.count();
            if self.anchored > ANCHORED_LIMIT {
                return Err((node.at, format!("anchors keep more than {ANCHORED_LIMIT} nodes")));
            }
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.what {
            What::List(items) => items.push(node),
            What::Map(pairs) => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => {
                    if let Some(name) = key.scalar()
                        && let Some(name) = parent.keys.replace(name)
                    {
                        return Err((key.at, format!("key {name:?} stands twice")));
                    }
                    pairs.push((key, node));
                }
            },
            _ => {}
        }
        Ok(())
    }
}

/// The meaning of an unquoted scalar (YAML 1.2 core, but for [`What::Switch`]).
fn plain(text: &str) -> What {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => What::Null,
        "true" | "True" | "TRUE" => What::Bool(true),
        "false" | "False" | "FALSE" => What::Bool(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => What::Switch(text.to_owned(), true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => What::Switch(text.to_owned(), false),
        _ if is_number(text) => What::Number(canonical_number(text)),
        _ => What::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.parse::<f64>().is_ok()
}

/// Decimal text without sign `+` and leading zeros; a fraction stays as written.
fn canonical_number(text: &str) -> String {
    text.parse::<i128>().map_or_else(|_| text.to_owned(), |n| n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_kinds() {
        let (docs, faults) = documents("a: 1\nb:\n  - 'x'\n  - null\n---\nc: yes\n");
        assert!(faults.is_empty());
        assert_eq!(docs.len(), 2);
        let b = docs[0].get("b").unwrap();
        assert_eq!(b.elements()[0].at, At { line: 3, column: 5 });
        assert!(matches!(b.elements()[1].what, What::Null));
        assert!(matches!(&docs[1].get("c").unwrap().what, What::Switch(t, true) if t == "yes"));
    }

    #[test]
    fn maps_take_in_those_that_they_merge() {
        let text =
            "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {y: 5, <<: [*a, *b]}\nd: {<<: *a, '<': 1}\ne: {<<: text}\n";
        let (docs, faults) = documents(text);
        assert!(faults.is_empty());
        let shown = |key: &str| {
            let pairs = docs[0].get(key).unwrap().pairs().iter();
            pairs.map(|(key, value)| key.scalar().unwrap() + &value.scalar().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(shown("c"), ["y5", "x1", "z4"]);
        assert_eq!(shown("d"), ["<1", "x1", "y2"]);
        assert_eq!(shown("e"), ["<<text"], "there is nothing to merge");
        assert!(documents("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n").1[0].1.contains("twice"));
    }

    #[test]
    fn a_fault_costs_its_document_and_no_other() {
        let of = |text: &str| {
            let (docs, faults) = documents(text);
            let names = docs.iter().filter_map(|doc| doc.get("a")?.scalar()).collect::<Vec<_>>();
            (names, faults.into_iter().map(|(at, _)| at.line).collect::<Vec<_>>())
        };
        let text = |lists: &[&str]| lists.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(of("a: 1\n---\na: [2\nb: }\n---\na: 3\n"), (text(&["1", "3"]), vec![4]));
        for open in ["a: \"2\n", "a: '2\nb: c\n", "a: {b\n", "a: 2\na: 2\n", "a: *b\n", "a: 1: 2\n"] {
            let (names, lines) =
                of(&format!("# text\n%YAML 1.2\n---\na: 1\n---\n{open}--- # three\na: 3\n---\n{open}"));
            assert_eq!((names, lines.len()), (text(&["1", "3"]), 2), "{open}: {lines:?}");
            assert!((5..=8).contains(&lines[0]) && lines[1] >= 9, "{open}: {lines:?}");
        }
        let ended = "a: 1\n...\n%YAML 1.2\n---\na: [2\n...\na: 3\n...\n";
        assert_eq!(of(ended), (text(&["1", "3"]), vec![6]), "directives belong to what they stand before");
        let (names, lines) = of(&("---\na: [\n".repeat(FAULTS_LIMIT + 5) + "---\na: 1\n"));
        assert_eq!((names, lines.len()), (text(&[]), FAULTS_LIMIT));
        assert_eq!(of("a: |\n  ---\n  x: [\n---\na: 2\n").0.len(), 2, "a marker begins its line");
        let (names, lines) = of("action: global\nb: 1\n---\na: [1\n---\na: 3\n");
        assert_eq!((names, lines.len()), (text(&[]), 1), "what it shared is not known");
    }

    #[test]
    fn alias_bombs_and_depth_are_refused() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..9 {
            let list = vec![format!("*a{}", i - 1); 10].join(",");
            bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert!(documents(&bomb).1[0].1.contains("aliases"));
        assert!(documents(&"[".repeat(5000)).1.len() == 1);
        let nested = (0..60).map(|i| format!("&n{i} [")).collect::<String>() + &"1,".repeat(100_000);
        assert!(documents(&(nested + &"]".repeat(60))).1[0].1.contains("anchors"));
        assert!(documents(&format!("a: &a [{}]\nb: &b [*a]\n", "1,".repeat(5_000))).1.is_empty());
        assert!(documents("a: 1\na: 2\n").1[0].1.contains("twice"));
    }
}
