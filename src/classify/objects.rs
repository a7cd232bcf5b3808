//! The objects that a record says were touched: files, URLs, objects of a store, shares, tables, mailboxes.

use std::borrow::Cow;

use crate::model::fields::{Canon, Fields};

/// Objects taken from one record; more are not looked at.
const OBJECTS: usize = 64;
/// Names are looked at so far.
const NAME_BYTES: usize = 2048;

/// What kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A network share, with or without what lies in it.
    Share,
    /// A file.
    Path,
    /// A table of a database.
    Table,
    /// A column of one that was read.
    Column,
    /// An object of a store, or a whole bucket.
    Bucket,
    /// A mailbox.
    Mailbox,
    /// What a URL names, without its query.
    Url,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name in lower case, with `/` for `\`.
    pub name: String,
    /// Of a URL, the same with the host before it.
    pub with_host: Option<String>,
    /// Whether the query of a URL names it, which may be a page as well as a file.
    pub is_asked: bool,
}

/// Requests that give nothing of what an object holds.
const IDLE_METHODS: &[&str] = &["HEAD", "OPTIONS", "PROPFIND", "MKCOL", "LOCK", "UNLOCK", "DELETE", "TRACE"];
/// What actions of audit logs begin with that give nothing of what an object holds.
const IDLE_ACTIONS: &[&str] = &["head", "list", "describe", "delete", "remove", "create", "put", "update", "set"];
/// Actions that begin so and move data all the same.
const MOVING_ACTIONS: &[&str] = &["putobject", "createdump", "createsnapshot", "createexport", "createimage"];

/// Raw name of what was opened in a share.
const IN_SHARE: &[u8] = b"RelativeTargetName";
/// Raw names of fields without a canonical one.
const RAW: &[(&str, Kind)] = &[
    ("objectname", Kind::Path),
    ("targetfilename", Kind::Path),
    ("mailboxownerupn", Kind::Mailbox),
    ("object_name", Kind::Table),
    ("table_name", Kind::Table),
    ("table", Kind::Table),
];
/// Raw names of fields that hold SQL.
const SQL: &[&str] = &["statement", "query", "sql", "argument", "sqltext", "sql_text", "command_text"];

/// All objects of a record, each once, sorted.
pub fn of(fields: &Fields<'_>) -> Vec<Object> {
    let mut all = Objects(Vec::new());
    if !is_idle(fields) {
        all.url(fields);
        all.stored(fields);
    }
    for canon in [Canon::FilePath, Canon::FileName] {
        all.add_bytes(Kind::Path, fields.get(canon));
    }
    if let Some(line) = fields.get(Canon::ProcessCommandLine) {
        all.paths_in(&text(line));
    }
    all.raw(fields);
    all.0.sort();
    all.0.dedup();
    all.0
}

/// The longest name that a record has for an object: the file of a folder that it names too is one object.
pub fn whole<'o>(object: &'o Object, all: &'o [Object]) -> &'o str {
    let is_of = |other: &&Object| {
        let folder = other.name.strip_suffix(object.name.as_str());
        folder.is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
    };
    all.iter().filter(is_of).map(|other| other.name.as_str()).max_by_key(|name| name.len()).unwrap_or(&object.name)
}

/// What the first line of a request asks for, where it is a plain path that alone says so; `None` where more of it may name objects.
pub fn page(request: &[u8]) -> Option<&[u8]> {
    let (_, rest) = split(b' ', request)?;
    let (target, version) = split(b' ', rest).map_or((rest, None), |(target, version)| (target, Some(version)));
    let has_more = version.is_some_and(|version| !version.starts_with(b"HTTP/") || version.contains(&b' '));
    let (path, query) = split(b'?', target).unwrap_or((target, b""));
    // PERF: all bytes are looked at, many at once.
    let is_plain = target.iter().fold(true, |all, byte| all & is_plain(*byte));
    let names_none = query.iter().fold(true, |all, byte| all & (*byte != b'.') & (*byte != b'/'));
    let is_path = path.starts_with(b"/") && !path.starts_with(b"//") && path.len() <= NAME_BYTES;
    (!has_more && is_plain && names_none && is_path).then_some(path)
}

/// The object that such a path names.
pub fn of_page(path: &[u8]) -> Object {
    let name = String::from_utf8_lossy(path).to_ascii_lowercase();
    Object { kind: Kind::Url, name, with_host: None, is_asked: false }
}

/// Whether a byte of a target stands for itself.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() & (byte != b'%') & (byte != b'\\') & (byte != b'+')
}

/// What stands before a byte and what stands behind it.
fn split(byte: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// Whether a record tells of an object without its content.
fn is_idle(fields: &Fields<'_>) -> bool {
    let moved = fields.number(Canon::HttpStatus).is_some_and(|status| (300..400).contains(&status));
    let method = fields.text(Canon::HttpMethod).unwrap_or_default();
    let action = fields.text(Canon::EventAction).unwrap_or_default().to_ascii_lowercase();
    let idle = IDLE_ACTIONS.iter().any(|begin| action.starts_with(begin));
    let moving = MOVING_ACTIONS.iter().any(|begin| action.starts_with(begin));
    moved
        || IDLE_METHODS.iter().any(|idle| idle.eq_ignore_ascii_case(method))
        || fields.has(Canon::ObjectKey) && idle && !moving
}

struct Objects(Vec<Object>);

impl Objects {
    fn push(&mut self, object: Object) {
        if self.0.len() < OBJECTS && object.name.trim_matches('/').len() > 1 {
            self.0.push(object);
        }
    }

    fn add(&mut self, kind: Kind, name: &str) {
        self.push(Object { kind, name: name_of(name), with_host: None, is_asked: false });
    }

    fn add_bytes(&mut self, kind: Kind, name: Option<&[u8]>) {
        if let Some(name) = name {
            self.add(kind, &text(name));
        }
    }

    /// The path that was asked for, and what the query names.
    fn url(&mut self, fields: &Fields<'_>) {
        let asked =
            [Canon::UrlPath, Canon::UrlOriginal, Canon::UrlFull].into_iter().find_map(|canon| fields.get(canon));
        let Some(asked) = asked else { return };
        let asked = text(asked);
        let (host, rest) = match asked.split_once("://") {
            Some((_, rest)) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
            None => ("", &*asked),
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let named = [Canon::UrlDomain, Canon::DestinationDomain].into_iter().find_map(|canon| fields.text(canon));
        let host = if host.is_empty() { named.unwrap_or_default() } else { host };
        let name = name_of(&decoded(path, false));
        let with_host = (!host.is_empty()).then(|| format!("{}{name}", host.to_ascii_lowercase()));
        self.push(Object { kind: Kind::Url, name, with_host, is_asked: false });
        let named = self.0.len();
        let stated = fields.get(Canon::UrlQuery).map(text);
        for part in stated.as_deref().unwrap_or(query).split(['&', ';']) {
            let value = part.split_once('=').map_or(part, |(_, value)| value);
            self.paths_in(&decoded(value, true));
        }
        self.0[named..].iter_mut().for_each(|object| object.is_asked = true);
    }

    /// An object of a store, or a share.
    fn stored(&mut self, fields: &Fields<'_>) {
        let container = fields.get(Canon::Container).map(text);
        let key = fields.get(Canon::ObjectKey).map(text);
        let whole = match (container.as_deref(), key.as_deref()) {
            (Some(share), _) if share.starts_with('\\') => return self.shared(share, fields),
            // The key may be the whole URL, that of the site before it.
            (Some(bucket), Some(key)) if key.contains("://") && key.starts_with(bucket) => key.to_owned(),
            (Some(bucket), Some(key)) => format!("{}/{}", bucket.trim_end_matches('/'), key.trim_start_matches('/')),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => return,
        };
        self.add(Kind::Bucket, &whole);
    }

    /// A share, with what was opened in it where the record says so.
    fn shared(&mut self, share: &str, fields: &Fields<'_>) {
        let inside = fields.named().find(|(name, ..)| last_of(name).eq_ignore_ascii_case(IN_SHARE));
        match inside.map(|(_, value, _)| text(value)).filter(|inside| inside.len() > 1) {
            Some(inside) => self.add(Kind::Share, &format!("{}/{inside}", share.trim_end_matches('\\'))),
            None => self.add(Kind::Share, share),
        }
    }

    /// What stands in fields without a canonical name, and in SQL.
    fn raw(&mut self, fields: &Fields<'_>) {
        for (name, value, _) in fields.named() {
            let last = last_of(name);
            if let Some((_, kind)) = RAW.iter().find(|(raw, _)| last.eq_ignore_ascii_case(raw.as_bytes())) {
                self.add_bytes(*kind, Some(value));
            }
            if SQL.iter().any(|raw| last.eq_ignore_ascii_case(raw.as_bytes())) {
                self.tables_in(&text(value));
            }
        }
        if let Some(message) = fields.get(Canon::Message) {
            self.tables_in(&text(message));
        }
    }

    /// Tokens that name a file: those with a separator in them or an ending.
    fn paths_in(&mut self, line: &str) {
        let ends = |c: char| c.is_whitespace() || "\"'`<>|,;=()".contains(c);
        for token in line.split(ends) {
            let has_ending = token.rsplit_once('.').is_some_and(|(name, ending)| {
                !name.is_empty() && (1..=5).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_alphanumeric())
            });
            if token.contains("://") {
                continue;
            }
            if token.contains(['/', '\\']) || has_ending {
                self.add(Kind::Path, token);
            }
        }
    }

    /// Names behind the words of SQL that stand before tables.
    fn tables_in(&mut self, sql: &str) {
        let is_statement = ["select ", "insert ", "update ", "delete ", "copy ", "dump "];
        let lower = sql.to_ascii_lowercase();
        if !is_statement.iter().any(|word| lower.contains(word)) {
            return;
        }
        let mut words = lower.split(|c: char| c.is_whitespace() || "(),;".contains(c)).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if matches!(word, "from" | "join" | "into" | "update" | "copy" | "table")
                && let Some(table) = words.next()
            {
                let table = table.trim_matches(['"', '`', '[', ']', '\'']);
                if table.starts_with(char::is_alphabetic) {
                    self.add(Kind::Table, &table.replace(['"', '`', '[', ']'], ""));
                }
            }
        }
        self.columns_in(&lower);
    }

    /// Names between the `select` of a statement and its `from`; what stands in quotes of a text is none.
    fn columns_in(&mut self, sql: &str) {
        let (mut is_list, mut is_text, mut inserts, mut list) = (false, false, false, Vec::new());
        for word in sql.split(|c: char| c.is_whitespace() || "(),;".contains(c)).filter(|word| !word.is_empty()) {
            let quotes = word.matches('\'').count();
            let is_of_text = is_text || quotes > 0;
            is_text ^= quotes % 2 == 1;
            match word {
                _ if is_of_text => {}
                "insert" | "create" => inserts = true,
                "select" => (is_list, list) = (inserts || begins_statement(sql, word), Vec::new()),
                "from" | "into" if is_list => {
                    list.drain(..).for_each(|column: String| self.add(Kind::Column, &column));
                    is_list = false;
                }
                "where" => is_list = false,
                _ if is_list && list.len() < OBJECTS => {
                    let column = word.replace(['"', '`', '[', ']'], "");
                    list.extend(Some(column).filter(|column| column.starts_with(char::is_alphabetic)));
                }
                _ => {}
            }
        }
    }
}

