//! Archives: many members in one stream or file.

use std::collections::BTreeSet;

pub(super) mod front;
pub(super) mod journal;
mod local;
pub(super) mod parquet;
pub(super) mod sevenz;
pub(super) mod tar;
pub(super) mod zip;

use crate::model::ledger::{Note, Reason};

/// Member names as used in locators: told apart where the archive repeats a name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// 128 bits of a digest of each name given out: bounded memory for names of any length.
    given: BTreeSet<[u8; 16]>,
}

impl Names {
    /// The name itself at its first occurrence, later `name#2`, `name#3`, ….
    pub(super) fn distinct(&mut self, name: &[u8]) -> Vec<u8> {
        let mut name = name;
        while let Some(rest) = name.strip_prefix(b"./") {
            name = rest;
        }
        let name = if name.is_empty() { b"unnamed" } else { name };
        let mut distinct = name.to_vec();
        let mut occurrence = 1u64;
        while !self.given.insert(short_digest(&distinct)) {
            occurrence += 1;
            distinct = name.to_vec();
            distinct.extend_from_slice(format!("#{occurrence}").as_bytes());
        }
        distinct
    }
}

fn short_digest(name: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(name).as_bytes()[..16]);
    short
}

/// The remark for a member whose name is not UTF-8.
fn name_note(name: &[u8]) -> Option<Note> {
    let detail = "the member's name is not UTF-8 and is shown percent-encoded";
    std::str::from_utf8(name).is_err().then(|| Note::new(Reason::NameNotUtf8, detail))
}
