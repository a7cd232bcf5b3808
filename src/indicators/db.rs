//! Compiled indicators: one flat file, little-endian, that is mapped and used as it lies.
//!
//! ```text
//! 0    magic                     8 bytes
//! 8    version                   u32
//! 12   number of sections        u32
//! 16   length of the file        u64
//! 24   zero                      8 bytes
//! 32   BLAKE3 of bytes 0 to 32 and of the table
//! 64   table, 96 bytes a section: name (32, zero-padded), offset u64, length u64, bytes of a number u32,
//!      zero (12), BLAKE3 of the section
//! …    sections, each from a multiple of 64 on and filled up with zeros to the next, which its digest covers
//! ```
//!
//! The digests are there for damage, not for forgery: a file that somebody made on purpose may hold anything, so every
//! table is checked before it is used, and no reader of a table trusts it.

use std::io::{self, Write};

use rayon::prelude::*;

use crate::model::flat::Flat;
use crate::model::indicator::Indicators;
use crate::model::stored::{Fault, Found, Section};

/// First bytes of the file. No text begins so, and no transfer that changes line ends leaves them.
pub const MAGIC: [u8; 8] = *b"\x89XIOC\r\n\n";

/// Version of the layout of the file and of all that is computed from values: canonical forms, hashes, filters.
pub const VERSION: u32 = 2;

const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 96;
const NAME_BYTES: usize = 32;
/// Sections begin at multiples of this.
const ALIGN_BYTES: usize = 64;
/// More sections than any version writes.
const MOST_SECTIONS: usize = 1024;

/// True for the beginning of a compiled file of any version.
pub fn is_compiled(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// Writes a set. The bytes depend on the set alone.
///
/// # Errors
/// Those of `out`.
pub fn write(set: &Indicators, out: &mut dyn Write) -> io::Result<()> {
    let sections = set.store().0;
    let begin = (HEADER_BYTES + ENTRY_BYTES * sections.len()).next_multiple_of(ALIGN_BYTES);
    let mut table = Vec::with_capacity(begin);
    let mut offset = begin;
    let digests: Vec<[u8; 32]> = sections.par_iter().map(|section| digest(&section.bytes)).collect();
    for (section, digest) in sections.iter().zip(digests) {
        entry(section, offset as u64, digest, &mut table);
        offset += section.bytes.len().next_multiple_of(ALIGN_BYTES);
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend((sections.len() as u32).to_le_bytes());
    header.extend((offset as u64).to_le_bytes());
    header.extend([0; 8]);
    let check = head_digest(&header, &table);
    header.extend(check);
    out.write_all(&header)?;
    out.write_all(&table)?;
    out.write_all(&[0; ALIGN_BYTES][..begin - HEADER_BYTES - table.len()])?;
    for section in &sections {
        out.write_all(&section.bytes)?;
        out.write_all(padding(section.bytes.len()))?;
    }
    out.flush()
}

/// The entry of a section in the table.
fn entry(section: &Section<'_>, offset: u64, digest: [u8; 32], table: &mut Vec<u8>) {
    let mut name = [0; NAME_BYTES];
    name[..section.name.len()].copy_from_slice(section.name.as_bytes());
    table.extend(name);
    table.extend(offset.to_le_bytes());
    table.extend((section.bytes.len() as u64).to_le_bytes());
    table.extend(section.word_bytes.to_le_bytes());
    table.extend([0; 12]);
    table.extend(digest);
}

/// The zeros behind a section.
fn padding(length: usize) -> &'static [u8] {
    &[0; ALIGN_BYTES][..length.next_multiple_of(ALIGN_BYTES) - length]
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(bytes).update(padding(bytes.len())).finalize().as_bytes()
}

fn head_digest(header: &[u8], table: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(header).update(table).finalize().as_bytes()
}

/// Where one section lies, and what it must be.
struct Place {
    name: String,
    word_bytes: u32,
    bytes: Flat<u8>,
    /// The section with its padding.
    padded: Flat<u8>,
    digest: [u8; 32],
}

/// Reads a set that [`write()`] wrote; its tables are borrowed from `file`, nothing is built.
///
/// # Errors
/// Where in the file something is not as it must be, and what.
pub fn read(file: &Flat<u8>) -> Result<Indicators, Fault> {
    let places = places(file)?;
    places.par_iter().map(check).collect::<Result<(), Fault>>()?;
    let mut found = Found::default();
    for Place { name, word_bytes, bytes, .. } in places {
        if found.0.insert(name.clone(), (word_bytes, bytes)).is_some() {
            return Err(Fault::new(name, "is there twice"));
        }
    }
    Indicators::load(found)
}

fn check(place: &Place) -> Result<(), Fault> {
    if blake3::hash(&place.padded).as_bytes() == &place.digest {
        return Ok(());
    }
    Err(Fault::new(&place.name, "has another digest than the table says: the file is damaged"))
}

/// The sections as header and table tell them, all of them inside the file.
fn places(file: &Flat<u8>) -> Result<Vec<Place>, Fault> {
    let header = |what: &str| Fault::new("header", what);
    let head = file.get(..HEADER_BYTES).ok_or_else(|| header("the file is cut short"))?;
    if !is_compiled(head) {
        return Err(header("not a file of compiled indicators"));
    }
    let version = u32_at(head, 8);
    if version != VERSION {
        return Err(header(&format!("has version {version}, and this program reads {VERSION}")));
    }
    let count = u32_at(head, 12) as usize;
    if count > MOST_SECTIONS {
        return Err(header("more sections than there can be"));
    }
    if u64_at(head, 16) != file.len() as u64 {
        return Err(header(&format!("says {} bytes, and the file has {}", u64_at(head, 16), file.len())));
    }
    let table = file.get(HEADER_BYTES..HEADER_BYTES + count * ENTRY_BYTES);
    let table = table.ok_or_else(|| header("the file is cut short in the table of sections"))?;
    if head[32..] != head_digest(&head[..32], table) {
        return Err(header("has another digest than it says: the file is damaged"));
    }
    table.chunks_exact(ENTRY_BYTES).map(|entry| place(file, entry)).collect()
}

/// What one entry of the table tells.
fn place(file: &Flat<u8>, entry: &[u8]) -> Result<Place, Fault> {
    let name: Vec<u8> = entry[..NAME_BYTES].iter().copied().take_while(|byte| *byte != 0).collect();
    let name = String::from_utf8(name).map_err(|_| Fault::new("table", "a section whose name is no text"))?;
    let outside = || Fault::new(&name, "does not lie inside the file");
    let at = |from| usize::try_from(u64_at(entry, from)).map_err(|_| outside());
    let (offset, length) = (at(NAME_BYTES)?, at(NAME_BYTES + 8)?);
    let end = offset.checked_add(length).ok_or_else(outside)?;
    let padded = end.checked_next_multiple_of(ALIGN_BYTES).ok_or_else(outside)?;
    let bytes = file.part(offset..end).ok_or_else(outside)?;
    let padded = file.part(offset..padded).ok_or_else(outside)?;
    let digest = entry[ENTRY_BYTES - 32..].try_into().expect("an entry has 96 bytes");
    Ok(Place { word_bytes: u32_at(entry, NAME_BYTES + 16), bytes, padded, digest, name })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
