//! URLs of indicators in canonical form: their parts, and what of a text is compared with them.

/// The parts of a canonical URL indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlParts<'u> {
    /// Empty where the feed gives none: any scheme matches.
    pub scheme: &'u str,
    /// Host, lower case.
    pub host: &'u str,
    /// Port, without the default one of the scheme.
    pub port: &'u str,
    /// Path and query; empty for the root.
    pub rest: &'u str,
}

/// Takes a canonical URL apart.
pub fn url_parts(url: &str) -> UrlParts<'_> {
    let (scheme, after) = url.split_once("://").unwrap_or(("", url));
    let cut = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(cut);
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    UrlParts { scheme, host, port, rest }
}

/// Path and query of a URL in canonical form: fragment dropped, `%XX` of unreserved bytes decoded, other escapes in
/// upper case, a lone `/` dropped.
pub fn url_rest(rest: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let rest = rest.split(|b| *b == b'#').next().unwrap_or_default();
    let rest = if rest == b"/" { &[][..] } else { rest };
    let bare_query = rest.first() == Some(&b'?');
    let mut at = 0;
    let decoded = std::iter::from_fn(move || {
        let byte = *rest.get(at)?;
        if byte != b'%' {
            let inside = at >= 2 && rest[at - 2] == b'%' || at >= 1 && rest[at - 1] == b'%';
            at += 1;
            return Some(if inside { byte.to_ascii_uppercase() } else { byte });
        }
        let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
        let plain = hex(rest.get(at + 1)).zip(hex(rest.get(at + 2))).map(|(a, b)| (a * 16 + b) as u8);
        match plain.filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')) {
            Some(plain) => {
                at += 3;
                Some(plain)
            }
            None => {
                at += 1;
                Some(byte)
            }
        }
    });
    bare_query.then_some(b'/').into_iter().chain(decoded)
}
