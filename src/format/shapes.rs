//! The shapes of JSON records: what stands between their values. A log has few, and a record of a known one is read by
//! comparing what stands between with what stood there before.
//!
//! PERF: a walk over a record costs a lookup for each name and a decision at each byte; here a name costs one comparison
//! together with all that surrounds it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::jsonwalk::{self, Leaf, Names};
use super::near;
use super::roles::{Role, may_give};
use super::sink::Sink;
use super::sketch::{Part, Sketch};
use super::stops::Stops;
use super::time::Hour;
use crate::model::fields::{Canon, Kind, Text};
use crate::model::layout::Layout;
use crate::model::listing::{Item, Listing};
use crate::model::outline::Outline;

/// Trees that were begun so far.
static TREES: AtomicU64 = AtomicU64::new(0);

/// Most nodes of the tree; what comes later is read the long way.
const NODES: usize = 4096;
/// Most text between values that is kept, and most bytes of names.
const TEXT_BYTES: usize = 256 * 1024;
/// Most values of a record that has a shape.
const VALUES: usize = 256;
/// Most ways on from one node.
const WAYS: usize = 16;
/// Records without a known shape after which a dialect must have four times as many with one.
const STRANGERS: usize = 512;

/// The shapes of one dialect's records, as a tree: from the root, each node is what stands before a value, and the value's
/// kind. Kept with the buffers that go from block to block; what it knows changes how fast a record is read and nothing else.
#[derive(Default)]
pub struct Shapes {
    /// Where the cells of the row at hand lie.
    pub(super) stops: Stops,
    /// The hour of the record before.
    pub(super) hour: Hour,
    dialect: &'static str,
    /// Tells nodes of this tree from those of all others of the process: a source is read with several.
    tree: u64,
    /// The first is none: a place that nothing follows.
    nodes: Vec<Node>,
    /// The root of each kind of record, whose names mean the same; 0 for none.
    roots: Vec<u32>,
    text: Vec<u8>,
    /// The names of values, one behind the other.
    names: Vec<u8>,
    known: usize,
    strange: usize,
    leaves: Vec<Leaf>,
    /// Where names of objects and lists without any value lie among all names.
    empties: Vec<(u32, u32)>,
    /// The values of the record that was listed last.
    listed: Vec<Listed>,
    /// The node of its end.
    end: u32,
}

/// A value of a record.
#[derive(Clone, Copy)]
struct Listed {
    /// The node that stands before it.
    node: u32,
    /// Where it lies in the record, without quotes.
    from: u32,
    to: u32,
    kind: Kind,
    escaped: bool,
}

/// What stands before a value.
#[derive(Clone, Copy)]
struct Node {
    /// Where it lies in the text.
    from: u32,
    to: u32,
    value: Value,
    part: Part,
    /// Where the name of the value lies among all names; `None` where it is no field.
    name: Option<(u32, u32)>,
    role: Option<Role>,
    /// Which of all objects and lists without any value stand in the text.
    empties: (u32, u32),
    /// The first node that may follow.
    first: u32,
    /// The next node that may stand here instead; 0 for none.
    next: u32,
}

/// What follows a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// A string, behind its opening quote.
    Str,
    /// A number, `true`, `false` or `null`.
    Bare,
    /// Nothing: the record is over.
    End,
}

impl Shapes {
    /// The shapes of a dialect; those of another one are forgotten.
    pub fn of(&mut self, dialect: &'static str) -> &mut Self {
        if !std::ptr::eq(self.dialect, dialect) {
            *self = Self { dialect, tree: TREES.fetch_add(1, Ordering::Relaxed), ..Self::default() };
        }
        self
    }

    /// Whether enough records have a shape that was seen before.
    pub fn pays(&self) -> bool {
        self.strange < STRANGERS.max(self.known / 4)
    }

