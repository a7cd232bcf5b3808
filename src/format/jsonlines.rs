//! JSON events of no known product: one object a line, or inside documents.
//!
//! ```text
//! {"@timestamp":"2026-03-28T23:10:04Z","source":{"ip":"192.0.2.10"},"event":{"action":"login"}}
//! ```
//! Names follow the Elastic Common Schema (<https://www.elastic.co/guide/en/ecs/current/>), Suricata's eve.json
//! (<https://docs.suricata.io/en/latest/output/eve/eve-json-format.html>) and names that mean the same everywhere.
//!
//! Traps: `bytes_sent` is seen from the writer, who may be either side, so it has no direction here; `host` is a name
//! in one log and an object in the next; what a balancer of our own asked for is told of for whom it asked (`X-Forwarded-For`,
//! [`proxied`](super::proxied)); Suricata repeats the bytes of a flow so far in each of its alerts.

use std::sync::LazyLock;

use super::jsonwalk::{self, Rename};
use super::roles::{Role, Roles, Table};
use super::shapes::Shapes;
use super::sink::Sink;
use super::written::{Marks, begins_object};
use super::{Fit, Format, Means, Sample, csv};
use crate::model::fields::{Canon, Fields, Parsed, Reject, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;

/// A dialect whose records are JSON objects.
pub struct Dialect {
    /// Name of the format.
    pub name: &'static str,
    /// What it is, in one line.
    pub describe: &'static str,
    /// What its names mean.
    pub roles: &'static Table,
    /// What it makes of dotted names.
    pub rename: Option<fn(&[u8]) -> Rename>,
    /// What follows from several fields together.
    pub finish: Option<fn(&mut Sink<'_, '_>)>,
    /// An event is of this dialect if it has all names of one of these sets.
    pub marks: Marks,
    /// How specific it is.
    pub rank: u8,
    /// Whether its times are UTC without saying so: no zone of the user's counts for them.
    pub utc: bool,
    /// Whether `finish` leaves times and counts of bytes alone, so that its records have outlines.
    pub outlined: bool,
    /// Whether what is added to the values of its records has canonical names alone, so that rules may be held against the values
    /// before fields are read.
    pub listed: bool,
    /// How some of its records are read that are written in another way; they are not listed and have no outlines.
    pub other: Option<Other>,
    /// What names of columns mean, where records are rows of a table.
    pub columns: &'static Table,
    /// Tells whether fields of some records may say what their bytes do not show; `None` where none of any do.
    pub hides: Option<fn(&[u8]) -> bool>,
}

/// Records that are written in another way than most of their dialect.
#[derive(Clone, Copy)]
pub struct Other {
    /// Whether a record is.
    pub is: fn(&[u8]) -> bool,
    /// Reads one.
    pub read: fn(&[u8], &mut Sink<'_, '_>) -> Result<(), Reject>,
}

impl Dialect {
    /// How a record is read, where it is written in another way.
    fn other(&self, record: &[u8]) -> Option<Other> {
        self.other.filter(|other| (other.is)(record))
    }
}

/// JSON of no known product.
pub static GENERIC: Dialect = Dialect {
    name: "json",
    describe: "JSON events, one a line or in documents (ECS, Suricata eve.json and common names)",
    roles: &ROLES,
    rename: None,
    finish: None,
    marks: Marks::new(&[&[]]),
    rank: 20,
    utc: false,
    outlined: true,
    listed: true,
    other: None,
    columns: &csv::ROLES,
    hides: None,
};

impl Format for Dialect {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self) -> &'static str {
        self.describe
    }

    fn fields(&self) -> Vec<Canon> {
        self.roles.canons()
    }

    fn hides(&self, records: &[u8]) -> bool {
        self.hides.is_some_and(|hides| hides(records))
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = self.layout(sample.layout(self.name));
        if sample.events.is_empty() {
            // The first event is longer than the head: its dialect is not known.
            let open = layout.framing == Framing::JsonDocuments && self.marks.sets == [&[] as &[&str]];
            return open.then_some(Fit { read: 1, of: 1, rank: self.rank, layout });
        }
        let mut read = 0;
        for event in &sample.events {
            read += usize::from(self.shows(&layout, event));
        }
        let of = match layout.framing {
            Framing::Lines => sample.lines.len(),
            _ => sample.events.len(),
        };
        (read > 0).then_some(Fit { read, of, rank: self.rank, layout })
    }

    fn layout(&self, base: Layout) -> Layout {
        let zone = if self.utc { jiff::tz::TimeZone::UTC } else { base.zone.clone() };
        Layout { format: self.name, zone, ..base }
    }

    fn shows(&self, layout: &Layout, event: &[u8]) -> bool {
        // PERF: names are seen sooner than they are read, and none are needed where every object is of the dialect.
        if !self.marks.may_be_in(event) {
            return false;
        }
        let want = if self.marks.sets.iter().any(|set| set.is_empty()) { Want::Columns } else { Want::All };
        let mut out = Fields::default();
        self.parse(layout, event, want, &mut out).is_ok()
            && self.marks.sets.iter().any(|set| set.iter().all(|m| out.named().any(|(n, ..)| n == m.as_bytes())))
    }

    fn may_begin(&self, first: u8) -> bool {
        begins_object(first)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, agents, shapes, listed, .. } = means;
        if !self.outlined || matches!(layout.framing, Framing::Csv { .. }) {
            return false;
        }
        let shapes = shapes.of(self.name);
        if listed {
            return shapes.read_listed(record, (layout, agents), out);
        }
        if !shapes.pays() {
            return false;
        }
        let read = shapes.read(record, 0, (layout, agents), out);
        if !read && self.other(record).is_none() {
            shapes.learn(record, 0, (self.roles, self.rename, layout));
        }
        read
    }

    fn list(&self, layout: &Layout, record: &[u8], shapes: &mut Shapes) -> bool {
        if !self.listed || matches!(layout.framing, Framing::Csv { .. }) {
            return false;
        }
        let shapes = shapes.of(self.name);
        if !shapes.pays() {
            return false;
        }
        let listed = shapes.list(record, 0);
        if !listed && self.other(record).is_none() {
            shapes.learn(record, 0, (self.roles, self.rename, layout));
        }
        listed
    }

    fn lists(&self, want: Want) -> bool {
        self.rename.is_some() || want != Want::All
    }

    fn listed<'b>(&self, layout: &Layout, (record, shapes): (&'b [u8], &Shapes), want: Want, out: &mut Fields<'b>) {
        let mut sink = Sink::new(layout, want, out);
        shapes.fields(record, &mut sink);
        if let Some(finish) = self.finish {
            finish(&mut sink);
        }
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        if let Framing::Csv { .. } = layout.framing {
            csv::read(record, self.columns, &mut Sink::new(layout, want, out))?;
            self.finish.iter().for_each(|finish| finish(&mut Sink::resume(layout, want, out)));
            return Ok(Parsed::Event);
        }
        let mut sink = Sink::new(layout, want, out);
        match self.other(record) {
            Some(other) => (other.read)(record, &mut sink)?,
            None => jsonwalk::flatten(record, self.roles, self.rename, &mut sink)?,
        }
        if let Some(finish) = self.finish {
            finish(&mut sink);
        }
        Ok(Parsed::Event)
    }
}

