//! Pieces in which a service delivers a log: many small files, each of which has records that no other one has.
//!
//! AWS names those of CloudTrail, of load balancers and of flows `…_YYYYMMDDTHHmmZ_UNIQUE`, and those of S3's access logs
//! `…YYYY-MM-DD-hh-mm-ss-UNIQUE`, in folders by date (documentation of CloudTrail, "Finding your CloudTrail log files"; of S3, "Logging
//! requests with server access logging").

/// What stands for a digit in [`MINUTE`] and [`SECOND`].
const DIGIT: u8 = b'9';
/// The time in the name of a piece of most services.
const MINUTE: &[u8] = b"_99999999T9999Z_";
/// The time in the name of a piece of S3's access logs.
const SECOND: &[u8] = b"9999-99-99-99-99-99-";
/// Characters of the unique end of the name of a piece of S3's access logs.
const UNIQUE: usize = 16;

/// The log of which a file is such a piece, by its folder and its name without what compression adds; `None` where it is none.
pub fn of(folder: &str, name: &str) -> Option<String> {
    let begin = minute(name).or_else(|| second(name))?;
    let is_of_date = |part: &str| matches!(part.len(), 2 | 4) && part.bytes().all(|byte| byte.is_ascii_digit());
    let kept: Vec<&str> = folder.split('/').filter(|part| !is_of_date(part)).collect();
    Some(format!("{}{}", kept.join("/"), &name[..begin]))
}

/// Where the time begins in the name of a piece.
fn minute(name: &str) -> Option<usize> {
    (0..name.len()).find(|at| begins_like(&name.as_bytes()[*at..], MINUTE))
}

/// The same of S3's access logs.
fn second(name: &str) -> Option<usize> {
    let at = name.len().checked_sub(SECOND.len() + UNIQUE)?;
    let unique = |end: &[u8]| end.iter().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte));
    let bytes = &name.as_bytes()[at..];
    (begins_like(bytes, SECOND) && unique(&bytes[SECOND.len()..])).then_some(at)
}

/// Whether a name begins like a shape.
fn begins_like(name: &[u8], shape: &[u8]) -> bool {
    let is_like = |(byte, shape): (&u8, &u8)| if *shape == DIGIT { byte.is_ascii_digit() } else { byte == shape };
    name.len() >= shape.len() && name.iter().zip(shape).all(is_like)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_log_have_one_name() {
        let trail = |day: &str, end: &str| {
            of(
                &format!("e/AWSLogs/111122223333/CloudTrail/eu-west-2/2026/03/{day}/"),
                &format!("111122223333_CloudTrail_eu-west-2_202603{day}T0105Z_{end}.json"),
            )
        };
        assert_eq!(
            trail("28", "aB3x").as_deref(),
            Some("e/AWSLogs/111122223333/CloudTrail/eu-west-2/111122223333_CloudTrail_eu-west-2")
        );
        assert_eq!(trail("28", "aB3x"), trail("29", "zz"));
        let access = of("e/s3/", "logs-2026-03-28-02-17-19-0123456789ABCDEF");
        assert_eq!(access.as_deref(), Some("e/s3/logs-"));
        assert_ne!(access, of("e/s4/", "logs-2026-03-28-02-17-19-0123456789ABCDEF"));
    }

    #[test]
    fn other_names_are_no_pieces() {
        for name in [
            "access.log",
            "x-20260328.log",
            "x_20260328T01Z_a",
            "2026-03-28-02-17-19",
            "a2026-03-28-02-17-19-0123456789abcdeg",
            "ü",
        ] {
            assert_eq!(of("e/2026/", name), None, "{name}");
        }
    }
}
