//! Exact tables behind the filters: what a key or an address leads to.

use super::filter::{Bloom, address_key};
use super::flat::Flat;
use super::stored::{Fault, Found, Sections, holds};

/// Indicators by 64-bit key: keys in order, and where those begin that share their first bits. A key may have several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyTable {
    /// Keys, [`mixed`], in order.
    keys: Flat<u64>,
    /// The indicator of each.
    indicators: Flat<u32>,
    /// Where the keys of each value of the first bits begin, and where the last end.
    first: Flat<u32>,
    /// The bits of a key that do not count for `first`.
    shift: u32,
}

/// A key whose first bits are spread; no two keys become one.
#[inline]
fn mixed(key: u64) -> u64 {
    key.wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl KeyTable {
    pub(super) fn new(mut entries: Vec<(u64, u32)>) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        entries.iter_mut().for_each(|entry| entry.0 = mixed(entry.0));
        entries.sort_unstable();
        entries.dedup();
        let bits = entries.len().ilog2().max(1);
        let shift = 64 - bits;
        let mut first = vec![0u32; (1 << bits) + 1];
        entries.iter().for_each(|(key, _)| first[(key >> shift) as usize + 1] += 1);
        let mut sum = 0;
        for count in &mut first {
            sum += *count;
            *count = sum;
        }
        let keys: Vec<u64> = entries.iter().map(|entry| entry.0).collect();
        let indicators: Vec<u32> = entries.iter().map(|entry| entry.1).collect();
        Self { keys: keys.into(), indicators: indicators.into(), first: first.into(), shift }
    }

    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The indicators under a key, in order. Two values may share a key: the caller compares the values.
    #[inline]
    pub fn get(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        let key = mixed(key);
        let bucket = (key >> (self.shift & 63)) as usize;
        let (from, to) = match self.first.get(bucket..).and_then(<[u32]>::first_chunk::<2>) {
            Some([from, to]) => (*from as usize, *to as usize),
            None => (0, 0),
        };
        let keys = self.keys.get(from..to).unwrap_or_default();
        let skip = keys.partition_point(|other| *other < key);
        let indicators = self.indicators.get(from + skip..).unwrap_or_default();
        keys[skip..].iter().take_while(move |other| **other == key).zip(indicators).map(|(_, indicator)| *indicator)
    }

    /// Writes the table.
    pub(super) fn store<'t>(&'t self, name: &str, out: &mut Sections<'t>) {
        out.put(name, "keys", &self.keys);
        out.put(name, "indicators", &self.indicators);
        out.put(name, "first", &self.first);
    }

    /// Reads a table that leads to the first `count` indicators.
    pub(super) fn load(name: &str, count: usize, from: &mut Found) -> Result<Self, Fault> {
        let keys = from.take::<u64>(name, "keys")?;
        let indicators = from.take::<u32>(name, "indicators")?;
        let first = from.take::<u32>(name, "first")?;
        if keys.is_empty() {
            holds(indicators.is_empty() && first.is_empty(), name, "has parts that do not fit together")?;
            return Ok(Self::default());
        }
        let buckets = first.len().wrapping_sub(1);
        let fits = keys.len() == indicators.len()
            && buckets.is_power_of_two()
            && buckets > 1
            && first.first() == Some(&0)
            && first.last().map(|end| *end as usize) == Some(keys.len());
        holds(fits, name, "has parts that do not fit together")?;
        holds(keys.is_sorted() && first.is_sorted(), name, "is not in order")?;
        holds(leads(&indicators, count), name, "leads to an indicator that is not there")?;
        Ok(Self { keys, indicators, first, shift: 64 - buckets.ilog2() })
    }
}

/// True if all of these are among the first `count` indicators.
fn leads(indicators: &[u32], count: usize) -> bool {
    indicators.iter().max().is_none_or(|last| (*last as usize) < count)
}

/// Networks by prefix length; addresses are networks of full length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetTable {
    /// Prefix length and where its networks begin, two numbers each.
    lengths: Flat<u32>,
    /// Networks in order of prefix length and address; each `width / 32` numbers.
    nets: Flat<u32>,
    /// The indicator of each.
    indicators: Flat<u32>,
    /// One bit for each block of addresses: whether the table holds some of it.
    blocks: Flat<u64>,
    width: u8,
    shift: u8,
    /// Addresses of full length. PERF: as bits of the same blocks they would need 2 MiB, which no second cache holds.
    single: Bloom,
}

/// Bits of an address that a block is told by: in a small table, in a large one.
const BLOCK_BITS: [u8; 2] = [18, 24];

impl NetTable {
    pub(super) fn new(mut nets: Vec<(u8, u128, u32)>, width: u8) -> Self {
        if nets.is_empty() {
            return Self { width, ..Self::default() };
        }
        nets.sort_unstable();
        nets.dedup();
        let is_single = |net: &&(u8, u128, u32)| net.0 == width;
        let single = nets.iter().filter(is_single).map(|net| address_key(net.1)).collect();
        let wide = nets.iter().filter(|net| !is_single(net)).count();
        let bits = BLOCK_BITS[usize::from(wide >= 2000)];
        let mut table = Self { width, shift: width - bits, single: Bloom::new(single), ..Self::default() };
        let mut blocks = if wide > 0 { vec![0u64; (1 << bits) / 64] } else { Vec::new() };
        let mut lengths: Vec<u32> = Vec::new();
        let mut words = Vec::with_capacity(nets.len() * usize::from(width / 32));
        for (at, (length, net, _)) in (0u32..).zip(&nets) {
            if *length < width {
                table.mark(&mut blocks, *length, *net);
            }
            if lengths.chunks_exact(2).next_back().is_none_or(|last| last[0] != u32::from(*length)) {
                lengths.extend([u32::from(*length), at]);
            }
            words.extend((0..width / 32).rev().map(|word| (net >> (32 * word)) as u32));
        }
        let indicators: Vec<u32> = nets.iter().map(|net| net.2).collect();
        (table.lengths, table.nets) = (lengths.into(), words.into());
        (table.indicators, table.blocks) = (indicators.into(), blocks.into());
        table
    }

