"""Validates exported documents: OCSF by JSON Schema, ECS by its flat field list. Planted bad documents must fail."""
import copy
import json
import sys

import jsonschema
import yaml

shared, ecs_file, ocsf_file = sys.argv[1:]
classes = {2004: "detection_finding", 2005: "incident_finding", 2006: "data_security_finding"}
validators = {}
for uid, name in classes.items():
    with open(f"{shared}/{name}.schema.json") as handle:
        schema = json.load(handle)
    validators[uid] = jsonschema.validators.validator_for(schema)(schema)
with open(f"{shared}/ecs_flat-9.4.0.yml") as handle:
    ecs = yaml.load(handle, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

SCALARS = {"keyword", "wildcard", "text", "match_only_text", "constant_keyword", "ip", "date"}
NUMBERS = {"long", "float", "integer", "scaled_float"}


def ocsf_errors(document):
    return [error.message for error in validators[document["class_uid"]].iter_errors(document)]


def ecs_errors(document):
    errors = [name for name in ("@timestamp", "ecs.version") if not present(document, name)]
    walk("", document, errors)
    return errors


def present(document, name):
    if name in document:
        return True
    head, _, rest = name.partition(".")
    return isinstance(document.get(head), dict) and present(document[head], rest)


def walk(prefix, value, errors):
    if prefix.startswith(("exfiltrace", "labels")):
        return
    field = ecs.get(prefix)
    if field and field["type"] in ("object", "flattened"):
        return
    if isinstance(value, dict) and (not field or field["type"] == "nested"):
        for key, inner in value.items():
            walk(f"{prefix}.{key}" if prefix else key, inner, errors)
        return
    if isinstance(value, list):
        for inner in value:
            walk(prefix, inner, errors)
        return
    if not field:
        errors.append(f"{prefix} is no field of ECS")
    elif field["type"] in SCALARS and not isinstance(value, str):
        errors.append(f"{prefix} is not text: {value!r}")
    elif field["type"] in NUMBERS and (isinstance(value, bool) or not isinstance(value, (int, float))):
        errors.append(f"{prefix} is not a number: {value!r}")
    elif field.get("allowed_values") and value not in [allowed["name"] for allowed in field["allowed_values"]]:
        errors.append(f"{prefix}: {value!r} is not an allowed value")


def check(name, path, errors_of, spoil):
    with open(path) as handle:
        documents = [json.loads(line) for line in handle]
    assert documents, f"{path} is empty"
    for number, document in enumerate(documents, 1):
        errors = errors_of(document)
        assert not errors, f"{path}:{number}: {errors[:5]}"
    bad = copy.deepcopy(documents[0])
    spoil(bad)
    assert errors_of(bad), f"the planted bad {name} document passes"
    print(f"{name}: {len(documents)} documents pass, a planted bad one does not")


check("ocsf", ocsf_file, ocsf_errors, lambda document: document.pop("finding_info", None) or document.pop("severity_id"))
check("ecs", ecs_file, ecs_errors, lambda document: document.update({"no_such_field": 1}))
