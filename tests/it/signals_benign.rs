//! A day of names that innocent programs ask for, as BIND logs them, and of connections that they make, as Zeek logs them:
//! made from a seed, the same for each run.

use std::fmt::Write;

/// A generator of numbers (SplitMix64).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len() as u64) as usize]
    }

    /// So many characters of an alphabet.
    pub fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..length).map(|_| char::from(letters[self.below(letters.len() as u64) as usize])).collect()
    }
}

pub const HEX: &str = "0123456789abcdef";
pub const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";
const BASE36: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const WORDS: &[&str] = &[
    "mail", "login", "static", "images", "account", "portal", "housing", "market", "cloud", "river", "garden",
    "office", "library", "council", "school", "health", "travel", "news", "sport", "video", "music", "maps", "shop",
    "bank",
];

fn uuid(random: &mut Random) -> String {
    let parts = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length));
    parts.join("-")
}

fn domain(random: &mut Random) -> String {
    let tld = random.pick(&["com", "net", "org", "co.uk", "gov.uk"]);
    format!("{}{}.{tld}", random.pick(WORDS), random.pick(WORDS))
}

fn address(random: &mut Random) -> String {
    let parts: Vec<String> = (0..4).map(|_| random.below(256).to_string()).collect();
    parts.join(".")
}

fn nibbles(random: &mut Random) -> String {
    random.text(HEX, 32).chars().map(|c| c.to_string()).collect::<Vec<_>>().join(".")
}

/// What a workstation asks for: its number, then the name and the type.
fn workstation(random: &mut Random, client: u64) -> (String, &'static str) {
    let mut own = Random(client);
    let name = match random.below(20) {
        0 => return (format!("{}.avqs.scanner.example", random.text(HEX, 32)), "A"),
        1 => return (format!("{}.hash.reputation.example", random.text(HEX, 40)), "TXT"),
        2 => format!("0.0.0.0.1.0.0.4e.13.{}.avqs.mcafee.com", random.text(BASE36, 26)),
        3 => format!("{}.a.e5.sk", random.text(BASE32, 52)),
        4 => {
            let length = 20 + random.below(60) as usize;
            format!("{}.url.guard.example", random.text(BASE32, length.min(60)))
        }
        5 => format!("{}.telemetry.vendor.example", uuid(&mut own)),
        6 => format!("{}.{}.events.maker.example", uuid(random), random.pick(&["weu", "neu", "uks"])),
        7 => format!("e{}.dsc{}.akamaiedge.net", random.below(9999), random.pick(&["a", "b", "x"])),
        8 => format!("d{}.cloudfront.net", random.text(BASE36, 13)),
        9 => format!("r{}---sn-{}.googlevideo.com", random.below(9), random.text(BASE36, 8)),
        10 => format!("{}.safeframe.ads.example", random.text(HEX, 32)),
        11 => format!("{}-{}.edge.cdn.example", random.pick(WORDS), random.text(HEX, 8)),
        12 => format!("{}.ntp.pool.example", random.below(4)),
        13 => format!("au.download.{}.updates.example", random.pick(WORDS)),
        14 => return (format!("_ldap._tcp.{}.domains._msdcs.rv.example", uuid(&mut Random(7))), "SRV"),
        15 => format!("desktop-{}.rv.example", random.text(BASE36, 7)),
        16 => return (format!("{}.in-addr.arpa", address(random)), "PTR"),
        17 => format!("{}-{}-{}.default.svc.cluster.local", random.pick(WORDS), random.text(HEX, 9), "x2k4j"),
        _ => format!("{}.{}", random.pick(WORDS), domain(random)),
    };
    (name, random.pick(&["A", "A", "AAAA", "HTTPS"]))
}

/// What a mail server asks for about who sends to it.
fn mail_server(random: &mut Random) -> (String, &'static str) {
    match random.below(9) {
        0 => (format!("{}.zen.spamhaus.org", address(random)), "A"),
        1 => (format!("{}.dnsbl.lists.example", address(random)), "A"),
        2 => (format!("{}.v6.lists.example", nibbles(random)), "A"),
        3 => (format!("{}.uri.lists.example", domain(random)), "A"),
        4 => (format!("{}._email.hbl.lists.example", random.text(BASE32, 52)), "A"),
        5 => (format!("{}.md5.lists.example", random.text(HEX, 32)), "TXT"),
        6 => (format!("selector{}._domainkey.{}", random.below(3), domain(random)), "TXT"),
        7 => (format!("{}.dkim.sender.example", random.text(BASE32, 32)), "CNAME"),
        _ => (format!("{}._spf.sender.example", address(random)), "TXT"),
    }
}

/// One line of BIND's query log, so many milliseconds after 20 March 2026.
pub fn line(out: &mut String, millis: u64, client: &str, name: &str, kind: &str) {
    let (second, rest) = (millis / 1000, millis % 1000);
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    writeln!(
        out,
        "20-Mar-2026 {hour:02}:{minute:02}:{second:02}.{rest:03} queries: info: client @0x7f6bb0431098 {client}#44006 \
         ({name}): query: {name} IN {kind} + (10.1.0.53)"
    )
    .unwrap();
}

