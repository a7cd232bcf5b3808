//! Records that say the one half each of what moved, and are tied by a number: of a process, of a mail.
//!
//! ```text
//! sftp-server[812]: session opened for local user alice from [192.0.2.10]
//! sftp-server[812]: close "/home/alice/plans.zip" bytes read 1048576 written 0
//! postfix/qmgr[7]: 4B1: from=<a@hc.example>, size=7340032, nrcpt=1 (queue active)
//! postfix/smtp[9]: 4B1: to=<b@x.example>, relay=mx.x.example[203.0.113.9]:25, dsn=2.0.0, status=sent (250 ok)
//! ```
//!
//! A record that tells of traffic and lacks its half takes it from the last record before it that lends one under the same number.
//! Where that stands in the same block the two are one at once; else both are held until the source is read. A mail to several
//! leaves once for all whom one server takes it for, and each of them has a record: such are held too, so that it is
//! known which was the first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::mail;
use crate::model::fields::{Canon, Fields, Kind};
use crate::model::loose::{self, LOOSE_KEPT, Tie};
use crate::model::observation::Seen;
use crate::model::place::{Place, RecordDigest};
use crate::model::time::Stamp;

/// Bytes of halves held of a source; of more, those that stand first in it.
const HELD_BYTES: usize = 32 << 20;
/// What a half weighs beside its texts.
const HALF_BYTES: usize = 160;

/// Ways that a mail went already.
type Ways = BTreeSet<Vec<u8>>;

/// A canonical field and its value.
type Value = (Canon, Box<[u8]>);

/// Which half a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// It says who, or how much, and tells of no traffic itself.
    Lends,
    /// It tells of traffic, and lacks that.
    Takes,
    /// What was lent under its number is lent no longer: the number is given anew.
    Ends,
}

/// Which half a record is; `None` where it is whole.
pub fn half(fields: &Fields<'_>) -> Option<Half> {
    let has = |canon| fields.has(canon);
    if !has(Canon::SessionId) {
        return None;
    }
    let named = [Canon::SourceIp, Canon::SourceDomain, Canon::DestinationIp, Canon::DestinationDomain];
    match fields.observer {
        Some(Seen::FileTransfer) if !named.into_iter().any(has) => Some(Half::Takes),
        Some(Seen::Mail) if has(Canon::EmailTo) && !has(Canon::SourceBytes) => Some(Half::Takes),
        None if has(Canon::EmailFrom) && fields.get(Canon::EventAction).is_some_and(mail::is_queued) => {
            Some(Half::Lends)
        }
        None if fields.get(Canon::EventAction).is_some_and(mail::is_removed) => Some(Half::Ends),
        // Of a session from nowhere too: the number is another one's then.
        None if fields.of_process && has(Canon::UserName) => Some(Half::Lends),
        _ => None,
    }
}

/// A half that is held.
#[derive(Debug)]
enum Held {
    Lent(Lent),
    Ended,
    Taken(Box<Taken>),
}

/// What a record lends.
#[derive(Debug, Clone)]
struct Lent {
    values: Box<[Value]>,
    /// Whether it is of a mail to several.
    is_of_several: bool,
    /// When.
    time: Option<Stamp>,
}

/// A record that tells of traffic, whose other half was not there yet.
#[derive(Debug)]
pub struct Taken {
    values: Vec<Value>,
    observer: Option<Seen>,
    /// When.
    pub time: Option<Stamp>,
    /// Where it stands.
    pub place: Place,
    /// SHA-256 of its bytes.
    pub sha256: RecordDigest,
}

impl Taken {
    /// The fields of both halves.
    pub fn fields(&self) -> Fields<'_> {
        let mut fields = Fields::default();
        self.values.iter().for_each(|(canon, value)| fields.push(Some(*canon), b"", value, Kind::Str));
        (fields.observer, fields.time) = (self.observer, self.time);
        fields
    }
}

/// What a record takes from another one.
const LENT: [Canon; 5] = [Canon::SourceIp, Canon::UserName, Canon::UserDomain, Canon::EmailFrom, Canon::SourceBytes];
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

fn values(fields: &Fields<'_>, of: &[Canon]) -> Vec<Value> {
    of.iter().filter_map(|canon| Some((*canon, fields.get(*canon)?.into()))).collect()
}

