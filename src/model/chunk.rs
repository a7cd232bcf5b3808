//! Chunks of the binary log of Windows: where one begins, also in a file that lost its header or was carved out of a disk.
//!
//! SOURCE: <https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc>, chunk header.

use memchr::memmem;

/// Bytes of one chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of a chunk's header, before its first record.
pub const CHUNK_HEADER_BYTES: usize = 512;
/// How the file itself begins.
pub const FILE_MAGIC: &[u8] = b"ElfFile\0";
/// How each chunk begins.
pub const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
/// Where a chunk says how long its header is, and what all say.
const SIZE_AT: usize = 40;
const SIZE: u32 = 128;
/// Where it says where its last record and its free space begin.
const ENDS_AT: [usize; 2] = [44, 48];
/// How a record begins.
const RECORD_MAGIC: &[u8] = b"**\0\0";
/// One of so many bytes of a chunk is a zero, at least.
const ZEROS_IN: usize = 16;
/// So many bytes show that a chunk begins.
pub const SHOWN_BYTES: usize = CHUNK_HEADER_BYTES + RECORD_MAGIC.len();

/// Where the header of a file says how many bytes stand before its chunks, and how many of these there are.
const FILE_COUNTS_AT: usize = 40;

/// Bytes that a file has at least which begins so, as its header says; `None` where that is no header. A log that is in use may have
/// more.
pub fn stated_bytes(head: &[u8]) -> Option<u64> {
    let counts = head.strip_prefix(FILE_MAGIC)?.get(FILE_COUNTS_AT - FILE_MAGIC.len()..)?;
    let [size_low, size_high, count_low, count_high] = *counts.first_chunk()?;
    let (size, count) = (u16::from_le_bytes([size_low, size_high]), u16::from_le_bytes([count_low, count_high]));
    Some(u64::from(size) + u64::from(count) * CHUNK_BYTES as u64)
}

/// Whether bytes begin with the magic of a chunk.
pub fn is_marked(bytes: &[u8]) -> bool {
    bytes.starts_with(CHUNK_MAGIC)
}

/// Whether a chunk begins here: its magic stands before a header that is one, or before a first record. A text that mentions the word
/// has neither.
pub fn begins(bytes: &[u8]) -> bool {
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let is_inside = |at| number(at).is_some_and(|end| end as usize <= CHUNK_BYTES);
    let has_header = || number(SIZE_AT) == Some(SIZE) && ENDS_AT.into_iter().all(is_inside);
    let has_record = || bytes.get(CHUNK_HEADER_BYTES..).is_some_and(|record| record.starts_with(RECORD_MAGIC));
    is_marked(bytes) && (has_header() || has_record())
}

/// Where the first chunk begins in these bytes, as far as they show it.
pub fn first(bytes: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, CHUNK_MAGIC).find(|&at| begins(&bytes[at..]))
}

/// Whether these bytes, the begin of a file, are of a binary log: a chunk begins in them, and what follows in it is no text. Who writes
/// into a log in text what chunks begin with does not make a binary log of it: of a chunk, whose texts are UTF-16 and whose free space
/// is empty, a good part are zeros.
pub fn shows_log(head: &[u8]) -> bool {
    first(head).is_some_and(|at| {
        let chunk = &head[at..head.len().min(at + CHUNK_BYTES)];
        memchr::memchr_iter(0, chunk).count() * ZEROS_IN >= chunk.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Vec<u8> {
        let mut chunk = vec![0; CHUNK_BYTES];
        chunk[..8].copy_from_slice(CHUNK_MAGIC);
        chunk[SIZE_AT..SIZE_AT + 4].copy_from_slice(&SIZE.to_le_bytes());
        chunk[CHUNK_HEADER_BYTES..][..4].copy_from_slice(RECORD_MAGIC);
        chunk
    }

    #[test]
    fn a_header_says_how_long_its_file_is() {
        let mut head = vec![0; 128];
        head[..8].copy_from_slice(FILE_MAGIC);
        head[40..44].copy_from_slice(&[0, 16, 3, 0]);
        assert_eq!(stated_bytes(&head), Some(4096 + 3 * 65_536));
        assert_eq!((stated_bytes(&head[..43]), stated_bytes(&head[8..])), (None, None));
    }

    #[test]
    fn a_chunk_is_told_by_its_header_or_its_first_record_and_not_by_its_name() {
        assert_eq!(first(&chunk()), Some(0));
        let mut behind = b"carved ElfChnk\0 of a page".to_vec();
        behind.extend(chunk());
        assert_eq!(first(&behind), Some(25));
        let mut harmed = chunk();
        harmed[8..128].fill(0xFF);
        assert_eq!(first(&harmed), Some(0), "its first record stands where it belongs");
        harmed[CHUNK_HEADER_BYTES] = 0;
        assert_eq!(first(&harmed), None);
        assert!(shows_log(&chunk()));
        let mut injected = b"2026-03-28T23:10:04Z host app: ".to_vec();
        injected.extend(&chunk()[..SHOWN_BYTES]);
        injected.extend(b"\n2026-03-28T23:10:05Z host app: a line of text\n".repeat(400));
        assert!(first(&injected).is_some() && !shows_log(&injected), "a chunk's begin in a text");
        let mention = "the magic is ElfChnk\0, 128 bytes".repeat(40);
        assert_eq!(first(mention.as_bytes()), None);
    }
}
