//! Which rules are held against which records: log sources, and the names that fields have in them.
//!
//! SOURCE: Sigma taxonomy appendix; the channel table follows the logsource names that SigmaHQ uses.

use std::borrow::Cow;

use super::Routing;
use crate::model::fields::{Canon, Fields};
use crate::model::layout::PROXY_COLUMNS;

/// Formats that records can have: names of `format::FORMATS`. A test holds the two lists equal.
pub(super) const FORMATS: &[&str] = &[
    "access",
    "auditd",
    "azure",
    "cloudtrail",
    "csv",
    "evtx",
    "gcp",
    "json",
    "kv",
    "m365",
    "squid",
    "syslog3164",
    "syslog5424",
    "text",
    "w3c",
    "windows_json",
    "zeek",
    "zeek_json",
];

/// What a rule states of its log source; lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Logsource {
    pub product: Option<String>,
    pub category: Option<String>,
    pub service: Option<String>,
}

/// What a record is: every product, category and service that it may be taken for.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    products: &'static [&'static str],
    categories: Vec<&'static str>,
    services: Vec<Cow<'a, str>>,
}

/// Products that a format may hold.
fn products(format: &str) -> &'static [&'static str] {
    match format {
        "access" => &["apache", "nginx"],
        "auditd" | "syslog3164" | "syslog5424" => &["linux"],
        "azure" => &["azure"],
        "cloudtrail" => &["aws"],
        "evtx" | "windows_json" => &["windows"],
        "gcp" => &["gcp", "google_workspace"],
        "json" => &["okta", "github", "kubernetes", "opencanary", "suricata"],
        "kv" => &["fortigate", "fortinet"],
        "m365" => &["m365"],
        "squid" => &["squid"],
        "w3c" => &["windows", "iis"],
        "zeek" | "zeek_json" => &["zeek"],
        _ => &[],
    }
}

/// Categories that a format may hold; `None` for any.
fn categories(format: &str) -> Option<&'static [&'static str]> {
    Some(match format {
        "access" => &["webserver"],
        "squid" => &["proxy"],
        "json" => &["webserver"],
        "w3c" => &["webserver", "proxy"],
        "kv" => &["firewall"],
        "zeek" | "zeek_json" => &["dns", "firewall", "network_connection", "webserver", "proxy"],
        "syslog3164" | "syslog5424" => &["dns", "firewall"],
        "evtx" | "windows_json" => return None,
        _ => &[],
    })
}

/// Whether a rule can apply to any record of a format. May say yes too often, never no.
pub(super) fn possible(routing: &Routing, format: &str, rule: &Logsource) -> bool {
    match routing {
        Routing::Any => true,
        Routing::Forced { .. } => applies(routing, rule, &Facts::default()),
        Routing::Auto => {
            rule.product.as_deref().is_none_or(|product| products(format).contains(&product))
                && rule
                    .category
                    .as_deref()
                    .is_none_or(|category| categories(format).is_none_or(|known| known.contains(&category)))
        }
    }
}

/// Whether every attribute that the rule states fits the record.
pub(super) fn applies(routing: &Routing, rule: &Logsource, facts: &Facts<'_>) -> bool {
    let forced = |stated: &Option<String>, given: &Option<String>| match (stated, given) {
        (Some(stated), Some(given)) => stated == given,
        (Some(_), None) => false,
        (None, _) => true,
    };
    match routing {
        Routing::Any => true,
        Routing::Forced { product, category, service } => {
            forced(&rule.product, product) && forced(&rule.category, category) && forced(&rule.service, service)
        }
        Routing::Auto => {
            rule.product.as_deref().is_none_or(|p| facts.products.contains(&p))
                && rule.category.as_deref().is_none_or(|c| facts.categories.contains(&c))
                && rule.service.as_deref().is_none_or(|s| facts.services.iter().any(|known| known == s))
        }
    }
}

