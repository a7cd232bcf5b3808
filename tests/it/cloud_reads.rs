//! What clouds hand out without stating bytes, and what their logs of management do not tell.

use exfiltrace::model::data::Basis;
use exfiltrace::model::finding::Finding;
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::{Intrusion, Likelihood, ScopeVerdict, State};
use serde_json::{Value, json};

use crate::categories::{sign, touch};
use crate::clauses::Sides;
use crate::judge::{at, cites, finding, hc, listed, transfer, whose};
use crate::verdict::{Told, scan};

const WHO: &str = "203.0.113.9";

/// A few secrets that a store gave an account at the address, whose bytes no record states.
fn secrets(basis: Basis) -> Transfer {
    let mut t = transfer(Route::SaasDownload, "secretsmanager.amazonaws.com", WHO, 0, 3, &whose(""));
    (t.records, t.bytes.upper, t.accounts) = (2, None, vec!["HC\\svc".to_owned()].into());
    t.data = [(sign("credentials", basis), touch(1, "2026-03-03T12:00:00Z"))].into_iter().collect();
    t
}

/// Somebody listed came by.
fn visit() -> Finding {
    listed("hc", WHO, "10.2.0.8")
}

/// A finding of level medium that somebody used an account there whose it is not.
fn stranger(account: &str) -> Finding {
    let mut f = finding("s", Stage::InitialAccess, Outcome::Succeeded, WHO, "");
    (f.level, f.entities.accounts) = (Level::Medium, vec![account.to_owned()]);
    (f.time.first, f.time.last) = (Some(at("2026-03-03T10:00:00Z")), Some(at("2026-03-03T10:00:00Z")));
    f
}

fn given(by: Finding, t: Transfer) -> ScopeVerdict {
    hc(&[by], &[t], &whose(""))
}

pub fn sides() -> Vec<Sides> {
    vec![("J-94", given(visit(), secrets(Basis::Detected)), given(visit(), secrets(Basis::Hint)))]
}

#[test]
fn a_secret_that_is_handed_out_counts_by_the_act() {
    for by in [visit(), stranger("HC\\svc")] {
        for basis in [Basis::Detected, Basis::Catalogue] {
            let told = given(by.clone(), secrets(basis));
            assert_eq!((told.state, told.intrusion), (State::Unexplained, Intrusion::Suspected), "{}", by.id);
            assert_eq!((told.likelihood, cites(&told, "J-94")), (Some(Likelihood::Likely), true));
            let reason = told.reasons.iter().find(|r| r.clause == "J-94").unwrap();
            assert!(reason.text.contains("at least 1 secret, secretsmanager") && reason.findings.contains(&by.id));
            assert_eq!((told.ask.len(), told.data_categories[0].state), (2, State::Unexplained), "{:?}", told.ask);
        }
    }
    let state = |by: Finding, t: Transfer| given(by, t).state;
    assert_eq!(state(stranger("HC\\other"), secrets(Basis::Detected)), State::NoEvidence, "by another account");
    assert_eq!(state(visit(), secrets(Basis::Hint)), State::Attempted, "it only sounds like one");
    let mut anybodys = secrets(Basis::Detected);
    anybodys.accounts = Vec::new().into();
    assert_eq!(state(visit(), anybodys), State::Attempted, "whom no service knew by an account");
    let mut claims = secrets(Basis::Detected);
    claims.data = [(sign("benefits", Basis::Detected), touch(1, "2026-03-03T12:00:00Z"))].into_iter().collect();
    assert_eq!(state(visit(), claims), State::Attempted, "two records of other data");
    let mut intruder = stranger("HC\\svc");
    intruder.level = Level::High;
    let told = given(intruder, secrets(Basis::Detected));
    assert_eq!((told.state, cites(&told, "J-87"), cites(&told, "J-94")), (State::Accessed, true, false), "shown");
}

#[test]
fn what_a_reason_against_a_stranger_rests_on_is_no_background() {
    let told = |t: Transfer| cites(&given(stranger("HC\\svc"), t), "J-05");
    assert_eq!((told(secrets(Basis::Detected)), told(secrets(Basis::Hint))), (false, true));
}

