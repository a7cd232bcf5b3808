//! What both engines cost, over the same lines with the same rules.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use rsigma_parser::{LogSource, SigmaCollection, parse_sigma_yaml};
use serde_json::Value;

/// Lines that each engine reads in one round, at least.
const LINES: usize = 200_000;
const ROUNDS: usize = 3;

/// Prints records a CPU second for Windows events and for CloudTrail, as times of RSigma's without and with its matches written.
pub fn run(binary: &Path) -> ExitCode {
    let temp = tempfile::tempdir().unwrap();
    let rules = temp.path().join("rules");
    unpack_rules(&rules);
    let pack = temp.path().join("rules.pack");
    compile(binary, &rules, &pack);
    let empty = temp.path().join("empty.ndjson");
    std::fs::write(&empty, "").unwrap();
    let collection = collection(&rules);
    let mut engine = Engine::new();
    engine.set_bloom_prefilter(true);
    engine.add_rules(&collection.rules);
    println!("{} rules in RSigma; one thread; CPU seconds, least of {ROUNDS} rounds", engine.rule_count());
    for (name, lines) in [("Windows events", windows()), ("CloudTrail", cloudtrail())] {
        let log = temp.path().join(format!("{}.ndjson", name.replace(' ', "_")));
        let times = LINES.div_ceil(lines.len());
        let mut file = File::create(&log).unwrap();
        (0..times).for_each(|_| lines.iter().for_each(|line| writeln!(file, "{line}").unwrap()));
        drop(file);
        let records = times * lines.len();
        let bytes = std::fs::metadata(&log).unwrap().len();
        println!("{name}: {records} records, {} MB", bytes / 1_000_000);
        let theirs = |out: Option<&Path>| least(|| cpu(libc::RUSAGE_SELF), || evaluate(&engine, &log, out));
        // Neither engine's rules are loaded in the time that counts.
        let ours = |more: &[&str]| {
            let of = |log: &Path| least(|| cpu(libc::RUSAGE_CHILDREN), || scan(binary, (pack.as_path(), more), log));
            of(&log) - of(&empty)
        };
        let matched = log.with_extension("matches");
        let (alone, written) = (theirs(None), theirs(Some(matched.as_path())));
        let row = |what: &str, seconds: f64| {
            let rate = records as f64 / seconds;
            println!("  {what:<44} {rate:>8.0} a second, {:>4.1} x, {:>4.1} x", alone / seconds, written / seconds);
        };
        row("RSigma: matches", alone);
        row("RSigma: matches, each written as a line", written);
        row("exfiltrace: whole scan, with its case", ours(&[]));
        row("exfiltrace: --hits-only, with its case", ours(&["--hits-only"]));
    }
    ExitCode::SUCCESS
}

