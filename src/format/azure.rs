//! Azure Monitor: activity, sign-in and audit records as exported to storage, Event Hubs or Log Analytics.
//!
//! ```text
//! {"time":"2026-03-28T23:10:04Z","operationName":"Sign-in activity","category":"SignInLogs","resultType":"0","callerIpAddress":"192.0.2.10","identity":"Alice","properties":{"userPrincipalName":"alice@rv.example"}}
//! ```
//! Source: <https://learn.microsoft.com/azure/azure-monitor/essentials/resource-logs-schema>.
//!
//! Traps: the same name comes in two casings (`operationName`, `OperationName`); `resultType` is `0` or an error number in
//! sign-ins and a word elsewhere; addresses may carry a port. Logs of storage name the account apart and the container in the
//! object's key (`/account/container/object`), and count the bodies of refusals too. Whoever has a signed URL or a key of an account has no name there: the
//! digest of what it was let in by stands for one, which a request that asks for no account does not have.

use std::sync::LazyLock;

use super::jsonlines::{Dialect, TIMES};
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::written::Marks;
use crate::model::access::Access;
use crate::model::fields::Canon;

/// Azure Monitor records.
pub static AZURE: Dialect = Dialect {
    name: "azure",
    describe: "Azure Monitor records: activity, sign-in, audit and storage logs",
    roles: &ROLES,
    rename: None,
    finish: Some(finish),
    marks: Marks::new(&[
        &["operationName", "category", "resourceId"],
        &["operationName", "category", "tenantId"],
        &["operationName", "callerIpAddress"],
        &["OperationName", "Category", "TenantId"],
        &["OperationNameValue", "CallerIpAddress"],
        &["userPrincipalName", "appDisplayName", "ipAddress"],
        &["activityDisplayName", "loggedByService"],
        &["riskEventType", "detectedDateTime"],
        &["event_timestamp", "operation_name"],
    ]),
    rank: 70,
    utc: false,
    outlined: true,
    listed: false,
    other: None,
    columns: &super::csv::ROLES,
    hides: None,
};

static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[
        &[
            ("time", Role::Time(0)),
            ("createdDateTime", Role::Time(1)),
            ("CreatedDateTime", Role::Time(1)),
            ("activityDateTime", Role::Time(1)),
            ("eventTimestamp", Role::Time(0)),
            ("event_timestamp", Role::Time(0)),
            ("properties.createdDateTime", Role::Time(4)),
            ("callerIpAddress", Role::Addr(Canon::SourceIp)),
            ("CallerIpAddress", Role::Addr(Canon::SourceIp)),
            ("CallerIPAddress", Role::Addr(Canon::SourceIp)),
            ("ipAddress", Role::Addr(Canon::SourceIp)),
            ("IPAddress", Role::Addr(Canon::SourceIp)),
            ("properties.ipAddress", Role::Addr(Canon::SourceIp)),
            ("httpRequest.clientIpAddress", Role::Addr(Canon::SourceIp)),
            ("userPrincipalName", Role::User),
            ("UserPrincipalName", Role::User),
            ("properties.userPrincipalName", Role::User),
            ("properties.initiatedBy.user.userPrincipalName", Role::User),
            ("initiatedBy.user.userPrincipalName", Role::User),
            ("initiatedBy.user.ipAddress", Role::Addr(Canon::SourceIp)),
            ("properties.initiatedBy.user.ipAddress", Role::Addr(Canon::SourceIp)),
            ("status.errorCode", Role::Is(Canon::EventCode)),
            ("identity.requester.upn", Role::User),
            ("RequesterUpn", Role::User),
            // A signed URL, a key of the account or a token of a program.
            ("identity.tokenHash", Role::Key),
            ("AuthenticationHash", Role::Key),
            // Of activities, and of requests to a store.
            ("eventDataId", Role::Is(Canon::SessionId)),
            ("EventDataId", Role::Is(Canon::SessionId)),
            ("correlationId", Role::Is(Canon::SessionId)),
            ("CorrelationId", Role::Is(Canon::SessionId)),
            ("caller", Role::User),
            ("Caller", Role::User),
            ("operationName", Role::Is(Canon::EventAction)),
            ("operationName.value", Role::Is(Canon::EventAction)),
            ("operation_name.value", Role::Is(Canon::EventAction)),
            ("OperationName", Role::Is(Canon::EventAction)),
            ("OperationNameValue", Role::Is(Canon::EventAction)),
            ("activityDisplayName", Role::Is(Canon::EventAction)),
            ("category", Role::Is(Canon::EventDataset)),
            ("Category", Role::Is(Canon::EventDataset)),
            ("category.value", Role::Is(Canon::EventDataset)),
            ("resultType", Role::Is(Canon::EventCode)),
            ("ResultType", Role::Is(Canon::EventCode)),
            ("resultSignature", Role::Outcome),
            ("result", Role::Outcome),
            ("status.value", Role::Outcome),
            ("properties.result", Role::Outcome),
            ("tenantId", Role::Is(Canon::CloudAccountId)),
            ("TenantId", Role::Is(Canon::CloudAccountId)),
            ("subscription_id", Role::Is(Canon::CloudAccountId)),
            ("uri", Role::Url),
            ("userAgent", Role::Is(Canon::UserAgent)),
            ("UserAgent", Role::Is(Canon::UserAgent)),
            ("properties.userAgent", Role::Is(Canon::UserAgent)),
            ("properties.userAgentHeader", Role::Is(Canon::UserAgent)),
            ("properties.accountName", Role::Is(Canon::Container)),
            ("properties.objectKey", Role::Shelved),
            ("ObjectKey", Role::Shelved),
            // What the storage answered with: of a refusal the body is no content.
            ("statusCode", Role::Is(Canon::HttpStatus)),
            ("StatusCode", Role::Is(Canon::HttpStatus)),
            ("RequestBodySize", Role::Is(Canon::SourceBytes)),
            ("ResponseBodySize", Role::Is(Canon::DestinationBytes)),
            ("Uri", Role::Url),
            ("UserAgentHeader", Role::Is(Canon::UserAgent)),
            ("properties.requestBodySize", Role::Is(Canon::SourceBytes)),
            ("properties.responseBodySize", Role::Is(Canon::DestinationBytes)),
            ("properties.message", Role::Is(Canon::Message)),
        ],
        TIMES,
    ])
});

