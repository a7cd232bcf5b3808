//! Commands of FTP, as logs of servers name them.
//!
//! IIS up to version 6 writes the number of the session before them, and has words of its own for what moved (`[3]sent`); later
//! versions tell of channels as of commands.
//! Source: RFC 959, 4.1; RFC 2228; RFC 3659; <https://learn.microsoft.com/iis/configuration/system.applicationhost/sites/site/ftpserver/logfile>.

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// A file that is asked for or brought.
    Moves,
    /// Anything else.
    Other,
}

/// Commands that move a file, and what IIS up to version 6 calls them.
const MOVING: &[&str] = &["APPE", "RETR", "STOR", "STOU", "appended", "created", "sent"];
/// Other commands, and what IIS tells of channels and sessions.
const OTHERS: &[&str] = &[
    "ABOR",
    "ACCT",
    "ALLO",
    "AUTH",
    "CCC",
    "CDUP",
    "CWD",
    "ControlChannelClosed",
    "ControlChannelOpened",
    "DELE",
    "DataChannelClosed",
    "DataChannelOpened",
    "EPRT",
    "EPSV",
    "FEAT",
    "HELP",
    "HOST",
    "LIST",
    "MDTM",
    "MFMT",
    "MKD",
    "MLSD",
    "MLST",
    "MODE",
    "NLST",
    "NOOP",
    "OPTS",
    "PASS",
    "PASV",
    "PBSZ",
    "PORT",
    "PROT",
    "PWD",
    "QUIT",
    "REIN",
    "REST",
    "RMD",
    "RNFR",
    "RNTO",
    "SITE",
    "SIZE",
    "SMNT",
    "STAT",
    "STRU",
    "SYST",
    "TYPE",
    "USER",
    "XCUP",
    "XCWD",
    "XMKD",
    "XPWD",
    "XRMD",
    "closed",
];

impl Command {
    /// The command that a word is; `None` for words that FTP does not have.
    pub fn of(word: &[u8]) -> Option<Self> {
        let numbered = word.strip_prefix(b"[").and_then(|rest| {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            rest[digits..].strip_prefix(b"]").filter(|_| digits > 0)
        });
        let word = numbered.unwrap_or(word);
        let is_among = |words: &[&str]| words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word));
        match () {
            () if is_among(MOVING) => Some(Self::Moves),
            () if is_among(OTHERS) => Some(Self::Other),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_with_and_without_the_number_of_their_session() {
        for moving in ["RETR", "stor", "[3]sent", "[12]created", "[7]RETR"] {
            assert_eq!(Command::of(moving.as_bytes()), Some(Command::Moves), "{moving}");
        }
        for other in ["USER", "[3]QUIT", "DataChannelClosed"] {
            assert_eq!(Command::of(other.as_bytes()), Some(Command::Other), "{other}");
        }
        for web in ["GET", "POST", "HEAD", "PUT", "[]sent", "[3sent", "[3]", "", "["] {
            assert_eq!(Command::of(web.as_bytes()), None, "{web}");
        }
    }
}
