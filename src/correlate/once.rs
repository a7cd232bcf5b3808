//! Bytes of which two transfers tell, because what one names passed through the other: they are counted with the one that is nearer
//! to who sent them.

use std::collections::HashMap;

use crate::model::rule::Route;
use crate::model::transfer::{Dated, Transfer};

/// Takes from what went through a tunnel at least what logs tell of those that were asked in it.
pub(super) fn tunnels(transfers: &mut [Transfer]) {
    let mut inside: HashMap<String, u64> = HashMap::new();
    for t in transfers.iter().filter(|t| t.route == Route::RemoteAccess && !t.is_tunnel()) {
        let sum = inside.entry(t.to.to_string()).or_default();
        *sum = sum.saturating_add(t.bytes.lower);
    }
    for t in transfers.iter_mut().filter(|t| t.is_tunnel()) {
        let left = t.bytes.lower.saturating_sub(inside.get(t.to.as_str()).copied().unwrap_or(0));
        carry(t, left);
    }
}

/// Lowers what moved at least to so much, as to what the names of a tunnel carry: a part of each, taken to be the same at all times.
pub(super) fn carry(t: &mut Transfer, bytes: u64) {
    let whole = u128::from(t.bytes.lower.max(1));
    let bytes = bytes.min(t.bytes.lower);
    let part = |of: u64| u64::try_from(u128::from(of) * u128::from(bytes) / whole).unwrap_or(of);
    t.hour_bytes.iter_mut().for_each(|hour| *hour = part(*hour));
    t.dated.iter_mut().flat_map(Dated::bytes_mut).for_each(|bytes| *bytes = part(*bytes));
    t.bytes.lower = bytes;
}
