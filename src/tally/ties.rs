//! Records that say the one half each of what moved, and are tied by a number: of a process, of a mail.
//!
//! ```text
//! sftp-server[812]: session opened for local user alice from [192.0.2.10]
//! sftp-server[812]: close "/home/alice/plans.zip" bytes read 1048576 written 0
//! postfix/qmgr[7]: 4B1: from=<a@hc.example>, size=7340032, nrcpt=1 (queue active)
//! postfix/smtp[9]: 4B1: to=<b@x.example>, relay=mx.x.example[203.0.113.9]:25, dsn=2.0.0, status=sent (250 ok)
//! 1rpqXX-0003aB-1C <= a@hc.example H=pc.hc.example [192.0.2.10] P=esmtpsa S=7340032
//! 1rpqXX-0003aB-1C => b@x.example R=dnslookup T=remote_smtp H=mx.x.example [203.0.113.9]:25 C="250 OK"
//! ```
//!
//! A record that tells of traffic and lacks its half takes it from the last record before it that lends one under the same number.
//! Where that stands in the same block the two are one at once; else both are held until the source is read. A mail to several
//! leaves once for all whom one server takes it for, and each of them has a record: such are held too, so that it is
//! known which was the first. What was asked for waits for its answer in the same way ([`asked`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::asked::{self, Answered, Asked, Waiting};
use super::halves::{self, Halves, Last, Told, What};
use super::mail;
use crate::model::fields::{Canon, Fields, Kind};
use crate::model::loose::{self, LOOSE_KEPT, Tie};
use crate::model::observation::Seen;
use crate::model::place::{Place, RecordDigest};
use crate::model::time::Stamp;

/// Bytes of halves held of a source; of more, those that stand first in it.
const HELD_BYTES: usize = 32 << 20;

/// Ways that a mail went already.
type Ways = BTreeSet<Vec<u8>>;

/// Which half a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// It says who, or how much, and tells of no traffic itself.
    Lends,
    /// It tells of traffic, and lacks that.
    Takes,
    /// What was lent under its number is lent no longer: the number is given anew.
    Ends,
    /// It tells of traffic that was asked for.
    Asks,
    /// It says what became of that.
    Answers,
}

/// What a record says of a file that was given or taken, and not of one that was asked for.
const TOLD: [Canon; 4] = [Canon::EventOutcome, Canon::EventCode, Canon::SourceBytes, Canon::DestinationBytes];

/// Which half a record is; `None` where it is whole.
pub fn half(fields: &Fields<'_>) -> Option<Half> {
    let has = |canon| fields.has(canon);
    if !has(Canon::SessionId) {
        return None;
    }
    let named = [Canon::SourceIp, Canon::SourceDomain, Canon::DestinationIp, Canon::DestinationDomain];
    match fields.observer {
        Some(seen) if seen.is_of_files() && !named.into_iter().any(has) => Some(Half::Takes),
        // One more recipient of a delivery says that nothing more moved, and not whose mail it is.
        Some(Seen::Mail) if has(Canon::EmailTo) && !(has(Canon::SourceBytes) && has(Canon::EmailFrom)) => {
            Some(Half::Takes)
        }
        // What says itself what became of it waits for no answer.
        Some(Seen::FileServer) if fields.of_process && !TOLD.into_iter().any(has) => Some(Half::Asks),
        None if fields.of_process && asked::reply(fields).is_some() => Some(Half::Answers),
        // A mail without a sender is the mail system's own: a bounce (RFC 5321, 4.5.5). It has a size like any other.
        None if fields.get(Canon::EventAction).is_some_and(mail::is_queued)
            && (has(Canon::EmailFrom) || has(Canon::SourceBytes)) =>
        {
            Some(Half::Lends)
        }
        None if fields.get(Canon::EventAction).is_some_and(mail::is_removed) => Some(Half::Ends),
        // Of a session from nowhere too: the number is another one's then.
        None if fields.of_process && (has(Canon::UserName) || named.into_iter().any(has)) => Some(Half::Lends),
        _ => None,
    }
}

/// A record that tells of traffic, and what was lent to it.
#[derive(Debug)]
pub struct Taken<'h> {
    values: Vec<(Canon, &'h [u8])>,
    told: Told,
}