    /// Reads the outline of a record of a kind; false where its shape is not known yet or something in it is out of the
    /// ordinary.
    pub fn read<'b>(
        &mut self,
        record: &'b [u8],
        kind: usize,
        (layout, agents): (&Layout, bool),
        out: &mut Outline<'b>,
    ) -> bool {
        let mut sketch = Sketch::new(layout, agents, out);
        let end = self.follow(record, kind, |node, (value, ..)| sketch.value(self.nodes[node].part, value));
        let end = end.filter(|_| sketch.finish().is_some());
        if let Some(end) = end {
            sketch.out.part(&self.tree.to_le_bytes());
            sketch.out.part(&(end as u32).to_le_bytes());
        }
        self.counted(end.is_some())
    }

    /// Lists the values of a record of a kind, for [`listing`](Self::listing) and [`fields`](Self::fields); false where its
    /// shape is not known yet.
    pub fn list(&mut self, record: &[u8], kind: usize) -> bool {
        let mut listed = std::mem::take(&mut self.listed);
        listed.clear();
        let start = record.as_ptr() as usize;
        let end = self.follow(record, kind, |node, (value, kind, escaped)| {
            let from = (value.as_ptr() as usize - start) as u32;
            listed.push(Listed { node: node as u32, from, to: from + value.len() as u32, kind, escaped });
            Some(())
        });
        self.listed = listed;
        self.end = end.unwrap_or_default() as u32;
        self.counted(end.is_some())
    }

    /// Reads the outline of the record that was listed last, as [`read`](Self::read) does.
    pub fn read_listed<'b>(&self, record: &'b [u8], (layout, agents): (&Layout, bool), out: &mut Outline<'b>) -> bool {
        let mut sketch = Sketch::new(layout, agents, out);
        let value = |at: &Listed| record.get(at.from as usize..at.to as usize);
        let read = self
            .listed
            .iter()
            .all(|at| value(at).and_then(|value| sketch.value(self.nodes[at.node as usize].part, value)).is_some());
        let read = read && sketch.finish().is_some();
        if read {
            sketch.out.part(&self.tree.to_le_bytes());
            sketch.out.part(&self.end.to_le_bytes());
        }
        read
    }

    fn counted(&mut self, read: bool) -> bool {
        *(if read { &mut self.known } else { &mut self.strange }) += 1;
        read
    }

    /// The values of the record that was listed last, which is this one. `containers`: whether objects and lists are fields too.
    pub fn listing<'s>(&'s self, record: &'s [u8], containers: bool) -> List<'s> {
        List { shapes: self, record, containers }
    }

    fn name(&self, node: &Node) -> Option<&[u8]> {
        node.name.and_then(|(from, to)| self.names.get(from as usize..to as usize))
    }

    /// Puts the wanted fields of the record that was listed last into a sink, as a walk would.
    pub fn fields<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) {
        for at in &self.listed {
            let node = &self.nodes[at.node as usize];
            let Some(name) = self.name(node).filter(|_| sink.all || node.role.is_some()) else { continue };
            let raw = record.get(at.from as usize..at.to as usize).unwrap_or_default();
            let name = if sink.all { sink.out.store(name) } else { Text::Slice(b"") };
            let value = if at.escaped {
                let from = sink.out.arena_len();
                jsonwalk::unescape(raw, sink.out.arena_mut());
                sink.out.stored_since(from)
            } else {
                Text::Slice(raw)
            };
            sink.text(name, node.role, value, at.kind);
        }
        sink.settle();
    }

    /// Hands on each value with its node, in their order, with what it is and whether it has escapes; gives the node of the
    /// record's end.
    fn follow<'b>(
        &self,
        record: &'b [u8],
        kind: usize,
        mut see: impl FnMut(usize, (&'b [u8], Kind, bool)) -> Option<()>,
    ) -> Option<usize> {
        let root = *self.roots.get(kind)?;
        let (mut rest, mut node) = (record, self.nodes.get(root as usize)?);
        loop {
            let at = self.way(node.first, rest)?;
            node = &self.nodes[at];
            rest = &rest[(node.to - node.from) as usize..];
            let value = match node.value {
                Value::End => return Some(at),
                Value::Str => {
                    let (end, escaped) = string_end(rest)?;
                    let (value, behind) = rest.split_at(end);
                    rest = behind;
                    (value, Kind::Str, escaped)
                }
                Value::Bare => {
                    let (value, kind) = jsonwalk::bare(rest)?;
                    rest = &rest[value.len()..];
                    (value, kind, false)
                }
            };
            see(at, value)?;
        }
    }

    /// The way on that fits. No two do: what stands before a bare value is never the start of anything longer that fits
    /// too, and in no other place can a value begin where something else goes on.
    fn way(&self, mut at: u32, rest: &[u8]) -> Option<usize> {
        while at != 0 {
            let node = &self.nodes[at as usize];
            let text = &self.text[node.from as usize..node.to as usize];
            let fits = rest.starts_with(text)
                && match node.value {
                    Value::Str => true,
                    Value::Bare => rest
                        .get(text.len())
                        .is_some_and(|first| matches!(first, b'-' | b'0'..=b'9' | b't' | b'f' | b'n')),
                    Value::End => rest.len() == text.len(),
                };
            if fits {
                return Some(at as usize);
            }
            at = node.next;
        }
        None
    }

    /// Learns the shape of a record of a kind.
    pub fn learn(&mut self, record: &[u8], kind: usize, names: Names<'_>) {
        let mut leaves = std::mem::take(&mut self.leaves);
        leaves.clear();
        if jsonwalk::leaves(record, names, &mut leaves).is_ok() {
            self.keep(record, kind, &leaves);
        }
        self.leaves = leaves;
    }

    fn keep(&mut self, record: &[u8], kind: usize, leaves: &[Leaf]) {
        if leaves.len() > VALUES || leaves.iter().any(|leaf| leaf.role == Some(Role::Embedded)) {
            return;
        }
        let (mut node, mut at) = (self.root(kind), 0);
        let mut empties: Vec<&[u8]> = Vec::new();
        for leaf in leaves {
            if leaf.is_empty {
                empties.extend(leaf.name.as_deref());
                continue;
            }
            let value = if leaf.is_string { Value::Str } else { Value::Bare };
            let Some(next) = self.child(node, &record[at..leaf.start], (value, Some(leaf)), &empties) else { return };
            empties.clear();
            (node, at) = (next, leaf.end);
        }
        let _ = self.child(node, &record[at..], (Value::End, None), &empties);
    }

    /// The root of a kind, made where there is none.
    fn root(&mut self, kind: usize) -> usize {
        const START: Node = Node {
            from: 0,
            to: 0,
            value: Value::Str,
            part: Part::Skip,
            name: None,
            role: None,
            empties: (0, 0),
            first: 0,
            next: 0,
        };
        if self.nodes.is_empty() {
            self.nodes.push(START);
        }
        self.roots.resize(self.roots.len().max(kind + 1), 0);
        if self.roots[kind] == 0 {
            self.roots[kind] = self.nodes.len() as u32;
            self.nodes.push(START);
        }
        self.roots[kind] as usize
    }

    /// The node behind another one, made where there is none; `None` where there is no room.
    fn child(
        &mut self,
        parent: usize,
        text: &[u8],
        (value, leaf): (Value, Option<&Leaf>),
        empties: &[&[u8]],
    ) -> Option<usize> {
        let (mut at, mut ways) = (self.nodes[parent].first, 0);
        while at != 0 {
            let node = &self.nodes[at as usize];
            if node.value == value && self.text[node.from as usize..node.to as usize] == *text {
                return Some(at as usize);
            }
            (at, ways) = (node.next, ways + 1);
        }
        let name = leaf.and_then(|leaf| leaf.name.as_deref());
        let more: usize = name.iter().chain(empties).map(|name| name.len()).sum();
        let is_full = self.text.len() + text.len() > TEXT_BYTES || self.names.len() + more > TEXT_BYTES;
        if ways == WAYS || self.nodes.len() == NODES || is_full {
            return None;
        }
        let name = name.map(|name| self.keep_name(name));
        let begin = self.empties.len() as u32;
        for empty in empties {
            let kept = self.keep_name(empty);
            self.empties.push(kept);
        }
        let empties = (begin, self.empties.len() as u32);
        let role = leaf.and_then(|leaf| leaf.role);
        let from = self.text.len() as u32;
        self.text.extend_from_slice(text);
        let at = self.nodes.len();
        let next = std::mem::replace(&mut self.nodes[parent].first, at as u32);
        let (to, part) = (self.text.len() as u32, Part::of(role));
        self.nodes.push(Node { from, to, value, part, name, role, empties, first: 0, next });
        Some(at)
    }

    fn keep_name(&mut self, name: &[u8]) -> (u32, u32) {
        self.names.extend_from_slice(name);
        ((self.names.len() - name.len()) as u32, self.names.len() as u32)
    }
}

