//! AWS CloudTrail: delivered files (`{"Records":[…]}`), one event a line, and `lookup-events` exports, which hold the
//! event as a string.
//!
//! ```text
//! {"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice"},"eventTime":"2026-03-28T23:10:04Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","sourceIPAddress":"192.0.2.10"}
//! ```
//! Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
//!
//! Traps: `sourceIPAddress` may be the name of an AWS service; a call that failed has `errorCode` and no other mark;
//! `bytesTransferredOut` is what the service sent to the caller; reads and writes of objects (data events) are logged only where a trail
//! says so, but calls that give a secret, an image or a log are of management and always are.

use std::sync::LazyLock;

use super::jsonlines::Dialect;
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::written::Marks;
use crate::model::access::Access;
use crate::model::fields::Canon;

/// AWS CloudTrail.
pub static CLOUDTRAIL: Dialect = Dialect {
    name: "cloudtrail",
    describe: "AWS CloudTrail events, management and data",
    roles: &ROLES,
    rename: None,
    finish: Some(finish),
    marks: Marks::new(&[
        &["eventSource", "eventName", "userIdentity"],
        &["eventSource", "eventName", "awsRegion"],
        &["CloudTrailEvent", "EventName"],
    ]),
    rank: 80,
    utc: false,
    outlined: true,
    listed: true,
    other: None,
    columns: &super::csv::ROLES,
    hides: None,
};

static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("eventTime", Role::Time(0)),
        ("EventTime", Role::Time(5)),
        ("@timestamp", Role::Time(6)),
        ("CloudTrailEvent", Role::Embedded),
        ("sourceIPAddress", Role::Addr(Canon::SourceIp)),
        ("eventID", Role::Is(Canon::SessionId)),
        ("eventName", Role::Is(Canon::EventAction)),
        ("eventSource", Role::Is(Canon::EventProvider)),
        ("errorCode", Role::Is(Canon::EventCode)),
        ("userAgent", Role::Is(Canon::UserAgent)),
        ("userIdentity.arn", Role::Arn),
        ("userIdentity.userName", Role::User),
        ("recipientAccountId", Role::Is(Canon::CloudAccountId)),
        ("userIdentity.accountId", Role::Is(Canon::CloudAccountId)),
        ("requestParameters.bucketName", Role::Is(Canon::Container)),
        ("requestParameters.key", Role::Is(Canon::ObjectKey)),
        ("requestParameters.secretId", Role::Is(Canon::ObjectKey)),
        ("requestParameters.repositoryName", Role::Is(Canon::ObjectKey)),
        ("requestParameters.logFileName", Role::Is(Canon::ObjectKey)),
        ("requestParameters.withDecryption", Role::Decrypted),
        ("requestParameters.name", Role::Public),
        ("requestParameters.path", Role::Public),
        ("requestParameters.userName", Role::Is(Canon::TargetUserName)),
        ("additionalEventData.bytesTransferredOut", Role::Is(Canon::DestinationBytes)),
        ("additionalEventData.bytesTransferredIn", Role::Is(Canon::SourceBytes)),
        ("responseElements.ConsoleLogin", Role::Outcome),
        ("eventType", Role::Is(Canon::EventDataset)),
        ("eventCategory", Role::Access),
    ]])
});

fn finish(sink: &mut Sink<'_, '_>) {
    let failed = sink.out.get(Canon::EventCode).is_some();
    if let Some(action) = sink.out.get(Canon::EventAction) {
        // Of versions before 1.08 no category is told.
        let is_of_objects = OF_OBJECTS.iter().any(|call| action.starts_with(call.as_bytes()))
            && sink.out.get(Canon::EventProvider) == Some(b"s3.amazonaws.com")
            && !OF_BUCKETS.iter().any(|what| memchr::memmem::find(action, what.as_bytes()).is_some());
        let is_decrypted = sink.out.access.has(Access::GIVES) && !sink.out.access.has(Access::PUBLIC);
        let given_by = giver(sink.out.get(Canon::EventProvider), action, is_decrypted);
        let mut access = sink.out.access.without(Access::GIVES).without(Access::PUBLIC);
        if access.is_none() {
            access = if is_of_objects { Access::DATA } else { Access::MANAGEMENT };
        }
        if let Some(service) = given_by {
            access.join(Access::GIVES);
            sink.canon_slice(Canon::Container, service);
        }
        sink.out.access = access;
        sink.outcome(!failed);
    }
}

/// The service that gives by a call what it keeps, though that is logged among those of management: parameters only where they are decrypted.
/// SOURCE: the pages of these services on what CloudTrail logs, and their references of the API.
fn giver(service: Option<&[u8]>, call: &[u8], is_decrypted: bool) -> Option<&'static [u8]> {
    let (service, calls) = GIVING.iter().find(|(known, _)| service == Some(known.as_bytes()))?;
    let is_open = *service != PARAMETERS || is_decrypted;
    (is_open && calls.iter().any(|known| known.as_bytes() == call)).then_some(service.as_bytes())
}

const PARAMETERS: &str = "ssm.amazonaws.com";
const GIVING: &[(&str, &[&str])] = &[
    ("secretsmanager.amazonaws.com", &["GetSecretValue", "BatchGetSecretValue"]),
    (PARAMETERS, &["GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"]),
    ("ecr.amazonaws.com", &["BatchGetImage", "GetDownloadUrlForLayer"]),
    ("rds.amazonaws.com", &["DownloadDBLogFilePortion", "DownloadCompleteDBLogFile"]),
];

/// How the calls of S3 begin that are about objects and not buckets. SOURCE: the page of Amazon S3 on what CloudTrail logs.
const OF_OBJECTS: &[&str] = &[
    "GetObject",
    "HeadObject",
    "PutObject",
    "DeleteObject",
    "CopyObject",
    "ListObject",
    "RestoreObject",
    "SelectObject",
    "UploadPart",
    "CreateMultipartUpload",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListParts",
];
/// What of these is about a bucket all the same.
const OF_BUCKETS: &[&str] = &["LockConfiguration"];
