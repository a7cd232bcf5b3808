//! `indicators`, `clauses`, `schema`: what the tool knows, without evidence.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use exfiltrace::emit;
use exfiltrace::indicators::{Builder, Refusal, Repeat};
use exfiltrace::judge::CLAUSES;
use exfiltrace::model::indicator::Feed;
use exfiltrace::model::words::counted;

use super::{Indicators, feeds, printable};

/// `indicators check` and `indicators compile`.
pub fn indicators(command: &Indicators) -> Result<u8> {
    match command {
        Indicators::Check { feeds, warninglists } => check(feeds, warninglists),
        Indicators::Compile { feeds, out } => compile(feeds, out),
    }
}

fn check(paths: &[PathBuf], lists: &[PathBuf]) -> Result<u8> {
    let warninglists = feeds::warninglists(lists)?;
    let mut builder = Builder::new();
    feeds::gather(paths, &mut builder)?;
    let repeats = builder.repeats();
    let remarks = builder.remarks().to_vec();
    let (indicators, refusals) = builder.finish();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for refusal in refusals.iter().chain(&remarks) {
        writeln!(out, "{}", refused(refusal))?;
    }
    repeats.iter().try_for_each(|repeat| writeln!(out, "{}", repeated(repeat, &indicators.feeds)))?;
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut warned = 0u64;
    for indicator in indicators.list.iter() {
        *kinds.entry(indicator.kind.word()).or_default() += 1;
        let on = warninglists.of(indicator.kind, indicator.value);
        if !on.is_empty() {
            warned += 1;
            let text = format!("{} {:?}: on {}", indicator.kind.word(), indicator.value, on.join(", "));
            writeln!(out, "{}", printable(&text))?;
        }
    }
    for (kind, count) in kinds {
        writeln!(out, "{count:>9}  {kind}")?;
    }
    let (count, refused) = (indicators.list.len(), indicators.feeds.iter().map(|feed| feed.refused).sum::<u64>());
    writeln!(
        out,
        "{count:>9}  in all, {refused} refused, {} given more than once, {warned} on a warninglist",
        repeats.len()
    )?;
    out.flush()?;
    feeds::warn_of_barren(&indicators, usize::MAX);
    Ok(u8::from(feeds::barren(&indicators).next().is_some()))
}

fn compile(paths: &[PathBuf], to: &Path) -> Result<u8> {
    let mut builder = Builder::new();
    feeds::gather(paths, &mut builder)?;
    let (indicators, refusals) = builder.finish();
    feeds::write(&indicators, to)?;
    refusals.iter().for_each(|refusal| anstream::eprintln!("refused: {}", refused(refusal)));
    feeds::warn_of_barren(&indicators, usize::MAX);
    let (count, feeds) = (indicators.list.len() as u64, indicators.feeds.len() as u64);
    let text = format!(
        "{} of {} in {}; refused: {}",
        counted(count, "indicator", "indicators"),
        counted(feeds, "feed", "feeds"),
        to.display(),
        refusals.len()
    );
    writeln!(std::io::stdout().lock(), "{}", printable(&text))?;
    Ok(u8::from(feeds::barren(&indicators).next().is_some()))
}

fn refused(refusal: &Refusal) -> String {
    let Refusal { file, line, value, reason } = refusal;
    printable(&format!("{file}:{line}: {value:?}: {reason}"))
}

/// Where a value stands first, what it is, and where it stands again. A compiled feed does not tell lines.
fn repeated(repeat: &Repeat, feeds: &[Feed]) -> String {
    let place = |(feed, line): &(u32, u32)| {
        let name = feeds.get(*feed as usize).map_or("?", |feed| feed.name.as_str());
        if *line == 0 { name.to_owned() } else { format!("{name}:{line}") }
    };
    let places: Vec<String> = repeat.places.iter().map(place).collect();
    let (first, again) = places.split_first().expect("what is given more than once has places");
    printable(&format!("{first}: {:?}: given again: {}", repeat.value, again.join(", ")))
}

/// `clauses`.
pub fn clauses() -> Result<u8> {
    let mut out = std::io::stdout().lock();
    for clause in CLAUSES {
        writeln!(out, "{}  {}", clause.id, clause.text)?;
    }
    Ok(0)
}

/// `schema`.
pub fn schema(name: Option<&str>) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    let Some(name) = name else {
        for (name, _) in emit::schema::SCHEMAS {
            writeln!(out, "{name}")?;
        }
        return Ok(0);
    };
    match emit::schema::SCHEMAS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => out.write_all(text.as_bytes())?,
        None => bail!("{name}: no such schema; `exfiltrace schema` lists them"),
    }
    Ok(0)
}
