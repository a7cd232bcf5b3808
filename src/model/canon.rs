//! The canonical fields, by which records of all formats are asked.

/// A canonical field (ECS name). A closed set: what tallies, indicators, scopes and the judge ask for.
macro_rules! canon {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A canonical field, named as in the Elastic Common Schema.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Canon { $($(#[$doc])* $variant,)* }

        impl Canon {
            /// All canonical fields, in declaration order.
            pub const ALL: &'static [Canon] = &[$(Canon::$variant,)*];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The ECS name.
            pub fn name(self) -> &'static str {
                match self { $(Canon::$variant => $name,)* }
            }
        }
    };
}

canon! {
    /// Address of who opened the conversation.
    SourceIp = "source.ip",
    /// Port of who opened the conversation.
    SourcePort = "source.port",
    /// Address that a VPN gateway or DHCP server gave to who opened the conversation. No name of ECS.
    AssignedIp = "source.assigned.ip",
    /// Address of the network card of who opened the conversation.
    SourceMac = "source.mac",
    /// Address to which a firewall translated that of who opened the conversation.
    NatIp = "source.nat.ip",
    /// Name of who opened the conversation.
    SourceDomain = "source.domain",
    /// Bytes sent by the source to the destination.
    SourceBytes = "source.bytes",
    /// Address of the other side.
    DestinationIp = "destination.ip",
    /// Port of the other side.
    DestinationPort = "destination.port",
    /// Name of the other side (proxy CONNECT host, SNI).
    DestinationDomain = "destination.domain",
    /// Bytes sent by the destination to the source.
    DestinationBytes = "destination.bytes",
    /// Account name without its domain.
    UserName = "user.name",
    /// Account domain.
    UserDomain = "user.domain",
    /// The account acted upon.
    TargetUserName = "user.target.name",
    /// Domain of the account acted upon.
    TargetUserDomain = "user.target.domain",
    /// Cloud account that owns the resource.
    CloudAccountId = "cloud.account.id",
    /// The host the record speaks of (usually the one that wrote it).
    HostName = "host.name",
    /// Whole URL.
    UrlFull = "url.full",
    /// Host part of the request: virtual host, `Host` header.
    UrlDomain = "url.domain",
    /// Path of the request, without query.
    UrlPath = "url.path",
    /// Query of the request, without `?`.
    UrlQuery = "url.query",
    /// Path and query as requested.
    UrlOriginal = "url.original",
    /// HTTP method.
    HttpMethod = "http.request.method",
    /// HTTP status.
    HttpStatus = "http.response.status_code",
    /// HTTP referrer.
    HttpReferrer = "http.request.referrer",
    /// User agent.
    UserAgent = "user_agent.original",
    /// Name asked for in DNS.
    DnsQuestion = "dns.question.name",
    /// Record type asked for in DNS.
    DnsType = "dns.question.type",
    /// Answers in DNS.
    DnsAnswer = "dns.answers.data",
    /// What was done, in the log's own words.
    EventAction = "event.action",
    /// `success`, `failure` or absent.
    EventOutcome = "event.outcome",
    /// Event number or code.
    EventCode = "event.code",
    /// Number of the record in its log, as the record itself states it.
    EventSequence = "event.sequence",
    /// Producer (EVTX provider, syslog program).
    EventProvider = "event.provider",
    /// Log channel or kind.
    EventDataset = "event.dataset",
    /// Duration, in the log's own unit.
    EventDuration = "event.duration",
    /// Bytes of both ways together, where the log does not tell them apart.
    NetworkBytes = "network.bytes",
    /// Transport protocol.
    NetworkTransport = "network.transport",
    /// Application protocol.
    NetworkProtocol = "network.protocol",
    /// Executable path.
    ProcessExecutable = "process.executable",
    /// Command line.
    ProcessCommandLine = "process.command_line",
    /// Executable path of the parent.
    ParentExecutable = "process.parent.executable",
    /// File path acted upon.
    FilePath = "file.path",
    /// File name acted upon.
    FileName = "file.name",
    /// Any file hash.
    FileHash = "file.hash",
    /// Bucket, container or share.
    Container = "cloud.storage.bucket",
    /// Object inside it.
    ObjectKey = "cloud.storage.key",
    /// Sender of a mail.
    EmailFrom = "email.from.address",
    /// Recipient of a mail.
    EmailTo = "email.to.address",
    /// Tool or product that a rule of the log's own names.
    RuleName = "rule.name",
    /// Free text of the record.
    Message = "message",
    /// What the records of one session, process or mail have in common, in the log's own words. No name of ECS.
    SessionId = "event.tie",
    /// The session of its account on a computer in which something was done.
    LogonId = "winlog.logon.id",
    /// How an account logged on: `10` is remote desktop, `3` the network.
    LogonType = "winlog.logon.type",
}

impl Canon {
    /// Whether tallies and coverage read it, so that [`Want::Columns`](super::fields::Want::Columns) gives it.
    pub fn is_column(self) -> bool {
        !matches!(
            self,
            Self::SourcePort
                | Self::CloudAccountId
                | Self::UrlPath
                | Self::UrlQuery
                | Self::UrlOriginal
                | Self::HttpReferrer
                | Self::UserAgent
                | Self::NetworkTransport
                | Self::NetworkProtocol
                | Self::ProcessExecutable
                | Self::ProcessCommandLine
                | Self::ParentExecutable
                | Self::FilePath
                | Self::FileName
                | Self::FileHash
                | Self::ObjectKey
                | Self::RuleName
                | Self::Message
                | Self::LogonId
        )
    }

    /// The field of this ECS name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.name() == name)
    }
}
