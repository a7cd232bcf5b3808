//! Where parsers put what they read: raw fields, canonical ones, and the time.

mod ends;
mod inner;
mod settled;
mod texts;

use super::halves::{Half, halves};
use super::roles::{Role, outcome};
use super::sketch::{is_stamped_first, shelf_end};
use super::time;
use crate::model::access::Access;
use crate::model::fields::{Canon, Carried, Fields, Kind, Text, Want};
use crate::model::lasted::{Lasted, Side, Unit};
use crate::model::layout::Layout;
use crate::model::time::{Instant, Stamp};

pub use inner::keeps_outer;
pub use texts::{address, is_ip, part};
use texts::{host_end, port_of, scheme_end};

/// What a product writes in a way of its own.
#[derive(Debug, Default)]
pub struct Way {
    /// Words that tell of a success, beside those that all know.
    pub success: Vec<Box<str>>,
    /// Words that tell of a failure.
    pub failure: Vec<Box<str>>,
    /// The form of its times, as strptime(3) has it, where it is none that all know.
    pub form: Option<&'static str>,
    /// Which of day and month is first in its dates, where they do not show it and nobody says so.
    pub day_first: Option<bool>,
}

impl Way {
    /// Whether a word tells of a success; `None` where it is none of the product's own.
    fn outcome(&self, word: &[u8]) -> Option<bool> {
        let word = word.trim_ascii();
        let among = |words: &[Box<str>]| words.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(word));
        among(&self.success).then_some(true).or_else(|| among(&self.failure).then_some(false))
    }

    /// A time in the product's form.
    pub fn stamp(&self, text: &[u8], layout: &Layout) -> Option<Stamp> {
        time::in_form(self.form?, text.trim_ascii(), layout)
    }
}

/// The ranks of times whose names are those of a date, and of a time of day, and of one that stands in two such fields.
pub const DATE: u8 = 3;
pub const CLOCK: u8 = 2;
pub const APART: u8 = 5;
/// The ranks of the times at which that began and ended of which a record tells: any other goes before them.
pub const BEGUN: u8 = 8;
pub const ENDED: u8 = 9;
/// The rank of a time of a date and a time of day in two columns of a table: any other goes before it.
pub const IN_COLUMNS: u8 = 9;

/// How the names of parameters begin that AWS gives to anybody. No account can make one there.
/// SOURCE: <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html>.
const PUBLIC_PARAMETERS: &[u8] = b"/aws/service/";

/// A time in the form of a product, or in one that all know.
pub fn stamp(way: Option<&Way>, text: &[u8], layout: &Layout) -> Option<Stamp> {
    let plain = || time::any(text, layout);
    let by_custom = || time::slashed_as(text.trim_ascii(), way?.day_first?, layout);
    way.and_then(|way| way.stamp(text, layout)).or_else(plain).or_else(by_custom)
}

/// Which kind of access a category of CloudTrail is.
fn access(category: &[u8]) -> Access {
    match category {
        // Insights are of unusual numbers of calls, and activity of a network is what its own endpoints saw.
        b"Management" | b"Insight" | b"NetworkActivity" => Access::MANAGEMENT,
        b"Data" => Access::DATA,
        _ => Access::OTHER,
    }
}

