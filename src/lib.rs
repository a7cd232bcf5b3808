//! exfiltrace reads the logs of an incident and answers one question: was data compromised?
//!
//! ```text
//! discover → open → recognise → split → sift → parse → detect → tally → (merge) → correlate → judge → emit
//! ```

pub mod plan;
pub mod scan;
pub mod worker;

pub mod classify;
pub mod correlate;
pub mod detect;
pub mod discover;
pub mod emit;
pub mod format;
pub mod indicators;
pub mod judge;
pub mod merge;
pub mod open;
pub mod scope;
pub mod sift;
pub mod split;
pub mod tally;
pub mod verify;

pub mod error;
pub mod model;
pub mod work;
