//! Which rules are held against which records: log sources, and the names that fields have in them.
//!
//! Names stand in `mapping.yml`; here is what they are compared with.
//!
//! SOURCE: Sigma taxonomy appendix.

use std::borrow::Cow;

use super::table::{OfFormat, table};
use super::{Routing, channels, derived};
use crate::model::fields::{Canon, Fields};

/// Stands for the formats that a definition declares: one gate is for all of them.
pub(super) const DECLARED: &str = "declared";

/// Formats that records can have: names of `format::FORMATS`, and [`DECLARED`]. A test holds the two lists equal.
pub(super) const FORMATS: &[&str] = &[
    "access",
    "auditd",
    "azure",
    "azure_flow",
    "bind",
    "cef",
    "checkpoint",
    "cloudtrail",
    "container",
    "csv",
    DECLARED,
    "evtx",
    "evtxecmd",
    "gcp",
    "goanywhere",
    "journald",
    "json",
    "kv",
    "leef",
    "m365",
    "mixed",
    "squid",
    "syslog3164",
    "syslog5424",
    "text",
    "utmp",
    "vpcflow",
    "w3c",
    "windows_dns",
    "windows_json",
    "windows_xml",
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
    pub(super) products: &'static [&'static str],
    /// Products of the record that its message holds, or of a program that writes into it.
    pub(super) inside: &'static [&'static str],
    pub(super) categories: Vec<&'static str>,
    pub(super) services: Vec<Cow<'a, str>>,
}

/// Products that a format may hold.
fn products(format: &str) -> &'static [&'static str] {
    table().format(format).map_or(&[], |of| &of.products)
}

/// Whether a rule can apply to any record of a format. May say yes too often, never no.
pub(super) fn possible(routing: &Routing, format: &str, rule: &Logsource) -> bool {
    match routing {
        Routing::Any => true,
        Routing::Forced { .. } => applies(routing, rule, &Facts::default()),
        Routing::Auto => {
            may_be(format, rule) || is_carrier(format) && CARRIED.iter().any(|inside| may_be(inside, rule))
        }
    }
}

/// Whether a rule can apply to a record of a format for what it says itself.
fn may_be(format: &str, rule: &Logsource) -> bool {
    match format {
        DECLARED => is_bare(rule) || table().declared().any(|of| may_be_of(of, rule)),
        _ => table().format(format).map_or(is_bare(rule), |of| may_be_of(of, rule)),
    }
}

/// Formats that records may have which messages hold. Those of Windows are left out: their rules are many, and are found by the
/// record itself ([`is_gated_apart`]).
const CARRIED: [&str; 13] = [
    "access",
    "auditd",
    "azure",
    "cef",
    "cloudtrail",
    DECLARED,
    "gcp",
    "json",
    "kv",
    "leef",
    "m365",
    "squid",
    "zeek_json",
];

/// Whether messages of a format may hold records of others.
fn is_carrier(format: &str) -> bool {
    matches!(format, "syslog3164" | "syslog5424" | "journald") || format == DECLARED
}

/// Whether the rules for what a message holds are not among those that are searched for in messages.
pub(super) fn is_gated_apart(inside: &str) -> bool {
    is_windows(inside)
}

/// Whether a rule states neither product nor category.
fn is_bare(rule: &Logsource) -> bool {
    rule.product.is_none() && rule.category.is_none()
}

fn may_be_of(of: &OfFormat, rule: &Logsource) -> bool {
    let has = |known: &[&str], word: &str| known.contains(&word);
    let is_told = |category: &str| match &of.categories {
        Some(known) => has(known, category),
        None => channels::may_tell(category),
    };
    rule.product.as_deref().is_none_or(|product| has(&of.products, product))
        && rule.category.as_deref().is_none_or(is_told)
}

/// Texts of which a record must hold one before a rule can apply to it; `None` where there are none.
pub(super) fn needed(routing: &Routing, format: &str, rule: &Logsource) -> Option<Vec<&'static str>> {
    let by_channel = matches!(routing, Routing::Auto) && is_windows(format);
    if by_channel { channels::needed(rule) } else { None }
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
            let is_of = |product| facts.products.contains(&product) || facts.inside.contains(&product);
            rule.product.as_deref().is_none_or(is_of)
                && rule.category.as_deref().is_none_or(|c| facts.categories.contains(&c))
                && rule.service.as_deref().is_none_or(|s| facts.services.iter().any(|known| known == s))
        }
    }
}

