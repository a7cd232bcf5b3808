//! Microsoft 365 unified audit log: the management API's records, one a line or in an array.
//!
//! ```text
//! {"CreationTime":"2026-03-28T23:10:04","Operation":"FileDownloaded","Workload":"SharePoint","RecordType":6,"UserId":"alice@rv.example","ClientIP":"192.0.2.10:51234","ObjectId":"https://rv.example/doc.xlsx"}
//! ```
//! Source: <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema>.
//!
//! Exports of the portal are tables with the record as JSON in a cell.
//!
//! Traps: `CreationTime` is UTC without saying so; `ClientIP` may be `[::1]:123`, `1.2.3.4:5`, or empty; exports hold the
//! record as the string `AuditData`, or as an object of this name; data lakes fold names to lower case; the size in a record of a file is that of the file,
//! whatever was done with it; reading mails (`MailItemsAccessed`) has no size, and one record of it tells of several mails or of a
//! whole folder; of a mailbox that was read too often a last one says `IsThrottled`, and for a day there are no more; without the licence
//! or with a policy there are none; a logon that failed (`UserLoginFailed`) may have the status `Success`.

use std::sync::LazyLock;

use super::Fit;
use super::jsonlines::Dialect;
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::written::Marks;
use crate::model::access::Access;
use crate::model::fields::{Canon, Fields};
use crate::model::layout::Layout;
use crate::model::observation::WHOLE_FOLDERS;
use crate::model::time::Stamp;

/// Microsoft 365 unified audit log.
pub static M365: Dialect = Dialect {
    name: "m365",
    describe: "Microsoft 365 unified audit log (management API, AuditData as JSON and in the portal's CSV)",
    roles: &ROLES,
    rename: None,
    finish: Some(finish),
    marks: Marks::new(&[
        &["Workload", "Operation", "CreationTime"],
        &["AuditData", "CreationDate"],
        &["RecordType", "Operation", "UserId"],
        &["workload", "operation", "creationtime"],
    ]),
    rank: 75,
    utc: true,
    outlined: false,
    listed: true,
    other: None,
    columns: &super::csv::ROLES,
    hides: None,
};

/// The column of CSV exports that holds the record.
pub const COLUMN: &str = "AuditData";

/// A table with that column: its rows are records of the audit log.
pub fn of_table(fit: Fit) -> Fit {
    let layout = Layout { format: M365.name, zone: jiff::tz::TimeZone::UTC, ..fit.layout };
    Fit { rank: M365.rank, layout, ..fit }
}

/// Also for `AuditData` inside of CSV exports.
pub static ROLES: Table = LazyLock::new(|| {
    Roles::new(&[&[
        ("CreationTime", Role::Time(0)),
        ("CreationDate", Role::Time(3)),
        ("TimeGenerated", Role::Time(1)),
        ("AuditData", Role::Embedded),
        ("Id", Role::Is(Canon::SessionId)),
        ("Operation", Role::Is(Canon::EventAction)),
        ("Workload", Role::Is(Canon::EventDataset)),
        ("RecordType", Role::Is(Canon::EventCode)),
        ("ResultStatus", Role::Outcome),
        ("ClientIP", Role::Addr(Canon::SourceIp)),
        ("ClientIPAddress", Role::Addr(Canon::SourceIp)),
        ("ActorIpAddress", Role::Addr(Canon::SourceIp)),
        ("UserId", Role::User),
        ("OrganizationId", Role::Is(Canon::CloudAccountId)),
        ("UserAgent", Role::Is(Canon::UserAgent)),
        ("SourceFileName", Role::Is(Canon::FileName)),
        ("ObjectId", Role::Is(Canon::ObjectKey)),
        ("SiteUrl", Role::Is(Canon::Container)),
        ("MailboxOwnerUPN", Role::Is(Canon::Container)),
        ("Folders.FolderItems.InternetMessageId", Role::Object),
        ("OperationProperties.Name", Role::Property),
        ("OperationProperties.Value", Role::Whole("Sync")),
        ("OriginatingServer", Role::Is(Canon::HostName)),
        ("FileSizeBytes", Role::Is(Canon::DestinationBytes)),
        ("FileSize", Role::Is(Canon::DestinationBytes)),
        // Data lakes fold names to lower case.
        ("creationtime", Role::Time(0)),
        ("id", Role::Is(Canon::SessionId)),
        ("operation", Role::Is(Canon::EventAction)),
        ("workload", Role::Is(Canon::EventDataset)),
        ("recordtype", Role::Is(Canon::EventCode)),
        ("resultstatus", Role::Outcome),
        ("clientip", Role::Addr(Canon::SourceIp)),
        ("clientipaddress", Role::Addr(Canon::SourceIp)),
        ("userid", Role::User),
        ("organizationid", Role::Is(Canon::CloudAccountId)),
        ("useragent", Role::Is(Canon::UserAgent)),
        ("sourcefilename", Role::Is(Canon::FileName)),
        ("objectid", Role::Is(Canon::ObjectKey)),
        ("siteurl", Role::Is(Canon::Container)),
        ("mailboxownerupn", Role::Is(Canon::Container)),
        ("folders.folderitems.internetmessageid", Role::Object),
        ("operationproperties.name", Role::Property),
        ("operationproperties.value", Role::Whole("Sync")),
        ("originatingserver", Role::Is(Canon::HostName)),
        ("filesizebytes", Role::Is(Canon::DestinationBytes)),
        ("filesize", Role::Is(Canon::DestinationBytes)),
    ]])
});

