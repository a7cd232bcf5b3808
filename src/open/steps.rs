//! Decoders that go on call by call over what they are given: what a call put out before it failed is handed out
//! before the failure is.

use std::io::{self, BufRead, Read};

use super::source::Source;

/// A decoder that takes some bytes and puts out some.
pub(super) trait Steps {
    /// Bytes taken, bytes put out, and whether the stream is over; a failure counts from behind those bytes on.
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> (usize, usize, io::Result<bool>);
}

/// bzip2, block after block: what a block decodes to is taken before any byte of the next one is read, so that it is known
/// which bytes are of the block at hand.
pub(super) struct Blockwise {
    decoder: bzip2::Decompress,
    /// Decoded bytes of the blocks that were taken whole, with their checksums.
    whole: u64,
}

impl Blockwise {
    fn once(&mut self, input: &[u8], out: &mut [u8]) -> (usize, usize, io::Result<bool>) {
        let before = (self.decoder.total_in(), self.decoder.total_out());
        let ended = self.decoder.decompress(input, out).map(|status| status == bzip2::Status::StreamEnd);
        let (used, read) = moved(before, (self.decoder.total_in(), self.decoder.total_out()));
        (used, read, ended.map_err(invalid))
    }
}

impl Steps for Blockwise {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> (usize, usize, io::Result<bool>) {
        let (_, read, ended) = self.once(&[], out);
        if read > 0 || ended.is_err() {
            return (0, read, ended);
        }
        // All of the last block is out, and its checksum held.
        self.whole = self.decoder.total_out();
        let (used, _, ended) = self.once(input, &mut []);
        (used, 0, ended)
    }
}

impl Steps for flate2::Decompress {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> (usize, usize, io::Result<bool>) {
        let before = (self.total_in(), self.total_out());
        let ended = self.decompress(input, out, flate2::FlushDecompress::None);
        let ended = ended.map(|status| status == flate2::Status::StreamEnd);
        let (used, read) = moved(before, (self.total_in(), self.total_out()));
        (used, read, ended.map_err(invalid))
    }
}

fn moved(before: (u64, u64), after: (u64, u64)) -> (usize, usize) {
    let moved = |before, after: u64| usize::try_from(after.saturating_sub(before)).unwrap_or(0);
    (moved(before.0, after.0), moved(before.1, after.1))
}

fn invalid(cause: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, cause)
}

/// One stream of such a decoder.
pub(super) struct Stepped<'a, D> {
    source: Source<'a>,
    decoder: D,
    ended: bool,
    failed: Option<io::Error>,
}

impl<'a> Stepped<'a, Blockwise> {
    /// One bzip2 stream.
    pub(super) fn bzip2(source: Source<'a>) -> Self {
        Self::new(source, Blockwise { decoder: bzip2::Decompress::new(false), whole: 0 })
    }

    /// Decoded bytes of the blocks that were taken whole, with their checksums.
    pub(super) fn whole(&self) -> u64 {
        self.decoder.whole
    }
}

impl<'a> Stepped<'a, flate2::Decompress> {
    /// One deflate stream without any header.
    pub(super) fn deflate(source: Source<'a>) -> Self {
        Self::new(source, flate2::Decompress::new(false))
    }
}

impl<'a, D: Steps> Stepped<'a, D> {
    fn new(source: Source<'a>, decoder: D) -> Self {
        Self { source, decoder, ended: false, failed: None }
    }

    /// What it reads from: behind the stream once that was read to its end.
    pub(super) fn source(&mut self) -> &mut Source<'a> {
        &mut self.source
    }

    pub(super) fn into_source(self) -> Source<'a> {
        self.source
    }
}

impl<D: Steps> Read for Stepped<'_, D> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(cause) = self.failed.take() {
            return Err(cause);
        }
        while !self.ended && !out.is_empty() {
            let input = self.source.fill_buf()?;
            let last = input.is_empty();
            let (used, read, ended) = self.decoder.step(input, out);
            self.source.consume(used);
            match ended {
                Ok(ended) => self.ended = ended,
                Err(cause) if read == 0 => return Err(cause),
                Err(cause) => self.failed = Some(cause),
            }
            if read > 0 {
                return Ok(read);
            }
            if last && !self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
