//! How common a run of bytes is in logs: an estimate, so that of many literals the rare one is looked for.
//!
//! Counted over two kinds of our own text: the fixtures of the formats and `rarity/common.log`, lines that show what
//! logs of every host are full of. What neither shows is guessed from pairs of bytes. Where a part of the logs at hand
//! was looked at, its [`Usage`] goes before: what is rare elsewhere may stand in every second record here. Only speed
//! depends on it.

use std::sync::LazyLock;

/// Counts over a text; ASCII case does not matter.
pub struct Rarity {
    bytes: Vec<u32>,
    pairs: Vec<u32>,
    /// Counts of runs of three and of four bytes, by a hash; runs that share a place count as more common than they are.
    grams: Vec<u16>,
    /// Runs of three digits.
    numbers: u32,
    /// Lines of the text.
    lines: u32,
}

/// Places of runs of four bytes: many more than the text has, so that few share one.
const GRAM_BITS: u32 = 18;

/// What no estimate falls below, in occurrences in the text: a literal is never free.
const FLOOR: f64 = 1e-3;

/// Places of runs in a [`Usage`].
const USAGE_BITS: u32 = 20;
/// Longer runs that a [`Usage`] counts beside those of three and four bytes: they tell literals of common words apart.
const LONG: usize = 8;

static TEXTS: &[&[u8]] = &[
    include_bytes!("rarity/common.log"),
    include_bytes!("../../fixtures/formats/access/combined.log"),
    include_bytes!("../../fixtures/formats/auditd/login_and_exec.log"),
    include_bytes!("../../fixtures/formats/azure/signin_and_activity.log"),
    include_bytes!("../../fixtures/formats/cloudtrail/records_document.log"),
    include_bytes!("../../fixtures/formats/gcp/audit.log"),
    include_bytes!("../../fixtures/formats/json/ecs_and_suricata.log"),
    include_bytes!("../../fixtures/formats/kv/fortigate_and_logfmt.log"),
    include_bytes!("../../fixtures/formats/m365/unified_audit.log"),
    include_bytes!("../../fixtures/formats/squid/native.log"),
    include_bytes!("../../fixtures/formats/syslog3164/sshd_and_inner.log"),
    include_bytes!("../../fixtures/formats/syslog5424/structured.log"),
    include_bytes!("../../fixtures/formats/w3c/iis_changes_fields.log"),
    include_bytes!("../../fixtures/formats/windows_json/three_shippers.log"),
    include_bytes!("../../fixtures/formats/zeek_json/conn.log"),
];

/// The estimate over logs of all formats.
pub fn of_logs() -> &'static Rarity {
    static OF_LOGS: LazyLock<Rarity> = LazyLock::new(|| Rarity::over(TEXTS));
    &OF_LOGS
}

impl Rarity {
    /// Counts over texts.
    pub fn over(texts: &[&[u8]]) -> Self {
        let mut counts = Self {
            bytes: vec![0; 1 << 8],
            pairs: vec![0; 1 << 16],
            grams: vec![0; 1 << GRAM_BITS],
            numbers: 0,
            lines: 0,
        };
        for text in texts {
            counts.lines += memchr::memchr_iter(b'\n', text).count() as u32;
            for (at, byte) in text.iter().enumerate() {
                counts.bytes[fold(*byte)] += 1;
                if let Some(next) = text.get(at + 1) {
                    counts.pairs[fold(*byte) << 8 | fold(*next)] += 1;
                }
                for gram in [3, 4].into_iter().filter_map(|width| text.get(at..at + width)) {
                    let count = &mut counts.grams[place(gram)];
                    *count = count.saturating_add(1);
                }
                let number = text.get(at..at + 3).is_some_and(|gram| gram.iter().all(u8::is_ascii_digit));
                counts.numbers += u32::from(number);
            }
        }
        counts
    }

    /// How often a literal is to be expected, in occurrences a record; never zero. A run of four bytes that the texts do
    /// not hold makes the whole literal a guess.
    pub fn of(&self, literal: &[u8]) -> f64 {
        self.in_texts(literal) / f64::from(self.lines.max(1))
    }

    fn in_texts(&self, literal: &[u8]) -> f64 {
        let guess = if literal.iter().all(u8::is_ascii_digit) { self.number(literal) } else { self.guess(literal) };
        guess.max(f64::from(self.least(literal)))
    }

    /// How often the rarest run of a literal stands in the texts.
    fn least(&self, literal: &[u8]) -> u16 {
        let mut least = None;
        for gram in literal.windows(literal.len().clamp(3, 4)) {
            let seen = self.grams[place(gram)];
            if seen == 0 {
                return 0;
            }
            least = Some(least.map_or(seen, |least: u16| least.min(seen)));
        }
        least.unwrap_or(0)
    }

    /// Digits in logs are as good as random: ports, sizes, identifiers, parts of times.
    fn number(&self, digits: &[u8]) -> f64 {
        digits.iter().skip(3).fold(f64::from(self.numbers) / 1000.0, |estimate, _| estimate / 10.0).max(FLOOR)
    }

    /// Each byte given the one before it. Half an occurrence stands for what was never seen.
    fn guess(&self, literal: &[u8]) -> f64 {
        let seen = |count: u32| f64::from(count) + 0.5;
        let Some(first) = literal.first() else { return f64::MAX };
        let mut estimate = seen(self.bytes[fold(*first)]);
        for pair in literal.windows(2) {
            let (a, b) = (fold(pair[0]), fold(pair[1]));
            // A factor below one: pairs are no more than their first bytes.
            estimate *= seen(self.pairs[a << 8 | b]) / (seen(self.bytes[a]) + 128.0);
            if estimate <= FLOOR {
                return FLOOR;
            }
        }
        estimate.max(FLOOR)
    }
}

