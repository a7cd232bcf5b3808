//! A sample of a rule, read as a scan reads evidence.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::records::{Bytes, each_record};
use crate::correlate::windows::{self, Record};
use crate::detect::{Program, Sample, Scratch};
use crate::format::Clock;
use crate::model::event::Traits;
use crate::model::fields::Fields;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::source::SourceMeta;
use crate::model::time::Instant;
use crate::sift::atoms_plainly;

/// Why a sample is not what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The rule must match it, and does not.
    Missed,
    /// The rule must not match it, and does.
    Met,
    /// It is taken for this format, not for the one that it says.
    Format(&'static str),
    /// The rule matches, but no literal by which a scan finds it is in the record: a fault of the program, not of the rule.
    Unfound,
    /// It holds no record.
    Empty,
    /// A parser failed on it.
    Failed,
}

/// Reads a sample and holds its rule or correlation against it; `Ok` where all is as it says. Years that it does not name
/// are those before April 2026.
///
/// # Errors
/// What is not.
pub fn trial(program: &Program, sample: &Sample) -> Result<(), Fault> {
    let rule = (0u32..).zip(program.rules()).find(|(_, meta)| meta.id == sample.rule).map(|(rule, _)| rule);
    let list = &program.correlations().list;
    let correlation = list.iter().position(|correlation| correlation.meta.id == sample.rule);
    let mut seen = Seen { program, rule, met: false, found: true, formats: BTreeSet::new(), events: Vec::new() };
    let locator = Locator::root(b"sample");
    let mtime = Instant::parse("2026-04-01T00:00:00Z");
    let meta = SourceMeta { evidence: locator.clone(), locator, mtime, size: None };
    let clock = Clock { zone: TimeZone::UTC, zone_given: false };
    let read =
        catch_unwind(AssertUnwindSafe(|| {
            each_record(&meta, &clock, &mut Bytes(sample.text.as_bytes()), &mut |format, fields, record| {
                match correlation {
                    None => seen.record(format, fields, record),
                    Some(_) => seen.event(format, fields, record),
                }
            });
        }));
    if let Some(number) = correlation {
        seen.met = seen.alerted(number);
    }
    match (&sample.format, seen.formats.first().copied()) {
        _ if read.is_err() => Err(Fault::Failed),
        (_, None) => Err(Fault::Empty),
        (Some(format), Some(_)) if !seen.formats.contains(format.as_str()) => {
            Err(Fault::Format(seen.formats.first().copied().unwrap_or_default()))
        }
        _ if seen.met != sample.matches => Err(if seen.met { Fault::Met } else { Fault::Missed }),
        _ if !seen.found => Err(Fault::Unfound),
        _ => Ok(()),
    }
}

/// What the records of a sample show.
struct Seen<'p> {
    program: &'p Program,
    rule: Option<u32>,
    met: bool,
    /// Whether each record that the rule matches shows one of its literals.
    found: bool,
    formats: BTreeSet<&'static str>,
    /// What correlations count, with times in microseconds since 1970.
    events: Vec<(i64, Traits)>,
}

impl Seen<'_> {
    /// A record of a sample of a correlation, with the rules that match it. Without a time it does not count.
    fn event(&mut self, format: &'static str, fields: &Fields<'_>, record: &[u8]) {
        self.formats.insert(format);
        let (Some(gate), Some(time)) = (self.program.gate(format), fields.time) else { return };
        let (mut scratch, mut rules) = (Scratch::default(), Vec::new());
        self.program.eval(format, fields, record, &gate.all, &mut scratch, &mut rules);
        let asked = |rule: &u32| self.program.asked_of(format, fields, *rule, &mut Scratch::default());
        let mut values: Vec<_> = rules.iter().flat_map(asked).map(|(field, value)| (field, value.into())).collect();
        values.sort();
        values.dedup();
        let rules: Arc<[_]> = rules.iter().filter_map(|&rule| self.program.counted(rule).cloned()).collect();
        if !rules.is_empty() {
            let outcome = Outcome::of(fields);
            self.events.push((time.at.micros(), Traits { rules, values, outcome, ..Traits::default() }));
        }
    }

    /// Whether the correlation at this place of the list is met by the events so far.
    fn alerted(&mut self, number: usize) -> bool {
        let of = |((time, traits), at): (&(i64, Traits), u32)| Record {
            time: *time,
            traits: at,
            outcome: traits.outcome,
            source: Some(0),
        };
        let records: Vec<Record> = self.events.iter().zip(0..).map(of).collect();
        let traits: Vec<Arc<Traits>> = self.events.drain(..).map(|(_, traits)| Arc::new(traits)).collect();
        let correlations: Vec<_> = self.program.correlations().list.iter().collect();
        windows::run(&correlations, &traits, &records).alerts.iter().any(|alert| alert.correlation == number)
    }

    fn record(&mut self, format: &'static str, fields: &Fields<'_>, record: &[u8]) {
        self.formats.insert(format);
        let (Some(rule), Some(gate)) = (self.rule, self.program.gate(format)) else { return };
        let (mut scratch, mut matched) = (Scratch::default(), Vec::new());
        let candidates = if gate.all.binary_search(&rule).is_ok() { vec![rule] } else { Vec::new() };
        self.program.eval(format, fields, record, &candidates, &mut scratch, &mut matched);
        if matched.is_empty() {
            return;
        }
        self.met = true;
        let mut atoms = Vec::new();
        atoms_plainly(&gate.atoms, record, &mut atoms);
        let by_literal = atoms.iter().any(|hit| gate.atoms.rules[hit.literal as usize].contains(&rule));
        self.found &= by_literal || gate.atoms.always.contains(&rule) || gate.bypasses(record);
    }
}
