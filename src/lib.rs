//! exfiltrace reads the logs of an incident and answers one question: was data compromised?
//!
//! ```text
//! discover → open → recognise → split → sift → parse → detect → tally → (merge) → correlate → judge → emit
//! ```
#![warn(missing_docs)]

pub mod error;
pub mod model;
pub mod discover;
pub mod open;
pub mod tally;
pub mod merge;
pub mod correlate;
pub mod scope;
pub mod judge;