/// A call of AWS.
fn aws(day: u32, service: &str, call: &str, from: &str, asked: &Value) -> Value {
    json!({"eventVersion": "1.08", "eventTime": format!("2026-03-{day:02}T09:00:00Z"), "eventID": format!("{day}{call}"),
        "eventSource": format!("{service}.amazonaws.com"), "eventName": call, "awsRegion": "eu-west-2", "sourceIPAddress": from,
        "userAgent": "Boto3", "userIdentity": {"type": "IAMUser", "userName": "deploy"}, "requestParameters": asked,
        "eventCategory": "Management", "eventType": "AwsApiCall"})
}

/// A call to Google Cloud.
fn google(day: u32, from: &str) -> Value {
    json!({"insertId": format!("g{day}"), "logName": "projects/hc/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": format!("2026-03-{day:02}T09:00:00Z"), "resource": {"labels": {"project_id": "hc"}},
        "protoPayload": {"methodName": "SetIamPolicy", "serviceName": "cloudresourcemanager.googleapis.com",
            "authenticationInfo": {"principalEmail": "ann@hc.example"}, "requestMetadata": {"callerIp": from}}})
}

/// One to Azure.
fn azure(day: u32, from: &str, result: &str) -> Value {
    json!({"time": format!("2026-03-{day:02}T09:00:00Z"), "resourceId": "/x", "category": "Administrative",
        "operationName": "MICROSOFT.COMPUTE/VIRTUALMACHINES/READ", "resultType": result, "callerIpAddress": from,
        "correlationId": format!("c{day}"), "identity": {"claims": {"name": "ann"}}})
}

fn log(records: &[Value]) -> (&'static str, String) {
    ("trail.json", records.iter().map(|record| format!("{record}\n")).collect())
}

/// What is to be collected, and how much of a cloud's stores is known.
fn collected(told: &Told) -> (String, String) {
    let list = told.scope("unattributed")["coverage"]["collect_next"].to_string();
    (list, told.route("unattributed", "saas_download")["state"].as_str().unwrap().to_owned())
}

#[test]
fn secrets_that_a_listed_address_read_are_named() {
    let call = |call: &str| aws(5, "secretsmanager", call, WHO, &json!({"secretId": "prod/db"}));
    let told = |name: &str| scan(&[log(&[call(name)])], "", WHO).scope("unattributed").clone();
    let read = told("GetSecretValue");
    assert_eq!(read["data_categories"][0]["category"], "credentials");
    assert_eq!(
        (&read["state"], crate::verdict::cites(&read, "J-94")),
        (&json!("unexplained"), true),
        "{}",
        read["reasons"]
    );
    assert!(!crate::verdict::cites(&told("DescribeSecret"), "J-94"));
    let google = |call: &str| {
        let mut record = google(5, WHO);
        let asked = &mut record["protoPayload"];
        asked["serviceName"] = json!("secretmanager.googleapis.com");
        asked["methodName"] = json!(format!("google.cloud.secretmanager.v1.SecretManagerService.{call}"));
        asked["resourceName"] = json!("projects/1/secrets/db/versions/1");
        record["logName"] = json!("projects/hc/logs/cloudaudit.googleapis.com%2Fdata_access");
        let told = scan(&[log(&[record])], "", WHO).scope("unattributed").clone();
        (told["state"].clone(), crate::verdict::cites(&told, "J-94"))
    };
    assert_eq!(google("AccessSecretVersion"), (json!("unexplained"), true));
    assert!(!google("GetSecretVersion").1, "what is said of it");
    let printed = scan(&[log(&[call("GetSecretValue")])], "", WHO).printed;
    assert!(printed.contains("known by what its records hold (secret of a store"), "{printed}");
}

