//! The schema as a tree of what a row is written as.
//!
//! SOURCE: parquet-format, LogicalTypes.md, with its rules for lists and maps of old writers.

use std::ops::Range;

use super::meta::{Element, Logical};
use super::render::{Physical, Render};

/// Groups within groups.
const DEPTH: u32 = 64;
/// Most columns.
pub(super) const COLUMNS: usize = 8192;
/// Longest name of a column, in bytes.
const NAME_BYTES: usize = 1024;

/// A part of a row.
#[derive(Debug)]
pub(super) struct Node {
    /// Its name as JSON, with the colon.
    pub name: Box<str>,
    /// The definition level from which on it is there.
    pub present: u16,
    /// The columns below it.
    pub leaves: Range<usize>,
    pub shape: Shape,
}

/// What a part is written as.
#[derive(Debug)]
pub(super) enum Shape {
    Value,
    Object(Vec<Node>),
    Array(Repeated, Box<Node>),
    /// Keys, and values where there are some.
    Map(Repeated, Box<Node>, Option<Box<Node>>),
}

/// The levels of what is repeated: from which definition level on there are elements, and with which repetition level another begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeated {
    pub def: u16,
    pub rep: u16,
}

/// A column.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Its path, for people.
    pub path: String,
    /// The highest levels.
    pub def: u16,
    pub rep: u16,
    pub kind: i64,
    /// `None` where the type is not known.
    pub physical: Option<Physical>,
    pub render: Render,
}

/// The tree of a schema and its columns.
#[derive(Debug)]
pub(super) struct Schema {
    pub root: Node,
    pub leaves: Vec<Leaf>,
}

/// Why a schema is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Damaged,
    TooLarge,
}

/// The levels of what lies around an element.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    def: u16,
    rep: u16,
}

/// Makes the tree of the elements of a footer.
pub(super) fn schema(elements: &[Element]) -> Result<Schema, Refusal> {
    let mut builder = Builder { elements, at: 0, path: Vec::new(), leaves: Vec::new() };
    let root = builder.take().ok_or(Refusal::Damaged)?;
    let children = builder.children(root, Levels::default(), DEPTH)?;
    let leaves = 0..builder.leaves.len();
    if children.is_empty() {
        return Err(Refusal::Damaged);
    }
    let root = Node { name: "".into(), present: 0, leaves, shape: Shape::Object(children) };
    Ok(Schema { root, leaves: builder.leaves })
}

struct Builder<'e> {
    elements: &'e [Element],
    at: usize,
    path: Vec<&'e str>,
    leaves: Vec<Leaf>,
}

const OPTIONAL: i64 = 1;
const REPEATED: i64 = 2;

