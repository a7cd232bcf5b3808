//! The account of every byte read: what became of it, and why something is missing.

use serde::{Deserialize, Serialize};

use super::collection::Collection;
use super::place::Locator;

/// Decoded bytes of one source by what became of them. The sum is the number of bytes decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fates {
    /// Bytes of records that a format read.
    pub parsed: u64,
    /// Separators, headers, comments, wrappers around records.
    pub framing: u64,
    /// Bytes that were sifted for indicators, but that no format understood.
    pub raw_only: u64,
    /// Bytes of records that the source's own format rejected (sifted all the same).
    pub undecodable: u64,
    /// Bytes of records over the size limit (sifted in pieces, not parsed).
    pub oversize: u64,
    /// Bytes that were decoded and then given up because a limit was reached.
    pub cut_by_limit: u64,
}

impl Fates {
    /// All bytes.
    pub fn total(&self) -> u64 {
        self.parsed + self.framing + self.raw_only + self.undecodable + self.oversize + self.cut_by_limit
    }

    /// Adds another account to this one.
    pub fn add(&mut self, other: &Self) {
        self.parsed += other.parsed;
        self.framing += other.framing;
        self.raw_only += other.raw_only;
        self.undecodable += other.undecodable;
        self.oversize += other.oversize;
        self.cut_by_limit += other.cut_by_limit;
    }
}

/// Stored bytes of one container by what became of them. The sum is the container's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stored {
    /// Stored bytes of members that were opened.
    pub opened: u64,
    /// Stored bytes of members that were encrypted, skipped or could not be opened.
    pub skipped: u64,
    /// Headers, directories, padding.
    pub structure: u64,
}

impl Stored {
    /// All bytes.
    pub fn total(&self) -> u64 {
        self.opened + self.skipped + self.structure
    }
}

/// Why something is missing, or must be read with care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The file shrank, grew or was replaced while it was read.
    ChangedDuringScan,
    /// A parser panicked; the rest of the source was given up.
    ParserFailed,
    /// The container must be read out of order and is too large to buffer without a case folder.
    NeedsRandomAccess,
    /// A disk or memory image or a packet capture; the detail says what to extract from it.
    ImageNotOpened,
    /// Encrypted, and no given password opens it.
    Encrypted,
    /// The system refused to read it.
    Unreadable,
    /// Zero bytes long.
    Empty,
    /// A symbolic link that leads back to a folder above it.
    SymlinkLoop,
    /// A symbolic link that leads nowhere.
    DanglingLink,
    /// Reached through a symbolic link that leads out of the evidence; it was read all the same.
    LinkOutside,
    /// A FIFO, socket or device.
    NotRegular,
    /// The name is not UTF-8 (percent-encoded in the locator; the content was read).
    NameNotUtf8,
    /// Containers nested deeper than the limit.
    DepthLimit,
    /// The decoded size grows past the expansion limit.
    RatioLimit,
    /// More members than the limit.
    MemberLimit,
    /// A member larger than the limit.
    SizeLimit,
    /// A decoder wants a larger window than allowed.
    WindowLimit,
    /// The container or stream is damaged; what was decoded before was read.
    Damaged,
    /// A compression method or feature that cannot be opened.
    Unsupported,
    /// The case folder of this scan, inside the evidence.
    CaseFolder,
    /// The digest differs from the one that the supplier gave.
    DigestMismatch,
    /// The same source was handed over twice and counts once.
    DeliveredTwice,
    /// Another source holds some of the same records, which count once at least.
    DeliveredInPart,
    /// More findings than are kept.
    FindingsCapped,
    /// More distinct observations than are kept.
    ObservationsCapped,
    /// More indicator hits than are kept.
    HitsCapped,
    /// Records that their format rejected.
    RecordsRejected,
    /// Records over the size limit.
    RecordsOversize,
    /// Records of another format than their source's, which were read all the same.
    OtherFormat,
    /// Records in space that the log holds free, which were read all the same.
    FreeSpace,
    /// Records outside of the period that was asked for.
    OutsidePeriod,
    /// Records whose stamps do not show which of day and month is first, so that they have no time.
    Undated,
    /// Records in which nothing was met, and which were not read, because hits alone were asked for.
    PassedOver,
    /// As many records, or characters of a cell, as an export of its kind holds at most, or an answer that says that there is more: there
    /// may have been.
    #[serde(rename = "export_truncated?")]
    ExportTruncated,
}

