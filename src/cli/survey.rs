//! `exfiltrace survey`: the listing of all evidence, which the shards of one scan share.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use exfiltrace::emit::json;
use exfiltrace::model::source::{Survey, SurveyFile};
use exfiltrace::open::{DigestKind, Io, Limits, Opening};
use exfiltrace::scan;

use super::{SurveyArgs, resolve};

/// Prints the survey.
pub fn survey(args: &SurveyArgs) -> Result<u8> {
    let roots = resolve::roots(&args.evidence, &args.root)?;
    if roots.iter().any(|root| root.path.is_none()) {
        bail!("standard input cannot be listed");
    }
    let opening =
        Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Off, io: Io::Auto };
    let survey = scan::survey(&roots, &[], &opening)?;
    let loss = survey.skipped.iter().any(exfiltrace::model::ledger::Entry::has_loss);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    json::pretty(&mut out, &SurveyFile::of(survey))?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(u8::from(loss))
}

/// Reads what [`survey`] printed.
pub fn read(path: &Path) -> Result<Survey> {
    let text = std::fs::read(path).with_context(|| format!("--survey {}: cannot be read", path.display()))?;
    let Ok(file) = serde_json::from_slice::<SurveyFile>(&text) else {
        bail!("--survey {}: not what `exfiltrace survey EVIDENCE` prints", path.display());
    };
    if file.schema != SurveyFile::SCHEMA {
        bail!("--survey {}: of schema {:?}, not {}", path.display(), file.schema, SurveyFile::SCHEMA);
    }
    Ok(file.survey)
}