impl<'h> Taken<'h> {
    /// A half that tells of traffic.
    pub(super) fn of(half: &halves::Half<'h>, told: Told) -> Self {
        Self { values: half.values().collect(), told }
    }

    /// The same, of which nothing came to be.
    pub(super) fn refused(mut self) -> Self {
        self.values.push((Canon::EventOutcome, b"failure"));
        self
    }
}

impl Taken<'_> {
    /// The fields of both halves.
    pub fn fields(&self) -> Fields<'_> {
        let mut fields = Fields::default();
        self.values.iter().for_each(|(canon, value)| fields.push(Some(*canon), b"", value, Kind::Str));
        (fields.observer, fields.time) = (self.told.observer, self.told.time);
        fields
    }

    /// When.
    pub fn time(&self) -> Option<Stamp> {
        self.told.time
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.told.place
    }

    /// SHA-256 of its bytes.
    pub fn sha256(&self) -> RecordDigest {
        self.told.sha256
    }
}

/// What a record takes from another one.
const LENT: [Canon; 8] = [
    Canon::SourceIp,
    Canon::DestinationIp,
    Canon::DestinationPort,
    Canon::DestinationDomain,
    Canon::UserName,
    Canon::UserDomain,
    Canon::EmailFrom,
    Canon::SourceBytes,
];
/// What a record of a mail lends: whose that is says its sender, and not who logged on to hand it in.
const LENT_OF_MAIL: [Canon; 3] = [Canon::SourceIp, Canon::EmailFrom, Canon::SourceBytes];
/// What of a record that takes tells who spoke with whom.
const KEPT: [Canon; 10] = [
    Canon::SessionId,
    Canon::HostName,
    Canon::EventAction,
    Canon::EventOutcome,
    Canon::DestinationIp,
    Canon::DestinationPort,
    Canon::DestinationDomain,
    Canon::EmailTo,
    Canon::SourceBytes,
    Canon::DestinationBytes,
];

/// What ties a record to others: who wrote it, and the number.
fn number(fields: &Fields<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(fields.get(Canon::HostName).unwrap_or_default());
    out.push(0);
    out.extend_from_slice(fields.get(Canon::SessionId).unwrap_or_default());
}

/// Halves of one thread: those of the block at hand.
#[derive(Debug, Default)]
pub struct Ties {
    halves: Halves,
    /// Which of them lent last under a number.
    lent: Last,
    /// What was asked for.
    asked: Asked,
    /// The number at hand.
    number: Vec<u8>,
    /// From here on nothing is held of the source, as far as is known.
    bound: Option<u64>,
    /// Records behind that bound that tell of traffic, by who tells.
    beyond: Alone,
}

impl Ties {
    /// Takes what a record lends.
    pub fn lend(&mut self, fields: &Fields<'_>, place: Place) {
        number(fields, &mut self.number);
        let action = fields.get(Canon::EventAction);
        let is_of_several = action.is_some_and(mail::is_to_several);
        let of: &[Canon] = if action.is_some_and(mail::is_queued) { &LENT_OF_MAIL } else { &LENT };
        let index = self.halves.len();
        self.halves.add((place.offset, &self.number), What::Lent { is_of_several, time: fields.time }, fields, of);
        self.lent.set(&self.halves, index);
    }

    /// Ends what was lent under the number of a record.
    pub fn end(&mut self, fields: &Fields<'_>, place: Place) {
        number(fields, &mut self.number);
        self.halves.add((place.offset, &self.number), What::Ended, fields, &[]);
        self.lent.remove(&self.halves, &self.number);
    }

