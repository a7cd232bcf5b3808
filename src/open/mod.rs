//! Evidence → plain bytes: files, compressed streams, archives and any nesting of them.

use std::io::Read;
use std::path::PathBuf;

use crate::model::ledger::{Note, Reason};
use crate::model::place::Locator;
use crate::model::source::{Listed, SourceMeta, Stream, Visitor};

/// How the custody digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestKind {
    /// SHA-256.
    Sha256,
    /// BLAKE3.
    Blake3,
    /// None.
    Off,
}

/// What a container may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Containers inside containers.
    pub depth: u32,
    /// Decoded bytes per stored byte.
    pub ratio: u64,
    /// Members of one evidence file, at all levels.
    pub members: u64,
    /// Decoded bytes of one member.
    pub member_bytes: u64,
    /// Largest container kept in memory.
    pub max_buffered_member: u64,
    /// Largest decoder window.
    pub window_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            ratio: 1000,
            members: 1_000_000,
            member_bytes: 1 << 40,
            max_buffered_member: 256 << 20,
            window_bytes: 128 << 20,
        }
    }
}

/// How evidence is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Limits.
    pub limits: Limits,
    /// Passwords to try.
    pub passwords: Vec<String>,
    /// Folder for spilled containers.
    pub work: Option<PathBuf>,
    /// Custody digest.
    pub digest: DigestKind,
}

/// What is known of an evidence file after it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// `sha256:<hex>` of the stored bytes.
    pub digest: Option<String>,
    /// Stored bytes.
    pub size: u64,
}

/// Opens one evidence file.
pub fn open_file(file: &Listed, _opening: &Opening, visitor: &mut dyn Visitor) -> Opened {
    let mut reader: Box<dyn Read> = match &file.path {
        None => Box::new(std::io::stdin()),
        Some(path) => match std::fs::File::open(path) {
            Ok(file) => Box::new(file),
            Err(_) => return Opened { digest: None, size: 0 },
        },
    };
    let meta = SourceMeta {
        locator: file.locator.clone(),
        evidence: file.locator.clone(),
        mtime: file.mtime,
        size: Some(file.size),
    };
    visitor.leaf(meta, &mut Thin(&mut *reader));
    Opened { digest: None, size: file.size }
}

/// Opens bytes in memory.
pub fn open_bytes(name: Locator, bytes: &[u8], _opening: &Opening, visitor: &mut dyn Visitor) {
    let meta = SourceMeta { locator: name.clone(), evidence: name, mtime: None, size: Some(bytes.len() as u64) };
    visitor.leaf(meta, &mut Thin(&mut &bytes[..]));
}

struct Thin<'a>(&'a mut dyn Read);

impl Stream for Thin<'_> {
    fn fill(&mut self, buf: &mut Vec<u8>, want: usize) -> Result<usize, Note> {
        let read = (&mut *self.0).take(want as u64).read_to_end(buf);
        read.map_err(|cause| Note::new(Reason::Unreadable, cause.to_string()))
    }

    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}
