//! The fields of one record, borrowed from the block or from a reused arena.

use super::access::Access;
use super::lasted::Lasted;
use super::observation;
use super::time::Stamp;

pub use super::canon::Canon;
pub use super::view::{Drawn, Seen, View};

/// What a value was in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Present without a value (JSON `null`, the format's unset mark).
    Null,
    /// Text.
    Str,
    /// A number, as written.
    Number,
    /// `true` or `false`.
    Bool,
    /// A nested object or array, as compact JSON.
    Json,
}

/// Bytes that lie in the block or in the arena of the [`Fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'b> {
    /// In the block.
    Slice(&'b [u8]),
    /// In the arena, as start and end.
    Arena(u32, u32),
}

/// One field of a record. The same name may occur several times (lists, repeated EVTX `Data`).
#[derive(Debug, Clone, Copy)]
pub struct Field<'b> {
    /// The canonical meaning, where the format knows one.
    pub canon: Option<Canon>,
    /// The name in the log: column, key, or dotted path of nested objects.
    pub name: Text<'b>,
    /// The value, unescaped.
    pub value: Text<'b>,
    /// What it was.
    pub kind: Kind,
}

/// A value that is itself a record of a log.
#[derive(Debug, Clone, Copy)]
pub struct Carried<'b> {
    /// The record.
    pub text: Text<'b>,
    /// Whether it is a text or an object (`Kind::Json`).
    pub kind: Kind,
    /// The dialect that it is of, where that is known beyond doubt.
    pub dialect: Option<&'static str>,
}

impl<'b> Carried<'b> {
    /// A value of a dialect that is yet to be told.
    pub fn new(text: Text<'b>, kind: Kind) -> Self {
        Self { text, kind, dialect: None }
    }
}

/// Which fields a parse should give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Only canonical fields that tallies and coverage read: [`Canon::is_column`].
    Columns,
    /// These and the user agent, which is held against listed ones.
    Agents,
    /// Everything.
    All,
}

impl Want {
    /// Whether a canonical field is given.
    pub fn takes(self, canon: Canon) -> bool {
        match self {
            Self::Columns => canon.is_column(),
            Self::Agents => canon.is_column() || canon == Canon::UserAgent,
            Self::All => true,
        }
    }
}

/// The fields of one record. Reused from record to record of a block.
#[derive(Debug)]
pub struct Fields<'b> {
    items: Vec<Field<'b>>,
    /// By canonical field: one more than the position of its first value that is not null; 0 for none.
    first: [u16; Canon::COUNT],
    arena: Vec<u8>,
    /// A buffer for whoever reads the record, kept for its room.
    scratch: Vec<u8>,
    /// When it happened; `None` where the record does not say.
    pub time: Option<Stamp>,
    /// How long that took of which it tells.
    pub lasted: Lasted,
    /// Which observer of traffic the record says that it is of; `None` where its format and its fields tell.
    pub observer: Option<observation::Seen>,
    /// Whether the record sums up what passed while an exporter's clock ran, so that its time is that clock's and not that of
    /// a connection.
    pub clocked: bool,
    /// Whether its bytes are those of some packets, taken as a sample of all.
    pub sampled: bool,
    /// Of how many objects the record tells, each of which a log may have told in a record of its own; 0 where it tells of one.
    pub objects: u32,
    /// Whether all that a store holds in one place was taken together.
    pub whole: bool,
    /// Which kind of access to data it is about.
    pub access: Access,
    /// Whether a mailbox says that it tells of no more reads for a day, because there were too many.
    pub throttled: bool,
    /// Whether the number of the process that wrote the record ties it to others.
    pub of_process: bool,
    /// Whether it tells of data that was sent, to whom it need not say.
    pub uploads: bool,
    /// The dialect of a record that its message holds and whose fields stand among its own; `None` where it holds none.
    pub inside: Option<&'static str>,
    /// Values that are themselves records of a log.
    carried: Vec<Carried<'b>>,
    /// Values each of which tells of one of the conversations that the record is about.
    parts: Vec<Text<'b>>,
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            first: [0; Canon::COUNT],
            arena: Vec::new(),
            scratch: Vec::new(),
            time: None,
            lasted: Lasted::default(),
            observer: None,
            clocked: false,
            sampled: false,
            objects: 0,
            whole: false,
            access: Access::NONE,
            throttled: false,
            of_process: false,
            uploads: false,
            inside: None,
            carried: Vec::new(),
            parts: Vec::new(),
        }
    }
}

