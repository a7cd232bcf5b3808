//! `report`, `export`, `verify`: what is done with a case folder.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use exfiltrace::discover::{self, Root};
use exfiltrace::emit::{self, export};
use exfiltrace::model::ledger::Entry;
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Visitor};
use exfiltrace::open::{self, DigestKind, Limits, Opening};
use exfiltrace::verify::Reopen;

use super::{Export, Report, ReportWord, Verify, resolve};

/// Writes the report of a case again.
pub fn report(args: &Report) -> Result<u8> {
    let case = export::load_case(&args.case)?;
    let (name, text) = match args.kind {
        ReportWord::Html => ("report.html", emit::report_html(&case.input())),
        ReportWord::Md => ("report.md", emit::report_markdown(&case.input())),
    };
    let path = args.case.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(0)
}

/// Hands a case to a SIEM.
pub fn export(args: &Export) -> Result<u8> {
    let case = export::load_case(&args.case)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    export::export(&args.to, &case, &mut out)?;
    out.flush()?;
    Ok(0)
}

/// Reads the cited evidence again.
pub fn verify(args: &Verify) -> Result<u8> {
    let case = export::load_case(&args.case)?;
    let moved =
        args.root.iter().map(|pair| resolve::name_and_path(pair)).collect::<Result<BTreeMap<String, PathBuf>>>()?;
    let mut roots = Vec::new();
    for (name, path) in case.roots() {
        let path = moved.get(&name).cloned().or(path);
        roots.push(Root { name: exfiltrace::model::place::decode(&name), path });
    }
    let survey = discover::survey(&roots, std::slice::from_ref(&args.case))?;
    let files = survey.files.into_iter().map(|file| (file.locator.clone(), file)).collect();
    let opening = Opening {
        limits: case.limits(),
        passwords: args.archive_password.clone(),
        work: Some(args.case.join(".work")),
        digest: DigestKind::Off,
    };
    let mut evidence = Evidence { files, opening };
    let report = exfiltrace::verify::verify(&case.claims(), &args.case, &mut evidence)?;
    write!(std::io::stdout(), "{report}")?;
    Ok(u8::from(!report.holds()))
}

/// The evidence of a case, opened again.
struct Evidence {
    files: BTreeMap<Locator, Listed>,
    opening: Opening,
}
