//! Digests that suppliers gave for files of the evidence (`--hashes`).

use std::path::Path;

use anyhow::{Context, Result};
use exfiltrace::emit::Supplied;
use exfiltrace::model::ledger::{Entry, EntryKind, Note, Reason};
use exfiltrace::model::place::Locator;
use exfiltrace::open::DigestKind;

/// Reads `sha256sum` output.
pub fn read(path: &Path) -> Result<Vec<Supplied>> {
    let text = std::fs::read(path).with_context(|| format!("--hashes {}: cannot be read", path.display()))?;
    let mut supplied = Vec::new();
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let at = || format!("--hashes {}:{}", path.display(), number + 1);
        // A name with a line break or backslash stands escaped, and the line begins with a backslash.
        let (escaped, line) = line.strip_prefix(b"\\").map_or((false, line), |line| (true, line));
        let end = line.iter().position(|b| matches!(b, b' ' | b'\t'));
        let (digest, name) = line.split_at(end.with_context(|| format!("{}: expected DIGEST  NAME", at()))?);
        if digest.len() != 64 || !digest.iter().all(u8::is_ascii_hexdigit) {
            anyhow::bail!("{}: {} is not a SHA-256 or BLAKE3 digest", at(), digest.escape_ascii());
        }
        let name = name.trim_ascii_start();
        let name = name.strip_prefix(b"*").unwrap_or(name);
        let name = if escaped { unescaped(name) } else { name.to_vec() };
        let name = Locator::root(name.strip_prefix(b"./").unwrap_or(&name));
        supplied.push(Supplied { digest: String::from_utf8_lossy(digest).to_ascii_lowercase(), name });
    }
    Ok(supplied)
}

/// The name that `sha256sum` wrote with `\\`, `\n` and `\r` in it.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => plain.push(b'\n'),
                Some(b'r') => plain.push(b'\r'),
                other => plain.extend(other),
            },
            other => plain.push(*other),
        }
    }
    plain
}

/// Compares what the supplier gave with what was read. A supplied name fits a file whose locator ends with it.
pub fn check(ledger: &mut Vec<Entry>, supplied: &[Supplied], kind: DigestKind) {
    let mut missing = Vec::new();
    for Supplied { digest, name } in supplied {
        let below = format!("/{name}");
        let mut found = false;
        for entry in ledger.iter_mut().filter(|entry| {
            entry.source == entry.evidence && (entry.source == *name || entry.source.as_str().ends_with(&below))
        }) {
            found = true;
            let read = entry.digest.as_deref().and_then(|d| d.split_once(':')).map(|(_, hex)| hex);
            if read != Some(digest.as_str()) {
                let detail = match read {
                    Some(read) => format!("the supplier states {digest}, the file has {read}"),
                    None => format!("the supplier states {digest}, but nothing was hashed ({kind:?})"),
                };
                entry.notes.push(Note::new(Reason::DigestMismatch, detail));
                entry.notes.sort();
            }
        }
        if !found {
            missing.push((digest, name));
        }
    }
    for (digest, name) in missing {
        let mut entry = Entry::new(EntryKind::Skipped, name.clone(), name.clone());
        entry.notes.push(Note::new(
            Reason::DigestMismatch,
            format!("the supplier states {digest} for a file that is not in the evidence"),
        ));
        ledger.push(entry);
    }
    ledger.sort_by(|a, b| (&a.source, a.kind).cmp(&(&b.source, b.kind)));
}
