//! exfiltrace reads the logs of an incident and answers one question: was data compromised?
//!
//! ```text
//! discover → open → recognise → split → sift → parse → detect → tally → (merge) → correlate → judge → emit
//! ```

pub mod plan;
pub mod worker;
pub mod scan;

pub mod discover;
pub mod open;
pub mod format;
pub mod split;
pub mod indicators;
pub mod sift;
pub mod detect;
pub mod tally;
pub mod merge;
pub mod correlate;
pub mod scope;
pub mod judge;
pub mod emit;
pub mod verify;

pub mod model;
pub mod error;
