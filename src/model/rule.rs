//! What a rule says of itself, and the words of the field that findings carry.

use serde::{Deserialize, Serialize};

/// Id of the analytic that finds DNS tunnels.
pub const DNS_TUNNEL: &str = "anomaly.dns_tunnel";
/// Id of the analytic that finds beacons.
pub const BEACON: &str = "anomaly.beacon";
/// Id of the analytic that tells of even calls of several hosts to one service.
pub const CALLS_OF_MANY: &str = "anomaly.calls_of_many";
/// Id of the analytic that tells of names that look like data, for which several clients ask below one domain.
pub const NAMES_OF_MANY: &str = "anomaly.names_of_many";

/// Id of the analytic that finds connections that are held open for long.
pub const LONG_CONNECTION: &str = "anomaly.long_connection";
/// Id of the analytic that tells of ways out that were refused to a host of which other findings speak.
pub const REFUSED_EXITS: &str = "anomaly.refused_exits";

/// How grave a rule says its finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Context.
    Informational,
    /// Seldom of interest.
    Low,
    /// Worth a look.
    Medium,
    /// Misuse or attack is likely.
    High,
    /// Compromise.
    Critical,
}

impl Level {
    /// The word used in rules and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Where a finding stands in a data compromise (ATT&CK tactics).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A way in.
    InitialAccess,
    /// Code that ran, persistence, privilege: the intruder at work on a host.
    Execution,
    /// Passwords, keys, tokens taken.
    CredentialAccess,
    /// Looking around.
    Discovery,
    /// From host to host.
    LateralMovement,
    /// Talking to the intruder's infrastructure.
    CommandAndControl,
    /// Data read.
    Collection,
    /// Data packed and put in place for the exit.
    Staging,
    /// Data leaving.
    Exfiltration,
    /// Destruction, encryption.
    Impact,
    /// Covering tracks.
    DefenceEvasion,
}

impl Stage {
    /// All stages, in declaration order.
    pub const ALL: [Self; Self::DefenceEvasion as usize + 1] = [
        Self::InitialAccess,
        Self::Execution,
        Self::CredentialAccess,
        Self::Discovery,
        Self::LateralMovement,
        Self::CommandAndControl,
        Self::Collection,
        Self::Staging,
        Self::Exfiltration,
        Self::Impact,
        Self::DefenceEvasion,
    ];
}

/// A way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Route {
    /// POST or PUT to a web server outside.
    HttpsUpload,
    /// Object stores and sync services outside.
    CloudStorage,
    /// Downloads from a service of the organisation by an outside session.
    SaasDownload,
    /// Answers of the organisation's own web servers to an outside client.
    WebResponse,
    /// Names and answers of DNS.
    DnsTunnel,
    /// SFTP, SCP, FTP.
    SftpFtp,
    /// Mail.
    Email,
    /// Windows file sharing.
    Smb,
    /// Removable media.
    Usb,
    /// A database dumped or read in bulk.
    DbDump,
    /// An API of the organisation.
    Api,
    /// Remote-access tools and VPN sessions.
    RemoteAccess,
    /// Recordings, voicemail, call data.
    PhoneSystem,
    /// Bytes in a flow or firewall log whose protocol is not known.
    Network,
}

impl Route {
    /// All routes that this version knows, in declaration order.
    pub const ALL: [Self; Self::Network as usize + 1] = [
        Self::HttpsUpload,
        Self::CloudStorage,
        Self::SaasDownload,
        Self::WebResponse,
        Self::DnsTunnel,
        Self::SftpFtp,
        Self::Email,
        Self::Smb,
        Self::Usb,
        Self::DbDump,
        Self::Api,
        Self::RemoteAccess,
        Self::PhoneSystem,
        Self::Network,
    ];

    /// The word used in rules and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::HttpsUpload => "https_upload",
            Self::CloudStorage => "cloud_storage",
            Self::SaasDownload => "saas_download",
            Self::WebResponse => "web_response",
            Self::DnsTunnel => "dns_tunnel",
            Self::SftpFtp => "sftp_ftp",
            Self::Email => "email",
            Self::Smb => "smb",
            Self::Usb => "usb",
            Self::DbDump => "db_dump",
            Self::Api => "api",
            Self::RemoteAccess => "remote_access",
            Self::PhoneSystem => "phone_system",
            Self::Network => "network",
        }
    }
}

/// What the response side says of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It worked.
    Succeeded,
    /// It was refused, blocked or failed.
    Failed,
    /// The record does not say.
    #[default]
    Unknown,
}

impl Outcome {
    /// All outcomes, in declaration order.
    pub const ALL: [Self; Self::Unknown as usize + 1] = [Self::Succeeded, Self::Failed, Self::Unknown];
}

/// A filter that was loaded: a document that narrows rules written by others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Narrowing {
    /// Its file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// Its title.
    pub title: String,
    /// How many rules match only where it holds too; 0 where it is for none that is loaded.
    pub rules: u64,
    /// Whether it has a `not`. Without one, the rules match only what it describes.
    pub excludes: bool,
}

/// How many of the rules and correlations that could be loaded were left out because the user wished so, by the wish. One that
/// several wishes leave out counts for the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOut {
    /// Named by id, name or file.
    pub excluded: u64,
    /// Of another status.
    pub status: u64,
    /// Of a lesser level.
    pub level: u64,
    /// Without any of the tags.
    pub tag: u64,
    /// Those among them that are evaluated all the same, because a correlation counts on them; their hits are no findings.
    pub members: u64,
}

impl LeftOut {
    /// All of them.
    pub fn total(self) -> u64 {
        self.excluded + self.status + self.level + self.tag
    }
}

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleMeta {
    /// Stable id (the rule's `id`, else its `name`, else its title).
    pub id: String,
    /// Title.
    pub title: String,
    /// Level; a rule without one counts as medium, as SigmaHQ's tools do.
    pub level: Level,
    /// Stages, sorted, from its `attack.` tags and the pack's own `exfiltrace.stage` key.
    pub stage: Vec<Stage>,
    /// ATT&CK technique ids, sorted, upper case.
    pub attack: Vec<String>,
    /// The route that it speaks of.
    pub route: Option<Route>,
    /// Who wrote it.
    pub author: Option<String>,
    /// File it came from (`builtin:<path>` for the embedded pack).
    pub file: String,
}