/// The schema says that times are UTC.
fn finish(sink: &mut Sink<'_, '_>) {
    if let Some(stamp) = sink.out.time
        && sink.layout.zone == jiff::tz::TimeZone::UTC
        && stamp.assumed.is_local()
        && !stamp.assumed.year()
    {
        sink.out.time = Some(Stamp::certain(stamp.at));
    }
    if sink.out.get(Canon::EventAction) == Some(b"UserLoginFailed") {
        sink.disown(Canon::EventOutcome);
        sink.canon_slice(Canon::EventOutcome, b"failure");
    } else if !sink.out.has(Canon::EventOutcome) && tells_of_files(sink.out) {
        sink.canon_slice(Canon::EventOutcome, b"success");
    }
    mailbox(sink);
    if is_of_directory(sink.out) {
        // An export of these alone tells nothing of what was read.
        sink.out.access = Access::MANAGEMENT;
    }
    if sink.out.has(Canon::DestinationBytes) && !gives_the_file(sink.out) {
        sink.disown(Canon::DestinationBytes);
    }
}

/// Whose mailbox it was: the store out of which mails were read, where that is what was done. Single mails are opened (`Bind`), and a
/// program that synchronises takes whole folders.
fn mailbox(sink: &mut Sink<'_, '_>) {
    if sink.out.get(Canon::EventDataset) != Some(b"Exchange") {
        sink.out.throttled = false;
        let is_of_files = matches!(sink.out.get(Canon::EventDataset), Some(b"SharePoint" | b"OneDrive"));
        sink.out.access.join(if is_of_files { Access::DATA } else { Access::OTHER });
        return;
    }
    let owner = sink.out.iter().find(|field| field.canon == Some(Canon::Container)).map(|field| field.value);
    let reads = sink.out.get(Canon::EventAction) == Some(b"MailItemsAccessed");
    sink.out.access.join(match sink.out.get(Canon::EventCode) {
        _ if reads => Access::MAIL_READ,
        Some(kind) if OF_MAILBOXES.contains(&kind) => Access::MAILBOX,
        _ => Access::NONE,
    });
    sink.out.throttled &= reads;
    let whole = reads && sink.out.whole;
    if !reads || whole {
        sink.disown(Canon::Container);
    }
    if let Some(owner) = owner {
        sink.canon(Canon::TargetUserName, owner);
        if whole {
            let name = [WHOLE_FOLDERS.as_bytes(), sink.out.bytes(owner)].concat();
            let name = sink.out.store(&name);
            sink.canon(Canon::Container, name);
        }
    }
}

/// Types of records that tell what was done in a mailbox (`ExchangeItem`, `ExchangeItemGroup`, `ExchangeItemAggregated`).
const OF_MAILBOXES: [&[u8]; 6] = [b"2", b"3", b"50", b"ExchangeItem", b"ExchangeItemGroup", b"ExchangeItemAggregated"];

/// Whether a record is of the directory, or of somebody who administers mailboxes (`ExchangeAdmin`).
fn is_of_directory(fields: &Fields<'_>) -> bool {
    let code = fields.get(Canon::EventCode).unwrap_or_default();
    fields.get(Canon::EventDataset) == Some(b"AzureActiveDirectory") || matches!(code, b"1" | b"ExchangeAdmin")
}

/// Whether a record tells that a whole file was downloaded, so that as many bytes left as the file has.
fn gives_the_file(fields: &Fields<'_>) -> bool {
    let action = fields.text(Canon::EventAction).unwrap_or_default();
    tells_of_files(fields) && matches!(action, "FileDownloaded" | "FileSyncDownloadedFull")
}

/// Whether a record tells what was done with a file of SharePoint or OneDrive: it is written when that is done, and has no
/// status.
fn tells_of_files(fields: &Fields<'_>) -> bool {
    let is = |canon, words: &[&str]| fields.text(canon).is_some_and(|text| words.contains(&text));
    let action = fields.get(Canon::EventAction).unwrap_or_default();
    is(Canon::EventDataset, &["SharePoint", "OneDrive"])
        && (action.starts_with(b"File") || action.starts_with(b"Folder"))
}