/// Whether a format holds Windows events.
pub(super) fn is_windows(format: &str) -> bool {
    matches!(format, "evtx" | "evtxecmd" | "windows_json" | "windows_xml")
}

/// Where fields of a format may lie deeper than rules name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lift {
    /// Nowhere.
    None,
    /// In one object for all properties, or in the value of an object.
    Properties,
    /// Anywhere.
    Deep,
}

impl Lift {
    /// That of a format.
    pub fn of(format: &str) -> Self {
        match format {
            "azure" | "entra_csv" => Self::Properties,
            "kubernetes" => Self::Deep,
            _ => Self::None,
        }
    }

    /// This one, or another where it is none.
    pub fn or(self, other: Self) -> Self {
        if self == Self::None { other } else { self }
    }
}

/// Whether keywords look at the whole text of a record.
pub(super) fn is_unstructured(format: &str) -> bool {
    let is_text =
        matches!(format, "text" | "bind" | "journald" | "syslog3164" | "syslog5424" | "access" | "squid" | "auditd");
    // A declared line gives what its pattern names, and the rest of it only as text.
    is_text || format == DECLARED || !FORMATS.contains(&format)
}

/// Fields that parsers derive from outside of the record (a header, a file name), or whose values they write in other words (a number
/// as a name): no literal can gate on them.
pub(super) fn is_derived(name: &str) -> bool {
    matches!(name, "path" | "service" | "product")
        || WRITTEN.iter().chain(&HEX).any(|written| name.eq_ignore_ascii_case(written))
        || derived::of(name).is_some_and(derived::is_worded)
}

/// Fields that the parser gives to events of Windows' own audit, or writes anew in them.
pub(super) fn is_audited(name: &str) -> bool {
    is_registry_path(name) || WRITTEN.iter().any(|written| name.eq_ignore_ascii_case(written))
}

/// Fields that parsers write in other words.
const WRITTEN: [&str; 4] = ["Initiated", "ProcessId", "ParentProcessId", "syscall"];

/// Fields of Windows events of which exports give the number in decimal digits, where logs and rules have it in hex ones.
const HEX: [&str; 27] = [
    "AccessMask",
    "CallerProcessId",
    "EventSourceId",
    "HandleId",
    "LogonID",
    "NewMaxUsers",
    "NewProcessId",
    "NewShareFlags",
    "NewUacValue",
    "OldMaxUsers",
    "OldShareFlags",
    "OldUacValue",
    "OperationId",
    "ProcessId",
    "PuaPolicyId",
    "ServiceType",
    "SourceHandleId",
    "SourceProcessId",
    "Status",
    "SubStatus",
    "SubjectLogonId",
    "TargetHandleId",
    "TargetLinkedLogonId",
    "TargetLogonId",
    "TargetProcessId",
    "TicketEncryptionType",
    "TicketOptions",
];

/// Whether a parser may join the values of a field from several of the record, at each `\`, and give them a hive of the
/// registry by another name.
pub(super) fn is_registry_path(name: &str) -> bool {
    name.eq_ignore_ascii_case("TargetObject")
}

/// Whether a part of a registry path may be none of the record: it is in the short name of a hive.
pub(super) fn is_of_hive(part: &[u8]) -> bool {
    let part = part.to_ascii_lowercase();
    [&b"hklm"[..], b"hku"].iter().any(|hive| memchr::memmem::find(hive, &part).is_some())
}

/// What a record is, and what the record is that its message holds.
pub(super) fn facts<'a>(format: &str, fields: &'a Fields<'_>) -> Facts<'a> {
    let mut facts = own(format, fields);
    if let Some(inside) = fields.inside.filter(|inside| *inside != format) {
        let more = own(inside, fields);
        facts.inside = more.products;
        facts.categories.extend(more.categories);
        facts.services.extend(more.services);
    }
    facts
}

/// What all records of a format are; `None` where each tells for itself.
pub(super) fn of_all(format: &str) -> Option<Facts<'static>> {
    let none = Fields::default();
    let Facts { products, inside, categories, services } = match format {
        "cloudtrail" => own(format, &none),
        _ => return None,
    };
    let services = services.into_iter().map(|service| Cow::Owned(service.into_owned())).collect();
    Some(Facts { products, inside, categories, services })
}

