//! A record as an observation of STIX: which of its fields are which properties of which objects.

use serde_json::{Map, Value, json};

use super::{Moment, Observation};
use crate::model::fields::{Canon, Field, Fields};
use crate::model::indicator::IndicatorKind;
use crate::model::typed;

/// What stands at the end of a path, for how constants are compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A text as the log writes it.
    Text,
    /// A text whose letters are lower case: names of domains, mail addresses, digests.
    Folded,
    /// An address.
    Address,
    /// An address or the name of a host.
    Host,
    /// A number.
    Number,
}

/// Every property that a record can give, an item of a list as `[*]`.
const PROPERTIES: &[(&str, &str, End)] = &[
    ("ipv4-addr", "value", End::Address),
    ("ipv6-addr", "value", End::Address),
    ("domain-name", "value", End::Folded),
    ("url", "value", End::Text),
    ("email-addr", "value", End::Folded),
    ("email-message", "from_ref.value", End::Folded),
    ("email-message", "sender_ref.value", End::Folded),
    ("email-message", "to_refs[*].value", End::Folded),
    ("network-traffic", "src_ref.value", End::Host),
    ("network-traffic", "dst_ref.value", End::Host),
    ("network-traffic", "src_port", End::Number),
    ("network-traffic", "dst_port", End::Number),
    ("network-traffic", "src_byte_count", End::Number),
    ("network-traffic", "dst_byte_count", End::Number),
    ("network-traffic", "protocols[*]", End::Folded),
    ("network-traffic", "extensions.http-request-ext.request_method", End::Text),
    ("network-traffic", "extensions.http-request-ext.request_value", End::Text),
    ("network-traffic", "extensions.http-request-ext.request_header.User-Agent", End::Text),
    ("network-traffic", "extensions.http-request-ext.request_header.Host", End::Folded),
    ("network-traffic", "extensions.http-request-ext.request_header.Referer", End::Text),
    ("file", "name", End::Text),
    ("file", "parent_directory_ref.path", End::Text),
    ("file", "hashes.MD5", End::Folded),
    ("file", "hashes.SHA-1", End::Folded),
    ("file", "hashes.SHA-256", End::Folded),
    ("file", "hashes.SHA-512", End::Folded),
    ("process", "name", End::Text),
    ("process", "command_line", End::Text),
    ("process", "image_ref.name", End::Text),
    ("process", "binary_ref.name", End::Text),
    ("process", "parent_ref.name", End::Text),
    ("user-account", "account_login", End::Text),
    ("user-account", "user_id", End::Text),
    ("mutex", "name", End::Text),
];

/// What a path of a pattern gives in records; nothing where they do not have it.
pub(super) fn end(object: &str, path: &str) -> Option<End> {
    PROPERTIES.iter().find(|(root, known, _)| *root == object && *known == path).map(|(.., end)| *end)
}

/// Objects of one record, each with the id by which others refer to it.
#[derive(Default)]
pub(super) struct Objects {
    seen: Vec<(String, Value)>,
    referred: Vec<(String, Value)>,
}

impl Objects {
    /// The objects that the fields of a record show.
    pub(super) fn of(fields: &Fields<'_>) -> Self {
        let mut all = Self::default();
        all.traffic(fields);
        all.names(fields);
        all.mails(fields);
        all.files(fields);
        all.processes(fields);
        let put = |all: &mut Self, kind: &str, property: &[&str], value: &str| {
            let mut object = Map::from_iter([("type".to_owned(), json!(kind))]);
            object.extend(property.iter().map(|name| ((*name).to_owned(), json!(value))));
            all.add(Value::Object(object));
        };
        for canon in [Canon::UserName, Canon::TargetUserName] {
            if let Some(name) = text(fields, canon) {
                put(&mut all, "user-account", &["account_login", "user_id"], &name);
            }
        }
        for field in fields.iter() {
            let name = std::str::from_utf8(fields.bytes(field.name)).unwrap_or("");
            if typed::kind_of_field(name) == Some(IndicatorKind::Mutex) {
                put(&mut all, "mutex", &["name"], &String::from_utf8_lossy(fields.bytes(field.value)));
            }
        }
        all
    }

