//! Accounts that logged on to a computer from an address elsewhere, and when such a session ended.

use serde::{Deserialize, Serialize};

use super::earliest::Earliest;
use super::place::{Place, RecordDigest};
use super::time::Instant;

/// One record that says that a session of an account on a computer began or ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Logon {
    /// When. First, so that the earliest are kept.
    pub at: Instant,
    /// The computer, in lower case.
    pub host: Box<str>,
    /// The number of the session on it.
    pub session: u64,
    /// The address from which it came, in its one spelling; `127.0.0.1` of who sits at the computer, and of what it does by itself;
    /// empty where the record says that it ended.
    pub address: Box<str>,
    /// Whether somebody was at work in it: not only asked for files over the network.
    #[serde(default)]
    pub works: bool,
    /// The account, as `DOMAIN\user` where the log has a domain.
    pub account: Box<str>,
    /// Where the record stands.
    pub place: Place,
    /// SHA-256 of its bytes.
    pub sha256: RecordDigest,
}

impl Logon {
    /// Whether it says that the session ended.
    pub fn ends(&self) -> bool {
        self.address.is_empty()
    }
}

/// What tells numbers of terminal services from those of the security log.
pub const OF_DESKTOP: u64 = 1 << 63;

/// From where a session comes that is nobody's elsewhere.
pub const HERE: &str = "127.0.0.1";

/// The number of a session as it is written: `0x3e7`, or `999`; `None` of zero, which stands for none.
pub fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    number.filter(|number| *number != 0)
}

/// Logons and their ends kept of one source; above it the earliest stay.
pub const LOGONS_KEPT: usize = 200_000;

/// The logons of one source.
pub type Logons = Earliest<Logon, LOGONS_KEPT>;
