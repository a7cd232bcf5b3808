//! What the records of a source tell of the time that it covers, and of what is not in it.

use super::{Tally, read};
use crate::model::access::Access;
use crate::model::fields::{Canon, Fields};
use crate::model::outline::{Numbered, Outline};
use crate::model::partial::{CLEARED_KEPT, Cleared, Covered, HOURS_KEPT};
use crate::model::place::Place;
use crate::model::time::{Span, Stamp};

impl Tally {
    /// Folds the time of one record into the coverage of its source, and whether it says that the log was cleared or
    /// lost records.
    pub fn cover(&mut self, format: &'static str, fields: &Fields<'_>) {
        fields.inside.into_iter().for_each(|inside| self.hold(inside));
        self.covered.access.join(fields.access);
        let teller = self.teller(fields.inside.unwrap_or(format));
        if read::is_beside_data(teller, fields) {
            self.covered.access.join(Access::ADMINISTRATION);
        }
        let throttled = &mut self.covered.throttled;
        let at = fields.time.map(|stamp| stamp.at.hour());
        if fields.throttled
            && let Err(place) = throttled.binary_search(&at)
        {
            throttled.insert(place, at);
            throttled.truncate(HOURS_KEPT);
        }
        let Some(stamp) = fields.time else { return };
        self.cover_time(stamp);
        let (covered, hour) = (&mut self.covered, stamp.at.hour());
        if read::skipped(teller, fields)
            && let Err(at) = covered.skipped.binary_search(&hour)
            && covered.skipped.len() < HOURS_KEPT
        {
            covered.skipped.insert(at, hour);
        }
        if let Some(channel) = read::cleared(fields) {
            let text = |bytes| String::from_utf8_lossy(bytes).into();
            let host = fields.get(Canon::HostName).unwrap_or_default();
            let entry = Cleared { host: text(host), channel: text(channel), at: stamp.at };
            if let Err(at) = covered.cleared.binary_search(&entry) {
                covered.cleared.insert(at, entry);
                covered.cleared.truncate(CLEARED_KEPT);
            }
        }
    }

    /// Counts a record that one of the source holds in its message.
    fn hold(&mut self, inside: &'static str) {
        match self.held.iter_mut().find(|(known, _)| *known == inside) {
            Some((_, records)) => *records += 1,
            None => self.held.push((inside, 1)),
        }
    }

    /// Notes the number of a record in its log, where it states one.
    #[inline]
    pub fn number(&mut self, fields: &Fields<'_>, place: Place) {
        if let Some(stated) = fields.number(Canon::EventSequence) {
            let named = |canon| fields.get(canon).unwrap_or_default();
            let log = (named(Canon::HostName), named(Canon::EventDataset));
            let is_original = place.event_record_id == Some(stated);
            self.numbers.see((stated, is_original), log, fields.time.map(|stamp| stamp.at));
        }
    }

    /// The same of a record that is told by its outline.
    #[inline]
    pub fn number_outlined(&mut self, outline: &Outline<'_>) {
        let Numbered { number, computer, channel } = outline.numbered;
        let stated = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        if let Some(stated) = stated {
            let log = (computer.unwrap_or_default(), channel.unwrap_or_default());
            self.numbers.see((stated, false), log, outline.time.map(|stamp| stamp.at));
        }
    }

    /// Folds the time of one record into the coverage of its source.
    #[inline]
    pub fn cover_time(&mut self, stamp: Stamp) {
        let covered = &mut self.covered;
        covered.span = Span::join_opt(covered.span, Some(Span::at(stamp.at)));
        let hour = stamp.at.hour();
        match &mut self.hour {
            Some((last, count)) if *last == hour => *count += 1,
            other => {
                if let Some((last, count)) = other.replace((hour, 1)) {
                    *covered.hours.entry(last).or_default() += count;
                }
            }
        }
        covered.zone_assumed += u64::from(stamp.assumed.zone());
        covered.year_assumed += u64::from(stamp.assumed.year());
        covered.clock.twice += u64::from(stamp.assumed.twice());
        covered.clock.never += u64::from(stamp.assumed.never());
    }

    /// All of it, which is begun anew.
    pub(super) fn covered(&mut self) -> Covered {
        if let Some((hour, count)) = self.hour.take() {
            *self.covered.hours.entry(hour).or_default() += count;
        }
        for (format, records) in self.held.drain(..) {
            *self.covered.held.entry(format.into()).or_default() += records;
        }
        std::mem::take(&mut self.covered)
    }
}
