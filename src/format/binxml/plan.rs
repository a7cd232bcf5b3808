//! What a definition comes to: steps that write an instance of it as JSON, as the `evtx` crate does, and the name and
//! meaning of each value in it.
//!
//! The crate's rules: an element with a value alone is that value; one with attributes is an object with `#attributes` and
//! `#text`; `Data` with a name is a member of that name, and without one an entry of `Data`; names that repeat are numbered;
//! an element whose dependency is null is left out. What is not covered here has no plan.

use std::collections::{HashMap, HashSet};

use super::element::{Element, Node};
use super::{Names, Part};
use crate::model::fields::Kind;

/// More steps than this are no definition of a log.
const MOST_STEPS: usize = 16_384;
/// More bytes of names than this are no definition of a log either.
const MOST_NAME_BYTES: usize = 256 << 10;
/// What a name takes beside its bytes.
const NAME_BYTES: usize = 64;

/// One step. Literal text is a [`Part`] of the plan's text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Punctuation, or keys.
    Raw(Part),
    /// `"name":`, behind a comma where it is not the first of its object.
    Key(Part),
    /// A value that every instance has, as written in JSON.
    Same { json: Part, kind: Kind, name: u32 },
    /// A value of the instance, or `empty`. `list`: it may be a list of texts.
    Leaf { slot: u16, name: u32, empty: Empty, list: bool },
    /// The next steps are left out where the value is null.
    Unless { slot: u16, steps: u32 },
    /// They are, and `null` stands instead, where all these values are.
    UnlessAll { slots: Part, steps: u32, name: u32 },
    /// An element with attributes of the instance: parts of [`Plan::attributes`], and its value.
    Attributed { attributes: Part, content: Option<u16>, text: u32, bare: u32 },
    /// An element that is a value: a member of the object at hand.
    Child { slot: u16, siblings: Part },
}

/// How a value that is not there is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// `null`.
    Null,
    /// `""`.
    Text,
}

/// An attribute of an element that has some of the instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute {
    /// `"name":`.
    pub key: Part,
    /// The number of the name of its value.
    pub name: u32,
    /// Its value.
    pub value: Value,
}

/// Where its value comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    /// Every instance has it: as written in JSON.
    Same(Part),
    /// A value of the instance.
    Slot(u16),
}

/// The steps of a definition.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What to write, in order.
    pub steps: Vec<Step>,
    /// All literal text.
    pub text: Vec<u8>,
    /// Attributes of elements that have some of the instance.
    pub attributes: Vec<Attribute>,
    /// Values that [`Step::UnlessAll`] asks for.
    pub slots: Vec<u16>,
    /// Name of its element.
    pub root: String,
    /// Names of members beside a [`Step::Child`].
    pub siblings: Vec<String>,
    /// Bytes of its definition, with all names.
    pub size: usize,
    /// Values that may be elements, with the number of the path of the element that holds them.
    pub nests: Vec<(u16, u32)>,
}

/// Makes the plan of a definition below a path; `None` where it holds what plans do not cover. Says too how many bytes of
/// names were looked up or kept for it, which is the same whatever names are known.
pub(super) fn make(root: &Element, path: &[u8], names: &mut Names) -> (Option<Plan>, usize) {
    let mut maker = Maker { plan: Plan::default(), path: path.to_vec(), names, used: HashSet::new(), spent: 0 };
    maker.plan.root.clone_from(&root.name);
    maker.enter(&root.name);
    let made = maker.value(root, is_container(&root.name));
    let plan = made.filter(|()| maker.plan.steps.len() <= MOST_STEPS).map(|()| maker.plan);
    (plan, maker.spent)
}

struct Maker<'n> {
    plan: Plan,
    /// Dotted path of the element at hand.
    path: Vec<u8>,
    names: &'n mut Names,
    /// Values that stand somewhere: each may once.
    used: HashSet<u16>,
    /// Bytes of names so far.
    spent: usize,
}

fn is_container(name: &str) -> bool {
    matches!(name, "EventData" | "UserData")
}

fn is_data(element: &Element) -> bool {
    element.name == "Data"
}

