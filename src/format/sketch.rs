//! Where outlines are put together, as fields are in a `Sink`: what each named value is to the outline.

use super::halves::halves;
use super::roles::Role;
use super::sink::{APART, BEGUN, CLOCK, DATE, ENDED, Way, address, keeps_outer, stamp};
use super::{near, time};
use crate::model::digits;
use crate::model::fields::Canon;
use crate::model::lasted::{Lasted, Side, Unit};
use crate::model::layout::Layout;
use crate::model::outline::{Numbered, Outline};
use crate::model::sessions::{LARGE_BYTES, LONG_SECS};
use crate::model::time::{Instant, Stamp};

/// What a value is to the outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Nothing: no column.
    Skip,
    /// What no outline is made of: the record is to be parsed.
    Parsed,
    /// A part of the identity.
    Word,
    /// A URL, of which all up to the host is a part of the identity.
    Url,
    /// The first line of a request, likewise.
    Request,
    /// An object of a store, of which its container is.
    Shelved,
    /// An address of whoever began it, whose port says nothing.
    Client,
    /// A count of bytes.
    Number,
    /// Which packets of a connection were seen.
    History,
    /// What ties the records of a session together.
    Session,
    /// How long it took, in a unit that the name does not tell.
    Lasted,
    /// How long it took.
    Took(Unit, Side),
    /// What wrote the record.
    Module,
    /// When it began.
    Begun,
    /// When it ended.
    Ended,
    /// Bytes of packets, in which the bytes of a count are.
    Packets,
    /// The user agent.
    Agent,
    /// The number of the record in its log.
    Sequence,
    /// The computer that wrote it.
    Computer,
    /// The channel of its log.
    Channel,
    /// The time, with its rank.
    Time(u8),
    /// A date, for the format to make a time of.
    Date,
    /// A time of day, likewise.
    Clock,
    /// The zone of the two.
    Zone,
    /// The minutes from the two to UTC.
    Bias,
}

impl Part {
    /// What a value is whose name means this.
    pub fn of(role: Option<Role>) -> Self {
        match role {
            None => Self::Skip,
            Some(Role::Is(Canon::UserAgent)) => Self::Agent,
            Some(Role::Is(Canon::SessionId)) => Self::Session,
            Some(Role::Is(Canon::EventDuration)) => Self::Lasted,
            Some(Role::Took(unit, side)) => Self::Took(unit, side),
            Some(Role::Date) => Self::Date,
            Some(Role::Clock) => Self::Clock,
            Some(Role::Zone) => Self::Zone,
            Some(Role::Module) => Self::Module,
            Some(Role::Begun) => Self::Begun,
            Some(Role::Ended) => Self::Ended,
            Some(Role::Packets(_)) => Self::Packets,
            Some(Role::Missed | Role::Process) => Self::Skip,
            Some(Role::Holder | Role::Listed | Role::Together | Role::Peer | Role::Descriptor) => Self::Parsed,
            Some(Role::PairName | Role::PairValue) => Self::Parsed,
            Some(Role::Is(canon) | Role::Http(canon) | Role::Flow(canon)) if is_count(canon) => Self::Number,
            Some(Role::Is(Canon::EventSequence)) => Self::Sequence,
            Some(Role::Is(Canon::HostName)) => Self::Computer,
            Some(Role::Is(Canon::EventDataset)) => Self::Channel,
            Some(Role::Is(canon)) if !canon.is_column() => Self::Skip,
            Some(Role::History) => Self::History,
            Some(Role::Time(rank)) => Self::Time(rank),
            Some(Role::Url) => Self::Url,
            Some(Role::Addr(Canon::SourceIp)) => Self::Client,
            Some(Role::Request) => Self::Request,
            Some(Role::Shelved) => Self::Shelved,
            Some(_) => Self::Word,
        }
    }
}

/// What one way of writing records makes of the outline of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sketched {
    /// The record is written in another way: nothing was added.
    Other,
    /// It is written so, and out of the ordinary: it is to be parsed.
    Unusual,
    /// It is written so, and the outline is whole.
    Whole,
}

fn is_count(canon: Canon) -> bool {
    matches!(canon, Canon::SourceBytes | Canon::DestinationBytes | Canon::NetworkBytes)
}

