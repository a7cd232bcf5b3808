//! MISP: events, lists of events, bare attributes.

use serde_json::Value;

use super::{Builder, literal, value};
use crate::model::indicator::{Claim, IndicatorKind};
use crate::model::time::Instant;

/// Reads every attribute with `to_ids`; false if the document is no MISP document.
pub(super) fn read(builder: &mut Builder, json: &Value) -> bool {
    let mut number = 0;
    match json {
        Value::Array(items) => {
            let known = items.iter().any(|item| is_event(item) || item.get("Event").is_some());
            for item in items {
                let event = item.get("Event").unwrap_or(item);
                self::event(builder, event, &mut number);
            }
            known
        }
        Value::Object(map) => {
            if let Some(response) = map.get("response") {
                let attributes = response.get("Attribute").is_some();
                if attributes {
                    event(builder, response, &mut number);
                }
                return attributes || read(builder, response);
            }
            let event = map.get("Event").unwrap_or(json);
            if !is_event(event) {
                return false;
            }
            self::event(builder, event, &mut number);
            true
        }
        _ => false,
    }
}

fn is_event(json: &Value) -> bool {
    ["Attribute", "Object"].iter().any(|key| json.get(key).is_some_and(Value::is_array))
        || json.get("info").is_some() && json.get("threat_level_id").is_some()
}

fn event(builder: &mut Builder, event: &Value, number: &mut u64) {
    let labels = tags(event);
    let items = |json: &Value, key: &str| json.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for attribute in items(event, "Attribute") {
        *number += 1;
        self::attribute(builder, &attribute, &labels, *number);
    }
    for object in items(event, "Object") {
        if object.get("deleted").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        for attribute in items(&object, "Attribute") {
            *number += 1;
            self::attribute(builder, &attribute, &labels, *number);
        }
    }
}

fn tags(json: &Value) -> Vec<Box<str>> {
    let list = json.get("Tag").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|tag| tag.get("name").and_then(Value::as_str)).map(Box::from).collect()
}

fn attribute(builder: &mut Builder, attribute: &Value, event_labels: &[Box<str>], number: u64) {
    let text = |key: &str| attribute.get(key).and_then(Value::as_str);
    let flag = |key: &str| match attribute.get(key) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(flag)) => flag == "1" || flag == "true",
        Some(Value::Number(flag)) => flag.as_u64() == Some(1),
        _ => false,
    };
    let (Some(word), Some(raw)) = (text("type"), text("value").or_else(|| text("value1"))) else { return };
    if flag("deleted") {
        return builder.refuse(number, raw, "deleted");
    }
    if !flag("to_ids") {
        return builder.refuse(number, raw, "not marked for detection (to_ids)");
    }
    let mut labels = event_labels.to_vec();
    labels.extend(tags(attribute));
    labels.sort();
    labels.dedup();
    let time = |key: &str| text(key).and_then(Instant::parse);
    let claim = Claim { labels, valid_from: time("first_seen"), valid_until: None, ..Claim::default() };
    taken(builder, (word, text("object_relation")), raw, (number, claim));
}

/// The kind of an attribute whose type names it; of some, names below do not match.
fn named(word: &str) -> Option<(IndicatorKind, bool)> {
    Some(match word {
        "ip-src" | "ip-dst" | "ip-src|port" | "ip-dst|port" => (IndicatorKind::Cidr, false),
        "domain" | "onion-address" => (IndicatorKind::Domain, false),
        "hostname" | "hostname|port" => (IndicatorKind::Domain, true),
        "url" | "uri" | "link" => (IndicatorKind::Url, false),
        "email" | "email-src" | "email-dst" | "target-email" => (IndicatorKind::Email, false),
        "user-agent" => (IndicatorKind::UserAgent, false),
        "filename" => (IndicatorKind::FileName, false),
        // Beside the key its data: both must be met.
        "regkey|value" => (IndicatorKind::RegistryKey, false),
        "vulnerability" | "regkey" | "mutex" | "named pipe" | "btc" | "xmr" | "dash" => {
            (literal::kind_named(word)?, false)
        }
        _ => return None,
    })
}

/// Types whose value is a digest.
const DIGESTS: &[&str] = &[
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "imphash",
    "ja3-fingerprint-md5",
    "hassh-md5",
    "hasshserver-md5",
    "x509-fingerprint-md5",
    "x509-fingerprint-sha1",
    "x509-fingerprint-sha256",
    "authentihash",
    "pehash",
    "sha512/256",
    "sha512/224",
];

/// Takes the value of an attribute of this type, or of this relation to its object.
pub(super) fn taken(
    builder: &mut Builder,
    (word, relation): (&str, Option<&str>),
    raw: &str,
    (number, claim): (u64, Claim),
) {
    let mut take = |kind, raw: &str, exact| builder.take(kind, raw, number, exact, claim.clone());
    let (left, right) = raw.split_once('|').unwrap_or((raw, ""));
    let digest = |text: &str| value::guess(text).filter(|kind| kind.is_digest());
    if let Some((kind, exact)) = named(word) {
        return take(kind, if word.ends_with("|port") { left } else { raw }, exact);
    }
    match word {
        "domain|ip" => {
            take(IndicatorKind::Domain, left, false);
            take(IndicatorKind::Cidr, right, false);
        }
        "stix2-pattern" => match super::pattern::for_logs(raw.trim()) {
            Ok(_) => take(IndicatorKind::Pattern, raw, false),
            Err(reason) => builder.refuse(number, raw, &reason),
        },
        // MISP has no type for these; objects name them.
        _ if relation.is_some_and(|relation| relation.starts_with("ja4")) => take(IndicatorKind::Ja4, raw, false),
        _ if DIGESTS.contains(&word) => match digest(raw) {
            Some(kind) => take(kind, raw, false),
            None => builder.refuse(number, raw, "not a digest of the stated kind"),
        },
        _ => match digest(right).filter(|_| word.starts_with("filename|")) {
            Some(kind) => take(kind, right, false),
            None => builder.refuse(number, raw, "attribute type not supported yet"),
        },
    }
}
