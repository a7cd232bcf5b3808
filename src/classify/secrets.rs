//! Secrets that a store of such gave: whatever they are called, they are credentials. A parameter may be a secret or plain text: that it
//! was asked for with decryption says nothing of its type, which no record of the call states.

use std::borrow::Cow;

use crate::model::access::Access;
use crate::model::fields::{Canon, Fields};

/// What stands in every record of a call that gives secrets.
pub const CALLS: &[&str] = &["getsecretvalue", "getparameter", "accesssecretversion"];
/// The service of the cloud that keeps secrets alone.
const STORE: &[u8] = b"secretsmanager.amazonaws.com";
/// The one that keeps parameters, some of which are secrets.
const PARAMETERS: &[u8] = b"ssm.amazonaws.com";
/// Google's, and the end of the name of the call that gives one; it is logged among those that read data, and others of them give none.
/// SOURCE: <https://cloud.google.com/secret-manager/docs/audit-logging>.
const GOOGLE: (&[u8], &[u8]) = (b"secretmanager.googleapis.com", b".AccessSecretVersion");
/// Raw names of what names a secret, where it is no object of a store.
const NAMES: &[&[u8]] = &[b"name", b"path", b"names", b"secretIdList"];

/// The name of a secret that was given, or, where the record names none, the call that asked for it; and whether it is known to be one.
pub fn given<'f>(fields: &'f Fields<'_>) -> Option<(Cow<'f, str>, bool)> {
    let (provider, call) = (fields.get(Canon::EventProvider)?, fields.get(Canon::EventAction).unwrap_or_default());
    let gives = fields.access.has(Access::GIVES);
    let is_known = match provider {
        STORE if gives => true,
        PARAMETERS if gives => false,
        _ if provider == GOOGLE.0 && call.ends_with(GOOGLE.1) => true,
        _ => return None,
    };
    let is_name = |name: &[u8]| {
        let asked = name.strip_prefix(b"requestParameters.");
        asked.is_some_and(|asked| NAMES.contains(&asked.split(|byte| *byte == b'.').next().unwrap_or(asked)))
    };
    let raw = || fields.named().find(|(name, ..)| is_name(name)).map(|(_, value, _)| value);
    let named = fields.get(Canon::ObjectKey).or_else(raw).or_else(|| fields.get(Canon::EventAction))?;
    Some((String::from_utf8_lossy(named), is_known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    #[test]
    fn a_store_of_secrets_gives_credentials_whatever_they_are_called() {
        let told = |service: &'static str, access, more: &[(&'static str, &'static str)]| {
            let mut fields = Fields::default();
            fields.push(Some(Canon::EventProvider), b"eventSource", service.as_bytes(), Kind::Str);
            fields.push(Some(Canon::EventAction), b"eventName", b"GetParameter", Kind::Str);
            for (name, value) in more {
                fields.push(None, name.as_bytes(), value.as_bytes(), Kind::Str);
            }
            fields.access = access;
            given(&fields).map(|(name, is_known)| (name.into_owned(), is_known))
        };
        let named = [("requestParameters.withDecryption", "true"), ("requestParameters.name", "/db")];
        assert_eq!(told("secretsmanager.amazonaws.com", Access::GIVES, &named), Some(("/db".to_owned(), true)));
        assert_eq!(
            told("ssm.amazonaws.com", Access::GIVES, &named),
            Some(("/db".to_owned(), false)),
            "of a type that is not logged"
        );
        assert_eq!(told("ssm.amazonaws.com", Access::GIVES, &[]), Some(("GetParameter".to_owned(), false)));
        assert_eq!(told("ssm.amazonaws.com", Access::MANAGEMENT, &named), None, "as it is kept");
        assert_eq!(told("ecr.amazonaws.com", Access::GIVES, &named), None, "an image");
        let google = |call: &'static str| {
            let mut fields = Fields::default();
            fields.push(Some(Canon::EventProvider), b"x", b"secretmanager.googleapis.com", Kind::Str);
            fields.push(Some(Canon::EventAction), b"y", call.as_bytes(), Kind::Str);
            fields.push(Some(Canon::ObjectKey), b"z", b"projects/1/secrets/db/versions/1", Kind::Str);
            given(&fields).map(|(name, is_known)| (name.into_owned(), is_known))
        };
        let service = "google.cloud.secretmanager.v1.SecretManagerService";
        let [read, listed] = ["AccessSecretVersion", "GetSecretVersion"].map(|call| format!("{service}.{call}").leak());
        assert_eq!(google(read), Some(("projects/1/secrets/db/versions/1".to_owned(), true)));
        assert_eq!(google(listed), None, "what is said of it");
    }
}
