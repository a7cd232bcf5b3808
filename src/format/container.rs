//! Lines of containers, as Docker's json-file driver and the runtimes of Kubernetes (CRI) wrap them.
//!
//! ```text
//! 2026-03-28T23:10:04.413656027Z stdout F 192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] "GET / HTTP/1.1" 200 13
//! {"log":"192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] \"GET / HTTP/1.1\" 200 13\n","stream":"stdout","time":"2026-03-28T23:10:04.4136Z"}
//! ```
//! Source: <https://docs.docker.com/engine/logging/drivers/json-file/>,
//! <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>.
//!
//! What a line holds is read as the first of the dialects that it shows beyond doubt ([`Strays`](super::Strays)), and the record is
//! of that one; where it is of none, it is a message with the time of the wrapper.
//!
//! Speed: from 55 MB/s a core on, of Docker's lines: an object is read, and then the line in it, which is tried as one dialect after the other.
//!
//! Traps: the wrapper's time is when the runtime read the line, so a complete time inside goes before it; a line that is too long
//! goes on in further ones (`P`, or a `log` without its newline), of which each is a record.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::{Fit, Format, Sample, jsonwalk, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::time::Assumed;

/// The name of the format.
pub const NAME: &str = "container";

/// How Docker's lines begin; who rewrites them may set blanks between.
const DOCKER: [&[u8]; 4] = [b"{", b"\"log\"", b":", b"\""];

/// Wrapped lines of containers.
pub struct Container;

impl Format for Container {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> &'static str {
        "lines of containers (Docker json-file, Kubernetes CRI), each read as what it holds"
    }

    fn fields(&self) -> Vec<Canon> {
        vec![Canon::Message]
    }

    fn hides(&self, records: &[u8]) -> bool {
        super::auditd::hides(records)
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, arrays: Vec::new(), ..sample.layout(NAME) };
        let read = sample.lines.iter().filter(|line| held(line).is_some()).count();
        (read > 0).then_some(Fit { read, of: sample.lines.len(), rank: 68, layout })
    }

    /// Never reads a line: each is of the dialect of what it holds, which [`Strays`](super::Strays) tells.
    fn parse<'b>(&self, _: &Layout, _: &'b [u8], _: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        out.clear();
        Err(Reject)
    }
}

/// What a line of a container holds.
#[derive(Debug)]
pub struct Held<'b> {
    stamp: Cow<'b, [u8]>,
    stream: Cow<'b, [u8]>,
    /// The line as the program wrote it.
    pub text: Cow<'b, [u8]>,
}

impl<'b> Held<'b> {
    /// Adds what the wrapper says to a record: the stream, and the time where none inside is complete. Of a text of no dialect
    /// (`is_plain`) the record is the message.
    pub fn finish(&self, layout: &Layout, want: Want, is_plain: bool, out: &mut Fields<'b>) {
        let mut sink = if is_plain { Sink::new(layout, want, out) } else { Sink::resume(layout, want, out) };
        if sink.out.time.is_none_or(|stamp| stamp.assumed != Assumed::Nothing)
            && let Some(stamp) = time::iso(&self.stamp, layout)
        {
            sink.out.time = Some(stamp);
        }
        let said =
            [("stream", None, &self.stream, true), ("message", Some(Role::Is(Canon::Message)), &self.text, is_plain)];
        for (name, role, value, _) in said.into_iter().filter(|(.., is_given)| *is_given) {
            let value = sink.out.store(value);
            sink.column(name, role, value, Kind::Str);
        }
    }
}

/// What a line holds; `None` where it is no container's.
pub fn held(line: &[u8]) -> Option<Held<'_>> {
    match line.first()? {
        b'0'..=b'9' => of_runtime(line),
        _ if is_docker(line) => of_docker(line),
        _ => None,
    }
}

fn is_docker(line: &[u8]) -> bool {
    DOCKER.iter().try_fold(line, |rest, mark| rest.trim_ascii_start().strip_prefix(*mark)).is_some()
}

/// A line of a runtime of Kubernetes: stamp, stream, tags, text.
fn of_runtime(line: &[u8]) -> Option<Held<'_>> {
    let mut words = line.splitn(4, |&b| b == b' ');
    let (stamp, stream, tags) = (words.next()?, words.next()?, words.next()?);
    let is_tagged = matches!(tags, [b'F' | b'P'] | [b'F' | b'P', b':', ..]);
    let is_stamped = stamp.len() >= 20 && stamp.get(10) == Some(&b'T');
    let text = Cow::from(words.next().unwrap_or_default());
    (is_stamped && is_tagged && matches!(stream, b"stdout" | b"stderr")).then(|| Held {
        stamp: stamp.into(),
        stream: stream.into(),
        text,
    })
}

/// An object of Docker: text, stream, time.
fn of_docker(line: &[u8]) -> Option<Held<'_>> {
    static NO_ROLES: Table = LazyLock::new(|| Roles::new(&[]));
    let (layout, mut fields) = (Layout::plain(), Fields::default());
    jsonwalk::flatten(line, &NO_ROLES, None, &mut Sink::new(&layout, Want::All, &mut fields)).ok()?;
    let of = |name: &[u8]| {
        let (_, value, _) = fields.named().find(|(known, ..)| *known == name)?;
        Some(Cow::from(value.to_vec()))
    };
    let (text, stream, stamp) = (of(b"log")?, of(b"stream")?, of(b"time")?);
    let text = Cow::from(text.strip_suffix(b"\n").unwrap_or(&text).to_vec());
    Some(Held { stamp, stream, text })
}