/// Categories of the activity log and of sign-ins, which are there without being asked for.
const OF_MANAGEMENT: &[&str] = &[
    "Administrative",
    "Alert",
    "AuditLogs",
    "Autoscale",
    "Policy",
    "ProvisioningLogs",
    "Recommendation",
    "ResourceHealth",
    "RiskyUsers",
    "Security",
    "ServiceHealth",
    "UserRiskEvents",
];

/// Which kind of access the records of a category are about. Requests to a store are told where a diagnostic setting says so.
fn access(category: &[u8]) -> Access {
    let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(category);
    let ends = |word: &[u8]| {
        let end = category.len().checked_sub(word.len()).map(|at| &category[at..]);
        end.is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    match () {
        () if category.starts_with(b"Storage") => Access::DATA,
        () if ends(b"SignInLogs") => Access::SIGN_INS,
        () if OF_MANAGEMENT.iter().any(is) || ends(b"Management") => Access::MANAGEMENT,
        () => Access::OTHER,
    }
}

fn finish(sink: &mut Sink<'_, '_>) {
    let code = sink.out.get(Canon::EventCode).map(|c| {
        (
            c.eq_ignore_ascii_case(b"failure"),
            c.eq_ignore_ascii_case(b"failed"),
            c == b"0",
            c.eq_ignore_ascii_case(b"success"),
            c.iter().all(u8::is_ascii_digit),
        )
    });
    // Of sign-ins and risks as Graph gives them neither is told.
    let says = [Canon::EventDataset, Canon::EventAction, Canon::UrlFull, Canon::DestinationBytes];
    let is_of_graph = !says.into_iter().any(|canon| sink.out.has(canon));
    sink.out.access = match is_of_graph {
        true => Access::SIGN_INS,
        false => access(sink.out.get(Canon::EventDataset).unwrap_or_default()),
    };
    match code {
        Some((true, ..) | (_, true, ..)) => sink.outcome(false),
        Some((_, _, true, ..) | (_, _, _, true, _)) => sink.outcome(true),
        // Sign-ins give the number of the error.
        Some((.., true)) => sink.outcome(false),
        _ => {}
    }
}