/// In how many records of a sample of the logs at hand runs of bytes stand.
pub struct Usage {
    /// By the place of a run: records that hold it, and the last of them.
    runs: Box<[(u16, u16)]>,
    records: u16,
}

impl Default for Usage {
    fn default() -> Self {
        Self { runs: vec![(0, 0); 1 << USAGE_BITS].into(), records: 0 }
    }
}

impl Usage {
    /// Takes a record in, unless there are 65,535 already. 4 MiB hold any number of them.
    pub fn add(&mut self, record: &[u8]) {
        let Some(number) = self.records.checked_add(1) else { return };
        self.records = number;
        for at in 0..record.len() {
            for width in [3, 4, LONG] {
                let Some(run) = record.get(at..at + width) else { break };
                let (count, last) = &mut self.runs[long_place(run)];
                *count += u16::from(*last != number);
                *last = number;
            }
        }
    }

    /// Records taken in.
    pub fn records(&self) -> u16 {
        self.records
    }

    /// The share of records that hold a literal, or a little more; `None` where none was met that can.
    fn share(&self, literal: &[u8]) -> Option<f64> {
        let widths = [literal.len().clamp(3, 4), LONG];
        let runs = widths.into_iter().flat_map(|width| literal.windows(width));
        let records = runs.map(|run| self.runs[long_place(run)].0).min()?;
        (records > 0).then(|| f64::from(records) / f64::from(self.records))
    }
}

/// How common literals are: as logs of all sorts tell, and a sample of the logs at hand where there is one.
#[derive(Clone, Copy, Default)]
pub struct Expected<'u> {
    usage: Option<&'u Usage>,
}

impl<'u> Expected<'u> {
    /// With what a sample told; one without records tells nothing.
    pub fn after(usage: &'u Usage) -> Self {
        Self { usage: Some(usage).filter(|usage| usage.records > 0) }
    }

    /// Whether a sample of the logs at hand is known.
    pub fn is_counted(self) -> bool {
        self.usage.is_some()
    }

    /// How often a literal is to be expected, in occurrences a record; never zero. What the sample does not hold is as
    /// rare as other logs say, and rarer than what stands in one of its records.
    pub fn of(&self, literal: &[u8]) -> f64 {
        let elsewhere = || of_logs().of(literal);
        match self.usage {
            Some(usage) => usage.share(literal).unwrap_or_else(|| elsewhere().min(1.0) / f64::from(usage.records)),
            None => elsewhere(),
        }
    }
}

fn fold(byte: u8) -> usize {
    usize::from(byte.to_ascii_lowercase())
}

/// The place of a run of three, four or [`LONG`] bytes in a [`Usage`].
fn long_place(run: &[u8]) -> usize {
    let mut word = [0; LONG];
    word[..run.len()].copy_from_slice(run);
    let run = (u64::from_le_bytes(word) | 0x2020_2020_2020_2020) ^ run.len() as u64;
    (run.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - USAGE_BITS)) as usize
}

/// The place of a run of three or four bytes.
fn place(gram: &[u8]) -> usize {
    let gram = gram.iter().fold(0u32, |word, byte| word << 8 | u32::from(byte.to_ascii_lowercase()));
    (gram.wrapping_mul(0x9E37_79B1) >> (32 - GRAM_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_are_full_of_is_common() {
        let logs = of_logs();
        for (common, rare) in [
            ("http", "rclone"),
            ("200", "qzx"),
            ("windows", "mimikatz"),
            ("system32", "comsvcs.dll"),
            ("svchost.exe", "wbadmin.exe"),
            ("mozilla", "sqlmap"),
            ("powershell", "-encodedcommand"),
        ] {
            assert!(logs.of(common.as_bytes()) > logs.of(rare.as_bytes()), "{common} and {rare}");
            assert_eq!(logs.of(common.to_uppercase().as_bytes()), logs.of(common.as_bytes()));
        }
    }

    #[test]
    fn a_sample_goes_before_what_other_logs_say() {
        let mut usage = Usage::default();
        for number in 0..1000 {
            let agent = if number % 3 == 0 { "rare-agent.exe -update" } else { "svchost.exe" };
            usage.add(format!("{number} started {agent}").as_bytes());
        }
        let (here, elsewhere) = (Expected::after(&usage), Expected::default());
        assert!(elsewhere.of(b"rare-agent.exe") < elsewhere.of(b"powershell"));
        assert!((here.of(b"RARE-agent.exe") - 0.334).abs() < 0.01 && here.of(b"powershell") < 0.001);
        assert!((here.of(b"started svc") - 0.666).abs() < 0.01, "what stands in it counts, not its parts");
        assert!(here.of(b"mimikatz") < here.of(b"powershell"), "unmet literals are told apart all the same");
        assert!(here.of(b"") > 0.0 && here.of(b"zq") > 0.0);
        assert_eq!(Expected::after(&Usage::default()).of(b"http"), elsewhere.of(b"http"));
    }

    #[test]
    fn any_bytes_have_an_estimate() {
        let none = Rarity::over(&[]);
        for literal in [&b""[..], b"a", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"abc"] {
            assert!(none.of(literal) > 0.0 && of_logs().of(literal) > 0.0);
        }
    }
}
