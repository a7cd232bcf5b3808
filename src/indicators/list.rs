//! Feeds that are text: which form a text has, and those with cells: columns, `;` files, Zeek; reports.

use super::refang::is_defanged;
use super::value::Given;
use super::{Builder, literal, rows, value};
use crate::model::indicator::{Claim, IndicatorKind};

/// How many lines decide what a text is.
const SAMPLE_LINES: usize = 200;

/// Reads a text feed, its format found by content.
pub(super) fn read(builder: &mut Builder, text: &str) {
    if text.lines().any(|line| line.starts_with("#fields\t")) {
        return zeek(builder, text);
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
    } else if most(&|l| l.contains(',') && cells(l, ',').len() >= 2 && !l.contains(". ")) {
        columns(builder, text, ',');
    } else if text.lines().any(is_markup) && values * 2 <= total {
        report(builder, text);
    } else if listed && most(&|l| rows::is_row(l)) {
        rows::read(builder, text, 0);
    } else if most(&|l| l.contains('\t')) {
        columns(builder, text, '\t');
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

/// The cells of a line of a table, quotes removed.
fn cells(line: &str, between: char) -> Vec<String> {
    let mut made = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c == between && !quoted => made.push(String::new()),
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

/// Names of columns that say what the values beside them are.
const TYPE_COLUMNS: &[&str] = &["type", "kind", "indicator_type", "ioc_type"];

/// The kind that the cell of such a column names; `None` where the value's shape must tell. Networks stand for addresses
/// too.
fn kind_stated(word: &str) -> Option<IndicatorKind> {
    let plain = match word.trim().to_ascii_lowercase().replace([' ', '_'], "-").as_str() {
        "ip" | "ip-src" | "ip-dst" | "ip-address" | "ipv4" | "ipv6" | "ipv4-addr" | "ipv6-addr" | "cidr" | "subnet" => {
            IndicatorKind::Cidr
        }
        "domain" | "domain-name" | "hostname" | "fqdn" => IndicatorKind::Domain,
        "url" | "uri" => IndicatorKind::Url,
        "email" | "email-src" | "email-dst" | "email-addr" => IndicatorKind::Email,
        "filename" | "file-name" => IndicatorKind::FileName,
        "filepath" | "file-path" | "path" => IndicatorKind::FilePath,
        "user-agent" | "useragent" => IndicatorKind::UserAgent,
        _ => return literal::kind_named(word),
    };
    Some(plain)
}

/// The columns of a table that has a header.
struct Header {
    /// Columns of values, with the kind that their name says.
    values: Vec<(usize, Option<IndicatorKind>)>,
    /// The column that says the kind.
    kind: Option<usize>,
}

impl Header {
    /// What a line names; nothing where it is no header, but holds a value itself.
    fn of(line: &str, between: char) -> Option<Self> {
        let cells = cells(line.trim_start_matches('#'), between);
        let names: Vec<String> = cells.iter().map(|c| c.to_ascii_lowercase().replace([' ', '-'], "_")).collect();
        if cells.iter().any(|name| value::guess(name).is_some()) {
            return None;
        }
        let column = |name: &String| {
            let kind = literal::kind_named(name);
            (kind.is_some() || VALUE_COLUMNS.contains(&name.as_str())).then_some(kind)
        };
        let values: Vec<_> = names.iter().enumerate().filter_map(|(at, name)| Some((at, column(name)?))).collect();
        let kind = names.iter().position(|name| TYPE_COLUMNS.contains(&name.as_str()));
        (names.len() >= 2 && !values.is_empty()).then_some(Self { values, kind })
    }

    /// The values of a row, each with the kind that its column or the row says.
    fn values<'r>(&self, row: &'r [String]) -> impl Iterator<Item = (&'r str, Option<IndicatorKind>)> {
        let stated = self.kind.and_then(|at| row.get(at)).and_then(|word| kind_stated(word));
        self.values.iter().filter_map(move |(at, kind)| Some((row.get(*at)?.as_str(), kind.or(stated))))
    }
}

/// A table. With a header (in a comment too, as abuse.ch has it) its columns count; without, the first cell of a line that
/// is an indicator.
fn columns(builder: &mut Builder, text: &str, between: char) {
    let mut header: Option<Header> = None;
    // A tab at the start is an empty first cell.
    for (number, line) in (1u64..).zip(text.lines().map(|line| line.trim_end().trim_start_matches(' '))) {
        if line.is_empty() || header.is_none() && line.starts_with('#') {
            header = header.or_else(|| Header::of(line, between));
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        if header.is_none() {
            header = Header::of(line, between);
            if header.is_some() {
                continue;
            }
        }
        if !row(builder, header.as_ref(), &cells(line, between), number) {
            builder.refuse(number, line, "no cell is an indicator");
        }
    }
}

/// Takes the values of a row; false where it has none.
fn row(builder: &mut Builder, header: Option<&Header>, cells: &[String], number: u64) -> bool {
    let Some(header) = header else {
        let first = cells.iter().find(|cell| value::guess(cell).is_some());
        first.inspect(|cell| single(builder, cell, number, Vec::new()));
        return first.is_some();
    };
    let mut taken = false;
    for (cell, kind) in header.values(cells).filter(|(cell, _)| !cell.is_empty()) {
        if let Some(kind) = kind {
            builder.take(kind, cell, number, false, Claim::default());
            taken = true;
        } else if value::guess(cell).is_some() {
            single(builder, cell, number, Vec::new());
            taken = true;
        }
    }
    taken
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
