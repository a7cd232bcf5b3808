//! Feeds that are text: which form a text has; `;` files, Zeek, reports.

use super::refang::is_defanged;
use super::table::Table;
use super::value::Given;
use super::{Builder, rows, value};
use crate::model::indicator::{Claim, IndicatorKind};

/// How many lines decide what a text is.
const SAMPLE_LINES: usize = 200;

/// Reads a text feed, its format found by content.
pub(super) fn read(builder: &mut Builder, text: &str) {
    if text.lines().any(|line| line.starts_with("#fields\t")) {
        return zeek(builder, text);
    }
    if let Some(table) = Table::of(text) {
        return table.read(builder, text);
    }
    let lines = || text.lines().map(rows::content).filter(|l| !l.trim().is_empty()).take(SAMPLE_LINES);
    let total = lines().count();
    let count = |test: &dyn Fn(&str) -> bool| lines().filter(|l| test(l)).count();
    let most = |test: &dyn Fn(&str) -> bool| count(test) * 2 > total;
    let values = count(&|l| rows::has_value(l, 0));
    // Single words are a list only if they are values here and there: reports hold lines of one word too.
    let listed = total < 10 || count(&|l| rows::is_listed(l)) * 10 >= total;
    if most(&|l| l.contains(';') && !l.contains("; ") && !l.contains("://")) {
        loki(builder, text);
    } else if most(&|l| l.contains(',') && !l.contains(". ")) {
        Table::headless(',').read(builder, text);
    } else if text.lines().any(is_markup) && values * 2 <= total {
        report(builder, text);
    } else if listed && most(&|l| rows::is_row(l)) {
        rows::read(builder, text, 0);
    } else if most(&|l| l.contains('\t')) {
        Table::headless('\t').read(builder, text);
    } else if let Some(at) = (0..rows::WORDS).find(|&at| most(&|l| rows::has_value(l, at))) {
        rows::read(builder, text, at);
    } else {
        report(builder, text);
    }
}

/// Headings, tables and fences of AsciiDoc and Markdown. A `#` also begins the comments of lists and tells nothing.
fn is_markup(line: &str) -> bool {
    ["= ", "== ", "=== ", "==== ", "|===", "```", "|---", "| ---", "|:--"].iter().any(|mark| line.starts_with(mark))
}

/// The lines that are neither empty nor a comment, with their numbers.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1u64..).zip(text.lines().map(|line| rows::content(line).trim())).filter(|(_, line)| !line.is_empty())
}

/// Why a value of a list is refused.
const UNKNOWN: &str =
    "of no known kind; for words that are to be met anywhere write a table: `type,value`, then `keyword,WORDS`";

/// One value whose kind its shape tells.
pub(super) fn single(builder: &mut Builder, raw: &str, number: u64, mut labels: Vec<Box<str>>) {
    let given = Given::of(raw);
    let Some(kind) = given.kind() else {
        return builder.refuse(number, raw, UNKNOWN);
    };
    if matches!(kind, IndicatorKind::Ipv4 | IndicatorKind::Domain) {
        labels.extend(given.port().map(|port| format!("port {port}").into()));
    }
    builder.take_given(kind, &given, number, false, Claim { labels, ..Claim::default() });
}

fn zeek(builder: &mut Builder, text: &str) {
    let mut names: Vec<&str> = Vec::new();
    for (number, line) in (1u64..).zip(text.lines()) {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            names = fields.split('\t').collect();
            continue;
        }
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let cell = |name: &str| {
            let at = names.iter().position(|n| *n == name)?;
            line.split('\t').nth(at).map(str::trim)
        };
        let (Some(raw), Some(word)) = (cell("indicator"), cell("indicator_type")) else {
            builder.refuse(number, line, "line without the columns indicator and indicator_type");
            continue;
        };
        let kind = match word {
            "Intel::ADDR" | "Intel::SUBNET" => Some(IndicatorKind::Cidr),
            "Intel::DOMAIN" => Some(IndicatorKind::Domain),
            "Intel::URL" => Some(IndicatorKind::Url),
            "Intel::EMAIL" => Some(IndicatorKind::Email),
            "Intel::FILE_NAME" => Some(IndicatorKind::FileName),
            "Intel::SOFTWARE" => Some(IndicatorKind::UserAgent),
            "Intel::FILE_HASH" | "Intel::CERT_HASH" => value::guess(raw),
            _ => None,
        };
        let labels = ["meta.desc", "meta.source"].iter().filter_map(|n| cell(n)).filter(|v| !v.is_empty() && *v != "-");
        let labels = labels.map(Box::from).collect();
        match kind {
            Some(kind) => builder.take(kind, raw, number, false, Claim { labels, ..Claim::default() }),
            None => builder.refuse(number, raw, "indicator type not supported yet"),
        }
    }
}

/// `value;score or comment`, as Loki and Thor read it.
fn loki(builder: &mut Builder, text: &str) {
    for (number, line) in numbered(text) {
        let mut parts = line.split(';').map(str::trim);
        let raw = parts.next().unwrap_or("");
        let labels = parts.filter(|p| !p.is_empty() && p.parse::<i32>().is_err()).map(Box::from).collect();
        let below = raw.strip_prefix("*.").is_some_and(|name| value::guess(name) == Some(IndicatorKind::Domain));
        if raw.contains(['\\', '^', '$', '*', '(', '|']) && !is_defanged(raw) && !below {
            match literal(raw) {
                Some(name) => {
                    let kind =
                        if name.contains(['\\', '/']) { IndicatorKind::FilePath } else { IndicatorKind::FileName };
                    builder.take(kind, &name, number, false, Claim { labels, ..Claim::default() });
                }
                None => builder.refuse(number, raw, "regular expression not supported yet"),
            }
        } else {
            single(builder, raw, number, labels);
        }
    }
}

/// The text that a regular expression without operators stands for. One leading separator is only its left boundary,
/// which file names have anyway.
fn literal(expression: &str) -> Option<String> {
    let body = expression.strip_suffix('$').unwrap_or(expression);
    let mut made = String::new();
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                c @ ('\\' | '.' | '/' | '-' | '_' | '(' | ')' | '[' | ']' | '+' | '$' | ' ') => made.push(c),
                _ => return None,
            },
            '.' | '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => return None,
            c => made.push(c),
        }
    }
    let name = made.strip_prefix(['\\', '/']).unwrap_or(&made);
    Some(if name.contains(['\\', '/']) { made } else { name.to_owned() })
}

/// A report: defanged values, digests, and values that stand in code marks.
fn report(builder: &mut Builder, text: &str) {
    let before = builder.taken();
    for (number, line) in (1u64..).zip(text.lines()) {
        for (at, part) in line.split('`').enumerate() {
            let code = at % 2 == 1;
            for token in part.split(|c: char| c.is_whitespace() || matches!(c, '|' | ',' | '"' | '\'' | ';')) {
                let token = token.trim_end_matches(['.', ')', ':']).trim_start_matches('(');
                let Some(kind) = value::guess(token) else { continue };
                let digest = kind.is_digest();
                let shown = code
                    && match kind {
                        IndicatorKind::Domain => value::known_end(token),
                        IndicatorKind::FileName => false,
                        _ => true,
                    };
                if digest || is_defanged(token) || shown {
                    single(builder, token, number, Vec::new());
                }
            }
        }
    }
    if builder.taken() == before && numbered(text).next().is_some() {
        builder.refuse(
            1,
            "",
            "no value: neither a list nor a table, and nothing in it is defanged, a digest or in `code`; for words that are to be met anywhere write a table: `type,value`, then `keyword,WORDS`",
        );
    }
}
