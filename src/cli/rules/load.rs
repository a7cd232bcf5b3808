//! The embedded pack and the user's rules, compiled as the options say.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use exfiltrace::detect::{self, Mapping, Placeholders, Problem, Program, Routing, Selection, Setup};
use exfiltrace::model::rule::Level;
use exfiltrace::model::stored::Fault;

use super::{Compile, RuleOptions, RulesFrom, cache};
use crate::cli::{LevelWord, Scan, feeds, printable};

/// The embedded pack and the user's rules, compiled.
pub fn load(
    paths: &[PathBuf],
    options: &RuleOptions,
    least: Option<LevelWord>,
    routing: Routing,
) -> Result<(Program, Vec<Problem>)> {
    compiled(paths, options, &setup(options, least, routing)?)
}

/// [`load`] with the samples of the rules.
pub fn with_samples(from: &RulesFrom) -> Result<(Program, Vec<Problem>)> {
    let setup = setup(&from.options, from.min_level, Routing::Auto)?;
    compiled(&from.rules, &from.options, &Setup { samples: true, ..setup })
}

fn compiled(paths: &[PathBuf], options: &RuleOptions, setup: &Setup) -> Result<(Program, Vec<Problem>)> {
    let Given { packs, documents, unread } = given(paths, options)?;
    let (program, problems) = made(&packs, documents.into_iter().flat_map(|(_, found)| found), setup)?;
    warn_of_idle(&program);
    Ok((program, joined(problems, unread)))
}

/// What is wrong with rules and with files of them, sorted.
fn joined(mut problems: Vec<Problem>, unread: Vec<(&Path, Problem)>) -> Vec<Problem> {
    problems.extend(unread.into_iter().map(|(_, problem)| problem));
    problems.sort();
    problems
}

/// The rules of packs and documents.
fn made(
    packs: &[(String, Vec<u8>)],
    documents: impl IntoIterator<Item = (String, String)>,
    setup: &Setup,
) -> Result<(Program, Vec<Problem>)> {
    Program::compile_over(packs, documents, setup).map_err(|(pack, fault)| {
        let Fault { place, what } = fault;
        anyhow::anyhow!(
            "{pack}: compiled rules cannot be used: {place}: {what}; make the file again with `exfiltrace rules compile`"
        )
    })
}

/// Compiles rules into a pack.
pub fn compile(given: &Compile) -> Result<(Program, Vec<Problem>, Vec<u8>)> {
    let options = RuleOptions {
        no_builtin: given.no_builtin,
        placeholder: given.placeholder.clone(),
        mapping: given.mapping.clone(),
        ..RuleOptions::default()
    };
    let setup = setup(&options, None, Routing::Auto)?;
    let found = self::given(&given.rules, &options)?;
    if let Some((pack, _)) = found.packs.first() {
        bail!("{pack}: compiled already; give the rules themselves");
    }
    let documents = found.documents.into_iter().flat_map(|(_, found)| found);
    let (program, problems, bytes) = Program::packed(documents, &setup, !given.no_builtin);
    Ok((program, joined(problems, found.unread), bytes))
}

/// What the options say of how rules are compiled.
fn setup(options: &RuleOptions, least: Option<LevelWord>, routing: Routing) -> Result<Setup> {
    let excluded = excluded(&options.exclude)?;
    let selection = Selection::new(least.map(Level::from), &options.status, &options.tag, &excluded);
    let selection = selection.map_err(anyhow::Error::msg)?;
    Ok(Setup {
        routing,
        placeholders: placeholders(&options.placeholder)?,
        selection,
        mapping: mapping(&options.mapping)?,
        samples: false,
    })
}

/// The pipelines of `--mapping`.
fn mapping(paths: &[PathBuf]) -> Result<Mapping> {
    let mut files = Vec::new();
    for path in paths {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("--mapping {}: cannot be read", path.display()))?;
        files.push((path.display().to_string(), text));
    }
    Mapping::read(&files).map_err(|problems| {
        let told = problems.iter().map(|p| format!("--mapping {}:{}:{}: {}", p.file, p.line, p.column, p.what));
        anyhow::Error::msg(told.collect::<Vec<_>>().join("\n"))
    })
}

/// `--exclude`, with the lines of files in place of `@FILE`.
fn excluded(given: &[String]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for word in given {
        match word.strip_prefix('@') {
            None => out.push(word.clone()),
            Some(file) => {
                let text =
                    std::fs::read_to_string(file).with_context(|| format!("--exclude {word}: cannot be read"))?;
                let lines = text.lines().map(|line| line.split_once(" #").map_or(line, |(line, _)| line).trim());
                out.extend(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned));
            }
        }
    }
    Ok(out)
}

/// An exclusion or a tag that names nothing may be misspelt.
fn warn_of_idle(program: &Program) {
    for word in program.idle_wishes() {
        anstream::eprintln!("warning: {}: no rule that is loaded", printable(word));
    }
}

/// `--logsource` as typed.
pub fn routing(word: &str) -> Result<Routing> {
    match word {
        "auto" => return Ok(Routing::Auto),
        "any" => return Ok(Routing::Any),
        _ => {}
    }
    let (mut product, mut category, mut service) = (None, None, None);
    for part in word.split(',') {
        let (key, value) = part
            .split_once('=')
            .with_context(|| format!("--logsource {word}: expected auto, any or product=…,category=…,service=…"))?;
        let place = match key {
            "product" => &mut product,
            "category" => &mut category,
            "service" => &mut service,
            _ => bail!("--logsource {word}: {key} is none of product, category, service"),
        };
        *place = Some(value.to_ascii_lowercase());
    }
    Ok(Routing::Forced { product, category, service })
}