impl<'e> Builder<'e> {
    fn take(&mut self) -> Option<&'e Element> {
        let element = self.elements.get(self.at)?;
        self.at += 1;
        Some(element)
    }

    fn peek(&self) -> Option<&'e Element> {
        self.elements.get(self.at)
    }

    fn children(&mut self, group: &Element, around: Levels, depth: u32) -> Result<Vec<Node>, Refusal> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooLarge)?;
        let mut nodes = Vec::new();
        for _ in 0..group.children {
            nodes.push(self.node(around, depth)?);
        }
        Ok(nodes)
    }

    /// The next element, with what is below it.
    fn node(&mut self, around: Levels, depth: u32) -> Result<Node, Refusal> {
        let element = self.take().ok_or(Refusal::Damaged)?;
        self.path.push(&element.name);
        let node = match element.repetition {
            REPEATED => self.repeated(element, around, depth),
            repetition => {
                let levels = Levels { def: around.def + u16::from(repetition == OPTIONAL), ..around };
                self.content(element, levels, depth)
            }
        };
        self.path.pop();
        node
    }

    /// A repeated element without a list around it.
    fn repeated(&mut self, element: &'e Element, around: Levels, depth: u32) -> Result<Node, Refusal> {
        let inside = Levels { def: around.def + 1, rep: around.rep + 1 };
        let each = self.content(element, inside, depth)?;
        let repeated = Repeated { def: inside.def, rep: inside.rep };
        Ok(Node {
            name: each.name.clone(),
            present: around.def,
            leaves: each.leaves.clone(),
            shape: Shape::Array(repeated, Box::new(each)),
        })
    }

    /// An element that is there from `levels` on.
    fn content(&mut self, element: &'e Element, levels: Levels, depth: u32) -> Result<Node, Refusal> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooLarge)?;
        let first = self.leaves.len();
        let shape = if element.kind.is_some() {
            self.leaf(element, levels)?;
            Shape::Value
        } else {
            let is_of_one = element.children == 1 && self.peek().is_some_and(|child| child.repetition == REPEATED);
            match element.logical.or(of_old(element)) {
                Some(Logical::List) if is_of_one => self.list(element, levels, depth)?,
                Some(Logical::Map) if is_of_one && self.peek().is_some_and(|child| child.kind.is_none()) => {
                    self.map(levels, depth)?
                }
                _ => Shape::Object(self.children(element, levels, depth)?),
            }
        };
        Ok(Node { name: name(&element.name), present: levels.def, leaves: first..self.leaves.len(), shape })
    }

    /// A list: its one child is repeated, and is the element or holds it.
    fn list(&mut self, list: &Element, around: Levels, depth: u32) -> Result<Shape, Refusal> {
        let middle = self.take().ok_or(Refusal::Damaged)?;
        let inside = Levels { def: around.def + 1, rep: around.rep + 1 };
        let repeated = Repeated { def: inside.def, rep: inside.rep };
        let is_element = middle.kind.is_some()
            || middle.children != 1
            || middle.name == "array"
            || middle.name.strip_suffix("_tuple") == Some(&list.name)
            || self.peek().is_some_and(|below| below.repetition == REPEATED);
        self.path.push(&middle.name);
        let each = if is_element { self.content(middle, inside, depth) } else { self.node(inside, depth) };
        self.path.pop();
        Ok(Shape::Array(repeated, Box::new(each?)))
    }

    /// A map: its one child is repeated and holds a key and perhaps a value.
    fn map(&mut self, around: Levels, depth: u32) -> Result<Shape, Refusal> {
        let pair = self.take().ok_or(Refusal::Damaged)?;
        let inside = Levels { def: around.def + 1, rep: around.rep + 1 };
        let repeated = Repeated { def: inside.def, rep: inside.rep };
        self.path.push(&pair.name);
        let first = self.leaves.len();
        let mut parts = self.children(pair, inside, depth)?.into_iter();
        self.path.pop();
        let (key, value, more) = (parts.next().ok_or(Refusal::Damaged)?, parts.next(), parts.next());
        if more.is_none() && matches!(key.shape, Shape::Value) {
            let leaf = &mut self.leaves[key.leaves.start];
            if leaf.render == Render::Json {
                leaf.render = Render::Text;
            }
            return Ok(Shape::Map(repeated, Box::new(key), value.map(Box::new)));
        }
        let nodes = [Some(key), value, more].into_iter().flatten().chain(parts).collect();
        let leaves = first..self.leaves.len();
        let each = Node { name: name(&pair.name), present: inside.def, leaves, shape: Shape::Object(nodes) };
        Ok(Shape::Array(repeated, Box::new(each)))
    }

    fn leaf(&mut self, element: &Element, levels: Levels) -> Result<(), Refusal> {
        if self.leaves.len() >= COLUMNS || element.name.len() > NAME_BYTES {
            return Err(Refusal::TooLarge);
        }
        let kind = element.kind.unwrap_or(-1);
        let physical = Physical::of(kind, element.length);
        let render = physical.map_or(Render::Binary, |physical| Render::of(physical, element));
        let path: String = self.path.join(".").chars().take(120).collect();
        self.leaves.push(Leaf { path, def: levels.def, rep: levels.rep, kind, physical, render });
        Ok(())
    }
}

fn of_old(group: &Element) -> Option<Logical> {
    match group.converted? {
        1 | 2 => Some(Logical::Map),
        3 => Some(Logical::List),
        _ => None,
    }
}

fn name(name: &str) -> Box<str> {
    let mut text = serde_json::to_string(name).unwrap_or_default();
    text.push(':');
    text.into()
}
