//! Products of the cloud against hand-made events in their real schema: which format each log type is recognised as, and how
//! many of its records have a time and a source address.

use std::fs;

use exfiltrace::format;
use exfiltrace::model::fields::{Canon, Fields, Want};
use serde_json::Value;

use crate::formats::{layout_of, shared};

/// A log type, the format that it is, and how many of its records there are, have a time, and have a source address. Where a
/// product logs the missing ones, the makers of the events left them out.
type Expected = (&'static str, &'static str, usize, usize, usize);

const TYPES: &[Expected] = &[
    ("AWS_BedrockModelInvocation", "bedrock", 8, 8, 0),
    ("AWS_CloudTrail", "cloudtrail", 254, 233, 200),
    ("AWS_GuardDuty", "guardduty", 6, 6, 0),
    ("AWS_S3ServerAccess", "s3access", 7, 4, 7),
    ("AWS_SecurityFindingFormat", "securityhub", 4, 4, 0),
    ("AWS_VPCDns", "route53", 8, 8, 8),
    ("AWS_VPCFlow", "vpcflow_json", 13, 0, 12),
    ("AWS_WAFWebACL", "awswaf", 24, 24, 24),
    ("Amazon_EKS_Audit", "kubernetes", 102, 1, 32),
    ("Anthropic_Activity", "anthropic", 10, 10, 10),
    ("Asana_Audit", "asana", 10, 10, 10),
    ("Atlassian_Audit", "atlassian", 2, 2, 0),
    ("Auth0_Events", "auth0", 28, 28, 28),
    ("Axonius_Activity", "axonius", 4, 4, 3),
    ("Azure_Audit", "azure", 20, 20, 17),
    ("Azure_MonitorActivity", "azure", 142, 142, 142),
    ("Box_Event", "box", 13, 0, 2),
    ("CarbonBlack_AlertV2", "carbonblack", 2, 2, 0),
    ("CarbonBlack_Audit", "carbonblack", 9, 9, 8),
    ("CiscoUmbrella_DNS", "umbrella", 2, 2, 2),
    ("Cloudflare_Firewall", "cloudflare", 6, 6, 6),
    ("Cloudflare_HttpRequest", "cloudflare", 2, 2, 2),
    ("Crowdstrike_EventStreams", "crowdstrike_events", 22, 22, 21),
    ("Crowdstrike_FDREvent", "crowdstrike_fdr", 38, 36, 1),
    ("Databricks_Audit", "databricks", 57, 57, 20),
    ("Docusign_Connect", "docusign", 3, 3, 0),
    ("Dropbox_TeamEvent", "dropbox", 6, 6, 6),
    ("Duo_Administrator", "duo", 13, 13, 0),
    ("Duo_Authentication", "duo", 14, 0, 14),
    ("GCP_AuditLog", "gcp", 80, 63, 40),
    ("GSuite_ActivityEvent", "gworkspace", 69, 43, 38),
    ("GitHub_Audit", "github", 64, 41, 2),
    ("GitHub_Webhook", "github_webhook", 44, 2, 0),
    ("GitLab_Production", "gitlab", 3, 0, 0),
    ("Gravitational_TeleportAudit", "teleport", 16, 15, 2),
    ("Microsoft365_Audit_AzureActiveDirectory", "m365", 2, 2, 0),
    ("Microsoft365_Audit_Exchange", "m365", 10, 10, 10),
    ("Microsoft365_Audit_SharePoint", "m365", 5, 5, 5),
    ("MicrosoftDefenderXDR_AdvancedHunting", "defender", 2, 2, 0),
    ("MicrosoftGraph_SecurityAlertV2", "graph_alerts", 4, 4, 1),
    ("MicrosoftIntune_AuditLogs", "intune", 2, 1, 0),
    ("MicrosoftIntune_OperationalLogs", "intune", 2, 2, 0),
    ("MongoDB_OrganizationEvent", "mongodb_atlas", 11, 11, 11),
    ("Netskope_Audit", "netskope", 8, 8, 0),
    ("Notion_AuditLogs", "notion", 23, 23, 14),
    ("Okta_SystemLog", "okta", 27, 22, 26),
    ("OneLogin_Events", "onelogin", 18, 0, 3),
    ("OnePassword_ItemUsage", "onepassword", 2, 2, 2),
    ("OnePassword_SignInAttempt", "onepassword", 2, 2, 2),
    ("OpenAI_Audit", "openai", 16, 16, 15),
    ("Orca_Alert", "orca", 4, 4, 0),
    ("Osquery_Differential", "osquery", 15, 7, 0),
    ("Panther_Audit", "panther", 5, 5, 4),
    ("Proofpoint_Event", "proofpoint", 24, 24, 24),
    ("PushSecurity_Activity", "push_security", 3, 3, 3),
    ("PushSecurity_Entities", "push_security", 2, 2, 0),
    ("Salesforce_LoginAs", "salesforce", 2, 2, 2),
    ("Salesforce_RealtimeEvent", "salesforce", 10, 10, 10),
    ("SentinelOne_Activity", "sentinelone", 11, 11, 0),
    ("Slack_AuditLogs", "slack", 40, 24, 40),
    ("Snowflake_LoginHistory", "snowflake", 8, 8, 8),
    ("Snowflake_QueryHistory", "snowflake", 2, 0, 0),
    ("Snyk_GroupAudit", "snyk", 16, 15, 0),
    ("Sublime_Audit", "sublime", 2, 2, 2),
    ("Sublime_MessageEvent", "sublime", 1, 1, 0),
    ("ThinkstCanary_Alert", "thinkst_canary", 1, 1, 1),
    ("Tines_Audit", "tines", 12, 12, 12),
    ("Tracebit_Alert", "tracebit", 4, 4, 4),
    ("Upwind_Detections", "upwind", 10, 10, 0),
    ("Wiz_Audit", "wiz", 18, 18, 18),
    ("Wiz_Issues", "wiz", 3, 3, 0),
    ("Wiz_IssuesWebhook", "wiz", 3, 3, 0),
    ("Zendesk_Audit", "zendesk", 10, 10, 10),
    ("Zoom_Operation", "zoom", 8, 8, 0),
    ("Zscaler_ZIA_AdminAuditLog", "zscaler", 8, 8, 8),
];

