//! Zones as they are typed: one for all logs that carry none, and others for those whose paths fit a glob.

use anyhow::{Context, Result, bail};
use exfiltrace::model::scopes::Zone;
use exfiltrace::scope::zone;

/// The zone of all logs that carry none; `None` where none is typed.
pub fn of_all(typed: &[String]) -> Result<Option<&str>> {
    let mut whole = typed.iter().filter(|word| !word.contains('='));
    let first = whole.next();
    if let (Some(first), Some(second)) = (first, whole.next()) {
        bail!(
            "--timezone {second}: {first} is the zone of all logs that carry none; another one is of some paths, as GLOB=ZONE"
        );
    }
    Ok(first.map(String::as_str))
}

/// The zones of single paths, in the order in which they are typed. No zone has `=` in its name.
pub fn of_paths(typed: &[String]) -> Result<Vec<Zone>> {
    let some = typed.iter().filter_map(|word| Some((word, word.rsplit_once('=')?)));
    some.map(|(word, (glob, name))| {
        zone(name).map_err(|what| anyhow::anyhow!("--timezone {word}: {what}"))?;
        globset::Glob::new(glob).with_context(|| format!("--timezone {word}: {glob} is not a glob"))?;
        if glob.is_empty() {
            bail!("--timezone {word}: expected GLOB=ZONE");
        }
        Ok(Zone { hosts: Vec::new(), paths: vec![glob.to_owned()], timezone: name.to_owned() })
    })
    .collect()
}

/// Typed globs that fit none of these paths: a slip there would leave logs in another zone without a word.
pub fn idle<'t>(typed: &'t [String], paths: &[&str]) -> Vec<&'t str> {
    let globs = typed.iter().filter_map(|word| word.rsplit_once('=')).map(|(glob, _)| glob);
    let is_idle = |glob: &&str| {
        globset::Glob::new(glob).is_ok_and(|made| {
            let made = made.compile_matcher();
            !paths.iter().any(|path| made.is_match(path))
        })
    };
    globs.filter(is_idle).collect()
}