/// What ties a record to others: who wrote it, and the number.
fn number(fields: &Fields<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(fields.get(Canon::HostName).unwrap_or_default());
    out.push(0);
    out.extend_from_slice(fields.get(Canon::SessionId).unwrap_or_default());
}

/// Halves of one thread: those of the block at hand, and those that are held.
#[derive(Debug, Default)]
pub struct Ties {
    /// What was lent last in this block, by number.
    lent: HashMap<Box<[u8]>, Lent>,
    /// The number at hand.
    number: Vec<u8>,
    held: Holding,
}

impl Ties {
    /// Takes what a record lends.
    pub fn lend(&mut self, fields: &Fields<'_>, place: Place) {
        number(fields, &mut self.number);
        let is_of_several = fields.get(Canon::EventAction) == Some(mail::TO_SEVERAL);
        let lent = Lent { values: values(fields, &LENT).into(), is_of_several, time: fields.time };
        self.held.add(place.offset, self.number.as_slice().into(), Held::Lent(lent.clone()));
        self.lent.insert(self.number.as_slice().into(), lent);
    }

    /// Ends what was lent under the number of a record.
    pub fn end(&mut self, fields: &Fields<'_>, place: Place) {
        number(fields, &mut self.number);
        self.lent.remove(self.number.as_slice());
        self.held.add(place.offset, self.number.as_slice().into(), Held::Ended);
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
        if let Some(lent) = self.lent.get(self.number.as_slice()).filter(|lent| !lent.is_of_several) {
            let missing = lent.values.iter().filter(|(canon, _)| !fields.has(*canon)).collect::<Vec<_>>();
            for (canon, value) in &missing {
                let value = fields.store(value);
                fields.push_text(Some(*canon), crate::model::fields::Text::Slice(b""), value, Kind::Str);
            }
            return Some(missing.into_iter().map(|(canon, _)| *canon).collect());
        }
        let (values, observer, time) = (values(fields, &KEPT), fields.observer, fields.time);
        let taken = Taken { values, observer, time, place, sha256: digest(place) };
        self.held.add(place.offset, self.number.as_slice().into(), Held::Taken(Box::new(taken)));
        None
    }

    /// The block is done: what is held of it goes to what is held of the source.
    pub fn end_block(&mut self, to: &mut Holding) {
        self.lent.clear();
        to.join(std::mem::take(&mut self.held));
    }

    /// The block is done, and nothing of it is held.
    pub fn forget(&mut self) {
        self.lent.clear();
    }

    /// Whether nothing of the block is held.
    pub fn is_empty(&self) -> bool {
        self.held.all.is_empty() && self.held.bound.is_none()
    }
}

/// Halves that are held of a source, by where they stand. Joins commute: what is let go has too much before it in any whole.
#[derive(Debug, Default)]
pub struct Holding {
    all: BTreeMap<u64, (Box<[u8]>, Held)>,
    bytes: usize,
    /// From here on nothing is held.
    bound: Option<u64>,
    /// Records that were let go and tell of traffic, by who tells.
    beyond: BTreeMap<Seen, u64>,
}

impl Holding {
    fn add(&mut self, at: u64, number: Box<[u8]>, held: Held) {
        if self.bound.is_some_and(|bound| at >= bound) {
            return self.let_go(&held);
        }
        self.bytes += weight(&number, &held);
        self.all.insert(at, (number, held));
        while self.bytes > HELD_BYTES
            && let Some((at, (number, last))) = self.all.pop_last()
        {
            self.bytes -= weight(&number, &last);
            self.bound = Some(at);
            self.let_go(&last);
        }
    }

    fn let_go(&mut self, held: &Held) {
        if let Held::Taken(taken) = held {
            taken.observer.into_iter().for_each(|seen| *self.beyond.entry(seen).or_default() += 1);
        }
    }

    fn join(&mut self, other: Self) {
        other.beyond.into_iter().for_each(|(seen, records)| *self.beyond.entry(seen).or_default() += records);
        if let Some(bound) = other.bound.filter(|bound| self.bound.is_none_or(|known| *bound < known)) {
            self.bound = Some(bound);
            for (number, held) in self.all.split_off(&bound).into_values() {
                self.bytes -= weight(&number, &held);
                self.let_go(&held);
            }
        }
        other.all.into_iter().for_each(|(at, (number, held))| self.add(at, number, held));
    }