/// The events of a log type, one a line. Some stand beside those of other products, for which the same rule is: these are
/// no events of the type.
fn events(log_type: &str, lines: &str) -> String {
    let product = log_type.split('_').next().unwrap_or(log_type);
    let is_own = |event: &Value| match event["p_log_type"].as_str() {
        Some(other) => other.split('.').next() == Some(product),
        None => product != "CiscoUmbrella" || !event.to_string().contains("event_simpleName"),
    };
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["log"].take());
    all.filter(is_own).map(|event| format!("{event}\n")).collect()
}

#[test]
fn every_log_type_is_recognised_by_name() {
    let Some(folder) = shared("corpora/cloud/panther-tests") else { return };
    let mut found = Vec::new();
    for (log_type, ..) in TYPES {
        let text = events(log_type, &fs::read_to_string(folder.join(format!("{log_type}.jsonl"))).unwrap());
        let layout = layout_of(text.as_bytes());
        let (mut timed, mut sourced) = (0, 0);
        for line in text.lines() {
            let mut fields = Fields::default();
            format::parse(&layout, line.as_bytes(), Want::All, &mut fields).unwrap();
            timed += usize::from(fields.time.is_some());
            sourced += usize::from(fields.has(Canon::SourceIp));
        }
        found.push((*log_type, layout.format, text.lines().count(), timed, sourced));
    }
    let others: Vec<_> = found.iter().zip(TYPES).filter(|(found, expected)| found != expected).collect();
    assert!(others.is_empty(), "found and expected: {others:#?}");
}

#[test]
fn no_log_type_is_left_out() {
    let Some(folder) = shared("corpora/cloud/panther-tests") else { return };
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut types: Vec<String> = names.filter_map(|name| name.strip_suffix(".jsonl").map(str::to_owned)).collect();
    // Of rules that look at several events there are none.
    types.retain(|name| name != "none");
    types.sort();
    assert_eq!(types, TYPES.iter().map(|row| row.0).collect::<Vec<_>>());
}
