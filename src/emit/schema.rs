//! The JSON Schemas (draft 2020-12) of the files of a case, of the scopes file, of the catalogue, of the survey and of what
//! `coverage --json` prints.

/// Name and text of each schema.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("verdict", include_str!("schema/verdict.schema.json")),
    ("finding", include_str!("schema/finding.schema.json")),
    ("transfer", include_str!("schema/transfer.schema.json")),
    ("coverage", include_str!("schema/coverage.schema.json")),
    ("ledger", include_str!("schema/ledger.schema.json")),
    ("manifest", include_str!("schema/manifest.schema.json")),
    ("state", include_str!("schema/state.schema.json")),
    ("scopes", include_str!("schema/scopes.schema.json")),
    ("catalogue", include_str!("schema/catalogue.schema.json")),
    ("survey", include_str!("schema/survey.schema.json")),
    ("preparedness", include_str!("schema/preparedness.schema.json")),
];

/// The schema of this name.
pub fn schema(name: &str) -> Option<&'static str> {
    SCHEMAS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}
