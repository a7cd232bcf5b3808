//! Entries of systemd's journal as JSON: what `journalctl -o json` writes, and what a binary journal is decoded to.
//!
//! ```text
//! {"__REALTIME_TIMESTAMP":"1774739404500000","_HOSTNAME":"rv-web01","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Accepted publickey for alice from 192.0.2.10 port 51234 ssh2"}
//! ```
//! Source: systemd.journal-fields(7), <https://systemd.io/JOURNAL_EXPORT_FORMATS/>.
//!
//! Traps: the message is that of syslog and is read as one of its program; `_SOURCE_REALTIME_TIMESTAMP` is by the sender's clock, and
//! stands for the time only where the receiver's is missing; a value that is no text is an array of numbers; a field
//! may stand in an entry twice.

use std::sync::LazyLock;

use super::jsonlines::{Dialect, ecs};
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::written::Marks;
use super::{auditd, message};
use crate::model::fields::{Canon, Fields, Text};

/// Entries of systemd's journal.
pub static JOURNALD: Dialect = Dialect {
    name: "journald",
    describe: "journal of systemd: its binary files, and what journalctl -o json writes",
    roles: &ROLES,
    rename: None,
    finish: Some(finish),
    marks: Marks::new(&[
        &["__REALTIME_TIMESTAMP", "MESSAGE"],
        &["__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP"],
        &["__REALTIME_TIMESTAMP", "_BOOT_ID"],
    ]),
    rank: 72,
    utc: true,
    outlined: false,
    listed: false,
    other: None,
    columns: &super::csv::ROLES,
    hides: Some(auditd::hides_in_journal),
};

static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[
        &[
            ("__REALTIME_TIMESTAMP", Role::Time(0)),
            ("_SOURCE_REALTIME_TIMESTAMP", Role::Time(1)),
            ("_HOSTNAME", Role::Is(Canon::HostName)),
            ("SYSLOG_IDENTIFIER", Role::Is(Canon::EventProvider)),
            ("_COMM", Role::Is(Canon::EventProvider)),
            ("_PID", Role::Process),
            ("_EXE", Role::Is(Canon::ProcessExecutable)),
            ("_CMDLINE", Role::Is(Canon::ProcessCommandLine)),
            ("MESSAGE", Role::Said),
        ],
        &ecs(),
    ])
});

/// Reads the message as syslog does that of its program.
fn finish(sink: &mut Sink<'_, '_>) {
    let program = sink.out.get(Canon::EventProvider).map(<[u8]>::to_vec);
    message(program.as_deref(), sink);
    sink.tie_by_process();
}

/// Reads the message of a record, where it has one, as syslog does that of this program.
pub fn message(program: Option<&[u8]>, sink: &mut Sink<'_, '_>) {
    let Some(message) = sink.said.take() else { return };
    match message {
        Text::Slice(text) => message::said(program, text, sink),
        Text::Arena(..) => {
            // The text is a copy without its escapes, and what is read in it is copied once more.
            let text = sink.out.bytes(message).to_vec();
            let mut inner = Fields::default();
            let mut read = Sink::new(sink.layout, sink.want, &mut inner);
            message::said(program, &text, &mut read);
            if inner.inside.is_some() { sink.take_in(&inner) } else { sink.take_over(&inner) }
        }
    }
}
