//! Where the cells of a row begin and end: all of them at once.
//!
//! PERF: cells are short, and how long, no processor can foresee: to look for the end of each anew costs a wrong guess each. Here
//! sixty-four bytes at a time become one mask, of which eight places are taken without a decision. What of the cells is not asked for
//! costs nothing more.

use crate::model::lanes::{BLOCK, Lanes, NATIVE};

/// Most cells of a row; one with more is read otherwise.
const MOST: usize = 256;
/// So many places of a mask are taken at once, whether there are so many or not.
const STEP: usize = 8;

/// Where cells begin; kept with the buffers that go from block to block.
pub struct Stops {
    /// One behind each delimiter, and one behind the end of the row.
    from: Box<[u32; MOST + STEP]>,
}

impl Default for Stops {
    fn default() -> Self {
        Self { from: Box::new([0; MOST + STEP]) }
    }
}

/// The cells of one row.
#[derive(Clone, Copy)]
pub struct Cells<'s, 'b> {
    row: &'b [u8],
    from: &'s [u32],
    /// Whether two delimiters follow on each other.
    doubled: bool,
}

impl<'b> Cells<'_, 'b> {
    /// How many there are, at least one.
    #[inline]
    pub fn count(&self) -> usize {
        self.from.len() - 1
    }

    /// A cell, by its number from 0 on.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&'b [u8]> {
        let [from, to] = self.from.get(at..at + 2)? else { return None };
        self.row.get(*from as usize..*to as usize - 1)
    }

    /// Whether one of them is empty.
    #[inline]
    pub fn has_empty(&self) -> bool {
        let ends = [self.get(0), self.get(self.count() - 1)];
        self.doubled || ends.into_iter().any(|cell| cell.is_none_or(<[u8]>::is_empty))
    }

    /// All that are not empty, in their order.
    #[inline]
    pub fn words(&self) -> impl Iterator<Item = &'b [u8]> {
        let cells = *self;
        (0..self.count()).filter_map(move |at| cells.get(at)).filter(|cell| !cell.is_empty())
    }
}

impl Stops {
    /// The cells of a row; `None` where there are too many.
    #[inline]
    pub fn cells<'s, 'b>(&'s mut self, delimiter: u8, row: &'b [u8]) -> Option<Cells<'s, 'b>> {
        self.find(delimiter, None, row)
    }

    /// The cells of a row in which none of `strange` stands; `None` where one does, or where there are too many cells.
    #[inline]
    pub fn plain_cells<'s, 'b>(&'s mut self, delimiter: u8, strange: [u8; 2], row: &'b [u8]) -> Option<Cells<'s, 'b>> {
        self.find(delimiter, Some(strange), row)
    }

    #[inline(always)]
    fn find<'s, 'b>(&'s mut self, delimiter: u8, strange: Option<[u8; 2]>, row: &'b [u8]) -> Option<Cells<'s, 'b>> {
        let end = u32::try_from(row.len()).ok()?;
        let (mut count, mut met, mut doubled, mut before) = (1, 0, 0, 0);
        let mut take = |bytes: &[u8; BLOCK], base: u32, known: usize| {
            let block = NATIVE.load(bytes);
            let met_here = strange.map_or(0, |bytes| NATIVE.equal(block, bytes[0]) | NATIVE.equal(block, bytes[1]));
            met |= met_here >> known;
            let mask = NATIVE.equal(block, delimiter) >> known;
            doubled |= mask & (mask << 1 | before);
            before = mask >> (BLOCK - 1);
            count = self.add(mask, base, count)?;
            Some(())
        };
        let (blocks, tail) = row.as_chunks();
        let base = |at: usize| (at * BLOCK) as u32;
        for (at, block) in blocks.iter().enumerate() {
            take(block, base(at), 0)?;
        }
        if !tail.is_empty() {
            // The last sixty-four bytes, of which the first are known; or a short row with zeros behind it.
            match row.last_chunk() {
                Some(last) => take(last, base(blocks.len()), BLOCK - tail.len())?,
                None => take(&padded(tail, delimiter), 0, 0)?,
            }
        }
        self.from[count] = end + 1;
        (met == 0).then_some(Cells { row, from: &self.from[..=count], doubled: doubled != 0 })
    }

    /// Adds the places of a mask behind the `count` that are known; gives how many there are then.
    #[inline(always)]
    fn add(&mut self, mask: u64, base: u32, count: usize) -> Option<usize> {
        let (mut left, mut at) = (mask, count);
        while left != 0 {
            for slot in self.from.get_mut(at..at + STEP)? {
                *slot = base + left.trailing_zeros() + 1;
                left &= left.wrapping_sub(1);
            }
            at += STEP;
        }
        Some(count + mask.count_ones() as usize).filter(|count| *count < MOST)
    }
}

/// Fewer than sixty-four bytes, with others behind them that are not the delimiter.
#[inline]
fn padded(tail: &[u8], delimiter: u8) -> [u8; BLOCK] {
    let mut block = [!delimiter; BLOCK];
    block[..tail.len()].copy_from_slice(tail);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_are_what_stands_between_delimiters() {
        let mut stops = Stops::default();
        let mut state = 1u32;
        for length in 0..300 {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b",,ab\t\"xyz1234567"[(state >> 28) as usize]
            };
            let row: Vec<u8> = (0..length).map(|_| next()).collect();
            let plainly: Vec<&[u8]> = row.split(|byte| *byte == b',').collect();
            let cells = stops.cells(b',', &row).unwrap();
            assert_eq!(cells.count(), plainly.len());
            assert_eq!((0..plainly.len()).map(|at| cells.get(at).unwrap()).collect::<Vec<_>>(), plainly);
            assert_eq!(cells.get(plainly.len()), None);
            assert_eq!(cells.has_empty(), plainly.iter().any(|cell| cell.is_empty()), "{row:?}");
            let words: Vec<&[u8]> = plainly.into_iter().filter(|cell| !cell.is_empty()).collect();
            assert_eq!(cells.words().collect::<Vec<_>>(), words);
            let is_plain = !row.iter().any(|byte| b"\t\"".contains(byte));
            assert_eq!(stops.plain_cells(b',', *b"\t\"", &row).is_some(), is_plain, "{row:?}");
        }
    }

    #[test]
    fn a_row_of_too_many_cells_has_none() {
        let row = |cells: usize| vec![b','; cells - 1];
        assert_eq!(Stops::default().cells(b',', &row(MOST - 1)).map(|cells| cells.count()), Some(MOST - 1));
        assert!(Stops::default().cells(b',', &row(MOST)).is_none());
        assert!(Stops::default().cells(b',', &row(10 * MOST)).is_none());
    }
}
