//! Logs of a seed, four sorts in one text, with indicators planted in them and decoys that only look like such.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::list::{ENDS, Kind, SHARED, hex, stem};
use crate::rng::Rng;

/// A text and what is hidden in it.
pub struct Text {
    pub bytes: Vec<u8>,
    /// Numbers of the lines that hold an indicator: as listed, in upper case, or below a listed domain.
    pub planted: BTreeSet<usize>,
    /// Numbers of the lines that hold one inside of a longer token.
    pub decoys: BTreeSet<usize>,
}

const PLANTED: usize = 54;
const DECOYS: usize = 53;

/// The machines and people of a network.
struct World {
    rng: Rng,
    hosts: Vec<String>,
    clients: Vec<String>,
}

impl World {
    fn new() -> Self {
        let mut rng = Rng::new(2026, "peers: logs");
        let mut host = |number: usize| {
            let below = if number.is_multiple_of(40) { *rng.pick(SHARED) } else { *rng.pick(ENDS) };
            let head = *rng.pick(&["www.", "cdn.", "api.", "", "static.eu."]);
            format!("{head}{}x.{below}", stem(&mut rng))
        };
        let hosts = (0..4_000).map(&mut host).collect();
        // No listed address begins like these.
        let client =
            |_| format!("{}.{}.{}.{}", rng.range(100, 223), rng.range(0, 256), rng.range(0, 256), rng.range(1, 255));
        let clients = (0..20_000).map(client).collect();
        Self { rng, hosts, clients }
    }

    /// Some are asked for much more often than others.
    fn skewed<'a>(rng: &mut Rng, of: &'a [String]) -> &'a str {
        let end = of.len() as u64 >> rng.range(0, 8);
        &of[rng.range(0, end.max(1)) as usize]
    }

    fn host(&mut self) -> &str {
        Self::skewed(&mut self.rng, &self.hosts)
    }

    fn client(&mut self) -> &str {
        Self::skewed(&mut self.rng, &self.clients)
    }

    fn inside(&mut self) -> String {
        format!("10.{}.{}.{}", self.rng.range(0, 4), self.rng.range(0, 256), self.rng.range(1, 255))
    }

    fn clock(&mut self, at: usize) -> (String, String) {
        let seconds = at / 20;
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        (format!("{hour:02}:{minute:02}:{second:02}"), format!("{:03}", self.rng.range(0, 1000)))
    }
}

/// `Combined` of a web server. `value` stands in the referrer.
fn access(world: &mut World, number: usize, value: Option<&str>, out: &mut String) {
    let (clock, _) = world.clock(number);
    let (client, host, word) = (world.client().to_owned(), world.host().to_owned(), stem(&mut world.rng));
    let rng = &mut world.rng;
    let page =
        rng.pick(&["index.php", "assets/app.js", "images/logo.png", "api/v2/items", "search", "css/site.min.css"]);
    let agent = rng.pick(&[
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
        "curl/8.5.0",
    ]);
    let (status, size, id) = (rng.pick(&[200, 200, 200, 304, 404]), rng.size(200, 90_000), rng.range(0, 9999));
    let referrer = value.map_or_else(|| format!("https://{host}/{word}"), str::to_owned);
    let _ = write!(
        out,
        "{client} - - [28/Mar/2026:{clock} +0000] \"GET /{page}?id={id} HTTP/1.1\" {status} {size} \"{referrer}\" \"{agent}\""
    );
}

/// What daemons say.
fn syslog(world: &mut World, number: usize, value: Option<&str>, out: &mut String) {
    let (clock, _) = world.clock(number);
    let (client, host, inside) = (world.client().to_owned(), world.host().to_owned(), world.inside());
    let rng = &mut world.rng;
    let (pid, port, queue) = (rng.range(300, 65_000), rng.range(1024, 65_535), hex(rng, 10).to_uppercase());
    let sort = if value.is_some() { 1 } else { rng.range(0, 4) };
    let named = value.unwrap_or(&host);
    let _ = write!(out, "Mar 28 {clock} rv-gw01 ");
    let _ = match sort {
        0 => write!(out, "sshd[{pid}]: Failed password for invalid user backup from {client} port {port} ssh2"),
        1 => write!(
            out,
            "named[{pid}]: client @0x7f3a8c0{port} {inside}#{port} ({named}): view internal: query: {named} IN A +E(0)K (10.0.0.2)"
        ),
        2 => write!(
            out,
            "postfix/smtp[{pid}]: {queue}: to=<info@{host}>, relay=mx1.{host}[{client}]:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued)"
        ),
        _ => write!(
            out,
            "kernel: [{pid}.{port}] FW ACCEPT IN=eth0 OUT=eth1 SRC={inside} DST={client} LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID={port} DF PROTO=TCP SPT={port} DPT=443 WINDOW=64240 SYN"
        ),
    };
}

