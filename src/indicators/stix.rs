//! STIX 2 bundles. A pattern that is a list of equalities is taken apart into its values; any other is held against
//! records, where it can be.

use serde_json::Value;

use super::{Builder, value};
use crate::model::indicator::{Claim, IndicatorKind};
use crate::model::time::Instant;

/// True for one STIX object, or a list of them, outside of a bundle.
pub(super) fn is_object(json: &Value) -> bool {
    let object = |json: &Value| {
        let id = json.get("id").and_then(Value::as_str).unwrap_or("");
        json.get("type").and_then(Value::as_str).is_some_and(|word| id.starts_with(&format!("{word}--")))
    };
    object(json) || json.as_array().is_some_and(|list| list.iter().any(object))
}

/// True for what a server of TAXII 2.1 answers: objects, and whether it has more of them.
pub(super) fn is_envelope(json: &Value) -> bool {
    json.get("objects").is_some_and(|list| is_object(list) || list.as_array().is_some_and(Vec::is_empty))
}

/// Reads the indicators of a bundle, of an envelope, of a list or alone.
pub(super) fn read(builder: &mut Builder, json: &Value) {
    let single = std::slice::from_ref(json);
    let objects = match json.get("objects").and_then(Value::as_array) {
        Some(objects) => objects.as_slice(),
        None => json.as_array().map_or(single, Vec::as_slice),
    };
    for (number, object) in (1u64..).zip(objects) {
        if object.get("type").and_then(Value::as_str) == Some("indicator") {
            indicator(builder, object, objects, number);
        }
    }
    if json.get("more").and_then(Value::as_bool) == Some(true) {
        let next = json.get("next").and_then(Value::as_str).unwrap_or("");
        builder.refuse(
            objects.len() as u64 + 1,
            next,
            "the envelope is one page: its server has more objects (`more`)",
        );
    }
}

fn indicator(builder: &mut Builder, object: &Value, objects: &[Value], number: u64) {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let Some(pattern) = text("pattern") else { return builder.refuse(number, "", "indicator without a pattern") };
    if object.get("revoked").and_then(Value::as_bool) == Some(true) {
        return builder.refuse(number, pattern, "revoked");
    }
    if text("pattern_type").is_some_and(|word| word != "stix") {
        return builder.refuse(number, pattern, "pattern type not supported yet");
    }
    let mut labels: Vec<Box<str>> = Vec::new();
    for key in ["labels", "indicator_types"] {
        let list = object.get(key).and_then(Value::as_array).into_iter().flatten();
        labels.extend(list.filter_map(Value::as_str).map(Box::from));
    }
    let marks = object.get("object_marking_refs").and_then(Value::as_array).into_iter().flatten();
    labels.extend(marks.filter_map(Value::as_str).filter_map(|id| traffic_light(id, objects)));
    labels.sort();
    labels.dedup();
    let claim = Claim {
        feed: 0,
        confidence: object.get("confidence").and_then(Value::as_u64).filter(|c| *c <= 100).map(|c| c as u8),
        valid_from: text("valid_from").and_then(Instant::parse),
        valid_until: text("valid_until").and_then(Instant::parse),
        labels,
    };
    let atoms = parse(pattern).unwrap_or_default();
    let kinds: Option<Vec<(IndicatorKind, bool)>> = atoms.iter().map(|(path, v)| kind(path, v)).collect();
    match kinds.filter(|kinds| !kinds.is_empty()) {
        Some(kinds) => {
            for ((kind, exact_only), (_, raw)) in kinds.into_iter().zip(&atoms) {
                builder.take(kind, raw, number, exact_only, claim.clone());
            }
        }
        None => match super::pattern::for_logs(pattern.trim()) {
            Ok(_) => builder.take(IndicatorKind::Pattern, pattern, number, false, claim),
            Err(reason) => builder.refuse(number, pattern, &reason),
        },
    }
}