/// Every ECS name is itself a role; these are the other common ones.
pub static ROLES: Table = LazyLock::new(|| Roles::new(&[TIMES, SPANS, &ecs(), COMMON]));

/// The ECS names of the canonical fields.
pub fn ecs() -> Vec<(&'static str, Role)> {
    Canon::ALL.iter().map(|&c| (c.name(), Role::Is(c))).collect()
}

/// Names of the time of an event, best first.
pub const TIMES: &[(&str, Role)] = &[
    ("@timestamp", Role::Time(1)),
    ("timestamp", Role::Time(1)),
    ("eventTime", Role::Time(1)),
    ("event_time", Role::Time(1)),
    ("eventtime", Role::Time(1)),
    ("time", Role::Clock),
    ("ts", Role::Time(2)),
    ("datetime", Role::Time(2)),
    ("date", Role::Date),
    ("tz", Role::Zone),
    ("timezone", Role::Zone),
    ("published", Role::Time(2)),
    ("requestReceivedTimestamp", Role::Time(1)),
    ("created_at", Role::Time(3)),
    ("createdAt", Role::Time(3)),
    ("created", Role::Time(3)),
    ("TimeGenerated", Role::Time(1)),
    ("CreationTime", Role::Time(1)),
    ("_time", Role::Time(2)),
    ("log_time", Role::Time(2)),
    ("isotimestamp", Role::Time(2)),
    ("time_local", Role::Time(2)),
    ("time_iso8601", Role::Time(1)),
    ("StartUTC", Role::Time(1)),
    ("timeMillis", Role::Time(2)),
];

