//! What the names of a definition mean: canonical fields by their ways of being read, times, and raw fields.

use crate::format::roles::Role;
use crate::format::sink::{Sink, stamp};
use crate::format::sketch::{Part, Sketch};
use crate::format::time;
use crate::model::fields::{Canon, Kind};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::Layout;
use crate::model::observation::Seen;
use crate::model::time::Stamp;

/// No clock is further from UTC.
const DAY_MINUTES: i64 = 24 * 60;

/// What a value of a record is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A field of this meaning; none for one that is given by its name alone. A name that a definition made up stands for its
    /// meaning alone: only one of the log's own (`true`) is given beside it.
    Field(Option<Role>, bool),
    /// A date, whose time of day stands apart.
    Date,
    /// A time of day, whose date stands apart.
    Clock,
    /// The minutes that are added to the two for UTC.
    Bias,
}

/// What a name of a definition means.
pub(super) fn target(name: &str) -> Target {
    let role = match name {
        "date" => return Target::Date,
        "clock" => return Target::Clock,
        "bias" => return Target::Bias,
        "time" => Some(Role::Time(0)),
        "time.begin" => Some(Role::Begun),
        "time.end" => Some(Role::Ended),
        "event.duration" => Some(Role::Took(Unit::Seconds, Side::Before)),
        // Beside another one, where a record has either.
        "event.duration.s" => Some(Role::Took(Unit::Seconds, Side::Before)),
        "event.duration.ms" => Some(Role::Took(Unit::Millis, Side::Before)),
        "event.duration.ns" => Some(Role::Took(Unit::Nanos, Side::Before)),
        "event.duration.ahead" => Some(Role::Took(Unit::Seconds, Side::Behind)),
        "event.duration.ms.ahead" => Some(Role::Took(Unit::Millis, Side::Behind)),
        "event.duration.any" => Some(Role::Is(Canon::EventDuration)),
        "url" | "url.full" | "url.original" => Some(Role::Url),
        "request" => Some(Role::Request),
        // One packet in so many, or whether there are such.
        "sampled.rate" => Some(Role::Sampled(2)),
        "sampled" => Some(Role::Sampled(1)),
        "line" => Some(Role::Line),
        "said" => Some(Role::Said),
        "holder" => Some(Role::Holder),
        "listed" => Some(Role::Listed),
        // Counts of which it is not known which way they went.
        "network.bytes.part" | "network.bytes.rest" => Some(Role::Together),
        "pair.name" => Some(Role::PairName),
        "pair.value" => Some(Role::PairValue),
        "source.peer" => Some(Role::Peer),
        "source.descriptor" => Some(Role::Descriptor),
        "user.name" => Some(Role::User),
        "user.arn" => Some(Role::Arn),
        // What its words tell of the outcome counts behind what the record says of that: see `Always::put`.
        "event.action" => Some(Role::Is(Canon::EventAction)),
        "event.outcome" => Some(Role::Outcome),
        "source.ip" => Some(Role::Addr(Canon::SourceIp)),
        "destination.ip" => Some(Role::Addr(Canon::DestinationIp)),
        _ => match name.strip_prefix("time.").and_then(|rank| rank.parse().ok()) {
            Some(rank) => Some(Role::Time(rank)),
            None => Canon::from_name(name).map(Role::Is),
        },
    };
    Target::Field(role, role.is_none())
}

/// What a name of the log is, that a definition makes into another one.
pub(super) fn made_into(to: &str) -> Target {
    match target(to) {
        Target::Field(role, _) => Target::Field(role, true),
        apart => apart,
    }
}

/// The canonical fields that a target may give.
pub(super) fn canons(target: Target) -> &'static [Canon] {
    use Canon::{
        EventAction, EventOutcome, HttpMethod, Message, SourceIp, SourcePort, UrlDomain, UrlFull, UrlOriginal, UrlPath,
        UrlQuery, UserDomain, UserName,
    };
    let Target::Field(Some(role), _) = target else { return &[] };
    match role {
        Role::Is(EventAction) => &[EventAction, EventOutcome],
        Role::Took(..) => &[Canon::EventDuration],
        Role::Is(canon) => Canon::ALL.get(canon as usize..=canon as usize).unwrap_or(&[]),
        Role::Addr(Canon::DestinationIp) => &[Canon::DestinationIp, Canon::DestinationPort],
        Role::Addr(_) => &[SourceIp, SourcePort],
        Role::User | Role::Arn => &[UserName, UserDomain],
        Role::Outcome => &[EventOutcome],
        Role::Line | Role::Said | Role::Holder | Role::Listed => &[Message],
        Role::Descriptor => &[SourceIp, SourcePort],
        Role::Peer => &[SourceIp, SourcePort, Canon::SourceDomain],
        Role::Together => &[Canon::NetworkBytes],
        Role::Url => &[UrlFull, UrlDomain, UrlPath, UrlQuery, UrlOriginal],
        Role::Request => &[UrlFull, UrlDomain, UrlPath, UrlQuery, UrlOriginal, HttpMethod],
        _ => &[],
    }
}

impl Target {
    /// Whether it carries what is read by itself, a line of another log or what a program says: no outline has that.
    pub(super) fn carries(self) -> bool {
        matches!(self, Self::Field(Some(Role::Line | Role::Said | Role::Holder), _))
    }

    /// What a value is to the outline of its record.
    pub(super) fn part(self) -> Part {
        match self {
            Self::Field(role, _) => Part::of(role),
            Self::Date => Part::Date,
            Self::Clock => Part::Clock,
            Self::Bias => Part::Bias,
        }
    }
}