impl Reason {
    /// Whether input was not read, so that the exit code must say so.
    pub fn is_loss(self) -> bool {
        use Reason::{
            ChangedDuringScan, Damaged, DanglingLink, DepthLimit, DigestMismatch, Encrypted, ImageNotOpened,
            MemberLimit, NeedsRandomAccess, ParserFailed, RatioLimit, RecordsOversize, SizeLimit, Unreadable,
            Unsupported, WindowLimit,
        };
        matches!(
            self,
            ChangedDuringScan
                | ParserFailed
                | NeedsRandomAccess
                | ImageNotOpened
                | Encrypted
                | Unreadable
                | DanglingLink
                | DepthLimit
                | RatioLimit
                | MemberLimit
                | SizeLimit
                | WindowLimit
                | Damaged
                | Unsupported
                | DigestMismatch
                | RecordsOversize
        )
    }
}

/// One remark in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// Why.
    pub reason: Reason,
    /// What exactly, and what can be done; lower case, no full stop.
    pub detail: String,
    /// Byte offset it concerns, in the decoded stream or, for containers, in the stored one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// How often, where it is a count (records, findings).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Note {
    /// A remark without a place or a count.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), at: None, count: None }
    }

    /// The same remark about a byte offset.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.at = Some(offset);
        self
    }

    /// The same remark with a count.
    #[must_use]
    pub fn counted(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}

/// What a ledger line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A leaf stream that was read.
    Source,
    /// A compressed stream or an archive that was opened.
    Container,
    /// Something that was not opened; its notes say why.
    Skipped,
}

/// The part of a source, one in so many, that may be unread without a word: a torn last line, a garbled record.
const UNREAD_SHARE: u64 = 100;

/// So many lines that are none of their format are more than a few, and so is one in so many.
const FEW_LINES: u64 = 10;
const FEW_SHARE: u64 = 4;

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was read.
    pub source: Locator,
    /// Leaf, container, or skipped.
    pub kind: EntryKind,
    /// Decoded bytes of a source; stored bytes of a container or a skipped item.
    pub size: u64,
    /// The evidence file (outermost container) that it lies in.
    pub evidence: Locator,
    /// Digest of that evidence file as stored, `sha256:<hex>`; `None` with `--digest off` or where it could not be read.
    pub digest: Option<String>,
    /// Format of a source; kind of a container (`gzip`, `zip`, …).
    pub format: Option<String>,
    /// Records told apart.
    pub records: u64,
    /// Records whose format found no time.
    pub untimed: u64,
    /// Decoded bytes by fate (sources).
    pub bytes: Fates,
    /// Stored bytes by fate (containers).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// The collection that it is of, where its name shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<Collection>,
    /// Remarks, sorted.
    pub notes: Vec<Note>,
}

impl Entry {
    /// An entry for something of `kind` about which nothing is known yet.
    pub fn new(kind: EntryKind, source: Locator, evidence: Locator) -> Self {
        Self {
            collection: Collection::of(&source),
            source,
            kind,
            size: 0,
            evidence,
            digest: None,
            format: None,
            records: 0,
            untimed: 0,
            bytes: Fates::default(),
            stored: None,
            notes: Vec::new(),
        }
    }

    /// Whether more than 1 % of a source's records were rejected by its format, or of its bytes not understood: it was
    /// opened, but not read. Plain text has no format that could reject it. Of a log of lines a few are no share: whoever is
    /// logged can have one written that is none of its format, and no other copy would hold it otherwise.
    pub fn is_half_read(&self) -> bool {
        if self.kind != EntryKind::Source || self.format.as_deref().is_none_or(|format| format == "text") {
            return false;
        }
        let rejected = self.notes.iter().filter(|n| n.reason == Reason::RecordsRejected).filter_map(|n| n.count);
        let rejected = rejected.fold(0u64, u64::saturating_add);
        let are_few = (1..FEW_LINES).contains(&rejected) && rejected.saturating_mul(FEW_SHARE) <= self.records;
        if are_few && self.bytes.oversize == 0 && self.is_of_lines() {
            return false;
        }
        let lost = self.bytes.undecodable.saturating_add(self.bytes.oversize);
        rejected > self.records / UNREAD_SHARE || lost > self.bytes.total() / UNREAD_SHARE
    }

    /// Whether its records are lines of text, and not pieces of a binary log.
    fn is_of_lines(&self) -> bool {
        self.format.as_deref().is_some_and(|format| !matches!(format, "evtx" | "utmp"))
    }

    /// Whether some of it could not be read.
    pub fn has_loss(&self) -> bool {
        self.notes.iter().any(|n| n.reason.is_loss())
    }
}
