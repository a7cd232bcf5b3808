//! Logs from a seed, about 200 bytes a line: what visitors, hosts and services do within sessions, as real logs have it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::lists::Planted;
use crate::rng::Rng;

/// So many of the first values of the list are written into the logs.
const PLANTED: usize = 60;
const WORDS: [&str; 20] = [
    "planning", "report", "council", "tax", "events", "login", "session", "image", "static", "js", "css", "api", "v2",
    "user", "download", "search", "map", "housing", "benefit", "index",
];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "curl/8.5.0",
];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Visitors that are active at one time.
const ACTIVE: usize = 64;
/// Seconds since the start of 2026 at which the logs begin.
const BEGIN_SECS: u64 = 60 * 86_400;

/// Who is there: sessions of visitors that come and go.
struct Crowd {
    rng: Rng,
    active: Vec<[u64; 4]>,
    micros: u64,
}

impl Crowd {
    fn new(name: &str) -> Self {
        let mut rng = Rng::new(2026, name);
        let active = (0..ACTIVE).map(|_| visitor(&mut rng)).collect();
        Self { rng, active, micros: BEGIN_SECS * 1_000_000 }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.rng.next() % end
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len() as u64) as usize]
    }

    /// The address of someone who is there, the address and the name of the host that they speak with; a session has some
    /// forty records.
    fn session(&mut self) -> (String, String, &'static str) {
        let at = self.below(ACTIVE as u64) as usize;
        if self.below(40) == 0 {
            self.active[at] = visitor(&mut self.rng);
        }
        let [a, b, c, d] = self.active[at];
        (format!("{a}.{b}.{c}.{d}"), format!("10.{}.4.{}", a % 4, 1 + b % 200), WORDS[(b % 20) as usize])
    }

    /// Date and time, 40 records a second: month, day, hour, minute, second, microsecond.
    fn tick(&mut self) -> [u64; 6] {
        self.micros += self.rng.next() % 50_000;
        let seconds = self.micros / 1_000_000;
        let (mut day, mut month) = (seconds / 86_400, 0);
        for length in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if day < length {
                break;
            }
            (day, month) = (day - length, month + 1);
        }
        [month, day + 1, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, self.micros % 1_000_000]
    }
}

fn visitor(rng: &mut Rng) -> [u64; 4] {
    [11 + rng.next() % 90, rng.next() % 256, rng.next() % 256, 1 + rng.next() % 254]
}

/// A line of an access log. `planted`: stands in the referrer.
fn access(crowd: &mut Crowd, planted: &str) -> String {
    let [month, day, hour, minute, second, _] = crowd.tick();
    let (who, ..) = crowd.session();
    let size = 200 + crowd.below(90_000);
    let (first, last, id) = (crowd.word(), crowd.word(), crowd.below(1_000_000));
    let agent = AGENTS[crowd.below(3) as usize];
    let status = [200, 200, 200, 304, 404][crowd.below(5) as usize];
    let referrer = if planted.is_empty() { format!("https://www.{last}.example/{first}") } else { planted.to_owned() };
    format!(
        "{who} - - [{day:02}/{}/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET /{first}/{last}/{id}.html?id={id:x} HTTP/1.1\" {status} {size} \"{referrer}\" \"{agent}\"",
        MONTHS[month as usize]
    )
}

/// A message of a host. `planted`: stands at its end.
fn syslog(crowd: &mut Crowd, planted: &str) -> String {
    let [month, day, hour, minute, second, micro] = crowd.tick();
    let (who, host, name) = crowd.session();
    let id = crowd.below(60_000);
    let (word, port) = (crowd.word(), 1024 + crowd.below(60_000));
    let head = format!("<38>{} {day:2} {hour:02}:{minute:02}:{second:02} rv-{}", MONTHS[month as usize], name);
    let tail = if planted.is_empty() { "" } else { " " };
    match crowd.below(4) {
        0 => format!(
            "{head} sshd[{id}]: Failed password for invalid user {word} from {who} port {port} ssh2{tail}{planted}"
        ),
        1 => format!(
            "{head} named[812]: client @0x7f{id:08x} {host}#{port} (www.{word}.example): query: www.{word}.example IN A +E(0)K (10.0.0.53){tail}{planted}"
        ),
        2 => format!(
            "{head} postfix/smtp[{id}]: {micro:X}{id:X}: to=<{word}@{word}.example>, relay=mx.{word}.example[{who}]:25, delay=0.{id}, delays=0.01/0/0.1/0.2, dsn=2.0.0, status=sent (250 2.0.0 OK id={micro:x}{id:x}-{port:x}){tail}{planted}"
        ),
        _ => format!(
            "{head} kernel: [{id}.{micro:06}] [UFW BLOCK] IN=eth0 OUT= MAC=00:16:3e:5e:6c:00:00:16:3e:11:22:33:08:00 SRC={who} DST={host} LEN=40 TOS=0x00 PREC=0x00 TTL=242 ID={id} PROTO=TCP SPT={port} DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0{tail}{planted}"
        ),
    }
}

