//! Which kinds of access to data a service logs, by all files of its log: services write many files, and those of quiet minutes hold
//! no reads though reads are logged.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::coverage::scopes;
use super::pages::Pages;
use crate::model::access::Access;
use crate::model::ledger::EntryKind;
use crate::model::partial::SourcePartial;
use crate::model::time::{HOUR_SECS, Span};

/// So long before and after a read others were logged too.
const DAY_SECS: i64 = 24 * HOUR_SECS;

/// A format, and a scope whose log it is; an empty one for nobody's.
type Log = (String, String);

/// Since when and until when the files of a log hold reads.
#[derive(Default)]
struct Reads {
    /// Of what stores hold.
    data: Option<Span>,
    /// Of mails.
    mail: Option<Span>,
}

/// What is known over all files of a log: the logs that hold reads, and pages that lie beside each other.
#[derive(Default)]
pub(super) struct Logged {
    reads: BTreeMap<Log, Reads>,
    /// The other pages of answers.
    pub(super) pages: Pages,
}

impl Logged {
    /// Gathers them, where a file is there that holds none.
    pub(super) fn of(world: &World<'_>) -> Self {
        let mut all = Self { pages: Pages::of(world), ..Self::default() };
        let of_sources = world.merged.sources.iter().filter(|((_, kind, _), _)| *kind == EntryKind::Source);
        let sources: Vec<&SourcePartial> = of_sources.map(|(_, source)| source.as_ref()).collect();
        let lacks = |access: Access| access.is_of_management_alone() || access.lacks_reads_of_mail();
        if !sources.iter().any(|source| lacks(source.covered.access)) {
            return all;
        }
        for source in sources {
            let (access, span) = (source.covered.access, source.covered.span);
            if !access.has(Access::DATA) && !access.has(Access::MAIL_READ) {
                continue;
            }
            for log in logs(world, source, source.entry.source.as_str()) {
                let reads = all.reads.entry(log).or_default();
                if access.has(Access::DATA) {
                    reads.data = Span::join_opt(reads.data, span);
                }
                if access.has(Access::MAIL_READ) {
                    reads.mail = Span::join_opt(reads.mail, span);
                }
            }
        }
        all
    }

    /// Whether a source tells of management alone, and no other file of its log shows that reads were logged then.
    pub(super) fn is_of_management_alone(&self, world: &World<'_>, source: &SourcePartial, place: &str) -> bool {
        source.covered.access.is_of_management_alone() && !self.is_whole(world, source, place, |reads| reads.data)
    }

    /// Whether a source tells of mailboxes without reads, and no other file of its log shows that these were logged then.
    pub(super) fn lacks_reads_of_mail(&self, world: &World<'_>, source: &SourcePartial, place: &str) -> bool {
        source.covered.access.lacks_reads_of_mail() && !self.is_whole(world, source, place, |reads| reads.mail)
    }

    /// Whether of each scope whose log the source is, other files hold reads from a day before it ends to a day after it begins.
    fn is_whole(
        &self,
        world: &World<'_>,
        source: &SourcePartial,
        place: &str,
        of: impl Fn(&Reads) -> Option<Span>,
    ) -> bool {
        let Some(own) = source.covered.span else { return false };
        logs(world, source, place).into_iter().all(|log| {
            let reads = self.reads.get(&log).and_then(&of);
            reads.is_some_and(|reads| {
                reads.first.plus_secs(-DAY_SECS) <= own.first && own.last <= reads.last.plus_secs(DAY_SECS)
            })
        })
    }
}

/// The logs that a source is a file of.
fn logs(world: &World<'_>, source: &SourcePartial, place: &str) -> Vec<Log> {
    let format = source.entry.format.clone().unwrap_or_default();
    let mut scopes = scopes(world.whose, (source, place), BTreeSet::new());
    if scopes.is_empty() {
        scopes.push(String::new());
    }
    scopes.into_iter().map(|scope| (format.clone(), scope)).collect()
}