/// What a record is by its format.
fn own<'a>(format: &str, fields: &'a Fields<'_>) -> Facts<'a> {
    let mut facts = Facts { products: products(format), ..Facts::default() };
    match format {
        "access" => {
            facts.categories.push("webserver");
            facts.services.extend(["access", "apache", "nginx"].map(Cow::from));
        }
        "squid" => facts.categories.push("proxy"),
        "w3c" => {
            let proxy = fields.get(Canon::EventDataset) == Some(b"proxy");
            facts.categories.push(if proxy { "proxy" } else { "webserver" });
            facts.services.push("iis".into());
        }
        "auditd" => audit(fields, &mut facts),
        "cloudtrail" => facts.services.push("cloudtrail".into()),
        "vpcflow" => {
            facts.categories.push("firewall");
            facts.services.push("vpcflow".into());
        }
        "azure" => azure(fields, &mut facts),
        "azure_flow" | "checkpoint" => facts.categories.push("firewall"),
        "gcp" => google(fields, &mut facts),
        "bind" | "windows_dns" => facts.categories.push("dns"),
        "cef" | "leef" => extended(fields, &mut facts),
        "kv" => fortigate(fields, &mut facts),
        "m365" => {
            facts.services.extend(["audit", "exchange"].map(Cow::from));
            if raw(fields, "Workload").is_some_and(|w| w.eq_ignore_ascii_case("SecurityComplianceCenter")) {
                facts.services.extend(["threat_management", "threat_detection"].map(Cow::from));
            }
        }
        "journald" | "syslog3164" | "syslog5424" => syslog(fields, &mut facts),
        "zeek" | "zeek_json" => zeek(fields, &mut facts),
        "csv" | "json" => json(fields, &mut facts),
        _ if is_windows(format) => channels::facts(fields, &mut facts),
        _ => stated(format, fields, &mut facts),
    }
    facts
}

/// What the table states of a format.
fn stated<'a>(format: &str, fields: &'a Fields<'_>, facts: &mut Facts<'a>) {
    if let Some(of) = table().format(format) {
        match &of.categories {
            Some(categories) => facts.categories.extend(categories.iter().copied()),
            None => channels::facts(fields, facts),
        }
        facts.services.extend(of.services.iter().copied().map(Cow::from));
    }
}