/// The values of `--placeholder NAME=VALUE,VALUE`. Values of one name are joined.
fn placeholders(given: &[String]) -> Result<Placeholders> {
    let mut out = Placeholders::new();
    for pair in given {
        let (name, list) = pair
            .split_once('=')
            .filter(|(name, list)| {
                !list.is_empty() && !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            })
            .with_context(|| {
                format!("--placeholder {pair}: expected NAME=VALUE,VALUE; a name is letters, digits and _")
            })?;
        let values = out.entry(name.to_owned()).or_default();
        let mut value = String::new();
        let mut chars = list.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.next_if_eq(&',').is_some() => value.push(','),
                ',' => values.push(std::mem::take(&mut value)),
                c => value.push(c),
            }
        }
        values.push(value);
        values.retain(|value| !value.is_empty());
    }
    Ok(out)
}

/// [`load`] for a scan, where each path must give some: a file of which the rest is not read or a path of which no rule loads is an
/// error.
pub fn usable(args: &Scan) -> Result<(Program, Vec<Problem>)> {
    let setup = setup(&args.rule, args.min_rule_level, routing(&args.logsource)?)?;
    let Given { packs, documents, unread } = given(&args.rules, &args.rule)?;
    let files = names(&documents, &unread);
    let documents = documents.into_iter().flat_map(|(_, found)| found);
    let (program, problems) = match &args.cache {
        Some(folder) if packs.is_empty() && setup.routing == Routing::Auto => {
            cache::load(documents.collect(), &setup, folder)?
        }
        _ => made(&packs, documents, &setup)?,
    };
    let problems = joined(problems, unread);
    warn_of_idle(&program);
    for (path, files) in files {
        let Some(path) = path else { continue };
        let problem = problems.iter().find(|problem| files.contains(&problem.file));
        let loaded = files.iter().any(|file| program.uses(file));
        let broken = problems.iter().find(|p| files == [p.file.as_str()] && p.what.ends_with(Problem::CUT));
        let (what, fault) = match (broken, problem) {
            (Some(fault), _) => ("the file cannot be read to its end", fault),
            (None, Some(fault)) if !loaded => ("no rule in it can be used", fault),
            (None, None) if !loaded => match program.remarks().iter().find(|remark| files.contains(&remark.file)) {
                Some(remark) => ("no rule in it can be used", remark),
                None => bail!("--rules {}: no rule in it", path.display()),
            },
            _ => continue,
        };
        let Problem { file, line, column, what: why, .. } = fault;
        let path = path.display();
        bail!(
            "--rules {path}: {what}\n{file}:{line}:{column}: {why}\nmend it or leave it out; `exfiltrace rules check {path}` \
             lists all that is wrong"
        );
    }
    Ok((program, problems))
}

/// Rule files with the path that they were asked for by; `None` for the embedded pack.
type Documents<'p> = Vec<(Option<&'p Path>, Vec<(String, String)>)>;

/// What rules are made of.
struct Given<'p> {
    /// Compiled ones: name and bytes.
    packs: Vec<(String, Vec<u8>)>,
    documents: Documents<'p>,
    /// What is wrong with files that are no text, with the path that they were asked for by.
    unread: Vec<(&'p Path, Problem)>,
}

/// Names of the files by the path that they were asked for by.
fn names<'p>(documents: &Documents<'p>, unread: &[(&'p Path, Problem)]) -> Vec<(Option<&'p Path>, Vec<String>)> {
    let of_path = |(path, found): &(Option<&'p Path>, Vec<(String, String)>)| {
        let lost = unread.iter().filter(|(of, _)| Some(*of) == *path).map(|(_, problem)| problem.file.clone());
        (*path, found.iter().map(|(name, _)| name.clone()).chain(lost).collect())
    };
    documents.iter().map(of_path).collect()
}

fn given<'p>(paths: &'p [PathBuf], options: &RuleOptions) -> Result<Given<'p>> {
    let mut given = Given { packs: Vec::new(), documents: Vec::new(), unread: Vec::new() };
    for path in paths {
        if let Some(bytes) = pack(path)? {
            if !options.mapping.is_empty() || !options.placeholder.is_empty() {
                bail!(
                    "{}: compiled rules take no --mapping and no --placeholder any more; give them to `exfiltrace rules compile`",
                    path.display()
                );
            }
            given.packs.push((path.display().to_string(), bytes));
            continue;
        }
        let found = feeds::read_rules(path)?;
        if found.documents.is_empty() && found.problems.is_empty() {
            bail!("{}: no .yml or .yaml in it", path.display());
        }
        given.documents.push((Some(path), found.documents));
        given.unread.extend(found.problems.into_iter().map(|problem| (path.as_path(), problem)));
    }
    if !options.no_builtin && !given.packs.iter().any(|(_, bytes)| detect::has_builtin(bytes)) {
        given.documents.insert(0, (None, Program::builtin().collect()));
    }
    Ok(given)
}

/// The bytes of a file that is a pack.
fn pack(path: &Path) -> Result<Option<Vec<u8>>> {
    use std::io::Read;
    if !path.is_file() {
        return Ok(None);
    }
    let cannot = || format!("cannot read {}", path.display());
    let mut file = std::fs::File::open(path).with_context(cannot)?;
    let mut bytes = Vec::new();
    file.by_ref().take(16).read_to_end(&mut bytes).with_context(cannot)?;
    if !detect::is_pack(&bytes) {
        return Ok(None);
    }
    file.take(PACK_LIMIT_BYTES).read_to_end(&mut bytes).with_context(cannot)?;
    Ok(Some(bytes))
}

/// A larger pack is cut short, and refused for that.
const PACK_LIMIT_BYTES: u64 = 1 << 30;