/// Puts one outline together.
pub struct Sketch<'f, 'b> {
    /// The outline so far.
    pub out: &'f mut Outline<'b>,
    layout: &'f Layout,
    /// Whether the user agent is asked for.
    pub agents: bool,
    /// What a product has of its own, where it is known.
    pub way: Option<&'static Way>,
    best: Option<u8>,
    /// Date, time of day and zone that stand apart.
    apart: [Option<&'b [u8]>; 3],
    /// Whether it lasted so long that other records may tell of it too.
    is_long: bool,
    /// Bytes of packets, in the order of the record, and how many such numbers there are.
    packets: ([u64; 2], usize),
}

impl<'f, 'b> Sketch<'f, 'b> {
    /// An outline that is empty so far.
    pub fn new(layout: &'f Layout, agents: bool, out: &'f mut Outline<'b>) -> Self {
        let packets = ([0; 2], 0);
        Self { out, layout, agents, way: None, best: None, apart: [None; 3], is_long: false, packets }
    }

    /// The dialect in force.
    pub fn layout(&self) -> &'f Layout {
        self.layout
    }

    /// A value as it stands in the record, escapes and all. `None` where it is out of the ordinary, so that the record
    /// has to be parsed.
    #[inline]
    pub fn value(&mut self, part: Part, value: &'b [u8]) -> Option<()> {
        match part {
            Part::Skip => {}
            Part::Parsed => return None,
            Part::Date => return self.apart(value, 0, DATE),
            Part::Clock => return self.apart(value, 1, CLOCK),
            Part::Zone => self.apart[2] = Some(plain(value)?),
            // Only definitions have it, which join it to date and time of day themselves.
            Part::Bias => {}
            Part::Word => self.out.part(value),
            Part::Url => self.out.part(up_to_host(value)),
            Part::Client => self.out.part(without_port(value)),
            Part::Request => self.request(value),
            Part::Shelved => self.out.part(&value[..shelf_end(plain(value)?)]),
            Part::Number => return self.out.number(value).then_some(()),
            // No two records of a log have the same.
            Part::Sequence => {
                digits::number(value)?;
                self.out.numbered.number = self.out.numbered.number.or(Some(value));
            }
            Part::Computer => {
                self.out.part(value);
                self.out.numbered.computer = self.out.numbered.computer.or(Some(value));
            }
            Part::Channel => {
                self.out.part(value);
                self.out.numbered.channel = self.out.numbered.channel.or(Some(value));
            }
            Part::Session if matches!(value, b"" | b"-" | b"null") => {}
            Part::Session => self.out.tie = self.out.tie.or(Some(plain(value)?)),
            Part::Lasted => self.is_long |= digits::number(value).is_some_and(|secs| secs >= LONG_SECS),
            Part::Took(unit, side) => self.out.lasted.took(plain(value)?, unit, side),
            Part::Module if is_stamped_first(value) => self.out.lasted.stamped_first(),
            Part::Module => {}
            Part::Begun => self.end(plain(value)?, BEGUN, Lasted::begun),
            Part::Ended => self.end(plain(value)?, ENDED, Lasted::ended),
            Part::Packets => self.packets_of(value),
            // Of one that was seen by half, some counts are none.
            Part::History => return halves(value).is_none().then_some(()),
            Part::Agent => return self.agent(value),
            Part::Time(rank) if self.best.is_none_or(|best| rank < best) => {
                let stamp = self.stamp(plain(value)?);
                self.time(rank, stamp);
            }
            Part::Time(_) => {}
        }
        Some(())
    }

    /// The value of a column, which may be unset in a way that makes it no number.
    #[inline]
    pub fn cell(&mut self, part: Part, cell: &'b [u8]) -> Option<()> {
        if part != Part::Number {
            return self.value(part, cell);
        }
        if !cell.first().is_some_and(u8::is_ascii_digit) {
            return self.value(Part::Word, cell);
        }
        // Which of several columns have a number: no cell that has none begins with a digit.
        self.out.part(b"0");
        self.value(part, cell)
    }

    /// All values are in: `None` where the record has to be parsed, as one of a session of which others may tell too, or which may stand there twice, and one that
    /// counts more bytes than its packets have.
    pub fn finish(&mut self) -> Option<()> {
        if let (None | Some(APART..), [Some(date), Some(clock), zone]) = (self.best, self.apart) {
            let stamp = time::date_and_time(date, clock, zone.and_then(time::offset), self.layout);
            self.time(APART, stamp);
        }
        let counts = [0, 1, 2].map(|at| self.out.value(at));
        let Numbered { number, computer, channel } = self.out.numbered;
        if number.is_some() {
            // The names are counted as they stand there; whether one that is no name goes before another, a parse tells.
            let is_name = |value: &[u8]| !matches!(value, b"" | b"null") && plain(value).is_some();
            [computer, channel].into_iter().flatten().all(is_name).then_some(())?;
        }
        let fits = match (counts, self.packets) {
            (_, (_, 0)) | ([None, ..], _) => true,
            ([Some(one), Some(other), None], (packets, 2)) => one <= packets[0] && other <= packets[1],
            _ => false,
        };
        let is_long = || self.is_long || self.out.span().is_some_and(|span| span.first != span.last);
        let is_large = counts.into_iter().flatten().any(|count| count >= LARGE_BYTES);
        (fits && !(self.out.tie.is_some() && (is_large || is_long()))).then_some(())
    }