/// Collects the fields of one record.
pub struct Sink<'f, 'b> {
    /// The fields so far.
    pub out: &'f mut Fields<'b>,
    /// The dialect in force.
    pub layout: &'f Layout,
    /// Whether raw fields are wanted.
    pub all: bool,
    /// Which fields are.
    pub want: Want,
    best: Option<u8>,
    /// The kind of record that its names tell ([`Role::Kind`]).
    pub kind: Option<&'static str>,
    /// The message of the record, where it is to be read like one of syslog ([`Role::Said`]).
    pub said: Option<Text<'b>>,
    /// The object of a collector that may carry a line ([`Role::Holder`]).
    pub holder: Option<Text<'b>>,
    /// Names with their values in one text ([`Role::Listed`]).
    pub listed: Option<Text<'b>>,
    /// What a product has of its own, where it is known.
    pub way: Option<&'static Way>,
    /// Whose packets the sensor did not see ([`Role::History`]).
    halves: Option<Half>,
    /// Bytes of the packets that carried the bytes of these fields ([`Role::Packets`]).
    packets: [Option<(Canon, Text<'b>)>; 2],
    /// Whether the sensor says that it saw all of it ([`Role::Missed`]).
    is_whole: bool,
    /// The number of the process that wrote the message ([`Role::Process`]).
    pub process: Option<Text<'b>>,
    /// Date, time of day and zone that stand in fields of their own.
    apart: [Option<Text<'b>>; 3],
    /// Whether the next value says that a mailbox tells of no more reads ([`Role::Property`]).
    is_throttle: bool,
    /// For whom a proxy asked ([`Role::Forwarded`]).
    forwarded: Option<Text<'b>>,
    /// What a request was let in by ([`Role::Key`]).
    key: Option<Text<'b>>,
    /// What counts only if the record turns out to be one of HTTP, or of flows.
    pending: [Option<(Role, Canon, Text<'b>)>; 6],
}

impl<'f, 'b> Sink<'f, 'b> {
    /// An empty sink; forgets what `out` held.
    pub fn new(layout: &'f Layout, want: Want, out: &'f mut Fields<'b>) -> Self {
        out.clear();
        Self::resume(layout, want, out)
    }

    /// A sink for what follows from the fields that another one collected.
    pub fn resume(layout: &'f Layout, want: Want, out: &'f mut Fields<'b>) -> Self {
        Self {
            out,
            layout,
            all: want == Want::All,
            want,
            best: None,
            kind: None,
            said: None,
            holder: None,
            listed: None,
            way: None,
            halves: None,
            packets: [None; 2],
            is_whole: false,
            process: None,
            apart: [None; 3],
            is_throttle: false,
            forwarded: None,
            key: None,
            pending: [None; 6],
        }
    }

    /// A field that lies in the block, with the meaning of its name.
    #[inline]
    pub fn slice(&mut self, name: &'b [u8], role: Option<Role>, value: &'b [u8], kind: Kind) {
        self.text(Text::Slice(name), role, Text::Slice(value), kind);
    }

    /// A field of a columnar format, whose name lies in the layout.
    pub fn column(&mut self, name: &str, role: Option<Role>, value: Text<'b>, kind: Kind) {
        if self.all {
            let name = self.out.store(name.as_bytes());
            self.text(name, role, value, kind);
        } else if role.is_some() {
            self.text(Text::Slice(b""), role, value, kind);
        }
    }

    /// Whether a value of this meaning is taken at all.
    #[inline]
    pub fn asks(&self, role: Option<Role>) -> bool {
        self.all
            || match role {
                Some(Role::Is(canon)) => self.want.takes(canon),
                role => role.is_some(),
            }
    }

    /// A field with the meaning of its name.
    #[inline]
    pub fn text(&mut self, name: Text<'b>, role: Option<Role>, value: Text<'b>, kind: Kind) {
        match role {
            None if !self.all => {}
            Some(Role::Is(canon)) if !self.want.takes(canon) => {}
            // PERF: most fields that are wanted without all others are what their name says.
            Some(Role::Is(canon)) if !self.all => {
                if kind != Kind::Null && !matches!(self.out.bytes(value), b"" | b"-") {
                    self.out.push_text(Some(canon), Text::Slice(canon.name().as_bytes()), value, kind);
                }
            }
            _ => self.meant(name, role, value, kind),
        }
    }

    /// A field that may have to be taken apart, or that is wanted with its name.
    fn meant(&mut self, name: Text<'b>, role: Option<Role>, value: Text<'b>, kind: Kind) {
        let unset = kind == Kind::Null || matches!(self.out.bytes(value), b"" | b"-");
        let Some(role) = role.filter(|_| !unset) else {
            if self.all {
                self.out.push_text(None, name, value, kind);
            }
            return;
        };
        if let Some(canon) = self.whole((role, kind), value) {
            let name = if self.all { name } else { Text::Slice(canon.name().as_bytes()) };
            self.out.push_text(Some(canon), name, value, kind);
            match role {
                Role::Action => self.outcome_word(value),
                Role::Said => self.said = Some(value),
                Role::Line => self.out.carry(Carried::new(value, kind)),
                Role::Took(unit, side) => self.took(value, (unit, side)),
                _ => {}
            }
            return;
        }
        if self.all {
            self.out.push_text(None, name, value, kind);
        }
        self.taken(role, value, kind);
    }

    /// What a value that is taken apart says by the meaning of its name.
    fn taken(&mut self, role: Role, value: Text<'b>, kind: Kind) {
        match role {
            Role::Is(_) | Role::Action | Role::Took(..) | Role::Embedded => {}
            // Who reads the list of pairs knows what they mean.
            Role::PairName | Role::PairValue => {}
            Role::Addr(canon) => _ = self.address(canon, value),
            Role::Peer => self.peer(value),
            Role::Descriptor => self.descriptor(value),
            Role::Together => self.add_together(value),
            Role::Holder => self.holder = Some(value),
            Role::Listed => {
                self.canon(Canon::Message, value);
                self.listed = Some(value);
            }
            Role::User => self.user(value),
            Role::Arn => {
                let bytes = self.out.bytes(value);
                let from = memchr::memrchr2(b'/', b':', bytes).map_or(0, |n| n + 1);
                let name = part(value, from, bytes.len());
                self.user(name);
            }
            Role::Outcome => self.outcome_word(value),
            Role::Said => self.said = Some(value),
            Role::Line => self.out.carry(Carried::new(value, kind)),
            Role::Part => self.out.part(value),
            Role::Object => self.out.objects = self.out.objects.saturating_add(1),
            Role::Whole(word) => {
                let text = self.out.bytes(value);
                let is_throttled = self.is_throttle && text.eq_ignore_ascii_case(b"true");
                self.out.whole |= text == word.as_bytes();
                self.out.throttled |= is_throttled;
                self.is_throttle = false;
            }
            Role::Property => self.is_throttle = self.out.bytes(value).eq_ignore_ascii_case(b"IsThrottled"),
            Role::Sampled(least) => {
                let digits = std::str::from_utf8(self.out.bytes(value)).ok();
                self.out.sampled |=
                    digits.and_then(|text| text.parse().ok()).is_some_and(|one_in: u64| one_in >= least.into());
            }
            Role::Decrypted if self.out.bytes(value) == b"true" => self.out.access.join(Access::GIVES),
            Role::Decrypted => {}
            Role::Public if self.out.bytes(value).starts_with(PUBLIC_PARAMETERS) => {
                self.out.access.join(Access::PUBLIC)
            }
            Role::Public => {}
            Role::Access => self.out.access.join(access(self.out.bytes(value))),
            Role::Forwarded => self.forwarded = self.forwarded.or(Some(value)),
            Role::Url => self.url(value),
            Role::Shelved => self.shelved(value),
            Role::Http(canon) | Role::Flow(canon) => {
                if let Some(slot) = self.pending.iter_mut().find(|slot| slot.is_none()) {
                    *slot = Some((role, canon, value));
                }
            }
            Role::Request => self.request(value),
            Role::Kind(word) => self.kind = Some(word),
            Role::History => self.halves = halves(self.out.bytes(value)),
            Role::Packets(canon) => {
                self.packets
                    .iter_mut()
                    .find(|slot| slot.is_none())
                    .into_iter()
                    .for_each(|slot| *slot = Some((canon, value)));
            }
            Role::Missed => self.is_whole = self.out.bytes(value) == b"0",
            Role::Process => self.process = Some(value),
            Role::Date => self.apart(value, 0, DATE),
            Role::Clock => self.apart(value, 1, CLOCK),
            Role::Zone => self.apart[2] = Some(value),
            Role::Module if is_stamped_first(self.out.bytes(value)) => self.out.lasted.stamped_first(),
            Role::Module => {}
            Role::Key => self.key = self.key.or(Some(value)),
            Role::Begun => self.end(value, BEGUN, Lasted::begun),
            Role::Ended => self.end(value, ENDED, Lasted::ended),
            Role::Time(rank) => {
                if self.best.is_none_or(|best| rank < best) {
                    let text = self.out.bytes(value);
                    self.time(rank, stamp(self.way, text, self.layout));
                }
            }
        }
    }

    /// The canonical field that the value is as it stands, without anything to take apart.
    fn whole(&self, (role, kind): (Role, Kind), value: Text<'b>) -> Option<Canon> {
        match role {
            Role::Is(canon) => Some(canon),
            Role::Addr(canon) => is_ip(self.out.bytes(value)).then_some(canon),
            Role::User => memchr::memchr2(b'\\', b'@', self.out.bytes(value)).is_none().then_some(Canon::UserName),
            Role::Action => Some(Canon::EventAction),
            Role::Took(..) => Some(Canon::EventDuration),
            Role::Said if self.all => Some(Canon::Message),
            Role::Line if self.all && kind != Kind::Json => Some(Canon::Message),
            _ => None,
        }
    }

    /// A canonical field under its own name; left out where the value is empty or `-`.
    pub fn canon(&mut self, canon: Canon, value: Text<'b>) {
        if !self.want.takes(canon) {
            return;
        }
        let bytes = self.out.bytes(value);
        if bytes.is_empty() || bytes == b"-" {
            return;
        }
        self.out.push_text(Some(canon), Text::Slice(canon.name().as_bytes()), value, Kind::Str);
    }

    /// A canonical field that lies in the block.
    pub fn canon_slice(&mut self, canon: Canon, value: &'b [u8]) {
        self.canon(canon, Text::Slice(value));
    }

    /// The outcome, unless the record gave one before.
    pub fn outcome(&mut self, success: bool) {
        if self.out.get(Canon::EventOutcome).is_none() {
            self.canon_slice(Canon::EventOutcome, if success { b"success" } else { b"failure" });
        }
    }

    /// The outcome that the words of the action tell, where the record says none itself.
    pub fn imply_outcome(&mut self) {
        let action = self.out.iter().find(|field| field.canon == Some(Canon::EventAction)).map(|field| field.value);
        if let (None, Some(action)) = (self.out.get(Canon::EventOutcome), action) {
            self.outcome_word(action);
        }
    }

    fn outcome_word(&mut self, value: Text<'b>) {
        let word = self.out.bytes(value);
        let told = self.way.and_then(|way| way.outcome(word));
        if let Some(success) = told.or_else(|| outcome(word).map(|word| word == b"success")) {
            self.outcome(success);
        }
    }

    /// Method and target of `GET /path HTTP/1.1`; anything else has none.
    fn request(&mut self, value: Text<'b>) {
        let bytes = self.out.bytes(value);
        let (Some(first), Some(last)) = (memchr::memchr(b' ', bytes), memchr::memrchr(b' ', bytes)) else { return };
        if first < last && bytes[..first].iter().all(u8::is_ascii_uppercase) && bytes[last..].starts_with(b" HTTP/") {
            self.canon(Canon::HttpMethod, part(value, 0, first));
            self.url(part(value, first + 1, last));
        }
    }

    /// Container and object of `/account/container/object`. They say more than what names the account alone.
    fn shelved(&mut self, value: Text<'b>) {
        let bytes = self.out.bytes(value);
        let (from, end) = (usize::from(bytes.first() == Some(&b'/')), shelf_end(bytes));
        let behind = bytes.len().min(end + 1);
        let (container, object) = (part(value, from, end), part(value, behind, bytes.len()));
        if from < end {
            self.out.precede(Canon::Container);
            self.canon(Canon::Container, container);
        }
        self.canon(Canon::ObjectKey, object);
    }

    /// Takes how long it took.
    fn took(&mut self, value: Text<'b>, (unit, side): (Unit, Side)) {
        let mut lasted = self.out.lasted;
        lasted.took(self.out.bytes(value), unit, side);
        self.out.lasted = lasted;
    }

    /// Takes a part of a time that stands in several fields, or all of it.
    fn apart(&mut self, value: Text<'b>, at: usize, rank: u8) {
        self.apart[at] = Some(value);
        if self.best.is_none_or(|best| rank < best) {
            let stamp = stamp(self.way, self.out.bytes(value), self.layout);
            self.time(rank, stamp);
        }
    }

    /// Takes one end of the time of which the record tells.
    fn end(&mut self, value: Text<'b>, rank: u8, take: fn(&mut Lasted, Instant)) {
        let stamp = stamp(self.way, self.out.bytes(value), self.layout);
        stamp.into_iter().for_each(|stamp| take(&mut self.out.lasted, stamp.at));
        self.time(rank, stamp);
    }

    /// Takes a stamp if none of a lower rank was taken before.
    pub fn time(&mut self, rank: u8, stamp: Option<Stamp>) {
        if stamp.is_some() && self.best.is_none_or(|best| rank < best) {
            self.best = Some(rank);
            self.out.time = stamp;
        }
    }

    /// Who logs the URL only has asked its host: that is the destination where no other name is told.
    pub fn imply_destination(&mut self) {
        let asked = self.out.iter().find(|field| field.canon == Some(Canon::UrlDomain)).map(|field| field.value);
        if let (Some(host), None) = (asked, self.out.get(Canon::DestinationDomain)) {
            self.canon(Canon::DestinationDomain, host);
        }
    }

    /// Whether a time was found.
    pub fn timed(&self) -> bool {
        self.out.time.is_some()
    }

    /// An account: `DOMAIN\name`, `name@domain` or a name.
    pub fn user(&mut self, value: Text<'b>) {
        let bytes = self.out.bytes(value);
        let end = bytes.len();
        if let Some(cut) = memchr::memchr(b'\\', bytes) {
            let from = cut + bytes[cut..].iter().take_while(|&&b| b == b'\\').count();
            self.canon(Canon::UserName, part(value, from, end));
            self.canon(Canon::UserDomain, part(value, 0, cut));
        } else if let Some((from, to)) = ends::speaker(bytes) {
            self.canon(Canon::UserName, part(value, from, to));
        } else if let Some(cut) = memchr::memrchr(b'@', bytes).filter(|&c| c > 0) {
            self.canon(Canon::UserName, part(value, 0, cut));
            self.canon(Canon::UserDomain, part(value, cut + 1, end));
        } else {
            self.canon(Canon::UserName, value);
        }
    }

    /// A URL or a request target: host, path and query. A bare `host:port` (`CONNECT`) is a host.
    pub fn url(&mut self, value: Text<'b>) {
        let bytes = self.out.bytes(value);
        let scheme = scheme_end(bytes);
        let fragment = memchr::memchr(b'#', bytes).unwrap_or(bytes.len());
        let query = memchr::memchr(b'?', &bytes[..fragment]);
        let path_end = query.unwrap_or(fragment);
        let (host, path) = match scheme {
            Some(at) => {
                let host = at + 3;
                let path = memchr::memchr(b'/', &bytes[host.min(path_end)..path_end]).map_or(path_end, |n| host + n);
                (Some((host.min(path), path)), (path, path_end))
            }
            None if bytes.first() == Some(&b'/') || bytes == b"*" => (None, (0, path_end)),
            None => {
                let slash = memchr::memchr(b'/', &bytes[..path_end]).unwrap_or(path_end);
                (Some((0, slash)), (slash, path_end))
            }
        };
        let host = host.map(|(from, to)| {
            let from = memchr::memrchr(b'@', &bytes[from..to]).map_or(from, |n| from + n + 1);
            let bare = host_end(&bytes[from..to]);
            (from + bare.0, from + bare.1)
        });
        let end = bytes.len();
        match scheme {
            Some(_) => self.canon(Canon::UrlFull, value),
            None if host.is_none() => self.canon(Canon::UrlOriginal, value),
            None => {}
        }
        if let Some((from, to)) = host {
            self.canon(Canon::UrlDomain, part(value, from, to));
        }
        self.canon(Canon::UrlPath, part(value, path.0, path.1));
        if let Some(at) = query {
            self.canon(Canon::UrlQuery, part(value, at + 1, fragment.min(end)));
        }
    }
}
