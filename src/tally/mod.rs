//! Folds every record of a traffic-bearing format into direction-free observations, and every record into coverage.

mod actions;
mod aside;
mod asked;
mod assigned;
mod cites;
mod conversation;
mod coverage;
mod doubles;
mod files;
mod halves;
mod key;
mod logons;
mod mail;
mod memo;
mod naming;
mod numbers;
mod read;
mod runs;
mod sessions;
mod ties;
mod tunnel;

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::assigned::Assigned;
use crate::model::conversations::Conversations;
use crate::model::fields::{Canon, Fields};
use crate::model::logons::Logons;
use crate::model::names::{self, Kinds};
use crate::model::naming::Naming;
use crate::model::observation::{
    CONVERSATION_WEIGHT, Cited, Hour, Key, NAME_WEIGHT, ObservationKey, Observations, Seen, Sum, WEIGHT_KEPT,
};
use crate::model::outline::Outline;
use crate::model::partial::Covered;
use crate::model::place::{Place, RecordDigest};
use crate::model::sessions::Sessions;
use crate::model::time::Span;

use aside::Aside;
use cites::{Pool, UNPROVEN};
use conversation::Conversation;
use doubles::{Double, Doubles};
use memo::{Amount, Meaning, Memo};
use numbers::Numbers;
use read::Teller;
use runs::Runs;
use ties::{Half, Ties};

pub use memo::Known;