    /// What was lent last in this block under the number at hand.
    fn lent(&self) -> Option<halves::Half<'_>> {
        self.lent.get(&self.halves, &self.number).map(|index| self.halves.get(index))
    }

    /// Gives a record what was lent to it in this block, and says which fields that are. Where nothing was, it is held with its
    /// digest, and `None`.
    pub fn give(
        &mut self,
        fields: &mut Fields<'_>,
        place: Place,
        digest: &dyn Fn(Place) -> RecordDigest,
    ) -> Option<Vec<Canon>> {
        number(fields, &mut self.number);
        if let Some(lent) = self.lent().filter(|lent| !is_of_several(lent)) {
            let missing = lent.values().filter(|(canon, _)| !fields.has(*canon)).collect::<Vec<_>>();
            for (canon, value) in &missing {
                let value = fields.store(value);
                fields.push_text(Some(*canon), crate::model::fields::Text::Slice(b""), value, Kind::Str);
            }
            return Some(missing.into_iter().map(|(canon, _)| canon).collect());
        }
        if self.bound.is_some_and(|bound| place.offset >= bound) {
            fields.observer.into_iter().for_each(|seen| *self.beyond.entry(seen).or_default() += 1);
            return None;
        }
        let told = Told { observer: fields.observer, time: fields.time, place, sha256: digest(place) };
        self.halves.add((place.offset, &self.number), What::Taken(told), fields, &KEPT);
        None
    }

    /// Takes a record that asks for something. Gives what was asked for before it in its session, where nothing answered that.
    pub fn ask(
        &mut self,
        fields: &Fields<'_>,
        place: Place,
        digest: &dyn Fn(Place) -> RecordDigest,
    ) -> Option<Answered> {
        number(fields, &mut self.number);
        let told = Told { observer: fields.observer, time: fields.time, place, sha256: digest(place) };
        self.halves.add((place.offset, &self.number), What::Taken(told), fields, &asked::ASKED);
        self.asked.ask(&mut self.halves, told)
    }

    /// Takes a record that answers. Gives what was asked for in this block, where it tells what became of that.
    pub fn answer(&mut self, fields: &Fields<'_>, place: Place) -> Option<Answered> {
        number(fields, &mut self.number);
        match self.asked.answer(&mut self.halves, &self.number, asked::reply(fields)?) {
            Ok(answered) => answered,
            Err(reply) => {
                self.halves.add((place.offset, &self.number), What::Answered(reply), fields, &[]);
                self.asked.hold(&self.halves);
                None
            }
        }
    }

    /// Reads what was asked for in this block.
    pub fn read(&self, answered: &Answered, out: &mut Fields<'static>) {
        answered.read(&self.halves, out);
    }

    /// The block is done: what is held of it goes to what is held of the source.
    pub fn end_block(&mut self, to: &mut Holding) {
        to.join(self.halves.held());
        self.asked.clear();
        std::mem::take(&mut self.beyond)
            .into_iter()
            .for_each(|(seen, more)| *to.beyond.entry(seen).or_default() += more);
        self.bound = to.bound;
        self.lent.clear();
        self.halves.clear();
    }

    /// Whether nothing of the block is held.
    pub fn is_empty(&self) -> bool {
        self.halves.is_empty() && self.beyond.is_empty()
    }
}

/// How many records that tell of traffic have no other half, by who tells.
type Alone = BTreeMap<Seen, u64>;

/// Halves that are held of a source, block by block. Joins commute: what is let go has too much before it in any whole.
#[derive(Debug, Default)]
pub struct Holding {
    /// By where the first one of the block stands.
    blocks: BTreeMap<u64, Halves>,
    bytes: usize,
    /// From here on nothing is held.
    bound: Option<u64>,
    /// Records that were let go and tell of traffic.
    beyond: Alone,
}

impl Holding {
    fn join(&mut self, block: Halves) {
        let Some(first) = block.first() else { return };
        self.bytes += block.weight();
        self.blocks.insert(first, block);
        while let Some(mut last) = self.blocks.last_entry() {
            let halves = last.get_mut();
            let is_behind = |bound| halves.last().is_none_or(|at| at >= bound);
            if self.bytes <= HELD_BYTES && !self.bound.is_some_and(is_behind) {
                break;
            }
            let Some((at, weight, observer)) = halves.pop() else {
                last.remove();
                continue;
            };
            self.bytes -= weight;
            self.bound = Some(self.bound.map_or(at, |bound| bound.min(at)));
            observer.into_iter().for_each(|seen| *self.beyond.entry(seen).or_default() += 1);
        }
    }

