//! The scopes file and the clocks that it and the command line give.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use exfiltrace::error::Error;
use exfiltrace::format;
use exfiltrace::model::layout::HostClock;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::whose::{Whose, address};
use exfiltrace::model::words::counted;
use exfiltrace::plan::Clocks;
use exfiltrace::scope::{self, zone};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{FirstWord, Scan, Scopes as Command, printable, zones};

/// Kinds of log that `[[expect]] source` may name, beside the formats.
const KINDS: &[&str] = &["proxy", "firewall", "flow", "web", "dns", "cloud", "mail", "windows"];

/// A scopes file in which every key stands with its meaning.
const EXAMPLE: &str = include_str!("scopes-example.toml");

/// `scopes check` and `scopes example`.
pub fn scopes(command: &Command) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    match command {
        Command::Example => out.write_all(EXAMPLE.as_bytes())?,
        Command::Check { file } => {
            let scopes = read_file(file)?;
            let whose = scope::compile(&scopes).map_err(|fault| placed(file, fault))?;
            clocks_of(None, &scopes).with_context(|| file.display().to_string())?;
            let parts = [
                (scopes.scope.len(), "scope"),
                (scopes.host.len(), "host"),
                (scopes.zone.len(), "zone"),
                (scopes.sanctioned.len(), "sanctioned transfer"),
                (scopes.expect.len(), "promised log"),
                (scopes.fact.len(), "fact"),
            ];
            let parts: Vec<String> =
                parts.iter().map(|(n, what)| counted(*n as u64, what, &format!("{what}s"))).collect();
            writeln!(out, "{}: can be used: {}", printable(&file.display().to_string()), parts.join(", "))?;
            match whose.own.len() {
                0 => writeln!(out, "no network is named: private addresses count as inside")?,
                1 => writeln!(out, "1 network or address is inside, all others outside")?,
                own => writeln!(out, "{own} networks and addresses are inside, all others outside")?,
            }
        }
    }
    Ok(0)
}

/// The scopes file with the networks of the command line.
pub fn read(args: &Scan) -> Result<Scopes> {
    let mut scopes = args.scopes.as_deref().map(read_file).transpose()?.unwrap_or_default();
    scopes.own.extend(args.own.iter().cloned());
    Ok(scopes)
}

/// The scopes compiled; what cannot be used is told with the file or the flag that says it.
pub fn compile(args: &Scan, scopes: &Scopes) -> Result<Whose> {
    if let Some(text) = args.own.iter().find(|text| text.parse::<ipnet::IpNet>().is_err() && address(text).is_none()) {
        bail!("--own {text}: expected a network as 192.0.2.0/24, or an address");
    }
    let file = args.scopes.as_deref().unwrap_or(Path::new("--own"));
    scope::compile(scopes).map_err(|fault| placed(file, fault))
}

/// Reads a file of the user's as TOML or as JSON. `example` is the command that shows every key.
pub fn read_as<T: DeserializeOwned>(path: &Path, example: &str) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parsed = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|fault| {
            let at = format!(" at line {} column {}", fault.line(), fault.column());
            let what = fault.to_string().replace(&at, "");
            invalid(path, (fault.line(), fault.column()), &what, example)
        })
    } else {
        toml::from_str(&text).map_err(|fault| {
            let at = fault.span().map_or((1, 1), |span| line_and_column(&text, span.start));
            invalid(path, at, fault.message(), example)
        })
    };
    Ok(parsed?)
}

/// Reads a scopes file.
fn read_file(path: &Path) -> Result<Scopes> {
    let scopes: Scopes = read_as(path, "exfiltrace scopes example")?;
    for (index, expect) in scopes.expect.iter().enumerate() {
        let word = expect.source.to_ascii_lowercase();
        if !KINDS.contains(&&*word) && !format::list().any(|format| format.name() == word) {
            let formats: Vec<&str> = format::list().map(|format| format.name()).collect();
            let what = format!(
                "[[expect]] source {:?} is no kind of log; the kinds are {}, and the formats {}",
                expect.source,
                KINDS.join(", "),
                formats.join(", ")
            );
            return Err(placed(path, Error::Scopes { part: "expect", index, value: expect.source.clone(), what }));
        }
    }
    Ok(scopes)
}

/// A fault of the reader with its place. A key that is not known is told with the known one that is nearest.
fn invalid(path: &Path, (line, column): (usize, usize), what: &str, example: &str) -> Error {
    let quoted: Vec<&str> = what.split('`').skip(1).step_by(2).collect();
    let what = match quoted.split_first() {
        Some((key, known)) if what.starts_with("unknown field") => {
            let meant = nearest(key, known).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            format!("no key {key:?} here{meant} The keys are {}", known.join(", "))
        }
        _ => format!("{}; `{example}` shows every key", what.trim_end().replace('\n', " ")),
    };
    Error::Invalid { file: path.display().to_string(), line: line as u64, column: column as u64, what }
}