/// A line of a proxy in JSON.
fn json(world: &mut World, number: usize, value: Option<&str>, out: &mut String) {
    let (clock, millis) = world.clock(number);
    let (client, host, inside) = (world.client().to_owned(), world.host().to_owned(), world.inside());
    let rng = &mut world.rng;
    let (bytes, digest) = (rng.size(100, 5_000_000), hex(rng, 64));
    let named = value.unwrap_or(&host);
    let _ = write!(
        out,
        "{{\"ts\":\"2026-03-28T{clock}.{millis}Z\",\"level\":\"info\",\"src\":\"{inside}\",\"dst\":\"{client}\",\"host\":\"{named}\",\"bytes_out\":{bytes},\"sha256\":\"{digest}\",\"action\":\"allow\"}}"
    );
}

/// The start of a process as Sysmon tells it.
fn sysmon(world: &mut World, number: usize, value: Option<&str>, out: &mut String) {
    let (clock, millis) = world.clock(number);
    let rng = &mut world.rng;
    let image = rng.pick(&["svchost.exe", "powershell.exe", "msedge.exe", "WINWORD.EXE", "conhost.exe"]);
    let (md5, process) = (hex(rng, 32).to_uppercase(), rng.range(300, 20_000));
    let argument = value.unwrap_or("-k netsvcs -p -s Schedule");
    let _ = write!(
        out,
        "{{\"EventID\":1,\"UtcTime\":\"2026-03-28 {clock}.{millis}\",\"Image\":\"C:\\\\Windows\\\\System32\\\\{image}\",\"ProcessId\":{process},\"CommandLine\":\"{image} {argument}\",\"Hashes\":\"MD5={md5}\"}}"
    );
}

/// Of the indicator with this number what is planted: most as they are, some below it or in upper case.
fn planted(number: usize, kind: Kind, value: &str) -> String {
    match kind {
        Kind::Domain if number.is_multiple_of(4) => format!("a{number}.{value}"),
        Kind::Domain | Kind::Digest if number % 4 == 3 => value.to_uppercase(),
        _ => value.to_owned(),
    }
}

/// The indicator inside of a longer token.
fn decoy(number: usize, kind: Kind, value: &str) -> String {
    match kind {
        Kind::Address if number.is_multiple_of(2) => format!("1{value}"),
        Kind::Address => format!("{value}9"),
        Kind::Domain if number.is_multiple_of(2) => format!("not{value}"),
        Kind::Domain => format!("{value}mon"),
        Kind::Digest => format!("{value}ab"),
        Kind::Url => format!("{value}x"),
    }
}

/// About `size_bytes` of lines. `indicators` is the head of every list.
pub fn text(size_bytes: usize, indicators: &[(Kind, String)]) -> Text {
    let mut world = World::new();
    let (mut bytes, mut line) = (Vec::with_capacity(size_bytes + 4096), String::new());
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    let every = size_bytes / 256 / (PLANTED + DECOYS);
    let mut number = 0;
    while bytes.len() < size_bytes {
        let turn = number / every;
        let hides = number % every == every - 1 && turn < PLANTED + DECOYS;
        let (kind, listed) = &indicators[turn % indicators.len()];
        let value = hides.then(|| match turn.is_multiple_of(2) {
            true => (good.insert(number), planted(turn / 2, *kind, listed)).1,
            false => (bad.insert(number), decoy(turn / 2, *kind, listed)).1,
        });
        line.clear();
        let sort = [access, syslog, json, sysmon][world.rng.range(0, 4) as usize];
        sort(&mut world, number, value.as_deref(), &mut line);
        line.push('\n');
        bytes.extend_from_slice(line.as_bytes());
        number += 1;
    }
    assert_eq!((good.len(), bad.len()), (PLANTED, DECOYS));
    Text { bytes, planted: good, decoys: bad }
}