    /// The observation that the record is. One without a time lies before every instant that a pattern may name.
    pub(super) fn observation(&self, fields: &Fields<'_>) -> Observation<'_> {
        let at = Moment(fields.time.map_or(i128::MIN, |stamp| i128::from(stamp.at.micros()) * 1000));
        let objects = self.seen.iter().map(|(id, object)| (id.as_str(), object)).collect();
        let referred = self.referred.iter().map(|(id, object)| (id.as_str(), object)).collect();
        Observation { first: at, last: at, count: 1, objects, referred }
    }

    /// Adds an object; gives its id.
    fn add(&mut self, object: Value) -> String {
        let id = self.seen.len().to_string();
        self.seen.push((id.clone(), object));
        id
    }

    /// Adds an object that is met through others only.
    fn refer(&mut self, object: Value) -> String {
        let id = format!("r{}", self.referred.len());
        self.referred.push((id.clone(), object));
        id
    }

    /// An address or the name of a host.
    fn host(&mut self, value: &str) -> String {
        let kind = match value.parse::<std::net::IpAddr>() {
            Ok(ip) => {
                return self.add(json!({ "type": if ip.to_canonical().is_ipv4() { "ipv4-addr" } else { "ipv6-addr" },
                "value": ip.to_canonical().to_string() }));
            }
            Err(_) => "domain-name",
        };
        self.add(json!({ "type": kind, "value": folded_name(value) }))
    }

    /// One object for each way of saying who spoke with whom: both sides by address, and by name where there is one.
    fn traffic(&mut self, fields: &Fields<'_>) {
        let mut common = Map::from_iter([("type".to_owned(), json!("network-traffic"))]);
        for (key, canon) in [
            ("src_port", Canon::SourcePort),
            ("dst_port", Canon::DestinationPort),
            ("src_byte_count", Canon::SourceBytes),
            ("dst_byte_count", Canon::DestinationBytes),
        ] {
            common.extend(fields.number(canon).map(|number| (key.to_owned(), json!(number))));
        }
        let protocols = [Canon::NetworkTransport, Canon::NetworkProtocol];
        let protocols: Vec<String> =
            protocols.into_iter().filter_map(|canon| text(fields, canon)).map(|word| word.to_lowercase()).collect();
        if !protocols.is_empty() {
            common.insert("protocols".to_owned(), json!(protocols));
        }
        if let Some(request) = request(fields) {
            common.insert("extensions".to_owned(), json!({ "http-request-ext": request }));
        }
        let sources = self.side(fields, [Canon::SourceIp, Canon::SourceDomain]);
        let destinations = self.side(fields, [Canon::DestinationIp, Canon::DestinationDomain]);
        for source in &sources {
            for destination in &destinations {
                let mut object = common.clone();
                object.extend(source.as_ref().map(|id| ("src_ref".to_owned(), json!(id))));
                object.extend(destination.as_ref().map(|id| ("dst_ref".to_owned(), json!(id))));
                if object.len() > 1 {
                    self.add(Value::Object(object));
                }
            }
        }
    }

    /// The objects of one side of a conversation; one that is none where the record does not name it.
    fn side(&mut self, fields: &Fields<'_>, canons: [Canon; 2]) -> Vec<Option<String>> {
        let named: Vec<_> = canons.into_iter().filter_map(|canon| text(fields, canon)).collect();
        let ids: Vec<_> = named.into_iter().map(|value| Some(self.host(&value))).collect();
        if ids.is_empty() { vec![None] } else { ids }
    }

    fn names(&mut self, fields: &Fields<'_>) {
        for canon in [Canon::UrlDomain, Canon::DnsQuestion] {
            if let Some(name) = text(fields, canon) {
                self.host(&name);
            }
        }
        for field in fields.iter().filter(|field| field.canon == Some(Canon::DnsAnswer)) {
            let answers = String::from_utf8_lossy(fields.bytes(field.value)).into_owned();
            for answer in answers.split([',', ';', ' ']).filter(|answer| !answer.is_empty()) {
                self.host(answer);
            }
        }
        if let Some(url) = text(fields, Canon::UrlFull) {
            self.add(json!({ "type": "url", "value": url }));
        }
    }

    fn mails(&mut self, fields: &Fields<'_>) {
        let mut address = |canon: Canon| -> Vec<String> {
            let all = fields.iter().filter(|field| field.canon == Some(canon));
            let all: Vec<String> = all.map(|field| mail(&String::from_utf8_lossy(fields.bytes(field.value)))).collect();
            all.into_iter().map(|value| self.add(json!({ "type": "email-addr", "value": value }))).collect()
        };
        let (from, to) = (address(Canon::EmailFrom), address(Canon::EmailTo));
        if from.is_empty() && to.is_empty() {
            return;
        }
        let mut object = json!({ "type": "email-message", "to_refs": to });
        if let Some(from) = from.first() {
            object["from_ref"] = json!(from);
            object["sender_ref"] = json!(from);
        }
        self.add(object);
    }

    /// The files that a record acts upon, and that of its program. Digests are those of the first, but for such as a
    /// record says of its process, or where it acts upon no file.
    fn files(&mut self, fields: &Fields<'_>) {
        let path = text(fields, Canon::FilePath);
        let name = text(fields, Canon::FileName);
        let mut acted = Vec::new();
        if path.is_some() || name.is_some() {
            let folder = path.as_deref().map(|path| split_path(path).0.to_owned());
            acted.push((folder, name.or_else(|| path.as_deref().map(|path| split_path(path).1.to_owned()))));
        }
        acted.extend(named(fields, &[Canon::FilePath, Canon::FileName], FILES));
        let mut run: Vec<_> = named(fields, &[Canon::ProcessExecutable], PROGRAMS).collect();
        for files in [&mut acted, &mut run] {
            let mut seen = std::collections::BTreeSet::new();
            files.retain(|file| seen.insert(file.clone()));
        }
        let is_run = |name: &str| acted.is_empty() || name.starts_with("process.");
        let (of_run, of_acted) = (hashes(fields, &is_run), hashes(fields, &|name| !is_run(name)));
        self.named_files(acted, &of_acted);
        self.named_files(run, &of_run);
    }

    /// Files of these folders and names, all with the same digests.
    fn named_files(&mut self, files: Vec<Named>, hashes: &Map<String, Value>) {
        let nameless = files.is_empty() && !hashes.is_empty();
        for (folder, name) in files.into_iter().chain(nameless.then_some((None, None))) {
            let mut object = Map::from_iter([("type".to_owned(), json!("file"))]);
            object.extend(name.map(|name| ("name".to_owned(), json!(name))));
            if let Some(folder) = folder.filter(|folder| !folder.is_empty()) {
                let id = self.refer(json!({ "type": "directory", "path": folder }));
                object.insert("parent_directory_ref".to_owned(), json!(id));
            }
            if !hashes.is_empty() {
                object.insert("hashes".to_owned(), Value::Object(hashes.clone()));
            }
            self.add(Value::Object(object));
        }
    }

    fn processes(&mut self, fields: &Fields<'_>) {
        let name = || fields.iter().find(|field| fields.bytes(field.name) == b"process.name");
        let name = || name().map(|field| String::from_utf8_lossy(fields.bytes(field.value)).into_owned());
        let image = text(fields, Canon::ProcessExecutable).or_else(name);
        let line = text(fields, Canon::ProcessCommandLine);
        if image.is_none() && line.is_none() {
            return;
        }
        let mut object = Map::from_iter([("type".to_owned(), json!("process"))]);
        object.extend(line.map(|line| ("command_line".to_owned(), json!(line))));
        if let Some(name) = image.as_deref().map(|path| split_path(path).1) {
            let id = self.refer(json!({ "type": "file", "name": name }));
            object.insert("name".to_owned(), json!(name));
            object.insert("image_ref".to_owned(), json!(id));
            object.insert("binary_ref".to_owned(), json!(id));
        }
        if let Some(parent) = text(fields, Canon::ParentExecutable) {
            let id = self.refer(json!({ "type": "process", "name": split_path(&parent).1 }));
            object.insert("parent_ref".to_owned(), json!(id));
        }
        self.add(Value::Object(object));
    }
}

fn text(fields: &Fields<'_>, canon: Canon) -> Option<String> {
    fields.get(canon).filter(|value| !value.is_empty()).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn request(fields: &Fields<'_>) -> Option<Value> {
    let mut made = Map::new();
    let get = |canon| text(fields, canon);
    made.extend(get(Canon::HttpMethod).map(|method| ("request_method".to_owned(), json!(method))));
    made.extend(get(Canon::UrlOriginal).map(|value| ("request_value".to_owned(), json!(value))));
    let host = get(Canon::UrlDomain).map(|host| folded_name(&host));
    let headers = [("User-Agent", get(Canon::UserAgent)), ("Host", host), ("Referer", get(Canon::HttpReferrer))];
    let headers: Map<String, Value> =
        headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
    if !headers.is_empty() {
        made.insert("request_header".to_owned(), Value::Object(headers));
    }
    (!made.is_empty()).then_some(Value::Object(made))
}

/// Folder and name of a file, as far as a record says them.
type Named = (Option<String>, Option<String>);

/// Fields with the path or the name of a file that is acted upon, beside those of canonical names.
const FILES: &[&str] = &["file.path", "file.name", "ImageLoaded"];

/// The same of the program that acts.
const PROGRAMS: &[&str] =
    &["process.executable", "process.name", "process.pe.original_file_name", "OriginalFileName", "originalFileName"];

/// The files that these fields name.
fn named<'f>(fields: &'f Fields<'_>, canons: &'f [Canon], names: &'f [&str]) -> impl Iterator<Item = Named> + 'f {
    let is_meant = |field: &&Field<'_>| {
        let name = fields.bytes(field.name);
        field.canon.is_some_and(|canon| canons.contains(&canon)) || names.iter().any(|known| known.as_bytes() == name)
    };
    let values =
        fields.iter().filter(is_meant).map(|field| fields.bytes(field.value)).filter(|value| !value.is_empty());
    values.map(|value| {
        let path = String::from_utf8_lossy(value);
        let (folder, name) = split_path(&path);
        ((!folder.is_empty()).then(|| folder.to_owned()), Some(name.to_owned()))
    })
}

/// The digests in fields of `wanted` names by their length; Sysmon writes several as `MD5=…,SHA256=…`.
fn hashes(fields: &Fields<'_>, wanted: &dyn Fn(&str) -> bool) -> Map<String, Value> {
    let mut made = Map::new();
    for field in fields.iter() {
        let name = std::str::from_utf8(fields.bytes(field.name)).unwrap_or("");
        let is_digest = field.canon == Some(Canon::FileHash) || name.contains(".hash.");
        if !is_digest || !wanted(name) {
            continue;
        }
        let value = String::from_utf8_lossy(fields.bytes(field.value)).to_ascii_lowercase();
        for digest in value.split(|c: char| !c.is_ascii_alphanumeric()) {
            let name = match digest.len() {
                32 => "MD5",
                40 => "SHA-1",
                64 => "SHA-256",
                128 => "SHA-512",
                _ => continue,
            };
            if digest.bytes().all(|b| b.is_ascii_hexdigit()) {
                made.entry(name).or_insert_with(|| json!(digest));
            }
        }
    }
    made
}

/// Folder and name of a path of either kind.
fn split_path(path: &str) -> (&str, &str) {
    path.rfind(['/', '\\']).map_or(("", path), |at| (&path[..at], &path[at + 1..]))
}

/// A mail address without the name beside it, lower case.
fn mail(value: &str) -> String {
    let bare = value.rsplit_once('<').map_or(value, |(_, rest)| rest.split('>').next().unwrap_or(rest));
    bare.trim().to_lowercase()
}

/// The name of a host, lower case, without a trailing dot and without a port.
fn folded_name(value: &str) -> String {
    let name = value.split_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    name.map_or(value, |(name, _)| name).trim_end_matches('.').to_lowercase()
}