/// Whether keywords look at the whole text of a record.
pub(super) fn is_unstructured(format: &str) -> bool {
    matches!(format, "text" | "syslog3164" | "syslog5424" | "access" | "squid" | "auditd")
}

/// Fields that parsers derive from outside of the record (a header, a file name): no literal can gate on them.
pub(super) fn is_derived(name: &str) -> bool {
    matches!(name, "path" | "service" | "product")
}

/// What a record is.
pub(super) fn facts<'a>(format: &str, fields: &'a Fields<'_>) -> Facts<'a> {
    let mut facts = Facts { products: products(format), ..Facts::default() };
    match format {
        "access" => {
            facts.categories.push("webserver");
            facts.services.extend(["access", "apache", "nginx"].map(Cow::from));
        }
        "squid" => facts.categories.push("proxy"),
        "w3c" => {
            let proxy = fields.named().any(|(name, ..)| PROXY_COLUMNS.iter().any(|known| known.as_bytes() == name));
            facts.categories.push(if proxy { "proxy" } else { "webserver" });
            facts.services.push("iis".into());
        }
        "auditd" => facts.services.push("auditd".into()),
        "cloudtrail" => facts.services.push("cloudtrail".into()),
        "azure" => azure(fields, &mut facts),
        "gcp" => facts.services.extend(["gcp.audit", "google_workspace.admin"].map(Cow::from)),
        "kv" => fortigate(fields, &mut facts),
        "m365" => {
            facts.services.extend(["audit", "exchange"].map(Cow::from));
            if raw(fields, "Workload").is_some_and(|w| w.eq_ignore_ascii_case("SecurityComplianceCenter")) {
                facts.services.extend(["threat_management", "threat_detection"].map(Cow::from));
            }
        }
        "syslog3164" | "syslog5424" => syslog(fields, &mut facts),
        "zeek" | "zeek_json" => zeek(fields, &mut facts),
        "json" => json(fields, &mut facts),
        "evtx" | "windows_json" => windows(fields, &mut facts),
        _ => {}
    }
    facts
}

fn raw<'a>(fields: &'a Fields<'_>, name: &str) -> Option<&'a str> {
    let (_, value, _) = fields.named().find(|(known, _, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
    std::str::from_utf8(value).ok()
}

fn has(fields: &Fields<'_>, name: &str) -> bool {
    fields.named().any(|(known, _, _)| known == name.as_bytes())
}

fn azure(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    let category = raw(fields, "category").unwrap_or_default().to_ascii_lowercase();
    let services: &[&str] = match category.as_str() {
        "auditlogs" => &["auditlogs", "pim"],
        name if name.contains("signinlogs") => &["signinlogs"],
        "riskyusers" | "userriskevents" => &["riskdetection"],
        _ => &["activitylogs"],
    };
    facts.services.extend(services.iter().copied().map(Cow::from));
}

fn fortigate(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    if has(fields, "logid") || has(fields, "devname") || has(fields, "devid") {
        facts.categories.push("firewall");
        facts.services.extend(["traffic", "event", "forticlient"].map(Cow::from));
    } else {
        facts.products = &[];
    }
}

fn syslog<'a>(fields: &'a Fields<'_>, facts: &mut Facts<'a>) {
    facts.services.push("syslog".into());
    let program = fields.text(Canon::EventProvider).unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or(program);
    let more: &[&str] = match program {
        "sshd" | "sshd-session" => &["sshd", "auth"],
        "sudo" => &["sudo", "auth"],
        "su" | "login" | "systemd-logind" | "polkitd" => &["auth"],
        "CRON" | "cron" | "crond" => &["cron"],
        "guacd" => &["guacamole"],
        "clamd" | "freshclam" | "clamav" => &["clamav"],
        "vsftpd" => &["vsftpd"],
        _ => &[],
    };
    facts.services.extend(more.iter().copied().map(Cow::from));
    if matches!(program, "named" | "dnsmasq" | "unbound") {
        facts.categories.push("dns");
    }
    if !program.is_empty() {
        facts.services.push(program.into());
    }
}

fn zeek<'a>(fields: &'a Fields<'_>, facts: &mut Facts<'a>) {
    let kind = fields.text(Canon::EventDataset).unwrap_or_default();
    match kind {
        "dns" => facts.categories.push("dns"),
        "conn" => facts.categories.extend(["firewall", "network_connection"]),
        "http" => facts.categories.extend(["webserver", "proxy"]),
        _ => {}
    }
    if !kind.is_empty() {
        facts.services.push(kind.into());
    }
}

