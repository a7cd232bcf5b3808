//! Every exported ECS document against the field list of ECS itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use exfiltrace::model::time::Instant;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::exported;

#[derive(Deserialize)]
struct Field {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    normalize: Vec<String>,
    #[serde(default)]
    allowed_values: Vec<Allowed>,
    #[serde(default)]
    expected_values: Vec<String>,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
struct Allowed {
    name: String,
    #[serde(default)]
    expected_event_types: Vec<String>,
}

type Fields = BTreeMap<String, Field>;

fn fields() -> Option<Fields> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/schemas/ecs_flat-9.4.0.yml"));
    if !path.exists() {
        println!("skipped: no ../shared/schemas");
        return None;
    }
    Some(serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

/// What is wrong with a document whose keys are dotted.
fn errors(fields: &Fields, document: &Map<String, Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, _) in fields.iter().filter(|(name, f)| f.required && !document.contains_key(*name)) {
        wrong.push(format!("{name} is missing"));
    }
    document.iter().for_each(|(name, value)| check(fields, name, value, &mut wrong));
    let list = |name: &str| document.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for category in list("event.category") {
        let allowed = fields["event.category"].allowed_values.iter().find(|a| category == a.name.as_str());
        let expected = allowed.map(|a| a.expected_event_types.clone()).unwrap_or_default();
        for kind in list("event.type") {
            if !expected.iter().any(|e| kind == e.as_str()) {
                wrong.push(format!("event.type {kind} is not expected in category {category}"));
            }
        }
    }
    wrong
}

fn check(fields: &Fields, name: &str, value: &Value, wrong: &mut Vec<String>) {
    if name.starts_with("exfiltrace.") {
        return;
    }
    let Some(field) = fields.get(name) else {
        match value.as_object() {
            Some(inner) if fields.keys().any(|k| k.starts_with(&format!("{name}."))) => {
                members(fields, name, inner, wrong)
            }
            _ => wrong.push(format!("{name} is no field of ECS")),
        }
        return;
    };
    match (field.kind.as_str(), value) {
        ("nested", Value::Array(items)) => {
            for item in items {
                match item.as_object() {
                    Some(inner) => members(fields, name, inner, wrong),
                    None => wrong.push(format!("{name} holds something else than objects")),
                }
            }
        }
        ("object", Value::Object(inner)) => members(fields, name, inner, wrong),
        ("nested" | "object", _) => wrong.push(format!("{name} is of the wrong shape")),
        (_, Value::Array(items)) if field.normalize.iter().any(|n| n == "array") => {
            items.iter().for_each(|item| scalar(field, name, item, wrong));
        }
        _ if field.normalize.iter().any(|n| n == "array") => wrong.push(format!("{name} is no array")),
        _ => scalar(field, name, value, wrong),
    }
}

fn members(fields: &Fields, name: &str, inner: &Map<String, Value>, wrong: &mut Vec<String>) {
    inner.iter().for_each(|(key, value)| check(fields, &format!("{name}.{key}"), value, wrong));
}

fn scalar(field: &Field, name: &str, value: &Value, wrong: &mut Vec<String>) {
    let text = value.as_str();
    let fits = match field.kind.as_str() {
        "keyword" | "wildcard" | "match_only_text" | "constant_keyword" => text.is_some(),
        "ip" => text.is_some_and(|t| t.parse::<IpAddr>().is_ok()),
        "date" => text.is_some_and(|t| Instant::parse(t).is_some()),
        "long" | "integer" => value.is_i64(),
        "float" | "double" | "scaled_float" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => false,
    };
    if !fits {
        wrong.push(format!("{name} is not of type {}: {value}", field.kind));
    }
    let named: Vec<&str> = field
        .allowed_values
        .iter()
        .map(|a| a.name.as_str())
        .chain(field.expected_values.iter().map(String::as_str))
        .collect();
    if !named.is_empty() && !text.is_some_and(|t| named.contains(&t)) {
        wrong.push(format!("{name} is {value}, not one of {named:?}"));
    }
}

fn documents() -> Vec<Map<String, Value>> {
    exported("ecs").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_field_is_of_ecs_with_its_type_and_values_and_bad_documents_are_refused() {
    let Some(fields) = fields() else { return };
    let documents = documents();
    assert_eq!(documents.len(), 17);
    for document in &documents {
        let wrong = errors(&fields, document);
        assert!(wrong.is_empty(), "{wrong:#?}\n{document:#?}");
    }
    let good = &documents[0];
    for (name, value) in [
        ("no_such_field", json!(1)),
        ("event.kind", json!("finding")),
        ("event.type", json!(["protocol"])),
        ("event.category", json!("network")),
        ("event.severity", json!("73")),
        ("event.start", json!("yesterday")),
        ("related.ip", json!(["a.example"])),
        ("threat.technique.id", json!("T1567")),
        ("threat.enrichments", json!([{ "indicator": { "type": "domain" } }])),
        ("threat.enrichments", json!([{ "matched": { "value": "x" } }])),
        ("threat.enrichments", json!({ "matched": { "atomic": "x" } })),
    ] {
        let mut bad = good.clone();
        bad.insert(name.to_owned(), value.clone());
        assert!(!errors(&fields, &bad).is_empty(), "{name}: {value} passes");
    }
    let mut bad = good.clone();
    bad.remove("@timestamp");
    assert!(!errors(&fields, &bad).is_empty(), "a document without a time passes");
}

#[test]
fn a_matched_field_holds_the_matched_value_and_no_excerpt_is_called_original() {
    let mut seen = 0;
    for document in documents() {
        assert!(!document.contains_key("event.original"));
        for e in document.get("threat.enrichments").and_then(Value::as_array).into_iter().flatten() {
            let (field, atomic) = (e["matched"]["field"].as_str().unwrap(), &e["matched"]["atomic"]);
            let held = match field {
                "exfiltrace.indicator.value" => document["exfiltrace.indicator"]["value"] == *atomic,
                field => document[field].as_array().unwrap().contains(atomic),
            };
            assert!(held, "{field} does not hold {atomic}");
            seen += 1;
        }
    }
    assert_eq!(seen, 12);
}