    /// The whole source is read: the records whose other half was found, and what is loose.
    pub fn finish(self) -> Finished {
        let (mut found, mut alone, mut taken_loose) = (Vec::new(), self.beyond, Vec::new());
        let mut lent: HashMap<Box<[u8]>, (Lent, Ways)> = HashMap::new();
        for (number, held) in self.all.into_values() {
            match held {
                Held::Lent(new) => {
                    lent.insert(number, (new, Ways::new()));
                }
                Held::Ended => {
                    lent.remove(&number);
                }
                Held::Taken(mut taken) => match lent.get_mut(&number) {
                    Some((lent, told)) => {
                        let is_told = lent.is_of_several && !told.insert(taken.way());
                        taken.add(lent, is_told);
                        found.push(*taken);
                    }
                    None => {
                        taken.observer.into_iter().for_each(|seen| *alone.entry(seen).or_default() += 1);
                        if taken_loose.len() < LOOSE_KEPT {
                            taken_loose.push((tie(&number), *taken));
                        }
                    }
                },
            }
        }
        let mut lent: Vec<(Tie, loose::Lent)> =
            lent.into_iter().filter_map(|(number, (lent, _))| Some((tie(&number), lent.loose()?))).collect();
        lent.sort_unstable_by(|(tie, lent), (other, known)| (known.at, other).cmp(&(lent.at, tie)));
        lent.truncate(LOOSE_KEPT);
        Finished { found, alone, lent: lent.into_iter().collect(), taken: taken_loose }
    }
}

/// What halves of a source come to.
pub struct Finished {
    /// Records whose other half was found.
    pub found: Vec<Taken>,
    /// How many there are of which it was not, by who tells.
    pub alone: BTreeMap<Seen, u64>,
    /// What is lent still.
    pub lent: BTreeMap<Tie, loose::Lent>,
    /// The first records of which the other half was not found.
    pub taken: Vec<(Tie, Taken)>,
}

/// A digest of what ties records.
fn tie(number: &[u8]) -> Tie {
    let mut first = [0; 8];
    blake3::Hasher::new().update(number).finalize_xof().fill(&mut first);
    Tie::from_le_bytes(first)
}

impl Lent {
    /// The same for another file of the log; `None` without a time.
    fn loose(&self) -> Option<loose::Lent> {
        let at = self.time?.at;
        let mut fields = Fields::default();
        self.values.iter().for_each(|(canon, value)| fields.push(Some(*canon), b"", value, Kind::Str));
        let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        let account = match (fields.get(Canon::UserDomain), fields.get(Canon::UserName)) {
            (Some(domain), Some(user)) => format!("{}\\{}", text(Some(domain)), text(Some(user))),
            (_, Some(user)) => text(Some(user)),
            (_, None) => text(mail::sender(&fields)).to_lowercase(),
        };
        let client = text(fields.get(Canon::SourceIp)).into();
        let up = fields.number(Canon::SourceBytes).filter(|_| !self.is_of_several);
        Some(loose::Lent { at, client, account: account.into(), up })
    }
}

impl Taken {
    /// Which way a mail went: to which server, and to whose domain.
    fn way(&self) -> Vec<u8> {
        let fields = self.fields();
        let mut way = fields.get(Canon::DestinationIp).unwrap_or_default().to_vec();
        way.push(0);
        mail::domains(&fields, &mut way);
        way
    }

    /// Adds what was lent to it; how much, where it is not told already.
    fn add(&mut self, lent: &Lent, is_told: bool) {
        for (canon, value) in &lent.values {
            if self.values.iter().any(|(own, _)| own == canon) {
                continue;
            }
            let nothing = is_told && *canon == Canon::SourceBytes;
            self.values.push((*canon, if nothing { Box::from(&b"0"[..]) } else { value.clone() }));
        }
    }
}

fn weight(number: &[u8], held: &Held) -> usize {
    let values = match held {
        Held::Ended => &[],
        Held::Lent(lent) => &*lent.values,
        Held::Taken(taken) => &*taken.values,
    };
    HALF_BYTES + number.len() + values.iter().map(|(_, value)| size_of::<Value>() + value.len()).sum::<usize>()
}
