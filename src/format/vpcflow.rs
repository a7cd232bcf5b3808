//! AWS VPC flow logs as text, versions 2 to 5, with a line of names or without.
//!
//! ```text
//! version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
//! 2 123456789012 eni-0a1b2c3d 10.0.1.5 203.0.113.9 51234 443 6 20 4249 1774739404 1774739464 ACCEPT OK
//! ```
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>.
//!
//! A record is one way of a flow. `source.ip` is who opened it, so that addresses and bytes of an answer change sides: by
//! `tcp-flags` (a SYN with an ACK comes from the server), else where the source's port is a system port and the other one is
//! not. The names in the log stay with their values.
//!
//! Traps: files in S3 begin with the names, CloudWatch has none (and its exports put a time before each record); `-` is no
//! data: nothing moved (`NODATA`), or what moved was not recorded (`SKIPDATA`); the names of a custom format are in any order.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use super::remembered::Remembered;
use super::roles::{Role, Roles, Table};
use super::sink::{Sink, is_ip};
use super::sketch::{Part, Sketch};
use super::{Fit, Format, Means, Sample, near, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;

/// VPC flow logs.
pub struct VpcFlow;

/// All names, in the order in which versions 2, 3, 4 and 5 brought them.
const NAMES: &[&str] = &[
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
];
/// How many of them versions 2 to 5 have together.
const KNOWN: [usize; 4] = [14, 21, 25, 29];
/// A name of a version after these.
const LATER: &[&str] = &["ecs-", "reject-reason", "resource-id", "encryption-status"];
/// A header has so many of the names, the addresses among them.
const NAMED: usize = 4;
/// Ports below this are of servers. SOURCE: RFC 6335, system ports.
const SYSTEM_PORTS: u16 = 1024;
/// What a record says of flows that were not recorded. SOURCE: AWS, the field `log-status`.
const SKIPPED: &[u8] = b"SKIPDATA";
/// Cells of a record that are kept in place.
const ROOM: usize = 64;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// What the names mean where the source of the flow opened it; the sides of an answer are changed.
static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("start", Role::Time(0)),
        ("end", Role::Ended),
        ("account-id", Role::Is(Canon::CloudAccountId)),
        ("srcaddr", Role::Addr(Canon::SourceIp)),
        ("dstaddr", Role::Addr(Canon::DestinationIp)),
        ("srcport", Role::Is(Canon::SourcePort)),
        ("dstport", Role::Is(Canon::DestinationPort)),
        ("protocol", Role::Is(Canon::NetworkTransport)),
        ("bytes", Role::Is(Canon::SourceBytes)),
        ("action", Role::Action),
    ]])
});

impl Format for VpcFlow {
    fn name(&self) -> &'static str {
        "vpcflow"
    }

    fn describe(&self) -> &'static str {
        "AWS VPC flow log, versions 2 to 5, with or without a header; the opener is the source"
    }

    fn fields(&self) -> Vec<Canon> {
        let mut out = ROLES.canons();
        out.extend([Canon::DestinationBytes, Canon::EventCode]);
        out.sort();
        out
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let first = sample.lines.first()?;
        let base = Layout { delimiter: b' ', arrays: Vec::new(), ..sample.layout("vpcflow") };
        if is_header(first) {
            let names = first.split(|&b| b == b' ').map(|name| String::from_utf8_lossy(name).into());
            let layout = Layout { framing: Framing::Csv { delimiter: b' ' }, columns: names.collect(), ..base };
            let rows = &sample.lines[1..];
            // A log that is a header only is one all the same.
            let none = Fit { read: 1, of: 1, rank: 85, layout: layout.clone() };
            return if rows.is_empty() { Some(none) } else { sample.fit_records(rows, self, layout, 85) };
        }
        let columns = NAMES.iter().map(|&name| Arc::from(name)).collect();
        sample.fit(self, Layout { framing: Framing::Lines, columns, ..base }, 85)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let (mut room, mut more) = ([&[][..]; ROOM], Vec::new());
        let Row { named, extra, columns, flow } = Row::of(cells(record, &mut room, &mut more), layout).ok_or(Reject)?;
        let mut sink = Sink::new(layout, want, out);
        let answers = usize::from(flow.answers());
        for ((name, column), &cell) in layout.columns.iter().zip(&*columns).zip(named) {
            let role = column.roles[answers];
            if !sink.asks(role) {
                continue;
            }
            let kind = match cell {
                b"-" => Kind::Null,
                _ if cell.iter().all(u8::is_ascii_digit) => Kind::Number,
                _ => Kind::Str,
            };
            sink.column(name, role, Text::Slice(cell), kind);
        }
        sink.out.clocked = true;
        if flow.status == Some(SKIPPED) {
            sink.canon_slice(Canon::EventCode, SKIPPED);
        }
        if sink.all {
            extra.iter().for_each(|cell| sink.slice(b"extra", None, cell, Kind::Str));
        }
        Ok(Parsed::Event)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, agents, columns, .. } = means;
        let (mut room, mut more) = ([&[][..]; ROOM], Vec::new());
        out.part(&columns.digest);
        let row = Row::of(cells(record, &mut room, &mut more), layout);
        row.and_then(|row| row.outline(Sketch::new(layout, agents, out))).is_some()
    }

    fn parts(&self, layout: &Layout) -> Vec<Part> {
        columns(layout).iter().map(|column| column.parts[0]).collect()
    }
}

