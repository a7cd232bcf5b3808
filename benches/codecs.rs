//! The codecs of compressed logs, as writers of them: what benches scan is made here.

use std::io::Write;

/// Decoded text to what lies on the disk.
pub type Encode = fn(&[u8]) -> Vec<u8>;

/// Each codec by the end of its files' names.
pub const ALL: [(&str, Encode); 4] = [("gz", gzip), ("zst", zstd), ("bz2", bzip2), ("xz", xz)];

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).expect("memory takes all");
    out.finish().expect("memory takes all")
}

pub fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    out.write_all(text).expect("memory takes all");
    out.finish().expect("memory takes all")
}

pub fn xz(text: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).expect("a preset is sound");
    out.write_all(text).expect("memory takes all");
    out.finish().expect("memory takes all")
}

pub fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}
