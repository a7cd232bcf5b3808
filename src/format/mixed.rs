//! Lines of several dialects in one file, none of which has the most: a collector's file, or logs that were joined.
//!
//! ```text
//! 192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8"
//! Mar 28 23:10:04 rv-web01 sshd[812]: Accepted publickey for alice from 192.0.2.10 port 51234 ssh2
//! {"time":"2026-03-28T23:10:04Z","src_ip":"192.0.2.10"}
//! ```
//! Each line is read by itself, as the first of the dialects that a single line shows beyond doubt ([`Strays`]), and is a
//! record of that one. What none of them reads is text.
//!
//! Traps: which rules may apply is known behind the line's dialect only, so that all of them are held against it; this is
//! slower than a file of one dialect.

use super::{Fit, Format, Sample, Strays};
use crate::model::fields::{Canon, Fields, Parsed, Reject, Want};
use crate::model::layout::{Framing, Layout};

/// The name of the format.
pub const NAME: &str = "mixed";

/// Lines of several dialects.
pub struct Mixed;

impl Format for Mixed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> &'static str {
        "lines of several dialects (access, Squid, audit, CEF, BIND, syslog, JSON, errors of web servers) in one file, each read as its own"
    }

    fn fields(&self) -> Vec<Canon> {
        Vec::new()
    }

    fn hides(&self, records: &[u8]) -> bool {
        super::auditd::hides(records)
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, arrays: Vec::new(), ..sample.layout(NAME) };
        let strays = Strays::new(&layout);
        let mut fields = Fields::default();
        let read = sample.lines.iter().filter(|line| strays.parse(line, Want::Columns, &mut fields).is_some()).count();
        Some(Fit { read, of: sample.lines.len(), rank: 1, layout: layout.clone() })
    }

    /// Never reads a line: each is of another dialect, which [`Strays`] tells.
    fn parse<'b>(&self, _: &Layout, _: &'b [u8], _: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        out.clear();
        Err(Reject)
    }
}
