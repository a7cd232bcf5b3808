//! Flow logs of Azure: of network security groups (versions 1 and 2) and of virtual networks (version 4).
//!
//! ```text
//! {"time":"2026-03-28T23:10:30Z","category":"NetworkSecurityGroupFlowEvent","resourceId":"…","operationName":"NetworkSecurityGroupFlowEvents","properties":{"Version":2,"flows":[{"rule":"R","flows":[{"mac":"000D3A","flowTuples":["1774739404,10.0.0.4,203.0.113.9,51234,443,T,O,A,C,25,31002,30,4120"]}]}]}}
//! {"time":"2026-03-28T23:10:30Z","flowLogVersion":4,"category":"FlowLogFlowEvent","flowRecords":{"flows":[{"aclID":"…","flowGroups":[{"rule":"R","flowTuples":["1774739404000,10.0.0.4,203.0.113.9,51234,443,6,O,C,NX,25,31002,30,4120"]}]}]}}
//! ```
//! Source: Microsoft, "Flow logging for network security groups" and "Virtual network flow logs", the sections on the log format.
//!
//! Traps: one record tells of many flows, each a text of its own; the source of a flow is who opened it, whatever its direction; the
//! beginning (`B`) has no figures and the others state what moved since the one before, so that they add up, and tell of
//! the time from that one on; what was denied
//! has a state of its own in version 4 (`D`) and a decision before the state in the older ones; times are seconds there and milliseconds
//! here.

use std::sync::LazyLock;

use super::jsonlines::{Dialect, TIMES};
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::time;
use super::written::Marks;
use crate::model::fields::{Canon, Fields, Kind, Want};
use crate::model::layout::Layout;

/// Flow logs of Azure.
pub static AZURE_FLOW: Dialect = Dialect {
    name: "azure_flow",
    describe: "Azure flow logs of network security groups (versions 1 and 2) and virtual networks (version 4); each flow is told apart",
    roles: &ROLES,
    rename: None,
    finish: None,
    marks: Marks::new(&[&[OF_GROUPS], &[OF_NETWORKS]]),
    rank: 78,
    utc: true,
    outlined: false,
    listed: false,
    other: None,
    columns: &super::csv::ROLES,
    hides: None,
};

const OF_GROUPS: &str = "properties.flows.flows.flowTuples";
const OF_NETWORKS: &str = "flowRecords.flows.flowGroups.flowTuples";

static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[
        &[
            ("time", Role::Time(0)),
            ("category", Role::Is(Canon::EventDataset)),
            ("operationName", Role::Is(Canon::EventAction)),
            (OF_GROUPS, Role::Part),
            (OF_NETWORKS, Role::Part),
        ],
        TIMES,
    ])
});

/// The most cells that a flow has.
const CELLS: usize = 13;

/// What the texts of one flow have in common: its sides, ports, protocol and direction.
pub fn flow(text: &[u8]) -> Option<&[u8]> {
    let mut ends = memchr::memchr_iter(b',', text);
    let (first, last) = (ends.next()?, ends.nth(5)?);
    Some(&text[first..last])
}

