//! Indicators from a seed: addresses, names, digests and URLs. Smaller lists are the beginnings of larger ones.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::rng::Rng;

/// Sizes of the lists.
pub const SIZES: [usize; 4] = [100, 10_000, 100_000, 1_000_000];

/// A value that was written into the logs.
pub struct Planted {
    /// In the spelling of the list.
    pub value: String,
    /// How often it was written.
    pub count: u64,
    /// How often of these in upper case.
    pub upper: u64,
}

/// The longest list. No value of it is one of the background: addresses begin with 180 to 219, names are letters without sense.
pub fn all() -> Vec<String> {
    let mut rng = Rng::new(2026, "whole/lists");
    let most = SIZES[SIZES.len() - 1];
    let ends = ["com", "net", "org", "example", "co.uk"];
    (0..most)
        .map(|number| {
            let bits = rng.next();
            match number % 4 {
                0 => {
                    format!("{}.{}.{}.{}", 180 + number % 40, (number / 40) & 255, (number / 10_240) & 255, bits % 250)
                }
                1 => format!("{}{number}.{}", letters(bits), ends[(bits % 5) as usize]),
                2 => format!("{bits:016x}{:016x}{:016x}{number:016x}", rng.next(), rng.next()),
                _ => format!("http://{}{number}.{}/{bits:x}.php", letters(bits >> 8), ends[(bits % 5) as usize]),
            }
        })
        .collect()
}

/// Eight letters.
fn letters(bits: u64) -> String {
    (0..8).map(|at| char::from(b'a' + ((bits >> (5 * at)) % 26) as u8)).collect()
}

/// The first `size` values as a file of lines.
pub fn text(all: &[String], size: usize, folder: &Path) -> PathBuf {
    let path = folder.join(format!("{size}.txt"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    all[..size].iter().for_each(|value| writeln!(file, "{value}").unwrap());
    file.flush().unwrap();
    path
}
