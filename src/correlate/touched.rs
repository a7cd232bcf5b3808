//! Which kinds of data the records of transfers show.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::data::{Shown, Sign};
use crate::model::transfer::Transfer;

use super::overlaps::Group;
use super::{World, exits};

/// Gives each transfer the data that its conversations show.
pub fn add(world: &World<'_>, transfers: &mut [Transfer]) {
    let mut shown: BTreeMap<String, Shown> = BTreeMap::new();
    // Records of logs that hold the same ones: how many each log has.
    let mut shared: BTreeMap<(String, Arc<Sign>, Group), BTreeMap<u32, u64>> = BTreeMap::new();
    for source in world.merged.sources.values() {
        for ((sign, key), touch) in &source.touched.kept {
            for id in exits::ids(world, source, &key.as_key(), touch.span) {
                let known = shown.entry(id.clone()).or_default().entry(sign.clone()).or_default();
                let records = known.records;
                known.join(touch);
                if let Some(log) = world.overlaps.log(&source.entry.source) {
                    known.records = records;
                    let of_log = shared.entry((id, sign.clone(), log.group)).or_default().entry(log.rank).or_default();
                    *of_log = of_log.saturating_add(touch.records);
                }
            }
        }
    }
    for ((id, sign, _), logs) in shared {
        if let Some(known) = shown.get_mut(&id).and_then(|shown| shown.get_mut(&sign)) {
            known.records = known.records.saturating_add(logs.into_values().max().unwrap_or(0));
        }
    }
    if shown.is_empty() {
        return;
    }
    for transfer in transfers {
        transfer.data = shown.remove(transfer.id.as_str()).unwrap_or_default().into();
    }
}