impl Maker<'_> {
    /// Goes down a path; gives what [`leave`](Self::leave) goes back to.
    fn enter(&mut self, name: &str) -> usize {
        let back = self.path.len();
        if back > 0 {
            self.path.push(b'.');
        }
        self.path.extend_from_slice(name.as_bytes());
        back
    }

    fn leave(&mut self, back: usize) {
        self.path.truncate(back);
    }

    fn text(&mut self, text: &[u8]) -> Part {
        let start = self.plan.text.len() as u32;
        self.plan.text.extend_from_slice(text);
        Part(start, self.plan.text.len() as u32)
    }

    fn raw(&mut self, text: &[u8]) {
        let part = self.text(text);
        self.plan.steps.push(Step::Raw(part));
    }

    /// The key of a member. Names of elements stand as they are; those of data are escaped.
    fn key(&mut self, name: &str) {
        let key = self.key_part(name);
        self.plan.steps.push(Step::Key(key));
    }

    fn key_part(&mut self, name: &str) -> Part {
        let mut key = quoted(name);
        key.push(b':');
        self.text(&key)
    }

    /// Counts copies of the path; `None` where names come to too much.
    fn spend(&mut self, copies: usize) -> Option<()> {
        self.spent += copies * (self.path.len() + NAME_BYTES);
        (self.spent <= MOST_NAME_BYTES).then_some(())
    }

    /// The number of the name that the path stands for.
    fn named(&mut self) -> Option<u32> {
        self.spend(2)?;
        Some(self.names.of_path(&self.path))
    }

    /// Notes below which path a value may be an element.
    fn nest(&mut self, slot: u16) -> Option<()> {
        self.spend(1)?;
        let path = self.names.path(&self.path);
        self.plan.nests.push((slot, path));
        Some(())
    }

    /// The name of what stands below the path under some key.
    fn named_below(&mut self, key: &str) -> Option<u32> {
        let back = self.enter(key);
        let name = self.named();
        self.leave(back);
        name
    }

    fn slot(&mut self, slot: u16) -> Option<u16> {
        self.used.insert(slot).then_some(slot)
    }

    fn same(&mut self, text: Option<&str>, name: u32) {
        let (json, kind) = match text {
            Some(text) => (quoted(text), Kind::Str),
            None => (b"null".to_vec(), Kind::Null),
        };
        let json = self.text(&json);
        self.plan.steps.push(Step::Same { json, kind, name });
    }

    fn leaf(&mut self, slot: u16, empty: Empty, list: bool) -> Option<()> {
        let slot = self.slot(slot)?;
        let name = self.named()?;
        self.nest(slot)?;
        self.plan.steps.push(Step::Leaf { slot, name, empty, list });
        Some(())
    }

    /// The value of an element.
    fn value(&mut self, element: &Element, container: bool) -> Option<()> {
        if element.elements().next().is_some() {
            return self.object(element, container);
        }
        let varies = element.attributes.iter().any(|(_, node)| matches!(node, Node::Slot(_)));
        let says = varies || element.attributes.iter().any(|(_, node)| node.says());
        match &element.children[..] {
            [Node::Slot(slot)] if !says => self.leaf(*slot, Empty::Null, false),
            [Node::Slot(slot)] => self.attributed(element, Some(*slot)),
            [] if varies => self.attributed(element, None),
            [Node::Text(_)] if varies => None,
            [] if says => self.object(element, container),
            [Node::Text(_)] if says => self.object(element, container),
            [] => self.constant(None),
            [Node::Text(text)] => self.constant(Some(&**text).filter(|text| !text.is_empty())),
            _ => None,
        }
    }

    fn constant(&mut self, text: Option<&str>) -> Option<()> {
        let name = self.named()?;
        self.same(text, name);
        Some(())
    }

    /// An element with attributes of the instance, or with such as say something beside its value.
    fn attributed(&mut self, element: &Element, content: Option<u16>) -> Option<()> {
        let bare = self.named()?;
        let text = self.named_below("#text")?;
        let content = content.map(|slot| self.slot(slot).ok_or(())).transpose().ok()?;
        let back = self.enter("#attributes");
        let mut attributes = Vec::new();
        for (key, node) in &element.attributes {
            let value = match node {
                Node::Slot(slot) => Value::Slot(self.slot(*slot)?),
                Node::Text(text) if text.is_empty() => continue,
                Node::Text(text) => Value::Same(self.text(&quoted(text))),
                Node::Element(_) => return None,
            };
            let (name, key) = (self.named_below(key)?, self.key_part(key));
            attributes.push(Attribute { key, name, value });
        }
        self.leave(back);
        let start = self.plan.attributes.len() as u32;
        self.plan.attributes.extend(attributes);
        let attributes = Part(start, self.plan.attributes.len() as u32);
        self.plan.steps.push(Step::Attributed { attributes, content, text, bare });
        Some(())
    }

    /// An element with members.
    fn object(&mut self, element: &Element, container: bool) -> Option<()> {
        if element.attributes.iter().any(|(_, node)| matches!(node, Node::Slot(_))) {
            return None;
        }
        let says = element.attributes.iter().any(|(_, node)| node.says());
        let elements = element.elements().count();
        let dependent: Vec<u16> = element.elements().filter_map(|child| child.dependency).collect();
        let all_depend = elements > 0 && dependent.len() == elements;
        if all_depend && elements < element.children.len() {
            return None;
        }
        let guard = (all_depend && !says).then_some(self.plan.steps.len());
        if guard.is_some() {
            let start = self.plan.slots.len() as u32;
            self.plan.slots.extend(&dependent);
            let slots = Part(start, self.plan.slots.len() as u32);
            let name = self.named()?;
            self.plan.steps.push(Step::UnlessAll { slots, steps: 0, name });
        }
        self.raw(b"{");
        if says {
            self.attributes(element)?;
        }
        self.members(element, container)?;
        self.raw(b"}");
        if let Some(at) = guard {
            self.close(at);
        }
        Some(())
    }

    /// Attributes that every instance has.
    fn attributes(&mut self, element: &Element) -> Option<()> {
        self.key("#attributes");
        self.raw(b"{");
        let back = self.enter("#attributes");
        for (key, node) in element.attributes.iter().filter(|(_, node)| node.says()) {
            let Node::Text(text) = node else { return None };
            self.key(key);
            let name = self.named_below(key)?;
            self.same(Some(text), name);
        }
        self.leave(back);
        self.raw(b"}");
        Some(())
    }

    fn members(&mut self, element: &Element, container: bool) -> Option<()> {
        if let [Node::Text(text)] = &element.children[..] {
            if !text.is_empty() {
                self.key("#text");
                let name = self.named_below("#text")?;
                self.same(Some(text), name);
            }
            return Some(());
        }
        let data: Vec<&Element> = element.elements().filter(|child| container && is_data(child)).collect();
        let named = data.iter().any(|data| data.attribute("Name").is_some_and(Node::says));
        if data.iter().any(|data| matches!(data.attribute("Name"), Some(Node::Slot(_))))
            || (named || data.len() > 1) && data.iter().any(|data| data.dependency.is_some())
        {
            return None;
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let (mut data_counts, mut last): (HashMap<&str, usize>, _) = (HashMap::new(), None);
        let mut positional = !named;
        for (at, node) in element.children.iter().enumerate() {
            match node {
                Node::Element(child) if container && is_data(child) && named => {
                    let Some(Node::Text(name)) = child.attribute("Name").filter(|node| node.says()) else { continue };
                    if last.replace(&**name) == Some(name) {
                        return None;
                    }
                    self.data(child, &numbered(name, &mut data_counts))?;
                }
                Node::Element(child) if container && is_data(child) => {
                    if std::mem::take(&mut positional) {
                        self.list(&data)?;
                    }
                }
                Node::Element(child) => {
                    let shown = numbered(&child.name, &mut counts);
                    let alike = |other: &&Element| other.name == child.name;
                    if shown != child.name && element.elements().filter(alike).any(|e| e.dependency.is_some()) {
                        return None;
                    }
                    self.member(child, &shown)?;
                    last = None;
                }
                Node::Slot(slot) if at + 1 == element.children.len() => self.child(*slot, element)?,
                Node::Slot(_) | Node::Text(_) => return None,
            }
        }
        Some(())
    }

    /// One member, which its dependency may leave out.
    fn member(&mut self, child: &Element, shown: &str) -> Option<()> {
        let guard = self.open(child.dependency);
        self.key(shown);
        let back = self.enter(shown);
        self.value(child, is_container(&child.name))?;
        self.leave(back);
        guard.into_iter().for_each(|at| self.close(at));
        Some(())
    }

    /// A named value of the event.
    fn data(&mut self, child: &Element, shown: &str) -> Option<()> {
        self.key(shown);
        let back = self.enter(shown);
        self.datum(child, false)?;
        self.leave(back);
        Some(())
    }

    /// The values of the event that have no name.
    fn list(&mut self, data: &[&Element]) -> Option<()> {
        let guard = self.open(data.first().and_then(|data| data.dependency));
        self.key("Data");
        self.raw(b"{\"#text\":");
        let (back, _) = (self.enter("Data"), self.enter("#text"));
        if let [only] = data {
            self.datum(only, true)?;
        } else {
            for (at, data) in data.iter().enumerate() {
                self.raw(if at == 0 { b"[" } else { b"," });
                self.datum(data, false)?;
            }
            self.raw(b"]");
        }
        self.leave(back);
        self.raw(b"}");
        guard.into_iter().for_each(|at| self.close(at));
        Some(())
    }

    /// One value of the event.
    fn datum(&mut self, data: &Element, list: bool) -> Option<()> {
        match &data.children[..] {
            [Node::Slot(slot)] => self.leaf(*slot, Empty::Text, list),
            _ if data.attributes.iter().any(|(_, node)| matches!(node, Node::Slot(_))) => None,
            [] => {
                let name = self.named()?;
                self.same(Some(""), name);
                Some(())
            }
            [Node::Text(text)] => {
                let name = self.named()?;
                self.same(Some(text), name);
                Some(())
            }
            _ => None,
        }
    }

    fn child(&mut self, slot: u16, parent: &Element) -> Option<()> {
        if parent.elements().any(|element| element.dependency.is_some()) {
            return None;
        }
        let slot = self.slot(slot)?;
        let start = self.plan.siblings.len() as u32;
        self.plan.siblings.extend(parent.elements().map(|element| element.name.clone()));
        let siblings = Part(start, self.plan.siblings.len() as u32);
        self.nest(slot)?;
        self.plan.steps.push(Step::Child { slot, siblings });
        Some(())
    }

    /// Begins steps that a dependency may leave out.
    fn open(&mut self, dependency: Option<u16>) -> Option<usize> {
        let slot = dependency?;
        self.plan.steps.push(Step::Unless { slot, steps: 0 });
        Some(self.plan.steps.len() - 1)
    }

    /// Ends the steps that the one at `at` may leave out.
    fn close(&mut self, at: usize) {
        let behind = (self.plan.steps.len() - at - 1) as u32;
        if let Step::Unless { steps, .. } | Step::UnlessAll { steps, .. } = &mut self.plan.steps[at] {
            *steps = behind;
        }
    }
}

