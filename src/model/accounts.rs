//! Accounts by name: which spellings are one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::whose::realm_of;

/// What spellings of one account have in common. A directory and a mail system do not tell `ACME\Jane` and `acme\jane` apart;
/// a name without a realm may be one of Unix, where case does.
pub fn folded(account: &str) -> Cow<'_, str> {
    match realm_of(account).is_some() && account.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(account.to_ascii_lowercase()),
        false => Cow::Borrowed(account),
    }
}

/// What all spellings of one account have in common that name its realm: user and first label of the realm. `None` of a bare name,
/// which can be anybody's. It is the same of those that [`same_named_account`](super::whose::same_named_account) takes for one.
pub fn principal(account: &str) -> Option<String> {
    let realm = realm_of(account)?.split('.').next()?.to_ascii_lowercase();
    let user = match account.split_once('\\') {
        Some((_, user)) => user,
        None => account.rsplit_once('@').map_or(account, |(user, _)| user),
    };
    (!user.is_empty()).then(|| format!("{}@{realm}", user.to_ascii_lowercase()))
}

/// Each account once, sorted, in the first of its spellings.
pub fn distinct<'t>(accounts: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let mut first: BTreeMap<Cow<'t, str>, &'t str> = BTreeMap::new();
    for account in accounts {
        first.entry(folded(account)).and_modify(|known| *known = account.min(*known)).or_insert(account);
    }
    let mut all: Vec<String> = first.into_values().map(str::to_owned).collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_tells_accounts_apart_only_where_no_realm_is_named() {
        let all = ["acme\\jane", "ACME\\Jane", "jane@acme.gov", "Jane@Acme.gov", "jane", "Jane", "acme\\kim"];
        assert_eq!(distinct(all), ["ACME\\Jane", "Jane", "Jane@Acme.gov", "acme\\kim", "jane"]);
        let same = ["MSP\\Svc", "svc@msp.example", "msp.example\\svc"].map(principal);
        assert!(same.iter().all(|name| name.as_deref() == Some("svc@msp")), "{same:?}");
        assert_eq!([principal("svc"), principal("msp\\")], [None, None]);
        assert_eq!(distinct(["acme\\Kim", "acme\\kim"]), distinct(["acme\\kim", "acme\\Kim"]), "in any order");
    }
}
