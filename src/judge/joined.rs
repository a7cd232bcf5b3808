//! J-81, J-82: what an address did that a log says was given to an intruder.

use crate::model::assigned::{Giver, Joined};
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::verdict::State;
use crate::model::whose::Whose;

use super::intrusion::Intruder;
use super::{Bench, gaps, movement};

/// From when on a transfer is the intruder's because of whom an address was given to: the session came from its address or
/// by its account, or the host is its. Of joins that are `sure`, or of those that are not; `None` where it is nobody's.
pub fn begins(bench: &Bench<'_>, t: &Transfer, sure: bool) -> Option<Instant> {
    t.joined.iter().filter(|joined| joined.sure == sure).filter_map(|joined| of(bench, joined)).min()
}

fn of(bench: &Bench<'_>, joined: &Joined) -> Option<Instant> {
    since(&bench.intruder, bench.whose, joined)
}

/// From when on who held an address is the intruder, or a host of its.
pub fn since(intruder: &Intruder, whose: &Whose, joined: &Joined) -> Option<Instant> {
    let logs = std::slice::from_ref(&joined.by.source);
    // Where an account was at work says nothing of the host on which it was.
    let is_logon = joined.kind == Giver::Logon;
    let came = !is_logon && intruder.came_from.contains(&joined.peer);
    let acts = || !joined.account.is_empty() && intruder.has_account(&joined.account, logs);
    let by_session = intruder.first.filter(|_| came || acts());
    let host = Some(&joined.host).filter(|host| !host.is_empty() && !is_logon);
    by_session.or_else(|| intruder.has_host(&whose.entity(host?)))
}

/// Whether a log says that an address may have been given to somebody by then who is not the intruder, nor a host of its.
pub fn is_anothers<'j>(intruder: &Intruder, whose: &Whose, joined: impl IntoIterator<Item = &'j Joined>) -> bool {
    joined.into_iter().any(|of| of.is_lent() && since(intruder, whose, of).is_none())
}

/// J-82: leaves the way open by which data may have gone to the intruder, or away from its host.
pub fn perhaps<'a>(bench: &mut Bench<'a>, t: &'a Transfer) {
    // Where logs tell of those behind an address, what they sent is judged there.
    if t.passed_on.is_some() && t.joined.iter().all(|joined| joined.kind == Giver::Nat) {
        return;
    }
    // What is the intruder's from then on anyway is counted.
    let is_more = |first: &Instant| movement::begins(bench, t).is_none_or(|known| known > *first);
    let may = begins(bench, t, false).filter(is_more).is_some_and(|first| movement::in_time(bench, t, first));
    if !may || t.bytes.upper.is_some_and(|upper| upper < movement::SHOWN_BYTES) {
        return;
    }
    let theirs: Vec<&Joined> = t.joined.iter().filter(|joined| of(bench, joined).is_some()).collect();
    let others = t.joined.len() - theirs.len();
    let others = if others > 0 { format!(" and {others} others may have held it") } else { String::new() };
    let why: Vec<&str> = theirs.iter().map(|joined| joined.reason.as_str()).collect();
    let text = format!("may be the intruder's: {} to {}: {}{others}", t.from, t.to, why.join("; "));
    let needs = format!("the whole log that says who held {}", theirs.first().map_or(&*t.to, |joined| &joined.address));
    let ids = bench.intruder.proofs.iter().cloned().chain([t.id.to_string()]).collect();
    bench.reason("J-82", text, ids);
    gaps::open(bench, t.route, needs);
}

/// J-81: states the joins on which what counts as lost rests.
pub fn clauses(bench: &mut Bench<'_>) {
    let counted = bench.ways.values().flat_map(|way| way.transfers.values());
    let lost = counted.filter(|counted| counted.state <= State::Accessed).map(|counted| counted.transfer);
    let rests = lost.flat_map(|t| {
        let sure = t.joined.iter().filter(|joined| joined.sure && of(bench, joined).is_some());
        sure.map(|joined| (format!("{} (by {}, offset {})", joined.reason, joined.by.source, joined.by.offset), &t.id))
    });
    for (reason, id) in rests.map(|(reason, id)| (reason, id.to_string())).collect::<Vec<_>>() {
        bench.reason("J-81", reason, vec![id]);
    }
}
