//! An evidence file as stored: opened read-only, hashed once in order.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;

use sha2::Digest;

use super::DigestKind;

/// Opens a regular file for reading only, without blocking on a FIFO, without becoming its terminal and, where the
/// system lets us, without touching its access time.
///
/// # Errors
/// The system's refusal, or something that is no regular file.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let quiet = libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(quiet | libc::O_NOATIME).open(path);
    let file = match opened {
        Err(cause) if cause.raw_os_error() == Some(libc::EPERM) => {
            OpenOptions::new().read(true).custom_flags(quiet).open(path)?
        }
        other => other?,
    };
    if !file.metadata()?.file_type().is_file() {
        return Err(io::Error::other("is no longer a regular file"));
    }
    Ok(file)
}

/// The custody digest in the making.
enum Lane {
    Sha256(Box<sha2::Sha256>),
    Blake3(Box<blake3::Hasher>),
    Off,
}

/// Hands bytes on and hashes them in the order in which they are stored.
pub(super) struct Custody<'a> {
    inner: &'a mut dyn Read,
    lane: Lane,
    count: Rc<Cell<u64>>,
}

impl<'a> Custody<'a> {
    pub(super) fn new(inner: &'a mut dyn Read, kind: DigestKind) -> Self {
        let lane = match kind {
            DigestKind::Sha256 => Lane::Sha256(Box::default()),
            DigestKind::Blake3 => Lane::Blake3(Box::default()),
            DigestKind::Off => Lane::Off,
        };
        Self { inner, lane, count: Rc::default() }
    }

    /// Bytes read so far; keeps counting.
    pub(super) fn count(&self) -> Rc<Cell<u64>> {
        self.count.clone()
    }

    /// The digest of what was read, with the name of its kind in front.
    pub(super) fn digest(self) -> Option<String> {
        match self.lane {
            Lane::Sha256(hasher) => Some(format!("sha256:{}", hex(&hasher.finalize()))),
            Lane::Blake3(hasher) => Some(format!("blake3:{}", hasher.finalize().to_hex())),
            Lane::Off => None,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Read for Custody<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        match &mut self.lane {
            Lane::Sha256(hasher) => hasher.update(&out[..read]),
            Lane::Blake3(hasher) => {
                hasher.update(&out[..read]);
            }
            Lane::Off => {}
        }
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}
