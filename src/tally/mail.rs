//! What one record says of a mail that was handed on: to whose mail system it went.

use crate::model::fields::{Canon, Fields};

/// Domains of recipients that one record is told by; the others are not told apart.
const DOMAINS_KEPT: usize = 8;

/// Words by which logs say that a mail left: Exchange's tracking, its traces, gateways.
const OUTWARD: [&[u8]; 6] =
    [b"sendexternal", b"originating", b"outbound", b"outgoing", b"sent external", b"deliver external"];
/// Words by which they say that it was handed on, inside or to the outside; the last ones are Exim's.
const HANDED: [&[u8]; 8] = [b"send", b"sent", b"delivered", b"relayed", b"accepted", b"=>", b"->", b">>"];

/// What Postfix, Sendmail and Exim say of a mail that is to be delivered, with its sender and size. Exim does not say to how many, and of
/// each recipient whether its delivery is that of another one.
const QUEUED: [&[u8]; 3] = [b"queue active", b"from", b"<="];
/// The same of a mail to several.
const TO_SEVERAL: [&[u8]; 2] = [b"queue active for several", b"from for several"];

/// Whether an action is that of a mail that its server is done with, so that another one may bear its number.
pub fn is_removed(action: &[u8]) -> bool {
    matches!(action, b"removed" | b"Completed")
}

/// Whether an action is that of a mail that is to be delivered.
pub fn is_queued(action: &[u8]) -> bool {
    QUEUED.contains(&action) || is_to_several(action)
}

/// Whether that mail goes to several, of whom some may be told as one.
pub fn is_to_several(action: &[u8]) -> bool {
    TO_SEVERAL.contains(&action)
}

/// Whether the mail that a record tells of left the organisation by its own words; `None` where it was not handed on by this
/// record, or stays with the sender's domain.
pub fn outward(fields: &Fields<'_>) -> Option<bool> {
    let is = |words: &[&[u8]], action: &[u8]| words.iter().any(|word| word.eq_ignore_ascii_case(action));
    let outward = match fields.get(Canon::EventAction).map(<[u8]>::trim_ascii) {
        None => false,
        Some(action) if is(&OUTWARD, action) => true,
        Some(action) if is(&HANDED, action) => false,
        Some(_) => return None,
    };
    others(fields).next().map(|_| outward)
}

/// The domains of recipients that are not the sender's own, each once, in lower case and with a comma between them.
pub fn domains(fields: &Fields<'_>, out: &mut Vec<u8>) {
    let from = out.len();
    let mut count = 0;
    for domain in others(fields) {
        let known = out[from..].split(|byte| *byte == b',').any(|known| known.eq_ignore_ascii_case(domain));
        if !known && count < DOMAINS_KEPT {
            out.extend((count > 0).then_some(b','));
            out.extend_from_slice(domain);
            count += 1;
        }
    }
    out[from..].make_ascii_lowercase();
}

fn others<'f>(fields: &'f Fields<'_>) -> impl Iterator<Item = &'f [u8]> {
    let from = fields.get(Canon::EmailFrom).and_then(domain);
    let to = fields.get(Canon::EmailTo).unwrap_or_default().split(|byte| matches!(byte, b';' | b',' | b' '));
    to.filter_map(domain).filter(move |to| from.is_none_or(|from| !from.eq_ignore_ascii_case(to)))
}

/// The address of the sender, without what stands around it.
pub fn sender<'f>(fields: &'f Fields<'_>) -> Option<&'f [u8]> {
    fields.get(Canon::EmailFrom).map(bare).filter(|address| domain(address).is_some())
}

/// The domain of an address: `b.example` of `<a@b.example>`; Exchange Online's reports add `##` and a status.
fn domain(address: &[u8]) -> Option<&[u8]> {
    let address = bare(address);
    let at = memchr::memrchr(b'@', address)?;
    let domain = &address[at + 1..];
    let ends = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || !byte.is_ascii());
    let domain = &domain[..domain.iter().position(ends).unwrap_or(domain.len())];
    (!domain.is_empty() && at > 0).then_some(domain)
}

fn bare(address: &[u8]) -> &[u8] {
    let address = address.trim_ascii();
    let address = address.strip_prefix(b"<").unwrap_or(address);
    address.strip_suffix(b">").unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    fn told(action: &str, from: &str, to: &str) -> Option<(String, bool)> {
        let mut fields = Fields::default();
        for (canon, value) in [(Canon::EventAction, action), (Canon::EmailFrom, from), (Canon::EmailTo, to)] {
            if !value.is_empty() {
                fields.push(Some(canon), b"x", value.as_bytes(), Kind::Str);
            }
        }
        let mut out = b"before".to_vec();
        domains(&fields, &mut out);
        outward(&fields).map(|outward| (String::from_utf8_lossy(&out["before".len()..]).into_owned(), outward))
    }

    #[test]
    fn a_mail_goes_to_the_recipients_of_other_domains() {
        let to = |text: &str, outward| Some((text.to_owned(), outward));
        assert_eq!(told("SENDEXTERNAL", "a@hc.example", "b@HC.example;c@x.example"), to("x.example", true));
        assert_eq!(
            told("SEND", "a@hc.example", "c@y.example;d@X.example;e@x.example"),
            to("y.example,x.example", false)
        );
        assert_eq!(told("", "<a@hc.example>", "<c@x.example>"), to("x.example", false));
        assert_eq!(told("Originating", "a@hc.example", "c@x.example##Receive, Send"), to("x.example", true));
        assert_eq!(told("Delivered", "", "c@x.example"), to("x.example", false));
        assert_eq!(told("Delivered", "a@hc.example", "b@hc.example"), None, "it stays");
        assert_eq!(
            told("RECEIVE", "a@hc.example", "c@x.example"),
            None,
            "it came, and another record tells that it went"
        );
        assert_eq!(told("Failed", "a@hc.example", "c@x.example"), None);
        assert_eq!((told("", "a@hc.example", "@x.example"), told("", "", "c")), (None, None));
    }
}
