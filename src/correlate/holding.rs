//! An address in somebody's hands for a time, as the records of one log say it one after the other, and the join that it gives.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::assigned::{Assignment, Giver, Holder, Joined, Stands};
use crate::model::place::{Locator, Place, RecordDigest};
use crate::model::time::{Instant, Span};

/// So long a word holds that nothing follows: what VPN gateways and Windows' DHCP server give by default.
const SESSION_SECS: i64 = 86_400;
const LEASE_SECS: i64 = 8 * 86_400;

/// A record that says who held an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct By<'a> {
    /// When.
    pub(super) at: Instant,
    /// The source in which it stands.
    pub(super) source: &'a Locator,
    /// Where.
    pub(super) place: Place,
    /// SHA-256 of its bytes.
    pub(super) sha256: RecordDigest,
    /// Whether it says that this was over.
    pub(super) ends: bool,
}

impl<'a> By<'a> {
    fn of((source, assignment): (&'a Locator, &Assignment)) -> Self {
        let Assignment { at, place, sha256, ends, .. } = *assignment;
        Self { at, source, place, sha256, ends }
    }
}

/// An address in somebody's hands for a time.
pub(super) struct Holding<'a> {
    pub(super) holder: Cow<'a, Holder>,
    /// From when to when it may have been.
    pub(super) may: Span,
    /// From when to when it was for sure.
    pub(super) sure: Span,
    /// The record that says so first.
    pub(super) by: By<'a>,
    /// The log that it stands in; of a logon, the computer.
    pub(super) log: Arc<str>,
    /// Last record that says so.
    last: Instant,
    /// Whether the log has not yet said that it is over.
    is_open: bool,
}

/// Records that speak of one address, with their sources, and whom they speak of by all that is known of it.
pub(super) type Records<'a> = Vec<(&'a Assignment, &'a Locator, Cow<'a, Holder>)>;

/// The log that each source is of ([`Locator::log`]), and until when each goes on.
#[derive(Default)]
pub(super) struct Logs<'a> {
    pub(super) of: HashMap<&'a Locator, Arc<str>>,
    pub(super) ends: HashMap<Arc<str>, Instant>,
}

fn lasts_secs(giver: Giver) -> i64 {
    match giver {
        Giver::Vpn => SESSION_SECS,
        Giver::Dhcp => LEASE_SECS,
        // What a firewall translates is known by when it did.
        Giver::Nat | Giver::Logon => 0,
    }
}

/// The holdings of one address, from its records in the order of their times.
pub(super) fn follow<'a>(records: &Records<'a>, logs: &Logs<'a>) -> Vec<Holding<'a>> {
    let mut all: Vec<Holding<'a>> = Vec::new();
    // Positions of those that are open: of each log and giver one at most.
    let mut open: Vec<usize> = Vec::new();
    for (assignment, locator, holder) in records {
        let at = assignment.at;
        let log = logs.of.get(locator).cloned().unwrap_or_default();
        if assignment.ends {
            let ended = open.iter().rposition(|known| all[*known].holder.fits(holder));
            match ended.map(|known| open.remove(known)) {
                Some(known) => all[known].end(at),
                // It began before the log did.
                None => all.push(Holding::before((locator, assignment), holder.clone(), log)),
            }
            continue;
        }
        let is_its = |known: &Holding<'_>| *known.holder == **holder;
        let goes_on = |known: &Holding<'_>| is_its(known) && at <= known.last.plus_secs(lasts_secs(holder.giver));
        open.retain(|known| {
            let known = &mut all[*known];
            let is_over = is_its(known) || known.log == log && known.holder.giver == holder.giver;
            let stays = goes_on(known) || !is_over;
            if !stays {
                known.replaced(at);
            }
            stays
        });
        match open.iter().find(|known| is_its(&all[**known])) {
            Some(known) => all[*known].last = at,
            None => {
                open.push(all.len());
                all.push(Holding::new((locator, assignment), holder.clone(), log));
            }
        }
    }
    for known in open {
        let end = logs.ends.get(&all[known].log).copied();
        all[known].left(end);
    }
    all
}

