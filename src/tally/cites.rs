//! The records that are cited of the conversations of one account.
//!
//! PERF: of most conversations one record is cited, or as many as there may be. The first lies in its conversation, several of
//! them in one list of all, so that a conversation allocates nothing for them: a list for each took an eighth of what a record
//! costs to tally.

use crate::model::observation::{CITED, Cited};
use crate::model::place::{Place, RecordDigest};

/// Stands for the digest of a record of the block at hand. No record has it.
pub const UNPROVEN: RecordDigest = RecordDigest([0; 32]);

/// What is cited of one conversation.
#[derive(Debug, Clone, Copy, Default)]
pub enum Cites {
    /// Nothing yet.
    #[default]
    None,
    /// One record.
    One(Cited),
    /// So many of those at this number of the [`Pool`], sorted by [`Cited::rank`].
    Some { at: u32, count: u8 },
}

/// Room for [`CITED`] records of each conversation that cites more than one.
#[derive(Debug, Default)]
pub struct Pool(Vec<[Cited; CITED]>);

impl Pool {
    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What is cited of a conversation, sorted; nothing in a pool that is not its own.
    pub fn of<'p>(&'p self, cites: &'p Cites) -> &'p [Cited] {
        match cites {
            Cites::None => &[],
            Cites::One(cited) => std::slice::from_ref(cited),
            Cites::Some { at, count } => self.0.get(*at as usize).map_or(&[], |room| &room[..usize::from(*count)]),
        }
    }

    /// Gives the digests of those that have none yet.
    pub fn prove(&mut self, cites: &mut Cites, digest: &dyn Fn(Place) -> RecordDigest) {
        let all = match cites {
            Cites::None => return,
            Cites::One(cited) => std::slice::from_mut(cited),
            Cites::Some { at, count } => &mut self.0[*at as usize][..usize::from(*count)],
        };
        for cited in all.iter_mut().filter(|cited| cited.sha256 == UNPROVEN) {
            cited.sha256 = digest(cited.place);
        }
    }

    /// Cites a record where it is among the first by rank, and says whether it is. `floor_bytes` becomes what one must have moved
    /// to be asked about, as soon as there are enough.
    pub fn cite(&mut self, cites: &mut Cites, cited: Cited, floor_bytes: &mut u64) -> bool {
        let (at, count) = match cites {
            Cites::None => {
                *cites = Cites::One(cited);
                return true;
            }
            Cites::One(first) => {
                let at = u32::try_from(self.0.len()).expect("no more than there are conversations");
                self.0.push([*first; CITED]);
                (at, 1)
            }
            Cites::Some { at, count } => (*at, usize::from(*count)),
        };
        let room = &mut self.0[at as usize];
        let place = room[..count].partition_point(|known| known.rank() < cited.rank());
        let is_new = place < CITED && !(place < count && room[place] == cited);
        let count = count + usize::from(is_new && count < CITED);
        if is_new {
            room.copy_within(place..CITED - 1, place + 1);
            room[place] = cited;
        }
        if count == CITED {
            *floor_bytes = room[CITED - 1].bytes;
        }
        *cites = Cites::Some { at, count: u8::try_from(count).unwrap_or(u8::MAX) };
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::Observed;

    fn cited(bytes: u64, offset: u64) -> Cited {
        let place = Place { offset, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
        Cited { bytes, up: false, span: None, place, sha256: UNPROVEN }
    }

    /// The plain way: the list of an observation.
    #[test]
    fn what_is_cited_is_what_a_list_of_its_own_would_cite() {
        let mut seed = 1u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let mut pool = Pool::default();
        for length in 0..12 {
            let (mut cites, mut floor, mut plain) = (Cites::default(), 0, Observed::default());
            for _ in 0..length {
                // The same record comes twice now and then.
                let record = cited(random(5), random(9));
                let before = plain.clone();
                plain.cite(record);
                let is_new = record.bytes >= floor && pool.cite(&mut cites, record, &mut floor);
                assert!(is_new || before == plain);
                assert_eq!(pool.of(&cites), plain.cited);
            }
            pool.prove(&mut cites, &|place| RecordDigest([place.offset as u8 + 1; 32]));
            assert!(pool.of(&cites).iter().all(|cited| cited.sha256.0[0] == cited.place.offset as u8 + 1));
        }
    }
}
