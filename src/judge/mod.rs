//! The verdict.
use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::model::transfer::Transfer;
use crate::model::verdict::Verdict;
use crate::model::whose::Whose;
/// Judges.
pub fn judge(_findings: &[Finding], _transfers: &[Transfer], _coverage: &Coverage, _whose: &Whose) -> Verdict { unimplemented!() }
