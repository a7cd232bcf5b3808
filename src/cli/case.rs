//! `report`, `export`, `verify`: what is done with a case folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use exfiltrace::discover::{self, Root};
use exfiltrace::emit::{self, CaseInput, LoadedCase, export};
use exfiltrace::model::ledger::{Entry, Reason};
use exfiltrace::model::place::{self, Locator};
use exfiltrace::model::rule::Level;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Visitor};
use exfiltrace::open::{self, DigestKind, Io, Limits, Opening};
use exfiltrace::verify::{self, Again, Answer, Claims, Reopen};

use super::{Export, Report, ReportWord, Verify, resolve};

/// A case, or what is in its place.
pub fn load(path: &Path) -> Result<LoadedCase> {
    let shown = path.display();
    if !path.exists() {
        bail!("{shown}: no such folder");
    }
    if !path.join("manifest.json").exists() {
        bail!("{shown} is not a case folder; `exfiltrace scan EVIDENCE --out CASE` writes one");
    }
    Ok(emit::load_case(path)?)
}

/// Writes the report of a case again.
pub fn report(args: &Report) -> Result<u8> {
    let case = load(&args.case)?;
    let findings = case.findings()?.collect::<Result<Vec<_>, _>>()?.into();
    let transfers = case.transfers()?.collect::<Result<Vec<_>, _>>()?;
    let ledger = case.ledger()?.collect::<Result<Vec<_>, _>>()?;
    let input = CaseInput {
        verdict: &case.verdict,
        findings: &findings,
        transfers: &transfers,
        coverage: &case.coverage()?,
        ledger: &ledger,
        clocks: &case.manifest.clocks,
        rules: &case.manifest.rules,
        partial: &case.partial()?,
    };
    let (name, text) = match args.kind {
        ReportWord::Html => ("report.html", emit::report_html(&input)),
        ReportWord::Md => ("report.md", emit::report_markdown(&input)),
    };
    let path = args.case.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(0)
}

/// Hands a case to a SIEM.
pub fn export(args: &Export) -> Result<u8> {
    let mut case = load(&args.case)?;
    case.min_level = args.min_level.map(Level::from);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    export::export(&args.to, &case, &mut out)?;
    out.flush()?;
    Ok(0)
}

/// Reads the cited evidence again.
pub fn verify(args: &Verify) -> Result<u8> {
    let case = load(&args.case)?;
    let findings = case.findings()?.collect::<Result<Vec<_>, _>>()?;
    let transfers = case.transfers()?.collect::<Result<Vec<_>, _>>()?;
    let ledger = case.ledger()?.collect::<Result<Vec<_>, _>>()?;
    let files: BTreeMap<String, String> =
        case.manifest.files.iter().map(|(name, file)| (name.clone(), file.sha256.clone())).collect();
    let claims = Claims { findings: &findings, transfers: &transfers, ledger: &ledger, files: &files };
    let mut evidence = Evidence::of(args, &case.manifest.roots, &ledger)?;
    let report = verify::verify(&claims, &args.case, &mut evidence)?;
    write!(std::io::stdout(), "{report}")?;
    Ok(match report.answer() {
        Answer::Holds => 0,
        Answer::DoesNotHold => 1,
        Answer::NotChecked => 2,
    })
}

/// The evidence of a case, opened again.
struct Evidence {
    files: BTreeMap<Locator, Listed>,
    /// Roots of which neither the case nor the user says where they lie.
    unplaced: BTreeSet<String>,
    opening: Opening,
}

/// The files under all roots of a case. Parts of the evidence that were scanned apart may have a root of one name in
/// several places.
fn found(roots: &[emit::RootUsed], given: &[String], case: &Path) -> Result<Vec<Listed>> {
    let moved = given.iter().map(|pair| resolve::name_and_path(pair)).collect::<Result<Vec<(String, PathBuf)>>>()?;
    if let Some((name, _)) = moved.iter().find(|(name, _)| !roots.iter().any(|root| root.name == **name)) {
        let names: Vec<&str> = roots.iter().map(|root| root.name.as_str()).collect();
        bail!("--root {name}=…: the case has no such root; it has {}", names.join(", "));
    }
    let unmoved = roots.iter().filter(|root| !moved.iter().any(|(name, _)| *name == root.name));
    let unmoved = unmoved.filter_map(|root| Some((root.name.clone(), PathBuf::from(root.path.as_ref()?))));
    let mut files = Vec::new();
    for (name, path) in unmoved.chain(moved.iter().cloned()).filter(|(_, path)| path.exists()) {
        let root = Root { name: place::decode(&name), path: Some(path) };
        files.extend(discover::survey(&[root], std::slice::from_ref(&case.to_path_buf()))?.files);
    }
    Ok(files)
}

