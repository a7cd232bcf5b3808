//! Calls to cloud services that have a number and state no bytes: all that tells whether two logs have the same ones.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::packed::{from_state, in_state};

/// The version of how they are packed in the state.
const VERSION: u8 = 1;
/// Bytes of a call in the state.
const CALL_BYTES: usize = size_of::<Call>();

/// A digest of all that a record says that makes it one call, and of how many objects it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The digest.
    pub id: u64,
    /// The objects.
    pub objects: u64,
}

/// A conversation by its [digest](super::observation::Key::digest), and an hour since the epoch.
pub type Cell = (u64, Option<i64>);

/// The calls of a source that were held until it was read, by conversation and hour; each is there once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calls(BTreeMap<Cell, Vec<Call>>);

impl Calls {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one that is not there yet.
    pub fn add(&mut self, cell: Cell, call: Call) {
        self.0.entry(cell).or_default().push(call);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Cell, &[Call])> {
        self.0.iter().map(|(cell, calls)| (*cell, &calls[..]))
    }
}

/// A list of conversation, hour and the calls in base64.
impl Serialize for Calls {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(|((conversation, hour), calls)| {
            let bytes: Vec<u8> =
                calls.iter().flat_map(|call| [call.id, call.objects]).flat_map(u64::to_le_bytes).collect();
            (conversation, hour, in_state(VERSION, &bytes))
        }))
    }
}

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut all = BTreeMap::new();
        for (conversation, hour, text) in Vec::<(u64, Option<i64>, String)>::deserialize(from)? {
            let packed = from_state(VERSION, &text).map_err(|fault| D::Error::custom(format!("calls: {fault}")))?;
            let (calls, rest) = packed[1..].as_chunks::<CALL_BYTES>();
            if !rest.is_empty() {
                return Err(D::Error::custom("calls: a call is cut off"));
            }
            let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let call = |bytes: &[u8; CALL_BYTES]| Call { id: word(&bytes[..8]), objects: word(&bytes[8..]) };
            all.insert((conversation, hour), calls.iter().map(call).collect());
        }
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_is_not() {
        let mut calls = Calls::default();
        for (conversation, hour, id) in [(7, None, 1), (7, Some(-3), u64::MAX), (7, Some(-3), 2), (9, Some(5), 3)] {
            calls.add((conversation, hour), Call { id, objects: id / 2 });
        }
        let state = serde_json::to_value(&calls).unwrap();
        assert_eq!(serde_json::from_value::<Calls>(state.clone()).unwrap(), calls);
        let mut cut = state;
        cut[0][2] = in_state(VERSION, &[1; 17]).into();
        assert!(serde_json::from_value::<Calls>(cut).unwrap_err().to_string().contains("cut off"));
    }
}
