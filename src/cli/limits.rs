//! The limits of a scan: what containers may cost, how much memory and how many threads.

use anyhow::{Result, bail};
use clap::Args as ClapArgs;
use exfiltrace::emit::MemoryUsed;
use exfiltrace::open::Limits as Opened;

use super::values::{self, Size};

/// Limits. What one of the `--max-…` of containers cuts off is in the ledger.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Limits (SIZE: bytes, or with K, M, G or T in powers of 1024, as 512M or 1.5G)")]
pub struct Limits {
    /// Worker threads, 1 to 1024; as many as there are cores and `--max-memory` allows without it.
    #[arg(long, value_name = "N", value_parser = values::threads, allow_hyphen_values = true)]
    pub threads: Option<usize>,
    /// Anonymous memory to stay below; each thread needs 192M. Conversations and transfers are kept in memory however
    /// many they are: a scan in which they take more says so, also in the manifest.
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = values::size, allow_hyphen_values = true)]
    pub max_memory: Size,
    /// Records cited per indicator finding, at least 1; the count stays exact.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = values::at_least_one, allow_hyphen_values = true)]
    pub max_evidence: u64,
    /// Containers in containers, 0 to 64; 0 opens none, not even a single `.gz`.
    #[arg(long, value_name = "N", default_value = "8", value_parser = values::depth, allow_hyphen_values = true)]
    pub max_depth: u32,
    /// Decoded size over stored size, at least 1; counts from 64 MiB of decoded bytes on.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = values::at_least_one, allow_hyphen_values = true)]
    pub max_ratio: u64,
    /// Members of one evidence file, in all its containers together; at least 1.
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = values::at_least_one, allow_hyphen_values = true)]
    pub max_members: u64,
    /// Decoded size of one member, at least 1 byte.
    #[arg(long, value_name = "SIZE", default_value = "1T", value_parser = values::some_bytes, allow_hyphen_values = true)]
    pub max_member: Size,
    /// Archives inside a stream are buffered up to this size, above it spilled to the case folder; 0 spills all.
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = values::size, allow_hyphen_values = true)]
    pub max_buffered_member: Size,
}

/// Memory one thread needs in the worst case beside buffered members: decoder window, 16 MiB record, blocks.
const THREAD_BYTES: u64 = 192 << 20;

impl Limits {
    /// What containers may cost.
    pub fn of_containers(&self) -> Opened {
        Opened {
            depth: self.max_depth,
            ratio: self.max_ratio,
            members: self.max_members,
            member_bytes: self.max_member.bytes,
            max_buffered_member: self.max_buffered_member.bytes,
            ..Opened::default()
        }
    }

    /// The threads that were asked for, or as many as `cores` and the memory allow.
    pub fn threads(&self, cores: usize) -> Result<usize> {
        let held = usize::try_from(self.max_memory.bytes / THREAD_BYTES).unwrap_or(usize::MAX);
        let thread = THREAD_BYTES >> 20;
        match self.threads {
            _ if held == 0 => bail!("--max-memory {}: too little, one thread needs {thread}M", self.max_memory),
            Some(threads) if threads > held => bail!(
                "--threads {threads}: each needs {thread}M, and --max-memory {} holds {held}; give --max-memory {}M or \
                 fewer threads",
                self.max_memory,
                threads as u64 * thread
            ),
            Some(threads) => Ok(threads),
            None => Ok(cores.clamp(1, 1024).min(held)),
        }
    }
}

/// Anonymous memory of this process in bytes, where the system says it.
pub fn anonymous_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What is said where a scan took more memory than it was given.
pub fn outgrown(used: &MemoryUsed) -> Option<String> {
    let held = used.held.filter(|held| *held > used.limit)?;
    Some(format!(
        "the scan took {}M of memory, more than the {}M of --max-memory: conversations and transfers, which are kept in \
         memory, outgrew it (the answer is whole; in parts, the evidence takes less)",
        held.div_ceil(1 << 20),
        used.limit >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_memory_than_was_given_is_told_and_less_is_not() {
        let used = |held| MemoryUsed { limit: 384 << 20, held };
        let told = outgrown(&used(Some((384 << 20) + 1))).unwrap();
        assert!(told.contains("385M") && told.contains("384M of --max-memory"), "{told}");
        assert_eq!((outgrown(&used(Some(384 << 20))), outgrown(&used(None))), (None, None));
        assert!(anonymous_bytes().is_none_or(|bytes| bytes > 0));
    }
}