/// A record that was listed, with the shapes that it was listed by.
pub struct List<'s> {
    shapes: &'s Shapes,
    record: &'s [u8],
    containers: bool,
}

impl Listing for List<'_> {
    fn giver(&self) -> u64 {
        self.shapes.tree
    }

    fn names(&self, out: &mut Vec<u32>) {
        out.push(self.shapes.end);
    }

    fn len(&self) -> usize {
        self.shapes.listed.len()
    }

    #[inline]
    fn item(&self, at: usize) -> Option<Item<'_>> {
        let at = self.shapes.listed.get(at)?;
        let written = self.record.get(at.from as usize..at.to as usize)?;
        let name = self.shapes.name(&self.shapes.nodes[at.node as usize])?;
        Some(Item { name, written, kind: at.kind, escaped: at.escaped })
    }

    fn may_give(&self, canon: Canon) -> bool {
        may_give(canon, self.shapes.listed.iter().map(|at| self.shapes.nodes[at.node as usize].role))
    }

    fn holds_empty(&self, name: &[u8]) -> bool {
        let Shapes { nodes, listed, names, end, .. } = self.shapes;
        let passed = listed.iter().map(|at| at.node).chain([*end]).map(|at| &nodes[at as usize]);
        let empties = passed.flat_map(|node| &self.shapes.empties[node.empties.0 as usize..node.empties.1 as usize]);
        empties.map(|(from, to)| &names[*from as usize..*to as usize]).any(|empty| is_at_or_below(empty, name))
    }

    fn has_containers(&self) -> bool {
        self.containers
    }

    fn unescape(&self, written: &[u8], out: &mut Vec<u8>) {
        jsonwalk::unescape(written, out);
    }
}

/// Whether a dotted path is another one or below it; case is ignored.
fn is_at_or_below(path: &[u8], other: &[u8]) -> bool {
    let head = path.get(..other.len()).is_some_and(|head| head.eq_ignore_ascii_case(other));
    head && matches!(path.get(other.len()), None | Some(b'.'))
}

/// Where the quote stands that ends a string, and whether there are escapes before it.
#[inline]
fn string_end(rest: &[u8]) -> Option<(usize, bool)> {
    let mut at = 0;
    loop {
        let found = at + near::either(b'"', b'\\', rest.get(at..)?)?;
        if rest[found] == b'"' {
            return Some((found, at > 0));
        }
        at = found + 2;
    }
}
