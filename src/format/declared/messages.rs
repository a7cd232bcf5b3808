//! Messages of syslog that definitions describe, by the program that says them.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::line::Line;
use super::{Declared, all};
use crate::format::sink::Sink;
use crate::model::fields::Canon;

/// A way of writing a message, and the format that it is of.
type Way = (&'static Declared, &'static Line);

/// Ways of writing a message, by program.
static BY_PROGRAM: LazyLock<HashMap<&'static [u8], Vec<Way>>> = LazyLock::new(|| {
    let mut all_of: HashMap<&'static [u8], Vec<Way>> = HashMap::new();
    for declared in all() {
        for line in declared.lines {
            line.programs
                .iter()
                .for_each(|program| all_of.entry(program.as_bytes()).or_default().push((declared, line)));
        }
    }
    all_of
});

fn of(program: Option<&[u8]>) -> Option<&'static [Way]> {
    let program = program.unwrap_or_default();
    // `postfix/smtpd` is named whole; a path before a name is none of it.
    let last = || memchr::memrchr(b'/', program).and_then(|slash| BY_PROGRAM.get(&program[slash + 1..]));
    BY_PROGRAM.get(program).or_else(last).map(|of| &of[..])
}

/// Whether definitions describe messages of a program (`None`: messages without one).
pub(in crate::format) fn is_spoken(program: Option<&[u8]>) -> bool {
    of(program).is_some()
}

/// Reads a message into the fields of its record, and gives the format that it is of; `None` where no definition describes it. The
/// format is its dataset too, where it does not say another.
pub(in crate::format) fn message<'b>(
    program: Option<&[u8]>,
    text: &'b [u8],
    sink: &mut Sink<'_, 'b>,
) -> Option<&'static str> {
    for (declared, line) in of(program).unwrap_or_default().iter().filter(|(_, line)| line.may_be(text)) {
        let before = sink.way.replace(declared.way);
        let read = line.read(text, sink);
        if let Some(always) = read {
            always.put(sink);
            if sink.out.get(Canon::EventDataset).is_none() {
                sink.canon_slice(Canon::EventDataset, declared.name.as_bytes());
            }
        }
        sink.way = before;
        if read.is_some() {
            return Some(declared.name);
        }
    }
    None
}
