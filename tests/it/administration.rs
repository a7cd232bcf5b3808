//! Sign-ins and calls about how a store is set up give nobody data, whatever cloud service logs them.

use std::path::Path;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::rule::Route;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan::{self, Outcome};

use crate::support::plan_with;

fn scanned(text: &str) -> Outcome {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("audit.json"), text).unwrap();
    of(temp.path())
}

/// What a scan of a folder comes to.
fn of(folder: &Path) -> Outcome {
    let root = Root { name: b"logs".to_vec(), path: Some(folder.to_owned()) };
    let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
    scan::scan(&plan_with(none, vec![root], Scopes::default(), Builder::new())).unwrap()
}

/// Records of a log in which one action is another one, and whether each gives data.
type Log = (&'static str, fn(&str) -> String, &'static [&'static str], &'static [&'static str]);

const LOGS: &[Log] = &[
    (
        "cloudtrail",
        |call| {
            let kind = if call == "GetObject" || call == "GetObjectAcl" { "Data" } else { "Management" };
            format!(
                r#"{{"eventVersion":"1.08","eventTime":"2026-03-28T23:10:04Z","eventSource":"s3.amazonaws.com","eventName":"{call}","awsRegion":"eu-west-2","sourceIPAddress":"203.0.113.9","userIdentity":{{"type":"IAMUser","userName":"alice"}},"requestParameters":{{"bucketName":"rv-data"}},"eventCategory":"{kind}"}}"#
            )
        },
        &["GetBucketAcl", "GetBucketPolicy", "GetBucketLocation", "GetObjectAcl"],
        &["GetObject"],
    ),
    (
        "azure",
        |call| {
            format!(
                r#"{{"time":"2026-03-28T23:10:04Z","category":"StorageRead","operationName":"{call}","resourceId":"/x","callerIpAddress":"203.0.113.9:5000","statusCode":200,"properties":{{"accountName":"rvdata","objectKey":"/rvdata/c/o"}},"tenantId":"t"}}"#
            )
        },
        &["GetContainerProperties", "GetContainerACL", "GetBlobServiceProperties"],
        &["GetBlob"],
    ),
    (
        "gcp",
        |call| {
            format!(
                r#"{{"insertId":"x","logName":"projects/rv/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-03-28T23:10:04Z","protoPayload":{{"serviceName":"storage.googleapis.com","methodName":"{call}","authenticationInfo":{{"principalEmail":"alice@rv.example"}},"requestMetadata":{{"callerIp":"203.0.113.9"}}}},"resource":{{"labels":{{"bucket_name":"rv-data"}}}}}}"#
            )
        },
        &["storage.buckets.get", "storage.getIamPermissions", "storage.buckets.getIamPolicy"],
        &["storage.objects.get"],
    ),
    (
        "m365",
        |call| {
            let workload = if call.starts_with("User") { "AzureActiveDirectory" } else { "SharePoint" };
            format!(
                r#"{{"CreationTime":"2026-03-28T23:10:04","Operation":"{call}","Workload":"{workload}","RecordType":6,"UserId":"alice@rv.example","ClientIP":"203.0.113.9","ResultStatus":"Success","SiteUrl":"https://rv.example/"}}"#
            )
        },
        &["UserLoggedIn"],
        &["FileDownloaded"],
    ),
    (
        "box",
        |call| {
            format!(
                r#"{{"type":"event","event_id":"f82c","created_at":"2026-03-28T16:10:04-07:00","event_type":"{call}","created_by":{{"type":"user","login":"alice@rv.example"}},"source":{{"item_type":"file","item_id":"1","item_name":"pay.xlsx"}},"ip_address":"203.0.113.9"}}"#
            )
        },
        &["LOGIN", "ADMIN_LOGIN"],
        &["DOWNLOAD"],
    ),
    (
        "slack",
        |call| {
            format!(
                r#"{{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1774739404,"action":"{call}","actor":{{"type":"user","user":{{"id":"W1","name":"Alice","email":"alice@rv.example"}}}},"entity":{{"type":"file","file":{{"id":"F1","name":"pay.xlsx"}}}},"context":{{"location":{{"type":"workspace","id":"T1","domain":"rv"}},"ua":"x","ip_address":"203.0.113.9"}}}}"#
            )
        },
        &["user_login", "user_logout"],
        &["file_downloaded"],
    ),
    (
        "github",
        |call| {
            format!(
                r#"{{"@timestamp":1774739404000,"_document_id":"x","action":"{call}","actor":"alice","actor_ip":"203.0.113.9","org":"rv","repo":"rv/data"}}"#
            )
        },
        &["user.login", "org.sso_response"],
        &["git.clone"],
    ),
    (
        "gworkspace",
        |call| {
            format!(
                r#"{{"kind":"admin#reports#activity","id":{{"time":"2026-03-28T23:10:04Z","uniqueQualifier":"1","applicationName":"drive","customerId":"C0"}},"actor":{{"email":"alice@rv.example"}},"ipAddress":"203.0.113.9","events":[{{"type":"access","name":"{call}","parameters":[{{"name":"owner","value":"alice@rv.example"}}]}}]}}"#
            )
        },
        &["login_success", "logout"],
        &["download"],
    ),
];

fn is_told(format: &str, record: &str) -> bool {
    let outcome = scanned(&format!("{record}\n"));
    assert_eq!(outcome.coverage.sources[0].format, format, "{record}");
    outcome.transfers.iter().any(|t| t.route == Route::SaasDownload)
}

#[test]
fn sign_ins_and_calls_about_stores_are_no_transfers_and_reads_are() {
    for (format, record, administer, read) in LOGS {
        for call in *read {
            assert!(is_told(format, &record(call)), "{format} {call}");
        }
        for call in *administer {
            assert!(!is_told(format, &record(call)), "{format} {call}");
        }
    }
}

#[test]
fn sign_ins_as_graph_gives_them_are_no_transfers() {
    let record = r#"{"id":"x","createdDateTime":"2026-03-28T23:10:04Z","userPrincipalName":"alice@rv.example","appDisplayName":"Office 365","ipAddress":"203.0.113.9","status":{"errorCode":0}}"#;
    assert!(!is_told("azure", record));
}

#[test]
fn a_log_that_would_tell_of_reads_still_shows_the_way_out() {
    let (_, record, ..) = LOGS.iter().find(|(format, ..)| *format == "box").unwrap();
    let outcome = scanned(&format!("{}\n", record("LOGIN")));
    assert_eq!(outcome.coverage.sources[0].observes, [Route::SaasDownload]);
}

#[test]
fn sign_ins_of_microsoft_365_alone_show_no_way_out() {
    let (_, record, ..) = LOGS.iter().find(|(format, ..)| *format == "m365").unwrap();
    let alone = scanned(&format!("{}\n", record("UserLoggedIn")));
    assert_eq!(alone.coverage.sources[0].observes, []);
    assert_eq!(alone.coverage.sources[0].not_logged.len(), 1);
    let temp = tempfile::tempdir().unwrap();
    for (name, call) in [("a.json", "UserLoggedIn"), ("b.json", "FileDownloaded")] {
        std::fs::write(temp.path().join(name), record(call) + "\n").unwrap();
    }
    let parted = of(temp.path());
    let [signed_in, _] = &parted.coverage.sources[..] else { panic!("{:?}", parted.coverage.sources) };
    assert_eq!(signed_in.not_logged, [""; 0], "an export of each workload");
    let both = scanned(&format!("{}\n{}\n", record("UserLoggedIn"), record("FileDownloaded")));
    assert_eq!(both.coverage.sources[0].observes, [Route::SaasDownload]);
    assert_eq!(both.transfers.iter().map(|t| t.records).sum::<u64>(), 1);
}

#[test]
fn a_log_of_sign_ins_beside_that_of_the_drive_shows_no_way_out() {
    let (_, record, ..) = LOGS.iter().find(|(format, ..)| *format == "gworkspace").unwrap();
    let of = |application: &str| {
        let record = record("login_success").replace(r#""drive""#, &format!("{application:?}"));
        scanned(&format!("{record}\n")).coverage.sources[0].observes.clone()
    };
    assert_eq!((of("login"), of("drive")), (vec![], vec![Route::SaasDownload]));
}

#[test]
fn the_file_of_sign_ins_of_salesforce_shows_no_way_out() {
    let of = |kind: &str, row: &[&str; 2]| {
        let [names, values] = row;
        let table = format!(
            "\"EVENT_TYPE\",\"TIMESTAMP\",\"REQUEST_ID\",\"ORGANIZATION_ID\",{names}\n\"{kind}\",\"20260328231004.000\",\"4pk\",\"00D\",{values}\n"
        );
        scanned(&table).coverage.sources[0].observes.clone()
    };
    let row =
        ["\"USER_ID\",\"CLIENT_IP\",\"TIMESTAMP_DERIVED\"", "\"005\",\"203.0.113.9\",\"2026-03-28T23:10:04.000Z\""];
    assert_eq!((of("Login", &row), of("ReportExport", &row)), (vec![], vec![Route::SaasDownload]));
}

/// Calls of AWS that are logged as those of management and give what a service keeps: what of it are secrets.
#[test]
fn secrets_images_and_logs_that_are_given_are_read() {
    let told = |service: &str, call: &str, asked: &str| {
        let record = |kind: &str| {
            format!(
                r#"{{"eventVersion":"1.08","eventTime":"2026-03-28T23:10:04Z","eventSource":"{service}.amazonaws.com","eventName":"{call}","awsRegion":"eu-west-2","sourceIPAddress":"203.0.113.9","userIdentity":{{"type":"IAMUser","userName":"alice"}},"requestParameters":{{{asked}}}{kind}}}"#
            )
        };
        let [new, old] = [",\"eventCategory\":\"Management\"", ""].map(|kind| {
            let outcome = scanned(&format!("{}\n", record(kind)).repeat(3));
            let data = outcome.transfers.iter().flat_map(|t| t.data.keys());
            let data = data.map(|sign| format!("{} {:?}", sign.category, sign.basis));
            let not_logged = outcome.coverage.sources[0].not_logged.join(", ");
            assert!(not_logged.contains("reads of the data in stores"), "{call}: {not_logged}");
            let given = outcome.transfers.iter().map(|t| (t.to.to_string(), t.accounts.join(","), t.bytes.upper));
            (given.collect::<Vec<_>>(), data.collect::<Vec<_>>())
        });
        assert_eq!(new, old, "{call}: of versions without a category too");
        new
    };
    let given = vec![("203.0.113.9".to_owned(), "alice".to_owned(), None)];
    let [secret, parameter] = ["Detected", "Hint"].map(|basis| vec![format!("credentials {basis}")]);
    let decrypted = r#""name":"/db/master","withDecryption":true"#;
    assert_eq!(told("secretsmanager", "GetSecretValue", r#""secretId":"db""#), (given.clone(), secret.clone()));
    assert_eq!(
        told("secretsmanager", "BatchGetSecretValue", r#""secretIdList":["a","b"]"#),
        (given.clone(), secret.clone())
    );
    assert_eq!(
        told("ssm", "GetParameter", decrypted),
        (given.clone(), parameter.clone()),
        "of a type that is not logged"
    );
    assert_eq!(
        told("ssm", "GetParameters", &decrypted.replace("\"name\":\"/db/master\"", "\"names\":[\"/a\"]")),
        (given.clone(), parameter)
    );
    assert_eq!(told("ecr", "BatchGetImage", r#""repositoryName":"app""#), (given.clone(), Vec::new()));
    assert_eq!(told("ecr", "GetDownloadUrlForLayer", r#""repositoryName":"app""#), (given.clone(), Vec::new()));
    assert_eq!(told("rds", "DownloadDBLogFilePortion", r#""logFileName":"error/a.log""#), (given.clone(), Vec::new()));
    assert_eq!(told("rds", "DownloadCompleteDBLogFile", r#""logFileName":"error/a.log""#), (given, Vec::new()));
    for (service, call, asked) in [
        ("ssm", "GetParameter", r#""name":"/db/master","withDecryption":false"#),
        ("ssm", "GetParameter", r#""withDecryption":true,"name":"/aws/service/ami-amazon-linux-latest/al2023""#),
        ("ssm", "GetParametersByPath", r#""path":"/aws/service/eks","withDecryption":true"#),
        ("ssm", "DescribeParameters", decrypted),
        ("secretsmanager", "DescribeSecret", r#""secretId":"db""#),
        ("secretsmanager", "GetResourcePolicy", r#""secretId":"db""#),
        ("ecr", "DescribeImages", r#""repositoryName":"app""#),
        ("rds", "DescribeDBLogFiles", r#""dBInstanceIdentifier":"db""#),
    ] {
        assert_eq!(told(service, call, asked), (Vec::new(), Vec::new()), "{call}");
    }
}