fn json(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    let (products, service): (&'static [&'static str], &str) =
        if raw(fields, "apiVersion").is_some_and(|v| v.starts_with("audit.k8s.io")) {
            (&["kubernetes"], "audit")
        } else if has(fields, "eventType") && has(fields, "published") {
            (&["okta"], "okta")
        } else if has(fields, "action") && has(fields, "_document_id") {
            (&["github"], "audit")
        } else if has(fields, "logtype") && has(fields, "node_id") {
            (&["opencanary"], "application")
        } else {
            (&[], "")
        };
    facts.products = products;
    let asks = |canon| fields.get(canon).is_some();
    if asks(Canon::HttpMethod) && (asks(Canon::UrlPath) || asks(Canon::UrlOriginal) || asks(Canon::UrlFull)) {
        facts.categories.push("webserver");
    }
    if !service.is_empty() {
        facts.services.push(service.into());
    }
}

const SYSMON: &str = "microsoft-windows-sysmon/operational";

fn windows(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    let channel = raw(fields, "Channel").unwrap_or_default().to_ascii_lowercase();
    let id =
        raw(fields, "EventID").or_else(|| fields.text(Canon::EventCode)).and_then(|id| id.parse().ok()).unwrap_or(0);
    let services = SERVICES.iter().filter(|(name, _)| *name == channel).map(|(_, service)| Cow::from(*service));
    facts.services.extend(services);
    let categories = CATEGORIES.iter().filter(|(name, number, _)| *number == id && *name == channel);
    facts.categories.extend(categories.flat_map(|(_, _, categories)| categories.iter().copied()));
    if channel == SYSMON && id == 12 {
        let added = raw(fields, "EventType").is_some_and(|kind| kind.starts_with("Create"));
        facts.categories.push(if added { "registry_add" } else { "registry_delete" });
    }
}