/// Date and time of day of a record, where they stand apart.
#[derive(Debug, Default)]
pub(super) struct Apart<'b> {
    date: Option<&'b [u8]>,
    clock: Option<&'b [u8]>,
    bias: Option<&'b [u8]>,
}

impl<'b> Apart<'b> {
    /// Puts a value of the record where it belongs.
    pub(super) fn put(&mut self, name: &'static str, target: Target, value: &'b [u8], sink: &mut Sink<'_, 'b>) {
        match target {
            Target::Field(role, _) if !sink.asks(role) => return,
            Target::Field(..) => {}
            Target::Date => self.date = Some(value),
            Target::Clock => self.clock = Some(value),
            Target::Bias => self.bias = Some(value),
        }
        give(name, target, value, sink);
    }

    /// The time of the two, once all values are in.
    pub(super) fn finish(&self, sink: &mut Sink<'_, 'b>) {
        let stamp = self.joined(|whole| stamp(sink.way, whole, sink.layout));
        sink.time(0, self.unbiased(stamp, sink.layout));
    }

    /// Adds a value of the record, or that it has none, to its outline. `None` where that has to be parsed.
    #[inline]
    pub(super) fn sketch(&mut self, part: Part, value: Option<&'b [u8]>, sketch: &mut Sketch<'_, 'b>) -> Option<()> {
        match (part, value) {
            (Part::Date, _) => self.date = value.or(self.date),
            (Part::Clock, _) => self.clock = value.or(self.clock),
            (Part::Bias, _) => self.bias = value.or(self.bias),
            (Part::Skip | Part::Time(_) | Part::Agent, None) => {}
            (Part::Took(..) | Part::Begun | Part::Ended, None) => {}
            (_, None) => sketch.out.part(b""),
            (_, Some(value)) => sketch.cell(part, value)?,
        }
        Some(())
    }

    /// The time of the two of an outline.
    pub(super) fn close(&self, sketch: &mut Sketch<'_, 'b>) {
        let stamp = self.joined(|whole| sketch.stamp(whole));
        let stamp = self.unbiased(stamp, sketch.layout());
        sketch.time(0, stamp);
    }

    /// A stamp by the clock that the record tells of.
    fn unbiased(&self, stamp: Option<Stamp>, layout: &Layout) -> Option<Stamp> {
        let bias = self.bias.and_then(|text| std::str::from_utf8(text).ok()?.parse::<i64>().ok());
        let bias = bias.filter(|minutes| minutes.abs() < DAY_MINUTES);
        let stamp = stamp?;
        Some(bias.map_or(stamp, |minutes| time::at_offset(stamp, -60 * minutes, layout)))
    }

    /// What is made of date and time of day with a blank between them; `None` where one is not there.
    fn joined(&self, make: impl FnOnce(&[u8]) -> Option<Stamp>) -> Option<Stamp> {
        let (date, clock) = (self.date?, self.clock?);
        let (length, mut room) = (date.len() + 1 + clock.len(), [b' '; 64]);
        match room.get_mut(..length) {
            Some(whole) => {
                whole[..date.len()].copy_from_slice(date);
                whole[date.len() + 1..].copy_from_slice(clock);
                make(whole)
            }
            None => make(&[date, b" ", clock].concat()),
        }
    }
}

/// Adds a value by its meaning.
fn give<'b>(name: &'static str, target: Target, value: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let (role, is_raw) = match target {
        Target::Field(role, is_raw) => (role, is_raw),
        Target::Date | Target::Clock | Target::Bias => (None, true),
    };
    let all = sink.all;
    sink.all = all && is_raw;
    sink.slice(name.as_bytes(), role, value, kind(value));
    sink.all = all;
}

/// What a value is, as far as its text shows.
fn kind(value: &[u8]) -> Kind {
    match value {
        b"" | b"-" => Kind::Null,
        value if value.iter().all(u8::is_ascii_digit) => Kind::Number,
        _ => Kind::Str,
    }
}

/// What every record of a kind says, whatever stands in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Always {
    /// Fields.
    pub(super) set: &'static [Constant],
    /// Which observer of traffic it is of, where it names two sides.
    pub(super) observer: Option<Seen>,
    /// Whether it sums up what passed while an exporter's clock ran.
    pub(super) clocked: bool,
    /// Whether the number of its process ties it to others.
    pub(super) of_process: bool,
    /// Whether it tells of data that was sent.
    pub(super) uploads: bool,
}

impl Always {
    /// Adds it to the fields of a record.
    pub(super) fn put(&self, sink: &mut Sink<'_, '_>) {
        self.set.iter().for_each(|constant| constant.put(sink));
        sink.imply_outcome();
        (sink.out.observer, sink.out.clocked) = (self.observer, self.clocked);
        (sink.out.of_process, sink.out.uploads) = (self.of_process, self.uploads);
    }
}

/// A field that every record of a kind has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Constant {
    /// The name of the field.
    pub(super) name: &'static str,
    /// What it means.
    pub(super) target: Target,
    /// The value.
    pub(super) value: &'static str,
}

impl Constant {
    /// Adds the field, unless the record itself has it.
    fn put(&self, sink: &mut Sink<'_, '_>) {
        let canon = Canon::from_name(self.name);
        if canon.is_some_and(|canon| sink.out.get(canon).is_some()) {
            return;
        }
        give(self.name, self.target, self.value.as_bytes(), sink);
    }
}
