//! Secrets that a store of such gave: whatever they are called, they are credentials.

use std::borrow::Cow;

use crate::model::access::Access;
use crate::model::fields::{Canon, Fields};

/// What stands in every record of a call that gives secrets.
pub const CALLS: &[&str] = &["getsecretvalue", "getparameter"];
/// Services of the cloud that keep them.
const STORES: &[&[u8]] = &[b"secretsmanager.amazonaws.com", b"ssm.amazonaws.com"];
/// Raw names of what names a secret, where it is no object of a store.
const NAMES: &[&[u8]] = &[b"name", b"path", b"names", b"secretIdList"];

/// The name of a secret that was given, or, where the record names none, the call that asked for it.
pub fn given<'f>(fields: &'f Fields<'_>) -> Option<Cow<'f, str>> {
    let is_of_store = fields.get(Canon::EventProvider).is_some_and(|service| STORES.contains(&service));
    if !is_of_store || !fields.access.has(Access::GIVES) {
        return None;
    }
    let is_name = |name: &[u8]| {
        let asked = name.strip_prefix(b"requestParameters.");
        asked.is_some_and(|asked| NAMES.contains(&asked.split(|byte| *byte == b'.').next().unwrap_or(asked)))
    };
    let raw = || fields.named().find(|(name, ..)| is_name(name)).map(|(_, value, _)| value);
    let named = fields.get(Canon::ObjectKey).or_else(raw).or_else(|| fields.get(Canon::EventAction))?;
    Some(String::from_utf8_lossy(named))
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
            given(&fields).map(Cow::into_owned)
        };
        let named = [("requestParameters.withDecryption", "true"), ("requestParameters.name", "/db")];
        assert_eq!(told("ssm.amazonaws.com", Access::GIVES, &named).as_deref(), Some("/db"));
        assert_eq!(told("ssm.amazonaws.com", Access::GIVES, &[]).as_deref(), Some("GetParameter"));
        assert_eq!(told("ssm.amazonaws.com", Access::MANAGEMENT, &named), None, "as it is kept");
        assert_eq!(told("ecr.amazonaws.com", Access::GIVES, &named), None, "an image");
    }
}