/// Channel (lower case) → service.
const SERVICES: &[(&str, &str)] = &[
    ("application", "application"),
    ("security", "security"),
    ("system", "system"),
    (SYSMON, "sysmon"),
    ("windows powershell", "powershell-classic"),
    ("microsoft-windows-powershell/operational", "powershell"),
    ("powershellcore/operational", "powershell"),
    ("microsoft-windows-taskscheduler/operational", "taskscheduler"),
    ("microsoft-windows-wmi-activity/operational", "wmi"),
    ("microsoft-windows-windows defender/operational", "windefend"),
    ("microsoft-windows-windows firewall with advanced security/firewall", "firewall-as"),
    ("microsoft-windows-bits-client/operational", "bits-client"),
    ("microsoft-windows-applocker/exe and dll", "applocker"),
    ("microsoft-windows-applocker/msi and script", "applocker"),
    ("microsoft-windows-applocker/packaged app-deployment", "applocker"),
    ("microsoft-windows-applocker/packaged app-execution", "applocker"),
    ("microsoft-windows-codeintegrity/operational", "codeintegrity-operational"),
    ("microsoft-windows-dns-client/operational", "dns-client"),
    ("dns server", "dns-server"),
    ("microsoft-windows-dns-server/audit", "dns-server-audit"),
    ("microsoft-windows-dns-server/analytical", "dns-server-analytic"),
    ("microsoft-windows-driverframeworks-usermode/operational", "driver-framework"),
    ("microsoft-windows-ntlm/operational", "ntlm"),
    ("microsoft-windows-smbclient/security", "smbclient-security"),
    ("microsoft-windows-smbclient/connectivity", "smbclient-connectivity"),
    ("microsoft-windows-smbserver/connectivity", "smbserver-connectivity"),
    ("microsoft-windows-printservice/admin", "printservice-admin"),
    ("microsoft-windows-printservice/operational", "printservice-operational"),
    ("microsoft-windows-terminalservices-localsessionmanager/operational", "terminalservices-localsessionmanager"),
    ("microsoft-windows-ldap-client/debug", "ldap_debug"),
    ("microsoft-windows-shell-core/operational", "shell-core"),
    ("microsoft-windows-security-mitigations/kernel mode", "security-mitigations"),
    ("microsoft-windows-security-mitigations/user mode", "security-mitigations"),
    ("microsoft-windows-vhdmp-operational", "vhdmp"),
    ("microsoft-windows-appxdeploymentserver/operational", "appxdeployment-server"),
    ("microsoft-windows-appmodel-runtime/admin", "appmodel-runtime"),
    ("microsoft-windows-appxpackaging/operational", "appxpackaging-om"),
    ("microsoft-windows-capi2/operational", "capi2"),
    (
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational",
        "certificateservicesclient-lifecycle-system",
    ),
    ("microsoft-windows-diagnosis-scripted/operational", "diagnosis-scripted"),
    ("microsoft-windows-kernel-shimengine/operational", "kernel-shimengine"),
    ("microsoft-windows-lsa/operational", "lsa-server"),
    ("microsoft-servicebus-client", "microsoft-servicebus-client"),
    ("openssh/operational", "openssh"),
    ("msexchange management", "msexchange-management"),
    ("microsoft-windows-iis-configuration/operational", "iis-configuration"),
];

/// Channel (lower case), event id → categories.
const CATEGORIES: &[(&str, u64, &[&str])] = &[
    (SYSMON, 1, &["process_creation"]),
    (SYSMON, 2, &["file_change"]),
    (SYSMON, 3, &["network_connection"]),
    (SYSMON, 4, &["sysmon_status"]),
    (SYSMON, 5, &["process_termination"]),
    (SYSMON, 6, &["driver_load"]),
    (SYSMON, 7, &["image_load"]),
    (SYSMON, 8, &["create_remote_thread"]),
    (SYSMON, 9, &["raw_access_thread"]),
    (SYSMON, 10, &["process_access"]),
    (SYSMON, 11, &["file_event"]),
    (SYSMON, 12, &["registry_event"]),
    (SYSMON, 13, &["registry_event", "registry_set"]),
    (SYSMON, 14, &["registry_event", "registry_rename"]),
    (SYSMON, 15, &["create_stream_hash"]),
    (SYSMON, 16, &["sysmon_status"]),
    (SYSMON, 17, &["pipe_created"]),
    (SYSMON, 18, &["pipe_created"]),
    (SYSMON, 19, &["wmi_event"]),
    (SYSMON, 20, &["wmi_event"]),
    (SYSMON, 21, &["wmi_event"]),
    (SYSMON, 22, &["dns_query"]),
    (SYSMON, 23, &["file_delete"]),
    (SYSMON, 24, &["clipboard_capture"]),
    (SYSMON, 25, &["process_tampering"]),
    (SYSMON, 26, &["file_delete"]),
    (SYSMON, 27, &["file_block_executable"]),
    (SYSMON, 28, &["file_block_shredding"]),
    (SYSMON, 29, &["file_executable_detected"]),
    (SYSMON, 255, &["sysmon_error"]),
    ("security", 4688, &["process_creation"]),
    ("security", 4657, &["registry_event", "registry_set"]),
    ("security", 5156, &["network_connection"]),
    ("microsoft-windows-powershell/operational", 4104, &["ps_script"]),
    ("powershellcore/operational", 4104, &["ps_script"]),
    ("microsoft-windows-powershell/operational", 4103, &["ps_module"]),
    ("powershellcore/operational", 4103, &["ps_module"]),
    ("windows powershell", 400, &["ps_classic_start"]),
    ("windows powershell", 600, &["ps_classic_provider_start"]),
    ("windows powershell", 800, &["ps_classic_script"]),
    ("microsoft-windows-windows defender/operational", 1006, &["antivirus"]),
    ("microsoft-windows-windows defender/operational", 1116, &["antivirus"]),
    ("microsoft-windows-windows defender/operational", 1117, &["antivirus"]),
    ("microsoft-windows-windows defender/operational", 1118, &["antivirus"]),
    ("microsoft-windows-windows defender/operational", 1119, &["antivirus"]),
];

