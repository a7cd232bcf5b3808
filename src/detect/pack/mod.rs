//! Compiled rules as one file, so that a scan need not read and compile them again.
//!
//! ```text
//! 0    magic        8 bytes
//! 8    version      u32, little-endian
//! 12   length       u64 of the contents
//! 20   BLAKE3       of the contents
//! 52   contents     version of the program, rules, sources of correlations, gates
//! ```
//!
//! The digest is there for damage, not for forgery: whatever the contents say, reading them ends in rules that can be evaluated
//! or in a fault. Correlations are kept as the text of their files, of which there are few, and read as ever.

mod bytes;
mod expr;
mod gates;
mod rule;

use super::document::Draft;
use super::loader::{self, Loaded};
use super::names::Names;
use super::{Problem, Program, Setup};
use crate::model::rule::Narrowing;
use crate::model::stored::Fault;

use bytes::{Read, Reader, Writer};
use expr::{Conditions, Shared};
pub(super) use gates::Stored;

/// First bytes of the file. No text begins so, and no transfer that changes line ends leaves them.
pub const MAGIC: [u8; 8] = *b"\x89XRUL\r\n\n";

/// Version of the contents and of all that is made of rules: conditions, literals.
const VERSION: u32 = 2;

const HEADER_BYTES: usize = 52;

/// True for the beginning of a pack of any version.
pub fn is_pack(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// Whether a file that is a pack of this version says that the embedded rules are in it.
pub fn has_builtin(file: &[u8]) -> bool {
    let mut from = Reader::new(file.get(HEADER_BYTES..).unwrap_or_default());
    is_pack(file) && from.str().is_ok() && from.flag().unwrap_or(false)
}

/// The program and its embedded rules: what makes rules into other contents is another version.
fn version() -> String {
    let mut hasher = blake3::Hasher::new();
    Program::builtin().for_each(|(name, text)| {
        hasher.update(name.as_bytes()).update(&[0]).update(text.as_bytes()).update(&[0]);
    });
    format!("{} {}", env!("CARGO_PKG_VERSION"), hasher.finalize().to_hex())
}

impl Program {
    /// Compiles rule files as a setup says, and gives them as a pack, too. `builtin` says whether the embedded rules are among
    /// them. A selection of rules does not belong into a pack.
    pub fn packed(
        documents: impl IntoIterator<Item = (String, String)>,
        setup: &Setup,
        builtin: bool,
    ) -> (Self, Vec<Problem>, Vec<u8>) {
        let loaded = loader::load(documents, setup);
        let contents = rules(&loaded, builtin);
        let (program, problems) = Self::of(loaded, setup);
        let file = sealed(contents, &program.gates);
        (program, problems, file)
    }

    /// Rules out of packs, each a file's name and bytes, with those of files. A pack alone under [`Routing::Auto`] is used
    /// as it lies; else literals are chosen anew.
    ///
    /// # Errors
    /// The pack that cannot be used, and why.
    ///
    /// [`Routing::Auto`]: super::Routing::Auto
    pub fn compile_over(
        packs: &[(String, Vec<u8>)],
        documents: impl IntoIterator<Item = (String, String)>,
        setup: &Setup,
    ) -> Result<(Self, Vec<Problem>), (String, Fault)> {
        Ok(Self::of(loader::load_over(packs, documents, setup)?, setup))
    }
}

/// What a pack holds.
pub(super) struct Packed {
    pub drafts: Vec<Draft>,
    pub problems: Vec<Problem>,
    pub remarks: Vec<Problem>,
    pub used: Vec<String>,
    pub narrowings: Vec<Narrowing>,
    /// Files that hold correlations: name and text.
    pub correlated: Vec<(String, String)>,
    pub gates: Stored,
}

/// The rules as contents of a pack, to which the gates are added.
fn rules(loaded: &Loaded, builtin: bool) -> Writer {
    let mut out = Writer::default();
    out.text(&version());
    out.flag(builtin);
    out.list(&loaded.names, |out, name| out.text(name));
    let mut shared = Shared::default();
    loaded.drafts.iter().for_each(|draft| shared.gather(&draft.expr));
    out.list(&shared.0, |out, expr| shared.write(expr, out));
    out.list(&loaded.drafts, |out, draft| rule::write(draft, &shared, out));
    for list in [&loaded.problems, &loaded.remarks] {
        out.list(list, rule::write_problem);
    }
    out.list(&loaded.used.iter().collect::<Vec<_>>(), |out, file| out.text(file));
    out.list(&loaded.narrowings, rule::write_narrowing);
    out.list(&loaded.correlated, |out, (file, text)| {
        out.text(file);
        out.text(text);
    });
    out
}

/// The file that these contents make.
fn sealed(contents: Writer, gates: &super::Gates) -> Vec<u8> {
    let mut contents = contents;
    gates::write(gates, &mut contents);
    let mut file = Vec::with_capacity(HEADER_BYTES + contents.0.len());
    file.extend(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend((contents.0.len() as u64).to_le_bytes());
    file.extend(blake3::hash(&contents.0).as_bytes());
    file.extend(contents.0);
    file
}

/// Reads a pack; its fields are numbered among `names`.
pub(super) fn read(file: &[u8], names: &mut Names) -> Read<Packed> {
    let mut from = Reader::new(contents(file)?);
    if from.str()? != version() {
        return Err(Fault::new("header", "made by another version of this program"));
    }
    from.flag()?;
    let numbers = from.list(|from| Ok(names.number(from.str()?)))?;
    let mut conditions = Conditions::new(&numbers);
    for _ in 0..from.count()? {
        conditions.share(&mut from)?;
    }
    let drafts = from.list(|from| rule::read(&conditions, from))?;
    let packed = Packed {
        problems: from.list(rule::problem)?,
        remarks: from.list(rule::problem)?,
        used: from.list(Reader::text)?,
        narrowings: from.list(rule::narrowing)?,
        correlated: from.list(|from| Ok((from.text()?, from.text()?)))?,
        gates: gates::read(&mut from, drafts.len())?,
        drafts,
    };
    if from.is_at_end() { Ok(packed) } else { Err(from.fault("more than there can be")) }
}

/// The contents of a file whose header fits them.
fn contents(file: &[u8]) -> Read<&[u8]> {
    let header = |what: &str| Fault::new("header", what);
    let (head, contents) = file.split_at_checked(HEADER_BYTES).ok_or_else(|| header("the file is cut short"))?;
    if !is_pack(head) {
        return Err(header("no pack of rules"));
    }
    if head[8..12] != VERSION.to_le_bytes() {
        return Err(header("made by another version of this program"));
    }
    if head[12..20] != (contents.len() as u64).to_le_bytes() {
        return Err(header("the file is cut short or has grown"));
    }
    if &head[20..] != blake3::hash(contents).as_bytes() {
        return Err(header("has another digest than it says: the file is damaged"));
    }
    Ok(contents)
}
