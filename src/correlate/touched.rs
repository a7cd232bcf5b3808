//! Which kinds of data the records of transfers show.

use std::collections::BTreeMap;

use crate::model::data::Shown;
use crate::model::transfer::Transfer;

use super::{World, exits};

/// Gives each transfer the data that its conversations show.
pub fn add(world: &World<'_>, transfers: &mut [Transfer]) {
    let mut shown: BTreeMap<String, Shown> = BTreeMap::new();
    for source in world.merged.sources.values() {
        for ((sign, key), touch) in &source.touched.kept {
            for id in exits::ids(world, source, &key.as_key(), touch.span) {
                shown.entry(id).or_default().entry(sign.clone()).or_default().join(touch);
            }
        }
    }
    if shown.is_empty() {
        return;
    }
    for transfer in transfers {
        transfer.data = shown.remove(transfer.id.as_str()).unwrap_or_default().into();
    }
}