fn traffic_light(id: &str, objects: &[Value]) -> Option<Box<str>> {
    let known = match id {
        "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9" => Some("tlp:white"),
        "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da" => Some("tlp:green"),
        "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82" => Some("tlp:amber"),
        "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed" => Some("tlp:red"),
        _ => None,
    };
    let stated = || {
        let object = objects.iter().find(|object| object.get("id").and_then(Value::as_str) == Some(id))?;
        let word = object.get("definition")?.get("tlp")?.as_str()?;
        Some(format!("tlp:{}", word.to_ascii_lowercase()).into())
    };
    known.map(Box::from).or_else(stated)
}

/// The kind of a path, and whether names below do not match.
fn kind(path: &str, raw: &str) -> Option<(IndicatorKind, bool)> {
    let path = path.to_ascii_lowercase().replace(['\'', '"'], "");
    Some(match path.as_str() {
        "ipv4-addr:value" | "ipv6-addr:value" | "network-traffic:dst_ref.value" | "network-traffic:src_ref.value" => {
            (IndicatorKind::Cidr, false)
        }
        "domain-name:value" => (IndicatorKind::Domain, true),
        "url:value" => (IndicatorKind::Url, false),
        "email-addr:value" | "email-message:from_ref.value" | "email-message:sender_ref.value" => {
            (IndicatorKind::Email, false)
        }
        "file:name" | "process:name" => (IndicatorKind::FileName, false),
        "file:path" => (IndicatorKind::FilePath, false),
        "windows-registry-key:key" | "win-registry-key:key" => (IndicatorKind::RegistryKey, false),
        "mutex:name" => (IndicatorKind::Mutex, false),
        "cryptocurrency-wallet:address" | "cryptocurrency-wallet:value" => (IndicatorKind::Wallet, false),
        "network-traffic:extensions.http-request-ext.request_header.user-agent" => (IndicatorKind::UserAgent, false),
        _ if path.starts_with("file:hashes") || path.starts_with("x509-certificate:hashes") => {
            (value::guess(raw).filter(|kind| kind.is_digest())?, false)
        }
        _ => return None,
    })
}

/// The (path, value) pairs of a pattern of equalities joined by OR; `None` for anything else.
fn parse(pattern: &str) -> Option<Vec<(String, String)>> {
    let mut rest = pattern.trim();
    let mut atoms = Vec::new();
    let mut inside = false;
    loop {
        rest = rest.trim_start();
        if !inside {
            rest = rest.strip_prefix('[')?.trim_start();
            inside = true;
        }
        rest = comparison(rest, &mut atoms)?.trim_start();
        if let Some(after) = rest.strip_prefix(']') {
            inside = false;
            rest = after.trim_start();
            if rest.is_empty() {
                return Some(atoms);
            }
        }
        rest = rest.strip_prefix("OR").filter(|r| r.starts_with([' ', '[', '\n', '\t', '\r']))?;
    }
}

fn comparison<'p>(text: &'p str, atoms: &mut Vec<(String, String)>) -> Option<&'p str> {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '\'';
        !quoted && (c.is_whitespace() || matches!(c, '=' | '!' | '<' | '>' | '[' | ']'))
    })?;
    let (path, rest) = text.split_at(end);
    let rest = rest.trim_start();
    if let Some(rest) = rest.strip_prefix('=') {
        let (value, rest) = string(rest.trim_start())?;
        atoms.push((path.to_owned(), value));
        return Some(rest);
    }
    let mut rest = rest.strip_prefix("IN")?.trim_start().strip_prefix('(')?;
    loop {
        let (value, after) = string(rest.trim_start())?;
        atoms.push((path.to_owned(), value));
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.strip_prefix(')'),
        }
    }
}

/// A quoted string with `\'` and `\\`.
fn string(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('\'')?;
    let mut made = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((made, &body[at + 1..])),
            '\\' => made.push(chars.next()?.1),
            c => made.push(c),
        }
    }
    None
}