/// Whether a word of a text may begin a statement, or one within another: subjects of mails tell people to select things too.
fn begins_statement(sql: &str, word: &str) -> bool {
    let before = sql[..word.as_ptr() as usize - sql.as_ptr() as usize].trim_end();
    let last = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    before.is_empty()
        || before.ends_with([':', ';', '(', '=', ',', '/'])
        || matches!(
            last,
            "union" | "all" | "except" | "intersect" | "as" | "explain" | "analyze" | "query" | "exists" | "in"
        )
}

/// The last part of a dotted name.
fn last_of(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'.').next().unwrap_or_default()
}

/// A name as it is compared.
fn name_of(name: &str) -> String {
    let end = name.floor_char_boundary(NAME_BYTES);
    let name = name[..end].to_lowercase();
    if name.contains('\\') { name.replace('\\', "/") } else { name }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// A part of a URL without its escapes; in a query `+` is a blank.
pub fn decoded(part: &str, is_query: bool) -> Cow<'_, str> {
    let blanked = if is_query && part.contains('+') { part.replace('+', " ").into() } else { Cow::Borrowed(part) };
    if !blanked.contains('%') {
        return blanked;
    }
    String::from_utf8_lossy(&crate::model::place::decode(&blanked)).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind as Value;

    fn named(pairs: &[(Canon, &'static str)]) -> Vec<String> {
        let mut fields = Fields::default();
        for (canon, value) in pairs {
            fields.push(Some(*canon), canon.name().as_bytes(), value.as_bytes(), Value::Str);
        }
        of(&fields).into_iter().map(|object| format!("{:?} {}", object.kind, object.name)).collect()
    }

    #[test]
    fn objects_are_taken_from_what_names_them() {
        use Canon::{Container, FilePath, HttpMethod, HttpStatus, ObjectKey, ProcessCommandLine, UrlFull, UrlOriginal};
        let url = "http://files.example/up/Payroll%2005.zip?x=1";
        assert_eq!(named(&[(UrlFull, url)]), ["Url /up/payroll 05.zip"]);
        assert_eq!(
            named(&[(UrlOriginal, "/x.php?cmd=type+C%3A%5CFinance%5Ca.csv")]),
            ["Path c:/finance/a.csv", "Url /x.php"]
        );
        assert_eq!(named(&[(FilePath, "C:\\A\\b.txt")]), ["Path c:/a/b.txt"]);
        assert_eq!(named(&[(Container, "hr"), (ObjectKey, "/2026/p.csv")]), ["Bucket hr/2026/p.csv"]);
        let site = (Container, "https://hc.example/sites/hr/");
        let key = (ObjectKey, "https://hc.example/sites/hr/pay.xlsx");
        assert_eq!(named(&[site, key]), ["Bucket https://hc.example/sites/hr/pay.xlsx"]);
        assert_eq!(named(&[(Container, "\\\\*\\HR$")]), ["Share //*/hr$"]);
        assert_eq!(named(&[(ProcessCommandLine, "7z a out.7z \"D:\\HR\\x\" -p")]), ["Path d:/hr/x", "Path out.7z"]);
        assert_eq!(named(&[(UrlOriginal, "/a.zip"), (HttpMethod, "HEAD")]), [""; 0]);
        assert_eq!(named(&[(UrlOriginal, "/a.zip"), (HttpStatus, "304")]), [""; 0]);
    }

    #[test]
    fn a_file_and_the_folder_with_it_are_one_object() {
        let of = |name: &str| Object { kind: Kind::Path, name: name.to_owned(), with_host: None, is_asked: false };
        let all = [of("pay.xlsx"), of("https://hc.example/hr/pay.xlsx"), of("y.xlsx"), of("/other.xlsx")];
        let told: Vec<&str> = all.iter().map(|one| whole(one, &all)).collect();
        assert_eq!(told, [&all[1].name, &all[1].name, "y.xlsx", "/other.xlsx"]);
    }

    #[test]
    fn a_share_is_named_with_what_was_opened_in_it() {
        let mut fields = Fields::default();
        fields.push(Some(Canon::Container), b"ShareName", br"\\*\HR$", Value::Str);
        fields.push(None, b"EventData.RelativeTargetName", br"2026\pay.xlsx", Value::Str);
        let names: Vec<String> = of(&fields).into_iter().map(|object| object.name).collect();
        assert_eq!(names, ["//*/hr$/2026/pay.xlsx"]);
    }

    #[test]
    fn tables_stand_behind_the_words_of_sql() {
        let of = |sql| named(&[(Canon::Message, sql)]);
        assert_eq!(of("statement: SELECT * FROM \"hr\".\"staff\" s JOIN pay p"), ["Table hr.staff", "Table pay"]);
        assert_eq!(of("COPY benefits TO PROGRAM 'curl'; select 1"), ["Table benefits"]);
        assert_eq!(of("connection from 10.0.0.1 authorised"), [""; 0]);
        let columns = "select s.nino, \"Name\", 'the salary', count(*) from staff s where union_id = 1";
        assert_eq!(of(columns), ["Table staff", "Column count", "Column name", "Column s.nino"]);
        assert_eq!(of("insert into aa select nino from bb"), ["Table aa", "Table bb", "Column nino"]);
        assert_eq!(of("Please select your benefits today"), [""; 0]);
        assert_eq!(of("Please select benefits from staff"), ["Table staff"]);
    }

    #[test]
    fn a_page_is_what_a_plain_path_asks_for() {
        let name = |request: &str| page(request.as_bytes()).map(|path| of_page(path).name);
        assert_eq!(name("GET /Payroll.csv?id=7 HTTP/1.1").as_deref(), Some("/payroll.csv"));
        assert_eq!(name("GET /payroll.csv").as_deref(), Some("/payroll.csv"));
        let others = ["GET", "GET a.csv", "GET http://x/a", "GET //x/a", "GET /a%20b", r"GET /a\b", "GET /é"];
        for more in others.into_iter().chain(["GET /a?f=b.csv", "GET /a?f=/b", "GET /a b.csv HTTP/1.1", "GET /a b.csv"])
        {
            assert_eq!(name(more), None, "{more}");
        }
    }

    #[test]
    fn what_a_query_names_may_be_a_page() {
        let mut fields = Fields::default();
        let url = b"/login?next=/council-tax&f=/srv/pay.csv";
        fields.push(Some(Canon::UrlOriginal), b"url", url, Value::Str);
        let all: Vec<(String, bool)> = of(&fields).into_iter().map(|object| (object.name, object.is_asked)).collect();
        let told = [("/council-tax", true), ("/srv/pay.csv", true), ("/login", false)];
        assert_eq!(all, told.map(|(name, is_asked)| (name.to_owned(), is_asked)));
    }
}
