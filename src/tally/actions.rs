//! What the words of an action say: whether data was sent, what a store was changed by.

use crate::model::fields::{Canon, Fields};
use crate::model::observation::Seen;

/// Whether one of these words (lower case) stands in a text, ASCII case ignored.
pub fn says(text: &[u8], words: &[&str]) -> bool {
    (0..text.len()).any(|at| {
        // PERF: the first letter alone turns down nearly all places.
        let first = text[at].to_ascii_lowercase();
        let stands =
            |word: &&str| text[at..].get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes()));
        words.iter().filter(|word| word.as_bytes()[0] == first).any(stands)
    })
}

/// Whether a record of such a log tells of data that was sent rather than asked for: by its method, else by the words of its action.
pub fn sends(seen: Seen, fields: &Fields<'_>) -> bool {
    if let Some(method) = fields.get(Canon::HttpMethod).filter(|_| seen != Seen::FileServer) {
        let sending = [&b"POST"[..], b"PUT", b"PATCH", b"CONNECT", b"MKCOL"];
        return sending.iter().any(|word| word.len() == method.len() && method.eq_ignore_ascii_case(word));
    }
    let Some(action) = fields.get(Canon::EventAction).or_else(|| fields.get(Canon::HttpMethod)) else { return false };
    if seen == Seen::Cloud {
        return changes(action);
    }
    // Elsewhere these are parts of words that tell of something else: a session is created, an address mapped.
    let brings = seen.is_of_files() && says(action, &["stou", "appe", "created"]);
    brings || says(action, &["put", "upload", "stor", "createmultipart"])
}

/// What is done to objects of a store that gives nothing of them to who does it.
const CHANGES: [&[u8]; 33] = [
    b"add",
    b"added",
    b"create",
    b"created",
    b"delete",
    b"deleted",
    b"edit",
    b"edited",
    b"insert",
    b"modified",
    b"modify",
    b"move",
    b"moved",
    b"patch",
    b"put",
    b"recycle",
    b"recycled",
    b"remove",
    b"removed",
    b"rename",
    b"renamed",
    b"restore",
    b"restored",
    b"set",
    b"tag",
    b"trash",
    b"untag",
    b"update",
    b"updated",
    b"upload",
    b"uploaded",
    b"write",
    b"written",
];

/// What somebody does who signs in or out, and what of a service or a store is asked for that is none of its data.
const ADMINISTRATION: [&[u8]; 36] = [
    b"acl",
    b"acls",
    b"attributes",
    b"authentication",
    b"configuration",
    b"cors",
    b"encryption",
    b"iam",
    b"lifecycle",
    b"location",
    b"logged",
    b"logging",
    b"login",
    b"logins",
    b"logoff",
    b"logon",
    b"logout",
    b"metadata",
    b"mfa",
    b"notification",
    b"permission",
    b"permissions",
    b"policies",
    b"policy",
    b"properties",
    b"replication",
    b"retention",
    b"session",
    b"sessions",
    b"sign",
    b"signed",
    b"signin",
    b"signout",
    b"sso",
    b"tagging",
    b"versioning",
];

/// Whether an action (`UserLoggedIn`, `user_login`, `GetObjectAcl`, `GetContainerProperties`) gives no data of a service: one of its
/// words says so.
pub fn administers(action: &[u8]) -> bool {
    has_word(action, &ADMINISTRATION)
}

/// Whether an action (`PutObject`, `FileSyncUploadedFull`, `storage.objects.create`, `file_add`) changes what a store holds: one of
/// its words says so.
fn changes(action: &[u8]) -> bool {
    has_word(action, &CHANGES)
}

/// Whether one of an action's words is one of these.
fn has_word(action: &[u8], words: &[&[u8]]) -> bool {
    let mut rest = action;
    while let Some(first) = rest.first() {
        // A word begins with a capital, or behind what is no letter; or it is all in capitals.
        let is_of_word = match rest.get(1) {
            _ if !first.is_ascii_alphabetic() => |_: &u8| false,
            Some(second) if second.is_ascii_uppercase() => u8::is_ascii_uppercase,
            _ => u8::is_ascii_lowercase,
        };
        let length = rest[1..].iter().position(|b| !is_of_word(b)).map_or(rest.len(), |at| at + 1);
        let (word, others) = rest.split_at(length);
        if words.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            return true;
        }
        rest = others;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    #[test]
    fn what_brings_a_file_is_told_by_the_words_of_logs_of_files_alone() {
        let told = |seen, action: &'static str| {
            let mut fields = Fields::default();
            fields.push(Some(Canon::EventAction), b"x", action.as_bytes(), Kind::Str);
            sends(seen, &fields)
        };
        for action in ["[3]created", "APPE", "STOU", "STOR", "upload"] {
            assert!(told(Seen::FileServer, action), "{action}");
        }
        for action in ["session created", "mapped", "session ended"] {
            assert!(!told(Seen::Firewall, action) && !told(Seen::Flow, action), "{action}");
        }
        assert!(told(Seen::Firewall, "upload"));
    }

    #[test]
    fn who_signs_in_or_asks_how_a_store_is_set_up_is_given_none_of_its_data() {
        for action in [
            "UserLoggedIn",
            "user_login",
            "LOGIN",
            "login_success",
            "Sign-in activity",
            "GetObjectAcl",
            "GetContainerACL",
            "REST.GET.POLICY_STATUS",
            "storage.buckets.getIamPolicy",
            "GetBlobServiceProperties",
        ] {
            assert!(administers(action.as_bytes()), "{action}");
        }
        for action in [
            "GetObject",
            "FileDownloaded",
            "storage.objects.get",
            "MailItemsAccessed",
            "WEBSITE.GET.OBJECT",
            "git.clone",
            "ReportExport",
            "GetBlob",
            "",
        ] {
            assert!(!administers(action.as_bytes()), "{action}");
        }
    }

    #[test]
    fn what_changes_a_store_reads_nothing() {
        for action in [
            "PutObject",
            "FileUploaded",
            "FileSyncUploadedFull",
            "storage.objects.create",
            "UPLOAD",
            "file_add",
            "DeleteBlob",
        ] {
            assert!(changes(action.as_bytes()), "{action}");
        }
        for action in
            ["GetObject", "FileDownloaded", "storage.objects.get", "MailItemsAccessed", "UPLOADS", "file_download", ""]
        {
            assert!(!changes(action.as_bytes()), "{action}");
        }
    }
}
