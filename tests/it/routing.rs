//! Which product a document or a table is taken to be of.

use crate::together::met;

#[test]
fn rules_for_a_product_are_held_against_its_logs_and_no_others() {
    let logs = [
        (
            "google_workspace",
            r#"{"kind":"admin#reports#activity","id":{"time":"2026-03-28T23:10:04Z","uniqueQualifier":"1","applicationName":"admin","customerId":"C"},"etag":"x","actor":{"email":"a@rv.example"},"ipAddress":"192.0.2.1","events":[{"name":"CREATE_ROLE"}]}"#,
        ),
        (
            "slack",
            r#"{"action":"file_downloaded","date_create":1774739404,"entity":{"type":"file"},"actor":{"type":"user"}}"#,
        ),
        ("snowflake", r#"{"QUERY_ID":"1","QUERY_TEXT":"COPY INTO x","START_TIME":"2026-03-28T23:10:04Z"}"#),
        (
            "salesforce",
            r#"{"EVENT_TYPE":"ReportExport","ORGANIZATION_ID":"0","TIMESTAMP_DERIVED":"2026-03-28T23:10:04Z"}"#,
        ),
        ("suricata", r#"{"timestamp":"2026-03-28T23:10:04Z","event_type":"alert","flow_id":7,"src_ip":"192.0.2.1"}"#),
        ("bitbucket", r#"{"timestamp":"2026-03-28T23:10:04Z","auditType":{"action":"a","category":"b"}}"#),
        ("onelogin", r#"{"created_at":"2026-03-28T23:10:04Z","event_type_id":3,"account_id":1}"#),
    ];
    for (product, log) in logs {
        let log = format!("{log}\n").repeat(3);
        for (other, _) in logs {
            let rule = format!(
                "title: t\nlogsource: {{product: {other}}}\ndetection: {{s: {{nothing: null}}, condition: s}}\n"
            );
            let (count, _) = met(&rule, ("a.json", &log), 4096);
            assert_eq!(count > 0, product == other, "{product} {other}");
        }
    }
    let sheet = "TIMESTAMP,EVENT_TYPE,ORGANIZATION_ID\n2026-03-28T23:10:04Z,ReportExport,0\n2026-03-28T23:10:05Z,ReportExport,0\n";
    let rule = "title: t\nlogsource: {product: salesforce}\ndetection: {s: {EVENT_TYPE: ReportExport}, condition: s}\n";
    assert_eq!(met(rule, ("a.csv", sheet), 4096).0, 2);
}
