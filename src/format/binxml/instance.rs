//! The instances of templates that one record is: which plan each has, and where its values stand.

use super::bytes::Bytes;
use super::definition::HEADER_BYTES;
use super::value::{self, kind};

/// More instances than this in one record are left to the slow way. The crate takes elements in as many as 512 others, and
/// a plan has them in 64.
const MOST_INSTANCES: usize = 8;
/// More values than this in one record too. The crate takes as many of one instance.
const MOST_SLOTS: usize = 4_096;

/// A value of an instance, at its place in the chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Its type: of [`kind`].
    pub kind: u8,
    /// Offset in the chunk.
    pub at: u32,
    /// Bytes.
    pub length: u16,
    /// The instance that it is, among all of the record.
    pub nested: Option<u16>,
}

impl Slot {
    /// Its stored bytes.
    #[inline]
    pub fn stored<'c>(&self, chunk: &'c [u8]) -> &'c [u8] {
        chunk.get(self.at as usize..self.at as usize + usize::from(self.length)).unwrap_or_default()
    }

    /// Whether elements that depend on it are left out.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.kind == kind::NULL || self.kind == kind::XML && self.length == 0
    }
}

/// An instance: its plan, and its values among all of the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instance {
    /// The number of its plan.
    pub plan: u32,
    /// First of its values, and one past the last.
    pub slots: (u32, u32),
}

/// All instances of a record. Reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// The first is the record.
    pub all: Vec<Instance>,
    /// The values of all of them.
    pub slots: Vec<Slot>,
}

/// Where the definition of an instance is found, and below which path.
pub(super) struct Wanted {
    /// The number that the instance gives to the definition.
    pub id: u32,
    /// Offset of the definition in the chunk.
    pub definition: u32,
    /// Number of the path.
    pub path: u32,
}

/// What finds plans: for a definition, and for a value of a plan the path under which it may be an element.
pub(super) trait Plans {
    /// The number of the plan of a definition; `None` where it has none.
    fn plan(&mut self, chunk: &[u8], wanted: &Wanted) -> Option<u32>;
    /// The number of the path; `None` where the value may be no element.
    fn nest(&self, plan: u32, slot: u16) -> Option<u32>;
}

impl Instances {
    /// Reads the record whose BinXML is at `start..end`; `None` where it is no single instance of sound values.
    pub fn read(&mut self, chunk: &[u8], (start, end): (usize, usize), plans: &mut impl Plans) -> Option<()> {
        self.all.clear();
        self.slots.clear();
        self.stream(chunk, (start, end), 0, plans)?;
        let mut at = 0;
        while at < self.slots.len() {
            let slot = self.slots[at];
            if slot.kind == kind::XML && slot.length > 0 {
                let owner = self.all.iter().find(|owner| (owner.slots.0..owner.slots.1).contains(&(at as u32)))?;
                let path = plans.nest(owner.plan, (at as u32 - owner.slots.0) as u16)?;
                self.slots[at].nested = Some(self.all.len() as u16);
                let end = slot.at as usize + usize::from(slot.length);
                self.stream(chunk, (slot.at as usize, end), path, plans)?;
            }
            at += 1;
        }
        Some(())
    }

    /// Reads the instance that a stream is, and its values; those that are instances themselves are only found.
    fn stream(&mut self, chunk: &[u8], (start, end): (usize, usize), path: u32, plans: &mut impl Plans) -> Option<()> {
        let mut bytes = Bytes { all: chunk.get(..end)?, at: start };
        let mut token = bytes.u8()?;
        if token == 0x0f {
            bytes.take(3)?;
            token = bytes.u8()?;
        }
        if token != 0x0c || self.all.len() >= MOST_INSTANCES {
            return None;
        }
        bytes.u8()?;
        let (id, definition) = (bytes.u32()?, bytes.u32()?);
        if bytes.at == definition as usize {
            let header = bytes.take(HEADER_BYTES)?;
            let size = u32::from_le_bytes(*header.last_chunk()?);
            bytes.take(size as usize)?;
        }
        let plan = plans.plan(chunk, &Wanted { id, definition, path })?;
        let count = bytes.u32()? as usize;
        if count > MOST_SLOTS - self.slots.len().min(MOST_SLOTS) {
            return None;
        }
        let first = self.slots.len() as u32;
        let table = bytes.take(4 * count)?;
        for &[low, high, kind, _] in table.as_chunks::<4>().0 {
            let length = u16::from_le_bytes([low, high]);
            let at = bytes.at as u32;
            let stored = bytes.take(usize::from(length))?;
            if !value::is_sound(kind, stored) {
                return None;
            }
            self.slots.push(Slot { kind, at, length, nested: None });
        }
        self.all.push(Instance { plan, slots: (first, self.slots.len() as u32) });
        // Behind it the stream ends.
        matches!(bytes.all.get(bytes.at..), Some([] | [0, ..])).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Plans for One {
        fn plan(&mut self, _: &[u8], _: &Wanted) -> Option<u32> {
            Some(0)
        }

        fn nest(&self, _: u32, _: u16) -> Option<u32> {
            Some(0)
        }
    }

    /// An instance of a definition elsewhere, with values of one type and length.
    fn instance(count: u32, kind: u8, values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(count.to_le_bytes());
        let length = (values.len() / count as usize) as u16;
        (0..count).for_each(|_| bytes.extend([length.to_le_bytes()[0], length.to_le_bytes()[1], kind, 0]));
        [bytes, values.to_vec()].concat()
    }

    #[test]
    fn no_record_is_read_that_the_crate_refuses_for_its_size() {
        let read = |chunk: &[u8]| Instances::default().read(chunk, (0, chunk.len()), &mut One).is_some();
        assert!(read(&instance(4_096, kind::NULL, &[])));
        assert!(!read(&instance(4_097, kind::NULL, &[])));
        let nested =
            |deep: usize| (1..deep).fold(instance(1, kind::NULL, &[]), |inner, _| instance(1, kind::XML, &inner));
        assert!(read(&nested(MOST_INSTANCES)));
        assert!(!read(&nested(MOST_INSTANCES + 1)));
    }
}
