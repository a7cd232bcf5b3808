//! One frame of a compressed stream: its decoder, with the window limit set before it starts.

use std::io::{self, Read};
use std::{cell::Cell, rc::Rc};

use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::gzip::Gzip;
use super::recognise::Codec;
use super::source::{Source, carry};
use super::steps::{Blockwise, Stepped};
use crate::model::ledger::{Note, Reason};

/// xz gives up what a failed call had decoded, so calls are short: this many bytes are lost at the most.
const XZ_STEP_BYTES: usize = 1024;

/// What stands behind the last frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Trailing {
    /// Bytes that belong to no frame.
    pub bytes: Rc<Cell<u64>>,
    /// Whether any of them is not zero (zeros are padding of tapes and block devices).
    pub foreign: Rc<Cell<bool>>,
}

/// The decoder of one frame.
pub(super) enum Frame<'a> {
    Gzip(Box<Gzip<'a>>),
    Bzip2(Box<Stepped<'a, Blockwise>>),
    Xz(Box<XzReader<Source<'a>>>, u64),
    Lzma(Box<LzmaReader<Source<'a>>>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Source<'a>>>),
    Zstd(Box<Zstd<'a>>),
}

impl<'a> Frame<'a> {
    /// A decoder for the frame at the start of `source`, with a window of at most `window_bytes`.
    ///
    /// # Errors
    /// A header that is damaged or asks for a larger window.
    pub(super) fn new(codec: Codec, source: Source<'a>, window_bytes: u64) -> io::Result<Self> {
        let limit_kib = u32::try_from(window_bytes / 1024).unwrap_or(u32::MAX - 1);
        Ok(match codec {
            Codec::Gzip => Self::Gzip(Box::new(Gzip::new(source))),
            Codec::Bzip2 => Self::Bzip2(Box::new(Stepped::bzip2(source))),
            Codec::Xz => {
                Self::Xz(Box::new(XzReader::new_mem_limit(source, false, with_overhead(limit_kib))), window_bytes)
            }
            Codec::Lzma => {
                let reader = LzmaReader::new_mem_limit(source, with_overhead(limit_kib), None);
                let mut reader = reader.map_err(|cause| refused(cause, window_bytes))?;
                reader.set_defer_errors(true);
                Self::Lzma(Box::new(reader))
            }
            Codec::Lz4 => Self::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(source))),
            Codec::Zstd => Self::Zstd(Box::new(Zstd::new(source, window_bytes)?)),
        })
    }

    /// Decoded bytes of it that were confirmed by checksums before it failed, as far as the decoder knows.
    pub(super) fn whole(&self) -> u64 {
        match self {
            Self::Bzip2(decoder) => decoder.whole(),
            _ => 0,
        }
    }

    /// Gives back the source, which stands behind the frame once that was read to its end.
    pub(super) fn into_source(self, trailing: &Trailing) -> Source<'a> {
        match self {
            Self::Gzip(decoder) => decoder.into_source(),
            Self::Bzip2(decoder) => decoder.into_source(),
            Self::Xz(decoder, _) => decoder.into_inner(),
            Self::Lzma(decoder) => {
                // It reads ahead; what it did not use stands behind the end.
                let (source, ahead) = decoder.into_parts();
                trailing.bytes.set(ahead.len() as u64);
                trailing.foreign.set(ahead.iter().any(|&b| b != 0));
                source
            }
            Self::Lz4(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.source,
        }
    }
}

impl Read for Frame<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(out),
            Self::Bzip2(decoder) => decoder.read(out),
            Self::Xz(decoder, window_bytes) => {
                let step = out.len().min(XZ_STEP_BYTES);
                decoder.read(&mut out[..step]).map_err(|cause| refused(cause, *window_bytes))
            }
            Self::Lzma(decoder) => decoder.read(out),
            Self::Lz4(decoder) => decoder.read(out),
            Self::Zstd(decoder) => decoder.read(out),
        }
    }
}

/// Names a refused window as such.
fn refused(cause: io::Error, window_bytes: u64) -> io::Error {
    if cause.kind() == io::ErrorKind::OutOfMemory { carry(window_note(window_bytes)) } else { cause }
}

fn window_note(limit_bytes: u64) -> Note {
    Note::new(Reason::WindowLimit, format!("the decoder wants a window over {limit_bytes} bytes"))
}

/// The decoders count their own tables as well as the window.
pub(super) fn with_overhead(limit_kib: u32) -> u32 {
    limit_kib.saturating_add(1024).min(u32::MAX - 1)
}

/// One zstd frame. The decoder holds back a window of decoded bytes until the frame ends; where the frame breaks
/// off, an empty last block in place of the broken one makes it hand them out, and the failure follows after them.
pub(super) struct Zstd<'a> {
    source: Source<'a>,
    decoder: FrameDecoder,
    failed: Option<io::Error>,
}

impl<'a> Zstd<'a> {
    fn new(mut source: Source<'a>, window_bytes: u64) -> io::Result<Self> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window_bytes);
        decoder.init(&mut source).map_err(|cause| match cause {
            FrameDecoderError::WindowSizeTooBig { .. } => carry(window_note(window_bytes)),
            FrameDecoderError::DictNotProvided { dict_id } => {
                carry(Note::new(Reason::Unsupported, format!("zstd needs dictionary {dict_id}, which is not in it")))
            }
            other => io::Error::other(other),
        })?;
        Ok(Self { source, decoder, failed: None })
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(out)?;
            if read > 0 {
                return Ok(read);
            }
            if let Some(cause) = self.failed.take() {
                return Err(cause);
            }
            if self.decoder.is_finished() {
                return match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
                    (Some(stated), Some(found)) if stated != found => Err(io::Error::other("checksum does not match")),
                    _ => Ok(0),
                };
            }
            if let Err(cause) = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1)) {
                self.failed = Some(io::Error::other(cause));
                let mut empty_last_block: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
                if !self.decoder.is_finished() {
                    let _ = self.decoder.decode_blocks(&mut empty_last_block, BlockDecodingStrategy::All);
                }
            }
        }
    }
}