/// An object of a service. `planted`: the value of a field.
fn json(crowd: &mut Crowd, planted: &str) -> String {
    let [month, day, hour, minute, second, micro] = crowd.tick();
    let (who, host, name) = crowd.session();
    let port = 1024 + crowd.below(60_000);
    let (word, bytes, id) = (crowd.word(), crowd.below(1_000_000), crowd.rng.next());
    let time = format!("2026-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z", month + 1);
    let more = if planted.is_empty() { String::new() } else { format!(",\"note\":\"{planted}\"") };
    match crowd.below(2) {
        0 => format!(
            "{{\"@timestamp\":\"{time}\",\"event\":{{\"action\":\"connect\",\"outcome\":\"success\"}},\"source\":{{\"ip\":\"{host}\",\"port\":{port},\"bytes\":{bytes}}},\"destination\":{{\"ip\":\"{who}\",\"port\":443,\"bytes\":{}}},\"host\":{{\"name\":\"rv-{name}\"}}{more}}}",
            bytes / 3
        ),
        _ => format!(
            "{{\"ts\":\"{time}\",\"level\":\"info\",\"msg\":\"request done\",\"method\":\"GET\",\"path\":\"/{word}/{bytes}\",\"status\":200,\"client_ip\":\"{who}\",\"trace\":\"{id:016x}{id:016x}\",\"user\":\"{name}\",\"ms\":{}{more}}}",
            port % 900
        ),
    }
}

/// Writes one line.
type Line = fn(&mut Crowd, &str) -> String;

/// Writes three logs of `bytes` together, with each of the first values of `list` some times in them: as it is, every
/// fourth time of a name in upper case.
pub fn write(folder: &Path, bytes: usize, list: &[String]) -> Vec<Planted> {
    std::fs::create_dir(folder).unwrap();
    let mut planted: Vec<Planted> =
        list[..PLANTED].iter().map(|value| Planted { value: value.clone(), count: 0, upper: 0 }).collect();
    let kinds: [(&str, Line); 3] = [("access.log", access), ("syslog.log", syslog), ("events.ndjson", json)];
    for (name, line) in kinds {
        fill(&folder.join(name), bytes / 3, (Crowd::new(name), line), Some(&mut planted));
    }
    planted.retain(|value| value.count > 0);
    planted
}

/// Writes an access log of `bytes` in which nothing is planted.
#[allow(dead_code, reason = "for the bench of tallies")]
pub fn write_access(path: &Path, bytes: usize) {
    fill(path, bytes, (Crowd::new("access.log"), access), None);
}

/// Writes lines until there are so many bytes.
fn fill(path: &Path, bytes: usize, (mut crowd, line): (Crowd, Line), mut planted: Option<&mut Vec<Planted>>) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut written = 0;
    while written < bytes {
        let plants = crowd.below(20_000) == 0;
        let value = planted.as_mut().filter(|_| plants).map(|planted| plant(&mut crowd, planted));
        let text = line(&mut crowd, &value.unwrap_or_default());
        writeln!(file, "{text}").unwrap();
        written += text.len() + 1;
    }
    file.flush().unwrap();
}

/// One of the planted values, as it is written.
fn plant(crowd: &mut Crowd, planted: &mut [Planted]) -> String {
    let chosen = &mut planted[crowd.below(PLANTED as u64) as usize];
    chosen.count += 1;
    let in_upper = chosen.value.starts_with(|first: char| first.is_ascii_alphabetic())
        && !chosen.value.contains("://")
        && chosen.count.is_multiple_of(4);
    chosen.upper += u64::from(in_upper);
    if in_upper { chosen.value.to_ascii_uppercase() } else { chosen.value.clone() }
}