#[test]
fn where_somebody_listed_may_have_read_a_store_its_log_of_reads_is_to_be_collected() {
    let other = "198.51.100.20";
    for (name, needs, call) in [
        (
            "aws",
            "S3 (GetObject)",
            (|day, from| aws(day, "ec2", "DescribeInstances", from, &json!({}))) as fn(u32, &str) -> Value,
        ),
        ("google", "Data Access audit logs", google),
        ("azure", "StorageRead", |day, from| azure(day, from, "Success")),
    ] {
        let told = |who: &str| collected(&scan(&[log(&[call(4, other), call(5, who)])], "", WHO));
        let (next, state) = told(WHO);
        assert!(next.contains(needs) && state == "cannot_tell", "{name}: {state} {next}");
        let (next, state) = told("198.51.100.21");
        assert!(!next.contains(needs) && state == "not_examined", "{name}: {state} {next}");
    }
    let refused = scan(&[log(&[azure(4, other, "Success"), azure(5, WHO, "Failure")])], "", WHO);
    assert!(!collected(&refused).0.contains("StorageRead"), "who was refused read nothing");
}

#[test]
fn what_was_done_after_a_sign_in_the_log_of_the_service_tells() {
    let signed_in = |day: u32| {
        json!({"time": format!("2026-03-{day:02}T09:00:00Z"), "resourceId": "/tenants/1/providers/Microsoft.aadiam", "category": "SignInLogs",
            "operationName": "Sign-in activity", "resultType": "0", "callerIpAddress": WHO, "correlationId": format!("c{day}"),
            "properties": {"userPrincipalName": "ann@hc.example"}})
    };
    let sign_ins: Vec<Value> = (4..7).map(signed_in).collect();
    let loads = |day: u32| {
        json!({"CreationTime": format!("2026-03-{day:02}T08:00:00"), "Id": format!("m{day}"), "Operation": "FileDownloaded", "Workload": "SharePoint",
            "RecordType": 6, "UserId": "ann@hc.example", "ClientIP": "198.51.100.3", "ObjectId": "https://hc.sharepoint.com/a.docx", "UserType": 0})
    };
    let reads: String = (4..8).map(|day| format!("{}\n", loads(day))).collect();
    let told = |more: &[(&'static str, String)]| {
        let logs: Vec<_> = [log(&sign_ins)].into_iter().chain(more.iter().cloned()).collect();
        collected(&scan(&logs, "", WHO)).0
    };
    let alone = told(&[]);
    assert!(!alone.contains("StorageRead"), "{alone}");
    let both = told(&[("m365.json", reads)]);
    assert!(!both.contains("StorageRead") && !both.contains("signed in to"), "{both}");
}

#[test]
fn what_one_cloud_gave_does_not_tell_what_another_one_did() {
    let calls: Vec<Value> = (4..7).map(|day| aws(day, "ec2", "DescribeInstances", WHO, &json!({}))).collect();
    let access = |day: u32| {
        format!(
            "79a59df9 hc-data [{day:02}/Mar/2026:08:00:38 +0000] 198.51.100.3 arn:aws:iam::1:user/ann 3E57427F3EXAMPLE \
             REST.GET.OBJECT a.csv \"GET /hc-data/a.csv HTTP/1.1\" 200 - 113 113 7 5 \"-\" \"S3Console/0.4\" - s9= SigV4 \
             ECDHE-RSA-AES128-GCM-SHA256 AuthHeader hc-data.s3.eu-west-1.amazonaws.com TLSV1.2 - -\n"
        )
    };
    let buckets: String = (4..8).map(access).collect();
    let told = |more: (&str, String)| collected(&scan(&[log(&calls), more], "", WHO)).0;
    assert!(!told(("bucket.log", buckets)).contains("S3 (GetObject)"), "the access log of its buckets tells");
    let loads = |day: u32| {
        json!({"type": "event", "event_id": format!("b{day}"), "created_at": format!("2026-03-{day:02}T08:00:00Z"), "event_type": "DOWNLOAD",
            "created_by": {"type": "user", "login": "ann@hc.example"}, "ip_address": "198.51.100.3",
            "source": {"item_type": "file", "item_id": "1", "item_name": "a.csv"}, "additional_details": {"size": 113}})
    };
    let files: String = (4..8).map(|day| format!("{}\n", loads(day))).collect();
    assert!(told(("box.json", files)).contains("S3 (GetObject)"), "that of a store of files does not");
}
