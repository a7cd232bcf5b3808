//! All kernels find what the plain twin finds.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

fn atoms(literals: impl IntoIterator<Item = Vec<u8>>) -> Atoms {
    let mut literals: Vec<Box<[u8]>> = literals.into_iter().map(Vec::into_boxed_slice).collect();
    literals.sort();
    literals.dedup();
    Atoms { rules: vec![vec![0]; literals.len()], literals, always: Vec::new() }
}

fn by_all(atoms: &Atoms, text: &[u8]) -> Vec<AtomHit> {
    let found = by_kernels(&Gate::new(atoms, Expected::default()), atoms, text);
    by_kernels(&strided(atoms, Stride::One), atoms, text);
    if atoms.literals.iter().all(|literal| literal.len() != SHORTEST) {
        by_kernels(&strided(atoms, Stride::Two), atoms, text);
    }
    found
}

fn strided(atoms: &Atoms, stride: Stride) -> Gate<'_> {
    Gate::strided(Cow::Borrowed(&atoms.literals), &runs::of(Expected::default(), &atoms.literals), stride)
}

fn by_kernels(gate: &Gate<'_>, atoms: &Atoms, text: &[u8]) -> Vec<AtomHit> {
    let mut plain = Vec::new();
    atoms_plainly(atoms, text, &mut plain);
    for &kernel in Kernel::all() {
        let mut found = Vec::new();
        gate.scan_with(kernel, text, &mut found);
        assert_eq!(found, plain, "{kernel:?}: {:?} in {:?}", atoms.literals, String::from_utf8_lossy(text));
    }
    plain
}

fn flipped(bytes: &[u8], which: u64) -> Vec<u8> {
    let upper = |(at, byte): (usize, &u8)| if which >> (at % 64) & 1 == 1 { byte.to_ascii_uppercase() } else { *byte };
    bytes.iter().enumerate().map(upper).collect()
}

fn run_cases(cases: u32, test: impl Fn(u64, Vec<Vec<u8>>, Vec<u8>, Vec<(usize, usize)>) -> usize) -> usize {
    // Letters of few sorts, so that literals overlap; bytes that fold to them without being them; any others.
    let byte = || prop_oneof![4 => b'a'..=b'c', 1 => Just(b'@'), 1 => Just(b'`'), 1 => Just(b'A'), 1 => any::<u8>()];
    let literal = proptest::collection::vec(byte(), 1..=40);
    let literals = proptest::collection::vec(literal, 1..24);
    let text = proptest::collection::vec(byte(), 0..400);
    let planted = proptest::collection::vec((any::<usize>(), any::<usize>()), 0..12);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let met = std::cell::RefCell::new(0);
    let ran = runner.run(&(any::<u64>(), literals, text, planted), |(which, literals, text, planted)| {
        *met.borrow_mut() += test(which, literals, text, planted);
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
    met.into_inner()
}

#[test]
fn any_text_and_any_literals_give_the_same_as_the_plain_twin() {
    let met = run_cases(600, |which, literals, mut text, planted| {
        for (at, literal) in planted {
            let literal = flipped(&literals[literal % literals.len()], which);
            let at = at % (text.len() + 1);
            text.splice(at..at, literal);
        }
        let lower = literals.into_iter().map(|literal| literal.to_ascii_lowercase());
        by_all(&atoms(lower), &text).len()
    });
    assert!(met > 2_000, "{met}");
}

#[test]
fn a_literal_is_found_at_every_place_of_a_block_and_at_both_ends() {
    for length in 3..=40 {
        let literal: Vec<u8> = (0..length).map(|at| b'a' + (at * 7 % 26) as u8).collect();
        let few = atoms([literal.clone(), b"not-there".to_vec()]);
        let set = atoms([literal.clone(), b"zzz".to_vec(), b"not-there".to_vec()]);
        let gate = Gate::new(&set, Expected::default());
        assert_eq!(gate.filter.stride(), Stride::One);
        for offset in 0..128 {
            for behind in [0, 1, 3, 33] {
                let mut text = vec![b'.'; offset];
                text.extend(flipped(&literal, 0x5a5a_5a5a << (offset % 8)));
                text.extend(vec![b'.'; behind]);
                assert_eq!(by_kernels(&gate, &set, &text), [AtomHit { at: offset, literal: 0 }]);
                if length > SHORTEST {
                    by_kernels(&strided(&few, Stride::Two), &few, &text);
                }
            }
        }
    }
}

#[test]
fn many_literals_fill_the_largest_bitmap_and_all_are_found() {
    let literals: Vec<Vec<u8>> =
        (0..30_000u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    let set = atoms(literals.iter().filter(|literal| literal.len() >= 3).cloned());
    let text = literals.iter().step_by(97).fold(Vec::new(), |mut text, literal| {
        text.extend_from_slice(literal);
        text.push(b' ');
        text
    });
    assert!(by_all(&set, &text).len() >= 300);
}

#[test]
fn no_text_no_literals_and_empty_literals_give_nothing() {
    assert!(by_all(&atoms([]), b"some text that is longer than one turn of the kernel").is_empty());
    assert!(by_all(&atoms([Vec::new()]), b"abc").is_empty());
    for text in ["", "a", "ab", "abc", "abcd"] {
        by_all(&atoms([b"a".to_vec(), b"ab".to_vec(), b"abc".to_vec(), b"abcd".to_vec()]), text.as_bytes());
    }
}

#[test]
fn few_rare_literals_are_looked_for_at_every_second_position_and_common_or_short_ones_at_each() {
    let stride = |literals: &[&str]| {
        let set = atoms(literals.iter().map(|literal| literal.as_bytes().to_vec()));
        Gate::new(&set, Expected::default()).filter.stride()
    };
    assert_eq!(stride(&["payroll", "ntds.dit", ".pfx"]), Stride::Two);
    assert_eq!(stride(&["payroll", "nhs"]), Stride::One);
    let common: Vec<String> = ('a'..='z').map(|letter| format!("{letter}com")).collect();
    let common: Vec<&str> = common.iter().map(String::as_str).collect();
    assert_eq!(stride(&common), Stride::One);
}

#[test]
fn a_kernel_is_chosen_once() {
    assert!(Kernel::all().contains(&Kernel::best()));
    assert_eq!(Kernel::best(), Kernel::best());
}
