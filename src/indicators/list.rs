//! Feeds that are text: one value a line, columns, `;` files, reports.

use super::refang::{is_defanged, refang};
use super::{Builder, value};
use crate::model::indicator::{Claim, IndicatorKind};

/// How many lines decide what a text is.
const SAMPLE_LINES: usize = 200;

/// Reads a text feed, its format found by content.
pub(super) fn read(builder: &mut Builder, text: &str) {
    if text.lines().any(|line| line.starts_with("#fields\t")) {
        return zeek(builder, text);
    }
    let lines = || text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("#")).take(SAMPLE_LINES);
    let total = lines().count();
    let most = |test: fn(&str) -> bool| lines().filter(|l| test(l)).count() * 2 > total;
    if most(|l| l.contains(';') && !l.contains("; ") && !l.contains("://")) {
        loki(builder, text);
    } else if most(|l| l.contains(',') && cells(l).len() >= 2 && !l.contains(". ")) {
        columns(builder, text);
    } else if most(|l| bare(l).is_some()) {
        plain(builder, text);
    } else {
        report(builder, text);
    }
}

/// The value of a line of a plain list: one token, a comment or a count behind it.
fn bare(line: &str) -> Option<&str> {
    let line = line.split(" #").next().unwrap_or("").split("\t#").next().unwrap_or("").trim();
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let count = words.next().is_none_or(|word| word.bytes().all(|b| b.is_ascii_digit()));
    (count && words.next().is_none()).then_some(first)
}

fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1u64..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn plain(builder: &mut Builder, text: &str) {
    for (number, line) in numbered(text) {
        match bare(line) {
            Some(value) if value.starts_with('/') => {
                builder.refuse(number, value, "path of a URL without a host: it would match on any server");
            }
            Some(value) => single(builder, value, number, Vec::new()),
            None => builder.refuse(number, line, "more than one word in a list of values"),
        }
    }
}

/// One value whose kind its shape tells.
fn single(builder: &mut Builder, raw: &str, number: u64, mut labels: Vec<Box<str>>) {
    let Some(kind) = value::guess(raw) else {
        return builder.refuse(number, raw, "of no known kind");
    };
    if matches!(kind, IndicatorKind::Ipv4 | IndicatorKind::Domain) {
        labels.extend(value::port_of(&refang(raw)).map(|port| format!("port {port}").into()));
    }
    builder.take(kind, raw, number, false, Claim { labels, ..Claim::default() });
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
        if raw.contains(['\\', '^', '$', '*', '(', '|']) && !is_defanged(raw) {
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

/// The cells of a CSV line, quotes removed.
fn cells(line: &str) -> Vec<String> {
    let mut made = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => made.push(String::new()),
            c => made.last_mut().expect("starts with one cell").push(c),
        }
    }
    made.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// Names of columns that hold indicators; any other column of a table with a header is ignored.
const VALUE_COLUMNS: &[&str] = &[
    "indicator",
    "ioc",
    "ioc_value",
    "value",
    "domain",
    "domains",
    "hostname",
    "host",
    "fqdn",
    "ip",
    "ip_address",
    "dst_ip",
    "src_ip",
    "ipv4",
    "ipv6",
    "ips",
    "url",
    "urls",
    "md5",
    "sha1",
    "sha256",
    "md5_hash",
    "sha1_hash",
    "sha256_hash",
    "hash",
    "email",
    "file_name",
    "filename",
    "c2",
    "address",
];

/// CSV. With a header (in a comment too, as abuse.ch has it) its columns count; without, the first cell of a line that
/// is an indicator.
fn columns(builder: &mut Builder, text: &str) {
    let header_of = |line: &str| -> Option<Vec<usize>> {
        let names: Vec<String> = cells(line.trim_start_matches('#')).iter().map(|c| c.to_ascii_lowercase()).collect();
        if names.iter().any(|name| value::guess(name).is_some()) {
            return None;
        }
        let wanted = |name: &String| VALUE_COLUMNS.contains(&name.replace([' ', '-'], "_").as_str());
        let found: Vec<usize> = (0..names.len()).filter(|at| wanted(&names[*at])).collect();
        (names.len() >= 2 && !found.is_empty()).then_some(found)
    };
    let mut wanted: Option<Vec<usize>> = None;
    for (number, line) in (1u64..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || wanted.is_none() && line.starts_with('#') {
            wanted = wanted.or_else(|| header_of(line));
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        if wanted.is_none() {
            wanted = header_of(line);
            if wanted.is_some() {
                continue;
            }
        }
        let cells = cells(line);
        let mut taken = false;
        for (at, cell) in cells.iter().enumerate() {
            let column = wanted.as_ref().is_none_or(|wanted| wanted.contains(&at));
            if !column || cell.is_empty() || wanted.is_none() && taken {
                continue;
            }
            if value::guess(cell).is_some() {
                single(builder, cell, number, Vec::new());
                taken = true;
            }
        }
        if !taken {
            builder.refuse(number, line, "no cell is an indicator");
        }
    }
}

/// A report: defanged values, digests, and values that stand in code marks.
fn report(builder: &mut Builder, text: &str) {
    for (number, line) in (1u64..).zip(text.lines()) {
        for (at, part) in line.split('`').enumerate() {
            let code = at % 2 == 1;
            for token in part.split(|c: char| c.is_whitespace() || matches!(c, '|' | ',' | '"' | '\'' | ';')) {
                let token = token.trim_end_matches(['.', ')', ':']).trim_start_matches('(');
                let Some(kind) = value::guess(token) else { continue };
                let digest = kind >= IndicatorKind::Md5 && kind <= IndicatorKind::Sha512;
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
}