/// A day of so many questions by so many workstations and one mail server.
pub fn day(seed: u64, questions: u64, workstations: u64) -> String {
    let (mut random, mut out) = (Random(seed), String::new());
    for n in 0..questions {
        let client = random.below(workstations + workstations / 20 + 1);
        let (from, (name, kind)) = match client < workstations {
            true => (format!("10.1.{}.{}", client / 250, client % 250 + 1), workstation(&mut random, client)),
            false => ("10.1.250.25".to_owned(), mail_server(&mut random)),
        };
        line(&mut out, n * 86_400_000 / questions, &from, &name, kind);
    }
    out
}

/// One line of Zeek's conn.log in JSON, so many seconds after 20 March 2026; bytes are those up and down, of none where
/// nobody answered.
pub fn connection(out: &mut String, second: f64, from: &str, (to, port): (&str, u16), bytes: Option<(u64, u64)>) {
    let (up, down) = bytes.unwrap_or_default();
    let state = if bytes.is_some() { "SF" } else { "S0" };
    writeln!(
        out,
        r#"{{"_path":"conn","ts":{:.3},"id.orig_h":"{from}","id.orig_p":50000,"id.resp_h":"{to}","id.resp_p":{port},"proto":"tcp","conn_state":"{state}","orig_bytes":{up},"resp_bytes":{down}}}"#,
        1_773_964_800.0 + second
    )
    .unwrap();
}

/// What calls on a clock of its own: every so many seconds, so much later or earlier, to one of so many servers of a network.
struct Caller {
    secs: f64,
    jitter: f64,
    servers: u64,
    net: &'static str,
    port: u16,
    up: u64,
}

const CALLERS: &[Caller] = &[
    Caller { secs: 600.0, jitter: 30.0, servers: 6, net: "192.0.2", port: 443, up: 900 },
    Caller { secs: 1024.0, jitter: 1.0, servers: 200, net: "203.0.113", port: 123, up: 48 },
    Caller { secs: 14_400.0, jitter: 900.0, servers: 3, net: "198.51.100", port: 443, up: 700 },
    Caller { secs: 300.0, jitter: 5.0, servers: 1, net: "192.0.2", port: 993, up: 400 },
    Caller { secs: 1680.0, jitter: 4.0, servers: 4, net: "198.51.101", port: 5228, up: 120 },
    Caller { secs: 60.0, jitter: 2.0, servers: 2, net: "198.51.102", port: 443, up: 2000 },
    Caller { secs: 30.0, jitter: 0.1, servers: 1, net: "10.1.250", port: 8086, up: 2000 },
];

/// A day of connections of so many workstations, at least so many lines.
pub fn connections(seed: u64, least: u64, workstations: u64) -> String {
    let (mut random, mut out, mut lines) = (Random(seed), String::new(), 0);
    for client in (0..workstations).cycle() {
        let from = format!("10.1.{}.{}", client / 250, client % 250 + 1);
        for caller in CALLERS {
            let to = format!("{}.{}", caller.net, random.below(caller.servers) + 1);
            let mut at = random.below(caller.secs as u64) as f64;
            while at < 86_400.0 {
                let off = (random.below(2001) as f64 / 1000.0 - 1.0) * caller.jitter;
                connection(&mut out, (at + off).max(0.0), &from, (&to, caller.port), Some((caller.up, 500)));
                (at, lines) = (at + caller.secs, lines + 1);
            }
        }
        lines += browsing(&mut random, &mut out, &from);
        if lines >= least {
            break;
        }
    }
    out
}

/// What a person does in a day: pages of a few sites, each with many connections at once, one site that is open all day, and
/// a server that is no longer there.
fn browsing(random: &mut Random, out: &mut String, from: &str) -> u64 {
    let mut lines = 0;
    for _ in 0..40 + random.below(80) {
        let (site, at) = (random.below(4000), 28_800 + random.below(32_400));
        let to = format!("93.184.{}.{}", site / 250, site % 250 + 1);
        for n in 0..1 + random.below(12) {
            let bytes = (200 + random.below(3000), 1000 + random.below(200_000));
            connection(out, at as f64 + n as f64 * 0.3, from, (&to, 443), Some(bytes));
            lines += 1;
        }
    }
    let own = format!("93.185.{}.{}", random.below(250), random.below(250) + 1);
    for _ in 0..150 {
        let (at, bytes) = (28_800 + random.below(32_400), (300 + random.below(200), 2000));
        connection(out, at as f64, from, (&own, 443), Some(bytes));
        connection(out, 60.0 * lines as f64 % 86_400.0, from, ("198.51.103.9", 8443), None);
        lines += 2;
    }
    lines
}
