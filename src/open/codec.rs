//! Compressed streams: one decoder per frame, frame after frame, each with its window limit set before it starts.

use std::io::{self, BufRead, Read};
use std::{cell::Cell, rc::Rc};

use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::recognise::{Codec, is_skippable};
use super::source::{Source, carry};
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

/// The frames of one compressed stream as one run of decoded bytes.
pub(super) struct Frames<'a> {
    codec: Codec,
    window_bytes: u64,
    state: State<'a>,
    first: bool,
    trailing: Trailing,
}

enum State<'a> {
    Between(Source<'a>),
    Gzip(Box<flate2::bufread::GzDecoder<Source<'a>>>),
    Bzip2(Box<bzip2::bufread::BzDecoder<Source<'a>>>),
    Xz(Box<XzReader<Source<'a>>>),
    Lzma(Box<LzmaReader<Source<'a>>>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Source<'a>>>),
    Zstd(Box<Zstd<'a>>),
    Done,
}

impl<'a> Frames<'a> {
    pub(super) fn new(codec: Codec, source: Source<'a>, window_bytes: u64) -> Self {
        Self { codec, window_bytes, state: State::Between(source), first: true, trailing: Trailing::default() }
    }

    /// A handle to what stands behind the last frame, complete once the stream has ended.
    pub(super) fn trailing(&self) -> Trailing {
        self.trailing.clone()
    }

    /// Starts the next frame, or takes what is left as trailing bytes.
    fn start(&mut self, mut source: Source<'a>) -> io::Result<State<'a>> {
        loop {
            let head = source.peek(18);
            let frames = matches!(self.codec, Codec::Zstd | Codec::Lz4);
            if frames && is_skippable(head) && head.len() >= 8 {
                let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                let want = u64::from(length) + 8;
                if source.discard(want).0 < want {
                    return Err(carry(Note::new(Reason::Damaged, "ends inside a skippable frame")));
                }
                continue;
            }
            if self.first || self.codec.continues(head) {
                self.first = false;
                return self.decoder(source);
            }
            let (bytes, zero) = source.discard(u64::MAX);
            self.trailing.bytes.set(self.trailing.bytes.get() + bytes);
            self.trailing.foreign.set(self.trailing.foreign.get() || !zero);
            // A failure below must not pass for the end.
            source.fill_buf()?;
            return Ok(State::Done);
        }
    }

    fn decoder(&self, source: Source<'a>) -> io::Result<State<'a>> {
        let limit_kib = u32::try_from(self.window_bytes / 1024).unwrap_or(u32::MAX - 1);
        Ok(match self.codec {
            Codec::Gzip => State::Gzip(Box::new(flate2::bufread::GzDecoder::new(source))),
            Codec::Bzip2 => State::Bzip2(Box::new(bzip2::bufread::BzDecoder::new(source))),
            Codec::Xz => State::Xz(Box::new(XzReader::new_mem_limit(source, false, with_overhead(limit_kib)))),
            Codec::Lzma => {
                let reader = LzmaReader::new_mem_limit(source, with_overhead(limit_kib), None);
                let mut reader = reader.map_err(|cause| self.refused(cause))?;
                reader.set_defer_errors(true);
                State::Lzma(Box::new(reader))
            }
            Codec::Lz4 => State::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(source))),
            Codec::Zstd => State::Zstd(Box::new(Zstd::new(source, self.window_bytes)?)),
        })
    }

    /// Names a refused window as such.
    fn refused(&self, cause: io::Error) -> io::Error {
        if cause.kind() == io::ErrorKind::OutOfMemory { carry(window_note(self.window_bytes)) } else { cause }
    }
}

fn window_note(limit_bytes: u64) -> Note {
    Note::new(Reason::WindowLimit, format!("the decoder wants a window over {limit_bytes} bytes"))
}

/// The decoders count their own tables as well as the window.
pub(super) fn with_overhead(limit_kib: u32) -> u32 {
    limit_kib.saturating_add(1024).min(u32::MAX - 1)
}

impl Read for Frames<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.state {
                State::Between(_) => 0,
                State::Gzip(decoder) => decoder.read(out)?,
                State::Bzip2(decoder) => decoder.read(out)?,
                State::Xz(decoder) => {
                    let step = out.len().min(XZ_STEP_BYTES);
                    let read = decoder.read(&mut out[..step]);
                    read.map_err(|cause| self.refused(cause))?
                }
                State::Lzma(decoder) => decoder.read(out)?,
                State::Lz4(decoder) => decoder.read(out)?,
                State::Zstd(decoder) => decoder.read(out)?,
                State::Done => return Ok(0),
            };
            if read > 0 {
                return Ok(read);
            }
            let source = match std::mem::replace(&mut self.state, State::Done) {
                State::Between(source) => source,
                State::Gzip(decoder) => decoder.into_inner(),
                State::Bzip2(decoder) => decoder.into_inner(),
                State::Xz(decoder) => decoder.into_inner(),
                State::Lzma(decoder) => {
                    // It reads ahead; what it did not use stands behind the end.
                    let (source, ahead) = decoder.into_parts();
                    self.trailing.bytes.set(ahead.len() as u64);
                    self.trailing.foreign.set(ahead.iter().any(|&b| b != 0));
                    source
                }
                State::Lz4(decoder) => decoder.into_inner(),
                State::Zstd(decoder) => decoder.source,
                State::Done => return Ok(0),
            };
            self.state = self.start(source)?;
        }
    }
}

/// One zstd frame. The decoder holds back a window of decoded bytes until the frame ends; where the frame breaks
/// off, an empty last block in place of the broken one makes it hand them out, and the failure follows after them.
struct Zstd<'a> {
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
