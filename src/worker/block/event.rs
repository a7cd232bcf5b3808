//! A record on which correlations count → an event.

use std::sync::Arc;

use super::super::source::Told;
use super::cite::Cite;
use super::{Pass, Scratch};
use crate::model::event::{Traits, VALUES_KEPT, clipped};
use crate::model::fields::Fields;
use crate::model::rule::Outcome;
use crate::model::subject::Subject;

impl Pass<'_, '_> {
    /// Keeps a record that rules matched as one event, where correlations count on one of them. A record without a time is
    /// counted with the hits of its rules.
    pub(super) fn event(&self, cite: &Cite, format: &str, fields: &Fields<'_>, scratch: &mut Scratch, told: &mut Told) {
        let program = &self.plan.program;
        let Scratch { matched, detect, .. } = scratch;
        let mut counted = matched.iter().filter(|rule| program.counted(**rule).is_some()).peekable();
        let (Some(time), Some(_)) = (fields.time, counted.peek()) else { return };
        let (mut rules, mut values) = (Vec::new(), Vec::new());
        for &rule in counted {
            rules.extend(program.counted(rule).cloned());
            let asked = program.asked_of(format, fields, rule, detect);
            values.extend(asked.into_iter().map(|(field, value)| (field, clipped(&value))));
        }
        rules.sort_unstable();
        values.sort_unstable();
        values.dedup();
        told.events.cut += u64::from(cut(&mut values));
        let subject = Subject::of(fields).reduced();
        let traits = Traits { rules, values, outcome: Outcome::of(fields), assumed: time.assumed, subject };
        told.events.add(time.at, cite.seen.place, self.digest(cite), traits);
    }
}

/// Keeps the first values of each field, of sorted ones; whether there were more.
fn cut(values: &mut Vec<(Arc<str>, Box<str>)>) -> bool {
    let before = values.len();
    let (mut field, mut seen) = (None, 0);
    values.retain(|(name, _)| {
        if field.as_ref() != Some(name) {
            (field, seen) = (Some(Arc::clone(name)), 0);
        }
        seen += 1;
        seen <= VALUES_KEPT
    });
    values.len() < before
}
