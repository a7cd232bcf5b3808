//! Writes a record: as JSON, or its values alone.
//!
//! Values alone are written as they stand in the JSON, with the byte before and behind each: `:"value",`. So whatever a
//! search meets in a value of the one it meets in the other, and what lies between values is the same for all records of
//! a plan.

use super::instance::{Instance, Instances, Slot};
use super::plan::{Attribute, Empty, Plan, Step, Value};
use super::value::{self, kind};
use super::{DROPPED, Part};
use crate::model::fields::{Drawn, Kind};

/// A record that comes to more than this is left to the slow way.
const MOST_BYTES: usize = 1 << 20;

/// Writes one record.
pub(super) struct Writer<'w, const JSON: bool> {
    /// The chunk in which the record stands.
    pub chunk: &'w [u8],
    /// All plans, by number.
    pub plans: &'w [Plan],
    /// What the record is.
    pub instances: &'w Instances,
    /// Where it is written to.
    pub out: &'w mut Vec<u8>,
    /// The values, in the order of the record.
    pub values: &'w mut Vec<Drawn>,
    /// Where the record begins in `out`.
    pub start: usize,
}

impl<const JSON: bool> Writer<'_, JSON> {
    /// Writes the whole record; `None` where it cannot be written this way.
    pub fn record(mut self) -> Option<()> {
        let root = *self.instances.all.first()?;
        self.raw(b"{\"");
        self.raw(self.plans.get(root.plan as usize)?.root.as_bytes());
        self.raw(b"\":");
        self.instance(root)?;
        self.raw(b"}");
        Some(())
    }

    #[inline]
    fn raw(&mut self, text: &[u8]) {
        if JSON {
            self.out.extend_from_slice(text);
        }
    }

    /// A key, behind a comma where it is not the first of its object.
    #[inline]
    fn key(&mut self, text: &[u8]) {
        if JSON {
            if self.out.last() != Some(&b'{') {
                self.out.push(b',');
            }
            self.out.extend_from_slice(text);
        }
    }

    /// A value as it is written in JSON, and what it is called.
    #[inline]
    fn value(&mut self, name: u32, write: impl FnOnce(&mut Vec<u8>) -> (Kind, bool)) {
        if !JSON {
            self.out.push(b':');
        }
        let from = self.out.len();
        let (kind, escaped) = write(self.out);
        if JSON {
            return;
        }
        let to = self.out.len();
        self.out.push(b',');
        if name != DROPPED {
            let quotes = usize::from(kind == Kind::Str);
            let (start, end) = ((from + quotes) as u32, (to - quotes) as u32);
            self.values.push(Drawn { name, start, end, kind, escaped });
        }
    }

    fn scalar(&mut self, name: u32, slot: Slot) {
        let stored = slot.stored(self.chunk);
        self.value(name, |out| {
            let bare = matches!(slot.kind, kind::INT8..=kind::UINT64 | kind::BOOL);
            if bare {
                return value::write(slot.kind, stored, out);
            }
            out.push(b'"');
            let written = value::write(slot.kind, stored, out);
            out.push(b'"');
            written
        });
    }

    /// A value that every record has, or one that is not there.
    fn same(&mut self, name: u32, json: &[u8], kind: Kind) {
        self.value(name, |out| {
            out.extend_from_slice(json);
            (kind, kind == Kind::Str && memchr::memchr(b'\\', json).is_some())
        });
    }

    fn nothing(&mut self, name: u32, empty: Empty) {
        match empty {
            Empty::Null => self.same(name, b"null", Kind::Null),
            Empty::Text => self.same(name, b"\"\"", Kind::Str),
        }
    }

    fn instance(&mut self, instance: Instance) -> Option<()> {
        let plan = self.plans.get(instance.plan as usize)?;
        let instances = self.instances;
        let slots = instances.slots.get(instance.slots.0 as usize..instance.slots.1 as usize)?;
        let slot = |at: u16| slots.get(usize::from(at)).copied();
        let null = |at: &u16| slot(*at).is_some_and(|slot| slot.is_null());
        let mut at = 0;
        while let Some(step) = plan.steps.get(at) {
            if self.out.len() - self.start > MOST_BYTES {
                return None;
            }
            at += 1;
            match *step {
                Step::Raw(part) => self.raw(part.of(&plan.text)),
                Step::Key(part) => self.key(part.of(&plan.text)),
                Step::Same { json, kind, name } => {
                    if JSON || name != DROPPED {
                        self.same(name, json.of(&plan.text), kind);
                    }
                }
                Step::Leaf { slot: number, name, empty, list } => self.leaf((slot(number), name, empty, list))?,
                Step::Unless { slot, steps } if null(&slot) => at += steps as usize,
                Step::UnlessAll { slots, steps, name } if slots.of(&plan.slots).iter().all(null) => {
                    self.nothing(name, Empty::Null);
                    at += steps as usize;
                }
                Step::Unless { .. } | Step::UnlessAll { .. } => {}
                Step::Attributed { attributes, content, text, bare } => {
                    let content = content.and_then(slot);
                    let attributes = attributes.of(&plan.attributes);
                    self.attributed(plan, (attributes, slots), content, (text, bare))?;
                }
                Step::Child { slot: number, siblings } => {
                    if let Some(value) = slot(number) {
                        self.child(plan, value, siblings)?;
                    }
                }
            }
        }
        Some(())
    }

    fn leaf(&mut self, (slot, name, empty, list): (Option<Slot>, u32, Empty, bool)) -> Option<()> {
        let Some(slot) = slot else {
            self.nothing(name, empty);
            return Some(());
        };
        if slot.kind == kind::TEXTS {
            return if list { self.list(name, slot) } else { None };
        }
        match slot.nested {
            Some(nested) => {
                let instance = *self.instances.all.get(usize::from(nested))?;
                let plan = self.plans.get(instance.plan as usize)?;
                // Below a container it would be more than a member.
                if plan.root == "Data" {
                    return None;
                }
                self.raw(b"{");
                self.root(plan);
                self.instance(instance)?;
                self.raw(b"}");
            }
            None if value::is_empty(slot.kind, slot.stored(self.chunk)) => self.nothing(name, empty),
            None => self.scalar(name, slot),
        }
        Some(())
    }

    /// The key of an element that is a value.
    fn root(&mut self, plan: &Plan) {
        if JSON {
            self.key(b"\"");
            self.raw(plan.root.as_bytes());
            self.raw(b"\":");
        }
    }

    /// Texts that each end with a zero: one alone stands for itself.
    fn list(&mut self, name: u32, slot: Slot) -> Option<()> {
        let stored = slot.stored(self.chunk);
        let units = stored.as_chunks::<2>().0;
        let many = units.iter().filter(|unit| **unit == [0, 0]).count() > 1;
        if many {
            self.raw(b"[");
        }
        let mut from = 0;
        for (at, _) in units.iter().enumerate().filter(|(_, unit)| **unit == [0, 0]) {
            if from > 0 {
                self.raw(b",");
            }
            let item = Slot {
                kind: kind::TEXT,
                at: slot.at + 2 * from,
                length: (2 * (at as u32 - from)) as u16,
                nested: None,
            };
            self.scalar(name, item);
            from = at as u32 + 1;
            if self.out.len() - self.start > MOST_BYTES {
                return None;
            }
        }
        if many {
            self.raw(b"]");
        }
        Some(())
    }

    fn attributed(
        &mut self,
        plan: &Plan,
        (attributes, slots): (&[Attribute], &[Slot]),
        content: Option<Slot>,
        (text, bare): (u32, u32),
    ) -> Option<()> {
        let chunk = self.chunk;
        let says = |slot: &Slot| !value::is_empty(slot.kind, slot.stored(chunk));
        // Elements and lists cannot stand here.
        let fits = |slot: &Slot| slot.nested.is_none() && slot.kind != kind::TEXTS;
        let given = |at: u16| slots.get(usize::from(at)).copied().filter(says);
        let content = content.filter(says);
        let mut first = true;
        for attribute in attributes {
            let slot = match attribute.value {
                Value::Same(_) => None,
                Value::Slot(at) => match given(at) {
                    Some(slot) if fits(&slot) => Some(slot),
                    Some(_) => return None,
                    None => continue,
                },
            };
            if std::mem::take(&mut first) {
                self.raw(b"{\"#attributes\":{");
            }
            self.key(attribute.key.of(&plan.text));
            match (attribute.value, slot) {
                (Value::Same(part), _) => self.same(attribute.name, part.of(&plan.text), Kind::Str),
                (Value::Slot(_), Some(slot)) => self.scalar(attribute.name, slot),
                (Value::Slot(_), None) => {}
            }
        }
        if content.is_some_and(|slot| !fits(&slot)) {
            return None;
        }
        match (first, content) {
            (true, None) => self.nothing(bare, Empty::Null),
            (true, Some(slot)) => self.scalar(bare, slot),
            (false, content) => {
                self.raw(b"}");
                if let Some(slot) = content {
                    self.raw(b",\"#text\":");
                    self.scalar(text, slot);
                }
                self.raw(b"}");
            }
        }
        Some(())
    }

    /// An element that is a value, as one more member.
    fn child(&mut self, plan: &Plan, slot: Slot, siblings: Part) -> Option<()> {
        let Some(nested) = slot.nested else {
            return value::is_empty(slot.kind, slot.stored(self.chunk)).then_some(());
        };
        let instance = *self.instances.all.get(usize::from(nested))?;
        let inner = self.plans.get(instance.plan as usize)?;
        if siblings.of(&plan.siblings).contains(&inner.root) {
            return None;
        }
        self.root(inner);
        self.instance(instance)
    }
}