/// A name, with `_1` where it is there once already.
fn numbered<'e>(name: &'e str, counts: &mut HashMap<&'e str, usize>) -> String {
    let count = counts.entry(name).or_default();
    *count += 1;
    if *count == 1 { name.to_owned() } else { format!("{name}_{}", *count - 1) }
}

/// A text as JSON.
fn quoted(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = vec![b'"'];
    super::value::text(&units, &mut out);
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_elements_with_long_names_are_given_up_before_their_paths_are_made() {
        let named = |name: String, children| Element { name, children, ..Element::default() };
        let tree = |deep: usize, long: usize| {
            let leaves =
                (0..500).map(|at| Node::Element(named(format!("{}{at}", "n".repeat(long)), vec![Node::Slot(at)])));
            (0..deep).fold(named("Leaves".to_owned(), leaves.collect()), |inner, at| {
                named(format!("{}{at}", "n".repeat(long)), vec![Node::Element(inner)])
            })
        };
        let mut names = Names::default();
        let (plan, spent) = make(&tree(60, 1_000), b"", &mut names);
        let kept: usize = names.known.keys().map(Vec::len).chain(names.paths.iter().map(|path| path.len())).sum();
        assert!(plan.is_none() && kept <= spent && spent < 2 * MOST_NAME_BYTES, "{kept} {spent}");
        // The same names cost the same when they are known.
        let first = make(&tree(2, 10), b"", &mut names);
        let again = make(&tree(2, 10), b"", &mut names);
        assert!(first.0.is_some_and(|plan| plan.nests.len() == 500) && first.1 == again.1);
    }
}
