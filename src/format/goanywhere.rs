//! GoAnywhere MFT's events of its services, as it sends them to syslog: pairs in quotes.
//!
//! ```text
//! 2026-03-28T23:10:04.120+00:00 mft1 GoAnywhereServicesevent_type="Download Successful" GoAnywhereServicesremote_ip="192.0.2.10" GoAnywhereServicesuser_name="bob" GoAnywhereServicescommand="Download" GoAnywhereServicesvirtual_path="/hr/a.zip"
//! ```
//! Source: the parsers for GoAnywhere MFT in <https://github.com/ExabeamLabs/Content-Library-CIM2>, which name the pairs and not their order.
//! Written from descriptions: no file of a real installation was at hand.
//!
//! Traps: a collector may write its tag before each name (`GoAnywhereServices`, `GoACH`), and that of a service which is named otherwise
//! another one: what stands before `event_type` is taken off all names. How much was transferred is not logged.

use std::sync::LazyLock;

use super::kv::{self, Pair, Pairs, priority};
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::{Fit, Format, Sample, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::observation::Seen;

/// Events of GoAnywhere's services.
pub struct GoAnywhere;

/// The name by which a record is known.
const EVENT: &[u8] = b"event_type";
/// The name that it has as well.
const REMOTE: &[u8] = b"remote_ip";

static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("event_type", Role::Is(Canon::EventAction)),
        ("remote_ip", Role::Addr(Canon::SourceIp)),
        ("local_ip", Role::Addr(Canon::DestinationIp)),
        ("user_name", Role::User),
        ("virtual_path", Role::Is(Canon::FilePath)),
        ("file_path", Role::Is(Canon::FilePath)),
        ("remarks", Role::Is(Canon::Message)),
    ]])
});

impl Format for GoAnywhere {
    fn name(&self) -> &'static str {
        "goanywhere"
    }

    fn describe(&self) -> &'static str {
        "GoAnywhere MFT events of its services (syslog)"
    }

    fn fields(&self) -> Vec<Canon> {
        let mut all = ROLES.canons();
        all.extend([Canon::EventOutcome, Canon::HostName]);
        all.sort();
        all
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout(self.name()) };
        sample.fit(self, layout, 66)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let line = Line::of(record, layout).ok_or(Reject)?;
        let mut sink = Sink::new(layout, want, out);
        line.read(&mut sink);
        Ok(Parsed::Event)
    }
}

/// What stands before the pairs, and these.
struct Line<'b> {
    stamp: Option<crate::model::time::Stamp>,
    host: &'b [u8],
    /// What stands before each name.
    tag: &'b [u8],
    pairs: &'b [u8],
}

impl<'b> Line<'b> {
    fn of(record: &'b [u8], layout: &Layout) -> Option<Self> {
        let rest = priority(record).map_or(record, |(_, rest)| rest);
        let (stamp, used) = match rest.first()? {
            b'0'..=b'9' => time::iso_prefix(rest, layout).map(|(stamp, used)| (Some(stamp), used))?,
            _ => time::syslog_prefix(rest, layout)?,
        };
        let (host, pairs) = super::near::word(rest[used..].strip_prefix(b" ")?);
        let mut names = Pairs::new(pairs).map(|pair| pair.key);
        let tag = names.find_map(|name| name.strip_suffix(EVENT))?;
        let is_remote = |name: &[u8]| name.strip_prefix(tag) == Some(REMOTE);
        let is_of = Pairs::new(pairs).any(|pair| is_remote(pair.key));
        is_of.then_some(Self { stamp, host, tag, pairs })
    }

    fn read(&self, sink: &mut Sink<'_, 'b>) {
        sink.time(0, self.stamp);
        sink.slice(b"host", Some(Role::Is(Canon::HostName)), self.host, Kind::Str);
        let mut event: &[u8] = b"";
        for pair in Pairs::new(self.pairs) {
            let key = pair.key.strip_prefix(self.tag).unwrap_or(pair.key);
            event = if key == EVENT { pair.value } else { event };
            kv::put(&Pair { key, ..pair }, &ROLES, sink);
        }
        match event.rsplit(|byte| *byte == b' ').next() {
            Some(b"Successful") => sink.outcome(true),
            Some(b"Failed") => sink.outcome(false),
            _ => {}
        }
        let is_of_file = event.starts_with(b"Download") || event.starts_with(b"Upload");
        sink.out.observer = is_of_file.then_some(Seen::FileServer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_may_stand_in_any_order_and_behind_any_tag() {
        let line = |tag: &str, names: &[(&str, &str)]| {
            let pairs: Vec<String> = names.iter().map(|(name, value)| format!("{tag}{name}=\"{value}\"")).collect();
            format!("2026-03-28T23:10:04.120+00:00 mft1 {}", pairs.join(" "))
        };
        let event = ("event_type", "Download Successful");
        let (remote, user, path) = (("remote_ip", "192.0.2.10"), ("user_name", "bob"), ("file_path", "/hr/a b.zip"));
        for (tag, names) in [
            ("GoAnywhereServices", [event, remote, user, path]),
            ("GoACH", [remote, path, event, user]),
            ("", [user, remote, path, event]),
        ] {
            let (line, mut out) = (line(tag, &names), Fields::default());
            GoAnywhere.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut out).unwrap();
            let text = |canon| out.text(canon).unwrap_or_default().to_owned();
            let told = [Canon::SourceIp, Canon::UserName, Canon::FilePath, Canon::EventOutcome].map(text);
            assert_eq!(told, ["192.0.2.10", "bob", "/hr/a b.zip", "success"], "{line}");
            assert_eq!(out.observer, Some(Seen::FileServer));
        }
        let other = line("", &[event, user]);
        assert!(GoAnywhere.parse(&Layout::plain(), other.as_bytes(), Want::All, &mut Fields::default()).is_err());
    }
}
