//! The targets without cargo-fuzz, on any toolchain: inputs of the targets, changed at random from a fixed seed.
//!
//! `cargo run --release --no-default-features --bin plainly -- TARGET SECONDS [SEED]`. What made a target panic is
//! left in `artifacts/TARGET`.

use std::time::{Duration, Instant};

use exfiltrace_fuzz::{TARGETS, Target};

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() % end.max(1)
    }
}

/// One to eight changes: a bit, a byte, a large number, a cut, a piece again, a piece of another input.
fn changed(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = seeds[rng.below(seeds.len())].clone();
    for _ in 0..=rng.below(8) {
        let at = rng.below(input.len());
        match rng.below(7) {
            0 => input.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << rng.below(8)),
            1 => input.get_mut(at).into_iter().for_each(|byte| *byte = rng.next() as u8),
            2 => input.get_mut(at & !3..(at & !3) + 4).into_iter().for_each(|word| word.fill(0xF0 | rng.next() as u8)),
            3 => input.truncate(at),
            4 => drop(input.drain(at..(at + rng.below(16)).min(input.len()))),
            5 => {
                let piece = input[at..(at + rng.below(64)).min(input.len())].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let other = &seeds[rng.below(seeds.len())];
                let from = rng.below(other.len());
                let piece = other[from..(from + rng.below(64)).min(other.len())].to_vec();
                input.splice(at..at, piece);
            }
        }
    }
    input
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let found = given.first().and_then(|name| TARGETS.iter().find(|(known, ..)| known == name));
    let seconds = given.get(1).and_then(|word| word.parse().ok());
    let (Some((name, target, seeds)), Some(seconds)): (Option<&Target>, Option<u64>) = (found, seconds) else {
        eprintln!(
            "usage: plainly TARGET SECONDS [SEED]; targets: {:?}",
            TARGETS.iter().map(|(name, ..)| *name).collect::<Vec<_>>()
        );
        std::process::exit(2);
    };
    let seed = given.get(2).and_then(|word| word.parse().ok()).unwrap_or(2026);
    let (mut rng, seeds, begin) = (Rng(seed), seeds(), Instant::now());
    let mut runs = 0u64;
    while begin.elapsed() < Duration::from_secs(seconds) {
        let input = changed(&mut rng, &seeds);
        runs += 1;
        if std::panic::catch_unwind(|| target(&input)).is_err() {
            let folder = format!("artifacts/{name}");
            let path = format!("{folder}/{}", &blake3::hash(&input).to_hex()[..16]);
            std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &input)).expect("can be written");
            eprintln!("run {runs}: panicked; the input is in {path}");
            std::process::exit(1);
        }
    }
    println!("{name}: {runs} inputs from seed {seed}, none panicked");
}
