//! A sample of a rule, read as a scan reads evidence.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::tz::TimeZone;

use super::records::{Bytes, each_record};
use crate::detect::{Program, Sample, Scratch};
use crate::format::Clock;
use crate::model::place::Locator;
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

/// Reads a sample and holds its rule against it; `Ok` where all is as it says. Years that it does not name are those before
/// April 2026.
///
/// # Errors
/// What is not.
pub fn trial(program: &Program, sample: &Sample) -> Result<(), Fault> {
    let rule = (0u32..).zip(program.rules()).find(|(_, meta)| meta.id == sample.rule).map(|(rule, _)| rule);
    let mut seen = Seen { program, rule, met: false, found: true, formats: BTreeSet::new() };
    let locator = Locator::root(b"sample");
    let mtime = Instant::parse("2026-04-01T00:00:00Z");
    let meta = SourceMeta { evidence: locator.clone(), locator, mtime, size: None };
    let clock = Clock { zone: TimeZone::UTC, zone_given: false };
    let read = catch_unwind(AssertUnwindSafe(|| {
        each_record(&meta, &clock, &mut Bytes(sample.text.as_bytes()), &mut |format, fields, record| {
            seen.record(format, fields, record);
        });
    }));
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
}

impl Seen<'_> {
    fn record(&mut self, format: &'static str, fields: &crate::model::fields::Fields<'_>, record: &[u8]) {
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