    /// A time as the product writes it, or as all do.
    pub fn stamp(&self, text: &[u8]) -> Option<Stamp> {
        stamp(self.way, text, self.layout)
    }

    /// Takes a stamp if none of a lower rank was taken before.
    pub fn time(&mut self, rank: u8, stamp: Option<Stamp>) {
        if stamp.is_some() && self.best.is_none_or(|best| rank < best) {
            (self.best, self.out.time) = (Some(rank), stamp);
        }
    }

    /// Adds a record that this one holds, whose time goes before the one so far where [`keeps_outer`] does not say otherwise.
    pub fn inside(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let (outer, best) = (self.out.time.take(), self.best.take());
        read(self)?;
        if keeps_outer(outer, self.out.time) {
            (self.out.time, self.best) = (outer, best);
        }
        Some(())
    }

    /// Takes a part of a time that stands in several values, or all of it.
    fn apart(&mut self, value: &'b [u8], at: usize, rank: u8) -> Option<()> {
        self.apart[at] = Some(plain(value)?);
        if self.best.is_none_or(|best| rank < best) {
            let stamp = self.stamp(value);
            self.time(rank, stamp);
        }
        Some(())
    }

    /// Takes one end of the time of which the record tells.
    fn end(&mut self, value: &[u8], rank: u8, take: fn(&mut Lasted, Instant)) {
        let stamp = self.stamp(value);
        stamp.into_iter().for_each(|stamp| take(&mut self.out.lasted, stamp.at));
        self.time(rank, stamp);
    }

    fn packets_of(&mut self, value: &[u8]) {
        let (known, count) = &mut self.packets;
        let Some(number) = digits::number(value) else { return };
        known.get_mut(*count).into_iter().for_each(|slot| *slot = number);
        *count += 1;
    }

    /// The user agent. Lists are asked for all that a record has, and for what is behind `%`: such a record is parsed.
    fn agent(&mut self, value: &'b [u8]) -> Option<()> {
        if self.agents && !matches!(value, b"" | b"-" | b"null") {
            let is_usual = self.out.agent.is_none() && memchr::memchr2(b'\\', b'%', value).is_none();
            self.out.agent = Some(is_usual.then_some(value)?);
        }
        Some(())
    }

    /// What of `GET /path HTTP/1.1` method and host follow from.
    fn request(&mut self, value: &[u8]) {
        let ends = memchr::memchr(b' ', value).zip(memchr::memrchr(b' ', value)).filter(|(first, last)| first < last);
        match ends.filter(|_| plain(value).is_some()) {
            Some((first, last)) => {
                // How many parts follow: one, or these three.
                self.out.part(b"3");
                self.out.part(&value[..first]);
                self.out.part(up_to_host(&value[first + 1..last]));
                self.out.part(&value[last..]);
            }
            None => {
                self.out.part(b"1");
                self.out.part(value);
            }
        }
    }
}

/// Whether records of a module of Elastic's shippers are dated by when that began of which they tell: Zeek's are.
/// SOURCE: <https://www.elastic.co/docs/reference/beats/filebeat/filebeat-module-zeek>, which makes `@timestamp` of Zeek's `ts`.
pub fn is_stamped_first(module: &[u8]) -> bool {
    module == b"zeek"
}

/// Where the container ends in `/account/container/object`.
pub fn shelf_end(text: &[u8]) -> usize {
    let from = usize::from(text.first() == Some(&b'/'));
    let mut ends = text.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'/');
    ends.nth(1).map_or(text.len(), |(at, _)| at)
}

/// The bytes themselves, where nothing in them is escaped.
fn plain(value: &[u8]) -> Option<&[u8]> {
    near::one(b'\\', value).is_none().then_some(value)
}

/// The address of `192.0.2.10:51234`, or all of anything else.
fn without_port(value: &[u8]) -> &[u8] {
    if near::one(b':', value).is_none() {
        return value;
    }
    address(value).map_or(value, |((from, to), _)| &value[from..to])
}

/// What of a URL its host follows from: all up to the end of the host, nothing of a path, all of anything else.
fn up_to_host(value: &[u8]) -> &[u8] {
    if value.first() == Some(&b'/') {
        return b"/";
    }
    let Some(scheme) = memchr::memmem::find(value, b"://").filter(|_| plain(value).is_some()) else { return value };
    let host = scheme + 3;
    let end = value[host..].iter().position(|b| b"/?#".contains(b)).map_or(value.len(), |n| host + n);
    &value[..end]
}
