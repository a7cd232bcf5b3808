//! What the user tells us (`--scopes FILE`): whose systems, clocks, what is sanctioned, what was promised.

use serde::{Deserialize, Serialize};

/// The scopes file, TOML or the same as JSON. Unknown keys are an error, so that a typing mistake is not ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scopes {
    /// Zone of logs that carry none (IANA name or offset).
    pub timezone: Option<String>,
    /// Networks that are inside, beside those of the scopes; they make no record anybody's.
    pub own: Vec<String>,
    /// Tenants.
    pub scope: Vec<Scope>,
    /// Inventory.
    pub host: Vec<Host>,
    /// Clocks of single hosts or files.
    pub zone: Vec<Zone>,
    /// What may carry data out.
    pub sanctioned: Vec<Sanctioned>,
    /// Logs that were promised.
    pub expect: Vec<Expect>,
    /// What is known from outside the logs.
    pub fact: Vec<Fact>,
    /// When it was noticed and contained.
    pub incident: Incident,
}

/// One tenant. All keys but `name` are optional.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Name in output.
    pub name: String,
    /// Name for people.
    pub title: Option<String>,
    /// A service that several scopes use.
    pub shared: bool,
    /// Scopes for which this one acts.
    pub processor_of: Vec<String>,
    /// Networks; these are also the own networks, everything else is outside.
    pub cidr: Vec<String>,
    /// Globs over host names.
    pub hosts: Vec<String>,
    /// Account domains.
    pub accounts: Vec<String>,
    /// Globs over virtual hosts.
    pub vhosts: Vec<String>,
    /// Globs over source locators.
    pub paths: Vec<String>,
    /// Buckets, containers, shares.
    pub buckets: Vec<String>,
    /// Mail domains.
    pub mail: Vec<String>,
}

/// One host of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Its addresses.
    pub ip: Vec<String>,
    /// The scope it belongs to.
    pub scope: Option<String>,
    /// What it does.
    pub role: Option<String>,
}

/// A clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Zone {
    /// Hosts whose logs it concerns.
    pub hosts: Vec<String>,
    /// Globs over source locators.
    pub paths: Vec<String>,
    /// IANA name or offset.
    pub timezone: String,
}

/// What may carry data out. All keys given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sanctioned {
    /// Domains (with what is below them), addresses or networks.
    pub destination: Vec<String>,
    /// Accounts.
    pub account: Vec<String>,
    /// Hosts (globs) or their addresses.
    pub host: Vec<String>,
    /// Tools, as a part of the user agent or process name.
    pub tool: Vec<String>,
    /// From (RFC 3339 or date).
    pub from: Option<String>,
    /// To (RFC 3339 or date, the whole day included).
    pub to: Option<String>,
    /// Up to this many bytes.
    pub max_bytes: Option<u64>,
    /// Why.
    pub why: String,
    /// Who approved it.
    pub approved_by: Option<String>,
}

/// A log that was promised.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Whose.
    pub scope: Option<String>,
    /// Kind of log (`proxy`, `firewall`, `web`, `dns`, `flow`, `cloud`, `mail`, `windows`, …).
    pub source: String,
    /// From (RFC 3339 or date).
    pub from: Option<String>,
    /// To (RFC 3339 or date, the whole day included).
    pub to: Option<String>,
}

/// What is known from outside the logs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fact {
    /// Whose.
    pub scope: Option<String>,
    /// What.
    pub text: String,
    /// When.
    pub time: Option<String>,
    /// Who says so.
    pub source: Option<String>,
    /// Digest of the document.
    pub digest: Option<String>,
}

/// When it was noticed and contained.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Incident {
    /// When it was noticed (RFC 3339).
    pub aware: Option<String>,
    /// When it was contained (RFC 3339).
    pub contained: Option<String>,
}
