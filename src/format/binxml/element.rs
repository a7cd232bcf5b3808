//! A definition as a tree of elements.

use super::bytes::Bytes;
use super::definition::token;

/// Deeper definitions are rendered the slow way.
const DEPTH_LIMIT: usize = 64;
/// How a dependency is written that is none.
const INDEPENDENT: u16 = 0xFFFF;

/// An element of a definition.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Its name, with the prefix of its name space.
    pub name: String,
    /// The value that must not be null, or the element is left out.
    pub dependency: Option<u16>,
    /// Attributes with a value, in order.
    pub attributes: Vec<(String, Node)>,
    /// What it holds, in order.
    pub children: Vec<Node>,
}

/// What an element holds, or what an attribute is.
#[derive(Debug)]
pub(super) enum Node {
    /// The same text in every instance.
    Text(String),
    /// A value of the instance, by its number.
    Slot(u16),
    /// An element; never of an attribute.
    Element(Element),
}

impl Element {
    /// The elements that this one holds.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// What an attribute is.
    pub fn attribute(&self, name: &str) -> Option<&Node> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }
}

impl Node {
    /// Whether it is a text that says something.
    pub fn says(&self) -> bool {
        matches!(self, Self::Text(text) if !text.is_empty())
    }
}

/// Reads a definition; `None` where it is no single element, or has an attribute in several parts.
pub(super) fn read(definition: &[u8]) -> Option<Element> {
    let mut bytes = Bytes { all: definition, at: 0 };
    let mut reader = Reader::default();
    while bytes.at < definition.len() {
        match bytes.u8()? {
            token::OPEN => reader.open(&mut bytes)?,
            token::ATTRIBUTE => reader.attribute(text(&mut bytes)?)?,
            token::TEXT => reader.node(Node::Text(text(&mut bytes)?))?,
            token::SLOT => reader.node(Node::Slot(bytes.u16()?))?,
            token::BODY => reader.body()?,
            token::EMPTY => {
                reader.body()?;
                reader.close()?;
            }
            token::CLOSE => reader.close()?,
            _ => return None,
        }
    }
    reader.root.filter(|_| reader.open.is_empty() && !reader.in_tag)
}

#[derive(Default)]
struct Reader {
    open: Vec<Element>,
    /// Whether the innermost element takes attributes still.
    in_tag: bool,
    /// The attribute that waits for its value.
    name: Option<String>,
    root: Option<Element>,
}

impl Reader {
    fn open(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        if self.in_tag || self.root.is_some() || self.open.len() >= DEPTH_LIMIT {
            return None;
        }
        let dependency = Some(bytes.u16()?).filter(|at| *at != INDEPENDENT);
        self.open.push(Element { name: text(bytes)?, dependency, ..Element::default() });
        self.in_tag = true;
        Some(())
    }

    fn attribute(&mut self, name: String) -> Option<()> {
        self.name = Some(name);
        self.in_tag.then_some(())
    }

    fn node(&mut self, node: Node) -> Option<()> {
        let element = self.open.last_mut()?;
        if self.in_tag {
            element.attributes.push((self.name.take()?, node));
        } else {
            element.children.push(node);
        }
        Some(())
    }

    fn body(&mut self) -> Option<()> {
        self.name = None;
        std::mem::take(&mut self.in_tag).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        if self.in_tag {
            return None;
        }
        let element = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Some(())
    }
}

fn text(bytes: &mut Bytes<'_>) -> Option<String> {
    let length = usize::from(bytes.u16()?);
    String::from_utf8(bytes.take(length)?.to_vec()).ok()
}