    /// The whole source is read: gives what its records that tell of traffic come to, and says how many there are of which the
    /// other half was not found, by who tells, and what is lent still.
    pub fn finish(self, mut give: impl FnMut(End<'_, '_>)) -> (Alone, BTreeMap<Tie, loose::Lent>) {
        let (mut alone, mut given) = (self.beyond, 0);
        let mut lent: HashMap<&[u8], (halves::Half<'_>, Ways)> = HashMap::new();
        let mut waiting = Waiting::default();
        for half in self.blocks.values().flat_map(Halves::iter) {
            let told = match half.what {
                What::Lent { .. } => {
                    lent.insert(half.number, (half, Ways::new()));
                    continue;
                }
                What::Ended => {
                    lent.remove(half.number);
                    continue;
                }
                What::Asked { .. } | What::Answered(_) | What::Settled { .. } => {
                    waiting.next(&half).iter().for_each(|taken| give(End::Found(taken)));
                    continue;
                }
                What::Taken(told) => told,
            };
            let mut taken = Taken::of(&half, told);
            if let Some((lent, ways)) = lent.get_mut(half.number) {
                let is_told = is_of_several(lent) && !ways.insert(taken.way());
                taken.add(lent, is_told);
                give(End::Found(&taken));
                continue;
            }
            told.observer.into_iter().for_each(|seen| *alone.entry(seen).or_default() += 1);
            if given < LOOSE_KEPT {
                given += 1;
                give(End::Loose(tie(half.number), &taken));
            }
        }
        waiting.rest().for_each(|taken| give(End::Found(&taken)));
        let still = lent.into_values().filter_map(|(half, _)| Some((tie(half.number), loose(&half)?)));
        let mut still: Vec<(Tie, loose::Lent)> = still.collect();
        still.sort_unstable_by(|(tie, lent), (other, known)| (known.at, other).cmp(&(lent.at, tie)));
        still.truncate(LOOSE_KEPT);
        (alone, still.into_iter().collect())
    }
}

/// What a record that tells of traffic comes to when its source is read.
pub enum End<'t, 'h> {
    /// Its other half was found.
    Found(&'t Taken<'h>),
    /// It was not: what ties it to records of other files. Of many the first ones.
    Loose(Tie, &'t Taken<'h>),
}

fn is_of_several(half: &halves::Half<'_>) -> bool {
    matches!(half.what, What::Lent { is_of_several: true, .. })
}

/// A digest of what ties records.
fn tie(number: &[u8]) -> Tie {
    let mut first = [0; 8];
    blake3::Hasher::new().update(number).finalize_xof().fill(&mut first);
    Tie::from_le_bytes(first)
}

/// What a half lends, for another file of the log; `None` without a time.
fn loose(half: &halves::Half<'_>) -> Option<loose::Lent> {
    let What::Lent { is_of_several, time } = half.what else { return None };
    let mut fields = Fields::default();
    half.values().for_each(|(canon, value)| fields.push(Some(canon), b"", value, Kind::Str));
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let account = match (fields.get(Canon::UserDomain), fields.get(Canon::UserName)) {
        (Some(domain), Some(user)) => format!("{}\\{}", text(Some(domain)), text(Some(user))),
        (_, Some(user)) => text(Some(user)),
        (_, None) => text(mail::sender(&fields)).to_lowercase(),
    };
    let client = text(fields.get(Canon::SourceIp)).into();
    let up = fields.number(Canon::SourceBytes).filter(|_| !is_of_several);
    Some(loose::Lent { at: time?.at, client, account: account.into(), up })
}

impl<'h> Taken<'h> {
    /// Which way a mail went: to which server, and to whose domain.
    fn way(&self) -> Vec<u8> {
        let fields = self.fields();
        let mut way = fields.get(Canon::DestinationIp).unwrap_or_default().to_vec();
        way.push(0);
        mail::domains(&fields, &mut way);
        way
    }

    /// Adds what was lent to it; how much, where it is not told already.
    fn add(&mut self, lent: &halves::Half<'h>, is_told: bool) {
        for (canon, value) in lent.values() {
            if self.values.iter().any(|(own, _)| *own == canon) {
                continue;
            }
            let nothing = is_told && canon == Canon::SourceBytes;
            self.values.push((canon, if nothing { b"0" } else { value }));
        }
    }
}
