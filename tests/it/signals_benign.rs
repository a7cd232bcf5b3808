//! A day of names that innocent programs ask for, as BIND logs them: made from a seed, the same for each run.

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