/// Names of the ends of the time of which an event tells, and of how long that is.
pub const SPANS: &[(&str, Role)] = &[
    ("event.start", Role::Begun),
    ("event.end", Role::Ended),
    // ECS counts it in nanoseconds.
    ("event.duration", Role::Took(Unit::Nanos, Side::Before)),
    ("event.module", Role::Module),
    ("flow.start", Role::Begun),
    ("flow.end", Role::Ended),
    ("netflow.start", Role::Begun),
    ("netflow.end", Role::Ended),
    ("start_time", Role::Begun),
    ("end_time", Role::Ended),
];

/// Names that mean the same in all JSON.
pub const COMMON: &[(&str, Role)] = &[
    ("src_ip", Role::Addr(Canon::SourceIp)),
    ("srcip", Role::Addr(Canon::SourceIp)),
    ("srcIp", Role::Addr(Canon::SourceIp)),
    ("source_ip", Role::Addr(Canon::SourceIp)),
    ("sourceIp", Role::Addr(Canon::SourceIp)),
    ("sourceIPAddress", Role::Addr(Canon::SourceIp)),
    ("client_ip", Role::Addr(Canon::SourceIp)),
    ("clientip", Role::Addr(Canon::SourceIp)),
    ("clientIp", Role::Addr(Canon::SourceIp)),
    ("ClientIP", Role::Addr(Canon::SourceIp)),
    ("ClientHost", Role::Addr(Canon::SourceIp)),
    ("remote_addr", Role::Addr(Canon::SourceIp)),
    ("remoteAddr", Role::Addr(Canon::SourceIp)),
    ("remote_ip", Role::Addr(Canon::SourceIp)),
    ("remoteIp", Role::Addr(Canon::SourceIp)),
    ("ip_address", Role::Addr(Canon::SourceIp)),
    ("ipAddress", Role::Addr(Canon::SourceIp)),
    ("client.ipAddress", Role::Addr(Canon::SourceIp)),
    ("request.remote_ip", Role::Addr(Canon::SourceIp)),
    ("sourceIPs", Role::Addr(Canon::SourceIp)),
    ("src_port", Role::Is(Canon::SourcePort)),
    ("transip", Role::Is(Canon::NatIp)),
    ("nat_source_ip", Role::Is(Canon::NatIp)),
    ("dest_ip", Role::Addr(Canon::DestinationIp)),
    ("dst_ip", Role::Addr(Canon::DestinationIp)),
    ("dstip", Role::Addr(Canon::DestinationIp)),
    ("dest_port", Role::Is(Canon::DestinationPort)),
    ("dstport", Role::Is(Canon::DestinationPort)),
    ("dst_port", Role::Is(Canon::DestinationPort)),
    ("proto", Role::Is(Canon::NetworkTransport)),
    ("app_proto", Role::Is(Canon::NetworkProtocol)),
    ("flow.bytes_toserver", Role::Flow(Canon::SourceBytes)),
    ("flow.bytes_toclient", Role::Flow(Canon::DestinationBytes)),
    ("netflow.bytes", Role::Is(Canon::SourceBytes)),
    // Netskope; FortiGate.
    ("client_bytes", Role::Is(Canon::SourceBytes)),
    ("server_bytes", Role::Is(Canon::DestinationBytes)),
    ("sentbyte", Role::Is(Canon::SourceBytes)),
    ("sessionid", Role::Is(Canon::SessionId)),
    ("logid", Role::Is(Canon::EventCode)),
    ("duration", Role::Is(Canon::EventDuration)),
    ("devname", Role::Is(Canon::HostName)),
    ("rcvdbyte", Role::Is(Canon::DestinationBytes)),
    ("event_type", Role::Is(Canon::EventDataset)),
    ("alert.signature", Role::Is(Canon::RuleName)),
    ("alert.action", Role::Action),
    ("http.hostname", Role::Is(Canon::UrlDomain)),
    ("http.url", Role::Url),
    ("http.http_method", Role::Is(Canon::HttpMethod)),
    ("http.status", Role::Is(Canon::HttpStatus)),
    ("http.http_user_agent", Role::Is(Canon::UserAgent)),
    ("http.http_refer", Role::Is(Canon::HttpReferrer)),
    ("tls.sni", Role::Is(Canon::DestinationDomain)),
    ("dns.rrname", Role::Is(Canon::DnsQuestion)),
    ("dns.rrtype", Role::Is(Canon::DnsType)),
    ("dns.queries.rrname", Role::Is(Canon::DnsQuestion)),
    ("dns.queries.rrtype", Role::Is(Canon::DnsType)),
    ("dns.type", Role::Is(Canon::EventAction)),
    ("fileinfo.filename", Role::Is(Canon::FilePath)),
    ("fileinfo.md5", Role::Is(Canon::FileHash)),
    ("fileinfo.sha256", Role::Is(Canon::FileHash)),
    ("user", Role::User),
    ("username", Role::User),
    ("userName", Role::User),
    ("user_name", Role::User),
    ("user.username", Role::User),
    ("actor.alternateId", Role::User),
    ("method", Role::Is(Canon::HttpMethod)),
    ("request_method", Role::Is(Canon::HttpMethod)),
    ("RequestMethod", Role::Is(Canon::HttpMethod)),
    ("request.method", Role::Is(Canon::HttpMethod)),
    // For whom a proxy asked.
    ("x_forwarded_for", Role::Forwarded),
    ("x-forwarded-for", Role::Forwarded),
    ("X-Forwarded-For", Role::Forwarded),
    ("xForwardedFor", Role::Forwarded),
    ("xff", Role::Forwarded),
    ("forwarded_for", Role::Forwarded),
    ("http_x_forwarded_for", Role::Forwarded),
    ("headers.x-forwarded-for", Role::Forwarded),
    ("headers.X-Forwarded-For", Role::Forwarded),
    ("request.headers.X-Forwarded-For", Role::Forwarded),
    ("request.headers.x-forwarded-for", Role::Forwarded),
    ("request_X-Forwarded-For", Role::Forwarded),
    ("http.request.headers.x-forwarded-for", Role::Forwarded),
    ("network.forwarded_ip", Role::Forwarded),
    // nginx, Caddy and Traefik.
    ("request", Role::Request),
    ("status", Role::Http(Canon::HttpStatus)),
    ("host", Role::Http(Canon::UrlDomain)),
    ("http_host", Role::Http(Canon::UrlDomain)),
    ("size", Role::Http(Canon::DestinationBytes)),
    ("remote_user", Role::User),
    ("ClientAddr", Role::Addr(Canon::SourceIp)),
    ("RequestAddr", Role::Http(Canon::UrlDomain)),
    ("ClientUsername", Role::User),
    ("request_User-Agent", Role::Is(Canon::UserAgent)),
    ("request_Referer", Role::Is(Canon::HttpReferrer)),
    ("request.headers.User-Agent", Role::Is(Canon::UserAgent)),
    ("request.headers.Referer", Role::Is(Canon::HttpReferrer)),
    // Older names of ECS.
    ("http.request.body.bytes", Role::Is(Canon::SourceBytes)),
    ("http.response.body.bytes", Role::Is(Canon::DestinationBytes)),
    ("status_code", Role::Is(Canon::HttpStatus)),
    ("DownstreamStatus", Role::Is(Canon::HttpStatus)),
    // Fastly.
    ("response_status", Role::Http(Canon::HttpStatus)),
    ("response_body_size", Role::Is(Canon::DestinationBytes)),
    ("request_user_agent", Role::Is(Canon::UserAgent)),
    ("request_referer", Role::Is(Canon::HttpReferrer)),
    ("DownstreamContentSize", Role::Is(Canon::DestinationBytes)),
    ("RequestContentSize", Role::Is(Canon::SourceBytes)),
    ("RequestHost", Role::Is(Canon::UrlDomain)),
    ("RequestPath", Role::Url),
    ("request.host", Role::Is(Canon::UrlDomain)),
    ("request.uri", Role::Url),
    ("request_uri", Role::Url),
    ("requestURI", Role::Url),
    ("url", Role::Url),
    ("uri", Role::Url),
    ("body_bytes_sent", Role::Is(Canon::DestinationBytes)),
    ("request_length", Role::Is(Canon::SourceBytes)),
    ("http_user_agent", Role::Is(Canon::UserAgent)),
    ("user_agent", Role::Is(Canon::UserAgent)),
    ("userAgent", Role::Is(Canon::UserAgent)),
    ("client.userAgent.rawUserAgent", Role::Is(Canon::UserAgent)),
    ("http_referer", Role::Is(Canon::HttpReferrer)),
    ("hostname", Role::Is(Canon::HostName)),
    ("_HOSTNAME", Role::Is(Canon::HostName)),
    ("SYSLOG_IDENTIFIER", Role::Is(Canon::EventProvider)),
    ("MESSAGE", Role::Is(Canon::Message)),
    ("msg", Role::Is(Canon::Message)),
    ("action", Role::Action),
    ("eventType", Role::Is(Canon::EventAction)),
    ("verb", Role::Is(Canon::EventAction)),
    ("outcome.result", Role::Outcome),
    ("outcome", Role::Outcome),
];
