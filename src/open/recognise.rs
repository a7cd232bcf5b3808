//! What a stream is, by its first bytes and never by its name.

/// How many bytes [`recognise`] looks at.
pub(super) const HEAD_BYTES: usize = 4096;

/// A compressed stream of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    Xz,
    Lzma,
    Bzip2,
    Lz4,
}

impl Codec {
    /// The name used in the ledger.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
        }
    }

    /// Whether a further frame of this codec begins here.
    pub(super) fn continues(self, head: &[u8]) -> bool {
        match self {
            Self::Lzma => false,
            Self::Zstd | Self::Lz4 if is_skippable(head) => true,
            _ => codec(head) == Some(self),
        }
    }
}

/// A skippable frame of zstd and lz4: not data.
pub(super) fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A leaf.
    Plain,
    Codec(Codec),
    Tar,
    Zip,
    SevenZip,
    /// A binary journal of systemd.
    Journal,
    Parquet,
    /// A disk image: its name.
    Disk(&'static str),
    /// A memory image: its name.
    Memory(&'static str),
    /// A packet capture: its name.
    Packets(&'static str),
    /// An archive or compression that cannot be opened: its name.
    Foreign(&'static str),
}

/// Judges the first [`HEAD_BYTES`] bytes (or all there are).
pub(super) fn recognise(head: &[u8]) -> Kind {
    if let Some(codec) = codec(head) {
        return Kind::Codec(codec);
    }
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, b'P', b'K', ..] => return Kind::Zip,
        [b'P', b'K', b'0', b'0', b'P', b'K', 3, 4, ..] => return Kind::Zip,
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => return Kind::SevenZip,
        _ => {}
    }
    if head.starts_with(super::archive::journal::MAGIC) {
        return Kind::Journal;
    }
    if super::archive::parquet::begins(head) {
        return Kind::Parquet;
    }
    if crate::open::archive::tar::begins(head) {
        return Kind::Tar;
    }
    image(head).or_else(|| foreign(head)).unwrap_or(Kind::Plain)
}

fn codec(head: &[u8]) -> Option<Codec> {
    match head {
        [0x1f, 0x8b, 8, ..] => Some(Codec::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Codec::Zstd),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Codec::Xz),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Codec::Lz4),
        // pzstd begins with a skippable frame.
        head if is_skippable(head) && head.len() > 8 => {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            let next = usize::try_from(length).ok()?.checked_add(8)?;
            match head.get(next..)? {
                [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Codec::Zstd),
                [0x04, 0x22, 0x4d, 0x18, ..] => Some(Codec::Lz4),
                _ => None,
            }
        }
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Codec::Bzip2),
        head if is_lzma(head) => Some(Codec::Lzma),
        _ => None,
    }
}

/// `.lzma` has no magic: the usual properties, a dictionary that is a power of two (or one and a half of it), a size
/// that is unknown or below 256 GiB, and the zero byte with which every range coder begins.
fn is_lzma(head: &[u8]) -> bool {
    let [0x5d, a, b, c, d, size @ ..] = head else { return false };
    let dictionary = u32::from_le_bytes([*a, *b, *c, *d]);
    let Some(&size) = size.first_chunk::<8>() else { return false };
    let size = u64::from_le_bytes(size);
    let odd = dictionary >> dictionary.trailing_zeros().min(31);
    (4096..=1 << 30).contains(&dictionary)
        && (odd == 1 || odd == 3)
        && (size == u64::MAX || size < 1 << 38)
        && head.get(13) == Some(&0)
        && head.len() > 14
}