impl<'a> Holding<'a> {
    fn new(of: (&'a Locator, &'a Assignment), holder: Cow<'a, Holder>, log: Arc<str>) -> Self {
        let (by, span) = (By::of(of), Span::at(of.1.at));
        Self { holder, may: span, sure: span, by, log, last: by.at, is_open: true }
    }

    /// One whose begin and end are known.
    pub(super) fn within(holder: Holder, (may, sure): (Span, Span), by: By<'a>) -> Self {
        Self { holder: Cow::Owned(holder), may, sure, by, log: Arc::default(), last: sure.last, is_open: false }
    }

    /// Notes when one was seen last of which no end is told.
    pub(super) fn seen_last(&mut self, seen: Option<Instant>) {
        self.is_open = seen.is_some();
        self.last = seen.unwrap_or(self.last);
    }

    /// When it was seen last, where no record says that it is over.
    pub(super) fn open_since(&self) -> Option<Instant> {
        self.is_open.then_some(self.last)
    }

    /// One of which the log tells the end alone.
    fn before(of: (&'a Locator, &'a Assignment), holder: Cow<'a, Holder>, log: Arc<str>) -> Self {
        let mut holding = Self::new(of, holder, log);
        holding.may.first = holding.last.plus_secs(-lasts_secs(holding.holder.giver));
        holding.is_open = false;
        holding
    }

    /// The log says that it is over.
    fn end(&mut self, at: Instant) {
        (self.may.last, self.sure.last, self.is_open) = (at, at, false);
    }

    /// The log says that the address is somebody else's.
    fn replaced(&mut self, at: Instant) {
        self.end(at.min(self.last.plus_secs(lasts_secs(self.holder.giver))));
    }

    /// No log says when it ended; this one goes on until an instant.
    fn left(&mut self, log_ends: Option<Instant>) {
        self.may.last = self.last.plus_secs(lasts_secs(self.holder.giver));
        self.sure.last = log_ends.map_or(self.last, |end| end.min(self.may.last)).max(self.last);
    }
}

/// The address that is held, and the server on the way to which it was.
pub(super) fn parts(name: &str) -> (&str, Option<&str>) {
    name.split_once(' ').map_or((name, None), |(address, server)| (address, Some(server)))
}

/// A join with its reason.
pub(super) fn join(name: &str, holding: &Holding<'_>, sure: bool) -> Joined {
    let (address, server) = parts(name);
    let on_way = server.map(|server| format!(" on its way to {server}")).unwrap_or_default();
    let Holder { giver, account, host, peer, card } = &*holding.holder;
    let By { source, place, ends, .. } = holding.by;
    let named = |what: &str, text: &str| (!text.is_empty()).then(|| format!("{what}{text}"));
    let whom: Vec<String> =
        [named("account ", account), named("host ", host), named("network card ", card), named("coming from ", peer)]
            .into_iter()
            .flatten()
            .collect();
    let whom = if whom.is_empty() { "somebody without a name".to_owned() } else { whom.join(", ") };
    let gave = match giver {
        Giver::Nat => format!("a firewall translated {host} to {address}{on_way}"),
        Giver::Vpn | Giver::Dhcp | Giver::Logon => format!("{} gave {address} to {whom}", giver.word()),
    };
    let span = if *giver == Giver::Nat { holding.sure } else { holding.may };
    let when = match (ends, holding.is_open) {
        (true, _) => format!("to {}, the log does not say from when on", span.last),
        (false, true) => format!("{}, the log does not say until when", span.first),
        (false, false) => format!("{} to {}", span.first, span.last),
    };
    let doubt = if sure { "" } else { "; it need not have been its alone all the time" };
    Joined {
        kind: *giver,
        address: address.to_owned(),
        account: account.to_string(),
        host: host.to_string(),
        peer: peer.to_string(),
        sure,
        by: Stands { source: source.clone(), offset: place.offset },
        reason: format!("{gave}; {when}{doubt}"),
    }
}
