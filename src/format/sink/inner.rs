//! What a text in a record says, or a record that it holds.

use super::Sink;
use crate::model::fields::{Canon, Fields};
use crate::model::time::{Assumed, Stamp};

/// Dialects of services' own records, which whoever passes them on has no part in.
const SERVICES: &[&str] = &["cloudtrail", "azure", "m365", "gcp", "guardduty", "okta", "github"];

/// Whether the time around a record goes before that in it: where there is none, or only that around it is certain.
pub fn keeps_outer(outer: Option<Stamp>, inner: Option<Stamp>) -> bool {
    let is_sure = |stamp: Stamp| stamp.assumed == Assumed::Nothing;
    outer.is_some_and(|outer| inner.is_none_or(|inner| is_sure(outer) && !is_sure(inner)))
}

/// What a record had before one in it was read.
pub struct Around {
    fields: usize,
    time: Option<Stamp>,
    best: Option<u8>,
}

impl Sink<'_, '_> {
    /// Takes what was read in a text that does not lie in the block: copies of it, where the record does not say it itself. What it
    /// says stays as it is, and what the text says stands beside it under the text's own name.
    pub fn take_over(&mut self, inner: &Fields<'_>) {
        for field in inner.iter() {
            let (shown, is_said) = (inner.bytes(field.name), field.canon.is_some_and(|canon| self.out.has(canon)));
            let is_canonical = || field.canon.is_some_and(|canon| shown == canon.name().as_bytes());
            if is_said && (!self.all || is_canonical()) {
                continue;
            }
            let name = self.out.store(shown);
            let value = self.out.store(inner.bytes(field.value));
            self.out.push_text(field.canon.filter(|_| !is_said), name, value, field.kind);
        }
        self.take_marks(inner);
    }

    /// What was read in a text says of its record beside the fields.
    pub fn take_marks(&mut self, inner: &Fields<'_>) {
        self.out.inside = self.out.inside.or(inner.inside);
        self.out.observer = self.out.observer.or(inner.observer);
        self.out.lasted = self.out.lasted.or(inner.lasted);
        self.out.clocked |= inner.clocked;
        self.out.sampled |= inner.sampled;
        self.out.access.join(inner.access);
        self.out.throttled |= inner.throttled;
        (self.out.objects, self.out.whole) = (self.out.objects.max(inner.objects), self.out.whole | inner.whole);
        self.out.of_process |= inner.of_process;
        self.out.uploads |= inner.uploads;
    }

    /// Takes what the record in a text says which does not lie in the block: it goes before what stands around it.
    pub fn take_in(&mut self, inner: &Fields<'_>) {
        let around = self.begin_inside();
        for field in inner.iter() {
            let (name, value) = (self.out.store(inner.bytes(field.name)), self.out.store(inner.bytes(field.value)));
            self.out.push_text(field.canon, name, value, field.kind);
        }
        self.take_marks(inner);
        self.time(0, inner.time);
        self.end_inside(around, inner.inside);
    }

    /// Begins to read a record that this one holds: gives what [`end_inside`](Self::end_inside) asks for.
    pub fn begin_inside(&mut self) -> Around {
        Around { fields: self.out.len(), time: self.out.time.take(), best: self.best.take() }
    }

    /// A record of the dialect `inside` was read, or none: what it says is what this one says. Its time too, but where it is less
    /// certain than that around it.
    pub fn end_inside(&mut self, around: Around, inside: Option<&'static str>) {
        // An object of no product may mean anything by a time.
        let is_vague = inside == Some("json") && around.time.is_some_and(|stamp| stamp.assumed == Assumed::Nothing);
        let keeps = keeps_outer(around.time, self.out.time) || around.time.is_some() && (is_vague || inside.is_none());
        if keeps {
            (self.out.time, self.best) = (around.time, around.best);
        }
        let Some(dialect) = inside else { return };
        let names_host = || self.out.iter().skip(around.fields).any(|field| field.canon == Some(Canon::HostName));
        let is_passed_on = SERVICES.contains(&dialect) && !names_host();
        self.out.give_way(around.fields, self.want);
        self.out.inside = inside;
        if is_passed_on {
            self.disown(Canon::HostName);
        }
    }
}
