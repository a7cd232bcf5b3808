//! Keys, tokens, hashes of passwords.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Passage, shape};

pub(super) const NTLM: &[&str] = &["ntlm", "nthash", "nt hash", "lm hash"];
/// How tokens begin.
pub(super) const TOKENS: &[&str] = &["eyj", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox"];
/// What stands in a hash that is written with its scheme, or in a line of a dump.
pub(super) const HASHES: &[&str] = &["$2", "$5$", "$6$", "$y$", ":::"];
/// What an AWS key id beside it is part of: requests are signed with it, and the audit log names it, without the secret.
const SIGNED: &[&str] = &["credential", "x amz credential", "awsaccesskeyid", "accesskeyid", "access key id"];

/// Private keys by the line that begins them.
///
/// SOURCE: RFC 7468, sections 10 and 11; OpenSSH's PROTOCOL.key; RFC 9580, section 6.2 (PGP).
pub(super) fn private_keys(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        shape(
            r"-----BEGIN (?:(?:RSA|DSA|EC|OPENSSH|ENCRYPTED|PGP) )?PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|\s)*([A-Za-z0-9+/=]{0,64})",
        )
    });
    SHAPE.find_iter(passage.text).map(|key| passage.found(key.range())).collect()
}

/// Keys of cloud services: access key ids of AWS, API keys and client secrets of Google, storage account keys of Azure.
///
/// SOURCE: AWS IAM, "unique ID prefixes"; Google Cloud, "API keys"; Microsoft, "storage account access keys" (64 bytes in
/// base64). An id that signs a request is named beside its signature all day and counts no more than that.
pub(super) fn cloud_keys(passage: &Passage<'_>) -> Vec<Found> {
    static AWS: LazyLock<Regex> = LazyLock::new(|| shape(r"(?:AKIA|ASIA)[A-Z2-7]{16}"));
    static OTHERS: LazyLock<Regex> =
        LazyLock::new(|| shape(r"AIza[0-9A-Za-z_-]{35}|GOCSPX-[0-9A-Za-z_-]{28}|AccountKey=[A-Za-z0-9+/]{86}=="));
    let ids = passage.tokens(&AWS).filter(|range| !passage.told(range.start, SIGNED));
    let mut found: Vec<Found> = ids.map(|range| passage.found(range)).collect();
    // A page with a map carries its key to Google.
    let of_maps = passage.text.contains("googleapis.com");
    let others = passage.tokens(&OTHERS).map(|range| passage.found(range));
    found.extend(others.filter(|key| !(of_maps && key.value.starts_with("AIza"))));
    found
}

/// Tokens: JSON Web Tokens, GitHub, Slack.
///
/// SOURCE: RFC 7519, section 3 (three parts in base64url, the first two of which begin with `{"`); GitHub, "token formats";
/// Slack, "token types".
pub(super) fn tokens(passage: &Passage<'_>) -> Vec<Found> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        shape(
            r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}|xox[abeprs]-[0-9]{8,}-[A-Za-z0-9-]{16,}",
        )
    });
    passage.tokens(&SHAPE).map(|range| passage.found(range)).collect()
}

/// Hashes of passwords: bcrypt, SHA-256 and SHA-512 crypt, yescrypt, lines of a dumped SAM or NTDS.
///
/// SOURCE: crypt(5) of libxcrypt; the line of pwdump: name, number, LM hash, NT hash. 32 hex digits alone are any digest.
pub(super) fn hashes(passage: &Passage<'_>) -> Vec<Found> {
    static CRYPT: LazyLock<Regex> = LazyLock::new(|| {
        shape(
            r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}|\$6\$(?:rounds=\d{1,9}\$)?[^$:\s]{1,16}\$[./A-Za-z0-9]{86}|\$5\$(?:rounds=\d{1,9}\$)?[^$:\s]{1,16}\$[./A-Za-z0-9]{43}|\$y\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}",
        )
    });
    static DUMPED: LazyLock<Regex> = LazyLock::new(|| shape(r"(?i):\d{3,10}:[0-9a-f]{32}:[0-9a-f]{32}:::"));
    static DIGEST: LazyLock<Regex> = LazyLock::new(|| shape(r"(?i)[0-9a-f]{32}"));
    let whole = [&CRYPT, &DUMPED].into_iter().flat_map(|shape| shape.find_iter(passage.text));
    let mut found: Vec<Found> = whole.map(|hash| passage.found(hash.range())).collect();
    let named = passage.tokens(&DIGEST).filter(|range| passage.told(range.start, NTLM));
    found.extend(named.map(|range| Found::new(passage.text[range.clone()].to_ascii_lowercase(), range)));
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::told_apart;

    #[test]
    fn a_private_key_is_known_by_its_first_line() {
        let real = [
            "-----BEGIN RSA PRIVATE KEY-----\\nMIIE",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ];
        let others = ["-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "BEGIN PRIVATE KEY"];
        told_apart("private key", &real, &others);
    }

    #[test]
    fn a_cloud_key_counts_where_it_signs_no_request() {
        let azure = format!("AccountKey={}==", "a".repeat(86));
        let google = format!("key={}", ["AIza", &"b".repeat(35)].concat());
        let real = ["aws configure set key AKIAIOSFODNN7EXAMPLE", &azure, &google];
        let others = [
            "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE",
            "AKIAIOSFODNN7EXAMPL",
            "XAKIAIOSFODNN7EXAMPLE",
            "AKIAIOSFODNN8EXAMPLE",
            &format!("https://maps.googleapis.com/?{google}"),
        ];
        told_apart("cloud key", &real, &others);
    }

    #[test]
    fn tokens_are_known_by_their_prefix_and_length() {
        let github = format!("token=ghp_{}", "a1".repeat(18));
        let jwt = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N";
        let others = ["eyJhbGciOiJIUzI1NiJ9.x.y", "ghp_short", "xoxb-1-a", "eyJub3RoaW5n"];
        told_apart("access token", &[&github, jwt, "xoxb-123456789012-abcdefghijklmnop"], &others);
    }

    #[test]
    fn a_hash_of_a_password_has_its_scheme_or_its_name() {
        let bcrypt = format!("$2b$12${}", "a".repeat(53));
        let sha = format!("root:$6$saltsalt${}:19000:", "a".repeat(86));
        let nt = "aad3b435b51404eeaad3b435b51404ee";
        let dump = format!("Administrator:500:{nt}:{nt}:::");
        let named = format!("ntlm={nt}");
        let others = [format!("md5={nt}"), "$2b$12$short".to_owned(), "$6$salt$".to_owned()];
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        told_apart("password hash", &[&bcrypt, &sha, &dump, &named], &others);
    }
}