/// One thread's running account of one source. Accounts of several threads are added up by [`gather`].
///
/// Conversations are found by the hash of their packed key, so that a record of a known one allocates nothing.
#[derive(Default)]
pub struct Tally {
    covered: Covered,
    numbers: Numbers,
    /// Records in the hour of the last record: that hour and its count, not yet in `covered`.
    hour: Option<(i64, u64)>,
    /// Formats of records that others hold, not yet in `covered`.
    held: Vec<(&'static str, u64)>,
    /// The format of the last record, and how it tells of traffic.
    teller: Option<(&'static str, Teller)>,
    /// The packed key of the record at hand.
    key: Vec<u8>,
    /// What of the name asked for lies below the domain in that key.
    below: Vec<u8>,
    /// Packed keys of all conversations, one after the other.
    keys: Vec<u8>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    conversations: Vec<Conversation>,
    /// What of them is cited.
    pool: Pool,
    /// What records that have an outline come to.
    memo: Memo,
    /// Conversations that cite records of the block at hand, whose digests are not made yet.
    unproven: Vec<u32>,
    weight: usize,
    cap: Cap,
    /// From this packed key on, the cap cuts off whatever comes.
    bound: Option<Vec<u8>>,
    /// Index of the conversation that stands for all from the bound on.
    beyond: Option<usize>,
    /// Addresses that were given to somebody.
    assigned: Assigned,
    /// Accounts that logged on from elsewhere.
    logons: Logons,
    /// Names of addresses, by records that tell of no bytes.
    naming: Naming,
    /// Sessions that the block at hand tells of while they last, and that end in it.
    sessions: Sessions,
    /// Records of the block at hand that may stand in the source twice.
    doubles: Doubles,
    /// Above this one all accounts together hold none of them.
    held_to: Option<doubles::Id>,
    /// Records that are halves.
    ties: Ties,
    /// The record at hand that was answered, kept for its room.
    answered: Fields<'static>,
    /// What this account and those of other threads no longer hold.
    runs: Arc<Mutex<Runs>>,
    /// What all accounts hold aside until the source is read.
    aside: Arc<Mutex<Aside>>,
}

/// The weight that is kept of a source.
#[derive(Clone, Copy)]
struct Cap {
    kept: usize,
    /// The weight at which one account of the source is given up and begun anew.
    share: usize,
}

impl Default for Cap {
    fn default() -> Self {
        Self::of(WEIGHT_KEPT, 1)
    }
}

impl Cap {
    /// So much, of so many accounts: all of them hold an eighth of it.
    ///
    /// PERF: half of it takes no less time, and 260 MB more of a web log of 200,000 visitors.
    fn of(kept: usize, accounts: usize) -> Self {
        Self { kept, share: kept / 8 / accounts.max(1) }
    }

    /// The weight at which what no account holds any longer is cut down to the cap.
    fn held(self) -> usize {
        self.kept + self.kept / 4
    }
}

/// The accounts of one source, one for each thread.
pub fn accounts(threads: usize) -> Vec<Tally> {
    let (runs, aside, accounts) = (Arc::default(), Arc::default(), threads.max(1));
    let cap = Cap::of(WEIGHT_KEPT, accounts);
    let account = |_| Tally { runs: Arc::clone(&runs), aside: Arc::clone(&aside), cap, ..Tally::default() };
    (0..accounts).map(account).collect()
}

impl Tally {
    /// Folds one record into the observations, if its format speaks of traffic. `digest` gives the digest of a record of
    /// this block; [`settle`](Self::settle) must follow before the next block. What it came to is kept for records of the
    /// same `outline`, where it has one. Says whether it speaks of traffic. `fields` are the same afterwards.
    pub fn observe(
        &mut self,
        format: &'static str,
        (fields, outline): (&mut Fields<'_>, Option<&Outline<'_>>),
        place: Place,
        digest: &dyn Fn(Place) -> RecordDigest,
    ) -> bool {
        match ties::half(fields) {
            None => self.observe_whole(format, (fields, outline), place, digest),
            Some(Half::Lends) => {
                self.ties.lend(fields, place);
                self.observe_whole(format, (fields, None), place, digest)
            }
            Some(Half::Ends) => {
                self.ties.end(fields, place);
                self.observe_whole(format, (fields, None), place, digest)
            }
            Some(Half::Takes) => {
                let Some(lent) = self.ties.give(fields, place, digest) else { return false };
                let is_traffic = self.observe_whole(format, (fields, None), place, digest);
                lent.into_iter().for_each(|canon| fields.forget(canon));
                is_traffic
            }
            Some(Half::Asks) => {
                let before = self.ties.ask(fields, place, digest);
                before.into_iter().for_each(|answered| self.observe_answered(&answered, digest));
                let teller = self.teller(fields.inside.unwrap_or(format));
                read::key(teller, fields, &mut self.key, &mut self.below)
            }
            Some(Half::Answers) => {
                let answered = self.ties.answer(fields, place);
                answered.into_iter().for_each(|answered| self.observe_answered(&answered, digest));
                self.observe_whole(format, (fields, None), place, digest)
            }
        }
    }

    /// [`observe`](Self::observe) of a record that is whole.
    fn observe_whole(
        &mut self,
        format: &'static str,
        (fields, outline): (&Fields<'_>, Option<&Outline<'_>>),
        place: Place,
        digest: &dyn Fn(Place) -> RecordDigest,
    ) -> bool {
        let teller = self.teller(fields.inside.unwrap_or(format));
        let assignment = assigned::of(fields, place, digest);
        let logon = logons::of(fields, place, digest);
        let is_more = assignment.is_some() || logon.is_some();
        let outline = outline.filter(|_| !is_more && !read::skipped(teller, fields) && read::cleared(fields).is_none());
        assignment.into_iter().for_each(|assignment| self.assigned.add(assignment));
        logon.into_iter().for_each(|logon| self.logons.add(logon));
        naming::answered(fields, &mut self.naming);
        if !read::key(teller, fields, &mut self.key, &mut self.below) {
            let unread = read::unread(teller, fields);
            naming::shown(fields, &mut self.naming);
            if let Some(outline) = outline {
                self.memo.keep(outline, unread.map_or(Meaning::Silent, Meaning::Unread));
            }
            unread.into_iter().for_each(|seen| self.unread(seen));
            return false;
        }
        self.covered.clocked |= fields.clocked;
        self.covered.sampled += u64::from(fields.sampled);
        let bytes = read::bytes(teller, fields, &self.key);
        let session = sessions::told(format, fields, &self.key);
        let counted = session.map_or(bytes, |told| self.session(told, fields, bytes));
        let records = if bytes == (None, None) { u64::from(fields.objects.max(1)) } else { 1 };
        let joint = read::joint(fields, &self.key);
        let index = self.conversation();
        self.name(index, fields);
        // What many conversations come to has no key, by which a call would be known.
        let is_of_many = self.beyond == Some(index) && fields.has(Canon::SessionId);
        let outline = outline.filter(|_| session.is_none() && joint.is_none() && !is_of_many && !fields.sampled);
        if let Some(outline) = outline
            && let Some((up, down)) = amounts(outline, (teller, fields), bytes, key::seen(&self.key))
        {
            self.memo.keep(outline, Meaning::Record { conversation: number(index), up, down });
        }
        let may_be_held = session != Some(sessions::Told::Lasts) && joint.is_none();
        if may_be_held && self.is_held(fields, (records, bytes), place) {
            return true;
        }
        let span = read::span(fields);
        // Since when that moved which a record says of a session so far is not known where that does not say when it began.
        let is_undated = session == Some(sessions::Told::Lasts) && span.is_some_and(|span| span.first == span.last);
        let shown = Shown { bytes, span: span.filter(|_| !is_undated) };
        let sum = joint.map_or(Sum::of_records(records, counted.0, counted.1), Sum::of_joint);
        let sum = if fields.sampled { sum.sampled() } else { sum };
        self.add(index, span, (sum, shown), place, digest);
        true
    }

    /// The conversation of the record that was observed last, where it speaks of traffic.
    pub fn at_hand(&self) -> ObservationKey {
        let mut key = self.key.clone();
        key::repair(&mut key);
        key::view(&key).to_owned()
    }

    /// What a record of this outline comes to, where one of its identity was observed before: [`fold`](Self::fold) does
    /// then what [`observe`](Self::observe) would.
    #[inline]
    pub fn recall(&self, outline: &Outline<'_>) -> Option<Known> {
        self.memo.recall(outline)
    }

    /// Whether it is known which conversation a record is of that comes to this, where it is of one: of what many come to it is not.
    pub fn keeps(&self, known: Known) -> bool {
        !matches!(self.memo.meaning(known), Meaning::Record { .. }) || self.of(known).is_some()
    }

    /// The conversation of a record that comes to this, where it [`keeps`](Self::keeps) it.
    pub fn of(&self, known: Known) -> Option<Key<'_>> {
        let Meaning::Record { conversation, .. } = self.memo.meaning(known) else { return None };
        let key = self.key_of(*conversation as usize);
        (!key.is_empty()).then(|| key::view(key))
    }

    /// Folds one record into the observations by its outline alone.
    #[inline]
    pub fn fold(&mut self, known: Known, outline: &Outline<'_>, place: Place, digest: &dyn Fn(Place) -> RecordDigest) {
        match self.memo.meaning(known) {
            Meaning::Record { conversation, up, down } => {
                let (conversation, bytes) = (*conversation, (up.of(outline), down.of(outline)));
                let span = outline.span();
                if let (Some(tie), (None, None)) = (outline.tie, bytes)
                    && self.is_held_call(conversation as usize, (tie, span), place)
                {
                    return;
                }
                self.add(
                    conversation as usize,
                    span,
                    (Sum::of_record(bytes.0, bytes.1), Shown { bytes, span }),
                    place,
                    digest,
                );
            }
            Meaning::Unread(seen) => self.unread(*seen),
            Meaning::Silent => {}
        }
    }

    /// Keeps the name asked for where it may be one of a tunnel. A name says the same however often it is asked for, so
    /// that records which are known by their outline need not come here.
    fn name(&mut self, index: usize, fields: &Fields<'_>) {
        let conversation = &mut self.conversations[index];
        if self.below.is_empty() || conversation.length == 0 {
            return;
        }
        let kinds = fields.get(Canon::DnsType).map_or(Kinds::default(), Kinds::of);
        if names::is_told(&self.below, kinds) && conversation.name(&String::from_utf8_lossy(&self.below), kinds) {
            self.weight += NAME_WEIGHT;
        }
    }

    fn unread(&mut self, seen: Seen) {
        *self.covered.unread.entry(seen).or_default() += 1;
    }

    /// Adds a record to a conversation: what of it counts, and the bytes that it shows.
    fn add(
        &mut self,
        index: usize,
        span: Option<Span>,
        (sum, shown): (Sum, Shown),
        place: Place,
        digest: &dyn Fn(Place) -> RecordDigest,
    ) {
        let conversation = &mut self.conversations[index];
        let new_hour = conversation.add(&Hour { span, sum });
        if conversation.may_cite(shown.most()) && conversation.cite(shown.cited(place), &mut self.pool) {
            self.unproven.push(number(index));
        }
        self.weight += usize::from(new_hour);
        if self.weight > self.cap.share {
            self.settle(digest);
            self.give_up();
        }
    }

    /// Makes the digests of the records of this block that are cited still.
    ///
    /// PERF: of a conversation's records many are cited for a moment, until others moved more.
    pub fn settle(&mut self, digest: &dyn Fn(Place) -> RecordDigest) {
        self.numbers.end_block();
        self.prove_doubles(digest);
        for at in self.unproven.drain(..) {
            self.conversations[at as usize].prove(&mut self.pool, digest);
        }
        self.lay_aside();
    }

    /// How the records of a format tell of traffic.
    #[inline]
    fn teller(&mut self, format: &'static str) -> Teller {
        if let Some((known, teller)) = self.teller
            && std::ptr::eq(known, format)
        {
            return teller;
        }
        let teller = Teller::of(format);
        self.teller = Some((format, teller));
        teller
    }

    /// Index of the conversation of the packed key at hand.
    fn conversation(&mut self) -> usize {
        let known = self.known().or_else(|hash| if key::repair(&mut self.key) { self.known() } else { Err(hash) });
        let hash = match known {
            Ok(at) => return at,
            Err(hash) => hash,
        };
        if self.bound.as_ref().is_some_and(|bound| key::order(&self.key, bound).is_ge()) {
            return *self.beyond.get_or_insert_with(|| {
                self.conversations.push(Conversation::of_many());
                self.conversations.len() - 1
            });
        }
        let at = self.conversations.len();
        let start = self.keys.len();
        self.keys.extend_from_slice(&self.key);
        self.conversations.push(Conversation::new(hash, start, self.key.len() as u32));
        let conversations = &self.conversations;
        self.table.insert_unique(hash, number(at), |at| conversations[*at as usize].hash);
        self.weight += CONVERSATION_WEIGHT;
        at
    }

    /// Index of the conversation of the packed key at hand, or the hash of the key.
    fn known(&self) -> Result<usize, u64> {
        let hash = self.hasher.hash_one(&*self.key);
        let same = |at: &u32| {
            let known = &self.conversations[*at as usize];
            known.hash == hash && self.keys[known.start..][..known.length as usize] == *self.key
        };
        self.table.find(hash, same).map(|at| *at as usize).ok_or(hash)
    }

    /// Packs all conversations as one more run of the source, and begins anew.
    ///
    /// PERF: what a thread holds of a conversation is three times as large as what is packed, and each thread would hold the
    /// same ones.
    #[cold]
    fn give_up(&mut self) {
        self.memo.clear();
        let beyond = self.beyond.take().map(|at| std::mem::take(&mut self.conversations[at]).sum());
        let (mut run, mut weight) = (Conversations::default(), 0usize);
        let pool = std::mem::take(&mut self.pool);
        for (packed, known) in self.take_sorted() {
            let seen = known.finish(&pool);
            weight += seen.weight();
            run.push(&key::view(packed), &seen);
        }
        self.pool = pool;
        self.pool.clear();
        self.conversations.clear();
        self.keys.clear();
        self.table.clear();
        self.weight = 0;
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        self.bound = runs.add((run, weight), beyond.unwrap_or_default(), self.cap);
    }

    fn key_of(&self, at: usize) -> &[u8] {
        let known = &self.conversations[at];
        &self.keys[known.start..][..known.length as usize]
    }

    /// Indexes of all conversations that have a key, sorted by it.
    fn sorted(&self) -> Vec<usize> {
        let with_key = (0..self.conversations.len()).filter(|at| self.conversations[*at].length > 0);
        let mut order: Vec<(key::Begin, u32)> = with_key.map(|at| (key::begin(self.key_of(at)), number(at))).collect();
        let key = |at: u32| self.key_of(at as usize);
        order.sort_unstable_by(|(a, at), (b, other)| a.cmp(b).then_with(|| key::order(key(*at), key(*other))));
        order.into_iter().map(|(_, at)| at as usize).collect()
    }

    /// All conversations, sorted, with their packed keys.
    fn take_sorted(&mut self) -> impl Iterator<Item = (&[u8], Conversation)> {
        let order = self.sorted();
        let Self { keys, conversations, .. } = self;
        let keys: &[u8] = keys;
        order.into_iter().map(move |at| {
            let known = std::mem::take(&mut conversations[at]);
            (&keys[known.start..][..known.length as usize], known)
        })
    }
}

/// The index of a conversation as the table holds it.
fn number(at: usize) -> u32 {
    u32::try_from(at).expect("the cap on weight is far below 2^32 conversations")
}

/// Bytes from client to server and back, as far as they are logged.
type Bytes = (Option<u64>, Option<u64>);

/// What a record shows that it moved, and from when to when.
#[derive(Clone, Copy)]
struct Shown {
    bytes: Bytes,
    span: Option<Span>,
}

impl Shown {
    /// The most bytes that it moved one way.
    fn most(self) -> u64 {
        let (up, down) = self.bytes;
        up.max(down).unwrap_or(0)
    }