impl<'b> Fields<'b> {
    /// Forgets the last record and keeps the buffers.
    pub fn clear(&mut self) {
        self.items.clear();
        self.first = [0; Canon::COUNT];
        self.arena.clear();
        self.time = None;
        self.lasted = Lasted::default();
        self.observer = None;
        (self.clocked, self.sampled) = (false, false);
        (self.objects, self.whole) = (0, false);
        (self.access, self.throttled) = (Access::NONE, false);
        (self.of_process, self.uploads) = (false, false);
        self.inside = None;
        self.carried.clear();
        self.parts.clear();
    }

    /// Notes a value that tells of one of several conversations.
    pub fn part(&mut self, value: Text<'b>) {
        self.parts.push(value);
    }

    /// The values each of which tells of a conversation; most records have none.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| self.bytes(*part))
    }

    /// Notes a value that is itself a record of a log.
    pub fn carry(&mut self, carried: Carried<'b>) {
        self.carried.push(carried);
    }

    /// Whether a value is itself a record of a log.
    pub fn is_carrier(&self) -> bool {
        !self.carried.is_empty()
    }

    /// Lends the values that are themselves records of a log and forgets them; the list is to be given back with
    /// [`Fields::give_back_carried`].
    pub fn take_carried(&mut self) -> Vec<Carried<'b>> {
        std::mem::take(&mut self.carried)
    }

    /// Takes the list back for its room.
    pub fn give_back_carried(&mut self, mut carried: Vec<Carried<'b>>) {
        carried.clear();
        self.carried = carried;
    }

    /// Lends an empty buffer that has the room of its last use; to be given back with [`Fields::give_back`].
    pub fn lend(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.scratch);
        buffer.clear();
        buffer
    }

    /// Takes a lent buffer back.
    pub fn give_back(&mut self, buffer: Vec<u8>) {
        self.scratch = buffer;
    }

    /// Adds a field whose name and value lie in the block (or are static).
    pub fn push(&mut self, canon: Option<Canon>, name: &'b [u8], value: &'b [u8], kind: Kind) {
        self.push_text(canon, Text::Slice(name), Text::Slice(value), kind);
    }

    /// Adds a field made of parts that may lie in the arena.
    pub fn push_text(&mut self, canon: Option<Canon>, name: Text<'b>, value: Text<'b>, kind: Kind) {
        if let Some(canon) = canon
            && kind != Kind::Null
            && self.first[canon as usize] == 0
        {
            // A first value beyond 65,535 others is found the long way.
            self.first[canon as usize] = u16::try_from(self.items.len() + 1).unwrap_or(u16::MAX);
        }
        self.items.push(Field { canon, name, value, kind });
    }

    /// Takes the canonical name from what has it so far: a later value is the right one.
    pub fn supersede(&mut self, canon: Canon) {
        self.first[canon as usize] = 0;
        self.items.iter_mut().filter(|field| field.canon == Some(canon)).for_each(|field| field.canon = None);
    }

    /// Has the fields before the `from`th give up the canonical names that those from there on have; what has no other name then stays
    /// under that of the log where all fields are wanted. Of more than 65,535 fields each keeps its own.
    pub fn give_way(&mut self, from: usize, want: Want) {
        let from = from.min(self.items.len());
        if from >= usize::from(u16::MAX) {
            return;
        }
        let (before, behind) = self.items.split_at_mut(from);
        let mut gave = false;
        for (at, field) in behind.iter().enumerate() {
            let Some(canon) = field.canon.filter(|_| field.kind != Kind::Null) else { continue };
            let first = &mut self.first[canon as usize];
            if usize::from(*first) > from || *first == 0 {
                continue;
            }
            before.iter_mut().filter(|field| field.canon == Some(canon)).for_each(|field| field.canon = None);
            *first = u16::try_from(from + at + 1).unwrap_or(u16::MAX);
            gave = true;
        }
        if gave && want != Want::All {
            for first in self.first.iter_mut().filter(|first| (1..u16::MAX).contains(*first)) {
                let before = &self.items[..from.min(usize::from(*first) - 1)];
                *first -= before.iter().filter(|field| field.canon.is_none()).count() as u16;
            }
            self.items.retain(|field| field.canon.is_some());
        }
    }

    /// Has the last value of a canonical name go on to the end of the record that it lies in; nothing where it does not lie there.
    pub fn lengthen(&mut self, canon: Canon, record: &'b [u8]) {
        let field = self.items.iter_mut().rfind(|field| field.canon == Some(canon));
        if let Some(Field { value: Text::Slice(value), .. }) = field {
            let from = (value.as_ptr() as usize).checked_sub(record.as_ptr() as usize);
            *value = from.and_then(|from| record.get(from..)).unwrap_or(value);
        }
    }

    /// Takes out what has a canonical name.
    pub fn forget(&mut self, canon: Canon) {
        self.forget_where(|one| one == canon);
    }

    /// Takes out what has one of some canonical names.
    pub fn forget_where(&mut self, is_one: impl Fn(Canon) -> bool) {
        self.items.retain(|field| !field.canon.is_some_and(&is_one));
        self.recount();
    }

    /// Has the fields with this value say that there is none.
    pub fn void(&mut self, word: &[u8]) {
        for at in 0..self.items.len() {
            if self.bytes(self.items[at].value) == word {
                self.items[at].kind = Kind::Null;
            }
        }
        self.recount();
    }

    /// Finds the first value of each canonical name anew.
    fn recount(&mut self) {
        self.first = [0; Canon::COUNT];
        for (at, field) in self.items.iter().enumerate().filter(|(_, field)| field.kind != Kind::Null) {
            let Some(canon) = field.canon else { continue };
            let first = &mut self.first[canon as usize];
            if *first == 0 {
                *first = u16::try_from(at + 1).unwrap_or(u16::MAX);
            }
        }
    }

    /// Has the next value of a canonical name stand before those that it has so far.
    pub fn precede(&mut self, canon: Canon) {
        self.first[canon as usize] = 0;
    }

    /// What the field at a position of [`Fields::iter`] is called, for people: canonical where it has such a name.
    pub fn shown(&self, index: usize) -> Option<String> {
        let field = self.at(index)?;
        Some(match field.canon {
            Some(canon) => canon.name().to_owned(),
            None => String::from_utf8_lossy(self.bytes(field.name)).into_owned(),
        })
    }

    /// Gives the field at a position of [`Fields::iter`] another name; nothing where there is none.
    pub fn rename(&mut self, index: usize, name: Text<'b>) {
        if let Some(field) = self.items.get_mut(index) {
            field.name = name;
        }
    }

    /// Copies bytes into the arena.
    pub fn store(&mut self, bytes: &[u8]) -> Text<'b> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.stored_since(start)
    }

    /// Copies a value to the end of the arena.
    pub fn store_again(&mut self, value: Text<'b>) {
        match value {
            Text::Slice(bytes) => self.arena.extend_from_slice(bytes),
            Text::Arena(from, to) => self.arena.extend_from_within(from as usize..to as usize),
        }
    }

    /// Where the next byte of [`Fields::arena_mut`] will lie.
    pub fn arena_len(&self) -> usize {
        self.arena.len()
    }

    /// The arena, to append to; finish with [`Fields::stored_since`].
    pub fn arena_mut(&mut self) -> &mut Vec<u8> {
        &mut self.arena
    }

    /// What was appended to the arena since `start`.
    pub fn stored_since(&self, start: usize) -> Text<'b> {
        let end = self.arena.len();
        Text::Arena(
            u32::try_from(start).expect("an arena holds one record, which is below 4 GiB"),
            u32::try_from(end).expect("an arena holds one record, which is below 4 GiB"),
        )
    }

    /// The bytes of a name or value.
    pub fn bytes(&self, text: Text<'b>) -> &[u8] {
        match text {
            Text::Slice(slice) => slice,
            Text::Arena(start, end) => &self.arena[start as usize..end as usize],
        }
    }

    /// All fields in the order of the record.
    pub fn iter(&self) -> impl Iterator<Item = &Field<'b>> {
        self.items.iter()
    }

    /// The field at a position of [`Fields::iter`].
    pub fn at(&self, index: usize) -> Option<&Field<'b>> {
        self.items.get(index)
    }

    /// Name and value bytes of all fields in the order of the record.
    pub fn named(&self) -> impl Iterator<Item = (&[u8], &[u8], Kind)> {
        self.items.iter().map(|f| (self.bytes(f.name), self.bytes(f.value), f.kind))
    }

    /// The first value of a canonical field that is not null.
    pub fn get(&self, canon: Canon) -> Option<&[u8]> {
        let first = match self.first[canon as usize] {
            0 => return None,
            u16::MAX => self.items.iter().find(|f| f.canon == Some(canon) && f.kind != Kind::Null),
            at => self.items.get(usize::from(at) - 1),
        };
        first.map(|field| self.bytes(field.value))
    }

    /// Whether a canonical field has a value that is not null.
    #[inline]
    pub fn has(&self, canon: Canon) -> bool {
        self.first[canon as usize] != 0
    }

    /// The first value of a canonical field as UTF-8 text.
    pub fn text(&self, canon: Canon) -> Option<&str> {
        self.get(canon).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// The first value of a canonical field as a non-negative integer; also where it is written as `512.0` or
    /// `943,718,400`. A value that is not exactly an integer is none.
    #[inline]
    pub fn number(&self, canon: Canon) -> Option<u64> {
        let text = self.get(canon)?;
        // PERF: nearly all numbers are a few digits and nothing else.
        if (1..=SHORT_DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit) {
            return Some(text.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
        }
        written(text.trim_ascii())
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the record gave no field.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Numbers of so many digits fit.
const SHORT_DIGITS: usize = 19;

/// The integer that a text is, however it is written.
fn written(text: &[u8]) -> Option<u64> {
    if !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
        return integer(text.iter());
    }
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(dot) => (&text[..dot], Some(&text[dot + 1..])),
        None => (text, None),
    };
    if fraction.is_some_and(|f| f.is_empty() || f.iter().any(|&b| b != b'0')) {
        return None;
    }
    let mut groups = whole.split(|&b| b == b',');
    let head = groups.next()?;
    if head.is_empty() || (head.len() > 3 && whole.len() > head.len()) || groups.any(|g| g.len() != 3) {
        return None;
    }
    integer(whole.iter().filter(|&&b| b != b','))
}

/// The value of some digits; `None` where one is none, or where the value does not fit.
fn integer<'d>(mut digits: impl Iterator<Item = &'d u8>) -> Option<u64> {
    digits.try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// What parsing a record led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The format read it.
    Event,
    /// The format read it, and found a line of another log in it, of this dialect: the fields are those of the line, and where it
    /// is silent those of the record.
    Carried(&'static str),
}

impl Parsed {
    /// The format that the record is of; `own` is the one of its source.
    pub fn format(self, own: &'static str) -> &'static str {
        match self {
            Self::Event => own,
            Self::Carried(dialect) => dialect,
        }
    }
}

/// The record is not of its source's format; it is sifted and counted as `undecodable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_exact_integer_however_it_is_written() {
        let number = |text: &'static str| {
            let mut fields = Fields::default();
            fields.push(Some(Canon::SourceBytes), b"bytes", text.as_bytes(), Kind::Str);
            fields.number(Canon::SourceBytes)
        };
        for (text, value) in [("512", 512), (" 7 ", 7), ("943718400.0", 943_718_400), ("943,718,400", 943_718_400)] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert_eq!(number("1,024.00"), Some(1024));
        for text in ["", ".0", "5.", "0.5", "1,02", "1024,000", ",512", "1,,024", "-5", "1e3", "99999999999999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
