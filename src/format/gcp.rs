//! Google Cloud Logging: audit and other log entries.
//!
//! ```text
//! {"insertId":"x","logName":"projects/rv/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-03-28T23:10:04Z","protoPayload":{"methodName":"storage.objects.get","authenticationInfo":{"principalEmail":"alice@rv.example"},"requestMetadata":{"callerIp":"192.0.2.10"}}}
//! ```
//! Source: <https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry>,
//! <https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog>.
//!
//! Traps: a call that succeeded has no `status` or one without `code`; `callerIp` may be `private` or empty; reads of
//! data are logged only where data access logs are switched on.

use std::sync::LazyLock;

use super::jsonlines::{Dialect, TIMES};
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::written::Marks;
use crate::model::access::Access;
use crate::model::fields::Canon;

/// Google Cloud Logging entries.
pub static GCP: Dialect = Dialect {
    name: "gcp",
    describe: "Google Cloud Logging entries: audit, load balancer, others",
    roles: &ROLES,
    rename: None,
    finish: Some(finish),
    marks: Marks::new(&[
        &["logName", "insertId"],
        &["logName", "timestamp"],
        &["protoPayload.methodName", "protoPayload.serviceName"],
        &["protoPayload.methodName", "insertId"],
    ]),
    rank: 76,
    utc: false,
    outlined: true,
    listed: true,
    other: None,
    columns: &super::csv::ROLES,
    hides: None,
};

static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[
        &[
            ("timestamp", Role::Time(0)),
            ("receiveTimestamp", Role::Time(4)),
            ("insertId", Role::Is(Canon::SessionId)),
            ("protoPayload.methodName", Role::Is(Canon::EventAction)),
            ("protoPayload.serviceName", Role::Is(Canon::EventProvider)),
            ("protoPayload.authenticationInfo.principalEmail", Role::User),
            ("protoPayload.requestMetadata.callerIp", Role::Addr(Canon::SourceIp)),
            ("protoPayload.requestMetadata.callerIP", Role::Addr(Canon::SourceIp)),
            ("protoPayload.requestMetadata.callerSuppliedUserAgent", Role::Is(Canon::UserAgent)),
            ("protoPayload.resourceName", Role::Is(Canon::ObjectKey)),
            ("protoPayload.status.code", Role::Is(Canon::EventCode)),
            ("resource.labels.bucket_name", Role::Is(Canon::Container)),
            ("resource.labels.project_id", Role::Is(Canon::CloudAccountId)),
            ("logName", Role::Is(Canon::EventDataset)),
            ("httpRequest.requestMethod", Role::Is(Canon::HttpMethod)),
            ("httpRequest.requestUrl", Role::Url),
            ("httpRequest.status", Role::Is(Canon::HttpStatus)),
            ("httpRequest.remoteIp", Role::Addr(Canon::SourceIp)),
            ("httpRequest.serverIp", Role::Addr(Canon::DestinationIp)),
            ("httpRequest.userAgent", Role::Is(Canon::UserAgent)),
            ("httpRequest.requestSize", Role::Is(Canon::SourceBytes)),
            ("httpRequest.responseSize", Role::Is(Canon::DestinationBytes)),
            ("jsonPayload.connection.src_ip", Role::Addr(Canon::SourceIp)),
            ("jsonPayload.connection.dest_ip", Role::Addr(Canon::DestinationIp)),
            ("jsonPayload.connection.src_port", Role::Is(Canon::SourcePort)),
            ("jsonPayload.connection.dest_port", Role::Is(Canon::DestinationPort)),
            ("jsonPayload.start_time", Role::Begun),
            ("jsonPayload.end_time", Role::Ended),
            ("jsonPayload.bytes_sent", Role::Is(Canon::SourceBytes)),
            ("textPayload", Role::Is(Canon::Message)),
        ],
        TIMES,
    ])
});

/// Which kind of access the entries of a log are about, by its name.
fn access(log: &[u8]) -> Access {
    let is_of = |name: &str| log.ends_with(name.as_bytes());
    match memchr::memmem::find(log, b"cloudaudit.googleapis.com") {
        Some(_) if is_of("data_access") => Access::DATA,
        Some(_) if is_of("activity") || is_of("system_event") || is_of("policy") => Access::MANAGEMENT,
        _ => Access::OTHER,
    }
}

fn finish(sink: &mut Sink<'_, '_>) {
    sink.out.access = access(sink.out.get(Canon::EventDataset).unwrap_or_default());
    // Reads of how a bucket is set up stand among those of data.
    if sink.out.get(Canon::EventAction).is_some_and(|call| memchr::memmem::find(call, b".buckets.").is_some()) {
        sink.out.access.join(Access::ADMINISTRATION);
    }
    if sink.out.get(Canon::EventAction).is_some() {
        let failed = sink.out.get(Canon::EventCode).is_some_and(|c| c != b"0");
        sink.outcome(!failed);
    }
}