/// A fault with a value, told with the file and, where it is TOML, the place of the value or of the entry that lacks it.
pub fn placed(path: &Path, fault: Error) -> anyhow::Error {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match fault {
        Error::Scopes { part, index, value, what } => match place(&text, part, index, &value) {
            Some((line, column)) => Error::Invalid { file, line: line as u64, column: column as u64, what }.into(),
            None => anyhow::anyhow!("{file}: {what}"),
        },
        other => anyhow::Error::new(other).context(file),
    }
}

/// Line and column of a value in the `index`th part of this name; those of the part where the value is not in it.
fn place(text: &str, part: &str, index: usize, value: &str) -> Option<(usize, usize)> {
    let document = DeTable::parse(text).ok()?;
    let (_, parts) = document.get_ref().iter().find(|(key, _)| key.get_ref() == part)?;
    let entry = match parts.get_ref() {
        DeValue::Array(list) if list.iter().all(|entry| matches!(entry.get_ref(), DeValue::Table(_))) => {
            list.get(index)?
        }
        _ => parts,
    };
    let start = start_of(entry, value).unwrap_or(entry.span().start);
    Some(line_and_column(text, start))
}

/// The byte at which a string stands in a value or in what lies in it.
fn start_of(within: &Spanned<DeValue<'_>>, wanted: &str) -> Option<usize> {
    match within.get_ref() {
        DeValue::String(text) => (text == wanted).then_some(within.span().start),
        DeValue::Array(list) => list.iter().find_map(|item| start_of(item, wanted)),
        DeValue::Table(table) => table.iter().find_map(|(_, value)| start_of(value, wanted)),
        _ => None,
    }
}

/// Line and column, from 1, of a byte.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The known key that the fewest changes of letters lead to; none where half of it would have to change.
pub fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let (changes, near) = known.iter().map(|known| (distance(key, known), *known)).min()?;
    (changes * 2 <= key.chars().count().max(near.len())).then_some(near)
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, of_a) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], n + 1);
        for (m, of_b) in b.iter().enumerate() {
            let change = corner + usize::from(of_a != *of_b);
            corner = row[m + 1];
            row[m + 1] = change.min(corner + 1).min(row[m] + 1);
        }
    }
    row[b.len()]
}

/// The clock of each log that carries no zone.
pub fn clocks(args: &Scan, scopes: &Scopes) -> Result<Clocks> {
    let typed =
        zones::of_all(&args.timezone)?.map(|word| zone(word).map_err(|what| anyhow::anyhow!("--timezone {what}")));
    let file = args.scopes.as_deref().unwrap_or(Path::new("--scopes"));
    let clocks = clocks_of(typed.transpose()?, scopes).with_context(|| file.display().to_string())?;
    Ok(Clocks { day_first: args.date_order.map(|first| first == FirstWord::Day), ..clocks })
}

/// The clocks of a scopes file, before whose `timezone` the one that was typed goes.
fn clocks_of(typed: Option<TimeZone>, scopes: &Scopes) -> Result<Clocks> {
    let told = scopes.timezone.as_deref().map(|word| zone(word).map_err(|what| anyhow::anyhow!("timezone: {what}")));
    let default = typed.or(told.transpose()?);
    let (mut by_path, mut by_host) = (Vec::new(), Vec::new());
    for entry in &scopes.zone {
        let zone = zone(&entry.timezone).map_err(|what| anyhow::anyhow!("[[zone]]: {what}"))?;
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
    let given = default.is_some();
    Ok(Clocks { zone: default.unwrap_or(TimeZone::UTC), given, by_path, by_host: by_host.into(), day_first: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named_and_nothing_far_is() {
        let known = ["name", "title", "cidr", "hosts"];
        assert_eq!(nearest("cidrs", &known), Some("cidr"));
        assert_eq!(nearest("nmae", &known), Some("name"));
        assert_eq!(nearest("networks", &known), None);
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("kitten", "sitting")), (3, 0, 3));
    }

    #[test]
    fn places_are_counted_from_one_and_in_characters() {
        assert_eq!(line_and_column("ab", 1), (1, 2));
        assert_eq!(line_and_column("a\né=x", 5), (2, 3));
        assert_eq!(line_and_column("a", 9), (1, 2));
    }
}
