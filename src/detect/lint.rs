//! What is wrong in a rule's data about itself. The rule is used all the same.
//!
//! SOURCE: Sigma specification 2.1.0, rules: the types and values of the attributes.

use super::condition::{self, Cond};
use super::correlation::KEYS;
use super::yaml::{At, Node, What};

/// A place and what is wrong there.
pub(super) type Remark = (At, String);

/// All that is wrong.
pub(super) fn remarks(doc: &Node) -> Vec<Remark> {
    let mut out = Vec::new();
    let mut say = |node: &Node, what: String| out.push((node.at, what));
    for key in ["title", "name", "description", "author", "license", "taxonomy"] {
        if let Some(node) = doc.get(key).filter(|node| !matches!(node.what, What::Text(_) | What::Switch(..))) {
            say(node, format!("{key} is no text"));
        }
    }
    for key in ["references", "fields", "falsepositives", "tags", "scope", "related"] {
        if let Some(node) = doc.get(key).filter(|node| !matches!(node.what, What::List(_))) {
            say(node, format!("{key} is no list"));
        }
    }
    for (key, words) in [("status", STATUSES), ("level", LEVELS)] {
        if let Some(node) = doc.get(key).filter(|node| !is_one_of(node, words)) {
            say(node, format!("{key} is none of {}", words.join(", ")));
        }
    }
    if let Some(node) = doc.get("id").filter(|node| !is_uuid(node)) {
        say(node, "id is no UUID".to_owned());
    }
    for key in ["date", "modified"] {
        if let Some(node) = doc.get(key).filter(|node| !node.scalar().is_some_and(|text| is_date(&text))) {
            say(node, format!("{key} is no date like 2026-03-28"));
        }
    }
    if let Some(What::List(items)) = doc.get("related").map(|node| &node.what) {
        for item in items {
            if !item.get("id").is_some_and(is_uuid) || !item.get("type").is_some_and(|t| is_one_of(t, RELATIONS)) {
                say(item, format!("related wants a UUID as id and a type of {}", RELATIONS.join(", ")));
            }
        }
    }
    if let (true, What::Map(pairs)) = (doc.get("correlation").is_some(), &doc.what) {
        let outside = pairs.iter().filter_map(|(key, _)| Some((key.at, key.scalar()?)));
        let outside = outside.filter(|(_, key)| KEYS.contains(&&**key));
        out.extend(outside.map(|(at, key)| (at, format!("{key} says nothing outside of correlation"))));
    }
    for body in ["detection", "filter"].into_iter().filter_map(|key| doc.get(key)) {
        detection(body, &mut out);
    }
    out
}

/// What is odd in search identifiers and conditions, though it can be meant in one way only.
fn detection(body: &Node, out: &mut Vec<Remark>) {
    for condition in body.get("condition").map(Node::elements).unwrap_or_default() {
        let text = condition.scalar().unwrap_or_default();
        if text.split(|c: char| c.is_whitespace() || "()".contains(c)).any(|word| matches!(word, "AND" | "OR" | "NOT"))
        {
            out.push((condition.at, "operators of a condition are written in lower case".to_owned()));
        }
    }
    unused(body, out);
    let mut left = vec![body];
    while let Some(node) = left.pop() {
        match &node.what {
            What::Map(pairs) => left.extend(pairs.iter().map(|(_, value)| value)),
            What::List(items) => {
                let nulls = items.iter().filter(|item| matches!(item.what, What::Null));
                out.extend(nulls.map(|item| (item.at, "null is no value of a list".to_owned())));
                left.extend(items);
            }
            _ => {}
        }
    }
}

/// What stands beside the search identifiers of a detection or filter.
const BESIDE: &[&str] = &["condition", "timeframe", "rules"];

/// Search identifiers that no condition is over: nothing is looked for by them. A condition that is none is a fault of the rule.
fn unused(body: &Node, out: &mut Vec<Remark>) {
    let named = body.pairs().iter().filter_map(|(key, _)| Some((key.at, key.scalar()?)));
    let named: Vec<(At, String)> = named.filter(|(_, name)| !BESIDE.contains(&&**name)).collect();
    let names: Vec<String> = named.iter().map(|(_, name)| name.clone()).collect();
    let conditions = body.get("condition").map(Node::elements).unwrap_or_default();
    let read = |condition: &Node| condition::parse(&condition.scalar()?, &names).ok();
    let Some(read) = conditions.iter().map(read).collect::<Option<Vec<Cond>>>() else { return };
    let is_used = |name: &str| read.iter().any(|condition| condition.is_over(name));
    let idle = named.iter().filter(|(_, name)| !is_used(name));
    out.extend(idle.map(|(at, name)| (*at, format!("no condition uses {name:?}: nothing is looked for by it"))));
}

pub(super) const STATUSES: &[&str] = &["stable", "test", "experimental", "deprecated", "unsupported"];
const LEVELS: &[&str] = &["informational", "low", "medium", "high", "critical"];
const RELATIONS: &[&str] = &["derived", "obsolete", "merged", "renamed", "similar", "correlation"];

pub(super) fn is_one_of(node: &Node, words: &[&str]) -> bool {
    node.scalar().is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(&text)))
}

fn is_uuid(node: &Node) -> bool {
    let Some(text) = node.scalar() else { return false };
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

/// A day with dashes, or with slashes as older rules write it, or an instant of ISO 8601. Years end with 3999: what is
/// later is a slip of the pen.
fn is_date(text: &str) -> bool {
    let day = |year: &str, month: &str, day: &str| {
        let number = |text: &str| text.parse::<i16>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        let short = |text: &str| number(text).and_then(|n| i8::try_from(n).ok());
        year.len() == 4
            && matches!((number(year), short(month), short(day)), (Some(y @ ..=3999), Some(m), Some(d))
                if jiff::civil::Date::new(y, m, d).is_ok())
    };
    let (date, time) = text.split_once(['T', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    let parts: Vec<&str> = date.split(['-', '/']).collect();
    let [year, month, number] = parts[..] else { return false };
    let is_day = match date.contains('/') {
        true => !date.contains('-') && month.len() <= 2 && number.len() <= 2,
        false => month.len() == 2 && number.len() == 2,
    };
    let is_time = time.is_none_or(|time| time.get(..8).unwrap_or(time).parse::<jiff::civil::Time>().is_ok());
    is_day && is_time && day(year, month, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for good in ["2026-03-28", "2024/1/2", "2024/11/22", "3000-01-02T03:04:05", "2024-01-02 03:04:05Z"] {
            assert!(is_date(good), "{good}");
        }
        for bad in
            ["bad", " 2024-11-24", "2024-11-24 ", "2022/01-01", "2024-5-5", "24-11-24", "2024-02-30", "+024-01-01"]
        {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