/// Reads one flow of a record; false where the text is none.
pub fn read<'b>(text: &'b [u8], layout: &Layout, out: &mut Fields<'b>) -> bool {
    let mut cells = [&text[..0]; CELLS];
    let mut count = 0;
    for cell in text.split(|byte| *byte == b',') {
        let Some(slot) = cells.get_mut(count) else { return false };
        (*slot, count) = (cell.trim_ascii(), count + 1);
    }
    let is_number = |cell: &[u8]| !cell.is_empty() && cell.iter().all(u8::is_ascii_digit);
    let (refused, state, figures) = match (cells[5], cells[7]) {
        (b"T" | b"U", decision @ (b"A" | b"D")) if count == 8 || count == CELLS => {
            (decision == b"D", cells[8], &cells[9..])
        }
        (protocol, state @ (b"B" | b"C" | b"E" | b"D")) if is_number(protocol) && count == CELLS => {
            (state == b"D", state, &cells[9..])
        }
        _ => return false,
    };
    if !is_number(cells[0]) {
        return false;
    }
    let mut sink = Sink::new(layout, Want::Columns, out);
    // Two filters on the way of a flow write it down with the same ports.
    sink.want = Want::All;
    sink.time(0, time::any(cells[0], layout));
    let protocol: &[u8] = match cells[5] {
        b"T" => b"tcp",
        b"U" => b"udp",
        number => number,
    };
    let sides = [
        (Role::Addr(Canon::SourceIp), cells[1]),
        (Role::Addr(Canon::DestinationIp), cells[2]),
        (Role::Is(Canon::SourcePort), cells[3]),
        (Role::Is(Canon::DestinationPort), cells[4]),
        (Role::Is(Canon::NetworkTransport), protocol),
    ];
    sides.into_iter().for_each(|(role, cell)| sink.slice(b"", Some(role), cell, Kind::Str));
    let nothing: &[u8] = if refused || state == b"B" { b"0" } else { b"" };
    for (canon, cell) in [(Canon::SourceBytes, figures[1]), (Canon::DestinationBytes, figures[3])] {
        let bytes = if is_number(cell) { cell } else { nothing };
        sink.slice(b"", Some(Role::Is(canon)), bytes, if bytes.is_empty() { Kind::Null } else { Kind::Number });
    }
    sink.outcome(!refused);
    let is_read = sink.out.has(Canon::SourceIp) && sink.out.has(Canon::DestinationIp);
    out.clocked = true;
    is_read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_known_by_all_but_its_time_and_what_it_moved() {
        let flow = |text: &'static str| flow(text.as_bytes()).map(|flow| std::str::from_utf8(flow).unwrap());
        let known = Some(",10.0.0.4,203.0.113.9,51234,443,6,O");
        assert_eq!(flow("1774739404000,10.0.0.4,203.0.113.9,51234,443,6,O,B,NX,0,0,0,0"), known);
        assert_eq!(flow("1774743004000,10.0.0.4,203.0.113.9,51234,443,6,O,E,NX,25,31002,30,4120"), known);
        assert_eq!((flow(""), flow("1774739404,10.0.0.4,203.0.113.9,51234,443,T,O")), (None, None));
    }

    type Told = (String, Option<u64>, Option<u64>, bool);

    fn told(text: &str) -> Option<Told> {
        let mut out = Fields::default();
        read(text.as_bytes(), &Layout::plain(), &mut out).then(|| {
            let time = out.time.map(|stamp| stamp.at.to_string()).unwrap_or_default();
            let refused = out.get(Canon::EventOutcome) == Some(b"failure");
            (time, out.number(Canon::SourceBytes), out.number(Canon::DestinationBytes), refused)
        })
    }

    #[test]
    fn flows_of_all_versions_tell_what_moved_each_way() {
        let at = |up, down, refused| Some(("2026-03-28T23:10:04Z".to_owned(), up, down, refused));
        for (text, expected) in [
            ("1774739404,10.0.0.4,203.0.113.9,51234,443,T,O,A", at(None, None, false)),
            ("1774739404,10.0.0.4,203.0.113.9,51234,443,T,O,A,B,,,,", at(Some(0), Some(0), false)),
            ("1774739404,10.0.0.4,203.0.113.9,51234,443,T,O,A,C,25,31002,30,4120", at(Some(31002), Some(4120), false)),
            ("1774739404,10.0.0.4,203.0.113.9,51234,443,U,O,A,E,2,300,1,40", at(Some(300), Some(40), false)),
            ("1774739404,198.51.100.9,10.0.0.4,51234,443,T,I,D,B,,,,", at(Some(0), Some(0), true)),
            (
                "1774739404000,10.0.0.4,203.0.113.9,51234,443,6,O,C,NX,25,31002,30,4120",
                at(Some(31002), Some(4120), false),
            ),
            ("1774739404000,10.0.0.4,203.0.113.9,51234,443,6,O,E,X,25,9,30,8", at(Some(9), Some(8), false)),
            ("1774739404000,198.51.100.9,10.0.0.4,1,22,6,I,D,NX,0,0,0,0", at(Some(0), Some(0), true)),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        for none in [
            "",
            "1774739404,10.0.0.4",
            "x,10.0.0.4,203.0.113.9,51234,443,T,O,A",
            "1774739404,a,b,51234,443,T,O,A",
            "1774739404,10.0.0.4,203.0.113.9,51234,443,T,O,X",
            "1774739404,10.0.0.4,203.0.113.9,51234,443,T,O,A,C,25,31002,30,4120,7",
        ] {
            assert_eq!(told(none), None, "{none}");
        }
    }
}