pub(super) fn raw<'a>(fields: &'a Fields<'_>, name: &str) -> Option<&'a str> {
    let (_, value, _) = fields.named().find(|(known, _, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
    std::str::from_utf8(value).ok()
}

fn has(fields: &Fields<'_>, name: &str) -> bool {
    fields.named().any(|(known, _, _)| known == name.as_bytes())
}

fn azure(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    // The table of Log Analytics, or the category of a diagnostic setting; Graph's documents have neither.
    let category = raw(fields, "Type").or_else(|| raw(fields, "category")).unwrap_or_default().to_ascii_lowercase();
    let services: &[&str] = match category.as_str() {
        "auditlogs" => &["auditlogs", "pim"],
        name if name.contains("signinlogs") => &["signinlogs"],
        "riskyusers" | "userriskevents" | "aadriskyusers" | "aaduserriskevents" => &["riskdetection"],
        _ if has(fields, "riskEventType") => &["riskdetection"],
        _ if has(fields, "activityDisplayName") => &["auditlogs", "pim"],
        _ if has(fields, "appDisplayName") && has(fields, "userPrincipalName") => &["signinlogs"],
        _ => &["activitylogs"],
    };
    facts.services.extend(services.iter().copied().map(Cow::from));
}

/// Audit records of Google Cloud, and of Workspace in Cloud Logging, where a service tells which application it is.
fn google<'a>(fields: &'a Fields<'_>, facts: &mut Facts<'a>) {
    facts.services.extend(["gcp.audit", "google_workspace.admin"].map(Cow::from));
    let service = fields.text(Canon::EventProvider).and_then(|service| service.strip_suffix(".googleapis.com"));
    let known = service.and_then(|service| APPLICATIONS.iter().find(|known| known.ends_with(service)));
    facts.services.extend(known.copied().map(Cow::from));
}

const APPLICATIONS: [&str; 4] =
    ["google_workspace.login", "google_workspace.drive", "google_workspace.groups", "google_workspace.token"];

/// Audit records; those of a program that was run tell of a process, those of a file that was made of that.
fn audit(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    facts.services.push("auditd".into());
    let tells = |(name, value, _): (&[u8], &[u8], _)| match (name, value) {
        (b"type", b"EXECVE") | (b"syscall" | b"SYSCALL", b"execve" | b"execveat") => Some("process_creation"),
        (b"nametype", b"CREATE") => Some("file_event"),
        _ => None,
    };
    facts.categories.extend(fields.named().filter_map(tells));
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
    if fields
        .text(Canon::EventDataset)
        .is_some_and(|set| matches!(set, "netfilter" | "pfsense.filterlog" | "cisco.asa"))
    {
        facts.categories.push("firewall");
    }
    if has(fields, "cef_version") || has(fields, "leef_version") {
        extended(fields, facts);
    }
    if !program.is_empty() {
        facts.services.push(program.into());
    }
}

/// Common Event Format and its like: what a record tells of shows what wrote it.
fn extended(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    let tells = |canon| fields.get(canon).is_some();
    if tells(Canon::UrlFull) && tells(Canon::HttpMethod) {
        facts.categories.push("proxy");
    } else if tells(Canon::SourceIp) && tells(Canon::DestinationIp) {
        facts.categories.push("firewall");
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
    let (products, service) = wrote(fields);
    facts.products = products;
    if products == ["opencanary"] {
        facts.categories.push("application");
    }
    if products == ["suricata"] && raw(fields, "event_type") == Some("dns") {
        facts.categories.push("dns");
    }
    let asks = |canon| fields.get(canon).is_some();
    if asks(Canon::HttpMethod) && (asks(Canon::UrlPath) || asks(Canon::UrlOriginal) || asks(Canon::UrlFull)) {
        facts.categories.push("webserver");
    }
    if !service.is_empty() {
        facts.services.push(service);
    }
}

/// Which product writes documents or tables with these names, and as which service. SOURCE: the references of the products'
/// audit logs; SigmaHQ, `rules/application`, `rules/cloud` and `rules/identity`.
fn wrote(fields: &Fields<'_>) -> (&'static [&'static str], Cow<'static, str>) {
    // PERF: most documents are of none of these, which a few bits tell without a look at their names for each of ours.
    let marks = fields.named().fold(0, |marks, (name, ..)| marks | mark(name));
    let may_have = |name: &str| marks & mark(name.as_bytes()) != 0;
    let all = |names: &[&str]| names.iter().all(|name| may_have(name) && has(fields, name));
    if may_have("apiVersion") && raw(fields, "apiVersion").is_some_and(|v| v.starts_with("audit.k8s.io")) {
        return (&["kubernetes"], "audit".into());
    }
    if all(&["id.applicationName", "id.time"]) {
        let application = raw(fields, "id.applicationName").unwrap_or_default();
        return (&["gcp", "google_workspace"], format!("google_workspace.{}", application.to_ascii_lowercase()).into());
    }
    let products: [(&[&str], &'static [&'static str], &'static str); 9] = [
        (&["eventType", "published"], &["okta"], "okta"),
        (&["action", "_document_id"], &["github"], "audit"),
        (&["logtype", "node_id"], &["opencanary"], "application"),
        (&["event_type", "flow_id"], &["suricata"], "eve"),
        (&["auditType.action", "auditType.category"], &["bitbucket"], "audit"),
        (&["action", "date_create", "entity.type"], &["slack"], "audit"),
        (&["QUERY_ID", "QUERY_TEXT"], &["snowflake"], "query_history"),
        (&["EVENT_TYPE", "ORGANIZATION_ID"], &["salesforce"], "event_log_file"),
        (&["event_type_id", "account_id"], &["onelogin"], "onelogin.events"),
    ];
    let known = products.into_iter().find(|(names, ..)| all(names));
    known.map_or((&[], "".into()), |(_, products, service)| (products, service.into()))
}

/// One of 64 bits for a name, the same for all its spellings.
fn mark(name: &[u8]) -> u64 {
    let [first, last] = [name.first(), name.last()].map(|byte| u64::from(byte.map_or(0, |byte| byte | 0x20)));
    1 << ((name.len() as u64 + first * 5 + last * 11) % 64)
}

/// Other names of a rule's field, in the order in which they are tried: names of logs, or canonical ones.
pub(super) fn aliases(name: &str) -> &'static [&'static str] {
    table().names(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_exports_give_in_decimal_digits_gate_nothing() {
        let words = include_str!("../format/unnamed.txt").lines().filter(|line| !line.starts_with('#'));
        let mut hex: Vec<&str> =
            words.flat_map(|line| line.split(' ')).filter_map(|name| name.strip_prefix('#')).collect();
        hex.sort_unstable();
        hex.dedup();
        assert_eq!(hex, HEX);
        assert!(hex.iter().all(|name| is_derived(name)) && !is_derived("TargetUserName"));
    }
}
