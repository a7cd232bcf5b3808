//! JSON objects of a product: known by names that all of them have.

use std::cell::OnceCell;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::target::{Always, canons, target};
use crate::format::jsonwalk;
use crate::format::roles::{Role, Roles};
use crate::format::sink::Sink;
use crate::format::written::has_escaped_name;
use crate::format::{Means, jsonlines};
use crate::model::fields::{Canon, Carried, Fields, Kind, Text, Want};
use crate::model::layout::Layout;
use crate::model::outline::Outline;

/// What tells the objects of a product, and what their names mean.
#[derive(Debug)]
pub(super) struct Object {
    /// Dotted names, of which an object has all of one set.
    marks: Vec<Vec<&'static str>>,
    /// Names, and values of which each must have one.
    values: Vec<(&'static str, Vec<&'static str>)>,
    /// The names in `marks`, as they may stand in an object.
    written: Vec<Vec<Written>>,
    roles: Roles,
    own: Vec<&'static str>,
    always: Always,
    /// Whether they carry what is read by itself, a line of another log or what a program says: no outline has that.
    is_carrier: bool,
}

/// What a definition says of objects.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Dotted names, of which an object has all of one set.
    pub(super) marks: Vec<Vec<&'static str>>,
    /// Names, and values of which each must have one.
    pub(super) values: Vec<(&'static str, Vec<&'static str>)>,
    /// Dotted names and what they are made into.
    pub(super) fields: Vec<(&'static str, &'static str)>,
    /// Whether the names that mean the same in all JSON keep their meaning.
    pub(super) is_common: bool,
    /// What every object says.
    pub(super) always: Always,
}

impl Object {
    /// Objects as a definition says; `Err` with the reason where it cannot be.
    pub(super) fn new(parts: Parts) -> Result<Self, String> {
        let Parts { marks, values, fields, is_common, always } = parts;
        if marks.iter().all(Vec::is_empty) {
            return Err("`keys` (or `any`) must name what tells these objects from others".to_owned());
        }
        let mut roles: Vec<(&'static str, Role)> = Vec::new();
        let unmeant: Vec<&str> = fields.iter().filter(|(_, to)| to.is_empty()).map(|(name, _)| *name).collect();
        for (name, to) in fields.iter().filter(|(_, to)| !to.is_empty()) {
            match target(to) {
                super::target::Target::Field(Some(role), _) => roles.push((name, role)),
                _ => return Err(format!("{to:?} is no canonical field, which {name:?} could be made into")),
            }
        }
        let written = marks.iter().map(|set| set.iter().map(|name| Written::of(name)).collect()).collect();
        let own = fields.iter().map(|(_, to)| *to).collect();
        let is_carrier = roles.iter().any(|(_, role)| matches!(role, Role::Line | Role::Said | Role::Holder));
        let roles = if is_common {
            let common = [jsonlines::TIMES, &jsonlines::ecs(), jsonlines::COMMON].concat();
            roles.extend(common.into_iter().filter(|(name, _)| !unmeant.contains(name)));
            Roles::new(&[&roles])
        } else {
            Roles::new(&[&roles])
        };
        Ok(Self { marks, values, written, roles, own, always, is_carrier })
    }

    /// Whether an object is one of these, by all its names.
    pub(super) fn is_of(&self, record: &[u8]) -> bool {
        (self.may_be(record) || has_escaped_name(record))
            && flattened(record).is_some_and(|fields| self.is_told_by(&fields))
    }

    /// Whether the names of an object, and their values, are those of these.
    fn is_told_by(&self, fields: &Fields<'_>) -> bool {
        let has = |name: &&str| fields.named().any(|(known, ..)| known == name.as_bytes());
        let one_of = |(name, values): &(&str, Vec<&str>)| {
            let among = |value: &[u8]| values.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(value));
            fields.named().any(|(known, value, _)| known == name.as_bytes() && among(value))
        };
        self.marks.iter().any(|set| set.iter().all(has)) && self.values.iter().all(one_of)
    }

    /// Whether the names of one set stand in an object: what is not so is none of these.
    fn may_be(&self, record: &[u8]) -> bool {
        self.written.iter().any(|set| set.iter().all(|name| name.is_in(record)))
    }

