//! Exact tables behind the filters: what a key or an address leads to.

use super::filter::{Bloom, address_key};

/// Indicators by 64-bit key; open addressing over a sorted list, so that a key may have several.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    entries: Vec<(u64, u32)>,
    slots: Vec<u32>,
}

impl KeyTable {
    pub(super) fn new(mut entries: Vec<(u64, u32)>) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        entries.sort_unstable();
        entries.dedup();
        let size = (entries.len() * 2).next_power_of_two();
        let mut slots = vec![0u32; size];
        for at in 0..entries.len() {
            let hash = entries[at].0;
            if at > 0 && entries[at - 1].0 == hash {
                continue;
            }
            let mut slot = Self::slot(hash, size);
            while slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            slots[slot] = at as u32 + 1;
        }
        Self { entries, slots }
    }

    #[inline]
    fn slot(hash: u64, size: usize) -> usize {
        (hash.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 20) as usize & (size - 1)
    }

    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The indicators under a key, in order. Two values may share a key: the caller compares the values.
    #[inline]
    pub fn get(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let mut found = &self.entries[..0];
        let size = self.slots.len();
        if size > 0 {
            let mut slot = Self::slot(hash, size);
            // At most half of the slots are taken, so an empty one ends the search.
            while self.slots[slot] != 0 {
                let at = self.slots[slot] as usize - 1;
                if self.entries[at].0 == hash {
                    found = &self.entries[at..];
                    break;
                }
                slot = (slot + 1) & (size - 1);
            }
        }
        found.iter().take_while(move |e| e.0 == hash).map(|e| e.1)
    }
}

/// Networks by prefix length; addresses are networks of full length.
#[derive(Debug, Clone, Default)]
pub struct NetTable {
    lengths: Vec<(u8, Vec<(u128, u32)>)>,
    width: u8,
    shift: u8,
    /// One bit for each block of addresses of which a network holds some.
    blocks: Vec<u64>,
    /// Addresses of full length. PERF: as bits of the same blocks they would need 2 MiB, which no second cache holds.
    single: Bloom,
}

impl NetTable {
    pub(super) fn new(mut nets: Vec<(u8, u128, u32)>, width: u8) -> Self {
        nets.sort_unstable();
        nets.dedup();
        let is_single = |net: &&(u8, u128, u32)| net.0 == width;
        let single = nets.iter().filter(is_single).map(|net| address_key(net.1)).collect();
        let wide = nets.iter().filter(|net| !is_single(net)).count();
        let bits: u8 = if wide < 2000 { 18 } else { 24 };
        let mut table = Self { width, shift: width - bits, single: Bloom::new(single), ..Self::default() };
        if wide > 0 {
            table.blocks = vec![0; (1 << bits) / 64];
        }
        for (length, net, index) in nets {
            if length < width {
                table.mark(length, net);
            }
            match table.lengths.last_mut() {
                Some((last, list)) if *last == length => list.push((net, index)),
                _ => table.lengths.push((length, vec![(net, index)])),
            }
        }
        table
    }

    /// Sets the bits of a network.
    fn mark(&mut self, length: u8, net: u128) {
        let span = (1u128 << (self.width - length.clamp(1, self.width))) - 1;
        let (from, to) = ((net >> self.shift) as usize, ((net | span) >> self.shift) as usize);
        for block in from..=to {
            self.blocks[block / 64] |= 1 << (block % 64);
        }
    }

    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
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

    /// Calls `found` with each network that holds the address: its prefix length and indicator.
    pub fn each(&self, address: u128, mut found: impl FnMut(u8, u32)) {
        for (length, list) in &self.lengths {
            let net = if *length == 0 { 0 } else { address >> (self.width - length) << (self.width - length) };
            let from = list.partition_point(|n| n.0 < net);
            list[from..].iter().take_while(|n| n.0 == net).for_each(|n| found(*length, n.1));
        }
    }
}
