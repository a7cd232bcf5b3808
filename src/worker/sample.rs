//! A look at small parts of the evidence before it is scanned: which literals of rules are rare in it.
//!
//! Where the parts lie follows from the sizes of the files alone, so that it is the same for any threads. Whatever it
//! shows, findings are the same: it chooses among literals each of which would do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::detect::Gates;
use crate::format::{self, Clock, Templates};
use crate::model::fields::View;
use crate::model::layout::{Framing, Layout};
use crate::model::ledger::{Entry, Note};
use crate::model::rarity::Usage;
use crate::model::source::{Listed, SourceMeta, Stream, Survey, Visitor};
use crate::open::{self, DigestKind, Limits, Opening};
use crate::plan::Plan;
use crate::split::Splitter;

/// Parts, spread evenly over the stored bytes of all files.
const PARTS: u64 = 32;
/// Stored bytes of one part, and most decoded bytes of it that are looked at: a chunk of an EVTX file is among them.
const PART_BYTES: usize = 128 << 10;
/// Stored bytes of a part that is not the start of a file: its lines are much like those of the others.
const STRETCH_BYTES: usize = 32 << 10;
/// Members of one archive that are looked at.
const MEMBERS: u64 = 2;
/// How a zip begins; its directory is at its end, so that it is opened as a whole.
const ZIP: &[u8] = b"PK\x03\x04";

/// The gates of the plan's program, with literals that are rare in this evidence where it is large enough to gain by it.
pub fn gates(plan: &Plan, survey: &Survey) -> Gates {
    let bytes = survey.files.iter().map(|file| file.size).fold(0, u64::saturating_add);
    let (view, templates) = (View::default(), Templates::default());
    let mut sampler = Sampler { plan, usages: Vec::new(), view, templates, part: Vec::new(), plain: None };
    if bytes >= plan.sample_from_bytes {
        sampler.usages.resize_with(plan.program.sets().count(), || None);
        sampler.parts(&survey.files, bytes);
    }
    plan.program.gates_after(sampler.usages)
}

/// Counts what records hold, by set of literals.
struct Sampler<'p> {
    plan: &'p Plan,
    usages: Vec<Option<Usage>>,
    view: View,
    /// As the scan has them: literals are looked for in what it looks through.
    templates: Templates,
    /// Stored bytes of the part that is looked at.
    part: Vec<u8>,
    /// How the lines of the file are read, where its stored bytes are lines.
    plain: Option<Arc<Layout>>,
}

impl Sampler<'_> {
    fn parts(&mut self, files: &[Listed], bytes: u64) {
        let (mut begin, mut part) = (0, 0);
        for file in files {
            let end = file.size.saturating_add(begin);
            self.plain = None;
            let mut is_first = true;
            while part < PARTS && part * (bytes / PARTS) < end {
                let at = (part * (bytes / PARTS)).saturating_sub(begin);
                // A part at which a parser fails tells nothing; the scan will say of it what there is to say.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    if is_first {
                        self.head(file);
                    }
                    self.stretch(file, at);
                }));
                is_first = false;
                part += 1;
            }
            begin = end;
        }
    }

    /// Looks at the lines behind an offset of a file that is lines.
    fn stretch(&mut self, file: &Listed, at: u64) {
        if let Some(layout) = self.plain.clone().filter(|_| at > PART_BYTES as u64) {
            let stored = open::stretch(file, at, STRETCH_BYTES);
            let from = memchr::memchr(b'\n', &stored).map_or(stored.len(), |at| at + 1);
            self.records(layout, &stored[from..]);
        }
    }

    /// Looks at the start of a file, decoded as far as that goes.
    fn head(&mut self, file: &Listed) {
        let limits = Limits { members: MEMBERS, member_bytes: PART_BYTES as u64, ..self.plan.opening.limits.clone() };
        let opening = Opening { limits, digest: DigestKind::Off, work: None, ..self.plan.opening.clone() };
        self.part = open::stretch(file, 0, PART_BYTES);
        if self.part.starts_with(ZIP) {
            open::open_file(file, &opening, self);
        } else {
            let part = std::mem::take(&mut self.part);
            self.part.clone_from(&part);
            open::open_bytes(file.locator.clone(), &part, &opening, self);
        }
    }

    /// Takes in the whole records of some bytes.
    fn records(&mut self, layout: Arc<Layout>, bytes: &[u8]) {
        let mut splitter = Splitter::new(layout, PART_BYTES, format::relayout);
        splitter.feed(bytes);
        if let Some(block) = splitter.next(&mut Ended)
            && let Some(gate) = self.plan.program.gate(block.layout.format)
        {
            self.view.clear();
            format::draw(&block, &mut self.templates, &mut self.view);
            let text = if self.view.is_rendered { &self.view.rendered } else { &block.bytes };
            if let Some(usage) = self.usages.get_mut(gate.set) {
                let usage = usage.get_or_insert_default();
                self.view.records.iter().filter_map(|seen| text.get(seen.start..seen.end)).for_each(|r| usage.add(r));
            }
        }
    }
}

/// A stream of which all is read.
struct Ended;

impl Stream for Ended {
    fn fill(&mut self, _: &mut Vec<u8>, _: usize) -> Result<usize, Note> {
        Ok(0)
    }

    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

impl Visitor for Sampler<'_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let mut head = Vec::new();
        while head.len() < PART_BYTES {
            let want = PART_BYTES - head.len();
            if !matches!(stream.fill(&mut head, want), Ok(1..)) {
                break;
            }
        }
        let (zone, zone_given) = self.plan.clocks.of(&meta.locator);
        let layout = Arc::new(format::recognise(&head, false, &meta, &Clock { zone, zone_given }));
        let is_lines = matches!(layout.framing, Framing::Lines) && !layout.encoding.is_wide();
        self.plain = (is_lines && head == self.part).then(|| Arc::clone(&layout));
        self.records(layout, &head);
    }

    fn entry(&mut self, _: Entry) {}
}