/// The cells of a record.
struct Row<'a, 'b> {
    /// Those that have a name.
    named: &'a [&'b [u8]],
    extra: &'a [&'b [u8]],
    columns: Rc<[Column]>,
    flow: Flow<'b>,
}

impl<'a, 'b> Row<'a, 'b> {
    fn of(cells: &'a [&'b [u8]], layout: &Layout) -> Option<Self> {
        let bare = layout.framing == Framing::Lines;
        let (cells, names) = if bare { by_order(cells, layout).ok()? } else { (cells, layout.columns.len()) };
        let (named, extra) = cells.split_at_checked(names)?;
        if named.iter().any(|cell| cell.is_empty()) {
            return None;
        }
        let (columns, mut flow) = (columns(layout), Flow::default());
        columns.iter().zip(named).for_each(|(column, cell)| flow.take(column.shows, cell));
        let is_one = (bare || extra.is_empty()) && !layout.columns.is_empty() && flow.is_plausible();
        is_one.then_some(Self { named, extra, columns, flow })
    }

    /// `None` where flows were not recorded, which is told apart.
    fn outline(&self, mut sketch: Sketch<'_, 'b>) -> Option<()> {
        let answers = self.flow.answers();
        sketch.out.part(&[u8::from(answers)]);
        for (column, &cell) in self.columns.iter().zip(self.named) {
            sketch.cell(column.parts[usize::from(answers)], cell)?;
        }
        (self.flow.status != Some(SKIPPED)).then_some(())
    }
}

