//! Which log sources the channels and event numbers of Windows stand for.
//!
//! The names stand in `mapping.yml`.

use std::borrow::Cow;

use super::routing::{Facts, Logsource, raw};
use super::table::table;
use crate::model::fields::{Canon, Fields};

/// What an event of Windows is, by its channel and number.
pub(super) fn facts(fields: &Fields<'_>, facts: &mut Facts<'_>) {
    let channel = raw(fields, "Channel").unwrap_or_default().to_ascii_lowercase();
    let id =
        raw(fields, "EventID").or_else(|| fields.text(Canon::EventCode)).and_then(|id| id.parse().ok()).unwrap_or(0);
    match channel.as_str() {
        // What it is, the event does not tell.
        "" => {}
        "linux-sysmon/operational" => facts.products = &["linux"],
        "rpcfw" => facts.products = &["windows", "rpc_firewall"],
        _ => facts.products = &["windows"],
    }
    let table = table();
    facts.services.extend(table.services(&channel).iter().map(|service| Cow::from(*service)));
    facts.categories.extend(table.categories(&channel, id));
    if channel == SYSMON && id == 12 {
        let mut named = fields.named();
        let stated = named.find(|(name, ..)| name.eq_ignore_ascii_case(EVENT_TYPE.as_bytes()));
        let added = stated.is_some_and(|(_, value, _)| is_creation(value));
        facts.categories.push(REGISTRY[usize::from(!added)]);
    }
}

/// Whether the [`EVENT_TYPE`] of a registry event says that a key was made.
pub(super) fn is_creation(event_type: &[u8]) -> bool {
    event_type.starts_with(b"Create")
}

/// Whether some event of some channel is of a category.
pub(super) fn may_tell(category: &str) -> bool {
    REGISTRY.contains(&category) || table().is_of_events(category)
}

/// The channels of which an event must name one before a rule can apply to it; `None` where the rule states no source
/// or one that no channel stands for.
pub(super) fn needed(rule: &Logsource) -> Option<Vec<&'static str>> {
    let mut channels = match (rule.service.as_deref(), rule.category.as_deref()) {
        (Some(service), _) => table().channels_of_service(service),
        (None, Some(category)) if REGISTRY.contains(&category) => vec![SYSMON],
        (None, Some(category)) => table().channels_of_category(category),
        (None, None) => return None,
    };
    channels.sort_unstable();
    channels.dedup();
    (!channels.is_empty()).then_some(channels)
}

/// What registry events of one number are, of which a key was made and of which one was removed.
const REGISTRY: [&str; 2] = ["registry_add", "registry_delete"];
/// The field that tells registry events of one number apart.
pub(super) const EVENT_TYPE: &str = "EventType";
const SYSMON: &str = "microsoft-windows-sysmon/operational";
