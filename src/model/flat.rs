//! Flat tables: numbers and texts that the program made, or that lie in a mapped file, and are read alike.
//!
//! What lies in a file is untrusted, and another process may write to it: no reader here panics or leaves its table
//! whatever the bytes are.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::sync::Arc;

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A number that a flat table is made of; little-endian in a file.
pub trait Word: FromBytes + IntoBytes + Immutable + Copy + Send + Sync + 'static {
    /// The number for the bytes of a file, or the bytes for the number: the one swap there is.
    fn as_stored(self) -> Self;
}

impl Word for u8 {
    fn as_stored(self) -> Self {
        self
    }
}

impl Word for u32 {
    fn as_stored(self) -> Self {
        Self::from_le(self)
    }
}

impl Word for u64 {
    fn as_stored(self) -> Self {
        Self::from_le(self)
    }
}

/// Numbers that do not change: owned, or lent by something that is kept as long. Reading costs what a slice costs.
pub struct Flat<T> {
    at: NonNull<T>,
    length: usize,
    /// Keeps what `at` points to; `None` where that is nothing.
    owner: Option<Arc<dyn Any + Send + Sync>>,
    kind: PhantomData<T>,
}

// SAFETY: what is pointed to is only read, belongs to an owner that is Send and Sync, and is itself so.
unsafe impl<T: Word> Send for Flat<T> {}
// SAFETY: as above.
unsafe impl<T: Word> Sync for Flat<T> {}

impl<T: Word> Flat<T> {
    /// Memory that `owner` lends.
    ///
    /// # Safety
    /// `at` is aligned and valid for reads of `length` numbers as long as `owner` lives, and nothing in this process
    /// writes there.
    pub unsafe fn lent(owner: Arc<dyn Any + Send + Sync>, at: NonNull<T>, length: usize) -> Self {
        Self { at, length, owner: Some(owner), kind: PhantomData }
    }

    /// The bytes of a file that holds these numbers: borrowed on little-endian machines.
    pub fn file_bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            return self.as_bytes().into();
        }
        self.iter().flat_map(|word| word.as_stored().as_bytes().to_vec()).collect::<Vec<u8>>().into()
    }
}

impl Flat<u8> {
    /// A part; `None` where the range is not inside.
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        let part = self.get(range)?;
        Some(Self { at: NonNull::from(part).cast(), length: part.len(), owner: self.owner.clone(), kind: PhantomData })
    }

    /// The numbers that these bytes of a file hold; copied only where the machine cannot read them as they lie.
    /// `None` where bytes are left over.
    pub fn words<T: Word>(&self) -> Option<Flat<T>> {
        if !self.length.is_multiple_of(size_of::<T>()) {
            return None;
        }
        if cfg!(target_endian = "little")
            && let Ok(words) = <[T]>::ref_from_bytes(self)
        {
            let at = NonNull::from(words).cast();
            return Some(Flat { at, length: words.len(), owner: self.owner.clone(), kind: PhantomData });
        }
        let words = self.chunks_exact(size_of::<T>());
        Some(words.filter_map(|bytes| T::read_from_bytes(bytes).ok()).map(T::as_stored).collect::<Vec<T>>().into())
    }
}

impl<T: Word> Deref for Flat<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `at` and `length` are those of a slice that `owner` keeps, and of which every bit pattern is a value.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.length) }
    }
}

impl<T: Word> From<Vec<T>> for Flat<T> {
    fn from(mut words: Vec<T>) -> Self {
        if words.is_empty() {
            return Self::default();
        }
        words.shrink_to_fit();
        let owner = Arc::new(words);
        let (at, length) = (NonNull::from(owner.as_slice()).cast(), owner.len());
        Self { at, length, owner: Some(owner), kind: PhantomData }
    }
}

impl<T> Default for Flat<T> {
    fn default() -> Self {
        Self { at: NonNull::dangling(), length: 0, owner: None, kind: PhantomData }
    }
}

impl<T> Clone for Flat<T> {
    fn clone(&self) -> Self {
        Self { owner: self.owner.clone(), ..*self }
    }
}

impl<T: Word + Eq> PartialEq for Flat<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Word + Eq> Eq for Flat<T> {}

impl<T> fmt::Debug for Flat<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Flat({})", self.length)
    }
}

/// Texts one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// One past the last byte of each.
    ends: Flat<u32>,
    bytes: Flat<u8>,
}

impl Texts {
    /// Texts that end at these bytes.
    pub fn new(ends: Flat<u32>, bytes: Flat<u8>) -> Self {
        Self { ends, bytes }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One text; `None` where there is none of this number, or what stands there is none.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index {
            0 => 0,
            _ => *self.ends.get(index - 1)?,
        };
        std::str::from_utf8(self.bytes.get(start as usize..end as usize)?).ok()
    }

    /// The ends and the bytes, for a file.
    pub fn parts(&self) -> (&Flat<u32>, &Flat<u8>) {
        (&self.ends, &self.bytes)
    }

    /// True if every text can be read, and no byte is left over.
    pub fn is_sound(&self) -> bool {
        let Ok(bytes) = std::str::from_utf8(&self.bytes) else { return false };
        self.ends.is_sorted()
            && self.ends.last().map_or(0, |end| *end as usize) == bytes.len()
            && self.ends.iter().all(|end| bytes.is_char_boundary(*end as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_way_through_a_file_aligned_or_not() {
        let words: Flat<u64> = vec![1, u64::MAX, 0x0102_0304_0506_0708].into();
        let stored = words.file_bytes().into_owned();
        assert_eq!(stored[16..], [8, 7, 6, 5, 4, 3, 2, 1]);
        for shift in 0..9 {
            let mut moved = vec![0; shift];
            moved.extend_from_slice(&stored);
            let bytes = Flat::from(moved).part(shift..shift + stored.len()).unwrap();
            assert_eq!(*bytes.words::<u64>().unwrap(), *words);
        }
        assert!(Flat::from(stored).part(0..23).unwrap().words::<u64>().is_none());
    }

    #[test]
    fn texts_of_nonsense_are_none() {
        let texts = |ends: &[u32], bytes: &[u8]| Texts::new(ends.to_vec().into(), bytes.to_vec().into());
        let good = texts(&[1, 1, 4], "aé!".as_bytes());
        assert!(good.is_sound());
        assert_eq!([good.get(0), good.get(1), good.get(2), good.get(3)], [Some("a"), Some(""), Some("é!"), None]);
        for (ends, bytes) in [(&[2, 1][..], &b"ab"[..]), (&[9], b"ab"), (&[1], b"ab"), (&[2], b"a\xff"), (&[], b"a")] {
            assert!(!texts(ends, bytes).is_sound(), "{ends:?}");
        }
        assert_eq!(texts(&[2, 1], b"ab").get(1), None);
        assert_eq!(texts(&[1, 3], "é!".as_bytes()).get(0), None);
    }
}
