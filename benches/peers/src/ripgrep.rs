//! `rg` as a whole process, with the time that it takes for an empty file taken off.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::clock;

/// What became of one run.
pub enum Ran {
    /// Lines, and CPU seconds without those for the list.
    Counted { lines: usize, seconds: f64 },
    /// It refuses the list, or is not here.
    Refused,
}

/// A list and a text as files.
pub struct Files {
    folder: PathBuf,
}

impl Files {
    pub fn new(text: &[u8]) -> Self {
        let folder = std::env::temp_dir().join(format!("exfiltrace-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder of temporary files takes one more");
        let files = Self { folder };
        files.write("text.log", text);
        files.write("empty.log", b"");
        files
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let file = std::fs::File::create(self.folder.join(name));
        file.and_then(|mut file| file.write_all(bytes)).expect("the folder of temporary files has room");
    }

    /// Counts lines with `rg OPTIONS -F -f LIST`; the best of `rounds`.
    pub fn count(&self, options: &[&str], list: &[&str], rounds: usize) -> Ran {
        self.write("list.txt", list.join("\n").as_bytes());
        let mut best: Option<(usize, f64)> = None;
        for _ in 0..rounds {
            let (full, idle) = (self.run(options, "text.log"), self.run(options, "empty.log"));
            let (Some((lines, full)), Some((_, idle))) = (full, idle) else { return Ran::Refused };
            best = best.into_iter().chain([(lines, full - idle)]).min_by(|a, b| a.1.total_cmp(&b.1));
        }
        best.map_or(Ran::Refused, |(lines, seconds)| Ran::Counted { lines, seconds })
    }

    fn run(&self, options: &[&str], name: &str) -> Option<(usize, f64)> {
        let at = |name: &str| -> PathBuf { Path::join(&self.folder, name) };
        let begin = clock::of_children();
        let mut command = Command::new("rg");
        command.args(["--count", "--no-messages", "--threads", "1"]).args(options).args(["-F", "-f"]);
        let ran = command.arg(at("list.txt")).arg(at(name)).stderr(Stdio::null()).output().ok()?;
        let seconds = clock::of_children() - begin;
        let counted = String::from_utf8_lossy(&ran.stdout).trim().parse().unwrap_or(0);
        matches!(ran.status.code(), Some(0 | 1)).then_some((counted, seconds))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
