//! Placeholders of the modifier `expand`: `%name%` stands for each value that the user gave for the name.
//!
//! SOURCE: Sigma specification 2.1.0, placeholders: a rule whose placeholder has no value is not used.

use super::Placeholders;

/// Most values that one text may become.
const LIMIT: usize = 10_000;

/// The texts that a text with placeholders stands for. `quoted` writes a value so that each of its characters means
/// itself. `\%` is a percent sign.
pub(super) fn filled(text: &str, given: &Placeholders, quoted: impl Fn(&str) -> String) -> Result<Vec<String>, String> {
    let mut out = vec![String::new()];
    let mut rest = text;
    while let Some(at) = rest.find(['%', '\\']) {
        let (before, from) = rest.split_at(at);
        out.iter_mut().for_each(|made| made.push_str(before));
        rest = match (from.strip_prefix("\\%"), named(from)) {
            (Some(behind), _) => {
                out.iter_mut().for_each(|made| made.push('%'));
                behind
            }
            (None, Some((name, behind))) => {
                out = each(&out, values(name, given)?, &quoted)?;
                behind
            }
            // A pair of backslashes is one that escapes nothing behind it.
            (None, None) => {
                let length = if from.starts_with("\\\\") { 2 } else { 1 };
                out.iter_mut().for_each(|made| made.push_str(&from[..length]));
                &from[length..]
            }
        };
    }
    out.iter_mut().for_each(|made| made.push_str(rest));
    Ok(out)
}

/// The name of a placeholder that a text begins with, and what stands behind it.
fn named(text: &str) -> Option<(&str, &str)> {
    let (name, behind) = text.strip_prefix('%')?.split_once('%')?;
    let word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    word.then_some((name, behind))
}

fn values<'g>(name: &str, given: &'g Placeholders) -> Result<&'g [String], String> {
    match given.get(name) {
        Some(values) if !values.is_empty() => Ok(values),
        _ => Err(format!("placeholder %{name}% has no value; --placeholder {name}=… gives it some")),
    }
}

/// Every beginning with every value behind it.
fn each(begun: &[String], values: &[String], quoted: impl Fn(&str) -> String) -> Result<Vec<String>, String> {
    if begun.len().saturating_mul(values.len()) > LIMIT {
        return Err(format!("placeholders make more than {LIMIT} values of one"));
    }
    let quoted: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    Ok(begun.iter().flat_map(|begun| quoted.iter().map(move |value| format!("{begun}{value}"))).collect())
}

/// A value in which no wildcard and no backslash has a meaning.
pub(super) fn literally(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_stands_in_each_place() {
        let given: Placeholders = [("a", vec!["1", "x*"]), ("b", vec!["2"])]
            .map(|(n, v)| (n.into(), v.iter().map(|&v| v.into()).collect()))
            .into();
        let filled = |text: &str| filled(text, &given, literally);
        assert_eq!(filled("<%a%-%b%>").unwrap(), ["<1-2>", "<x\\*-2>"]);
        assert_eq!(filled("100\\%a% \\\\%b% % %no such% %%").unwrap(), ["100%a% \\\\2 % %no such% %%"]);
        assert!(filled("%missing%").unwrap_err().contains("--placeholder missing="));
        assert!(filled(&"%a%".repeat(20)).unwrap_err().contains("more than"));
    }
}
