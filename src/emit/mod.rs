//! What a scan leaves behind: the case folder, lines on standard output, a summary for the terminal, a report for
//! people, documents for other systems.

mod account;
mod case;
mod explain;
pub mod export;
pub mod json;
mod load;
mod manifest;
pub mod only;
mod page;
mod prepared;
mod report;
mod rows;
pub mod safe;
pub mod schema;
mod summary;
mod words;

use std::borrow::Cow;
use std::io::{self, Write};

use itertools::Itertools;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::model::findings::Findings;
use crate::model::ledger::Entry;
use crate::model::partial::Partial;
use crate::model::transfer::Transfer;
use crate::model::verdict::Verdict;
use crate::work::{Work, merged};

pub use crate::model::words::counted;
pub use case::{Claim, Staged, Written, write_case};
pub use explain::{Answer, Explained, Judged, Why, explain, explained_text};
pub use load::{LoadedCase, is_case, load_case};
pub use manifest::{
    CaseFile, ClocksUsed, FileGiven, MANIFEST_SCHEMA, Machine, Manifest, MemoryUsed, RejectedRule, RootUsed, RulesUsed,
    Run, Supplied, Told,
};
pub use prepared::prepared_text;
pub use report::{report_html, report_markdown};
pub use summary::summary;
pub use words::{left_out, narrowed};

/// All that a case is written from.
#[derive(Debug, Clone, Copy)]
pub struct CaseInput<'a> {
    /// The answer.
    pub verdict: &'a Verdict,
    /// Findings, sorted by time.
    pub findings: &'a Findings,
    /// Transfers, sorted.
    pub transfers: &'a [Transfer],
    /// What the logs can tell.
    pub coverage: &'a Coverage,
    /// The ledger, sorted by locator.
    pub ledger: &'a [Entry],
    /// By which clock logs without a zone were read.
    pub clocks: &'a ClocksUsed,
    /// The rules that were held against the records.
    pub rules: &'a RulesUsed,
    /// What `add`, `merge` and `--resume` need.
    pub partial: &'a Partial,
}

/// SHA-256 (lower-case hex) of the findings as `findings.jsonl` would hold them.
pub fn digest_of_findings(findings: &Findings) -> String {
    let mut lines = Hashing { to: io::sink(), hash: Sha256::new(), bytes: 0 };
    write_lines(&mut lines, findings.iter()).expect("findings serialise, and a sink takes everything");
    hex(&lines.hash.finalize())
}

/// Writes findings as JSON lines in the order of the evidence: locator, offset, rule; correlations, anomalies and
/// chains after them. What outgrows memory goes to `work`.
///
/// # Errors
/// What `out` gives.
pub fn stdout_jsonl(findings: &Findings, work: &Work, out: &mut dyn Write) -> io::Result<()> {
    if !findings.is_written_out() {
        let mut order: Vec<&Finding> = findings.list().iter().collect();
        order.sort_by_key(|finding| finding.place_order());
        return write_lines(out, order);
    }
    let mut runs = Vec::new();
    for piece in &findings.iter().chunks(SORTED_AT_ONCE) {
        let mut piece: Vec<Finding> = piece.map(Cow::into_owned).collect();
        piece.sort_by(|a, b| a.place_order().cmp(&b.place_order()));
        runs.extend(work.write(&piece));
    }
    write_lines(out, merged(&runs, [], |a: &Finding, b| a.place_order() <= b.place_order()))
}

/// Findings that are sorted in memory where there are more than fit.
const SORTED_AT_ONCE: usize = 10_000;

/// Writes values as JSON, one a line.
fn write_lines<T: Serialize>(out: &mut dyn Write, values: impl IntoIterator<Item = T>) -> io::Result<()> {
    let mut text = Vec::new();
    for value in values {
        text.clear();
        json::line(&mut text, &value)?;
        text.push(b'\n');
        out.write_all(&text)?;
    }
    Ok(())
}

/// A writer that hashes and counts what passes.
struct Hashing<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.to.write(bytes)?;
        self.hash.update(&bytes[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
