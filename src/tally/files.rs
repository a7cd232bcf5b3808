//! What a server says of the files that it gave and took.
//!
//! ```text
//! #Fields: date time c-ip cs-username s-ip s-port cs-method cs-uri-stem sc-status sc-win32-status sc-bytes cs-bytes
//! 2026-03-28 23:12:00 192.0.2.10 alice 198.51.100.5 21 RETR /hr/plans.zip 226 0 1048576 17
//! ```

use super::read;
use crate::model::fields::{Canon, Fields};
use crate::model::ftp::Command;
use crate::model::rule::Outcome;

/// Answers to what broke off, of which a part may have moved: the connection was closed, the server failed, there was no more room.
pub const BROKE_OFF: [u64; 3] = [426, 451, 552];

/// Whether a record of an extended log is one of an FTP service.
pub fn is_of_ftp(fields: &Fields<'_>) -> bool {
    fields.get(Canon::EventDataset) == Some(b"ftp")
}

/// Whether such a record tells of a file that was asked for or brought.
pub fn moves(fields: &Fields<'_>) -> bool {
    fields.get(Canon::HttpMethod).and_then(Command::of) == Some(Command::Moves)
}

/// What became of a file by the word of its server. What was refused moved nothing; what broke off neither succeeded nor moved
/// nothing, where the answer or the bytes show that it had begun.
pub fn outcome(fields: &Fields<'_>) -> Outcome {
    let told = read::outcome(fields);
    let code = fields.number(Canon::EventCode).or_else(|| fields.number(Canon::HttpStatus));
    let moved =
        || [Canon::SourceBytes, Canon::DestinationBytes].into_iter().filter_map(|canon| fields.number(canon)).max();
    let had_begun = || code.map_or_else(|| moved() > Some(0), |code| BROKE_OFF.contains(&code));
    if told == Outcome::Failed && had_begun() { Outcome::Unknown } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    #[test]
    fn what_broke_off_had_begun_and_what_was_refused_moved_nothing() {
        let told = |pairs: &[(Canon, &'static str)]| {
            let mut fields = Fields::default();
            for (canon, value) in pairs {
                fields.push(Some(*canon), b"x", value.as_bytes(), Kind::Str);
            }
            outcome(&fields)
        };
        let failed = |more: &[(Canon, &'static str)]| told(&[&[(Canon::EventOutcome, "failure")], more].concat());
        assert_eq!(failed(&[(Canon::EventCode, "550"), (Canon::DestinationBytes, "60")]), Outcome::Failed);
        assert_eq!(failed(&[(Canon::EventCode, "426"), (Canon::DestinationBytes, "60")]), Outcome::Unknown);
        assert_eq!(failed(&[(Canon::DestinationBytes, "60")]), Outcome::Unknown);
        assert_eq!((failed(&[(Canon::DestinationBytes, "0")]), failed(&[])), (Outcome::Failed, Outcome::Failed));
        assert_eq!(told(&[(Canon::HttpStatus, "451")]), Outcome::Unknown);
        assert_eq!(told(&[(Canon::HttpStatus, "226")]), Outcome::Succeeded);
    }
}