fn least(clock: impl Fn() -> f64, work: impl Fn()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let before = clock();
        work();
        clock() - before
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// CPU seconds of this process, or of its children that have ended.
fn cpu(who: i32) -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills in the struct it is given, and says whether it did.
    let usage = unsafe {
        assert_eq!(libc::getrusage(who, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// What a user of RSigma's fastest way has: the log source of each event is known, rules of others are left out. Both engines read
/// the file; what matches is written to another one where that is asked for.
fn evaluate(engine: &Engine, log: &Path, out: Option<&Path>) {
    let text = std::fs::read_to_string(log).unwrap();
    let mut out = out.map(|path| BufWriter::new(File::create(path).unwrap()));
    let mut found = 0;
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let source = log_source(&event);
        let matched = engine.evaluate_pruned(&JsonEvent::borrow(&event), &source);
        found += matched.len();
        if let Some(out) = &mut out {
            for matched in &matched {
                serde_json::to_writer(&mut *out, matched).unwrap();
                out.write_all(b"\n").unwrap();
            }
        }
    }
    assert!(found > 0, "some rule matches");
}

/// Both engines have their rules before the first record.
fn compile(binary: &Path, rules: &Path, pack: &Path) {
    let mut command = Command::new(binary);
    command.args(["rules", "compile", "--no-builtin", "-o"]).arg(pack).arg(rules);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(pack.exists());
}

fn scan(binary: &Path, (rules, more): (&Path, &[&str]), log: &Path) {
    let out = log.with_extension("case");
    let _ = std::fs::remove_dir_all(&out);
    let mut command = Command::new(binary);
    command.args(["scan", "-q", "--threads", "1", "--digest", "off", "--no-builtin", "--rules"]).arg(rules);
    command.args(more).arg("--out").arg(&out).arg(log).stdout(Stdio::null()).stderr(Stdio::null());
    let code = command.status().unwrap().code();
    assert!(code.is_some_and(|code| code < 2), "{code:?}");
    let found = std::fs::metadata(out.join("findings.jsonl")).unwrap().len();
    assert_eq!(found > 0, std::fs::metadata(log).unwrap().len() > 0, "some rule matches");
}

/// The log source of an event, as a router before RSigma would tell it.
fn log_source(event: &Value) -> LogSource {
    let mut source = LogSource::default();
    if event["eventSource"].is_string() {
        (source.product, source.service) = (Some("aws".into()), Some("cloudtrail".into()));
        return source;
    }
    source.product = Some("windows".into());
    let channel = event["Channel"].as_str().unwrap_or_default();
    let category = match (channel, event["EventID"].as_u64().unwrap_or(0)) {
        ("Microsoft-Windows-Sysmon/Operational", id) => match id {
            1 => "process_creation",
            3 => "network_connection",
            7 => "image_load",
            8 => "create_remote_thread",
            10 => "process_access",
            11 => "file_event",
            12..=14 => "registry_event",
            17 | 18 => "pipe_created",
            22 => "dns_query",
            23 => "file_delete",
            _ => "sysmon_other",
        },
        ("Microsoft-Windows-PowerShell/Operational", 4104) => "ps_script",
        ("Microsoft-Windows-PowerShell/Operational", 4103) => "ps_module",
        ("Security", 4688) => "process_creation",
        _ => {
            source.service = Some(channel.to_ascii_lowercase());
            return source;
        }
    };
    source.category = Some(category.into());
    source
}

/// Lines of Windows events as NXLog ships them.
fn windows() -> Vec<String> {
    let mut files = Vec::new();
    walk(&crate::shared("corpora/security-datasets/atomic/windows"), &mut files);
    let mut lines = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "zip")) {
        let Ok(mut archive) = zip::ZipArchive::new(File::open(path).unwrap()) else { continue };
        for at in 0..archive.len() {
            let mut text = String::new();
            if archive.by_index(at).is_ok_and(|mut member| member.read_to_string(&mut text).is_ok()) {
                lines.extend(text.lines().filter(|line| is_event(line, "Channel")).map(str::to_owned));
            }
        }
    }
    lines
}

/// Records of CloudTrail, one a line.
fn cloudtrail() -> Vec<String> {
    let mut files = Vec::new();
    walk(&crate::shared("corpora/cloud/stratus-detonation-logs"), &mut files);
    let is_aws = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("aws."));
    let mut lines = Vec::new();
    for path in files.iter().filter(is_aws) {
        let Ok(Value::Array(records)) = serde_json::from_slice(&std::fs::read(path).unwrap()) else { continue };
        lines.extend(records.iter().map(Value::to_string).filter(|line| is_event(line, "eventSource")));
    }
    lines
}

fn is_event(line: &str, key: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|event| event[key].is_string())
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.into_iter().for_each(|path| if path.is_dir() { walk(&path, out) } else { out.push(path) });
}

/// Writes the rules of SigmaHQ that both engines load to a folder.
fn unpack_rules(folder: &Path) {
    let archive = File::open(crate::shared("corpora/sigma/sigma-rules.tar.gz")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut names = BTreeSet::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        let is_rule = name.ends_with(".yml") && name.contains("rules");
        if !is_rule || entry.read_to_string(&mut text).is_err() || parse_sigma_yaml(&text).is_err() {
            continue;
        }
        assert!(names.insert(name.replace('/', "_")), "{name} stands twice");
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name.replace('/', "_")), text).unwrap();
    }
}

fn collection(rules: &Path) -> SigmaCollection {
    let mut files = Vec::new();
    walk(rules, &mut files);
    let mut all = SigmaCollection::default();
    for path in files {
        let found = parse_sigma_yaml(&std::fs::read_to_string(path).unwrap()).unwrap();
        all.rules.extend(found.rules);
    }
    all
}
