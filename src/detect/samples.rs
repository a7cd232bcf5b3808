//! The samples by which a rule file proves itself: records that a rule must match, and records that it must not.
//!
//! Under the key `exfiltrace` stand `matches` and `misses`, each a list of samples. A sample is a text, or a map with `record`
//! (or `records`, for what several show together: a list of texts, or of maps with `record` and `count`) and, if it is to
//! be checked, the `format` that its text is taken for. A record with a count stands so many times: `{n}` in it is its
//! number from 0, `{m}` and `{s}` are that number as minutes and seconds.

use super::yaml::{At, Node, What};

/// Longest text of a sample, in bytes.
const TEXT_LIMIT: usize = 8 << 20;

/// Most times that one record of a sample comes.
const COUNT_LIMIT: usize = 1_000_000;

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Id of the rule or correlation.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// Its file.
    pub file: String,
    /// Line of the sample, from 1.
    pub line: u64,
    /// Whether the rule must match some record of it, or none.
    pub matches: bool,
    /// The format that it is taken for, where it says so.
    pub format: Option<String>,
    /// Its records, as they stand in a log.
    pub text: String,
}

/// The samples of a document, by the id of its rule; what is none has a place and a reason.
pub(super) fn samples(doc: &Node, (rule, title, file): (&str, &str, &str)) -> Vec<Result<Sample, (At, String)>> {
    let Some(own) = doc.get("exfiltrace") else { return Vec::new() };
    let of = |key, matches| {
        let nodes = own.get(key).map(Node::elements).unwrap_or_default();
        nodes.iter().map(move |node| {
            let (format, text) = sample(node)?;
            let (rule, title, file) = (rule.to_owned(), title.to_owned(), file.to_owned());
            Ok(Sample { rule, title, file, line: node.at.line, matches, format, text })
        })
    };
    of("matches", true).chain(of("misses", false)).collect()
}

fn sample(node: &Node) -> Result<(Option<String>, String), (At, String)> {
    let What::Map(_) = node.what else { return Ok((None, record(node, 0)?)) };
    let format = node.get("format").and_then(Node::scalar);
    let mut text = String::new();
    match (node.get("record"), node.get("records")) {
        (Some(one), None) => text = record(one, 0)?,
        (None, Some(several)) => {
            for part in several.elements() {
                repeated(part, &mut text)?;
            }
        }
        _ => return Err((node.at, "a sample has a record, or records".to_owned())),
    }
    Ok((format, text))
}

/// A record, as often as it is to come.
fn repeated(node: &Node, text: &mut String) -> Result<(), (At, String)> {
    let of = match node.what {
        What::Map(_) => node.get("record").ok_or_else(|| (node.at, "no record".to_owned()))?,
        _ => node,
    };
    let counted = node.get("count").map(|count| {
        let number = count.scalar().and_then(|text| text.parse().ok()).filter(|number| *number <= COUNT_LIMIT);
        number.ok_or_else(|| (count.at, format!("count is no whole number up to {COUNT_LIMIT}")))
    });
    let counted = counted.transpose()?;
    for number in 0..counted.unwrap_or(1) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let one = record(of, text.len())?;
        match counted {
            Some(_) => text.push_str(&numbered(&one, number)),
            None => text.push_str(&one),
        }
    }
    Ok(())
}

/// The record of a number.
fn numbered(record: &str, number: usize) -> String {
    let (minutes, seconds) = (format!("{:02}", number / 60 % 60), format!("{:02}", number % 60));
    record.replace("{n}", &number.to_string()).replace("{m}", &minutes).replace("{s}", &seconds)
}

/// The text of a record behind others of some length.
fn record(node: &Node, before: usize) -> Result<String, (At, String)> {
    let text = node.scalar().ok_or_else(|| (node.at, "a record is a text".to_owned()))?;
    if before + text.len() > TEXT_LIMIT {
        return Err((node.at, format!("a sample of more than {TEXT_LIMIT} bytes")));
    }
    Ok(text)
}