    /// The record, cited; its digest is not made yet.
    fn cited(self, place: Place) -> Cited {
        let (up, down) = self.bytes;
        Cited { bytes: self.most(), up: up > down, span: self.span, place, sha256: UNPROVEN }
    }
}

/// Where the bytes of a record come from, which a parse gave; `None` where that does not show in its outline.
fn amounts(
    outline: &Outline<'_>,
    (teller, fields): (Teller, &Fields<'_>),
    (up, down): (Option<u64>, Option<u64>),
    seen: Option<Seen>,
) -> Option<(Amount, Amount)> {
    let known = |bytes: Option<u64>| bytes.map_or(Amount::Unknown, Amount::Fixed);
    if seen == Some(Seen::Dns) || read::is_stopped(teller, fields) {
        return Some((known(up), known(down)));
    }
    // What a record of one way did not move the other way, it has no field for.
    let found = |bytes, canon| match fields.get(canon) {
        Some(value) => Amount::found(outline, bytes, Some(value)),
        None => Some(known(bytes)),
    };
    Some((found(up, Canon::SourceBytes)?, found(down, Canon::DestinationBytes)?))
}

/// Adds up the accounts of several threads of one source, and keeps no more than the cap, the smallest keys first.
pub fn gather(accounts: impl IntoIterator<Item = Tally>) -> (Covered, Observations) {
    let mut accounts: Vec<Tally> = accounts.into_iter().collect();
    let (mut covered, mut assigned, mut logons) = (Covered::default(), Assigned::default(), Logons::default());
    let mut naming = Naming::default();
    let cap = accounts.first().map(|account| account.cap).unwrap_or_default();
    covered.numbers = numbers::gather(accounts.iter_mut().map(|account| std::mem::take(&mut account.numbers)));
    let (mut sessions, loose, calls) = aside::settle(&mut accounts, &mut covered);
    let mut runs = Runs::default();
    for mut account in accounts {
        covered.join(account.covered());
        assigned.join(std::mem::take(&mut account.assigned));
        logons.join(std::mem::take(&mut account.logons));
        naming.join(std::mem::take(&mut account.naming));
        account.give_up();
        let mut given = account.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.join(std::mem::take(&mut *given));
    }
    let (kept, (rest, rest_span)) = runs.finish(cap);
    sessions.settle(covered.span.map(|span| span.first));
    (covered, Observations { kept, rest, rest_span, assigned, logons, sessions, calls, loose, naming })
}

#[cfg(test)]
mod tests;
