//! A record on which correlations count → an event.

use std::borrow::Cow;

use super::super::source::Told;
use super::cite::Cite;
use super::{Pass, Scratch};
use crate::detect::{self, Program};
use crate::model::event::{Called, Events, VALUES_KEPT, clipped};
use crate::model::fields::{Canon, Fields};
use crate::model::place::{Place, RecordDigest};
use crate::model::rule::Outcome;
use crate::model::subject::Subject;

impl Pass<'_, '_> {
    /// Keeps a record that rules matched as one event.
    pub(super) fn event(&self, cite: &Cite, format: &str, fields: &Fields<'_>, scratch: &mut Scratch, told: &mut Told) {
        let Scratch { matched, detect, .. } = scratch;
        let cited = || (cite.seen.place, self.digest(cite));
        keep(&self.plan.program, matched, (format, fields), detect, &mut told.events, cited);
    }
}

/// Keeps what rules matched as one event, where correlations count on one of them. What has no time is counted with the
/// hits of its rules.
pub(in crate::worker) fn keep(
    program: &Program,
    matched: &[u32],
    (format, fields): (&str, &Fields<'_>),
    detect: &mut detect::Scratch,
    events: &mut Events,
    cited: impl FnOnce() -> (Place, RecordDigest),
) {
    let Some(time) = fields.time else { return };
    let counted = matched.iter().filter_map(|rule| Some((*rule, &**program.counted(*rule)?)));
    let (mut rules, mut values) = (Vec::new(), Vec::new());
    for (rule, id) in counted {
        rules.push(id);
        program.each_asked((format, fields), rule, detect, &mut |field, value| {
            values.push((&**field, clipped(String::from_utf8_lossy(value))));
        });
    }
    if rules.is_empty() {
        return;
    }
    rules.sort_unstable();
    values.sort_unstable();
    values.dedup();
    events.cut += u64::from(cut(&mut values));
    let who = Subject::who(fields);
    let (place, sha256) = cited();
    events.add(time.at, (place, sha256), called(format, fields), |table| {
        table.number(
            (Outcome::told(format, fields), time.assumed),
            rules.iter().copied(),
            values.iter().map(|(field, value)| (*field, &**value)),
            who.each_ref().map(Option::as_deref),
        )
    });
}

/// What the log that a record of Windows, CloudTrail or Microsoft 365 is of calls it, where the record says all of that.
pub(in crate::worker) fn called(format: &str, fields: &Fields<'_>) -> Option<Called> {
    let text = |canon| fields.text(canon).filter(|text| !text.trim().is_empty());
    match format {
        "cloudtrail" | "m365" => Some(Called::by_id(format, text(Canon::SessionId)?)),
        "evtx" | "windows_json" | "windows_xml" => {
            let number = fields.number(Canon::EventSequence)?;
            Some(Called::new(text(Canon::HostName)?, text(Canon::EventDataset)?, number))
        }
        _ => None,
    }
}

/// Keeps the first values of each field, of sorted ones; whether there were more.
fn cut(values: &mut Vec<(&str, Cow<'_, str>)>) -> bool {
    let before = values.len();
    let (mut field, mut seen) = ("", 0);
    values.retain(|(name, _)| {
        if field != *name {
            (field, seen) = (name, 0);
        }
        seen += 1;
        seen <= VALUES_KEPT
    });
    values.len() < before
}
