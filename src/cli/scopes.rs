//! The scopes file and the clocks that it and the command line give.

use anyhow::{Context, Result, bail};
use exfiltrace::format;
use exfiltrace::model::layout::HostClock;
use exfiltrace::model::scopes::{Scope, Scopes};
use exfiltrace::plan::Clocks;
use jiff::tz::TimeZone;

use super::Scan;

/// Kinds of log that `[[expect]] source` may name, beside the formats.
const KINDS: &[&str] = &["proxy", "firewall", "flow", "web", "dns", "cloud", "mail", "windows"];

/// The scopes file with the networks of the command line.
pub fn read(args: &Scan) -> Result<Scopes> {
    let mut scopes = match &args.scopes {
        None => Scopes::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let json = text.trim_start().starts_with('{');
            let parsed = if json {
                serde_json::from_str(&text).map_err(anyhow::Error::from)
            } else {
                toml::from_str(&text).map_err(anyhow::Error::from)
            };
            parsed.with_context(|| format!("{} is not a scopes file", path.display()))?
        }
    };
    for expect in &scopes.expect {
        let word = expect.source.to_ascii_lowercase();
        if !KINDS.contains(&&*word) && !format::list().any(|format| format.name() == word) {
            let formats: Vec<&str> = format::list().map(|format| format.name()).collect();
            bail!(
                "[[expect]] source {:?} is no kind of log; the kinds are {}, and the formats {}",
                expect.source,
                KINDS.join(", "),
                formats.join(", ")
            );
        }
    }
    if !args.own.is_empty() {
        scopes.scope.push(Scope { name: "own".to_owned(), cidr: args.own.clone(), ..Scope::default() });
    }
    Ok(scopes)
}

/// The clock of each log that carries no zone.
pub fn clocks(args: &Scan, scopes: &Scopes) -> Result<Clocks> {
    let word = args.timezone.as_deref().or(scopes.timezone.as_deref());
    let (mut by_path, mut by_host) = (Vec::new(), Vec::new());
    for entry in &scopes.zone {
        let zone = zone(&entry.timezone)?;
        for host in &entry.hosts {
            let glob = globset::GlobBuilder::new(host).case_insensitive(true).build();
            let glob = glob.with_context(|| format!("[[zone]] {host}: not a glob"))?;
            by_host.push(HostClock { hosts: glob.compile_matcher(), zone: zone.clone() });
        }
        let in_paths = entry.hosts.iter().map(|host| format!("**{host}**"));
        for pattern in entry.paths.iter().cloned().chain(in_paths) {
            let glob = globset::Glob::new(&pattern).with_context(|| format!("[[zone]] {pattern}: not a glob"))?;
            by_path.push((glob.compile_matcher(), zone.clone()));
        }
    }
    let default = word.map(zone).transpose()?.unwrap_or(TimeZone::UTC);
    Ok(Clocks { zone: default, given: word.is_some(), by_path, by_host: by_host.into() })
}

/// Clocks on Earth go from 12 hours behind UTC to 14 hours ahead of it.
const OFFSET_MINUTES: std::ops::RangeInclusive<i32> = -12 * 60..=14 * 60;

/// A zone by IANA name or as an offset (`+01:00`).
fn zone(word: &str) -> Result<TimeZone> {
    if let Ok(zone) = TimeZone::get(word) {
        return Ok(zone);
    }
    let (sign, rest) = match (word.strip_prefix('+'), word.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => bail!("{word}: not a time zone; give an IANA name (Europe/London) or an offset (+01:00)"),
    };
    let digits = rest.replacen(':', "", 1);
    let number = match digits.len() {
        1..=4 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<i32>().ok(),
        _ => None,
    };
    let number = number.with_context(|| format!("{word}: not an offset like +01:00"))?;
    let (hours, minutes) = if digits.len() <= 2 { (number, 0) } else { (number / 100, number % 100) };
    let total = sign * (hours * 60 + minutes);
    if minutes > 59 || !OFFSET_MINUTES.contains(&total) {
        bail!("{word}: no clock has this offset; they go from -12:00 to +14:00");
    }
    Ok(TimeZone::fixed(jiff::tz::Offset::from_seconds(total * 60).context("within a day")?))
}