impl Evidence {
    fn of(args: &Verify, roots: &[emit::RootUsed], ledger: &[Entry]) -> Result<Self> {
        let survey = found(roots, &args.root, &args.case)?;
        let blake3 = ledger.iter().any(|entry| entry.digest.as_deref().is_some_and(|d| d.starts_with("blake3:")));
        let is_placed = |root: &emit::RootUsed| {
            root.path.is_some()
                || args.root.iter().any(|pair| pair.split_once('=').is_some_and(|(name, _)| *name == *root.name))
        };
        Ok(Self {
            unplaced: roots.iter().filter(|root| !is_placed(root)).map(|root| root.name.to_string()).collect(),
            files: survey.into_iter().map(|file| (file.locator.clone(), file)).collect(),
            opening: Opening {
                limits: Limits { depth: 64, ratio: u64::MAX, ..Limits::default() },
                passwords: args.passwords.all()?,
                work: Some(args.case.join(".work")),
                digest: if blake3 { DigestKind::Blake3 } else { DigestKind::Sha256 },
                io: Io::Auto,
            },
        })
    }

    fn file(&self, locator: &Locator) -> Result<&Listed, String> {
        self.files
            .get(locator)
            .ok_or_else(|| "not there any more; if the evidence has moved, say where with --root NAME=PATH".to_owned())
    }
}

impl Reopen for Evidence {
    fn read(
        &mut self,
        file: &Locator,
        sources: &BTreeSet<&Locator>,
        each: &mut dyn FnMut(&Locator, &[u8]),
    ) -> Result<Again, String> {
        let root = file.as_str().split('/').next().unwrap_or_default();
        if self.unplaced.contains(root) && !self.files.contains_key(file) {
            return Ok(Again { absent: true, ..Again::default() });
        }
        let mut wanted = Wanted { sources, each, seen: BTreeSet::new(), torn: BTreeMap::new(), encrypted: Vec::new() };
        let opened = open::open_file(self.file(file)?, &self.opening, &mut wanted);
        let Wanted { seen, mut torn, encrypted, .. } = wanted;
        let mut locked = BTreeSet::new();
        for &source in sources.iter().filter(|source| !seen.contains(*source)) {
            if encrypted.iter().any(|of| of == source || source.as_str().starts_with(&format!("{of}!/"))) {
                locked.insert(source.clone());
            } else {
                torn.insert(source.clone(), "it is not in its container any more".to_owned());
            }
        }
        Ok(Again { digest: opened.digest, absent: false, torn, locked })
    }
}

/// Reads some sources of a file and passes over all others.
struct Wanted<'a> {
    sources: &'a BTreeSet<&'a Locator>,
    each: &'a mut dyn FnMut(&Locator, &[u8]),
    seen: BTreeSet<Locator>,
    torn: BTreeMap<Locator, String>,
    /// Members and containers that no given password opens.
    encrypted: Vec<Locator>,
}

impl Visitor for Wanted<'_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let source = meta.locator;
        if !self.sources.contains(&source) || !self.seen.insert(source.clone()) {
            return;
        }
        let mut buf = Vec::new();
        loop {
            buf.clear();
            match stream.fill(&mut buf, 1 << 20) {
                Ok(0) => return,
                Ok(_) => (self.each)(&source, &buf),
                Err(note) => {
                    (self.each)(&source, &buf);
                    // Damage may have been there at the scan too: verify speaks of it only where cited bytes are gone.
                    self.torn.insert(source, format!("reading stopped: {}", note.detail));
                    return;
                }
            }
        }
    }

    fn entry(&mut self, entry: Entry) {
        if entry.notes.iter().any(|note| note.reason == Reason::Encrypted) {
            self.encrypted.push(entry.source);
        }
    }
}