    /// Sets the bits of a network.
    fn mark(&self, blocks: &mut [u64], length: u8, net: u128) {
        let span = (1u128 << (self.width - length.clamp(1, self.width))) - 1;
        let (from, to) = ((net >> self.shift) as usize, ((net | span) >> self.shift) as usize);
        for block in from..=to {
            blocks[block / 64] |= 1 << (block % 64);
        }
    }

    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.indicators.is_empty()
    }

    /// True if it holds more than single addresses.
    pub fn has_networks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// True if an address may be in the table: two words are read.
    #[inline(always)]
    pub fn may_hold(&self, address: u128) -> bool {
        let block = (address >> self.shift) as usize;
        let in_net = self.blocks.get(block / 64).is_some_and(|word| word >> (block % 64) & 1 == 1);
        self.single.may_hold(address_key(address)) || in_net
    }

    /// The network at a place; `None` past the last.
    fn net(&self, at: usize) -> Option<u128> {
        let each = usize::from(self.width / 32);
        let words = self.nets.get(at * each..(at + 1) * each)?;
        Some(words.iter().fold(0, |net, word| net << 32 | u128::from(*word)))
    }

    /// Calls `found` with each network that holds the address: its prefix length and indicator.
    pub fn each(&self, address: u128, mut found: impl FnMut(u8, u32)) {
        for (number, pair) in self.lengths.chunks_exact(2).enumerate() {
            let length = (pair[0] as u8).min(self.width);
            let end = self.lengths.get(2 * number + 3).map_or(self.indicators.len(), |end| *end as usize);
            let net = if length == 0 { 0 } else { address >> (self.width - length) << (self.width - length) };
            let (mut low, mut high) = (pair[1] as usize, end);
            while low < high {
                let middle = low + (high - low) / 2;
                if self.net(middle).is_some_and(|other| other < net) { low = middle + 1 } else { high = middle }
            }
            for at in low..end {
                match self.indicators.get(at) {
                    Some(indicator) if self.net(at) == Some(net) => found(length, *indicator),
                    _ => break,
                }
            }
        }
    }

    /// Writes the table.
    pub(super) fn store<'t>(&'t self, name: &str, out: &mut Sections<'t>) {
        out.put(name, "lengths", &self.lengths);
        out.put(name, "nets", &self.nets);
        out.put(name, "indicators", &self.indicators);
        out.put(name, "blocks", &self.blocks);
        self.single.store(name, out);
    }

    /// Reads a table of addresses of `width` bits that leads to the first `count` indicators.
    pub(super) fn load(name: &str, width: u8, count: usize, from: &mut Found) -> Result<Self, Fault> {
        let lengths = from.take::<u32>(name, "lengths")?;
        let nets = from.take::<u32>(name, "nets")?;
        let indicators = from.take::<u32>(name, "indicators")?;
        let blocks = from.take::<u64>(name, "blocks")?;
        let single = Bloom::load(name, from)?;
        if indicators.is_empty() {
            let empty = lengths.is_empty() && nets.is_empty() && blocks.is_empty() && single.is_empty();
            holds(empty, name, "has parts that do not fit together")?;
            return Ok(Self { width, ..Self::default() });
        }
        let bits = match blocks.len() {
            0 => Some(BLOCK_BITS[0]),
            words => BLOCK_BITS.into_iter().find(|bits| (1usize << bits) / 64 == words),
        };
        let pairs = || lengths.chunks_exact(2);
        let fits = nets.len() == indicators.len() * usize::from(width / 32)
            && lengths.len().is_multiple_of(2)
            && pairs().next().is_some_and(|first| first[1] == 0)
            && pairs().all(|pair| pair[0] <= u32::from(width) && (pair[1] as usize) < indicators.len());
        let Some(bits) = bits.filter(|_| fits) else {
            return Err(Fault::new(name, "has parts that do not fit together"));
        };
        holds(leads(&indicators, count), name, "leads to an indicator that is not there")?;
        let table = Self { lengths, nets, indicators, blocks, single, width, shift: width - bits };
        holds(table.is_sorted(), name, "is not in order")?;
        Ok(table)
    }

    /// True if prefix lengths, and the networks of each, are in order.
    fn is_sorted(&self) -> bool {
        let pairs = || self.lengths.chunks_exact(2);
        let starts = pairs().map(|pair| pair[1] as usize);
        let ends = starts.clone().skip(1).chain([self.indicators.len()]);
        pairs().is_sorted_by(|a, b| a[0] < b[0] && a[1] < b[1])
            && starts.zip(ends).all(|(from, to)| (from..to).map(|at| self.net(at)).is_sorted())
    }
}
