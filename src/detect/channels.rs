//! Which log sources the channels and event numbers of Windows stand for.
//!
//! SOURCE: the logsource names that SigmaHQ uses.

use std::borrow::Cow;

use super::routing::{Facts, Logsource, raw};
use crate::model::fields::{Canon, Fields};

/// What an event of Windows is, by its channel and number.
pub(super) fn facts(fields: &Fields<'_>, facts: &mut Facts<'_>) {
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

/// The channels of which an event must name one before a rule can apply to it; `None` where the rule states no source
/// or one that no channel stands for.
pub(super) fn needed(rule: &Logsource) -> Option<Vec<&'static str>> {
    let mut channels: Vec<&str> = match (rule.service.as_deref(), rule.category.as_deref()) {
        (Some(service), _) => SERVICES.iter().filter(|(_, known)| *known == service).map(|(name, _)| *name).collect(),
        (None, Some("registry_add" | "registry_delete")) => vec![SYSMON],
        (None, Some(category)) => {
            CATEGORIES.iter().filter(|(.., known)| known.contains(&category)).map(|(name, ..)| *name).collect()
        }
        (None, None) => return None,
    };
    channels.sort_unstable();
    channels.dedup();
    (!channels.is_empty()).then_some(channels)
}

const SYSMON: &str = "microsoft-windows-sysmon/operational";
const DEFENDER: &str = "microsoft-windows-windows defender/operational";

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
    (DEFENDER, "windefend"),
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
    (DEFENDER, 1006, &["antivirus"]),
    (DEFENDER, 1007, &["antivirus"]),
    (DEFENDER, 1008, &["antivirus"]),
    (DEFENDER, 1009, &["antivirus"]),
    (DEFENDER, 1010, &["antivirus"]),
    (DEFENDER, 1011, &["antivirus"]),
    (DEFENDER, 1012, &["antivirus"]),
    (DEFENDER, 1013, &["antivirus"]),
    (DEFENDER, 1014, &["antivirus"]),
    (DEFENDER, 1015, &["antivirus"]),
    (DEFENDER, 1016, &["antivirus"]),
    (DEFENDER, 1017, &["antivirus"]),
    (DEFENDER, 1018, &["antivirus"]),
    (DEFENDER, 1019, &["antivirus"]),
    (DEFENDER, 1115, &["antivirus"]),
    (DEFENDER, 1116, &["antivirus"]),
    (DEFENDER, 1117, &["antivirus"]),
    (DEFENDER, 1118, &["antivirus"]),
    (DEFENDER, 1119, &["antivirus"]),
];
