//! What tells that two sources hold the same bytes.

use highway::{HighwayHash, HighwayHasher, Key};
use sha2::{Digest, Sha256};

use super::copies::{HEAD_BYTES, LATE};
use crate::open::DigestKind;
use crate::plan::Plan;

/// Digest of decoded bytes, so that a source that is delivered twice is known again.
pub(super) enum Content {
    /// That of the file as stored.
    Stored,
    /// Told after all is read, where another source has the same length and begins alike: by the secret of this run, over so many
    /// bytes so far.
    Late(Box<HighwayHasher>, usize),
    /// By the secret of this run.
    Keyed(Box<HighwayHasher>),
    /// SHA-256.
    Sha256(Box<Sha256>),
    /// BLAKE3.
    Blake3(Box<blake3::Hasher>),
}

impl Content {
    /// The cheapest by which copies are known and that nobody can meet on purpose. `is_plain`: the bytes are those of the file.
    pub(super) fn of(plan: &Plan, is_plain: bool) -> Self {
        match (plan.opening.digest, plan.run_secret) {
            (DigestKind::Sha256 | DigestKind::Blake3, _) if is_plain => Self::Stored,
            (DigestKind::Off, Some(secret)) if is_plain => Self::Late(Box::new(HighwayHasher::new(Key(secret))), 0),
            (DigestKind::Sha256, _) => Self::Sha256(Box::default()),
            (DigestKind::Off, Some(secret)) => Self::Keyed(Box::new(HighwayHasher::new(Key(secret)))),
            (DigestKind::Blake3 | DigestKind::Off, _) => Self::Blake3(Box::default()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Stored => {}
            Self::Late(hasher, taken) => {
                let more = &bytes[..bytes.len().min(HEAD_BYTES - *taken)];
                if !more.is_empty() {
                    hasher.append(more);
                    *taken += more.len();
                }
            }
            Self::Keyed(hasher) => hasher.append(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    /// The digest with the name of its kind; `None` where it is that of the file.
    pub(super) fn finish(self) -> Option<Box<str>> {
        let digest = match self {
            Self::Stored => return None,
            Self::Late(hasher, _) => format!("{LATE}{}", keyed_name(*hasher)).into(),
            Self::Keyed(hasher) => keyed_name(*hasher),
            Self::Sha256(hasher) => format!("sha256:{}", hex(&hasher.finalize())).into(),
            Self::Blake3(hasher) => format!("blake3:{}", hasher.finalize().to_hex()).into(),
        };
        Some(digest)
    }
}

/// Content by the secret of this run.
pub(super) fn keyed_name(hasher: HighwayHasher) -> Box<str> {
    let bytes: Vec<u8> = hasher.finalize256().iter().flat_map(|word| word.to_be_bytes()).collect();
    format!("run:{}", hex(&bytes)).into()
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a String cannot fail");
        out
    })
}