/// The cells of a record: in `room`, or in `more` where there are too many for it.
fn cells<'a, 'b>(record: &'b [u8], room: &'a mut [&'b [u8]; ROOM], more: &'a mut Vec<&'b [u8]>) -> &'a [&'b [u8]] {
    let (mut rest, mut count) = (Some(record), 0);
    while let Some(text) = rest {
        let Some(cell) = room.get_mut(count) else {
            more.extend(record.split(|byte| *byte == b' '));
            return more;
        };
        let end = near::one(b' ', text);
        *cell = &text[..end.unwrap_or(text.len())];
        rest = end.map(|end| &text[end + 1..]);
        count += 1;
    }
    &room[..count]
}

/// What a column is.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// What it means where the source of the flow opened it, and in an answer.
    roles: [Option<Role>; 2],
    /// The same for outlines.
    parts: [Part; 2],
    shows: Option<Shows>,
}

/// What a column shows of a record.
#[derive(Debug, Clone, Copy)]
enum Shows {
    /// An address: of the source, or of the other side.
    Address(usize),
    /// A port, as for addresses.
    Port(usize),
    Flags,
    Action,
    Status,
}

/// What the columns of a layout are.
fn columns(layout: &Layout) -> Rc<[Column]> {
    thread_local! {
        static LAST: RefCell<Remembered<Rc<[Column]>>> = RefCell::default();
    }
    let shows = |name: &str| match name {
        "srcaddr" => Some(Shows::Address(0)),
        "dstaddr" => Some(Shows::Address(1)),
        "srcport" => Some(Shows::Port(0)),
        "dstport" => Some(Shows::Port(1)),
        "tcp-flags" => Some(Shows::Flags),
        "action" => Some(Shows::Action),
        "log-status" => Some(Shows::Status),
        _ => None,
    };
    let column = |name: &Arc<str>| {
        let roles = [role(name, false), role(name, true)];
        Column { roles, parts: roles.map(Part::of), shows: shows(name) }
    };
    let made = || layout.columns.iter().map(column).collect();
    LAST.with_borrow_mut(|last| last.of(ROLES.id, &layout.columns, made))
}

/// What a name means, with the sides changed for an answer.
fn role(name: &str, answers: bool) -> Option<Role> {
    let changed = |canon| match canon {
        Canon::SourceIp => Canon::DestinationIp,
        Canon::DestinationIp => Canon::SourceIp,
        Canon::SourcePort => Canon::DestinationPort,
        Canon::DestinationPort => Canon::SourcePort,
        Canon::SourceBytes => Canon::DestinationBytes,
        other => other,
    };
    match ROLES.get(name.as_bytes()) {
        Some(Role::Is(canon)) if answers => Some(Role::Is(changed(canon))),
        Some(Role::Addr(canon)) if answers => Some(Role::Addr(changed(canon))),
        other => other,
    }
}

/// The cells that show what a record is, and which way it goes.
#[derive(Default)]
struct Flow<'b> {
    addresses: [Option<&'b [u8]>; 2],
    ports: [Option<u16>; 2],
    flags: Option<u8>,
    action: Option<&'b [u8]>,
    status: Option<&'b [u8]>,
}

impl<'b> Flow<'b> {
    fn take(&mut self, shows: Option<Shows>, cell: &'b [u8]) {
        match shows {
            Some(Shows::Address(side)) => self.addresses[side] = Some(cell),
            Some(Shows::Port(side)) => self.ports[side] = number(cell),
            Some(Shows::Flags) => self.flags = number(cell),
            Some(Shows::Action) => self.action = Some(cell),
            Some(Shows::Status) => self.status = Some(cell),
            None => {}
        }
    }

    /// Whether its cells hold what their names say, so that a line of other words is not taken for a record.
    fn is_plausible(&self) -> bool {
        let among =
            |cell: Option<&[u8]>, words: &[&[u8]]| cell.is_none_or(|cell| cell == b"-" || words.contains(&cell));
        self.addresses.iter().flatten().all(|cell| *cell == b"-" || is_ip(cell))
            && among(self.action, &[b"ACCEPT", b"REJECT"])
            && among(self.status, &[b"OK", b"NODATA", SKIPPED])
    }

    /// Whether it comes from who was called.
    fn answers(&self) -> bool {
        match (self.flags, self.ports) {
            (Some(flags), _) if flags & SYN != 0 => flags & ACK != 0,
            (_, [Some(from), Some(to)]) => from < SYSTEM_PORTS && to >= SYSTEM_PORTS,
            _ => false,
        }
    }
}

fn number<N: TryFrom<u32> + std::str::FromStr>(cell: &[u8]) -> Option<N> {
    // PERF: ports and flags are a few digits.
    if (1..=5).contains(&cell.len()) && near::is_digits(cell) {
        let number = cell.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        return N::try_from(number).ok();
    }
    std::str::from_utf8(cell).ok()?.parse().ok()
}

/// Whether a line is the names of the columns.
fn is_header(line: &[u8]) -> bool {
    let (mut count, mut addresses) = (0, 0);
    for name in line.split(|&b| b == b' ') {
        let Ok(name) = std::str::from_utf8(name) else { return false };
        if !NAMES.contains(&name) && !LATER.iter().any(|later| name.starts_with(later)) {
            return false;
        }
        count += 1;
        addresses += usize::from(matches!(name, "srcaddr" | "dstaddr" | "pkt-srcaddr" | "pkt-dstaddr"));
    }
    count >= NAMED && addresses >= 2
}

/// The cells of a record without a header, and how many of them have names. The default format is the fourteen of
/// version 2; what follows them has names where there are as many as a version has in all.
fn by_order<'a, 'b>(cells: &'a [&'b [u8]], layout: &Layout) -> Result<(&'a [&'b [u8]], usize), Reject> {
    // Exports of CloudWatch put the time of arrival before the record.
    let is_arrival = cells.first().is_some_and(|first| time::iso(first, layout).is_some());
    let cells = &cells[usize::from(is_arrival)..];
    let digits = near::is_digits;
    let &[version, account, ref others @ ..] = cells else { return Err(Reject) };
    let head = matches!(version, b"2" | b"3" | b"4" | b"5")
        && (account == b"unknown" || account.len() == 12 && digits(account));
    let counters = |cell: &&[u8]| *cell == b"-" || (!cell.is_empty() && digits(cell));
    // Skips the interface and the addresses.
    if !head || !others.iter().skip(3).take(7).all(counters) {
        return Err(Reject);
    }
    let count = cells.len();
    match KNOWN.contains(&count) {
        true => Ok((cells, count)),
        false if count > KNOWN[0] => Ok((cells, KNOWN[0])),
        false => Err(Reject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_changes_sides_and_is_told_by_flags_before_ports() {
        let flow = |from, to, flags| Flow { ports: [Some(from), Some(to)], flags, ..Flow::default() };
        assert!(flow(443, 51234, None).answers() && !flow(51234, 443, None).answers());
        assert!(!flow(443, 123, None).answers() && !flow(8080, 51234, None).answers());
        assert!(flow(8080, 51234, Some(SYN | ACK)).answers() && flow(51234, 8080, Some(SYN | ACK | 1)).answers());
        assert!(!flow(443, 51234, Some(SYN)).answers() && flow(443, 51234, Some(1)).answers());
    }

    #[test]
    fn a_header_is_made_of_known_names() {
        assert!(is_header(b"version account-id srcaddr dstaddr bytes ecs-cluster-arn"));
        for other in
            [&b"version srcaddr dstaddr"[..], b"srcaddr dstaddr bytes action note", b"version bytes start end", b""]
        {
            assert!(!is_header(other), "{}", other.escape_ascii());
        }
    }
}