/// Other names of a rule's field, in the order in which they are tried: names of logs, or canonical ones.
pub(super) fn aliases(name: &str) -> &'static [&'static str] {
    let lower = name.to_ascii_lowercase();
    ALIASES.iter().find(|(known, _)| *known == lower).map_or(&[], |(_, others)| others)
}

const ALIASES: &[(&str, &[&str])] = &[
    // Web servers and proxies: the mixed names of older rules.
    ("c-uri", &["cs-uri", "url.full", "url.original"]),
    ("cs-uri", &["c-uri", "url.original", "url.full"]),
    ("cs-uri-stem", &["url.path"]),
    ("cs-uri-query", &["url.query", "url.original", "cs-uri", "c-uri"]),
    ("c-uri-query", &["cs-uri-query", "url.query"]),
    ("c-useragent", &["cs-user-agent", "user_agent.original"]),
    ("cs-useragent", &["cs-user-agent", "user_agent.original"]),
    ("cs-user-agent", &["c-useragent", "user_agent.original"]),
    ("cs-referer", &["http.request.referrer"]),
    ("cs-referrer", &["http.request.referrer"]),
    ("cs-host", &["r-dns", "url.domain", "destination.domain"]),
    ("r-dns", &["cs-host", "url.domain", "destination.domain"]),
    ("cs-method", &["http.request.method"]),
    ("sc-status", &["http.response.status_code"]),
    ("cs-username", &["user.name"]),
    ("cs-bytes", &["source.bytes"]),
    ("sc-bytes", &["destination.bytes"]),
    ("c-ip", &["source.ip"]),
    // Network.
    ("src_ip", &["source.ip"]),
    ("src_port", &["source.port"]),
    ("dst_ip", &["destination.ip"]),
    ("dst_port", &["destination.port"]),
    ("bytes_out", &["source.bytes"]),
    ("bytes_in", &["destination.bytes"]),
    ("query", &["dns.question.name"]),
    ("queryname", &["dns.question.name"]),
    ("record_type", &["dns.question.type"]),
    ("answer", &["dns.answers.data"]),
    ("answers", &["dns.answers.data"]),
    // Windows: Security 4688, 4657 and 5156 for what Sysmon names otherwise.
    ("image", &["NewProcessName", "Application"]),
    ("parentimage", &["ParentProcessName"]),
    ("processid", &["NewProcessId"]),
    ("user", &["SubjectUserName", "TargetUserName"]),
    ("targetobject", &["ObjectName"]),
    ("details", &["NewValue"]),
    ("destinationip", &["DestAddress"]),
    ("destinationport", &["DestPort"]),
    ("provider_name", &["SourceName", "event.provider"]),
    ("computer", &["host.name"]),
    // Azure exports write these in several ways.
    ("operationname", &["operationNameValue", "operation_name"]),
    ("operationnamevalue", &["operationName"]),
    ("resulttype", &["properties.status.errorCode"]),
    ("properties.message", &["operationName", "activityDisplayName", "properties.activityDisplayName"]),
    // Antivirus.
    ("signature", &["Threat Name"]),
];