    /// Reads an object; `None` where it is none.
    pub(super) fn read<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        jsonwalk::flatten(record, &self.roles, None, sink).ok()?;
        Some(self.always)
    }

    /// Whether values tell objects of this kind from others.
    pub(super) fn is_told_by_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// The outline of an object; false where it has none. `format` and `kind`: of which it is, and of which of its objects.
    pub(super) fn outline<'b>(
        &'static self,
        (format, kind): (&'static str, usize),
        record: &'b [u8],
        means: Means<'_>,
        out: &mut Outline<'b>,
    ) -> bool {
        let Means { layout, agents, shapes, .. } = means;
        if self.is_carrier {
            return false;
        }
        let shapes = shapes.of(format);
        let read = shapes.pays() && shapes.read(record, kind, (layout, agents), out);
        if !read && shapes.pays() {
            shapes.learn(record, kind, (&self.roles, None, layout));
        }
        read
    }

    /// The canonical fields that it gives by names of its own.
    pub(super) fn canons(&self) -> Vec<Canon> {
        let own = self.own.iter().flat_map(|name| canons(target(name)));
        own.chain(self.always.set.iter().flat_map(|constant| canons(constant.target))).copied().collect()
    }
}

/// Reads an object that a collector made of a line: what it carries, and what it says by names of ECS.
pub(super) fn held<'b>(text: Text<'b>, sink: &mut Sink<'_, 'b>) {
    /// Where collectors put the line.
    const LINES: &[(&str, Role)] = &[("message", Role::Line), ("log", Role::Line)];
    static HELD: LazyLock<Roles> = LazyLock::new(|| Roles::new(&[LINES, &jsonlines::ecs()]));
    sink.out.carry(Carried::new(text, Kind::Json));
    let read = match text {
        Text::Slice(object) => jsonwalk::flatten_copy(object, &HELD, None, sink),
        Text::Arena(..) => {
            let object = sink.out.bytes(text).to_vec();
            jsonwalk::flatten_copy(&object, &HELD, None, sink)
        }
    };
    if read.is_err() {
        // What is no object stays what was said.
        sink.canon(Canon::Message, text);
    }
}

/// All names and values of a record; `None` where it is no object.
fn flattened(record: &[u8]) -> Option<Fields<'_>> {
    static NO_ROLES: LazyLock<Roles> = LazyLock::new(|| Roles::new(&[]));
    let (layout, mut fields) = (Layout::plain(), Fields::default());
    jsonwalk::flatten(record, &NO_ROLES, None, &mut Sink::new(&layout, Want::All, &mut fields)).ok()?;
    Some(fields)
}

/// Which of several objects a record is one of: of the only ones, or of the first whose names stand in it; where these have
/// values to tell them by, of the first that it is one of indeed. `None` where there are no objects.
pub(super) fn choose(all: &[Object], record: &[u8]) -> Option<usize> {
    if all.len() < 2 {
        return all.len().checked_sub(1);
    }
    let fields = OnceCell::new();
    let is_told = |object: &Object| {
        fields.get_or_init(|| flattened(record)).as_ref().is_some_and(|fields| object.is_told_by(fields))
    };
    let is_escaped = OnceCell::new();
    let fits = |object: &Object| match object.may_be(record) {
        true => object.values.is_empty() || is_told(object),
        false => *is_escaped.get_or_init(|| has_escaped_name(record)) && is_told(object),
    };
    all.iter().position(fits).or(Some(all.len() - 1))
}

/// A dotted name as it may stand in an object: as the names of objects in each other, or as one name with dots.
#[derive(Debug)]
struct Written {
    whole: Finder<'static>,
    parts: Vec<Finder<'static>>,
}

impl Written {
    /// A part may begin with a dot itself (`event_type..tag`).
    fn of(name: &str) -> Self {
        let quoted = |name: &str| Finder::new(format!("\"{name}\"").as_bytes()).into_owned();
        let (mut parts, mut dots) = (Vec::new(), String::new());
        for part in name.split('.') {
            if part.is_empty() {
                dots.push('.');
            } else {
                parts.push(quoted(&format!("{}{part}", std::mem::take(&mut dots))));
            }
        }
        Self { whole: quoted(name), parts }
    }

    fn is_in(&self, record: &[u8]) -> bool {
        self.parts.iter().all(|part| part.find(record).is_some()) || self.whole.find(record).is_some()
    }
}