fn image(head: &[u8]) -> Option<Kind> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let boots = at(510, &[0x55, 0xaa]);
    Some(match head {
        _ if at(0, b"EVF\x09\x0d\x0a\xff\x00") || at(0, b"LVF\x09\x0d\x0a\xff\x00") || at(0, b"EVF2\x0d\x0a\x81") => {
            Kind::Disk("EnCase image")
        }
        _ if at(0, b"KDMV") || at(0, b"COWD") || at(0, b"# Disk DescriptorFile") => Kind::Disk("VMDK disk"),
        _ if at(0, b"vhdxfile") => Kind::Disk("VHDX disk"),
        _ if at(0, b"conectix") => Kind::Disk("VHD disk"),
        _ if at(0, b"QFI\xfb") => Kind::Disk("qcow2 disk"),
        _ if at(0x40, &[0x7f, 0x10, 0xda, 0xbe]) => Kind::Disk("VDI disk"),
        _ if at(512, b"EFI PART") => Kind::Disk("raw disk with a GPT"),
        _ if at(3, b"NTFS    ") && boots => Kind::Disk("NTFS volume"),
        _ if at(3, b"-FVE-FS-") && boots => Kind::Disk("BitLocker volume"),
        _ if at(82, b"FAT32   ") && boots => Kind::Disk("FAT32 volume"),
        _ if at(0, b"LUKS\xba\xbe") => Kind::Disk("LUKS volume"),
        _ if at(0x438, &[0x53, 0xef]) && head[..1024].iter().all(|&b| b == 0) => Kind::Disk("ext volume"),
        _ if boots && has_partitions(head) => Kind::Disk("raw disk with an MBR"),
        _ if at(0, b"EMiL") || at(0, b"AVML") => Kind::Memory("LiME memory image"),
        _ if at(0, b"PAGEDUMP") || at(0, b"PAGEDU64") => Kind::Memory("Windows crash dump"),
        _ if at(0, b"MDMP\x93\xa7") => Kind::Memory("Windows minidump"),
        _ if at(0, b"HIBR") || at(0, b"hibr") => Kind::Memory("Windows hibernation file"),
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, ..] | [0xa1, 0xb2, 0xc3, 0xd4, 0, 2, ..] => Kind::Packets("pcap"),
        [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, ..] | [0xa1, 0xb2, 0x3c, 0x4d, 0, 2, ..] => Kind::Packets("pcap"),
        [0x0a, 0x0d, 0x0d, 0x0a, _, _, _, _, 0x1a, 0x2b, 0x3c, 0x4d, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, _, _, _, _, 0x4d, 0x3c, 0x2b, 0x1a, ..] => Kind::Packets("pcapng"),
        _ => return None,
    })
}

/// Whether the four entries of an MBR make sense: boot flags are 0 or 0x80, at least one partition has a type, a
/// start and a length, and unused ones are all zero.
fn has_partitions(head: &[u8]) -> bool {
    let Some(table) = head.get(446..510) else { return false };
    let mut used = 0;
    for entry in table.chunks_exact(16) {
        let start = u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]]);
        let length = u32::from_le_bytes([entry[12], entry[13], entry[14], entry[15]]);
        match (entry[0], entry[4]) {
            (0, 0) if entry.iter().all(|&b| b == 0) => {}
            (0 | 0x80, 1..) if start > 0 && length > 0 => used += 1,
            _ => return false,
        }
    }
    used > 0
}

fn foreign(head: &[u8]) -> Option<Kind> {
    Some(Kind::Foreign(match head {
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => "rar",
        [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => "cab",
        [0x1f, 0x9d, 0x80..=0x9f, ..] => "compress",
        [0x02, 0x21, 0x4c, 0x18, ..] => "lz4 legacy",
        [b'L', b'Z', b'I', b'P', 1, ..] => "lzip",
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', digits @ ..]
            if digits.len() > 20 && digits[..20].iter().all(u8::is_ascii_hexdigit) =>
        {
            "cpio"
        }
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => "ar",
        [0xed, 0xab, 0xee, 0xdb, 3..=4, ..] => "rpm",
        [0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', ..] => "snappy",
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_a_little_like_a_container_is_a_leaf() {
        for head in [
            &b"BZh9 is not bzip2"[..],
            b"PK for short",
            b"PAR1 of two\n",
            b"]\0\0 text",
            b"7z",
            b"ustar",
            b"070701 rows",
            b"\x1f\x8b",
        ] {
            assert_eq!(recognise(head), Kind::Plain, "{head:?}");
        }
    }

    #[test]
    fn a_boot_signature_alone_is_no_disk() {
        let mut head = vec![b'x'; 4096];
        head[510] = 0x55;
        head[511] = 0xaa;
        assert_eq!(recognise(&head), Kind::Plain);
    }

    #[test]
    fn lzma_is_told_by_its_header_as_a_whole() {
        let head = b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0abc";
        assert_eq!(recognise(head), Kind::Codec(Codec::Lzma));
        let mut other = *head;
        other[13] = 1;
        assert_eq!(recognise(&other), Kind::Plain);
    }
}
