//! Folds every record of a traffic-bearing format into direction-free observations, and every record into coverage.

mod read;

use crate::model::fields::{Canon, Fields};
use crate::model::observation::{CITED, Observations, Observed};
use crate::model::partial::Covered;
use crate::model::place::Place;
use crate::model::time::{Assumed, Span};

/// Folds one record into `out`, if its format speaks of traffic. `sha256` gives the digest of the record's bytes and
/// is asked only where the record will be cited.
pub fn observe(format: &str, fields: &Fields<'_>, place: Place, sha256: &dyn Fn() -> String, out: &mut Observations) {
    let Some(key) = read::key(format, fields) else { return };
    let up = fields.number(Canon::SourceBytes);
    let down = fields.number(Canon::DestinationBytes);
    let cited = out.kept.get(&key).map_or(&[][..], |known| &known.cited);
    let cite = cited.len() < CITED || cited.last().is_some_and(|(last, _)| place < *last);
    let seen = Observed {
        records: 1,
        up: up.unwrap_or(0),
        up_unlogged: u64::from(up.is_none()),
        down: down.unwrap_or(0),
        down_unlogged: u64::from(down.is_none()),
        max_down: down.unwrap_or(0),
        max_up: up.unwrap_or(0),
        span: fields.time.map(|stamp| Span::at(stamp.at)),
        cited: if cite { vec![(place, sha256().into())] } else { Vec::new() },
    };
    out.add(key, seen);
}

/// Folds the time of one record into the coverage of its source, and whether it says that the log was cleared.
pub fn cover(fields: &Fields<'_>, covered: &mut Covered) {
    let Some(stamp) = fields.time else { return };
    covered.span = Span::join_opt(covered.span, Some(Span::at(stamp.at)));
    *covered.hours.entry(stamp.at.hour()).or_default() += 1;
    if matches!(stamp.assumed, Assumed::Zone | Assumed::ZoneAndYear) {
        covered.zone_assumed += 1;
    }
    if matches!(stamp.assumed, Assumed::Year | Assumed::ZoneAndYear) {
        covered.year_assumed += 1;
    }
    if let Some(what) = read::cleared(fields) {
        let entry = (stamp.at.hour(), what.into());
        if let Err(at) = covered.cleared.binary_search(&entry) {
            covered.cleared.insert(at, entry);
        }
    }
}
