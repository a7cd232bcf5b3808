//! The facts of a run: the only part of a case that differs between runs.

use exfiltrace::detect::Program;
use exfiltrace::emit::only::Only;
use exfiltrace::emit::{ClocksUsed, Machine, Manifest, MemoryUsed, RejectedRule, RootUsed, RulesUsed};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::time::Instant;
use exfiltrace::worker::Stats;
use sha2::{Digest, Sha256};

use super::resolve::Resolved;
use super::{Scan, zones};

/// What replaces a secret.
const MASK: &str = "********";

/// The manifest of a scan, as far as it is known when all is judged; `write_case` adds the digests of the files.
pub fn manifest(args: &Scan, resolved: &Resolved, stats: &Stats, started: Instant) -> Manifest {
    let plan = &resolved.plan;
    let roots = plan.roots.iter().map(|root| RootUsed {
        name: exfiltrace::model::place::Locator::root(&root.name).to_string(),
        path: root
            .path
            .as_ref()
            .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()),
    });
    Manifest {
        arguments: masked(typed()),
        roots: roots.collect(),
        machine: machine(),
        threads: u32::try_from(plan.threads).unwrap_or(u32::MAX),
        rules: rules(args, resolved, stats),
        feeds: plan.indicators.feeds.clone(),
        clocks: clocks(args, &plan.scopes),
        memory: MemoryUsed { limit: args.limits.max_memory.bytes, held: None },
        ..Manifest::new(env!("CARGO_PKG_VERSION"), started, started)
    }
}

/// Leaves out of the manifest what the command line, the folders and the scopes file say of other scopes.
pub fn hand_on(manifest: &mut Manifest, scope: &str, only: &Only) {
    manifest.only_scope = Some(scope.to_owned());
    manifest.arguments = ["exfiltrace", "--only-scope", scope].map(str::to_owned).to_vec();
    manifest.roots.retain(|root| {
        let below = format!("{}/", root.name);
        only.ledger.iter().any(|entry| entry.source.as_str() == root.name || entry.source.as_str().starts_with(&below))
    });
    manifest.roots.iter_mut().for_each(|root| root.path = None);
    manifest.clocks = only.clocks.clone();
    (manifest.told, manifest.runs) = (None, Vec::new());
}

/// The rules of a scan, and which of them the evidence has no log for.
fn rules(args: &Scan, resolved: &Resolved, stats: &Stats) -> RulesUsed {
    let never = resolved.plan.program.never_in(&stats.formats());
    RulesUsed {
        never_applicable: never.len() as u64,
        never: stretches(never),
        ..rules_loaded(resolved, !args.rule.no_builtin)
    }
}

/// The rules of a scan before it has read any evidence.
pub fn rules_loaded(resolved: &Resolved, with_pack: bool) -> RulesUsed {
    let program = &resolved.plan.program;
    let rejected = resolved.problems.iter().map(|problem| RejectedRule {
        file: problem.file.clone(),
        line: problem.line,
        column: problem.column,
        reason: problem.what.clone(),
    });
    RulesUsed {
        pack: with_pack.then(pack_digest),
        loaded: program.rules().len() as u64,
        correlations: program.correlations().list.len() as u64,
        silent: program.silent().len() as u64,
        rejected: rejected.collect(),
        left_out: program.left_out(),
        never_applicable: 0,
        never: Vec::new(),
        filters: program.narrowings().to_vec(),
    }
}

/// Ascending numbers as stretches, first and last.
pub fn stretches(numbers: impl IntoIterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match all.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => all.push((number, number)),
        }
    }
    all
}

/// Whose word the zone of zoneless logs is.
fn clocks(args: &Scan, scopes: &Scopes) -> ClocksUsed {
    let typed = zones::of_all(&args.timezone).ok().flatten();
    let (timezone, given_by) = match (typed, &scopes.timezone) {
        (Some(zone), _) => (zone, Some("--timezone")),
        (None, Some(zone)) => (zone.as_str(), Some("scopes")),
        (None, None) => ("UTC", None),
    };
    let (timezone, given_by) = (timezone.to_owned(), given_by.map(str::to_owned));
    ClocksUsed { timezone, given_by, zones: scopes.zone.clone() }
}

/// The command line as typed.
fn typed() -> Vec<String> {
    #[allow(clippy::disallowed_methods, reason = "the shell may read the arguments")]
    let args = std::env::args_os();
    args.map(|arg| arg.to_string_lossy().into_owned()).collect()
}

/// The command line without the values of secret options.
fn masked(typed: Vec<String>) -> Vec<String> {
    const SECRET: &str = "--archive-password";
    let mut next_is_secret = false;
    let mask = |arg: String| {
        if std::mem::replace(&mut next_is_secret, arg == SECRET) {
            return MASK.to_owned();
        }
        if arg.starts_with(&format!("{SECRET}=")) { format!("{SECRET}={MASK}") } else { arg }
    };
    typed.into_iter().map(mask).collect()
}

fn machine() -> Machine {
    Machine {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cores: u32::try_from(super::resolve::cores()).unwrap_or(u32::MAX),
        memory: total_memory(),
    }
}

/// `MemTotal` of the kernel, in bytes.
fn total_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// One digest over the names and texts of the embedded rules.
fn pack_digest() -> String {
    let mut files: Vec<(String, String)> = Program::builtin().collect();
    files.sort();
    let mut hash = Sha256::new();
    for (name, text) in &files {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_reach_the_manifest() {
        let typed = ["x", "scan", "--archive-password", "s3cret", "--archive-password=s3cret", "logs"];
        let masked = masked(typed.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(masked, ["x", "scan", "--archive-password", MASK, "--archive-password=********", "logs"]);
    }
}
