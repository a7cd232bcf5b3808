//! AWS CloudTrail: delivered files (`{"Records":[…]}`), one event a line, and `lookup-events` exports, which hold the
//! event as a string.
//!
//! ```text
//! {"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice"},"eventTime":"2026-03-28T23:10:04Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","sourceIPAddress":"192.0.2.10"}
//! ```
//! Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
//!
//! Traps: `sourceIPAddress` may be the name of an AWS service; a call that failed has `errorCode` and no other mark;
//! `bytesTransferredOut` is what the service sent to the caller.

use std::sync::LazyLock;

use super::jsonlines::Dialect;
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::written::Marks;
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
        ("requestParameters.userName", Role::Is(Canon::TargetUserName)),
        ("additionalEventData.bytesTransferredOut", Role::Is(Canon::DestinationBytes)),
        ("additionalEventData.bytesTransferredIn", Role::Is(Canon::SourceBytes)),
        ("responseElements.ConsoleLogin", Role::Outcome),
        ("eventType", Role::Is(Canon::EventDataset)),
    ]])
});

fn finish(sink: &mut Sink<'_, '_>) {
    let failed = sink.out.get(Canon::EventCode).is_some();
    if sink.out.get(Canon::EventAction).is_some() {
        sink.outcome(!failed);
    }
}
