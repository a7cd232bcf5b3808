//! Records that are halves, whose other half the file before, or behind, of their log may have: a session or a mail that a rotation
//! cut.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observation::ObservationKey;
use super::partial::pairs;
use super::place::{Place, RecordDigest};
use super::time::Instant;

/// So many are kept of a source: of those that lend the last, of those that take the first.
pub const LOOSE_KEPT: usize = 4096;
/// What stands for a client that the other half names.
pub const NOBODY: &str = "0.0.0.0";

/// A digest of what ties halves: who wrote them, and their number.
pub type Tie = u64;

/// What the last record of a number lends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lent {
    /// When.
    pub at: Instant,
    /// The client's address; empty where it lends none.
    pub client: Box<str>,
    /// The account, or the sender of a mail.
    pub account: Box<str>,
    /// How much it is; `None` where it lends no number of bytes that counts for one record.
    pub up: Option<u64>,
}

/// A record that takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What ties it to its other half.
    pub tie: Tie,
    /// When.
    pub at: Instant,
    /// Its conversation, without what the other half says.
    pub key: ObservationKey,
    /// Bytes from client to server, as far as it says so.
    pub up: Option<u64>,
    /// Bytes back.
    pub down: Option<u64>,
    /// Where it stands.
    pub place: Place,
    /// SHA-256 of its bytes.
    pub sha256: RecordDigest,
}

/// The loose halves of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Loose {
    /// What is lent still where the source ends.
    #[serde(with = "pairs")]
    pub lent: BTreeMap<Tie, Lent>,
    /// Those that found nothing to take, in the order of the source.
    pub taken: Vec<Taken>,
}

impl Loose {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lent.is_empty() && self.taken.is_empty()
    }
}
