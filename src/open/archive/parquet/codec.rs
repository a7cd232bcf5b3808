//! The compression of pages.

use std::io::Read;

/// How a page is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Plain,
    Snappy,
    Gzip,
    Brotli,
    /// Of Hadoop, or of writers that took it for plain blocks.
    Lz4,
    Zstd,
    Lz4Raw,
}

impl Codec {
    /// The codec of a number in the file, else its name.
    pub(super) fn of(number: i64) -> Result<Self, String> {
        Ok(match number {
            0 => Self::Plain,
            1 => Self::Snappy,
            2 => Self::Gzip,
            3 => return Err("LZO".to_owned()),
            4 => Self::Brotli,
            5 => Self::Lz4,
            6 => Self::Zstd,
            7 => Self::Lz4Raw,
            other => return Err(format!("codec {other}")),
        })
    }

    /// The bytes of a page, which says that it has `size` of them; `None` where it has not.
    pub(super) fn decode(self, stored: Vec<u8>, size: usize) -> Option<Vec<u8>> {
        if size == 0 {
            return Some(Vec::new());
        }
        let decoded = match self {
            Self::Plain => Some(stored),
            Self::Snappy => {
                if snap::raw::decompress_len(&stored).ok()? != size {
                    return None;
                }
                snap::raw::Decoder::new().decompress_vec(&stored).ok()
            }
            Self::Gzip => whole(&mut flate2::read::MultiGzDecoder::new(&stored[..]), size),
            Self::Brotli => whole(&mut brotli_decompressor::Decompressor::new(&stored[..], 4096), size),
            Self::Zstd => whole(&mut ruzstd::decoding::StreamingDecoder::new(&stored[..]).ok()?, size),
            Self::Lz4Raw => lz4_flex::block::decompress(&stored, size).ok(),
            Self::Lz4 => hadoop(&stored, size).or_else(|| lz4_flex::block::decompress(&stored, size).ok()),
        };
        decoded.filter(|bytes| bytes.len() == size)
    }
}

fn whole(decoder: &mut dyn Read, size: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(size);
    decoder.take(size as u64 + 1).read_to_end(&mut out).ok()?;
    Some(out)
}

/// Blocks of Hadoop: what they decode to and what they take, each in four bytes, the highest first.
fn hadoop(stored: &[u8], size: usize) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::with_capacity(size), stored);
    while !rest.is_empty() {
        let (decoded, after) = rest.split_first_chunk()?;
        let (taken, after) = after.split_first_chunk()?;
        let decoded = u32::from_be_bytes(*decoded) as usize;
        let block = after.get(..u32::from_be_bytes(*taken) as usize)?;
        if decoded > size - out.len() {
            return None;
        }
        let piece = lz4_flex::block::decompress(block, decoded).ok()?;
        if piece.len() != decoded {
            return None;
        }
        out.extend_from_slice(&piece);
        rest = &after[block.len()..];
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lz4_is_read_in_the_frames_of_hadoop_and_without() {
        let text = b"one and one and one and one and two".repeat(4);
        let (first, second) = text.split_at(50);
        let mut framed = Vec::new();
        for part in [first, second] {
            let block = lz4_flex::block::compress(part);
            framed.extend((part.len() as u32).to_be_bytes());
            framed.extend((block.len() as u32).to_be_bytes());
            framed.extend(block);
        }
        assert_eq!(Codec::Lz4.decode(framed.clone(), text.len()).as_deref(), Some(&text[..]));
        assert_eq!(Codec::Lz4.decode(lz4_flex::block::compress(&text), text.len()).as_deref(), Some(&text[..]));
        assert_eq!(Codec::Lz4.decode(framed, text.len() - 1), None);
    }
}
