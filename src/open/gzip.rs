//! One gzip member.
//!
//! SOURCE: RFC 1952, section 2.3. The header and the trailer are read here, so that the checksum is made by the fastest
//! that there is: the decoder's own takes a quarter of its time.

use std::io::{self, Read};

use crc32fast::Hasher;

use super::source::Source;
use super::steps::Stepped;

/// Flags of a header (section 2.3.1).
const HEADER_CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// Names and comments end at a zero; longer ones are no such fields.
const MOST_FIELD_BYTES: usize = 65_535;

/// The decoder of one member: header, deflate stream, trailer.
pub(super) struct Gzip<'a> {
    body: Stepped<'a, flate2::Decompress>,
    stage: Stage,
    crc: Hasher,
    /// Decoded bytes, modulo 2^32.
    length: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Body,
    Done,
}

impl<'a> Gzip<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { body: Stepped::deflate(source), stage: Stage::Header, crc: Hasher::new(), length: 0 }
    }

    /// What it reads from: behind the member once that was read to its end.
    pub(super) fn into_source(self) -> Source<'a> {
        self.body.into_source()
    }

    fn trailer(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        self.body.source().read_exact(&mut trailer)?;
        let expected = [self.crc.clone().finalize().to_le_bytes(), self.length.to_le_bytes()].concat();
        if trailer == *expected { Ok(()) } else { Err(invalid("the checksum or the length at its end does not match")) }
    }
}

impl Read for Gzip<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.stage == Stage::Header {
            header(self.body.source())?;
            self.stage = Stage::Body;
        }
        if self.stage == Stage::Done || out.is_empty() {
            return Ok(0);
        }
        let read = self.body.read(out)?;
        self.crc.update(&out[..read]);
        self.length = self.length.wrapping_add(read as u32);
        if read == 0 {
            self.stage = Stage::Done;
            self.trailer()?;
        }
        Ok(read)
    }
}

/// Takes the header of a member from the source.
fn header(source: &mut Source<'_>) -> io::Result<()> {
    let mut header = Header { source, crc: Hasher::new() };
    let [0x1f, 0x8b, 8, flags, ..] = header.take::<10>()? else { return Err(invalid("invalid gzip header")) };
    if flags & RESERVED != 0 {
        return Err(invalid("invalid gzip header"));
    }
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes(header.take()?);
        for _ in 0..length {
            header.take::<1>()?;
        }
    }
    for field in [NAME, COMMENT] {
        if flags & field != 0 {
            header.skip_text()?;
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        let found = header.crc.clone().finalize() as u16;
        if u16::from_le_bytes(header.take()?) != found {
            return Err(invalid("the checksum of the gzip header does not match"));
        }
    }
    Ok(())
}

struct Header<'h, 'a> {
    source: &'h mut Source<'a>,
    crc: Hasher,
}

impl Header<'_, '_> {
    fn take<const LENGTH: usize>(&mut self) -> io::Result<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.source.read_exact(&mut bytes)?;
        self.crc.update(&bytes);
        Ok(bytes)
    }

    /// Takes a text and the zero at its end.
    fn skip_text(&mut self) -> io::Result<()> {
        for _ in 0..=MOST_FIELD_BYTES {
            if self.take()? == [0] {
                return Ok(());
            }
        }
        Err(invalid("gzip header field too long"))
    }
}

fn invalid(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, detail)
}
