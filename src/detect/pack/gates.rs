//! The literals of rules as bytes.

use super::super::atoms::SHORTEST;
use super::super::gate::{Gate, Gates};
use super::super::routing::FORMATS;
use super::bytes::{Read, Reader, Writer};
use crate::model::atoms::Atoms;

/// Gates over rules as a pack numbers them.
pub(in super::super) struct Stored {
    /// Rules that may apply, and the literals; the number of the first format.
    sets: Vec<(Vec<u32>, Atoms, &'static str)>,
    /// Formats with their set.
    formats: Vec<(&'static str, usize)>,
}

impl Stored {
    /// The gates over the rules that are kept, renumbered; `kept` is by the numbers of the pack, and empty where all are.
    pub fn gates(self, kept: &[bool]) -> Gates {
        let mut next = 0;
        let numbers: Vec<Option<u32>> = kept
            .iter()
            .map(|&kept| {
                let number = next;
                next += u32::from(kept);
                kept.then_some(number)
            })
            .collect();
        let renumbered = |list: Vec<u32>| match kept.is_empty() {
            true => list,
            false => list.into_iter().filter_map(|rule| numbers.get(rule as usize).copied().flatten()).collect(),
        };
        let set = |(number, (all, atoms, format)): (usize, (Vec<u32>, Atoms, &'static str))| {
            let Atoms { literals, rules, always } = atoms;
            let held =
                literals.into_iter().zip(rules.into_iter().map(renumbered)).filter(|(_, rules)| !rules.is_empty());
            let (literals, rules) = held.unzip();
            Gate::of_parts(number, Atoms { literals, rules, always: renumbered(always) }, renumbered(all), format)
        };
        Gates::of_parts(self.sets.into_iter().enumerate().map(set).collect(), self.formats)
    }
}

pub(super) fn write(gates: &Gates, out: &mut Writer) {
    let place = |format: &str| FORMATS.iter().position(|known| *known == format).unwrap_or(FORMATS.len()) as u64;
    let (sets, formats) = gates.parts();
    out.number(sets.len() as u64);
    for gate in sets {
        out.number(place(gate.format()));
        out.ascending(&gate.all);
        out.ascending(&gate.atoms.always);
        out.list(&gate.atoms.literals, |out, literal| out.bytes(literal));
        gate.atoms.rules.iter().for_each(|rules| out.ascending(rules));
    }
    out.number(formats.len() as u64);
    for (format, set) in formats {
        out.number(place(format));
        out.number(*set as u64);
    }
}

pub(super) fn read(from: &mut Reader<'_>, rules: usize) -> Read<Stored> {
    let sets = from.list(|from| set(from, rules))?;
    let count = sets.len();
    let formats = from.list(|from| {
        let (format, set) = (format(from)?, from.small()? as usize);
        if set < count { Ok((format, set)) } else { Err(from.fault("a set that is not there")) }
    })?;
    Ok(Stored { sets, formats })
}

fn format(from: &mut Reader<'_>) -> Read<&'static str> {
    let at = from.small()? as usize;
    FORMATS.get(at).copied().ok_or_else(|| from.fault("a format that is not known"))
}

fn set(from: &mut Reader<'_>, rules: usize) -> Read<(Vec<u32>, Atoms, &'static str)> {
    let format = format(from)?;
    let (all, always) = (from.ascending(rules)?, from.ascending(rules)?);
    let literals: Vec<Box<[u8]>> = from.list(|from| Ok(from.bytes()?.into()))?;
    let sound = |literal: &[u8]| literal.len() >= SHORTEST && !literal.iter().any(u8::is_ascii_uppercase);
    if !literals.iter().all(|literal| sound(literal)) || !literals.is_sorted_by(|a, b| a < b) {
        return Err(from.fault("literals out of order"));
    }
    let by_literal = literals.iter().map(|_| from.ascending(rules)).collect::<Read<Vec<_>>>()?;
    let may = |rule: &u32| all.binary_search(rule).is_ok();
    if !by_literal.iter().flatten().chain(&always).all(may) {
        return Err(from.fault("a rule that is not for this format"));
    }
    Ok((all, Atoms { literals, rules: by_literal, always }, format))
}
